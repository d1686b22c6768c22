"""Checks of chapter 3, "How do we measure better?"."""

import re
from collections.abc import Callable

import torch
from torch import Tensor

from mffcn_lite.data import load_faces
from mffcn_lite.exercises import Dice, as_number, exercise
from mffcn_lite.metrics import psnr, ssim

__all__ = ["unknown_measure"]


@exercise("3.1")
def _rise(answer: object) -> str | None:
    half = torch.full((1, 1, 1, 1), 0.5)
    want = (psnr(half / 2, 0 * half, data_range=1.0) - psnr(half, 0 * half, data_range=1.0)).item()
    if (guess := as_number(answer)) is None:
        return "give a number, in dB"
    if abs(guess - want) < 0.05:
        return None
    if abs(guess - want / 2) < 0.05:
        return "that is half the *squared* error; halve the error itself, and square it afterwards"
    if abs(guess + want) < 0.05:
        return "the right size and the wrong sign: a smaller error is a higher PSNR"
    if abs(guess - 0.5) < 0.05 or abs(guess - 2) < 0.05:
        return "decibels are logarithms: put half the error into equation (10)"
    return f"{guess:g} is too {'large' if guess > want else 'small'}; how much smaller is the mean *squared* error?"


@exercise("3.2")
def _careful(answer: object, dice: Dice) -> str | None:
    generator = dice(3)
    dark, bright = (torch.full((5, 4), level, dtype=torch.uint8) for level in (3, 250))
    noise = torch.randint(0, 256, (2, 30, 20), generator=generator).to(torch.uint8)
    for what, a, b in (
        ("1 level darker", dark - 1, dark),
        ("1 level brighter", dark + 1, dark),
        ("black against nearly white", dark, bright),
        ("noise against noise", noise[0], noise[1]),
    ):
        want = psnr(a[None, None].double(), b[None, None].double(), data_range=255).item()
        if (guess := as_number(answer(a, b))) is None:
            return "return one number, in dB"
        if abs(guess - want) < 0.01:
            continue
        if abs(guess - want + 48.13) < 0.01:
            return "the pixels reach to 255, and your data range is 1"
        return (
            f"for {what} you found {guess:.2f} dB, and it is {want:.2f}; "
            "what is 2 - 3 in uint8, and what is 16 squared?"
        )
    return None


@exercise("3.3")
def _refute(answer: object) -> str | None:
    faces = load_faces("orl")
    for index in (0, 155, 390):
        hr = faces[index].floats()
        pair = answer(hr.clone())
        if not (isinstance(pair, tuple | list) and len(pair) == 2 and all(isinstance(p, Tensor) for p in pair)):
            return "return two pictures, a and b"
        for name, picture in zip("ab", pair, strict=True):
            if picture.shape != hr.shape or picture.min() < 0 or picture.max() > 1:
                return f"{name} must have the shape of hr and values in [0, 1]: clamp it"
        a, b = (picture.float() for picture in pair)
        more = (ssim(a, hr, data_range=1.0) - ssim(b, hr, data_range=1.0)).item()
        fewer = (psnr(b, hr, data_range=1.0) - psnr(a, hr, data_range=1.0)).item()
        if more < 0.2:
            return f"on one photo, SSIM of a is only {more:+.2f} above that of b; what does SSIM punish most?"
        if not fewer >= 3:
            return (
                f"on one photo, PSNR of a is only {fewer:+.1f} dB below that of b; harm a in a way that SSIM forgives"
            )
    return None


def unknown_measure(border: int, rounded: bool) -> Callable[[Tensor, Tensor], float]:
    """Somebody's PSNR for floats in [0, 1], one photo at a time: cuts `border` pixels, and rounds to 8 bits if told."""

    def measure(sr: Tensor, hr: Tensor) -> float:
        return psnr(sr, hr, data_range=1.0, border=border, rounded=rounded).item()

    return measure


@exercise("3.4")
def _interrogate(answer: object) -> str | None:
    for border, rounded in ((0, False), (3, False), (0, True), (4, True), (2, False), (8, True)):
        try:
            got_border, got_rounded = answer(unknown_measure(border, rounded))
        except (TypeError, ValueError):
            return "return a pair: how many pixels it cuts on each side, and True or False for rounding"
        wrong = []
        if as_number(got_border) != border:
            wrong.append(f"you found a border of {got_border}; let two pictures differ in one row alone, and move it")
        if bool(got_rounded) != rounded:
            wrong.append(f"you found rounded = {got_rounded}; which difference is too small for 8 bits?")
        if wrong:
            return f"it cuts {border} pixels, rounded = {rounded}: " + "; and ".join(wrong)
    return None


NEEDED = (  # what it is, the words of which one must occur
    ("which photos they are, and how many", r"\b80\b|eighty|\b8 people|eight people"),
    ("whether a system could have learnt from these people", r"held.out|unseen|aside|train|test people|split"),
    ("the kernel that made the small photos, with its parameter", r"bicubic.*0\.5|0\.5.*bicubic"),
    ("whether that kernel is widened when shrinking", r"anti-?alias|widened"),
    ("the data range, or what the pixels reach from and to", r"data.?range|peak|\[0, ?1\]|255"),
    ("what is done at the borders", r"border|crop"),
    ("whether results, or small photos, are rounded to 8 bits", r"round|8[- ]bit|floats?\b"),
    ("whether PSNR is averaged over photos, or the error first", r"averag|\bmean"),
    ("SSIM's window, its shape and side", r"gaussian|11 ?[×x] ?11|uniform"),
)


@exercise("3.5")
def _methods(answer: object) -> str | None:
    if not isinstance(answer, str):
        return "write a paragraph, between quotes"
    words = len(answer.split())
    missing = [what for what, pattern in NEEDED if not re.search(pattern, answer, re.IGNORECASE | re.DOTALL)]
    if missing:
        return f"{len(NEEDED) - len(missing)} of {len(NEEDED)} are there; a stranger still asks for {missing[0]}"
    if words < 40:
        return f"{words} words are a list of keywords; write sentences that a stranger can carry out"
    if words > 200:
        return f"{words} words are too many for a paragraph; leave out what changes no number"
    return None
