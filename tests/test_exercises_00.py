"""Chapter 0's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

import torch

from book.mistakes.chapter_00 import convolved
from mffcn_lite.exercises import check, hidden_valley


def bisection(slope):
    low, high = -10.0, 10.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return (low + high) / 2


def test_another_way_to_the_answer_passes_too(capsys):
    assert check("0.2", convolved()) is True
    assert check("0.5", bisection) is True
    assert check("0.4", 400.0) is True


def test_a_hidden_valley_has_its_bottom_where_it_says():
    slope = hidden_valley(2.0, 3.0)
    assert (slope(1.0), slope(2.0), slope(4.0)) == (-3.0, 0.0, 6.0)
    assert torch.tensor(slope(2.5)) > 0
