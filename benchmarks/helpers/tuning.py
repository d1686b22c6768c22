"""A network that is trained on under an objective, for a fixed number of steps, as the arms of chapter 14 are."""

import torch
from torch import Tensor

from benchmarks.helpers.results import DEVICE
from mffcn_lite.data import FaceSet
from mffcn_lite.degrade import degrade
from mffcn_lite.losses import Objective
from mffcn_lite.models import SuperResolver
from mffcn_lite.training import Sampler, TrainingConfig


def kept_maps(objective: Objective, photos: Tensor) -> dict[str, Tensor]:
    """The feature network's maps of all photos; none where no term reads any."""
    if not objective.needs_features():
        return {}
    with torch.no_grad():
        chunks = [objective.maps(part) for part in photos.split(20)]
    return {name: torch.cat([chunk[name] for chunk in chunks]) for name in chunks[0]}


def tune(
    model: SuperResolver, objective: Objective, faces: FaceSet, config: TrainingConfig, seed: int, steps: int
) -> None:
    """Train `model` on in place, by Adam and with the draws of `seed`."""
    photos = faces.floats(DEVICE)
    maps = kept_maps(objective, photos)
    sampler, generator = Sampler(faces, config), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), config.lr, (config.beta1, config.beta2))
    for _ in range(steps):
        draws = sampler.plan(generator)
        index = draws.index.to(DEVICE)
        hr = photos[index]
        hr_maps = {name: kept[index] for name, kept in maps.items()}
        value = objective(model(degrade(hr, draws.factors[0])), hr, hr_maps or None)
        optimizer.zero_grad()
        value.total.backward()
        optimizer.step()
