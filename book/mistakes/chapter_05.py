"""Wrong answers to chapter 5, "Can we undo the blur without learning?"."""

from mffcn_lite.degrade import downsample, resample, upsample
from mffcn_lite.models.convex import project_data
from mffcn_lite.models.reconstruction import ForwardModel


def forgetful(small, size, steps):
    x = upsample(small, size)
    for _ in range(steps):
        x = upsample(2 * small - resample(x, tuple(small.shape[-2:])), size)
    return x


def swapped(face, other, factor):
    small = downsample(other, factor)
    return project_data(face, small, ForwardModel(small, tuple(face.shape[-2:])), slab=0.0)


WRONG = [
    ("5.1", 1024, "the small photo holds"),
    ("5.1", 16384, "all of the photo"),
    ("5.1", 0.9375, "not a share"),
    ("5.1", "many", "count"),
    ("5.2", forgetful, "to what do you add"),
    ("5.2", lambda small, size, steps: small, "shape"),
    ("5.2", lambda small, size, steps: upsample(small, size, a=-0.75), "bicubic enlargement"),
    ("5.2", lambda small, size, steps: upsample(small, size), "the first round"),
    ("5.3", swapped, "swap them"),
    ("5.3", lambda face, other, factor: face, "unseen part is not"),
    ("5.3", lambda face, other, factor: other, "does not shrink"),
    ("5.3", lambda face, other, factor: downsample(face, factor), "shape"),
    ("5.4", lambda enlarge, hr, steps: "broken", "return"),
    ("5.4", lambda enlarge, hr, steps: "wrong kernel", "true residual vanishes"),
    ("5.4", lambda enlarge, hr, steps: "right", "not small"),
    ("5.4", lambda enlarge, hr, steps: "right" if steps == 40 else "too few steps", "more steps"),
    ("5.4", lambda enlarge, hr, steps: "right" if steps == 40 else "wrong kernel", "stops too early"),
    ("5.5", {"E"}, "E is true"),
    ("5.5", {"D"}, "C claims too much"),
    ("5.5", "C", "D claims too much"),
    ("5.5", 3, "set"),
]
