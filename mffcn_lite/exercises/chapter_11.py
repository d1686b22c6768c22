"""Checks of chapter 11, "Total variation: how much is 0.0001?"."""

import random
from collections.abc import Callable

import torch
from torch import Tensor

from mffcn_lite.exercises import Dice, exercise, first_hint, wrong_line
from mffcn_lite.exercises.answers import as_tensor, near, read_number
from mffcn_lite.losses import l2_loss, total_variation

__all__ = ["unknown_program"]

RATIO = 0.0001 / 10  # of the paper's weights
NEGLIGIBLE = (
    "0.0001 looks negligible, and that says nothing before you know what it multiplies: "
    "a mean and a sum differ by the number of pixels"
)


def unknown_program(
    l2_weight: float | int = 10,
    tv_weight: float | int = 0.0001,
    l2_reduction: str = "sum",
    tv_reduction: str = "sum",
    l2_range: float | int = 1,
    tv_range: float | int = 1,
) -> Callable[[Tensor, Tensor], float]:
    """A loss of two terms, L2 and TV (eq. 7), as a function of (sr, hr): 1×1×H×W, floats, range [0, 1], to a number.

    Exercise 11.5 asks what it makes of fine detail, without looking inside.

    Args:
        l2_weight, tv_weight: λ1 and λ3.
        l2_reduction, tv_reduction: "sum" or "mean".
        l2_range, tv_range: what white is in each of the two terms.
    """

    def program(sr: object, hr: object) -> float:
        sr, hr = as_tensor(sr).double(), as_tensor(hr).double()
        l2 = l2_loss(l2_range * sr, l2_range * hr, l2_reduction)
        return (l2_weight * l2 + tv_weight * total_variation(tv_range * sr, tv_reduction)).item()

    return program


def _left(ratio: float | int, price: float | int = 8) -> float:
    return 1 / (1 + price * ratio)


@exercise("11.1")
def _share_left(answer: object) -> str | None:
    share = read_number(answer, "give a number")
    ratio = RATIO * 200 * 200
    if abs(share - _left(ratio)) < 0.02 * _left(ratio):
        return None
    if 0.99 < share <= 1:
        return NEGLIGIBLE
    return first_hint(
        lambda number: abs(share - number) < 0.005 * number,
        (100 * _left(ratio), "give a share, between 0 and 1, not a percentage"),
        (1 - _left(ratio), "that is what is lost, not what is left"),
        (_left(ratio, 4), "that is the price of stripes; a checkerboard differs from its neighbours both ways"),
        (_left(RATIO * 128 * 128), "that is for the paper's photos; these are larger"),
        (_left(RATIO * 200), "a photo's pixels are its rows times its columns"),
        (_left(10 * ratio), "you left λ1 out"),
        otherwise="write the two terms as multiples a and b of plain sums; then ρ = b/a, and a checkerboard's price "
        "is 8",
    )


@exercise("11.2")
def _tv(answer: object, dice: Dice) -> str | None:
    generator = dice(0)
    for shape in ((1, 1, 5, 7), (1, 3, 6, 4), (4, 1, 5, 6), (1, 1, 1, 6), (1, 1, 6, 1)):
        x = torch.rand(shape, generator=generator, dtype=torch.float64)
        kept, got = x.clone(), read_number(answer(x), "return one number")
        across = (kept[..., 1:] - kept[..., :-1]).square().sum() / len(kept)
        down = (kept[..., 1:, :] - kept[..., :-1, :]).square().sum() / len(kept)
        want = total_variation(kept).item()
        if not torch.equal(x, kept):
            return "your function changes the photos that it was given"
        if near(got, want):
            continue
        if shape[0] > 1 and near(got, want * shape[0]):
            return "one photo is right; for a batch, take the mean over its photos"
        if near(got, want / kept[0].numel()):
            return "that is a mean over pixels; equation (7) has a sum"
        if 1 not in shape[2:] and (near(got, across) or near(got, down)):
            return "one of the two directions is missing: which axis of N×C×H×W holds the columns?"
        if near(got, total_variation(kept, form="isotropic").item()):
            return "those are the lengths of the steps, the classical form; equation (7) has their squares"
        return f"wrong for a batch of the shape {shape}: compare neighbours in a row and in a column, and no others"
    return None


@exercise("11.3")
def _weight_for(answer: object, dice: Dice) -> str | None:
    def make(r: random.Random) -> tuple:
        reductions = r.choice(("mean", "sum")), r.choice(("mean", "sum"))
        return (r.uniform(0.2, 0.8), r.randint(10, 40), r.randint(10, 40), r.uniform(1, 20), *reductions)

    for kept, height, width, l2, l2_reduction, tv_reduction in (
        (0.5, 20, 20, 10.0, "sum", "sum"),
        (0.5, 20, 20, 10.0, "mean", "mean"),
        (0.8, 40, 30, 10.0, "mean", "sum"),
        (0.8, 40, 30, 10.0, "sum", "mean"),
        (0.25, 12, 50, 3.0, "mean", "sum"),
        *dice.more(make),
    ):
        wanted = "return one number above 0"
        weight = read_number(answer(kept, height, width, l2, l2_reduction, tv_reduction), wanted)
        if not weight > 0:
            return f"{wanted}; yours is {weight:g}"
        a = l2 / (height * width if l2_reduction == "mean" else 1)
        b = weight / (height * width if tv_reduction == "mean" else 1)
        if near(_left(b / a), kept):
            continue
        said = f"L2 a {l2_reduction}, TV a {tv_reduction}"
        if near(_left(weight / l2), kept):
            return f"{said}: that is right for equal reductions; where they differ, the number of pixels counts"
        if near(_left(b / a, 4), kept):
            return "that is for stripes; a checkerboard differs from its neighbours both ways"
        if near(_left(b / a), 1 - kept):
            return "`kept` is what stays, and you let that much go"
        if near(_left(b / a * l2), kept):
            return "λ1 is missing: the ratio decides, not λ3 alone"
        turned = _left(b / a * (height * width) ** (-2 if l2_reduction == "mean" else 2))
        if l2_reduction != tv_reduction and near(turned, kept):
            return (
                f"{said}: you multiplied where you should divide; is λ3 smaller or larger than with equal reductions?"
            )
        return f"{said}: your λ3 keeps {'more' if _left(b / a) > kept else 'less'} than it should"
    return None


_CHANGES = {
    "equation (7): both terms in 0…255 instead of [0, 1]": (
        "same",
        "both terms are sums of squares, so both grow by the same factor",
    ),
    "classical TV: both terms in 0…255 instead of [0, 1]": (
        "weaker",
        "lengths grow by the range, squares by its square; which of the terms is which?",
    ),
    "equation (7): TV alone in 0…255": ("stronger", "one term grows, and the other does not"),
    "both means: photos twice as high and wide": ("same", "equal reductions divide both terms by the same number"),
    "L2 mean, TV sum: photos twice as high and wide": (
        "stronger",
        "a sum has more entries now, and a mean still is one entry's worth",
    ),
    "λ1 and λ3 both ten times as large": ("same", "only the ratio of the two decides what the best picture is"),
}


@exercise("11.4")
def _table(answer: object) -> str | None:
    hint = "a larger number in one term means nothing before you have looked at the other term"
    return wrong_line(answer, _CHANGES, ("weaker", "same", "stronger"), {"stronger": hint})


@exercise("11.5")
def _kept_by(answer: object, dice: Dice) -> str | None:
    def make(r: random.Random) -> tuple:
        return {"l2_weight": r.uniform(1, 20), "tv_weight": r.uniform(0.2, 3)}, 4 * r.randint(3, 9), 4 * r.randint(3, 9)

    for options, height, width in (
        ({}, 24, 20),
        ({"tv_weight": 2.0}, 24, 20),
        ({"l2_weight": 1.0, "tv_weight": 0.5, "l2_reduction": "mean", "tv_reduction": "mean"}, 20, 32),
        ({"l2_reduction": "mean"}, 112, 92),
        ({"tv_weight": 1.0, "tv_reduction": "mean"}, 12, 16),
        ({"tv_range": 255}, 24, 20),
        ({"l2_range": 255, "tv_range": 255, "tv_weight": 5.0}, 24, 20),
        *dice.more(make),
    ):
        settings = {"l2_weight": 10, "tv_weight": 0.0001, "l2_reduction": "sum", "tv_reduction": "sum"} | options
        share = read_number(answer(unknown_program(**options), height, width), "return one number")
        a = settings["l2_weight"] * settings.get("l2_range", 1) ** 2
        b = settings["tv_weight"] * settings.get("tv_range", 1) ** 2
        a /= height * width if settings["l2_reduction"] == "mean" else 1
        b /= height * width if settings["tv_reduction"] == "mean" else 1
        want = _left(b / a)
        if abs(share - want) < 0.003:
            continue
        told = ", ".join(f"{name}={value!r}" for name, value in settings.items()) + f", {height}×{width}"
        if share > 0.999:
            return f"{told}: {NEGLIGIBLE}; measure it"
        if abs(share - (1 - want)) < 0.003:
            return "that is what is lost, not what is kept"
        if abs(share - _left(b / a, 4)) < 0.003:
            return "that is the share of stripes; a checkerboard differs from its neighbours both ways"
        if abs(share - want) < 0.05:
            return f"{told}: nearly; pixels at the border have fewer neighbours, so count the differences"
        if abs(share - _left(b / a / 4)) < 0.003 or abs(share - _left(b / a * 4)) < 0.003:
            return f"{told}: a difference of ½ squared is ¼; with which swing did you measure each of the two terms?"
        return f"{told}: your share is too {'large' if share > want else 'small'}; find a and b one after the other"
    return None
