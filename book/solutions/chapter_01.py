"""Reference solutions of chapter 1, "What is lost when a face is made small?"."""

import torch

from mffcn_lite.degrade import KERNEL_NAMES, downsample


def cycles_a_sample() -> float:
    """Exercise 1.1: 0.4 cycles a pixel are 1.2 a sample, and a whole one can't be seen."""
    return 3 * 0.4 - 1


def area_matrix(old: int, new: int) -> torch.Tensor:
    """Exercise 1.2: the overlap of new pixel i, from i·s to (i + 1)·s, and old pixel j, from j to j + 1."""
    scale = old / new
    shares = torch.zeros(new, old)
    for i in range(new):
        for j in range(old):
            shares[i, j] = max(0.0, min((i + 1) * scale, j + 1) - max(i * scale, j))
    return shares / scale


def vanishing() -> torch.Tensor:
    """Exercise 1.3: each block of 3×3 has the sum 4.5, in an order that varies along rows and columns."""
    block = torch.tensor([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.5, 0.5, 0.5]])
    block[2] = torch.tensor([0.0, 1.0, 0.5])
    block[:2, 2] = torch.tensor([0.2, 0.8])
    block[1, :2] = torch.tensor([0.3, 0.7])
    return block.repeat(20, 20)[None, None]


def choose_kernel(camera) -> str:
    """Exercise 1.4: white noise holds every wave; the nearest of the library's small pictures names the kernel."""
    scene = torch.rand(1, 1, 90, 90, generator=torch.Generator().manual_seed(1))
    seen = camera(scene)
    distance = {name: (downsample(scene, 3, kernel=name) - seen).square().mean().item() for name in KERNEL_NAMES}
    return min(distance, key=distance.get)


MEMO = """
A face of 31×37 pixels does not hold what you ask for. A program can draw a sharp face from it, but that face is a
guess: it fits your photo and looks like people whom the program has seen, and many other people would fit as well. So
it can't identify anybody, and must never be used as evidence or to pick a suspect. Please send the original recording
instead, ask whether another camera saw the same person, and let a court decide what may be compared with whom.
"""

SOLUTIONS = {"1.1": cycles_a_sample(), "1.2": area_matrix, "1.3": vanishing, "1.4": choose_kernel, "1.5": MEMO}
