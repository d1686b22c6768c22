"""Intervals against scipy, coverage by simulation, the family of comparisons by hand."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mffcn_lite.evaluation import evaluate
from mffcn_lite.models import create_model
from mffcn_lite.statistics import (
    bca_interval,
    compare,
    max_t_p_values,
    paired_differences,
    simultaneous_intervals,
    t_interval,
)


def table(values, model="a", factor=2, photos=3):
    """Per-photo rows whose people have the means `values`."""
    rows = []
    for person, value in enumerate(values):
        for photo in range(photos):
            rows.append({"model": model, "factor": factor, "person": person, "name": f"{person}/{photo}"})
            rows[-1]["psnr"] = value + photo - (photos - 1) / 2
    return pd.DataFrame(rows)


def test_the_t_interval_is_scipys():
    values = np.random.default_rng(0).normal(3, 2, 8)
    want = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert t_interval(list(values)) == pytest.approx([want.low, want.high])
    assert t_interval([2.5]) == [2.5, 2.5]


def test_the_bca_interval_is_scipys_and_leans_with_the_values():
    values = np.random.default_rng(1).exponential(1, 12)
    want = stats.bootstrap((values,), np.mean, method="BCa", rng=np.random.default_rng(0)).confidence_interval
    assert bca_interval(list(values)) == pytest.approx([want.low, want.high])
    low, high = bca_interval(list(values))
    assert high - values.mean() > values.mean() - low  # a long tail to the right
    assert bca_interval([1.0, 1.0, 1.0]) == [1.0, 1.0]
    assert bca_interval([4.0]) == [4.0, 4.0]


def test_with_eight_people_t_covers_as_it_says_and_percentiles_do_not():
    samples = np.random.default_rng(2).normal(0, 1, (400, 8))
    inside = [low <= 0 <= high for low, high in map(t_interval, samples.tolist())]
    draws = np.random.default_rng(3).integers(0, 8, (400, 8))
    percentiles = [np.percentile(sample[draws].mean(1), (2.5, 97.5)) for sample in samples]
    covered = [low <= 0 <= high for low, high in percentiles]
    assert 0.93 < np.mean(inside) < 0.97
    assert np.mean(covered) < 0.92


def test_differences_are_of_people_and_do_not_mind_the_order_of_rows():
    a, b = table([30.0, 31, 35]), table([29.0, 31, 30], "b")
    shuffled = pd.concat([a, b]).sample(frac=1, random_state=0)
    assert paired_differences(shuffled, "a", "b", 2).tolist() == [1, 0, 5]


def test_people_with_more_photos_do_not_count_more():
    a = pd.concat([table([30.0], photos=9), table([0.0, 40.0]).query("person == 1")])
    b = a.assign(model="b", psnr=a["psnr"] - np.where(a["person"] == 0, 1, 3))
    assert paired_differences(pd.concat([a, b]), "a", "b", 2).mean() == pytest.approx(2)


def test_what_cannot_be_paired_is_refused(refuses):
    a, b = table([30.0, 31]), table([29.0, 30], "b")
    refuses(lambda: paired_differences(a, "a", "b", 2), "b was not measured at factor 2")
    refuses(lambda: paired_differences(pd.concat([a, b]), "a", "b", 3), "factor 3")
    refuses(lambda: paired_differences(pd.concat([a, b.iloc[1:]]), "a", "b", 2), "same photos")
    refuses(lambda: max_t_p_values([[1.0]]), "two people")
    refuses(lambda: max_t_p_values([[1.0, 2.0], [1.0, 2.0, 3.0]]), "same")


def test_p_values_by_counting():
    # Two comparisons of three people, the 8 flips written out.
    rows = np.array([[1.0, 2, 4], [1, -1, 3]])

    def t(signs):
        flipped = rows * signs
        return np.abs(flipped.mean(1) / (flipped.std(1, ddof=1) / 3**0.5))

    flips = [t(np.array(signs)) for signs in itertools.product((1, -1), repeat=3)]
    want = [np.mean([flip.max() >= seen - 1e-9 for flip in flips]) for seen in t(np.ones(3))]
    assert max_t_p_values(rows.tolist()) == pytest.approx(want)


def test_one_comparison_is_scipys_permutation_test():
    values = np.random.default_rng(4).normal(0.5, 1, 8)

    def statistic(x, axis):
        return np.abs(x.mean(axis) / (x.std(axis, ddof=1) / 8**0.5))

    want = stats.permutation_test(
        (values,), statistic, permutation_type="samples", alternative="greater", n_resamples=np.inf
    )
    assert max_t_p_values([values.tolist()])[0] == pytest.approx(want.pvalue)


def test_eight_people_who_agree_give_one_in_128_and_a_family_is_harder_to_convince():
    sure = [1.0, 1.1, 0.9, 1.2, 0.8, 1.0, 1.05, 0.95]
    assert max_t_p_values([sure])[0] == 2 / 256
    noise = np.random.default_rng(5).normal(0, 1, (11, 8)).tolist()
    alone, family = max_t_p_values([noise[0]])[0], max_t_p_values([noise[0], sure, *noise[1:]])
    assert family[0] > alone
    assert family[1] < 0.05


def test_the_family_of_comparisons_is_rarely_wrong_where_there_is_nothing():
    generator = np.random.default_rng(6)
    wrong = [min(max_t_p_values(generator.normal(0, 1, (12, 8)).tolist())) < 0.05 for _ in range(300)]
    assert np.mean(wrong) < 0.08


def test_many_people_are_drawn_and_the_same_each_time():
    rows = np.random.default_rng(7).normal(0.3, 1, (3, 20)).tolist()
    got = max_t_p_values(rows)
    assert got == max_t_p_values(rows)
    assert got[0] == pytest.approx(max_t_p_values(rows, draws=20_000)[0], abs=0.02)
    assert min(got) >= 1 / 10_000


def test_people_who_are_all_alike():
    assert max_t_p_values([[0.0] * 4, [1.0] * 4])[0] == 1
    assert max_t_p_values([[0.0] * 4, [1.0] * 4])[1] == 2 / 16


def test_compare_says_which_is_above_on_real_faces(orl):
    faces = orl[np.flatnonzero(orl.people < 8)][::2]
    per_photo = evaluate({name: create_model(name) for name in ("nearest", "bicubic", "lanczos")}, faces, (2, 3))
    results = compare(per_photo, [("bicubic", "nearest"), ("bicubic", "lanczos")], (2, 3), ("psnr", "ssim"))
    assert len(results) == 8
    assert [r["verdict"] for r in results] == ["above"] * 4 + ["below"] * 4
    first = results[0]
    assert (first["a"], first["b"], first["factor"], first["measure"], first["people"]) == (
        "bicubic",
        "nearest",
        2,
        "psnr",
        8,
    )
    assert first["ci"][0] < first["mean"] < first["ci"][1]
    assert first["bca"][0] < first["mean"] < first["bca"][1]
    same = compare(per_photo, [("bicubic", "bicubic")], (2,))
    assert (same[0]["mean"], same[0]["verdict"]) == (0, "undecided")


@pytest.mark.parametrize("people", [8, 20])
def test_a_simultaneous_interval_leaves_zero_out_where_the_family_is_below_one_in_twenty(people):
    generator = np.random.default_rng(people)
    for _ in range(30):
        rows = generator.normal(generator.uniform(0, 1.5, (6, 1)), 1, (6, people))
        sure = [p < 0.05 for p in max_t_p_values(rows.tolist())]
        assert sure == [low > 0 or high < 0 for low, high in simultaneous_intervals(rows.tolist())]


def test_simultaneous_intervals_all_hold_at_once_as_often_as_they_say():
    generator, held = np.random.default_rng(5), []
    for _ in range(400):
        rows = generator.normal(2, 1, (5, 8))
        held.append(all(low <= 2 <= high for low, high in simultaneous_intervals(rows.tolist())))
    assert 0.9 < np.mean(held) <= 0.99  # 95 of 100, in 400 tries
    alone = generator.normal(2, 1, (1, 12))  # of one comparison: near Student's own
    assert simultaneous_intervals(alone.tolist())[0] == pytest.approx(t_interval(list(alone[0])), abs=0.06)


def test_what_is_surely_within_the_margin_is_equal_and_what_is_not_stays_undecided():
    small = [0.01, -0.02, 0.02, -0.01, 0.0, 0.01, -0.01, 0.005]
    rows = pd.concat([table([30 + x for x in small], "a"), table([30.0] * 8, "b"), table(range(26, 34), "c")])
    pairs = [("a", "b"), ("b", "c")]
    plain, found = compare(rows, pairs, (2,)), compare(rows, pairs, (2,), margins={"psnr": 0.1})
    assert [row["verdict"] for row in plain] == ["undecided"] * 2
    assert [row["verdict"] for row in found] == ["equal", "undecided"]
    assert [{k: v for k, v in row.items() if k not in ("band", "verdict")} for row in found] == [
        {k: v for k, v in row.items() if k != "verdict"} for row in plain
    ]
    assert compare(rows, pairs, (2,), margins={"psnr": 0.001})[0]["verdict"] == "undecided"
    assert compare(rows, pairs, (2,), margins={"ssim": 0.1})[0]["verdict"] == "undecided"
