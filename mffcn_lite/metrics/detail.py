"""How much detail a picture has: energy by frequency, and steepness; neither says whether it is right (chapter 3)."""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from mffcn_lite.errors import MffcnLiteError, check_pair


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
