"""Chapter 3's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

import math

import numpy as np
import torch

from book.mistakes.chapter_03 import PARAGRAPH, noisy, psnr_of
from mffcn_lite.exercises import check, unknown_measure


def in_numpy(a, b):
    error = np.mean((a.numpy().astype(np.int64) - b.numpy()) ** 2)
    return np.array([20 * np.log10(255 / np.sqrt(error))])


def in_loops(a, b):
    squares = [(x - y) ** 2 for x, y in zip(a.flatten().tolist(), b.flatten().tolist(), strict=True)]
    return str(10 * math.log10(255**2 / (sum(squares) / len(squares))))


def pictures(hr):
    hr = hr.numpy()
    noise = 0.12 * np.random.default_rng(0).integers(0, 2, hr.shape) - 0.06
    return [np.float32(0.75) * hr + np.float32(0.25), np.clip(hr + noise, 0, 1)]


def asked(measure):
    grey = np.full((1, 1, 64, 64), 0.5)
    rows = [np.where(np.arange(64)[:, None] == row, 0, grey) for row in range(30)]
    seen = [np.isfinite(measure(row, grey)) for row in rows]
    return np.array([np.argmax(seen), np.isinf(measure(128.1 / 255 + 0 * grey, 128 / 255 + 0 * grey))])


OTHERS = [("3.2", in_numpy), ("3.2", in_loops), ("3.3", pictures), ("3.3", lambda hr: np.stack(pictures(hr)))]
OTHERS += [("3.4", asked)]
SETS = {"3.3": 100}


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
