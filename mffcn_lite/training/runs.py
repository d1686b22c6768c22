"""A training run on disk: its folder, resuming or repeating it, and signals."""

import contextlib
import dataclasses
import os
import shlex
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from torch import Tensor

from mffcn_lite.checkpoint import card_hash, load_model, save_model
from mffcn_lite.data import FaceSet, from_anywhere, load_faces, people_for_training
from mffcn_lite.degrade import small_size
from mffcn_lite.device import is_out_of_memory
from mffcn_lite.errors import MffcnLiteError, check_number, check_types
from mffcn_lite.files import as_stored, json_bytes, read_json, sha256_once, write_json
from mffcn_lite.models import SuperResolver, create_model, system_class
from mffcn_lite.progress import say
from mffcn_lite.provenance import describe_environment
from mffcn_lite.shipped import SYSTEMS
from mffcn_lite.training import processes
from mffcn_lite.training.config import TrainingConfig, read_config
from mffcn_lite.training.loop import TrainingState, compile_fault, create_loss, train
from mffcn_lite.training.memory import check_memory
from mffcn_lite.training.recording import Recorder, load_writer
from mffcn_lite.training.sampling import check_fits
from mffcn_lite.training.states import restore_state

CORES = os.cpu_count() or 1
WRITTEN = ("run.json", "metrics.jsonl", "model.safetensors", "model.json")


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


def describe_run(data: str, model: SuperResolver, config: TrainingConfig, faces: FaceSet, people: dict) -> dict:
    """What `run.json` and the card hold of a run, and what makes it that run: all must agree for it to be resumed.

    But for `data`, the place of the photos: their hashes say which they are.
    """
    weights, said = config.objective.get("weights"), dataclasses.asdict(config)
    if weights is not None:
        said["objective"]["weights"] = os.path.abspath(weights)
    return {
        "data": data,
        "data_hash": faces.card.get("images_sha256") or faces.card.get("pixel_hash"),
        "faces_hash": faces.card.get("faces_sha256"),
        "weights_hash": None if weights is None else sha256_once(weights),
        "model": model.name,
        "arguments": model.arguments,
        "config": said,
        **people,
    }


# What a run's `run.json` holds; a card holds more.
DESCRIPTION = {
    **dict.fromkeys(("data", "model", "settings_sha256"), str),
    **dict.fromkeys(("data_hash", "faces_hash", "weights_hash"), str | None),
    **dict.fromkeys(("arguments", "config", "environment"), dict),
    **dict.fromkeys(("training_people", "validation_people", "test_people"), tuple[int, ...]),
    "threads": int,
}


def settings_hash(content: dict) -> str:
    """As `card_hash`, but a field at its default is not stated: a version that has more of them finds the same hash.

    Nor is the place of a file of weights that has a hash.
    """
    config, defaults = as_stored([content["config"], dataclasses.asdict(TrainingConfig())])
    if content.get("weights_hash") is not None:
        config["objective"].pop("weights", None)
    return card_hash({**content, "config": {key: value for key, value in config.items() if value != defaults[key]}})


def read_description(path: str | Path) -> tuple[str, str, dict, TrainingConfig, dict]:
    """(data, model, its arguments, configuration, all of it) out of a run's folder, its `run.json`, or a card.

    Raises:
        MffcnLiteError: if there is no such file, or it does not describe a run that this machine can do, or is not as
            it was written.
    """
    path = Path(path)
    if path.is_dir():
        path /= "run.json"
    if not path.exists():
        raise MffcnLiteError(f"there is no run to resume or repeat in {path}; start one with --data and --model")
    content = {"arguments": {}, **read_json(path)}
    try:
        if missing := {"data", "model", "config"} - content.keys():
            raise MffcnLiteError(f"it has no {min(missing)}")
        known = content if path.name == "run.json" else {key: content[key] for key in DESCRIPTION if key in content}
        check_types(path.name, DESCRIPTION, known)
        config = read_config(content["config"])
        arguments = create_model(content["model"], **content["arguments"]).arguments
        threads = content.get("threads", content.get("environment", {}).get("threads"))
        check_number("threads", threads, at_least=1, at_most=CORES, whole=True, none=True)
        for key, hashed in (("settings_sha256", settings_hash), ("card_sha256", card_hash)):
            if content.get(key) not in (None, hashed(content)):
                raise MffcnLiteError("it was changed after it was written: its SHA-256 differs")
    except MffcnLiteError as error:
        raise MffcnLiteError(f"{path} describes no training ({error}); name a run's folder or its card") from error
    return content["data"], content["model"], arguments, config, {**content, "threads": threads}


def check_likeness(settings: dict, like: dict) -> None:
    """Refuse to go on with a run, or to repeat it, on other photos; take over its threads, on which rounding depends.

    Raises:
        MffcnLiteError: if the photos, or who is on them or is trained on, are others.
    """
    what = {"data_hash": "photos", "faces_hash": "names of people"}
    what |= {f"{group}_people": f"{group} people" for group in ("training", "validation", "test")}
    for key, said in what.items():
        if like.get(key) is not None and like[key] != settings[key]:
            if key.endswith("_people") and like.get("faces_hash") == settings["faces_hash"] is not None:
                every = settings["config"]["validate_every"]
                raise MffcnLiteError(
                    f"validate_every (={every}) puts others aside than the run did; leave it as it was"
                )
            raise MffcnLiteError(f"{settings['data']} holds other {said} than the run had; name its own with --data")
    if like.get("threads") is not None:
        torch.set_num_threads(like["threads"])


def resume_command(folder: Path) -> str:
    """What to type to go on with a run."""
    return f"mffcn-lite train --resume --out {shlex.quote(str(folder))}"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of a run's folder; a process that is killed leaves no lock.

    Raises:
        MffcnLiteError: if another one is in it, or the folder cannot be written.
    """
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise MffcnLiteError(f"another process is training in {folder}; wait for it, or name another --out") from error
    except OSError as error:
        raise MffcnLiteError(f"cannot use {folder}: {error.strerror}; name another with --out") from error
    with lock:
        yield


def check_folder(folder: Path, settings: dict, resume: bool) -> None:
    """Refuse a folder that is not what was asked for: a new one, or with `resume` the one of this run.

    Raises:
        MffcnLiteError: if the folder holds something already, or with `resume` holds no run or another one.
    """
    description = folder / "run.json"
    try:  # a hidden file is not in the way: a kill may have left one
        filled = folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir())
        started = description.is_file()
    except OSError as error:
        raise MffcnLiteError(f"cannot use {folder}: {error.strerror}; name another with --out") from error
    if not resume:
        if filled:
            raise MffcnLiteError(f"{folder} is not empty; name another with --out, or go on with its run by --resume")
        return
    if not started:
        raise MffcnLiteError(f"{folder} holds no run to resume; leave out --resume to start one")
    _, _, arguments, config, stored = read_description(folder)
    plain = ["model"]
    if "weights_hash" in stored:
        plain.append("weights_hash")
    if stored.get("data_hash") is None:  # nothing but its name says which set it was
        plain.append("data")
    before = as_stored([stored, arguments, dataclasses.asdict(config)])
    now = as_stored([{key: settings[key] for key in plain}, settings["arguments"], settings["config"]])
    if stored.get("weights_hash") is not None:  # which says more than their place
        for side in (before, now):
            side[2]["objective"].pop("weights", None)
    for old, new in zip(before, now, strict=True):
        for key, value in new.items():
            if old.get(key) != value:
                said = f"{folder} was started with {key} {old.get(key)}, not {value}"
                raise MffcnLiteError(f"{said}; resume it with the same options")
    check_likeness(settings, stored)


@dataclasses.dataclass(frozen=True)
class Run:
    """What is to be trained, once nothing of it is refused; `settings` as `describe_run` has them."""

    model: SuperResolver
    faces: FaceSet
    validation: FaceSet | None
    config: TrainingConfig
    device: torch.device
    settings: dict
    environment: dict


def plan_run(
    data: str, model_name: str, config: TrainingConfig, arguments: dict, device: str, board: bool, like: dict | None
) -> Run:
    """Refuse all that does not fit the photos or the machine, before a folder is made; the arguments of `run_training`.

    Raises:
        MffcnLiteError: for a mistake in the arguments, or when memory is short.
    """
    chosen = processes.join(device)
    torch.manual_seed(config.seed)
    model = create_model(model_name, **arguments).to(chosen)
    if not model.trained_by_steps:
        networks = ", ".join(name for name in SYSTEMS if system_class(name).trained_by_steps)
        raise MffcnLiteError(f"{model_name} is not trained step by step; train one of {networks}")
    faces, validation, people = people_for_training(load_faces(data), hold_out=config.validate_every > 0)
    _, channels, *size = faces.images.shape
    if channels != 1:
        raise MffcnLiteError(f"the networks work on grey photos, and those of {data} have {channels} channels")
    check_fits(faces, config)
    processes.share(config.batch)
    largest = max(config.factors)
    if config.crop is not None and model.works_on == "small" and config.crop < largest:
        raise MffcnLiteError(f"crop (={config.crop}) must be at least the largest factor (={largest}) for {model_name}")
    for factor in config.factors:
        small_size(tuple(size), factor)
    side = tuple(size) if config.crop is None else (config.crop, config.crop)
    flat = torch.full((1, 1, *side), 0.5, device=chosen)
    with torch.no_grad():
        create_loss(config, chosen)(flat, flat)  # which says what does not fit the photos
    check_memory(model, config, tuple(size), chosen, processes.count())
    if config.compile not in (None, "auto"):
        check_compiler(config.compile, chosen)
    if board:
        load_writer()
    settings, environment = describe_run(data, model, config, faces, people), describe_environment(chosen)
    json_bytes("run.json", settings | {"data_card": faces.card})  # what can't be stored is refused now, not at the end
    if like is not None:
        check_likeness(settings, like)
    return Run(model, faces, validation, config, chosen, settings, environment)


def check_compiler(mode: str, device: torch.device) -> None:
    """Refuse to compile where not even the smallest function can be.

    Raises:
        MffcnLiteError: if there is no compiler that works, or this torch cannot use it.
    """
    if (fault := compile_fault(mode, device)) is not None:
        raise MffcnLiteError(
            f"compile (={mode!r}) does not work here ({fault}); install a C++ compiler, or set compile=none"
        )


@contextlib.contextmanager
def enter_folder(folder: Path, run: Run, resume: bool) -> Iterator[TrainingState | None]:
    """Put a run's folder in order and keep other runs out of it; the state to begin or to go on with, None at its end.

    Raises:
        MffcnLiteError: as `check_folder` and `locked`, or if no checkpoint is whole.
    """
    first = processes.rank() == 0  # the others wait until the folder is in order, and only read
    if first:
        check_folder(folder, run.settings, resume)
    with locked(folder) if first else contextlib.nullcontext():
        if first:
            check_folder(folder, run.settings, resume)  # again, now that nobody else writes
            for name in WRITTEN:  # what a kill left of it
                for stray in folder.glob(f".{name}.*"):
                    shutil.rmtree(stray, ignore_errors=True)
            if not resume:
                torch.set_num_threads(min(torch.get_num_threads(), CORES))
                data = from_anywhere(run.settings["data"])
                description = {**run.settings, "data": data, "threads": torch.get_num_threads()}
                description["settings_sha256"] = settings_hash(description)
                write_json(folder / "run.json", {**description, "environment": run.environment})
        state = TrainingState.start(run.model, run.config)
        if not first:
            processes.wait()
            check_folder(folder, run.settings, resume=True)
        settings = {**run.settings, "threads": read_description(folder)[-1]["threads"] or torch.get_num_threads()}
        state.run = settings_hash(settings)
        if is_finished(folder, settings):  # whatever became of its checkpoints
            state = None
        elif not restore_state(folder / "checkpoints", state) and resume and first:
            say(f"{folder} has no checkpoint: its run begins again with the first step")
        if first:
            processes.wait()
        yield state


def is_finished(folder: Path, settings: dict) -> bool:
    """Whether all that a run leaves is there, its network is whole, and its card says that it came of `settings`."""
    try:
        card = load_model(folder).card
    except MffcnLiteError:
        return False
    said = {key: card[key] for key in settings if card.get(key) is not None}  # a card of before says less
    if "config" not in said or settings_hash(said) != settings_hash({key: settings[key] for key in said}):
        return False
    return all((folder / name).is_file() for name in WRITTEN)


def train_in_folder(
    folder: Path,
    run: Run,
    state: TrainingState,
    stop_after: int | None,
    board: bool,
    on_progress: Callable[[dict], None] | None,
) -> bool:
    """Train from `state` on, with all that is written meanwhile and at the end; whether the last step was reached.

    Raises:
        MffcnLiteError: as `run_training`, for what happens on the way.
    """
    config = run.config
    recorder = Recorder(folder, config, state, run.faces, run.validation, run.device, board, on_progress)
    with StopSignal() as stop:

        def on_step(state: TrainingState, terms: dict[str, Tensor]) -> bool:
            recorder(state, terms)
            return stop.received

        try:
            with out_of_memory(config):
                train(run.model, run.faces, config, state=state, stop_after=stop_after, on_step=on_step)
            recorder.settle()
        finally:
            recorder.close()
        recorder.save(state)
    if state.step < config.steps:
        if stop.received:
            raise MffcnLiteError(
                f"interrupted at step {state.step} of {config.steps}; all is saved, and this goes on: "
                + resume_command(folder)
            )
        return False
    if processes.rank() == 0:
        done = {"steps": state.step, "seconds": round(state.seconds, 3), "photos": len(run.faces)}
        done |= {"threads": torch.get_num_threads(), "environment": run.environment, "data_card": run.faces.card}
        save_model(state.best, folder / "model.safetensors", {**run.settings, **done})
    processes.wait()
    return True


@contextlib.contextmanager
def out_of_memory(config: TrainingConfig) -> Iterator[None]:
    """Turn the error into a sentence; memory was looked at before, but others may have taken some since."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise MffcnLiteError(
            f"out of memory with batch (={config.batch}); try --set batch={max(1, config.batch // 2)}"
            + ("" if config.batch > 1 else " and a smaller crop")
        ) from error


def run_training(
    folder: str | Path,
    data: str,
    model_name: str,
    config: TrainingConfig,
    *,
    arguments: dict | None = None,
    resume: bool = False,
    stop_after: int | None = None,
    device: str = "auto",
    board: bool = False,
    like: dict | None = None,
    on_progress: Callable[[dict], None] | None = None,
) -> bool:
    """Train in `folder`, from the beginning or, with `resume`, from its newest whole checkpoint.

    Writes `run.json` first, then `metrics.jsonl` and `checkpoints/`, and at the end `model.safetensors` with its card.
    A run that was killed and resumed ends with the weights of the uninterrupted one, bit for bit, on the same
    processor and thread count. Started by torchrun, all processes train one network, and the first writes.

    Args:
        data: see `load_faces`.
        arguments: of the network, such as {"width": 24}.
        board: also write `tensorboard/`.
        like: the description of a run that is repeated: its photos and who is where must be the same, and its count of
            threads is used.
        on_progress: called after each step with its line of `metrics.jsonl`.

    Returns:
        True if the run reached its last step, now or before, False if `stop_after` ended it earlier.

    Raises:
        MffcnLiteError: for a mistake in the arguments, when the loss is no number any more or the training diverges,
            when memory is short, and after SIGINT or SIGTERM, when everything is saved.
    """
    run, folder = plan_run(data, model_name, config, arguments or {}, device, board, like), Path(folder)
    with enter_folder(folder, run, resume) as state:
        return state is None or train_in_folder(folder, run, state, stop_after, board, on_progress)
