"""What every system shares: a name, its arguments, and one call."""

from jaxtyping import Float
from torch import Tensor, nn

from mffcn_lite.degrade import upsample


class SuperResolver(nn.Module):
    """A system of the book. Subclasses set `name` and keep their constructor's arguments in `arguments`.

    `forward(blurred)` maps N×1×H×W to N×1×H×W; `upscale(small, size)` starts from the small photo.
    `radius` is how many pixels away an input pixel can change an output pixel (0: none but itself).
    """

    name: str
    arguments: dict
    radius: int = 0

    def restore(
        self, blurred: Float[Tensor, "batch channel height width"], factor: int | None = None
    ) -> Float[Tensor, "batch channel height width"]:
        """The restored photo. A system with one form for all factors, as the networks are, does without `factor`."""
        return self(blurred)

    def upscale(
        self, small: Float[Tensor, "batch channel smallheight smallwidth"], size: tuple[int, int]
    ) -> Float[Tensor, "batch channel height width"]:
        """Enlarge a batch of small photos, floats in [0, 1], to `size` = (height, width).

        The result is not clamped: a network or a kernel may overshoot [0, 1] a little.
        """
        return self.restore(upsample(small, size), round(size[0] / small.shape[-2]))


def count_parameters(model: nn.Module) -> int:
    """How many numbers `model` learns."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
