"""Devices by name."""

import ctypes
import resource

import pytest
import torch

from mffcn_lite.device import choose_device, kept_memory
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


def new_pages():
    """How many pages twenty blocks of 48 MB, one after the other, take from the system."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(12 * 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="no glibc")
def test_freed_memory_is_used_again_and_given_back_at_the_end():
    torch.ones(12 * 2**20)
    usual, before = new_pages(), resident()
    with kept_memory():
        new_pages()  # small things come to lie between, and the heap settles
        assert new_pages() < usual / 4
    assert resident() < before + 24 * 2**20


def test_where_there_is_no_glibc_nothing_happens(monkeypatch):
    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    with kept_memory():
        assert torch.ones(3).sum() == 3


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="no glibc")
def test_freed_memory_is_given_back_after_an_error():
    before = resident()
    kept = []

    def fail():
        torch.ones(12 * 2**20)
        kept.append(resident())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), kept_memory():
        fail()
    assert kept[0] > before + 40 * 2**20
    assert resident() < before + 24 * 2**20
