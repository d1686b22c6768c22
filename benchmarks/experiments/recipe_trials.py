"""Choose the recipe `fast` and the ends of each network on validation people: the same twenty trials for each.

    python -m benchmarks.experiments.recipe_trials mffcn    (about three hours of processor time; a trial a core)

Trains on 28 of the 32 training people and measures PSNR on the other 4; the 8 test people are not touched.
Writes mffcn_lite/results/trials_<model>.json after each trial, and goes on from there.
"""

import dataclasses
import itertools
import sys
import time

import torch

from benchmarks.helpers.results import DEVICE, trainers
from benchmarks.helpers.storing import begun, store
from mffcn_lite.data import FaceSet, load_faces, people_for_training
from mffcn_lite.models import create_model
from mffcn_lite.provenance import describe_environment
from mffcn_lite.training import TrainingConfig, recipe_for, train
from mffcn_lite.training.recording import validate

BASE = TrainingConfig(
    steps=6000,
    batch=3,
    flip=True,
    reduction="mean",
    beta1=0.9,
    schedule="cosine",
    warmup=200,
    clip=0.02,
    ema=0.999,
)
RATES = (1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2)
ENDS = (
    {"residual": False},
    {"residual": True, "zero_last": False},
    {"residual": True, "zero_last": True},
)
# Then one thing varied at a time, from the best of those.
CHANGES = (
    {"clip": None},
    {"clip": 0.1},
    {"beta1": 0.5},
    {"schedule": "constant"},
    {"crop": 48, "batch": 10},
)
Trial = tuple[dict, dict]  # (changes of BASE, arguments of the network)


def mean_psnr(trial: dict) -> float:
    """By which trials are compared: the mean over the factors."""
    return sum(trial["validation_psnr"].values()) / len(trial["validation_psnr"])


def next_trials(done: list[dict]) -> list[Trial]:
    """What can be tried after the trials that are done, all at the same time."""
    first: list[Trial] = [({"lr": rate}, ends) for rate in RATES for ends in ENDS]
    if len(done) < len(first):
        return first[len(done) :]
    best = max(done[: len(first)], key=mean_psnr)
    return [(best["options"] | change, best["arguments"]) for change in CHANGES[len(done) - len(first) :]]


def run(name: str, options: dict, arguments: dict) -> dict:
    """One trial: what was tried, its seconds, its PSNR on the validation people."""
    faces, validation, _ = people_for_training(load_faces("orl"), hold_out=True)
    config = dataclasses.replace(BASE, loss=recipe_for(name).loss, **options)
    torch.manual_seed(config.seed)
    start = time.perf_counter()
    best = train(create_model(name, **arguments).to(DEVICE), faces, config).best
    seconds = round(time.perf_counter() - start)
    scores = validate(best, validation, config, DEVICE)
    described = {"options": options, "arguments": arguments, "steps": config.steps, "seconds": seconds}
    return described | {"device": describe_environment(DEVICE)["device"], "validation_psnr": scores}


def open_trials(name: str) -> tuple[FaceSet, FaceSet, dict]:
    """(photos to learn from, photos to choose on, the trials that are stored already)."""
    faces, validation, people = people_for_training(load_faces("orl"), hold_out=True)
    results = begun(f"trials_{name}") or {"model": name, "trials": []}
    return faces, validation, results | {key: people[key] for key in ("training_people", "validation_people")}


def store_trial(results: dict, trial: dict, of: int) -> None:
    """Add a trial to `results`, which are to be `of` in the end, and write them."""
    print(results["model"], trial, flush=True)
    results["trials"].append(trial)
    store(f"trials_{results['model']}", results, unfinished=of - len(results["trials"]))


def main(name: str) -> None:
    """Run the trials that are missing."""
    _, _, results = open_trials(name)
    with trainers() as pool:
        while trials := next_trials(results["trials"]):
            for trial in pool.map(run, itertools.repeat(name), *zip(*trials, strict=True)):
                store_trial(results, trial, len(RATES) * len(ENDS) + len(CHANGES))


def probe(name: str) -> list:
    """A few steps with each end of the network, the choice among trials, and both measured."""
    trials = [run(name, {"lr": RATES[1], "steps": 8}, ends) for ends in ENDS]
    trials.append(run(name, {"lr": RATES[1], "steps": 4, **CHANGES[-1]}, ENDS[-1]))
    scored = [{"options": {}, "arguments": {}, "validation_psnr": {"2": i % 7}} for i in range(len(RATES) * len(ENDS))]
    return [[trial["validation_psnr"], mean_psnr(trial)] for trial in trials] + [next_trials([]), next_trials(scored)]


if __name__ == "__main__":
    main(sys.argv[1])
