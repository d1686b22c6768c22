"""Reference solutions of chapter 5, "Can we undo the blur without learning?"."""

from mffcn_lite.degrade import downsample, resample, upsample
from mffcn_lite.models.convex import project_data
from mffcn_lite.models.reconstruction import ForwardModel


def dimensions() -> int:
    """Exercise 5.1: 128² unknown numbers, and 32² known ones."""
    return 128**2 - (128 // 4) ** 2


def mended(small, size, steps: int):
    """Exercise 5.2: add to what was there, not to the first enlargement."""
    enlarged = upsample(small, size)
    for _ in range(steps):
        enlarged = enlarged + upsample(small - resample(enlarged, tuple(small.shape[-2:])), size)
    return enlarged


def impostor(face, other, factor: int):
    """Exercise 5.3: the nearest picture to the other one that shrinks to the face's small photo."""
    target = downsample(face, factor)
    return project_data(other, target, ForwardModel(target, tuple(face.shape[-2:])), slab=0.0)


def diagnose(enlarge, hr, steps: int) -> str:
    """Exercise 5.4: with enough steps the true residual of the right kernel vanishes, that of a wrong one stays."""
    small, size = downsample(hr, 3), tuple(hr.shape[-2:])

    def true_residual(count: int) -> float:
        return (small - downsample(enlarge(small, size, count), 3)).square().mean().sqrt().item()

    if true_residual(steps) < 0.01 * true_residual(0):
        return "right"
    # Not twice as many: a small step needs a long time, and the slowest waves the longest.
    return "too few steps" if true_residual(200 * steps) < 0.01 * true_residual(0) else "wrong kernel"


def strike_out() -> set[str]:
    """Exercise 5.5: C and D; a residual of zero proves neither."""
    return set("CD")


SOLUTIONS = {"5.1": dimensions(), "5.2": mended, "5.3": impostor, "5.4": diagnose, "5.5": strike_out()}
