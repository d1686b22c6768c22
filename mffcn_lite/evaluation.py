"""Tables 1 and 2: every system on the same photos, with intervals over people."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import torch

from mffcn_lite.data import FaceSet
from mffcn_lite.degrade import downsample
from mffcn_lite.device import find_device
from mffcn_lite.errors import MffcnLiteError, check_number
from mffcn_lite.files import read_json
from mffcn_lite.metrics import psnr, ssim
from mffcn_lite.models import SuperResolver
from mffcn_lite.statistics import t_interval

RESULTS = Path(__file__).parent / "results"
CONVENTION = (
    "down-sampled with bicubic (a = −0.5, antialiased), not rounded to 8 bits; results clamped to [0, 1], not rounded; "
    "no border cropped; PSNR with data_range 1; SSIM with a Gaussian window 11×11, σ 1.5, population covariance, "
    "borders dropped; values a photo, averaged; 95% t intervals over the means of each person"
)
MEASURES = {  # key of a result: (title, digits)
    "psnr": ("PSNR (dB)", 2),
    "ssim": ("SSIM", 4),
    "gain_over_wiener": ("over wiener (dB)", 2),
    "consistency": ("consistency (dB)", 1),
}
CONSISTENCY = "PSNR of the result, down-sampled again, against the small photo, in dB"


def evaluate(
    models: dict[str, SuperResolver],
    faces: FaceSet,
    factors: Sequence[int] = (2, 3, 4),
    *,
    device: str | torch.device = "cpu",
    batch: int = 40,
    on_progress: Callable[[str, int], None] | None = None,
) -> pd.DataFrame:
    """Measure each system at each factor on each photo; see `CONVENTION`.

    Args:
        models: name to system.
        faces: the photos to measure on, people who were in no training.
        factors: the down-sampling factors.
        batch: photos at a time.
        on_progress: called after each pair of system and factor.

    Returns:
        A table with one row a photo and the columns `model`, `factor`, `name`, `person`, `psnr` (dB), `ssim` and
        `consistency` (dB).
    """
    if not len(faces):
        raise MffcnLiteError("there are no photos to measure on; name a set with some")
    device = find_device(device)
    check_number("batch", batch, at_least=1, whole=True)
    if not models or not factors:
        raise MffcnLiteError("there is nothing to measure; name a system and a factor")
    for name, model in models.items():
        if faces.images.shape[1] != 1 and next(model.parameters(), None) is not None:
            raise MffcnLiteError(f"{name} works on grey photos, and these have {faces.images.shape[1]} channels")
    parts = []
    for factor in dict.fromkeys(factors):
        for name, model in models.items():
            model = model.to(device).eval()
            for start in range(0, len(faces), batch):
                chunk = faces[start : start + batch]
                hr = chunk.floats(device)
                small = downsample(hr, factor)
                with torch.inference_mode():
                    sr = model.upscale(small, tuple(hr.shape[-2:])).clamp(0, 1)
                columns = {
                    "psnr": psnr(sr, hr, data_range=1.0),
                    "ssim": ssim(sr, hr, data_range=1.0),
                    # Not `psnr`: small photos overshoot [0, 1], and it would warn of that.
                    "consistency": -10 * (downsample(sr, factor) - small).square().mean((1, 2, 3)).double().log10(),
                }
                columns = {key: value.cpu().numpy() for key, value in columns.items()}
                rows = {"model": name, "factor": factor, "name": chunk.names, "person": chunk.people, **columns}
                parts.append(pd.DataFrame(rows))
            if on_progress is not None:
                on_progress(name, factor)
    return pd.concat(parts, ignore_index=True)


def summarize(per_photo: pd.DataFrame) -> list[dict]:
    """One dict a system and factor, in the order of `per_photo`: means over photos and intervals over people.

    `gain_over_wiener`, in dB over the best linear filter, is None where `wiener` was not measured.
    """
    rows = []
    means = per_photo.groupby(["model", "factor"])["psnr"].mean()
    for (name, factor), group in per_photo.groupby(["model", "factor"], sort=False):
        people = group.groupby("person")[["psnr", "ssim"]].mean()
        row = {"model": name, "factor": int(factor), "n": len(group)}
        for key in people:
            row |= {key: float(group[key].mean()), f"{key}_ci": t_interval(people[key].tolist())}
        wiener = means.get(("wiener", factor))
        row["gain_over_wiener"] = None if wiener is None else float(means[name, factor] - wiener)
        rows.append({**row, "consistency": float(group["consistency"].mean())})
    return rows


def people_means(per_photo: pd.DataFrame, measures: Sequence[str] = ("psnr", "ssim")) -> list[dict]:
    """The dots behind the intervals: one dict a system, factor and person with the means over the person's photos."""
    means = per_photo.groupby(["model", "factor", "person"], sort=False)[list(measures)].mean().round(5).reset_index()
    return means.astype({"factor": int, "person": int}).to_dict("records")


def tables(rows: list[dict], measures: Sequence[str] = ("psnr", "ssim")) -> pd.DataFrame:
    """Tables 1 and 2 together: one row a system, its PSNR (dB) and SSIM at each factor.

    Args:
        rows: of `summarize`.
        measures: keys of `MEASURES`, for other columns.

    Raises:
        MffcnLiteError: without rows, or for an unknown measure.
    """
    unknown = [key for key in measures if key not in MEASURES]
    if not rows or not measures or isinstance(measures, str) or unknown:
        raise MffcnLiteError(f"a table needs rows, and measures (={measures}) out of {', '.join(MEASURES)}")
    factors = sorted({row["factor"] for row in rows})
    columns = {
        (title, factor): {
            row["model"]: None if row[key] is None else round(row[key], digits)
            for row in rows
            if row["factor"] == factor
        }
        for key in measures
        for title, digits in [MEASURES[key]]
        for factor in factors
    }
    return pd.DataFrame(columns).rename_axis(columns=["", "factor"])


def load_results(name: str) -> dict:
    """The measured results that travel with the package, by name, such as `"tables"`.

    Raises:
        MffcnLiteError: for an unknown name.
    """
    known = sorted(path.stem for path in RESULTS.glob("*.json"))
    if name not in known:
        raise MffcnLiteError(f'no results "{name}"; choose one of {", ".join(known)}')
    return read_json(RESULTS / f"{name}.json")
