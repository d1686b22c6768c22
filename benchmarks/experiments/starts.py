"""Skips or initialisation? A deep, narrow MFFCN from two starts, with and without skips, on validation people.

    python -m benchmarks.experiments.starts    (about twenty minutes on one core that is free)

Writes mffcn_lite/results/starts.json after each trial, and goes on from there. The test people are not touched.
"""

import dataclasses
import time

import torch
from torch import nn

from benchmarks.experiments.recipe_trials import BASE
from benchmarks.helpers.storing import begun, store
from mffcn_lite.data import load_faces, people_for_training
from mffcn_lite.models import MFFCN, create_model
from mffcn_lite.training import train
from mffcn_lite.training.recording import validate

SIZE = {"width": 8, "depth": 12}
CONFIG = dataclasses.replace(BASE, steps=600, factors=(3,), batch=4, crop=48, lr=4e-3, warmup=10, ema=None)
EVERY = 75  # steps between two measurements
PAIRS = [(start, skip) for start in ("default", "he") for skip in ("none", "concat")]
# (start, skip, learning rate, seed). The other rates: is it only the wrong one for a chain that fails?
TRIALS = [
    *[(start, skip, CONFIG.lr, seed) for seed in (0, 1, 2) for start, skip in PAIRS],
    *[("default", "none", rate, 0) for rate in (1e-3, 1.6e-2)],
    ("he", "none", 1e-3, 1),
    # How often does a chain from He's start die, with skips and without, and at a quarter of the rate?
    *[("he", skip, CONFIG.lr, seed) for seed in range(3, 10) for skip in ("none", "concat")],
    *[("he", "none", 1e-3, seed) for seed in (0, *range(2, 10))],
]


def create(start: str, skip: str, seed: int) -> MFFCN:
    """MFFCN with its own start, or with torch's default in all layers but the last, which is zero in both."""
    torch.manual_seed(seed)
    model = MFFCN(skip=skip, **SIZE)
    if start == "default":
        for module in model.layers[:-1].modules():
            if isinstance(module, nn.Conv2d):
                module.reset_parameters()
    return model


def main() -> None:
    """The trials that are missing."""
    torch.set_num_threads(1)
    faces, validation, people = people_for_training(load_faces("orl"), hold_out=True)
    budget, cpu = dataclasses.asdict(CONFIG) | SIZE, torch.device("cpu")
    results = begun("starts") or {"budget": budget, "every": EVERY, "trials": []}
    results |= {key: people[key] for key in ("training_people", "validation_people")}
    results["bicubic"] = validate(create_model("bicubic"), validation, CONFIG, cpu)["3"]
    for start, skip, rate, seed in TRIALS[len(results["trials"]) :]:
        config = dataclasses.replace(CONFIG, lr=rate, seed=seed)
        start_time, scores = time.perf_counter(), []

        def look(state, terms, config=config, scores=scores):
            if state.step % EVERY == 0:
                scores.append(validate(state.best, validation, config, cpu)["3"])

        train(create(start, skip, seed), faces, config, on_step=look)
        trial = {"start": start, "skip": skip, "lr": rate, "seed": seed, "validation_psnr": scores}
        trial["seconds"] = round(time.perf_counter() - start_time)
        print(trial, flush=True)
        results["trials"].append(trial)
        store("starts", results, unfinished=len(TRIALS) - len(results["trials"]))


def probe() -> list:
    """A few steps from each start."""
    faces, validation, _ = people_for_training(load_faces("orl"), hold_out=True)
    found, config = [], dataclasses.replace(CONFIG, steps=5)
    for start, skip in PAIRS:
        state = train(create(start, skip, 0), faces, config)
        found.append([state.best.state_dict(), validate(state.best, validation, CONFIG, torch.device("cpu"))])
    return found


if __name__ == "__main__":
    main()
