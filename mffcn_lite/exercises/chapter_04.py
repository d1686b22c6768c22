"""Checks of chapter 4, "How sure are we?"."""

import itertools

import numpy as np
import pandas as pd

from mffcn_lite.exercises import as_number, as_numbers, exercise
from mffcn_lite.statistics import paired_differences, t_interval


@exercise("4.1")
def _people_needed(answer: object) -> str | None:
    if (number := as_number(answer)) is None:
        return "give a number of people"
    needed = next(n for n in itertools.count(1) if 12 * 2 / 2**n < 0.05)
    if number == needed:
        return None
    if number == needed - 1:
        return "of all flips, two reach the largest t: none, and all flipped; count both"
    return "the smallest p-value with n people is 2 of 2ⁿ; twelve times that must be below 0.05"


@exercise("4.2")
def _coverage(answer: object) -> str | None:
    cases = [([0.0, 1.0], 1.0), ([1.0, 2.0], 0.0), ([-2.0, -1.0], 0.0)]
    for given, want in cases:
        if (share := as_number(answer(lambda values, given=given: given, lambda: [0.0, 1.0], 0.5, 20))) is None:
            return "return one number"
        if share == 20 * want and want:
            return "return a share, between 0 and 1, not a count or a percentage"
        if share != want:
            return (
                f"the interval {given} {'holds' if want else 'does not hold'} 0.5, and you found a share of {share:g}"
            )
    numbers = itertools.count()
    share = as_number(answer(lambda values: [values[0] % 4, 9], lambda: [next(numbers)], 0.5, 40))
    if share != 0.25:
        return f"a new study must be drawn for each trial, once; the share should be 0.25, and you found {share:g}"
    return None


def _table() -> pd.DataFrame:
    """Two systems and a decoy on four people with 2, 3, 4 and 9 photos, at two factors, in no order."""
    generator, rows = np.random.default_rng(0), []
    for person, count in enumerate((2, 3, 4, 9)):
        for photo, factor in itertools.product(range(count), (2, 3)):
            level = 20 + 3 * person + generator.normal()
            name = f"{person}/{photo}"
            for model, gain in (("old", 0.0), ("new", 0.5 + 0.4 * person), ("decoy", 5.0)):
                value = level + gain + 0.1 * generator.normal()
                rows.append({"model": model, "factor": factor, "name": name, "person": person, "psnr": value})
    return pd.DataFrame(rows).sample(frac=1, random_state=0).reset_index(drop=True)


@exercise("4.3")
def _compare_fairly(answer: object) -> str | None:
    table = _table()
    for a, b, factor in (("new", "old", 2), ("old", "new", 3)):
        if (got := as_numbers(answer(table.copy(), a, b, factor), 3)) is None:
            return "return three numbers: the mean and both ends of the interval"
        d = paired_differences(table, a, b, factor)
        want = [d.mean(), *t_interval(d.tolist())]
        if np.allclose(got, want, atol=1e-6):
            continue
        chosen = table[table["factor"] == factor].set_index(["person", "name"])
        each = (chosen.loc[chosen["model"] == a, "psnr"] - chosen.loc[chosen["model"] == b, "psnr"]).dropna()
        if np.isclose(got[0], each.mean(), atol=1e-6):
            return "your mean is over photos, so people with many photos count more; take each person's mean first"
        if np.isclose(got[0], -want[0], atol=1e-6):
            return "the sign is turned: say what `a` has over `b`"
        if not np.isclose(got[0], want[0], atol=1e-6):
            return f"at factor {factor} the mean should be {want[0]:.4f}, not {got[0]:.4f}: are these the right rows?"
        if got[2] - got[1] > 2 * (want[2] - want[1]):
            return "the mean is right, and the interval far too wide: take the differences first, then their spread"
        return "the mean is right, and the interval is not: n − 1 in the standard deviation and in t, and √n people"
    return None


@exercise("4.4")
def _design(answer: object) -> str | None:
    if not isinstance(answer, dict):
        return 'keep the dict, and write "same", "different" or "several" for each point'
    points = ("residual", "test people", "training photos", "steps", "seed")
    wrong = [key for key in points if answer.get(key) not in ("same", "different", "several")]
    if wrong:
        return f'write "same", "different" or "several" for {", ".join(wrong)}'
    if answer["residual"] != "different":
        return "the residual is the one thing whose effect you want to know"
    for key, why in (
        ("test people", "people differ by more than systems do, and pairing needs the same ones"),
        ("training photos", "other photos would change the network too"),
        ("steps", "a longer training alone makes a better network"),
    ):
        if answer[key] != "same":
            return f"{key}: {why}"
    if answer["seed"] != "several":
        return "one seed gives one pair of weights; the question is about the residual, so think of the twins"
    return None
