"""Reading a map of the objective: along a ray, across a level, and what a reading's pulls say."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.experiments import objective, objective_map
from benchmarks.helpers import readings
from benchmarks.helpers.faces import draw_sheet
from benchmarks.helpers.tuning import lowest_at, total
from mffcn_lite.checkpoint import save_model
from mffcn_lite.files import sha256
from mffcn_lite.losses import Objective
from mffcn_lite.losses.objective import create_objective
from mffcn_lite.models import create_model


def test_a_value_between_two_points_lies_on_the_line_over_logarithms():
    at, values = [0.0, math.e - 1, math.e**3 - 1], [30.0, 29.0, 25.0]
    assert readings.between(0, at, values) == 30
    assert readings.between(math.e**2 - 1, at, values) == pytest.approx(27.0)
    assert readings.between(1e9, at, values) == 25


def test_a_level_is_crossed_where_the_line_falls_below_it_for_good():
    at = [0.0, math.e - 1, math.e**2 - 1, math.e**3 - 1]
    assert readings.crossing(at, [30, 29, 27, 20], 28) == pytest.approx(math.e**1.5 - 1)
    assert readings.crossing(at, [30, 27, 29, 20], 28) > at[2]  # it came back in between
    assert readings.crossing(at, [30, 29, 28.5, 28.2], 28) is None
    assert readings.crossing(at, [27, 26, 25, 24], 28) is None


def stored(monkeypatch):
    """A map of two people and one ray: the first person crosses SRCNN's level at e − 1, the second at e² − 1."""

    def of(first, second):
        people = {factor: {"psnr": [first, second], "ssim": [first / 40, second / 40]} for factor in "234"}
        return {"people": people, **{factor: {"psnr": (first + second) / 2} for factor in "234"}}

    at = [math.e**k - 1 for k in (0.5, 1.5, 2.5)]
    values = [(30, 30), (26, 29), (20, 27)]
    points = [{"network": "mffcn", "features": None, "ray": None, "distance": 0, "runs": [of(31, 31)]}]
    points += [
        {"network": "mffcn", "features": "VGG-16", "ray": "texture", "distance": d, "runs": [of(*v)]}
        for d, v in zip(at, values, strict=True)
    ]
    content = {"points": points, "baselines": {"srcnn": of(28.0, 28.0), "bicubic": of(10.0, 10.0)}}
    monkeypatch.setattr(readings, "load_results", lambda name: content)
    return of


def test_a_threshold_is_a_geometric_mean_over_people(monkeypatch):
    stored(monkeypatch)
    found = readings.threshold("VGG-16", "texture", "srcnn")
    assert found["people"] == pytest.approx([math.e - 1, math.e**2 - 1])
    assert found["mean"] == pytest.approx(math.sqrt((math.e - 1) * (math.e**2 - 1)))
    low, high = found["ci"]
    assert low < found["mean"] < high
    assert readings.threshold("VGG-16", "texture", "bicubic")["mean"] is None  # nobody falls so far
    assert set(readings.thresholds()) == {"VGG-16"}


def test_the_papers_order_is_found_where_all_intervals_say_so(monkeypatch):
    of = stored(monkeypatch)
    assert readings.order([of(33, 33.1)])["2"]["psnr"] == "found"
    assert readings.order([of(27, 27.1)])["3"]["psnr"] == "not found"
    assert readings.order([of(28.1, 33)])["4"]["psnr"] == "undecided"


def test_a_point_pulls_as_hard_as_its_place_says():
    torch.manual_seed(0)
    model, hr = create_model("srcnn").eval(), torch.rand(2, 1, 48, 40)
    settings = objective_map.at("VGG-16", "both", 7.0, model, hr)
    found = objective_map.pulls(create_objective(settings), model, hr)
    assert found["perceptual"] / found["l2"] == pytest.approx(7, rel=1e-4)
    assert found["texture"] / found["l2"] == pytest.approx(7, rel=1e-4)
    assert found["tv"] == 0


def test_a_constant_that_the_objective_asks_for_is_found():
    """L2 asks for the mean's error; where half of it stands, it is that half."""
    hr = torch.full((1, 1, 8, 8), 0.5)
    assert lowest_at(total(Objective(perceptual=0, texture=0)), hr - 10 / 255, hr, {}, objective.LEVELS) == 10


@pytest.mark.parametrize("reading", readings.READINGS)
def test_each_reading_is_an_objective(reading):
    made = create_objective(readings.settings_of("VGG-16", reading))
    assert made.weights["l2"] == 10
    several = "five layers" in reading
    assert len(made.features.layers) == (5 if several else 1)


def test_what_is_not_committed_foretells_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(objective, "PREDICTIONS", objective.ROOT / "benchmarks" / "no_such_file.json")
    with pytest.raises(SystemExit, match="must be committed"):
        objective.committed()


def test_the_sheet_has_the_photo_then_bicubic_then_each_network_row_by_row(tmp_path):
    hr, models = torch.rand(1, 1, 24, 18), [create_model("srcnn"), create_model("mffcn", width=4)]
    paths = [objective_map.kept(tmp_path, "mffcn", "Oxford's VGG-19", "both", i) for i in range(2)]
    for model, path in zip(models, paths, strict=True):
        save_model(model, path)
    said = draw_sheet(tmp_path / "sheet.png", hr, 3, paths, columns=3)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (48, 54)
    assert said["sha256"] == sha256(tmp_path / "sheet.png")
    wanted = [hr, *(model.eval().reconstruct(hr, 3) for model in (create_model("bicubic"), *models))]
    for place, tile in enumerate(wanted):
        top, left = place // 3 * 24, place % 3 * 18
        found = sheet[top : top + 24, left : left + 18] / 255
        assert np.abs(found - tile.detach().clamp(0, 1)[0, 0].numpy()).max() <= 0.5 / 255 + 1e-5
    assert not sheet[24:, 18:].any()


def test_tv_has_an_axis_of_its_own(monkeypatch):
    model, hr = create_model("mffcn", width=4, depth=2), torch.rand(2, 1, 48, 48)
    monkeypatch.setitem(objective_map.FEATURES, "random", {"features": "random", "layer": "conv2_2"})
    there = objective_map.at("random", "tv", 30, model, hr)
    assert (there["perceptual"], there["texture"]) == (0, 0)
    found = objective_map.pulls(create_objective(there), model, hr)
    assert found["tv"] == pytest.approx(30 * found["l2"], rel=1e-3)
