"""The readings of the paper's objective: what the map says of each, and then what each does, on validation people.

    python -m benchmarks.experiments.objective predict     (some minutes; once the map is stored)
    python -m benchmarks.experiments.objective             (two hours of a core, once the predictions are committed)

A reading is what one can write for equations (2) to (7): sums or means, a pixel range, a norm, a Gram matrix, a scale
of the features, whose VGG. Its place on the map of `objective_map` is how hard its terms pull. `predict` reads off the
map what a reading will do, before any is trained: who decides, the rank, the shift of the mean, a band of dB. It writes
benchmarks/objective_predictions.json. Then each is trained as the map's points were, from the same starts, and stored
with what was predicted and the commit that held it. Writes mffcn_lite/results/objective.json after each reading, and
goes on from there.
"""

import math
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.experiments.objective_map import (
    CONFIG,
    FACTORS,
    FEATURES,
    FOLDER,
    OXFORD,
    pulls,
    run,
    train_start,
)
from benchmarks.helpers.results import DEVICE, trainers, use_cores
from benchmarks.helpers.storing import begun, store
from benchmarks.stamps import ROOT
from mffcn_lite.checkpoint import load_model
from mffcn_lite.data import load_faces, people_for_training
from mffcn_lite.degrade import degrade
from mffcn_lite.evaluation import load_results
from mffcn_lite.files import read_json, sha256, write_json
from mffcn_lite.losses.objective import create_objective
from mffcn_lite.statistics import t_interval

PREDICTIONS = ROOT / "benchmarks" / "objective_predictions.json"
SEVERAL = {  # the last convolution before each pooling
    "VGG-16": ("conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3"),
    "Oxford's VGG-19": ("conv1_2", "conv2_2", "conv3_4", "conv4_4", "conv5_4"),
}
TORCH = {"reduction": "mean", "norm": "squared", "gram": "chw"}  # `MSELoss` of features and of Gram matrices
READINGS = {
    "as written": {},
    "means": {"reduction": "mean"},
    "mixed": {"reduction": "mean", "tv_reduction": "sum"},
    "squared": {"norm": "squared"},
    "absolute deviation": {"norm": "l1"},
    "Gram over positions and channels": {"gram": "chw"},
    "0…255, Gram over positions and channels": {"gram": "chw", "pixel_range": 255},
    "MSELoss": TORCH,
    "MSELoss, −1…1": TORCH | {"pixel_range": 2, "normalization": "signed"},
    "MSELoss, 0…255": TORCH | {"pixel_range": 255, "normalization": "none"},
    "L1Loss": TORCH | {"norm": "l1"},
    "MSELoss, SRGAN's scale": TORCH | {"perceptual": 12.75**-2, "texture": 12.75**-4},
    "as written, Gram at five layers": {"layer": "several"},
    "MSELoss, Gram at five layers": TORCH | {"layer": "several"},
}
BASELINES = ("srcnn", "bicubic")


def settings_of(features: str, reading: str) -> dict:
    """A reading as `create_objective` takes it."""
    said = READINGS[reading]
    return FEATURES[features] | said | ({"layer": SEVERAL[features]} if "layer" in said else {})


def mean_of(one: dict, measure: str) -> float:
    """Over the factors."""
    return statistics.mean(one[str(factor)][measure] for factor in FACTORS)


# What the map says -----------------------------------------------------------------------------------------------


def ray_of(network: str, features: str, ray: str) -> list[tuple[float, dict]]:
    """(distance, the run of the first seed) along a ray of the map, the control at 0 first."""
    points = [p for p in load_results("objective_map")["points"] if p["network"] == network]
    own = [(p["distance"], p["runs"][0]) for p in points if p["features"] == features and p["ray"] == ray]
    control = next(p["runs"][0] for p in points if p["features"] is None)
    return [(0.0, control), *sorted(own, key=lambda pair: pair[0])]


def between(distance: float, at: list[float], values: list[float]) -> float:
    """A value at a distance, on a straight line over log(1 + distance) between its neighbours."""
    return float(np.interp(math.log1p(distance), [math.log1p(d) for d in at], values))


def crossing(at: list[float], values: list[float], level: float) -> float | None:
    """The distance from which on the values lie below a level; None where they don't within the map."""
    logs = [math.log1p(d) for d in at]
    for i in range(len(values) - 1, 0, -1):
        if values[i] < level <= values[i - 1]:
            share = (values[i - 1] - level) / (values[i - 1] - values[i])
            return math.expm1(logs[i - 1] + share * (logs[i] - logs[i - 1]))
    return None


def threshold(features: str, ray: str, baseline: str) -> dict:
    """Where MFFCN falls below a baseline along a ray: for each person, and the geometric mean with its interval."""
    rivals = load_results("objective_map")["baselines"][baseline]["people"]
    at, runs = zip(*ray_of("mffcn", features, ray), strict=True)
    found = []
    for person in range(len(rivals["2"]["psnr"])):

        def of(people: dict, person: int = person) -> float:
            return statistics.mean(people[str(factor)]["psnr"][person] for factor in FACTORS)

        found.append(crossing(list(at), [of(one["people"]) for one in runs], of(rivals)))
    known = [math.log(value) for value in found if value is not None]
    if len(known) < len(found):
        return {"people": found, "mean": None, "ci": None}
    return {"people": found, "mean": math.exp(statistics.mean(known)), "ci": [math.exp(v) for v in t_interval(known)]}


def thresholds() -> dict:
    """Each baseline's, along each ray of each feature network that the map has."""
    points = load_results("objective_map")["points"]
    rays = sorted({(p["features"], p["ray"]) for p in points if p["network"] == "mffcn" and p["features"]})
    return {
        features: {
            ray: {baseline: threshold(features, ray, baseline) for baseline in BASELINES}
            for of, ray in rays
            if of == features
        }
        for features in {of for of, _ in rays}
    }


def best_constant(objective: Callable, sr: torch.Tensor, hr: torch.Tensor) -> float:
    """The constant, in grey levels, that moves a result to where the objective is lowest, all else being kept."""
    levels = torch.arange(-40, 41, 2) / 255
    with torch.no_grad():
        values = [objective(sr + level, hr).total.item() for level in levels]
    return round(255 * levels[int(np.argmin(values))].item())


def predict_one(reading: str, features: str) -> dict:
    """What the map says of a reading of MFFCN."""
    faces, _, _ = people_for_training(load_faces("orl"), hold_out=True)
    hr, model = faces[::12].floats(DEVICE), load_model(FOLDER / "mffcn.safetensors", DEVICE)
    objective = create_objective(settings_of(features, reading)).to(DEVICE)
    units = pulls(objective, model, hr)
    place = {name: pull / units["l2"] for name, pull in units.items()}
    ray = "both"
    for one, other in (("perceptual", "texture"), ("texture", "perceptual")):
        ray = one if place[one] > 3 * place[other] else ray
    on_map = features if features == "VGG-16" or ray != "both" else "VGG-16"
    at, runs = zip(*ray_of("mffcn", on_map, ray), strict=True)
    psnr = between(max(place["perceptual"], place["texture"]), list(at), [mean_of(one, "psnr") for one in runs])
    with torch.no_grad():
        sr = model(degrade(hr, 3))
    return {
        "pulls": place,
        "predicted": {
            "decides": max(place, key=place.get),
            "psnr": round(psnr, 2),
            "band": [round(psnr - 0.4, 2), round(psnr + 0.4, 2)],
            "mean_shift": best_constant(objective, sr, hr),
        },
    }


def kinds() -> list[tuple[str, str]]:
    """(reading, features) of each point, as far as the feature networks are at hand."""
    return [(reading, features) for features in FEATURES if features == "VGG-16" or OXFORD for reading in READINGS]


def predict() -> None:
    """Write down what is expected of each reading; the rank is among all of one feature network."""
    use_cores()
    found = [{"name": reading, "features": features, **predict_one(reading, features)} for reading, features in kinds()]
    for features in FEATURES:
        mine = [one for one in found if one["features"] == features]
        for rank, one in enumerate(sorted(mine, key=lambda one: -one["predicted"]["psnr"]), 1):
            one["predicted"]["rank"] = rank
    write_json(PREDICTIONS, {"map": load_results("objective_map")["stamp"]["numbers"], "readings": found})


def committed() -> dict:
    """The predictions, with the commit that holds them.

    Raises:
        SystemExit: if they are not committed as they are.
    """
    name = str(PREDICTIONS.relative_to(ROOT))
    changed = subprocess.run(["git", "status", "--porcelain", name], cwd=ROOT, capture_output=True, text=True).stdout
    log = subprocess.run(["git", "log", "-1", "--format=%H", name], cwd=ROOT, capture_output=True, text=True).stdout
    if changed or not log:
        sys.exit(f"{name} must be committed before what it predicts is trained")
    return read_json(PREDICTIONS) | {"commit": log.strip(), "sha256": sha256(PREDICTIONS)}


# What they do ----------------------------------------------------------------------------------------------------


def order(runs: list[dict]) -> dict[str, dict[str, str]]:
    """Whether the paper's order, MFFCN over SRCNN over bicubic, is found, by 95% t intervals over people."""
    rivals, found = load_results("objective_map")["baselines"], {}
    for factor in map(str, FACTORS):
        found[factor] = {}
        for measure in ("psnr", "ssim"):
            mine = np.mean([one["people"][factor][measure] for one in runs], axis=0)
            srcnn, bicubic = (np.array(rivals[name]["people"][factor][measure]) for name in BASELINES)
            steps = [t_interval(step.tolist()) for step in (mine - srcnn, srcnn - bicubic)]
            word = "found" if all(low > 0 for low, _ in steps) else "undecided"
            found[factor][measure] = "not found" if any(high < 0 for _, high in steps) else word
    return found


def one_reading(name: str, features: str, network: str = "mffcn", **small: object) -> list[dict]:
    """The runs of a reading."""
    return [run(network, settings_of(features, name), 0, **small)]


def main() -> None:
    """The readings that are missing, as many at a time as there are cores."""
    use_cores()
    predictions = committed()
    foretold = {(one["name"], one["features"]): one for one in predictions["readings"]}
    results = begun("objective") or {"readings": []}
    results |= {"predictions": {key: predictions[key] for key in ("commit", "sha256", "map")}}
    results |= {"baselines": load_results("objective_map")["baselines"], "thresholds": thresholds()}
    done = {(one["name"], one["features"]) for one in results["readings"]}
    left = [kind for kind in kinds() if kind not in done]
    with trainers() as pool:
        for kind, runs in zip(left, pool.map(one_reading, *zip(*left, strict=True)) if left else (), strict=True):
            name, features = kind
            found = {"name": name, "network": "mffcn", "features": features, "arguments": READINGS[name]}
            found |= {"start": "L2", "steps": CONFIG.steps, **foretold[kind], "order": order(runs), "runs": runs}
            results["readings"].append(found)
            unfinished = len(READINGS) * len(FEATURES) - len(results["readings"])
            store("objective", results, unfinished=unfinished)
            print(name, features, mean_of(runs[0], "psnr"), found["predicted"], flush=True)


def probe() -> list:
    """A step of three readings, from a start of a few steps, on few photos; and what is read off the map."""
    with tempfile.TemporaryDirectory() as place:
        train_start("mffcn", Path(place, "mffcn.safetensors"), {}, steps=2)
        small = {"folder": Path(place), "steps": 1, "every": 40}
        found = [one_reading(name, "VGG-16", **small)[0] for name in ("MSELoss", "as written, Gram at five layers")]
    for one in found:
        del one["seconds"]
    return [found, order(found), thresholds()]


if __name__ == "__main__":
    predict() if sys.argv[1:] == ["predict"] else main()
