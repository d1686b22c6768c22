"""How far does bicubic fall from factor to factor on other photos? ORL, portraits, LFW, Set5 and Set14; and the paper.

    MFFCN_LITE_SETS=FOLDER python -m benchmarks.experiments.other_photos    (five minutes of a core)

FOLDER holds `portraits`, `lfw-frontal`, `set5` and `set14`. All of each set is measured, in our own convention. The
portraits are three sets, and each is measured by itself too. Pictures in colour are made grey (BT.601's luma).
Writes mffcn_lite/results/other_photos.json, without a photo or a name.
"""

import itertools
import statistics
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.experiments.tables import FACTORS, PAPER
from benchmarks.helpers.results import use_cores
from benchmarks.helpers.sets import described, folder_of, load_set, source_of
from benchmarks.helpers.storing import store
from mffcn_lite.data import FaceSet, load_faces
from mffcn_lite.evaluation import CONVENTION, evaluate, summarize
from mffcn_lite.files import sha256
from mffcn_lite.metrics import noise_level
from mffcn_lite.models import create_model

MEASURES = ("psnr", "ssim")


def measure(faces: FaceSet) -> pd.DataFrame:
    """Bicubic at each factor, photo by photo."""
    return evaluate({"bicubic": create_model("bicubic")}, faces, FACTORS)


def drops(rows: list[dict]) -> dict[str, list[float]]:
    """What each measure loses from a factor to the next, and the first of the two over the second."""
    found = {}
    for measure in MEASURES:
        values = [row[measure] for row in rows]
        first, second = (a - b for a, b in itertools.pairwise(values))
        found[measure] = [first, second, first / second]
    return found


def noise(faces: FaceSet) -> float:
    """The median over photos of their noise, in grey levels."""
    return 255 * noise_level(faces.floats()).median().item()


def entry(name: str, faces: FaceSet, per_photo: pd.DataFrame) -> dict:
    """A set of faces: means over photos, intervals over people."""
    rows = summarize(per_photo)
    return {"name": name, **described(name, faces), "noise": noise(faces), "results": rows, "drops": drops(rows)}


def by_source(faces: FaceSet, per_photo: pd.DataFrame) -> list[dict]:
    """The portraits, from where they come."""
    sources, measured = np.array([source_of(name) for name in faces.names]), per_photo["name"].map(source_of)
    return [
        entry(f"portraits, {source}", faces[sources == source], per_photo[measured == source])
        for source in sorted(set(sources))
    ]


def grey(path: Path) -> FaceSet:
    """A picture as a set of one photo."""
    pixels = np.asarray(Image.open(path).convert("L"))
    return FaceSet(pixels[None, None], np.zeros(1, np.int64), [path.stem], {"pixel_hash": sha256(path)})


def pictures(name: str) -> dict:
    """A set of pictures of several sizes: each is measured by itself."""
    sets = [grey(path) for path in sorted(folder_of(name).glob("*.png"))]
    each = [summarize(measure(one)) for one in sets]
    rows = [
        {"model": "bicubic", "factor": factor, "n": len(sets)}
        | {key: statistics.mean(rows[i][key] for rows in each) for key in MEASURES}
        for i, factor in enumerate(FACTORS)
    ]
    hashes = {one.names[0]: one.card["pixel_hash"] for one in sets}
    median = statistics.median(noise(one) for one in sets)
    return {
        "name": name,
        "photos": len(sets),
        "pictures": hashes,
        "noise": median,
        "results": rows,
        "drops": drops(rows),
    }


def papers() -> dict:
    """The paper's column."""
    printed = next(row for row in PAPER if row["model"] == "bicubic")
    rows = [{"factor": factor, **{key: printed[key][i] for key in MEASURES}} for i, factor in enumerate(FACTORS)]
    return {"name": "the paper's FERET", "results": rows, "drops": drops(rows)}


def main() -> None:
    """Every set, and the paper."""
    use_cores()
    found = [papers()]
    for name in ("orl", "portraits", "lfw"):
        faces = load_set(name)
        per_photo = measure(faces)
        found.append(entry(name, faces, per_photo))
        found += by_source(faces, per_photo) if name == "portraits" else []
    found += [pictures("set5"), pictures("set14")]
    for one in found:
        values = ", ".join(f"{row['psnr']:.2f}" for row in one["results"])
        first, second, ratio = one["drops"]["psnr"]
        print(f"{one['name']}: {values} dB; drops {first:.2f} and {second:.2f}, ratio {ratio:.2f}", flush=True)
    store("other_photos", {"sets": found, "convention": CONVENTION})


def probe() -> list:
    """Some of ORL, as a set of its own and as if it were portraits of two sources."""
    faces = load_faces("orl")[::20]
    names = [f"x/{'gpo-guide' if i % 2 else 'london'}_{i}.png" for i in range(len(faces))]
    made = FaceSet(faces.images, faces.people, names, faces.card)
    per_photo = measure(made)
    return [entry("orl", made, per_photo), by_source(made, per_photo), papers()]


if __name__ == "__main__":
    main()
