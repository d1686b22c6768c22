"""An error in parts that add up to it: what the small photo tells and what is guessed, bands of frequencies, places."""

import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from mffcn_lite.degrade import BICUBIC_A, Images, resampling_matrices, small_size
from mffcn_lite.errors import MffcnLiteError, check_beside, check_finite, check_number, check_pair, described
from mffcn_lite.metrics.detail import MOST_BANDS


def _error(sr: Images, hr: Images) -> Tensor:
    """The difference sr − hr in float64, of two batches that can be compared."""
    check_pair(sr, hr)
    check_finite("sr", sr)
    check_finite("hr", hr)
    return sr.double() - hr.double()


def split_error(
    sr: Images, hr: Images, factor: int, kernel: str = "bicubic", antialias: bool = True, a: float = BICUBIC_A
) -> tuple[Float64[Tensor, " batch"], Float64[Tensor, " batch"]]:
    """(seen, guessed): the mean squared error of each image in two parts, whose sum is `mse` (chapter 5).

    The down-sampling A splits every picture into a part that the small photo determines (A's row space: A⁺A·x) and one
    of which it says nothing (A's null space, which A maps to 0). The error in the first is what a system has thrown
    away though it was given; a result that shrinks to the small photo has none. That in the second is of its guesses.

    Args:
        factor, kernel, antialias, a: of the down-sampling A; see `mffcn_lite.degrade.downsample`.

    Raises:
        MffcnLiteError: if the shapes differ, a tensor holds integers or what is not finite, or there is no such
            down-sampling.
    """
    error = _error(sr, hr)
    seen, size = error, small_size(tuple(hr.shape[-2:]), factor)
    for axis, matrix in zip((2, 3), resampling_matrices(error, size, kernel, antialias, a), strict=True):
        _, values, waves = torch.linalg.svd(matrix, full_matrices=False)
        waves = waves[values > 1e-10 * values[0]]  # an orthonormal basis of the matrix's row space
        seen = torch.movedim(torch.movedim(seen, axis, -1) @ waves.T @ waves, -1, axis)
    return seen.square().mean((1, 2, 3)), (error - seen).square().mean((1, 2, 3))


def error_by_band(sr: Images, hr: Images, bands: int = 8) -> Float64[Tensor, "batch part"]:
    """The mean squared error of each image in `bands` + 1 parts by frequency, whose sum is `mse` (Parseval's theorem).

    The bands are those of `band_energy_ratio`, the error of the mean in the first; the last part is what lies in the
    corners, beyond half a cycle a pixel.

    Raises:
        MffcnLiteError: if the shapes differ, a tensor holds integers or what is not finite, or `bands` is out of
            range.
    """
    check_number("bands", bands, at_least=1, at_most=MOST_BANDS, whole=True)
    error = _error(sr, hr)
    if not len(error):  # of which there is no Fourier transform
        return error.new_zeros(0, bands + 1)
    power = torch.fft.fft2(error).abs().square().mean(1) / error.shape[2:].numel() ** 2
    down, across = (torch.fft.fftfreq(side, device=sr.device, dtype=torch.float64) for side in sr.shape[-2:])
    band = ((down[:, None] ** 2 + across**2).sqrt() * 2 * bands).long().clamp(max=bands).flatten()
    return power.new_zeros(len(sr), bands + 1).index_add_(1, band, power.flatten(1))


def error_by_place(
    sr: Images, hr: Images, where: Bool[Tensor, "batch height width"]
) -> tuple[Float64[Tensor, " batch"], Float64[Tensor, " batch"]]:
    """(share of the squared error, share of the pixels) that lies `where`, of each image; from 0 to 1.

    The first over the second is how many times worse than on average it is there. NaN where there is no error at all.

    Raises:
        MffcnLiteError: if the shapes differ, or a tensor holds integers or what is not finite.
    """
    square = _error(sr, hr).square().mean(1)
    if getattr(where, "dtype", None) != torch.bool or where.shape != square.shape:
        expected = f"where must be one plane an image, true or false for each pixel, {tuple(square.shape)}"
        raise MffcnLiteError(f"{expected}, not {described(where)}")
    check_beside("where", where, "sr", sr)
    return (square * where).sum((1, 2)) / square.sum((1, 2)), where.double().mean((1, 2))
