"""What a public function is given by mistake is one sentence that says what came: shapes, kinds of numbers, ranges."""

import contextlib
import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings
from hypothesis import given as drawn
from hypothesis import strategies as st
from public_calls import ALL, CALLS, CLASSES, Each, In, given, marked, phi, quiet

from mffcn_lite.degrade import cubic, degrade, lanczos3, triangle, upsample
from mffcn_lite.errors import MffcnLiteError, described
from mffcn_lite.features import create_features
from mffcn_lite.losses import Objective, l2_tv_minimizer, perceptual_loss, texture_distance, texture_loss
from mffcn_lite.metrics import band_energy_ratio, error_by_band, error_by_place, psnr
from mffcn_lite.models import count_parameters, create_model, system_class
from mffcn_lite.models.convex import project_data
from mffcn_lite.models.patches import derivatives, mid_frequencies
from mffcn_lite.models.reconstruction import ForwardModel, back_project
from mffcn_lite.models.sparse import orthogonal_matching_pursuit
from mffcn_lite.pictures import enlarge

WRONG = {
    "a picture C×H×W": lambda x: x[0],
    "a plane": lambda x: x[0, 0],
    "five axes": lambda x: x[None],
    "no pixels": lambda x: x[..., :0, :],
    "no channels": lambda x: x[:, :0],
    "uint8": lambda x: (255 * x).to(torch.uint8),
    "int64": lambda x: x.long(),
    "bool": lambda x: x > 0.5,
    "complex": lambda x: x.to(torch.complex64),
    "sparse": lambda x: x.to_sparse(),
    "mkldnn": lambda x: x.to_mkldnn(),
    "float8": lambda x: x.to(torch.float8_e4m3fn),
    "NumPy": lambda x: x.numpy(),
    "a list": lambda x: x.tolist(),
    "None": lambda x: None,
    "a word": lambda x: "photo.png",
}
ANY_TENSOR = ("triangle", "cubic", "lanczos3", "orthogonal_matching_pursuit", "distance", "texture_distance")
ANY_TENSOR += ("chunks",)  # its pair was checked
# Arguments that are pictures, by the names of their calls.
PLACES = [
    (name, argument)
    for name, call in CALLS.items()
    for argument, value in call.arguments.items()
    if name not in ANY_TENSOR and (isinstance(value, In) or (isinstance(value, Each) and isinstance(value[0], In)))
]


def refused(call):
    """The sentence of the MffcnLiteError that a call must raise."""
    with pytest.raises(MffcnLiteError) as caught, quiet():
        call()
    said = str(caught.value)
    assert said
    assert "\n" not in said
    return said


def firsts(name):
    """Of the arguments of a call that are varied, the first values."""
    return {key: value[0] for key, value in CALLS[name].arguments.items() if isinstance(value, Each)}


def one(name, argument):
    """A tensor that the call takes there."""
    value = CALLS[name].arguments[argument]
    return given()[(value[0] if isinstance(value, Each) else value).name]


@pytest.mark.parametrize("kind", marked(WRONG, quick=["uint8"]))
@pytest.mark.parametrize(("name", "argument"), PLACES)
def test_what_is_no_batch_of_pictures_in_floats_is_named_with_what_to_do(unchecked, name, argument, kind):
    wrong = WRONG[kind](one(name, argument))
    said = refused(lambda: CALLS[name](given(), **{argument: wrong}))
    assert described(wrong) in said or (hasattr(wrong, "shape") and str(tuple(wrong.shape)) in said)
    assert ";" in said or "must have the same shape" in said


# Kinds of floats, channels, batches and devices -----------------------------------------------------------------------

UPSCALE = [f"{name}: {way}" for name in ALL for way in ("upscale", "reconstruct", "restore_given")]
NETWORKS = [name for name, kind in CLASSES.items() if kind.trained_by_steps]


def photos_of(name):
    """The one argument of a call that is photos."""
    (argument,) = (argument for at, argument in PLACES if at == name)
    return argument


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", UPSCALE)
def test_a_system_says_which_floats_it_takes_or_keeps_them(unchecked, name, dtype):
    argument = photos_of(name)
    photos = one(name, argument).to(dtype)
    system_name = name.partition(":")[0]
    takes_all = CLASSES[system_name].__name__ in ("Nearest", "Bilinear", "Interpolation", "Lanczos")
    if takes_all or (dtype == torch.float64 and system_name not in NETWORKS):
        with quiet():
            (got,) = CALLS[name](given(), **{argument: photos})
        assert got.dtype == dtype
    else:
        said = refused(lambda: CALLS[name](given(), **{argument: photos}))
        assert str(dtype) in said
        assert "float32" in said


@pytest.mark.parametrize("way", ["upscale", "reconstruct", "restore_given", "forward"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_says_that_it_takes_grey_photos_on_its_own_device(unchecked, name, way):
    argument = photos_of(f"{name}: {way}")
    photos = one(f"{name}: {way}", argument)
    for wrong, words in (
        (photos.expand(-1, 3, -1, -1), ("(2, 3,", "grey", "enlarge")),
        (photos.to("meta"), ("meta", "cpu")),
    ):
        said = refused(lambda wrong=wrong: CALLS[f"{name}: {way}"](given(), **{argument: wrong}))
        assert all(word in said for word in words), said


@pytest.mark.parametrize("name", ["enlarge"])
def test_of_a_batch_enlarge_takes_none(unchecked, name):
    for shape in ((2, 1, 9, 8), (2, 3, 9, 8), (0, 1, 9, 8), (1, 5, 9, 8)):
        assert str(shape) in refused(lambda shape=shape: CALLS[name](given(), small=torch.zeros(shape)))


PAIRS = [(name, "sr", "hr") for name, call in CALLS.items() if "sr" in call.arguments and name != "chunks"]
PAIRS += [("distance", "a", "b")]


@pytest.mark.parametrize(("name", "first", "second"), PAIRS)
def test_a_pair_that_differs_in_shape_or_place_is_named_and_never_broadcast(unchecked, name, first, second):
    right = one(name, first)
    for wrong in (right[:1], right[:, :1].expand(-1, 2, -1, -1), right[..., 1:], right[..., :1, :]):
        said = refused(lambda wrong=wrong: CALLS[name](given(), **{second: wrong}))
        assert str(tuple(right.shape)) in said
        assert str(tuple(wrong.shape)) in said
    assert "meta" in refused(lambda: CALLS[name](given(), **{second: right.to("meta")}))


# Values ---------------------------------------------------------------------------------------------------------------

MEASURES = ("mse", "psnr", "ssim", "ssim_map", "LPIPS", "split_error", "error_by_band", "error_by_place")
MEASURES += ("band_energy_ratio", "sharpness", "noise_level", "jpeg", "check_shown")
LOSSES = ("perceptual_loss", "texture_loss", "Objective", "Objective, asked for gradients", "create_objective")
WARNS = ("mse", "psnr", "ssim", "ssim_map", "LPIPS", "check_shown", *LOSSES)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("name", "argument"), [place for place in PLACES if place[0] in MEASURES + LOSSES])
def test_what_is_not_finite_is_not_measured(unchecked, name, argument, bad):
    broken = one(name, argument).clone()
    broken[1, 0, 5, 5] = bad
    said = refused(lambda: CALLS[name](given(), **{argument: broken}))
    assert f"{argument} holds {'NaN' if math.isnan(bad) else 'infinite values'};" in said


@pytest.mark.parametrize("scale", [255, -1, 1.01])
@pytest.mark.parametrize(("name", "argument"), [place for place in PLACES if place[0] in WARNS])
def test_a_wrong_range_is_told_once_with_its_extremes(unchecked, name, argument, scale):
    pictures = one(name, argument) * scale
    low, high = pictures.min().item(), pictures.max().item()
    with pytest.warns(UserWarning, match=rf"{argument} reaches from {low:.4g} to {high:.4g}, beyond 0 to 1") as caught:
        CALLS[name](given(), **firsts(name), **{argument: pictures})
    assert len(caught) == 1


@pytest.mark.parametrize("name", ["LPIPS", *LOSSES[:3], LOSSES[4]])
def test_of_a_network_in_training_nothing_is_said(unchecked, name):
    """It overshoots by right, and a look at each step would wait for a GPU."""
    sr = (3 * one(name, "sr") - 1).requires_grad_()
    with warnings.catch_warnings(action="error"):
        CALLS[name](given(), sr=sr)


@pytest.mark.parametrize(("name", "argument"), [place for place in PLACES if place[0] in MEASURES[:8] + LOSSES])
def test_pictures_without_values_are_not_measured(unchecked, name, argument):
    """On the meta device torch knows shapes alone."""
    inputs = {key: tensor.to("meta") for key, tensor in given().items()}
    assert refused(lambda: CALLS[name](inputs))


# Numbers and words ----------------------------------------------------------------------------------------------------

ODD = [None, True, "", "x", "2", b"2", 0, -1, 1, 2, 3, 7, 10**9, 10**400, -(10**400), 0.5, 2.0, -0.0, 1e-300, 1e300]
ODD += [math.nan, math.inf, -math.inf, 1j, (), (1,), [0, 1], (2, 3), (2.5, 3), (10**30, 2), (True, 4), (1, 2, 3)]
ODD += [{}, {"a": 1}, {1}, object(), np.float32(0.5), np.int64(3), torch.tensor(2), range(2), len]
OURS = ("name", "layer")  # of this folder's own functions
SETTINGS = [
    (name, argument)
    for name, call in CALLS.items()
    for argument, value in call.arguments.items()
    if (name, argument) not in PLACES and argument not in OURS and not isinstance(value, In)
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "argument"), SETTINGS)
def test_odd_settings_are_taken_or_refused_in_one_sentence(unchecked, name, argument):
    for value in ODD:
        with quiet(), contextlib.suppress(MffcnLiteError):  # nothing else
            CALLS[name](given(), **firsts(name) | {argument: value})


few = st.integers(-9, 99)
values = few | st.integers(10**6) | st.floats() | st.text(max_size=4) | st.lists(few, max_size=3) | st.tuples(few, few)


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@drawn(st.sampled_from(SETTINGS), st.none() | st.booleans() | values)
def test_any_settings_are_taken_or_refused_in_one_sentence(unchecked, place, value):
    name, argument = place
    with quiet(), contextlib.suppress(MffcnLiteError):
        CALLS[name](given(), **firsts(name) | {argument: value})


@pytest.mark.parametrize("measure", [error_by_band, band_energy_ratio])
def test_no_photo_has_no_bands(measure):
    assert measure(torch.zeros(0, 1, 8, 8), torch.zeros(0, 1, 8, 8)).shape[0] == 0


def test_what_lies_elsewhere_is_named(refuses):
    x = torch.rand(1, 1, 8, 8)
    where = torch.ones(1, 8, 8, dtype=torch.bool, device="meta")
    refuses(lambda: error_by_place(x, x, where), "where lies on meta")


def test_a_size_that_is_not_fixed_is_said(refuses):
    refuses(lambda: upsample(torch.rand(1, 1, 8, 8), (torch.tensor(16), torch.tensor(16))), "must be fixed")

    class Twice(torch.nn.Module):
        def forward(self, x):
            return upsample(x, (2 * x.shape[2], 2 * x.shape[3]))

    sides = {2: torch.export.Dim("h", min=4, max=64), 3: torch.export.Dim("w", min=4, max=64)}
    with pytest.raises(Exception, match="must be fixed"):
        torch.export.export(Twice(), (torch.rand(1, 1, 8, 9),), dynamic_shapes=(sides,))


X = torch.rand(1, 1, 16, 16)
MODEL = ForwardModel(X, (32, 32))


def projected(x, small):
    return project_data(x, small, MODEL, 0.1)


def pushed_back(x, small):
    return back_project(x, small, MODEL, MODEL.transpose, 1.0, 1)


@pytest.mark.parametrize("function", [projected, pushed_back])
@pytest.mark.parametrize(
    "small",
    [
        torch.rand(1, 1, 9, 9),
        torch.rand(2, 1, 16, 16),
        torch.rand(1, 3, 16, 16),
        X.double(),
        X.to("meta"),
        X.numpy(),
        None,
    ],
)
def test_a_small_photo_that_does_not_fit_its_model_is_named(unchecked, function, small):
    refused(lambda: function(torch.rand(1, 1, 32, 32), small))


def test_a_forward_model_computes_in_its_own_kind_of_floats(unchecked):
    assert "float32" in refused(lambda: MODEL.shrink(torch.rand(1, 1, 32, 32).double()))
    assert "float32" in refused(lambda: MODEL.transpose(X.double()))


NO_NUMBERS = {
    "minimizer": lambda x: l2_tv_minimizer(x, 0.1),
    "forward model": lambda x: ForwardModel(x, (32, 32)),
    "ibp": lambda x: create_model("ibp").upscale(x, (32, 32)),
    "pocs": lambda x: create_model("pocs").upscale(x, (32, 32)),
    "enlarge": lambda x: enlarge(create_model("bicubic"), x, 2),
}


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_pictures_without_numbers_are_said(unchecked, name):
    assert "cannot be read" in refused(lambda: NO_NUMBERS[name](X.to("meta")))


WORDS_AND_NUMBERS = {
    "layer": lambda: create_features("random", layer=3),
    "features": lambda: create_features(["x"]),
    "seed": lambda: create_features("random", layer="conv1_1", seed=2**70),
    "seed of words": lambda: create_features("random", layer="conv1_1", seed="a"),
    "model": lambda: system_class(["a"]),
    "count": lambda: count_parameters(None),
    "kernel": lambda: upsample(X, (40, 40), np.array(["bicubic", "a"])),
    "antialias": lambda: upsample(X, (40, 40), antialias=np.array([True, False])),
    "nested": lambda: psnr(torch.nested.nested_tensor([X[0], X[0]]), X, data_range=1.0),
    "nested degrade": lambda: degrade(torch.nested.nested_tensor([X[0], X[0]]), 2),
    "phi": lambda: perceptual_loss(X, X, None),
    "phi of texture": lambda: texture_loss(X, X, lambda x: x),
    "maps": lambda: texture_distance(None, None),
    "lists of maps": lambda: texture_distance([1], [2]),
    "no maps": lambda: Objective(phi(), perceptual=1, texture=1)(X, X, hr_maps={}),
    "signals": lambda: orthogonal_matching_pursuit(torch.rand(3, 4), torch.rand(5, 6), 2),
    "NumPy signals": lambda: orthogonal_matching_pursuit(np.ones((3, 4)), torch.rand(5, 4), 2),
    "two channels": lambda: mid_frequencies(torch.rand(1, 2, 8, 8), 2),
    "two channels differ": lambda: derivatives(torch.rand(1, 2, 8, 8), 2),
}
WORDS_AND_NUMBERS |= {
    f"{kernel.__name__} of {kind}": lambda kernel=kernel, x=x: kernel(x)
    for kernel in (triangle, cubic, lanczos3)
    for kind, x in {"uint8": torch.arange(4, dtype=torch.uint8), "NumPy": np.ones(3), "None": None}.items()
}


@pytest.mark.parametrize("name", WORDS_AND_NUMBERS)
def test_what_is_of_another_kind_is_one_sentence(unchecked, name):
    refused(WORDS_AND_NUMBERS[name])
