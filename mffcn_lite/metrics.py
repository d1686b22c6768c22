"""How close a result is to the original: MSE, PSNR and SSIM, batched, one value an image (chapter 3).

Everything is computed in float64 on the batch's device. Results are neither clamped, rounded nor cropped here.
"""

import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.nn import functional

from mffcn_lite.errors import MffcnLiteError, check_pair

CHUNK = 64  # images at a time in ssim: what it keeps in memory does not grow with the batch


def mse(
    sr: Float[Tensor, "batch channel height width"], hr: Float[Tensor, "batch channel height width"]
) -> Float64[Tensor, " batch"]:
    """Equation (9): the mean of the squared differences over all channels and pixels of each image.

    Raises:
        MffcnLiteError: if the shapes differ, or a tensor holds integers.
    """
    check_pair(sr, hr)
    return (sr.double() - hr.double()).square().mean((1, 2, 3))


def psnr(
    sr: Float[Tensor, "batch channel height width"],
    hr: Float[Tensor, "batch channel height width"],
    *,
    data_range: float | int,
) -> Float64[Tensor, " batch"]:
    """Equation (10): 10 · log10(data_range² / MSE), in dB; infinity where the images are equal.

    Args:
        data_range: the distance from black to white: 1.0 for photos in [0, 1], 255 for grey levels.

    Raises:
        MffcnLiteError: if the shapes differ, or a tensor holds integers.
    """
    return 10 * torch.log10(data_range**2 / mse(sr, hr))


def _window(convention: str) -> tuple[Tensor, float]:
    """The window along one axis, and the factor from the population to the wanted covariance."""
    if convention == "paper":
        distance = torch.arange(-5, 6, dtype=torch.float64)
        weights = torch.exp(-(distance**2) / (2 * 1.5**2))
        return weights / weights.sum(), 1.0
    if convention == "skimage":
        return torch.full((7,), 1 / 7, dtype=torch.float64), 49 / 48
    raise MffcnLiteError(f'unknown SSIM convention "{convention}"; choose "paper" or "skimage"')


def ssim(
    sr: Float[Tensor, "batch channel height width"],
    hr: Float[Tensor, "batch channel height width"],
    *,
    data_range: float | int,
    convention: str = "paper",
) -> Float64[Tensor, " batch"]:
    """Equation (8): the mean over all windows of

        (2 μx μy + C1)(2 σxy + C2) / ((μx² + μy² + C1)(σx² + σy² + C2)),

    with C1 = (0.01 · data_range)² and C2 = (0.03 · data_range)². 1 where the images are equal.

    Args:
        data_range: the distance from black to white.
        convention: "paper", our default for a paper that states no window: Gaussian, 11×11, σ = 1.5,
            population covariance (Wang et al. 2004); "skimage", scikit-image's default: uniform 7×7, sample
            covariance. In both, windows that reach over the border are dropped.

    Raises:
        MffcnLiteError: if the shapes differ, a tensor holds integers, the convention is unknown, or an
            image is smaller than the window.
    """
    check_pair(sr, hr)
    window, unbias = _window(convention)
    if min(sr.shape[-2:]) < len(window):
        raise MffcnLiteError(f"an image of {tuple(sr.shape[-2:])} pixels is smaller than SSIM's window ({len(window)})")
    window = window.to(sr.device)
    chunks = zip(sr.split(CHUNK), hr.split(CHUNK), strict=True)
    return torch.cat([_ssim_chunk(x, y, data_range, window, unbias) for x, y in chunks])


def _ssim_chunk(x: Tensor, y: Tensor, data_range: float | int, window: Tensor, unbias: float) -> Tensor:
    x, y = x.double(), y.double()

    def local_mean(image: Tensor) -> Tensor:
        image = functional.conv2d(image.flatten(0, 1)[:, None], window.view(1, 1, -1, 1))
        return functional.conv2d(image, window.view(1, 1, 1, -1)).unflatten(0, x.shape[:2]).squeeze(2)

    mean_x, mean_y = local_mean(x), local_mean(y)
    var_x = unbias * (local_mean(x * x) - mean_x**2)
    var_y = unbias * (local_mean(y * y) - mean_y**2)
    cov = unbias * (local_mean(x * y) - mean_x * mean_y)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    similarity = (2 * mean_x * mean_y + c1) * (2 * cov + c2)
    return (similarity / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))).mean((1, 2, 3))
