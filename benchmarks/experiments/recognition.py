"""Does super-resolution help a program to tell people apart? Small photos of forty people against a sharp gallery.

    pip install dlib-bin face_recognition_models==0.3.0
    python -m benchmarks.experiments.recognition    (about an hour on one core, of which 15 minutes train)

The gallery holds five photos of each of the forty people; the other five are probes. Each probe is made small and
enlarged by a network of the fold that never saw its person: "mffcn-far" is trained here for factors 4, 8 and 12 at the
small budget of ablations.py (and kept in benchmarks/networks/far), "srcnn" and "mffcn" are those of folds.py
where they are, trained for 2, 3 and 4. Super-resolution adds no information about who somebody is: it can only
bring a photo into the form that a descriptor was made for.
Writes mffcn_lite/results/recognition.json after each system and factor, and goes on from there
(`recognition.py 1` does one that is missing).
"""

import dataclasses
import itertools
import sys
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.distance import cdist

from benchmarks.experiments.ablations import SHORT
from benchmarks.helpers.descriptors import Deep, choose_eigenfaces, choose_finder, eigenfaces
from benchmarks.helpers.results import DEVICE, use_cores
from benchmarks.helpers.storing import is_made, made_with, store
from benchmarks.stamps import ROOT
from mffcn_lite.checkpoint import load_model, save_model
from mffcn_lite.data import FaceSet, folds_by_person, load_faces, split_by_photo
from mffcn_lite.degrade import downsample
from mffcn_lite.files import read_json, write_json
from mffcn_lite.models import SuperResolver, create_model
from mffcn_lite.recognition import distances_to_people, equal_error_rate, rank_one, resample_people
from mffcn_lite.statistics import max_t_p_values, t_interval, verdict_of
from mffcn_lite.training import train

FACTORS, FOLDS, SAMPLES = (4, 8, 12), 5, 4999
CONFIG = dataclasses.replace(SHORT, lr=3e-3, factors=FACTORS)
NETWORKS = ROOT / "benchmarks" / "networks"
TRAINED, FAR, HERE = NETWORKS / "folds", NETWORKS / "far", Path("runs/recognition")
SYSTEMS = ("bicubic", "wiener", "mffcn-far", "srcnn", "mffcn")
ALIKE = ("bicubic", "mffcn-far")  # the gallery is made small and enlarged too
PLAN = [("original", None), *itertools.product(SYSTEMS, FACTORS)]
SHOWN = ("descriptor", "gallery", "found", "rank_one", "rank_one_ci", "eer", "eer_ci")
SAID = [
    "super-resolution adds no information about who somebody is; a super-resolved face is a guess, never evidence",
    "numbers that describe a face are biometric data in many laws: computed on this public benchmark, never stored",
    "folds share training people, and photos of one person were taken in one session: an easy gallery",
]
CONVENTION = {
    "gallery": "five photos of each person, the other five are probes; by the hash of `split_by_photo`, half of each",
    "sharp, alike": "the gallery as it is, or made small and enlarged as the probes are, by the fold of its person",
    "rank_one": "share of the probes whose nearest photo of the gallery is of their person, a person's first and then "
    "the mean; interval t over people",
    "eer": "equal error rate where each probe claims to be each of the people, the nearest photo of a person counts; "
    f"interval: percentiles of a bootstrap over people, {SAMPLES} samples",
    "comparisons": "a − b; rank-1: t over people, max-T over the family of a descriptor; eer: percentiles of paired "
    "samples, and the verdict after Bonferroni over the same family",
    "eigenfaces": "axes from the gallery; count, whitening and distance are those of the lowest equal error rate when "
    "each photo of the sharp gallery is held against the others, before any probe is looked at",
    "deep": "dlib's ResNet-29, 128 numbers, Euclidean; where the face is found was chosen in the same way",
}


def halves(faces: FaceSet) -> tuple[FaceSet, FaceSet]:
    """(gallery, probes): half of each person's photos."""
    names = {name for person in faces.who() for name in split_by_photo(faces[faces.people == person], 0.5)[1].names}
    chosen = np.array([name in names for name in faces.names])
    return faces[chosen], faces[~chosen]


def network(system: str, fold: int, training: FaceSet) -> SuperResolver:
    """The system that learnt from `training`, the people outside a fold."""
    if system == "bicubic":
        return create_model(system)
    if system == "wiener":
        return create_model(system, factors=FACTORS).fit(training)
    path = (FAR if system == "mffcn-far" else TRAINED) / f"{system}-{fold}.safetensors"
    model = load_model(path)
    if model.card["training_people"] != training.who():
        raise SystemExit(f"{path} learnt from other people than those outside fold {fold}; train it again")
    return model


def train_far(fold: int, training: FaceSet) -> None:
    """Train the network of a fold for far people, unless that is done."""
    path, stamp = FAR / f"mffcn-far-{fold}.safetensors", {"made_with": made_with("recognition")}
    if not is_made(path, stamp):
        best = trained(training)
        save_model(best, path, {"training_people": training.who(), "config": dataclasses.asdict(CONFIG), **stamp})


def trained(training: FaceSet, steps: int = CONFIG.steps) -> SuperResolver:
    """An MFFCN for the large factors."""
    torch.manual_seed(CONFIG.seed)
    return train(create_model("mffcn").to(DEVICE), training, dataclasses.replace(CONFIG, steps=steps)).best


@torch.inference_mode()
def enlarged(faces: FaceSet, models: list[tuple[SuperResolver, list[int]]], factor: int) -> np.ndarray:
    """Photos N×H×W after down-sampling and enlarging, each by the model whose list names its person."""
    hr = faces.floats()
    result = torch.full_like(hr, torch.nan)
    for model, people in models:
        mine = torch.from_numpy(np.isin(faces.people, people))
        if mine.any():
            result[mine] = model.upscale(downsample(hr[mine], factor), tuple(hr.shape[-2:])).clamp(0, 1)
    return result[:, 0].double().numpy()


def score(apart: np.ndarray, gallery: FaceSet, probes: FaceSet) -> dict:
    """Both measures from the distances of probes to photos of the gallery, with what comparisons need."""
    to_people, people = distances_to_people(apart, gallery.people)
    right, probed = rank_one(to_people, people, probes.people), np.array(probes.who())
    by_person = [float(right[probes.people == person].mean()) for person in probed]
    samples = equal_error_rate(to_people, people, probes.people, resample_people(people, probes.people, SAMPLES))
    return {
        "rank_one": float(np.mean(by_person)),
        "rank_one_ci": t_interval(by_person),
        "rank_one_by_person": by_person,
        "eer": float(equal_error_rate(to_people, people, probes.people)[0]),
        "eer_ci": np.quantile(samples, (0.025, 0.975)).tolist(),
        "eer_samples": samples.round(5).tolist(),
    }


def compare(rows: list[dict]) -> list[dict]:
    """What each system has over bicubic, and what a gallery that is alike has over a sharp one; one descriptor's."""
    found = {(row["system"], row["gallery"], row["factor"]): row for row in rows}
    pairs = []
    for system, gallery, factor in found:
        if factor is not None and (system, gallery) != ("bicubic", "sharp"):
            other = (system if gallery == "alike" else "bicubic", "sharp", factor)
            pairs.append(((system, gallery, factor), other))
    if not pairs:
        return []
    differences = [np.subtract(*(found[key]["rank_one_by_person"] for key in pair)).tolist() for pair in pairs]
    results = []
    for pair, row, p in zip(pairs, differences, max_t_p_values(differences), strict=True):
        a, b = (found[key] for key in pair)
        said = {"a": " / ".join(pair[0][:2]), "b": " / ".join(pair[1][:2]), "factor": pair[0][2]}
        mean = float(np.mean(row))
        said_of_all = {"p": p, "verdict": verdict_of(mean, p)}
        results.append({**said, "measure": "rank_one", "mean": mean, "ci": t_interval(row), **said_of_all})
        samples = np.subtract(a["eer_samples"], b["eer_samples"])
        low, high = np.quantile(samples, (0.025 / len(pairs), 1 - 0.025 / len(pairs)))
        verdict = "above" if low > 0 else "below" if high < 0 else "undecided"
        ci = np.quantile(samples, (0.025, 0.975)).tolist()
        results.append({**said, "measure": "eer", "mean": a["eer"] - b["eer"], "ci": ci, "verdict": verdict})
    return results


def settings() -> tuple[dict, dict]:
    """(how each descriptor was chosen on the sharp gallery, descriptor to (function of a gallery, metric))."""
    gallery, _ = halves(load_faces("orl"))
    photos = gallery.images[:, 0] / 255
    chosen = {
        "eigenfaces": choose_eigenfaces(photos, gallery.people),
        "deep": choose_finder(photos, gallery.people),
    }
    best, finder = chosen["eigenfaces"][0], Deep(chosen["deep"][0]["finder"])
    makers = {
        "eigenfaces": (lambda photos: eigenfaces(photos, best["count"], best["whiten"]), best["metric"]),
        "deep": (lambda photos: finder, "euclidean"),
    }
    return chosen, makers


def measure(probe: np.ndarray, sharp: np.ndarray, alike: np.ndarray | None, gallery: FaceSet, probes: FaceSet, makers):
    """One row a descriptor and kind of gallery."""
    for (descriptor, (make, metric)), kind in itertools.product(makers.items(), ("sharp", "alike")):
        photos = sharp if kind == "sharp" else alike
        if photos is not None:
            describe = make(photos)
            numbers = describe(probe)
            found = getattr(describe, "found", None)
            row = {"descriptor": descriptor, "gallery": kind, "found": found}
            yield row | score(cdist(numbers, describe(photos), metric), gallery, probes)


def main(limit: int | None) -> None:
    """The systems and factors that are missing, at most `limit` of them; then the comparisons."""
    use_cores()
    faces, makers, models = load_faces("orl"), None, {}
    stamp = made_with("recognition")
    gallery, probes = halves(faces)
    folds, sharp = folds_by_person(faces, FOLDS), gallery.images[:, 0] / 255
    keep = HERE / "rows.json"  # with the bootstrap's samples, which comparisons need
    results = read_json(keep) if keep.exists() else {}
    if results.get("made_with") != stamp:
        results = {"made_with": stamp, "chosen": None, "rows": []}
    done = {(row["system"], row["factor"]) for row in results["rows"]}
    left = [key for key in PLAN if key not in done]
    for system, factor in left[:limit]:
        if system in ("srcnn", "mffcn") and not (TRAINED / f"{system}-{FOLDS - 1}.safetensors").exists():
            continue
        if makers is None:
            results["chosen"], makers = settings()
        probe, alike = probes.images[:, 0] / 255, None
        if factor is not None:
            if system == "mffcn-far":
                for k, (part, _) in enumerate(folds):
                    train_far(k, part)
            if system not in models:  # those of one system at a time
                models = {system: [(network(system, k, part), test.who()) for k, (part, test) in enumerate(folds)]}
            probe = enlarged(probes, models[system], factor)
            alike = enlarged(gallery, models[system], factor) if system in ALIKE else None
        for row in measure(probe, sharp, alike, gallery, probes, makers):
            results["rows"].append({"system": system, "factor": factor, **row})
            print(system, factor, *(row[key] for key in SHOWN), flush=True)
        left.remove((system, factor))
        write_json(keep, results)
        store("recognition", describe(results, faces), unfinished=len(left))


def describe(results: dict, faces: FaceSet) -> dict:
    """What is stored: the rows without their samples, and the comparisons."""
    gallery, probes = halves(faces)
    rows = [{key: value for key, value in row.items() if key != "eer_samples"} for row in results["rows"]]
    comparisons = [
        {"descriptor": descriptor, **row}
        for descriptor in ("eigenfaces", "deep")
        for row in compare([row for row in results["rows"] if row["descriptor"] == descriptor])
    ]
    content = {"said": SAID, "convention": CONVENTION, "people": probes.who(), "gallery": gallery.names}
    content |= {"chosen_on_the_gallery": results["chosen"], "results": rows, "comparisons": comparisons}
    return {**content, "config": dataclasses.asdict(CONFIG)}


def probe() -> list:
    """Eigenfaces and few probes, with the kept networks. Not the deep descriptor: that wants more packages."""
    faces = load_faces("orl")
    gallery, probes = halves(faces)
    probes = probes[::2]
    photos, rows, chosen = gallery.images[:, 0] / 255, [], choose_eigenfaces(gallery.images[:, 0] / 255, gallery.people)
    makers = {"eigenfaces": (lambda photos: eigenfaces(photos, 20, True), "cosine")}
    for system in SYSTEMS:
        models = [
            (network(system, k, part), test.who()) for k, (part, test) in enumerate(folds_by_person(faces, FOLDS))
        ]
        probe, alike = enlarged(probes, models, 8), enlarged(gallery, models, 8) if system in ALIKE else None
        found = measure(probe, photos, alike, gallery, probes, makers)
        rows += [{"system": system, "factor": 8, **row} for row in found]
    return [chosen, describe({"rows": rows, "chosen": None}, faces), trained(faces[::4], steps=2).state_dict()]


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else None)
