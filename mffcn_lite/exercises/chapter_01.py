"""Checks of chapter 1, "What is lost when a face is made small?"."""

import re
from collections.abc import Callable

import torch
from torch import Tensor

from mffcn_lite.degrade import KERNEL_NAMES, downsample, resampling_matrices
from mffcn_lite.exercises import Dice, exercise
from mffcn_lite.exercises.answers import (
    RELATIVE,
    as_tensor,
    as_text,
    count_words,
    fold,
    near,
    one_of,
    read_array,
    read_number,
)

__all__ = ["new_camera"]

NOISE = 0.004  # of a new camera: about one grey level


@exercise("1.1")
def _alias(answer: object) -> str | None:
    frequency, step = 0.4, 3
    want = abs(step * frequency - round(step * frequency))
    guess = read_number(answer, "give a number, in cycles a sample")
    if abs(guess - want) < 0.005:
        return None
    if abs(guess - step * frequency) < 0.005:
        return "from one sample to the next; but whole cycles between two samples can't be seen, so take them away"
    if abs(guess - want / step) < 0.005:
        return "that is in cycles a pixel of the original; count them from one sample to the next"
    if abs(guess + want) < 0.005 or abs(guess - (1 - want)) < 0.005:
        return "right but for a whole cycle or a sign; the answer lies between 0 and one half"
    return f"{guess:g} is not it; how many cycles pass from one sample to the next, and how far is that from a whole?"


@exercise("1.2")
def _area_matrix(answer: object, dice: Dice) -> str | None:
    for old, new in [(12, 4), (8, 3), (92, 31), (5, 5), *dice.more(lambda r: (r.randint(20, 60), r.randint(2, 20)))]:
        want = resampling_matrices(torch.zeros(1, 1, 1, old).double(), (1, new), kernel="area")[1]
        got = read_array(answer(old, new), "return a matrix")
        if got.shape != want.shape:
            return f"for {old} and {new} pixels you returned {tuple(got.shape)}; a line for each new pixel"
        if near(got, want):
            continue
        if near(got * new / old, want):
            return "the shares are right; a mean divides by how many pixels there are, so that each line sums to 1"
        sums = got.sum(1)
        if not near(sums, torch.ones(new)):
            worst = sums[(sums - 1).abs().argmax()].item()
            return f"from {old} to {new}, a line sums to {worst:.4g}: grey would not stay grey"
        return f"from {old} to {new}, the lines sum to 1 but the shares differ; new pixel i reaches from i·old/new on"
    return None


@exercise("1.3")
def _vanishing(answer: object) -> str | None:
    picture = read_array(answer(), "return a picture", shape=(1, 1, 60, 60), truths=True)
    if abs(picture.min().item()) > RELATIVE or abs(picture.max().item() - 1) > RELATIVE:
        return f"it reaches from {picture.min().item():g} to {picture.max().item():g}; let it reach from 0 to 1"
    small = downsample(picture, 3, kernel="area")
    spread = (small.max() - small.min()).item()
    if spread > RELATIVE:
        return f"the small picture is not flat: it spreads by {spread:.2g}; give each 3×3 block the same sum"
    flat = min((picture.amax(axis) - picture.amin(axis)).min().item() for axis in (2, 3))
    return "a row or a column is constant; vary it along both" if flat < 0.1 else None


def new_camera(kernel: str, dice: Dice = Dice()) -> Callable[[Tensor], Tensor]:
    """A camera that makes a scene 1×1×H×W three times smaller with `kernel`, and adds noise of one grey level."""

    def camera(scene: object) -> Tensor:
        small = downsample(as_tensor(scene), 3, kernel=kernel)
        noise = torch.randn(small.shape, generator=dice(5))
        return small + NOISE * noise.to(small)

    return camera


@exercise("1.4")
def _choose(answer: object, dice: Dice) -> str | None:
    for kernel in dice.shuffled(("area", "lanczos", "nearest", "bilinear", "bicubic")):
        returned = answer(new_camera(kernel, dice))
        if (got := one_of(returned, KERNEL_NAMES)) is None:
            return f"you returned {returned!r}; return one of {', '.join(KERNEL_NAMES)}"
        if got == kernel:
            continue
        return (
            f"one camera is {kernel}, and you took it for {got}; show it a scene with fine waves of many kinds, "
            "and compare with what each kernel of the library makes of it"
        )
    return None


NEEDED = (  # what it is, words of which one must occur
    (
        "what a sharpened face is, if not a photo",
        r"guess|invent|ma[dk]e.{0,9}up|plausible|likely|imagin|estimat|fabricat|hallucinat|fiction|specul|conjectur|"
        r"artificial|synthe|not real",
    ),
    (
        "what it must not be used for",
        r"evidence|identif|identity|proof|prove|recogni|accus|arrest|convict",
    ),
    (
        "what you do instead, or ask first",
        r"consent|agree|permi|law|court|judge|warrant|instead|witness|(other|more|better|second) camera|original|"
        r"recording|footage",
    ),
)


@exercise("1.5")
def _memo(answer: object) -> str | None:
    if (memo := as_text(answer)) is None:
        return "write a memo, between quotes"
    missing = [what for what, pattern in NEEDED if not re.search(pattern, fold(memo))]
    if missing:
        return f"{len(NEEDED) - len(missing)} of {len(NEEDED)} are there; the memo does not say {missing[0]}"
    words = count_words(memo)
    return None if 40 <= words <= 150 else f"the memo has {words} words; 40 to 150 are asked for"
