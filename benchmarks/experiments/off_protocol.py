"""What each system gains over bicubic where the small photo was not made as in training. Inference alone.

    python -m benchmarks.experiments.off_protocol    (about ten minutes on one core; stop it and call it again)

Writes mffcn_lite/results/off_protocol.json after each condition, and goes on from there. Each gain is over bicubic on
the same small photos, a mean a test person. At factor 1 bicubic is the photo itself, and what a system does to it is
given as PSNR.
"""

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.helpers.storing import begun, store
from mffcn_lite.checkpoint import load_model
from mffcn_lite.data import FaceSet, load_faces, split_by_person
from mffcn_lite.degrade import resample
from mffcn_lite.disturb import add_noise, jpeg, read_at
from mffcn_lite.metrics import psnr
from mffcn_lite.models import SuperResolver
from mffcn_lite.shipped import shipped_names
from mffcn_lite.statistics import max_t_p_values, t_interval, verdict_of

FACTORS, BATCH, SEED = (2, 3, 4), 40, 0
OTHER_FACTORS = (1, 1.5, 2.5, 5, 8)
# Without the plain interpolations: these do the same to every small photo.
SYSTEMS = ("ibp", "pocs")
CONVENTION = {
    "factor": "the protocol of training at each factor: bicubic (a = −0.5, antialiased), sides over the factor rounded",
    "kernel": "area: the mean over the area; gaussian: σ = factor/2 pixels of the photo, read at the centres; nearest",
    "noise": "white, σ in grey levels of 255, added to the small photo, clamped to [0, 1]; one draw, the same for all",
    "jpeg": "the small photo rounded to 8 bits and stored by Pillow at this quality",
    "shift": "centres moved down and to the right by half a pixel of the large photo, or half a small one",
    "psnr": "results clamped to [0, 1], not rounded, no border cropped; a mean a person, then over people",
    "p": "of max-T sign flips over people, all rows with a gain as one family; verdict: at p < 0.05",
    "factor 1": "psnr against the sharp photo; null where the photo comes back as it was",
}

Condition = tuple[str, str, float, Callable[[Tensor], Tensor]]  # group, level, factor, how the small photo is made


def size_for(hr: Tensor, factor: float) -> tuple[int, int]:
    """As `degrade.small_size`, for any factor from 1 on."""
    return tuple(int(side / factor + 0.5) for side in hr.shape[-2:])


def plain(hr: Tensor, factor: float, kernel: str = "bicubic") -> Tensor:
    """The small photo of the training's protocol, or of another kernel."""
    return resample(hr, size_for(hr, factor), kernel)


def noisy(hr: Tensor, factor: float, level: float) -> Tensor:
    """The protocol's small photo with noise; each photo has its own, whatever else is in the batch."""
    small, generator = plain(hr, factor), torch.Generator().manual_seed(SEED)
    return add_noise(small, level, generator)


def conditions() -> list[Condition]:
    """All of them: the protocol itself first."""
    rows = [("factor", str(f), f, functools.partial(plain, factor=f)) for f in sorted((*FACTORS, *OTHER_FACTORS))]
    for f in FACTORS:
        rows += [("kernel", k, f, functools.partial(plain, factor=f, kernel=k)) for k in ("area", "nearest")]
        rows += [("kernel", "gaussian", f, lambda hr, f=f: read_at(hr, size_for(hr, f), sigma=f / 2))]
        rows += [("noise", str(n), f, functools.partial(noisy, factor=f, level=n)) for n in (2, 5, 10)]
        rows += [("jpeg", str(q), f, lambda hr, f=f, q=q: jpeg(plain(hr, f), q)) for q in (90, 70, 50, 30)]
        halves = {"½ large": 0.5, "½ small": f / 2}
        rows += [("shift", k, f, lambda hr, f=f, s=s: read_at(hr, size_for(hr, f), shift=s)) for k, s in halves.items()]
    return rows


def measure(models: dict[str, SuperResolver], faces: FaceSet, make: Callable[[Tensor], Tensor]) -> dict[str, list]:
    """The mean PSNR of each system for each person, in dB, bicubic's first; infinite where photos come back exactly."""
    hr = faces.floats()
    small, values = make(hr), {}
    for name, model in {"bicubic": load_model("bicubic"), **models}.items():
        with torch.inference_mode():
            parts = [model.upscale(few, tuple(hr.shape[-2:])).clamp(0, 1) for few in small.split(BATCH)]
        each = psnr(torch.cat(parts), hr, data_range=1.0)
        values[name] = [each[faces.people == who].mean().item() for who in faces.who()]
    return values


def rows_of(condition: Condition, values: dict[str, list]) -> list[dict]:
    """One row a system: its PSNR and what it gains over bicubic, with the t interval over people."""
    (group, level, factor, _), rows = condition, []
    for name, own in values.items():
        row = {"model": name, "group": group, "level": level, "factor": factor, "psnr": None}
        if all(map(math.isfinite, own)):
            row["psnr"] = round(sum(own) / len(own), 3)
        if name != "bicubic" and all(map(math.isfinite, values["bicubic"])):
            gains = [round(a - b, 3) for a, b in zip(own, values["bicubic"], strict=True)]
            row |= {"mean": round(sum(gains) / len(gains), 4), "ci": [round(end, 3) for end in t_interval(gains)]}
            row["people"] = gains
        elif factor == 1 and row["psnr"] is not None:
            row["psnr_people"] = [round(value, 3) for value in own]
        rows.append(row)
    return rows


def judge(rows: list[dict]) -> None:
    """Add p and verdict to each row with a gain; all of them are one family."""
    with_gain = [row for row in rows if "people" in row]
    if not with_gain:  # of factor 1 alone
        return
    for row, p in zip(with_gain, max_t_p_values([row["people"] for row in with_gain]), strict=True):
        row |= {"p": round(p, 4), "verdict": verdict_of(row["mean"], p)}


def main() -> None:
    """The conditions that are missing, in order."""
    faces, results = split_by_person(load_faces("orl"))[1], begun("off_protocol").get("results", [])
    models = {name: load_model(name) for name in (*SYSTEMS, *shipped_names())}
    done = {(row["group"], row["level"], row["factor"]) for row in results}
    missing = [condition for condition in conditions() if condition[:3] not in done]
    content = {
        "results": results,
        "data": {"source": "orl", "split": "test", "photos": len(faces), "people": faces.who()},
        "convention": CONVENTION,
    }
    for left, condition in zip(range(len(missing))[::-1], missing, strict=True):
        results += rows_of(condition, measure(models, faces, condition[3]))
        judge(results)
        store("off_protocol", content, unfinished=left)
        print(condition[:3], flush=True)


def probe() -> list:
    """Every fifth condition on a photo of each test person."""
    faces = split_by_person(load_faces("orl"))[1][::10]
    models, rows = {name: load_model(name) for name in (*SYSTEMS, *shipped_names())}, []
    for condition in conditions()[::5]:
        rows += rows_of(condition, measure(models, faces, condition[3]))
    judge(rows)
    return rows


if __name__ == "__main__":
    main()
