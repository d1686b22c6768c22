"""A large residual network without normalisation, as EDSR (Lim et al. 2017), with a tail for each factor."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mffcn_lite.degrade import resample, upsample
from mffcn_lite.models.base import SuperResolver, scale


class Block(nn.Module):
    """Its input, and what two convolutions with a ReLU between them add to it."""

    def __init__(self, maps: int):
        super().__init__()
        self.first, self.second = (nn.Conv2d(maps, maps, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """N×maps×h×w to the same."""
        return x + self.second(torch.relu(self.first(x)))


class Residual(SuperResolver):
    """A body on the small photo, and a tail for each factor; what comes out is added to bicubic's result.

    Args:
        maps: of each layer.
        blocks: of two convolutions each.
        factors: that have a tail.
    """

    name = "residual"
    works_on = "small"
    trained_by_steps = True

    def __init__(self, maps: int = 96, blocks: int = 24, factors: Sequence[int] = (2, 3, 4)):
        super().__init__()
        self.arguments = {"maps": maps, "blocks": blocks, "factors": list(factors)}
        self.radius = 2 * blocks + 3 + 2  # and bicubic's kernel
        self.head = nn.Conv2d(1, maps, 3, padding=1)
        self.body = nn.Sequential(*(Block(maps) for _ in range(blocks)), nn.Conv2d(maps, maps, 3, padding=1))
        self.tails = nn.ModuleDict({str(f): nn.Conv2d(maps, f * f, 3, padding=1) for f in factors})
        for tail in self.tails.values():  # it begins as bicubic
            nn.init.zeros_(tail.weight)
            nn.init.zeros_(tail.bias)

    def forward(self, small: Tensor, factor: int) -> Tensor:
        """N×1×h×w to N×1×(factor·h)×(factor·w), not clamped."""
        maps = self.head(small)
        out = nn.functional.pixel_shuffle(self.tails[str(factor)](maps + self.body(maps)), factor)
        return out + upsample(small, tuple(out.shape[-2:]))

    def restore_given(self, given: Tensor, size: tuple[int, int], factor: int | None = None) -> Tensor:
        """Enlarged to any `size`, with the tail of the nearest factor."""
        return resample(self(given, scale(given, size)), size)

    def upscale(self, small: Tensor, size: tuple[int, int]) -> Tensor:
        """See `restore_given`."""
        return self.restore_given(small, size)
