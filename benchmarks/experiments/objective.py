"""The readings of the paper's objective: what the map says of each, and then what each does, on validation people.

    python -m benchmarks.experiments.objective predict     (some minutes; once the map is stored)
    python -m benchmarks.experiments.objective             (five hours of a core, once the predictions are committed)

A reading is what one can write for equations (2) to (7): sums or means, a pixel range, a norm, a Gram matrix, a scale
of the features, whose VGG. Its place on the map of `objective_map` is how hard its terms pull. `predict` reads off the
map what a reading will do, before any is trained: who decides, the rank, the shift of the mean, a band of dB. It writes
benchmarks/objective_predictions.json. Then each is trained as the map's points were, from the same starts, and stored
with what was predicted and the commit that held it. At last some objectives train MFFCN and SRCNN from nothing, by the
recipe `quick` shortened, three seeds: L2, as written, and the two points where MFFCN falls below SRCNN and bicubic.
Writes mffcn_lite/results/objective.json after each, and goes on from there; at last objective_faces.png beside it.
"""

import dataclasses
import itertools
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.experiments.objective_map import (
    CONFIG,
    FEATURES,
    FOLDER,
    L2_ALONE,
    NETWORKS,
    OXFORD,
    SEEDS,
    at,
    kept,
    measure,
    pulls,
    run,
    train_start,
)
from benchmarks.experiments.train_shipped import best_trial
from benchmarks.helpers.faces import draw_sheet
from benchmarks.helpers.readings import (
    BASELINES,
    READINGS,
    between,
    mean_of,
    order,
    ray_of,
    settings_of,
    thresholds,
)
from benchmarks.helpers.results import DEVICE, trainers, use_cores
from benchmarks.helpers.storing import begun, store
from benchmarks.helpers.tuning import lowest_at, total
from benchmarks.stamps import ROOT
from mffcn_lite.checkpoint import load_model, save_model
from mffcn_lite.data import load_faces, people_for_training
from mffcn_lite.degrade import degrade
from mffcn_lite.evaluation import RESULTS, load_results
from mffcn_lite.files import read_json, sha256, write_json
from mffcn_lite.losses.objective import create_objective
from mffcn_lite.models import create_model
from mffcn_lite.training import recipe_for, train

PREDICTIONS = ROOT / "benchmarks" / "objective_predictions.json"
FROM_NOTHING = ("L2", "as written", *(f"where MFFCN meets {name}" for name in BASELINES))
STEPS = 1000  # from nothing
LEVELS = range(-40, 41, 2)  # constants that are tried, in grey levels


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
    few = hr[::3]
    with torch.no_grad():
        sr, maps = model(degrade(few, 3)), objective.maps(few)  # of the original once, for all constants
    return {
        "pulls": place,
        "predicted": {
            "decides": max(place, key=place.get),
            "psnr": round(psnr, 2),
            "band": [round(psnr - 0.4, 2), round(psnr + 0.4, 2)],
            "mean_shift": lowest_at(total(objective), sr, few, maps, LEVELS),
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


def committed(path: Path = PREDICTIONS) -> dict:
    """The predictions in a file, with the commit that holds them.

    Raises:
        SystemExit: if they are not committed as they are.
    """
    name = str(path.relative_to(ROOT))
    changed = subprocess.run(["git", "status", "--porcelain", name], cwd=ROOT, capture_output=True, text=True).stdout
    log = subprocess.run(["git", "log", "-1", "--format=%H", name], cwd=ROOT, capture_output=True, text=True).stdout
    if changed or not log:
        sys.exit(f"{name} must be committed before what it predicts is trained")
    return read_json(path) | {"commit": log.strip(), "sha256": sha256(path)}


def from_nothing(what: str) -> dict:
    """The settings of an objective that trains from nothing; the points lie between the map's axes."""
    if what in ("L2", "as written"):
        return L2_ALONE if what == "L2" else settings_of("VGG-16", what)
    found = thresholds()["VGG-16"]["both"][what.rpartition(" ")[2]]["mean"]
    faces, _, _ = people_for_training(load_faces("orl"), hold_out=True)
    return at("VGG-16", "both", found, load_model(FOLDER / "mffcn.safetensors", DEVICE), faces[::12].floats(DEVICE))


def start_anew(network: str, settings: dict, seed: int, keep: Path, steps: int = STEPS, every: int = 1) -> dict:
    """One training from nothing under an objective, by the recipe `quick` in fewer steps; the first seed's is kept."""
    faces, validation, _ = people_for_training(load_faces("orl"), hold_out=True)
    config = dataclasses.replace(
        recipe_for(network, "quick"), loss="objective", objective=settings, reduction="sum", steps=steps, seed=seed
    )
    torch.manual_seed(seed)
    model, begin = create_model(network, **best_trial(network)["arguments"]).to(DEVICE), time.process_time()
    best = train(model, faces[::every], config).best
    seconds = round(time.process_time() - begin)
    if seed == SEEDS[0]:
        save_model(best, keep)
    return {"seed": seed, "seconds": seconds} | measure(best.eval(), validation[::every])


def entries() -> list[dict]:
    """What is trained, in order, each without its runs."""
    after = [{"name": name, "network": "mffcn", "features": features, "start": "L2"} for name, features in kinds()]
    pairs = itertools.product(FROM_NOTHING, NETWORKS)
    anew = [{"name": name, "network": network, "features": "VGG-16", "start": "nothing"} for name, network in pairs]
    return after + anew


def train_entry(entry: dict) -> dict:
    """The entry with its runs."""
    words = [entry[key] for key in ("network", "features", "name", "start")]
    if entry["start"] == "L2":
        return entry | {
            "arguments": READINGS[entry["name"]],
            "steps": CONFIG.steps,
            "runs": [run(entry["network"], settings_of(entry["features"], entry["name"]), 0, kept(FOLDER, *words))],
        }
    settings = from_nothing(entry["name"])
    runs = [start_anew(entry["network"], settings, seed, kept(FOLDER, *words)) for seed in SEEDS]
    said = {key: value for key, value in settings.items() if key != "features"}
    return entry | {"arguments": said, "steps": STEPS, "runs": runs}


def main() -> None:
    """The readings that are missing, as many at a time as there are cores."""
    use_cores()
    predictions = committed()
    foretold = {(one["name"], one["features"]): one for one in predictions["readings"]}
    results = begun("objective") or {"readings": []}
    results |= {"predictions": {key: predictions[key] for key in ("commit", "sha256", "map")}}
    results |= {"baselines": load_results("objective_map")["baselines"], "thresholds": thresholds()}
    wanted = entries()
    with trainers() as pool:
        for found in pool.map(train_entry, wanted[len(results["readings"]) :]):
            if found["start"] == "L2":
                found |= foretold[found["name"], found["features"]]
            results["readings"].append(found | {"order": order(found["runs"])})
            store("objective", results, unfinished=len(wanted) - len(results["readings"]) + (not OXFORD))
            print(found["name"], found["features"], found["start"], mean_of(found["runs"][0], "psnr"), flush=True)
    if OXFORD:
        store("objective", results | {"faces": draw_faces(results["readings"])})


def draw_faces(readings: list[dict]) -> dict:
    """One validation person's photo under every point of the map and every reading, as a picture beside the result."""
    points = [
        {key: one[key] for key in ("network", "features", "ray", "distance")}
        for one in load_results("objective_map")["points"]
    ]
    trained = points + [{key: one[key] for key in ("network", "features", "name", "start")} for one in readings]
    _, validation, _ = people_for_training(load_faces("orl"), hold_out=True)
    networks = [kept(FOLDER, *one.values()) for one in trained]
    sheet = draw_sheet(RESULTS / "objective_faces.png", validation[:1].floats(), 3, networks)
    return sheet | {"photo": validation.names[0], "tiles": ["original", "bicubic", *trained]}


def probe() -> list:
    """A step of some readings, on from a start of a few steps and from nothing; and what is read off the map."""
    with tempfile.TemporaryDirectory() as place:
        train_start("mffcn", Path(place, "mffcn.safetensors"), {}, steps=2)
        keep, names = kept(Path(place), "a reading"), ("MSELoss", "as written, Gram at five layers")
        found = [run("mffcn", settings_of("VGG-16", name), 0, keep, steps=1, every=40) for name in names]
        found.append(start_anew("srcnn", settings_of("VGG-16", "as written"), 0, keep, steps=2, every=40))
    for one in found:
        del one["seconds"]
    return [found, order(found), thresholds()]


if __name__ == "__main__":
    predict() if sys.argv[1:] == ["predict"] else main()
