"""Chapter 8's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

from book.mistakes.chapter_08 import GOOD, decide
from mffcn_lite.exercises import check


def test_a_count_that_is_one_pixel_more_is_right_too():
    """At 92.3 pixels both are even: from the 93rd on the call saves; a reader who rounds is not sent away."""
    assert check("8.3", 93) is True
    assert check("8.3", 92.31) is True
    assert check("8.3", 92) is False


def test_pairs_may_stand_in_any_order():
    assert check("8.4", {question: pair[::-1] for question, pair in GOOD.items()}) is True


def test_another_test_for_a_bend_passes_too():
    assert check("8.5", decide()) is True
