"""Small photos off the protocol, against Pillow, SciPy and the protocol itself."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from mffcn_lite.degrade import downsample
from mffcn_lite.disturb import add_noise, jpeg, read_at


@pytest.fixture(scope="module")
def photos(orl):
    return orl[[7, 222]].floats()


@pytest.mark.slow
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_without_a_shift_it_is_the_protocol(photos, factor):
    small = downsample(photos, factor)
    torch.testing.assert_close(read_at(photos, tuple(small.shape[-2:])), small, atol=1e-6, rtol=0)


def test_a_shift_by_whole_pixels_is_that_of_the_moved_photo(photos):
    moved, whole = photos[..., 2:, 2:], photos[..., :110, :90]  # pixel 0 of the one is pixel 2 of the other
    got, want = read_at(whole, (30, 25), shift=2), read_at(moved, (30, 25))
    # Away from the borders, where the pieces differ.
    torch.testing.assert_close(got[..., 3:-3, 3:-3], want[..., 3:-3, 3:-3], atol=1e-6, rtol=0)


def test_half_a_pixel_of_a_ramp_is_half_a_step():
    ramp = torch.arange(24.0).expand(1, 1, 24, 24) / 24
    rows = read_at(ramp, (12, 12), shift=0.5) - read_at(ramp, (12, 12))
    torch.testing.assert_close(rows[..., 3:-3, 3:-3], torch.full((1, 1, 6, 6), 0.5 / 24))


def test_a_gaussian_lens_is_scipys_read_at_the_centres(photos):
    square = photos[..., :90, :90].double()
    want = gaussian_filter(square.numpy(), 1.5, axes=(2, 3), truncate=4)[..., 1::3, 1::3]
    got = read_at(square, (30, 30), sigma=1.5).numpy()
    assert np.abs(got - want)[..., 3:-3, 3:-3].max() < 1e-12


def test_noise_has_its_level_and_comes_again():
    grey = torch.full((1, 1, 300, 300), 0.5, dtype=torch.float64)
    one, two = (add_noise(grey, 5, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(one, two)
    assert float((255 * (one - grey)).std()) == pytest.approx(5, rel=0.02)
    dark = add_noise(grey * 0, 5, torch.Generator().manual_seed(1))
    assert float(dark.min()) == 0
    assert torch.equal(add_noise(grey, 0, torch.Generator()), grey)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_pillows(photos, channels):
    small = downsample(photos, 3)
    small = torch.cat([small, small.flip(-1), 1 - small], dim=1)[:, :channels]
    for got, photo in zip(jpeg(small, 40), small, strict=True):
        levels = (photo.clamp(0, 1).numpy() * 255).round().astype(np.uint8).transpose(1, 2, 0)
        file = io.BytesIO()
        Image.fromarray(levels[..., 0] if channels == 1 else levels).save(file, "JPEG", quality=40)
        want = np.asarray(Image.open(file)).reshape(levels.shape).transpose(2, 0, 1)
        assert np.array_equal((got * 255).round().numpy(), want)


def test_a_lower_quality_is_further_away(photos):
    small = downsample(photos, 2)
    errors = [float((jpeg(small, quality) - small).square().mean()) for quality in (90, 70, 50, 30)]
    assert errors == sorted(errors)
    assert errors[0] < errors[-1] / 2


def test_what_cannot_be_is_one_sentence(refuses):
    hr = torch.rand(1, 1, 12, 12)
    refuses(lambda: read_at(hr, (24, 6)), "size", "(24, 6)")
    refuses(lambda: read_at(hr, (6, 6), sigma=0.0), "sigma (=0.0)")
    refuses(lambda: read_at(hr, (6, 6), shift=2.0), "shift (=2.0)")
    refuses(lambda: add_noise(hr, -1.0, torch.Generator()), "level (=-1.0)")
    refuses(lambda: jpeg(hr, 0), "quality (=0)")
    refuses(lambda: jpeg(torch.rand(1, 2, 8, 8), 50), "(1, 2, 8, 8)")
