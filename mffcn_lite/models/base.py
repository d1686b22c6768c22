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

    def upscale(
        self, small: Float[Tensor, "batch 1 smallheight smallwidth"], size: tuple[int, int]
    ) -> Float[Tensor, "batch 1 height width"]:
        """Enlarge a batch of small photos, floats in [0, 1], to `size` = (height, width).

        The result is not clamped: a network or a kernel may overshoot [0, 1] a little.
        """
        return self(upsample(small, size))


def count_parameters(model: nn.Module) -> int:
    """How many numbers `model` learns."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
