"""What each term of the objective, and each reading of it, does to a network that L2 has trained.

    python -m benchmarks.experiments.loss_arms    (about three hours of processor time; a training a core)

One MFFCN is trained with L2; every arm goes on from it for the same 400 steps with the paper's Adam, on the same
draws: whole photos, four a step. Three seeds. L2 continued is the control. Measured on validation people, by PSNR,
SSIM, LPIPS and the energy of each band of frequencies. Keeps the start in runs/loss_arms, writes
mffcn_lite/results/loss_arms.json after each arm, and goes on from there. The test people are not touched.
"""

import dataclasses
import itertools
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.experiments.recipe_trials import BASE
from benchmarks.experiments.train_shipped import best_trial
from benchmarks.helpers.results import DEVICE, trainers
from benchmarks.helpers.storing import begun, is_made, made_with, store
from benchmarks.helpers.tuning import kept_maps, total, tune
from mffcn_lite.checkpoint import load_model, save_model
from mffcn_lite.data import load_faces, people_for_training
from mffcn_lite.degrade import degrade
from mffcn_lite.features import create_features
from mffcn_lite.losses import Objective
from mffcn_lite.metrics import LPIPS, band_energy_ratio, psnr, ssim
from mffcn_lite.models import SuperResolver, create_model
from mffcn_lite.training import TrainingConfig, train

START, SEEDS = Path("runs/loss_arms/start.safetensors"), (0, 1, 2)
CONFIG = TrainingConfig(steps=400, batch=4, checkpoint_every=400)  # Adam, 1e-4, β 0.5 and 0.999, as the paper
ALONE = {"l2": 0, "perceptual": 0, "texture": 0, "tv": 0}
NO_FEATURES = {"perceptual": 0, "texture": 0}
# arm: (features, arguments of Objective); "balanced" weights are found by gradient norms at the start.
ARMS = {
    "l2, continued": (None, {**ALONE, "l2": 10}),
    "as written, all": ("vgg16-imagenet", {}),
    "balanced, all": ("vgg16-imagenet", {"balanced": True}),
    "means, all": ("vgg16-imagenet", {"reduction": "mean"}),
    "mixed, all": ("vgg16-imagenet", {"reduction": "mean", "tv_reduction": "sum"}),
    "as written, l2 + tv": (None, NO_FEATURES),
    "mixed, l2 + tv": (None, {**NO_FEATURES, "reduction": "mean", "tv_reduction": "sum"}),
    "as written, l2 + perceptual": ("vgg16-imagenet", {"texture": 0, "tv": 0}),
    "as written, l2 + texture": ("vgg16-imagenet", {"perceptual": 0, "tv": 0}),
    "perceptual alone": ("vgg16-imagenet", {**ALONE, "perceptual": 1}),
    "texture alone": ("vgg16-imagenet", {**ALONE, "texture": 1}),
    "balanced, l2 + perceptual": ("vgg16-imagenet", {"texture": 0, "tv": 0, "balanced": True}),
    "balanced, l2 + texture": ("vgg16-imagenet", {"perceptual": 0, "tv": 0, "balanced": True}),
    "balanced, all, random features": ("random", {"balanced": True}),
    "tv alone": (None, {**ALONE, "tv": 1}),
    "balanced, all but tv": ("vgg16-imagenet", {"tv": 0, "balanced": True}),
    "balanced, l2 + perceptual, random features": ("random", {"texture": 0, "tv": 0, "balanced": True}),
}


def make_start() -> None:
    """The network from which every arm goes on, unless it is there."""
    stamp = {"made_with": made_with("loss_arms"), "trial": best_trial("mffcn")}
    if not is_made(START, stamp):
        train_start(START, stamp)


def train_start(path: Path, stamp: dict, steps: int = BASE.steps) -> None:
    """Train it with L2, by the best of MFFCN's trials."""
    faces, _, people = people_for_training(load_faces("orl"), hold_out=True)
    config = dataclasses.replace(BASE, steps=steps, **stamp["trial"]["options"])
    torch.manual_seed(0)
    model = train(create_model("mffcn", **stamp["trial"]["arguments"]).to(DEVICE), faces, config).best
    save_model(model, path, {**people, **stamp, "steps": config.steps})


def measure(model: SuperResolver, hr: Tensor, judge: LPIPS) -> dict:
    """Means over photos at each factor, and the energy of eight bands at factor 4."""
    found = {}
    with torch.inference_mode():
        for factor in CONFIG.factors:
            sr = model.reconstruct(hr, factor).clamp(0, 1)
            values = {"psnr": psnr(sr, hr, data_range=1.0), "ssim": ssim(sr, hr, data_range=1.0)}
            values["lpips"] = judge(sr, hr)
            found[str(factor)] = {name: round(value.mean().item(), 5) for name, value in values.items()}
        found["bands"] = [round(value, 4) for value in band_energy_ratio(sr, hr).mean(0).tolist()]
    return found


def balance(model: SuperResolver, objective: Objective, blurred: Tensor, hr: Tensor) -> dict[str, float]:
    """Weights with which each term that is on has a gradient as long as that of 10 times L2, at `model`."""
    norms = objective(model(blurred), hr, gradient_norms=True).gradient_norms
    return {name: objective.weights[name] * (norms["l2"] / norm).item() for name, norm in norms.items()}


def run(arm: str, seed: int, start: Path = START, steps: int = CONFIG.steps, every: int = 1) -> dict:
    """One arm with one seed; on each `every`-th photo."""
    faces, validation, _ = people_for_training(load_faces("orl"), hold_out=True)
    faces, validation = faces[::every], validation[::every]
    features, arguments = ARMS[arm]
    phi = create_features(features).to(DEVICE) if features else None
    arguments = dict(arguments)
    balanced, model = arguments.pop("balanced", False), load_model(start, DEVICE).train()
    objective, some = Objective(phi, **arguments), faces[::35].floats(DEVICE)
    if balanced:
        weights = balance(model, objective, degrade(some, 3), some)
        objective = Objective(phi, **arguments | weights)
    begin = time.perf_counter()
    maps = kept_maps(objective, faces.floats(DEVICE))
    tune(model, total(objective), faces, maps, CONFIG, seed, steps)
    found = {"seed": seed, "seconds": round(time.perf_counter() - begin), "weights": objective.weights}
    return found | measure(model.eval(), validation.floats(DEVICE), LPIPS().to(DEVICE))


def main() -> None:
    """The start, then the arms that are missing."""
    make_start()
    _, validation, people = people_for_training(load_faces("orl"), hold_out=True)
    results = begun("loss_arms") or {"budget": dataclasses.asdict(CONFIG), "arms": []}
    results |= {key: people[key] for key in ("training_people", "validation_people")}
    results["start"] = measure(load_model(START, DEVICE), validation.floats(DEVICE), LPIPS().to(DEVICE))
    done = {arm["arm"] for arm in results["arms"]}
    left = [arm for arm in ARMS if arm not in done]
    with trainers() as pool:
        found = pool.map(run, *zip(*itertools.product(left, SEEDS), strict=True))
        for arm in left:
            features, arguments = ARMS[arm]
            runs = list(itertools.islice(found, len(SEEDS)))
            results["arms"].append({"arm": arm, "features": features, "arguments": arguments, "runs": runs})
            store("loss_arms", results, unfinished=len(ARMS) - len(results["arms"]))
            print(arm, [(r["4"], r["seconds"]) for r in runs], flush=True)


def probe() -> list:
    """A step of each arm from a start of a few steps, on few photos."""
    with tempfile.TemporaryDirectory() as folder:
        start = Path(folder, "start.safetensors")
        train_start(start, {"trial": best_trial("mffcn")}, steps=3)
        found = [run(arm, 0, start, steps=1, every=40) for arm in ARMS]
    return [{key: value for key, value in one.items() if key != "seconds"} for one in found]


if __name__ == "__main__":
    main()
