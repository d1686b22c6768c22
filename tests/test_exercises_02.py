"""What typical wrong answers are told: a hint that names the misconception, never the answer."""

import pytest
import torch

from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.exercises import check

WRONG = [
    ("2.1", lambda s, t: [i * s / t for i in range(t)], "borders line up"),
    ("2.1", lambda s, t: [i * (s - 1) / (t - 1) for i in range(t)], "outer borders"),
    ("2.1", lambda s, t: [(i + 0.5) * s / t for i in range(t)], "centre of its first pixel"),
    ("2.1", lambda s, t: [(i + 0.5) * s / t - 0.5 for i in range(s)], "positions"),
    ("2.1", lambda s, t: [(i + 0.5) * t / s - 0.5 for i in range(t)], "should lie at"),
    ("2.1", lambda s, t: [-0.25, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25], "positions"),  # hard-coded
    ("2.2", 0, "negative"),
    ("2.2", 1.1111, "how far above 1"),
    ("2.2", -1 / 9, "negative"),
    ("2.2", 0.074, "a = -0.5"),
    ("2.2", 0.5, "too large"),
    ("2.2", 0.01, "too small"),
    ("2.2", "a lot", "give a number"),
    ("2.3", lambda enlarge: -0.5, "a = -0.75"),
    ("2.3", lambda enlarge: None, "found None"),
    ("2.4", lambda enlarge, factor: 0.0, "constant"),
    ("2.4", lambda enlarge, factor: 0.3, "ramp"),
    ("2.4", lambda enlarge, factor: None, "one number"),
    ("2.4", lambda enlarge, factor: 1 / 0, "ZeroDivisionError"),
]


def measured_shift(scale):
    def answer(enlarge, factor):
        ramp = torch.arange(12, dtype=torch.float64).expand(1, 1, 12, 12)
        value = enlarge(ramp, (12 * factor, 12 * factor))[0, 0, 18, 18].item()
        return ((18.5 / factor - 0.5) - value) * factor * scale

    return answer


@pytest.mark.parametrize(("identifier", "answer", "hint"), WRONG)
def test_a_wrong_answer_gets_its_hint(identifier, answer, hint, hints):
    hints(identifier, answer, hint)


@pytest.mark.parametrize(("scale", "hint"), [(-1, "wrong sign"), (1 / 3, "pixels of the enlarged")])
def test_a_shift_in_the_wrong_direction_or_unit_is_named(scale, hint, capsys):
    assert check("2.4", measured_shift(scale)) is False
    assert hint in capsys.readouterr().out


def test_another_way_to_the_answer_passes_too(capsys):
    assert check("2.4", measured_shift(1)) is True
    assert check("2.2", torch.tensor(1 / 9)) is True


def test_an_unknown_exercise_is_an_error():
    with pytest.raises(MffcnLiteError, match=r"9\.9"):
        check("9.9", 1)
