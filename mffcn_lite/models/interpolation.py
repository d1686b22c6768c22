"""Interpolation as a system: the classical baselines (chapter 2)."""

from mffcn_lite.degrade import Images, SmallImages, downsample, upsample
from mffcn_lite.errors import check_images
from mffcn_lite.models.base import SuperResolver


class Interpolation(SuperResolver):
    """Enlarge with the kernel `name`, and change nothing else."""

    name = "bicubic"
    counted = True

    def __init__(self):
        super().__init__()
        self.arguments = {}

    def upscale(self, small: SmallImages, size: tuple[int, int]) -> Images:
        """Enlarge a batch to `size` = (height, width)."""
        return upsample(small, size, kernel=self.name)

    def reconstruct(self, hr: Images, factor: int, kernel: str = "bicubic") -> Images:
        """What is left of `hr` after down-sampling with `kernel` and enlarging with its own."""
        return self.upscale(downsample(hr, factor, kernel), tuple(hr.shape[-2:]))

    def forward(self, blurred: Images) -> Images:
        """The photo is enlarged already: a copy of it."""
        check_images("blurred", blurred)
        return blurred.clone()


class Nearest(Interpolation):
    """The pixel that is nearest."""

    name = "nearest"


class Bilinear(Interpolation):
    """The mean of the four pixels around, by their distance."""

    name = "bilinear"


class Lanczos(Interpolation):
    """A windowed sinc of three lobes."""

    name = "lanczos"
