"""FSRCNN: its layers, its sizes, its tails, and how it is trained."""

import dataclasses

import pytest
import torch
from torch.nn import functional

from mffcn_lite.data import FaceSet
from mffcn_lite.degrade import resample, upsample
from mffcn_lite.models import FSRCNN, Nie, count_parameters, create_model
from mffcn_lite.pictures import enlarge
from mffcn_lite.training import TrainingConfig, TrainingState, recipe_for, train
from mffcn_lite.training.states import restore_state, save_state

FACTORS = (2, 3, 4)


def small_photos(*shape, seed=0, dtype=torch.float32):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.fixture
def faces(orl):
    return FaceSet(orl.images[:6, :, :24, :22], orl.people[:6], orl.names[:6])


def test_the_body_and_each_tail_have_the_papers_size():
    body = (25 * 56 + 56) + (56 * 12 + 12) + 4 * (9 * 12 * 12 + 12) + (12 * 56 + 56) + (56 + 12 + 4 * 12 + 56)
    assert count_parameters(FSRCNN(factors=(3,))) == body + 81 * 56 + 1 == 12_809
    assert count_parameters(create_model("fsrcnn")) == body + 3 * (81 * 56 + 1)


@pytest.mark.slow
def test_it_equals_its_layers_written_out():
    model = FSRCNN(maps=3, shrunk=2, depth=1, factors=(3,)).double()
    w = [p.detach() for p in model.parameters()]
    small = small_photos(2, 1, 7, 6, dtype=torch.float64)
    x = functional.prelu(functional.conv2d(small, w[0], w[1], padding=2), w[2])
    x = functional.prelu(functional.conv2d(x, w[3], w[4]), w[5])
    x = functional.prelu(functional.conv2d(x, w[6], w[7], padding=1), w[8])
    x = functional.prelu(functional.conv2d(x, w[9], w[10]), w[11])
    x = functional.conv_transpose2d(x, w[12], w[13], stride=3)[..., 3:24, 3:21]  # 9 wide and 3 apart: 3 too many a side
    torch.testing.assert_close(model(small, 3), x)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("factor", [2, 3, 4, 5, 8])
def test_a_tail_enlarges_by_its_whole_factor_and_reaches_no_further_than_its_radius(factor, residual):
    model = FSRCNN(maps=3, shrunk=2, depth=1, factors=(factor,), residual=residual, zero_last=False).double()
    for parameter in model.parameters():
        parameter.data.abs_()
    small = small_photos(1, 1, 15, 15, dtype=torch.float64).requires_grad_()
    sr = model(small, factor)
    assert sr.shape == (1, 1, 15 * factor, 15 * factor)
    sr[..., 7 * factor : 8 * factor, 7 * factor : 8 * factor].sum().backward()
    reached = small.grad[0, 0].nonzero()
    assert 7 - model.radius <= reached.min() <= reached.max() <= 7 + model.radius


@pytest.mark.parametrize("factor", FACTORS)
def test_tiles_equal_the_whole(factor):
    model = FSRCNN(maps=8, shrunk=4, depth=2, residual=True, zero_last=False).double()
    small = small_photos(1, 1, 33, 29, dtype=torch.float64)
    whole = model.upscale(small, (33 * factor, 29 * factor))
    torch.testing.assert_close(enlarge(model, small, factor, tile=20).double(), whole, atol=1e-6, rtol=0)


def test_any_size_takes_the_tail_that_reaches_it_on_degrades_coordinates():
    model, small = create_model("fsrcnn"), small_photos(2, 1, 37, 31)
    assert torch.equal(model.upscale(small, (112, 92)), resample(model(small, 3), (112, 92)))
    assert torch.equal(model.upscale(small, (111, 93)), model(small, 3))
    assert torch.equal(model.upscale(small, (37, 31)), resample(model(small, 2), (37, 31)))
    assert torch.equal(model.upscale(small, (222, 186)), resample(model(small, 4), (222, 186)))


def test_with_a_residual_it_starts_as_bicubic():
    small = small_photos(2, 1, 9, 8)
    assert torch.equal(FSRCNN(residual=True).upscale(small, (27, 24)), upsample(small, (27, 24)))


@pytest.mark.parametrize("arguments", [{"maps": 0}, {"depth": 0}, {"factors": []}, {"factors": [1]}, {"factors": [9]}])
def test_arguments_that_make_no_network_are_refused(refuses, arguments):
    refuses(lambda: create_model("fsrcnn", **arguments), next(iter(arguments)))


@pytest.mark.slow
@pytest.mark.parametrize("crop", [None, 16])
def test_it_learns_and_a_stopped_training_goes_on_bit_for_bit(faces, tmp_path, crop):
    config = TrainingConfig(steps=12, batch=2, crop=crop, flip=True, lr=1e-3, reduction="mean", ema=0.9, clip=1.0)

    def fresh():
        torch.manual_seed(0)
        return FSRCNN(maps=6, shrunk=3, depth=1)

    whole = train(fresh(), faces, config)
    half = train(fresh(), faces, config, stop_after=1)  # two of three tails have seen no step yet
    assert len(half.optimizer.state) < len(list(half.model.parameters()))
    save_state(tmp_path, half)
    again = TrainingState.start(fresh(), config)
    assert restore_state(tmp_path, again)
    train(again.model, faces, config, state=again)
    for key, value in whole.best.state_dict().items():
        assert torch.equal(again.best.state_dict()[key], value)
    assert any(not torch.equal(a, b) for a, b in zip(whole.model.parameters(), fresh().parameters(), strict=True))


# Nie et al. -----------------------------------------------------------------------------------------------------------


def descend(loss, optimizer, steps=20):
    """The weights of a small `nie` after some steps of `optimizer(parameters)` under `loss`."""
    from mffcn_lite.losses import LOSSES

    torch.manual_seed(0)
    model = Nie(kernels=(3, 1, 3), maps=(4, 3)).double()
    blurred, hr = small_photos(2, 2, 1, 9, 8, dtype=torch.float64)
    stepper = optimizer(model.parameters())
    for _ in range(steps):
        stepper.zero_grad()
        LOSSES[loss](model(blurred), hr).backward()
        stepper.step()
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_the_half_of_equation_1_halves_the_learning_rate_of_sgd_exactly():
    half = descend("nie", lambda p: torch.optim.SGD(p, lr=2**-10))
    assert torch.equal(half, descend("l2", lambda p: torch.optim.SGD(p, lr=2**-11)))
    assert not torch.allclose(half, descend("l2", lambda p: torch.optim.SGD(p, lr=2**-10)), atol=1e-3)


def test_the_half_of_equation_1_changes_adam_only_by_its_epsilon():
    def adam(eps):
        return lambda p: torch.optim.Adam(p, lr=1e-3, eps=eps)

    start = descend("l2", adam(1e-8), steps=0)
    moved = (descend("l2", adam(1e-8)) - start).abs().max()
    by_default = (descend("nie", adam(1e-8)) - descend("l2", adam(1e-8))).abs().max()
    assert by_default < 1e-5 * moved
    # Scaled like the gradients, ε changes nothing at all; made large, it makes a difference.
    assert torch.equal(descend("nie", adam(2**-20)), descend("l2", adam(2**-19)))
    assert (descend("nie", adam(1.0)) - descend("l2", adam(1.0))).abs().max() > 1e-3 * moved


def test_nie_is_trained_under_its_own_equation():
    assert recipe_for("nie", "fast") == dataclasses.replace(recipe_for("srcnn", "fast"), loss="nie")
    assert recipe_for("mffcn", "paper-l2").loss == "l2"
