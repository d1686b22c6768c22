"""Readings of the paper's objective, and where they lie on the map of `experiments.objective_map`."""

import math
import statistics

import numpy as np

from benchmarks.experiments.objective_map import FACTORS, FEATURES
from mffcn_lite.evaluation import load_results
from mffcn_lite.statistics import t_interval

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
