"""The whole objective, equations (2) and (6): the weighted sum of its terms (chapter 14)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from mffcn_lite.context import full_precision
from mffcn_lite.degrade import Images
from mffcn_lite.errors import MffcnLiteError, check_number, check_word
from mffcn_lite.features import FeatureNetwork, check_shown, create_features
from mffcn_lite.losses.terms import (
    FORMS,
    GRAMS,
    NORMS,
    Reduction,
    check_layers,
    distance,
    l2_loss,
    texture_distance,
    total_variation,
)

# What can be said of an objective beside its terms' weights: `Objective`'s, then `create_features`'s.
OPTIONS = ("reduction", "tv_reduction", "norm", "gram", "tv_form", "pixel_range")
FEATURES = ("features", "layer", "weights", "normalization")


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
        reduction: of all terms, over a photo's entries.
        tv_reduction: of the TV term alone; as the others where None.
        norm: of the perceptual and the texture term; see `distance`.
        gram: see `gram_matrix`.
        tv_form: see `total_variation`.
        pixel_range: from black to white in L2 and TV: 1, 255, or 2 for pixels from −1 to 1; sr and hr come in [0, 1]
            all the same. Features are computed on 0 to `pixel_range` too if their `normalization` is "none".
        weights: of the terms, by name: l2, perceptual, texture and tv have λ1, λ2, λ2 and λ3.

    Raises:
        MffcnLiteError: for a negative weight, an unknown word, or a missing feature network.
    """

    def __init__(
        self,
        features: FeatureNetwork | None = None,
        *,
        reduction: Reduction = "sum",
        tv_reduction: Reduction | None = None,
        norm: str = "l2",
        gram: str = "none",
        tv_form: str = "squared",
        pixel_range: float | int = 1.0,
        **weights: float | int,
    ):
        super().__init__()
        if unknown := sorted(set(weights) - set(TERMS)):
            raise TypeError(f"there is no term {unknown[0]}; there are {', '.join(TERMS)}")
        self.weights = {name: weights.get(name, term.weight) for name, term in TERMS.items()}
        for name, weight in self.weights.items():
            check_number(f"the weight of {name}", weight, at_least=0)
        if features is None and self.needs_features():
            raise MffcnLiteError(
                "the perceptual and the texture term need features; see create_features, or set both to 0"
            )
        check_word("pixel_range", pixel_range, (1, 2, 255))
        for word, value, choices in (("norm", norm, NORMS), ("gram", gram, GRAMS), ("tv_form", tv_form, FORMS)):
            check_word(word, value, choices)
        for value in (reduction, tv_reduction or reduction):
            check_word("reduction", value, ("sum", "mean"))
        self.features = features
        self.reduction, self.tv_reduction, self.tv_form = reduction, tv_reduction or reduction, tv_form
        self.norm, self.gram, self.pixel_range = norm, gram, pixel_range

    def needs_features(self) -> bool:
        """Whether a term that is on reads φ's maps."""
        return any(TERMS[name].features for name, weight in self.weights.items() if weight)

    @classmethod
    def as_written(cls, features: FeatureNetwork | None = None) -> "Objective":
        """The paper to the letter: sums over a photo, ‖·‖ without a square in (4) and (5), no normalisation of g.

        Args:
            features: the paper's "vgg19-imagenet" where None.
        """
        features = features or create_features("vgg19-imagenet")
        return cls(features, reduction="sum", norm="l2", gram="none", tv_form="squared")

    @classmethod
    def mixed(cls, features: FeatureNetwork | None = None) -> "Objective":
        """All terms averaged over a photo's entries, as code often has them, but TV summed: what makes λ3 count.

        Args:
            features: as in `as_written`.
        """
        return cls(features or create_features("vgg19-imagenet"), reduction="mean", tv_reduction="sum")

    def maps(self, images: Images) -> dict[str, Tensor]:
        """φ's maps of `images`; those of hr can be kept, and given to `forward` where photos repeat."""
        return self.features.maps(images * self.pixel_range if self.features.normalization == "none" else images)

    @full_precision
    def forward(
        self, sr: Images, hr: Images, hr_maps: dict[str, Tensor] | None = None, gradient_norms: bool = False
    ) -> ObjectiveValue:
        """The objective of a batch.

        Args:
            sr, hr: N×C×H×W, floats, range [0, 1]; no gradient goes to hr.
            hr_maps: `maps(hr)`, if they were computed before.
            gradient_norms: also find the norm of each weighted term's gradient with respect to `sr`.

        Warns:
            UserWarning: see `mffcn_lite.features.check_shown`.

        Raises:
            MffcnLiteError: if the shapes differ, or a tensor holds integers or what is not finite.
        """
        check_shown(sr, hr)
        if not gradient_norms:
            return self._value(sr, hr, hr_maps)
        with torch.inference_mode(False):  # gradients are asked for, whatever the caller has switched off
            sr, hr = (images.clone() if images.is_inference() else images for images in (sr, hr))
            if hr_maps is not None:
                hr_maps = {layer: maps.clone() if maps.is_inference() else maps for layer, maps in hr_maps.items()}
            sr = sr if sr.requires_grad else sr.detach().requires_grad_()
            value = self._value(sr, hr, hr_maps)
            norms = {
                name: torch.autograd.grad(term, sr, retain_graph=True)[0].norm()
                for name, term in value.weighted.items()
            }
        return replace(value, gradient_norms=norms)

    def _value(self, sr: Images, hr: Images, hr_maps: dict[str, Tensor] | None) -> ObjectiveValue:
        hr = hr.detach()  # what is aimed at does not move
        pair, sr_maps = (self.pixel_range * sr, self.pixel_range * hr), None
        if self.needs_features():
            if hr_maps is None:
                with torch.no_grad():
                    hr_maps = self.maps(hr)
            sr_maps = self.maps(sr)
            check_layers(sr_maps, hr_maps)
        on = {name: term for name, term in TERMS.items() if self.weights[name]}
        terms = {name: term.value(self, *((sr_maps, hr_maps) if term.features else pair)) for name, term in on.items()}
        weighted = {name: self.weights[name] * term for name, term in terms.items()}
        total = torch.stack(list(weighted.values())).sum() if weighted else sr.new_zeros(())
        return ObjectiveValue(total, terms, weighted)


@dataclass(frozen=True)
class Term:
    """One term: its weight in the paper, whether it compares maps of φ, and its value.

    `value` is a function of the objective, for its settings, and of two pictures N×C×H×W on its range of pixels, or of
    two dicts of maps: of sr and of hr.
    """

    weight: float
    features: bool
    value: Callable[[Objective, Any, Any], Tensor]


def _l2(o: Objective, sr: Tensor, hr: Tensor) -> Tensor:
    return l2_loss(sr, hr, o.reduction)


def _perceptual(o: Objective, sr: dict[str, Tensor], hr: dict[str, Tensor]) -> Tensor:
    last = o.features.layers[-1]
    return distance(sr[last], hr[last], o.norm, o.reduction)


def _texture(o: Objective, sr: dict[str, Tensor], hr: dict[str, Tensor]) -> Tensor:
    return texture_distance(sr, hr, o.gram, o.norm, o.reduction)


def _tv(o: Objective, sr: Tensor, hr: Tensor) -> Tensor:
    return total_variation(sr, o.tv_reduction, o.tv_form)


# Every term of the objective. To add one, add a line.
TERMS = {
    "l2": Term(10.0, False, _l2),
    "perceptual": Term(1.0, True, _perceptual),
    "texture": Term(1.0, True, _texture),
    "tv": Term(0.0001, False, _tv),
}


def create_objective(settings: dict) -> Objective:
    """The objective of a configuration: weights and options of `Objective`, and `features` with what they are made of.

    Raises:
        MffcnLiteError: if it cannot be made.
    """
    options = {key: value for key, value in settings.items() if key not in FEATURES}
    features = {key: value for key, value in settings.items() if key in FEATURES}
    try:
        return Objective(create_features(features.pop("features"), **features) if features else None, **options)
    except (TypeError, KeyError) as error:
        raise MffcnLiteError(f"this objective cannot be made ({error!r}); see mffcn_lite.losses.Objective") from error
