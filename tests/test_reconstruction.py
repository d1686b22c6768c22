"""Back-projection and convex projections: what they promise, on real faces and against linear algebra."""

import itertools
import math

import pytest
import torch
from scipy.optimize import minimize

from mffcn_lite.degrade import KERNEL_NAMES, downsample, upsample
from mffcn_lite.metrics import psnr
from mffcn_lite.models import create_model
from mffcn_lite.models.convex import project_band, project_data, project_range
from mffcn_lite.models.reconstruction import ForwardModel

FACTORS = (2, 3, 4)
HALF_LEVEL = 0.5 / 255


@pytest.fixture(scope="module")
def photos(orl):
    return orl[::50].floats().double()


def norms(residual):
    return residual.square().sum((1, 2, 3)).sqrt()


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("kernel", KERNEL_NAMES)
@pytest.mark.parametrize("factor", FACTORS)
def test_the_forward_model_is_downsample_and_its_transpose_is_one(photos, factor, kernel, antialias):
    small = downsample(photos, factor, kernel, antialias)
    forward = ForwardModel(small, (112, 92), kernel, antialias)
    torch.testing.assert_close(forward.shrink(photos), small)
    e = random(*small.shape)
    torch.testing.assert_close((forward.shrink(photos) * e).sum(), (photos * forward.transpose(e)).sum())
    if factor == 4:
        whole = torch.kron(forward.rows, forward.columns)
        values = torch.linalg.eigvalsh(whole @ whole.T)  # the squares of its singular values
        assert forward.largest == pytest.approx(values[-1].item())
        assert forward.smallest == pytest.approx(values[0].item())


@pytest.mark.parametrize("step", [None, 0.5, 1.0, 1.9])
@pytest.mark.parametrize("factor", FACTORS)
def test_with_the_transpose_the_residual_falls_in_each_step_down_to_the_tolerance(photos, factor, step):
    small = downsample(photos, factor)
    step = step and step / ForwardModel(small, (112, 92)).largest
    model, residuals = create_model("ibp", step=step, tolerance=1e-5), []
    sr = model.upscale(small, (112, 92), on_step=lambda e: residuals.append(norms(e)))
    contraction = model.contraction(small, (112, 92))
    for before, after in itertools.pairwise(residuals):
        assert (after <= contraction * before + 1e-12).all()
    assert (residuals[-1] <= 1e-5 * residuals[0]).all()
    torch.testing.assert_close(downsample(sr, factor), small, atol=1e-5, rtol=0)


def test_at_twice_the_inverse_norm_the_residual_no_longer_falls(photos, refuses):
    small = downsample(photos, 3)
    bound = 2 / ForwardModel(small, (112, 92)).largest
    for share in (0.99, 1.01):
        contraction = create_model("ibp", step=share * bound).contraction(small, (112, 92))
        assert (contraction < 1) == (share < 1)
    refuses(lambda: create_model("ibp", step=1.01 * bound).upscale(small, (112, 92)), "grows", "choose one below")
    residuals = []
    noise = upsample(small, (112, 92)).new_tensor(random(*small.shape).tolist())
    create_model("ibp", step=1.3 * bound, steps=60).upscale(noise, (112, 92), lambda e: residuals.append(norms(e)))
    assert (residuals[-1] > 10 * residuals[0]).all()


@pytest.mark.parametrize("factor", FACTORS)
def test_another_back_projector_converges_as_its_contraction_factor_says(photos, factor):
    small, residuals = downsample(photos, factor), []
    model = create_model("ibp", back="enlarge", steps=60)
    model.upscale(small, (112, 92), on_step=lambda e: residuals.append(norms(e)))
    seen = (residuals[-1] / residuals[-21]) ** (1 / 20)
    torch.testing.assert_close(seen, torch.full_like(seen, model.contraction(small, (112, 92))), atol=0.02, rtol=0)


@pytest.mark.parametrize("factor", FACTORS)
def test_the_result_is_the_consistent_photo_nearest_to_bicubic_and_nearer_to_the_truth(photos, factor):
    small = downsample(photos, factor)
    start, sr = upsample(small, (112, 92)), create_model("ibp", tolerance=1e-9).upscale(small, (112, 92))
    forward = ForwardModel(small, (112, 92))
    rows, columns = torch.linalg.pinv(forward.rows), torch.linalg.pinv(forward.columns)
    torch.testing.assert_close(sr, start + rows @ (small - forward.shrink(start)) @ columns.T, atol=1e-8, rtol=0)
    assert (norms(sr - photos) < norms(start - photos)).all()


@pytest.mark.parametrize("factor", FACTORS)
def test_with_a_wrong_kernel_the_residual_vanishes_too_and_psnr_falls(photos, factor):
    small = downsample(photos, factor)
    scores = {}
    for kernel in ("bicubic", "bilinear", "area"):
        residuals = []
        sr = create_model("ibp", kernel=kernel).upscale(
            small, (112, 92), lambda e, seen=residuals: seen.append(norms(e))
        )
        assert (residuals[-1] < 1e-3 * residuals[0]).all()
        scores[kernel] = psnr(sr, photos, data_range=1.0).mean()
    assert scores["bicubic"] > max(scores["bilinear"], scores["area"]) + 0.1


# Convex sets ----------------------------------------------------------------------------------------------------------


def projections(small, size):
    forward = ForwardModel(small, size)
    return {
        "range": project_range,
        "band": lambda x: project_band(x, (9, 7)),
        "data": lambda x: project_data(x, small[: len(x)], forward, 0.1, tolerance=1e-12),
    }


@pytest.mark.parametrize("name", ["range", "band", "data"])
def test_a_projection_is_idempotent_and_brings_no_two_pictures_further_apart(name):
    small = random(1, 1, 6, 5).expand(40, 1, 6, 5)
    project = projections(small, (17, 15))[name]
    x = random(40, 1, 17, 15, seed=1)
    y = x + random(40, 1, 17, 15, seed=2) * torch.logspace(-3, 1, 40, dtype=torch.float64)[:, None, None, None]
    torch.testing.assert_close(project(project(x)), project(x), atol=1e-9, rtol=0)
    assert (norms(project(x) - project(y)) <= norms(x - y) + 1e-9).all()
    assert (norms(project(x) - x) > 0.1).all()


def test_the_data_projection_is_the_nearest_point_as_scipy_finds_it():
    small, x = random(1, 1, 3, 3), random(1, 1, 7, 6, seed=1)
    forward = ForwardModel(small, (7, 6))
    got = project_data(x, small, forward, 0.2, tolerance=1e-12)
    excess = (forward.shrink(got) - small).abs()
    assert excess.max() <= 0.2 + 1e-9
    dense = torch.kron(forward.rows, forward.columns).numpy()
    start, s = x.flatten().numpy(), small.flatten().numpy()
    bounds = [
        {"type": "ineq", "fun": lambda v: 0.2 - (dense @ v - s), "jac": lambda v: -dense},
        {"type": "ineq", "fun": lambda v: 0.2 + (dense @ v - s), "jac": lambda v: dense},
    ]
    want = minimize(
        lambda v: ((v - start) ** 2).sum(),
        start,
        jac=lambda v: 2 * (v - start),
        constraints=bounds,
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 500},
    )
    torch.testing.assert_close(got.flatten(), torch.from_numpy(want.x), atol=1e-6, rtol=0)


def test_what_looks_like_a_projection_and_is_none():
    small, x = random(1, 1, 6, 5).expand(2000, 1, 6, 5), random(2000, 1, 17, 15, seed=1)
    forward = ForwardModel(small, (17, 15))
    rows, columns = torch.linalg.pinv(forward.rows), torch.linalg.pinv(forward.columns)

    def excess(x):
        residual = forward.shrink(x) - small
        return residual - residual.clamp(-0.1, 0.1)

    def enlarged(x):
        return x - upsample(excess(x), (17, 15))

    def clipped(x):
        return x - rows @ excess(x) @ columns.T

    assert excess(enlarged(x)).abs().max() > 0.05  # not even in the set
    assert excess(clipped(x)).abs().max() < 1e-9  # in the set
    nearest = project_data(x, small, forward, 0.1, tolerance=1e-12)
    assert (norms(clipped(x) - x) > norms(nearest - x) - 1e-9).all()
    assert (norms(clipped(x) - x) > 1.01 * norms(nearest - x)).any()  # and not its nearest point


@pytest.mark.slow
def test_where_the_sets_meet_the_gap_closes_and_where_they_do_not_it_stays(photos):
    small = downsample(photos, 3)
    for band, meet in ((None, True), (1.5, True), (0.7, False)):
        gaps = []
        model = create_model("pocs", band=band, sweeps=40)
        sr = model.upscale(small, (112, 92), on_sweep=gaps.append)
        assert (downsample(sr, 3) - small).abs().max() <= HALF_LEVEL * 1.001
        assert all((after <= before + 1e-9).all() for before, after in itertools.pairwise(gaps))
        assert (gaps[-1] < 1e-5).all() if meet else (gaps[-1] > 1e-3).all()


@pytest.mark.parametrize("factor", FACTORS)
def test_each_sweep_comes_nearer_to_the_truth_where_it_lies_in_all_sets(photos, factor):
    small, distances = downsample(photos, factor), []
    for sweeps in (1, 2, 4):
        distances.append(norms(create_model("pocs", band=None, sweeps=sweeps).upscale(small, (112, 92)) - photos))
    assert (distances[0] < norms(upsample(small, (112, 92)) - photos)).all()
    assert (distances[1] <= distances[0] + 1e-9).all()
    assert (distances[2] <= distances[1] + 1e-9).all()


@pytest.mark.parametrize(
    ("name", "arguments", "word"),
    [
        ("ibp", {"back": "inverse"}, "back"),
        ("ibp", {"step": 0.0}, "step"),
        ("ibp", {"steps": -1}, "steps"),
        ("ibp", {"tolerance": math.nan}, "tolerance"),
        ("pocs", {"slab": -0.1}, "slab"),
        ("pocs", {"band": 0.0}, "band"),
        ("pocs", {"sweeps": 0}, "sweeps"),
    ],
)
def test_arguments_out_of_range_are_refused(refuses, name, arguments, word):
    refuses(lambda: create_model(name, **arguments), f"{word} (=")


def test_a_small_photo_larger_than_the_result_is_refused(refuses):
    refuses(lambda: create_model("ibp").upscale(torch.rand(1, 1, 9, 9), (5, 5)), "does not keep the small photo")
