"""The search for a recipe that is quicker than `fast`: the same trials for each network and each optimiser.

    python -m benchmarks.experiments.speed_trials mffcn    (an hour of a core)

Each trial sees the same 3,000 photos. It trains on 24 of the 28 people that the records train on, and is measured on
the other four: neither the people of the goals nor those of the tests are touched. First twelve trials, of both
optimisers at three rates, with one factor a batch or all; then, from the best of each optimiser, one thing varied at a
time. Writes mffcn_lite/results/speed_trials_<network>.json after each trial, and goes on from there.
"""

import dataclasses
import sys
import time

import torch

from benchmarks.experiments import recipe_trials
from benchmarks.experiments.recipe_trials import mean_psnr
from benchmarks.helpers.results import DEVICE, use_cores
from benchmarks.helpers.storing import begun, store
from mffcn_lite.data import FaceSet, load_faces, people_for_training, split_by_person
from mffcn_lite.evaluation import load_results
from mffcn_lite.models import create_model
from mffcn_lite.training import recipe_for, train
from mffcn_lite.training.recording import validate

BASE = dataclasses.replace(recipe_trials.BASE, steps=1000, schedule="linear", warmup=50, ema=None)
RATES = {"adam": (2e-3, 4e-3, 8e-3), "muon": (2.5e-3, 5e-3, 1e-2)}
FIRST = [
    {"optimizer": optimizer, "lr": rate, "mixed": mixed}
    for optimizer, rates in RATES.items()
    for rate in rates
    for mixed in (False, True)
]
# Then one thing at a time.
CHANGES = (
    {"ema": 0.99},
    {"hold": 0.5},
    {"clip": None},
    {"batch": 6, "steps": 500},
    {"batch": 2, "steps": 1500},
    {"precision": "bf16"},
)
COUNT = len(FIRST) + len(RATES) * len(CHANGES)


def search_people() -> tuple[FaceSet, FaceSet]:
    """(24 people to train on, four to choose by), of the 28 of the records."""
    faces, _, _ = people_for_training(load_faces("orl"), hold_out=True)
    return split_by_person(faces, test_fraction=1 / 7, seed=1)


def best_of(trials: list[dict], optimizer: str) -> dict:
    """The options of its best trial."""
    return max((trial for trial in trials if trial["options"]["optimizer"] == optimizer), key=mean_psnr)["options"]


def planned(done: list[dict]) -> list[dict]:
    """The options of all trials that are known by now, the first of which are done."""
    if len(done) < len(FIRST):
        return FIRST
    return FIRST + [best_of(done[: len(FIRST)], optimizer) | change for optimizer in RATES for change in CHANGES]


def run(name: str, options: dict, arguments: dict) -> dict:
    """One trial: what was tried, its seconds, its PSNR on the four people."""
    faces, chosen_by = search_people()
    config = dataclasses.replace(BASE, loss=recipe_for(name).loss, **options)
    torch.manual_seed(config.seed)
    start = time.process_time()
    best = train(create_model(name, **arguments).to(DEVICE), faces, config).best
    seconds = round(time.process_time() - start, 1)
    return {"options": options, "core_seconds": seconds, "validation_psnr": validate(best, chosen_by, config, DEVICE)}


def main(name: str) -> None:
    """Run the trials that are missing, one after the other."""
    use_cores()
    arguments = load_results(f"speed_goals_{name}")["arguments"]
    faces, chosen_by = search_people()
    people = {"training_people": faces.who(), "validation_people": chosen_by.who()}
    trials = begun(f"speed_trials_{name}").get("trials", [])
    while len(trials) < COUNT:
        trials.append(run(name, planned(trials)[len(trials)], arguments))
        print(name, trials[-1], flush=True)
        content = {"model": name, "arguments": arguments, **people, "base": dataclasses.asdict(BASE), "trials": trials}
        store(f"speed_trials_{name}", content, unfinished=COUNT - len(trials))


def probe(name: str) -> list:
    """A few steps of either optimiser, and what is tried after the first trials."""
    arguments = load_results(f"speed_goals_{name}")["arguments"]
    few = [run(name, options | {"steps": 4, "warmup": 1}, arguments)["validation_psnr"] for options in FIRST[-1:2:-4]]
    scored = [{"options": options, "validation_psnr": {"2": i % 5}} for i, options in enumerate(FIRST)]
    return [few, planned(scored)]


if __name__ == "__main__":
    main(sys.argv[1])
