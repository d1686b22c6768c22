"""The systems: MFF and its fusion, MFFCN's wiring, SRCNN, and the one call that all share."""

import copy

import pytest
import torch
from scipy.signal import correlate2d
from torch import nn
from torch.nn import functional

from mffcn_lite.checkpoint import load_model
from mffcn_lite.degrade import downsample, upsample
from mffcn_lite.models import MFF, MFFCN, SRCNN, Interpolation, count_parameters, create_model, list_models

ACTIVATIONS = [None, "inside", "outside", "both"]
FUSABLE = [None, "outside"]
# Borders, and pictures smaller than the 5×5 kernel.
SIZES = [(1, 1), (1, 2), (2, 3), (4, 4), (5, 6), (17, 12)]


def randomised(module, seed=0, dtype=torch.float64):
    """`module` with every weight and bias drawn anew: zeros would hide errors."""
    generator = torch.Generator().manual_seed(seed)
    module = module.to(dtype)
    for parameter in module.parameters():
        scale = 1 / max(1, parameter[0].numel()) ** 0.5
        parameter.data = scale * torch.randn(parameter.shape, generator=generator, dtype=torch.float64).to(dtype)
    return module


def images(batch, channels, height, width, dtype=torch.float64, seed=7):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, channels, height, width, generator=generator, dtype=torch.float64).to(dtype)


def close(got, want, atol=1e-12):
    torch.testing.assert_close(got, want, atol=atol, rtol=0)


def branch_sum(mff, x, inside=None):
    """MFF written out, with torch's functions alone."""
    maps = [
        functional.conv2d(x, mff.branches[0].weight, mff.branches[0].bias),
        functional.conv2d(x, mff.branches[1].weight, mff.branches[1].bias, padding=1),
        functional.conv2d(x, mff.branches[2].weight, mff.branches[2].bias, padding=2),
    ]
    maps = torch.cat(maps, dim=1)
    maps = maps if inside is None else inside(maps)
    return torch.einsum("oj,bjhw->bohw", mff.project.weight[:, :, 0, 0], maps) + mff.project.bias[:, None, None]


# MFF ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reparameterize", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_mff_equals_its_three_branches_written_out(activation, reparameterize):
    mff = randomised(MFF(3, 4, branch=5, activation=activation, reparameterize=reparameterize))
    assert [tuple(c.weight.shape) for c in mff.branches] == [(5, 3, 1, 1), (5, 3, 3, 3), (5, 3, 5, 5)]
    x = images(2, 3, 9, 8)
    want = branch_sum(mff, x, torch.relu if activation in ("inside", "both") else None)
    want = want.relu() if activation in ("outside", "both") else want
    close(mff(x), want)


def test_mff_equals_scipys_correlation():
    mff = randomised(MFF(1, 1, activation=None))
    x = images(1, 1, 7, 6)
    want = mff.project.bias.item()
    for convolution, mix in zip(mff.branches, mff.project.weight.flatten().tolist(), strict=True):
        kernel = convolution.weight.detach()[0, 0].numpy()
        want = want + mix * (correlate2d(x[0, 0].numpy(), kernel, mode="same") + convolution.bias.item())
    close(mff(x)[0, 0].detach(), torch.from_numpy(want))


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("activation", FUSABLE)
def test_fused_mff_is_one_plain_convolution_and_the_same_function(activation, size, dtype, atol):
    mff = randomised(MFF(6, 5, branch=4, activation=activation, reparameterize=False), dtype=dtype)
    fused = mff.fuse()
    convolutions = [module for module in fused.modules() if isinstance(module, nn.Conv2d)]
    assert [c.kernel_size for c in convolutions] == [(5, 5)]
    assert convolutions[0].weight.dtype == dtype
    x = images(2, 6, *size, dtype)
    close(fused(x), mff(x), atol)


@pytest.mark.parametrize("size", [(1, 1), (4, 3), (9, 8)])
def test_gradients_are_the_same_through_the_fused_kernel_and_the_branches(size):
    drawn = randomised(MFF(3, 4, branch=2, activation="outside", reparameterize=False))
    fused = MFF(3, 4, branch=2, activation="outside").double()
    fused.load_state_dict(drawn.state_dict())
    x, weights = images(2, 3, *size), images(2, 4, *size, seed=8)
    gradients = []
    for module in (drawn, fused):
        inputs = x.clone().requires_grad_()
        (module(inputs) * weights).sum().backward()
        gradients.append({"x": inputs.grad} | {name: p.grad for name, p in module.named_parameters()})
    assert set(gradients[0]) == set(gradients[1])
    assert len(gradients[0]) == 1 + 8
    for name, want in gradients[0].items():
        close(gradients[1][name], want)
        assert want.abs().max() > 0


def test_fusing_leaves_the_module_as_it_was_and_shares_nothing_with_it():
    mff = randomised(MFF(2, 3))
    before = copy.deepcopy(mff.state_dict())
    fused = mff.fuse()
    for parameter in fused.parameters():
        parameter.data.zero_()
    assert all(torch.equal(value, before[name]) for name, value in mff.state_dict().items())


@pytest.mark.parametrize("activation", ["inside", "both"])
def test_an_activation_inside_cannot_be_fused(refuses, activation):
    refuses(MFF(2, 3, activation=activation).fuse, "activation inside", "cannot be fused")
    refuses(MFFCN(width=2, depth=3, activation=activation).fuse, "activation inside", "cannot be fused")


def test_an_unknown_activation_is_named_with_the_choices(refuses):
    refuses(lambda: MFF(2, 3, activation="relu"), "'relu'", "inside", "outside", "both", "None")
    refuses(lambda: MFFCN(activation="relu"), "'relu'")


@pytest.mark.parametrize("arguments", [(1, 16), (16, 16), (32, 16, 4), (3, 5, 7)])
def test_the_fused_kernel_starts_with_the_variance_of_he(arguments):
    torch.manual_seed(1)
    mff = MFF(*arguments)
    weight, bias = mff.fused_kernel()
    assert weight.shape == (arguments[1], arguments[0], 5, 5)
    assert weight.square().sum((1, 2, 3)).mean().item() == pytest.approx(2, abs=1e-5)
    assert all(convolution.bias.abs().max() == 0 for convolution in (*mff.branches, mff.project))
    assert bias.abs().max() == 0


def test_a_deep_stack_keeps_its_signal_as_initialised_and_loses_it_with_torchs_default():
    torch.manual_seed(0)
    layers = [MFF(1, 16, activation="outside"), *(MFF(16, 16, activation="outside") for _ in range(7))]
    stack = nn.Sequential(*layers)
    x = images(1, 1, 48, 48, torch.float32)
    assert 0.05 < stack(x)[..., 16:-16, 16:-16].square().mean() < 5  # it was 1
    for module in stack.modules():
        if isinstance(module, nn.Conv2d):
            module.reset_parameters()
            nn.init.zeros_(module.bias)
    assert stack(x)[..., 16:-16, 16:-16].square().mean() < 1e-8


# MFFCN ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reparameterize", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_mffcn_starts_as_the_identity(activation, reparameterize):
    model = MFFCN(width=3, depth=5, activation=activation, reparameterize=reparameterize)
    x = images(2, 1, 9, 8, torch.float32)
    assert torch.equal(model(x), x)
    model(x).square().sum().backward()  # and yet it learns
    assert model.layers[-1].project.weight.grad.abs().max() > 0


@pytest.mark.parametrize(
    ("depth", "in_channels"),
    [  # width 7: 14 where a layer is concatenated to the predecessor
        (2, [1, 7]),
        (3, [1, 7, 7]),
        (4, [1, 7, 14, 7]),  # 1 into 3
        (5, [1, 7, 7, 14, 7]),  # 1 into 4; 2 precedes 3
        (6, [1, 7, 7, 14, 14, 7]),  # 1 into 5, 2 into 4
        (7, [1, 7, 7, 7, 14, 14, 7]),  # 1 into 6, 2 into 5; 3 precedes 4
        (8, [1, 7, 7, 7, 14, 14, 14, 7]),  # 1 into 7, 2 into 6, 3 into 5
    ],
)
def test_layer_i_is_concatenated_into_layer_n_minus_i(depth, in_channels):
    model = MFFCN(width=7, depth=depth)
    for side in range(3):
        assert [mff.branches[side].in_channels for mff in model.layers] == in_channels
    assert [mff.project.out_channels for mff in model.layers] == [7] * (depth - 1) + [1]
    assert model(images(1, 1, 6, 6, torch.float32)).shape == (1, 1, 6, 6)


@pytest.mark.parametrize("reparameterize", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_mffcn_of_depth_6_equals_its_layers_written_out(activation, reparameterize):
    model = randomised(MFFCN(width=4, depth=6, branch=3, activation=activation, reparameterize=reparameterize))
    inside = torch.relu if activation in ("inside", "both") else None
    outside = torch.relu if activation in ("outside", "both") else lambda maps: maps
    x = images(2, 1, 11, 10)
    one = outside(branch_sum(model.layers[0], x, inside))
    two = outside(branch_sum(model.layers[1], one, inside))
    three = outside(branch_sum(model.layers[2], two, inside))
    four = outside(branch_sum(model.layers[3], torch.cat([three, two], dim=1), inside))
    five = outside(branch_sum(model.layers[4], torch.cat([four, one], dim=1), inside))
    six = branch_sum(model.layers[5], five, inside)
    assert six.std() > 0.01
    close(model(x), x + six)


def parameters_of(width, depth, branch):
    """An MFF of a inputs, b maps a branch and c outputs has ab(1 + 9 + 25) + 3b + 3bc + c parameters."""
    skips = max(0, (depth - 2) // 2)
    inputs = [1] + [width] * (depth - 1 - skips) + [2 * width] * skips
    total = 0
    for layer, a in enumerate(inputs):
        c = width
        if layer == depth - 1 - skips:  # the last layer of the network: it takes `width` maps and gives one
            c = 1
        b = branch or c
        total += 35 * a * b + 3 * b + 3 * b * c + c
    return total


@pytest.mark.parametrize(
    ("width", "depth", "branch"), [(16, 6, None), (24, 8, None), (5, 2, None), (5, 3, 2), (8, 4, 3), (6, 7, 1)]
)
def test_the_number_of_parameters_follows_the_formula(width, depth, branch):
    assert count_parameters(MFFCN(width, depth, branch)) == parameters_of(width, depth, branch)


def test_the_default_network_has_59047_parameters_and_fused_39281():
    # 1,392 + 2 · 9,792 + 2 · 18,752 + 567
    assert count_parameters(create_model("mffcn")) == 59_047
    # 25·16 + 16, twice 25·16·16 + 16, twice 25·32·16 + 16, 25·16 + 1
    assert count_parameters(create_model("mffcn").fuse()) == 416 + 2 * 6_416 + 2 * 12_816 + 401


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("depth", [2, 5, 6])
@pytest.mark.parametrize("activation", FUSABLE)
def test_fused_mffcn_is_plain_convolutions_and_the_same_function(activation, depth, dtype, atol):
    model = randomised(MFFCN(width=4, depth=depth, branch=3, activation=activation, reparameterize=False), dtype=dtype)
    reparameterized = MFFCN(width=4, depth=depth, branch=3, activation=activation).to(dtype)
    reparameterized.load_state_dict(model.state_dict())
    fused = model.fuse()
    assert not any(isinstance(module, MFF) for module in fused.modules())
    assert any(isinstance(module, MFF) for module in model.modules())
    for size in SIZES:
        x = images(2, 1, *size, dtype)
        want = model(x)
        assert (want - x).abs().max() > 0.01
        close(fused(x), want, atol)
        close(reparameterized(x), want, atol)


def test_gradients_of_mffcn_are_the_same_fused_and_drawn():
    drawn = randomised(MFFCN(width=3, depth=6, reparameterize=False))
    fused = MFFCN(width=3, depth=6).double()
    fused.load_state_dict(drawn.state_dict())
    x, weights = images(2, 1, 8, 7), images(2, 1, 8, 7, seed=8)
    for model in (drawn, fused):
        (model(x) * weights).sum().backward()
    for want, got in zip(drawn.parameters(), fused.parameters(), strict=True):
        assert want.grad.abs().max() > 0
        close(got.grad, want.grad)


def test_a_fused_network_cannot_be_fused_again(refuses):
    refuses(MFFCN(width=2, depth=3).fuse().fuse, "fused already")


# SRCNN ----------------------------------------------------------------------------------------------------------------


def test_srcnn_has_8129_parameters_and_is_three_convolutions_written_out():
    model = create_model("srcnn")
    assert count_parameters(model) == (81 * 64 + 64) + (64 * 32 + 32) + (25 * 32 + 1) == 8_129
    for residual in (False, True):
        model = randomised(SRCNN(residual=residual))
        w1, b1, w2, b2, w3, b3 = model.state_dict().values()
        x = images(2, 1, 12, 10)
        maps = functional.conv2d(x, w1, b1, padding=4).relu()
        maps = functional.conv2d(maps, w2, b2).relu()
        close(model(x), functional.conv2d(maps, w3, b3, padding=2) + (x if residual else 0))


def test_srcnn_with_a_residual_starts_as_the_identity():
    x = images(2, 1, 9, 8, torch.float32)
    assert torch.equal(SRCNN(residual=True)(x), x)
    assert not torch.equal(SRCNN()(x), x)


# All ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "radius"),
    [
        (SRCNN(maps=(3, 2)), 6),
        (SRCNN(kernels=(3, 5, 7), maps=(3, 2)), 6),
        (SRCNN(kernels=(1, 1, 1), maps=(3, 2), residual=True), 0),
        (MFFCN(width=2, depth=2), 4),
        (MFFCN(width=2, depth=6), 12),
        (MFFCN(width=2, depth=6, activation="both"), 12),
        (MFFCN(width=2, depth=5, reparameterize=False), 10),
        (Interpolation(), 0),
    ],
)
def test_radius_is_exactly_how_far_a_pixel_reaches(model, radius):
    model = randomised(copy.deepcopy(model))
    for parameter in model.parameters():
        parameter.data.abs_()  # so that no ReLU is shut and no path cancels another
    assert model.radius == radius
    x = images(1, 1, 31, 33).abs().requires_grad_()
    model(x)[0, 0, 15, 16].backward()
    want = torch.zeros(31, 33, dtype=torch.bool)
    want[15 - radius : 16 + radius, 16 - radius : 17 + radius] = True
    assert torch.equal(x.grad[0, 0] != 0, want)


@pytest.mark.slow
@pytest.mark.parametrize("name", list_models())
def test_every_system_enlarges_with_the_same_call(name):
    model = create_model(name)
    assert model.name == name
    small = torch.rand(2, 1, 10, 8, generator=torch.Generator().manual_seed(3))
    for size in ((30, 24), (29, 25), (10, 8)):
        sr = model.upscale(small, size)
        assert (sr.shape, sr.dtype) == ((2, 1, *size), torch.float32)
        assert sr.isfinite().all()


@pytest.mark.parametrize("name", list_models())
def test_the_images_of_a_batch_do_not_touch_each_other(name):
    model = create_model(name)
    if count_parameters(model):
        model = randomised(model, dtype=torch.float32)
    small = torch.rand(3, 1, 9, 8, generator=torch.Generator().manual_seed(3))
    together = model.upscale(small, (27, 24))
    for i in range(3):
        close(together[i : i + 1], model.upscale(small[i : i + 1], (27, 24)), 1e-5)


@pytest.mark.gpu
@pytest.mark.parametrize("name", list_models())
def test_a_gpu_gives_what_the_cpu_gives(name, orl):
    model, small = load_model(name), downsample(orl[:3].floats(), 3)
    want = model.upscale(small, (112, 92))
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):  # which rounds to ten bits
        got = model.to("cuda").upscale(small.cuda(), (112, 92))
    assert got.device.type == "cuda"
    # `example` takes another of two equally near patches here and there.
    assert (got.cpu() - want).abs().mean() < (1e-3 if name == "example" else 1e-4)


@pytest.mark.parametrize("name", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_interpolation_enlarges_with_its_kernel_and_leaves_the_enlarged_photo_alone(name):
    small = torch.rand(2, 3, 7, 6)
    assert torch.equal(create_model(name).upscale(small, (20, 20)), upsample(small, (20, 20), kernel=name))
    assert torch.equal(create_model(name)(small), small)
    hr = torch.rand(2, 1, 12, 11)
    want = upsample(downsample(hr, 3, "area"), (12, 11), kernel=name)
    assert torch.equal(create_model(name).reconstruct(hr, 3, "area"), want)


@pytest.mark.parametrize("name", ["srcnn", "mffcn"])
def test_networks_start_from_the_bicubic_enlargement(name):
    model = randomised(create_model(name), dtype=torch.float32)
    small = torch.rand(2, 1, 7, 6)
    assert torch.equal(model.upscale(small, (20, 20)), model(upsample(small, (20, 20))))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        (
            "mffcn",
            {
                "width": 5,
                "depth": 3,
                "branch": 2,
                "activation": "both",
                "reparameterize": False,
                "skip": "add",
                "residual": False,
                "block": "mff",
                "strided": True,
                "zero_last": False,
            },
        ),
        ("srcnn", {"kernels": [3, 1, 3], "maps": [4, 2], "residual": True, "zero_last": False}),
        ("bicubic", {}),
    ],
)
def test_arguments_make_the_same_system_again(name, arguments):
    model = create_model(name, **arguments)
    assert model.arguments == arguments
    again = create_model(name, **model.arguments)
    again.load_state_dict(model.state_dict())
    assert count_parameters(again) == count_parameters(model)


def test_create_model_names_what_is_wrong(refuses):
    refuses(lambda: create_model("vdsr"), '"vdsr"', *list_models())
    refuses(lambda: create_model("mffcn", wide=3), "mffcn", "wide")
    refuses(lambda: create_model("srcnn", width=3), "srcnn", "width")
    refuses(lambda: create_model("bicubic", a=-1.0), "bicubic", "'a'")
    refuses(lambda: create_model("mffcn", width=0), "width (=0)")
    refuses(lambda: create_model("srcnn", maps=(0, 2)), "maps[0] (=0)")
    refuses(lambda: create_model("mffcn", depth=1), "depth (=1)")
    refuses(lambda: create_model("mffcn", activation="tanh"), "'tanh'")


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("mffcn", "branch", 0),
        ("mffcn", "branch", -1),
        ("mffcn", "width", 1.5),
        ("srcnn", "kernels", (9,)),
        ("srcnn", "kernels", (9, 2, 5)),  # even: the result would have another size
        ("srcnn", "kernels", (9, 1, 5, 3)),
        ("srcnn", "maps", (3,)),
        ("srcnn", "maps", (1, 2, 3)),
    ],
)
def test_arguments_that_make_no_network_are_refused(refuses, name, argument, value):
    refuses(lambda: create_model(name, **{argument: value}), argument, str(value).strip("()[],"))
