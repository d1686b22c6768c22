"""A network that is trained on under some loss, for a fixed number of steps, as the arms of chapter 14 are."""

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.helpers.results import DEVICE
from mffcn_lite.data import FaceSet
from mffcn_lite.degrade import degrade
from mffcn_lite.losses import Objective
from mffcn_lite.models import SuperResolver
from mffcn_lite.training import Sampler, TrainingConfig

Loss = Callable[[Tensor, Tensor, dict[str, Tensor]], Tensor]  # of sr, hr, and the feature network's maps of hr


def kept_maps(objective: Objective, photos: Tensor) -> dict[str, Tensor]:
    """The feature network's maps of all photos; none where no term reads any."""
    if not objective.needs_features():
        return {}
    with torch.no_grad():
        chunks = [objective.maps(part) for part in photos.split(20)]
    return {name: torch.cat([chunk[name] for chunk in chunks]) for name in chunks[0]}


def total(objective: Objective) -> Loss:
    """The objective's sum as a loss."""
    return lambda sr, hr, maps: objective(sr, hr, maps or None).total


def lowest_at(loss: Loss, sr: Tensor, hr: Tensor, maps: dict[str, Tensor], levels: range) -> int:
    """The constant, in grey levels, that moves a result to where the loss is lowest, all else being kept."""
    with torch.no_grad():
        values = [loss(sr + level / 255, hr, maps).item() for level in levels]
    return levels[values.index(min(values))]


def tune(
    model: SuperResolver,
    loss: Loss,
    faces: FaceSet,
    maps: dict[str, Tensor],
    config: TrainingConfig,
    seed: int,
    steps: int,
    optimizer: torch.optim.Optimizer | None = None,
) -> None:
    """Train `model` on in place with the draws of `seed`, by Adam with the configuration's constants or as given.

    Args:
        maps: of all faces, as `kept_maps` makes them.
    """
    photos = faces.floats(DEVICE)
    sampler, generator = Sampler(faces, config), torch.Generator().manual_seed(seed)
    optimizer = optimizer or torch.optim.Adam(model.parameters(), config.lr, (config.beta1, config.beta2))
    for _ in range(steps):
        draws = sampler.plan(generator)
        index = draws.index.to(DEVICE)
        hr, hr_maps = photos[index], {name: kept[index] for name, kept in maps.items()}
        value = loss(model(degrade(hr, draws.factors[0])), hr, hr_maps)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
