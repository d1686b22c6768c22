"""The conventions of PSNR and SSIM against the libraries that they are named for; LPIPS, bands, sharpness and noise."""

import math
import warnings

import lpips
import numpy as np
import piq
import pytest
import skimage.color
import skimage.data
import torch
import torchmetrics.functional.image as torchmetrics
from scipy.ndimage import correlate1d
from scipy.signal import convolve2d
from scipy.stats import norm
from skimage.metrics import structural_similarity

from mffcn_lite.degrade import degrade
from mffcn_lite.metrics import SSIMConvention, band_energy_ratio, mse, noise_level, psnr, sharpness, ssim, ssim_map
from mffcn_lite.metrics.lpips import LPIPS, READ

SHAPES = [(2, 1, 31, 24), (3, 3, 48, 57), (1, 1, 128, 128)]


def pair(shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    hr = torch.rand(shape, generator=generator, dtype=torch.float64)
    return (hr + 0.1 * torch.randn(shape, generator=generator, dtype=torch.float64)).clamp(0, 1).to(dtype), hr.to(dtype)


@pytest.fixture(scope="module")
def faces(orl):
    hr = orl[[3, 120, 333]].floats()
    return degrade(hr, 3).clamp(0, 1), hr


def pairs(faces):
    return [*(pair(shape) for shape in SHAPES), tuple(images.double() for images in faces)]


# Other libraries ------------------------------------------------------------------------------------------------------


def test_torchmetrics_agrees(faces):
    for sr, hr in pairs(faces):
        got = ssim(sr, hr, data_range=1.0, convention="torchmetrics")
        want = torchmetrics.structural_similarity_index_measure(sr, hr, data_range=1.0, reduction="none")
        torch.testing.assert_close(got, want, atol=1e-10, rtol=0)
        want = torchmetrics.peak_signal_noise_ratio(sr, hr, data_range=1.0, reduction="none", dim=(1, 2, 3))
        torch.testing.assert_close(psnr(sr, hr, data_range=1.0), want, atol=1e-5, rtol=0)


def test_piq_agrees_also_on_large_images_which_it_makes_smaller(faces):
    large = pair((1, 1, 400, 520))
    for sr, hr in [*pairs(faces), large]:
        got = ssim(sr, hr, data_range=1.0, convention="piq")
        torch.testing.assert_close(got, piq.ssim(sr, hr, data_range=1.0, reduction="none"), atol=1e-10, rtol=0)
        want = piq.psnr(sr, hr, data_range=1.0, reduction="none")  # its 10⁻⁸ under the logarithm
        torch.testing.assert_close(psnr(sr, hr, data_range=1.0), want, atol=1e-4, rtol=0)
    assert abs(ssim(*large, data_range=1.0, convention="piq") - ssim(*large, data_range=1.0)) > 1e-4


@pytest.mark.parametrize("convention", ["torchmetrics", "piq", "skimage"])
def test_in_float32_they_agree_to_a_hundred_thousandth(faces, convention):
    for sr, hr in [pair((2, 1, 64, 64), dtype=torch.float32), faces]:
        got = ssim(sr, hr, data_range=1.0, convention=convention)
        want = {
            "torchmetrics": lambda sr=sr.double(), hr=hr.double(): torchmetrics.structural_similarity_index_measure(
                sr, hr, data_range=1.0, reduction="none"
            ),
            "piq": lambda sr=sr.double(), hr=hr.double(): piq.ssim(sr, hr, data_range=1.0, reduction="none"),
            "skimage": lambda sr=sr.double(), hr=hr.double(): torch.tensor(
                [structural_similarity(x[0].numpy(), y[0].numpy(), data_range=1.0) for x, y in zip(sr, hr, strict=True)]
            ),
        }[convention]()
        torch.testing.assert_close(got, want.double(), atol=1e-5, rtol=0)


def test_matlabs_windows_see_the_borders_pixels_repeated(faces):
    weights = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
    weights /= weights.sum()

    def mean(image):
        return correlate1d(correlate1d(image, weights, 0, mode="nearest"), weights, 1, mode="nearest")

    for sr, hr in pairs(faces):
        want = []
        for x, y in zip(sr.flatten(0, 1).numpy(), hr.flatten(0, 1).numpy(), strict=True):
            mx, my = mean(x), mean(y)
            covariance, variances = mean(x * y) - mx * my, mean(x * x) + mean(y * y) - mx**2 - my**2
            top = (2 * mx * my + 1e-4) * (2 * covariance + 9e-4)
            want.append((top / ((mx**2 + my**2 + 1e-4) * (variances + 9e-4))).mean())
        want = np.reshape(want, sr.shape[:2]).mean(1)
        np.testing.assert_allclose(ssim(sr, hr, data_range=1.0, convention="matlab"), want, atol=1e-10)


def test_the_global_reading_is_equation_8_with_one_window(faces):
    for sr, hr in pairs(faces):
        x, y = sr.flatten(2).numpy(), hr.flatten(2).numpy()
        mx, my = x.mean(2), y.mean(2)
        covariance = (x * y).mean(2) - mx * my
        want = (2 * mx * my + 1e-4) * (2 * covariance + 9e-4)
        want = want / ((mx**2 + my**2 + 1e-4) * (x.var(2) + y.var(2) + 9e-4))
        np.testing.assert_allclose(ssim(sr, hr, data_range=1.0, convention="global"), want.mean(1), atol=1e-10)
    assert ssim(*(x[..., :3, :3] for x in pair((1, 1, 5, 5))), data_range=1.0, convention="global").isfinite()


def test_basicsr_step_by_step():
    """uint8, cut by the factor, MATLAB's luminance, then PSNR and SSIM with 255."""
    hr = torch.from_numpy(skimage.data.astronaut()[:96, :120].copy()).permute(2, 0, 1)[None].double() / 255
    sr = degrade(hr, 3).clamp(0, 1)
    sides = []
    for images in (sr, hr):
        levels = (images[0] * 255).round().numpy().transpose(1, 2, 0)[3:-3, 3:-3]
        sides.append(skimage.color.rgb2ycbcr(levels.astype(np.uint8))[..., 0])
    error = ((sides[0] - sides[1]) ** 2).mean()
    arguments = {"data_range": 1.0, "border": 3, "channels": "y-studio", "rounded": True}
    assert psnr(sr, hr, **arguments).item() == pytest.approx(10 * math.log10(255**2 / error), abs=1e-4)
    want = structural_similarity(*sides, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    assert ssim(sr, hr, convention="basicsr", **arguments).item() == pytest.approx(want, abs=1e-6)


# Our own arguments ----------------------------------------------------------------------------------------------------


def test_studio_luminance_adds_one_and_a_third_decibels():
    sr, hr = pair((2, 3, 20, 20))
    full, studio = (psnr(sr, hr, data_range=1.0, channels=channels) for channels in ("y", "y-studio"))
    torch.testing.assert_close(studio - full, torch.full((2,), 20 * math.log10(255 / 219), dtype=torch.float64))
    grey = tuple(images[:, :1] for images in (sr, hr))
    torch.testing.assert_close(psnr(*grey, data_range=1.0, channels="y"), psnr(*grey, data_range=1.0))
    want = skimage.color.rgb2gray  # BT.709: not the same
    assert not np.allclose(want(hr[0].permute(1, 2, 0).numpy()), 0.299 * hr[0, 0] + 0.587 * hr[0, 1] + 0.114 * hr[0, 2])


def test_the_border_is_cut_and_rounding_is_to_grey_levels():
    sr, hr = pair((1, 1, 20, 20))
    inner = tuple(images[..., 3:-3, 3:-3] for images in (sr, hr))
    assert psnr(sr, hr, data_range=1.0, border=3) == psnr(*inner, data_range=1.0)
    assert ssim(sr, hr, data_range=1.0, border=3) == ssim(*inner, data_range=1.0)
    assert mse(torch.full((1, 1, 1, 2), 0.5004), torch.zeros(1, 1, 1, 2), rounded=True).item() == pytest.approx(
        (128 / 255) ** 2
    )
    with warnings.catch_warnings(action="ignore"):
        beyond = mse(torch.full((1, 1, 1, 2), 1.2), torch.ones(1, 1, 1, 2), rounded=True)
    assert beyond.item() == 0  # a file has no level above 255


def test_other_constants_and_windows_are_scikit_images(faces):
    sr, hr = (images.double() for images in faces)
    own = SSIMConvention(window="uniform", side=9, covariance="population", k1=0.02, k2=0.05)
    want = [
        structural_similarity(x[0].numpy(), y[0].numpy(), data_range=1.0, win_size=9, use_sample_covariance=False,
                              K1=0.02, K2=0.05)
        for x, y in zip(sr, hr, strict=True)
    ]  # fmt: skip
    np.testing.assert_allclose(ssim(sr, hr, data_range=1.0, convention=own), want, atol=1e-10)


def test_the_map_is_scikit_images_and_its_mean_is_ssim(faces):
    sr, hr = (images.double() for images in faces)
    got = ssim_map(sr, hr, data_range=1.0)
    assert got.shape == (3, 1, 102, 82)
    arguments = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "full": True}
    _, want = structural_similarity(sr[0, 0].numpy(), hr[0, 0].numpy(), data_range=1.0, **arguments)
    np.testing.assert_allclose(got[0, 0], want[5:-5, 5:-5], atol=1e-10)
    torch.testing.assert_close(got.mean((1, 2, 3)), ssim(sr, hr, data_range=1.0))


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_values_beyond_the_range_are_told_with_their_extremes(metric):
    sr, hr = pair((2, 1, 12, 12))
    sr[0, 0, 0, 0], sr[1, 0, 3, 3] = -0.25, 1.5
    with pytest.warns(UserWarning, match=r"sr reaches from -0.25 to 1.5, beyond 0 to 1") as caught:
        metric(sr, hr, data_range=1.0)
    assert len(caught) == 1
    with warnings.catch_warnings(action="error"):
        metric(hr, hr, data_range=1.0)
        metric(255 * hr, hr, data_range=255)


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_what_cannot_be_measured_is_one_sentence(metric, refuses):
    sr, hr = pair((1, 1, 12, 12))
    broken = sr.clone()
    broken[0, 0, 5, 5] = math.nan
    refuses(lambda: metric(broken, hr, data_range=1.0), "sr holds NaN")
    refuses(lambda: metric(sr, broken, data_range=1.0), "hr holds NaN")
    refuses(lambda: metric(sr, hr, data_range=0.0), "data_range (=0.0)")
    refuses(lambda: metric(sr, hr, data_range=1.0, border=6), "border (=6)", "(12, 12)")
    refuses(lambda: metric(sr, hr, data_range=1.0, border=-1), "border (=-1)")
    refuses(lambda: metric(sr, hr, data_range=1.0, channels="rgb"), "'rgb'", "y-studio")
    two = pair((1, 2, 12, 12))
    refuses(lambda: metric(*two, data_range=1.0, channels="y"), "1 or 3 channels")


def test_a_convention_that_makes_no_sense_is_refused(refuses):
    refuses(lambda: SSIMConvention(side=8), "side (=8)")
    refuses(lambda: SSIMConvention(sigma=0.0), "sigma (=0.0)")
    refuses(lambda: SSIMConvention(window="box"), "'box'", "uniform")


# LPIPS ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["alexnet", "vgg16"])
def judge(request):
    return LPIPS(request.param)


def reference(judge):
    """The authors' module with our weights: its own download is not needed."""
    net = {"alexnet": "alex", "vgg16": "vgg"}[judge.network]
    with warnings.catch_warnings(action="ignore"):
        module = lpips.LPIPS(net=net, pnet_rand=True, pretrained=False, verbose=False).eval()
    slices = [module.net.slice1, module.net.slice2, module.net.slice3, module.net.slice4, module.net.slice5]
    theirs = [layer for part in slices for layer in part if isinstance(layer, torch.nn.Conv2d)]
    ours = [layer for layer in judge.layers if isinstance(layer, torch.nn.Conv2d)]
    for one, other in zip(theirs, ours, strict=True):
        one.load_state_dict(other.state_dict())
    for i, linear in enumerate(module.lins):
        linear.model[-1].weight.data.copy_(getattr(judge, f"weights_{i}"))
    return module


@pytest.mark.slow
def test_lpips_is_the_authors_module(judge, faces):
    module = reference(judge)
    for sr, hr in [faces, pair((2, 3, 64, 80), dtype=torch.float32)]:
        grey = [images.expand(-1, 3, -1, -1) for images in (sr, hr)]
        with torch.no_grad():
            want = module(*grey, normalize=True).flatten()
        torch.testing.assert_close(judge(sr, hr), want, atol=1e-5, rtol=0)
        assert (want > 0.01).all()


@pytest.mark.slow
def test_lpips_has_its_properties(judge, faces):
    sr, hr = faces
    assert torch.equal(judge(hr, hr), torch.zeros(3))
    torch.testing.assert_close(judge(sr, hr), judge(hr, sr))
    torch.testing.assert_close(judge(sr, hr)[1:2], judge(sr[1:2], hr[1:2]))
    worse = degrade(hr, 4)
    assert (judge(worse, hr) > judge(degrade(hr, 2), hr)).all()
    x = sr[:1].clone().requires_grad_()
    judge(x, hr[:1]).sum().backward()
    assert x.grad.abs().sum() > 0
    assert len(READ[judge.network]) == 5


def test_lpips_prefers_a_shift_of_brightness_to_a_blur_that_psnr_prefers(faces):
    """What PSNR and people disagree on: a paler photo of larger error looks closer than a blurred one."""
    _, hr = faces
    blurred, paler = degrade(hr, 4).clamp(0, 1), (0.9 * hr + 0.06).clamp(0, 1)
    paler = paler + 0
    judge = LPIPS()
    assert (judge(paler, hr) < 0.5 * judge(blurred, hr)).all()


def test_lpips_refuses_what_does_not_fit(judge, refuses):
    small, two = torch.rand(1, 1, 30, 40), torch.rand(1, 2, 40, 40)
    refuses(lambda: judge(small, small), "31 pixels")
    refuses(lambda: judge(two, two), "1 or 3 channels")
    refuses(lambda: judge(small, two), "same shape")
    refuses(lambda: LPIPS("vgg19"), "'vgg19'", "alexnet")


# Bands and sharpness --------------------------------------------------------------------------------------------------


def test_a_wave_counts_in_its_own_band():
    x = torch.arange(64, dtype=torch.float64)
    for cycles in (5, 13, 27):  # of 64 pixels; bands are 4 cycles wide
        wave = torch.cos(2 * math.pi * cycles * x / 64).expand(1, 1, 64, 64)
        noise = 1e-3 * torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        ratio = band_energy_ratio(noise + 0.5 * wave, noise + wave, bands=8)[0]
        assert ratio[cycles // 4].item() == pytest.approx(0.25, abs=1e-3)
        others = torch.arange(8) != cycles // 4
        torch.testing.assert_close(ratio[others], torch.ones(7, dtype=torch.float64), atol=1e-6, rtol=0)


def test_a_blurred_face_has_lost_its_fine_bands(faces):
    sr, hr = faces
    ratio = band_energy_ratio(sr, hr).mean(0)
    assert ratio.shape == (8,)
    assert ratio[0] > 0.95
    assert (ratio[-3:] < 0.4).all()
    torch.testing.assert_close(band_energy_ratio(hr, hr), torch.ones(3, 8, dtype=torch.float64))


def test_sharpness_has_hand_worked_values_falls_with_blur_and_rises_with_noise(faces):
    ramp = torch.arange(5, dtype=torch.float64).expand(1, 1, 4, 5)
    assert sharpness(3 * ramp).item() == 3
    sr, hr = faces
    assert (sharpness(sr) < sharpness(hr)).all()
    noisy = hr + 0.05 * torch.randn(hr.shape, generator=torch.Generator().manual_seed(0))
    assert (sharpness(noisy) > 1.3 * sharpness(hr)).all()  # sharper, and worse: it is no measure of quality
    assert (mse(noisy.clamp(0, 1), hr) > 0).all()


# Noise ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("average", ["mean", "median"])
def test_planted_noise_is_found_on_a_ramp(average):
    down, across = torch.meshgrid(
        torch.linspace(0.2, 0.7, 200).double(), torch.linspace(0, 0.2, 180).double(), indexing="ij"
    )
    clean = (down + across)[None, None].repeat(2, 1, 1, 1)
    assert noise_level(clean, average).max() < 1e-9
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    levels = torch.tensor([0.01, 0.03]).view(2, 1, 1, 1)
    torch.testing.assert_close(noise_level(clean + levels * noise, average), levels.view(2).double(), rtol=0.03, atol=0)


def test_the_noise_level_is_immerkaers_written_out(faces):
    mask = np.outer([1, -2, 1], [1, -2, 1])
    for image, mean, median in zip(faces[1], noise_level(faces[1], "mean"), noise_level(faces[1]), strict=True):
        sizes = np.abs(convolve2d(image[0].double().numpy(), mask, mode="valid"))
        height, width = image.shape[-2:]
        assert float(mean) == pytest.approx(math.sqrt(math.pi / 2) * sizes.sum() / (6 * (width - 2) * (height - 2)))
        assert float(median) == pytest.approx(np.median(sizes) / (6 * norm.ppf(0.75)), rel=1e-2)


def test_the_median_is_less_taken_in_by_texture():
    stripes = torch.zeros(1, 1, 64, 64)
    stripes[..., 40:, :] = (torch.arange(64) + torch.arange(24)[:, None]).sin() / 2
    assert noise_level(stripes) == 0 < noise_level(stripes, "mean")


def test_the_noise_of_what_is_no_picture_is_one_sentence(refuses):
    refuses(lambda: noise_level(torch.rand(1, 1, 2, 9)), "(2, 9)", "3")
    refuses(lambda: noise_level(torch.rand(1, 1, 9, 9), "mode"), "'mode'", "median")
    refuses(lambda: noise_level(torch.ones(1, 1, 9, 9, dtype=torch.uint8)), "uint8")
