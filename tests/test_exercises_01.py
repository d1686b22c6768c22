"""Chapter 1's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

import numpy as np
import torch

from book.mistakes.chapter_01 import area, blocks
from mffcn_lite.exercises import check, new_camera


def in_loops(old, new):
    def overlap(i, j):
        return max(0, min((i + 1) * old / new, j + 1) - max(i * old / new, j)) * new / old

    return [[overlap(i, j) for j in range(old)] for i in range(new)]


def crossed():
    return np.kron(np.ones((20, 20), dtype=np.uint8), np.eye(3, dtype=np.uint8))[None, None]


def by_numpy(camera):
    """Shows a scene of NumPy's."""
    scene = np.random.default_rng(0).random((1, 1, 45, 45))
    seen = camera(scene)
    made = {name: new_camera(name)(scene) for name in ("bicubic", "bilinear", "area", "lanczos", "nearest")}
    return min(made, key=lambda name: np.abs(np.asarray(made[name]) - np.asarray(seen)).mean())


OTHERS = [("1.2", in_loops), ("1.3", crossed), ("1.3", lambda: crossed().astype(bool)), ("1.4", by_numpy)]


MEMO = (
    "What you would get is an invention of a program that fits your few pixels, and many people would fit them. "
    "It is no proof of who was there, and nobody may be searched or arrested because of it. Please look for a witness, "
    "or for the tape itself, before you ask for a drawing."
)


def test_another_way_to_the_answer_passes_too(capsys):
    assert check("1.2", lambda old, new: area(old, new).tolist()) is True
    assert check("1.3", blocks([0.0, 0.5, 1, 0.5, 1, 0, 1, 0, 0.5])) is True
    assert check("1.5", MEMO) is True


def test_a_new_camera_is_its_kernel_with_a_grey_level_of_noise():
    scene = torch.rand(1, 1, 60, 60, generator=torch.Generator().manual_seed(0))
    noise = new_camera("nearest")(scene) - scene[..., 1::3, 1::3]
    assert 0.5 / 255 < noise.std().item() < 2 / 255
