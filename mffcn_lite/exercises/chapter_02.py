"""Checks of chapter 2, "How far does interpolation go?"."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from mffcn_lite.degrade import triangle, upsample
from mffcn_lite.exercises import Dice, exercise, first_hint
from mffcn_lite.exercises.answers import Unreadable, as_tensor, near, read_array, read_number

__all__ = ["shifted_enlarger"]


@exercise("2.1")
def _positions(answer: object, dice: Dice) -> str | None:
    for source, target in [(4, 8), (31, 92), (9, 3), *dice.more(lambda r: (r.randint(3, 30), r.randint(3, 30)))]:
        pixels = torch.arange(target).double()
        want = (pixels + 0.5) * source / target - 0.5
        got = read_array(answer(source, target), "return a list of positions").flatten()
        if len(got) != target:
            return f"for {target} new pixels you returned {len(got)} positions"
        if near(got, want):
            continue
        if near(got, pixels * source / target):
            return "you put pixel 0 of both grids at position 0; but pixels are squares, and their borders line up"
        if near(got, pixels * (source - 1) / (target - 1)):
            return "you line up the centres of the corner pixels; line up the outer borders of the photo instead"
        if near(got, want + 0.5):
            return "you measure from the photo's border; measure from the centre of its first pixel"
        worst = (got - want).abs().argmax().item()
        return (
            f"with {source} and {target} pixels, new pixel {worst} should lie at {want[worst]:.4f}, "
            f"not {got[worst]:.4f}"
        )
    return None


@exercise("2.2")
def _overshoot(answer: object) -> str | None:
    step = (torch.arange(16) >= 8).double().view(1, 1, 1, 16)
    largest = upsample(step, (1, 1600), a=-0.75).max().item() - 1
    guess = read_number(answer, "give a number: how far above 1 the largest value lies")
    if abs(guess) < 1e-4:
        return "values need not stay between their neighbours: the outer parts of the kernel are negative"
    return first_hint(
        lambda number: abs(guess - number) < 0.004,
        (largest, None),
        (-largest, "the weight is negative, and the overshoot is its size"),
        (1 + largest, "that is the largest value itself; say how far above 1 it is"),
        (2 * largest / 3, "that is the overshoot for a = -0.5; the exercise has a = -0.75"),
        otherwise=f"{guess:g} is too {'large' if guess > largest else 'small'}; try t between 0.2 and 0.5",
    )


def _bicubic(a: float | int | None) -> Callable:
    """An enlarger with this `a`, or torch's own."""

    def enlarge(small: object, size: tuple) -> Tensor:
        small, size = as_tensor(small), tuple(int(side) for side in size)
        if a is None:
            return functional.interpolate(small, size=size, mode="bicubic")
        return upsample(small, size, a=a)

    return enlarge


def _found(returned: object, what: str) -> float:
    """The number that somebody found for an enlarger."""
    if returned is None:
        raise Unreadable(f"for {what} you found None; does each way through your function end in a return?")
    return read_number(returned, f"for {what}, return one number")


@exercise("2.3")
def _which_a(answer: object, dice: Dice) -> str | None:
    for a in [-0.5, -0.75, -1.0, -0.6, *dice.more(lambda r: round(r.uniform(-1, -0.4), 2))]:
        guess = _found(answer(_bicubic(a)), f"an enlarger with a = {a}")
        if abs(guess - a) > 0.01:
            return (
                f"for an enlarger with a = {a} you found {guess:.4g}; enlarge the columns alone, by a large factor, "
                "keep away from the borders, and compare the overshoot of two known values of a"
            )
    guess = _found(answer(_bicubic(None)), "torch's own bicubic")
    if abs(guess + 0.75) > 0.01:
        return f"for torch's own bicubic you found {guess:.4g}; keep away from the borders, where libraries differ"
    return None


def shifted_enlarger(shift: float) -> Callable:
    """An enlarger with a planted bug: bilinear, but the picture lies `shift` pixels too far to the right and down."""

    def matrix(source: int, target: int) -> Tensor:
        position = (torch.arange(target).double() + 0.5 - shift) * source / target - 0.5
        return triangle(position.clamp(0, source - 1)[:, None] - torch.arange(source))

    def enlarge(small: object, size: tuple) -> Tensor:
        small, size = as_tensor(small), tuple(int(side) for side in size)
        height, width = small.shape[-2:]
        return matrix(height, size[0]).to(small) @ small @ matrix(width, size[1]).to(small).T

    return enlarge


@exercise("2.4")
def _shift(answer: object, dice: Dice) -> str | None:
    cases = [(3, 0.0), (3, -1.0), (2, 0.5), (4, 1.5)]
    for factor, want in cases + dice.more(lambda r: (r.randint(2, 4), round(r.uniform(-1.5, 1.5), 1))):
        returned = answer(shifted_enlarger(want), factor)
        guess = read_number(returned, "return one number, in pixels of the enlarged photo")
        if abs(guess - want) < 0.02:
            continue
        if abs(abs(guess - want) - (factor - 1) / 2) < 0.02:
            return "the position that you expect is off by a constant; use the rule of exercise 2.1"
        if want and abs(guess + want) < 0.02:
            return "the right size and the wrong sign: a photo that lies too far to the right counts as positive"
        if want and abs(guess * factor - want) < 0.02:
            return "you count in pixels of the small photo; count in pixels of the enlarged one"
        return (
            f"at factor {factor}, for a photo shifted by {want:g} pixels, you found {guess:g}; "
            "enlarge a ramp: its values tell positions"
        )
    return None
