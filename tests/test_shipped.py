"""The networks that travel with the package: who was where, and their numbers by an independent computation."""

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from benchmarks.helpers.names import SYSTEMS as ALL
from mffcn_lite import shipped
from mffcn_lite.checkpoint import load_model
from mffcn_lite.data import FaceSet, load_faces, split_by_person
from mffcn_lite.evaluation import evaluate, load_results, summarize
from mffcn_lite.models import FSRCNN, MFFCN, SRCNN, Nie, count_parameters
from mffcn_lite.shipped import disagreement, shipped_models, title

SYSTEMS = ("bilinear", "bicubic", "srcnn", "mffcn")  # of tables 1 and 2, and bilinear
NETWORKS = ("mffcn", "srcnn", "nie", "fsrcnn")
PATCHES = ("example", "sparse", "forest")
FACTORS = (2, 3, 4)


@pytest.fixture(scope="module")
def held_out(orl):
    return split_by_person(orl)[1]


@pytest.fixture(scope="module")
def measured(held_out):
    """(system, factor) to what our own evaluation measures now, of every system."""
    systems = {name: load_model(name) for name in (*ALL, "mffcn-full")}
    rows = summarize(evaluate(systems, held_out, FACTORS))
    return {(row["model"], row["factor"]): row for row in rows}


def test_what_mffcn_was_trained_with_is_part_of_its_name():
    assert title("mffcn") == "MFFCN, L2"
    assert title("mffcn-full") == "MFFCN, printed objective"
    assert title("conv5, started as the fused mff") == "5×5, started as MFF"
    assert title("conv3, no skips (VDSR-like), equal work") == "3×3, no skips (VDSR-like), equal work"
    assert title("blurred") == "blurred"
    assert len({title(name) for name in shipped.SYSTEMS}) == len(shipped.SYSTEMS)


@pytest.mark.parametrize(("decibels", "levels"), [(27.5, "11"), (20.0, "26"), (29.99, "8")])
def test_a_system_that_does_not_keep_to_the_small_photo_is_spoken_of(decibels, levels):
    card = {"results": [{"factor": 2, "consistency": decibels}, {"factor": 3, "consistency": 45.0}]}
    said = disagreement(card, 2)
    assert f"{levels} grey levels" in said
    assert f"{decibels:.1f} dB" in said
    assert disagreement(card, 3) is None
    assert disagreement(card, 4) is None  # not measured
    assert disagreement({}, 2) is None


def test_of_the_shipped_systems_it_is_the_printed_objectives():
    said = {name for name, card in shipped_models().items() for factor in FACTORS if disagreement(card, factor)}
    assert said == {"mffcn-full"}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), [("srcnn", SRCNN), ("nie", Nie), ("fsrcnn", FSRCNN), ("mffcn", MFFCN)])
def test_a_shipped_network_loads_and_is_small(name, kind):
    assert type(load_model(name)) is kind
    assert (shipped.SHIPPED / f"{name}.safetensors").stat().st_size < 2_000_000


def test_every_system_that_learns_is_shipped_and_nothing_lies_beside_them():
    names = sorted(("wiener", *PATCHES, *NETWORKS, "mffcn-full"))
    assert list(shipped_models()) == names
    files = list(shipped.SHIPPED.iterdir())
    assert sorted(path.name for path in files) == sorted(
        f"{n}.{kind}" for n in names for kind in ("json", "safetensors")
    )
    assert sum(path.stat().st_size for path in files) < 12_000_000
    assert all(path.stat().st_size < 100_000 for path in files if path.suffix == ".json")


def test_srcnn_has_the_papers_layers():
    model = load_model("srcnn")
    shapes = [tuple(parameter.shape) for parameter in model.parameters() if parameter.ndim > 1]
    assert shapes == [(64, 1, 9, 9), (32, 64, 1, 1), (1, 32, 5, 5)]
    assert model.residual  # not the paper's: the same trials were open to it as to MFFCN, and this did best


@pytest.mark.parametrize("name", [*NETWORKS, *PATCHES])
def test_no_choice_was_made_on_the_test_people(name, held_out):
    card = load_model(name).card
    trials = card["recipe_trials"]
    chosen_on, trained_on = set(trials["validation_people"]), set(trials["training_people"])
    assert len(trials["trials"]) == (20 if name in NETWORKS else 8)  # as many for each of its kind
    assert len(chosen_on) == 4
    assert not chosen_on & trained_on
    assert chosen_on | trained_on == set(card["training_people"])
    assert not set(card["training_people"]) & set(held_out.people.tolist())


@pytest.mark.parametrize("name", [*NETWORKS, *PATCHES])
def test_the_recipe_is_the_best_of_the_trials(name):
    card = load_model(name).card
    best = max(card["recipe_trials"]["trials"], key=lambda trial: sum(trial["validation_psnr"].values()))
    used = card["config"] if name in NETWORKS else card["arguments"]
    assert {key: used[key] for key in best["options"]} == best["options"]


@pytest.mark.parametrize("name", ["wiener", *NETWORKS, *PATCHES])
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
    if name in NETWORKS:
        assert card["config"]["validate_every"] == 0
        assert card["config"]["factors"] == list(FACTORS)
        assert card["steps"] == card["config"]["steps"] == 40_000


@pytest.mark.slow
@pytest.mark.parametrize("file", ["tables", "systems"])
def test_the_stored_tables_are_what_is_measured_now(measured, file):
    stored = load_results(file)["results"]
    names = [*ALL, "mffcn-full"] if file == "tables" else list(ALL)
    assert sorted((row["model"], row["factor"]) for row in stored) == sorted((n, f) for n in names for f in FACTORS)
    for row in stored:
        now = measured[row["model"], row["factor"]]
        assert row["n"] == now["n"] == 80
        assert row["psnr"] == pytest.approx(now["psnr"], abs=0.01)
        assert row["ssim"] == pytest.approx(now["ssim"], abs=0.001)
        assert row["psnr_ci"] == pytest.approx(now["psnr_ci"], abs=0.02)
        assert row["ssim_ci"] == pytest.approx(now["ssim_ci"], abs=0.002)
        # Above 90 dB it is float32's rounding that is measured.
        assert min(row["consistency"], 90) == pytest.approx(min(now["consistency"], 90), abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("factor", FACTORS)
def test_mffcn_is_above_bicubic_in_both_measures(measured, factor):
    assert measured["mffcn", factor]["psnr"] > measured["bicubic", factor]["psnr"]
    assert measured["mffcn", factor]["ssim"] > measured["bicubic", factor]["ssim"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wiener", *NETWORKS, *PATCHES])
def test_what_has_learnt_beats_bicubic_at_two_factors_at_least(measured, name):
    assert sum(measured[name, factor]["psnr"] > measured["bicubic", factor]["psnr"] for factor in FACTORS) >= 2


@pytest.mark.slow
def test_what_the_cards_page_says_of_all_systems(measured):
    def ahead(one, other):
        return [measured[one, factor]["psnr"] > measured[other, factor]["psnr"] for factor in FACTORS]

    assert ahead("fsrcnn", "mffcn") == [True, True, True]
    assert ahead("forest", "srcnn") == [True, True, True]
    for name in ("ibp", "pocs"):
        assert all(measured[name, factor]["gain_over_wiener"] > -0.2 for factor in FACTORS)
        assert measured[name, 4]["gain_over_wiener"] > 0
    cost = {row["model"]: row for row in load_results("systems")["cost"]}
    assert cost["fsrcnn"]["parameters"] < cost["mffcn"]["parameters"]
    assert all(cost["fsrcnn"]["seconds"][f] < cost["mffcn"]["seconds"][f] for f in "234")
    assert all(abs(measured["nie", f]["psnr"] - measured["srcnn", f]["psnr"]) < 0.1 for f in FACTORS)


def test_why_srcnn_loses_at_factor_2():
    alone = load_results("srcnn_at_2")
    psnr = {trial["what"]: trial["psnr"] for trial in alone["trials"]}
    own, shared = (
        alone[f"wiener, {which}"]["psnr"] for which in ("a filter for factor 2", "one filter for all factors")
    )
    assert psnr["as shipped"] < shared < own < psnr["factor 2 alone"]
    assert abs(psnr["residual"] - psnr["as shipped"]) < 0.1  # a residual is not what was missing
    assert not set(alone["validation_people"]) & set(load_model("srcnn").card["test_people"])


def test_what_the_chapter_on_skips_says_of_starts_and_of_the_residual():
    starts, gains = load_results("starts"), {}
    for trial in starts["trials"]:
        key = trial["start"], trial["skip"], trial["lr"] == starts["budget"]["lr"]
        gains.setdefault(key, []).append(trial["validation_psnr"][-1] - starts["bicubic"])
    assert max(map(abs, gains["default", "none", True] + gains["default", "none", False])) < 0.05
    alive = [gain for gain in gains["he", "none", True] if abs(gain) > 0.05]
    assert (len(alive), len(gains["he", "none", True])) == (8, 10)
    assert min(gains["he", "concat", True]) > 0.8
    assert min(gains["he", "none", False]) > 0.9  # at a lower rate all ten live
    assert min(gains["default", "concat", True]) > 0.5
    assert max(gains["default", "concat", True]) < min(alive)
    assert not set(starts["validation_people"]) & set(load_model("mffcn").card["test_people"])
    wide = [trial for trial in load_results("trials_mffcn")["trials"] if set(trial["options"]) == {"lr"}]
    for rate in {trial["options"]["lr"] for trial in wide}:
        without, _, zeros = (sum(trial["validation_psnr"].values()) for trial in wide if trial["options"]["lr"] == rate)
        assert (zeros > without) is (rate < 0.01)  # the highest kills it


def test_the_row_of_systems_is_complete(held_out):
    stored = load_results("systems")
    assert [row["model"] for row in stored["cost"]] == list(ALL)
    for row in stored["cost"]:
        assert row["parameters"] == count_parameters(load_model(row["model"]))
        assert all(seconds > 0 for seconds in row["seconds"].values())
    assert [row["model"] for row in stored["results_at_90x111"]] == list(ALL)
    cut = FaceSet(held_out.images[:, :, :111, 1:91], held_out.people, held_out.names, held_out.card)
    (now,) = summarize(evaluate({"fsrcnn": load_model("fsrcnn")}, cut, (3,)))
    row = next(row for row in stored["results_at_90x111"] if row["model"] == "fsrcnn")
    assert row["psnr"] == pytest.approx(now["psnr"], abs=0.01)


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


@pytest.mark.slow
@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("name", SYSTEMS)
def test_scikit_image_and_pillow_agree(measured, independent, name, factor):
    psnr, ssim = independent[name, factor]
    assert measured[name, factor]["psnr"] == pytest.approx(psnr, abs=0.01)
    assert measured[name, factor]["ssim"] == pytest.approx(ssim, abs=0.001)
