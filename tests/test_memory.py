"""What a step needs is found before it is taken, and an error of torch's is a sentence."""

import dataclasses

import pytest
import torch

from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.models import create_model
from mffcn_lite.training import RECIPES, TrainingConfig, memory
from mffcn_lite.training.memory import bytes_a_pixel, check_memory, free_bytes
from mffcn_lite.training.runs import out_of_memory

CPU = torch.device("cpu")


def test_what_srcnn_keeps_is_counted_by_hand():
    # The input of each of its three layers (1, 64 and 32 maps), which the ReLUs share, and the difference sr − hr.
    floats = 1 + 64 + 32 + 1
    found = bytes_a_pixel(create_model("srcnn"), TrainingConfig(), CPU) / memory.BACKWARD
    assert found == pytest.approx(4 * floats)


def test_features_count_and_their_weights_do_not():
    terms = {"features": "random", "layer": "conv1_2", "texture": 0.0}
    plain = bytes_a_pixel(create_model("srcnn"), TrainingConfig(), CPU)
    more = bytes_a_pixel(create_model("srcnn"), TrainingConfig(loss="objective", objective=terms), CPU)
    assert 4 * 64 < (more - plain) / memory.BACKWARD < 4 * 64 * 6  # two layers of 64 maps, before and after a ReLU


@pytest.mark.parametrize("name", ["srcnn", "fsrcnn", "mffcn"])
def test_the_batch_that_is_named_fits_and_the_next_does_not(refuses, monkeypatch, name):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 2**28)
    model, config = create_model(name), RECIPES["paper"]
    with pytest.raises(MffcnLiteError) as caught:
        check_memory(model, dataclasses.replace(config, batch=10**12), (112, 92), CPU)
    batch = int(str(caught.value).split("--set batch=")[1].split()[0])
    assert batch > 1
    check_memory(model, dataclasses.replace(config, batch=batch), (112, 92), CPU)
    too_many = dataclasses.replace(config, batch=batch + 1)
    refuses(lambda: check_memory(model, too_many, (112, 92), CPU), f"batch (={batch + 1})", f"--set batch={batch} ")


def test_where_not_one_photo_fits_a_crop_is_named(refuses, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 2**20)
    model = create_model("mffcn")
    with pytest.raises(MffcnLiteError, match="crop=") as caught:
        check_memory(model, RECIPES["fast"], (112, 92), CPU)
    crop = int(str(caught.value).split("crop=")[1].split()[0])
    assert 8 < crop < 92
    check_memory(model, dataclasses.replace(RECIPES["fast"], batch=1, crop=crop), (112, 92), CPU)


def test_processes_share_the_need(monkeypatch, refuses):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 2**25)
    model, config = create_model("mffcn"), dataclasses.replace(RECIPES["paper"], batch=4)
    refuses(lambda: check_memory(model, config, (112, 92), CPU), "batch (=4)")
    check_memory(model, config, (112, 92), CPU, processes=4)


def test_the_free_memory_of_this_machine_is_plausible(monkeypatch):
    free = free_bytes(CPU)
    assert free is None or 2**26 < free < 2**45
    monkeypatch.setattr(memory, "free_bytes", lambda device: None)
    check_memory(create_model("mffcn"), dataclasses.replace(RECIPES["paper"], batch=10**9), (112, 92), CPU)


def test_torchs_own_error_is_a_sentence(refuses):
    def fill():
        with out_of_memory(TrainingConfig(batch=8)):
            torch.empty(2**60, dtype=torch.uint8)

    refuses(fill, "out of memory", "--set batch=4")
    with pytest.raises(RuntimeError, match="size"), out_of_memory(TrainingConfig()):
        torch.ones(2) @ torch.ones(3)
