"""Checks of chapter 8, "MFF: what do three sizes of window bring?"."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from mffcn_lite.exercises import Dice, exercise, first_hint
from mffcn_lite.exercises.answers import (
    WHOLE,
    as_list,
    as_table,
    as_tensor,
    near,
    one_of,
    read_array,
    read_number,
    read_parts,
    whole,
)
from mffcn_lite.models import MFF


@exercise("8.1")
def _width(answer: object) -> str | None:
    number = whole(read_number(answer, "give a number of pixels"))
    sides, sums = (7, 7, 5, 5, 5), (11, 11, 9, 9, 9)  # the widest branch of each module, and its branches added up
    added = "windows side by side lie on top of each other; they don't add up to 11 or 9"
    one = "that is one module; what stands one behind the other adds up"
    return {
        1 + sum(side - 1 for side in sides): None,
        1 + sum(side - 1 for side in sums): added,
        sum(sums): added,
        sum(sides): "a kernel of side k adds k − 1, since the pixel in its middle was there already",
        7: one,
        5: one,
        7 + 5 - 1: "two modules and three: each of the five adds its share",
        math.prod(sides): "a kernel adds to the window, it doesn't multiply it",
    }.get(number, "how many pixels does one module add to the window, on both sides together?")


def _weight_hint(weight: Tensor, kernels: list[Tensor], mix: Tensor) -> str | None:
    """What is wrong with the weight of the fused 5×5 convolution, or None."""

    def fused(place: Callable[[int], list[int]], mix: Tensor = mix) -> Tensor:
        """The kernels as 5×5, with zeros (left, right, top, bottom) by `place(margin)`, and mixed."""
        wide = torch.cat([functional.pad(k, place((5 - k.shape[-1]) // 2)) for k in kernels])
        return torch.einsum("oj,jiuv->oiuv", mix, wide)

    right = fused(lambda m: [m] * 4)
    corner = "your small kernels sit in a corner, and look beside the pixel: where is the middle of a 5×5?"
    cout, cin, cb = *weight.shape[:2], len(kernels[0])
    return first_hint(
        lambda other: near(weight, other),
        (right, None),
        (fused(lambda m: [0, 2 * m, 0, 2 * m]), corner),
        (fused(lambda m: [2 * m, 0, 2 * m, 0]), corner),
        (right.flip(2, 3), "the kernels are turned upside down; conv2d does not turn them"),
        (right.transpose(2, 3), "rows and columns are swapped"),
        (
            fused(lambda m: [m] * 4, torch.ones_like(mix)),
            "the kernels are added up as they are; each counts as much as the mix says",
        ),
        otherwise=f"the weight is not right for Cin = {cin}, Cb = {cb}, Cout = {cout}: zeros around, then the mix",
    )


@exercise("8.2")
def _fuse(answer: object, dice: Dice) -> str | None:
    def noise(seed: int, *shape: int) -> Tensor:
        return torch.randn(shape, generator=dice(seed), dtype=torch.float64)

    for cin, cb, cout in ((1, 1, 1), (2, 3, 4), (3, 2, 3)):
        kernels = [noise(side, cb, cin, side, side) for side in (1, 3, 5)]
        biases = [noise(10 + side, cb) for side in (1, 3, 5)]
        mix, own = noise(20, cout, 3 * cb), noise(21, cout)
        wanted = "return two arrays: the weight, and the bias"
        given = [k.clone() for k in kernels], [b.clone() for b in biases], mix.clone(), own.clone()
        weight, bias = (read_array(part, wanted) for part in read_parts(answer(*given), 2, wanted))
        if weight.shape != (cout, cin, 5, 5):
            return f"the weight has the shape {tuple(weight.shape)} instead of {(cout, cin, 5, 5)}"
        if bias.shape != (cout,):
            return f"the bias has the shape {tuple(bias.shape)} instead of {(cout,)}"
        if hint := _weight_hint(weight, kernels, mix):
            return hint
        through = mix @ torch.cat(biases)
        if near(bias, through + own):
            continue
        if near(bias, own):
            return "the weight is right; the branches' biases are forgotten, and they pass through the mix too"
        if near(bias, through):
            return "the weight is right; the bias lacks the mix's own"
        return "the weight is right, the bias is not: put x = 0 into the three branches and the mix"
    return None


@exercise("8.3")
def _pixels(answer: object) -> str | None:
    number = read_number(answer, "give a number of pixels")
    maps = 16
    fusing, drawn, fused = 75.0 * maps**3, 38.0 * maps**2, 25.0 * maps**2
    return first_hint(
        lambda value: value - WHOLE <= number <= value + 1 + WHOLE,
        (fusing / (drawn - fused), None),
        (35 * maps**3 / (drawn - fused), "the product multiplies the padded zeros too: 25 numbers in each kernel"),
        (fusing / ((35 - 25) * maps**2), "the module as drawn has the mix as well"),
        (fusing / 3 / (drawn - fused), "the mix has 3·Cb columns: there are three branches"),
        (fusing / drawn, "after fusing, the 5×5 convolution still has to be done: compare what is saved"),
        (fusing, "that is the price; how many pixels pay it back?"),
        (drawn - fused, "that is what a pixel saves; how many pay the price of the product?"),
        otherwise="the price of the product once, against what each pixel saves",
    )


# Of each arm: what it computes, how it starts, what is stepped on, how far it sees.
_SIDES = ("the function", "the start", "the way of training", "the window")
_ARMS = {
    "mff": ("one convolution", "fused", "branches", 5),
    "mff inside": ("bent", "fused", "branches", 5),
    "conv5": ("one convolution", "even", "plain", 5),
    "conv5 from mff": ("one convolution", "fused", "plain", 5),
    "conv3": ("one convolution", "even", "plain", 3),
}
_QUESTIONS = {
    "the start alone": "the start",
    "the way of training alone": "the way of training",
    "the size of the window": "the window",
    "an activation inside": "the function",
}


@exercise("8.4")
def _controls(answer: object) -> str | None:
    if (table := as_table(answer, _QUESTIONS)) is None:
        return "keep the dict and its four questions"
    for question, wanted in _QUESTIONS.items():
        pair = [one_of(arm, _ARMS) for arm in as_list(table[question]) or []]
        if len(pair) != 2 or None in pair:
            return f"{question}: name two of {', '.join(_ARMS)}"
        one, other = (_ARMS[arm] for arm in pair)
        differ = [what for what, a, b in zip(_SIDES, one, other, strict=True) if a != b]
        if wanted not in differ:
            return f"{question}: {pair[0]} and {pair[1]} are alike in {wanted}"
        if differ != [wanted]:
            others = ", ".join(what for what in differ if what != wanted)
            return f"{question}: {pair[0]} and {pair[1]} differ in {others} as well"
    return None


def _module(cin: int, cout: int, branch: int, bias: float = 0.0, inside: bool = False, seed: int = 0) -> Callable:
    """An MFF as drawn, with branch biases, its activation hidden: a bare function."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = MFF(cin, cout, branch, "inside" if inside else None, reparameterize=False).double()
    with torch.no_grad():
        for convolution in module.branches:
            convolution.bias += bias
        module.project.bias += 0.5

    def call(x: object) -> Tensor:
        with torch.no_grad():
            return module(as_tensor(x).double())

    return call


@exercise("8.5")
def _decide(answer: object, dice: Dice) -> str | None:
    words = ("cannot", "fuse", "keep")
    cases = [
        ((6, 6, 6), {}, "fuse", "it has biases, which are no bend; f(0) is not 0"),
        ((4, 20, 20), {}, "fuse", "count both sides: fusing saves multiplications"),
        ((32, 32, 4), {}, "keep", "count both sides: narrow branches multiply less than the fused kernel"),
        (
            (16, 16, 2),
            {},
            "fuse",
            "by the count it would stay, by the clock not: no side has more than 16 maps",
        ),
        ((12, 40, 2), {}, "keep", "neither side may have more than 16 maps for the clock's verdict, and one has"),
        ((40, 12, 2), {}, "keep", "neither side may have more than 16 maps for the clock's verdict, and one has"),
        ((32, 64, 40), {}, "fuse", "the mix multiplies too, and its share decides here"),
        ((6, 6, 6), {"inside": True}, "cannot", "it has a ReLU between branches and mix"),
        ((24, 24, 4), {"inside": True}, "cannot", "it has a ReLU inside, whatever the count says"),
        (
            (6, 6, 6),
            {"inside": True, "bias": 30.0},
            "cannot",
            "its ReLU sleeps on small numbers: try larger ones",
        ),
        ((6, 6, 6), {"inside": True, "bias": -30.0}, "cannot", "its ReLU shuts small numbers off: try larger ones"),
        ((6, 6, 6), {"bias": 30.0}, "fuse", "its biases are large, and it does not bend; how large is your rounding?"),
    ]
    for inside, *sides in dice.more(lambda r: (r.random() < 0.3, *r.sample(range(17, 41), 2), r.randint(3, 40)), 6):
        cin, cout, branch = sides
        drawn, fused = 35 * cin * branch + 3 * branch * cout, 25 * cin * cout
        want = "cannot" if inside else "fuse" if fused < drawn else "keep"
        if fused != drawn:  # nobody said what a tie is
            cases.append((sides, {"inside": inside}, want, "does it bend, what does the count say, what the clock"))
    for seed, ((cin, cout, branch), options, want, why) in enumerate(cases):
        returned = answer(_module(cin, cout, branch, **options, seed=seed), cin, cout, branch)
        if (got := one_of(returned, words)) is None:
            return f'return "cannot", "fuse" or "keep", not {returned!r}'
        if got != want:
            return f'a module of {cin} maps in, {cout} out, branches of {branch}: {why}, and you say "{got}"'
    return None
