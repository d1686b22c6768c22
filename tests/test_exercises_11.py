"""Chapter 11's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

import itertools

import numpy as np
import pytest
import torch

from book.mistakes.chapter_11 import grey_and_board, probe, table
from mffcn_lite.exercises import check, unknown_program
from mffcn_lite.losses import Objective, l2_tv_minimizer


def in_numpy(x):
    x = x.numpy().astype(np.float32)
    return (np.square(np.diff(x, axis=-1)).sum() + np.square(np.diff(x, axis=-2)).sum()) / np.float32(len(x))


def in_loops(x):
    total = 0.0
    for plane in x.flatten(0, 1).tolist():
        lines = [*plane, *map(list, zip(*plane, strict=True))]  # rows, and columns
        total += sum((b - a) ** 2 for line in lines for a, b in itertools.pairwise(line))
    return [total / len(x)]


def probed_in_numpy(program, height, width):
    return 1 / (1 + 8 * probe(lambda sr, hr: program(sr.numpy(), hr.tolist()), height, width))


OTHERS = [("11.2", in_numpy), ("11.2", in_loops), ("11.5", probed_in_numpy)]


def test_the_misconception_is_named_and_the_answer_is_not(capsys):
    check("11.1", 0.9999)
    assert "0.238" not in capsys.readouterr().out


def test_a_table_with_nothing_in_it_was_not_attempted():
    assert check("11.4", table(*[...] * 6)) is None


def test_a_pencils_answer_passes_and_so_does_one_with_another_probe():
    assert check("11.1", 0.24) is True

    def by_curvature(program, height, width):
        # Other pictures, same idea: grey against black, and a board of half the swing.
        grey, board = grey_and_board(height, width)
        a = program(grey, 0 * grey) / (height * width / 4)
        faint = 0.25 + 0.5 * board
        b = (program(faint, grey) - a * height * width / 16) / (2 * height * width - height - width) * 4
        return 1 / (1 + 8 * b / a)

    assert check("11.5", by_curvature) is True


def test_an_unknown_program_is_the_librarys_objective():
    generator = torch.Generator().manual_seed(0)
    sr, hr = (torch.rand(1, 1, 6, 5, generator=generator) for _ in range(2))
    for mine, librarys in (
        ({}, {}),
        ({"l2_reduction": "mean"}, {"reduction": "mean", "tv_reduction": "sum"}),
        ({"l2_range": 255, "tv_range": 255}, {"pixel_range": 255}),
        ({"tv_weight": 3.0, "l2_reduction": "mean", "tv_reduction": "mean"}, {"tv": 3.0, "reduction": "mean"}),
    ):
        want = Objective(perceptual=0, texture=0, **librarys)(sr, hr).total.item()
        assert unknown_program(**mine)(sr, hr) == pytest.approx(want, rel=1e-5)


def test_what_the_check_expects_is_what_the_best_picture_keeps():
    _, board = grey_and_board(64, 64)
    ratio = 0.0001 * 64 * 64 / 10
    inside = l2_tv_minimizer(board, ratio)[..., 20:40, 20:40]
    assert probe(unknown_program(l2_reduction="mean"), 64, 64) == pytest.approx(ratio, rel=1e-5)
    assert (inside.max() - inside.min()).item() == pytest.approx(1 / (1 + 8 * ratio), abs=1e-4)
