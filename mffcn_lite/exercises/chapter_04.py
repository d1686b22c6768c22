"""Checks of chapter 4, "How sure are we?"."""

import itertools

import numpy as np
import pandas as pd
import torch

from mffcn_lite.exercises import Dice, exercise
from mffcn_lite.exercises.answers import as_table, near, one_of, read_number, read_numbers, whole
from mffcn_lite.statistics import paired_differences, t_interval


@exercise("4.1")
def _people_needed(answer: object) -> str | None:
    number = whole(read_number(answer, "give a number of people"))
    needed = next(n for n in itertools.count(1) if 12 * 2 / 2**n < 0.05)
    if number == needed:
        return None
    if number == needed - 1:
        return "of all flips, two reach the largest t: none, and all flipped; count both"
    return "the smallest p-value with n people is 2 of 2ⁿ; twelve times that must be below 0.05"


@exercise("4.2")
def _coverage(answer: object, dice: Dice) -> str | None:
    cases = [([0.0, 1.0], 1.0), ([1.0, 2.0], 0.0), ([-2.0, -1.0], 0.0)]
    for given, want in cases:
        share = answer(lambda values, given=given: list(given), lambda: [0.0, 1.0], 0.5, 20)
        share = read_number(share, "return one number")
        if want and (near(share, 20 * want) or near(share, 100 * want)):
            return "return a share, between 0 and 1, not a count or a percentage"
        if not near(share, want, scale=1):
            return (
                f"the interval {given} {'holds' if want else 'does not hold'} 0.5, and you found a share of {share:g}"
            )
    for parts in [4, *dice.more(lambda r: r.randint(5, 9), 1)]:
        numbers = itertools.count()
        share = answer(
            lambda values, parts=parts: [values[0] % parts, 9], lambda of=numbers: [next(of)], 0.5, 10 * parts
        )
        share = read_number(share, "return one number")
        if not near(share, 1 / parts, scale=1):
            return (
                f"a new study must be drawn for each trial, once; the share should be {1 / parts:.3g}, and you found "
                f"{share:g}"
            )
    return None


def _table(seed: int = 0) -> pd.DataFrame:
    """Two systems and a decoy on four people with 2, 3, 4 and 9 photos, at two factors, in no order."""
    generator, rows = np.random.default_rng(seed), []
    for person, count in enumerate((2, 3, 4, 9)):
        for photo, factor in itertools.product(range(count), (2, 3)):
            level = 20 + 3 * person + generator.normal()
            name = f"{person}/{photo}"
            for model, gain in (("old", 0.0), ("new", 0.5 + 0.4 * person), ("decoy", 5.0)):
                value = level + gain + 0.1 * generator.normal()
                rows.append({"model": model, "factor": factor, "name": name, "person": person, "psnr": value})
    return pd.DataFrame(rows).sample(frac=1, random_state=0).reset_index(drop=True)


@exercise("4.3")
def _compare_fairly(answer: object, dice: Dice) -> str | None:
    table = _table(dice.numbers)
    for a, b, factor in (("new", "old", 2), ("old", "new", 3)):
        wanted = "return three numbers: the mean and both ends of the interval"
        got = read_numbers(answer(table.copy(), a, b, factor), 3, wanted)
        d = paired_differences(table, a, b, factor)
        want = [d.mean(), *t_interval(d.tolist())]
        if near(torch.tensor(got), torch.tensor(want, dtype=torch.float64)):
            continue
        chosen = table[table["factor"] == factor].set_index(["person", "name"])
        each = (chosen.loc[chosen["model"] == a, "psnr"] - chosen.loc[chosen["model"] == b, "psnr"]).dropna()
        if near(got[0], each.mean()):
            return "your mean is over photos, so people with many photos count more; take each person's mean first"
        if near(got[0], -want[0]):
            return "the sign is turned: say what `a` has over `b`"
        if not near(got[0], want[0]):
            return f"at factor {factor} the mean should be {want[0]:.4f}, not {got[0]:.4f}: are these the right rows?"
        if got[2] - got[1] > 2 * (want[2] - want[1]):
            return "the mean is right, and the interval far too wide: take the differences first, then their spread"
        return "the mean is right, and the interval is not: n − 1 in the standard deviation and in t, and √n people"
    return None


@exercise("4.4")
def _design(answer: object) -> str | None:
    points, words = ("residual", "test people", "training photos", "steps", "seed"), ("same", "different", "several")
    if (table := as_table(answer, points)) is None:
        return 'keep the dict with its five points, and write "same", "different" or "several" for each'
    written = {point: one_of(value, words) for point, value in table.items()}
    if wrong := [point for point, word in written.items() if word is None]:
        return f'write "same", "different" or "several" for {", ".join(wrong)}'
    if written["residual"] != "different":
        return "the residual is the one thing whose effect you want to know"
    for key, why in (
        ("test people", "people differ by more than systems do, and pairing needs the same ones"),
        ("training photos", "other photos would change the network too"),
        ("steps", "a longer training alone makes a better network"),
    ):
        if written[key] != "same":
            return f"{key}: {why}"
    if written["seed"] != "several":
        return "one seed gives one pair of weights; the question is about the residual, so think of the twins"
    return None
