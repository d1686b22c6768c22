"""What every system shares: a name, its arguments, and one call."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mffcn_lite.context import AUTOCAST, full_precision
from mffcn_lite.degrade import Images, SmallImages, check_size, degrade, downsample, upsample
from mffcn_lite.errors import MffcnLiteError, check_beside, check_images, described

# What a card may claim at most, and anybody else: without a bound, a number in a file makes a machine hang.
MOST_MAPS, MOST_LAYERS, MOST_SIDE, MOST_FACTOR = 4096, 200, 99, 64
MOST_WEIGHTS = 10**8


class SuperResolver(nn.Module):
    """A system of the book. Subclasses set `name` and keep their constructor's arguments in `arguments`.

    `forward(blurred)` maps N×1×H×W to N×1×H×W; `upscale(small, size)` starts from the small photo. It and `reconstruct`
    compute in full precision, whatever the caller has set; `forward` and what training calls, `restore_given`, heed
    his autocast.

    Attributes:
        works_on: "blurred", or "small" for a system that takes the small photo as it is.
        trained_by_steps: it is a network, for `mffcn_lite.training.train`; a system with `fit` is fitted at once, and
            one without either needs no training.
        loss: under which it is trained where nobody says another; a name of `mffcn_lite.losses.LOSSES`.
        paper_loss: under which the paper trains it, where that is another.
        counted: it works by layers, whose multiplications can be counted.
        radius: how many pixels away a pixel of what it works on can change the result (0: none but itself);
            None where a pixel can reach everywhere, or the order of the work matters.
        stride: a tile of a large picture must begin at a multiple of it.
    """

    name: str
    arguments: dict
    works_on: str = "blurred"
    trained_by_steps: bool = False
    loss: str = "l2"
    paper_loss: str | None = None
    counted: bool = False
    radius: int | None = 0
    stride: int = 1

    @classmethod
    def needs_training(cls) -> bool:
        """Whether it is of use only after it has seen photos."""
        return cls.trained_by_steps or hasattr(cls, "fit")

    def trained_factors(self) -> list[int] | None:
        """The factors that it was trained for, where it serves no others."""
        return getattr(self, "card", {}).get("config", {}).get("factors")

    def check_factor(self, factor: int | None) -> None:
        """Refuse a factor that it was not trained for, where it serves no others.

        Raises:
            MffcnLiteError: which names those that it was trained for.
        """
        trained = self.trained_factors()
        if trained and factor not in trained:
            choices = ", ".join(map(str, trained))
            raise MffcnLiteError(f"factor (={factor}) must be one of {choices}, which this {self.name} was trained for")

    def check(self) -> None:
        """Refuse what is no system: called when weights were read from a file.

        Raises:
            MffcnLiteError: if a number is missing or not finite.
        """
        for name, tensor in self.state_dict().items():
            if tensor.is_meta:
                raise MffcnLiteError(
                    f"{name} of {self.name} has no numbers: it lies on the meta device; load or train it"
                )
            if tensor.is_floating_point() and not tensor.isfinite().all():
                raise MffcnLiteError(f"{name} of {self.name} holds numbers that are not finite; copy or train it again")

    def restore(self, blurred: Images, factor: int | None = None) -> Images:
        """The restored photo. A system with one form for all factors, as the networks are, does without `factor`."""
        return self(blurred)

    def take(self, small: SmallImages, size: tuple[int, int]) -> Float[Tensor, "batch channel _ _"]:
        """What it works on, out of the small photo: that itself, or its enlargement to `size`."""
        return small if self.works_on == "small" else upsample(small, size)

    def restore_given(
        self, given: Float[Tensor, "batch channel _ _"], size: tuple[int, int], factor: int | None = None
    ) -> Images:
        """The restored photo of `size`, from what it works on."""
        return self.upscale(given, size) if self.works_on == "small" else self.restore(given, factor)

    @full_precision
    def upscale(self, small: SmallImages, size: tuple[int, int]) -> Images:
        """Enlarge a batch of small photos, floats in [0, 1], to `size` = (height, width).

        The result is not clamped: a network or a kernel may overshoot [0, 1] a little.
        """
        return self.restore(upsample(small, size), scale(small, size))

    @full_precision
    def reconstruct(self, hr: Images, factor: int, kernel: str = "bicubic") -> Images:
        """What the system makes of `hr` after its degradation with `kernel`, by which it is enlarged again too.

        A system that works on the small photo enlarges as it always does.
        """
        given = downsample(hr, factor, kernel) if self.works_on == "small" else degrade(hr, factor, kernel)
        return self.restore_given(given, tuple(hr.shape[-2:]), factor)


def check_given(name: str, given: Tensor, layer: nn.Conv2d | None = None) -> None:
    """Refuse what the system `name` cannot work on; with `layer`, what cannot go into that one.

    Raises:
        MffcnLiteError: if it is no batch of pictures, in float32 or float64; or not of the layer's channels, kind of
            floats (which autocast chooses, where it is on) and device.
    """
    check_images("the photos", given)
    kinds = (torch.float32, torch.float64)
    if layer is not None:
        check_beside("the photos", given, "the weights", layer.weight)
        if given.shape[1] != layer.in_channels:
            wanted = "grey photos, N×1×H×W (colour goes through mffcn_lite.pictures.enlarge)"
            wanted = wanted if layer.in_channels == 1 else f"maps of {layer.in_channels} channels"
            raise MffcnLiteError(f"{name} works on {wanted}; these are {described(given)}")
        kinds = (given.dtype if any(map(torch.is_autocast_enabled, AUTOCAST)) else layer.weight.dtype,)
    if given.dtype not in kinds:
        raise MffcnLiteError(
            f"{name} computes in {kinds[0]}, and the photos are {described(given)}; convert one with .to"
        )


def scale(small: SmallImages, size: tuple[int, int]) -> int:
    """The whole factor that is nearest to the one between `small` and `size`."""
    check_images("small", small)
    check_size(size)
    return round(size[0] / small.shape[-2])
