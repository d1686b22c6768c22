"""The networks that travel with the package: who was where, and their numbers by an independent computation."""

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from mffcn_lite import checkpoint
from mffcn_lite.checkpoint import load_model, shipped_models
from mffcn_lite.data import load_faces, split_by_person
from mffcn_lite.evaluation import evaluate, load_results, summarize
from mffcn_lite.models import MFFCN, SRCNN

SYSTEMS = ("bilinear", "bicubic", "srcnn", "mffcn")
FACTORS = (2, 3, 4)


@pytest.fixture(scope="module")
def held_out(orl):
    return split_by_person(orl)[1]


@pytest.fixture(scope="module")
def measured(held_out):
    """(system, factor) to what our own evaluation measures now."""
    rows = summarize(evaluate({name: load_model(name) for name in SYSTEMS}, held_out, FACTORS))
    return {(row["model"], row["factor"]): row for row in rows}


@pytest.mark.parametrize(("name", "kind"), [("srcnn", SRCNN), ("mffcn", MFFCN)])
def test_a_shipped_network_loads_and_is_small(name, kind):
    assert isinstance(load_model(name), kind)
    assert (checkpoint.SHIPPED / f"{name}.safetensors").stat().st_size < 2_000_000
    assert (checkpoint.SHIPPED / f"{name}.json").stat().st_size < 100_000


def test_exactly_these_are_shipped_and_nothing_lies_beside_them():
    assert list(shipped_models()) == ["mffcn", "srcnn", "wiener"]
    assert sorted(path.name for path in checkpoint.SHIPPED.iterdir()) == [
        "mffcn.json",
        "mffcn.safetensors",
        "srcnn.json",
        "srcnn.safetensors",
        "wiener.json",
        "wiener.safetensors",
    ]


def test_srcnn_is_the_papers():
    model = load_model("srcnn")
    shapes = [tuple(parameter.shape) for parameter in model.parameters() if parameter.ndim > 1]
    assert shapes == [(64, 1, 9, 9), (32, 64, 1, 1), (1, 32, 5, 5)]
    assert not model.residual


@pytest.mark.parametrize("name", ["srcnn", "mffcn"])
def test_no_choice_was_made_on_the_test_people(name, held_out):
    card = load_model(name).card
    trials = card["recipe_trials"]
    chosen_on, trained_on = set(trials["validation_people"]), set(trials["training_people"])
    assert len(chosen_on) == 4
    assert not chosen_on & trained_on
    assert chosen_on | trained_on == set(card["training_people"])
    assert not set(card["training_people"]) & set(held_out.people.tolist())


@pytest.mark.parametrize("name", ["srcnn", "mffcn"])
def test_the_recipe_is_the_best_of_the_trials(name):
    card = load_model(name).card
    best = max(card["recipe_trials"]["trials"], key=lambda trial: sum(trial["validation_psnr"].values()))
    used = {key: card["config"][key] for key in best["options"]}
    assert used == best["options"]
    assert card["config"]["validate_every"] == 0


@pytest.mark.parametrize("name", ["srcnn", "mffcn"])
def test_the_test_people_never_entered_training(name, orl, held_out):
    card = load_model(name).card
    training, validation, test = (card[f"{group}_people"] for group in ("training", "validation", "test"))
    assert test == sorted(set(held_out.people.tolist()))
    assert len(test) == 8
    assert validation == []  # the recipe was chosen before; the shipped network learnt from all 32
    assert sorted(training + test) == sorted(set(orl.people.tolist()))
    assert not set(training) & set(test)
    assert card["data"] == "orl"
    assert card["photos"] == np.isin(orl.people, training).sum() == 320
    assert card["config"]["validate_every"] == 0
    assert card["config"]["factors"] == list(FACTORS)
    assert card["steps"] == card["config"]["steps"]


def test_the_stored_tables_are_what_is_measured_now(measured):
    stored = load_results("tables")["results"]
    assert {(row["model"], row["factor"]) for row in stored} == set(measured)
    assert len(stored) == len(measured) == 12
    for row in stored:
        now = measured[row["model"], row["factor"]]
        assert row["n"] == now["n"] == 80
        assert row["psnr"] == pytest.approx(now["psnr"], abs=0.01)
        assert row["ssim"] == pytest.approx(now["ssim"], abs=0.001)
        assert row["psnr_ci"] == pytest.approx(now["psnr_ci"], abs=0.02)
        assert row["ssim_ci"] == pytest.approx(now["ssim_ci"], abs=0.002)
        assert row["consistency"] == pytest.approx(now["consistency"], abs=0.1)


@pytest.mark.parametrize("factor", FACTORS)
def test_mffcn_is_above_bicubic_in_both_measures(measured, factor):
    assert measured["mffcn", factor]["psnr"] > measured["bicubic", factor]["psnr"]
    assert measured["mffcn", factor]["ssim"] > measured["bicubic", factor]["ssim"]


@pytest.fixture(scope="module")
def independent():
    """(system, factor) to mean PSNR and SSIM: Pillow degrades, scikit-image measures; ours are the networks alone."""

    def resize(image, width, height, kernel):
        picture = Image.fromarray(image.astype(np.float32), "F")
        return np.asarray(picture.resize((width, height), kernel))

    bicubic, bilinear = Image.Resampling.BICUBIC, Image.Resampling.BILINEAR
    networks = {name: load_model(name) for name in ("srcnn", "mffcn")}
    values = {}
    _, faces = split_by_person(load_faces("orl"), 0.2, seed=0)
    for factor in FACTORS:
        for photo in faces.images[:, 0]:
            hr = photo.astype(np.float64) / 255
            height, width = hr.shape
            small = resize(hr, round(width / factor), round(height / factor), bicubic)
            blurred = resize(small, width, height, bicubic)
            results = {"bicubic": blurred, "bilinear": resize(small, width, height, bilinear)}
            with torch.no_grad():
                for name, network in networks.items():
                    results[name] = network(torch.from_numpy(blurred.copy())[None, None])[0, 0].numpy()
            for name, sr in results.items():
                sr = sr.astype(np.float64).clip(0, 1)
                options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
                values.setdefault((name, factor), []).append(
                    (peak_signal_noise_ratio(hr, sr, data_range=1.0), structural_similarity(hr, sr, **options))
                )
    return {key: np.mean(pairs, axis=0) for key, pairs in values.items()}


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("name", SYSTEMS)
def test_scikit_image_and_pillow_agree(measured, independent, name, factor):
    psnr, ssim = independent[name, factor]
    assert measured[name, factor]["psnr"] == pytest.approx(psnr, abs=0.01)
    assert measured[name, factor]["ssim"] == pytest.approx(ssim, abs=0.001)
