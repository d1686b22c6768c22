"""Chapter 13's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

import numpy as np
import pytest
import torch

from book.mistakes.chapter_13 import CHANGES, RIGHT, own_orders, ranks, scale, table
from mffcn_lite.exercises import check
from mffcn_lite.features import create_features
from mffcn_lite.losses import gram_matrix, texture_distance


def in_numpy(maps):
    rows = maps.numpy().reshape(*maps.shape[:2], -1).astype(np.float32)
    return rows @ rows.swapaxes(1, 2)


def in_loops(maps):
    return [[[(a.double() * b.double()).sum() for b in photo] for a in photo] for photo in maps]


def householder(maps):
    n, x = maps.shape[2] * maps.shape[3], maps.numpy()
    axis = np.linspace(1, 2, n, dtype=np.float32)
    mirror = np.eye(n) - 2 * np.outer(axis, axis) / (axis @ axis)
    return (x.reshape(-1, n) @ mirror).reshape(x.shape)


OTHERS = [("13.1", {name.replace("×", "x"): rank for name, rank in ranks(256, 256, 64, 143, 512).items()})]
OTHERS += [("13.2", in_numpy), ("13.2", in_loops), ("13.5", householder)]


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
