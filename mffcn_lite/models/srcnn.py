"""SRCNN (Dong et al. 2014), the paper's learned baseline, and Nie et al.'s network (chapter 7)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mffcn_lite.errors import MffcnLiteError, check_flags, check_numbers
from mffcn_lite.models.base import MOST_MAPS, MOST_SIDE, SuperResolver, check_given


class SRCNN(SuperResolver):
    """Three convolutions on the blurred photo: patches to maps, a non-linear mapping, reconstruction.

    Args:
        kernels: the sides of the three kernels; 9–1–5 in the paper under study, 9–5–5 in SRCNN's own journal version.
        maps: the maps after the first and the second layer; 64 and 32.
        residual: add the input to the output; neither paper does, it is off.
        zero_last: with a residual, start with a last layer of zeros, which is the blurred photo itself.

    Borders are padded with zeros, so that the output has the input's size.

    Raises:
        MffcnLiteError: if `kernels` are not three odd sides, or `maps` not two numbers of at least 1.
    """

    name = "srcnn"
    trained_by_steps = counted = True

    def __init__(
        self,
        kernels: Sequence[int] = (9, 1, 5),
        maps: Sequence[int] = (64, 32),
        residual: bool = False,
        zero_last: bool = True,
    ):
        super().__init__()
        check_flags(residual=residual, zero_last=zero_last)
        check_numbers("kernels", kernels, at_least=1, at_most=MOST_SIDE, whole=True)
        if len(kernels) != 3 or any(k % 2 == 0 for k in kernels):
            raise MffcnLiteError(f"kernels (={tuple(kernels)}) must be three odd sides")
        check_numbers("maps", maps, at_least=1, at_most=MOST_MAPS, whole=True)
        if len(maps) != 2:
            raise MffcnLiteError(f"maps (={tuple(maps)}) must be two numbers of at least 1")
        self.arguments = {"kernels": list(kernels), "maps": list(maps), "residual": residual, "zero_last": zero_last}
        self.residual = residual
        self.radius = sum(k // 2 for k in kernels)
        channels = (1, *maps, 1)
        self.layers = nn.Sequential()
        for i, k in enumerate(kernels):
            convolution = nn.Conv2d(channels[i], channels[i + 1], k, padding=k // 2, dtype=torch.float32)
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu" if i < 2 else "linear")
            nn.init.zeros_(convolution.bias)
            self.layers.extend([convolution, nn.ReLU()] if i < 2 else [convolution])
        if residual and zero_last:
            nn.init.zeros_(self.layers[-1].weight)

    def forward(self, blurred: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, "batch 1 height width"]:
        """The restored photo, N×1×H×W, not clamped."""
        check_given(self.name, blurred, self.layers[0])
        out = self.layers(blurred)
        return blurred + out if self.residual else out


class Nie(SRCNN):
    """The face network that the paper names with equation (1): SRCNN's body, trained under ½‖I_o − I_i‖².

    The paper gives its loss and nothing of its layers, hence the body of its other baseline. The ½ halves every
    gradient. For plain gradient descent that is half the learning rate, exactly. Adam divides the mean of the
    gradients by the root of the mean of their squares, and the ½ drops out, up to Adam's ε. Where a gradient is clipped
    to a given norm, or another term is added, the ½ counts again. So `nie` is `srcnn` once more with another path of
    rounding and clipping, and what lies between their results is the noise of training. Read to the letter, equation
    (1) compares the output with the *input*, and is least for a network that changes nothing; the sharp photo must be
    meant.
    """

    name = loss = "nie"
