"""Chapter 10's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

from book.mistakes.chapter_10 import CHOICES
from mffcn_lite.exercises import check


def test_choices_left_open_are_not_attempted_yet(capsys):
    assert check("10.3", dict.fromkeys(CHOICES, ...)) is None
