"""A run's folder: exact resume after a stop, a signal, a kill or a broken checkpoint, and what is refused."""

import dataclasses
import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file
from skimage.metrics import peak_signal_noise_ratio

from mffcn_lite.checkpoint import load_model, save_tensors
from mffcn_lite.data import FaceSet, load_faces, save_faces, split_by_person
from mffcn_lite.degrade import degrade
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.features import create_features
from mffcn_lite.files import content_hash, sha256
from mffcn_lite.models import create_model
from mffcn_lite.training import TrainingConfig, TrainingState, processes, runs, train
from mffcn_lite.training.recording import validate
from mffcn_lite.training.runs import read_description, run_training
from mffcn_lite.training.states import restore_state, save_state

CONFIG = TrainingConfig(
    steps=12,
    batch=2,
    crop=12,
    flip=True,
    reduction="mean",
    lr=1e-3,
    schedule="cosine",
    warmup=2,
    clip=0.5,
    ema=0.8,
    checkpoint_every=4,
)
KILLS = int(os.environ.get("MFFCN_LITE_KILLS", "3"))  # make test-release: 20
FINISHED = {"run.json", "metrics.jsonl", "model.safetensors", "model.json"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A prepared set: 20 smooth photos of 20 people, 24×20 pixels."""
    folder, generator = tmp_path_factory.mktemp("data") / "small", np.random.default_rng(0)
    coarse = [Image.fromarray(generator.integers(0, 256, (6, 5), dtype=np.uint8)) for _ in range(20)]
    images = np.stack([np.asarray(photo.resize((20, 24), Image.Resampling.BICUBIC)) for photo in coarse])
    save_faces(FaceSet(images[:, None], np.arange(20), [f"p{i}" for i in range(20)], {"source": "noise"}), folder)
    return str(folder)


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """The uninterrupted run that the others are compared with."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert run_training(folder, data, "mffcn", CONFIG)
    return folder


def losses(folder):
    """The steps and losses of `metrics.jsonl`; each line must be JSON, and NaN is none."""

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [(line["step"], line["loss"]) for line in (json.loads(line, parse_constant=refuse) for line in lines)]


def names(folder):
    """The files below `folder`, but for the lock."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def assert_same_end(folder, whole):
    assert sha256(folder / "model.safetensors") == sha256(whole / "model.safetensors")
    assert losses(folder) == losses(whole)
    assert names(folder) == names(whole)


# --------------------------------------------------------------------------------------------- the folder


@pytest.mark.slow
def test_a_finished_run_holds_what_the_design_says_and_no_pickle(whole):
    files = {"model.safetensors", "optimizer.safetensors", "ema.safetensors", "state.json"}
    steps = {f"checkpoints/step-{step:06d}/{name}" for step in (8, 12) for name in files}
    assert names(whole) == FINISHED | steps
    for path in (whole / name for name in names(whole)):
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as file:
                assert len(file.keys()) > 0
        else:
            for line in path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]:
                assert isinstance(json.loads(line), dict)
    assert [step for step, _ in losses(whole)] == list(range(1, 13))


def test_the_card_tells_what_was_trained_on_whom(whole, data):
    card, run = (json.loads((whole / name).read_text()) for name in ("model.json", "run.json"))
    training, test = split_by_person(load_faces(data))
    assert card["training_people"] == run["training_people"] == sorted(training.people.tolist())
    assert card["test_people"] == run["test_people"] == sorted(test.people.tolist())
    assert not set(card["training_people"]) & set(card["test_people"])
    assert card["validation_people"] == []
    assert (card["model"], card["data"], card["steps"], card["photos"]) == ("mffcn", data, 12, 16)
    assert card["config"] == run["config"] == json.loads(json.dumps(dataclasses.asdict(CONFIG)))
    assert card["weights_sha256"] == sha256(whole / "model.safetensors")


def test_the_network_that_is_kept_is_the_moving_average(whole):
    with (
        safe_open(whole / "model.safetensors", "pt") as kept,
        safe_open(whole / "checkpoints/step-000012/ema.safetensors", "pt") as average,
        safe_open(whole / "checkpoints/step-000012/model.safetensors", "pt") as last,
    ):
        pairs = [[file.get_tensor(key) for file in (kept, last)] for key in kept.keys()]  # noqa: SIM118
        assert all(torch.equal(kept.get_tensor(key), average.get_tensor(f"module.{key}")) for key in last.keys())  # noqa: SIM118
    assert not all(torch.equal(*pair) for pair in pairs)


def test_validation_is_the_mean_psnr_and_leaves_the_mode_as_it_was(data):
    faces, modes = load_faces(data)[:3], []
    model = create_model("srcnn").train()
    model.register_forward_pre_hook(lambda module, inputs: modes.append((module.training, torch.is_grad_enabled())))
    scores = validate(model, faces, CONFIG, torch.device("cpu"))
    assert modes == [(False, False)] * 3
    assert model.training
    for factor in (2, 3, 4):
        sr = model(degrade(faces.floats(), factor)).detach().clamp(0, 1)
        each = [
            peak_signal_noise_ratio(a, b, data_range=1) for a, b in zip(faces.images / 255, sr.numpy(), strict=True)
        ]
        assert scores[str(factor)] == pytest.approx(np.mean(each), abs=1e-4)
    validate(model.eval(), faces, CONFIG, torch.device("cpu"))
    assert not model.training


def test_run_json_is_written_before_anything_else(data, tmp_path, monkeypatch):
    seen = []
    start = TrainingState.start
    monkeypatch.setattr(TrainingState, "start", lambda *a: seen.append(names(tmp_path / "run")) or start(*a))
    run_training(tmp_path / "run", data, "srcnn", CONFIG, stop_after=1)
    assert seen == [{"run.json"}]


def test_only_training_people_are_ever_drawn(data, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(runs, "train", lambda model, faces, config, **options: seen.append(faces) or options["state"])
    _, test = split_by_person(load_faces(data))
    for validate_every in (0, 2):
        config = dataclasses.replace(CONFIG, validate_every=validate_every)
        run_training(tmp_path / str(validate_every), data, "srcnn", config)
        assert not set(seen[-1].people.tolist()) & set(test.people.tolist())
    everybody, fewer = (set(faces.people.tolist()) for faces in seen)
    assert (len(everybody), len(fewer)) == (16, 14)
    run = json.loads((tmp_path / "2" / "run.json").read_text())
    groups = [set(run[f"{group}_people"]) for group in ("training", "validation", "test")]
    assert groups[0] == fewer
    assert groups[1] == everybody - fewer
    assert set.union(*groups) == set(range(20))
    assert sum(map(len, groups)) == 20


def test_validation_comes_when_it_should_and_changes_no_weight(data, tmp_path):
    digests, seen = [], []
    for every in (3, 5):
        config = dataclasses.replace(CONFIG, validate_every=every)
        folder = tmp_path / str(every)
        run_training(folder, data, "mffcn", config, on_progress=seen.append)
        digests.append(sha256(folder / "model.safetensors"))
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        assert [line["step"] for line in lines if "validation_psnr" in line] == list(range(every, 13, every))
        assert all(line["validation_psnr"].keys() == {"2", "3", "4"} for line in lines if "validation_psnr" in line)
        assert seen == lines
        seen.clear()
    assert digests[0] == digests[1]


@pytest.mark.parametrize("name", ["model.safetensors", "model.json", "metrics.jsonl", "run.json"])
def test_others_may_read_what_a_run_leaves(whole, name):
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((whole / name).stat().st_mode) == 0o666 & ~mask


# --------------------------------------------------------------------------------------------- going on


@pytest.mark.slow
@pytest.mark.parametrize("stop", [1, 4, 7, 11])
def test_stopped_and_resumed_equals_uninterrupted(data, whole, tmp_path, stop):
    folder = tmp_path / "run"
    assert not run_training(folder, data, "mffcn", CONFIG, stop_after=stop)
    assert not (folder / "model.safetensors").exists()
    assert [step for step, _ in losses(folder)] == list(range(1, stop + 1))
    assert run_training(folder, data, "mffcn", CONFIG, resume=True)
    assert sha256(folder / "model.safetensors") == sha256(whole / "model.safetensors")
    assert losses(folder) == losses(whole)


@pytest.mark.parametrize(
    "options",
    [
        {"channels_last": True},
        {"ema": None, "crop": None, "flip": False, "schedule": "constant"},
        {"validate_every": 2},
        {"optimizer": "muon", "schedule": "linear", "hold": 0.5, "mixed": True},
    ],
    ids=["channels last", "plain", "validation", "muon"],
)
def test_resume_is_exact_with_other_settings_too(data, tmp_path, options):
    config = dataclasses.replace(CONFIG, **options)
    run_training(tmp_path / "a", data, "srcnn", config)
    for stop in (3, 6, 9, None):
        run_training(tmp_path / "b", data, "srcnn", config, resume=stop != 3, stop_after=stop)
    assert sha256(tmp_path / "b" / "model.safetensors") == sha256(tmp_path / "a" / "model.safetensors")
    assert losses(tmp_path / "b") == losses(tmp_path / "a")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_saves_everything_and_says_how_to_go_on(data, whole, tmp_path, refuses, name):
    folder = tmp_path / "run"
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    def at_five(line):
        if line["step"] == 5:
            os.kill(os.getpid(), getattr(signal, name))

    refuses(
        lambda: run_training(folder, data, "mffcn", CONFIG, on_progress=at_five),
        "interrupted at step 5 of 12",
        "--resume",
        str(folder),
    )
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert (folder / "checkpoints" / "step-000005" / "state.json").is_file()
    assert not (folder / "model.safetensors").exists()
    assert run_training(folder, data, "mffcn", CONFIG, resume=True)
    assert sha256(folder / "model.safetensors") == sha256(whole / "model.safetensors")
    assert losses(folder) == losses(whole)


@pytest.mark.slow
def test_killed_at_random_moments_and_resumed_equals_uninterrupted(data, tmp_path):
    config = dataclasses.replace(CONFIG, steps=80 * KILLS, checkpoint_every=3)
    run_training(tmp_path / "a", data, "srcnn", config)
    folder, moments, started = tmp_path / "b", [], [0]
    code = (
        "import sys, torch; torch.set_num_threads(1)\n"
        "from mffcn_lite.training.runs import run_training; from mffcn_lite.training import TrainingConfig\n"
        f"config = {config!r}\n"
        "run_training(sys.argv[1], sys.argv[2], 'srcnn', config, resume=len(sys.argv) > 3)"
    )
    for attempt in range(KILLS):
        resume = ["--resume"] if attempt else []
        process = subprocess.Popen([sys.executable, "-c", code, str(folder), data, *resume], stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:  # until it has gone further than the last
            steps = [int(path.name[5:]) for path in folder.glob("checkpoints/step-*")]
            if max(steps, default=0) > started[-1]:
                break
            time.sleep(0.002)
        time.sleep(random.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)
        moments.append((process.wait(), process.stderr.read().decode()[-300:], max(steps, default=0)))
        assert not (folder / "model.safetensors").exists(), f"killed too late: {moments}"
        assert process.returncode == -signal.SIGKILL, moments
        started.append(max(steps, default=0))
        for checkpoint in folder.glob("checkpoints/step-*"):  # none is half-written, or half-deleted, under its name
            hashes = json.loads((checkpoint / "state.json").read_text())["sha256"]
            assert hashes == {name: sha256(checkpoint / name) for name in hashes}, moments
    assert run_training(folder, data, "srcnn", config, resume=True)
    assert sha256(folder / "model.safetensors") == sha256(tmp_path / "a" / "model.safetensors"), moments
    assert losses(folder) == losses(tmp_path / "a")
    assert not list((folder / "checkpoints").glob(".*")), "what a kill leaves is swept away later"


def test_a_run_killed_before_its_first_checkpoint_begins_again(data, whole, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    shutil.copy(whole / "run.json", folder)
    (folder / "metrics.jsonl").write_text('{"step": 1, "loss": 3.0}\n{"st')  # as a kill may leave it
    assert run_training(folder, data, "mffcn", CONFIG, resume=True)
    assert_same_end(folder, whole)


def test_lines_beyond_the_checkpoint_are_forgotten(data, whole, tmp_path):
    folder = tmp_path / "run"
    run_training(folder, data, "mffcn", CONFIG, stop_after=4)
    with (folder / "metrics.jsonl").open("a") as log:
        log.write('{"step": 5, "loss": 9.0}\n{"step": 6, "lo')
    assert run_training(folder, data, "mffcn", CONFIG, resume=True)
    assert_same_end(folder, whole)


HALF = b'{"step": 8, "lo'
DAMAGES = {  # of the log: what becomes of its lines, and which steps are lost
    "half a line": (lambda lines: [*lines[:7], HALF], [8]),
    "zeros": (lambda lines: [*lines[:6], bytes(300)], [7, 8]),
    "garbage": (lambda lines: [*lines[:6], b"\xff\xfe\n\x80\n", *lines[6:]], []),
    "garbage in a line": (lambda lines: [*lines[:2], b"\xff" + lines[2], *lines[3:]], [3]),
    "two lines in one": (lambda lines: [*lines[:2], lines[2].strip() + lines[3], *lines[4:]], [3, 4]),
    "no object": (lambda lines: [b"[]\n", b"3\n", b'"x"\n', b"{}\n", *lines], []),
    "no numbers": (lambda lines: [b'{"step": "1", "loss": null}\n', b'{"step": true, "loss": 1}\n', *lines[1:]], [1]),
    "not finite": (lambda lines: [b'{"step": 1, "loss": NaN}\n', b'{"step": 1, "loss": 1e999}\n', *lines[1:]], [1]),
    "a step for another": (lambda lines: [lines[0].replace(b"1", b"3", 1), *lines[1:]], [1]),
    "a step for another before it": (lambda lines: [*lines[:2], lines[2].replace(b"3", b"1", 1), *lines[3:]], [3]),
    "twice": (lambda lines: [*lines[:4], *lines], []),
    "deep": (lambda lines: [b"[" * 100_000 + b"\n", *lines], []),
    "nothing": (lambda lines: [], list(range(1, 9))),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_of_a_damaged_log_the_good_lines_are_kept_and_the_run_goes_on(data, whole, tmp_path, capsys, damage):
    folder, (change, lost) = tmp_path / "run", DAMAGES[damage]
    run_training(folder, data, "mffcn", CONFIG, stop_after=8)
    log = folder / "metrics.jsonl"
    log.write_bytes(b"".join(change(log.read_bytes().splitlines(keepends=True))))
    assert run_training(folder, data, "mffcn", CONFIG, resume=True)
    assert sha256(folder / "model.safetensors") == sha256(whole / "model.safetensors")
    assert losses(folder) == [(step, loss) for step, loss in losses(whole) if step not in lost]
    said = capsys.readouterr().err
    assert said == (
        f"{log} is damaged: the lines of {len(lost)} of 8 steps are lost; the run goes on\n" if lost else ""
    )


def test_without_its_log_a_run_goes_on(data, whole, tmp_path, capsys):
    folder = tmp_path / "run"
    run_training(folder, data, "mffcn", CONFIG, stop_after=8)
    (folder / "metrics.jsonl").unlink()
    assert run_training(folder, data, "mffcn", CONFIG, resume=True)
    assert losses(folder) == losses(whole)[8:]
    assert "8 of 8 steps are lost" in capsys.readouterr().err


def test_the_log_is_on_disk_before_the_checkpoint_whose_steps_it_has(data, tmp_path, monkeypatch):
    folder, synced = tmp_path / "run", []

    def note(handle, fsync=os.fsync):
        fsync(handle)
        place = Path(os.readlink(f"/proc/self/fd/{handle}"))
        lines = len(losses(folder)) if place.name == "metrics.jsonl" else None
        step = next((part.split(".")[1] for part in place.parts if part.startswith(".step-")), None)
        synced.append(lines if step is None else step)

    monkeypatch.setattr(os, "fsync", note)
    run_training(folder, data, "mffcn", CONFIG, stop_after=8)
    order = [what for i, what in enumerate(synced) if what is not None and what not in synced[:i]]
    assert order == [4, "step-000004", 8, "step-000008"]


def test_resuming_a_finished_run_changes_nothing(data, whole, tmp_path):
    shutil.copytree(whole, tmp_path / "run")
    before = {name: (tmp_path / "run" / name).read_bytes() for name in names(whole)}
    assert run_training(tmp_path / "run", data, "mffcn", CONFIG, resume=True)
    assert {name: (tmp_path / "run" / name).read_bytes() for name in names(tmp_path / "run")} == before


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
def test_a_finished_run_whose_network_is_broken_writes_it_again(data, whole, tmp_path, name):
    shutil.copytree(whole, tmp_path / "run")
    for damage in (cut, flip_a_bit):
        damage(tmp_path / "run" / name)
        assert run_training(tmp_path / "run", data, "mffcn", CONFIG, resume=True)
        assert_same_end(tmp_path / "run", whole)
        cards = [json.loads((run / "model.json").read_text()) | {"seconds": 0} for run in (tmp_path / "run", whole)]
        assert cards[0] == cards[1]


@pytest.mark.parametrize("missing", [["model.json"], ["model.safetensors"], ["model.json", "model.safetensors"]])
def test_a_run_killed_while_it_wrote_its_network_writes_it_again(data, whole, tmp_path, missing):
    shutil.copytree(whole, tmp_path / "run")
    for name in missing:
        (tmp_path / "run" / name).unlink()
    assert run_training(tmp_path / "run", data, "mffcn", CONFIG, resume=True)
    assert_same_end(tmp_path / "run", whole)


def test_the_thread_count_comes_back_with_the_run(data, tmp_path):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        run_training(tmp_path / "run", data, "srcnn", CONFIG, stop_after=1)
        torch.set_num_threads(1)
        run_training(tmp_path / "run", data, "srcnn", CONFIG, resume=True, stop_after=2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


# ------------------------------------------------------------------------------------ broken checkpoints


def cut(path):
    path.write_bytes(path.read_bytes()[:-7])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


@pytest.mark.slow
@pytest.mark.parametrize("damage", [cut, flip_a_bit, Path.unlink, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "ema.safetensors", "state.json"])
def test_with_the_newest_checkpoint_broken_the_one_before_is_used(data, whole, tmp_path, name, damage):
    if name == "state.json" and damage is flip_a_bit:
        damage = cut  # a flipped bit may fall on white space
    folder, steps = tmp_path / "run", []
    run_training(folder, data, "mffcn", CONFIG, stop_after=8)
    damage(folder / "checkpoints" / "step-000008" / name)
    assert run_training(folder, data, "mffcn", CONFIG, resume=True, on_progress=lambda line: steps.append(line["step"]))
    assert steps == list(range(5, 13))
    assert_same_end(folder, whole)


def rewritten(**changes):
    """Change `state.json`; its hash stays."""

    def change(checkpoint):
        path = checkpoint / "state.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def sealed(checkpoint, **changes):
    """Change `state.json`, and bring every hash up to what is there."""
    content = json.loads((checkpoint / "state.json").read_text()) | changes
    content["sha256"] = {path.name: sha256(path) for path in checkpoint.glob("*.safetensors")}
    content.pop("state_sha256", None)
    (checkpoint / "state.json").write_text(json.dumps({**content, "state_sha256": content_hash(content)}))


def as_file(checkpoint):
    shutil.rmtree(checkpoint)
    checkpoint.write_text("no folder")


def as_folder(path):
    path.unlink()
    path.mkdir()


def of_the_one_before(checkpoint):
    """A whole checkpoint under another's name."""
    shutil.rmtree(checkpoint)
    shutil.copytree(checkpoint.with_name("step-000004"), checkpoint)


def without_generator(checkpoint):
    tensors = load_file(checkpoint / "optimizer.safetensors")
    del tensors["generator"]
    save_tensors(tensors, checkpoint / "optimizer.safetensors")
    sealed(checkpoint)


def of_another_network(checkpoint):
    tensors = load_file(checkpoint / "model.safetensors")
    save_tensors({name: tensor[:1] for name, tensor in tensors.items()}, checkpoint / "model.safetensors")
    sealed(checkpoint)


def without_average(checkpoint):
    (checkpoint / "ema.safetensors").unlink()
    sealed(checkpoint)


FAULTS = {
    "another step": rewritten(step=7),
    "another step, sealed": lambda checkpoint: sealed(checkpoint, step=7),
    "other seconds": rewritten(seconds=1.0),
    "a hash less": rewritten(sha256={}),
    "one key more": rewritten(banana=1),
    "a step that is true": lambda checkpoint: sealed(checkpoint, step=True),
    "seconds that are text": lambda checkpoint: sealed(checkpoint, seconds="7"),
    "seconds that are no number": lambda checkpoint: sealed(checkpoint, seconds=float("nan")),
    "one key more, sealed": lambda checkpoint: sealed(checkpoint, banana=1),
    "no folder": as_file,
    "empty": lambda checkpoint: [path.unlink() for path in checkpoint.iterdir()],
    "the one before": of_the_one_before,
    "another run": lambda checkpoint: sealed(checkpoint, run="0" * 64),
    "no generator": without_generator,
    "another network": of_another_network,
    "no average": without_average,
    "a folder for a file": lambda checkpoint: [
        (checkpoint / "state.json").unlink(),
        (checkpoint / "state.json").mkdir(),
    ],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_any_fault_of_a_checkpoint_means_the_one_before_it(data, whole, tmp_path, capsys, fault):
    folder, steps = tmp_path / "run", []
    run_training(folder, data, "mffcn", CONFIG, stop_after=8)
    FAULTS[fault](folder / "checkpoints" / "step-000008")
    assert run_training(folder, data, "mffcn", CONFIG, resume=True, on_progress=lambda line: steps.append(line["step"]))
    said = capsys.readouterr().err
    assert said.startswith(f"going on from {folder / 'checkpoints' / 'step-000004'}")
    assert said.count("\n") == 1
    assert steps == list(range(5, 13))
    assert_same_end(folder, whole)


def test_a_whole_checkpoint_of_another_run_is_none_of_this_one(data, whole, tmp_path, refuses):
    """The same network and photos, and another seed: only the run's own hash tells it."""
    folder, other = tmp_path / "run", tmp_path / "other"
    run_training(folder, data, "mffcn", CONFIG, stop_after=5)
    run_training(other, data, "mffcn", dataclasses.replace(CONFIG, seed=1), stop_after=8)
    shutil.copytree(other / "checkpoints" / "step-000008", folder / "checkpoints" / "step-000008")
    assert run_training(folder, data, "mffcn", CONFIG, resume=True)
    assert_same_end(folder, whole)
    shutil.copy(folder / "run.json", other / "run.json")
    refuses(lambda: run_training(other, data, "mffcn", CONFIG, resume=True), "none of the checkpoints", "its run")


def test_a_checkpoint_that_an_older_version_wrote_has_no_hash_of_itself_and_is_used(data, whole, tmp_path, capsys):
    folder, steps = tmp_path / "run", []
    run_training(folder, data, "mffcn", CONFIG, stop_after=8)
    path = folder / "checkpoints" / "step-000008" / "state.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({key: content[key] for key in ("step", "sha256")}))
    assert run_training(folder, data, "mffcn", CONFIG, resume=True, on_progress=lambda line: steps.append(line["step"]))
    assert steps == [9, 10, 11, 12]
    assert sha256(folder / "model.safetensors") == sha256(whole / "model.safetensors")
    assert capsys.readouterr().err == ""


def test_a_broken_checkpoint_is_written_again_when_its_step_comes(data, whole, tmp_path):
    folder = tmp_path / "run"
    run_training(folder, data, "mffcn", CONFIG, stop_after=8)
    cut(folder / "checkpoints" / "step-000008" / "model.safetensors")
    run_training(folder, data, "mffcn", CONFIG, resume=True, stop_after=8)
    cut(folder / "checkpoints" / "step-000004" / "model.safetensors")
    steps = []
    run_training(folder, data, "mffcn", CONFIG, resume=True, on_progress=lambda line: steps.append(line["step"]))
    assert steps == [9, 10, 11, 12]
    assert_same_end(folder, whole)


def test_with_all_checkpoints_broken_it_is_one_sentence(data, tmp_path, refuses):
    folder = tmp_path / "run"
    run_training(folder, data, "mffcn", CONFIG, stop_after=8)
    for path in folder.glob("checkpoints/*/model.safetensors"):
        cut(path)
    before = names(folder)
    refuses(
        lambda: run_training(folder, data, "mffcn", CONFIG, resume=True), "checkpoints", "whole", "a SHA-256 differs"
    )
    assert names(folder) == before


def test_the_newest_is_the_highest_step_also_beyond_six_digits(data, tmp_path):
    faces, _ = split_by_person(load_faces(data))
    state = train(create_model("srcnn"), faces, CONFIG, stop_after=1)
    for state.step in (999_998, 999_999, 1_000_000, 1_000_001):
        save_state(tmp_path, state)
    assert {path.name for path in tmp_path.iterdir()} == {"step-1000000", "step-1000001"}
    again = TrainingState.start(create_model("srcnn"), CONFIG)
    assert restore_state(tmp_path, again)
    assert again.step == 1_000_001


def test_a_fused_adam_goes_on_as_if_it_had_not_stopped(data, tmp_path):
    """As on a GPU: it goes through weights and moments in the order of memory, so their formats must be the same."""

    def begin() -> TrainingState:
        torch.manual_seed(0)
        state = TrainingState.start(create_model("srcnn"), CONFIG)
        state.optimizer.param_groups[0]["fused"] = True
        return state

    faces, _ = split_by_person(load_faces(data))
    whole, again = begin(), begin()
    train(whole.model, faces, CONFIG, state=whole, stop_after=3)
    save_state(tmp_path, whole)
    assert restore_state(tmp_path, again)
    for state in (whole, again):
        train(state.model, faces, CONFIG, state=state, stop_after=6)
    for one, other in zip(whole.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_full_disk_is_one_sentence_and_the_run_goes_on_later(data, whole, tmp_path, refuses, full_disk):
    folder = tmp_path / "run"
    run_training(folder, data, "mffcn", CONFIG, stop_after=4)
    with full_disk(20_000):
        refuses(lambda: run_training(folder, data, "mffcn", CONFIG, resume=True), "cannot write")
    assert run_training(folder, data, "mffcn", CONFIG, resume=True)
    assert_same_end(folder, whole)


# ---------------------------------------------------------------------------------------- what is refused


def test_a_folder_that_is_not_empty_is_refused_and_left_alone(data, tmp_path, refuses):
    (tmp_path / "thesis.txt").write_text("mine")
    refuses(lambda: run_training(tmp_path, data, "srcnn", CONFIG), "not empty", str(tmp_path))
    refuses(lambda: run_training(tmp_path, data, "srcnn", CONFIG, resume=True), "no run to resume", str(tmp_path))
    assert names(tmp_path) == {"thesis.txt"}


@pytest.mark.parametrize("exists", [True, False])
def test_nothing_to_resume_is_refused_and_nothing_made(data, tmp_path, refuses, exists):
    if exists:
        (tmp_path / "run").mkdir()
    refuses(lambda: run_training(tmp_path / "run", data, "srcnn", CONFIG, resume=True), "no run to resume")
    assert (tmp_path / "run").exists() is exists
    assert names(tmp_path) == set()


@pytest.mark.parametrize(
    ("key", "model", "changes", "old", "new"),
    [
        ("steps", "srcnn", {"steps": 13}, "12", "13"),
        ("model", "mffcn", {}, "srcnn", "mffcn"),
        ("seed", "srcnn", {"seed": 1}, "0", "1"),
        ("lr", "srcnn", {"lr": 0.5}, "0.001", "0.5"),
        ("crop", "srcnn", {"crop": None}, "12", "None"),
        ("ema", "srcnn", {"ema": None}, "0.8", "None"),
    ],
)
def test_resume_with_another_setting_is_refused_by_its_name(data, tmp_path, refuses, key, model, changes, old, new):
    run_training(tmp_path / "run", data, "srcnn", CONFIG, stop_after=1)
    before = {name: (tmp_path / "run" / name).read_bytes() for name in names(tmp_path / "run")}
    config = dataclasses.replace(CONFIG, **changes)
    refuses(
        lambda: run_training(tmp_path / "run", data, model, config, resume=True), f"started with {key} {old}, not {new}"
    )
    assert {name: (tmp_path / "run" / name).read_bytes() for name in names(tmp_path / "run")} == before


@pytest.mark.parametrize("content", ["", "{", "[]", '{"config": 3}'])
def test_a_broken_run_json_is_one_sentence(data, tmp_path, refuses, content):
    (tmp_path / "run.json").write_text(content)
    refuses(lambda: run_training(tmp_path, data, "srcnn", CONFIG, resume=True), str(tmp_path / "run.json"))


def change_json(path, *place, value):
    content = json.loads(path.read_text())
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (["banana"], 1, "run.json has no 'banana'"),
        (["config", "banana"], 1, "config has no 'banana'"),
        (["arguments", "banana"], 1, "banana"),
        (["threads"], 1_000_000, "threads (=1000000) must be a whole number of at least 1 and at most"),
        (["threads"], True, "threads (=True) must be a whole number"),
        (["threads"], 0, "threads (=0)"),
        (["config", "crop"], "x", "crop (='x') must be a whole number, or None"),
        (["config", "steps"], True, "steps (=True) must be a whole number"),
        (["config", "steps"], 12.0, "steps (=12.0) must be a whole number"),
        (["config", "flip"], "no", "flip (='no') must be true or false"),
        (["config", "channels_last"], None, "channels_last (=None) must be true or false"),
        (["config", "seed"], "0", "seed (='0') must be a whole number"),
        (["config", "factors"], 2, "factors (=2) must hold a whole number or several"),
        (["config", "factors"], [2, True], "factors[1] (=True) must be a whole number"),
        (["config", "objective"], [], "objective (=[]) must be names with values"),
        (["config", "lr"], False, "lr (=False) must be a number"),
        (["config", "lr"], float("inf"), "lr (=inf) must be a finite number"),
        (["config"], [], "config (=[]) must be names with values"),
        (["arguments"], "x", "arguments (='x') must be names with values"),
        (["environment"], 3, "environment (=3) must be names with values"),
        (["training_people"], [0, "1"], "training_people[1] (='1') must be a whole number"),
        (["model"], "vdsr", "unknown model"),
        (["config", "lr"], 2e-3, "changed after it was written"),
        (["config", "beta1"], 0.9, "changed after it was written"),
        (["arguments", "activation"], "inside", "changed after it was written"),
        (["test_people"], [0], "changed after it was written"),
        (["data_hash"], "0" * 64, "changed after it was written"),
        (["settings_sha256"], "0" * 64, "changed after it was written"),
    ],
)
def test_a_run_json_that_somebody_edited_is_one_sentence(data, tmp_path, refuses, place, value, words):
    folder = tmp_path / "run"
    run_training(folder, data, "mffcn", CONFIG, stop_after=1)
    change_json(folder / "run.json", *place, value=value)
    for again in (lambda: read_description(folder), lambda: run_training(folder, data, "mffcn", CONFIG, resume=True)):
        refuses(again, str(folder / "run.json"), words)
    with safe_open(folder / "checkpoints/step-000001/model.safetensors", "pt") as file:
        assert len(file.keys()) > 0  # nothing was thrown away


@pytest.mark.parametrize("what", ["a field less", "older"])
def test_a_run_that_an_older_version_began_is_resumed(data, whole, tmp_path, what):
    """Its run.json lacks the fields that are newer, and, if it is old enough, the hashes."""
    folder = tmp_path / "run"
    run_training(folder, data, "mffcn", CONFIG, stop_after=7)
    content = json.loads((folder / "run.json").read_text())
    for key in ("optimizer", "momentum", "hold"):  # at their defaults
        del content["config"][key]
    if what == "older":
        for key in ("settings_sha256", "faces_hash", "weights_hash", "threads"):
            del content[key]
        del content["arguments"]["zero_last"]
    (folder / "run.json").write_text(json.dumps(content))
    assert run_training(folder, data, "mffcn", CONFIG, resume=True)
    assert_same_end(folder, whole)
    other = dataclasses.replace(CONFIG, momentum=0.5)
    refuses_to = pytest.raises(MffcnLiteError, match=r"started with momentum 0\.95, not 0\.5")
    with refuses_to:
        run_training(folder, data, "mffcn", other, resume=True)


def test_a_run_uses_no_more_threads_than_there_are_cores(data, tmp_path):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4 * runs.CORES)
        run_training(tmp_path / "run", data, "srcnn", CONFIG, stop_after=1)
        assert json.loads((tmp_path / "run" / "run.json").read_text())["threads"] == runs.CORES
        run_training(tmp_path / "run", data, "srcnn", CONFIG, resume=True, stop_after=2)
    finally:
        torch.set_num_threads(before)


# ------------------------------------------------------------------------------------ which photos they are


@pytest.fixture
def copied(data, tmp_path):
    """A copy of the set that may be changed."""
    return Path(shutil.copytree(data, tmp_path / "set"))


def test_a_set_that_moved_is_known_by_its_hash(data, whole, tmp_path, copied, monkeypatch, refuses):
    folder = tmp_path / "run"
    monkeypatch.chdir(tmp_path)
    run_training("run", "set", "mffcn", CONFIG, stop_after=5)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    source, model, arguments, config, _ = read_description(folder)  # from another working folder
    assert Path(source) == copied
    run_training(folder, source, model, config, arguments=arguments, resume=True, stop_after=6)
    copied.rename(tmp_path / "moved")
    refuses(lambda: run_training(folder, source, "mffcn", CONFIG, resume=True), "no set of faces", source)
    assert run_training(folder, "../moved", "mffcn", CONFIG, resume=True)
    assert_same_end(folder, whole)


def test_the_hash_of_another_set_is_refused_wherever_it_lies(data, tmp_path, copied, refuses):
    folder = tmp_path / "run"
    run_training(folder, str(copied), "srcnn", CONFIG, stop_after=1)
    faces = load_faces(data)
    for where, other, what in (
        ("photos", FaceSet(255 - faces.images, faces.people, faces.names, faces.card), "photos"),
        ("people", FaceSet(faces.images, faces.people[::-1], faces.names, faces.card), "names of people"),
    ):
        save_faces(other, tmp_path / where)
        for resume in (True, False):
            like = None if resume else read_description(folder)[-1]
            out = folder if resume else tmp_path / "like"
            again = lambda: run_training(out, str(tmp_path / where), "srcnn", CONFIG, resume=resume, like=like)  # noqa: B023, E731
            refuses(again, f"{tmp_path / where} holds other {what}", "--data")
    assert not (tmp_path / "like").exists()
    shutil.rmtree(copied)  # now under the very name
    (tmp_path / "photos").rename(copied)
    refuses(lambda: run_training(folder, str(copied), "srcnn", CONFIG, resume=True), "holds other photos")


@pytest.mark.parametrize("name", ["images.npy", "faces.csv"])
def test_a_set_that_changed_between_stop_and_resume_is_refused(data, tmp_path, copied, refuses, name):
    folder = tmp_path / "run"
    run_training(folder, str(copied), "srcnn", CONFIG, stop_after=1)
    flip_a_bit(copied / name)
    refuses(lambda: run_training(folder, str(copied), "srcnn", CONFIG, resume=True), f"{name} was changed")


def test_a_set_of_photos_of_orl_is_known_by_its_own_hash(orl, tmp_path, refuses):
    """The card still tells the hash of all of ORL."""
    for i in (0, 1):
        save_faces(orl[i::4], tmp_path / str(i))
    run_training(tmp_path / "run", str(tmp_path / "0"), "srcnn", CONFIG, stop_after=1)
    refuses(lambda: run_training(tmp_path / "run", str(tmp_path / "1"), "srcnn", CONFIG, resume=True), "other photos")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("bicubic", ["bicubic", "step by step"]),
        ("forest", ["forest", "step by step"]),
        ("vdsr", ["vdsr", "unknown model"]),
    ],
)
def test_a_model_that_cannot_be_trained_is_refused(data, tmp_path, refuses, model, words):
    refuses(lambda: run_training(tmp_path / "run", data, model, CONFIG), *words)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("changes", [{"crop": 21}, {"factors": (2, 21)}], ids=["crop", "factor"])
def test_what_does_not_fit_the_photos_is_refused_before_the_folder_is_made(data, tmp_path, refuses, changes):
    wrong = dataclasses.replace(CONFIG, **changes)
    refuses(lambda: run_training(tmp_path / "run", data, "srcnn", wrong), "=21", "20")
    assert run_training(tmp_path / "run", data, "srcnn", CONFIG)  # the same folder, with the mistake put right


def test_a_loss_that_is_not_finite_stops_with_a_sentence(data, tmp_path, refuses):
    wrong = dataclasses.replace(CONFIG, lr=1e30)
    refuses(lambda: run_training(tmp_path / "run", data, "srcnn", wrong), "loss is", "lower rate", "--set lr=")
    assert not (tmp_path / "run" / "model.safetensors").exists()
    assert all(np.isfinite(loss) for _, loss in losses(tmp_path / "run"))


def test_colour_photos_are_refused_with_a_sentence(tmp_path, refuses):
    photos = np.random.default_rng(0).integers(0, 256, (10, 3, 24, 20), dtype=np.uint8)
    save_faces(FaceSet(photos, np.arange(10), [str(i) for i in range(10)], {}), tmp_path / "colour")
    refuses(lambda: run_training(tmp_path / "run", str(tmp_path / "colour"), "srcnn", CONFIG), "channel")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("where", ["file", "file/run", "/proc/no/run", "x" * 300])
@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_that_cannot_be_made_is_one_sentence(data, tmp_path, refuses, where, resume):
    (tmp_path / "file").write_text("x")
    refuses(lambda: run_training(tmp_path / where, data, "srcnn", CONFIG, resume=resume), where)
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.slow
def test_two_processes_in_one_folder_are_refused(data, whole, tmp_path, refuses):
    folder, tried = tmp_path / "run", []

    def meanwhile(line):
        if line["step"] == 3:
            for resume in (True, False):
                refuses(lambda resume=resume: run_training(folder, data, "mffcn", CONFIG, resume=resume), str(folder))
            code = "import sys; from mffcn_lite.cli import main; main()"
            command = [sys.executable, "-c", code, "train", "--resume", "--out", str(folder)]
            tried.append(subprocess.run(command, capture_output=True, text=True))

    run_training(folder, data, "mffcn", CONFIG, on_progress=meanwhile)
    assert tried[0].returncode == 2
    assert "another process is training in" in tried[0].stderr
    assert_same_end(folder, whole)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="folders that cannot be written are made with chmod")
def test_a_folder_that_becomes_read_only_costs_no_checkpoint(data, whole, tmp_path, unprivileged):
    """In a program of its own, without the superuser's right to write everywhere."""
    folder = tmp_path / "run"
    code = (
        "import os, sys; import torch; torch.set_num_threads(1)\n"
        "from mffcn_lite.training.runs import run_training; from mffcn_lite.training import TrainingConfig\n"
        "def lock(line):\n"
        "    if line['step'] == 6: os.chmod(sys.argv[1] + '/checkpoints', 0o555)\n"
        f"run_training(sys.argv[1], sys.argv[2], 'mffcn', {CONFIG!r}, on_progress=lock)"
    )
    command = [*unprivileged, sys.executable, "-c", code, str(folder), data]
    done = subprocess.run(command, capture_output=True, text=True)
    (folder / "checkpoints").chmod(0o755)
    assert "cannot write" in done.stderr.splitlines()[-1]
    assert str(folder / "checkpoints") in done.stderr.splitlines()[-1]
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["step-000004"]
    assert run_training(folder, data, "mffcn", CONFIG, resume=True)
    assert_same_end(folder, whole)


@pytest.mark.slow
def test_a_run_is_repeated_by_its_card_and_by_its_folder(data, whole, tmp_path):
    for i, card in enumerate((whole, whole / "run.json", whole / "model.json")):
        source, name, arguments, config, content = read_description(card)
        assert (source, name, config) == (data, "mffcn", CONFIG)
        run_training(tmp_path / str(i), source, name, config, arguments=arguments, like=content)
        assert sha256(tmp_path / str(i) / "model.safetensors") == sha256(whole / "model.safetensors")


def test_a_run_is_not_repeated_on_other_photos(whole, tmp_path, refuses):
    content = read_description(whole)[-1]
    refuses(lambda: run_training(tmp_path / "run", "orl", "mffcn", CONFIG, like=content), "other photos", "--data")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "content",
    [{}, {"config": 3}, {"config": {"banana": 1}}, {"config": {"factors": 3}, "data": "orl", "model": "mffcn"}],
)
def test_what_describes_no_run_is_one_sentence(tmp_path, refuses, content):
    (tmp_path / "card.json").write_text(json.dumps(content))
    refuses(lambda: read_description(tmp_path / "card.json"), "describes no training", "card.json")
    refuses(lambda: read_description(tmp_path / "nothing"), "no run", "nothing")


def test_the_arguments_of_the_network_are_part_of_the_run(data, tmp_path, refuses):
    folder = tmp_path / "run"
    run_training(folder, data, "mffcn", CONFIG, arguments={"width": 4, "depth": 3}, stop_after=2)
    refuses(lambda: run_training(folder, data, "mffcn", CONFIG, resume=True), "started with width 4, not 16")
    assert run_training(folder, data, "mffcn", CONFIG, arguments={"width": 4, "depth": 3}, resume=True)
    assert load_model(folder).arguments["width"] == 4


def test_seconds_add_up_over_sessions(data, tmp_path):
    folder, seconds = tmp_path / "run", []
    for stop in (2, 5, None):
        run_training(folder, data, "mffcn", CONFIG, resume=stop != 2, stop_after=stop)
        newest = sorted((folder / "checkpoints").iterdir())[-1]
        seconds.append(json.loads((newest / "state.json").read_text())["seconds"])
    assert 0 < seconds[0] <= seconds[1] <= seconds[2]
    assert json.loads((folder / "model.json").read_text())["seconds"] >= seconds[2]


def test_an_error_is_no_end_of_the_run(data, whole, tmp_path):
    def fail(line):
        if line["step"] == 6:
            raise MffcnLiteError("from outside")

    with pytest.raises(MffcnLiteError, match="from outside"):
        run_training(tmp_path / "run", data, "mffcn", CONFIG, on_progress=fail)
    assert run_training(tmp_path / "run", data, "mffcn", CONFIG, resume=True)
    assert_same_end(tmp_path / "run", whole)


# What is finished, and what is not ------------------------------------------------------------------------------------


def short(folder, data, **changes):
    config = TrainingConfig(
        **{"steps": 4, "batch": 2, "lr": 1e-3, "reduction": "mean", "checkpoint_every": 2} | changes
    )
    return lambda **options: run_training(folder, data, "srcnn", config, **options)


def swap_network(run, other):
    for name in ("model.safetensors", "model.json"):
        shutil.copy(other / name, run / name)


def test_another_runs_network_is_not_this_runs(data, tmp_path):
    mine, other = tmp_path / "mine", tmp_path / "other"
    short(mine, data)()
    short(other, data, seed=1)()
    before = (mine / "model.safetensors").read_bytes()
    swap_network(mine, other)
    assert short(mine, data)(resume=True)
    assert (mine / "model.safetensors").read_bytes() == before  # written again, from the last checkpoint


@pytest.mark.parametrize("fault", ["gone", "damaged"])
def test_a_finished_run_is_finished_whatever_becomes_of_its_checkpoints(data, tmp_path, fault):
    folder, seen = tmp_path / "run", []
    short(folder, data)()
    if fault == "gone":
        shutil.rmtree(folder / "checkpoints")
    else:
        for path in (folder / "checkpoints").rglob("*.safetensors"):
            path.write_bytes(path.read_bytes()[:-1])
    before = (folder / "model.safetensors").read_bytes()
    assert short(folder, data)(resume=True, on_progress=seen.append)
    assert not seen
    assert (folder / "model.safetensors").read_bytes() == before


def test_a_run_whose_checkpoints_are_gone_says_that_it_begins_again(data, tmp_path, capsys):
    folder, seen = tmp_path / "run", []
    short(folder, data)(stop_after=3)
    shutil.rmtree(folder / "checkpoints")
    short(folder, data)(resume=True, on_progress=seen.append)
    assert [line["step"] for line in seen] == [1, 2, 3, 4]
    assert "begins again with the first step" in capsys.readouterr().err


def test_a_changed_setting_finds_no_checkpoint_even_without_the_hash_beside_it(data, tmp_path, refuses):
    folder = tmp_path / "run"
    short(folder, data)(stop_after=3)
    description = json.loads((folder / "run.json").read_text())
    del description["settings_sha256"]
    description["config"]["lr"] = 0.5
    (folder / "run.json").write_text(json.dumps(description))
    refuses(lambda: short(folder, data, lr=0.5)(resume=True), "none of the checkpoints", "its run")


def test_a_card_that_cannot_be_stored_is_refused_before_the_first_step(tmp_path, refuses):
    images = np.random.default_rng(0).integers(0, 256, (10, 1, 16, 16), dtype=np.uint8)
    save_faces(FaceSet(images, np.arange(10), [f"p{i}" for i in range(10)], {}), tmp_path / "set")
    card = json.loads((tmp_path / "set" / "card.json").read_text())
    (tmp_path / "set" / "card.json").write_text(json.dumps({**card, "credit": "half a letter: \ud800"}))
    refuses(short(tmp_path / "run", str(tmp_path / "set")), "card.json", "make it again")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["WORLD_SIZE", "RANK", "LOCAL_RANK"])
@pytest.mark.parametrize("value", ["abc", "", "-1", "1.5", "9" * 400, "١"])
def test_nonsense_in_the_environment_of_torchrun_is_one_sentence(monkeypatch, refuses, name, value):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv(name, value)
    refuses(lambda: (processes._said("WORLD_SIZE", 1), processes._said("RANK"), processes._said("LOCAL_RANK")), name)


@pytest.mark.parametrize(("rank", "size", "speaks"), [("1", None, True), ("1", "2", False), ("0", "2", True)])
def test_a_process_is_silent_only_beside_others(monkeypatch, rank, size, speaks):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    if size is not None:
        monkeypatch.setenv("WORLD_SIZE", size)
    assert processes.speaks() is speaks


def with_weights(place):
    objective = {"features": "vgg19-imagenet", "layer": "conv1_1", "texture": 0, "weights": str(place)}
    return {"loss": "objective", "objective": objective, "factors": (2,)}


def test_a_run_with_weights_of_its_loss_is_resumed_from_anywhere_and_after_they_moved(tmp_path, monkeypatch, refuses):
    images = np.random.default_rng(0).integers(0, 256, (10, 1, 16, 16), dtype=np.uint8)
    save_faces(FaceSet(images, np.arange(10), [f"p{i}" for i in range(10)], {}), tmp_path / "set")
    data, here, there = str(tmp_path / "set"), tmp_path / "here", tmp_path / "there"
    here.mkdir(), there.mkdir()
    monkeypatch.chdir(here)
    save_tensors(create_features("random", "conv1_1").state_dict(), "w.safetensors")
    short("whole", data, **with_weights("w.safetensors"))()
    short("run", data, **with_weights("w.safetensors"))(stop_after=3)
    shutil.copytree("run", "moved")
    monkeypatch.chdir(there)
    _, _, _, config, _ = read_description(here / "run")
    assert run_training(here / "run", data, "srcnn", config, resume=True)  # as the command does without options
    (here / "w.safetensors").rename("elsewhere.safetensors")
    assert short(here / "moved", data, **with_weights("elsewhere.safetensors"))(resume=True)
    want = load_file(here / "whole" / "model.safetensors")
    for name in ("run", "moved"):
        found = load_file(here / name / "model.safetensors")
        assert all(torch.equal(found[key], value) for key, value in want.items())
    other = create_features("random", "conv1_1", seed=1).state_dict()
    save_tensors(other, "elsewhere.safetensors")
    again = short(here / "moved", data, **with_weights("elsewhere.safetensors"))
    refuses(lambda: again(resume=True), "weights_hash")


def test_a_folder_whose_name_is_no_text_can_be_resumed(data, tmp_path):
    folder = tmp_path / "r\udcff"
    short(tmp_path / "run", data)(stop_after=3)
    (tmp_path / "run").rename(folder)
    assert short(folder, data)(resume=True)
    assert load_model(folder).name == "srcnn"
