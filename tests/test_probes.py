"""What a change left as it was is stamped anew; what a probe cannot prove is left out of date."""

import contextlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import probes
from benchmarks.probes import Executed, digest, is_words, restamp
from benchmarks.stamps import ROOT, Tree
from benchmarks.table import EXPERIMENTS, numbers, read

NAME = "bench_metrics"  # whose probe is short
HERE = {"processor": "this", "torch": "2", "numpy": "2"}


def test_a_digest_sees_every_bit_and_every_place():
    seen = {
        digest(value)
        for value in (
            0.1,
            np.nextafter(0.1, 1),
            "0.1",
            [0.1],
            [[0.1]],
            {"a": 0.1},
            {"b": 0.1},
            torch.tensor([0.1]),
            torch.tensor([[0.1]]),
            torch.tensor([0.1], dtype=torch.float64),
            np.array([1, 0]),
            np.array([0, 1]),
            None,
            True,
            1,
            pd.DataFrame({"a": [1.0]}),
        )
    }
    assert len(seen) == 16
    assert digest(torch.tensor([0.1])) == digest(np.array([0.1], np.float32))
    with pytest.raises(TypeError, match="a probe returned object"):
        digest(object())


def test_words_are_known_from_numbers():
    assert is_words(("a", "b", None))
    assert is_words({"a": ("b",)})
    assert not is_words(("a", 1))


def test_what_is_executed_is_noted_with_its_place():
    from benchmarks.helpers.timing import compare

    with Executed(ROOT) as executed:
        compare("nothing", [1.0], [1.0])
    assert executed.keys == {("benchmarks.helpers.timing", "compare")}


@pytest.fixture
def ledger(monkeypatch, tmp_path):
    """A ledger in which one function and one constant of a result are not as they were; its probe says the same."""
    definitions = {"metrics.mse": "new1-x", "metrics.psnr": "new2-y", "error.CHUNK": "same-z"}
    old = {"metrics.mse": "old1-x", "metrics.psnr": "old2-y", "error.CHUNK": "same-z"}
    now = {"digest": "d", "machine": HERE, "values": [["mffcn_lite.metrics.error", "CHUNK", "v1", False]]}
    now["executed"] = [["mffcn_lite.metrics.error", name] for name in ("mse", "psnr")]
    stored = {"stamp": {"definitions": old, "files": {"trials.json": "t"}, "numbers": "n"}, "results": [1]}
    stored["environment"] = {"device": "CPU, x86_64"}
    stored["probe"] = {"digest": "d", "values": ["v1"], "machine": HERE, "code": "c"}
    fake = SimpleNamespace(tree=Tree(ROOT), changed=["metrics.mse", "metrics.psnr"], content=stored, now=now)
    fake.stored = lambda name: fake.content
    fake.own_changes = lambda name: fake.changed
    fake.stamp = lambda name: {"definitions": definitions, "files": {"trials.json": "t"}}
    then = {"digest": "then"}
    monkeypatch.setattr(probes, "in_a_process", lambda name, root=ROOT: fake.now if root == ROOT else then)
    monkeypatch.setattr(probes, "probe_code", lambda tree, experiment: "c")
    monkeypatch.setattr(probes, "code_of", lambda name: contextlib.nullcontext((Path("then"), "abc123")))
    fake.review = lambda *entries: (tmp_path / "reviewed.json").write_text(json.dumps(entries))
    fake.review()
    monkeypatch.setattr(probes, "REVIEWED", tmp_path / "reviewed.json")
    return fake


def test_the_same_bits_are_stamped_anew_and_the_file_says_so(ledger):
    said, content = restamp(NAME, ledger)
    assert said == "stamped anew"
    assert content["stamp"] == {**ledger.stamp(NAME), "numbers": "n"}
    assert content["results"] == [1]
    assert content["restamped"]["changed"] == ["metrics.mse", "metrics.psnr"]
    assert "made on" not in content["restamped"]


def test_what_was_made_on_a_gpu_says_where_it_was_probed(ledger):
    ledger.content["environment"]["device"] = "NVIDIA H100"
    _, content = restamp(NAME, ledger)
    assert content["restamped"]["made on"] == "NVIDIA H100; both sides of the probe on a CPU"


def test_other_bits_are_left_out_of_date(ledger):
    ledger.now = ledger.now | {"digest": "e"}
    assert restamp(NAME, ledger) == (
        "left out of date: its probe gives other numbers (metrics.mse, metrics.psnr; d before, e now)",
        None,
    )


def test_what_the_probe_does_not_execute_is_left_out_of_date(ledger):
    ledger.now = ledger.now | {"executed": [["mffcn_lite.metrics.error", "mse"]]}
    assert restamp(NAME, ledger) == ("left out of date: its probe says nothing of metrics.psnr", None)


BLIND = "left out of date: its probe says nothing of metrics.psnr"


@pytest.mark.parametrize(("after", "said"), [("new2", "stamped anew"), ("new3", BLIND)])
def test_what_a_person_read_is_accepted_for_just_that_change(ledger, after, said):
    ledger.now = ledger.now | {"executed": [["mffcn_lite.metrics.error", "mse"]]}
    ledger.review({"what": "metrics.psnr", "before": "old2", "after": after, "why": "of words alone"})
    found, content = restamp(NAME, ledger)
    assert found == said
    assert content is None or content["restamped"]["read"] == {"metrics.psnr": "of words alone"}


@pytest.mark.parametrize("other", ["d", "f"])
def test_a_probe_that_says_more_is_accepted_for_just_these_numbers(ledger, other):
    ledger.now = ledger.now | {"digest": "e"}
    ledger.review({"what": f"the probe of {NAME}", "before": other, "after": "e", "why": "a field is new"})
    said, content = restamp(NAME, ledger)
    assert (said == "stamped anew") == (other == "d")
    assert content is None or content["restamped"]["read"] == {f"the probe of {NAME}": "a field is new"}


def test_what_the_wide_probe_proves_needs_no_other_proof(ledger):
    ledger.now = ledger.now | {"executed": [["mffcn_lite.metrics.error", "mse"]]}
    proven = {("mffcn_lite.metrics.error", "psnr")}
    said, content = restamp(NAME, ledger, SimpleNamespace(proven=lambda name: proven))
    assert said == "stamped anew"
    assert content["restamped"]["because"] == "its probe gives the same bits, and so does the wide probe"
    assert restamp(NAME, ledger, SimpleNamespace(proven=lambda name: set())) == (BLIND, None)


def test_the_wide_probe_proves_what_it_executes_with_the_same_bits_and_fields_that_are_added(monkeypatch):
    def said(first, second, fields):
        tried = {"a": {"digest": first, "executed": [["m", "f"]]}, "b": {"digest": second, "executed": [["m", "g"]]}}
        return {"tried": tried, "fields": {"m:C": fields, "m:D": fields}}

    sides = {
        "then": said("1", "2", {"steps": "9"}),
        "now": said("1", "3", {"steps": "9", "hold": "0"}),
    }
    sides["now"]["fields"]["m:D"] = {"steps": "10"}
    wide = probes.Wide()
    monkeypatch.setattr(probes, "code_of", lambda name: contextlib.nullcontext((Path("then"), "abc123")))
    monkeypatch.setattr(wide, "run", lambda root, commit: sides["then" if commit else "now"])
    assert wide.proven(NAME) == {("m", "f"), ("m", "C")}


def test_what_was_read_says_why_in_a_sentence():
    for entry in json.loads(probes.REVIEWED.read_text(encoding="utf-8")):
        assert entry.keys() == {"what", "before", "after", "why"}
        assert entry["why"].endswith(".")
        assert entry["before"] != entry["after"]


@pytest.mark.parametrize(("value", "proven"), [("v1", True), ("v2", False)])
def test_a_changed_constant_must_have_a_value_that_was_there(ledger, value, proven):
    ledger.content["stamp"]["definitions"]["error.CHUNK"] = "other-z"
    ledger.now = ledger.now | {"values": [["mffcn_lite.metrics.error", "CHUNK", value, False]]}
    said, _ = restamp(NAME, ledger)
    assert said == ("stamped anew" if proven else "left out of date: its probe says nothing of error.CHUNK")


def test_a_changed_file_is_not_probed(ledger):
    ledger.changed = ["trials.json"]
    assert restamp(NAME, ledger) == ("left out of date: trials.json", None)


def test_on_another_processor_both_sides_are_computed(ledger):
    ledger.now = ledger.now | {"machine": HERE | {"processor": "another"}, "digest": "then"}
    said, content = restamp(NAME, ledger)
    assert said == "stamped anew"
    assert content["restamped"]["against"] == "the code of abc123, on this processor"
    ledger.now["digest"] = "d"  # what is stored belongs to the other processor
    assert restamp(NAME, ledger)[1] is None


def test_a_new_probe_of_what_is_up_to_date_is_stored(ledger):
    ledger.changed = []
    assert restamp(NAME, ledger) == ("up to date", None)
    ledger.content["probe"]["code"] = "older"
    said, content = restamp(NAME, ledger)
    assert said == "its probe is stored"
    assert content["probe"]["code"] == "c"
    assert content["stamp"] == ledger.content["stamp"]


@pytest.mark.release
def test_a_clone_is_stamped_anew_after_a_change_that_changes_no_bit(tmp_path):
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    for folder in ("mffcn_lite", "benchmarks"):  # as the files are now
        shutil.rmtree(clone / folder)
        shutil.copytree(ROOT / folder, clone / folder, ignore=shutil.ignore_patterns("__pycache__"))
    file, path = clone / EXPERIMENTS[NAME].file, clone / "mffcn_lite" / "metrics" / "error.py"
    text, old = path.read_text(encoding="utf-8"), "10 * torch.log10(float(data_range) ** 2 / error)"
    assert old in text

    def call(word, new):
        path.write_text(text.replace(old, new), encoding="utf-8")
        command = [sys.executable, "-m", "benchmarks", word, *([NAME] if word == "restamp" else [])]
        done = subprocess.run(
            command, cwd=clone, capture_output=True, text=True, env={"PYTHONPATH": str(clone), "PATH": ""}
        )
        return next(line for line in done.stdout.splitlines() if line.startswith(NAME)), done.stderr

    before = read(file)
    assert call("list", "torch.log10(float(data_range) ** 2 / error) * 20")[0].endswith(
        "out of date: metrics.psnr changed"
    )
    assert "other numbers" in call("restamp", "torch.log10(float(data_range) ** 2 / error) * 20")[0]
    assert read(file) == before
    assert call("restamp", "torch.log10(float(data_range) ** 2 / error) * 10")[0].endswith("stamped anew")
    after = read(file)
    assert numbers(after) == numbers(before)
    assert after["restamped"]["changed"] == ["metrics.psnr"]
    assert Path(file).read_text(encoding="utf-8").endswith("\n")
