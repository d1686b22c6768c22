"""Devices by name, and what is stored with each result."""

import pytest
import torch

from mffcn_lite import environment
from mffcn_lite.environment import (
    by_profile,
    chapter_device,
    choose_device,
    describe_environment,
    modules_hash,
    profile,
    say_device,
)
from mffcn_lite.errors import MffcnLiteError


def test_cpu_is_always_there_and_auto_takes_a_gpu_where_there_is_one():
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["gpu", "", "CPU", "cuda:7"])
def test_an_unknown_device_is_named(name):
    with pytest.raises(MffcnLiteError, match="choose auto, cpu or cuda"):
        choose_device(name)


def test_cuda_without_a_gpu_is_one_sentence(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(MffcnLiteError, match="no CUDA device"):
        choose_device("cuda")


def test_the_environment_holds_what_a_number_depends_on():
    found = describe_environment()
    assert found["torch"] == torch.__version__
    assert found["threads"] == torch.get_num_threads()
    assert found["device"].startswith("CPU")


def test_a_hash_of_modules_changes_with_what_they_compute_and_not_with_words(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "PACKAGE", tmp_path)
    (tmp_path / "models").mkdir()
    one, two = tmp_path / "one.py", tmp_path / "models" / "two.py"
    one.write_text('"""Words."""\ndef f(x):\n    """More."""\n    return x + 1\n')
    two.write_text("TWO = 2\n")
    before = modules_hash(["one", "models.two"])
    one.write_text('"""Other words."""\n\n\ndef f(x):  # a comment\n    return x + 1\n')
    assert modules_hash(["models.two", "one", "one"]) == before
    one.write_text("def f(x):\n    return x + 2\n")
    assert modules_hash(["one", "models.two"]) != before
    assert modules_hash(["one"]) != modules_hash(["models.two"])
    with pytest.raises(MffcnLiteError, match="no module three"):
        modules_hash(["three"])


def test_the_profile_is_quick_unless_the_variable_says_full(monkeypatch, refuses):
    monkeypatch.delenv("MFFCN_LITE_PROFILE", raising=False)
    assert profile() == "quick"
    assert by_profile(quick=3, full=40) == 3
    monkeypatch.setenv("MFFCN_LITE_PROFILE", "full")
    assert profile() == "full"
    assert by_profile(quick=3, full=40) == 40
    monkeypatch.setenv("MFFCN_LITE_PROFILE", "fast")
    refuses(profile, '"fast"', "quick or full")


@pytest.mark.parametrize("gpu", [False, True])
def test_a_chapter_trains_on_a_gpu_in_the_profile_full_alone(gpu, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setenv("MFFCN_LITE_PROFILE", "quick")
    assert chapter_device().type == "cpu"
    monkeypatch.setenv("MFFCN_LITE_PROFILE", "full")
    assert chapter_device().type == ("cuda" if gpu else "cpu")


@pytest.mark.parametrize(("gpu", "words"), [(False, "a CPU; profile: quick. That"), (True, "A card; profile: quick.")])
def test_a_chapter_says_its_device_and_what_to_do(gpu, words, monkeypatch, capsys):
    monkeypatch.delenv("MFFCN_LITE_PROFILE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "A card")
    say_device()
    assert words in capsys.readouterr().out
