"""Reference solutions of chapter 13, "Texture loss: what does a Gram matrix forget?"."""

import torch


def ranks() -> dict[str, int]:
    """Exercise 13.1: the smaller one of channels and positions; each pooling before the layer halves, rounding down."""
    positions = {
        "conv3_3, photo of 128×128": (128 // 4) ** 2,
        "conv4_3, photo of 128×128": (128 // 8) ** 2,
        "conv5_3, photo of 128×128": (128 // 16) ** 2,
        "conv5_3, photo of 178×218": (178 // 16) * (218 // 16),
        "conv5_3, photo of 512×512": (512 // 16) ** 2,
    }
    return {line: min(256 if line.startswith("conv3") else 512, n) for line, n in positions.items()}


def gram(maps):
    """Exercise 13.2: photos stay apart, and the sum is in float32."""
    rows = maps.float().flatten(2)
    return torch.einsum("nip,njp->nij", rows, rows)


def table() -> dict[str, str]:
    """Exercise 13.3: what is a rotation of the positions (or a common sign) is forgotten."""
    answers = ("changes", "same", "changes", "changes", "same", "changes", "same", "changes")
    changes = (
        "shuffle the photo's pixels",
        "shuffle the maps' positions, alike in all channels",
        "shuffle the maps' positions, anew in each channel",
        "mirror the photo",
        "mirror the maps",
        "shuffle the channels",
        "turn the sign of all maps",
        "add 1 to all maps",
    )
    return dict(zip(changes, answers, strict=True))


def growth(positions, entries, normalize, norm):
    """Exercise 13.4: entries twice, positions once unless they are divided away, and a square of it all."""
    of_gram = entries**2 * (positions if normalize == "none" else 1)
    return of_gram**2 if norm == "squared" else of_gram


def same_texture(maps):
    """Exercise 13.5: a reflection of the space of positions, which mixes each of them with all the others."""
    positions = maps.shape[2] * maps.shape[3]
    axis = torch.arange(1.0, positions + 1)
    axis = axis / axis.norm()
    mirror = torch.eye(positions) - 2 * torch.outer(axis, axis)
    return (maps.flatten(2) @ mirror).view_as(maps)


SOLUTIONS = {"13.1": ranks(), "13.2": gram, "13.3": table(), "13.4": growth, "13.5": same_texture}
