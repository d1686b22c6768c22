"""How much of a system's error does the small photo itself give back? Its mean, and all that it determines.

    python -m benchmarks.experiments.restored    (some minutes)

Each system's result on the test people as it is; with the small photo's mean in the place of its own; and projected, so
that it shrinks to the small photo (chapter 5). No weight changes and nothing is learnt. Of the networks also what a
constant, the same for all photos, would bring: the last bias. Writes mffcn_lite/results/restored.json.
"""

import torch
from torch import Tensor

from benchmarks.helpers.results import load_systems
from benchmarks.helpers.storing import store
from mffcn_lite.data import FaceSet, load_faces, split_by_person
from mffcn_lite.degrade import downsample
from mffcn_lite.evaluation import CONVENTION
from mffcn_lite.metrics import psnr
from mffcn_lite.models import SuperResolver
from mffcn_lite.models.convex import project_data
from mffcn_lite.models.reconstruction import ForwardModel
from mffcn_lite.statistics import t_interval

FACTORS = (2, 3, 4)


def projected(sr: Tensor, small: Tensor) -> Tensor:
    """The picture nearest to `sr` that shrinks to `small`."""
    forward = ForwardModel(small.double(), tuple(sr.shape[-2:]))
    return project_data(sr.double(), small.double(), forward, slab=0.0).to(sr.dtype)


def measure_one(name: str, model: SuperResolver, test: FaceSet, factor: int) -> dict:
    """One system at one factor: PSNR in dB and shifts in grey levels, means over photos; intervals over people."""
    hr = test.floats()
    small = downsample(hr, factor)
    with torch.inference_mode():
        sr = model.upscale(small, tuple(hr.shape[-2:]))
    shift = (sr - hr).mean((1, 2, 3))
    missing = (small - downsample(sr, factor)).mean((1, 2, 3), keepdim=True)
    kinds = {"psnr": sr, "psnr_mean_restored": sr + missing, "psnr_projected": projected(sr, small)}
    kinds["psnr_constant"] = sr - shift.mean()
    scores = {kind: psnr(picture.clamp(0, 1), hr, data_range=1.0) for kind, picture in kinds.items()}
    found = {"model": name, "factor": factor, "mean_shift": 255 * shift.mean().item()}
    found["mean_shift_sd"] = 255 * shift.std().item()
    people = torch.from_numpy(test.people)
    for kind, values in scores.items():
        found[kind] = values.mean().item()
        found[f"{kind}_ci"] = t_interval([values[people == who].mean().item() for who in test.who()])
    return found


def measure(test: FaceSet) -> list[dict]:
    """Every system at every factor."""
    systems = load_systems()
    return [measure_one(name, model, test, factor) for name, model in systems.items() for factor in FACTORS]


def main() -> None:
    """All photos of the test people."""
    _, test = split_by_person(load_faces("orl"))
    said = "the mean, the projection and the constant are taken before the result is clamped"
    store("restored", {"results": measure(test), "people": test.who(), "said": said, "convention": CONVENTION})


def probe() -> list:
    """A photo of each test person."""
    return [measure(split_by_person(load_faces("orl"))[1][::10])]


if __name__ == "__main__":
    main()
