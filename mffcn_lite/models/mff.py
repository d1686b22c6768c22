"""MFF, the multi-scale feature fusion module, and the one convolution that it equals (chapter 8)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mffcn_lite.context import full_precision, own_context
from mffcn_lite.errors import MffcnLiteError, check_flags, check_number, check_word
from mffcn_lite.models.base import MOST_MAPS, check_given

ACTIVATIONS = (None, "inside", "outside", "both")
FEW = 16  # maps up to which three convolutions take longer than one, whatever they multiply (make bench)


def plain(in_channels: int, out_channels: int, side: int, activation: str | None, stride: int = 1) -> nn.Sequential:
    """A convolution of `side`×`side` with He et al.'s variance, and a ReLU where `activation` is "outside".

    Raises:
        MffcnLiteError: for an activation that it cannot have.
    """
    if activation not in (None, "outside"):
        raise MffcnLiteError(f"activation (={activation!r}) of a plain convolution must be 'outside' or None")
    convolution = nn.Conv2d(in_channels, out_channels, side, stride, padding=side // 2, dtype=torch.float32)
    nn.init.kaiming_normal_(convolution.weight)
    nn.init.zeros_(convolution.bias)
    return nn.Sequential(convolution, nn.ReLU()) if activation == "outside" else nn.Sequential(convolution)


class MFF(nn.Module):
    """1×1, 3×3 and 5×5 convolutions of the same input, concatenated, mapped by a 1×1 convolution.

    Without an activation inside it is one 5×5 convolution, whose kernel follows from the branches' (`fused_kernel`), as
    in RepVGG (Ding et al. 2021) and Diverse Branch Block (Ding et al. 2021). For a pixel the branches take
    35·Cin·Cb + 3·Cb·Cout multiplications and the fused kernel 25·Cin·Cout: with branches as wide as the output 25 C²
    in place of 38 C², with a third of that width 25 C² in place of 12⅔ C². With few maps one convolution is faster on
    a CPU all the same, since reading and writing the maps takes the time. Fused it computes nothing that a 5×5
    convolution can't (and less, if Cb < min(Cin, Cout)): the branches can change only how the kernel is found.

    Args:
        in_channels, out_channels: Cin and Cout, channels of the input and of the output.
        branch: Cb, channels of each branch; `out_channels` where None. The paper does not state it.
        activation: where a ReLU stands: "inside" (on the concatenation), "outside" (on the output), "both"
            or None. The paper does not state it.
        reparameterize: without an activation inside, compute the fused kernel from the branches at each call and
            convolve once, where that pays: the same function and gradients.
        stride: of all three branches; 2 halves the picture.

    Attributes:
        fusing_pays: whether the fused kernel multiplies less, or both Cin and Cout are at most 16.

    Raises:
        MffcnLiteError: for an unknown activation, or numbers below 1.
    """

    sides = (1, 3, 5)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        branch: int | None = None,
        activation: str | None = None,
        reparameterize: bool = True,
        stride: int = 1,
    ):
        super().__init__()
        check_flags(reparameterize=reparameterize)
        check_word("activation", activation, ACTIVATIONS)
        branch = out_channels if branch is None else branch
        numbers = {"in_channels": in_channels, "out_channels": out_channels, "branch": branch, "stride": stride}
        for name, number in numbers.items():
            check_number(name, number, at_least=1, at_most=2 * MOST_MAPS, whole=True)  # two layers' maps may be joined
        self.inside, self.outside = activation in ("inside", "both"), activation in ("outside", "both")
        self.stride = stride
        fewer = 25 * in_channels * out_channels < 35 * in_channels * branch + 3 * branch * out_channels
        self.fusing_pays = fewer or max(in_channels, out_channels) <= FEW
        self.reparameterize = reparameterize and not self.inside and self.fusing_pays
        self.branches = nn.ModuleList(
            nn.Conv2d(in_channels, branch, side, stride, padding=side // 2, dtype=torch.float32) for side in self.sides
        )
        self.project = nn.Conv2d(len(self.sides) * branch, out_channels, 1, dtype=torch.float32)
        self.initialise()

    @torch.no_grad()
    def initialise(self) -> None:
        """Scale the weights so that the *fused* kernel has He et al.'s variance: its squares sum to 2 an output.

        With each convolution initialised for itself two initialisations multiply, and a deep stack
        shrinks its signal layer by layer.
        """
        for convolution in (*self.branches, self.project):
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="linear")
            nn.init.zeros_(convolution.bias)
        kernel, _ = self.fused_kernel()
        self.project.weight.mul_(math.sqrt(2.0) / kernel.square().sum((1, 2, 3)).mean().sqrt())

    @full_precision
    def fused_kernel(self) -> tuple[Float[Tensor, "out in 5 5"], Float[Tensor, " out"]]:
        """Weight and bias of the one 5×5 convolution that the module equals without an activation inside.

        Each branch's kernel is padded with zeros to 5×5, centred; the 1×1 convolution then mixes them:
        W[o] = Σ_j P[o, j] · K[j], and b[o] = P[o] · β + p[o]. Differentiable in the branches' weights.
        """
        largest = max(self.sides)
        kernels = torch.cat([functional.pad(c.weight, [(largest - c.kernel_size[0]) // 2] * 4) for c in self.branches])
        biases = torch.cat([c.bias for c in self.branches])
        mix = self.project.weight[:, :, 0, 0]
        weight = (mix @ kernels.flatten(1)).unflatten(1, kernels.shape[1:])
        return weight, mix @ biases + self.project.bias

    def forward(self, x: Float[Tensor, "batch in height width"]) -> Float[Tensor, "batch out _ _"]:
        """N×in×H×W to N×out×⌈H/stride⌉×⌈W/stride⌉; borders are padded with zeros."""
        check_given("this MFF", x, self.branches[0])
        if self.reparameterize:
            weight, bias = self.fused_kernel()
            x = functional.conv2d(x, weight, bias, self.stride, padding=max(self.sides) // 2)
        else:
            x = torch.cat([convolution(x) for convolution in self.branches], dim=1)
            x = self.project(x.relu() if self.inside else x)
        return x.relu() if self.outside else x

    @own_context()
    def fuse(self) -> nn.Sequential:
        """A new module, the same function as one plain 5×5 convolution (and a ReLU, if one stands outside).

        Raises:
            MffcnLiteError: with an activation inside, where no such convolution exists.
        """
        if self.inside:
            raise MffcnLiteError("an MFF with an activation inside equals no single convolution and cannot be fused")
        with torch.no_grad():  # its weights may come from inference mode, of which autograd wants to know nothing
            weight, bias = self.fused_kernel()
        with torch.device("meta"):  # no weights are drawn: the random state stays as it is
            fused = plain(*weight.shape[1::-1], max(self.sides), "outside" if self.outside else None, self.stride)
        fused = fused.to_empty(device=weight.device).to(weight.dtype)
        fused[0].load_state_dict({"weight": weight, "bias": bias})
        return fused
