"""MSE, PSNR and SSIM against scikit-image, by hand, and by their properties."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from mffcn_lite.degrade import degrade
from mffcn_lite.metrics import error, mse, psnr, ssim

CONVENTIONS = {
    "paper": {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False},
    "skimage": {},
}
few = settings(max_examples=20, deadline=None)
conventions = pytest.mark.parametrize("convention", CONVENTIONS)


def pair(shape, seed=0, noise=0.1):
    generator = torch.Generator().manual_seed(seed)
    hr = torch.rand(shape, generator=generator, dtype=torch.float64)
    return hr + noise * torch.randn(shape, generator=generator, dtype=torch.float64), hr


def close(got, want):
    torch.testing.assert_close(got, torch.as_tensor(want, dtype=torch.float64), atol=1e-10, rtol=0)


def with_skimage(sr, hr, data_range, convention):
    arguments = CONVENTIONS[convention] | {"data_range": data_range, "channel_axis": 0}
    return [
        structural_similarity(x.double().numpy(), y.double().numpy(), **arguments) for x, y in zip(sr, hr, strict=True)
    ]


# Oracles --------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@few
@given(st.integers(0, 2**20), st.integers(1, 3), st.integers(1, 20), st.integers(1, 20), st.sampled_from([1.0, 255.0]))
def test_psnr_and_mse_equal_scikit_image_on_random_pairs(seed, channels, height, width, data_range):
    sr, hr = (data_range * images for images in pair((2, channels, height, width), seed))
    pairs = [(x.numpy(), y.numpy()) for x, y in zip(hr, sr, strict=True)]
    close(psnr(sr, hr, data_range=data_range), [peak_signal_noise_ratio(*p, data_range=data_range) for p in pairs])
    close(mse(sr, hr) / data_range**2, [mean_squared_error(*p) / data_range**2 for p in pairs])


@conventions
@few
@given(
    st.integers(0, 2**20), st.integers(1, 3), st.integers(11, 24), st.integers(11, 24), st.sampled_from([1.0, 255.0])
)
def test_ssim_equals_scikit_image_on_random_pairs(convention, seed, channels, height, width, data_range):
    sr, hr = (data_range * images for images in pair((2, channels, height, width), seed))
    got = ssim(sr, hr, data_range=data_range, convention=convention)
    close(got, with_skimage(sr, hr, data_range, convention))


@conventions
def test_psnr_and_ssim_equal_scikit_image_on_real_faces(orl, convention):
    hr = orl[[0, 77, 399]].floats()
    for factor in (2, 4):
        sr = degrade(hr, factor)
        want = with_skimage(sr, hr, 1.0, convention)
        close(ssim(sr.double(), hr.double(), data_range=1.0, convention=convention), want)
        rough = ssim(sr, hr, data_range=1.0, convention=convention)  # float32, as in an evaluation
        assert rough.tolist() == pytest.approx(want, abs=2e-6)
        want = [
            peak_signal_noise_ratio(y.double().numpy(), x.double().numpy(), data_range=1.0)
            for x, y in zip(sr, hr, strict=True)
        ]
        close(psnr(sr.double(), hr.double(), data_range=1.0), want)
        assert psnr(sr, hr, data_range=1.0).tolist() == pytest.approx(want, abs=1e-5)


# Hand-worked ----------------------------------------------------------------------------------------------------------


def test_mse_and_psnr_have_hand_worked_values():
    hr = torch.zeros(3, 1, 2, 2)
    sr = hr.clone()
    sr[0] += 0.1  # MSE 0.01: 20 dB
    sr[1, 0, 0, 0] = 0.2  # 0.04 / 4 = 0.01 again
    sr[2, 0, 0] = 1.0  # half of the pixels wrong by 1: 10·log10(2)
    assert mse(sr, hr).tolist() == pytest.approx([0.01, 0.01, 0.5])
    assert psnr(sr, hr, data_range=1.0).tolist() == pytest.approx([20, 20, 10 * math.log10(2)])
    # Equation (10) with 255 on grey levels: one level of error everywhere is 48.13 dB.
    assert psnr(hr + 1, hr, data_range=255.0).tolist() == pytest.approx([48.1308036] * 3)


@conventions
def test_ssim_of_two_constants_is_the_luminance_term_alone(convention):
    for dtype, atol in ((torch.float64, 1e-12), (torch.float32, 1e-6)):
        x, y = torch.full((1, 1, 12, 13), 0.25, dtype=dtype), torch.full((1, 1, 12, 13), 0.75, dtype=dtype)
        want = (2 * 0.25 * 0.75 + 1e-4) / (0.25**2 + 0.75**2 + 1e-4)
        assert ssim(x, y, data_range=1.0, convention=convention).item() == pytest.approx(want, abs=atol)


@conventions
def test_ssim_of_a_negative_is_the_contrast_term_alone(convention):
    # A fine chessboard around a large mean: the luminance term is 1, the covariance minus the variance v of a window.
    board = torch.tensor([[(-1.0) ** (i + j) for j in range(15)] for i in range(15)], dtype=torch.float64)
    x, y = (100 + 0.1 * board)[None, None], (100 - 0.1 * board)[None, None]
    if convention == "paper":
        weights, unbias = torch.exp(-(torch.arange(-5, 6, dtype=torch.float64) ** 2) / (2 * 1.5**2)), 1
    else:
        weights, unbias = torch.ones(7, dtype=torch.float64), 49 / 48
    mean = (weights / weights.sum() @ board[0, : len(weights)]).item() ** 2  # of the board in a window
    v = 0.1**2 * (1 - mean**2) * unbias
    want = (0.03**2 - 2 * v) / (0.03**2 + 2 * v)
    assert ssim(x, y, data_range=1.0, convention=convention).item() == pytest.approx(want, abs=1e-6)


# Properties -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_images_have_mse_0_psnr_infinity_and_ssim_1(dtype):
    images = pair((3, 2, 16, 14))[1].to(dtype)
    assert mse(images, images).tolist() == [0, 0, 0]
    assert psnr(images, images, data_range=1.0).tolist() == [math.inf] * 3
    for convention in CONVENTIONS:
        close(ssim(images, images, data_range=1.0, convention=convention), [1, 1, 1])


@conventions
@few
@given(st.integers(0, 2**20), st.floats(0.001, 3))
def test_metrics_are_symmetric_and_ssim_at_most_1(convention, seed, noise):
    x, y = pair((2, 1, 13, 17), seed, noise)
    assert torch.equal(mse(x, y), mse(y, x))
    assert torch.equal(psnr(x, y, data_range=1.0), psnr(y, x, data_range=1.0))
    there = ssim(x, y, data_range=1.0, convention=convention)
    close(ssim(y, x, data_range=1.0, convention=convention), there)
    assert (there < 1).all()


def test_more_noise_is_worse_in_every_metric():
    hr = pair((1, 1, 32, 32))[1]
    noisy = [pair((1, 1, 32, 32), noise=noise)[0] for noise in (0.01, 0.03, 0.1, 0.3)]
    quality = [lambda sr: psnr(sr, hr, data_range=1.0)]
    quality += [lambda sr, c=convention: ssim(sr, hr, data_range=1.0, convention=c) for convention in CONVENTIONS]
    for function in quality:
        values = [function(sr).item() for sr in noisy]
        assert values == sorted(set(values), reverse=True)


@few
@given(st.floats(0.01, 1000), st.sampled_from(list(CONVENTIONS)))
def test_scaling_images_and_range_together_changes_nothing(scale, convention):
    sr, hr = pair((2, 1, 12, 12))
    close(psnr(scale * sr, scale * hr, data_range=scale), psnr(sr, hr, data_range=1.0))
    got = ssim(scale * sr, scale * hr, data_range=scale, convention=convention)
    close(got, ssim(sr, hr, data_range=1.0, convention=convention))


@conventions
def test_a_batch_has_the_values_of_its_images_one_by_one(convention):
    sr, hr = pair((4, 3, 14, 12))

    def one_by_one(metric, **arguments):
        return torch.cat([metric(sr[i : i + 1], hr[i : i + 1], **arguments) for i in range(4)])

    close(mse(sr, hr), one_by_one(mse))
    close(psnr(sr, hr, data_range=1.0), one_by_one(psnr, data_range=1.0))
    arguments = {"data_range": 1.0, "convention": convention}
    got = ssim(sr, hr, **arguments)
    assert (got.shape, got.dtype) == ((4,), torch.float64)
    close(got, one_by_one(ssim, **arguments))


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 64])
def test_chunking_does_not_change_ssim(monkeypatch, chunk):
    sr, hr = pair((5, 1, 20, 15))
    monkeypatch.setattr(error, "CHUNK", 1000)
    whole = ssim(sr, hr, data_range=1.0)
    monkeypatch.setattr(error, "CHUNK", chunk)
    close(ssim(sr, hr, data_range=1.0), whole)


def test_windows_that_reach_over_the_border_are_dropped():
    sr, hr = pair((1, 1, 30, 30))
    changed = sr.clone()
    changed[..., 0, 0] += 1  # a corner lies in one window alone: 1 of (30 − 7 + 1)² = 576
    difference = ssim(sr, hr, data_range=1.0, convention="skimage") - ssim(
        changed, hr, data_range=1.0, convention="skimage"
    )
    window = [image[..., :7, :7] for image in (sr, changed, hr)]
    want = ssim(window[0], window[2], data_range=1.0, convention="skimage") - ssim(
        window[1], window[2], data_range=1.0, convention="skimage"
    )
    close(difference, want / 576)


# Errors ---------------------------------------------------------------------------------------------------------------


def calls(sr, hr):
    yield lambda: mse(sr, hr)
    yield lambda: psnr(sr, hr, data_range=1.0)
    for convention in CONVENTIONS:
        yield lambda convention=convention: ssim(sr, hr, data_range=1.0, convention=convention)


@pytest.mark.parametrize("shape", [(1, 1, 12, 12), (2, 3, 12, 12), (2, 1, 12, 13), (2, 12, 12)])
def test_shapes_that_differ_are_both_named_and_never_broadcast(refuses, shape):
    for call in calls(torch.rand(2, 1, 12, 12), torch.rand(shape)):
        refuses(call, "(2, 1, 12, 12)", str(shape))


def test_integer_pixels_are_refused(refuses):
    floats, levels = torch.rand(1, 1, 12, 12), torch.ones(1, 1, 12, 12, dtype=torch.uint8)
    for pixels in ((floats, levels), (levels, floats), (levels, levels)):
        for call in calls(*pixels):
            refuses(call, "torch.uint8", "floats")


@pytest.mark.parametrize(("convention", "window"), [("paper", 11), ("skimage", 7)])
def test_an_image_smaller_than_the_window_is_refused(refuses, convention, window):
    for shape in ((1, 1, window - 1, 40), (1, 1, 40, window - 1)):
        images = torch.rand(shape)
        refuses(
            lambda images=images: ssim(images, images, data_range=1.0, convention=convention),
            str(tuple(shape[-2:])),
            f"({window}×{window})",
        )
    images = torch.rand(1, 1, window, window, dtype=torch.float64)
    close(ssim(images, images, data_range=1.0, convention=convention), [1.0])


def test_an_unknown_convention_is_named_with_the_choices(refuses):
    images = torch.rand(1, 1, 12, 12)
    refuses(lambda: ssim(images, images, data_range=1.0, convention="scikit"), "'scikit'", "paper", "skimage", "matlab")


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_the_data_range_must_be_given_and_by_name(metric):
    images = torch.rand(1, 1, 12, 12)
    with pytest.raises(TypeError, match="data_range"):
        metric(images, images)
    with pytest.raises(TypeError):
        metric(images, images, 1.0)
