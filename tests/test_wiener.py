"""The best linear filter: it is one, it is the best, and the shipped one is what a fit gives."""

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d

from mffcn_lite.checkpoint import load_model
from mffcn_lite.data import split_by_person
from mffcn_lite.degrade import degrade, downsample, upsample
from mffcn_lite.metrics import psnr
from mffcn_lite.models import create_model, wiener
from mffcn_lite.pictures import enlarge


@pytest.fixture(scope="module")
def people(orl):
    return split_by_person(orl)


@pytest.fixture(scope="module")
def fitted(people):
    return create_model("wiener", side=3, factors=[2, 3]).fit(people[0][::16])


def least_squares(faces, factors, side=3):
    """The filter and its bias by NumPy, from a table with one row a pixel, and one for the ridge on each unknown."""
    rows, targets = [], []
    for factor in factors:
        blurred = degrade(faces.floats().double(), factor).numpy()[:, 0]
        padded = np.pad(blurred, ((0, 0), *[(side // 2, side // 2)] * 2), mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))
        rows.append(windows.reshape(-1, side**2))
        targets.append(faces.images.astype(float).ravel() / 255)
    table = np.hstack([np.vstack(rows), np.ones((sum(map(len, rows)), 1))])
    ridge = np.sqrt(wiener.RIDGE * len(table)) * np.eye(side**2 + 1)
    wanted = np.concatenate([*targets, np.zeros(side**2 + 1)])
    solution = np.linalg.lstsq(np.vstack([table, ridge]), wanted, rcond=None)[0]
    return solution[:-1].reshape(side, side), solution[-1]


@pytest.mark.parametrize(("i", "factors"), [(0, [2]), (1, [3]), (2, [2, 3])])
def test_each_filter_solves_its_least_squares_problem(fitted, people, i, factors):
    weights, bias = least_squares(people[0][::16], factors)
    np.testing.assert_allclose(fitted.filters[i, 0], weights, atol=1e-5)
    assert fitted.biases[i].item() == pytest.approx(bias, abs=1e-5)


def test_it_is_the_identity_before_it_is_fitted(orl):
    blurred = degrade(orl[:2].floats(), 3)
    assert torch.equal(create_model("wiener")(blurred), blurred)


@pytest.mark.parametrize(("factor", "i"), [(2, 0), (3, 1), (4, 2), (None, 2)])
def test_a_factor_has_its_filter_and_others_share_one(fitted, orl, factor, i):
    blurred = degrade(orl[:1].floats(), factor or 3)
    padded = np.pad(blurred[0, 0].numpy(), 1, mode="edge")
    want = correlate2d(padded, fitted.filters[i, 0].numpy(), mode="valid") + fitted.biases[i].item()
    np.testing.assert_allclose(fitted.restore(blurred, factor)[0, 0], want, atol=1e-6)


def test_upscale_finds_the_factor_from_the_sizes(fitted, orl):
    for factor in (2, 3):
        small = downsample(orl[:2].floats(), factor)
        want = fitted.restore(upsample(small, (112, 92)), factor)
        assert torch.equal(fitted.upscale(small, (112, 92)), want)


def test_each_channel_is_filtered_by_itself(fitted, orl):
    photos = orl[:6].floats()
    assert torch.equal(fitted(photos.view(2, 3, 112, 92)).view(6, 1, 112, 92), fitted(photos))


def test_no_other_filter_is_better_on_the_photos_it_was_fitted_on(fitted, people):
    hr = people[0][::16].floats()
    blurred = degrade(hr, 2)
    best = (fitted.restore(blurred, 2) - hr).square().mean()
    for seed in range(5):
        other = create_model("wiener", side=3, factors=[2, 3])
        noise = torch.randn(fitted.filters.shape, generator=torch.Generator().manual_seed(seed))
        other.filters.copy_(fitted.filters + 1e-3 * noise)
        other.biases.copy_(fitted.biases)
        assert (other.restore(blurred, 2) - hr).square().mean() > best


def test_tiles_equal_the_whole(fitted, orl):
    small = downsample(orl[:1].floats(), 2)
    whole = fitted.upscale(small, (112, 92))
    assert torch.allclose(enlarge(fitted, small, 2, tile=20), whole, atol=1e-6)


@pytest.mark.slow
def test_the_shipped_filter_is_what_a_fit_gives_and_beats_bicubic_on_new_people(people):
    training, test = people
    shipped, again = load_model("wiener"), create_model("wiener").fit(training)
    assert torch.allclose(shipped.filters, again.filters, atol=1e-3)
    hr = test.floats()
    for factor in (2, 3, 4):
        blurred = degrade(hr, factor)
        bicubic = psnr(blurred.clamp(0, 1), hr, data_range=1.0).mean()
        results = [psnr(m.restore(blurred, factor).clamp(0, 1), hr, data_range=1.0).mean() for m in (shipped, again)]
        assert results[0] > bicubic + 0.3
        assert abs(results[0] - results[1]) < 0.001


@pytest.mark.parametrize("side", [0, 2, -1])
def test_an_even_side_is_refused(refuses, side):
    refuses(lambda: create_model("wiener", side=side), f"side (={side})")
