"""Checks of chapter 14, "The sum, and its balance: who decides?"."""

import math
import random
from collections.abc import Iterator

import torch

from mffcn_lite.exercises import Dice, exercise, first_hint, wrong_line
from mffcn_lite.exercises.answers import as_table, near, read_number
from mffcn_lite.features import create_features
from mffcn_lite.losses import Objective

NAMES = ("l2", "perceptual", "texture", "tv")
NEGLIGIBLE = (
    "0.0001 is not negligible whatever the reduction and the range; first find out what it multiplies, "
    "and what it is added to"
)


@exercise("14.1")
def _times_as_hard(answer: object) -> str | None:
    number = read_number(answer, "give a number")
    closer = 4 / 0.5
    return first_hint(
        lambda value: near(number, value, relative=0.01),
        (closer, None),
        (1, "a λ that is constant keeps no balance here: one of the two pulls depends on d, and the other does not"),
        (closer**2, "that is how the square shrinks; a pull is a slope"),
        (1 / closer, "the wrong way round: which of the two pulls has faded"),
        (2 * closer, "the slope of a square has a 2 in it at both distances"),
        (20 * 4, "that is λ itself, from the balance at 4; now compare the two pulls at 0.5"),
        (10 * 4, "that is λ if the *values* are equal at 4; pulls are slopes"),
        otherwise="write both slopes with respect to d, set them equal at 4, and compare them at 0.5",
    )


def _programs(generator: torch.Generator) -> Iterator[tuple[Objective, torch.Tensor, torch.Tensor]]:
    """Small objectives, each with a photo and its original."""
    no_features = {"perceptual": 0, "texture": 0}
    phi = create_features("random", layer="conv1_1")
    for features, options in (
        (None, {**no_features}),
        (None, {**no_features, "l2": 2.0, "tv": 0.3, "reduction": "mean", "tv_reduction": "sum"}),
        (phi, {"l2": 0.5, "texture": 3.0, "tv": 0.02}),
        (phi, {"texture": 0, "tv": 0, "reduction": "mean"}),
    ):
        sr, hr = (torch.rand(2, 1, 12, 10, generator=generator) for _ in range(2))
        yield Objective(features, **options), sr, hr


@exercise("14.2")
def _balance(answer: object, dice: Dice) -> str | None:
    for objective, sr, hr in _programs(dice(0)):
        value, old = objective(sr, hr, gradient_norms=True), dict(objective.weights)
        norms = {name: norm.item() for name, norm in value.gradient_norms.items()}
        before = sr.clone(), hr.clone()
        got = answer(objective, sr, hr)
        if not (torch.equal(sr, before[0]) and torch.equal(hr, before[1])):
            return "your function changes the photos that it was given"
        wanted = f"return a dictionary with a number for each term that is on: {', '.join(norms)}"
        if (table := as_table(got, norms)) is None:
            return wanted
        told = {name: read_number(table[name], wanted) for name in norms}
        longer = {name: norms["l2"] / norm for name, norm in norms.items()}
        values = {name: (value.weighted["l2"] / term).item() for name, term in value.weighted.items()}
        share = told["l2"] / old["l2"]
        others = [name for name in norms if name != "l2"]
        right = {name: old[name] * longer[name] for name in norms}
        times = {name: told[name] / right[name] for name in others}
        worst = max(others, key=lambda name: abs(math.log(max(abs(times[name]), 1e-30))))
        hint = first_hint(
            lambda weights, told=told: all(near(told[name], weights[name]) for name in weights),
            (right, None),
            (
                {name: old[name] * values[name] for name in others},
                "these weights make the values equal; what trains a network is slopes",
            ),
            (
                {name: longer[name] for name in others},
                "that is what each pull must be multiplied by; the weight that the term has already is part of it",
            ),
            (
                {name: old[name] / longer[name] for name in others},
                "the wrong way round: a term that pulls too hard gets a larger weight",
            ),
            (
                {name: right[name] * longer[name] for name in others},
                "you compare squares of lengths: a pull grows with its weight, not with the root of it",
            ),
            (
                {name: right[name] * share for name in others},
                "the pulls are equal to each other, and not as hard as L2's with its present weight",
            ),
            otherwise=f"with your weights {worst} pulls {times[worst]:.2g} times as hard as L2; measure the lengths of "
            "the slopes",
        )
        if hint:
            return hint
    return None


_PROGRAMS = {
    "L2 and TV, both sums, [0, 1]": ("negligible", "the ratio is that of the two weights; what does 8ρ come to"),
    "L2 and TV, both means, [0, 1]": ("negligible", "both are divided by the same number"),
    "L2 a mean, TV a sum, [0, 1]": ("counts", NEGLIGIBLE),
    "L2 and TV, both sums, both in 0…255": ("negligible", "both are squares, and grow by the same factor"),
    "L2 and TV, both sums, TV alone in 0…255": ("counts", NEGLIGIBLE),
    "L2 and TV, both sums, [0, 1], λ1 = 0.001": ("counts", "a weight is small or large beside the other one"),
    "no L2: TV and a term that sees only the mean of each 4×4 block": (
        "counts",
        "a checkerboard leaves each block's mean as it is, so who holds it against TV",
    ),
}


@exercise("14.3")
def _table(answer: object) -> str | None:
    return wrong_line(answer, _PROGRAMS, ("negligible", "counts"), {"negligible": NEGLIGIBLE})


def growth(old: float | int, new: float | int, tv_form: str) -> dict[str, float]:
    """What a change of the pixel range multiplies each term by; φ is given photos normalised from [0, 1]."""
    times = new / old
    return {"l2": times**2, "perceptual": 1.0, "texture": 1.0, "tv": times ** (2 if tv_form == "squared" else 1)}


def _change_hint(changed: dict[str, float], grows: dict[str, float], times: float) -> str | None:
    """What is wrong where the range grew `times`, terms by `grows`, and the weights were `changed`; or None."""
    # What each term weighs against before, beside the texture term: a common factor is free under Adam.
    beside = {name: changed[name] / changed["texture"] for name in NAMES}
    off = {name: beside[name] * grows[name] for name in NAMES}
    if all(near(value, 1) for value in off.values()):
        return None
    if all(near(value, 1) for value in changed.values()):
        return "these are the old weights, and L2 is not what it was"
    if all(near(value, 1) for value in beside.values()):
        return "you changed all four by one factor, and that changes no balance"
    if not near(off["perceptual"], 1):
        return "φ is given the same numbers as before, whatever the range; look at λ2 again"
    if near(off["l2"], 1) and near(beside["tv"], 1):
        return f"λ3 is what it was. {NEGLIGIBLE}"
    if near(off["l2"], times**4) or near(beside["l2"], times):
        return "the wrong way round: a term that has grown needs a smaller weight"
    if near(off["l2"], times):
        return "differences grow by the ratio of the ranges; L2 is made of their squares"
    if near(off["l2"], 1):
        return "L2 is right. How do the numbers that TV adds up grow: as differences, or as their squares"
    return f"beside texture, L2 is {off['l2']:.3g} times and TV {off['tv']:.3g} times what it was"


@exercise("14.4")
def _weights_for(answer: object, dice: Dice) -> str | None:
    def make(r: random.Random) -> tuple:
        weights = {name: r.uniform(0.01, 9) for name in NAMES}
        return (weights, *r.sample((1, 2, 10, 100, 255), 2), r.choice(("squared", "isotropic")))

    paper = dict(zip(NAMES, (10, 1, 1, 0.0001), strict=True))
    other = dict(zip(NAMES, (0.02, 3, 0.5, 7.0), strict=True))
    for weights, old, new, tv_form in (
        (paper, 1, 255, "squared"),
        (other, 1, 2, "squared"),
        (other, 255, 1, "squared"),
        (paper, 1, 255, "isotropic"),
        (other, 2, 255, "isotropic"),
        *dice.more(make),
    ):
        given = dict(weights)
        got = answer(given, old, new, tv_form)
        if given != weights:
            return "your function changes the dictionary that it was given; return a new one"
        wanted = f"return a dictionary with four numbers: {', '.join(NAMES)}"
        if (table := as_table(got, NAMES)) is None:
            return wanted
        told = {name: read_number(table[name], wanted) for name in NAMES}
        if not told["tv"]:
            return f"a term with weight 0 is off, and TV was on. {NEGLIGIBLE}"
        if not all(value > 0 for value in told.values()):
            return "a term with weight 0 is off, and one below 0 is turned round; all four were on, and above 0"
        changed = {name: told[name] / weights[name] for name in NAMES}
        if hint := _change_hint(changed, growth(old, new, tv_form), new / old):
            return f"from {old} to {new}, TV {tv_form}: {hint}"
    return None


@exercise("14.5")
def _rest(answer: object, dice: Dice) -> str | None:
    cases = [
        (1.0, 0.0, 1.5, 2.0),
        (1.0, 0.0, 6.0, 2.0),
        (10.0, 0.3, 8.0, -0.5),
        (0.5, -1.0, 3.0, 1.0),
        (2.0, 1.0, 1, 1),
    ]
    generator = dice(0)
    for a, p, b, q in torch.rand(40, 4, generator=generator, dtype=torch.float64).tolist():
        cases.append((a + 0.1, 4 * p - 2, 3 * b + 0.05, 4 * q - 2))
    for a, p, b, q in cases:
        got, scale = read_number(answer(a, p, b, q), "return one number"), max(1, abs(p), abs(q))
        reach = b / (2 * a)  # how far the rope can stretch the spring
        free = p + math.copysign(reach, q - p)
        want = q if abs(q - p) <= reach else free
        if near(got, want, scale=scale):
            continue
        told = f"a = {a:.2g}, p = {p:.2g}, b = {b:.2g}, q = {q:.2g}"
        if near(got, (a * p + b * q) / (a + b), scale=scale):
            return f"{told}: a weighted mean is where two springs come to rest; a rope pulls equally hard everywhere"
        if near(got, free, scale=scale):
            return f"{told}: you went past q, and from there the rope pulls back"
        if near(got, q, scale=scale):
            return f"{told}: q is out of reach; at q the spring would pull harder than the rope"
        if near(got, p, scale=scale):
            return f"{told}: at p the spring does not pull at all, and the rope does"
        if near(got, p + math.copysign(min(2 * reach, abs(q - p)), q - p), scale=scale):
            return f"{told}: the slope of a square has a 2 in it"
        if near(got, p - math.copysign(reach, q - p), scale=scale):
            return f"{told}: the wrong direction; the rope pulls towards q"
        return f"{told}: V is lower somewhere else; where is its slope zero, and where does it jump"
    return None
