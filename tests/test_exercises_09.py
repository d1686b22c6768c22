"""Chapter 9's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

import numpy as np
import torch

from book.mistakes.chapter_09 import counter, mean_of_squares, picture, ways
from mffcn_lite.exercises import check
from mffcn_lite.models import MFFCN, count_multiplications, count_parameters


def twice(kernel):
    return np.concatenate([kernel.numpy()] * 2, axis=1)


def seen(layers, blurred, hr):
    """The picture as NumPy has it, and a loss that is found by hand."""
    sr = blurred + layers(blurred)
    return [sum(((one - two) ** 2).sum() for one, two in zip(sr, hr, strict=True)) / hr.numel(), sr.detach().numpy()]


OTHERS = [("9.1", np.array([1, 10, 10, 10, 20, 20, 10], dtype=np.float32)), ("9.3", twice), ("9.4", seen)]
OTHERS += [("9.5", lambda depth: np.array(ways()(depth))), ("9.5", lambda depth: torch.tensor(ways()(depth)))]
SETS = {"9.2": 100}


def test_a_target_for_the_layers_is_as_right_as_one_for_the_network():
    assert check("9.4", lambda f, b, h: (mean_of_squares(f(b) - (h - b)), picture(f, b))) is True


def test_tensors_and_numbers_of_other_kinds_pass_too():
    assert check("9.1", torch.tensor([1, 10, 10, 10, 20, 20, 10])) is True
    assert check("9.2", counter()) is True
    assert check("9.5", lambda depth: [list(pair) for pair in ways()(depth)]) is True


def test_the_counts_of_the_exercise_are_those_of_the_library():
    model = MFFCN(block="conv3", width=8, depth=9)
    assert counter()(8, 9, 3, "concat", 128 * 128) == (count_parameters(model), count_multiplications(model))
