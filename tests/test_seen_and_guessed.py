"""What is seen and what is guessed: Pythagoras, planted systems, and what is stored."""

import numpy as np
import pytest
import torch

from benchmarks.experiments import seen_and_guessed
from mffcn_lite.checkpoint import load_model
from mffcn_lite.data import split_by_person
from mffcn_lite.degrade import downsample
from mffcn_lite.evaluation import load_results
from mffcn_lite.metrics import mse
from mffcn_lite.models import SuperResolver
from mffcn_lite.statistics import t_interval


@pytest.fixture(scope="module")
def faces(orl):
    return split_by_person(orl)[1][[0, 1, 40, 41]]


class Fixed(SuperResolver):
    """Always these pictures, whatever the small photos."""

    name, arguments = "fixed", {}

    def __init__(self, pictures):
        super().__init__()
        self.pictures = pictures

    def upscale(self, small, size):
        return self.pictures


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_projection_gains_what_pythagoras_says(faces, factor):
    table = seen_and_guessed.measure(load_model("bicubic"), faces, factor)
    whole = 10 * np.log10(255**2 / (table["seen"] + table["guessed"]))
    assert table["psnr"].to_numpy() == pytest.approx(whole.to_numpy())
    promised = 10 * np.log10(1 + table["seen"] / table["guessed"])
    # Clamping can only add to it, the truth being within the range.
    assert (table["psnr_projected"] - table["psnr"] > promised - 1e-4).all()
    assert (table["psnr_projected"] - table["psnr"] < promised + 0.03).all()
    assert (table["psnr_stepped"] > table["psnr"]).all()
    assert (table["psnr_stepped"] < table["psnr_projected"]).all()
    assert (table["left"] < 0.1).all()


def test_a_guess_that_is_right_and_one_that_is_grey(faces):
    hr = faces.floats()
    grey = seen_and_guessed.summarize(seen_and_guessed.measure(Fixed(torch.full_like(hr, 0.5)), faces, 3))
    assert grey["seen"] > 20 * grey["guessed"]
    assert grey["gain_projected"]["mean"] > 10
    assert seen_and_guessed.summarize(seen_and_guessed.measure(load_model("bicubic"), faces, 3))["found"] == 0
    # What lacks half of what bicubic lacks has a quarter of its squared error.
    half = 0.5 * hr + 0.5 * seen_and_guessed.upsample(downsample(hr, 3), (112, 92))
    assert seen_and_guessed.summarize(seen_and_guessed.measure(Fixed(half), faces, 3))["found"] == pytest.approx(
        0.75, abs=1e-3
    )


def test_means_are_over_photos_and_gains_over_people(faces):
    table = seen_and_guessed.measure(load_model("lanczos"), faces, 4)
    row = seen_and_guessed.summarize(table)
    assert row["people"] == faces.who()
    assert row["seen"] == pytest.approx(table["seen"].mean(), abs=1e-5)
    gain = (table["psnr_projected"] - table["psnr"]).to_numpy().reshape(2, 2).mean(1)
    assert row["gain_projected"]["by_person"] == pytest.approx(gain, abs=1e-5)
    assert row["gain_projected"]["ci"] == pytest.approx(t_interval(gain.tolist()), abs=1e-3)
    assert row["gain_projected"]["worse_photos"] == 0


def test_the_small_photos_are_what_they_are_called(faces):
    hr = faces.floats()
    exact = seen_and_guessed.shrink(hr, 3, "exact")
    assert torch.equal(exact, downsample(hr, 3))
    rounded = seen_and_guessed.shrink(hr, 3, "rounded")
    assert 0.4 / 255 < (rounded - exact).abs().max() <= 0.5001 / 255
    torch.testing.assert_close((rounded * 255).round(), rounded * 255, atol=1e-4, rtol=0)
    noise = mse(seen_and_guessed.shrink(hr, 3, "noisy"), exact).mean().sqrt().item()
    assert noise * 255 == pytest.approx(2, rel=0.05)
    assert torch.equal(seen_and_guessed.shrink(hr, 3, "area"), downsample(hr, 3, "area"))


def test_pairs_are_compared_before_and_after():
    def row(model, alone, gain):
        projected = {"by_person": gain}
        return {"model": model, "given": "exact", "factor": 2, "psnr_by_person": alone, "gain_projected": projected}

    rows = [row("a", [30.0, 28.0, 29.0], [1.0, 2.0, 1.5]), row("b", [31.0, 29.0, 30.0], [0.0, 0.0, 0.0])]
    alone, projected = seen_and_guessed.compare(rows, [("a", "b")], [2])
    assert (alone["after"], alone["mean"]) == ("nothing", -1)
    assert (projected["after"], projected["mean"]) == ("projection", 0.5)
    assert projected["ci"] == pytest.approx(t_interval([0.0, 1.0, 0.5]))


def test_what_is_stored_agrees_with_itself():
    stored = load_results("seen_and_guessed")
    for row in stored["results"]:
        assert row["people"] == stored["people"]
        for key in ("seen", "guessed", "lost"):
            assert np.mean(row[f"{key}_by_person"]) == pytest.approx(row[key], abs=2e-3)  # ten photos of each
        assert row["found"] == pytest.approx(1 - row["guessed"] / row["lost"], abs=1e-4)
        for key in ("projected", "stepped"):
            gain = row[f"gain_{key}"]
            assert gain["mean"] == pytest.approx(np.mean(gain["by_person"]), abs=1e-5)
            assert gain["mean"] == pytest.approx(row[f"psnr_{key}"] - row["psnr"], abs=1e-4)
            assert gain["ci"] == pytest.approx(t_interval(gain["by_person"]), abs=1e-4)
        assert row["psnr"] == pytest.approx(np.mean(row["psnr_by_person"]), abs=1e-4)
        if row["given"] == "exact":
            assert row["gain_projected"]["worse_photos"] == 0
