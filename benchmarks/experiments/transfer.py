"""Trained on one set, measured on another: which network should restore a photo of today?

    MFFCN_LITE_SETS=FOLDER python -m benchmarks.experiments.transfer    (twenty minutes of a core)

FOLDER holds `portraits` and `lfw-frontal`. The networks are the shipped MFFCN (ORL), those of `at_scale` (portraits,
LFW), and one that learns from portraits without the London set: to the portraits' own network London's photos are no
transfer. Each is measured on the test people of each set, and on all of London's. Keeps the new network in runs, and
writes mffcn_lite/results/transfer.json. Core-minutes, estimated from ten steps: 13 to train, and four to measure.
"""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.experiments.at_scale import FOLDER, made_portraits, network
from benchmarks.experiments.tables import FACTORS, MEASURES
from benchmarks.helpers.results import use_cores
from benchmarks.helpers.sets import described, load_set, source_of
from benchmarks.helpers.storing import store
from mffcn_lite.checkpoint import load_model
from mffcn_lite.data import FaceSet, split_by_person
from mffcn_lite.evaluation import CONVENTION, evaluate, summarize
from mffcn_lite.models import SuperResolver, create_model
from mffcn_lite.statistics import compare

LONDON = "london"


def apart(portraits: FaceSet) -> tuple[FaceSet, FaceSet]:
    """(the training people's portraits without London's, all of London's)."""
    london = np.array([source_of(name) == LONDON for name in portraits.names])
    photos, _ = split_by_person(portraits)
    return photos[np.array([source_of(name) != LONDON for name in photos.names])], portraits[london]


def networks(portraits: FaceSet, lfw: FaceSet, folder: Path = FOLDER, **changes: object) -> dict[str, SuperResolver]:
    """By what they learnt from."""
    return {
        "orl": load_model("mffcn"),
        "portraits": network("portraits", "mffcn", 0, split_by_person(portraits)[0], folder, **changes),
        "portraits without London": network("portraits-alone", "mffcn", 0, apart(portraits)[0], folder, **changes),
        "lfw": network("lfw", "mffcn", 0, split_by_person(lfw)[0], folder, **changes),
    }


def measure(systems: dict[str, SuperResolver], photos: dict[str, FaceSet]) -> list[dict]:
    """A row of the matrix for each set that is measured on: levels, and gains over bicubic as one family."""
    found, pairs = [], [(name, "bicubic") for name in systems]
    for place, faces in photos.items():
        per_photo = evaluate({"bicubic": create_model("bicubic")} | systems, faces, FACTORS)
        gains = compare(per_photo, pairs, FACTORS, MEASURES)
        found.append({"measured on": described(place, faces), "results": summarize(per_photo), "gains": gains})
    return found


def tests_of(orl: FaceSet, portraits: FaceSet, lfw: FaceSet) -> dict[str, FaceSet]:
    """The photos of people whom no network of their set saw; London's all."""
    return {
        "orl": split_by_person(orl)[1],
        "portraits": split_by_person(portraits)[1],
        "London": apart(portraits)[1],
        "lfw": split_by_person(lfw)[1],
    }


def main() -> None:
    """The matrix."""
    use_cores()
    orl, portraits, lfw = (load_set(name) for name in ("orl", "portraits", "lfw"))
    rows = measure(networks(portraits, lfw), tests_of(orl, portraits, lfw))
    for row in rows:
        gains = {
            one["a"]: round(one["mean"], 2) for one in row["gains"] if (one["factor"], one["measure"]) == (3, "psnr")
        }
        print(row["measured on"]["source"], gains, flush=True)
    said = "the network named portraits learnt from some of London's people: see the one without"
    store("transfer", {"matrix": rows, "said": said, "convention": CONVENTION})


def probe() -> list:
    """Few steps, on some of ORL as if it were each of the sets."""
    faces, few = made_portraits(8), {"steps": 2, "warmup": 1, "batch": 1}
    with tempfile.TemporaryDirectory() as folder:
        return [measure(networks(faces, faces, Path(folder), **few), tests_of(faces, faces, faces))]


if __name__ == "__main__":
    main()
