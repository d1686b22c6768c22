"""Where does the darkening come from? One constant, by what VGG is asked, what it sees, and how weights are moved.

    python -m benchmarks.experiments.darkening    (an hour and a half of a core)

MFFCN goes on from L2 (the start of `objective_map`) for 200 steps under a part of the objective at a time: the shift of
its results' mean, three seeds, on validation people. Beside each stands what the slopes foretell: by how much a
constant would have to move the results for the loss to be lowest, all else being kept. Controls: features whose mean
is taken off, channel by channel (a covariance in the place of the Gram matrix); a VGG that is shown the results with
the original's mean; and plain gradient descent, with first steps of several lengths, to compare at equal damage.
Writes mffcn_lite/results/darkening.json after each arm, and goes on from there.
"""

import dataclasses
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.experiments.objective_map import (
    CONFIG,
    FEATURES,
    FOLDER,
    OXFORD,
    SEEDS,
    make_starts,
    measure,
    train_start,
)
from benchmarks.helpers.results import DEVICE, trainers, use_cores
from benchmarks.helpers.storing import begun, store
from benchmarks.helpers.tuning import Loss, kept_maps, lowest_at, tune
from mffcn_lite.checkpoint import load_model
from mffcn_lite.data import load_faces, people_for_training
from mffcn_lite.degrade import degrade
from mffcn_lite.losses import Objective, gram_matrix, l2_loss
from mffcn_lite.losses.objective import create_objective
from mffcn_lite.losses.terms import distance

STEPS = 200
LEVELS = range(-100, 101, 4)  # constants that are tried, in grey levels
LENGTHS = (3e-4, 1e-3, 3e-3, 1e-2)  # of gradient descent's first step, in the space of the weights


def centred(maps: Tensor) -> Tensor:
    """Maps without their mean over the positions."""
    return maps - maps.mean((2, 3), keepdim=True)


def gram_distance(f: Tensor, g: Tensor) -> Tensor:
    """The texture term as it is printed."""
    return distance(gram_matrix(f), gram_matrix(g))


# What is asked of VGG's maps f of the result and g of the original.
ASKED = {
    "perceptual": distance,
    "texture": gram_distance,
    "texture, squared": lambda f, g: distance(gram_matrix(f), gram_matrix(g), "squared"),
    "channel means": lambda f, g: distance(f.mean((2, 3)), g.mean((2, 3))),
    "covariance": lambda f, g: gram_distance(centred(f), centred(g)),
    "perceptual, centred": lambda f, g: distance(centred(f), centred(g)),
    "both": lambda f, g: distance(f, g) + gram_distance(f, g),
}
# (what is asked, weight of L2, whose VGG, whether it sees the original's mean, length of gradient descent's first step)
ARMS = [
    *((asked, 0, "VGG-16", False, None) for asked in ASKED),
    *((asked, 10, "VGG-16", False, None) for asked in ("both", "perceptual")),
    *((asked, 10, "VGG-16", True, None) for asked in ("both", "perceptual")),
    *(("both", 10, "VGG-16", False, length) for length in LENGTHS),
    *((asked, weight, "Oxford's VGG-19", False, None) for asked, weight in (("both", 10), ("perceptual", 10))),
]


def loss_of(objective: Objective, asked: str, weight: float, same_mean: bool) -> Loss:
    """The loss of an arm; a VGG that sees the original's mean can't ask for another one."""
    layer = objective.features.layers[-1]

    def loss(sr: Tensor, hr: Tensor, maps: dict[str, Tensor]) -> Tensor:
        shown = sr + (hr - sr).mean((1, 2, 3), keepdim=True) if same_mean else sr
        return weight * l2_loss(sr, hr) + ASKED[asked](objective.maps(shown)[layer], maps[layer])

    return loss


def foretold(loss: Loss, sr: Tensor, hr: Tensor, maps: dict[str, Tensor]) -> dict:
    """The slope of the loss for a constant, a grey level of it, and the constant at which the loss is lowest."""
    constant = torch.zeros((), requires_grad=True)
    loss(sr + constant / 255, hr, maps).backward()
    return {"slope": constant.grad.item(), "lowest_at": lowest_at(loss, sr, hr, maps, LEVELS)}


def run(
    asked: str,
    weight: float,
    features: str,
    same_mean: bool,
    length: float | None,
    folder: Path = FOLDER,
    steps: int = STEPS,
    every: int = 1,
    seeds: tuple[int, ...] = SEEDS,
) -> dict:
    """One arm: what the slopes foretell, and what came, of each seed."""
    faces, validation, _ = people_for_training(load_faces("orl"), hold_out=True)
    faces, validation = faces[::every], validation[::every]
    objective = create_objective(FEATURES[features]).to(DEVICE)
    loss, maps = loss_of(objective, asked, weight, same_mean), kept_maps(objective, faces.floats(DEVICE))
    found = {"asked": asked, "l2": weight, "features": features, "same_mean": same_mean, "first_step": length}
    start = load_model(folder / "mffcn.safetensors", DEVICE).train()
    some, some_maps = faces[::12].floats(DEVICE), {name: kept[::12] for name, kept in maps.items()}
    loss(start(degrade(some, 3)), some, some_maps).backward()
    norm = torch.cat([weight.grad.flatten() for weight in start.parameters()]).norm().item()
    with torch.no_grad():
        sr = start(degrade(some, 3))
    found |= {"foretold": foretold(loss, sr, some, some_maps), "runs": []}
    for seed in seeds:
        model = load_model(folder / "mffcn.safetensors", DEVICE).train()
        descent = None if length is None else torch.optim.SGD(model.parameters(), length / norm)
        tune(model, loss, faces, maps, CONFIG, seed, steps, descent)
        found["runs"].append({"seed": seed, **measure(model.eval(), validation)})
    return found


def main() -> None:
    """The arms that are missing, as many at a time as there are cores."""
    use_cores()
    make_starts()
    results = begun("darkening") or {"budget": dataclasses.asdict(CONFIG) | {"steps": STEPS}, "arms": []}
    left = [arm for arm in ARMS[len(results["arms"]) :] if OXFORD or arm[2] != "Oxford's VGG-19"]
    with trainers() as pool:
        for found in pool.map(run, *zip(*left, strict=True)) if left else ():
            results["arms"].append(found)
            store("darkening", results, unfinished=len(ARMS) - len(results["arms"]))
            print({key: value for key, value in found.items() if key != "runs"}, found["runs"][0]["3"], flush=True)


def probe() -> list:
    """A step of some arms from a start of a few steps, on few photos."""
    with tempfile.TemporaryDirectory() as place:
        train_start("mffcn", Path(place, "mffcn.safetensors"), {}, steps=2)
        small = {"folder": Path(place), "steps": 1, "every": 40, "seeds": (0,)}
        return [run(*ARMS[i], **small) for i in (1, 4, 9, 11)]


if __name__ == "__main__":
    main()
