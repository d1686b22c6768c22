"""What the small photo tells and what a system guesses: each system's error in two parts, and what a projection gains.

    python -m benchmarks.experiments.seen_and_guessed    (three minutes on one core)

Writes mffcn_lite/results/seen_and_guessed.json. A small photo is known, so the error in the part that it determines
is a waste: `project_data` takes it away. In exact arithmetic that can't make a result worse where the small photo was
made as assumed (Pythagoras); the test people say how much it gains, and three other small photos where it stops.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from benchmarks.helpers.names import NETWORKS
from benchmarks.helpers.results import load_systems, use_cores
from benchmarks.helpers.storing import store
from mffcn_lite.data import FaceSet, load_faces, split_by_person
from mffcn_lite.degrade import downsample, upsample
from mffcn_lite.evaluation import CONSISTENCY, CONVENTION
from mffcn_lite.metrics import psnr, split_error
from mffcn_lite.models import SuperResolver
from mffcn_lite.models.convex import project_data
from mffcn_lite.models.reconstruction import ForwardModel
from mffcn_lite.statistics import bca_interval, max_t_p_values, t_interval, verdict_of

FACTORS, BATCH, NOISE = (2, 3, 4), 40, 2 / 255
PAIRS = (("mffcn", "srcnn"), ("mffcn", "fsrcnn"), ("srcnn", "wiener"))
GIVEN = {
    "exact": "as the systems were trained for: bicubic, antialiased, floats",
    "rounded": "the same, rounded to 256 grey levels",
    "noisy": "the same, with Gaussian noise of 2 grey levels",
    "area": "made by area averaging, and projected as if it had been bicubic",
}
MEANING = {
    "seen, guessed": "mean squared error of the clamped result, in grey levels squared (of 255), in the row space and "
    "in the null space of the down-sampling; they add up to the mean squared error",
    "lost": "the error of bicubic in the null space, which a projection leaves as it is",
    "found": "1 − guessed/lost, from the means over all photos: the share of it that a system's guesses take away",
    "projected": "the clamped result, brought to the nearest picture that shrinks to the small photo, clamped again",
    "one step": "the clamped result, plus the bicubic enlargement of what it lacks when shrunk, clamped again",
    "consistency": CONSISTENCY,
    "left": "of the projected result: the root mean square of what it lacks when shrunk, in grey levels (of clamping)",
    "gain": "dB of PSNR over the system alone: for each person the mean over the photos; 95% intervals over people",
    "p, verdict": "max-T over the networks and factors of one kind of small photo, projected and one step apart",
}


def shrink(hr: torch.Tensor, factor: int, given: str) -> torch.Tensor:
    """The small photo, made in one of the ways of `GIVEN`."""
    small = downsample(hr, factor, "area" if given == "area" else "bicubic")
    if given == "rounded":
        return (small.clamp(0, 1) * 255).round() / 255
    if given == "noisy":
        return small + NOISE * torch.randn(small.shape, generator=torch.Generator().manual_seed(0))
    return small


def consistency(sr: torch.Tensor, small: torch.Tensor, factor: int) -> torch.Tensor:
    """PSNR of each result, down-sampled again, against the small photo."""
    return -10 * (downsample(sr, factor) - small).double().square().mean((1, 2, 3)).log10()


def measure(model: SuperResolver, faces: FaceSet, factor: int, given: str = "exact") -> pd.DataFrame:
    """One row a photo: both parts of the error, PSNR and consistency, before and after."""
    parts = []
    for start in range(0, len(faces), BATCH):
        chunk = faces[start : start + BATCH]
        hr = chunk.floats()
        small, size = shrink(hr, factor, given), tuple(hr.shape[-2:])
        with torch.inference_mode():
            sr = model.upscale(small, size).clamp(0, 1)
        projected = project_data(sr.double(), small.double(), ForwardModel(small.double(), size), slab=0.0).clamp(0, 1)
        stepped = (sr + upsample(small - downsample(sr, factor), size)).clamp(0, 1)
        seen, guessed = (255**2 * part for part in split_error(sr, hr, factor))
        values = {"seen": seen, "guessed": guessed, "consistency": consistency(sr, small, factor)}
        values["lost"] = 255**2 * split_error(upsample(small, size).clamp(0, 1), hr, factor)[1]
        for name, result in (("psnr", sr), ("psnr_projected", projected.to(hr)), ("psnr_stepped", stepped)):
            values[name] = psnr(result, hr, data_range=1.0)
        values["left"] = 255 * (downsample(projected, factor) - small).square().mean((1, 2, 3)).sqrt()
        parts.append(pd.DataFrame({"person": chunk.people, **{key: value.numpy() for key, value in values.items()}}))
    return pd.concat(parts, ignore_index=True)


def summarize(per_photo: pd.DataFrame) -> dict:
    """Of one system and factor: means over photos, values a person, and both gains with their intervals."""
    people = per_photo.groupby("person").mean()
    row = {key: round(float(value), 5) for key, value in per_photo.drop(columns="person").mean().items()}
    row["found"] = 1 - row["guessed"] / row["lost"]
    row["people"] = people.index.tolist()
    for key in ("seen", "guessed", "lost"):
        row[f"{key}_by_person"] = people[key].round(3).tolist()
    row["psnr_by_person"] = people["psnr"].round(5).tolist()
    for key in ("projected", "stepped"):
        gain = (people[f"psnr_{key}"] - people["psnr"]).round(5).tolist()
        row[f"gain_{key}"] = {"mean": sum(gain) / len(gain), "ci": t_interval(gain), "bca": bca_interval(gain)}
        row[f"gain_{key}"] |= {"by_person": gain}
        row[f"gain_{key}"]["worse_photos"] = int((per_photo[f"psnr_{key}"] < per_photo["psnr"] - 1e-6).sum())
    return row


def add_verdicts(rows: Sequence[dict], key: str) -> None:
    """One family over all `rows`: p and verdict of each gain `key`."""
    for row, p in zip(rows, max_t_p_values([row[key]["by_person"] for row in rows]), strict=True):
        row[key] |= {"p": p, "verdict": verdict_of(row[key]["mean"], p)}


def compare(rows: Sequence[dict], pairs: Sequence[tuple[str, str]], factors: Sequence[int]) -> list[dict]:
    """PSNR of a − b on exact small photos, alone and when both are projected: one family each."""
    found = {(row["model"], row["factor"]): row for row in rows if row["given"] == "exact"}
    results = []
    for after in ("nothing", "projection"):
        keys, differences = list(itertools.product(pairs, factors)), []
        for pair, factor in keys:
            sides = [np.array(found[name, factor]["psnr_by_person"]) for name in pair]
            if after == "projection":
                sides = [x + found[n, factor]["gain_projected"]["by_person"] for x, n in zip(sides, pair, strict=True)]
            differences.append((sides[0] - sides[1]).tolist())
        for ((a, b), factor), row, p in zip(keys, differences, max_t_p_values(differences), strict=True):
            mean = float(np.mean(row))
            result = {"a": a, "b": b, "factor": factor, "after": after, "mean": mean, "ci": t_interval(row)}
            results.append({**result, "bca": bca_interval(row), "p": p, "verdict": verdict_of(mean, p)})
    return results


def rounded(content: object) -> object:
    """The same with all numbers to five decimals."""
    if isinstance(content, dict):
        return {key: rounded(value) for key, value in content.items()}
    if isinstance(content, list):
        return [rounded(value) for value in content]
    return round(content, 5) if isinstance(content, float) else content


def measure_all(test: FaceSet) -> dict:
    """Every system on exact small photos, and the networks on all of `GIVEN`; and what that says."""
    rows = []
    for given, (name, model) in itertools.product(GIVEN, load_systems().items()):
        if given == "exact" or name in (*NETWORKS, "bicubic"):
            for factor in FACTORS:
                row = {"model": name, "given": given, "factor": factor}
                rows.append(row | summarize(measure(model, test, factor, given)))
                print(given, name, factor, {k: round(v, 3) for k, v in rows[-1].items() if isinstance(v, float)})
                print("   ", [(g, rows[-1][g]["mean"], rows[-1][g]["ci"]) for g in ("gain_projected", "gain_stepped")])
    for given, key in itertools.product(GIVEN, ("gain_projected", "gain_stepped")):
        add_verdicts([row for row in rows if row["given"] == given and row["model"] in NETWORKS], key)
    return {"results": rows, "comparisons": compare(rows, PAIRS, FACTORS)}


def main() -> None:
    """Every system on exact small photos, and the networks on all of `GIVEN`."""
    use_cores()
    _, test = split_by_person(load_faces("orl"))
    content = {"given": GIVEN, "convention": {"psnr": CONVENTION, **MEANING}, "people": test.who(), "photos": len(test)}
    content |= measure_all(test)
    for row in content["comparisons"]:
        print(row)
    store("seen_and_guessed", rounded(content))


def probe() -> list:
    """A photo of each test person."""
    return [rounded(measure_all(split_by_person(load_faces("orl"))[1][::10]))]


if __name__ == "__main__":
    main()
