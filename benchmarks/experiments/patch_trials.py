"""Choose the arguments of the patch systems on validation people: eight trials each, as the networks have.

    python -m benchmarks.experiments.patch_trials example sparse forest    (about 10 minutes)

Fits on 28 of the 32 training people and measures PSNR on the other 4; the 8 test people are not touched.
Writes mffcn_lite/results/trials_<model>.json after each trial, and goes on from there. No trial's weights exceed 6 MB.
"""

import sys
import time

import torch

from benchmarks.experiments.recipe_trials import open_trials, store_trial
from benchmarks.helpers.results import use_cores
from mffcn_lite.models import create_model
from mffcn_lite.training import TrainingConfig
from mffcn_lite.training.recording import validate

# The first of each is the default; the others change one thing of it, or trade trees for leaves.
GRIDS = {
    "example": [
        {},
        {"consistency": 0.0},
        {"consistency": 0.3},
        {"candidates": 4},
        {"candidates": 16},
        {"components": 12},
        {"side": 7},
        {"pairs": 6000},
    ],
    "sparse": [
        {},
        {"atoms": 256},
        {"nonzeros": 2},
        {"nonzeros": 5},
        {"sparsity": 0.1},
        {"sparsity": 1.0},
        {"side": 7},
        {"back_projection": True},
    ],
    "forest": [
        {},
        {"trees": 8},
        {"trees": 4, "leaves": 192},
        {"trees": 2, "leaves": 384},
        {"ridge": 0.003},
        {"ridge": 0.03},
        {"components": 20},
        {"pairs": 100_000},
    ],
}


def main(name: str) -> None:
    """Run the trials that are missing, one after the other."""
    use_cores()
    faces, validation, results = open_trials(name)
    for options in GRIDS[name][len(results["trials"]) :]:
        start = time.perf_counter()
        model = create_model(name, **options).fit(faces)
        seconds = time.perf_counter() - start
        scores = validate(model, validation, TrainingConfig(), torch.device("cpu"))
        trial = {"options": options, "seconds": round(seconds), "validation_psnr": scores}
        store_trial(results, trial, len(GRIDS[name]))


def probe(name: str) -> list:
    """The default and the largest change, fitted on few photos."""
    faces, validation, _ = open_trials(name)
    found = []
    for options in (GRIDS[name][0], GRIDS[name][-1]):
        model = create_model(name, **options | {"pairs": 1500}).fit(faces[::4])
        found.append([model.state_dict(), validate(model, validation[::5], TrainingConfig(), torch.device("cpu"))])
    return found


if __name__ == "__main__":
    for system in sys.argv[1:]:
        main(system)
