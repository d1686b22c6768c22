"""How close a result is to the original: MSE, PSNR and SSIM, batched, one value an image (chapter 3).

Every convention that moves a number is an argument. Without one, results are neither rounded, cropped nor clamped.
"""

import functools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.nn import functional

from mffcn_lite.errors import MffcnLiteError, check_pair

Channels = Literal["all", "y", "y-studio"]
CHUNK = 2**17  # pixels at a time
BLOCK = 32  # windows along an axis at a time
LUMINANCE = (0.299, 0.587, 0.114)  # BT.601
STUDIO = (65.481 / 255, 128.553 / 255, 24.966 / 255), 16 / 255  # the same, from 16 for black to 235 for white


def _prepare(
    sr: Tensor, hr: Tensor, data_range: float | int, border: int, channels: Channels, rounded: bool
) -> tuple[Tensor, Tensor]:
    """Both batches, checked and brought to what is compared."""
    check_pair(sr, hr)
    if not 0 < data_range < float("inf"):
        raise MffcnLiteError(f"data_range (={data_range}) must be above 0 and finite")
    if not 0 <= 2 * border < min(sr.shape[-2:]):
        raise MffcnLiteError(f"border (={border}) leaves nothing of images of {tuple(sr.shape[-2:])} pixels")
    if channels not in ("all", "y", "y-studio") or (channels != "all" and sr.shape[1] not in (1, 3)):
        raise MffcnLiteError(
            f'channels (={channels!r}) must be "all", or for images of 1 or 3 channels "y" or "y-studio"'
        )
    return tuple(
        _convert(name, images, data_range, border, channels, rounded) for name, images in (("sr", sr), ("hr", hr))
    )


def _convert(
    name: str, images: Tensor, data_range: float | int, border: int, channels: Channels, rounded: bool
) -> Tensor:
    """One side; the order is that of others' code: round, cut, luminance."""
    if images.numel():
        low, high = torch.stack(images.detach().aminmax()).tolist()
        if low != low:
            raise MffcnLiteError(f"{name} holds NaN; look for where it comes from before measuring")
        if low < 0 or high > data_range:
            reach = f"{name} reaches from {low:.4g} to {high:.4g}, beyond 0 to {data_range}"
            warnings.warn(f"{reach}; clamp it, or name its data_range", stacklevel=2)
    if rounded:
        images = (images * (255 / data_range)).round().clamp(0, 255) * (data_range / 255)
    images = images[..., border : images.shape[-2] - border, border : images.shape[-1] - border]
    if channels == "all":
        return images
    weights, black = (LUMINANCE, 0.0) if channels == "y" else STUDIO
    return torch.einsum("c,bchw->bhw", images.new_tensor(weights), images.expand(-1, 3, -1, -1))[:, None] + (
        black * data_range
    )


def _chunks(sr: Tensor, hr: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """A few images at a time, so that what is worked on stays in the processor's cache."""
    few = max(1, CHUNK // max(1, sr.shape[1:].numel()))
    return zip(sr.split(few), hr.split(few), strict=True)


def mse(
    sr: Float[Tensor, "batch channel height width"],
    hr: Float[Tensor, "batch channel height width"],
    *,
    border: int = 0,
    channels: Channels = "all",
    rounded: bool = False,
    data_range: float | int = 1.0,
) -> Float64[Tensor, " batch"]:
    """Equation (9): the mean of the squared differences over all channels and pixels of each image.

    Args:
        border: rows and columns that are cut on each side first; others cut as many as the factor.
        channels: "all" (the mean over the channels), "y" (the luminance of BT.601, full swing) or "y-studio" (from 16
            to 235 levels, as MATLAB's rgb2ycbcr: its MSE is (219/255)² of the other's, its PSNR 1.32 dB higher).
        rounded: round to whole grey levels first, as a file of 8 bits does.
        data_range: matters to `rounded` and "y-studio" alone, and to the warning.

    Warns:
        UserWarning: if values lie outside [0, data_range]; it names the lowest and the highest.

    Raises:
        MffcnLiteError: if the shapes differ, a tensor holds integers or NaN, or an argument is out of range.
    """
    sr, hr = _prepare(sr, hr, data_range, border, channels, rounded)
    return torch.cat([(x.double() - y.double()).square().mean((1, 2, 3)) for x, y in _chunks(sr, hr)])


def psnr(
    sr: Float[Tensor, "batch channel height width"],
    hr: Float[Tensor, "batch channel height width"],
    *,
    data_range: float | int,
    border: int = 0,
    channels: Channels = "all",
    rounded: bool = False,
) -> Float64[Tensor, " batch"]:
    """Equation (10): 10 · log10(data_range² / MSE), in dB; infinity where the images are equal.

    A mean over a set with an infinite value is infinite: report the number of equal images beside it.

    Args:
        data_range: the distance from black to white: 1.0 for photos in [0, 1], 255 for grey levels.
        border, channels, rounded: see `mse`.

    Raises:
        MffcnLiteError: see `mse`.
    """
    error = mse(sr, hr, border=border, channels=channels, rounded=rounded, data_range=data_range)
    return 10 * torch.log10(data_range**2 / error)


@dataclass(frozen=True)
class SSIMConvention:
    """What equation (8) leaves open.

    Attributes:
        window: "gaussian", "uniform", or "global": one window, the whole image.
        side: of the window, odd; of no matter to "global".
        sigma: of the Gaussian, in pixels.
        covariance: "population" (divided by n) or "sample" (by n − 1, n the window's pixels).
        k1, k2: C1 = (k1 · data_range)², C2 = (k2 · data_range)².
        borders: windows that reach beyond the border are left out ("drop"), or see its pixel repeated ("repeat"), or
            the picture mirrored about it ("reflect").
        downsample: images of 384 pixels and more are first averaged down to about 256, as in Wang's later code.
    """

    window: Literal["gaussian", "uniform", "global"] = "gaussian"
    side: int = 11
    sigma: float = 1.5
    covariance: Literal["population", "sample"] = "population"
    k1: float = 0.01
    k2: float = 0.03
    borders: Literal["drop", "repeat", "reflect"] = "drop"
    downsample: bool = False

    def __post_init__(self):
        if self.side < 1 or self.side % 2 == 0 or not self.sigma > 0:
            raise MffcnLiteError(f"side (={self.side}) must be odd, and sigma (={self.sigma}) above 0")
        choices = {"window": ("gaussian", "uniform", "global"), "covariance": ("population", "sample")}
        for name, words in (choices | {"borders": ("drop", "repeat", "reflect")}).items():
            if getattr(self, name) not in words:
                raise MffcnLiteError(f"{name} (={getattr(self, name)!r}) must be one of {', '.join(words)}")


CONVENTIONS = {
    "paper": SSIMConvention(),  # ours for the paper, which states no window: Wang et al. 2004
    "global": SSIMConvention(window="global"),  # equation (8) read to the letter
    "skimage": SSIMConvention(window="uniform", side=7, covariance="sample"),
    "torchmetrics": SSIMConvention(borders="reflect"),
    "piq": SSIMConvention(downsample=True),
    "matlab": SSIMConvention(borders="repeat"),
    "basicsr": SSIMConvention(),  # with channels="y-studio", rounded=True and border=factor
}


@functools.lru_cache(maxsize=32)
def _window_blocks(
    length: int, convention: SSIMConvention, dtype: torch.dtype, device: torch.device
) -> list[tuple[int, int, Tensor]]:
    """The weighted means along an axis of `length` pixels, as a matrix in blocks of rows.

    Most of the matrix is zero: each block comes with the first and the last pixel that it needs, and their columns.
    """
    if convention.window == "global":
        return [(0, length, torch.full((1, length), 1 / length, dtype=dtype, device=device))]
    side, half = convention.side, convention.side // 2
    weights = torch.ones(side, dtype=torch.float64)
    if convention.window == "gaussian":
        weights = torch.exp(-(torch.arange(-half, half + 1, dtype=torch.float64) ** 2) / (2 * convention.sigma**2))
    first, outputs = (0, length - side + 1) if convention.borders == "drop" else (-half, length)
    taps = torch.arange(outputs)[:, None] + torch.arange(side) + first
    if convention.borders == "reflect":
        taps = length - 1 - (length - 1 - taps.abs()).abs()
    matrix = torch.zeros(outputs, length, dtype=torch.float64)
    matrix.scatter_add_(1, taps.clamp(0, length - 1), (weights / weights.sum()).expand(outputs, side))
    blocks = []
    for block in matrix.split(BLOCK):
        used = block.any(0).nonzero()
        start, stop = int(used[0]), int(used[-1]) + 1
        blocks.append((start, stop, block[:, start:stop].to(device, dtype)))
    return blocks


def ssim(
    sr: Float[Tensor, "batch channel height width"],
    hr: Float[Tensor, "batch channel height width"],
    *,
    data_range: float | int,
    convention: str | SSIMConvention = "paper",
    border: int = 0,
    channels: Channels = "all",
    rounded: bool = False,
) -> Float64[Tensor, " batch"]:
    """Equation (8): the mean over all windows and channels of

        (2 μx μy + C1)(2 σxy + C2) / ((μx² + μy² + C1)(σx² + σy² + C2)).

    1 where the images are equal. Computed in float32 for float32 images (to 10⁻⁶), in float64 otherwise.

    Args:
        data_range: the distance from black to white.
        convention: one of `CONVENTIONS` ("paper", "global", "skimage", "torchmetrics", "piq", "matlab", "basicsr"), or
            an `SSIMConvention` of your own.
        border, channels, rounded: see `mse`.

    Raises:
        MffcnLiteError: see `mse`; also for an unknown convention, or an image that is smaller than the window.
    """
    maps = _similarities(sr, hr, data_range, convention, border, channels, rounded)
    return torch.cat([similarity.mean((1, 2, 3)).double() for similarity in maps])


def ssim_map(
    sr: Float[Tensor, "batch channel height width"],
    hr: Float[Tensor, "batch channel height width"],
    *,
    data_range: float | int,
    convention: str | SSIMConvention = "paper",
) -> Float[Tensor, "batch channel _ _"]:
    """SSIM window by window; where windows are dropped at the border, smaller than the images by side − 1.

    Arguments and errors: see `ssim`.
    """
    return torch.cat(list(_similarities(sr, hr, data_range, convention, 0, "all", False)))


def _similarities(
    sr: Tensor,
    hr: Tensor,
    data_range: float | int,
    convention: str | SSIMConvention,
    border: int,
    channels: Channels,
    rounded: bool,
) -> Iterator[Tensor]:
    """The maps of some images after the other."""
    sr, hr = _prepare(sr, hr, data_range, border, channels, rounded)
    if isinstance(convention, str):
        if convention not in CONVENTIONS:
            raise MffcnLiteError(f'unknown SSIM convention "{convention}"; choose one of {", ".join(CONVENTIONS)}')
        convention = CONVENTIONS[convention]
    dtype = torch.float32 if sr.dtype == hr.dtype == torch.float32 else torch.float64
    if convention.downsample and (times := round(min(sr.shape[-2:]) / 256)) > 1:
        sr, hr = (functional.avg_pool2d(images, times) for images in (sr, hr))
    height, width = sr.shape[-2:]
    if convention.window != "global" and min(height, width) < convention.side:
        raise MffcnLiteError(
            f"an image of {height, width} pixels is smaller than SSIM's window ({convention.side}×{convention.side})"
        )
    rows, columns = (_window_blocks(length, convention, dtype, sr.device) for length in (height, width))

    def local_means(images: Tensor) -> Tensor:
        images = torch.cat([images[..., start:stop] @ block.T for start, stop, block in columns], dim=-1)
        return torch.cat([block @ images[..., start:stop, :] for start, stop, block in rows], dim=-2)

    pixels = height * width if convention.window == "global" else convention.side**2
    unbias = pixels / max(1, pixels - 1) if convention.covariance == "sample" else 1.0
    c1, c2 = (convention.k1 * data_range) ** 2, (convention.k2 * data_range) ** 2
    for x, y in _chunks(sr, hr):
        x, y = x.to(dtype), y.to(dtype)
        # (Co)variances do not change when a constant is taken away, and around 0 they lose no digits.
        level_x, level_y = x.mean((1, 2, 3), keepdim=True), y.mean((1, 2, 3), keepdim=True)
        x, y = x - level_x, y - level_y
        # Variances only occur as a sum: four local means in place of five.
        mean_x, mean_y, squares, products = local_means(torch.stack([x, y, x * x + y * y, x * y]))
        covariance = unbias * (products - mean_x * mean_y)
        variances = unbias * (squares - mean_x * mean_x - mean_y * mean_y)
        mean_x, mean_y = mean_x + level_x, mean_y + level_y
        similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
        yield similarity / ((mean_x * mean_x + mean_y * mean_y + c1) * (variances + c2))


def band_energy_ratio(
    sr: Float[Tensor, "batch channel height width"], hr: Float[Tensor, "batch channel height width"], bands: int = 8
) -> Float64[Tensor, "batch band"]:
    """Of each band of frequencies, how much energy `sr` has over how much `hr` has: 1 is right, below 1 is blurred.

    Bands are rings of equal width in the plane of frequencies, from 0 (the mean left out) to the Nyquist frequency of
    half a cycle a pixel; what lies in the corners beyond it is left out. It says nothing of whether the energy is in
    the right places.

    Raises:
        MffcnLiteError: if the shapes differ, a tensor holds integers, or `bands` is below 1.
    """
    check_pair(sr, hr)
    if bands < 1:
        raise MffcnLiteError(f"bands (={bands}) must be at least 1")
    down, across = (torch.fft.fftfreq(side, device=sr.device, dtype=torch.float64) for side in sr.shape[-2:])
    frequency = (down[:, None] ** 2 + across**2).sqrt()
    inside = (frequency > 0) & (frequency < 0.5)
    band = (frequency[inside] * 2 * bands).long()
    energies = []
    for images in (sr, hr):
        power = torch.fft.fft2(images.double()).abs().square().sum(1)[:, inside]
        energies.append(
            torch.zeros(len(images), bands, dtype=torch.float64, device=sr.device).index_add_(1, band, power)
        )
    return energies[0] / energies[1]


def sharpness(images: Float[Tensor, "batch channel height width"]) -> Float64[Tensor, " batch"]:
    """The mean length of the gradient, in units of the range a pixel: how steep a picture is, not how good.

    Noise is steep too, and raises it.

    Raises:
        MffcnLiteError: if a tensor holds integers.
    """
    check_pair(images, images)
    x = images.double()
    across, down = x[..., :-1, 1:] - x[..., :-1, :-1], x[..., 1:, :-1] - x[..., :-1, :-1]
    return (across.square() + down.square()).sqrt().mean((1, 2, 3))
