"""The feature terms, total variation, the whole objective: by hand, against NumPy, by derivatives, by properties."""

import math

import numpy as np
import pytest
import scipy.optimize
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mffcn_lite.features import FeatureNetwork, create_features
from mffcn_lite.losses import (
    Objective,
    distance,
    gram_matrix,
    l2_loss,
    l2_tv_minimizer,
    objective,
    perceptual_loss,
    texture_loss,
    total_variation,
)

few = settings(max_examples=20, deadline=None)
reductions = pytest.mark.parametrize("reduction", ["sum", "mean"])
norms = pytest.mark.parametrize("norm", ["l1", "l2", "squared"])


def random(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def network():
    """Cheap, with two layers, in double precision."""
    return create_features("random", layer=("conv1_2", "conv2_1")).double()


# Distance -------------------------------------------------------------------------------------------------------------


def test_distances_have_hand_worked_values():
    a = torch.tensor([[3.0, -4, 0, 0], [0, 0, 0, 1]]).view(2, 1, 2, 2)
    b = torch.zeros(2, 1, 2, 2)
    # Photo by photo: Σ|d| is 7 and 1, √Σd² is 5 and 1, Σd² is 25 and 1; then averaged.
    assert [distance(a, b, norm).item() for norm in ("l1", "l2", "squared")] == [4, 3, 13]
    assert [distance(a, b, norm, "mean").item() for norm in ("l1", "l2", "squared")] == [1, 1.5, 3.25]


@norms
@reductions
@few
@given(st.integers(0, 2**20), st.tuples(*[st.integers(1, 5)] * 4))
def test_distances_equal_numpys_norms_and_have_their_properties(norm, reduction, seed, shape):
    a, b = random(*shape, seed=seed), random(*shape, seed=seed + 1)
    values = []
    for x, y in zip(a.numpy(), b.numpy(), strict=True):
        apart = (x - y).ravel()
        mean = reduction == "mean"
        values.append(
            {
                "l1": np.abs(apart).mean() if mean else np.linalg.norm(apart, 1),
                "l2": math.sqrt((apart**2).mean()) if mean else np.linalg.norm(apart),
                "squared": (apart**2).mean() if mean else np.linalg.norm(apart) ** 2,
            }[norm]
        )
    got = distance(a, b, norm, reduction).item()
    assert got == pytest.approx(np.mean(values))
    assert got == pytest.approx(distance(b, a, norm, reduction).item())
    assert distance(a, a, norm, reduction).item() == 0
    assert distance(2 * a, 2 * b, norm, reduction).item() == pytest.approx(got * (4 if norm == "squared" else 2))


@norms
@reductions
def test_gradients_of_distances(norm, reduction):
    a, b = random(2, 2, 3, 2).requires_grad_(), random(2, 2, 3, 2, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, y: distance(x, y, norm, reduction), (a, b))


@norms
@reductions
def test_at_equality_the_gradient_is_zero_and_no_nan(norm, reduction):
    a = random(2, 1, 3, 3).requires_grad_()
    distance(a, a.detach().clone(), norm, reduction).backward()
    assert torch.equal(a.grad, torch.zeros_like(a))


# Perceptual -----------------------------------------------------------------------------------------------------------


@norms
@reductions
def test_the_perceptual_loss_is_the_distance_of_the_deepest_maps(network, norm, reduction):
    sr, hr = random(2, 1, 12, 10), random(2, 1, 12, 10, seed=1)
    want = distance(network(sr), network(hr), norm, reduction)
    assert perceptual_loss(sr, hr, network, norm, reduction).item() == want.item() > 0
    assert network(sr).shape[1] == 128


def test_gradients_pass_through_frozen_weights(network):
    sr, hr = random(1, 1, 4, 4).requires_grad_(), random(1, 1, 4, 4, seed=1)
    assert torch.autograd.gradcheck(lambda x: perceptual_loss(x, hr, network), sr)
    assert torch.autograd.gradcheck(lambda x: texture_loss(x, hr, network), sr)


@pytest.mark.slow
def test_a_face_of_the_book_is_small_enough_and_32_pixels_are_enough():
    features = create_features("random")
    for size in ((112, 92), (128, 128), (32, 32)):
        sr, hr = random(1, 1, *size).float(), random(1, 1, *size, seed=1).float()
        assert perceptual_loss(sr, hr, features).isfinite()
        assert texture_loss(sr, hr, features).isfinite()


# Gram and texture -----------------------------------------------------------------------------------------------------


def test_a_gram_matrix_has_hand_worked_values():
    maps = torch.tensor([[[1.0, 2], [3, 4]], [[0, 1], [1, 0]]])[None]
    assert gram_matrix(maps).tolist() == [[[30, 5], [5, 2]]]
    assert gram_matrix(maps, "hw").tolist() == [[[7.5, 1.25], [1.25, 0.5]]]
    assert gram_matrix(maps, "chw").tolist() == [[[3.75, 0.625], [0.625, 0.25]]]


@few
@given(st.integers(0, 2**20), st.integers(1, 6), st.integers(1, 4), st.integers(1, 4))
def test_gram_matrices_equal_numpy_and_have_their_properties(seed, channels, height, width):
    maps = random(2, channels, height, width, seed=seed) - 0.5
    gram = gram_matrix(maps)
    rows = maps.flatten(2).numpy()
    np.testing.assert_allclose(gram, np.einsum("ncp,ndp->ncd", rows, rows), atol=1e-12)
    assert torch.allclose(gram, gram.transpose(1, 2))
    assert torch.linalg.eigvalsh(gram).min() > -1e-12
    assert torch.linalg.matrix_rank(gram).max() <= min(channels, height * width)
    moved = maps.flatten(2)[:, :, torch.randperm(height * width)].view_as(maps)
    torch.testing.assert_close(gram_matrix(moved), gram)  # where things are is forgotten
    torch.testing.assert_close(gram_matrix(3 * maps), 9 * gram)


def test_with_few_positions_the_gram_matrix_forgets_little():
    """512 channels at 35 positions: the inner products of positions have the same eigenvalues."""
    maps = random(1, 512, 7, 5)
    gram = gram_matrix(maps)[0]
    assert torch.linalg.matrix_rank(gram) == 35
    values = torch.linalg.eigvalsh(gram)[-35:]
    rows = maps[0].flatten(1)
    torch.testing.assert_close(values, torch.linalg.eigvalsh(rows.T @ rows))


@pytest.mark.parametrize("normalize", ["none", "hw", "chw"])
@norms
def test_the_texture_loss_adds_its_layers(network, normalize, norm):
    sr, hr = random(2, 1, 12, 10), random(2, 1, 12, 10, seed=1)
    maps = network.maps(sr), network.maps(hr)
    want = sum(
        distance(gram_matrix(maps[0][layer], normalize), gram_matrix(maps[1][layer], normalize), norm)
        for layer in ("conv1_2", "conv2_1")
    )
    assert texture_loss(sr, hr, network, normalize, norm).item() == pytest.approx(want.item())


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_under_autocast_the_sums_stay_in_float32_where_the_naive_form_breaks(half):
    maps = 20 + random(1, 64, 32, 32).float()
    exact = gram_matrix(maps.double())
    with torch.autocast("cpu", dtype=half):
        rows = maps.flatten(2)
        naive, ours = rows @ rows.transpose(1, 2), gram_matrix(maps)
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours.double(), exact, rtol=1e-5, atol=0)
    if half is torch.float16:
        assert naive.isinf().any()
    else:
        assert ((naive.double() - exact) / exact).abs().max() > 1e-3
    low = maps.to(half)  # maps that autocast made, as the network's are
    torch.testing.assert_close(gram_matrix(low).double(), gram_matrix(low.double()), rtol=1e-5, atol=0)
    assert distance(300 * low, 0 * low, "l2").isfinite()


# Total variation ------------------------------------------------------------------------------------------------------


def test_total_variation_has_hand_worked_values():
    x = torch.tensor([[0.0, 1, 1], [0, 1, 3]]).view(1, 1, 2, 3)
    # Across: 1, 0; 1, 2. Down: 0, 0, 2. Squares: 1 + 0 + 1 + 4 + 4 = 10, over 6 pixels.
    assert total_variation(x).item() == 10
    assert total_variation(x, "mean").item() == pytest.approx(10 / 6)
    # Pixel by pixel √(across² + down²): 1, 0, 2; 1, 2, 0.
    assert total_variation(x, form="isotropic").item() == 6
    assert total_variation(torch.cat([x, 0 * x])).item() == 5


@few
@given(st.integers(0, 2**20), st.tuples(*[st.integers(1, 6)] * 4), st.sampled_from(["squared", "isotropic"]))
def test_total_variation_equals_numpy_and_has_its_properties(seed, shape, form):
    x = random(*shape, seed=seed)
    across, down = (
        np.diff(x.numpy(), axis=3, append=x.numpy()[..., -1:]),
        np.diff(x.numpy(), axis=2, append=x.numpy()[..., -1:, :]),
    )
    steps = across**2 + down**2 if form == "squared" else np.sqrt(across**2 + down**2)
    assert total_variation(x, form=form).item() == pytest.approx(steps.sum() / shape[0])
    assert total_variation(x, "mean", form).item() == pytest.approx(steps.mean())
    assert total_variation(x + 5, form=form).item() == pytest.approx(total_variation(x, form=form).item())
    times = 4 if form == "squared" else 2
    assert total_variation(2 * x, form=form).item() == pytest.approx(times * total_variation(x, form=form).item())
    assert total_variation(torch.full_like(x, 0.3), form=form).item() == 0


@pytest.mark.parametrize("form", ["squared", "isotropic"])
@reductions
def test_gradients_of_total_variation(reduction, form):
    x = random(2, 2, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda images: total_variation(images, reduction, form), x)
    flat = torch.ones(1, 1, 3, 3, requires_grad=True)
    total_variation(flat, reduction, form).backward()
    assert torch.equal(flat.grad, torch.zeros_like(flat))


def test_equation_7_spreads_an_edge_and_the_classical_form_does_not():
    sharp, soft = torch.zeros(1, 1, 1, 9), torch.linspace(0, 1, 9).view(1, 1, 1, 9)
    sharp[..., 4:] = 1
    assert total_variation(sharp).item() == pytest.approx(8 * total_variation(soft).item())
    assert total_variation(sharp, form="isotropic").item() == pytest.approx(
        total_variation(soft, form="isotropic").item()
    )


def test_l2_with_equation_7_has_the_closed_form():
    hr = random(1, 1, 6, 5)

    def value(x):
        x = torch.from_numpy(x).view_as(hr).requires_grad_()
        loss = 10 * l2_loss(x, hr) + 3.0 * total_variation(x)
        loss.backward()
        return loss.item(), x.grad.flatten().numpy()

    found = scipy.optimize.minimize(value, hr.flatten().numpy(), jac=True, method="L-BFGS-B", options={"gtol": 1e-10})
    torch.testing.assert_close(l2_tv_minimizer(hr, 0.3).flatten(), torch.from_numpy(found.x), atol=1e-5, rtol=0)


def test_the_papers_weight_of_tv_is_negligible_read_one_way_and_strong_read_the_other():
    board = (torch.arange(128)[:, None] + torch.arange(128)).remainder(2).double()[None, None]  # the finest detail
    swing = board.max() - board.min()

    def left(ratio):
        x = l2_tv_minimizer(board, ratio)[..., 40:80, 40:80]
        return ((x.max() - x.min()) / swing).item()

    assert 1 - left(1e-4 / 10) == pytest.approx(0.00008, abs=1e-6)
    assert left(1e-4 * 128 * 128 / 10) == pytest.approx(0.43, abs=0.005)


# The whole ------------------------------------------------------------------------------------------------------------


def test_the_objective_is_the_weighted_sum_of_its_terms(network):
    sr, hr = random(2, 1, 12, 10), random(2, 1, 12, 10, seed=1)
    value = Objective.as_written(network)(sr, hr)
    want = {
        "l2": l2_loss(sr, hr),
        "perceptual": perceptual_loss(sr, hr, network),
        "texture": texture_loss(sr, hr, network),
        "tv": total_variation(sr),
    }
    for name, term in want.items():
        assert value.terms[name].item() == pytest.approx(term.item()), name
    weighted = {"l2": 10, "perceptual": 1, "texture": 1, "tv": 0.0001}
    assert value.total.item() == pytest.approx(sum(weight * want[name].item() for name, weight in weighted.items()))
    assert value.gradient_norms is None


@pytest.mark.parametrize("preset", ["as_written", "mixed"])
def test_the_presets_take_the_papers_network_where_none_is_named(preset, monkeypatch):
    asked = []
    monkeypatch.setattr(objective, "create_features", lambda name: asked.append(name) or create_features("random"))
    assert getattr(Objective, preset)().features.kind == "vgg19"
    assert asked == ["vgg19-imagenet"]


def test_the_mixed_reading_averages_everything_but_tv(network):
    sr, hr = random(2, 1, 12, 10), random(2, 1, 12, 10, seed=1)
    value = Objective.mixed(network)(sr, hr)
    assert value.terms["l2"].item() == pytest.approx(l2_loss(sr, hr, "mean").item())
    assert value.terms["perceptual"].item() == pytest.approx(perceptual_loss(sr, hr, network, reduction="mean").item())
    assert value.terms["tv"].item() == pytest.approx(total_variation(sr).item())


def test_gradient_norms_are_those_of_each_weighted_term(network):
    sr, hr = random(2, 1, 12, 10), random(2, 1, 12, 10, seed=1)
    norms = Objective.as_written(network)(sr, hr, gradient_norms=True).gradient_norms
    assert norms["l2"].item() == pytest.approx((10 * 2 * (sr - hr) / 2).norm().item())
    x = sr.clone().requires_grad_()
    texture_loss(x, hr, network).backward()
    assert norms["texture"].item() == pytest.approx(x.grad.norm().item())
    assert set(norms) == {"l2", "perceptual", "texture", "tv"}


def test_asking_for_gradient_norms_leaves_the_training_step_as_it_is(network):
    hr, weight = random(1, 1, 8, 8, seed=1), torch.ones((), dtype=torch.float64, requires_grad=True)
    gradients = []
    for ask in (False, True):
        weight.grad = None
        Objective.as_written(network)(weight * random(1, 1, 8, 8), hr, gradient_norms=ask).total.backward()
        gradients.append(weight.grad.item())
    assert gradients[0] == gradients[1] != 0


class Counting(FeatureNetwork):
    calls = 0

    def maps(self, images):
        Counting.calls += 1
        return super().maps(images)


def test_a_term_that_is_off_costs_nothing_and_the_features_run_once_a_side():
    features = Counting("vgg19", ("conv1_1",)).double()
    sr, hr = random(1, 1, 6, 6), random(1, 1, 6, 6, seed=1)
    for weights, calls in (
        ({}, 2),
        ({"texture": 0}, 2),
        ({"perceptual": 0}, 2),
        ({"perceptual": 0, "texture": 0}, 0),
        ({"l2": 0, "tv": 0}, 2),
    ):
        Counting.calls = 0
        value = Objective(features, **weights)(sr, hr)
        assert Counting.calls == calls
        assert set(value.terms) == {"l2", "perceptual", "texture", "tv"} - set(weights)
    whole = Objective(features)
    kept = whole.maps(hr)
    Counting.calls = 0
    assert whole(sr, hr, hr_maps=kept).total == whole(sr, hr).total
    assert Counting.calls == 3
    assert Objective(perceptual=0, texture=0, l2=0, tv=0)(sr, hr).total == 0


def test_the_pixel_range_multiplies_what_has_no_normalisation(network):
    sr, hr = random(1, 1, 8, 8), random(1, 1, 8, 8, seed=1)
    small, large = (Objective(network, pixel_range=r)(sr, hr).terms for r in (1, 255))
    assert large["l2"].item() == pytest.approx(255**2 * small["l2"].item())
    assert large["tv"].item() == pytest.approx(255**2 * small["tv"].item())
    assert large["perceptual"].item() == pytest.approx(small["perceptual"].item())
    raw = create_features("random", layer="conv1_1", normalization="none").double()
    small, large = (Objective(raw, pixel_range=r)(sr, hr).terms for r in (1, 255))
    assert large["perceptual"].item() == pytest.approx(255 * small["perceptual"].item())  # no bias, no activation yet


def test_signed_pixels_are_those_that_the_features_and_the_other_terms_see():
    """As if all pictures went from −1 to 1."""
    sr, hr = random(1, 1, 8, 8), random(1, 1, 8, 8, seed=1)
    signed, plain = (create_features("random", "conv1_2", normalization=word).double() for word in ("signed", "none"))
    terms = Objective(signed, pixel_range=2)(sr, hr).terms
    want = Objective(plain)(2 * sr - 1, 2 * hr - 1).terms
    for name, value in want.items():
        assert terms[name].item() == pytest.approx(value.item())


def test_what_makes_no_objective_is_refused(network, refuses):
    refuses(Objective, "features")
    refuses(lambda: Objective(network, l2=-1.0), "l2 (=-1.0)")
    refuses(lambda: Objective(network, tv=math.nan), "tv (=nan)")
    refuses(lambda: Objective(network, norm="l3"), "'l3'", "squared")
    refuses(lambda: Objective(network, gram="c"), "'c'", "chw")
    refuses(lambda: Objective(network, tv_form="l1"), "'l1'", "isotropic")
    refuses(lambda: Objective(network, reduction="none"), "'none'", "mean")
    refuses(lambda: Objective(network, pixel_range=3), "pixel_range (=3)")
    refuses(lambda: gram_matrix(random(1, 2, 3, 3), "h"), "'h'")
    refuses(lambda: total_variation(torch.zeros(1, 1, 3, 3, dtype=torch.uint8)), "uint8")
    refuses(lambda: Objective(network)(random(1, 1, 8, 8), random(1, 1, 8, 9)), "(1, 1, 8, 9)")
