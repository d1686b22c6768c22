"""Choose the recipe `fast` on validation people: the same short grid for each network.

    python benchmarks/recipe_trials.py mffcn        (about 30 minutes on one core)

Trains on 28 of the 32 training people and measures PSNR on the other 4; the 8 test people are not touched.
Writes mffcn_lite/results/trials_<model>.json after each trial, and goes on from there.
"""

import dataclasses
import os
import sys
import time
from pathlib import Path

import torch

from mffcn_lite.data import FaceSet, load_faces
from mffcn_lite.environment import describe_environment
from mffcn_lite.evaluation import RESULTS
from mffcn_lite.files import read_json, write_json
from mffcn_lite.models import create_model
from mffcn_lite.runs import people_for_training, validate
from mffcn_lite.training import TrainingConfig, recipe_for, train

BASE = TrainingConfig(
    steps=6000,
    crop=48,
    flip=True,
    reduction="mean",
    beta1=0.9,
    schedule="cosine",
    warmup=200,
    clip=0.02,
    ema=0.999,
)
GRID = [
    {"lr": 1e-3},
    {"lr": 2e-3},
    {"lr": 4e-3},
    {"lr": 2e-3, "beta1": 0.5},
    {"lr": 2e-3, "crop": None, "batch": 3},
    {"lr": 1e-3, "crop": None, "batch": 3},
    {"lr": 4e-3, "crop": None, "batch": 3},
    {"lr": 2e-3, "crop": None, "batch": 3, "beta1": 0.5},
]


def open_trials(name: str) -> tuple[FaceSet, FaceSet, Path, dict]:
    """(photos to learn from, photos to choose on, where the trials are stored, those that are stored already)."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    faces, validation, people = people_for_training(load_faces("orl"), hold_out=True)
    path = RESULTS / f"trials_{name}.json"
    results = read_json(path) if path.exists() else {"model": name, "trials": []}
    return faces, validation, path, results | {key: people[key] for key in ("training_people", "validation_people")}


def store_trial(path: Path, results: dict, trial: dict) -> None:
    """Add a trial to `results`, and write them."""
    print(results["model"], trial, flush=True)
    results["trials"].append(trial)
    results["environment"] = describe_environment()
    write_json(path, results)


def main(name: str) -> None:
    """Run the trials that are missing, one after the other."""
    faces, validation, path, results = open_trials(name)
    for options in GRID[len(results["trials"]) :]:
        config = dataclasses.replace(BASE, loss=recipe_for(name).loss, **options)
        torch.manual_seed(config.seed)
        start = time.perf_counter()
        best = train(create_model(name), faces, config).best
        seconds = time.perf_counter() - start
        scores = validate(best, validation, config, torch.device("cpu"))
        trial = {"options": options, "steps": config.steps, "seconds": round(seconds), "validation_psnr": scores}
        store_trial(path, results, trial)


if __name__ == "__main__":
    main(sys.argv[1])
