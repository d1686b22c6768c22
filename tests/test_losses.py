"""The objective's terms against NumPy, by hand, and by their derivatives."""

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mffcn_lite.losses import Objective, distance, l2_loss, nie_loss, total_variation


def pair(shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(shape, generator=generator, dtype=torch.float64) for _ in range(2)]


def test_l2_has_hand_worked_values():
    hr = torch.zeros(2, 1, 2, 3)
    sr = torch.tensor([[1.0, 0, 0, 0, 0, 0], [2, 2, 0, 0, 0, -1]]).view(2, 1, 2, 3)
    # Squares: 1 on the first photo, 4 + 4 + 1 = 9 on the second; the batch's mean is 5, 5/6 a pixel.
    assert l2_loss(sr, hr).item() == 5
    assert l2_loss(sr, hr, "sum").item() == 5
    assert l2_loss(sr, hr, "mean").item() == pytest.approx(5 / 6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**20), st.tuples(*[st.integers(1, 6)] * 4))
def test_l2_equals_numpy_norms_averaged_over_the_batch(seed, shape):
    sr, hr = pair(shape, seed)
    norms = [np.linalg.norm((x - y).numpy().ravel()) ** 2 for x, y in zip(sr, hr, strict=True)]
    assert l2_loss(sr, hr).item() == pytest.approx(np.mean(norms))
    assert l2_loss(sr, hr, "mean").item() == pytest.approx(np.mean(norms) / np.prod(shape[1:]))


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_l2_is_symmetric_zero_when_equal_and_quadratic(reduction):
    sr, hr = pair((3, 2, 4, 5))
    assert l2_loss(hr, hr, reduction).item() == 0
    assert l2_loss(sr, hr, reduction).item() == l2_loss(hr, sr, reduction).item() > 0
    assert l2_loss(hr + 3 * (sr - hr), hr, reduction).item() == pytest.approx(9 * l2_loss(sr, hr, reduction).item())


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_l2_does_not_grow_when_the_batch_is_repeated(reduction):
    sr, hr = pair((2, 1, 4, 5))
    twice = l2_loss(torch.cat([sr, sr]), torch.cat([hr, hr]), reduction)
    assert twice.item() == pytest.approx(l2_loss(sr, hr, reduction).item())


def test_only_the_sum_grows_with_the_size_of_the_photo():
    sr, hr = pair((2, 1, 4, 5))
    doubled = [torch.cat([images, images], dim=-1) for images in (sr, hr)]
    assert l2_loss(*doubled).item() == pytest.approx(2 * l2_loss(sr, hr).item())
    assert l2_loss(*doubled, "mean").item() == pytest.approx(l2_loss(sr, hr, "mean").item())


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_the_gradient_of_l2_is_the_derivative_and_twice_the_difference(reduction):
    sr, hr = (images.requires_grad_() for images in pair((2, 2, 3, 4)))
    assert torch.autograd.gradcheck(lambda x, y: l2_loss(x, y, reduction), (sr, hr))
    l2_loss(sr, hr, reduction).backward()
    want = 2 * (sr - hr).detach() / (2 if reduction == "sum" else sr.numel())
    torch.testing.assert_close(sr.grad, want)
    torch.testing.assert_close(hr.grad, -want)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_l2_keeps_the_type_and_is_a_scalar(dtype):
    loss = l2_loss(*(images.to(dtype) for images in pair((2, 1, 3, 3))))
    assert (loss.dtype, loss.shape) == (dtype, ())


@pytest.mark.parametrize("shape", [(1, 1, 4, 5), (2, 2, 4, 5), (2, 1, 5, 4), (1, 4, 5)])
def test_shapes_that_differ_are_both_named_and_never_broadcast(refuses, shape):
    refuses(lambda: l2_loss(torch.rand(2, 1, 4, 5), torch.rand(shape)), "(2, 1, 4, 5)", str(shape))


@pytest.mark.parametrize("reduction", ["none", "", None, "SUM"])
def test_an_unknown_reduction_is_named_with_the_choices(refuses, reduction):
    images = torch.rand(1, 1, 4, 5)
    refuses(lambda: l2_loss(images, images, reduction), repr(reduction), '"sum"', '"mean"')


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_integer_pixels_are_refused_and_never_wrap_around(refuses, reduction):
    levels = torch.tensor([[[[0, 255]]]], dtype=torch.uint8)
    refuses(lambda: l2_loss(levels, levels.flip(-1), reduction), "torch.uint8")


def test_the_annotations_are_checked_in_this_suite():
    with pytest.raises(jaxtyping.TypeCheckError):
        l2_loss(torch.rand(1, 1, 4, 5), torch.rand(1, 1, 4, 4))


EMPTY = {"no photo": (0, 1, 8, 8), "no maps": (2, 0), "no number": (0,), "a number": ()}


@pytest.mark.parametrize("shape", EMPTY.values(), ids=EMPTY)
@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("norm", ["l1", "l2", "squared"])
def test_there_is_no_distance_between_none(refuses, shape, reduction, norm):
    none = torch.zeros(shape)
    refuses(lambda: distance(none, none, norm, reduction), "a must hold a photo at least")


@pytest.mark.parametrize(
    "loss",
    [l2_loss, nie_loss, lambda sr, hr: total_variation(sr), lambda sr, hr: Objective(perceptual=0, texture=0)(sr, hr)],
)
def test_a_loss_of_no_photo_is_refused(refuses, loss):
    none = torch.zeros(0, 1, 8, 8)
    refuses(lambda: loss(none, none), "must hold a photo at least")


def test_photos_of_one_number_have_distances():
    a, b = torch.tensor([1.0, 2.0]), torch.tensor([4.0, -2.0])
    assert distance(a, b, "l1").item() == distance(a[:, None], b[:, None], "l1").item() == 3.5
