"""Reconstruction without learning: iterative back-projection, and projection on convex sets (chapter 5).

Both start from the bicubic enlargement and use what is known of the small photo: it is A·hr, and A is `downsample`,
R @ hr @ Cᵀ. What A loses they cannot know; see `ForwardModel`.
"""

import functools
import math
from collections.abc import Callable

import numpy as np
import scipy.fft
import torch
from jaxtyping import Float
from torch import Tensor

from mffcn_lite.degrade import BICUBIC_A, resampling_matrices, upsample
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.models.base import SuperResolver


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
        small: Float[Tensor, "batch channel smallheight smallwidth"],
        size: tuple[int, int],
        kernel: str = "bicubic",
        antialias: bool = True,
        a: float = BICUBIC_A,
    ):
        self.small_size = tuple(small.shape[-2:])
        self.rows, self.columns = resampling_matrices(
            small.new_empty(1, 1, *size), self.small_size, kernel, antialias, a
        )
        values = [torch.linalg.svdvals(matrix.double().cpu()) for matrix in (self.rows, self.columns)]
        self.largest = float(values[0][0] * values[1][0]) ** 2
        self.smallest = float(values[0][-1] * values[1][-1]) ** 2
        if min(size[0] - self.small_size[0], size[1] - self.small_size[1]) < 0 or self.smallest < 1e-6 * self.largest:
            raise MffcnLiteError(
                f"{kernel} from {size} to {self.small_size} pixels does not keep the small photo; choose another kernel"
            )

    def shrink(self, x: Tensor) -> Tensor:
        """A·x."""
        return self.rows @ x @ self.columns.T

    def transpose(self, small: Tensor) -> Tensor:
        """Aᵀ·small: each small pixel is handed back to those that it came from, with the same weights."""
        return self.rows.T @ small @ self.columns


def back_project(
    start: Float[Tensor, "batch channel height width"],
    small: Float[Tensor, "batch channel smallheight smallwidth"],
    forward: ForwardModel,
    back: Callable[[Tensor], Tensor],
    step: float,
    steps: int,
    on_step: Callable[[Tensor], None] | None = None,
) -> Float[Tensor, "batch channel height width"]:
    """X ← x + step · back(small − A·x), `steps` times, from `start`.

    Args:
        on_step: called with the residual small − A·x before each step and after the last.
    """
    x = start
    for _ in range(steps):
        residual = small - forward.shrink(x)
        if on_step is not None:
            on_step(residual)
        x = x + step * back(residual)
    if on_step is not None:
        on_step(small - forward.shrink(x))
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
        if back not in ("transpose", "enlarge"):
            raise MffcnLiteError(f'back (={back!r}) must be "transpose" or "enlarge"')
        if not 0 < tolerance < 1 or (step is not None and not 0 < step < math.inf) or (steps is not None and steps < 0):
            raise MffcnLiteError(
                f"step (={step}) must be above 0, steps (={steps}) at least 0, "
                f"and tolerance (={tolerance}) between 0 and 1"
            )
        self.arguments = {"kernel": kernel, "antialias": antialias, "a": a, "back": back, "step": step}
        self.arguments |= {"steps": steps, "tolerance": tolerance}
        self.model = {"kernel": kernel, "antialias": antialias, "a": a}
        self.back, self.step, self.steps, self.tolerance = back, step, steps, tolerance

    def _step(self, forward: ForwardModel) -> float:
        best = 2 / (forward.largest + forward.smallest) if self.back == "transpose" else 1.0
        return best if self.step is None else self.step

    def contraction(self, small: Float[Tensor, "batch channel smallheight smallwidth"], size: tuple[int, int]) -> float:
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

    def refine(
        self,
        start: Float[Tensor, "batch channel height width"],
        small: Float[Tensor, "batch channel smallheight smallwidth"],
        on_step: Callable[[Tensor], None] | None = None,
    ) -> Float[Tensor, "batch channel height width"]:
        """Make any result `start` shrink to the small photo; `on_step` is called with each residual."""
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
        back = forward.transpose
        if self.back == "enlarge":
            back = functools.partial(upsample, size=size, **self.model)
        return back_project(start, small, forward, back, step, steps, on_step)

    def upscale(
        self,
        small: Float[Tensor, "batch channel smallheight smallwidth"],
        size: tuple[int, int],
        on_step: Callable[[Tensor], None] | None = None,
    ) -> Float[Tensor, "batch channel height width"]:
        """Enlarge a batch to `size`, from the bicubic enlargement on; see `refine`."""
        return self.refine(upsample(small, size), small, on_step)


def project_range(x: Tensor) -> Tensor:
    """The nearest picture with all values in [0, 1]."""
    return x.clamp(0, 1)


def project_band(
    x: Float[Tensor, "batch channel height width"], waves: tuple[int, int]
) -> Float[Tensor, "batch channel height width"]:
    """The nearest picture that is made of the `waves` slowest cosine waves (DCT-II) down and across."""
    down, across = (
        torch.from_numpy(scipy.fft.dct(np.eye(side), axis=0, norm="ortho")[:count]).to(x)
        for side, count in zip(x.shape[-2:], waves, strict=True)
    )
    return down.T @ (down @ x @ across.T) @ across


def project_data(
    x: Float[Tensor, "batch channel height width"],
    small: Float[Tensor, "batch channel smallheight smallwidth"],
    forward: ForwardModel,
    slab: float,
    tolerance: float = 1e-6,
) -> Float[Tensor, "batch channel height width"]:
    """The nearest picture that shrinks to `small`, each pixel of it up to ±`slab`.

    It is x − Aᵀλ, where λ makes ½ λᵀ(A·Aᵀ)λ − λᵀ(A·x − small) + slab·Σ abs(λ) least (the dual problem, a lasso); found
    by Nesterov's accelerated proximal gradient. Without slabs λ is (A·Aᵀ)⁻¹(A·x − small): the pseudo-inverse of A.
    To clip A·x into the slabs and hand the difference back through the pseudo-inverse lands in the set too, but
    not at the nearest point; and to enlarge the difference bicubically does not even land in the set.

    Args:
        tolerance: λ's error, as a share of its size.
    """
    excess = forward.shrink(x) - small
    condition = math.sqrt(forward.largest / forward.smallest)
    momentum, rate = (condition - 1) / (condition + 1), 1 - 1 / condition
    dual = ahead = torch.zeros_like(excess)
    for _ in range(1 + math.ceil(2 * math.log(tolerance) / math.log(max(rate, 1e-3)))):
        gradient = forward.shrink(forward.transpose(ahead)) - excess
        moved = ahead - gradient / forward.largest
        new = moved.sign() * (moved.abs() - slab / forward.largest).clamp(min=0)
        dual, ahead = new, new + momentum * (new - dual)
    return x - forward.transpose(dual)


class ConvexProjections(SuperResolver):
    """Projection on convex sets (Stark and Oskoui 1989): go to the nearest point of each set in turn, many times.

    The sets hold what is known of the photo: it shrinks to the small one up to `slab` (`project_data`), its values
    lie in [0, 1] (`project_range`), and it has no waves finer than a limit (`project_band`). Each projection is
    idempotent and brings no two pictures further apart. Where the sets meet, the sweeps end in a common point; where
    they don't (a band narrower than the small photo's own, for one), they end in a cycle, and the gap stays above 0.

    Args:
        kernel, antialias, a: of the forward model; see `mffcn_lite.degrade.resample`.
        slab: half the width of the data's slabs; half a grey level by default.
        band: how many cosine waves are kept along each axis for one pixel of the small photo; None leaves the set
            out. The truth has finer waves than any small photo keeps, so this set is a guess.
        sweeps: how many times through the sets.

    Raises:
        MffcnLiteError: for numbers out of range.
    """

    name = "pocs"
    works_on = "small"
    radius = None

    def __init__(
        self,
        kernel: str = "bicubic",
        antialias: bool = True,
        a: float = BICUBIC_A,
        slab: float = 0.5 / 255,
        band: float | None = 1.2,
        sweeps: int = 10,
    ):
        super().__init__()
        if not 0 <= slab < 1 or (band is not None and not band > 0) or sweeps < 1:
            raise MffcnLiteError(
                f"slab (={slab}) must be at least 0 and below 1, band (={band}) above 0, "
                f"and sweeps (={sweeps}) at least 1"
            )
        self.arguments = {"kernel": kernel, "antialias": antialias, "a": a, "slab": slab, "band": band}
        self.arguments |= {"sweeps": sweeps}
        self.model = {"kernel": kernel, "antialias": antialias, "a": a}
        self.slab, self.band, self.sweeps = slab, band, sweeps

    def upscale(
        self,
        small: Float[Tensor, "batch channel smallheight smallwidth"],
        size: tuple[int, int],
        on_sweep: Callable[[Tensor], None] | None = None,
    ) -> Float[Tensor, "batch channel height width"]:
        """Enlarge a batch to `size`, from the bicubic enlargement on.

        Args:
            on_sweep: called after each sweep with the gap, for each photo the distance (root mean square over the
                pixels) between its points in the data's set and in the others: 0 in the end where the sets meet.
        """
        forward, x = ForwardModel(small, size, **self.model), upsample(small, size)
        waves = size
        if self.band is not None:
            waves = tuple(min(side, math.ceil(self.band * s)) for side, s in zip(size, small.shape[-2:], strict=True))
        for _ in range(self.sweeps):
            x = project_range(project_band(x, waves) if waves != size else x)
            before, x = x, project_data(x, small, forward, self.slab)
            if on_sweep is not None:
                on_sweep((x - before).square().mean((1, 2, 3)).sqrt())
        return x
