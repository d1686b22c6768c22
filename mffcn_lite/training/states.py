"""The state of a training on disk, in a run's `checkpoints`: each is whole or not there, and there is no pickle."""

import shutil
from pathlib import Path

import torch

from mffcn_lite.checkpoint import load_tensors, save_tensors
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.files import read_json, replacing, sha256, write_json
from mffcn_lite.training.loop import TrainingState

KEPT = 2  # states: should the newest be broken, the one before is used


def save_state(folder: Path, state: TrainingState) -> None:
    """Write `step-NNNNNN` under `folder`, whole or not at all, and drop all but the newest ones."""
    optimizer = {
        f"{name}.{key}": value
        for name, weight in state.model.named_parameters()
        for key, value in state.optimizer.state.get(weight, {}).items()
    }
    target = folder / f"step-{state.step:06d}"
    if target.exists():  # a whole one: `restore_state` removes the others
        return
    with replacing(target) as temporary:
        temporary.mkdir()
        save_tensors(state.model.state_dict(), temporary / "model.safetensors")
        save_tensors({**optimizer, "generator": state.generator.get_state()}, temporary / "optimizer.safetensors")
        if state.ema is not None:
            save_tensors(state.ema.state_dict(), temporary / "ema.safetensors")
        hashes = {file.name: sha256(file) for file in sorted(temporary.glob("*.safetensors"))}
        write_json(temporary / "state.json", {"step": state.step, "seconds": round(state.seconds, 3), "sha256": hashes})
    for stray in folder.glob(".step-*"):  # what a kill left
        shutil.rmtree(stray, ignore_errors=True)
    for old in list_states(folder)[:-KEPT]:
        gone = old.rename(folder / f".{old.name}")  # no half-deleted one keeps its name
        shutil.rmtree(gone, ignore_errors=True)


def list_states(folder: Path) -> list[Path]:
    """The states under `folder`, oldest first; by number, since step-1000000 sorts before step-999999."""
    return sorted((p for p in folder.glob("step-*") if p.name[5:].isdecimal()), key=lambda p: int(p.name[5:]))


def restore_state(folder: Path, state: TrainingState) -> bool:
    """Bring `state` to the newest one under `folder` that is whole; False where there is none.

    Broken ones that are newer are removed, so that their steps can be saved again.

    Raises:
        MffcnLiteError: if there are some, and none of them is whole.
    """
    found = list_states(folder)[::-1]
    for i, checkpoint in enumerate(found):
        try:
            content = read_json(checkpoint / "state.json")
            if any(sha256(checkpoint / name) != digest for name, digest in content["sha256"].items()):
                continue
            model = load_tensors(checkpoint / "model.safetensors")
            optimizer = load_tensors(checkpoint / "optimizer.safetensors")
            ema = load_tensors(checkpoint / "ema.safetensors") if state.ema is not None else None
        except (MffcnLiteError, OSError, LookupError, TypeError, AttributeError):
            continue
        state.model.load_state_dict(model)
        state.generator.set_state(optimizer.pop("generator"))
        weights, restored = dict(state.model.named_parameters()), state.optimizer.state_dict()
        order = [id(weight) for group in state.optimizer.param_groups for weight in group["params"]]
        for place, value in optimizer.items():
            name, key = place.rsplit(".", 1)
            if value.shape == weights[name].shape:  # a moment, in the weight's memory format: fused Adam wants it
                value = torch.empty_like(weights[name], requires_grad=False).copy_(value)
            restored["state"].setdefault(order.index(id(weights[name])), {})[key] = value
        state.optimizer.load_state_dict(restored)
        if ema is not None:
            state.ema.load_state_dict(ema)
        state.step, state.seconds = content["step"], content.get("seconds", 0.0)
        for broken in found[:i]:
            shutil.rmtree(broken, ignore_errors=True)
        return True
    if found:
        raise MffcnLiteError(f"none of the checkpoints in {folder} is whole; start the run again in a new folder")
    return False
