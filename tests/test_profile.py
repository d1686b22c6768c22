"""The chapters' profile, and what it changes."""

import pytest
import torch

from mffcn_lite import device
from mffcn_lite.profile import by_profile, chapter_device, profile, say_device


def test_the_profile_is_quick_unless_the_variable_says_full(monkeypatch, refuses):
    monkeypatch.delenv("MFFCN_LITE_PROFILE", raising=False)
    assert profile() == "quick"
    assert by_profile(quick=3, full=40) == 3
    monkeypatch.setenv("MFFCN_LITE_PROFILE", "full")
    assert profile() == "full"
    assert by_profile(quick=3, full=40) == 40
    monkeypatch.setenv("MFFCN_LITE_PROFILE", "fast")
    refuses(profile, "MFFCN_LITE_PROFILE (='fast')", '"quick", "full"')


def see_gpu(monkeypatch, there):
    """As if there was one, or none."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    monkeypatch.setattr(device, "find_device", torch.device)


@pytest.mark.parametrize("gpu", [False, True])
def test_a_chapter_trains_on_a_gpu_in_the_profile_full_alone(gpu, monkeypatch):
    see_gpu(monkeypatch, gpu)
    monkeypatch.setenv("MFFCN_LITE_PROFILE", "quick")
    assert chapter_device().type == "cpu"
    monkeypatch.setenv("MFFCN_LITE_PROFILE", "full")
    assert chapter_device().type == ("cuda" if gpu else "cpu")


@pytest.mark.parametrize(("gpu", "words"), [(False, "a CPU; profile: quick. That"), (True, "A card; profile: quick.")])
def test_a_chapter_says_its_device_and_what_to_do(gpu, words, monkeypatch, capsys):
    monkeypatch.delenv("MFFCN_LITE_PROFILE", raising=False)
    see_gpu(monkeypatch, gpu)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "A card")
    say_device()
    assert words in capsys.readouterr().out
