"""The wide probe: parts of the package that no experiment's short probe comes to, tried on small inputs.

    PYTHONPATH=tree python benchmarks/wide.py    (a JSON line; of the package in that tree)

Each function below returns numbers. Where they have the same bits before and after a change, all that was executed for
them is proven to be as it was, for every result. `python -m benchmarks restamp` runs it on both sides.
"""

import dataclasses
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import mffcn_lite
from benchmarks.probes import Executed, digest
from mffcn_lite.checkpoint import load_model
from mffcn_lite.data import FaceSet, load_faces, people_for_training, save_faces, split_by_person, split_by_photo
from mffcn_lite.degrade import KERNEL_NAMES, degrade, downsample, upsample
from mffcn_lite.device import choose_device
from mffcn_lite.evaluation import evaluate, summarize
from mffcn_lite.features import create_features
from mffcn_lite.files import read_json, sha256, write_json
from mffcn_lite.losses import Objective
from mffcn_lite.metrics import psnr, ssim
from mffcn_lite.models import create_model
from mffcn_lite.training import RECIPES, TrainingConfig, TrainingState
from mffcn_lite.training.runs import run_training

ROOT = Path(mffcn_lite.__file__).parents[1]  # of the tree that is tried


def noise(*shape: int) -> np.ndarray:
    """Pixels."""
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def photos() -> torch.Tensor:
    """Two photos of faces, the one that resembles the other."""
    return load_faces("orl")[:2].floats()


def resampling() -> list:
    """Every kernel, down and up, where the factor divides and where not."""
    hr = photos()
    return [
        [degrade(hr, factor, kernel), downsample(hr, factor, kernel, antialias=False), upsample(hr, (50, 41), kernel)]
        for kernel in KERNEL_NAMES
        for factor in (2, 3)
    ]


def networks() -> list:
    """Every form of a network, and a step of each."""
    forms = {"srcnn": ({}, {"residual": True}), "nie": ({},), "fsrcnn": ({}, {"residual": True, "zero_last": False})}
    blocks = ({"block": "conv3"}, {"block": "conv5", "skip": "add"}, {"strided": True}, {"activation": "both"})
    forms["mffcn"] = ({}, {"reparameterize": False}, {"branch": 5, "zero_last": False}, *blocks)
    found = []
    for name, options in forms.items():
        for arguments in options:
            torch.manual_seed(0)
            model = create_model(name, **arguments)
            sr = [model.reconstruct(photos(), factor) for factor in (2, 3)]
            sum(one.square().mean() for one in sr).backward()
            found.append([[one.detach() for one in sr], [weight.grad for weight in model.parameters()]])
    return found


def shipped() -> list:
    """Every system that is ready for use."""
    names = ("nearest", "bilinear", "bicubic", "lanczos", "ibp", "pocs", "wiener", "example", "sparse", "forest")
    with torch.inference_mode():
        hr = photos()[:1, :, 30:70, 20:60]
        return [
            [load_model(name).reconstruct(hr, factor) for factor in (2, 3)]
            for name in (*names, "srcnn", "nie", "fsrcnn", "mffcn", "mffcn-full")
        ]


def sets() -> list:
    """A set on disk, and the splits."""
    with tempfile.TemporaryDirectory() as folder:
        faces = FaceSet(noise(30, 1, 12, 10), np.arange(30) // 3, [f"{i}" for i in range(30)], {"source": "noise"})
        save_faces(faces, Path(folder, "set"))
        read = load_faces(Path(folder, "set"))
        parts = [*split_by_person(read), *split_by_photo(read), *people_for_training(read, hold_out=True)[:2]]
        return [[part.floats(), list(part.who()), list(part.names)] for part in (read, *parts)]


def files() -> list:
    """A file's hash and content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "card.json")
        write_json(path, {"a": [1, 2.5, None, "é"]})
        return [read_json(path), sha256(path), choose_device("cpu").type, choose_device().type]


def terms() -> list:
    """Each term of the objective alone, in two readings, with its gradient."""
    torch.manual_seed(0)
    features, found = create_features("vgg16-imagenet"), []
    for build in (Objective.as_written, Objective.mixed):
        objective = build(features)
        for name in objective.weights:
            objective.weights = {one: float(one == name) for one in objective.weights}
            sr = (photos() * 0.9).requires_grad_()
            value = objective(sr, photos())
            found.append([name, value.total.detach(), torch.autograd.grad(value.total, sr)[0]])
    return found


def training() -> list:
    """A run on disk with all that can be on, stopped and gone on with; and its log."""
    with tempfile.TemporaryDirectory() as folder:
        people = np.arange(40) // 2
        save_faces(FaceSet(noise(40, 1, 24, 20), people, [f"{i}" for i in range(40)], {}), Path(folder, "set"))
        options = {"steps": 6, "batch": 2, "checkpoint_every": 2, "validate_every": 3, "flip": True, "crop": 16}
        config = dataclasses.replace(RECIPES["fast"], warmup=2, **options)
        found = []
        for name in ("srcnn", "fsrcnn"):
            run = Path(folder, name)
            run_training(run, str(Path(folder, "set")), name, config, stop_after=3, device="cpu")
            run_training(run, str(Path(folder, "set")), name, config, resume=True, device="cpu")
            log = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
            found += [load_model(run).state_dict(), log]
        return found


def measuring() -> list:
    """The table of two systems."""
    faces = load_faces("orl")[:3]
    rows = summarize(evaluate({name: load_model(name) for name in ("bicubic", "srcnn")}, faces))
    return [rows, psnr(photos(), photos().flip(0), data_range=1.0), ssim(photos(), photos().flip(0), data_range=1.0)]


def fields(*classes: type) -> dict[str, dict[str, str]]:
    """The defaults of some classes' fields, by "module:class"; and each recipe."""

    def said(value: object) -> str:
        return "required" if value is dataclasses.MISSING else repr(value)

    found = {
        f"{one.__module__}:{one.__name__}": {field.name: said(field.default) for field in dataclasses.fields(one)}
        for one in classes
    }
    recipes = {
        f"{name}.{key}": repr(value)
        for name, recipe in RECIPES.items()
        for key, value in dataclasses.asdict(recipe).items()
    }
    return found | {f"{TrainingConfig.__module__}:RECIPES": recipes}


TRIED = (resampling, networks, shipped, sets, files, terms, training, measuring)


def attempt(function: Callable[[], list]) -> dict:
    """The digest of what a function returns and what it executed; or why it could not."""
    torch.manual_seed(0)
    try:
        with Executed(ROOT) as executed:
            found = function()
        return {"digest": digest(found), "executed": sorted(map(list, executed.keys))}
    except Exception as error:  # in a tree where something has another name
        return {"digest": f"{type(error).__name__}: {error}", "executed": []}


if __name__ == "__main__":
    torch.set_num_threads(1)
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    tried = {function.__name__: attempt(function) for function in TRIED}
    print(json.dumps({"tried": tried, "fields": fields(TrainingConfig, TrainingState)}))
