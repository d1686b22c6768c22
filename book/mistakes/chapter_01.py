"""Wrong answers to chapter 1, "What is lost when a face is made small?"."""

import torch

from mffcn_lite.degrade import resampling_matrices


def area(old, new, scale=1.0):
    return resampling_matrices(torch.zeros(1, 1, 1, old), (1, new), kernel="area")[1] * scale


def blocks(values):
    return lambda: torch.tensor(values).reshape(3, 3).repeat(20, 20)[None, None]


WRONG = [
    ("1.1", 1.2, "take them away"),
    ("1.1", 0.2 / 3, "cycles a pixel of the original"),
    ("1.1", 0.8, "a whole cycle or a sign"),
    ("1.1", 0.4, "is not it"),
    ("1.1", "stripes", "give a number"),
    ("1.2", lambda old, new: area(old, new, old / new), "so that each line sums to 1"),
    ("1.2", lambda old, new: area(old, new).T, "a line for each new"),
    ("1.2", lambda old, new: area(old, new, 0.5), "stay grey"),
    ("1.2", lambda old, new: resampling_matrices(torch.zeros(1, 1, 1, old), (1, new))[1], "the shares differ"),
    ("1.3", lambda: torch.rand(60, 60), "shape (1, 1, 60, 60)"),
    ("1.3", lambda: torch.full((1, 1, 60, 60), 0.5), "reach from 0 to 1"),
    ("1.3", blocks([0.0, 1, 1, 0, 1, 1, 0, 1, 1]), "is constant"),
    ("1.3", lambda: torch.linspace(0, 1, 3600).reshape(1, 1, 60, 60), "not flat"),
    ("1.4", lambda camera: "box", "return one of"),
    ("1.4", lambda camera: "bicubic", "you took it for bicubic"),
    ("1.5", 3, "between quotes"),
    ("1.5", "We can do that, no problem, send it over.", "a sharpened face is"),
    ("1.5", "It is a guess. It is no evidence. Use a law court instead.", "words"),
]  # fmt: skip
