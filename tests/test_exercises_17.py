"""Chapter 17's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

import numpy as np
import pytest
import torch
from scipy import optimize, stats

from book.mistakes.chapter_17 import evidence, memo, review
from mffcn_lite.exercises import check


def by_beta(errors, people):
    low = torch.tensor(stats.beta.ppf(0.025, errors, people - errors + 1)) if errors else torch.zeros(())
    return [[low.float()], [np.float32(stats.beta.ppf(0.975, errors + 1, people - errors)) if errors < people else 1]]


def with_other_words():
    found = {part.upper(): text for part, text in memo().items()}
    because = ["It’s no proof: other faces shrink to this one too.", "Most of it would be a guess, and nobody’s face."]
    evidence = [np.array("Chapter 5"), (" Recognition", np.float32(0.92))]
    reasons = [*zip(because, evidence, strict=True), ("A crowd is not a laboratory of forty.", ["recognition", "0.92"])]
    return found | {"ANSWER": "We don’t build this.", "REASONS": tuple(reasons)}


OTHERS = [("17.2", by_beta), ("17.5", with_other_words())]


@pytest.mark.parametrize("identifier", ["17.1", "17.3"])
def test_a_hint_never_tells_the_answer(identifier, capsys):
    check(identifier, 0.999 if identifier == "17.1" else lambda rate: 1)
    said = capsys.readouterr().out
    assert "0.08" not in said
    assert "72" not in said


def test_answers_in_another_form_pass():
    assert check("17.1", 0.083) is True
    assert check("17.1", 1 / 12.1) is True

    def by_search(errors, people):
        def end(tail):
            return optimize.brentq(tail, 1e-12, 1 - 1e-12)

        low = end(lambda p: stats.binom.sf(errors - 1, people, p) - 0.025) if errors else 0
        high = end(lambda p: stats.binom.cdf(errors, people, p) - 0.025) if errors < people else 1
        return np.array([low, high])

    def by_counting(rate):
        people = 1
        while by_search(0, people)[1] >= rate:
            people += 1
        return people

    assert check("17.2", by_search) is True
    assert check("17.2", lambda x, n: stats.binomtest(x, n).proportion_ci()) is True
    assert check("17.3", by_counting) is True


def test_what_was_not_begun_is_no_wrong_answer():
    assert check("17.4", review(*[...] * 7)) is None
    assert check("17.5", dict.fromkeys(memo(), ...)) is None


def test_a_short_memo_is_complete_in_form_and_its_number_may_be_a_percentage():
    assert check("17.5", memo()) is True
    assert check("17.5", evidence("gdpr", ["recognition", 92.0], ("recognition", 92))) is True


def test_sharpness_may_be_named_where_it_is_not_the_reason():
    reasons = [*memo()["reasons"], ("Even a sharper network can't know whose face was there.", "chapter 5")]
    reasons.append(("That they are not sharp enough is not the point: any of them is a guess.", "chapter 10"))
    mind = "No sharper network would; a setting that was never chosen on test people might help."
    assert check("17.5", memo(reasons=reasons, what_would_change_my_mind=mind)) is True
