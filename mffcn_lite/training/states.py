"""The state of a training on disk, in a run's `checkpoints`: each is whole or not there, and there is no pickle."""

import contextlib
import shutil
from pathlib import Path

import torch
from torch import Tensor

from mffcn_lite.checkpoint import load_tensors, save_tensors
from mffcn_lite.errors import MffcnLiteError, check_number, check_types
from mffcn_lite.files import content_hash, read_json, replacing, sha256, write_json
from mffcn_lite.progress import say
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
        content = {"step": state.step, "seconds": round(state.seconds, 3), "run": state.run, "sha256": hashes}
        write_json(temporary / "state.json", {**content, "state_sha256": content_hash(content)})
    for stray in folder.glob(".step-*"):  # what a kill left
        _delete(stray)
    for old in list_states(folder)[:-KEPT]:
        _remove(old)


def _remove(checkpoint: Path) -> None:
    """Take its name from a state, and then delete it: no half-deleted one keeps its name."""
    gone = checkpoint.with_name(f".{checkpoint.name}")
    _delete(gone)
    try:
        checkpoint.rename(gone)
    except OSError as error:
        raise MffcnLiteError(f"cannot remove {checkpoint}: {error.strerror}; remove it, then --resume") from error
    _delete(gone)


def _delete(path: Path) -> None:
    """A folder, or a file where one should be; what cannot be deleted stays."""
    shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def list_states(folder: Path) -> list[Path]:
    """The states under `folder`, oldest first; by number, since step-1000000 sorts before step-999999."""
    return sorted((p for p in folder.glob("step-*") if p.name[5:].isdecimal()), key=lambda p: int(p.name[5:]))


def _read_state(checkpoint: Path, run: str | None, parts: set[str]) -> tuple[dict, dict[str, dict[str, Tensor]]]:
    """(`state.json`, the tensors of each of `parts`) of a checkpoint of `run` that is as it was written.

    Raises:
        MffcnLiteError: if it is not.
    """
    content = read_json(checkpoint / "state.json")
    digest = content.pop("state_sha256", None)  # what an older version wrote has none, and no run
    check_types("state.json", {"step": int, "seconds": float, "run": str | None, "sha256": dict}, content)
    hashes = content.get("sha256", {})
    if (
        digest not in (None, content_hash(content))
        or checkpoint.name != f"step-{content.get('step', -1):06d}"
        or (run is not None and content.get("run") not in (None, run))
        or hashes.keys() != {f"{part}.safetensors" for part in parts}
        or hashes != {name: sha256(checkpoint / name) for name in hashes}
    ):
        raise MffcnLiteError(f"{checkpoint} is not as it was written: its step, its run or a SHA-256 differs")
    check_number("seconds", content.setdefault("seconds", 0.0), at_least=0)
    return content, {part: load_tensors(checkpoint / f"{part}.safetensors") for part in parts}


def _apply(content: dict, tensors: dict[str, dict[str, Tensor]], state: TrainingState) -> None:
    """Bring `state` to what was read."""
    state.model.load_state_dict(tensors["model"])
    optimizer = tensors["optimizer"]
    state.generator.set_state(optimizer.pop("generator"))
    weights, restored = dict(state.model.named_parameters()), {**state.optimizer.state_dict(), "state": {}}
    order = [id(weight) for group in state.optimizer.param_groups for weight in group["params"]]
    for place, value in optimizer.items():
        name, key = place.rsplit(".", 1)
        if value.shape == weights[name].shape:  # a moment, in the weight's memory format: fused Adam wants it
            value = torch.empty_like(weights[name], requires_grad=False).copy_(value)
        restored["state"].setdefault(order.index(id(weights[name])), {})[key] = value
    state.optimizer.load_state_dict(restored)
    if state.ema is not None:
        state.ema.load_state_dict(tensors["ema"])
    state.step, state.seconds = content["step"], content["seconds"]


def restore_state(folder: Path, state: TrainingState) -> bool:
    """Bring `state` to the newest one under `folder` that is whole; False where there is none.

    A broken one is named on standard error, and those that are newer than the whole one are removed, so that their
    steps can be saved again.

    Raises:
        MffcnLiteError: if there are some, and none of them is whole.
    """
    found = list_states(folder)[::-1]
    parts = {"model", "optimizer"} | ({"ema"} if state.ema is not None else set())
    for i, checkpoint in enumerate(found):
        try:
            _apply(*_read_state(checkpoint, state.run, parts), state)
        except Exception as error:  # whatever is wrong with one: the one before is as good, and later
            reason = " ".join(str(error).split())
            continue
        for broken in found[:i]:
            _remove(broken)
        if i:
            say(f"going on from {checkpoint}: the one after it is broken ({reason})")
        return True
    if found:
        raise MffcnLiteError(
            f"none of the checkpoints in {folder} is whole ({reason}); start the run again in a new folder"
        )
    return False
