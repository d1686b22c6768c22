"""How much of the level, and of the margins, does ORL's noise take? Portraits with noise of σ = 3 grey levels added.

    MFFCN_LITE_SETS=FOLDER python -m benchmarks.experiments.noise predict    (a minute; once portraits.json is stored)
    MFFCN_LITE_SETS=FOLDER python -m benchmarks.experiments.noise            (an hour of a core)

FOLDER holds `portraits`. The noise is on what is to be restored, on what the small photo is made of, on both (one and
the same noise, as where the photo itself is grainy), or on neither. MFFCN and SRCNN are trained and measured so, by the
recipe `quick`, one seed; those without noise are `at_scale`'s. `predict` computes on paper what will come out, from the
levels without noise. Noise that cannot be known is added to the error, and noise of the small photo is handed through,
or is not. It writes benchmarks/noise_predictions.json, which must be committed before anything is trained. Keeps the
networks in runs/noise, goes on from there, and writes mffcn_lite/results/noise.json at the end. Core-minutes,
estimated from ten steps: 13 for each of three MFFCNs and 6 for each of three SRCNNs, and some to measure.
"""

import dataclasses
import itertools
import math
import statistics
import sys
import tempfile
from pathlib import Path

import pandas as pd
import torch

from benchmarks.experiments.at_scale import FOLDER, arguments_of, made_portraits, network
from benchmarks.experiments.objective import committed
from benchmarks.experiments.tables import FACTORS, PAIRS
from benchmarks.helpers.keeping import code_hash, kept
from benchmarks.helpers.pairs import paired, psnr_of_pairs, train_pairs, with_noise
from benchmarks.helpers.results import DEVICE, use_cores
from benchmarks.helpers.sets import described, load_set
from benchmarks.helpers.storing import store
from benchmarks.stamps import ROOT
from mffcn_lite.data import FaceSet, split_by_person
from mffcn_lite.evaluation import load_results
from mffcn_lite.files import write_json
from mffcn_lite.models import SuperResolver, create_model
from mffcn_lite.statistics import compare, t_interval
from mffcn_lite.training import recipe_for

PREDICTIONS = ROOT / "benchmarks" / "noise_predictions.json"
LEVEL, NETWORKS = 3.0, ("mffcn", "srcnn")  # grey levels: as on ORL's photos
ARMS = {"neither": (False, False), "target": (True, False), "input": (False, True), "both": (True, True)}
MARGINS = (*PAIRS, ("mffcn", "bicubic"))


def foretold(psnr: float, factor: int, arm: str, level: float = LEVEL) -> list[float]:
    """[low, high] of a network's PSNR in dB, where it has `psnr` without noise.

    With σ² of noise on the target alone, nothing of it can be known: σ² is added. The small photo's noise has at most
    the share 1/factor² of it. On the input alone, all of that is handed through, or none. On both, that share can be
    restored, or is not.
    """
    mse, noise = 10 ** (-psnr / 10), (level / 255) ** 2
    share = noise / factor**2
    added = {"neither": (0, 0), "target": (noise, noise), "input": (share, 0), "both": (noise, noise - share)}[arm]
    return [-10 * math.log10(mse + one) for one in added]


def predict(place: Path = PREDICTIONS) -> dict:
    """Write down what is expected of each system, arm and factor, and of the margins over bicubic."""
    rows = {(row["model"], row["factor"]): row["psnr"] for row in load_results("portraits")["results"]}
    found, margins = [], []
    for arm, factor in itertools.product(ARMS, FACTORS):
        levels = {name: foretold(rows[name, factor], factor, arm) for name in (*NETWORKS, "bicubic")}
        found += [{"model": name, "arm": arm, "factor": factor, "psnr": level} for name, level in levels.items()]
        for name in NETWORKS:
            margin = sorted(a - b for a, b in zip(levels[name], levels["bicubic"], strict=True))
            margins.append({"a": name, "b": "bicubic", "arm": arm, "factor": factor, "mean": margin})
    content = {"from": load_results("portraits")["stamp"]["numbers"], "level": LEVEL}
    content |= {"predicted": found, "margins": margins}
    write_json(place, content)
    return content


def photos_of(faces: FaceSet, arm: str) -> FaceSet:
    """Pairs of all photos, with noise where the arm has it; that of a photo is the same in all arms and splits."""
    noisy = with_noise(faces, LEVEL)
    return paired(faces, *(noisy if has else faces.images for has in ARMS[arm]))


def learn(name: str, photos: FaceSet, **changes: object) -> SuperResolver:
    """One training."""
    config = dataclasses.replace(recipe_for(name, "quick"), **changes)
    torch.manual_seed(config.seed)
    return train_pairs(create_model(name, **arguments_of(name)).to(DEVICE), photos, config)


def trained(faces: FaceSet, arm: str, name: str, folder: Path, **changes: object) -> SuperResolver:
    """A network of an arm, kept once it is trained; where there is no noise, that of `at_scale`."""
    if arm == "neither":
        return network("portraits", name, 0, split_by_person(faces)[0], folder, **changes)
    photos, _ = split_by_person(photos_of(faces, arm))
    made_by = {"code": code_hash("experiments.noise:learn", (name, "l2")), "arm": arm, "changes": changes}
    made_by |= {"from": described("portraits", photos), "network": arguments_of(name), "level": LEVEL}
    path = folder / "noise" / f"{name}-{arm}.safetensors"
    return kept(path, made_by, photos, lambda: learn(name, photos, **changes))


def measure(faces: FaceSet, folder: Path = FOLDER, **changes: object) -> list[dict]:
    """Each arm: levels with intervals over people, margins as one family."""
    found = []
    for arm in ARMS:
        _, test = split_by_person(photos_of(faces, arm))
        systems = {"bicubic": create_model("bicubic")}
        systems |= {name: trained(faces, arm, name, folder, **changes) for name in NETWORKS}
        rows = [
            {"model": name, "factor": factor, "name": photo, "person": int(person), "psnr": value}
            for (name, system), factor in itertools.product(systems.items(), FACTORS)
            for photo, person, value in zip(test.names, test.people, psnr_of_pairs(system, test, factor), strict=True)
        ]
        per_photo = pd.DataFrame(rows)
        results = []
        for (name, factor), part in per_photo.groupby(["model", "factor"], sort=False):
            interval = t_interval(part.groupby("person")["psnr"].mean().tolist())
            results.append({"model": name, "factor": int(factor), "psnr": part["psnr"].mean(), "psnr_ci": interval})
        found.append({"arm": arm, "results": results, "margins": compare(per_photo, MARGINS, FACTORS)})
    return found


def main() -> None:
    """The four arms, each beside what was foretold."""
    use_cores()
    predictions = committed(PREDICTIONS)
    faces = load_set("portraits")
    arms = measure(faces)
    for one in arms:
        mean = statistics.mean(row["psnr"] for row in one["results"] if row["model"] == "mffcn")
        print(f"{one['arm']}: MFFCN {mean:.2f} dB", flush=True)
    content = {
        "level": LEVEL,
        "arms": arms,
        "predicted": {key: predictions[key] for key in ("predicted", "margins")},
        "data": described("portraits", faces),
    }
    store("noise", content | {"predictions": {key: predictions[key] for key in ("commit", "sha256", "from")}})


def probe() -> list:
    """Some steps of each arm on some of ORL, and what is computed on paper."""
    few = {"steps": 2, "warmup": 1, "batch": 1}
    with tempfile.TemporaryDirectory() as folder:
        paper = [foretold(34.0, factor, arm) for factor, arm in itertools.product(FACTORS, ARMS)]
        return [measure(made_portraits(8), Path(folder), **few), paper]


if __name__ == "__main__":
    predict() if sys.argv[1:] == ["predict"] else main()
