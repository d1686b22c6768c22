"""Resampling against PIL, torch and NumPy, and by its properties."""

import math
from fractions import Fraction

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.nn import functional

from mffcn_lite.degrade import KERNEL_NAMES, cubic, degrade, downsample, resample, small_size, upsample

PIL_FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
# Height and width before and after: ORL and the paper's 128 at their factors, odd, up, down, mixed, a single pixel.
SIZES = [
    ((112, 92), (37, 31)),
    ((37, 31), (112, 92)),
    ((128, 128), (43, 43)),
    ((43, 43), (128, 128)),
    ((112, 92), (56, 46)),
    ((17, 29), (7, 11)),
    ((7, 11), (17, 29)),
    ((13, 8), (29, 3)),
    ((5, 9), (1, 1)),
    ((1, 2), (6, 5)),
]
side = st.integers(1, 24)
few = settings(max_examples=40, deadline=None)


def picture(height, width, batch=1, channels=1, dtype=torch.float64, seed=0):
    return torch.rand(batch, channels, height, width, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def with_pil(images, size, resampling):
    planes = [
        np.asarray(Image.fromarray(plane.float().numpy()).resize(size[::-1], resampling))
        for plane in images.flatten(0, 1)
    ]
    return torch.from_numpy(np.stack(planes)).unflatten(0, images.shape[:2]).double()


def close(got, want, atol):
    torch.testing.assert_close(got, want, atol=atol, rtol=0)


# Oracles --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "after"), SIZES)
@pytest.mark.parametrize("kernel", PIL_FILTERS)
def test_antialiased_kernels_equal_pil_on_float_pictures(kernel, before, after):
    images = picture(*before, batch=2, dtype=torch.float32).double()
    close(resample(images, after, kernel), with_pil(images, after, PIL_FILTERS[kernel]), 2e-6)


@few
@given(st.sampled_from(list(PIL_FILTERS)), side, side, side, side)
def test_antialiased_kernels_equal_pil_at_any_size(kernel, height, width, new_height, new_width):
    images = picture(height, width, dtype=torch.float32).double()
    want = with_pil(images, (new_height, new_width), PIL_FILTERS[kernel])
    close(resample(images, (new_height, new_width), kernel), want, 2e-6)


@pytest.mark.parametrize(("before", "after"), SIZES)
@pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
def test_antialiased_kernels_equal_torch(kernel, before, after):
    images = picture(*before, batch=2, channels=3)
    want = functional.interpolate(images, size=after, mode=kernel, antialias=True)
    close(resample(images, after, kernel), want, 1e-12)


@pytest.mark.parametrize(("before", "after"), SIZES)
@pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
def test_kernels_without_antialiasing_equal_torch_with_its_own_a(kernel, before, after):
    images = picture(*before, batch=2, channels=3)
    want = functional.interpolate(images, size=after, mode=kernel, align_corners=False)
    close(resample(images, after, kernel, antialias=False, a=-0.75), want, 1e-12)


@pytest.mark.parametrize(("before", "after"), [pair for pair in SIZES if pair != ((112, 92), (56, 46))])
def test_nearest_equals_torch_nearest_exact_where_no_centre_falls_on_a_border(before, after):
    images = picture(*before)
    assert torch.equal(resample(images, after, "nearest"), functional.interpolate(images, after, mode="nearest-exact"))


@few
@given(st.integers(1, 200), st.integers(1, 200))
def test_nearest_takes_a_pixel_that_holds_the_new_centre(source, target):
    got = resample(torch.arange(source, dtype=torch.float64).view(1, 1, 1, -1), (1, target), "nearest").flatten()
    for i, pixel in enumerate(got.tolist()):
        assert pixel <= Fraction((2 * i + 1) * source, 2 * target) <= pixel + 1


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_area_equals_torch_and_pil_at_whole_factors(factor):
    images = picture(12 * 2, 12 * 3, batch=2, dtype=torch.float32).double()
    size = (24 // factor, 36 // factor)
    got = downsample(images, factor, "area")
    close(got, functional.interpolate(images, size, mode="area"), 1e-12)
    close(got, functional.adaptive_avg_pool2d(images, size), 1e-12)
    close(got, with_pil(images, size, Image.Resampling.BOX), 1e-6)


@few
@given(side, side, side, side)
def test_area_equals_averages_over_the_common_multiple(height, width, new_height, new_width):
    images = picture(height, width)
    fine = images[0, 0].numpy()
    for axis, (old, new) in enumerate(((height, new_height), (width, new_width))):
        fine = np.repeat(fine, math.lcm(old, new) // old, axis=axis)
    blocks = fine.reshape(new_height, fine.shape[0] // new_height, new_width, fine.shape[1] // new_width)
    close(resample(images, (new_height, new_width), "area")[0, 0], torch.from_numpy(blocks.mean((1, 3))), 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_degrade_of_real_faces_equals_pil_twice(orl, factor):
    hr = orl[:3].floats()
    size = {2: (56, 46), 3: (37, 31), 4: (28, 23)}[factor]
    want = with_pil(with_pil(hr, size, Image.Resampling.BICUBIC), (112, 92), Image.Resampling.BICUBIC)
    close(degrade(hr, factor).double(), want, 3e-6)


@pytest.mark.parametrize("a", [-0.5, -0.75])
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("kernel", KERNEL_NAMES)
def test_degrade_is_both_directions_with_the_same_arguments(kernel, antialias, a):
    hr = picture(17, 14, batch=2)
    small = resample(hr, (6, 5), kernel, antialias, a)
    assert torch.equal(downsample(hr, 3, kernel, antialias, a), small)
    assert torch.equal(upsample(small, (17, 14), kernel, antialias, a), resample(small, (17, 14), kernel, antialias, a))
    assert torch.equal(degrade(hr, 3, kernel, antialias, a), resample(small, (17, 14), kernel, antialias, a))


# Hand-worked ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("a", [-0.5, -0.75, -1.0])
def test_cubic_has_the_values_of_its_formula(a):
    # k(0) = 1, k(½) = (4 − a)/8, k(1) = 0, k(3/2) = a/8, k(2) = 0; symmetric.
    want = torch.tensor([0, a / 8, 0, (4 - a) / 8, 1, (4 - a) / 8, 0, a / 8, 0, 0], dtype=torch.float64)
    close(cubic(torch.tensor([-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3], dtype=torch.float64), a), want, 1e-15)


def test_bicubic_a_reaches_the_pixels():
    small = torch.zeros(1, 1, 1, 9, dtype=torch.float64)
    small[..., 4] = 1
    for a in (-0.5, -0.75, -0.3):
        # Thrice as large, new pixels 9 … 17 lie −4/3 … 4/3 pixels from the impulse: the fourth one at −1/3.
        got = upsample(small, (1, 27), a=a)[0, 0, 0, 12].item()
        assert got == pytest.approx((a + 2) / 27 - (a + 3) / 9 + 1, abs=1e-14)


@pytest.mark.parametrize(
    ("size", "factor", "want"),
    [
        ((112, 92), 2, (56, 46)),
        ((112, 92), 3, (37, 31)),  # 37.33 and 30.67
        ((112, 92), 4, (28, 23)),
        ((128, 128), 3, (43, 43)),  # 42.67
        ((5, 7), 2, (3, 4)),  # 2.5 and 3.5: halves go up, both
        ((9, 10), 4, (2, 3)),
        ((3, 4), 3, (1, 1)),
    ],
)
def test_small_size_rounds_and_halves_go_up(size, factor, want):
    assert small_size(size, factor) == want
    assert tuple(downsample(picture(*size), factor).shape[-2:]) == want


@pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
def test_both_directions_keep_the_field_of_view_and_floor_and_stretch_does_not(kernel):
    # Each pixel holds the position of its centre as a share of the photo: so does the small photo's.
    ramp = ((torch.arange(128, dtype=torch.float64) + 0.5) / 128).expand(1, 1, 128, 128)
    inner = slice(16, -16)
    small = downsample(ramp, 3, kernel)
    close(small[0, 0, 20, 5:-5], ((torch.arange(43, dtype=torch.float64) + 0.5) / 43)[5:-5], 1e-3)
    assert (degrade(ramp, 3, kernel) - ramp)[..., 64, inner].abs().max() < 0.1 / 128
    # torch takes a scale of 1/3 literally: 42 pixels for the first 126, and the right border is lost.
    naive = functional.interpolate(ramp, scale_factor=1 / 3, mode=kernel, antialias=True)
    assert naive.shape[-1] == 42
    stretched = functional.interpolate(naive, size=(128, 128), mode=kernel, antialias=True)
    assert (stretched - ramp)[..., 64, inner].abs().max() > 1 / 128


# Properties -----------------------------------------------------------------------------------------------------------


@few
@given(st.sampled_from(KERNEL_NAMES), st.booleans(), side, side, side, side)
def test_constants_stay_constant(kernel, antialias, height, width, new_height, new_width):
    images = torch.full((1, 1, height, width), 0.3, dtype=torch.float64)
    got = resample(images, (new_height, new_width), kernel, antialias)
    close(got, torch.full((1, 1, new_height, new_width), 0.3, dtype=torch.float64), 1e-14)


@few
@given(st.sampled_from(KERNEL_NAMES), st.booleans(), side, side, side, side)
def test_resampling_is_linear(kernel, antialias, height, width, new_height, new_width):
    x, y = picture(height, width, seed=1), picture(height, width, seed=2)

    def f(images):
        return resample(images, (new_height, new_width), kernel, antialias)

    close(f(2 * x - 3 * y), 2 * f(x) - 3 * f(y), 1e-12)


@few
@given(st.sampled_from(KERNEL_NAMES), st.booleans(), side, side, side, side)
def test_flips_and_transposition_commute_with_resampling(kernel, antialias, height, width, new_height, new_width):
    if kernel == "nearest":  # at odd ratios no centre falls on a border between two pixels, where one side must win
        new_height, new_width = 3 * height, 5 * width
    images, size = picture(height, width), (new_height, new_width)
    got = resample(images, size, kernel, antialias)
    for axis in (-1, -2):
        close(resample(images.flip(axis), size, kernel, antialias), got.flip(axis), 1e-12)
    close(resample(images.mT, size[::-1], kernel, antialias), got.mT, 1e-12)


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
def test_enlarging_keeps_linear_ramps_in_the_interior(kernel, antialias):
    rows = (torch.arange(12, dtype=torch.float64) + 0.5) / 12
    columns = (torch.arange(10, dtype=torch.float64) + 0.5) / 10
    ramp = (2 * rows[:, None] - columns + 0.1)[None, None]
    want = 2 * (torch.arange(31).double()[:, None] + 0.5) / 31 - (torch.arange(37).double() + 0.5) / 37 + 0.1
    got = resample(ramp, (31, 37), kernel, antialias)[0, 0]
    close(got[6:-6, 8:-8], want[6:-6, 8:-8], 1e-12)


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("kernel", ["bilinear", "bicubic", "lanczos", "area"])
def test_shrinking_by_a_whole_factor_keeps_linear_ramps_in_the_interior(kernel, factor):
    length = 24 * factor
    ramp = ((torch.arange(length, dtype=torch.float64) + 0.5) / length).expand(1, 1, length, length)
    want = (torch.arange(24, dtype=torch.float64) + 0.5) / 24
    close(downsample(ramp, factor, kernel)[0, 0, 12, 4:-4], want[4:-4], 1e-12)


@pytest.mark.parametrize("kernel", KERNEL_NAMES)
def test_a_batch_equals_its_images_one_by_one(kernel):
    images = picture(23, 17, batch=3, channels=2)
    want = torch.stack([degrade(images[i : i + 1, c : c + 1], 3, kernel)[0, 0] for i in range(3) for c in range(2)])
    close(degrade(images, 3, kernel), want.unflatten(0, (3, 2)), 1e-14)


@pytest.mark.parametrize("kernel", KERNEL_NAMES)
def test_float32_agrees_with_float64_and_the_type_is_kept(kernel):
    images = picture(112, 92)
    single = degrade(images.float(), 3, kernel)
    assert single.dtype == torch.float32
    assert degrade(images, 3, kernel).dtype == torch.float64
    close(single.double(), degrade(images, 3, kernel), 2e-6)


@pytest.mark.parametrize("device", ["cpu", "meta"] + ["cuda"] * torch.cuda.is_available())
def test_the_device_is_kept(device):
    got = degrade(picture(12, 9).to(device), 2)
    assert (got.device.type, got.shape) == (device, (1, 1, 12, 9))


def test_the_same_size_changes_nothing():
    images = picture(9, 7)
    assert all(torch.equal(resample(images, (9, 7), kernel), images) for kernel in KERNEL_NAMES)


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("kernel", KERNEL_NAMES)
def test_the_gradient_is_the_derivative(kernel, antialias):
    images = picture(7, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: degrade(x, 2, kernel, antialias), (images,))


def test_the_gradient_flows_also_after_a_call_in_inference_mode():
    images = picture(19, 14)  # a size that no other test uses: its matrices are made here, and kept
    with torch.inference_mode():
        degrade(images, 3)
    images.requires_grad_()
    degrade(images, 3).sum().backward()
    assert images.grad.sum().item() == pytest.approx(19 * 14)


# Errors ---------------------------------------------------------------------------------------------------------------


def test_shapes_and_types_in_annotations_are_checked_in_this_suite():
    with pytest.raises(jaxtyping.TypeCheckError):
        degrade(picture(8, 8)[0], 2)
    with pytest.raises(jaxtyping.TypeCheckError):
        degrade((picture(8, 8) * 255).to(torch.uint8), 2)


@pytest.mark.parametrize("factor", [0, -1, 1, 1.5, True, False, "2", "two", None, math.nan, math.inf])
@pytest.mark.parametrize("function", [downsample, degrade])
def test_a_factor_that_is_no_whole_number_above_one_is_named(refuses, function, factor):
    refuses(lambda: function(picture(8, 8), factor), f"(={factor!r})", "factor", "whole number of at least 2")


def test_a_factor_larger_than_a_side_is_named(refuses):
    refuses(lambda: downsample(picture(112, 92), 1000), "factor (=1000)", "(=92 pixels)")
    refuses(lambda: degrade(picture(112, 92), 93), "factor (=93)", "(=92 pixels)")
    assert downsample(picture(112, 92), 92).shape[-2:] == (1, 1)


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (-3, 5), (5,), (5, 5, 5), 5, None, (2.5, 5)])
def test_a_size_that_is_no_height_and_width_is_named(refuses, size):
    refuses(lambda: upsample(picture(8, 8), size), f"size (={size})")


@pytest.mark.parametrize("kernel", ["cubic", "", "Bicubic", None])
def test_an_unknown_kernel_is_named_with_the_choices(refuses, kernel):
    refuses(lambda: degrade(picture(8, 8), 2, kernel), f"kernel (={kernel!r})", *KERNEL_NAMES)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool])
def test_pixels_that_are_no_floats_are_refused(refuses, dtype):
    images = torch.ones(1, 1, 8, 8, dtype=dtype)
    for call in (downsample, degrade):
        refuses(lambda call=call: call(images, 2), str(dtype), "floats")
    refuses(lambda: upsample(images, (9, 9)), str(dtype), "floats")


def test_images_without_pixels_are_refused(refuses):
    refuses(lambda: upsample(torch.ones(1, 1, 0, 4), (3, 3)), "(1, 1, 0, 4)")
