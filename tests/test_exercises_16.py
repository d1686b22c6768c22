"""Chapter 16's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from book.mistakes.chapter_16 import review, sentences, word
from book.solutions.chapter_16 import SOLUTIONS
from mffcn_lite.exercises import check
from mffcn_lite.exercises.chapter_16 import EVIDENCE
from mffcn_lite.statistics import t_interval


def in_float32(column, candidates):
    column = torch.tensor(column, dtype=torch.float32).diff()
    return (name for name, own in candidates.items() if (torch.tensor(own).diff() - column).abs().max() <= 0.5)


def in_arrays(a, b, claim):
    """Makes arrays of the lists, where they are."""
    for side in (a, b):
        for person in side:
            side[person] = np.array(side[person])
    return word(claim, *t_interval([float((a[person] - b[person]).mean()) for person in a])).upper()


def rounded(arms, seeds, base_seeds):
    return np.float32(2 * arms / math.comb(seeds + base_seeds, base_seeds))


OTHERS = [
    ("16.3", in_arrays),
    ("16.4", rounded),
    ("16.5", in_float32),
    ("16.5", lambda *given: np.array(list(in_float32(*given)), dtype=str)),
]
SETS = {"16.3": 100}


def test_the_reference_review_is_not_the_only_one():
    short = review(recommendation="reject")
    del short["findings"][-1]
    assert check("16.6", short) is True
    assert check("16.6", review(findings=tuple(review()["findings"]))) is True


def test_a_network_may_invent_details_and_a_set_may_be_made_up_of_people():
    for words in (
        "results hold details that are invented by the network",
        "the set is made up of eight people, and the network fabricates what it has not seen",
    ):
        assert check("16.6", review(("findings", 0, "does_not_follow"), f"It does not follow that {words}.")) is True
    for words in ("the authors invented numbers", "The figures must have been manipulated", "it is a fraud"):
        assert check("16.6", review(("findings", 0, "does_not_follow"), f"It does not follow that {words}.")) is False


def test_what_was_not_filled_in_was_not_attempted():
    assert check("16.2", sentences(*[...] * 6)) is None
    assert check("16.6", dict.fromkeys(("summary", "strength", "findings", "recommendation"), ...)) is None


def test_an_answer_in_another_form_passes():
    def by_scipy(a, b, claim):
        d = np.array([np.mean(a[p]) - np.mean(b[p]) for p in sorted(a)])
        low, high = stats.t.interval(0.95, len(d) - 1, d.mean(), stats.sem(d))
        return word(claim, low, high)

    def by_factorials(arms, n, m):
        return 2 * arms * math.factorial(n) * math.factorial(m) / math.factorial(n + m)

    def a_list(column, candidates):
        falls = (column[0] - column[1], column[1] - column[2])
        return [
            n for n, (x, y, z) in candidates.items() if abs(x - y - falls[0]) <= 0.5 and abs(y - z - falls[1]) <= 0.5
        ]

    assert check("16.1", 43.4) is True
    assert check("16.3", by_scipy) is True
    assert check("16.4", by_factorials) is True
    assert check("16.5", a_list) is True


def test_the_evidence_is_what_the_package_ships():
    from mffcn_lite.evaluation import load_results

    for name in EVIDENCE:
        if name not in ("paper", "off_protocol"):  # off_protocol is measured after the weights
            assert load_results(name)


def test_the_ceiling_is_what_a_system_that_knows_the_face_reaches():
    # White noise, averaged over the null space of an exact 2×2 mean: a simulation of the formula.
    generator = np.random.default_rng(0)
    noise = 2 * generator.normal(size=(64, 64, 64))
    seen = noise.reshape(64, 32, 2, 32, 2).mean((2, 4)).repeat(2, 1).repeat(2, 2)
    error = np.mean((noise - seen) ** 2)
    assert check("16.1", 10 * np.log10(255**2 / error)) is True


def test_chance_calls_as_many_arms_as_the_solution_says():
    generator = np.random.default_rng(0)
    arms, base = generator.normal(size=(20_000, 4)), generator.normal(size=(20_000, 3))
    apart = (arms.min(1) > base.max(1)) | (arms.max(1) < base.min(1))
    assert SOLUTIONS["16.4"](100, 4, 3) == pytest.approx(100 * apart.mean(), rel=0.1)
