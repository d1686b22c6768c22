"""The race to a quality: when it ends, what its clock counts, and what is trained meanwhile."""

import dataclasses
import itertools
import json
import time

import numpy as np
import pytest
import torch

from benchmarks.experiments import speed_trials
from benchmarks.speed import speedrun
from mffcn_lite.data import FaceSet, load_faces, people_for_training, split_by_person
from mffcn_lite.evaluation import load_results
from mffcn_lite.training import TrainingConfig, train

CONFIG = TrainingConfig(steps=40, batch=2, crop=12, reduction="mean", lr=1e-3)
GOALS = {"near": (30.5, {"2": 31.0, "3": 29.0}), "far": (32.0, {"2": 31.0, "3": 29.0})}


@pytest.fixture
def faces():
    images = np.random.default_rng(0).integers(0, 256, (8, 1, 16, 16), dtype=np.uint8)
    return FaceSet(images, np.arange(8), [f"p{i}" for i in range(8)], {})


def scripted(monkeypatch, scores):
    """What each look at the validation people finds; a look takes a tenth of a second."""
    following = iter(scores)

    def look(*_):
        end = time.process_time() + 0.1
        while time.process_time() < end:
            pass
        return next(following)

    monkeypatch.setattr(speedrun, "validate", look)


def raced(faces, **options):
    return speedrun.race("srcnn", CONFIG, {}, faces, faces, GOALS, torch.device("cpu"), every=10, **options)


@pytest.mark.parametrize(
    ("scores", "reached"),
    [
        ({"2": 32.0, "3": 29.0}, True),
        ({"2": 31.9, "3": 29.0}, False),  # the mean
        ({"2": 33.0, "3": 28.9}, False),  # a factor
        ({"2": 30.9, "3": 33.0}, False),  # the other
    ],
)
def test_a_goal_is_one_of_the_mean_and_of_each_factor(scores, reached):
    assert speedrun.is_reached(scores, *GOALS["near"]) is reached


def test_a_race_ends_at_its_last_goal_and_says_when_each_was_reached(monkeypatch, faces):
    low, near, far = {"2": 30.0, "3": 28.0}, {"2": 32.0, "3": 30.0}, {"2": 34.0, "3": 31.0}
    scripted(monkeypatch, [low, near, far, far])
    found = raced(faces)
    assert [[step, mean] for step, _, mean in found["curve"]] == [[10, 29.0], [20, 31.0], [30, 32.5]]
    assert {goal: (at["steps"], at["photos"]) for goal, at in found["reached"].items()} == {
        "near": (20, 40),
        "far": (30, 60),
    }
    assert found["reached"]["near"]["validation_psnr"] == near


def test_a_race_that_never_arrives_ends_with_its_last_step(monkeypatch, faces):
    scripted(monkeypatch, itertools.repeat({"2": 30.0, "3": 28.0}))
    found = raced(faces)
    assert found["reached"] == {}
    assert found["curve"][-1][0] == CONFIG.steps
    assert speedrun.summarize([found], "near") == {"reached": 0, "of": 1}


def test_looking_costs_no_time(monkeypatch, faces):
    scripted(monkeypatch, itertools.repeat({"2": 30.0, "3": 28.0}))
    start = time.process_time()
    found = raced(faces)
    whole, counted = time.process_time() - start, found["curve"][-1][1]
    assert counted <= whole - 4 * 0.1 + 0.01  # as it is rounded
    assert counted > 0


def test_what_is_raced_is_the_training_itself(monkeypatch, faces):
    """Looked at or not, it has the same weights."""
    seen = []
    monkeypatch.setattr(
        speedrun, "validate", lambda model, *_: seen.append([w.clone() for w in model.parameters()]) or {"2": 0.0}
    )
    monkeypatch.setattr(speedrun, "is_reached", lambda *_: False)
    raced(faces)
    torch.manual_seed(CONFIG.seed)
    best = train(speedrun.create_model("srcnn"), faces, CONFIG).best
    assert all(torch.equal(a, b) for a, b in zip(seen[-1], best.parameters(), strict=True))


def test_times_are_averaged_over_the_seeds_that_arrived():
    runs = [{"reached": {"near": {"seconds": s, "core_seconds": 2 * s, "photos": 10}}} for s in (10.0, 14.0)]
    found = speedrun.summarize([*runs, {"reached": {}}], "near")
    assert (found["reached"], found["of"], found["seconds"], found["core_seconds"]) == (2, 3, 12.0, 24.0)
    assert found["seconds_sd"] == pytest.approx(8**0.5)
    assert speedrun.summarize(runs[:1], "near")["seconds_sd"] is None


@pytest.mark.parametrize("system", ["srcnn", "nie", "fsrcnn", "mffcn"])
def test_goals_are_what_fast_reaches_less_a_margin_and_floors_lie_as_far_below(system):
    stored = load_results(f"speed_goals_{system}")
    for goal, margin in {"quality": 0.05, "first": 0.3}.items():
        mean, floors = speedrun.targets(system, goal)
        assert mean == pytest.approx(stored["mean"] - margin)
        assert floors == pytest.approx({k: v - margin - 0.05 for k, v in stored["validation_psnr"].items()})
    assert speedrun.targets(system, "30.5")[0] == 30.5


def test_another_word_is_no_goal(refuses):
    refuses(lambda: speedrun.targets("mffcn", "best"), "--goal", "quality", "first")


def test_the_command_stores_its_runs(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(speedrun, "EVERY", 2)
    words = ["srcnn", "--goal", "1", "--goal", "90", "--seeds", "2", "--set", "steps=2", "--set", "batch=1"]
    speedrun.main([*words, "--json", str(tmp_path / "r.json")])
    found = json.loads((tmp_path / "r.json").read_text())
    assert [run["seed"] for run in found["runs"]] == [0, 1]
    assert (found["goals"]["1"]["reached"], found["goals"]["90"]["reached"]) == (2, 0)
    assert found["config"]["steps"] == 2
    with pytest.raises(SystemExit, match="speedrun: --set nonsense=1"):
        speedrun.main([*words, "--set", "nonsense=1"])


# The search -----------------------------------------------------------------------------------------------------------


def test_the_search_sees_neither_the_people_of_the_goals_nor_those_of_the_tests():
    faces = load_faces("orl")
    training, validation, _ = people_for_training(faces, hold_out=True)
    _, test = split_by_person(faces)
    learnt, chosen_by = speed_trials.search_people()
    assert len(learnt.who()) == 24
    assert len(chosen_by.who()) == 4
    assert not set(learnt.who()) & set(chosen_by.who())
    assert not (set(learnt.who()) | set(chosen_by.who())) & (set(validation.who()) | set(test.who()))
    assert set(learnt.who()) | set(chosen_by.who()) == set(training.who())


def test_each_optimizer_has_the_same_trials_and_each_sees_the_same_photos():
    done = [{"options": options, "validation_psnr": {"2": i % 7}} for i, options in enumerate(speed_trials.planned([]))]
    plan = speed_trials.planned(done)
    assert len(plan) == speed_trials.COUNT
    by = {name: [one for one in plan if one["optimizer"] == name] for name in ("adam", "muon")}
    assert len(by["adam"]) == len(by["muon"])
    for options in plan:
        config = dataclasses.replace(speed_trials.BASE, **options)
        assert config.steps * config.batch == 3000
