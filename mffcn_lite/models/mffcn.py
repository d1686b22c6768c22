"""MFFCN, the paper's network, with every reading of it that the book measures (chapter 9)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mffcn_lite.context import own_context
from mffcn_lite.errors import MffcnLiteError, check_flags, check_number, check_word
from mffcn_lite.models.base import MOST_LAYERS, MOST_MAPS, SuperResolver, check_given
from mffcn_lite.models.mff import MFF, plain

BLOCKS = {"mff": 5, "conv3": 3, "conv5": 5}  # name: the side of its largest kernel
SKIPS = ("concat", "add", "none")


class MFFCN(SuperResolver):
    """A chain of MFF modules, layer i concatenated into layer n − i, and the input added to the output.

    Layers count from 1 to n = `depth`; the input is layer 0. Layer n − i takes its predecessor's maps and, below them,
    those of layer i, for every i from 1 on as long as i < n − i − 1. That leaves out the middle: with an even
    n layer n/2 would go into itself; with an odd n layer (n − 1)/2 is its partner's predecessor, and goes into it
    anyway. With n = 6, 1 goes into 5 and 2 into 4; with n = 5, 1 goes into 4; with n = 3, 1 precedes its partner 2, and
    with n = 2 it is its own. The pair (0, n) is the global residual. `mffcn_lite.plotting.network_figure` draws it.

    The paper states no depth, no width and no activation, says both "concatenates" and "superimposed", and takes its
    sentences on skips from pix2pix, whose U-Net has strides. Hence the arguments:

    Args:
        width: maps of each layer but the last, which has one.
        depth: n, from 2 to 200.
        branch: maps of each branch of an MFF module; as many as its output where None.
        activation: "outside" (a ReLU after each layer but the last), "inside" (in each MFF), "both" or None.
        reparameterize: see `MFF`.
        skip: "concat", "add" (layer i's maps are added to the predecessor's) or "none".
        residual: add the input to the output.
        block: "mff", or a plain convolution in the place of each module: "conv3" or "conv5". "conv3" with
            `skip="none"` is VDSR's form (Kim et al. 2016).
        strided: layers halve the picture up to the middle, and double it again after that (nearest neighbour, then the
            layer). Layer j's maps are halved min(j, n − 1 − j) times, so that what is joined has one size.
        zero_last: with a residual, start with a last layer of zeros, which is the blurred photo itself.

    Raises:
        MffcnLiteError: for an unknown word, a number that is too small, or arguments that an MFF alone can have.
    """

    name = "mffcn"
    paper_loss = "objective"
    trained_by_steps = counted = True

    def __init__(
        self,
        width: int = 16,
        depth: int = 6,
        branch: int | None = None,
        activation: str | None = "outside",
        reparameterize: bool = True,
        skip: str = "concat",
        residual: bool = True,
        block: str = "mff",
        strided: bool = False,
        zero_last: bool = True,
    ):
        super().__init__()
        check_flags(reparameterize=reparameterize, residual=residual, strided=strided, zero_last=zero_last)
        check_number("width", width, at_least=1, at_most=MOST_MAPS, whole=True)
        check_number("depth", depth, at_least=2, at_most=MOST_LAYERS, whole=True)
        check_number("branch", branch, at_least=1, at_most=MOST_MAPS, whole=True, none=True)
        check_word("skip", skip, SKIPS)
        check_word("block", block, tuple(BLOCKS))
        if block != "mff" and (branch is not None or activation in ("inside", "both")):
            raise MffcnLiteError(f"block (={block!r}) has no branches: leave out branch, and activations inside")
        self.arguments = {"width": width, "depth": depth, "branch": branch, "activation": activation}
        self.arguments |= {"reparameterize": reparameterize, "skip": skip, "residual": residual, "block": block}
        self.arguments |= {"strided": strided, "zero_last": zero_last}
        self.residual, self.skip = residual, skip
        self.skips = {} if skip == "none" else {depth - i: i for i in range(1, depth) if i < depth - i - 1}
        # How many times the maps of each layer, from 0 on, were halved.
        self.levels = [min(j, max(0, depth - 1 - j)) if strided else 0 for j in range(depth + 1)]
        self.stride = 2 ** max(self.levels)
        self.radius = 0
        self.layers = nn.ModuleList()
        for layer in range(1, depth + 1):
            in_channels = 1 if layer == 1 else 2 * width if skip == "concat" and layer in self.skips else width
            out_channels, inner = (width, activation) if layer < depth else (1, _inside_of(activation))
            before, after = self.levels[layer - 1 : layer + 1]
            stride = 2 if after > before else 1
            if block == "mff":
                module = MFF(in_channels, out_channels, branch, inner, reparameterize, stride)
            else:
                module = plain(in_channels, out_channels, BLOCKS[block], inner, stride)
            self.layers.append(module)
            # A layer works on the finer of its two sizes; doubling looks up to one pixel further.
            self.radius += (BLOCKS[block] // 2 + (after < before)) * 2 ** min(before, after)
        if residual and zero_last:
            nn.init.zeros_((self.layers[-1].project if block == "mff" else self.layers[-1][0]).weight)

    def forward(self, blurred: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, "batch 1 height width"]:
        """The restored photo, N×1×H×W, not clamped."""
        first = self.layers[0]
        check_given(self.name, blurred, first.branches[0] if isinstance(first, MFF) else first[0])
        maps, sizes = [blurred], {0: blurred.shape[-2:]}
        for layer, module in enumerate(self.layers, start=1):
            x = maps[-1]
            if layer in self.skips:
                partner = maps[self.skips[layer]]
                x = x + partner if self.skip == "add" else torch.cat([x, partner], dim=1)
            level = self.levels[layer]
            if level < self.levels[layer - 1]:
                height, width = sizes[level]
                x = functional.interpolate(x, scale_factor=2, mode="nearest")[..., :height, :width]
            maps.append(module(x))
            sizes[level] = maps[-1].shape[-2:]
        return blurred + maps[-1] if self.residual else maps[-1]

    @own_context()
    def fuse(self) -> "MFFCN":
        """A new network, the same function with one 5×5 convolution for each module: the one with `block="conv5"`.

        Raises:
            MffcnLiteError: with an activation inside the modules, or if there are none to fuse.
        """
        if self.arguments["block"] != "mff":
            raise MffcnLiteError("this MFFCN is made of plain convolutions: it is fused already, or has no MFF modules")
        layers = nn.ModuleList(module.fuse() for module in self.layers)
        with torch.device("meta"):  # its own layers are thrown away
            fused = MFFCN(**{**self.arguments, "block": "conv5", "branch": None})
        fused.layers = layers
        fused.train(self.training)
        if hasattr(self, "card"):
            fused.card = self.card
        return fused


def _inside_of(activation: str | None) -> str | None:
    """What is left of `activation` in the last layer, which has none outside: its maps are the picture."""
    return "inside" if activation in ("inside", "both") else None
