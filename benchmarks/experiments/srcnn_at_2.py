"""Why SRCNN loses to a linear filter at factor 2: one cause varied at a time, on validation people.

    python -m benchmarks.experiments.srcnn_at_2    (about 15 minutes on one core)

Writes mffcn_lite/results/srcnn_at_2.json after each trial, and goes on from there. The test people are not touched.
"""

import dataclasses
import time

import torch

from benchmarks.helpers.results import DEVICE, use_cores
from benchmarks.helpers.storing import begun, store
from mffcn_lite.data import FaceSet, load_faces, people_for_training
from mffcn_lite.metrics import psnr
from mffcn_lite.models import create_model
from mffcn_lite.training import recipe_for, train

BORDER = 6  # pixels: as far as SRCNN's zeros beyond the border reach
BASE = dataclasses.replace(recipe_for("srcnn", "fast"), steps=6000)
# (what is varied, arguments of SRCNN, changes of the recipe)
TRIALS = [
    ("as shipped", {}, {}),
    ("factor 2 alone", {}, {"factors": (2,)}),
    ("residual", {"residual": True}, {}),
    ("residual, factor 2 alone", {"residual": True}, {"factors": (2,)}),
]


def score(restored: torch.Tensor, hr: torch.Tensor) -> dict[str, float]:
    """PSNR of whole photos, and without the border."""
    sr, inner = restored.clamp(0, 1), (..., slice(BORDER, -BORDER), slice(BORDER, -BORDER))
    return {
        "psnr": psnr(sr, hr, data_range=1.0).mean().item(),
        "psnr_inside": psnr(sr[inner], hr[inner], data_range=1.0).mean().item(),
    }


def filters(faces: FaceSet, hr: torch.Tensor) -> dict:
    """Bicubic's score, and those of the linear filter for factor 2 and of the one for all factors."""
    own, shared = create_model("wiener").fit(faces), create_model("wiener")
    shared.load_state_dict(own.state_dict())
    shared.factors = []  # the filter for all factors then serves each
    return {
        "bicubic": score(create_model("bicubic").reconstruct(hr, 2), hr),
        "wiener, a filter for factor 2": score(own.reconstruct(hr, 2), hr),
        "wiener, one filter for all factors": score(shared.reconstruct(hr, 2), hr),
    }


def run(arguments: dict, changes: dict, faces: FaceSet, hr: torch.Tensor, steps: int = BASE.steps) -> dict:
    """One trial."""
    config, start = dataclasses.replace(BASE, steps=steps, **changes), time.perf_counter()
    torch.manual_seed(config.seed)
    best = train(create_model("srcnn", **arguments).to(DEVICE), faces, config).best.cpu()
    seconds = round(time.perf_counter() - start)
    with torch.inference_mode():
        return {"steps": config.steps, "seconds": seconds, **score(best.reconstruct(hr, 2), hr)}


def main() -> None:
    """The linear filters first, then the trials that are missing."""
    use_cores()
    faces, validation, people = people_for_training(load_faces("orl"), hold_out=True)
    hr = validation.floats()
    results = begun("srcnn_at_2") or {"factor": 2, "border": BORDER, **people, "trials": []}
    results |= filters(faces, hr)
    for what, arguments, changes in TRIALS[len(results["trials"]) :]:
        trial = {"what": what, **run(arguments, changes, faces, hr)}
        print(trial, flush=True)
        results["trials"].append(trial)
        store("srcnn_at_2", results, unfinished=len(TRIALS) - len(results["trials"]))


def probe() -> list:
    """The filters from few photos, and some steps of each trial."""
    faces, validation, _ = people_for_training(load_faces("orl"), hold_out=True)
    hr = validation[::4].floats()
    return [filters(faces[::4], hr), [run(*trial[1:], faces, hr, 4)["psnr_inside"] for trial in TRIALS]]


if __name__ == "__main__":
    main()
