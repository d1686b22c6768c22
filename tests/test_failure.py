"""Where systems fail: places and pictures that are known, planted errors, and what is stored."""

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.experiments import failure
from mffcn_lite.checkpoint import load_model
from mffcn_lite.data import split_by_person
from mffcn_lite.evaluation import load_results
from mffcn_lite.models import SuperResolver
from mffcn_lite.statistics import t_interval


@pytest.fixture(scope="module")
def faces(orl):
    return split_by_person(orl)[1][[0, 1, 20, 23]]


def test_the_places_are_where_they_are_called(faces):
    parts = failure.places(faces.floats())
    assert parts["edges"].double().mean((1, 2)).tolist() == pytest.approx([0.1] * 4, abs=0.005)
    assert (parts["upper"].int() + parts["middle"].int() + parts["lower"].int() == 1).all()
    assert parts["upper"][0, 0].all()
    assert parts["lower"][0, -1].all()
    assert parts["border"].double().mean().item() == pytest.approx(1 - 100 * 80 / (112 * 92))
    step = torch.zeros(1, 1, 112, 92)
    step[..., 40:] = 1
    steep = failure.places(step)["edges"][0]
    assert steep[:, 39:41].all()
    step[..., 40:] += 1e-3 * torch.rand(112, 52, generator=torch.Generator().manual_seed(0))
    assert failure.places(step)["edges"][0, :, 39:41].all()


def test_a_photo_is_turned_where_its_halves_differ():
    ramp = torch.linspace(0, 1, 92).expand(1, 1, 112, 92)
    assert failure.turned(torch.cat([ramp * ramp.flip(-1), ramp])).tolist() == pytest.approx([0, 2], abs=1e-6)


@pytest.mark.parametrize("name", failure.PICTURES)
def test_pictures_have_the_size_of_a_photo_and_something_on_them(name):
    image = failure.picture(name)
    assert image.shape == (1, 1, 112, 92)
    assert image.min() >= 0
    assert 0.3 < image.max() <= 1
    assert image.std() > 0.02


class Spoilt(SuperResolver):
    """Bicubic, with a wrong square in the top corner of each picture."""

    name, arguments = "spoilt", {}

    def upscale(self, small, size):
        sr = load_model("bicubic").upscale(small, size)
        sr[..., :6, :6] = 1 - sr[..., :6, :6].round()
        return sr


def test_a_planted_error_is_found_at_its_place(faces):
    whole, where = failure.measure(Spoilt(), faces, 2)
    assert where["places"]["upper"]["error"] > 0.8
    assert where["places"]["border"]["error"] > 0.8
    assert sum(where["places"][key]["error"] for key in ("upper", "middle", "lower")) == pytest.approx(1, abs=1e-4)
    assert sum(where["bands"]) == pytest.approx(1, abs=1e-4)
    plain, _ = failure.measure(load_model("bicubic"), faces, 2)
    assert (whole["psnr"] < plain["psnr"] - 3).all()


def test_the_worst_photos_are_the_worst():
    names = list("abcdef")
    bicubic = pd.DataFrame({"name": names, "person": [0, 0, 0, 1, 1, 1], "psnr": [30.0, 31, 32, 33, 34, 35]})
    mine = bicubic.assign(psnr=bicubic["psnr"] + [2, 1, -1, 0.5, 3, 0])
    about = pd.DataFrame({"glasses": [True, False] * 3, "beard": [False] * 3 + [True] * 3, "turned": range(6)})
    row = failure.summarize(mine, bicubic, about)
    assert [worst["name"] for worst in row["worst_by_gain"]] == ["c", "f", "d", "b", "a"]
    assert [worst["name"] for worst in row["worst_by_psnr"]] == ["c", "a", "b", "d", "f"]
    assert row["worse_photos"] == 1
    assert row["gain_by_person"] == pytest.approx([2 / 3, 3.5 / 3], abs=1e-5)
    assert row["gain_ci"] == pytest.approx(t_interval(row["gain_by_person"]))
    assert row["glasses"]["with"]["gain"] == pytest.approx(4 / 3, abs=1e-4)
    assert row["beard"]["without"]["psnr"] == pytest.approx((32 + 32 + 31) / 3, abs=1e-4)


def test_what_was_noted_is_of_the_test_photos(orl):
    names = set(split_by_person(orl)[1].names)
    assert {name for noted in failure.NOTED.values() for name in noted} <= names


def test_what_is_stored_agrees_with_itself():
    stored = load_results("failure")
    for row in stored["results"]:
        assert len(row["gain_by_person"]) == len(stored["people"]) == 8
        assert row["gain"] == pytest.approx(np.mean(row["gain_by_person"]))
        assert row["gain_ci"] == pytest.approx(t_interval(row["gain_by_person"]))
        assert sum(row["bands"]) == pytest.approx(1, abs=1e-3)
        assert sum(row["places"][key]["error"] for key in ("upper", "middle", "lower")) == pytest.approx(1, abs=1e-3)
        for key in ("gain", "psnr"):
            values = [worst[key] for worst in row[f"worst_by_{key}"]]
            assert values == sorted(values)
        weights = len(stored["noted"]["glasses"])
        parts = row["glasses"]["with"]["gain"] * weights + row["glasses"]["without"]["gain"] * (80 - weights)
        assert parts / 80 == pytest.approx(row["gain"], abs=1e-3)  # ten photos of each person
    assert all(picture["gain"]["bicubic"] == 0 for picture in stored["pictures"])
