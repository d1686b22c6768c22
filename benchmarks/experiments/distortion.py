"""Distortion against perception: every system, and MFFCN under the whole objective, by PSNR, SSIM, LPIPS and bands.

    python -m benchmarks.experiments.distortion

On the test people; chosen was nothing here. Writes mffcn_lite/results/distortion.json.
"""

import pandas as pd
import torch

from benchmarks.helpers.results import load_systems
from benchmarks.helpers.storing import store
from mffcn_lite.data import FaceSet, load_faces, split_by_person
from mffcn_lite.evaluation import CONVENTION
from mffcn_lite.metrics import LPIPS, band_energy_ratio, psnr, ssim
from mffcn_lite.statistics import compare, t_interval

FACTORS, MEASURES = (2, 3, 4), ("psnr", "ssim", "lpips")
PAIRS = (("mffcn-full", "mffcn"),)


def measure(test: FaceSet) -> dict:
    """Values a photo, then means and intervals over people."""
    hr, judge, parts, results = test.floats(), LPIPS(), [], []
    for name, model in load_systems().items():
        for factor in FACTORS:
            with torch.inference_mode():
                sr = model.reconstruct(hr, factor).clamp(0, 1)
                values = {"psnr": psnr(sr, hr, data_range=1.0), "ssim": ssim(sr, hr, data_range=1.0)}
                values = {key: value.numpy() for key, value in {**values, "lpips": judge(sr, hr)}.items()}
                bands = band_energy_ratio(sr, hr).mean(0).tolist()
            described = {"model": name, "factor": factor, "name": test.names, "person": test.people}
            parts.append(pd.DataFrame(described | values))
            people = parts[-1].groupby("person")[list(MEASURES)].mean()
            row = {"model": name, "factor": factor, "bands": [round(value, 4) for value in bands]}
            for key in MEASURES:
                row |= {key: float(people[key].mean()), f"{key}_ci": t_interval(people[key].tolist())}
            results.append(row | {"lpips_of_people": people["lpips"].round(5).tolist()})
    return {
        "results": results,
        "comparisons": compare(pd.concat(parts, ignore_index=True), PAIRS, FACTORS, MEASURES),
    }


def main() -> None:
    """Every system on the test people."""
    _, test = split_by_person(load_faces("orl"))
    content = {
        **measure(test),
        "bands": "energy over the original's in eight rings of frequency from 0 to half a cycle a pixel",
        "people": test.who(),
        "convention": CONVENTION + "; LPIPS with AlexNet, smaller is more alike",
    }
    store("distortion", content)


def probe() -> list:
    """A photo of each test person."""
    return [measure(split_by_person(load_faces("orl"))[1][::10])]


if __name__ == "__main__":
    main()
