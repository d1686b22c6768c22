"""Two processes train the same network as one: the same draws, the same curve but for rounding."""

import json
import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from mffcn_lite.training import processes
from mffcn_lite.training.processes import share

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
OPTIONS = ["--data", "orl", "--set", "crop=24", "--set", "warmup=1", "--set", "checkpoint_every=3", "--device", "cpu"]


def call(arguments, processes=1, timeout=120):
    """The command line in a program of its own, or in two that torchrun starts."""
    start = TORCHRUN if processes == 2 else [sys.executable]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [*start, "-m", "mffcn_lite.cli", "train", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout)


def losses(folder):
    return [json.loads(line)["loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """A run of one process for each network, by name."""
    folder = tmp_path_factory.mktemp("one")
    for name in ("mffcn", "fsrcnn"):
        done = call([*OPTIONS, "--model", name, "--set", "batch=4", "--steps", 8, "--out", folder / name])
        assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mffcn", "fsrcnn"])  # FSRCNN: two of its three tails have no gradient in a step
def test_two_processes_have_the_curve_and_the_weights_of_one(one, tmp_path, name):
    options = [*OPTIONS, "--model", name, "--set", "batch=4", "--steps", 8, "--out", tmp_path / name]
    done = call([*options, "--stop-after", 4], processes=2)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("stopped after 4 of 8") == 1  # the second process is silent
    done = call([*options, "--resume"], processes=2)
    assert done.returncode == 0, done.stderr
    torch.testing.assert_close(losses(tmp_path / name), losses(one / name), rtol=1e-4, atol=1e-9)
    first, second = (load_file(folder / name / "model.safetensors") for folder in (one, tmp_path))
    torch.testing.assert_close(second, first, rtol=0, atol=2e-5)


@pytest.mark.slow
def test_the_curve_depends_on_the_second_process(one, tmp_path):
    """So that the test above could fail: half of the batch alone gives another curve."""
    done = call([*OPTIONS, "--model", "mffcn", "--set", "batch=2", "--steps", 8, "--out", tmp_path / "half"])
    assert done.returncode == 0, done.stderr
    apart = torch.tensor(losses(tmp_path / "half")) / torch.tensor(losses(one / "mffcn")) - 1
    assert apart.abs().max() > 0.01


@pytest.mark.slow
def test_a_batch_that_cannot_be_shared_is_one_sentence(tmp_path):
    done = call(
        [*OPTIONS, "--model", "srcnn", "--set", "batch=3", "--steps", 2, "--out", tmp_path / "run"], processes=2
    )
    assert done.returncode != 0
    assert (
        "mffcn-lite: batch (=3) cannot be shared by 2 processes; choose a multiple, such as --set batch=4"
        in done.stderr
    )
    assert not (tmp_path / "run").exists()


def test_alone_everything_is_a_share(monkeypatch):
    assert share(5) == slice(0, 5)
    assert (processes.rank(), processes.count()) == (0, 1)
    assert processes.any_says(True) is True
    assert processes.any_says(False) is False


@pytest.mark.parametrize(("rank", "part"), [(0, slice(0, 4)), (1, slice(4, 8)), (2, slice(8, 12))])
def test_the_shares_of_three_make_the_whole(monkeypatch, rank, part):
    monkeypatch.setattr(processes, "rank", lambda: rank)
    monkeypatch.setattr(processes, "count", lambda: 3)
    assert share(12) == part
