"""How much detail a picture has: energy by frequency, steepness, noise; none says whether it is right (chapter 3)."""

from typing import Literal

import torch
from jaxtyping import Float64
from torch import Tensor

from mffcn_lite.degrade import Images
from mffcn_lite.errors import MffcnLiteError, check_finite, check_images, check_number, check_pair, check_word

MOST_BANDS = 4096  # no picture has more waves


def band_energy_ratio(sr: Images, hr: Images, bands: int = 8) -> Float64[Tensor, "batch band"]:
    """Of each band of frequencies, how much energy `sr` has over how much `hr` has: 1 is right, below 1 is blurred.

    Bands are rings of equal width in the plane of frequencies, from 0 (the mean left out) to the Nyquist frequency of
    half a cycle a pixel; what lies in the corners beyond it is left out. It says nothing of whether the energy is in
    the right places.

    Raises:
        MffcnLiteError: if the shapes differ, a tensor holds integers or what is not finite, or `bands` is out of
            range.
    """
    check_pair(sr, hr)
    check_number("bands", bands, at_least=1, at_most=MOST_BANDS, whole=True)
    check_finite("sr", sr)
    check_finite("hr", hr)
    if not len(sr):  # of which there is no Fourier transform
        return sr.new_zeros(0, bands, dtype=torch.float64)
    down, across = (torch.fft.fftfreq(side, device=sr.device, dtype=torch.float64) for side in sr.shape[-2:])
    frequency = (down[:, None] ** 2 + across**2).sqrt()
    inside = (frequency > 0) & (frequency < 0.5)
    band = (frequency[inside] * 2 * bands).long()
    energies = []
    for images in (sr, hr):
        power = torch.fft.fft2(images.double()).abs().square().sum(1)[:, inside]
        energies.append(power.new_zeros(len(images), bands).index_add_(1, band, power))
    return energies[0] / energies[1]


def sharpness(images: Images) -> Float64[Tensor, " batch"]:
    """The mean length of the gradient, in units of the range a pixel: how steep a picture is, not how good.

    Noise is steep too, and raises it.

    Raises:
        MffcnLiteError: if a tensor holds integers, or what is not finite.
    """
    check_images("images", images)
    check_finite("images", images)
    x = images.double()
    across, down = x[..., :-1, 1:] - x[..., :-1, :-1], x[..., 1:, :-1] - x[..., :-1, :-1]
    return (across.square() + down.square()).sqrt().mean((1, 2, 3))


def noise_level(images: Images, average: Literal["mean", "median"] = "median") -> Float64[Tensor, " batch"]:
    """The standard deviation of white noise, estimated from one picture, in units of its range (Immerkær 1996).

    The mask (1, −2, 1)ᵀ(1, −2, 1) answers neither to a plane nor to a straight edge across or down, and to white noise
    of deviation σ with 6σ. Texture and slanted edges are taken for noise too, least by the median: the mean of the
    answers' sizes, as Immerkær has it, is the higher estimate. Noise without the finest waves, as after enlarging or
    blurring, is hardly seen by either.

    Args:
        average: "mean": √(π/2) · mean of the answers' sizes / 6; "median": their median / (0.6745 · 6).

    Raises:
        MffcnLiteError: if the images are below 3 pixels a side, a tensor holds integers or what is not finite, or
            `average` is another word.
    """
    check_images("images", images)
    check_finite("images", images)
    check_word("average", average, ("mean", "median"))
    if min(images.shape[-2:]) < 3:
        raise MffcnLiteError(f"images of {tuple(images.shape[-2:])} pixels are too small; 3 a side are needed")
    x = images.double()
    x = x[..., 2:, :] - 2 * x[..., 1:-1, :] + x[..., :-2, :]
    sizes = (x[..., 2:] - 2 * x[..., 1:-1] + x[..., :-2]).abs().flatten(1)
    if average == "mean":
        return sizes.mean(1) * (torch.pi / 2) ** 0.5 / 6
    return sizes.median(1).values / (0.6744897501960817 * 6)
