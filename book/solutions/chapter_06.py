"""Reference solutions of chapter 6, "Can we learn from pairs of patches?"."""

import torch
from torch.nn import functional


def megabytes() -> float:
    """Exercise 6.1: about five megabytes."""
    numbers = 3 * 12_000 * (24 + 49)
    return numbers * 2e-6


def best_filter(blurred, hr, side: int):
    """Exercise 6.2: least squares over the windows inside."""
    reach = side // 2
    rows = functional.unfold(blurred, side).transpose(1, 2).flatten(0, 1)
    middles = hr[:, :, reach : hr.shape[2] - reach, reach : hr.shape[3] - reach]
    return torch.linalg.lstsq(rows, middles.flatten()[:, None]).solution.reshape(side, side)


def pursuit(signal, atoms, count: int):
    """Exercise 6.3: all weights anew, and the rest is what they leave of the signal."""
    rest, chosen = signal, []
    for _ in range(count):
        chosen.append((atoms @ rest).abs().argmax().item())
        fitted = torch.linalg.lstsq(atoms[chosen].T, signal[:, None]).solution[:, 0]
        rest = signal - fitted @ atoms[chosen]
    return chosen, fitted


def worst_leaks(training, testing, side: int) -> list[str]:
    """Exercise 6.4: the same pixels, the same photo of the same person, the same person."""

    def leak(patch) -> str:
        mine = [other for other in training if other[0] == patch[0]]
        same = [other for other in mine if other[1] == patch[1]]
        if any(abs(other[2] - patch[2]) < side and abs(other[3] - patch[3]) < side for other in same):
            return "pixels"
        return "photo" if same else "person" if mine else "none"

    return [leak(patch) for patch in testing]


SOLUTIONS = {"6.1": megabytes(), "6.2": best_filter, "6.3": pursuit, "6.4": worst_leaks}
