"""What an arm asks of VGG, and the constant that a slope foretells."""

import pytest
import torch

from benchmarks.experiments import darkening, restored
from mffcn_lite.degrade import downsample
from mffcn_lite.losses import Objective
from mffcn_lite.losses.objective import create_objective
from mffcn_lite.models import SuperResolver, create_model


@pytest.fixture(scope="module")
def objective():
    return create_objective({"features": "random", "layer": "conv2_2"})


@pytest.fixture(scope="module")
def pair():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 1, 16, 16, generator=generator), torch.rand(2, 1, 16, 16, generator=generator)


def test_both_is_the_printed_objective_but_for_tv(objective, pair):
    loss = darkening.loss_of(objective, "both", 10, same_mean=False)
    printed = Objective(objective.features, tv=0)
    assert loss(*pair, objective.maps(pair[1])).item() == pytest.approx(printed(*pair).total.item())


@pytest.mark.parametrize("asked", darkening.ASKED)
def test_what_is_asked_is_nothing_where_nothing_differs(objective, pair, asked):
    loss = darkening.loss_of(objective, asked, 0, same_mean=False)
    maps = objective.maps(pair[1])
    assert loss(pair[1], pair[1], maps).item() == pytest.approx(0, abs=1e-3)
    assert loss(*pair, maps).item() > 0.01


@pytest.mark.parametrize("asked", ["covariance", "perceptual, centred"])
def test_centred_features_do_not_see_what_is_added_to_a_whole_channel(pair, asked):
    f = torch.rand(2, 8, 5, 5)
    added = f + torch.rand(2, 8, 1, 1)
    assert darkening.ASKED[asked](added, f).item() == pytest.approx(0, abs=1e-4)
    assert darkening.ASKED["texture"](added, f).item() > 1


def test_a_network_that_sees_the_originals_mean_asks_for_no_constant(objective, pair):
    maps = objective.maps(pair[1])
    sees = darkening.loss_of(objective, "perceptual", 0, same_mean=True)
    darker = (pair[0] - 0.2, pair[1], maps)
    assert sees(*darker).item() == pytest.approx(sees(*pair, maps).item(), rel=1e-4)
    found = darkening.foretold(sees, *pair, maps)
    assert found["slope"] == pytest.approx(0, abs=1e-3)


def test_l2_foretells_the_means_error(pair):
    hr = pair[1]
    found = darkening.foretold(lambda sr, hr, maps: (sr - hr).square().sum(), hr - 20 / 255, hr, {})
    assert found["lowest_at"] == 20
    assert found["slope"] == pytest.approx(2 * hr.numel() * (-20 / 255) / 255, rel=1e-4)


def test_a_projected_result_shrinks_to_the_small_photo_and_moves_least(pair):
    hr = torch.rand(1, 1, 24, 20)
    small, sr = downsample(hr, 2), torch.rand(1, 1, 24, 20)
    nearest = restored.projected(sr, small)
    torch.testing.assert_close(downsample(nearest, 2), small, atol=1e-5, rtol=0)
    assert (nearest - sr).norm() <= (hr - sr).norm()  # the original shrinks to it too
    torch.testing.assert_close(restored.projected(nearest, small), nearest, atol=1e-5, rtol=0)


def test_a_constant_of_a_system_is_given_back(orl):
    """Ten grey levels darker: the mean, and the constant, both bring all of it back."""

    class Dark(SuperResolver):
        name, arguments, radius = "dark", {}, None

        def upscale(self, small, size):
            return create_model("bicubic").upscale(small, size) - 10 / 255

    test = orl[:20]
    dark, plain = (restored.measure_one("x", model, test, 2) for model in (Dark(), create_model("bicubic")))
    assert dark["mean_shift"] == pytest.approx(plain["mean_shift"] - 10, abs=1e-3)
    assert dark["psnr"] < plain["psnr"] - 1
    assert dark["psnr_mean_restored"] == pytest.approx(plain["psnr_mean_restored"], abs=1e-3)
    assert dark["psnr_constant"] == pytest.approx(plain["psnr_constant"], abs=1e-3)
