"""Projection on convex sets: reconstruction without learning that holds what is known of the photo (chapter 5)."""

import math
from collections.abc import Callable

import numpy as np
import scipy.fft
import torch
from torch import Tensor

from mffcn_lite.context import full_precision
from mffcn_lite.degrade import BICUBIC_A, Images, SmallImages, check_size, upsample
from mffcn_lite.errors import check_images, check_number
from mffcn_lite.models.base import SuperResolver, check_given
from mffcn_lite.models.reconstruction import ForwardModel


def project_range(x: Tensor) -> Tensor:
    """The nearest picture with all values in [0, 1]."""
    check_images("x", x)
    return x.clamp(0, 1)


@full_precision
def project_band(x: Images, waves: tuple[int, int]) -> Images:
    """The nearest picture that is made of the `waves` slowest cosine waves (DCT-II) down and across."""
    check_given("a projection", x)
    check_size(waves)
    for count, side in zip(waves, x.shape[-2:], strict=True):
        check_number("waves", count, at_least=1, at_most=side, whole=True)
    down, across = (
        torch.from_numpy(scipy.fft.dct(np.eye(side), axis=0, norm="ortho")[:count]).to(x)
        for side, count in zip(x.shape[-2:], waves, strict=True)
    )
    return down.T @ (down @ x @ across.T) @ across


@full_precision
def project_data(x: Images, small: SmallImages, forward: ForwardModel, slab: float, tolerance: float = 1e-6) -> Images:
    """The nearest picture that shrinks to `small`, each pixel of it up to ±`slab`.

    It is x − Aᵀλ, where λ makes ½ λᵀ(A·Aᵀ)λ − λᵀ(A·x − small) + slab·Σ abs(λ) least (the dual problem, a lasso); found
    by Nesterov's accelerated proximal gradient. Without slabs λ is (A·Aᵀ)⁻¹(A·x − small): the pseudo-inverse of A.
    To clip A·x into the slabs and hand the difference back through the pseudo-inverse lands in the set too, but
    not at the nearest point; and to enlarge the difference bicubically does not even land in the set.

    Args:
        tolerance: λ's error, as a share of its size.
    """
    check_given("a projection", x)
    check_number("slab", slab, at_least=0, at_most=1e6)
    check_number("tolerance", tolerance, at_least=1e-15, below=1)
    excess = -forward.missing(small, x)
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
        check_number("slab", slab, at_least=0, below=1)
        check_number("band", band, above=0, none=True)
        check_number("sweeps", sweeps, at_least=1, at_most=1000, whole=True)
        self.model = {"kernel": kernel, "antialias": antialias, "a": a}
        self.arguments = {**self.model, "slab": slab, "band": band, "sweeps": sweeps}
        self.slab, self.band, self.sweeps = slab, band, sweeps

    @full_precision
    def upscale(
        self, small: SmallImages, size: tuple[int, int], on_sweep: Callable[[Tensor], None] | None = None
    ) -> Images:
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
