"""Checks of chapter 5, "Can we undo the blur without learning?"."""

from collections.abc import Callable

import torch

from mffcn_lite.degrade import downsample, upsample
from mffcn_lite.exercises import Dice, exercise
from mffcn_lite.exercises.answers import as_letters, as_tensor, near, one_of, read_array, read_number, whole
from mffcn_lite.models.convex import project_data
from mffcn_lite.models.reconstruction import BackProjection, ForwardModel


def _pictures(generator: torch.Generator, count: int, height: int, width: int) -> torch.Tensor:
    """Pictures with waves of every frequency."""
    return torch.rand(count, 1, height, width, generator=generator)


@exercise("5.1")
def _dimensions(answer: object) -> str | None:
    number = whole(read_number(answer, "give a count of dimensions"))
    if 0 < number < 1:
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
            got = read_array(answer(small.clone(), size, steps), "return the enlarged photos")
            if tuple(got.shape) != (2, 1, *size):
                return f"the result has the shape {tuple(got.shape)} instead of {(2, 1, *size)}"
            want = BackProjection(back="enlarge", step=1.0, steps=steps).upscale(small, size)
            if not near(got, want):
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
        got = read_array(answer(face.clone(), other.clone(), factor), "return a picture")
        small = downsample(face, factor)
        if got.shape != face.shape:
            return f"the picture has the shape {tuple(got.shape)} instead of {tuple(face.shape)}"
        forward = ForwardModel(small, (height, width))
        if near(got, project_data(other, small, forward, slab=0.0)):
            continue
        if near(got, project_data(face, downsample(other, factor), forward, slab=0.0)):
            return "you have the small photo of the other, and the unseen part of the face; swap them"
        if not near(downsample(got, factor), small):
            return f"at factor {factor}, it does not shrink to the small photo of `face`"
        return "it shrinks to the right small photo, but its unseen part is not that of `other`"
    return None


def _program(options: dict) -> Callable:
    """A back-projection that can be run with any number of steps."""

    def enlarge(small: object, size: tuple, steps: object) -> torch.Tensor:
        steps = int(read_number(steps, "run the program with one number of steps"))
        size = tuple(int(side) for side in size)
        return BackProjection(steps=steps, **options).upscale(as_tensor(small), size)

    return enlarge


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
    # The public ones can be told by their steps alone.
    others = [("wrong kernel", {"a": -0.75}, 20), ("wrong kernel", {"kernel": "bilinear"}, 40), ("right", {}, 60)]
    for want, options, steps in programs + dice.more(lambda r: r.choice(programs + others), 4):
        returned = answer(_program(options), hr.clone(), steps)
        if (got := one_of(returned, ("right", "too few steps", "wrong kernel"))) is None:
            return f'return "right", "too few steps" or "wrong kernel", not {returned!r}'
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
    letters = set(as_letters(answer))
    if not letters or not letters <= {"C", "D", "E"}:
        return 'answer with a set out of the letters C, D and E, such as {"E"}'
    if "E" in letters:
        return "E is true: rounds keep the start's unseen part; look at what you compared `ibp` with"
    if "C" not in letters:
        return "C claims too much; what did the residual do for five cameras?"
    if "D" not in letters:
        return "D claims too much; think of the pile of photos"
    return None
