"""The terms of the paper's objective, equations (1) to (7) (chapters 10 to 13).

Each reading of the paper is an argument. Every term is a number a photo, averaged over the batch as Algorithm 1 does.
"sum" adds over a photo's entries, as the paper writes; "mean" averages over them too, so that a term's weight does not
depend on the photo's size.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import scipy.fft
import torch
from jaxtyping import Float
from torch import Tensor, nn

from mffcn_lite.context import full, full_precision
from mffcn_lite.degrade import Images
from mffcn_lite.errors import (
    MffcnLiteError,
    check_alike,
    check_finite,
    check_images,
    check_number,
    check_pair,
    check_some,
    check_word,
    described,
)
from mffcn_lite.features import FeatureNetwork, check_phi, check_shown

Reduction = Literal["sum", "mean"]
NORMS, GRAMS, FORMS = ("l1", "l2", "squared"), ("none", "hw", "chw"), ("squared", "isotropic")


def l2_loss(sr: Images, hr: Images, reduction: Reduction = "sum") -> Float[Tensor, ""]:
    """Equation (3): L2 = ‖I_HR − Φ(I_LR)‖².

    Args:
        sr, hr: N×C×H×W, floats, range [0, 1].
        reduction: over a photo's pixels.

    Raises:
        MffcnLiteError: if the shapes differ, a tensor holds integers, or the reduction is unknown.
    """
    check_pair(sr, hr)
    return distance(sr, hr, "squared", reduction)


def nie_loss(sr: Images, hr: Images, reduction: Reduction = "sum") -> Float[Tensor, ""]:
    """Equation (1): ½‖I_o − I_i‖², half of `l2_loss`, with its arguments and errors; see `mffcn_lite.models.Nie`."""
    return 0.5 * l2_loss(sr, hr, reduction)


def distance(
    a: Float[Tensor, "batch *any"], b: Float[Tensor, "batch *any"], norm: str = "l2", reduction: Reduction = "sum"
) -> Float[Tensor, ""]:
    """How far two batches of maps lie apart, one number a photo, averaged over the batch.

    Args:
        norm: "l1" is Σ abs(a − b), the absolute deviation of the paper's words; "l2" is √Σ(a − b)², its ‖·‖ read to the
            letter; "squared" is Σ(a − b)², what its equation (3) has. The gradient of "l2" where a = b is 0.
        reduction: with "mean", Σ is a mean, also under the root.

    Raises:
        MffcnLiteError: for an unknown norm or reduction, or maps that cannot be compared.
    """
    check_alike(a=a, b=b)
    check_some("a", a)
    check_word("norm", norm, NORMS)
    check_word("reduction", reduction, ("sum", "mean"))
    apart = full(a).reshape(len(a), -1) - full(b).reshape(len(b), -1)
    entries = 1 if reduction == "sum" else a[0].numel()
    if norm == "squared":
        return apart.square().mean() if reduction == "mean" else apart.square().sum() / len(a)
    # vector_norm, not a root of a sum: its gradient at 0 is defined.
    lengths = torch.linalg.vector_norm(apart, ord=1 if norm == "l1" else 2, dim=1)
    return (lengths / (entries if norm == "l1" else entries**0.5)).mean()


def perceptual_loss(
    sr: Images, hr: Images, features: FeatureNetwork, norm: str = "l2", reduction: Reduction = "sum"
) -> Float[Tensor, ""]:
    """Equation (4): L_per = ‖φ(I_HR) − φ(Φ(I_LR))‖.

    Args:
        sr, hr: N×1×H×W or N×3×H×W, floats, range [0, 1].
        features: φ; see `mffcn_lite.features.create_features`.
        norm, reduction: see `distance`.

    Warns:
        UserWarning: see `mffcn_lite.features.check_shown`.

    Raises:
        MffcnLiteError: see `l2_loss`, `distance` and `FeatureNetwork.forward`.
    """
    check_shown(sr, hr)
    check_phi(features)
    return distance(features(sr), features(hr), norm, reduction)


@full_precision
def gram_matrix(
    features: Float[Tensor, "batch channel height width"], normalize: str = "none"
) -> Float[Tensor, "batch channel channel"]:
    """The Gram matrix g of equation (5): G_ij = Σ over positions of F_i · F_j, for each photo.

    Symmetric, with no negative eigenvalue, of rank H·W at most, and blind to where things are. Summed in float32 also
    under autocast: in half precision the sums overflow, or lose their digits.

    Args:
        features: maps N×C×H×W.
        normalize: divide by nothing ("none"), by the positions ("hw"), or by positions and channels ("chw"); the
            paper does not state it.

    Raises:
        MffcnLiteError: for an unknown normalisation.
    """
    check_images("features", features)
    check_word("normalize", normalize, GRAMS)
    channels, height, width = features.shape[1:]
    rows = full(features).flatten(2)
    by = {"none": 1, "hw": height * width, "chw": channels * height * width}[normalize]
    return rows @ (rows / by).transpose(1, 2)


def texture_loss(
    sr: Images,
    hr: Images,
    features: FeatureNetwork,
    normalize: str = "none",
    norm: str = "l2",
    reduction: Reduction = "sum",
) -> Float[Tensor, ""]:
    """Equation (5): L_text = ‖g(φ(I_HR)) − g(φ(Φ(I_LR)))‖, added over the layers of `features`.

    Arguments, warnings and errors: see `perceptual_loss` and `gram_matrix`.
    """
    check_shown(sr, hr)
    check_phi(features)
    return texture_distance(features.maps(sr), features.maps(hr), normalize, norm, reduction)


def texture_distance(
    sr_maps: Mapping[str, Tensor],
    hr_maps: Mapping[str, Tensor],
    normalize: str = "none",
    norm: str = "l2",
    reduction: Reduction = "sum",
) -> Float[Tensor, ""]:
    """`texture_loss` from maps that are there already, by the names of their layers.

    Raises:
        MffcnLiteError: if there are none, or not of the same layers; see `gram_matrix` and `distance` besides.
    """
    check_layers(sr_maps, hr_maps)
    grams = [(gram_matrix(sr_maps[layer], normalize), gram_matrix(hr_maps[layer], normalize)) for layer in sr_maps]
    return torch.stack([distance(a, b, norm, reduction) for a, b in grams]).sum()


def check_layers(sr_maps: Mapping[str, Tensor], hr_maps: Mapping[str, Tensor]) -> None:
    """Refuse maps that are not of the same layers, or of none.

    Raises:
        MffcnLiteError: if they are not.
    """
    for name, maps in (("sr_maps", sr_maps), ("hr_maps", hr_maps)):
        if not isinstance(maps, Mapping):
            raise MffcnLiteError(f"{name} must be maps by the names of their layers, not {described(maps)}")
    if not sr_maps or set(sr_maps) != set(hr_maps):
        raise MffcnLiteError(
            f"sr_maps ({', '.join(sr_maps)}) and hr_maps ({', '.join(hr_maps)}) must have the same layers"
        )


def total_variation(x: Images, reduction: Reduction = "sum", form: str = "squared") -> Float[Tensor, ""]:
    """Equation (7): TV = Σ_ij (x_{i,j+1} − x_{i,j})² + (x_{i+1,j} − x_{i,j})², which is the Dirichlet energy.

    Args:
        x: N×C×H×W, floats, range [0, 1]. A difference that would reach beyond the border is 0.
        reduction: over a photo's pixels; "mean" divides by their number, C·H·W.
        form: "squared" as equation (7) has it, or "isotropic": Σ √(…), the classical one (Rudin et al. 1992).

    Raises:
        MffcnLiteError: if `x` holds integers, or a word is unknown.
    """
    check_images("x", x)
    check_some("x", x)
    check_word("reduction", reduction, ("sum", "mean"))
    check_word("form", form, FORMS)
    x = full(x)
    across = nn.functional.pad(x[..., 1:] - x[..., :-1], (0, 1))
    down = nn.functional.pad(x[..., 1:, :] - x[..., :-1, :], (0, 0, 0, 1))
    if form == "isotropic":
        steps = torch.linalg.vector_norm(torch.stack([across, down]), dim=0)  # its gradient at 0 is 0
    else:
        steps = across.square() + down.square()
    return steps.mean() if reduction == "mean" else steps.sum() / len(x)


def l2_tv_minimizer(hr: Images, ratio: float) -> Images:
    """The picture for which L2 + ratio · TV (eq. 7) is least: what the two terms alone make of a perfect answer.

    A linear filter, in closed form: the wave (k, l) of the cosine transform (DCT-II) is divided by
    1 + ratio · (4 − 2 cos(πk/H) − 2 cos(πl/W)).

    Args:
        ratio: λ3/λ1 where both terms have one reduction, 10⁻⁵ in the paper; λ3·C·H·W/λ1 where L2 is a mean and TV
            a sum.

    Raises:
        MffcnLiteError: if `hr` is no batch of pictures or holds what is not finite, or `ratio` is below 0.
    """
    check_images("hr", hr)
    check_finite("hr", hr)
    check_number("ratio", ratio, at_least=0, at_most=1e30)
    height, width = hr.shape[-2:]
    waves = scipy.fft.dctn(hr.detach().cpu().double().numpy(), axes=(-2, -1), norm="ortho")
    down = 2 - 2 * np.cos(np.pi * np.arange(height) / height)
    across = 2 - 2 * np.cos(np.pi * np.arange(width) / width)
    waves = waves / (1 + ratio * (down[:, None] + across))
    return torch.from_numpy(scipy.fft.idctn(waves, axes=(-2, -1), norm="ortho")).to(hr)
