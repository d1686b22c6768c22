"""What our metrics cost beside scikit-image's, and what each term of the objective costs beside L2 alone.

    python -m benchmarks.speed.bench_measures    (make bench; leave the machine alone meanwhile)
    python -m benchmarks.speed.bench_measures metrics    (or objective: one of the two)

Writes mffcn_lite/results/bench_metrics.json and mffcn_lite/results/costs.json.
"""

import json
import statistics
import sys
from collections.abc import Callable

import numpy as np
import threadpoolctl
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from benchmarks.helpers.results import in_a_process
from benchmarks.helpers.storing import store
from benchmarks.helpers.timing import compare, peak_megabytes, time_in_turn
from mffcn_lite.data import load_faces
from mffcn_lite.degrade import degrade, resample
from mffcn_lite.features import create_features
from mffcn_lite.losses import Objective
from mffcn_lite.metrics import psnr, ssim

PHOTOS, MANY, BATCH = 500, 2000, 4
SKIMAGE = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}


def photos(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(sr, hr): `count` faces of 128×128, blurred and as they were; the 400 of ORL, again and again."""
    faces = load_faces("orl")
    hr = resample(faces[np.arange(count) % len(faces)].floats(), (128, 128)).clamp(0, 1)
    return degrade(hr, 3).clamp(0, 1), hr


def with_scikit_image(sr: torch.Tensor, hr: torch.Tensor) -> np.ndarray:
    """PSNR and SSIM in a loop, as scikit-image's users write it."""
    pairs = zip(sr[:, 0].numpy(), hr[:, 0].numpy(), strict=True)
    return np.array(
        [(peak_signal_noise_ratio(y, x, data_range=1.0), structural_similarity(x, y, **SKIMAGE)) for x, y in pairs]
    )


def with_ours(sr: torch.Tensor, hr: torch.Tensor) -> np.ndarray:
    """The same, on the batch."""
    return torch.stack([psnr(sr, hr, data_range=1.0), ssim(sr, hr, data_range=1.0)], dim=1).numpy()


def measure_memory() -> float:
    """MB by which memory grows at its highest while 2,000 photos are measured, their own apart; in a process alone."""
    sr, hr = photos(MANY)
    with_ours(sr[:1], hr[:1])
    return peak_megabytes(lambda: with_ours(sr, hr))


def bench_metrics() -> dict:
    """500 photos, scikit-image's loop against the batch; and the memory of 2,000."""
    sr, hr = photos(PHOTOS)
    apart = np.abs(with_scikit_image(sr.double(), hr.double()) - with_ours(sr, hr)).max(0)
    print(f"largest differences on {PHOTOS} photos: {apart[0]:.1e} dB and {apart[1]:.1e} of SSIM")
    sides = {"scikit-image": lambda: with_scikit_image(sr, hr), "ours": lambda: with_ours(sr, hr)}
    seconds = time_in_turn(sides, repeats=5)
    row = compare(
        "PSNR and SSIM of 500 photos, ours against a loop with scikit-image", seconds["scikit-image"], seconds["ours"]
    )
    megabytes = float(in_a_process("benchmarks.speed.bench_measures", "memory"))
    print(f"{MANY} photos take {megabytes} MB beside themselves")
    pools = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
    return {
        **row,
        "photos": PHOTOS,
        "largest_difference": {"psnr": float(apart[0]), "ssim": float(apart[1])},
        "threads": {"ours": torch.get_num_threads(), "scikit-image's libraries": max(pools, default=1)},
        "megabytes_for_2000": megabytes,
        "gpu": "not measured: no CUDA device",
    }


def gradients() -> dict[str, Callable[[], torch.Tensor]]:
    """By each objective a function that computes its value and its gradient."""
    sr, hr = photos(BATCH)
    features, off = create_features("vgg16-imagenet"), {"perceptual": 0, "texture": 0, "tv": 0}
    objectives = {
        "l2": Objective(None, **off),
        "l2 + tv": Objective(None, perceptual=0, texture=0),
        "l2 + perceptual": Objective(features, texture=0, tv=0),
        "l2 + texture": Objective(features, perceptual=0, tv=0),
        "all": Objective(features),
    }

    def call(objective: Objective, hr_maps: dict | None = None) -> torch.Tensor:
        x = sr.clone().requires_grad_()
        objective(x, hr, hr_maps=hr_maps).total.backward()
        return x.grad

    sides = {name: lambda objective=objective: call(objective) for name, objective in objectives.items()}
    with torch.no_grad():
        kept = objectives["all"].maps(hr)
    return sides | {"all, the maps of hr kept": lambda: call(objectives["all"], kept)}


def bench_objective() -> dict:
    """Value and gradient of each part of the objective, on a batch of 4 faces of 128×128, beside L2 alone."""
    seconds = time_in_turn(gradients(), repeats=5)
    rows = []
    for name, values in seconds.items():
        ratios = [value / base for value, base in zip(values, seconds["l2"], strict=True)]
        rows.append({"terms": name, "seconds": round(statistics.median(values), 5)})
        rows[-1]["times_l2"] = round(statistics.median(ratios), 1)
        print(rows[-1], flush=True)
    return {
        "costs": rows,
        "batch": BATCH,
        "size": [128, 128],
        "features": "vgg16-imagenet, conv5_3",
    }


def probe(what: str) -> list:
    """What is timed: both sides of the metrics, or the gradient of each objective."""
    if what == "metrics":
        sr, hr = photos(20)
        return [with_scikit_image(sr.double(), hr.double()), with_ours(sr, hr)]
    return [call() for call in gradients().values()]


if __name__ == "__main__":
    if sys.argv[1:] == ["memory"]:
        print(json.dumps(measure_memory()))
    if sys.argv[1:] in ([], ["metrics"]):
        store("bench_metrics", bench_metrics())
    if sys.argv[1:] in ([], ["objective"]):
        store("costs", bench_objective())
