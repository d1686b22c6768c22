"""What bicubic has under every candidate protocol, packed small: for chapter 16's scatter, and for pages that compute.

    python -m benchmarks.experiments.protocols    (half an hour of a core; minutes after forensics, whose scan it reads)

The same scan as `forensics`, which stores what can be said of it. A number is a whole multiple of its `step`: 16 bits,
the lower byte first, deflated (zlib), in base64. Writes mffcn_lite/results/protocols.json.
"""

import base64
import dataclasses
import tempfile
import zlib
from pathlib import Path

import numpy as np

from benchmarks.experiments.forensics import RUNS, scan
from benchmarks.helpers import protocols as said
from benchmarks.helpers.protocols import FACTORS, MEASURED, PAPER, Protocol, protocols
from benchmarks.helpers.storing import made_with, store
from mffcn_lite.data import load_faces

AXES = {"photos": said.PHOTOS, "down": said.DOWN, "rule": said.RULES, "alignment": said.ALIGNMENT, "up": said.UP}
AXES |= {"rounded": said.ROUNDING}
STEPS = {"choices": 1, "psnr": 0.01, "ssim": 0.0005, "gain": 0.01}


def pack(values: np.ndarray, step: float) -> dict:
    """Numbers from 0 on, to a whole multiple of `step`; the last axis is packed first, so that likes lie together."""
    whole = np.round(values / step)
    if whole.min() < 0 or whole.max() > 65535:
        raise ValueError(f"values (from {values.min()} to {values.max()}) must be from 0 to 65535 steps of {step}")
    data = zlib.compress(np.moveaxis(whole, -1, 0).astype("<u2").tobytes(), 9)
    return {"shape": [whole.shape[-1], *whole.shape[:-1]], "step": step, "data": base64.b64encode(data).decode()}


def unpack(packed: dict) -> np.ndarray:
    """What `pack` was given, its last axis first."""
    whole = np.frombuffer(zlib.decompress(base64.b64decode(packed["data"])), "<u2")
    return whole.reshape(packed["shape"]) * packed["step"]


def table(among: list[Protocol], found: dict[tuple, dict]) -> dict:
    """Each number of a scan by protocol and factor; a filter's gain is over bicubic, and never so low as −10 dB."""
    rows = [[found[(*dataclasses.astuple(protocol), factor)] for factor in FACTORS] for protocol in among]
    values = np.array([[row["halves"] for row in factors] for factors in rows]).mean(2)  # protocol, factor, number
    pooled = -10 * np.log10(values[..., 2:4])
    choices = [[list(axis).index(getattr(one, name)) for name, axis in AXES.items()] for one in among]
    numbers = {
        "choices": np.array(choices),
        "psnr": np.concatenate([values[..., :2], pooled], axis=-1),
        "ssim": values[..., 4:],
        "gain": 10 + np.array([[row["gain"] for row in factors] for factors in rows]),
    }
    return {name: pack(array, STEPS[name]) for name, array in numbers.items()}


def main() -> None:
    """The scan, or what `forensics` kept of it; packed."""
    faces, among = load_faces("orl"), protocols()
    found = scan(faces, RUNS / f"forensics-{made_with('forensics')}.jsonl", among)
    axes = {name: {str(choice): meaning for choice, meaning in axis.items()} for name, axis in AXES.items()}
    content = {"axes": axes, "factors": FACTORS, "paper": PAPER, "protocols": len(among)}
    content["psnr_ways"] = ["the mean of PSNRs", "the same, border cut", "of the mean error", "the same, border cut"]
    content["ssim_ways"] = [f"{name}, border cut" if border else name for name, border in MEASURED]
    content["said"] = "choices: places on the axes; gain: of the best linear filter in dB, plus 10"
    store("protocols", content | table(among, found))


def probe() -> list:
    """Some protocols on a photo of each person, and a packing that loses nothing but digits."""
    faces, among = load_faces("orl"), protocols()[::131]
    with tempfile.TemporaryDirectory() as folder:
        return [table(among, scan(faces, Path(folder, "lines.jsonl"), among))]


if __name__ == "__main__":
    main()
