"""Checks of chapter 5, "Can we undo the blur without learning?"."""

import torch

from mffcn_lite.degrade import downsample, upsample
from mffcn_lite.exercises import Dice, as_number, exercise
from mffcn_lite.models.convex import project_data
from mffcn_lite.models.reconstruction import BackProjection, ForwardModel


def _pictures(generator: torch.Generator, count: int, height: int, width: int) -> torch.Tensor:
    """Pictures with waves of every frequency."""
    return torch.rand(count, 1, height, width, generator=generator)


@exercise("5.1")
def _dimensions(answer: object) -> str | None:
    number = as_number(answer)
    if number is not None and number < 1:
        return "give a count of dimensions, not a share"
    return {
        128**2 - 32**2: None,
        32**2: "that is how many numbers the small photo holds; the null space is what it does not hold",
        128**2: "that is all of the photo; the small photo holds some of it",
    }.get(
        number, "count the unknown numbers, and take away the known ones; no kernel of this chapter wastes a known one"
    )


@exercise("5.2")
def _mended(answer: object, dice: Dice) -> str | None:
    for (height, width), size in (((8, 6), (24, 18)), ((10, 9), (20, 18))):
        small = _pictures(dice(0), 2, height, width)
        for steps in (0, 1, 2, 5):
            got, want = answer(small, size, steps), small
            if tuple(got.shape) != (2, 1, *size):
                return f"the result has the shape {tuple(got.shape)} instead of {(2, 1, *size)}"
            want = BackProjection(back="enlarge", step=1.0, steps=steps).upscale(small, size)
            if not torch.allclose(got, want, atol=1e-5):
                if steps == 0:
                    return "without a step, the result is the bicubic enlargement"
                if steps == 1:
                    return "the first round was right before; enlarge what is missing, and add it"
                return f"{steps - 1} rounds are right and {steps} are not: to what do you add what is missing?"
    return None


@exercise("5.3")
def _impostor(answer: object, dice: Dice) -> str | None:
    for factor, (height, width) in ((2, (20, 16)), (3, (31, 26))):
        face, other = _pictures(dice(0), 2, height, width).split(1)
        got, small = answer(face, other, factor), downsample(face, factor)
        if got.shape != face.shape:
            return f"the picture has the shape {tuple(got.shape)} instead of {tuple(face.shape)}"
        forward = ForwardModel(small, (height, width))
        if torch.allclose(got, project_data(other, small, forward, slab=0.0), atol=1e-3):
            continue
        if torch.allclose(got, project_data(face, downsample(other, factor), forward, slab=0.0), atol=1e-3):
            return "you have the small photo of the other, and the unseen part of the face; swap them"
        if not torch.allclose(downsample(got, factor), small, atol=1e-3):
            return f"at factor {factor}, it does not shrink to the small photo of `face`"
        return "it shrinks to the right small photo, but its unseen part is not that of `other`"
    return None


@exercise("5.4")
def _diagnose(answer: object, dice: Dice) -> str | None:
    hr = _pictures(dice(0), 1, 30, 24)
    hr = 0.5 * hr + 0.5 * upsample(_pictures(dice(0), 1, 6, 5), (30, 24))
    programs = [
        ("right", {}, 40),
        ("too few steps", {}, 2),
        ("too few steps", {"step": 2.0}, 10),
        ("too few steps", {"step": 0.2}, 20),
        ("wrong kernel", {"kernel": "bilinear"}, 60),
        ("wrong kernel", {"antialias": False}, 60),
        ("wrong kernel", {"a": -0.75}, 60),
        ("wrong kernel", {"kernel": "bilinear", "step": 8.0}, 80),
    ]
    for want, options, steps in programs:
        got = answer(
            lambda small, size, steps, options=options: BackProjection(steps=int(steps), **options).upscale(
                small, size
            ),
            hr,
            steps,
        )
        if got not in ("right", "too few steps", "wrong kernel"):
            return f'return "right", "too few steps" or "wrong kernel", not {got!r}'
        if got == want:
            continue
        if want == "right":
            return f'a program whose true residual vanishes is right, and you say "{got}"; compare with no step'
        if got == "right":
            return f'the true residual is not small, and you say "right": here it is a case of {want}'
        if want == "wrong kernel":
            return "a program believes in another kernel, and you ask for more steps; did it help?"
        return "a program stops too early, and you blame its kernel; give it many more steps, and look again"
    return None


@exercise("5.5")
def _strike_out(answer: object) -> str | None:
    if isinstance(answer, str | list | tuple):
        answer = set(answer)
    if not isinstance(answer, set) or not answer <= {"C", "D", "E"}:
        return 'answer with a set out of the letters C, D and E, such as {"E"}'
    if "E" in answer:
        return "E is true: rounds keep the start's unseen part; look at what you compared `ibp` with"
    if "C" not in answer:
        return "C claims too much; what did the residual do for five cameras?"
    if "D" not in answer:
        return "D claims too much; think of the pile of photos"
    return None
