"""Chapter 3's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

import math

import torch

from book.mistakes.chapter_03 import PARAGRAPH, noisy, psnr_of
from mffcn_lite.exercises import check, unknown_measure


def test_another_way_to_the_answer_passes_too(capsys):
    assert check("3.1", 6) is True
    assert check("3.2", psnr_of(lambda x: x.float())) is True
    assert check("3.3", lambda hr: (0.7 * hr, noisy(hr))) is True
    assert check("3.5", PARAGRAPH) is True


def test_an_unknown_measure_cuts_and_rounds_as_told():
    grey = torch.full((1, 1, 9, 9), 0.5)
    edge = grey.clone()
    edge[..., 1, :] = 0
    assert math.isinf(unknown_measure(2, False)(edge, grey))
    assert math.isfinite(unknown_measure(1, False)(edge, grey))
    level = grey * 0 + 0.4
    assert math.isinf(unknown_measure(0, True)(level + 1e-4, level))
