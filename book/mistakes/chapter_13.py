"""Wrong answers to chapter 13, "Texture loss: what does a Gram matrix forget?"."""

import torch

from mffcn_lite.losses import gram_matrix

LINES = (
    "conv3_3, photo of 128×128",
    "conv4_3, photo of 128×128",
    "conv5_3, photo of 128×128",
    "conv5_3, photo of 178×218",
    "conv5_3, photo of 512×512",
)

CHANGES = (
    "shuffle the photo's pixels",
    "shuffle the maps' positions, alike in all channels",
    "shuffle the maps' positions, anew in each channel",
    "mirror the photo",
    "mirror the maps",
    "shuffle the channels",
    "turn the sign of all maps",
    "add 1 to all maps",
)

RIGHT = ("changes", "same", "changes", "changes", "same", "changes", "same", "changes")


def ranks(*numbers):
    return dict(zip(LINES, numbers, strict=True))


def table(*words):
    return dict(zip(CHANGES, words, strict=True))


def but(change):
    """The right table with one line turned round."""
    right = table(*RIGHT)
    return right | {change: "same" if right[change] == "changes" else "changes"}


def tutorial(maps):
    a, b, c, d = maps.shape
    features = maps.reshape(a * b, c * d)
    return features @ features.T / (a * b * c * d)


def first_only(maps):
    rows = maps[0].flatten(1)
    return rows @ rows.T


def of_positions(maps):
    rows = maps.flatten(2)
    return rows.transpose(1, 2) @ rows


def in_half(maps):
    rows = maps.flatten(2)
    return rows @ rows.transpose(1, 2)


def rounded(maps):
    rows = maps.float().flatten(2)
    return (rows / 2**5 @ rows.transpose(1, 2)).to(maps.dtype).float() * 2**5


def covariance(maps):
    rows = maps.float().flatten(2)
    rows = rows - rows.mean(2, keepdim=True)
    return rows @ rows.transpose(1, 2)


def reshaped(maps):
    mixed = maps.float().reshape(len(maps), -1, maps.shape[1])
    return mixed.transpose(1, 2) @ mixed


def in_place(maps):
    maps -= maps.mean()
    return gram_matrix(maps)


def scale(entries=2, divided=True, squares="squared", root=False, positions=1):
    def answer(times, larger, normalize, norm):
        value = larger**entries * times**positions / (times if divided and normalize != "none" else 1)
        return value ** (2 if norm in squares else 0.5 if root and norm == "l2" else 1)

    return answer


def own_orders(maps):
    generator = torch.Generator().manual_seed(1)
    rows = [row[torch.randperm(len(row), generator=generator)] for row in maps[0].flatten(1)]
    return torch.stack(rows).view_as(maps)


def rolled(maps):
    return maps.roll(1, 3)


def mixed_channels(maps):
    channels = maps.shape[1]
    q, _ = torch.linalg.qr(torch.randn(channels, channels, generator=torch.Generator().manual_seed(1)))
    return torch.einsum("ij,njhw->nihw", q, maps)


def without_means(maps):
    return maps - maps.mean((2, 3), keepdim=True)


def mirrored_by(matrix):
    return lambda maps: (maps.flatten(2) @ matrix(maps.shape[2] * maps.shape[3])).view_as(maps)


def half_mixed(positions):
    """The first two positions are mixed; the others stay."""
    q = torch.eye(positions)
    q[:2, :2] = torch.tensor([[0.6, 0.8], [-0.8, 0.6]])
    return q


def roots(maps):
    rows = maps[0].flatten(1)
    values, vectors = torch.linalg.eigh(rows @ rows.T - 1e-3 * torch.eye(len(rows)))
    positions = rows.shape[1]
    kept = (vectors * values.sqrt())[:, :positions]
    return torch.nn.functional.pad(kept, (0, positions - kept.shape[1])).view_as(maps)


WRONG = [
    ("13.1", ranks(256, 512, 512, 512, 512), "how large the matrix is"),
    ("13.1", ranks(1024, 256, 64, 143, 1024), "above its size"),
    ("13.1", ranks(256, 512, 64, 143, 512), "the smaller one holds"),
    ("13.1", ranks(256, 256, 16, 143, 512), "count the poolings"),
    ("13.1", ranks(256, 256, 64, 154, 512), "rounds down"),
    ("13.1", ranks(256, 256, 7, 143, 512), "what its positions"),
    ("13.1", ranks(256, 256, 64, 143, ...), "a number into each line"),
    ("13.1", {"conv3_3": 256}, "keep the five lines"),
    ("13.2", tutorial, "keep the photos apart"),
    ("13.2", first_only, "one for each photo"),
    ("13.2", of_positions, "positions with positions"),
    ("13.2", in_half, "became infinite"),
    ("13.2", rounded, "digits are lost"),
    ("13.2", lambda maps: gram_matrix(maps, "hw"), "without normalisation"),
    ("13.2", lambda maps: gram_matrix(maps, "chw"), "without normalisation"),
    ("13.2", covariance, "covariance"),
    ("13.2", reshaped, "flatten the last two axes"),
    ("13.2", in_place, "changes the maps"),
    ("13.2", lambda maps: gram_matrix(maps) + 1, "the numbers are wrong"),
    ("13.2", lambda maps: gram_matrix(maps).unsqueeze(1), "return N×C×C, and not"),
    ("13.2", lambda maps: 1, "return a tensor"),
    ("13.3", table(*["same"] * 8), "the maps' positions that the Gram matrix does not care about"),
    ("13.3", but("shuffle the photo's pixels"), "other neighbours"),
    ("13.3", but("shuffle the maps' positions, alike in all channels"), "has no order"),
    ("13.3", but("shuffle the maps' positions, anew in each channel"), "still meet"),
    ("13.3", but("mirror the photo"), "another kernel"),
    ("13.3", but("mirror the maps"), "new order of the positions"),
    ("13.3", but("shuffle the channels"), "are the channels"),
    ("13.3", but("turn the sign of all maps"), "products of two"),
    ("13.3", but("add 1 to all maps"), "no covariance"),
    ("13.3", table(*RIGHT[:-1], ...), "into each line"),
    ("13.3", {"same": "same"}, "keep the 8 lines"),
    ("13.4", scale(entries=1), "how does it grow with both"),
    ("13.4", scale(divided=False), "divides by the positions"),
    ("13.4", scale(squares=""), "squared here"),
    ("13.4", scale(squares=("l2", "squared")), "not squared"),
    ("13.4", scale(root=True), "and no more"),
    ("13.4", scale(positions=2), "count them once"),
    ("13.4", lambda *arguments: 1e9, "too large"),
    ("13.4", lambda *arguments: None, "one number"),
    ("13.5", rolled, "in a new order"),
    ("13.5", lambda maps: -maps, "with the other sign"),
    ("13.5", own_orders, "an order of its own"),
    ("13.5", mixed_channels, "where positions should be mixed"),
    ("13.5", without_means, "covariance"),
    ("13.5", mirrored_by(half_mixed), "some positions are as they were"),
    ("13.5", roots, "negative eigenvalue"),
    ("13.5", lambda maps: 2 * maps, "differs by"),
    ("13.5", lambda maps: maps[0], "the same shape"),
    ("13.5", lambda maps: maps.mul_(1), "in a new order"),
    ("13.5", lambda maps: maps.add_(1), "changes the maps"),
]
