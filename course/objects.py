"""Networks and states of training on both sides of the channel: sent once, and told of each other's changes."""

import copy
import importlib
from collections.abc import Callable
from dataclasses import fields

import torch
from torch import nn

from mffcn_lite.training.loop import TrainingState

OWN = set(nn.Module().__dict__) - {"training"}  # what each module has beside its own settings


# What the judge sends: a class by its name, and what is in it.


def described(module: nn.Module) -> dict:
    """A module as a tree of settings and tensors; a setting that is a function is left out."""
    return {
        "class": f"{type(module).__module__}:{type(module).__qualname__}",
        "settings": {name: value for name, value in vars(module).items() if name not in OWN and _plain(value)},
        "weights": dict(module._parameters),
        "slopes": {name: None if weight is None else weight.grad for name, weight in module._parameters.items()},
        "buffers": dict(module._buffers),
        "passing": sorted(module._non_persistent_buffers_set),
        "modules": {name: None if part is None else described(part) for name, part in module._modules.items()},
    }


def _plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_plain, [*value, *value.values()]))
    if isinstance(value, list | tuple | set):
        return all(map(_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def built(tree: dict) -> nn.Module:
    """The module of a description. Only a student's program calls this; the judge builds nothing from what it is sent.

    Raises:
        TypeError: for a class that is neither torch's nor ours.
    """
    place, name = tree["class"].split(":")
    if place.split(".")[0] not in ("torch", "mffcn_lite"):
        raise TypeError(f"{place} has no networks")
    kind = importlib.import_module(place)
    for part in name.split("."):
        kind = getattr(kind, part)
    module = kind.__new__(kind)
    nn.Module.__init__(module)
    vars(module).update(tree["settings"])
    for name, weight in tree["weights"].items():
        module._parameters[name] = None if weight is None else nn.Parameter(weight.detach(), weight.requires_grad)
        if weight is not None:
            module._parameters[name].grad = tree["slopes"][name]
    module._buffers.update(tree["buffers"])
    module._non_persistent_buffers_set = set(tree["passing"])
    for name, part in tree["modules"].items():
        module._modules[name] = None if part is None else built(part)
    return module


def described_state(state: TrainingState) -> dict:
    """A state of training without its networks."""
    return {
        "class": f"{type(state.optimizer).__module__}:{type(state.optimizer).__qualname__}",
        "parts": parts_of(state),
    }


def built_state(model: nn.Module, average: nn.Module | None, tree: dict) -> TrainingState:
    """A state of training around networks that were built."""
    place, name = tree["class"].split(":")
    optimizer = getattr(importlib.import_module(place), name)(model.parameters())
    state = TrainingState(model, optimizer, torch.Generator(), average)
    take_parts(state, tree["parts"])
    return state


# What changes.


def parts_of(state: TrainingState) -> dict:
    """What of a state changes beside its networks' weights, and whether its optimiser still moves its network."""
    moved = [id(weight) for group in state.optimizer.param_groups for weight in group["params"]]
    plain = [field.name for field in fields(TrainingState) if _plain(getattr(state, field.name))]
    return {
        "optimizer": copy.deepcopy(state.optimizer.state_dict()),
        "generator": state.generator.get_state(),
        "plain": {name: getattr(state, name) for name in plain if name != "ema"},
        "moves": moved == [id(weight) for weight in state.model.parameters()],
    }


def take_parts(state: TrainingState, parts: dict) -> None:
    """Bring a state to what `parts_of` told.

    Raises:
        Exception: whatever torch says of parts that don't fit.
    """
    state.optimizer.load_state_dict(parts["optimizer"])
    state.generator.set_state(parts["generator"])
    for name in ("step", "seconds", "run"):
        if name in parts["plain"]:
            setattr(state, name, parts["plain"][name])
    if not parts["moves"]:
        state.model = copy.deepcopy(state.model)


def look(module: nn.Module) -> dict:
    """What of a module changes, copied: its tensors with their slopes, and the mode of each part."""
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    held = {
        name: (_copy(value), _copy(value.grad) if value.is_leaf else None, value.requires_grad)
        for name, value in tensors.items()
    }
    return {"tensors": held, "modes": {name: part.training for name, part in module.named_modules()}}


def _copy(value: torch.Tensor | None) -> torch.Tensor | None:
    return None if value is None else value.detach().clone()


def news(before: dict, now: dict, differs: Callable) -> dict:
    """What `look` shows now and did not before."""

    def other(old: tuple | None, new: tuple) -> bool:
        if old is None or old[2] != new[2] or (old[1] is None) != (new[1] is None):
            return True
        return differs(old[0], new[0]) or (new[1] is not None and differs(old[1], new[1]))

    tensors = {name: new for name, new in now["tensors"].items() if other(before["tensors"].get(name), new)}
    modes = {name: mode for name, mode in now["modes"].items() if before["modes"].get(name) != mode}
    return {"tensors": tensors, "modes": modes} if tensors or modes else {}


def take(module: nn.Module, told: dict) -> None:
    """Bring a module to what `news` told, in place; what does not fit its tensors is not taken."""
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for name, (value, slope, wanted) in told["tensors"].items():
        mine = tensors.get(name)
        if mine is None or mine.shape != value.shape or mine.dtype != value.dtype:
            continue
        with torch.no_grad():
            mine.copy_(value.detach())
        if mine.is_leaf and (mine.is_floating_point() or mine.is_complex()):
            mine.requires_grad_(bool(wanted))
            fits = slope is not None and slope.shape == mine.shape and slope.dtype == mine.dtype
            mine.grad = slope.detach() if fits else None
    parts = dict(module.named_modules())
    for name, mode in told["modes"].items():
        if name in parts:
            parts[name].training = bool(mode)
