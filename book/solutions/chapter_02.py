"""Reference solutions of chapter 2, "How far does interpolation go?"."""

import torch

from mffcn_lite.degrade import cubic


def positions(source: int, target: int) -> list[float]:
    """Exercise 2.1: where the centres of the new pixels lie on the axis of the old ones."""
    return [(i + 0.5) * source / target - 0.5 for i in range(target)]


def largest_overshoot() -> float:
    """Exercise 2.2: how far above 1 an edge goes with a = −0.75; exactly −4a/27, at t = 1/3."""
    t = torch.tensor([0.2, 0.3, 0.4])
    return -cubic(1 + t, a=-0.75).min().item()


def find_a(enlarge) -> float:
    """Exercise 2.3: the parameter a of a bicubic enlarger; the overshoot at an edge is −4a/27."""
    edge = (torch.arange(16) >= 8).double().view(1, 1, 1, 16)
    # The most negative weight lies at a distance of 4/3, which an odd multiple of 3 hits exactly.
    return (1 - enlarge(edge, (1, 16 * 27)).max().item()) * 27 / 4


def measure_shift(enlarge, factor: int) -> float:
    """Exercise 2.4: how many pixels too far to the right an enlarger puts the picture."""
    ramp = torch.arange(12, dtype=torch.float64).expand(1, 1, 12, 12)
    row = enlarge(ramp, (12 * factor, 12 * factor))[0, 0, 6 * factor]
    middle = 6 * factor
    return (positions(12, 12 * factor)[middle] - row[middle].item()) * factor


SOLUTIONS = {"2.1": positions, "2.2": largest_overshoot(), "2.3": find_a, "2.4": measure_shift}
