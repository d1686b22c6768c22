"""Gains off the protocol: planted ones are found, conditions are what they say, what is stored agrees with itself."""

import numpy as np
import pytest
import torch
from scipy.stats import t

from benchmarks.experiments import off_protocol
from benchmarks.experiments.off_protocol import conditions, judge, measure, rows_of, size_for
from benchmarks.helpers import storing
from mffcn_lite import plotting
from mffcn_lite.checkpoint import load_model
from mffcn_lite.data import FaceSet
from mffcn_lite.degrade import degrade, downsample, resample, small_size
from mffcn_lite.evaluation import load_results
from mffcn_lite.files import read_json
from mffcn_lite.metrics import psnr
from mffcn_lite.models import SuperResolver
from mffcn_lite.statistics import max_t_p_values


@pytest.fixture(scope="module")
def faces(orl):
    chosen = orl[[0, 1, 100, 101, 200, 201]]
    return FaceSet(chosen.images, chosen.people, chosen.names, chosen.card)


class Better(SuperResolver):
    """Half as far from the truth as bicubic is: 6.02 dB better on every photo."""

    name, arguments = "better", {}

    def __init__(self, hr):
        super().__init__()
        self.hr = hr

    def upscale(self, small, size):
        return (resample(small, size).clamp(0, 1) + self.hr) / 2


def test_conditions_differ_and_hold_what_was_asked_for(faces):
    rows = conditions()
    assert len({row[:3] for row in rows}) == len(rows) == 44
    hr, made = faces.floats(), {row[:3]: row[3](faces.floats()) for row in rows}
    for (_, _, factor), small in made.items():
        assert small.shape[-2:] == tuple(size_for(hr, factor))
    for factor in (2, 3, 4):
        assert size_for(hr, factor) == small_size((112, 92), factor)
        assert torch.equal(made["factor", str(factor), factor], downsample(hr, factor))
        assert torch.equal(made["kernel", "area", factor], downsample(hr, factor, "area"))
    assert torch.equal(made["factor", "1", 1], hr)
    assert made["factor", "2.5", 2.5].shape[-2:] == (45, 37)
    noise = 255 * (made["noise", "10", 2] - made["factor", "2", 2])
    assert float(noise.std()) == pytest.approx(10, rel=0.05)


def test_a_shift_is_towards_the_later_pixels(faces):
    hr, made = faces.floats(), {row[:3]: row[3] for row in conditions()}
    moved = made["shift", "½ small", 4](hr)  # by two whole pixels
    cut = hr[..., 2:, 2:]
    want = resample(torch.nn.functional.pad(cut, (0, 2, 0, 2), mode="replicate"), (28, 23))
    torch.testing.assert_close(moved[..., 4:-4, 4:-4], want[..., 4:-4, 4:-4], atol=1e-6, rtol=0)


def test_a_planted_gain_is_found(faces):
    condition = conditions()[2]
    assert condition[:3] == ("factor", "2", 2)
    values = measure({"better": Better(faces.floats())}, faces, condition[3])
    bicubic, better = rows_of(condition, values)
    each = psnr(degrade(faces.floats(), 2).clamp(0, 1), faces.floats(), data_range=1.0)
    assert bicubic["psnr"] == pytest.approx(float(each.mean()), abs=1e-3)
    assert "people" not in bicubic
    assert better["people"] == pytest.approx([6.021] * 3, abs=2e-3)
    assert better["mean"] == pytest.approx(6.021, abs=1e-3)


def test_the_interval_and_the_verdicts_are_those_of_the_people():
    values = {"bicubic": [30.0] * 6, "up": [31.0, 31.5, 32.0, 31.0, 31.2, 31.1], "same": [29.0, 31, 30, 30.5, 29.5, 30]}
    rows = rows_of(("noise", "2", 2, None), values)
    judge(rows)
    _, up, same = rows
    assert up["ci"] == pytest.approx(
        t.interval(0.95, 5, loc=1.3, scale=np.std(up["people"], ddof=1) / 6**0.5), abs=1e-3
    )
    assert (up["verdict"], same["verdict"]) == ("above", "undecided")
    assert up["p"] == pytest.approx(2 / 64, abs=1e-4)


def test_at_factor_1_there_is_no_gain(faces):
    condition = conditions()[0]
    values = measure({"better": Better(faces.floats()), "srcnn": load_model("srcnn")}, faces, condition[3])
    bicubic, better, srcnn = rows_of(condition, values)
    assert bicubic["psnr"] is None is better["psnr"]  # the photo as it was
    assert 20 < srcnn["psnr"] < 60
    assert srcnn["psnr"] == pytest.approx(np.mean(srcnn["psnr_people"]), abs=1e-3)
    assert not any("people" in row for row in (bicubic, better, srcnn))


def test_what_was_measured_with_this_code_and_these_weights_is_kept(faces, elsewhere, monkeypatch):
    path, calls, original, some = elsewhere("off_protocol"), [], off_protocol.measure, conditions()[:2]
    monkeypatch.setattr(off_protocol, "shipped_names", lambda: ["srcnn"])
    monkeypatch.setattr(off_protocol, "split_by_person", lambda _: (faces, faces))
    monkeypatch.setattr(off_protocol, "measure", lambda *a: calls.append(1) or original(*a))
    monkeypatch.setattr(off_protocol, "conditions", lambda: some)
    off_protocol.main()
    first = read_json(path)
    assert [row["model"] for row in first["results"]] == ["bicubic", "ibp", "pocs", "srcnn"] * 2
    assert (len(calls), first["unfinished"]) == (2, 0)
    monkeypatch.setattr(off_protocol, "conditions", lambda: conditions()[:3])
    off_protocol.main()
    assert len(calls) == 3
    assert read_json(path)["results"][:4] == first["results"][:4]
    monkeypatch.setitem(storing.LEDGER._definitions, "off_protocol", {"changed": "code"})
    off_protocol.main()
    assert len(calls) == 6
    assert len(read_json(path)["results"]) == 12


def test_the_stored_gains_agree_with_themselves():
    content = load_results("off_protocol")
    rows, people = content["results"], content["data"]["people"]
    with_gain = [row for row in rows if "people" in row]
    systems = list(dict.fromkeys(row["model"] for row in rows))
    assert [row["model"] for row in rows] == systems * 44
    bicubic = {(r["group"], r["level"], r["factor"]): r["psnr"] for r in rows if r["model"] == "bicubic"}
    p_values = max_t_p_values([row["people"] for row in with_gain])
    for row, p in zip(with_gain, p_values, strict=True):
        assert len(row["people"]) == len(people)
        assert row["mean"] == pytest.approx(np.mean(row["people"]), abs=1e-3)
        assert row["mean"] == pytest.approx(row["psnr"] - bicubic[row["group"], row["level"], row["factor"]], abs=2e-3)
        half = t.ppf(0.975, len(people) - 1) * np.std(row["people"], ddof=1) / len(people) ** 0.5
        assert row["ci"] == pytest.approx([row["mean"] - half, row["mean"] + half], abs=2e-3)
        assert row["p"] == pytest.approx(p, abs=1e-4)
        sure = "above" if row["mean"] > 0 else "below"
        assert row["verdict"] == (sure if p < 0.05 else "undecided")
    tables = {row["factor"]: row["psnr"] for row in load_results("tables")["results"] if row["model"] == "bicubic"}
    for factor in (2, 3, 4):
        assert bicubic["factor", str(factor), factor] == pytest.approx(tables[factor], abs=1e-3)


def test_the_figure_is_drawn_from_what_is_stored():
    rows = [row for row in load_results("off_protocol")["results"] if row["factor"] == 3 or row["group"] == "factor"]
    figure = plotting.gains([row for row in rows if row["model"] in ("wiener", "mffcn")], "gain over bicubic (dB)")
    assert [axis.get_title() for axis in figure.axes] == ["factor", "kernel", "noise", "jpeg", "shift"]
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["1.5", "2", "2.5", "3", "4", "5", "8"]
