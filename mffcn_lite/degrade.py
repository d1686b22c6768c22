"""Down-sampling and enlarging, on batches, on the device of the batch.

Resampling is separable and linear: with one matrix for the rows and one for the columns,
`small = R @ hr @ Cᵀ`. The matrices are built here from a kernel, in float64, and kept.
Chapter 2 derives them; the paper (section on data) names no kernel.
"""

import functools
from collections.abc import Callable
from numbers import Integral

import torch
from jaxtyping import Float
from torch import Tensor

from mffcn_lite.context import full, full_precision, kept
from mffcn_lite.errors import MffcnLiteError, check_floats, check_images, check_number, check_word

# What annotations say of batches; in all tests each call is checked against them.
Images = Float[Tensor, "batch channel height width"]  # N×C×H×W
SmallImages = Float[Tensor, "batch channel smallheight smallwidth"]  # the same ones after down-sampling

LONGEST = 65_535  # pixels of a side
BICUBIC_A = -0.5  # as PIL; torch without antialiasing has −0.75


def triangle(x: Tensor) -> Tensor:
    """The bilinear kernel, `max(0, 1 − |x|)`."""
    check_floats("x", x)
    return (1 - x.abs()).clamp(min=0)


def cubic(x: Tensor, a: float = BICUBIC_A) -> Tensor:
    """Keys' cubic convolution kernel with parameter `a` (1981, eq. 4), zero beyond a distance of 2."""
    check_floats("x", x)
    x = x.abs()
    inner = (a + 2) * x**3 - (a + 3) * x**2 + 1
    outer = a * (x**3 - 5 * x**2 + 8 * x - 4)
    return torch.where(x <= 1, inner, torch.where(x < 2, outer, torch.zeros_like(x)))


def lanczos3(x: Tensor) -> Tensor:
    """`sinc(x) · sinc(x/3)`, zero beyond a distance of 3."""
    check_floats("x", x)
    return torch.where(x.abs() < 3, torch.sinc(x) * torch.sinc(x / 3), torch.zeros_like(x))


# name: (kernel, half its width in samples); nearest and area have matrices of their own.
KERNELS: dict[str, tuple[Callable, int]] = {"bilinear": (triangle, 1), "bicubic": (cubic, 2), "lanczos": (lanczos3, 3)}
KERNEL_NAMES = ("nearest", *KERNELS, "area")


@kept(64)
def _matrix(like: Tensor, source: int, target: int, kernel: str, antialias: bool, a: float) -> Tensor:
    """The `target`×`source` matrix of a one-dimensional resampling; each row sums to 1, made in float64.

    Pixels are unit squares: the centre of target pixel i lies at (i + ½)·source/target on the
    source's axis, with the true scale of the two sizes, which need not be a whole factor.
    """
    scale, exact = source / target, {"dtype": torch.float64, "device": "cpu"}
    centre = (torch.arange(target, **exact) + 0.5) * scale
    pixel = torch.arange(source, **exact)
    if kernel == "nearest":  # in integers: a centre on the border of two pixels takes the second, always
        nearest = (2 * torch.arange(target, device="cpu") + 1) * source // (2 * target)
        return torch.nn.functional.one_hot(nearest, source).to(like)
    if kernel == "area":  # the share of each source pixel that the target pixel covers
        left, right = (centre - scale / 2)[:, None], (centre + scale / 2)[:, None]
        weights = (torch.minimum(right, pixel + 1) - torch.maximum(left, pixel)).clamp(min=0)
        return (weights / weights.sum(1, keepdim=True)).to(like)
    function, half = KERNELS[kernel]
    function = functools.partial(function, a=a) if kernel == "bicubic" else function
    if antialias:  # widen the kernel when shrinking; leave out what lies beyond the border
        width = max(scale, 1.0)
        first = (centre - half * width + 0.5).floor().clamp(min=0)[:, None]
        last = (centre + half * width + 0.5).floor().clamp(max=source)[:, None]
        weights = function((pixel + 0.5 - centre[:, None]) / width)
        weights = torch.where((pixel >= first) & (pixel < last), weights, 0.0)
    else:  # the kernel at the source's own spacing; beyond the border its last pixel is repeated
        tap = (centre - 0.5).floor().long()[:, None] + torch.arange(1 - half, half + 1, device="cpu")
        values = function(tap + 0.5 - centre[:, None])
        weights = torch.zeros(target, source, **exact)
        weights.scatter_add_(1, tap.clamp(0, source - 1), values)
    return (weights / weights.sum(1, keepdim=True)).to(like)


def check_size(size: tuple[int, int]) -> None:
    """Refuse what is no height and width in pixels.

    Raises:
        MffcnLiteError: if it is none.
    """
    if isinstance(size, tuple | list) and any(isinstance(side, torch.SymInt | Tensor) for side in size):
        raise MffcnLiteError(
            f"size (={size}) must be fixed, as a matrix is made for it; trace or export with its numbers"
        )
    whole = isinstance(size, tuple | list) and all(isinstance(side, Integral) for side in size)
    if not whole or len(size) != 2 or not 1 <= min(size) <= max(size) <= LONGEST:
        raise MffcnLiteError(f"size (={size}) must be a height and a width of at least 1 pixel, and at most {LONGEST}")


def resampling_matrices(
    images: Images, size: tuple[int, int], kernel: str = "bicubic", antialias: bool = True, a: float = BICUBIC_A
) -> tuple[Float[Tensor, "newheight height"], Float[Tensor, "newwidth width"]]:
    """R and C, with which `resample` is R @ images @ Cᵀ: on the images' device, of their kind of floats.

    They are kept and shared: do not write into them. Arguments and errors: see `resample`.
    """
    check_images("images", images)
    check_size(size)
    check_word("kernel", kernel, KERNEL_NAMES)
    check_word("antialias", antialias, (True, False))
    check_number("a", a, at_least=-100, at_most=100)
    rows, columns = (
        _matrix(images, old, int(new), kernel, bool(antialias), float(a))
        for old, new in zip(images.shape[-2:], size, strict=True)
    )
    return rows, columns


@full_precision
def resample(
    images: Images, size: tuple[int, int], kernel: str = "bicubic", antialias: bool = True, a: float = BICUBIC_A
) -> Float[Tensor, "batch channel newheight newwidth"]:
    """Resample a batch to `size` = (height, width), in either direction; to its own size it is copied.

    Args:
        images: N×C×H×W, float; the range is kept up to the kernel's overshoot. Half precision is computed in float32,
            and rounded once.
        kernel: `nearest`, `bilinear`, `bicubic`, `lanczos` (three lobes) or `area`.
        antialias: widen the kernel when shrinking, and normalise at the borders, as PIL and as torch
            with `antialias=True`. Without it, the kernel is not widened and the border's pixel is
            repeated, as torch by default. Nearest and area have only one form.
        a: the parameter of bicubic.

    Raises:
        MffcnLiteError: for an unknown kernel, a size below 1, or what is no batch of pictures in floats.
    """
    check_images("images", images)
    x = full(images)
    rows, columns = resampling_matrices(x, size, kernel, antialias, a)
    return images.clone() if x.shape[-2:] == tuple(size) else (rows @ x @ columns.T).to(images.dtype)


def small_size(size: tuple[int, int], factor: int) -> tuple[int, int]:
    """The height and width of the small photo: `size` over `factor`, rounded, halves upwards.

    Raises:
        MffcnLiteError: if `factor` is no whole number of at least 2, or larger than a side.
    """
    check_size(size)
    check_number("factor", factor, at_least=2, whole=True)
    if factor > min(size):
        raise MffcnLiteError(f"factor (={factor}) is larger than the photo's shorter side (={min(size)} pixels)")
    return tuple(int(side / factor + 0.5) for side in size)


def downsample(
    hr: Images, factor: int, kernel: str = "bicubic", antialias: bool = True, a: float = BICUBIC_A
) -> SmallImages:
    """The small photo: `hr` shrunk `factor` times.

    Where `factor` does not divide a side, the side is rounded and the *true* scale (92/31, not 3) is
    used, so that the small photo covers the same field of view. Arguments and errors: see `resample`.
    """
    check_images("hr", hr)
    return resample(hr, small_size(tuple(hr.shape[-2:]), factor), kernel, antialias, a)


def upsample(
    small: SmallImages, size: tuple[int, int], kernel: str = "bicubic", antialias: bool = True, a: float = BICUBIC_A
) -> Images:
    """The enlarged photo: `small` brought to `size` = (height, width).

    When enlarging, `antialias` decides about the borders alone. Arguments and errors: see `resample`.
    """
    return resample(small, size, kernel, antialias, a)


def degrade(hr: Images, factor: int, kernel: str = "bicubic", antialias: bool = True, a: float = BICUBIC_A) -> Images:
    """The blurred photo, the paper's I_LR: `hr` down-sampled by `factor` and enlarged to its own size again."""
    small = downsample(hr, factor, kernel, antialias, a)
    return upsample(small, tuple(hr.shape[-2:]), kernel, antialias, a)
