"""Checks of chapter 6, "Can we learn from pairs of patches?"."""

import torch
from torch.nn import functional

from mffcn_lite.exercises import Dice, exercise, first_hint
from mffcn_lite.exercises.answers import as_list, near, one_of, read_array, read_number, read_parts, whole
from mffcn_lite.models.sparse import orthogonal_matching_pursuit


@exercise("6.1")
def _megabytes(answer: object) -> str | None:
    want = 3 * 12_000 * (24 + 7 * 7) * 2 / 1e6
    number = read_number(answer, "give a number of megabytes")
    if abs(number - want) < 0.02 * want:
        return None
    return first_hint(
        lambda factor: abs(number - factor * want) < 0.005 * factor * want,
        (1 / 3, "that is one factor; there are three"),
        (1 / 2, "a number takes two bytes"),
        (1e6, "that is in bytes"),
        (24 / 73, "the missing details take room too"),
        (49 / 73, "what a pair is recognised by takes room too"),
        otherwise="multiply: factors, pairs, numbers of a pair, bytes",
    )


@exercise("6.2")
def _best_filter(answer: object, dice: Dice) -> str | None:
    for side in (3, 5):
        blurred, kernel = torch.randn(3, 1, 20, 17, generator=dice(0)), torch.randn(side, side, generator=dice(side))
        reach = side // 2
        hr = functional.pad(functional.conv2d(blurred, kernel[None, None]), [reach] * 4, value=9.0)
        for noise in (0.0, 0.5):
            noisy = hr + noise * torch.randn(hr.shape, generator=dice(7))
            got = read_array(answer(blurred.clone(), noisy.clone(), side), "return the filter")
            if tuple(got.shape) != (side, side):
                return f"the filter has the shape {tuple(got.shape)} instead of {(side, side)}"
            windows = functional.unfold(blurred.double(), side).transpose(1, 2).flatten(0, 1)
            inside = noisy.double()[..., reach:-reach, reach:-reach].reshape(-1, 1)
            want = torch.linalg.lstsq(windows, inside).solution.view(side, side)
            if near(got, want):
                continue
            if near(got, want.T):
                return "rows and columns are swapped"
            if near(got, want.flip(0, 1)):
                return "the filter is turned upside down; conv2d does not turn it"
            return (
                f"it is not the best one for {side}×{side} pixels; is the original's pixel the one in the middle of "
                "the window, and are windows that reach beyond the photo left out?"
            )
    return None


@exercise("6.3")
def _pursuit(answer: object, dice: Dice) -> str | None:
    atoms = functional.normalize(torch.randn(12, 6, generator=dice(0)), dim=1)
    for count, seed in ((1, 1), (2, 2), (3, 3), (4, 4)):
        signal = torch.randn(6, generator=dice(seed))
        wanted = f"return {count} indices and {count} weights"
        parts = read_parts(answer(signal.clone(), atoms.clone(), count), 2, wanted)
        chosen, weights = (read_array(part, wanted).flatten() for part in parts)
        chosen = [whole(i) for i in chosen.tolist()]
        which, how_much = orthogonal_matching_pursuit(signal[None].double(), atoms.double(), count)
        if len(chosen) != count or len(weights) != count:
            return f"{wanted}; yours are {len(chosen)} and {len(weights)}"
        if chosen != which[0].tolist():
            return (
                f"with {count} atoms the choice should be {which[0].tolist()}, not {chosen}: "
                "the rest is the signal without all atoms chosen so far"
            )
        if not near(weights, how_much[0]):
            if count == 1:
                return "the first atom is right, and its weight is not: how much of it comes nearest to the signal?"
            return f"the {count} atoms are right, and their weights are not: fit all of them anew in each round"
    return None


def _leak(training: list[tuple], patch: tuple, side: int) -> str:
    """The worst that a test patch (person, photo, row, column) shares with the patches in training."""
    person, photo, row, column = patch
    same = [place for who, which, *place in training if (who, which) == (person, photo)]
    if any(max(abs(row - y), abs(column - x)) < side for y, x in same):
        return "pixels"
    return "photo" if same else "person" if any(who == person for who, *_ in training) else "none"


@exercise("6.4")
def _worst_leaks(answer: object, dice: Dice) -> str | None:
    training = [(0, 0, 10, 10), (0, 1, 0, 0), (1, 0, 30, 30), (2, 5, 8, 8)]
    cases = [
        ((0, 0, 12, 14), "pixels", "it overlaps by a corner"),
        ((0, 0, 6, 10), "pixels", "it overlaps from above by a row"),
        ((0, 0, 15, 10), "photo", "it touches below, and shares no pixel"),
        ((0, 0, 10, 40), "photo", "it is in the same rows, and far away in the columns"),
        ((0, 2, 10, 10), "person", "the place is the same, and the photo another"),
        ((1, 5, 8, 8), "person", "photo 5 in training is another person's"),
        ((3, 0, 10, 10), "none", "nobody in training is person 3"),
        ((2, 5, 8, 8), "pixels", "it is a training patch"),
    ]
    for patch in dice.more(lambda r: (r.randrange(4), r.choice((0, 1, 5)), r.randint(0, 25), r.randint(0, 25)), 6):
        cases.append((patch, _leak(training, patch, 5), "look again"))
    words = ("pixels", "photo", "person", "none")
    got = as_list(answer(list(training), [patch for patch, _, _ in cases], 5))
    if got is None or len(got) != len(cases):
        return f"return a list with one word for each of the {len(cases)} test patches"
    for word, (patch, want, why) in zip(got, cases, strict=True):
        if one_of(word, words) != want:
            return f'test patch {patch}: {why}, and you say "{word}"'
    got = as_list(answer(list(training), [(0, 0, 13, 10)], 3))
    if got is None or [one_of(word, words) for word in got] != ["photo"]:
        return "it is right for patches of 5×5, and not for 3×3: use `side`"
    return None
