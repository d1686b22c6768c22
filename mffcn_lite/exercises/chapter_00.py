"""Checks of chapter 0, "Tools, in forty minutes"."""

from collections.abc import Callable

import torch
from torch.nn import functional

from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.exercises import Dice, exercise
from mffcn_lite.exercises.answers import RELATIVE, near, read_array, read_number, whole

__all__ = ["hidden_valley"]

ASKS = 200  # of a hidden valley's slope


@exercise("0.1")
def _count(answer: object) -> str | None:
    row = functional.conv2d(torch.zeros(1, 1, 1, 92), torch.zeros(1, 1, 1, 7), padding=(0, 1))
    want = functional.conv2d(row, torch.zeros(1, 1, 1, 3)).shape[-1]
    guess = whole(read_number(answer, "give a number of pixels"))
    return {
        want: None,
        want - 2: "you left the padding out",
        want - 1: "padding adds a pixel on each side",
        want + 2: "that is after the first kernel; the second takes some as well",
        want + 4: "a kernel takes its width less 1 from a row: 6, and then 2",
    }.get(guess, "each kernel takes its width less 1 from the row, and padding adds 1 on each side first")


@exercise("0.2")
def _filter_row(answer: object, dice: Dice) -> str | None:
    generator = dice(0)
    for pixels, width in ((6, 3), (11, 5), (4, 1)):
        row, kernel = torch.rand(pixels, generator=generator), torch.rand(width, generator=generator)
        got = read_array(answer(row.clone(), kernel.clone()), "return a row of pixels")
        row, kernel = row.double(), kernel.double()
        want = functional.conv1d(row[None, None], kernel[None, None], padding=width // 2).flatten()
        if got.shape != want.shape:
            remedy = "pad half the kernel on each side" if got.ndim == 1 else "a row has one dimension"
            return f"a row of {pixels} pixels came out with the shape {tuple(got.shape)}; {remedy}"
        if near(got, want):
            continue
        turned = functional.conv1d(row[None, None], kernel.flip(0)[None, None], padding=width // 2).flatten()
        if near(got, turned):
            return "you turn the kernel round; the equation does not: k at a meets x at i + a"
        inner = slice(width // 2, pixels - width // 2)
        if near(got[inner], want[inner]):
            return "right inside, and not at the two ends: what is beyond the row counts as 0"
        worst = (got - want).abs().argmax().item()
        return f"with a kernel of width {width}, pixel {worst} came out as {got[worst]:.4g} and not {want[worst]:.4g}"
    return None


@exercise("0.3")
def _standard(answer: object, dice: Dice) -> str | None:
    generator = dice(0)
    batch = torch.rand(3, 2, 12, 10, generator=generator) * torch.tensor([0.2, 0.5, 1.0]).view(3, 1, 1, 1)
    got = read_array(answer(batch.clone()), "return a batch")
    if got.shape != batch.shape:
        return f"a batch {tuple(batch.shape)} came out as {tuple(got.shape)}; did the axes that you average go away?"
    means = got.mean((1, 2, 3))
    if means.abs().max() > RELATIVE:
        return f"the means of three photos are {', '.join(f'{m:+.2f}' for m in means)}; take one mean for each photo"
    if (got.mean((2, 3)).abs() < RELATIVE).all():
        return "each channel is at mean 0 by itself; the exercise asks for each photo, all its channels together"
    spreads = got.flatten(1).std(1)
    if (spreads - 1).abs().max() > 0.01:
        return f"the standard deviations are {', '.join(f'{s:.2f}' for s in spreads)}; divide by one for each photo"
    flat = batch.flatten(1).double()
    want = (flat - flat.mean(1, keepdim=True)) / flat.std(1, keepdim=True)
    if not near(got.flatten(1), want, relative=0.01):
        return "mean and spread are right, and the pixels are not those of the batch; move and stretch each photo alone"
    return None


@exercise("0.4")
def _photos_needed(answer: object) -> str | None:
    photos, have, wish = 25, 0.4, 0.1
    want = photos * (have / wish) ** 2
    guess = read_number(answer, "give a number of photos")
    if abs(guess - want) < 1:
        return None
    if abs(guess - photos * have / wish) < 1:
        return "four times the photos halve the standard error, since it goes by the root"
    if abs(guess - (want - photos)) < 1:
        return "that is how many more; the question asks for all of them"
    return f"{guess:g} is too {'many' if guess > want else 'few'}; the standard error is s over the root of n"


def hidden_valley(where: float, steepness: float) -> Callable[[float], float]:
    """The slope of a loss whose only valley lies at `where`; it can be asked 200 times."""
    asked = 0

    def slope(x: object) -> float:
        nonlocal asked
        asked += 1
        if asked > ASKS:
            raise MffcnLiteError(f"you asked for the slope more than {ASKS} times")
        return steepness * (read_number(x, "ask for the slope at one number", finite=False) - where)

    return slope


@exercise("0.5")
def _bottom(answer: object, dice: Dice) -> str | None:
    valleys = [(3.0, 1.0), (-7.5, 1e-3), (0.1234, 1e3), (9.9, 20.0), (-2.0, 0.3)]
    for where, steepness in valleys + dice.more(lambda r: (r.uniform(-9, 9), 10 ** r.uniform(-3, 3))):
        guess = answer(hidden_valley(where, steepness))
        guess = read_number(guess, "return one number, where the bottom is", finite=False)
        if not abs(guess - where) < 2e-3:
            return (
                f"a valley with its bottom at {where:g} and steepness {steepness:g} ended at {guess:.4g}; a slope that "
                "changes its sign says that you jumped over the bottom, and one that does not, that you may go faster"
            )
    return None
