"""A training run on disk: its folder, its log, resuming it, and signals."""

import dataclasses
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from mffcn_lite.checkpoint import save_model
from mffcn_lite.data import FaceSet, load_faces, split_by_person
from mffcn_lite.degrade import small_size
from mffcn_lite.environment import choose_device, describe_environment
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.files import read_json, replacing, write_json
from mffcn_lite.metrics import psnr
from mffcn_lite.models import SuperResolver, create_model
from mffcn_lite.sampling import check_fits
from mffcn_lite.states import restore_checkpoint, save_checkpoint
from mffcn_lite.training import TrainingConfig, TrainingState, train

LOG_EVERY = 100  # steps: how often metrics.jsonl grows


def people_for_training(faces: FaceSet, hold_out: bool) -> tuple[FaceSet, FaceSet | None, dict[str, list[int]]]:
    """(training, validation or None, who is where); the test people are those of every evaluation, never seen here.

    With `hold_out`, an eighth of the training people is put aside to validate on.
    """
    training, test = split_by_person(faces)
    training, validation = split_by_person(training, test_fraction=1 / 8) if hold_out else (training, None)
    people = {
        "training_people": training.who(),
        "validation_people": [] if validation is None else validation.who(),
        "test_people": test.who(),
    }
    return training, validation, people


def validate(model: SuperResolver, faces: FaceSet, config: TrainingConfig, device: torch.device) -> dict[str, float]:
    """Mean PSNR of clamped results for each factor."""
    hr, mode = faces.floats(device), model.training
    model.eval()
    with torch.inference_mode():
        restored = {factor: model.reconstruct(hr, factor, config.kernel).clamp(0, 1) for factor in config.factors}
        results = {str(factor): psnr(sr, hr, data_range=1.0).mean().item() for factor, sr in restored.items()}
    model.train(mode)
    return results


class StopSignal:
    """While it is entered, SIGINT and SIGTERM set `received` in place of ending the program."""

    def __enter__(self) -> "StopSignal":
        self.received = False
        self.before = {number: signal.signal(number, self._receive) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def _receive(self, *_) -> None:
        self.received = True

    def __exit__(self, *_) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)


def open_run(folder: Path, settings: dict, environment: dict, resume: bool) -> None:
    """Write `run.json` in a new folder, or check that a stored run is the one that is asked for.

    Raises:
        MffcnLiteError: if the folder holds something already, or with `resume` holds no run or another one.
    """
    description = folder / "run.json"
    try:
        filled, started = folder.is_dir() and any(folder.iterdir()), description.is_file()
    except OSError as error:
        raise MffcnLiteError(f"cannot use {folder}: {error.strerror}; name another with --out") from error
    if not resume:
        if filled:
            raise MffcnLiteError(
                f"{folder} is not empty; name another with --out, or add --resume to go on with its run"
            )
        write_json(description, {**settings, "threads": torch.get_num_threads(), "environment": environment})
        return
    if not started:
        raise MffcnLiteError(f"{folder} holds no run to resume; leave out --resume to start one")
    stored = read_json(description)
    for key, value in json.loads(json.dumps(settings)).items():  # as stored: tuples are lists
        if stored.get(key) != value:
            old, new = stored.get(key), value
            if isinstance(value, dict) and isinstance(old, dict):
                key = next(k for k in value if old.get(k) != value[k])
                old, new = old.get(key), value[key]
            raise MffcnLiteError(f"{folder} was started with {key} {old}, not {new}; resume it with the same options")
    torch.set_num_threads(stored.get("threads", torch.get_num_threads()))


def run_training(
    folder: str | Path,
    data: str,
    model_name: str,
    config: TrainingConfig,
    *,
    resume: bool = False,
    stop_after: int | None = None,
    device: str = "auto",
    on_progress: Callable[[int, float, dict | None], None] | None = None,
) -> bool:
    """Train in `folder`, from the beginning or, with `resume`, from its newest whole checkpoint.

    Writes `run.json` first, then `metrics.jsonl` and `checkpoints/`, and at the end `model.safetensors` with its card.
    A run that was killed and resumed ends with the weights of the uninterrupted one, bit for bit, on the same
    processor and thread count.

    Args:
        on_progress: called after each step with the step, the loss and, after a validation, PSNR for each factor.

    Returns:
        True if the run reached its last step, False if `stop_after` ended it earlier.

    Raises:
        MffcnLiteError: for a mistake in the arguments, when the loss is no longer finite, and after SIGINT or
            SIGTERM, when everything is saved.
    """
    folder, chosen = Path(folder), choose_device(device)
    torch.manual_seed(config.seed)
    model = create_model(model_name).to(chosen)
    if next(model.parameters(), None) is None:
        raise MffcnLiteError(f"{model_name} is not trained step by step; train one of srcnn, nie, fsrcnn, mffcn")
    faces, validation, people = people_for_training(load_faces(data), hold_out=config.validate_every > 0)
    data_hash = faces.card.get("pixel_hash") or faces.card.get("images_sha256")
    settings = {
        "data": data,
        "data_hash": data_hash,
        "model": model_name,
        "config": dataclasses.asdict(config),
        **people,
    }
    if faces.images.shape[1] != 1:
        channels = faces.images.shape[1]
        raise MffcnLiteError(f"the networks work on grey photos, and those of {data} have {channels} channels")
    check_fits(faces, config)  # all that does not fit the photos is refused before the folder is made
    for factor in config.factors:
        small_size(tuple(faces.images.shape[-2:]), factor)
    environment = describe_environment(chosen)
    open_run(folder, settings, environment, resume)
    state = TrainingState.start(model, config)
    if resume:
        restore_checkpoint(folder / "checkpoints", state)
    if state.step >= config.steps and all((folder / f"model.{kind}").is_file() for kind in ("safetensors", "json")):
        return True

    log, start, lines = folder / "metrics.jsonl", time.perf_counter(), []
    if log.is_file():  # forget what came after the checkpoint
        kept = log.read_text(encoding="utf-8", errors="replace").splitlines()[: state.step]
        with replacing(log) as temporary:
            temporary.write_text("".join(line + "\n" for line in kept), encoding="utf-8")

    def flush() -> None:
        try:
            with log.open("a", encoding="utf-8") as handle:
                handle.writelines(lines)
        except OSError as error:
            raise MffcnLiteError(f"cannot write {log}: {error.strerror}; free the place, then use --resume") from error
        lines.clear()

    with StopSignal() as stop:

        def on_step(state: TrainingState, loss: Tensor) -> bool:
            line = {"step": state.step, "loss": loss.item()}
            if not torch.isfinite(loss):
                raise MffcnLiteError(
                    f"the loss is {line['loss']} at step {state.step}; start again with a lower rate, such as "
                    f"--set lr={config.lr / 4:g} (the last checkpoint is in {folder / 'checkpoints'})"
                )
            scores = None
            if validation is not None and state.step % config.validate_every == 0:
                scores = line["validation_psnr"] = validate(state.best, validation, config, chosen)
            lines.append(json.dumps(line) + "\n")
            if len(lines) == LOG_EVERY:
                flush()
            if state.step % config.checkpoint_every == 0:
                flush()
                save_checkpoint(folder / "checkpoints", state)
            if on_progress is not None:
                on_progress(state.step, line["loss"], scores)
            return stop.received

        try:
            train(model, faces, config, state=state, stop_after=stop_after, on_step=on_step)
        finally:
            flush()
        save_checkpoint(folder / "checkpoints", state)
        if state.step < config.steps:
            if stop.received:
                raise MffcnLiteError(
                    f"interrupted at step {state.step} of {config.steps}; all is saved in {folder}: "
                    "give the same command with --resume to go on"
                )
            return False
    card = {
        **settings,
        "steps": state.step,
        "seconds_of_last_session": round(time.perf_counter() - start, 1),
        "photos": len(faces),
        "data_card": faces.card,
        "environment": environment,
    }
    save_model(state.best, folder / "model.safetensors", card)
    return True
