"""What would more time buy? MFFCN by the recipe `quick`, with one thing made larger or smaller, one seed each.

    python -m benchmarks.experiments.speed_limits    (an hour and a half of a core)

The same 28 people, and the same four to look at, as in the log of records. PSNR on some photos that were learnt from
stands beside that on new people: where the two part, people are what lacks. Writes
mffcn_lite/results/speed_limits.json after each training, and goes on from there.
"""

import dataclasses
import time

import torch

from benchmarks.experiments.ablations import create
from benchmarks.experiments.train_shipped import best_trial
from benchmarks.helpers.results import DEVICE, use_cores
from benchmarks.helpers.storing import begun, store
from mffcn_lite.data import load_faces, people_for_training, split_by_person
from mffcn_lite.models import count_parameters
from mffcn_lite.training import recipe_for, train
from mffcn_lite.training.recording import validate

# (what was changed, options of the training, arguments of the network, the share of the people left out)
ARMS = [
    ("nothing", {}, {}, 0),
    ("half of the people", {}, {}, 1 / 2),
    ("signed pixels", {}, {"range": "signed"}, 0),
    ("five times the steps", {"steps": 40_000}, {}, 0),
    ("twice the width", {}, {"width": 32}, 0),
    ("half the width", {}, {"width": 8}, 0),
]


def run(options: dict, arguments: dict, left_out: float, **changes: object) -> dict:
    """One training: its core-seconds, its weights, its PSNR on people that are new to it and on some that are not."""
    faces, validation, _ = people_for_training(load_faces("orl"), hold_out=True)
    faces = split_by_person(faces, test_fraction=left_out, seed=1)[0] if left_out else faces
    config = dataclasses.replace(recipe_for("mffcn", "quick"), **options | changes)
    torch.manual_seed(config.seed)
    model = create("mffcn", best_trial("mffcn")["arguments"] | arguments).to(DEVICE)
    start = time.process_time()
    best = train(model, faces, config).best
    return {
        "core_seconds": round(time.process_time() - start, 1),
        "parameters": count_parameters(model),
        "people": len(faces.who()),
        "validation_psnr": validate(best, validation, config, DEVICE),
        "training_psnr": validate(best, faces[::7], config, DEVICE),
    }


def main() -> None:
    """Run the trainings that are missing, one after the other."""
    use_cores()
    done = begun("speed_limits").get("trainings", [])
    for what, *how in ARMS[len(done) :]:
        done.append({"changed": what, **run(*how)})
        print(done[-1], flush=True)
        store("speed_limits", {"trainings": done}, unfinished=len(ARMS) - len(done))


def probe() -> list:
    """A few steps of each."""
    found = [run(*how, steps=2, warmup=1) for _, *how in ARMS]
    return [[one["parameters"], one["people"], one["validation_psnr"], one["training_psnr"]] for one in found]


if __name__ == "__main__":
    main()
