"""How loud may VGG be? A map of what the objective's terms do to a network that L2 has trained, on validation people.

    python -m benchmarks.experiments.objective_map    (about three hours of a core)

L2 trains MFFCN and SRCNN by the recipe `quick`; from there every point goes on for the same 400 steps with the paper's
Adam, on the same draws, four whole photos a step. A point's place is how hard the perceptual and the texture term pull
at the pixels at the start, in units of L2's pull; the points lie along both axes and between them, and TV has an axis
apart. L2 continued is the control of each network. The test people are not touched.

Oxford's VGG-19 is read from the file that the variable MFFCN_LITE_OXFORD_VGG19 names; without it its points are left.
Keeps the networks in runs/objective, writes mffcn_lite/results/objective_map.json after each point, and goes on from
there.
"""

import dataclasses
import os
import re
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.experiments.train_shipped import best_trial
from benchmarks.helpers.results import DEVICE, trainers, use_cores
from benchmarks.helpers.storing import begun, is_made, made_with, store
from benchmarks.helpers.tuning import kept_maps, total, tune
from mffcn_lite.checkpoint import load_model, save_model
from mffcn_lite.data import FaceSet, load_faces, people_for_training
from mffcn_lite.degrade import degrade, downsample
from mffcn_lite.losses import Objective
from mffcn_lite.losses.objective import create_objective
from mffcn_lite.metrics import LPIPS, psnr, ssim
from mffcn_lite.models import SuperResolver, create_model
from mffcn_lite.training import TrainingConfig, recipe_for, train

FOLDER, NETWORKS = Path("runs/objective"), ("mffcn", "srcnn")
FACTORS, SEEDS = (2, 3, 4), (0, 1, 2)
CONFIG = TrainingConfig(steps=400, batch=4)  # Adam, 1e-4, β 0.5 and 0.999, as the paper
OXFORD = os.environ.get("MFFCN_LITE_OXFORD_VGG19")
FEATURES = {
    "VGG-16": {"features": "vgg16-imagenet"},
    "Oxford's VGG-19": {"features": "vgg19-imagenet", "weights": OXFORD},
}
L2_ALONE = {"perceptual": 0, "texture": 0, "tv": 0}
# Directions: what perceptual, texture and TV term pull, in units of the point's distance.
TERMS = ("perceptual", "texture", "tv")
RAYS = {"perceptual": (1, 0, 0), "texture": (0, 1, 0), "both": (1, 1, 0), "tv": (0, 0, 1)}
DISTANCES = {"VGG-16": (3, 10, 30, 100, 300), "Oxford's VGG-19": (10, 30, 100)}
REPEATED = {("perceptual", 30), ("texture", 30), ("both", 30), ("perceptual", 100), ("texture", 100)}  # three seeds
CROSSED = {("perceptual", 30), ("texture", 30), ("both", 100)}  # SRCNN goes there too
# (network, features, ray, distance); the controls have none of the last three.
POINTS = [
    *((network, None, None, 0) for network in NETWORKS),
    *(("mffcn", "VGG-16", ray, distance) for ray in RAYS for distance in DISTANCES["VGG-16"]),
    *(("srcnn", "VGG-16", ray, distance) for ray, distance in sorted(CROSSED)),
    *(("mffcn", "Oxford's VGG-19", ray, d) for ray in ("perceptual", "texture") for d in DISTANCES["Oxford's VGG-19"]),
]


def make_starts() -> None:
    """The networks from which every point goes on, unless they are there."""
    for name in NETWORKS:
        stamp, path = {"made_with": made_with("objective_map")}, FOLDER / f"{name}.safetensors"
        if not is_made(path, stamp):
            train_start(name, path, stamp)


def train_start(name: str, path: Path, stamp: dict, **changes: object) -> None:
    """Train one by L2, by the recipe `quick`."""
    faces, _, people = people_for_training(load_faces("orl"), hold_out=True)
    config = dataclasses.replace(recipe_for(name, "quick"), **changes)
    torch.manual_seed(config.seed)
    model = create_model(name, **best_trial(name)["arguments"]).to(DEVICE)
    save_model(train(model, faces, config).best, path, people | stamp)


def pulls(objective: Objective, model: SuperResolver, hr: Tensor) -> dict[str, float]:
    """How hard each weighted term pulls at the pixels, over the factors (the root of the mean square)."""
    squares = dict.fromkeys(objective.weights, 0.0)
    for factor in FACTORS:
        with torch.no_grad():
            sr = model(degrade(hr, factor))
        for name, norm in objective(sr, hr, gradient_norms=True).gradient_norms.items():
            squares[name] += norm.item() ** 2 / len(FACTORS)
    return {name: square**0.5 for name, square in squares.items()}


def seeds_of(network: str, features: str | None, ray: str | None, distance: float) -> tuple[int, ...]:
    """Three where it matters how far seeds lie apart."""
    many = features is None or (features == "VGG-16" and network == "mffcn" and (ray, distance) in REPEATED)
    return SEEDS if many else SEEDS[:1]


def at(features: str, ray: str, distance: float, model: SuperResolver, hr: Tensor) -> dict:
    """The settings of a point: as printed, with weights by which the terms pull as hard as it says."""
    units = pulls(create_objective(FEATURES[features] | dict.fromkeys(TERMS, 1)), model, hr)
    parts = zip(TERMS, RAYS[ray], strict=True)
    return FEATURES[features] | {name: part * distance * units["l2"] / units[name] for name, part in parts}


def kept(folder: Path, *words: object) -> Path:
    """Where the network of a point, or of a reading, lies when it is trained; some features have an apostrophe."""
    return folder / "kept" / ("-".join(re.findall(r"\w+", " ".join(map(str, words)))) + ".safetensors")


def measure(model: SuperResolver, faces: FaceSet) -> dict:
    """Means over photos at each factor, and of each person; the shift of the mean is in grey levels."""
    hr, judge, found = faces.floats(DEVICE), LPIPS().to(DEVICE), {"people": {}}
    for factor in FACTORS:
        small = downsample(hr, factor)
        with torch.inference_mode():
            raw = model.reconstruct(hr, factor)
            missing = (small - downsample(raw, factor)).mean((1, 2, 3), keepdim=True)
            sr, restored = raw.clamp(0, 1), (raw + missing).clamp(0, 1)
            values = {
                "psnr": psnr(sr, hr, data_range=1.0),
                "ssim": ssim(sr, hr, data_range=1.0),
                "lpips": judge(sr, hr),
            }
            values["mean_shift"] = 255 * (raw - hr).mean((1, 2, 3))
            values["psnr_mean_restored"] = psnr(restored, hr, data_range=1.0)
        found[str(factor)] = {name: round(value.mean().item(), 5) for name, value in values.items()}
        people = torch.from_numpy(faces.people)
        found["people"][str(factor)] = {
            name: [round(values[name][people == who].mean().item(), 4) for who in faces.who()]
            for name in ("psnr", "ssim")
        }
    return found


def run(
    network: str,
    settings: dict,
    seed: int,
    keep: Path,
    steps: int = CONFIG.steps,
    every: int = 1,
) -> dict:
    """One training on from L2, with one seed; the first seed's network is kept."""
    faces, validation, _ = people_for_training(load_faces("orl"), hold_out=True)
    model = load_model(keep.parents[1] / f"{network}.safetensors", DEVICE).train()
    objective, faces, begin = create_objective(settings).to(DEVICE), faces[::every], time.process_time()
    maps = kept_maps(objective, faces.floats(DEVICE))
    tune(model, total(objective), faces, maps, CONFIG, seed, steps)
    seconds = round(time.process_time() - begin)
    if seed == SEEDS[0]:
        save_model(model, keep)
    return {"seed": seed, "seconds": seconds} | measure(model.eval(), validation[::every])


def point(network: str, features: str | None, ray: str | None, distance: float, **small: object) -> dict:
    """All runs of a point, and what its terms pull at the start."""
    faces, _, _ = people_for_training(load_faces("orl"), hold_out=True)
    some = faces[:: small.get("every", 1) * 12].floats(DEVICE)
    model = load_model(small.get("folder", FOLDER) / f"{network}.safetensors", DEVICE)
    settings = L2_ALONE if features is None else at(features, ray, distance, model, some)
    units = pulls(create_objective(settings).to(DEVICE), model, some)
    found = {"network": network, "features": features, "ray": ray, "distance": distance}
    found["weights"] = {name: settings[name] for name in TERMS}
    found["pulls"] = {name: pull / units["l2"] for name, pull in units.items()}
    seeds = small.pop("seeds", None) or seeds_of(network, features, ray, distance)
    keep = kept(small.pop("folder", FOLDER), network, features, ray, distance)
    return found | {"runs": [run(network, settings, seed, keep, **small) for seed in seeds]}


def main() -> None:
    """The starts, then the points that are missing, as many at a time as there are cores."""
    use_cores()
    make_starts()
    _, validation, people = people_for_training(load_faces("orl"), hold_out=True)
    results = begun("objective_map") or {"budget": dataclasses.asdict(CONFIG), "points": []}
    results |= {key: people[key] for key in ("training_people", "validation_people")}
    starts = {name: load_model(FOLDER / f"{name}.safetensors", DEVICE).eval() for name in NETWORKS}
    systems = {"bicubic": create_model("bicubic"), **starts}
    results["baselines"] = {name: measure(system, validation) for name, system in systems.items()}
    done = {(one["network"], one["features"], one["ray"], one["distance"]) for one in results["points"]}
    left = [p for p in POINTS if p not in done and (OXFORD or p[1] != "Oxford's VGG-19")]
    waiting = len(POINTS) - len(done)
    with trainers() as pool:
        for found in pool.map(point, *zip(*left, strict=True)) if left else ():
            results["points"].append(found)
            waiting -= 1
            store("objective_map", results, unfinished=waiting)
            print({key: value for key, value in found.items() if key != "runs"}, flush=True)


def probe() -> list:
    """A step of each kind of point from starts of a few steps, on few photos."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name in NETWORKS:
            train_start(name, folder / f"{name}.safetensors", {}, steps=2)
        kinds = [POINTS[0], ("mffcn", "VGG-16", "texture", 30), ("srcnn", "VGG-16", "both", 100)]
        found = [point(*kind, folder=folder, steps=1, every=40, seeds=SEEDS[:1]) for kind in kinds]
    for one in found:
        for each in one["runs"]:
            del each["seconds"]
    return found


if __name__ == "__main__":
    main()
