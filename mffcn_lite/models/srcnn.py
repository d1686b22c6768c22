"""SRCNN (Dong et al. 2014), the paper's learned baseline (chapter 7)."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.models.base import SuperResolver


class SRCNN(SuperResolver):
    """Three convolutions on the blurred photo: patches to maps, a non-linear mapping, reconstruction.

    Args:
        kernels: the sides of the three kernels; 9–1–5 in the paper under study.
        maps: the maps after the first and the second layer; 64 and 32.
        residual: add the input to the output; neither paper does, it is off.

    Borders are padded with zeros, so that the output has the input's size.

    Raises:
        MffcnLiteError: if `kernels` are not three odd sides, or `maps` not two numbers of at least 1.
    """

    name = "srcnn"

    def __init__(self, kernels: Sequence[int] = (9, 1, 5), maps: Sequence[int] = (64, 32), residual: bool = False):
        super().__init__()
        if len(kernels) != 3 or any(k < 1 or k % 2 == 0 for k in kernels):
            raise MffcnLiteError(f"kernels (={tuple(kernels)}) must be three odd sides")
        if len(maps) != 2 or min(maps) < 1:
            raise MffcnLiteError(f"maps (={tuple(maps)}) must be two numbers of at least 1")
        self.arguments = {"kernels": list(kernels), "maps": list(maps), "residual": residual}
        self.residual = residual
        self.radius = sum(k // 2 for k in kernels)
        channels = (1, *maps, 1)
        self.layers = nn.Sequential()
        for i, k in enumerate(kernels):
            convolution = nn.Conv2d(channels[i], channels[i + 1], k, padding=k // 2)
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu" if i < 2 else "linear")
            nn.init.zeros_(convolution.bias)
            self.layers.extend([convolution, nn.ReLU()] if i < 2 else [convolution])
        if residual:  # start as the identity
            nn.init.zeros_(self.layers[-1].weight)

    def forward(self, blurred: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, "batch 1 height width"]:
        """The restored photo, N×1×H×W, not clamped."""
        out = self.layers(blurred)
        return blurred + out if self.residual else out
