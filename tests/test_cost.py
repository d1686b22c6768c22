"""Counts against values worked by hand."""

import pytest
import torch

from mffcn_lite.models import (
    FSRCNN,
    MFFCN,
    SRCNN,
    count_multiplications,
    count_parameters,
    create_model,
    receptive_field,
)

PIXELS = 128 * 128


@pytest.mark.parametrize(
    ("model", "for_a_pixel"),
    [
        (SRCNN(), 81 * 64 + 64 * 32 + 25 * 32),
        (SRCNN(kernels=(9, 5, 5)), 81 * 64 + 25 * 64 * 32 + 25 * 32),
        (create_model("wiener"), 81),
        (create_model("bicubic"), 0),
        # 35·Cin·Cb + 3·Cb·Cout a module
        (MFFCN(reparameterize=False), (35 + 48) * 16 + 2 * (35 * 256 + 768) + 2 * (35 * 512 + 768) + 35 * 16 + 3),
        (MFFCN().fuse(), 25 * (16 + 2 * 256 + 2 * 512 + 16)),
        (MFFCN(skip="add").fuse(), 25 * (16 + 4 * 256 + 16)),
        (MFFCN(width=8, depth=4, block="conv3", skip="none"), 9 * (8 + 64 + 64 + 8)),
    ],
)
def test_multiplications_of_a_photo(model, for_a_pixel):
    assert count_multiplications(model) == PIXELS * for_a_pixel
    assert count_multiplications(model, (32, 16)) == 32 * 16 * for_a_pixel


def test_multiplications_of_a_strided_network():
    # Two layers at a quarter of the pixels (the first from 1 map), then two at all of them.
    model = MFFCN(width=8, depth=4, block="conv3", strided=True)
    quarter, whole = 9 * (8 + 64), 9 * (2 * 64 + 8)
    assert count_multiplications(model) == PIXELS // 4 * quarter + PIXELS * whole


def test_fsrcnn_multiplies_for_the_pixels_of_the_small_photo():
    for_a_pixel = 25 * 56 + 56 * 12 + 4 * 9 * 144 + 12 * 56 + 81 * 56
    assert count_multiplications(FSRCNN(), (128, 128), 2) == 64 * 64 * for_a_pixel
    assert count_multiplications(FSRCNN(), (128, 128), 3) == 43 * 43 * for_a_pixel


@pytest.mark.parametrize("name", ["ibp", "pocs", "example", "sparse", "forest"])
def test_what_does_not_work_by_layers_is_not_counted(name, refuses):
    refuses(lambda: count_multiplications(create_model(name)), name, "mffcn")
    refuses(lambda: count_multiplications(create_model("srcnn"), factor=0), "factor (=0)")


def test_counting_leaves_the_model_alone():
    model = create_model("mffcn")
    before = {key: value.clone() for key, value in model.state_dict().items()}
    count_multiplications(model)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert next(model.parameters()).device.type == "cpu"


def test_receptive_fields():
    assert receptive_field(SRCNN()) == 1 + 8 + 0 + 4 == 13
    assert receptive_field(SRCNN(kernels=(9, 5, 5))) == 17
    assert receptive_field(MFFCN()) == 1 + 6 * 4 == 25
    assert receptive_field(MFFCN(block="conv3")) == 13
    assert receptive_field(create_model("wiener")) == 9
    assert receptive_field(FSRCNN()) == 1 + 4 + 4 * 2 + 2 * 2 == 17
    assert receptive_field(create_model("ibp")) is None


def test_parameters():
    assert count_parameters(SRCNN(kernels=(9, 5, 5))) == (81 * 64 + 64) + (25 * 64 * 32 + 32) + (25 * 32 + 1)
    assert count_parameters(create_model("bicubic")) == 0
