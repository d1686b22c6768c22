"""FSRCNN (Dong et al. 2016): works on the small photo, and enlarges at the end by a deconvolution (chapter 7)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mffcn_lite.context import full_precision
from mffcn_lite.degrade import resample, upsample
from mffcn_lite.errors import check_flags, check_number, check_numbers, check_word
from mffcn_lite.models.base import MOST_LAYERS, MOST_MAPS, SuperResolver, check_given, scale


class FSRCNN(SuperResolver):
    """Feature extraction 5×5, shrinking 1×1, mapping 3×3, expanding 1×1, deconvolution 9×9; PReLU between.

    One body serves all factors, and each factor has a deconvolution of its own ("tail"). A tail enlarges by a
    whole factor; where that does not give the wanted size (3·31 is 93, not 92), its result covers the same field of
    view and is resampled on `degrade`'s coordinates.

    Args:
        maps: d, the maps of the first and the last layer of the body; 56.
        shrunk: s, the maps between; 12.
        depth: m, the 3×3 layers; 4.
        factors: those with a tail.
        residual: add the bicubic enlargement to the output; the paper does not.
        zero_last: with a residual, start with tails of zeros, which is the bicubic enlargement itself.

    With an even factor the centre of a small pixel lies between two large ones, and no kernel of 9 is symmetric about
    it: the tail must learn the shift.

    Raises:
        MffcnLiteError: if a number is below 1, or `factors` holds anything but whole numbers from 2 to 8.
    """

    name = "fsrcnn"
    works_on = "small"
    trained_by_steps = counted = True

    def __init__(
        self,
        maps: int = 56,
        shrunk: int = 12,
        depth: int = 4,
        factors: Sequence[int] = (2, 3, 4),
        residual: bool = False,
        zero_last: bool = True,
    ):
        super().__init__()
        check_flags(residual=residual, zero_last=zero_last)
        for argument, value, most in (
            ("maps", maps, MOST_MAPS),
            ("shrunk", shrunk, MOST_MAPS),
            ("depth", depth, MOST_LAYERS),
        ):
            check_number(argument, value, at_least=1, at_most=most, whole=True)
        check_numbers("factors", factors, at_least=2, at_most=8, whole=True)
        self.arguments = {"maps": maps, "shrunk": shrunk, "depth": depth, "factors": list(factors)}
        self.arguments |= {"residual": residual, "zero_last": zero_last}
        self.residual = residual
        shapes = [(1, maps, 5), (maps, shrunk, 1), *[(shrunk, shrunk, 3)] * depth, (shrunk, maps, 1)]
        self.body = nn.Sequential()
        for inputs, outputs, side in shapes:
            convolution = nn.Conv2d(inputs, outputs, side, padding=side // 2, dtype=torch.float32)
            nn.init.kaiming_normal_(convolution.weight, a=0.25)  # PReLU's slope at the start
            nn.init.zeros_(convolution.bias)
            self.body.extend([convolution, nn.PReLU(outputs, dtype=torch.float32)])
        self.tails = nn.ModuleDict()
        for factor in factors:
            # 2·padding − output_padding = 9 − factor makes the output `factor` times as large as the input.
            padding = (10 - factor) // 2
            beyond = 2 * padding - 9 + factor
            tail = nn.ConvTranspose2d(maps, 1, 9, factor, padding, output_padding=beyond, dtype=torch.float32)
            # An output pixel sees (9/factor)² pixels of each map.
            nn.init.normal_(tail.weight, std=0 if residual and zero_last else factor / (9 * maps**0.5))
            nn.init.zeros_(tail.bias)
            self.tails[str(factor)] = tail
        # A tail reaches 4 pixels of the large photo, 2 or less of the small one; and the bicubic kernel 2.
        self.radius = 2 + depth + (2 if residual or min(factors) < 3 else 1)

    def forward(
        self, small: Float[Tensor, "batch 1 smallheight smallwidth"], factor: int
    ) -> Float[Tensor, "batch 1 height width"]:
        """N×1×h×w to N×1×(factor·h)×(factor·w), not clamped; `factor` must have a tail.

        Raises:
            MffcnLiteError: if it has none, or the photos do not fit.
        """
        check_given(self.name, small, self.body[0])
        check_word("factor", factor, tuple(int(key) for key in self.tails))
        out = self.tails[str(factor)](self.body(small))
        return out + upsample(small, tuple(out.shape[-2:])) if self.residual else out

    def restore_given(
        self, given: Float[Tensor, "batch 1 _ _"], size: tuple[int, int], factor: int | None = None
    ) -> Float[Tensor, "batch 1 height width"]:
        """Enlarge to any `size`, with the tail of the smallest factor that reaches it, or else of the largest."""
        factors, wanted = sorted(int(key) for key in self.tails), scale(given, size)
        factor = next((f for f in factors if f >= wanted), factors[-1])
        return resample(self(given, factor), size)

    @full_precision
    def upscale(
        self, small: Float[Tensor, "batch 1 smallheight smallwidth"], size: tuple[int, int]
    ) -> Float[Tensor, "batch 1 height width"]:
        """See `restore_given`."""
        return self.restore_given(small, size)
