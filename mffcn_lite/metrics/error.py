"""MSE and PSNR, and the conventions that SSIM shares with them (chapter 3).

Every convention that moves a number is an argument. Without one, results are neither rounded, cropped nor clamped.
"""

from collections.abc import Iterator
from typing import Literal

import torch
from jaxtyping import Float64
from torch import Tensor

from mffcn_lite.context import full, full_precision
from mffcn_lite.degrade import Images
from mffcn_lite.errors import MffcnLiteError, check_number, check_pair, check_values, check_word, described

Channels = Literal["all", "y", "y-studio"]
MOST_RANGE = 1e30  # its square is a number still
CHUNK = 2**17  # pixels at a time
LUMINANCE = (0.299, 0.587, 0.114)  # BT.601
STUDIO = (65.481 / 255, 128.553 / 255, 24.966 / 255), 16 / 255  # the same, from 16 for black to 235 for white


@full_precision
def prepare(
    sr: Tensor, hr: Tensor, data_range: float | int, border: int, channels: Channels, rounded: bool
) -> tuple[Tensor, Tensor]:
    """Both batches, checked and brought to what is compared."""
    check_pair(sr, hr)
    check_number("data_range", data_range, above=0, at_most=MOST_RANGE)
    check_number("border", border, at_least=0, whole=True)
    if 2 * border >= min(sr.shape[-2:]):
        raise MffcnLiteError(f"border (={border}) leaves nothing of images of {tuple(sr.shape[-2:])} pixels")
    check_word("channels", channels, ("all", "y", "y-studio"))
    if channels != "all" and sr.shape[1] not in (1, 3):
        raise MffcnLiteError(f"channels (={channels!r}) needs pictures of 1 or 3 channels, not {described(sr)}")
    check_word("rounded", rounded, (True, False))
    return tuple(
        _convert(name, full(images), data_range, border, channels, rounded) for name, images in (("sr", sr), ("hr", hr))
    )


def _convert(
    name: str, images: Tensor, data_range: float | int, border: int, channels: Channels, rounded: bool
) -> Tensor:
    """One side; the order is that of others' code: round, cut, luminance."""
    check_values(name, images, data_range, "name its data_range")
    if rounded:
        images = (images * (255 / data_range)).round().clamp(0, 255) * (data_range / 255)
    images = images[..., border : images.shape[-2] - border, border : images.shape[-1] - border]
    if channels == "all":
        return images
    weights, black = (LUMINANCE, 0.0) if channels == "y" else STUDIO
    luminance = torch.einsum("c,bchw->bhw", images.new_tensor(weights), images.expand(-1, 3, -1, -1))  # N×H×W
    return luminance[:, None] + black * data_range


def chunks(sr: Tensor, hr: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """A few images at a time, so that what is worked on stays in the processor's cache."""
    few = max(1, CHUNK // max(1, sr.shape[1:].numel()))
    return zip(sr.split(few), hr.split(few), strict=True)


def mse(
    sr: Images,
    hr: Images,
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
        MffcnLiteError: if the shapes differ, a tensor holds integers, NaN or infinity, or an argument is out of range.
    """
    sr, hr = prepare(sr, hr, data_range, border, channels, rounded)
    return torch.cat([(x.double() - y.double()).square().mean((1, 2, 3)) for x, y in chunks(sr, hr)])


def psnr(
    sr: Images,
    hr: Images,
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
    return 10 * torch.log10(float(data_range) ** 2 / error)
