"""Experiments on sets that are not in the project: what they need, what they keep, and their rulers against others'."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from skimage.color import rgb2ycbcr

from benchmarks.experiments import at_scale, more_people, noise, other_photos, transfer, upper_bound, yardstick
from benchmarks.helpers import keeping, pairs, sets
from benchmarks.helpers.residual import Residual
from benchmarks.speed import bench_feret
from benchmarks.table import EXPERIMENTS
from mffcn_lite.data import FaceSet, split_by_person
from mffcn_lite.data.prepare.feret import find_feret, parse_name
from mffcn_lite.data.prepare.sources import list_files
from mffcn_lite.degrade import degrade, downsample, upsample
from mffcn_lite.metrics import psnr
from mffcn_lite.models import create_model
from mffcn_lite.training import recipe_for, train

FEW = {"steps": 2, "warmup": 1, "batch": 1}
NAMES = ("portraits", "lfw", "yardstick", "other_photos", "noise", "more_people", "upper_bound", "transfer")


@pytest.fixture
def faces():
    return at_scale.made_portraits(8)


@pytest.mark.parametrize("name", NAMES)
def test_where_a_set_is_missing_one_sentence_says_what_to_do(name, monkeypatch, tmp_path):
    import importlib

    experiment = EXPERIMENTS[name]
    module = importlib.import_module(f"benchmarks.{experiment.module}")
    for place, said in ((None, "set MFFCN_LITE_SETS to the folder"), (str(tmp_path), "is missing")):
        monkeypatch.delenv(sets.PLACE, raising=False)
        if place:
            monkeypatch.setenv(sets.PLACE, place)
        if name == "noise":
            monkeypatch.setattr(noise, "committed", lambda path: {})
        with pytest.raises(SystemExit, match=said) as end:
            module.main(*experiment.arguments)
        assert len(str(end.value).splitlines()) == 1


def test_what_a_result_says_of_a_set_names_nobody(faces):
    said = sets.described("portraits", faces)
    assert said == {"source": "portraits", "photos": 50, "people": 40, "pixel_hash": faces.card["pixel_hash"]}


# ---------------------------------------------------------------------------------------------- the yardstick


def matlab_resize(picture, size):
    """MATLAB's imresize, written once more from its description: weights by rows, mirrored borders."""
    for axis, target in enumerate(size):
        source = picture.shape[axis]
        scale = target / source
        width = 4 / scale if scale < 1 else 4
        out = np.zeros((target, *np.moveaxis(picture, axis, 0).shape[1:]))
        rows = np.moveaxis(picture, axis, 0)
        for i in range(target):
            u = (i + 1) / scale + 0.5 * (1 - 1 / scale)
            left = np.floor(u - width / 2)
            index = left + np.arange(np.ceil(width) + 2)
            x = np.abs(u - index) * min(scale, 1)
            weight = np.where(x <= 1, 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2) * (x <= 2)
            mirror = np.r_[np.arange(source), np.arange(source)[::-1]]
            at = mirror[(index - 1).astype(int) % (2 * source)]
            out[i] = np.tensordot(weight / weight.sum(), rows[at], axes=1)
        picture = np.moveaxis(out, 0, axis)
    return picture


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_the_yardsticks_bicubic_is_matlabs(factor):
    picture = np.random.default_rng(0).random((60, 48))
    want = matlab_resize(matlab_resize(picture, (60 // factor, 48 // factor)), (60, 48))
    have = yardstick.blurred(torch.from_numpy(picture)[None, None], factor)[0, 0].numpy()
    np.testing.assert_allclose(have, want, atol=1e-12)


def test_the_yardsticks_luminance_is_scikit_images(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "colour.png")
    Image.fromarray(pixels[..., 0]).save(tmp_path / "grey.png")
    have = yardstick.luminance(tmp_path / "colour.png")[0, 0].numpy() * 255
    np.testing.assert_allclose(have, rgb2ycbcr(pixels)[..., 0].round(), atol=1e-9)
    np.testing.assert_allclose(yardstick.luminance(tmp_path / "grey.png")[0, 0].numpy() * 255, pixels[..., 0])


# ---------------------------------------------------------------------------------------------- other photos


def test_the_papers_column_falls_as_it_is_printed():
    first, second, ratio = other_photos.papers()["drops"]["psnr"]
    assert (first, second) == (pytest.approx(32.69 - 27.42), pytest.approx(27.42 - 26.41))
    assert ratio == pytest.approx(5.27 / 1.01)


def test_portraits_are_measured_by_source(faces):
    found = other_photos.by_source(faces, other_photos.measure(faces))
    assert [one["name"] for one in found] == ["portraits, gpo-guide", "portraits, london"]
    assert sum(one["photos"] for one in found) == len(faces)
    index = [i for i, name in enumerate(faces.names) if "london" in name]
    hr = faces[np.array(index)].floats()
    want = psnr(degrade(hr, 3).clamp(0, 1), hr, data_range=1.0).mean().item()
    assert found[1]["results"][1]["psnr"] == pytest.approx(want, abs=1e-4)


# ---------------------------------------------------------------------------------------------- what is kept


@pytest.mark.slow
def test_a_network_is_trained_once_and_anew_for_other_photos_or_settings(faces, tmp_path, monkeypatch):
    photos, _ = split_by_person(faces)
    done = []
    learn = at_scale.learn
    monkeypatch.setattr(at_scale, "learn", lambda *words, **more: done.append(words[0]) or learn(*words, **more))
    first = at_scale.network("portraits", "srcnn", 0, photos, tmp_path, **FEW)
    again = at_scale.network("portraits", "srcnn", 0, photos, tmp_path, **FEW)
    assert done == ["srcnn"]
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert first.card["training_people"] == photos.who()
    at_scale.network("portraits", "srcnn", 0, photos[:-1], tmp_path, **FEW)
    at_scale.network("portraits", "srcnn", 0, photos[:-1], tmp_path, **FEW | {"steps": 3})
    monkeypatch.setattr(at_scale, "code_hash", lambda *_: "another")
    at_scale.network("portraits", "srcnn", 0, photos[:-1], tmp_path, **FEW | {"steps": 3})
    assert done == ["srcnn"] * 4
    assert not list(tmp_path.glob("**/*.pt"))


def test_the_hash_of_a_training_does_not_ask_how_it_is_measured():
    one = keeping.code_hash("experiments.at_scale:learn", ("srcnn", "l2"))
    assert one == keeping.code_hash("experiments.at_scale:learn", ("srcnn", "l2"))
    assert one != keeping.code_hash("experiments.at_scale:learn", ("mffcn", "l2"))
    walk = keeping.Walk(
        keeping.LEDGER.tree, (("benchmarks.experiments.at_scale", "learn"),), frozenset({"srcnn", "l2"})
    )
    reached = {".".join(key) for key in walk.reached}
    assert "mffcn_lite.training.loop.train" in reached
    assert "mffcn_lite.evaluation.evaluate" not in reached


def test_seeds_are_averaged_photo_by_photo():
    row = {"model": "a", "factor": 2, "name": "x", "person": 0, "ssim": 0.5, "consistency": 40.0}
    parts = [pd.DataFrame([row | {"psnr": value}, row | {"name": "y", "psnr": 1.0}]) for value in (30.0, 34.0)]
    mean = at_scale.mean_over_seeds(parts)
    assert mean["psnr"].tolist() == [32.0, 1.0]


def test_no_person_is_on_both_sides_and_the_few_are_among_the_many(faces):
    photos, test = split_by_person(faces)
    counts = [set(more_people.some_people(photos, count).who()) for count in (4, 16, None)]
    assert [len(one) for one in counts] == [4, 16, 32]
    assert counts[0] < counts[1] < counts[2]
    assert not counts[2] & set(test.who())


def test_londons_photos_are_new_to_the_network_that_is_measured_on_them(faces):
    photos, london = transfer.apart(faces)
    assert {sets.source_of(name) for name in photos.names} == {"gpo-guide"}
    assert {sets.source_of(name) for name in london.names} == {"london"}
    assert not set(photos.who()) & set(split_by_person(faces)[1].who())


# ---------------------------------------------------------------------------------------------- noise


@pytest.mark.slow
def test_pairs_of_equal_photos_train_as_photos_do(faces):
    """Bit by bit."""
    few = faces[:6]
    config = pairs.TrainingConfig(**vars(recipe_for("srcnn", "quick")) | {"steps": 4, "warmup": 1})
    made = []
    for how in ("photos", "pairs"):
        torch.manual_seed(0)
        model = create_model("srcnn")
        if how == "photos":
            made.append(train(model, few, config).best)
        else:
            made.append(pairs.train_pairs(model, pairs.paired(few, few.images, few.images), config))
    assert all(torch.equal(a, b) for a, b in zip(made[0].parameters(), made[1].parameters(), strict=True))


def test_what_is_computed_on_paper_is_what_noise_does_to_bicubic(faces):
    """On the target alone nothing has to be guessed; on the input, the band holds what comes out."""
    clean = noise.photos_of(faces, "neither")
    model = create_model("bicubic")
    for factor in (2, 4):
        before = pairs.psnr_of_pairs(model, clean, factor)
        after = pairs.psnr_of_pairs(model, noise.photos_of(faces, "target"), factor)
        want = [noise.foretold(value, factor, "target")[0] for value in before]
        assert np.mean(after) == pytest.approx(np.mean(want), abs=0.05)
        for arm in ("input", "both"):
            low, high = np.mean([noise.foretold(value, factor, arm) for value in before], axis=0)
            value = np.mean(pairs.psnr_of_pairs(model, noise.photos_of(faces, arm), factor))
            assert low - 0.1 < value < high + 0.1


def test_noise_is_that_of_its_level_and_the_same_each_time():
    grey = FaceSet(np.full((4, 1, 64, 64), 128, np.uint8), np.arange(4), list("abcd"), {})
    one = pairs.with_noise(grey, 3.0)
    assert np.array_equal(one, pairs.with_noise(grey, 3.0))
    assert one.astype(float).std() == pytest.approx(3.0, rel=0.03)  # rounding adds a little
    assert not np.array_equal(one[0], one[1])


def test_a_prediction_comes_before_its_training(tmp_path, monkeypatch):
    rows = [
        {"model": m, "factor": f, "psnr": 30.0 + i}
        for i, m in enumerate(("bicubic", "srcnn", "mffcn"))
        for f in (2, 3, 4)
    ]
    monkeypatch.setattr(noise, "load_results", lambda name: {"results": rows, "stamp": {"numbers": "x"}})
    found = noise.predict(tmp_path / "p.json")
    assert (tmp_path / "p.json").exists()
    neither = [one for one in found["margins"] if one["arm"] == "neither"]
    assert {one["a"]: one["mean"] for one in neither} == {
        "mffcn": [pytest.approx(2.0)] * 2,
        "srcnn": [pytest.approx(1.0)] * 2,
    }
    noisy = [one for one in found["margins"] if one["arm"] == "target"]
    assert all(max(one["mean"]) < {"mffcn": 2, "srcnn": 1}[one["a"]] for one in noisy)


# ---------------------------------------------------------------------------------------------- the upper bound


def test_the_large_network_begins_as_bicubic_and_takes_any_size():
    model, small = Residual(maps=4, blocks=1), torch.rand(1, 1, 43, 40)
    torch.testing.assert_close(model.upscale(small, (129, 120)), upsample(small, (129, 120)))
    assert model.upscale(small, (128, 119)).shape == (1, 1, 128, 119)
    assert len(list(Residual().body)) == 25


@pytest.mark.slow
def test_the_long_training_goes_on_where_it_was_stopped(faces, tmp_path, monkeypatch):
    photos, size = faces[:6], {"maps": 4, "blocks": 1}
    monkeypatch.setattr(upper_bound, "EVERY", 2)
    whole = upper_bound.learn(photos, 5e-3, None, steps=6, **size)
    save, saved = upper_bound.save_state, []

    def stop(folder, state):
        save(folder, state)
        saved.append(state.step)
        if len(saved) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(upper_bound, "save_state", stop)
    with pytest.raises(KeyboardInterrupt):
        upper_bound.learn(photos, 5e-3, tmp_path, steps=6, **size)
    again = upper_bound.learn(photos, 5e-3, tmp_path, steps=6, **size)
    assert saved == [2, 4, 6]
    assert all(torch.equal(a, b) for a, b in zip(whole.best.parameters(), again.best.parameters(), strict=True))


def test_its_small_photos_are_the_ones_that_are_evaluated(faces):
    hr = faces[:1].floats()
    model = Residual(maps=4, blocks=1)
    torch.testing.assert_close(model.reconstruct(hr, 3), model.upscale(downsample(hr, 3), tuple(hr.shape[-2:])))


# ---------------------------------------------------------------------------------------------- FERET's true size


def test_the_made_tree_has_ferets_size():
    found = bench_feret.places(bench_feret.PHOTOS, bench_feret.FRONTAL, bench_feret.PEOPLE)
    parsed = [parse_name(stem) for _, stem in found]
    assert len({stem for _, stem in found}) == 11_338
    assert None not in parsed
    assert len({person for person, _ in found}) == 994
    assert sum(pose in ("fa", "fb") for _, _, pose, _ in parsed) == 3122


def test_a_small_tree_is_read_as_ferets(tmp_path):
    size = bench_feret.make_tree(tmp_path / "t", photos=12, frontal=4, people=2, bases=2)
    photos, problems, counts = find_feret(list_files(tmp_path / "t"))
    assert (len(photos), problems) == (4, [])
    assert sum(group["photos"] for group in counts["groups"].values()) == 12
    assert size > 12 * 200_000
