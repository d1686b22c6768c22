"""Devices by name."""

import pytest
import torch

from mffcn_lite.device import choose_device
from mffcn_lite.errors import MffcnLiteError


def test_cpu_is_always_there_and_auto_takes_a_gpu_where_there_is_one():
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["gpu", "", "CPU", "cuda:7"])
def test_an_unknown_device_is_named(name):
    with pytest.raises(MffcnLiteError, match='must be one of "auto", "cpu", "cuda"'):
        choose_device(name)


def test_cuda_without_a_gpu_is_one_sentence(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(MffcnLiteError, match="no CUDA device"):
        choose_device("cuda")
