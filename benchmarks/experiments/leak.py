"""What a split by photo gives away: the same test photos, with or without other photos of their people in training.

    python -m benchmarks.experiments.leak    (about 20 minutes on one core; `leak.py 1` does one missing run)

Two groups of eight people, A (the test people) and B, with two test photos each. One system learns from 24 other
people and the eight other photos of each of A, its twin from the same 24 and those of B: as many photos, of as many
people. Each test photo is then measured twice, by the one that knows its person and by the one that does not.
Writes mffcn_lite/results/leak.json after each run, and goes on from there. No choice is made on these numbers.
"""

import dataclasses
import itertools
import sys
import time
from collections.abc import Iterator

import numpy as np
import torch

from benchmarks.experiments.ablations import SHORT
from benchmarks.helpers.results import use_cores
from benchmarks.helpers.storing import begun, store
from mffcn_lite.data import FaceSet, load_faces, people_for_training, split_by_person, split_by_photo
from mffcn_lite.evaluation import CONVENTION, evaluate
from mffcn_lite.models import create_model
from mffcn_lite.shipped import shipped_models
from mffcn_lite.statistics import bca_interval, max_t_p_values, t_interval, verdict_of
from mffcn_lite.training import train

FACTORS, SEEDS, MEASURES = (2, 3, 4), (0, 1, 2), ("psnr", "ssim")
CONFIG = dataclasses.replace(SHORT, lr=3e-3)
# (name in the results, system, changes of its shipped arguments, seeds, what is in training)
OTHERS, ITSELF = "other photos of the person", "the photo itself"
ARMS = [
    ("wiener", "wiener", {}, (0,), OTHERS),
    ("example", "example", {}, (0,), OTHERS),
    ("example, 8 times the patches", "example", {"pairs": 96_000}, (0,), OTHERS),
    ("example, the photo itself", "example", {}, (0,), ITSELF),
    ("mffcn", "mffcn", {}, SEEDS, OTHERS),
]
DESIGN = (
    "two groups of people, two test photos each; a system is trained on 24 other people with all ten photos and on "
    "eight photos of each of one group, its twin on those of the other group; the value `known` of a person is that "
    "of the one that was trained on other photos of the person, `unknown` that of its twin; gain is known − unknown; "
    'in the arm "the photo itself" the two test photos take the place of two of the eight'
)


def split(faces: FaceSet) -> tuple[FaceSet, list[FaceSet], list[FaceSet]]:
    """(photos of the people outside both groups, each group's photos for training, each group's test photos).

    A are the test people, B as many of those on whom nothing was chosen either.
    """
    count = len(split_by_person(faces)[1].who())
    training, _, people = people_for_training(faces, hold_out=True)
    _, second = split_by_person(training, test_fraction=count / len(training.who()))
    groups = [people["test_people"], second.who()]
    others, tests = [], []
    for group in groups:
        halves = [split_by_photo(faces[faces.people == person]) for person in group]
        others.append(join([one for one, _ in halves], faces))
        tests.append(join([two for _, two in halves], faces))
    return faces[~np.isin(faces.people, [*groups[0], *groups[1]])], others, tests


def join(parts: list[FaceSet], faces: FaceSet) -> FaceSet:
    """The photos of all `parts`, which are parts of `faces`, in the order of `faces`."""
    names = {name for part in parts for name in part.names}
    return faces[np.array([name in names for name in faces.names])]


def training_photos(faces: FaceSet, known: int, held: str) -> FaceSet:
    """What a system learns from that knows the group `known`."""
    common, others, tests = split(faces)
    if held == OTHERS:
        return join([common, others[known]], faces)
    people = [others[known][others[known].people == person][:-2] for person in others[known].who()]
    return join([common, *people, tests[known]], faces)


def run(
    faces: FaceSet, system: str, changes: dict, seed: int, known: int, held: str, steps: int = CONFIG.steps
) -> dict:
    """Train or fit one system that knows one group, and measure it on the test photos of both."""
    photos, start = training_photos(faces, known, held), time.perf_counter()
    if system == "mffcn":
        torch.manual_seed(seed)
        model = train(create_model(system), photos, dataclasses.replace(CONFIG, seed=seed, steps=steps)).best
    else:
        model = create_model(system, **(shipped_models()[system]["arguments"] | changes)).fit(photos)
    seconds = time.perf_counter() - start
    measured = evaluate({system: model}, join(split(faces)[2], faces), FACTORS)
    means = measured.groupby(["factor", "person"])[list(MEASURES)].mean()
    values = {m: {str(f): {str(p): v for p, v in means[m][f].items()} for f in FACTORS} for m in MEASURES}
    return {"seed": seed, "known": "AB"[known], "photos": len(photos), "seconds": round(seconds), **values}


def summarize(arms: list[dict], groups: list[list[int]]) -> list[dict]:
    """For each arm, factor and measure: the values of each person, and the gain with its interval and verdict.

    The comparisons on other photos of the person are one family.
    """
    rows = []
    for arm, factor, measure in itertools.product(arms, FACTORS, MEASURES):
        sides = {"known": [], "unknown": []}
        for (group, people), side in itertools.product(zip("AB", groups, strict=True), sides):
            runs = [r for r in arm["runs"] if (r["known"] == group) == (side == "known")]
            sides[side] += [[r[measure][str(factor)][str(person)] for r in runs] for person in people]
        known, unknown = (np.array(sides[side]) for side in ("known", "unknown"))  # person × seed
        gain = (known - unknown).mean(1)
        row = {"arm": arm["arm"], "factor": factor, "measure": measure, "people": [*groups[0], *groups[1]]}
        row |= {"known": known.mean(1).tolist(), "unknown": unknown.mean(1).tolist(), "mean": float(gain.mean())}
        row |= {"ci": t_interval(gain.tolist()), "bca": bca_interval(gain.tolist())}
        rows.append(row | {"mean_by_seed": (known - unknown).mean(0).tolist()})
    for measure in MEASURES:
        family = [row for row in rows if row["measure"] == measure and row["arm"] != ARMS[3][0]]
        gains = [np.subtract(row["known"], row["unknown"]).tolist() for row in family]
        for row, p in zip(family, max_t_p_values(gains), strict=True):
            row |= {"p": p, "verdict": verdict_of(row["mean"], p)}
    return rows


def missing(results: dict) -> Iterator[tuple]:
    """(arm, seed, group that is known) of the runs that are not stored."""
    for arm, known in itertools.product(ARMS, (0, 1)):
        stored = next((a["runs"] for a in results["arms"] if a["arm"] == arm[0]), [])
        done = {(r["seed"], r["known"]) for r in stored}
        yield from ((arm, seed, known) for seed in arm[3] if (seed, "AB"[known]) not in done)


def main(limit: int | None) -> None:
    """The runs that are missing, at most `limit` of them."""
    use_cores()
    faces = load_faces("orl")
    common, _, tests = split(faces)
    groups = [test.who() for test in tests]
    described = {"design": DESIGN, "convention": CONVENTION, "config": dataclasses.asdict(CONFIG)}
    described |= {"common_people": common.who(), "groups": dict(zip("AB", groups, strict=True))}
    described |= {"test_photos": [name for test in tests for name in test.names]}
    results = {"arms": begun("leak").get("arms", [])}
    for (name, system, changes, _, held), seed, known in list(missing(results))[:limit]:
        arm = next((a for a in results["arms"] if a["arm"] == name), None)
        if arm is None:
            arm = {"arm": name, "model": system, "changes": changes, "held": held, "runs": []}
            results["arms"].append(arm)
        arm["runs"].append(run(faces, system, changes, seed, known, held))
        print(name, seed, "AB"[known], arm["runs"][-1]["seconds"], "s", flush=True)
        left = len(list(missing(results)))
        summary = [] if left else summarize(results["arms"], groups)
        store("leak", {**described, "arms": results["arms"], "results": summary}, unfinished=left)
    for row in begun("leak").get("results", []):
        print(row["arm"], row["factor"], row["measure"], round(row["mean"], 4), row["ci"], row.get("verdict"))


def probe() -> list:
    """Every arm on half of the people, with few steps and few patches; and the summary."""
    faces = load_faces("orl")
    faces, arms = faces[faces.people < 20], []
    for name, system, changes, _, held in ARMS:
        few = {"pairs": 3000} if system == "example" else changes
        runs = [run(faces, system, few, 0, known, held, steps=4) for known in (0, 1)]
        arms.append({"arm": name, "runs": [{k: v for k, v in one.items() if k != "seconds"} for one in runs]})
    return [arms, summarize(arms, [test.who() for test in split(faces)[2]]), list(missing({"arms": []}))]


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else None)
