"""What a caller has set in torch changes no number: every public function, in every context."""

import contextlib
import dataclasses
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from public_calls import (
    CALLS,
    COVERED,
    HEEDS_AUTOCAST,
    LEFT_OUT,
    NO_SLOPE,
    SLOPES,
    given,
    marked,
    noise,
    public,
    quiet,
    system,
)
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode  # torch has no other name for it

from mffcn_lite import degrade
from mffcn_lite.metrics import psnr, similarity, ssim
from mffcn_lite.models import MFF, system_class
from mffcn_lite.pictures import enlarge
from mffcn_lite.shipped import SYSTEMS


@contextlib.contextmanager
def set_back(setter, value, default):
    setter(value)
    try:
        yield
    finally:
        setter(default)


CONTEXTS = {
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "inference mode": torch.inference_mode,
    "no_grad": torch.no_grad,
    "default dtype float64": lambda: set_back(torch.set_default_dtype, torch.float64, torch.float32),
    "default dtype bfloat16": lambda: set_back(torch.set_default_dtype, torch.bfloat16, torch.float32),
    "default device meta": lambda: set_back(torch.set_default_device, "meta", None),
}
LAYOUTS = {
    "transposed": lambda x: x.mT.contiguous().mT,
    "channels_last": lambda x: x.to(memory_format=torch.channels_last),
    "cut out": lambda x: torch.nn.functional.pad(x, (3, 1, 2, 2))[..., 2:-2, 3:-1],
    "every other": lambda x: x.repeat_interleave(2, -1).repeat_interleave(2, 0)[::2, ..., ::2],
    "mirrored batch": lambda x: x.flip(0).flip(0),
}


def tensors(result):
    """All that was computed, in order, as tensors and words."""
    if isinstance(result, Tensor):
        return [result]
    if dataclasses.is_dataclass(result):
        result = vars(result)
    if isinstance(result, Mapping):
        return [part for key, value in result.items() for part in (key, *tensors(value))]
    if isinstance(result, list | tuple):
        return [part for value in result for part in tensors(value)]
    return [torch.from_numpy(result.copy()) if isinstance(result, np.ndarray) else result]


def same(got, want, exact=True):
    assert len(got) == len(want)
    for one, other in zip(got, want, strict=True):
        if not isinstance(other, Tensor):
            assert one == other
            continue
        assert type(one) in (Tensor, torch.nn.Parameter)
        assert (one.shape, one.dtype, one.device) == (other.shape, other.dtype, other.device)
        one, other = one.detach().clone(), other.detach().clone()
        tolerance = {"rtol": 0, "atol": 0} if exact else {"rtol": 2e-5, "atol": 1e-5}
        torch.testing.assert_close(one, other, equal_nan=True, **tolerance)


def forget():
    """As if nothing had been computed yet."""
    degrade._matrix.cache_clear()
    similarity._window_blocks.cache_clear()


@pytest.fixture(scope="module")
def plain():
    """A function of a call's name: what it computes where nobody has set anything, computed once."""
    known = {}

    def compute(name):
        if name not in known:
            forget()
            with quiet():
                known[name] = tensors(CALLS[name](given()))
        return known[name]

    return compute


def test_every_public_function_has_its_call():
    missing = [name for name in public() if not {name, *([COVERED[name]] if name in COVERED else [])} & CALLS.keys()]
    assert not [name for name in missing if name not in LEFT_OUT]
    assert public().keys() >= LEFT_OUT.keys() | COVERED.keys()  # and nothing is named that is gone


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("context", marked(CONTEXTS, quick=["autocast"], release=["no_grad", "default dtype bfloat16"]))
def test_in_every_context_and_after_it_the_numbers_are_the_same(plain, unchecked, context, name):
    want = plain(name)
    forget()
    with quiet(), CONTEXTS[context]():
        got = tensors(CALLS[name](given()))
    if not (context == "autocast" and name in HEEDS_AUTOCAST):
        same(got, want)
    with quiet():  # what was made there and kept serves gradients too
        inputs = {key: tensor.requires_grad_() for key, tensor in given().items()}
        same(tensors(CALLS[name](inputs)), want)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("layout", marked(LAYOUTS, release=("cut out", "mirrored batch", "every other")))
def test_in_every_layout_of_memory_the_numbers_are_the_same(plain, unchecked, layout, name):
    with quiet():
        same(tensors(CALLS[name](given(LAYOUTS[layout]))), plain(name), exact=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("real", [pytest.param(True, marks=pytest.mark.release), False])
def test_what_was_made_of_fake_tensors_is_gone_with_them(plain, unchecked, real, name):
    want, inputs = plain(name), given()
    forget()
    mode = FakeTensorMode(allow_non_fake_inputs=real)
    inputs = inputs if real else {key: mode.from_tensor(tensor) for key, tensor in inputs.items()}
    with quiet(), mode, contextlib.suppress(Exception):  # a function that needs values has none
        CALLS[name](inputs)
    with quiet():
        same(tensors(CALLS[name](given())), want)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, call in CALLS.items() if name not in NO_SLOPE])
def test_gradients_are_the_derivatives(unchecked, name):
    inputs = given(dtype=torch.float64)
    names = SLOPES.get(name, [place.name for place in CALLS[name].tensors()])

    def compute(*values):
        results = tensors(CALLS[name](inputs | dict(zip(names, values, strict=True))))
        return tuple(one for one in results if isinstance(one, Tensor) and one.requires_grad)

    with quiet():
        values = [inputs[one].clone().requires_grad_() for one in names]
        assert compute(*values)
        assert torch.autograd.gradcheck(compute, values, fast_mode=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_what_is_given_is_neither_written_into_nor_handed_back(unchecked, name):
    inputs = given()
    before = {key: tensor.clone() for key, tensor in inputs.items()}
    with quiet():
        results = tensors(CALLS[name](inputs))
    assert all(torch.equal(inputs[key], tensor) for key, tensor in before.items())
    if name not in ("chunks", "prepare"):  # which cut
        mine = {tensor.untyped_storage().data_ptr() for tensor in inputs.values()}
        assert not [one for one in results if isinstance(one, Tensor) and one.untyped_storage().data_ptr() in mine]


# Where full precision begins ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in SYSTEMS if system_class(name).trained_by_steps])
def test_a_network_computes_in_half_precision_where_training_asks_for_it_and_nowhere_else(name):
    model, seen = system(name), []
    first = next(module for module in model.modules() if isinstance(module, nn.Conv2d | MFF))
    with first.register_forward_hook(lambda module, inputs, out: seen.append(out.dtype)):
        small, hr = noise(1, 1, 8, 7), noise(1, 1, 24, 21)
        with torch.autocast("cpu", torch.bfloat16):
            model.restore_given(model.take(small, (24, 21)), (24, 21), 3)
            assert set(seen) == {torch.bfloat16}
            seen.clear()
            model.upscale(small, (24, 21))
            model.reconstruct(hr, 3)
            enlarge(model, small, 3)
    assert set(seen) == {torch.float32}


@pytest.mark.parametrize("within", [True, False])
def test_a_module_made_in_inference_mode_is_fused_there_and_outside(within):
    x = noise(1, 4, 12, 11)
    with torch.inference_mode():
        module = MFF(4, 4, branch=2, reparameterize=False)
        want = module(x)
    with torch.inference_mode(within):
        fused = module.fuse()
    assert not [one for one in fused.parameters() if one.is_inference()]
    torch.testing.assert_close(fused(x), want)


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32_and_rounded_once(half):
    images = noise(2, 1, 36, 32).to(half)
    assert torch.equal(degrade.downsample(images, 3), degrade.downsample(images.float(), 3).to(half))
    other = noise(2, 1, 36, 32, seed=1).to(half)
    for measure in (psnr, ssim):
        assert torch.equal(
            measure(images, other, data_range=1.0), measure(images.float(), other.float(), data_range=1.0)
        )


@pytest.mark.slow
def test_whatever_was_set_when_the_package_was_imported():
    """Constants of modules too: imported in the worst of contexts, it computes the same afterwards."""
    program = """
import importlib, pkgutil, sys
import torch
from torch._subclasses import FakeTensorMode
import mffcn_lite
torch.set_default_dtype(torch.float64)
with torch.inference_mode(), torch.device("meta"), torch.autocast("cpu", torch.bfloat16), FakeTensorMode():
    for module in pkgutil.walk_packages(mffcn_lite.__path__, "mffcn_lite."):
        importlib.import_module(module.name)
torch.set_default_dtype(torch.float32)
sys.path.insert(0, "tests")
import json
from test_context import report
print(json.dumps(report()))
"""
    folder = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # Not to the last bit: a convolution's rounding depends on where in memory its numbers happen to lie.
    there, here = json.loads(done.stdout), report()
    assert [words for words, _ in there] == [words for words, _ in here]
    assert len(here) > 50
    assert [number for _, number in there] == pytest.approx([number for _, number in here], rel=1e-6)


def report():
    """What some functions return: (name and type, sum of the numbers) of each tensor."""
    inputs, found = given(), []
    with quiet():
        for name in ("degrade", "ssim", "psnr", "LPIPS", "Objective", "enlarge", "l2_tv_minimizer", "read_at"):
            for one in tensors(CALLS[name](inputs)):
                if isinstance(one, Tensor):
                    found.append([f"{name} {one.dtype}", one.double().sum().item()])
                else:
                    found.append([f"{name} {one}", 0.0])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("context", ["autocast", "inference mode", "default device meta", "default dtype float64"])
def test_compiled_it_is_one_graph_and_the_same_numbers(unchecked, context):
    images, want = noise(2, 1, 36, 32), degrade.degrade(noise(2, 1, 36, 32), 3)
    forget()
    with CONTEXTS[context]():
        compiled = torch.compile(lambda x: degrade.degrade(x, 3), backend="eager", fullgraph=True)
        same([compiled(images)], [want])
    same([degrade.degrade(images, 3)], [want])
