"""SSIM, equation (8), under every convention that is in use (chapter 3)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.nn import functional

from mffcn_lite.context import full_precision, kept
from mffcn_lite.degrade import Images
from mffcn_lite.errors import MffcnLiteError, check_number, check_word
from mffcn_lite.metrics.error import Channels, chunks, prepare

BLOCK = 32  # windows along an axis at a time


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
        check_number("side", self.side, at_least=1, whole=True)
        check_number("sigma", self.sigma, above=0, at_most=1e6)
        for name in ("k1", "k2"):
            check_number(name, getattr(self, name), at_least=0, at_most=1e6)
        if self.side % 2 == 0:
            raise MffcnLiteError(f"side (={self.side}) must be odd, so that a window has a middle")
        for name in ("window", "covariance", "borders"):  # their words stand in the annotations above
            check_word(name, getattr(self, name), get_args(type(self).__annotations__[name]))


CONVENTIONS = {
    "paper": SSIMConvention(),  # ours for the paper, which states no window: Wang et al. 2004
    "global": SSIMConvention(window="global"),  # equation (8) read to the letter
    "skimage": SSIMConvention(window="uniform", side=7, covariance="sample"),
    "torchmetrics": SSIMConvention(borders="reflect"),
    "piq": SSIMConvention(downsample=True),
    "matlab": SSIMConvention(borders="repeat"),
    "basicsr": SSIMConvention(),  # with channels="y-studio", rounded=True and border=factor
}


@kept(32)
def _window_blocks(like: Tensor, length: int, convention: SSIMConvention) -> list[tuple[int, int, Tensor]]:
    """The weighted means along an axis of `length` pixels, as a matrix in blocks of rows.

    Most of the matrix is zero: each block comes with the first and the last pixel that it needs, and their columns.
    """
    if convention.window == "global":
        return [(0, length, torch.full((1, length), 1 / length, dtype=like.dtype, device=like.device))]
    # Windows of two dimensions are products of two of one dimension, so this serves both axes.
    side, half, exact = convention.side, convention.side // 2, {"dtype": torch.float64, "device": "cpu"}
    weights = torch.ones(side, **exact)
    if convention.window == "gaussian":
        weights = torch.exp(-(torch.arange(-half, half + 1, **exact) ** 2) / (2 * convention.sigma**2))
    first, outputs = (0, length - side + 1) if convention.borders == "drop" else (-half, length)
    rows, columns = (torch.arange(count, device="cpu") for count in (outputs, side))
    taps = rows[:, None] + columns + first  # outputs×side: which pixels a window sees
    if convention.borders == "reflect":  # −1 is 1, and length is length − 2
        taps = length - 1 - (length - 1 - taps.abs()).abs()
    # Added, not assigned: a pixel that is repeated or mirrored takes the weights of all its taps.
    matrix = torch.zeros(outputs, length, **exact)
    matrix.scatter_add_(1, taps.clamp(0, length - 1), (weights / weights.sum()).expand(outputs, side))
    blocks = []
    for block in matrix.split(BLOCK):
        used = block.any(0).nonzero()  # a band along the diagonal
        start, stop = int(used[0]), int(used[-1]) + 1
        blocks.append((start, stop, block[:, start:stop].to(like)))
    return blocks


@full_precision
def ssim(
    sr: Images,
    hr: Images,
    *,
    data_range: float | int,
    convention: str | SSIMConvention = "paper",
    border: int = 0,
    channels: Channels = "all",
    rounded: bool = False,
) -> Float64[Tensor, " batch"]:
    """Equation (8): the mean over all windows and channels of

        (2 μx μy + C1)(2 σxy + C2) / ((μx² + μy² + C1)(σx² + σy² + C2)).

    1 where the images are equal. Computed in float64 where one of them is, in float32 otherwise (to 10⁻⁶).

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


@full_precision
def ssim_map(
    sr: Images, hr: Images, *, data_range: float | int, convention: str | SSIMConvention = "paper"
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
    sr, hr = prepare(sr, hr, data_range, border, channels, rounded)
    if isinstance(convention, str):
        check_word("convention", convention, tuple(CONVENTIONS))
        convention = CONVENTIONS[convention]
    if not isinstance(convention, SSIMConvention):
        raise MffcnLiteError(
            f"convention (={convention!r}) must be an SSIMConvention, or one of {', '.join(CONVENTIONS)}"
        )
    dtype = torch.promote_types(sr.dtype, hr.dtype)
    if convention.downsample and (times := round(min(sr.shape[-2:]) / 256)) > 1:
        sr, hr = (functional.avg_pool2d(images, times) for images in (sr, hr))
    height, width = sr.shape[-2:]
    if convention.window != "global" and min(height, width) < convention.side:
        raise MffcnLiteError(f"images {height, width} are smaller than a window ({convention.side}×{convention.side})")
    like = sr.new_empty((), dtype=dtype)
    rows, columns = (_window_blocks(like, length, convention) for length in (height, width))

    def local_means(images: Tensor) -> Tensor:
        images = torch.cat([images[..., start:stop] @ block.T for start, stop, block in columns], dim=-1)
        return torch.cat([block @ images[..., start:stop, :] for start, stop, block in rows], dim=-2)

    pixels = height * width if convention.window == "global" else convention.side**2  # n of a window
    unbias = pixels / max(1, pixels - 1) if convention.covariance == "sample" else 1.0
    c1, c2 = (convention.k1 * data_range) ** 2, (convention.k2 * data_range) ** 2
    for x, y in chunks(sr, hr):
        x, y = x.to(dtype), y.to(dtype)
        # (Co)variances do not change when a constant is taken away, and around 0 they lose no digits.
        level_x, level_y = x.mean((1, 2, 3), keepdim=True), y.mean((1, 2, 3), keepdim=True)
        x, y = x - level_x, y - level_y
        # Variances only occur as a sum: four local means in place of five.
        mean_x, mean_y, squares, products = local_means(torch.stack([x, y, x * x + y * y, x * y]))  # each N×C×h×w
        covariance = unbias * (products - mean_x * mean_y)
        variances = unbias * (squares - mean_x * mean_x - mean_y * mean_y)
        mean_x, mean_y = mean_x + level_x, mean_y + level_y
        similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
        yield similarity / ((mean_x * mean_x + mean_y * mean_y + c1) * (variances + c2))
