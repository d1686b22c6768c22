"""What each part of MFFCN is worth: one thing changed at a time, three seeds each, on validation people.

    python -m benchmarks.experiments.ablations    (about seven hours of processor time; an arm a core)

Each arm is trained with seed 0 at both rates of `RATES`, then with seeds 1 and 2 at the better one.
Writes mffcn_lite/results/ablations.json after each arm, and goes on from there. The test people are not touched.
"""

import dataclasses
import time

import torch

from benchmarks.experiments.recipe_trials import BASE, mean_psnr
from benchmarks.helpers.results import DEVICE, trainers
from benchmarks.helpers.storing import begun, store
from mffcn_lite.data import load_faces, people_for_training
from mffcn_lite.models import SuperResolver, count_multiplications, count_parameters, create_model
from mffcn_lite.provenance import describe_environment
from mffcn_lite.training import train
from mffcn_lite.training.recording import validate

SIZE = (112, 92)
# The small budget, the same for all but the last two: the recipe `fast`, shortened, and its moving average with it.
SHORT = dataclasses.replace(BASE, steps=2000, warmup=50, ema=0.99)
RATES, SEEDS = (1e-3, 3e-3), (0, 1, 2)
PLAIN = {"block": "conv3", "skip": "none"}
HOW = ("start", "range", "factors", "steps")  # arguments that say how an arm's network is used or trained
# (group, arm, system, its arguments); the widths are those whose counts come nearest (tests/test_experiments.py).
ARMS = [
    ("mff", "mff", "mffcn", {}),
    ("mff", "conv5, equal multiplications", "mffcn", {"block": "conv5"}),
    ("mff", "conv5, started as the fused mff", "mffcn", {"start": "fused"}),
    ("mff", "conv3, equal multiplications", "mffcn", {"block": "conv3", "width": 27}),
    ("mff", "activation inside", "mffcn", {"activation": "inside"}),
    ("skips", "no skips", "mffcn", {"skip": "none"}),
    ("skips", "no residual", "mffcn", {"residual": False}),
    ("skips", "added", "mffcn", {"skip": "add"}),
    ("skips", "no skips, equal multiplications", "mffcn", {"skip": "none", "width": 20}),
    ("skips", "no skips, no residual", "mffcn", {"skip": "none", "residual": False}),
    ("skips", "last layer not zero", "mffcn", {"zero_last": False}),
    ("skips", "srcnn", "srcnn", {}),
    ("skips", "srcnn, residual", "srcnn", {"residual": True}),
    ("skips", "conv3, no skips (VDSR-like), equal multiplications", "mffcn", {**PLAIN, "width": 33}),
    ("skips", "strided", "mffcn", {"strided": True}),
    ("mff", "conv5, equal parameters", "mffcn", {"block": "conv5", "width": 20}),
    ("mff", "conv3, equal parameters", "mffcn", {"block": "conv3", "width": 33}),
    ("mff", "branches a third as wide", "mffcn", {"branch": 5}),
    ("mff", "branches twice as wide", "mffcn", {"branch": 32}),
    ("mff", "activation inside and outside", "mffcn", {"activation": "both"}),
    ("mff", "no activation", "mffcn", {"activation": None}),
    ("size", "depth 4", "mffcn", {"depth": 4}),
    ("size", "depth 8", "mffcn", {"depth": 8}),
    ("size", "width 8", "mffcn", {"width": 8}),
    ("size", "width 32", "mffcn", {"width": 32}),
    ("range", "pixels from −1 to 1", "mffcn", {"range": "signed"}),
    # Three networks of 2,000 steps each take 6,000 in all; their control is one network that takes as many.
    ("factors", "one network a factor", "mffcn", {"factors": "each"}),
    ("factors", "three times the steps", "mffcn", {"steps": 6000}),
]


class Signed(SuperResolver):
    """A network that sees and gives pixels from −1 to 1, as pix2pix's do."""

    name = "signed"

    def __init__(self, inner: SuperResolver):
        super().__init__()
        self.inner, self.arguments, self.radius = inner, inner.arguments, inner.radius

    def forward(self, blurred: torch.Tensor) -> torch.Tensor:
        """In [0, 1] outside."""
        return (self.inner(2 * blurred - 1) + 1) / 2


def drawn(system: str, arguments: dict) -> SuperResolver:
    """The system with those of an arm's arguments that are its own; the others are how it is used."""
    return create_model(system, **{k: v for k, v in arguments.items() if k not in HOW})


def create(system: str, arguments: dict) -> SuperResolver:
    """The network of an arm, its weights drawn from torch's generator."""
    model = drawn(system, arguments)
    if arguments.get("start") == "fused":
        return model.fuse()
    return Signed(model) if arguments.get("range") == "signed" else model


def count(system: str, arguments: dict) -> tuple[int, int]:
    """(parameters, multiplications for a photo of 112×92): as trained, and fused where it can be."""
    model = drawn(system, arguments)
    fusible = system == "mffcn" and "block" not in arguments and arguments.get("activation") not in ("inside", "both")
    parameters = count_parameters(create(system, arguments))
    return parameters, count_multiplications(model.fuse() if fusible else model, SIZE)


def run(system: str, arguments: dict, seed: int, rate: float) -> dict:
    """Train one arm once, and measure it on the validation people."""
    faces, validation, _ = people_for_training(load_faces("orl"), hold_out=True)
    start, scores, steps = time.perf_counter(), {}, arguments.get("steps", SHORT.steps)
    for factors in [(f,) for f in SHORT.factors] if arguments.get("factors") == "each" else [SHORT.factors]:
        config = dataclasses.replace(SHORT, steps=steps, seed=seed, lr=rate, factors=factors)
        torch.manual_seed(seed)
        best = train(create(system, arguments).to(DEVICE), faces, config).best
        scores |= validate(best, validation, config, DEVICE)
    found = {"seed": seed, "lr": rate, "seconds": round(time.perf_counter() - start)}
    return found | {"device": describe_environment(DEVICE)["device"], "validation_psnr": scores}


def run_arm(group: str, name: str, system: str, arguments: dict) -> dict:
    """Both rates with the first seed, then the other seeds at the better rate."""
    first = [run(system, arguments, SEEDS[0], rate) for rate in RATES]
    best = max(first, key=mean_psnr)
    parameters, multiplications = count(system, arguments)
    arm = {"group": group, "arm": name, "model": system, "arguments": arguments, "lr": best["lr"]}
    arm |= {"parameters": parameters, "multiplications": multiplications}
    arm["runs"] = [best, *(run(system, arguments, seed, best["lr"]) for seed in SEEDS[1:])]
    return arm | {"other_rate": [trial for trial in first if trial is not best]}


def main() -> None:
    """The arms that are missing, in order: the first are those that the book leans on."""
    _, _, people = people_for_training(load_faces("orl"), hold_out=True)
    results = begun("ablations") or {"budget": dataclasses.asdict(SHORT) | {"rates": RATES}, "arms": []}
    results |= {key: people[key] for key in ("training_people", "validation_people")}
    done = {(arm["group"], arm["arm"]) for arm in results["arms"]}
    left = [arm for arm in ARMS if arm[:2] not in done]
    with trainers() as pool:
        for arm in pool.map(run_arm, *zip(*left, strict=True)):
            results["arms"].append(arm)
            store("ablations", results, unfinished=len(ARMS) - len(results["arms"]))
            print(arm["group"], arm["arm"], arm["lr"], [round(mean_psnr(r), 3) for r in arm["runs"]], flush=True)


def probe() -> list:
    """Two steps of each arm, and what it costs."""
    found = []
    for _, _, system, arguments in ARMS:
        short = {**arguments, "steps": 2}
        found.append([run(system, short, 0, RATES[0])["validation_psnr"], count(system, arguments)])
    return found


if __name__ == "__main__":
    main()
