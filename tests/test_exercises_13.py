"""Chapter 13's checks: what typical wrong answers are told."""

import pytest
import torch

from mffcn_lite.exercises import check
from mffcn_lite.features import create_features
from mffcn_lite.losses import gram_matrix, texture_distance

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


@pytest.mark.parametrize(("identifier", "answer", "hint"), WRONG)
def test_a_wrong_answer_gets_its_hint(identifier, answer, hint, hints):
    hints(identifier, answer, hint)


@pytest.mark.parametrize("identifier", ["13.1", "13.3"])
def test_a_table_with_nothing_in_it_was_not_attempted(identifier):
    empty = {"13.1": ranks(*[...] * 5), "13.3": table(*[...] * 8)}[identifier]
    assert check(identifier, empty) is None


def test_a_hint_does_not_say_the_answer(capsys):
    check("13.1", ranks(256, 512, 512, 512, 512))
    check("13.3", table(*["same"] * 8))
    said = capsys.readouterr().out
    assert "64" not in said.replace("conv", "")
    assert '"changes"' not in said


def test_other_forms_of_a_right_answer_pass():
    assert check("13.1", ranks(256, torch.tensor(256), 64.0, "143", 512)) is True
    assert check("13.2", lambda maps: torch.stack([m.double() @ m.double().T for m in maps.flatten(2)])) is True
    assert check("13.2", gram_matrix) is True

    def from_the_gram_matrix(maps):
        # No rotation is chosen: eigenvectors times roots, and zeros where there are more positions than channels.
        gram, positions = gram_matrix(maps.double())[0], maps.shape[2] * maps.shape[3]
        values, vectors = torch.linalg.eigh(gram)
        kept = (vectors * values.clamp(min=0).sqrt())[:, -positions:]
        return torch.nn.functional.pad(kept, (0, positions - kept.shape[1])).float().view_as(maps)

    def turned(maps):
        positions = maps.shape[2] * maps.shape[3]
        q, _ = torch.linalg.qr(torch.randn(positions, positions, generator=torch.Generator().manual_seed(3)))
        return (maps.flatten(2) @ q).view_as(maps)

    assert check("13.5", from_the_gram_matrix) is True
    assert check("13.5", turned) is True


@pytest.mark.parametrize("change", CHANGES)
def test_the_table_holds_for_the_librarys_gram_matrix(change):
    generator = torch.Generator().manual_seed(0)
    photo = torch.rand(1, 1, 32, 28, generator=generator)
    network = create_features("random", "conv2_1")
    maps = network(photo)
    order = torch.randperm(maps.shape[2] * maps.shape[3], generator=generator)
    pixels = torch.randperm(32 * 28, generator=generator)
    changed = {
        CHANGES[0]: lambda: network(photo.flatten(2)[..., pixels].view_as(photo)),
        CHANGES[1]: lambda: maps.flatten(2)[..., order].view_as(maps),
        CHANGES[2]: lambda: own_orders(maps),
        CHANGES[3]: lambda: network(photo.flip(3)),
        CHANGES[4]: lambda: maps.flip(3),
        CHANGES[5]: lambda: maps.flip(1),
        CHANGES[6]: lambda: -maps,
        CHANGES[7]: lambda: maps + 1,
    }[change]()
    want = gram_matrix(maps)
    same = torch.allclose(gram_matrix(changed), want, rtol=1e-3, atol=1e-3 * want.abs().max().item())
    assert same is (dict(zip(CHANGES, RIGHT, strict=True))[change] == "same")


def test_the_ranks_are_those_of_the_librarys_maps():
    network = create_features("vgg16-imagenet")
    maps = network(torch.rand(1, 1, 178, 218, generator=torch.Generator().manual_seed(0)))
    assert maps.shape[1:] == (512, 11, 13)
    values = torch.linalg.svdvals(maps[0].flatten(1).double())
    assert (values > 1e-6 * values[0]).sum() == 143


@pytest.mark.parametrize("normalize", ["none", "hw", "chw"])
@pytest.mark.parametrize("norm", ["l1", "l2", "squared"])
def test_the_growth_is_that_of_the_librarys_loss(normalize, norm):
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(2, 5, 4, 6, generator=generator, dtype=torch.float64) for _ in range(2))

    def loss(times, larger):
        sr, hr = ({"layer": larger * x.repeat(1, 1, times, 1)} for x in (a, b))
        return texture_distance(sr, hr, normalize, norm).item()

    want = scale()(4, 3.0, normalize, norm)
    assert loss(4, 3.0) / loss(1, 1.0) == pytest.approx(want)
