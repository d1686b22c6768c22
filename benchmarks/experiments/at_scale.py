"""The paper's tables on thousands of photos: portraits, and as many photos of LFW as the paper has of FERET.

    MFFCN_LITE_SETS=FOLDER python -m benchmarks.experiments.at_scale portraits    (four hours and a half of a core)
    MFFCN_LITE_SETS=FOLDER python -m benchmarks.experiments.at_scale lfw          (an hour and three quarters)

FOLDER holds `portraits` and `lfw-frontal`. Each network is trained by the recipe `quick` on the people whom
`split_by_person(…, 0.2, seed=0)` leaves, and measured on the others: three seeds on portraits, one on LFW. The best
linear filter is fitted on the same photos. Two objectives train the MFFCN of each seed on, as `mffcn-full` was. MFFCN
and SRCNN are also trained on the paper's split, of photos, with one seed: where a person is on both sides, that shows.

Core-minutes per seed, estimated from ten steps: SRCNN 6 in either form, FSRCNN 4, MFFCN 13, each objective 24. The
networks of the split of photos take 19 together, and measuring five a seed.

Each network is kept in runs/portraits or runs/lfw, and the same command goes on from there. What is trained on LFW
stays there: its photos belong to news agencies. Writes mffcn_lite/results/portraits.json or lfw.json at the end.
"""

import copy
import dataclasses
import itertools
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.experiments.tables import FACTORS, MARGINS, MEASURES, PAIRS, PAPER
from benchmarks.experiments.train_shipped import WHOLE, best_trial
from benchmarks.helpers.keeping import code_hash, kept
from benchmarks.helpers.readings import READINGS
from benchmarks.helpers.results import DEVICE, use_cores
from benchmarks.helpers.sets import described, load_set, source_of
from benchmarks.helpers.storing import store
from benchmarks.table import digest_of
from mffcn_lite.data import FaceSet, load_faces, split_by_person, split_by_photo
from mffcn_lite.evaluation import CONVENTION, evaluate, summarize
from mffcn_lite.models import SuperResolver, create_model
from mffcn_lite.statistics import compare
from mffcn_lite.training import recipe_for, train

FOLDER = Path("runs")
SEEDS = {"portraits": (0, 1, 2), "lfw": (0,)}
# name here: (system, its arguments; None for those of its best trial on ORL)
TRAINED = {
    "srcnn": ("srcnn", {}),  # the paper's form
    "srcnn-residual": ("srcnn", {"residual": True}),
    "fsrcnn": ("fsrcnn", None),
    "mffcn": ("mffcn", None),
}
READING = "MSELoss"  # means in place of sums: of the readings, one under which L2 decides
# Objectives under which `mffcn` is trained on.
TUNED = {"mffcn-full": {}, f"mffcn-{READING}": READINGS[READING]}
BY_PHOTO = ("mffcn", "srcnn")
# One family, so that a pair has one verdict.
FAMILY = (
    *PAIRS,
    *itertools.product(("mffcn",), ("bicubic", "wiener", "fsrcnn", "srcnn-residual")),
    *itertools.product(TUNED, ("srcnn", "bicubic")),
    *itertools.product(("srcnn",), ("wiener", "srcnn-residual")),
)


def arguments_of(arm: str) -> dict:
    """Of its network."""
    system, arguments = TRAINED["mffcn" if arm in TUNED else arm]
    return best_trial(system)["arguments"] if arguments is None else arguments


def learn(arm: str, photos: FaceSet, seed: int, start: SuperResolver | None = None, **changes: object) -> SuperResolver:
    """One training: by the recipe `quick`, or from `start` on under an objective."""
    torch.manual_seed(seed)
    if arm in TUNED:
        config = dataclasses.replace(WHOLE, objective=WHOLE.objective | TUNED[arm], seed=seed, **changes)
        return train(copy.deepcopy(start), photos, config).best
    system, arguments = TRAINED[arm][0], arguments_of(arm)
    config = dataclasses.replace(recipe_for(system, "quick"), seed=seed, **changes)
    return train(create_model(system, **arguments).to(DEVICE), photos, config).best


def network(
    place: str, arm: str, seed: int, photos: FaceSet, folder: Path = FOLDER, **changes: object
) -> SuperResolver:
    """The network of an arm, kept in the folder `place` of `folder` once it is trained.

    Args:
        photos: that it learns from.
        changes: of the configuration.
    """
    start = network(place, "mffcn", seed, photos, folder, **changes) if arm in TUNED else None
    names = ("mffcn", "l2", "objective", "perceptual", "texture", "tv") if arm in TUNED else (TRAINED[arm][0], "l2")
    made_by = {
        "code": code_hash("experiments.at_scale:learn", names),
        "from": described(place, photos) | {"names": digest_of(photos.names)},
        "network": arguments_of(arm),
        "seed": seed,
        "changes": changes,
    }
    if start is not None:
        made_by["start"] = start.card["weights_sha256"]
    path = folder / place / f"{arm}-{seed}.safetensors"
    return kept(path, made_by, photos, lambda: learn(arm, photos, seed, start, **changes))


def fixed(photos: FaceSet) -> dict[str, SuperResolver]:
    """What has no seed."""
    return {
        "bilinear": create_model("bilinear"),
        "bicubic": create_model("bicubic"),
        "wiener": create_model("wiener").fit(photos),
    }


def mean_over_seeds(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """One row a system, factor and photo."""
    keys = ["model", "factor", "name", "person"]
    return pd.concat(parts).groupby(keys, sort=False).mean().reset_index()


def report(per_photo: pd.DataFrame) -> dict:
    """What tables.json says."""
    return {"results": summarize(per_photo), "comparisons": compare(per_photo, FAMILY, FACTORS, MEASURES, MARGINS)}


def measure(place: str, faces: FaceSet, seeds: tuple[int, ...], folder: Path = FOLDER, **changes: object) -> dict:
    """Everything on the people who were in no training; by source too, where there are several."""
    photos, test = split_by_person(faces)
    parts, by_seed = [], []
    for seed in seeds:
        systems = {arm: network(place, arm, seed, photos, folder, **changes) for arm in (*TRAINED, *TUNED)}
        parts.append(evaluate(systems, test, FACTORS, device=DEVICE))
        means = parts[-1].groupby(["model", "factor"], sort=False)[list(MEASURES)].mean().reset_index()
        by_seed += [row | {"seed": seed} for row in means.to_dict("records")]
    per_photo = pd.concat([evaluate(fixed(photos), test, FACTORS), mean_over_seeds(parts)], ignore_index=True)
    found = report(per_photo) | {"seeds": by_seed, "by_source": {}}
    sources = per_photo["name"].map(source_of) if place == "portraits" else pd.Series("", per_photo.index)
    for source in sorted(set(sources)) if place == "portraits" else ():
        found["by_source"][source] = report(per_photo[sources == source])
    return found


def by_photo(place: str, faces: FaceSet, folder: Path = FOLDER, **changes: object) -> dict:
    """The paper's split. On photos that both splits test, networks that know the person against those that don't."""
    photos, test = split_by_photo(faces)
    known = set(photos.who())
    systems = {arm: network(f"{place}-by-photo", arm, 0, photos, folder, **changes) for arm in BY_PHOTO}
    results = summarize(evaluate(fixed(photos) | systems, test, FACTORS))
    apart, unknown = split_by_person(faces)
    names = set(unknown.names)
    both = test[np.array([n in names and p in known for n, p in zip(test.names, test.people.tolist(), strict=True)])]
    found = {"results": results, "photos": len(test), "of known people": sum(p in known for p in test.people.tolist())}
    if len(both.who()) < 2:
        return found | {"leak": []}
    rivals = {f"{arm}, apart": network(place, arm, 0, apart, folder, **changes) for arm in BY_PHOTO}
    pairs = [(arm, f"{arm}, apart") for arm in BY_PHOTO]
    return found | {"leak": compare(evaluate(systems | rivals, both, FACTORS), pairs, FACTORS, MEASURES)}


def main(place: str) -> None:
    """All trainings that are missing, one after the other; then the tables."""
    use_cores()
    faces = load_set(place)
    _, test = split_by_person(faces)
    content = {
        **measure(place, faces, SEEDS[place]),
        "by_photo": by_photo(place, faces),
        "paper": {"factors": FACTORS, "rows": PAPER, "data": "FERET, 128×128; its protocol is not fully stated"},
        "data": described(place, faces) | {"split": "test", "photos": len(test), "people": len(test.who())},
        "convention": CONVENTION,
    }
    store(place, content)


def made_portraits(every: int) -> FaceSet:
    """Some of ORL under other names, as if it came from two sources; for probes."""
    some = load_faces("orl")[::every]
    names = [f"x/{('gpo-guide', 'london')[i // 2 % 2]}_{i}.png" for i in range(len(some))]
    return FaceSet(some.images, some.people, names, some.card)


def probe(place: str) -> list:
    """Each arm for two steps, on some of ORL; all that is measured with them."""
    faces, few = made_portraits(8), {"steps": 2, "warmup": 1, "batch": 1}
    with tempfile.TemporaryDirectory() as folder:
        return [measure(place, faces, (0,), Path(folder), **few), by_photo(place, faces, Path(folder), **few)]


if __name__ == "__main__":
    main(sys.argv[1])
