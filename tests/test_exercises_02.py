"""Chapter 2's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

import numpy as np
import pytest
import torch

from mffcn_lite.exercises import check


def in_numpy(source, target):
    return (np.arange(target, dtype=np.float32) + np.float32(0.5)) * np.float32(source / target) - np.float32(0.5)


def by_the_lowest(enlarge):
    edge = (np.arange(16) >= 8).astype(np.float32)[None, None, None]
    return np.asarray(enlarge(edge, np.array([1, 16 * 27]))).min() * 27 / 4


OTHERS = [("2.1", in_numpy), ("2.1", lambda source, target: in_numpy(source, target)[:, None]), ("2.3", by_the_lowest)]


def measured_shift(scale):
    def answer(enlarge, factor):
        ramp = torch.arange(12, dtype=torch.float64).expand(1, 1, 12, 12)
        value = enlarge(ramp, (12 * factor, 12 * factor))[0, 0, 18, 18].item()
        return ((18.5 / factor - 0.5) - value) * factor * scale

    return answer


@pytest.mark.parametrize(("scale", "hint"), [(-1, "wrong sign"), (1 / 3, "pixels of the enlarged")])
def test_a_shift_in_the_wrong_direction_or_unit_is_named(scale, hint, capsys):
    assert check("2.4", measured_shift(scale)) is False
    assert hint in capsys.readouterr().out


def test_another_way_to_the_answer_passes_too(capsys):
    assert check("2.4", measured_shift(1)) is True
    assert check("2.2", torch.tensor(1 / 9)) is True
