"""Errors in parts: against dense linear algebra, Parseval's theorem, and errors that were planted."""

import math

import numpy as np
import pytest
import torch

from mffcn_lite.degrade import degrade, downsample
from mffcn_lite.metrics import band_energy_ratio, error_by_band, error_by_place, mse, split_error
from mffcn_lite.models.convex import project_data
from mffcn_lite.models.reconstruction import ForwardModel

HEIGHT, WIDTH = 14, 11


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def pair(orl):
    hr = orl[[3, 77, 251]].floats()
    return degrade(hr, 3).clamp(0, 1), hr


# What is seen and what is guessed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", ["bicubic", "area", "bilinear"])
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_the_parts_are_those_of_the_dense_pseudo_inverse(kernel, factor):
    basis = torch.eye(HEIGHT * WIDTH, dtype=torch.float64).view(-1, 1, HEIGHT, WIDTH)
    matrix = downsample(basis, factor, kernel).flatten(1).T.numpy()  # A, a column a pixel
    project = np.linalg.pinv(matrix) @ matrix
    sr, hr = noise(4, 1, HEIGHT, WIDTH), noise(4, 1, HEIGHT, WIDTH, seed=1)
    error = (sr - hr).flatten(1).numpy()
    seen, guessed = split_error(sr, hr, factor, kernel)
    np.testing.assert_allclose(seen, ((error @ project.T) ** 2).mean(1), rtol=1e-9)
    np.testing.assert_allclose(guessed, ((error - error @ project.T) ** 2).mean(1), rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_the_parts_add_up_and_the_projection_takes_the_first_away(pair, factor):
    sr, hr = pair
    seen, guessed = split_error(sr, hr, factor)
    torch.testing.assert_close(seen + guessed, mse(sr, hr))
    small = downsample(hr, factor).double()
    projected = project_data(sr.double(), small, ForwardModel(small, (112, 92)), slab=0.0)
    torch.testing.assert_close((projected - hr).square().mean((1, 2, 3)), guessed, rtol=1e-4, atol=0)
    assert (seen > 0).all()


def test_a_planted_error_is_found_in_its_part():
    hr, size = noise(1, 1, HEIGHT, WIDTH), (HEIGHT, WIDTH)
    small = downsample(hr, 3)
    forward = ForwardModel(small, size)
    told = forward.transpose(noise(*small.shape, seed=2))
    nothing = torch.zeros_like(small)
    silent = project_data(noise(1, 1, HEIGHT, WIDTH, seed=3), nothing, forward, slab=0.0, tolerance=1e-14)
    assert split_error(hr + told, hr, 3)[1].item() < 1e-28
    assert split_error(hr + silent, hr, 3)[0].item() < 1e-20
    seen, guessed = split_error(hr + 2 * told + silent, hr, 3)
    assert seen.item() == pytest.approx(4 * told.square().mean().item())
    assert guessed.item() == pytest.approx(silent.square().mean().item())


def test_what_cannot_be_split_is_one_sentence(refuses):
    x = noise(1, 1, 8, 8)
    refuses(lambda: split_error(x, x, 1), "factor (=1)")
    refuses(lambda: split_error(x, x[..., 1:], 2), "same shape")
    refuses(lambda: error_by_band(x, x, bands=0), "bands (=0)")
    refuses(lambda: error_by_place(x, x, torch.ones(2, 8, 8, dtype=torch.bool)), "one plane an image")


# By frequency and by place --------------------------------------------------------------------------------------------


def test_the_bands_add_up_to_the_error(pair):
    parts = error_by_band(*pair)
    assert parts.shape == (3, 9)
    torch.testing.assert_close(parts.sum(1), mse(*pair))
    colour = noise(2, 3, 9, 8), noise(2, 3, 9, 8, seed=1)
    torch.testing.assert_close(error_by_band(*colour, bands=3).sum(1), mse(*colour))


def test_a_wave_of_error_lies_in_its_own_band():
    x = torch.arange(64, dtype=torch.float64)
    for cycles in (0, 5, 13, 27):  # of 64 pixels; bands are 4 cycles wide
        wave = 0.1 * torch.cos(2 * math.pi * cycles * x / 64).expand(1, 1, 64, 64)
        parts = error_by_band(wave, torch.zeros_like(wave))[0]
        assert parts[cycles // 4].item() == pytest.approx(0.01 if cycles == 0 else 0.005)
        assert parts.sum() - parts[cycles // 4] < 1e-12
    corner = torch.cos(2 * math.pi * 27 * (x[:, None] + x) / 64)[None, None]
    assert error_by_band(corner, torch.zeros_like(corner))[0, -1].item() == pytest.approx(0.5)


def test_the_bands_are_those_of_the_ratio(pair):
    _, hr = pair
    # Against a black picture the error is the picture, and so is its energy; the ratio leaves out mean and corners.
    parts = error_by_band(0.5 * hr, torch.zeros_like(hr))[:, 1:-1] / error_by_band(hr, torch.zeros_like(hr))[:, 1:-1]
    torch.testing.assert_close(parts, band_energy_ratio(0.5 * hr, hr)[:, 1:])


def test_the_share_of_a_place_is_worked_by_hand():
    hr = torch.zeros(2, 1, 4, 5)
    sr, where = hr.clone(), torch.zeros(2, 4, 5, dtype=torch.bool)
    sr[:, 0, 0, 0], sr[:, 0, 3, 4] = 0.3, 0.1
    where[0, 0, :2] = where[1, 3] = True
    error, pixels = error_by_place(sr, hr, where)
    assert error.tolist() == pytest.approx([0.9, 0.1])
    assert pixels.tolist() == pytest.approx([0.1, 0.25])
