"""What happens beside the steps: a loss gone wrong, TensorBoard, strips of pictures."""

import dataclasses
import json
import math
import sys

import pytest
import torch

from mffcn_lite.data import split_by_person
from mffcn_lite.degrade import degrade
from mffcn_lite.models import create_model
from mffcn_lite.training import RECIPES, TrainingConfig, recording
from mffcn_lite.training.recording import Watch, read_line, strip
from mffcn_lite.training.runs import run_training

CONFIG = dataclasses.replace(RECIPES["fast"], steps=4, batch=2, crop=24, checkpoint_every=2, validate_every=2)
CPU = torch.device("cpu")


def test_a_loss_that_is_no_number_names_the_terms_that_broke_first():
    assert Watch()({"l2": 1.0, "tv": 2.0}) is None
    assert Watch()({"l2": math.nan}) == "the loss is nan"
    assert Watch()({"l2": 1.0, "texture": math.inf}) == "the loss is inf: its term texture broke first"
    assert "its terms l2, tv broke first" in Watch()({"l2": math.nan, "perceptual": 0.0, "tv": math.nan})


def test_a_loss_far_above_what_it_was_diverges_and_noise_does_not():
    watch = Watch()
    for _ in range(3 * recording.WINDOW):
        assert watch({"l2": 1.0}) is None
    for i in range(recording.WINDOW):  # a single spike is noise
        assert watch({"l2": 900.0 if i == 5 else 1.0}) is None
    found = [watch({"l2": 120.0}) for _ in range(recording.WINDOW)]
    assert found[:-1] == [None] * (recording.WINDOW - 1)
    assert found[-1] == "the loss diverges: 120 on the mean of 100 steps, after 1"


def test_a_resumed_watch_knows_what_the_losses_were():
    fresh, resumed = Watch(), Watch([1.0] * recording.WINDOW)
    for _ in range(recording.WINDOW - 1):
        fresh({"l2": 500.0})
        resumed({"l2": 500.0})
    assert fresh({"l2": 500.0}) is None
    assert "diverges" in resumed({"l2": 500.0})


@pytest.mark.slow
@pytest.mark.parametrize("every", [1, 3, 100])
def test_losses_that_stay_on_the_device_for_a_while_are_logged_all_the_same(tmp_path, monkeypatch, refuses, every):
    monkeypatch.setattr(recording, "SETTLE_EVERY", every)
    steps = []
    init = recording.Recorder.__init__

    def as_on_a_gpu(self, *arguments):
        init(self, *arguments)
        self.every = every

    monkeypatch.setattr(recording.Recorder, "__init__", as_on_a_gpu)
    run_training(tmp_path / "run", "orl", "mffcn", CONFIG, on_progress=lambda line: steps.append(line["step"]))
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert steps == [line["step"] for line in lines] == [1, 2, 3, 4]
    assert [("validation_psnr" in line) for line in lines] == [False, True, False, True]
    wrong = dataclasses.replace(CONFIG, lr=1e30, clip=None, steps=9)
    refuses(lambda: run_training(tmp_path / "b", "orl", "srcnn", wrong), "the loss is", "last good checkpoint")
    assert not list((tmp_path / "b").glob("checkpoints/step-000009"))


@pytest.mark.slow
def test_terms_are_in_the_log_where_there_are_several(tmp_path):
    config = dataclasses.replace(CONFIG, loss="objective", objective={"perceptual": 0, "texture": 0})
    run_training(tmp_path / "run", "orl", "mffcn", config)
    for line in map(json.loads, (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()):
        assert line["terms"].keys() == {"l2", "tv"}
        assert line["loss"] == pytest.approx(sum(line["terms"].values()))


@pytest.mark.slow
def test_tensorboard_has_the_curves_and_the_pictures(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run_training(tmp_path / "run", "orl", "mffcn", CONFIG, stop_after=3, board=True)
    run_training(tmp_path / "run", "orl", "mffcn", CONFIG, resume=True, board=True)
    events = accumulator.EventAccumulator(str(tmp_path / "run" / "tensorboard"), {"images": 0, "scalars": 0})
    events.Reload()
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    found = [(event.step, event.value) for event in events.Scalars("loss")]
    assert found == [(line["step"], pytest.approx(line["loss"], rel=1e-6)) for line in lines]
    psnr = [event.value for event in events.Scalars("validation PSNR/×3")]
    assert psnr == pytest.approx([line["validation_psnr"]["3"] for line in lines if "validation_psnr" in line])
    assert [event.step for event in events.Images("blurred, restored, sharp")] == [2, 4]
    picture = events.Images("blurred, restored, sharp")[0]
    assert (picture.height, picture.width) == (3 * 112, 4 * 3 * 92)


def test_without_tensorboard_it_is_one_sentence(tmp_path, monkeypatch, refuses):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    refuses(lambda: run_training(tmp_path / "run", "orl", "mffcn", CONFIG, board=True), "pip install tensorboard")
    assert not (tmp_path / "run").exists()


def test_a_strip_shows_each_photo_blurred_restored_and_sharp(orl):
    faces = split_by_person(orl)[0][:2]
    picture = strip(create_model("bicubic"), faces, TrainingConfig(factors=(2, 4)), CPU)
    hr = faces.floats()
    assert picture.shape == (1, 2 * 112, 2 * 3 * 92)
    torch.testing.assert_close(picture[0, 112:, 3 * 92 : 4 * 92], degrade(hr, 4)[1, 0].clamp(0, 1))
    torch.testing.assert_close(picture[0, :112, 2 * 92 : 3 * 92], hr[0, 0])


@pytest.mark.parametrize("loss", ["1" + "0" * 400, "-1" + "0" * 400, "1e400", "NaN", '"1"', "true", "[]"])
def test_a_loss_that_is_no_number_makes_a_line_damaged(loss):
    assert read_line(f'{{"step": 1, "loss": {loss}}}') is None
    assert read_line('{"step": 1, "loss": 2}') == (1, 2.0)
