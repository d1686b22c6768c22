"""Does the paper's recipe arrive, if one waits? And which of its settings is it that makes one wait?

    python -m benchmarks.experiments.paper_recipe    (some minutes on a GPU; about eight hours of processor time)

Each network is trained with the paper's settings until it has seen as many photos as the shipped ones have; then with
some of them changed. One seed. Validation people are looked at on the way; the test people are not touched. The best
recipe trials (trials_mffcn.json, trials_srcnn.json) are what to compare with. Writes
mffcn_lite/results/paper_recipe.json after each run, and goes on from there.
"""

import dataclasses
import itertools
import time

import torch

from benchmarks.experiments.train_shipped import best_trial
from benchmarks.helpers.results import DEVICE, trainers
from benchmarks.helpers.storing import begun, store
from mffcn_lite.data import load_faces, people_for_training
from mffcn_lite.models import create_model
from mffcn_lite.provenance import describe_environment
from mffcn_lite.training import RECIPES, TrainingState, train
from mffcn_lite.training.recording import validate

PHOTOS = RECIPES["fast"].steps * RECIPES["fast"].batch
LOOKS = 24
ARMS = {
    "the paper's": {},
    "β1 0.9": {"beta1": 0.9},
    "rate 0.001": {"lr": 1e-3},
    "rate 0.001, cosine": {"lr": 1e-3, "schedule": "cosine"},
    "averaged weights": {"ema": 0.999},
}
NETWORKS = ("mffcn", "srcnn")


def run(arm: str, name: str, photos: int = PHOTOS, looks: int = LOOKS) -> dict:
    """One training, with its curve of the mean PSNR on validation people at each factor."""
    faces, validation, _ = people_for_training(load_faces("orl"), hold_out=True)
    config = dataclasses.replace(RECIPES["paper-l2"], steps=photos // RECIPES["paper-l2"].batch, **ARMS[arm])
    torch.manual_seed(0)
    model = create_model(name, **best_trial(name)["arguments"]).to(DEVICE)
    state, start, curve = TrainingState.start(model, config), time.perf_counter(), []
    for look in range(1, looks + 1):
        train(model, faces, config, state=state, stop_after=config.steps * look // looks)
        scores = validate(state.best, validation, config, DEVICE)
        curve.append({"photos": state.step * config.batch, "validation_psnr": scores})
        print(arm, name, state.step, {key: round(value, 2) for key, value in scores.items()}, flush=True)
    found = {"arm": arm, "network": name, "config": dataclasses.asdict(config), "curve": curve}
    return found | {"seconds": round(time.perf_counter() - start), "device": describe_environment(DEVICE)["device"]}


def main() -> None:
    """The runs that are missing, as many at a time as there are cores."""
    _, _, people = people_for_training(load_faces("orl"), hold_out=True)
    results = begun("paper_recipe") or {"photos": PHOTOS, "runs": []}
    results |= {key: people[key] for key in ("training_people", "validation_people")}
    done = {(found["arm"], found["network"]) for found in results["runs"]}
    left = [pair for pair in itertools.product(ARMS, NETWORKS) if pair not in done]
    with trainers() as pool:
        for waiting, found in enumerate(pool.map(run, *zip(*left, strict=True)), 1):
            results["runs"].append(found)
            store("paper_recipe", results, unfinished=len(left) - waiting)


def probe() -> list:
    """Some steps of each arm, in two looks."""
    return [run(arm, name, photos=80, looks=2)["curve"] for arm, name in itertools.product(ARMS, NETWORKS)]


if __name__ == "__main__":
    main()
