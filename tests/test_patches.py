"""The systems that learn from patches: what they share, each by hand or by a library, and how they are kept."""

import math

import numpy as np
import pytest
import sklearn.ensemble
import torch
from scipy.spatial import cKDTree
from sklearn.linear_model import orthogonal_mp

from mffcn_lite.checkpoint import load_model, save_model
from mffcn_lite.data import FaceSet, split_by_person
from mffcn_lite.degrade import degrade, downsample, upsample
from mffcn_lite.metrics import psnr
from mffcn_lite.models import BackProjection, create_model
from mffcn_lite.models.patches import PatchModel, derivatives, mid_frequencies
from mffcn_lite.models.sparse import orthogonal_matching_pursuit
from mffcn_lite.pictures import enlarge

# Small enough to be fitted in a second or two.
ARGUMENTS = {
    "example": {"pairs": 3000, "candidates": 4},
    "sparse": {"pairs": 4000, "atoms": 64},
    "forest": {"pairs": 8000, "trees": 2, "leaves": 16},
}
NAMES = tuple(ARGUMENTS)


@pytest.fixture(scope="module")
def sides(orl):
    """(40 photos of 4 people to learn from, 6 photos of other people)."""
    training, rest = split_by_person(orl, 0.9)
    return training, rest[::60]


@pytest.fixture(scope="module")
def fitted(sides):
    return {name: create_model(name, factors=[3], **ARGUMENTS[name]).fit(sides[0]).eval() for name in NAMES}


def random(*shape, seed=0, dtype=torch.float64):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


class Pixels(PatchModel):
    """The pixels themselves as features, and no learning."""

    name, maps, reach = "pixels", 1, 0
    features = staticmethod(lambda images, factor: images)

    def __init__(self, side=5, stride=2):
        super().__init__(side, stride, components=(side + 2) ** 2, factors=[3], pairs=600, seed=0)


# What they share ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "stride"), [(5, 2), (5, 5), (7, 3), (4, 4), (1, 1)])
@pytest.mark.parametrize("size", [(1, 1), (3, 9), (112, 92), (20, 21)])
def test_a_picture_taken_apart_is_put_together_again(side, stride, size):
    model, x = Pixels(side, stride), random(2, 1, *size)
    windows = model.windows(x, 3).unflatten(2, (side + 2, side + 2))
    rows, columns = model.grid(*size)
    assert windows.shape[:2] == (2, rows * columns)
    patches = windows[..., 1:-1, 1:-1].flatten(2)
    torch.testing.assert_close(model.assemble(patches, size), x)


def test_where_patches_overlap_they_are_averaged():
    model = Pixels(2, 1)
    patches = torch.arange(1.0, 5.0)[None, :, None].expand(1, 4, 4)
    want = torch.tensor([[1.0, 1.5, 2.0], [2.0, 2.5, 3.0], [3.0, 3.5, 4.0]])
    assert torch.equal(model.assemble(patches, (3, 3))[0, 0], want)


def test_a_pair_is_of_one_place(orl):
    faces = orl[:30]
    windows, missing = Pixels().draw_pairs(faces, 3)
    assert windows.shape == (600, 49)
    assert missing.shape == (600, 25)
    grey = 255 * (windows.unflatten(1, (7, 7))[:, 1:-1, 1:-1].flatten(1) + missing)
    assert (grey - grey.round()).abs().max() < 1e-3  # the sharp photo has whole grey levels
    assert grey.std() > 10
    assert missing.std() > 0.01


def test_pairs_are_drawn_from_all_photos_and_anew_for_each_seed(orl):
    levels = np.arange(0, 250, 25, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 20, 20), np.uint8)
    windows, _ = Pixels().draw_pairs(FaceSet(levels, np.arange(10), [str(i) for i in range(10)]), 2)
    assert len(windows) == 600
    assert windows[:, 0].mul(255).round().unique(return_counts=True)[1].tolist() == [60] * 10
    models = [Pixels(), Pixels(), Pixels()]
    models[2].seed = 1
    one, same, other = (model.draw_pairs(orl[:10], 3)[0] for model in models)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_more_pairs_than_there_are_is_an_error(orl, refuses):
    model = create_model("example", pairs=5000)
    refuses(lambda: model.fit(orl[:2]), "pairs (=5000)", "4950 patches")


def test_derivatives_are_numpys_differences():
    x = random(1, 1, 12, 11)
    got, inner = derivatives(x, 3)[0], x[0, 0].numpy()
    want_across = 2 * np.gradient(inner, axis=1)
    want_down = 2 * np.gradient(inner, axis=0)
    np.testing.assert_allclose(got[0, :, 1:-1], want_across[:, 1:-1])
    np.testing.assert_allclose(got[2, 1:-1], want_down[1:-1])
    np.testing.assert_allclose(got[1, :, 2:-2], inner[:, 4:] - 2 * inner[:, 2:-2] + inner[:, :-4])
    np.testing.assert_allclose(got[3, 2:-2], inner[4:] - 2 * inner[2:-2] + inner[:-4])


def test_mid_frequencies_leave_out_what_is_flat_and_what_is_slow():
    x = torch.full((1, 1, 40, 40), 0.7, dtype=torch.float64)
    assert mid_frequencies(x, 3).abs().max() < 1e-12
    position = torch.arange(120, dtype=torch.float64)
    for wavelength, low, high in ((90, 0, 0.05), (6, 0.95, 1.05)):
        wave = torch.cos(2 * torch.pi * position / wavelength).expand(1, 1, 40, 120)
        kept = mid_frequencies(wave, 3)[..., 30:90].abs().max()
        assert low <= kept <= high


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_nearest_factor_is_taken_and_one_must_be_named(name, sides, refuses):
    model = create_model(name, factors=[2, 4], **ARGUMENTS[name]).fit(sides[0])
    blurred = degrade(sides[1].floats(), 4)
    assert torch.equal(model.restore(blurred, 5), model.restore(blurred, 4))
    assert not torch.equal(model.restore(blurred, 2), model.restore(blurred, 4))
    refuses(lambda: model.restore(blurred), name, "factor")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_each_beats_bicubic_on_other_people(name, fitted, sides):
    hr = sides[1].floats()
    model, small = fitted[name], downsample(hr, 3)
    sr, bicubic = model.upscale(small, (112, 92)), upsample(small, (112, 92))
    gain = psnr(sr.clamp(0, 1), hr, data_range=1.0) - psnr(bicubic.clamp(0, 1), hr, data_range=1.0)
    assert gain.mean() > 0.2
    torch.testing.assert_close(model.reconstruct(hr, 3), sr)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_seed_gives_the_same_system_and_a_file_brings_it_back(name, fitted, sides, tmp_path):
    again = create_model(name, factors=[3], **ARGUMENTS[name]).fit(sides[0])
    for key, value in fitted[name].state_dict().items():
        assert torch.equal(again.state_dict()[key], value), key
    other = create_model(name, factors=[3], **{**ARGUMENTS[name], "seed": 1}).fit(sides[0])
    assert any(not torch.equal(other.state_dict()[key], value) for key, value in again.state_dict().items())
    save_model(again, tmp_path / "model.safetensors")
    loaded = load_model(tmp_path / "model.safetensors")
    blurred = degrade(sides[1].floats(), 3)
    assert torch.equal(loaded.restore(blurred, 3), again.restore(blurred, 3))


@pytest.mark.slow
def test_a_system_that_holds_patches_inherits_what_its_photos_may_not(sides, tmp_path):
    photos = sides[0]
    marked = FaceSet(photos.images, photos.people, photos.names, {**photos.card, "redistribution": "may not"})
    model = create_model("sparse", factors=[3], **ARGUMENTS["sparse"]).fit(marked)
    save_model(model, tmp_path / "one.safetensors", {"data": "mine"})
    again = load_model(tmp_path / "one.safetensors")
    save_model(again, tmp_path / "two.safetensors", {})  # and does not lose it on the way
    assert again.card["redistribution"] == load_model(tmp_path / "two.safetensors").card["redistribution"] == "may not"
    save_model(model.fit(photos), tmp_path / "free.safetensors")
    assert "redistribution" not in load_model(tmp_path / "free.safetensors").card


@pytest.mark.parametrize("name", NAMES)
def test_channels_and_photos_of_a_batch_do_not_touch(name, fitted, sides):
    hr = sides[1].floats()
    model, blurred = fitted[name], degrade(hr, 3)
    colour = model.restore(blurred.view(2, 3, 112, 92), 3)
    torch.testing.assert_close(colour.view_as(blurred), torch.cat([model.restore(x[None], 3) for x in blurred]))


@pytest.mark.parametrize("name", ["sparse", "forest"])
@pytest.mark.parametrize("tile", [14, 30, 64])
def test_tiles_equal_the_whole(name, tile, fitted, sides):
    small = downsample(sides[1][:1].floats(), 3)
    whole = fitted[name].upscale(small, (111, 93))
    torch.testing.assert_close(enlarge(fitted[name], small, 3, tile=tile), whole, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_pictures_smaller_than_a_patch(name, fitted):
    for size in ((1, 1), (2, 7), (4, 4)):
        assert fitted[name].restore(random(1, 1, *size, dtype=torch.float32), 3).isfinite().all()


@pytest.mark.parametrize(
    ("name", "arguments", "word"),
    [
        ("example", {"candidates": 0}, "candidates"),
        ("example", {"consistency": -1.0}, "consistency"),
        ("example", {"stride": 6}, "stride"),
        ("example", {"components": 50}, "components"),
        ("sparse", {"factors": []}, "factors"),
        ("sparse", {"nonzeros": 0}, "nonzeros"),
        ("sparse", {"atoms": 2}, "nonzeros"),
        ("sparse", {"sparsity": 0.0}, "sparsity"),
        ("forest", {"trees": 0}, "trees"),
        ("forest", {"leaves": 1}, "leaves"),
        ("forest", {"ridge": 0.0}, "ridge"),
        ("forest", {"factors": [1]}, "factors[0]"),
        ("forest", {"factors": [2.5]}, "factors[0]"),
        ("forest", {"stride": 1.5}, "stride"),
        ("forest", {"seed": "x"}, "seed"),
        ("forest", {"seed": -1}, "seed"),
        ("forest", {"ridge": math.inf}, "ridge"),
        ("example", {"candidates": 1.5}, "candidates"),
        ("sparse", {"sparsity": math.nan}, "sparsity"),
    ],
)
def test_arguments_out_of_range_are_refused(refuses, name, arguments, word):
    refuses(lambda: create_model(name, **arguments), f"{word} (=")


@pytest.mark.parametrize("name", NAMES)
def test_no_photo_in_is_no_photo_out_and_nothing_can_be_learnt_from_none(name, fitted, sides, refuses):
    assert fitted[name].upscale(torch.zeros(0, 1, 10, 9), (30, 27)).shape == (0, 1, 30, 27)
    refuses(lambda: create_model(name, **ARGUMENTS[name]).fit(sides[0][:0]), "no photos", name)


def test_flat_photos_teach_no_dictionary(refuses):
    flat = FaceSet(np.full((2, 1, 40, 40), 90, np.uint8), np.arange(2), ["a", "b"])
    refuses(lambda: create_model("sparse", pairs=500, atoms=16).fit(flat), "0 patches", "16 atoms")


@pytest.mark.parametrize("name", NAMES)
def test_only_fitted_factors_enlarge_a_picture(name, fitted, refuses):
    refuses(lambda: enlarge(fitted[name], torch.rand(1, 1, 10, 9), 4), "factor (=4)", "3", name)


def store(model, path):
    """`model` in a file with a card that fits it, whatever its tables hold."""
    save_model(model, path)
    return path


@pytest.mark.parametrize(
    ("table", "place", "value"),
    [
        ("below", (0, 0, 0), 0),  # the root leads to itself on one side and on: no leaf, for ever
        ("below", (0, 0, 0), 99),
        ("below", (0, 0, 5), 0),
        ("component", (0, 1, 0), 28),
        ("component", (0, 1, 0), -1),
        ("leaf", (0, 0, -1), 16),
        ("threshold", (0, 0, 0), math.nan),
        ("weights", (0, 0, 0), math.inf),
    ],
)
def test_a_forest_whose_trees_lead_nowhere_is_refused(table, place, value, fitted, tmp_path, refuses):
    model = create_model("forest", factors=[3], **ARGUMENTS["forest"])
    model.load_state_dict(fitted["forest"].state_dict())
    getattr(model, table)[place] = value
    if (table, place, value) == ("below", (0, 0, 0), 0):
        model.below[0, 0, 0, 1] = 1
        model.restore(torch.rand(1, 1, 9, 9), 3)  # in any case it ends
        return
    refuses(lambda: load_model(store(model, tmp_path / "f.safetensors")), "again")


# Example-based --------------------------------------------------------------------------------------------------------


def test_the_nearest_patches_are_those_of_a_k_d_tree(fitted):
    model = fitted["example"]
    wanted = random(50, model.windows_seen.shape[2], seed=1) * 2 - 1
    distances, places = model.nearest(0, wanted)
    want = cKDTree(model.windows_seen[0].float().numpy()).query(wanted.numpy(), k=4)
    np.testing.assert_allclose(distances.sqrt(), want[0], rtol=1e-5)
    assert np.array_equal(places, want[1])


@pytest.mark.parametrize("consistency", [0.0, 0.1, 3.0])
def test_patches_are_chosen_row_by_row_as_freeman_does(fitted, sides, consistency):
    """One photo, patch after patch in plain loops, against all patches of a slanted line at once."""
    model = create_model("example", factors=[3], **ARGUMENTS["example"], consistency=consistency)
    model.load_state_dict(fitted["example"].state_dict())
    blurred = degrade(sides[1][:1].floats(), 3)[..., 20:61, 20:54].double()
    size = blurred.shape[-2:]
    rows, columns = model.grid(*size)
    features = model.windows(blurred, 3) @ model.basis[0].double()
    got = model.predict(0, features, (rows, columns))[0]
    contrast = features[0].square().mean(-1, keepdim=True).sqrt() + 0.01
    tree = cKDTree(model.windows_seen[0].double().numpy())
    lying = np.full((45, 45, rows * columns), np.nan)  # what each patch laid
    for patch in range(rows * columns):
        distances, places = tree.query((features[0, patch] / contrast[patch]).numpy(), k=4)
        y, x = patch // columns * 2, patch % columns * 2
        with np.errstate(all="ignore"):
            there = lying[y : y + 5, x : x + 5]
            mean = np.where(np.isnan(there).all(2), np.nan, np.nansum(there, 2) / (~np.isnan(there)).sum(2))
        offered = model.details[0, places].double().numpy() * contrast[patch].item()
        misfit = np.nansum((offered.reshape(4, 5, 5) - mean) ** 2, (1, 2)) / contrast[patch].item() ** 2
        best = np.argmin(distances**2 + consistency * misfit)
        np.testing.assert_allclose(got[patch], offered[best], atol=1e-6, err_msg=f"patch {patch}")
        lying[y : y + 5, x : x + 5, patch] = offered[best].reshape(5, 5)


def test_a_photo_of_the_database_is_found_in_it(orl):
    """A leak: who is in the database comes back almost sharp."""
    hr = orl[:1].floats()[..., :40, :40]
    known = FaceSet((hr * 255).round().byte().numpy(), np.array([0]), ["known"])
    model = create_model("example", factors=[3], pairs=361, candidates=1, consistency=0.0).fit(known)
    sr = model.reconstruct(hr, 3)
    assert psnr(sr, hr, data_range=1.0) > psnr(degrade(hr, 3), hr, data_range=1.0) + 15


# Sparse coding --------------------------------------------------------------------------------------------------------


def test_matching_pursuit_is_scikit_learns():
    atoms = torch.nn.functional.normalize(random(30, 12) - 0.5, dim=1)
    signals = random(40, 12, seed=1) - 0.5
    for count in (1, 3, 6):
        chosen, weights = orthogonal_matching_pursuit(signals, atoms, count)
        got = torch.zeros(40, 30, dtype=torch.float64).scatter_(1, chosen, weights)
        want = orthogonal_mp(atoms.T.numpy(), signals.T.numpy(), n_nonzero_coefs=count).T
        np.testing.assert_allclose(got, want, atol=1e-9)


def test_a_signal_that_few_atoms_make_is_written_by_them_and_nothing_else():
    atoms = torch.eye(6, dtype=torch.float64)
    signals = torch.tensor([[0, 3.0, 0, 0, -2, 0], [0, 0, 0, 0, 0, 0]], dtype=torch.float64)
    chosen, weights = orthogonal_matching_pursuit(signals, atoms, 3)
    got = torch.zeros(2, 6, dtype=torch.float64).scatter_(1, chosen, weights)
    torch.testing.assert_close(got, signals)
    assert all(len(set(row.tolist())) == 3 for row in chosen)


def test_with_back_projection_the_result_shrinks_to_the_small_photo(fitted, sides):
    small = downsample(sides[1].floats(), 3)
    model = create_model("sparse", factors=[3], **ARGUMENTS["sparse"], back_projection=True)
    model.load_state_dict(fitted["sparse"].state_dict())
    plain, projected = (m.upscale(small, (112, 92)) for m in (fitted["sparse"], model))
    residual, before = ((downsample(sr, 3) - small).abs().max() for sr in (projected, plain))
    assert residual < 1e-5
    assert before > 1e-3
    torch.testing.assert_close(projected, BackProjection().refine(plain, small))
    hr = sides[1].floats()
    torch.testing.assert_close(model.reconstruct(hr, 3), projected)


# Forest ---------------------------------------------------------------------------------------------------------------


def test_the_trees_are_scikit_learns_and_each_leaf_is_ridge_regression(sides, monkeypatch):
    grown = []

    class Spy(sklearn.ensemble.RandomForestRegressor):
        def fit(self, *arguments):
            grown.append(self)
            return super().fit(*arguments)

    monkeypatch.setattr(sklearn.ensemble, "RandomForestRegressor", Spy)
    model = create_model("forest", factors=[3], **ARGUMENTS["forest"], ridge=0.5)
    windows, missing = model.draw_pairs(sides[0], 3)
    features = windows @ (torch.linalg.qr(random(windows.shape[1], 28) - 0.5)[0])
    model.learn(0, features, missing)
    (forest,) = grown
    leaves = model.find_leaves(0, features.float()).numpy()
    nodes = forest.apply(features.float().numpy()).T
    for tree in range(2):
        ids = np.unique(nodes[tree])
        assert 4 <= len(ids) <= 16
        assert np.array_equal(np.searchsorted(ids, nodes[tree]), leaves[tree])
    inside = leaves[1] == 3
    x = np.c_[features[inside], np.ones(inside.sum())]
    ridge = np.sqrt(0.5 * inside.sum() * features.square().mean().item()) * np.eye(29)
    want = np.linalg.lstsq(np.r_[x, ridge], np.r_[missing[inside], np.zeros((29, 25))], rcond=None)[0]
    np.testing.assert_allclose(model.weights[0, 1, 3], want, atol=2e-3 * np.abs(want).max())
    point = features[:20].float()[None]
    rows = torch.cat([point[0], torch.ones(20, 1)], dim=1)
    by_hand = sum(torch.einsum("pc,pcd->pd", rows, model.weights[0, t].float()[leaves[t, :20]]) for t in (0, 1)) / 2
    torch.testing.assert_close(model.predict(0, point, (4, 5))[0], by_hand)
