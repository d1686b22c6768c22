"""Reference solutions of chapter 2, "How far does interpolation go?"."""

import torch

from mffcn_lite.degrade import upsample


def positions(source: int, target: int) -> list[float]:
    """Exercise 2.1: where the centres of the new pixels lie on the axis of the old ones."""
    return [(i + 0.5) * source / target - 0.5 for i in range(target)]


def largest_overshoot() -> float:
    """Exercise 2.2: how far above 1 bicubic interpolation of an edge from 0 to 1 goes; exactly 2/27."""
    edge = (torch.arange(16) >= 8).double().view(1, 1, 1, 16)
    return upsample(edge, (1, 1600)).max().item() - 1


def find_a(enlarge) -> float:
    """Exercise 2.3: the parameter a of a bicubic enlarger, from its answer to an impulse."""
    impulse = torch.zeros(1, 1, 1, 9, dtype=torch.float64)
    impulse[..., 4] = 1
    row = enlarge(impulse, (1, 18))[0, 0, 0]
    # New pixel 6 lies at 6.5/2 − 0.5 = 2.75: the impulse is 1.25 pixels away, where the kernel is 9a/64.
    return row[6].item() * 64 / 9


def measure_shift(enlarge, factor: int) -> float:
    """Exercise 2.4: how many pixels too far to the right an enlarger puts the picture."""
    ramp = torch.arange(12, dtype=torch.float64).expand(1, 1, 12, 12)
    row = enlarge(ramp, (12 * factor, 12 * factor))[0, 0, 6 * factor]
    middle = 6 * factor
    return (positions(12, 12 * factor)[middle] - row[middle].item()) * factor


SOLUTIONS = {"2.1": positions, "2.2": largest_overshoot(), "2.3": find_a, "2.4": measure_shift}
