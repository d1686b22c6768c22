"""Wrong answers to chapter 6, "Can we learn from pairs of patches?"."""

import torch
from torch.nn import functional


def fit(blurred, hr, side):
    reach = side // 2
    rows = functional.unfold(blurred, side).transpose(1, 2).flatten(0, 1)
    return torch.linalg.lstsq(rows, hr[..., reach:-reach, reach:-reach].reshape(-1, 1)).solution.view(side, side)


def with_borders(blurred, hr, side):
    return fit(functional.pad(blurred, [side // 2] * 4), functional.pad(hr, [side // 2] * 4), side)


def sloppy(signal, atoms, count):
    rest, chosen, weights = signal, [], []
    for _ in range(count):
        similar = atoms @ rest
        chosen.append(similar.abs().argmax().item())
        weights.append(similar[chosen[-1]])
        rest = signal - weights[-1] * atoms[chosen[-1]]
    return chosen, torch.stack(weights)


def matching(signal, atoms, count):
    """The atoms of the right pursuit, each with its weight alone."""
    rest, chosen = signal, []
    for _ in range(count):
        chosen.append((atoms @ rest).abs().argmax().item())
        rest = signal - torch.linalg.lstsq(atoms[chosen].T, signal[:, None]).solution[:, 0] @ atoms[chosen]
    return chosen, atoms[chosen] @ signal


def by_photo_alone(training, testing, side):
    photos = {patch[1] for patch in training}
    return ["photo" if patch[1] in photos else "none" for patch in testing]


WRONG = [
    ("6.1", 1.752, "three"),
    ("6.1", 2.628, "two bytes"),
    ("6.1", 5_256_000, "in bytes"),
    ("6.1", 1.728, "missing details"),
    ("6.1", 3.528, "recognised by"),
    ("6.1", 100, "multiply"),
    ("6.1", None, "number of megabytes"),
    ("6.2", lambda blurred, hr, side: fit(blurred, hr, side).T, "swapped"),
    ("6.2", lambda blurred, hr, side: fit(blurred, hr, side).flip(0, 1), "upside down"),
    ("6.2", lambda blurred, hr, side: fit(blurred, hr, side).flatten(), "shape"),
    ("6.2", with_borders, "middle of the window"),
    ("6.3", sloppy, "fit all of them anew"),
    ("6.3", lambda signal, atoms, count: ([11] * count, [1.0] * count), "without all atoms"),
    ("6.3", matching, "fit all of them anew"),
    ("6.3", lambda signal, atoms, count: ([0], [1.0] * 2), "1 indices and 1 weights"),
    ("6.4", by_photo_alone, "overlaps by a corner"),
    ("6.4", lambda training, testing, side: [], "one word for each"),
]
