"""Where each system fails: the worst photos, where on them and at which frequencies the error lies, and other pictures.

    python -m benchmarks.experiments.failure    (two minutes on one core)

Writes mffcn_lite/results/failure.json: names of photos and numbers, no pictures. What is on a photo was noted by
looking at the eighty test photos once (`NOTED`); whether a head is turned is computed. Nothing is chosen on any of it.
"""

import numpy as np
import pandas as pd
import skimage.color
import skimage.data
import torch
from scipy.stats import spearmanr

from benchmarks.helpers.results import load_systems, use_cores
from benchmarks.helpers.storing import store
from mffcn_lite.checkpoint import load_model
from mffcn_lite.data import FaceSet, load_faces, split_by_person
from mffcn_lite.degrade import downsample, resample
from mffcn_lite.evaluation import CONVENTION
from mffcn_lite.metrics import error_by_band, error_by_place, psnr
from mffcn_lite.models import SuperResolver
from mffcn_lite.statistics import bca_interval, t_interval

FACTORS, SIZE, WORST, BANDS, TENTH, BORDER = (2, 3, 4), (112, 92), 5, 8, 0.1, 6
# Shipped inside scikit-image, so that none is downloaded; made grey and shrunk to the size of ORL's photos.
PICTURES = ("astronaut", "brick", "camera", "cat", "clock", "coffee", "coins", "grass", "gravel", "hubble_deep_field")
PICTURES += ("moon", "page", "rocket", "text")
# Test photos on which glasses, or a full beard, can be seen: (person, which of the ten).
ALL = range(1, 11)
SEEN_ON = {"glasses": [(19, (1, 2, 3, 6, 10)), (34, ALL), (37, ALL)], "beard": [(26, ALL), (37, ALL)]}
NOTED = {key: [f"s{person}/{i:02}" for person, photos in on for i in photos] for key, on in SEEN_ON.items()}
CONVENTION_HERE = {
    "gain": "dB of PSNR over bicubic, a photo; summarized as means of each person with 95% intervals over people",
    "worst": f"the {WORST} photos of the lowest gain, and of the lowest PSNR (the largest squared error)",
    "places": "the share of a photo's squared error in a part of it, beside the part's share of the pixels; mean over "
    "photos. edges: the tenth of the pixels with the steepest gradient of the original; border: the outer "
    f"{BORDER} pixels; upper, middle, lower: thirds of the rows (hair; eyes and glasses; mouth and collar, roughly)",
    "bands": f"the share of the squared error in {BANDS} rings of equal width from 0 to half a cycle a pixel, and in "
    "the corners beyond; the sums over all photos",
    "turned": "1 − the correlation of a photo with its mirror image: 0 where both halves are alike",
    "glasses, beard": "means over the photos on which they were noted, and over the others: of two or three people, "
    "and other things differ between people too, so no intervals",
    "difficulty": "Spearman's rank correlation over the test photos between two systems' PSNR, or gains",
    "pictures": "shrunk as a whole (bicubic, antialiased) until they cover 112×92, and the middle of that; grey",
}


def places(hr: torch.Tensor) -> dict[str, torch.Tensor]:
    """Parts of the photos by name, planes N×H×W of truth values."""
    x, (height, width) = hr[:, 0].double(), hr.shape[-2:]
    down, across = torch.gradient(x, dim=(1, 2))
    steep = (down.square() + across.square()).sqrt()
    edges = steep >= steep.flatten(1).quantile(1 - TENTH, dim=1)[:, None, None]
    border, rows = torch.ones_like(edges), torch.arange(height)[:, None].expand(height, width)
    border[:, BORDER:-BORDER, BORDER:-BORDER] = False
    thirds = {name: (rows * 3 // height == i).expand_as(edges) for i, name in enumerate(("upper", "middle", "lower"))}
    return {"edges": edges, "border": border, **thirds}


def turned(hr: torch.Tensor) -> np.ndarray:
    """How unlike each photo is to its mirror image."""
    x = hr[:, 0].double().flatten(1).numpy()
    y = hr[:, 0].flip(-1).double().flatten(1).numpy()
    return np.array([1 - np.corrcoef(one, other)[0, 1] for one, other in zip(x, y, strict=True)])


def picture(name: str) -> torch.Tensor:
    """One of scikit-image's pictures, grey, 1×1×112×92, in [0, 1]."""
    pixels = np.asarray(getattr(skimage.data, name)())
    grey = skimage.color.rgb2gray(pixels[..., :3]) if pixels.ndim == 3 else pixels / 255
    image = torch.from_numpy(np.ascontiguousarray(grey)).float()[None, None]
    scale = max(SIZE[0] / image.shape[-2], SIZE[1] / image.shape[-1])
    sides = [max(side, round(scale * old)) for side, old in zip(SIZE, image.shape[-2:], strict=True)]
    image = resample(image, tuple(sides)).clamp(0, 1)
    top, left = ((side - wanted) // 2 for side, wanted in zip(sides, SIZE, strict=True))
    return image[..., top : top + SIZE[0], left : left + SIZE[1]]


def enlarge(model: SuperResolver, hr: torch.Tensor, factor: int) -> torch.Tensor:
    """As in every table: made small, enlarged, clamped."""
    with torch.inference_mode():
        return model.upscale(downsample(hr, factor), tuple(hr.shape[-2:])).clamp(0, 1)


def measure(model: SuperResolver, faces: FaceSet, factor: int) -> tuple[pd.DataFrame, dict]:
    """(PSNR a photo, where the error lies) of one system and factor."""
    hr = faces.floats()
    sr = enlarge(model, hr, factor)
    bands = error_by_band(sr, hr, BANDS).sum(0)
    where = {}
    for name, mask in places(hr).items():
        error, pixels = (value.mean().item() for value in error_by_place(sr, hr, mask))
        where[name] = {"error": round(error, 5), "pixels": round(pixels, 5)}
    values = {"name": faces.names, "person": faces.people, "psnr": psnr(sr, hr, data_range=1.0).numpy()}
    return pd.DataFrame(values), {"places": where, "bands": (bands / bands.sum()).numpy().round(5).tolist()}


def summarize(measured: pd.DataFrame, bicubic: pd.DataFrame, about: pd.DataFrame) -> dict:
    """Gains a person, the worst photos, and the gain by what is on a photo."""
    gain = measured["psnr"] - bicubic["psnr"]
    table = measured.assign(gain=gain)
    people = table.groupby("person")["gain"].mean().round(5)
    row = {"gain": float(people.mean()), "gain_ci": t_interval(people.tolist())}
    row |= {"gain_bca": bca_interval(people.tolist()), "gain_by_person": people.tolist()}
    row |= {"worse_photos": int((gain < 0).sum())}
    for key in ("gain", "psnr"):
        worst = table.nsmallest(WORST, key)
        row[f"worst_by_{key}"] = [
            {"name": r["name"], "gain": round(r["gain"], 3), "psnr": round(r["psnr"], 3)} for _, r in worst.iterrows()
        ]
    for key in NOTED:
        halves = {"with": table[about[key]], "without": table[~about[key]]}
        row[key] = {side: half[["psnr", "gain"]].mean().round(4).to_dict() for side, half in halves.items()}
    row["turned"] = float(spearmanr(about["turned"], gain).statistic) if gain.std() else None
    return row


def measure_all(test: FaceSet, factors: tuple[int, ...] = FACTORS, pictures: tuple[str, ...] = PICTURES) -> dict:
    """The test photos with every system, then scikit-image's pictures."""
    about = pd.DataFrame({key: [name in names for name in test.names] for key, names in NOTED.items()})
    about["turned"] = turned(test.floats()).round(4)
    systems = {"bicubic": load_model("bicubic")} | load_systems()  # first, since gains are over it
    rows, difficulty, others = [], [], []
    for factor in factors:
        tables = {}
        for name, model in systems.items():
            tables[name], where = measure(model, test, factor)
            rows.append({"model": name, "factor": factor, **summarize(tables[name], tables["bicubic"], about), **where})
            print(factor, name, *(rows[-1][key] for key in ("gain", "gain_ci", "worse_photos")), where, flush=True)
        for name, table in tables.items():
            base, mffcn = tables["bicubic"]["psnr"], tables["mffcn"]["psnr"]
            gains = spearmanr(table["psnr"] - base, mffcn - base).statistic if name != "bicubic" else None
            both = {"psnr": float(spearmanr(table["psnr"], mffcn).statistic), "gain": gains and float(gains)}
            difficulty.append({"model": name, "with": "mffcn", "factor": factor, **both})
        for what in pictures:
            hr = picture(what)
            values = {n: psnr(enlarge(m, hr, factor), hr, data_range=1.0).item() for n, m in systems.items()}
            gains = {n: round(value - values["bicubic"], 4) for n, value in values.items()}
            others.append({"picture": what, "factor": factor, "bicubic": round(values["bicubic"], 3), "gain": gains})
    content = {"convention": {"psnr": CONVENTION, **CONVENTION_HERE}, "people": test.who(), "noted": NOTED}
    content |= {"turned": dict(zip(test.names, about["turned"], strict=True)), "results": rows}
    return content | {"difficulty": difficulty, "pictures": others}


def main() -> None:
    """On all test photos."""
    use_cores()
    store("failure", measure_all(split_by_person(load_faces("orl"))[1]))


def probe() -> list:
    """Two photos of each test person and two pictures, at one factor."""
    return [measure_all(split_by_person(load_faces("orl"))[1][::5], (3,), PICTURES[1:3])]


if __name__ == "__main__":
    main()
