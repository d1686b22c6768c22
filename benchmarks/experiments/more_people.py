"""Do margins grow with the number of people to learn from? On portraits: 32, 128, 512 and all, for equal steps.

    MFFCN_LITE_SETS=FOLDER python -m benchmarks.experiments.more_people    (an hour and a half of a core)

FOLDER holds `portraits`. MFFCN and SRCNN, in the paper's form, are trained by the recipe `quick` on the first so many
of the training people, in the order of a hash, so that the few are among the many. Three seeds at both ends, one in
between. All people's networks are those of `at_scale`. Keeps the others in runs, goes on from there, and writes
mffcn_lite/results/more_people.json at the end. Core-minutes, estimated from ten steps: 19 for each of five pairs.
"""

import tempfile
from pathlib import Path

from benchmarks.experiments.at_scale import FOLDER, made_portraits, mean_over_seeds, network
from benchmarks.experiments.tables import FACTORS, MEASURES, PAIRS, PAPER
from benchmarks.helpers.results import DEVICE, use_cores
from benchmarks.helpers.sets import described, load_set
from benchmarks.helpers.storing import store
from mffcn_lite.data import FaceSet, split_by_person
from mffcn_lite.evaluation import CONVENTION, evaluate, summarize
from mffcn_lite.models import create_model
from mffcn_lite.statistics import compare

COUNTS, SEVERAL = (32, 128, 512, None), (0, 1, 2)  # None: all of them
NETWORKS = ("mffcn", "srcnn")
MARGINS = (*PAIRS, ("mffcn", "bicubic"))


def some_people(photos: FaceSet, count: int | None) -> FaceSet:
    """The photos of the first `count` people in the order of a hash."""
    people = len(photos.who())
    return photos if count is None or count >= people else split_by_person(photos, count / people, seed=1)[1]


def point(faces: FaceSet, count: int | None, seeds: tuple[int, ...], folder: Path = FOLDER, **changes: object) -> dict:
    """The margins of networks that learnt from `count` people."""
    photos, test = split_by_person(faces)
    photos = some_people(photos, count)
    place = "portraits" if count is None else f"portraits-{count}"
    bicubic, parts = {"bicubic": create_model("bicubic")}, []
    for seed in seeds:
        systems = {arm: network(place, arm, seed, photos, folder, **changes) for arm in NETWORKS}
        parts.append(evaluate(bicubic | systems, test, FACTORS, device=DEVICE))
    return {
        "people": len(photos.who()),
        "photos": len(photos),
        "seeds": [summarize(part) for part in parts],
        "margins": compare(mean_over_seeds(parts), MARGINS, FACTORS, MEASURES),
    }


def main() -> None:
    """A point after the other."""
    use_cores()
    faces = load_set("portraits")
    ends = (COUNTS[0], COUNTS[-1])
    points = [point(faces, count, SEVERAL if count in ends else SEVERAL[:1]) for count in COUNTS]
    for one in points:
        print(one["people"], [f"{row['mean']:.2f}" for row in one["margins"] if row["measure"] == "psnr"], flush=True)
    content = {"points": points, "paper": {"factors": FACTORS, "rows": PAPER, "people": "about 1,000"}}
    store("more_people", content | {"data": described("portraits", faces), "convention": CONVENTION})


def probe() -> list:
    """Two points, of few steps, on some of ORL."""
    faces, few = made_portraits(8), {"steps": 2, "warmup": 1, "batch": 1}
    with tempfile.TemporaryDirectory() as folder:
        return [point(faces, count, (0,), Path(folder), **few) for count in (4, None)]


if __name__ == "__main__":
    main()
