"""The split's leak: who is where, a system that remembers, and what is stored."""

import numpy as np
import pytest
import torch

from benchmarks.experiments import leak
from mffcn_lite.data import FaceSet, people_for_training
from mffcn_lite.degrade import downsample
from mffcn_lite.evaluation import load_results
from mffcn_lite.models import SuperResolver
from mffcn_lite.statistics import t_interval


def test_only_the_known_people_differ(orl):
    common, others, tests = leak.split(orl)
    groups = [test.who() for test in tests]
    people = people_for_training(orl, hold_out=True)[2]
    assert groups[0] == people["test_people"]
    assert not set(groups[1]) & {*people["test_people"], *people["validation_people"]}
    assert sorted([*common.who(), *groups[0], *groups[1]]) == list(range(40))
    for one, two, group in zip(others, tests, groups, strict=True):
        assert one.who() == two.who() == group
        assert (len(one), len(two)) == (64, 16)
        assert not set(one.names) & set(two.names)
    shown = {name for test in tests for name in test.names}
    for known, held in [(0, leak.OTHERS), (1, leak.OTHERS), (0, leak.ITSELF), (1, leak.ITSELF)]:
        photos = leak.training_photos(orl, known, held)
        assert len(set(photos.names)) == len(photos) == 24 * 10 + 64
        assert set(photos.who()) == {*common.who(), *groups[known]}
        assert shown & set(photos.names) == (set(tests[known].names) if held == leak.ITSELF else set())


class Memory(SuperResolver):
    """Gives back the photo of its training that is nearest to the small one, a little too bright."""

    name, arguments = "memory", {}

    def fit(self, faces):
        self.photos = faces.floats()
        return self

    def upscale(self, small, size):
        factor = round(size[0] / small.shape[-2])
        kept = downsample(self.photos, factor).flatten(1)
        return self.photos[torch.cdist(small.flatten(1), kept).argmin(1)] * 0.9 + 0.1


def test_a_system_that_remembers_gains_most_from_the_photo_itself(orl, monkeypatch):
    faces = FaceSet(orl.images[:, :, 30:70:2, 20:60:2], orl.people, orl.names, orl.card)
    monkeypatch.setattr(leak, "FACTORS", (2,))
    monkeypatch.setattr(leak, "create_model", lambda name, **options: Memory())
    monkeypatch.setattr(leak, "shipped_models", lambda: {"memory": {"arguments": {}}})
    groups = [test.who() for test in leak.split(faces)[2]]
    arms = [
        {"arm": held, "runs": [leak.run(faces, "memory", {}, 0, known, held) for known in (0, 1)]}
        for held in (leak.OTHERS, leak.ITSELF)
    ]
    assert [run["photos"] for arm in arms for run in arm["runs"]] == [304] * 4
    others, itself = (row for row in leak.summarize(arms, groups) if row["measure"] == "psnr")
    assert len(others["people"]) == 16
    assert 0.5 < others["mean"] < itself["mean"] - 3
    assert others["ci"][0] > 0


def test_the_known_and_the_unknown_are_not_mixed_up():
    groups = [[3, 5], [1, 8]]

    def run(seed, known):
        # What is known is worth 1 dB to A and 3 dB to B; the system that knows B is 10 dB better throughout.
        gain = {**dict.fromkeys("35", 1.0 * (known == "A")), **dict.fromkeys("18", 3.0 * (known == "B"))}
        values = {person: 30 + seed + 10 * (known == "B") + gain[person] for person in gain}
        return {"seed": seed, "known": known, **{m: dict.fromkeys(("2", "3", "4"), values) for m in leak.MEASURES}}

    arms = [{"arm": "mffcn", "runs": [run(seed, known) for seed in (0, 1) for known in "AB"]}]
    for row in leak.summarize(arms, groups):
        assert row["people"] == [3, 5, 1, 8]
        assert np.subtract(row["known"], row["unknown"]).tolist() == [-9, -9, 13, 13]
        assert row["mean"] == 2  # the difference between the twins cancels
        assert row["mean_by_seed"] == [2, 2]
        assert row["verdict"] == "undecided"


def test_what_is_stored_agrees_with_itself():
    stored = load_results("leak")
    assert not {*stored["groups"]["A"], *stored["groups"]["B"]} & {*stored["common_people"]}
    assert len(stored["results"]) == 6 * len(leak.ARMS)
    for row in stored["results"]:
        gain = np.subtract(row["known"], row["unknown"])
        assert row["mean"] == pytest.approx(gain.mean()) == pytest.approx(np.mean(row["mean_by_seed"]))
        assert row["ci"] == pytest.approx(t_interval(gain.tolist()))
        runs = next(arm["runs"] for arm in stored["arms"] if arm["arm"] == row["arm"])
        first = [r[row["measure"]][str(row["factor"])][str(row["people"][0])] for r in runs if r["known"] == "A"]
        assert row["known"][0] == pytest.approx(np.mean(first))
        if "p" in row:
            assert (row["verdict"] == "undecided") == (row["p"] >= 0.05)
