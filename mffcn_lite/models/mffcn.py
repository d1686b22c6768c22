"""MFFCN, the paper's network (chapter 9)."""

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.models.base import SuperResolver
from mffcn_lite.models.mff import MFF


class MFFCN(SuperResolver):
    """A chain of MFF modules, layer i concatenated into layer n − i, and the input added to the output.

    Layers count from 1 to n = `depth`; the input is layer 0. Layer n − i takes its predecessor's maps and,
    below them, those of layer i, for every i ≥ 1 with i < n − i − 1 (at i = n − i − 1 layer i is the
    predecessor itself). With n = 6: layer 1 goes into 5 and layer 2 into 4. The pair (0, n) is the global
    residual. The paper states neither depth nor width nor where activations stand.

    Args:
        width: maps of each layer but the last, which has one.
        depth: n, the number of MFF modules, at least 2.
        branch: maps of each branch of a module; as many as its output where None.
        activation: "outside" (a ReLU after each module but the last), "inside", "both" or None.
        reparameterize: see `MFF`.

    The last module starts at zero, so that training starts from the blurred photo itself.

    Raises:
        MffcnLiteError: if `width`, `depth` or `branch` is too small, or `activation` unknown.
    """

    name = "mffcn"

    def __init__(
        self,
        width: int = 16,
        depth: int = 6,
        branch: int | None = None,
        activation: str | None = "outside",
        reparameterize: bool = True,
    ):
        super().__init__()
        for argument, value, least in (("width", width, 1), ("depth", depth, 2), ("branch", branch, 1)):
            if not (isinstance(value, int) and value >= least) and not (argument == "branch" and value is None):
                raise MffcnLiteError(f"{argument} (={value}) must be a whole number of at least {least}")
        self.arguments = {
            "width": width,
            "depth": depth,
            "branch": branch,
            "activation": activation,
            "reparameterize": reparameterize,
        }
        self.radius = 2 * depth
        self.skips = {depth - i: i for i in range(1, depth) if i < depth - i - 1}
        self.layers = nn.ModuleList()
        for layer in range(1, depth + 1):
            in_channels = 1 if layer == 1 else 2 * width if layer in self.skips else width
            last = layer == depth
            inside = "inside" if activation in ("inside", "both") else None
            self.layers.append(
                MFF(in_channels, 1 if last else width, branch, inside if last else activation, reparameterize)
            )
        nn.init.zeros_(self.layers[-1].project.weight)

    def forward(self, blurred: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, "batch 1 height width"]:
        """The restored photo, N×1×H×W, not clamped."""
        maps = [blurred]
        for layer, mff in enumerate(self.layers, start=1):
            x = maps[-1]
            if layer in self.skips:
                x = torch.cat([x, maps[self.skips[layer]]], dim=1)
            maps.append(mff(x))
        return blurred + maps[-1]

    def fuse(self) -> "MFFCN":
        """A new network, the same function with one 5×5 convolution for each module, for inference.

        Raises:
            MffcnLiteError: with an activation inside the modules, or if it is fused already.
        """
        if self.arguments is None:
            raise MffcnLiteError("this MFFCN is fused already; fuse the network that it came from")
        fused = copy.deepcopy(self)
        fused.layers = nn.ModuleList(mff.fuse() for mff in self.layers)
        fused.arguments = None  # its weights are not those of any `create_model`: save the network that it came from
        return fused
