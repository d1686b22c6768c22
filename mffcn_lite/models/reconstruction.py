"""Reconstruction without learning: how the small photo was made, and iterative back-projection (chapter 5).

It starts from the bicubic enlargement and uses what is known of the small photo: it is A·hr, and A is `downsample`,
R @ hr @ Cᵀ. What A loses it cannot know; see `ForwardModel`, and `convex` for projection on convex sets.
"""

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor

from mffcn_lite.context import full_precision
from mffcn_lite.degrade import BICUBIC_A, Images, SmallImages, check_size, resampling_matrices, upsample
from mffcn_lite.errors import (
    MffcnLiteError,
    check_beside,
    check_finite,
    check_number,
    check_word,
    described,
)
from mffcn_lite.models.base import SuperResolver, check_given

MOST_STEPS = 20_000


class ForwardModel:
    """A: how the small photo was made, with what can be said of it as a linear map.

    Args:
        small: the small photos, for their size, device and kind of floats.
        size: the height and width of the large ones.
        kernel, antialias, a: see `mffcn_lite.degrade.resample`.

    Attributes:
        rows, columns: A·x is `rows @ x @ columnsᵀ`.
        largest, smallest: the largest and the smallest eigenvalue of A·Aᵀ; the largest is ‖A‖².

    Raises:
        MffcnLiteError: for an unknown kernel, or if the kernel loses a part of the small photo as well.
    """

    def __init__(
        self,
        small: SmallImages,
        size: tuple[int, int],
        kernel: str = "bicubic",
        antialias: bool = True,
        a: float = BICUBIC_A,
    ):
        check_given("a forward model", small)
        check_size(size)
        check_finite("small", small)
        self.small_size = tuple(small.shape[-2:])
        self.rows, self.columns = resampling_matrices(
            small.new_empty(1, 1, *size), self.small_size, kernel, antialias, a
        )
        values = [torch.linalg.svdvals(matrix.double().cpu()) for matrix in (self.rows, self.columns)]
        self.largest = float(values[0][0] * values[1][0]) ** 2
        self.smallest = float(values[0][-1] * values[1][-1]) ** 2
        if min(size[0] - self.small_size[0], size[1] - self.small_size[1]) < 0 or self.smallest < 1e-6 * self.largest:
            sizes = f"from {size} to {self.small_size} pixels"
            raise MffcnLiteError(f"{kernel} {sizes} does not keep the small photo; choose another kernel")

    def _check(self, images: Tensor, size: tuple[int, int]) -> None:
        check_given("a forward model", images)
        check_beside("the photos", images, "the forward model", self.rows)
        if images.shape[-2:] != size or images.dtype != self.rows.dtype:
            wanted = f"this forward model is one of {size} pixels in {self.rows.dtype} there"
            raise MffcnLiteError(f"{wanted}, not of {described(images)}")

    def missing(self, small: Tensor, x: Tensor) -> Tensor:
        """What x lacks, small − A·x, of as many photos on both sides.

        Raises:
            MffcnLiteError: if they do not fit together, or the model.
        """
        self._check(small, self.small_size)
        if small.shape[:2] != x.shape[:2]:
            raise MffcnLiteError(f"the small photos are {described(small)}, and the large ones {described(x)}")
        return small - self.shrink(x)

    @full_precision
    def shrink(self, x: Tensor) -> Tensor:
        """A·x."""
        self._check(x, (self.rows.shape[1], self.columns.shape[1]))
        return self.rows @ x @ self.columns.T

    @full_precision
    def transpose(self, small: Tensor) -> Tensor:
        """Aᵀ·small: each small pixel is handed back to those that it came from, with the same weights."""
        self._check(small, self.small_size)
        return self.rows.T @ small @ self.columns


def back_project(
    start: Images,
    small: SmallImages,
    forward: ForwardModel,
    back: Callable[[Tensor], Tensor],
    step: float,
    steps: int,
    on_step: Callable[[Tensor], None] | None = None,
) -> Images:
    """X ← x + step · back(small − A·x), `steps` times, from `start`.

    Args:
        on_step: called with the residual small − A·x before each step and after the last.

    Raises:
        MffcnLiteError: if `start` is no batch of pictures, `steps` no number of steps, or `step` no finite number.
    """
    check_given("back-projection", start)
    check_number("step", step)
    check_number("steps", steps, at_least=0, at_most=MOST_STEPS, whole=True)
    x = start.clone()
    for _ in range(steps):
        residual = forward.missing(small, x)
        if on_step is not None:
            on_step(residual)
        x = x + step * back(residual)
    if on_step is not None:
        on_step(forward.missing(small, x))
    return x


class BackProjection(SuperResolver):
    """Iterative back-projection (Irani and Peleg 1991): shrink the result, hand what is missing back, again and again.

    With `back="transpose"` and a step below 2/‖A‖² the residual falls in each step. Where A is right, the result nears
    the photo nearest to the bicubic one that shrinks to the small photo; the truth is such a photo too, so the
    result is nearer to it than bicubic is. Where A is wrong the residual vanishes as well, and says nothing.

    Args:
        kernel, antialias, a: of the forward model A; see `mffcn_lite.degrade.resample`.
        back: "transpose" (Aᵀ), or "enlarge": the residual is enlarged with the same kernel.
        step: what each residual is multiplied by; where None the best one for Aᵀ, 2/(largest + smallest
            eigenvalue of A·Aᵀ), and 1 for "enlarge".
        steps: how many; where None, as many as bring the residual down to `tolerance`.
        tolerance: of the residual, as a share of its first size.

    Raises:
        MffcnLiteError: for an unknown `back`, or numbers out of range; from `upscale`, if the residual would not fall.
    """

    name = "ibp"
    works_on = "small"
    radius = None

    def __init__(
        self,
        kernel: str = "bicubic",
        antialias: bool = True,
        a: float = BICUBIC_A,
        back: str = "transpose",
        step: float | None = None,
        steps: int | None = None,
        tolerance: float = 1e-4,
    ):
        super().__init__()
        check_word("back", back, ("transpose", "enlarge"))
        check_number("step", step, above=0, none=True)
        check_number("steps", steps, at_least=0, at_most=MOST_STEPS, whole=True, none=True)
        check_number("tolerance", tolerance, at_least=1e-15, below=1)
        self.model = {"kernel": kernel, "antialias": antialias, "a": a}
        self.arguments = {**self.model, "back": back, "step": step, "steps": steps, "tolerance": tolerance}
        self.back, self.step, self.steps, self.tolerance = back, step, steps, tolerance

    def _step(self, forward: ForwardModel) -> float:
        best = 2 / (forward.largest + forward.smallest) if self.back == "transpose" else 1.0
        return best if self.step is None else self.step

    @full_precision
    def contraction(self, small: SmallImages, size: tuple[int, int]) -> float:
        """What a step multiplies the residual by in the end: the largest abs(1 − step·μ), μ an eigenvalue of A·back.

        Below 1 the residual vanishes, above it explodes.
        """
        forward = ForwardModel(small, size, **self.model)
        if self.back == "transpose":
            axes = [matrix @ matrix.T for matrix in (forward.rows, forward.columns)]
        else:
            larger = resampling_matrices(small, size, **self.model)
            axes = [one @ other for one, other in zip((forward.rows, forward.columns), larger, strict=True)]
        rows, columns = (torch.linalg.eigvals(axis.double().cpu()) for axis in axes)
        return float((1 - self._step(forward) * torch.outer(rows, columns)).abs().max())

    @full_precision
    def refine(self, start: Images, small: SmallImages, on_step: Callable[[Tensor], None] | None = None) -> Images:
        """Make any result `start` shrink to the small photo; `on_step` is called with each residual."""
        check_given(self.name, start)
        check_given(self.name, small)
        if start.shape[:2] != small.shape[:2]:
            raise MffcnLiteError(
                f"start ({described(start)}) and small ({described(small)}) must be of the same photos"
            )
        size = tuple(start.shape[-2:])
        forward, steps = ForwardModel(small, size, **self.model), self.steps
        step = self._step(forward)
        if steps is None:
            contraction = self.contraction(small, size)
            if contraction >= 1:
                raise MffcnLiteError(
                    f"with step (={step:.3g}) a residual grows by {contraction:.3g} each time; "
                    f"choose one below {2 / forward.largest:.3g}"
                )
            steps = max(1, math.ceil(math.log(self.tolerance) / math.log(max(contraction, 1e-300))))
            if steps > MOST_STEPS:
                wanted = f"tolerance (={self.tolerance:.3g}) takes {steps:.3g} steps with step (={step:.3g})"
                raise MffcnLiteError(f"{wanted}, and {MOST_STEPS} are the most; raise one of the two, or say steps")
        back = forward.transpose
        if self.back == "enlarge":
            back = functools.partial(upsample, size=size, **self.model)
        return back_project(start, small, forward, back, step, steps, on_step)

    @full_precision
    def upscale(
        self, small: SmallImages, size: tuple[int, int], on_step: Callable[[Tensor], None] | None = None
    ) -> Images:
        """Enlarge a batch to `size`, from the bicubic enlargement on; see `refine`."""
        return self.refine(upsample(small, size), small, on_step)
