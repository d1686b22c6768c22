"""Interpolation as a system: the classical baselines (chapter 2)."""

from jaxtyping import Float
from torch import Tensor

from mffcn_lite.degrade import downsample, upsample
from mffcn_lite.models.base import SuperResolver


class Interpolation(SuperResolver):
    """Enlarge with the kernel `name`, and change nothing else."""

    name = "bicubic"
    counted = True

    def __init__(self):
        super().__init__()
        self.arguments = {}

    def upscale(
        self, small: Float[Tensor, "batch channel smallheight smallwidth"], size: tuple[int, int]
    ) -> Float[Tensor, "batch channel height width"]:
        """Enlarge a batch to `size` = (height, width)."""
        return upsample(small, size, kernel=self.name)

    def reconstruct(
        self, hr: Float[Tensor, "batch channel height width"], factor: int, kernel: str = "bicubic"
    ) -> Float[Tensor, "batch channel height width"]:
        """What is left of `hr` after down-sampling with `kernel` and enlarging with its own."""
        return self.upscale(downsample(hr, factor, kernel), tuple(hr.shape[-2:]))

    def forward(
        self, blurred: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """The photo is enlarged already: return it."""
        return blurred


class Nearest(Interpolation):
    """The pixel that is nearest."""

    name = "nearest"


class Bilinear(Interpolation):
    """The mean of the four pixels around, by their distance."""

    name = "bilinear"


class Lanczos(Interpolation):
    """A windowed sinc of three lobes."""

    name = "lanczos"
