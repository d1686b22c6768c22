"""Checks of chapter 3, "How do we measure better?"."""

import re
from collections.abc import Callable

import torch
from torch import Tensor

from mffcn_lite.data import load_faces
from mffcn_lite.exercises import Dice, exercise
from mffcn_lite.exercises.answers import (
    RELATIVE,
    as_number,
    as_tensor,
    as_text,
    as_truth,
    count_words,
    fold,
    read_array,
    read_number,
    read_parts,
    whole,
)
from mffcn_lite.metrics import psnr, ssim

__all__ = ["unknown_measure"]


@exercise("3.1")
def _rise(answer: object) -> str | None:
    half = torch.full((1, 1, 1, 1), 0.5)
    want = (psnr(half / 2, 0 * half, data_range=1.0) - psnr(half, 0 * half, data_range=1.0)).item()
    guess = read_number(answer, "give a number, in dB")
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
        guess = read_number(answer(a.clone(), b.clone()), "return one number, in dB", finite=False)
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
def _refute(answer: object, dice: Dice) -> str | None:
    faces = load_faces("orl")
    for index in [0, 155, 390, *dice.more(lambda r: r.randrange(len(faces)), 1)]:
        hr = faces[index].floats()
        wanted = "return two pictures, a and b"
        pair = [read_array(part, wanted, hr.shape, truths=True) for part in read_parts(answer(hr.clone()), 2, wanted)]
        for name, picture in zip("ab", pair, strict=True):
            low, high = picture.min().item(), picture.max().item()
            if low < -RELATIVE or high > 1 + RELATIVE:
                return f"{name} reaches from {low:.4g} to {high:.4g}, and must stay in [0, 1]: clamp it"
        a, b = (picture.clamp(0, 1).float() for picture in pair)
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

    def measure(sr: object, hr: object) -> float:
        return psnr(as_tensor(sr), as_tensor(hr), data_range=1.0, border=border, rounded=rounded).item()

    return measure


@exercise("3.4")
def _interrogate(answer: object, dice: Dice) -> str | None:
    cases = [(0, False), (3, False), (0, True), (4, True), (2, False), (8, True)]
    for border, rounded in cases + dice.more(lambda r: (r.randint(1, 8), r.random() < 0.5)):
        wanted = "return a pair: how many pixels it cuts on each side, and True or False for rounding"
        got_border, got_rounded = read_parts(answer(unknown_measure(border, rounded)), 2, wanted)
        if (found := as_truth(got_rounded)) is None or as_number(got_border) is None:
            return f"{wanted}; yours is ({got_border!r}, {got_rounded!r})"
        wrong = []
        if whole(as_number(got_border)) != border:
            wrong.append(f"you found a border of {got_border}; let two pictures differ in one row alone, and move it")
        if found != rounded:
            wrong.append(f"you found rounded = {found}; which difference is too small for 8 bits?")
        if wrong:
            return f"it cuts {border} pixels, rounded = {rounded}: " + "; and ".join(wrong)
    return None


_HALF = r"((?<!\d)0?[.,]5\b|(?<!\d)1/2\b)"
NEEDED = (  # what it is, the words of which one must occur
    ("which photos they are, and how many", r"\b80\b|eighty|\b(8|eight) (test )?(people|persons|subj)"),
    (
        "whether a system could have learnt from these people",
        r"held.?out|unseen|never seen|aside|train|test (people|persons|set|subjects)|split|learnt|learned",
    ),
    ("the kernel that made the small photos, with its parameter", rf"bicubic.*{_HALF}|{_HALF}.*bicubic"),
    ("whether that kernel is widened when shrinking", r"anti[- ]?alias|widen|wider|stretched|low-?pass|pre-?filter"),
    (
        "the data range, or what the pixels reach from and to",
        r"\brange|peak|\[0[,;] ?1(\.0)?\]|\b0 ?(to|and|-) ?1\b|255",
    ),
    ("what is done at the borders", r"border|crop|edge|margin"),
    (
        "whether results, or small photos, are rounded to 8 bits",
        r"round|quanti[sz]|(8|eight)[- ]bit|float|uint8|integer",
    ),
    ("whether PSNR is averaged over photos, or the error first", r"averag|\bmean"),
    ("SSIM's window, its shape and side", r"gauss|11 ?(x|by) ?11|uniform"),
)


@exercise("3.5")
def _methods(answer: object) -> str | None:
    if (paragraph := as_text(answer)) is None:
        return "write a paragraph, between quotes"
    words = count_words(paragraph)
    missing = [what for what, pattern in NEEDED if not re.search(pattern, fold(paragraph))]
    if missing:
        return f"{len(NEEDED) - len(missing)} of {len(NEEDED)} are there; a stranger still asks for {missing[0]}"
    if words < 40:
        return f"{words} words are a list of keywords; write sentences that a stranger can carry out"
    if words > 200:
        return f"{words} words are too many for a paragraph; leave out what changes no number"
    return None
