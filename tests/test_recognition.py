"""The recognition test: its measures against scikit-learn, its script on planted faces, and what it has stored."""

import json
import re
import sys

import numpy as np
import pytest
import torch
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from scipy.spatial.distance import cdist
from sklearn.metrics import roc_curve
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.experiments import recognition
from benchmarks.helpers import descriptors
from mffcn_lite.checkpoint import save_model
from mffcn_lite.data import FaceSet, folds_by_person
from mffcn_lite.evaluation import load_results
from mffcn_lite.models import SuperResolver, create_model
from mffcn_lite.recognition import distances_to_people, equal_error_rate, rank_one, resample_people
from mffcn_lite.statistics import t_interval

PEOPLE = np.arange(6)


def cloud(spread, seed=0, photos=4):
    """(points of six people around six centres, who they are)."""
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(9).normal(size=(6, 3))
    who = np.repeat(PEOPLE, photos)
    return centres[who] + spread * generator.normal(size=(len(who), 3)), who


# Measures -------------------------------------------------------------------------------------------------------------


def test_a_person_is_as_near_as_the_nearest_photo():
    distances, people = distances_to_people(np.array([[3.0, 1.0, 2.0, 5.0]]), np.array([7, 2, 7, 2]))
    assert people.tolist() == [2, 7]
    assert distances.tolist() == [[1.0, 2.0]]
    assert rank_one(distances, people, np.array([2])).tolist() == [True]
    assert rank_one(distances, people, np.array([7])).tolist() == [False]
    assert rank_one(np.array([[1.0, 1.0]]), people, np.array([2])).tolist() == [False]


@pytest.mark.parametrize("spread", [0.1, 0.7, 2.0])
def test_rank_one_is_scikit_learns_nearest_neighbour(spread):
    (gallery, who), (probes, probed) = cloud(spread), cloud(spread, seed=1)
    distances, people = distances_to_people(cdist(probes, gallery), who)
    expected = KNeighborsClassifier(1).fit(gallery, who).predict(probes) == probed
    assert rank_one(distances, people, probed).tolist() == expected.tolist()


def scikit_learns(distances, own, weights=None):
    """The usual recipe: where the interpolated curve of receiver operating characteristics meets the diagonal."""
    weights = None if weights is None else weights.flatten()
    options = {"sample_weight": weights, "drop_intermediate": False}
    false, true, _ = roc_curve(own.flatten(), -distances.flatten(), **options)
    return brentq(lambda x: 1 - x - interp1d(false, true)(x), 0, 1)


@pytest.mark.parametrize("spread", [0.5, 1.0, 2.0, 5.0])
def test_the_equal_error_rate_is_that_of_scikit_learns_curve(spread):
    (gallery, who), (probes, probed) = cloud(spread), cloud(spread, seed=1)
    distances, people = distances_to_people(cdist(probes, gallery).round(1), who)  # rounded: with ties
    own = probed[:, None] == people
    weights = resample_people(people, probed, 150, seed=3)  # more than a chunk
    rates = equal_error_rate(distances, people, probed, weights)
    for row, rate in zip(weights[::37], rates[::37], strict=True):
        claims = row[probed][:, None] * np.where(own, 1, row[people])
        assert rate == pytest.approx(scikit_learns(distances, own, claims), abs=1e-9)
    assert equal_error_rate(distances, people, probed).item() == pytest.approx(scikit_learns(distances, own))


def test_the_equal_error_rate_of_what_is_known():
    own = np.repeat(PEOPLE, 2)[:, None] == PEOPLE
    probed = np.repeat(PEOPLE, 2)
    for distances, rate in ((1.0 - own, 0), (1.0 * own, 1), (0.0 * own, 0.5)):
        assert equal_error_rate(distances, PEOPLE, probed).item() == pytest.approx(rate)
    chance = np.random.default_rng(0).random((3000, 6))
    assert equal_error_rate(chance, PEOPLE, np.tile(PEOPLE, 500)).item() == pytest.approx(0.5, abs=0.02)


def test_people_are_drawn_whole_and_only_those_with_probes():
    weights = resample_people(PEOPLE, np.array([0, 0, 2, 5]), 400)
    assert (weights[:, [1, 3, 4]] == 1).all()
    assert (weights[:, [0, 2, 5]].sum(1) == 3).all()
    assert weights[:, 0].mean() == pytest.approx(1, abs=0.15)
    assert (weights == resample_people(PEOPLE, np.array([0, 2, 5]), 400)).all()
    assert (np.count_nonzero(resample_people(np.arange(2), np.arange(2), 50), axis=1) == 2).all()


def test_the_bootstrap_covers_a_truth_that_is_known():
    """Two people are always confused and four never: over samples the rate spreads about its value."""
    distances = 1.0 - np.eye(6)
    distances[0, 0] = distances[1, 1] = 2.0
    rates = equal_error_rate(distances, PEOPLE, PEOPLE, resample_people(PEOPLE, PEOPLE, 500))
    low, high = np.quantile(rates, (0.025, 0.975))
    assert low < equal_error_rate(distances, PEOPLE, PEOPLE).item() < high
    assert high - low > 0.1


def test_what_cannot_be_counted_is_one_sentence(refuses):
    refuses(lambda: distances_to_people(np.zeros((2, 3)), np.zeros(2, int)), "probes×photos")
    refuses(lambda: distances_to_people(np.full((1, 1), np.nan), np.zeros(1, int)), "finite")
    refuses(lambda: rank_one(np.zeros((1, 2)), np.arange(2), np.array([4])), "person 4")
    refuses(lambda: equal_error_rate(np.zeros((2, 1)), np.arange(1), np.zeros(2, int)), "two people")
    refuses(lambda: rank_one(np.zeros((1, 3)), np.arange(2), np.array([0])), "1×2")


# The script -----------------------------------------------------------------------------------------------------------


class Grey(SuperResolver):
    name, arguments = "grey", {}

    def __init__(self, level):
        super().__init__()
        self.level = level

    def upscale(self, small, size):
        return torch.full((len(small), 1, *size), self.level)


def test_half_of_each_persons_photos_are_the_gallery(orl):
    gallery, probes = recognition.halves(orl)
    for half in (gallery, probes):
        assert np.unique(half.people, return_counts=True)[1].tolist() == [5] * 40
    assert not set(gallery.names) & set(probes.names)


def test_each_photo_is_enlarged_by_the_model_of_its_person():
    faces = FaceSet(np.zeros((6, 1, 24, 20), np.uint8), np.array([2, 0, 1, 0, 2, 1]), list("abcdef"), {})
    pixels = recognition.enlarged(faces, [(Grey(0.25), [0, 2]), (Grey(0.75), [1])], 4)
    assert pixels.shape == (6, 24, 20)
    assert pixels[:, 3, 3].tolist() == [0.25, 0.25, 0.75, 0.25, 0.25, 0.75]
    assert np.isnan(recognition.enlarged(faces, [(Grey(0.25), [0, 2])], 4)[[2, 5]]).all()  # nobody's photo is forgotten


def test_a_network_that_saw_the_person_is_refused(orl, tmp_path, monkeypatch):
    monkeypatch.setattr(recognition, "FAR", tmp_path)
    (training, _), (others, _) = folds_by_person(orl, 5)[:2]
    save_model(create_model("mffcn", width=2), tmp_path / "mffcn-far-0", {"training_people": training.who()})
    assert recognition.network("mffcn-far", 0, training).name == "mffcn"
    with pytest.raises(SystemExit, match="other people"):
        recognition.network("mffcn-far", 0, others)


def as_faces(who):
    return FaceSet(np.zeros((len(who), 1, 2, 2), np.uint8), who, [f"{i}" for i in range(len(who))], {})


def test_scores_and_comparisons_of_planted_numbers(monkeypatch):
    monkeypatch.setattr(recognition, "SAMPLES", 300)
    rows = []
    for system, spread in (("bicubic", 3.0), ("good", 0.01)):
        (gallery, who), (probes, probed) = cloud(spread), cloud(spread, seed=1)
        row = recognition.score(cdist(probes, gallery), as_faces(who), as_faces(probed))
        rows.append({"system": system, "factor": 4, "gallery": "sharp", **row})
    assert rows[1]["rank_one"] == 1
    assert rows[1]["eer"] == 0
    assert rows[0]["eer_ci"][0] < rows[0]["eer"] < rows[0]["eer_ci"][1]
    by_rank, by_rate = recognition.compare(rows)
    assert (by_rank["a"], by_rank["b"], by_rank["verdict"]) == ("good / sharp", "bicubic / sharp", "above")
    assert by_rate["verdict"] == "below"
    assert by_rate["mean"] == pytest.approx(-rows[0]["eer"])


def test_eigenfaces_keep_distances_and_a_whitened_photo_has_spread_1(orl):
    photos = orl.images[:30, 0, ::4, ::4] / 255
    numbers = descriptors.eigenfaces(photos, 29, False)(photos)
    np.testing.assert_allclose(cdist(numbers, numbers), cdist(*[photos.reshape(30, -1)] * 2), atol=1e-9)
    white = descriptors.eigenfaces(photos, 10, True)(photos)
    np.testing.assert_allclose(white.std(0, ddof=1), 1)


def test_a_photo_is_not_its_own_nearest_in_the_choice():
    # Pairs of two people coincide: with its own photo left out each is nearest to the other person.
    points = np.array([[0.0, 0], [10, 0], [0, 0.1], [10, 0.1]])
    rank, rate = descriptors.leave_one_out(points, np.array([0, 0, 1, 1]), "euclidean")
    assert (rank, rate) == (0, 1)


@pytest.mark.detect
def test_the_deep_descriptor_knows_people_apart_and_finds_faces(orl):
    deep = descriptors.Deep("detector")
    numbers = deep(orl.images[[0, 1, 10, 11], 0] / 255)
    assert numbers.shape == (4, 128)
    assert deep.found == 1
    apart = cdist(numbers, numbers)
    assert max(apart[0, 1], apart[2, 3]) < apart[:2, 2:].min()
    deep(np.full((1, 112, 92), 0.5))
    assert deep.found == 0


def test_without_dlib_the_script_says_what_to_install(refuses, monkeypatch):
    monkeypatch.setitem(sys.modules, "dlib", None)
    refuses(lambda: descriptors.Deep("detector"), "pip install dlib-bin")


# What is stored -------------------------------------------------------------------------------------------------------


def test_what_is_stored_agrees_with_itself():
    stored = load_results("recognition")
    found = {(r["descriptor"], r["system"], r["gallery"], r["factor"]): r for r in stored["results"]}
    assert len(found) == len(stored["results"])
    for row in stored["results"]:
        assert len(row["rank_one_by_person"]) == len(stored["people"]) == 40
        assert np.mean(row["rank_one_by_person"]) == pytest.approx(row["rank_one"])
        assert row["rank_one_ci"] == pytest.approx(t_interval(row["rank_one_by_person"]))
        assert 0 <= row["eer_ci"][0] <= row["eer_ci"][1] <= 1
    for row in stored["comparisons"]:
        a, b = (found[row["descriptor"], *row[side].split(" / "), row["factor"]] for side in "ab")
        assert row["mean"] == pytest.approx(a[row["measure"]] - b[row["measure"]])
    # Nobody's numbers are in it: no list of numbers is longer than that of the people.
    lists = re.findall(r"\[[-\d.e, ]+\]", json.dumps(stored))
    assert max(text.count(",") + 1 for text in lists) == 40
    chosen = stored["chosen_on_the_gallery"]
    assert chosen["eigenfaces"][0]["eer"] == min(row["eer"] for row in chosen["eigenfaces"])
    assert any("no information" in line for line in stored["said"])
