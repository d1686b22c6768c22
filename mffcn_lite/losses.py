"""The terms of the paper's objective, equations (1) to (7), and their sum (chapters 10 to 14).

Each reading of the paper is an argument. Every term is a number a photo, averaged over the batch as Algorithm 1 does.
"sum" adds over a photo's entries, as the paper writes; "mean" averages over them too, so that a term's weight does not
depend on the photo's size.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.fft
import torch
from jaxtyping import Float
from torch import Tensor, nn

from mffcn_lite.errors import MffcnLiteError, check_pair
from mffcn_lite.features import FeatureNetwork

Reduction = Literal["sum", "mean"]
NORMS, GRAMS, FORMS = ("l1", "l2", "squared"), ("none", "hw", "chw"), ("squared", "isotropic")


def _check_word(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise MffcnLiteError(f"{name} (={value!r}) must be one of " + ", ".join(f'"{choice}"' for choice in choices))


def _full(x: Tensor) -> Tensor:
    """Half precision, which autocast leaves behind, as float32: sums need the room and the digits."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def l2_loss(
    sr: Float[Tensor, "batch channel height width"],
    hr: Float[Tensor, "batch channel height width"],
    reduction: Reduction = "sum",
) -> Float[Tensor, ""]:
    """Equation (3): L2 = ‖I_HR − Φ(I_LR)‖².

    Args:
        sr, hr: N×C×H×W, floats, range [0, 1].
        reduction: over a photo's pixels.

    Raises:
        MffcnLiteError: if the shapes differ, a tensor holds integers, or the reduction is unknown.
    """
    check_pair(sr, hr)
    return distance(sr, hr, "squared", reduction)


def nie_loss(
    sr: Float[Tensor, "batch channel height width"],
    hr: Float[Tensor, "batch channel height width"],
    reduction: Reduction = "sum",
) -> Float[Tensor, ""]:
    """Equation (1): ½‖I_o − I_i‖², half of `l2_loss`, with its arguments and errors; see `mffcn_lite.models.Nie`."""
    return 0.5 * l2_loss(sr, hr, reduction)


def distance(
    a: Float[Tensor, "batch *any"], b: Float[Tensor, "batch *any"], norm: str = "l2", reduction: Reduction = "sum"
) -> Float[Tensor, ""]:
    """How far two batches of maps lie apart, one number a photo, averaged over the batch.

    Args:
        norm: "l1" is Σ|a − b|, the absolute deviation of the paper's words; "l2" is √Σ(a − b)², its ‖·‖ read to the
            letter; "squared" is Σ(a − b)², what its equation (3) has. The gradient of "l2" where a = b is 0.
        reduction: with "mean", Σ is a mean, also under the root.

    Raises:
        MffcnLiteError: for an unknown norm or reduction.
    """
    _check_word("norm", norm, NORMS)
    _check_word("reduction", reduction, ("sum", "mean"))
    apart, entries = _full(a).flatten(1) - _full(b).flatten(1), 1 if reduction == "sum" else a[0].numel()
    if norm == "squared":
        return apart.square().mean() if reduction == "mean" else apart.square().sum() / len(a)
    # vector_norm, not a root of a sum: its gradient at 0 is defined.
    lengths = torch.linalg.vector_norm(apart, ord=1 if norm == "l1" else 2, dim=1)
    return (lengths / (entries if norm == "l1" else entries**0.5)).mean()


def perceptual_loss(
    sr: Float[Tensor, "batch channel height width"],
    hr: Float[Tensor, "batch channel height width"],
    features: FeatureNetwork,
    norm: str = "l2",
    reduction: Reduction = "sum",
) -> Float[Tensor, ""]:
    """Equation (4): L_per = ‖φ(I_HR) − φ(Φ(I_LR))‖.

    Args:
        sr, hr: N×1×H×W or N×3×H×W, floats, range [0, 1].
        features: φ; see `mffcn_lite.features.create_features`.
        norm, reduction: see `distance`.

    Raises:
        MffcnLiteError: see `l2_loss`, `distance` and `FeatureNetwork.forward`.
    """
    check_pair(sr, hr)
    return distance(features(sr), features(hr), norm, reduction)


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
    _check_word("normalize", normalize, GRAMS)
    channels, height, width = features.shape[1:]
    with torch.autocast(features.device.type, enabled=False):
        rows = _full(features).flatten(2)
        by = {"none": 1, "hw": height * width, "chw": channels * height * width}[normalize]
        return rows @ (rows / by).transpose(1, 2)


def texture_loss(
    sr: Float[Tensor, "batch channel height width"],
    hr: Float[Tensor, "batch channel height width"],
    features: FeatureNetwork,
    normalize: str = "none",
    norm: str = "l2",
    reduction: Reduction = "sum",
) -> Float[Tensor, ""]:
    """Equation (5): L_text = ‖g(φ(I_HR)) − g(φ(Φ(I_LR)))‖, added over the layers of `features`.

    Arguments and errors: see `perceptual_loss` and `gram_matrix`.
    """
    check_pair(sr, hr)
    return texture_distance(features.maps(sr), features.maps(hr), normalize, norm, reduction)


def texture_distance(
    sr_maps: Mapping[str, Tensor],
    hr_maps: Mapping[str, Tensor],
    normalize: str = "none",
    norm: str = "l2",
    reduction: Reduction = "sum",
) -> Float[Tensor, ""]:
    """`texture_loss` from maps that are there already, by the names of their layers."""
    grams = [(gram_matrix(sr_maps[layer], normalize), gram_matrix(hr_maps[layer], normalize)) for layer in sr_maps]
    return torch.stack([distance(a, b, norm, reduction) for a, b in grams]).sum()


def total_variation(
    x: Float[Tensor, "batch channel height width"], reduction: Reduction = "sum", form: str = "squared"
) -> Float[Tensor, ""]:
    """Equation (7): TV = Σ_ij (x_{i,j+1} − x_{i,j})² + (x_{i+1,j} − x_{i,j})², which is the Dirichlet energy.

    Args:
        x: N×C×H×W, floats, range [0, 1]. A difference that would reach beyond the border is 0.
        reduction: over a photo's pixels; "mean" divides by their number, C·H·W.
        form: "squared" as equation (7) has it, or "isotropic": Σ √(…), the classical one (Rudin et al. 1992).

    Raises:
        MffcnLiteError: if `x` holds integers, or a word is unknown.
    """
    check_pair(x, x)
    _check_word("reduction", reduction, ("sum", "mean"))
    _check_word("form", form, FORMS)
    across = nn.functional.pad(x[..., 1:] - x[..., :-1], (0, 1))
    down = nn.functional.pad(x[..., 1:, :] - x[..., :-1, :], (0, 0, 0, 1))
    if form == "isotropic":
        steps = torch.linalg.vector_norm(torch.stack([across, down]), dim=0)  # its gradient at 0 is 0
    else:
        steps = across.square() + down.square()
    return steps.mean() if reduction == "mean" else steps.sum() / len(x)


def l2_tv_minimizer(
    hr: Float[Tensor, "batch channel height width"], ratio: float
) -> Float[Tensor, "batch channel height width"]:
    """The picture for which L2 + ratio · TV (eq. 7) is least: what the two terms alone make of a perfect answer.

    A linear filter, in closed form: the wave (k, l) of the cosine transform (DCT-II) is divided by
    1 + ratio · (4 − 2 cos(πk/H) − 2 cos(πl/W)).

    Args:
        ratio: λ3/λ1 where both terms have one reduction, 10⁻⁵ in the paper; λ3·C·H·W/λ1 where L2 is a mean and TV
            a sum.
    """
    height, width = hr.shape[-2:]
    waves = scipy.fft.dctn(hr.detach().cpu().double().numpy(), axes=(-2, -1), norm="ortho")
    down = 2 - 2 * np.cos(np.pi * np.arange(height) / height)
    across = 2 - 2 * np.cos(np.pi * np.arange(width) / width)
    waves = waves / (1 + ratio * (down[:, None] + across))
    return torch.from_numpy(scipy.fft.idctn(waves, axes=(-2, -1), norm="ortho")).to(hr)


LOSSES = {"l2": l2_loss, "nie": nie_loss}
TERMS = ("l2", "perceptual", "texture", "tv")


@dataclass
class ObjectiveValue:
    """What `Objective` says of a batch.

    Attributes:
        total: the sum, to be minimised.
        terms: each term that is on, before its weight.
        weighted: each of them times its weight; they add up to `total`.
        gradient_norms: where they were asked for, the norm of each weighted term's gradient with respect to sr.
    """

    total: Tensor
    terms: dict[str, Tensor]
    weighted: dict[str, Tensor]
    gradient_norms: dict[str, Tensor] | None = None


class Objective(nn.Module):
    """Equations (2) and (6): V = λ1·L2 + λ2·(L_per + L_text) + λ3·TV. The weights' defaults are the paper's.

    A term of weight 0 is off and costs nothing; without perceptual and texture terms no feature network is run. The two
    share one pass for sr and one for hr.

    Args:
        features: φ; needed while `perceptual` or `texture` is on. The perceptual term reads the deepest of its layers,
            the texture term all of them.
        l2, perceptual, texture, tv: λ1, λ2, λ2 and λ3.
        reduction: of all terms, over a photo's entries.
        tv_reduction: of the TV term alone; as the others where None.
        norm: of the perceptual and the texture term; see `distance`.
        gram: see `gram_matrix`.
        tv_form: see `total_variation`.
        pixel_range: what white is in L2 and TV, 1 or 255; sr and hr come in [0, 1] all the same. Features are
            computed on that range too if `features` does not normalise.

    Raises:
        MffcnLiteError: for a negative weight, an unknown word, or a missing feature network.
    """

    def __init__(
        self,
        features: FeatureNetwork | None = None,
        *,
        l2: float | int = 10.0,
        perceptual: float | int = 1.0,
        texture: float | int = 1.0,
        tv: float | int = 0.0001,
        reduction: Reduction = "sum",
        tv_reduction: Reduction | None = None,
        norm: str = "l2",
        gram: str = "none",
        tv_form: str = "squared",
        pixel_range: float | int = 1.0,
    ):
        super().__init__()
        self.weights = dict(zip(TERMS, (l2, perceptual, texture, tv), strict=True))
        for name, weight in self.weights.items():
            if not 0 <= weight < float("inf"):
                raise MffcnLiteError(f"the weight of {name} (={weight}) must be at least 0 and finite")
        if features is None and (perceptual or texture):
            raise MffcnLiteError(
                "the perceptual and the texture term need features; see create_features, or set both to 0"
            )
        if pixel_range not in (1, 255):
            raise MffcnLiteError(f"pixel_range (={pixel_range}) must be 1 or 255")
        for word, value, choices in (("norm", norm, NORMS), ("gram", gram, GRAMS), ("tv_form", tv_form, FORMS)):
            _check_word(word, value, choices)
        for value in (reduction, tv_reduction or reduction):
            _check_word("reduction", value, ("sum", "mean"))
        self.features = features
        self.reduction, self.tv_reduction, self.tv_form = reduction, tv_reduction or reduction, tv_form
        self.norm, self.gram, self.pixel_range = norm, gram, pixel_range

    @classmethod
    def as_written(cls, features: FeatureNetwork) -> "Objective":
        """The paper to the letter: sums over a photo, ‖·‖ without a square in (4) and (5), no normalisation of g."""
        return cls(features, reduction="sum", norm="l2", gram="none", tv_form="squared")

    @classmethod
    def mixed(cls, features: FeatureNetwork) -> "Objective":
        """All terms averaged over a photo's entries, as code often has them, but TV summed: what makes λ3 count."""
        return cls(features, reduction="mean", tv_reduction="sum")

    def maps(self, images: Float[Tensor, "batch channel height width"]) -> dict[str, Tensor]:
        """φ's maps of `images`; those of hr can be kept, and given to `forward` where photos repeat."""
        return self.features.maps(images if self.features.normalization == "imagenet" else images * self.pixel_range)

    def forward(
        self,
        sr: Float[Tensor, "batch channel height width"],
        hr: Float[Tensor, "batch channel height width"],
        hr_maps: dict[str, Tensor] | None = None,
        gradient_norms: bool = False,
    ) -> ObjectiveValue:
        """The objective of a batch.

        Args:
            sr, hr: N×C×H×W, floats, range [0, 1].
            hr_maps: `maps(hr)`, if they were computed before.
            gradient_norms: also find the norm of each weighted term's gradient with respect to `sr`.

        Raises:
            MffcnLiteError: if the shapes differ, or a tensor holds integers.
        """
        check_pair(sr, hr)
        on = [name for name in TERMS if self.weights[name]]
        if gradient_norms and not sr.requires_grad:
            sr = sr.detach().requires_grad_()
        terms, scale = {}, self.pixel_range
        if "perceptual" in on or "texture" in on:
            if hr_maps is None:
                with torch.no_grad():
                    hr_maps = self.maps(hr)
            sr_maps, last = self.maps(sr), self.features.layers[-1]
        if "l2" in on:
            terms["l2"] = l2_loss(scale * sr, scale * hr, self.reduction)
        if "perceptual" in on:
            terms["perceptual"] = distance(sr_maps[last], hr_maps[last], self.norm, self.reduction)
        if "texture" in on:
            terms["texture"] = texture_distance(sr_maps, hr_maps, self.gram, self.norm, self.reduction)
        if "tv" in on:
            terms["tv"] = total_variation(scale * sr, self.tv_reduction, self.tv_form)
        weighted = {name: self.weights[name] * term for name, term in terms.items()}
        total = torch.stack(list(weighted.values())).sum() if weighted else sr.new_zeros(())
        norms = None
        if gradient_norms:
            norms = {
                name: torch.autograd.grad(term, sr, retain_graph=True)[0].norm() for name, term in weighted.items()
            }
        return ObjectiveValue(total, terms, weighted, norms)
