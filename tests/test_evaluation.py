"""Tables 1 and 2: means, intervals and layout by hand and against SciPy, scikit-image and Pillow."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy import stats
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from mffcn_lite import cli, evaluation
from mffcn_lite.checkpoint import load_model
from mffcn_lite.data import FaceSet, save_faces, split_by_person
from mffcn_lite.evaluation import evaluate, load_results, people_means, summarize, tables
from mffcn_lite.models import SuperResolver, create_model
from mffcn_lite.statistics import t_interval

KEYS = ["model", "factor", "n", "psnr", "psnr_ci", "ssim", "ssim_ci", "gain_over_wiener", "consistency"]


@pytest.fixture(scope="module")
def faces():
    """Ten smooth photos of five people, 26×22 pixels."""
    generator = np.random.default_rng(3)
    coarse = [Image.fromarray(generator.integers(0, 256, (7, 6), dtype=np.uint8)) for _ in range(10)]
    images = np.stack([np.asarray(photo.resize((22, 26), Image.Resampling.BICUBIC)) for photo in coarse])
    return FaceSet(images[:, None], np.arange(10) // 2, [f"p{i}" for i in range(10)], {"source": "noise"})


class Grey(SuperResolver):
    """The same level everywhere, whatever the photo."""

    name, arguments = "grey", {}

    def __init__(self, level=0.5):
        super().__init__()
        self.level = level

    def upscale(self, small, size):
        return torch.full((len(small), 1, *size), self.level)


# ------------------------------------------------------------------------------------- means and intervals


@pytest.mark.parametrize("n", [2, 3, 8, 40])
@pytest.mark.parametrize("confidence", [0.95, 0.5])
def test_the_interval_is_scipys(n, confidence):
    values = np.random.default_rng(n).normal(30, 2, n)
    expected = stats.t.interval(confidence, n - 1, loc=values.mean(), scale=stats.sem(values))
    assert t_interval(list(values), confidence) == pytest.approx(expected)


def test_the_interval_has_the_value_of_the_printed_table():
    # 1, 2, 3: mean 2, standard error 1/√3, and t(0.975; 2) = 4.303 in any table of Student's t.
    low, high = t_interval([1.0, 2.0, 3.0])
    assert (low, high) == (pytest.approx(2 - 4.303 / 3**0.5, abs=1e-3), pytest.approx(2 + 4.303 / 3**0.5, abs=1e-3))


def test_the_interval_of_one_value_is_that_value():
    assert t_interval([31.5]) == [31.5, 31.5]


def photos(name, factor, people, values):
    rows = {"model": name, "factor": factor, "person": people, "psnr": values}
    return pd.DataFrame({**rows, "name": "n", "ssim": np.array(values) / 100, "consistency": np.array(values) + 1})


def test_means_are_over_photos_and_intervals_over_people():
    # Person 0 has three photos, person 1 has one: the mean of the photos is 27.5, that of the people's means 25.
    (row,) = summarize(photos("a", 2, [0, 0, 0, 1], [29.0, 30.0, 31.0, 20.0]))
    assert list(row) == KEYS
    assert (row["model"], row["factor"], row["n"], row["psnr"]) == ("a", 2, 4, 27.5)
    assert row["psnr_ci"] == pytest.approx(stats.t.interval(0.95, 1, loc=25, scale=stats.sem([30, 20])))
    assert row["ssim"] == pytest.approx(0.275)
    assert row["ssim_ci"] == pytest.approx([value / 100 for value in row["psnr_ci"]])
    assert row["consistency"] == 28.5
    assert row["gain_over_wiener"] is None
    assert json.loads(json.dumps(row)) == row


def test_the_gain_is_over_wiener_at_the_same_factor():
    parts = [
        photos(name, factor, [0, 1], [value, value + 1])
        for name, factor, value in [
            ("a", 2, 30.0),
            ("wiener", 2, 28.0),
            ("a", 3, 27.0),
            ("wiener", 3, 26.5),
            ("a", 4, 1),
        ]
    ]
    rows = summarize(pd.concat(parts))
    assert [(row["model"], row["factor"], row["gain_over_wiener"]) for row in rows] == [
        ("a", 2, 2.0),
        ("wiener", 2, 0.0),
        ("a", 3, 0.5),
        ("wiener", 3, 0.0),
        ("a", 4, None),
    ]


# ---------------------------------------------------------------------------------------------- the tables


def test_the_table_has_one_row_a_system_in_the_order_asked_for():
    rows = [
        {"model": name, "factor": factor, "psnr": 30.123456 + factor + i, "ssim": 0.912345 - factor / 10 + i / 1000}
        for factor in (4, 2, 3)
        for i, name in enumerate(("mffcn", "bicubic", "a"))
    ]
    table = tables(rows)
    assert list(table.index) == ["mffcn", "bicubic", "a"]
    assert list(table.columns) == [(measure, factor) for measure in ("PSNR (dB)", "SSIM") for factor in (2, 3, 4)]
    assert table.loc["bicubic", ("PSNR (dB)", 3)] == 34.12
    assert table.loc["a", ("SSIM", 4)] == 0.5143
    assert table.shape == (3, 6)
    assert len(table.to_string().splitlines()) == 5


def test_the_table_has_other_columns_where_they_are_asked_for():
    rows = [{"model": m, "factor": 2, "psnr": 30.0, "ssim": 0.9, "gain_over_wiener": g, "consistency": 40.04}
            for m, g in (("b", -1.234), ("a", 0.5))]  # fmt: skip
    table = tables(rows, ["gain_over_wiener", "consistency"])
    assert table.to_dict("split") == {
        "index": ["b", "a"],
        "columns": [("over wiener (dB)", 2), ("consistency (dB)", 2)],
        "data": [[-1.23, 40.0], [0.5, 40.0]],
    }


def test_a_table_of_nothing_or_of_an_unknown_measure_is_refused(refuses):
    row = {"model": "a", "factor": 2, "psnr": 30.0, "ssim": 0.9, "gain_over_wiener": None}
    for rows, measures in (([], ["psnr"]), ([row], []), ([row], ["lpips"]), ([row], "psnr")):
        refuses(lambda rows=rows, measures=measures: tables(rows, measures), "measures", "consistency")
    assert tables([row], ["gain_over_wiener"]).isna().all(axis=None)  # without the control there is no gain


def test_the_table_of_a_single_number_is_a_table_too():
    table = tables([{"model": "bicubic", "factor": 3, "psnr": 27.5, "ssim": 0.8}])
    assert table.to_dict() == {("PSNR (dB)", 3): {"bicubic": 27.5}, ("SSIM", 3): {"bicubic": 0.8}}


# ----------------------------------------------------------------------------------------------- measuring


def pil_resize(image, size):
    """Pillow's antialiased bicubic on floats."""
    return np.asarray(Image.fromarray(image.astype(np.float32), "F").resize(size, Image.Resampling.BICUBIC))


def test_each_photos_numbers_are_those_of_scikit_image_and_pillow(orl):
    test = split_by_person(orl)[1][::27]
    measured = evaluate({"bicubic": load_model("bicubic")}, test, (2, 3))
    assert len(measured) == 2 * len(test) == 6
    for _, row in measured.iterrows():
        hr = test.images[test.names.index(row["name"]), 0] / 255
        height, width = hr.shape
        small = pil_resize(hr, (int(width / row["factor"] + 0.5), int(height / row["factor"] + 0.5)))
        sr = pil_resize(small, (width, height)).clip(0, 1)
        back = pil_resize(sr, small.shape[::-1])
        options = {"data_range": 1.0, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        assert row["psnr"] == pytest.approx(peak_signal_noise_ratio(hr, sr, data_range=1), abs=1e-3)
        assert row["ssim"] == pytest.approx(structural_similarity(hr, sr.astype(float), **options), abs=1e-4)
        assert row["consistency"] == pytest.approx(peak_signal_noise_ratio(small, back, data_range=1), abs=1e-2)
        assert row["person"] == test.people[test.names.index(row["name"])]


def test_each_photo_is_measured_once_for_each_system_and_factor(faces):
    calls = []
    systems = {"one": load_model("bilinear"), "two": load_model("nearest")}
    measured = evaluate(systems, faces, (2, 3), on_progress=lambda *call: calls.append(call))
    assert calls == [("one", 2), ("two", 2), ("one", 3), ("two", 3)]
    assert set(zip(measured["model"], measured["factor"], measured["name"], strict=True)) == {
        (model, factor, name) for model, factor in calls for name in faces.names
    }
    assert len(measured) == 40


def test_a_factor_named_twice_counts_once(faces):
    once, twice = (summarize(evaluate({"b": load_model("bicubic")}, faces, factors)) for factors in ((2,), (2, 2)))
    assert twice == once
    assert once[0]["n"] == 10


def test_the_batch_size_does_not_matter(faces):
    systems = {"bicubic": load_model("bicubic"), "srcnn": create_model("srcnn")}
    one, all_ = (evaluate(systems, faces, (3,), batch=batch) for batch in (3, 100))
    pd.testing.assert_frame_equal(one.reset_index(drop=True), all_.reset_index(drop=True), rtol=1e-5, atol=1e-6)


def test_results_are_clamped_before_they_are_measured(faces):
    over, white = (summarize(evaluate({"g": Grey(level)}, faces, (2,)))[0] for level in (7.0, 1.0))
    under, black = (summarize(evaluate({"g": Grey(level)}, faces, (2,)))[0] for level in (-7.0, 0.0))
    assert over == white
    assert under == black
    assert white["psnr"] != black["psnr"]
    hr = faces.images / 255
    assert white["psnr"] == pytest.approx(np.mean([-10 * np.log10(((photo - 1) ** 2).mean()) for photo in hr]))


def test_the_dots_behind_an_interval_are_means_over_a_persons_photos(faces):
    per_photo = evaluate({"bicubic": load_model("bicubic"), "grey": Grey()}, faces, (2, 3))
    dots = people_means(per_photo)
    assert len(dots) == 2 * 2 * 5
    assert list(dots[0]) == ["model", "factor", "person", "psnr", "ssim"]
    one = per_photo.query("model == 'grey' and factor == 3 and person == 2")
    dot = next(d for d in dots if (d["model"], d["factor"], d["person"]) == ("grey", 3, 2))
    assert dot["psnr"] == pytest.approx(one["psnr"].mean(), abs=1e-5)
    assert dot["ssim"] == pytest.approx(one["ssim"].mean(), abs=1e-5)
    assert json.loads(json.dumps(dots)) == dots


def test_the_model_is_measured_in_eval_mode(faces):
    modes = []

    class Spy(Grey):
        def upscale(self, small, size):
            modes.append((self.training, torch.is_grad_enabled()))
            return super().upscale(small, size)

    evaluate({"spy": Spy().train()}, faces, (2,))
    assert modes == [(False, False)]


def test_colour_photos_are_refused_by_a_network_with_a_sentence(refuses):
    colour = FaceSet(np.zeros((4, 3, 24, 20), np.uint8), np.arange(4), list("abcd"), {})
    refuses(lambda: evaluate({"srcnn": create_model("srcnn")}, colour, (2,)), "channel")


def test_an_empty_set_is_one_sentence(refuses):
    empty = FaceSet(np.zeros((0, 1, 24, 20), np.uint8), np.zeros(0), [], {})
    refuses(lambda: evaluate({"bicubic": load_model("bicubic")}, empty, (2,)))


def test_photos_smaller_than_the_window_are_one_sentence(refuses):
    tiny = FaceSet(np.zeros((2, 1, 8, 8), np.uint8), np.arange(2), list("ab"), {})
    refuses(lambda: evaluate({"bicubic": load_model("bicubic")}, tiny, (2,)), "window")


# ------------------------------------------------------------------------------------------- stored results


def test_the_command_writes_exactly_the_keys_that_are_fixed(faces, tmp_path, monkeypatch, capsys):
    save_faces(faces, tmp_path / "set")
    target = tmp_path / "new" / "t.json"
    options = [
        "--data",
        str(tmp_path / "set"),
        "--models",
        "bicubic,nearest",
        "--factors",
        "2,3",
        "--json",
        str(target),
    ]
    monkeypatch.setattr(sys, "argv", ["mffcn-lite", "evaluate", *options, "--split", "all"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    printed = capsys.readouterr()
    assert (end.value.code, printed.err) == (0, "")
    content = json.loads(target.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert list(content) == ["results", "data", "convention", "environment"]
    assert all(list(row) == [*KEYS, "trained_for"] for row in content["results"])
    # The control is measured too, so that there is a gain over it, but shown only where it was asked for.
    systems = {name: load_model(name) for name in ("bicubic", "nearest", "wiener")}
    want = summarize(evaluate(systems, faces, (2, 3)))
    assert content["results"] == [row | {"trained_for": True} for row in want if row["model"] != "wiener"]
    assert all(row["gain_over_wiener"] != 0 for row in content["results"])
    assert (content["data"]["photos"], content["data"]["people"]) == (10, [0, 1, 2, 3, 4])
    assert content["environment"]["torch"] == torch.__version__
    for row in content["results"]:
        line = next(line for line in printed.out.splitlines() if line.startswith(row["model"]))
        assert f"{row['psnr']:.2f}" in line
        assert f"{row['ssim']:.4f}" in line
    assert "PSNR" in printed.out
    assert evaluation.CONVENTION in printed.out


def test_stored_results_are_found_by_name(tmp_path, monkeypatch, refuses):
    monkeypatch.setattr(evaluation, "RESULTS", tmp_path)
    (tmp_path / "tables.json").write_text('{"results": [1]}')
    assert load_results("tables") == {"results": [1]}
    refuses(lambda: load_results("nope"), 'no results "nope"', "tables")
    (tmp_path / "tables.json").write_text('{"results": [1')
    refuses(lambda: load_results("tables"), "tables.json")


def test_every_result_that_travels_with_the_package_can_be_read():
    found = sorted(path.stem for path in evaluation.RESULTS.glob("*.json"))
    assert found
    assert all(isinstance(load_results(name), dict) for name in found)
