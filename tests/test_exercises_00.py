"""Chapter 0's checks: what typical wrong answers are told."""

import pytest
import torch
from torch.nn.functional import conv1d, pad

from mffcn_lite.exercises import check, hidden_valley


def convolved(mode="constant", turn=False, same=True):
    def answer(row, kernel):
        half = len(kernel) // 2 if same else 0
        around = pad(row[None, None], (half, half), mode=mode) if half else row[None, None]
        return conv1d(around, (kernel.flip(0) if turn else kernel)[None, None]).flatten()

    return answer


def descent(rate):
    def answer(slope):
        x = 0.0
        for _ in range(100):
            x -= rate * slope(x)
        return x

    return answer


def bisection(slope):
    low, high = -10.0, 10.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return (low + high) / 2


WRONG = [
    ("0.1", 84, "padding out"),
    ("0.1", 85, "each side"),
    ("0.1", 88, "the second takes"),
    ("0.1", 90, "width less 1"),
    ("0.1", 50, "width less 1"),
    ("0.1", "some", "a number"),
    ("0.2", convolved(turn=True), "turn the kernel round"),
    ("0.2", convolved(mode="replicate"), "at the two ends"),
    ("0.2", convolved(same=False), "with the shape"),
    ("0.2", lambda row, kernel: row, "came out as"),
    ("0.3", lambda x: (x - x.mean()) / x.std(), "for each photo"),
    ("0.3", lambda x: x - x.mean((1, 2, 3), keepdim=True), "divide by one"),
    ("0.3", lambda x: x.mean((1, 2, 3)), "go away"),
    ("0.3", lambda x: x - x.mean((2, 3), keepdim=True), "each channel"),
    ("0.4", 100, "by the root"),
    ("0.4", 375, "all of them"),
    ("0.4", 50, "too few"),
    ("0.4", "many", "a number"),
    ("0.5", descent(0.1), "a slope that changes its sign"),
    ("0.5", descent(1e-4), "go faster"),
    ("0.5", lambda slope: None, "one number"),
    ("0.5", lambda slope: [slope(x) for x in range(300)], "more than 200"),
]


@pytest.mark.parametrize(("identifier", "answer", "hint"), WRONG)
def test_a_wrong_answer_gets_its_hint(identifier, answer, hint, hints):
    hints(identifier, answer, hint)


def test_another_way_to_the_answer_passes_too(capsys):
    assert check("0.2", convolved()) is True
    assert check("0.5", bisection) is True
    assert check("0.4", 400.0) is True


def test_a_hidden_valley_has_its_bottom_where_it_says():
    slope = hidden_valley(2.0, 3.0)
    assert (slope(1.0), slope(2.0), slope(4.0)) == (-3.0, 0.0, 6.0)
    assert torch.tensor(slope(2.5)) > 0
