"""The race to a quality: when it ends, what its clock counts, and what is trained meanwhile."""

import dataclasses
import itertools
import json
import time

import numpy as np
import pytest
import torch

from benchmarks.experiments import records, speed_trials
from benchmarks.experiments.train_shipped import fast_config
from benchmarks.speed import speedrun
from mffcn_lite.data import FaceSet, load_faces, people_for_training, split_by_person
from mffcn_lite.evaluation import load_results
from mffcn_lite.training import TrainingConfig, recipe_for, train

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


def test_a_race_to_the_end_goes_on_after_its_goals(monkeypatch, faces):
    scripted(monkeypatch, itertools.repeat({"2": 34.0, "3": 31.0}))
    found = raced(faces, to_the_end=True)
    assert [at["steps"] for at in found["reached"].values()] == [10, 10]
    assert found["curve"][-1][0] == CONFIG.steps
    assert found["validation_psnr"] == {"2": 34.0, "3": 31.0}


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


WORDS = ["srcnn", "--seeds", "2", "--set", "steps=2", "--set", "batch=1"]


def test_the_command_stores_its_runs_and_those_of_another_recipe(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(speedrun, "EVERY", 2)
    speedrun.main([*WORDS, "--goal", "1", "--against", "fast", "--json", str(tmp_path / "r.json")])
    found = json.loads((tmp_path / "r.json").read_text())
    assert (found["system"], found["goal"], found["recipe"]) == ("srcnn", 1.0, "quick")
    assert [(run["seed"], run["photos"]) for run in found["runs"]] == [(0, 2), (1, 2)]
    assert all(run["seconds"] > 0 and run["psnr"] > 20 for run in found["runs"])
    assert found["seconds"] == pytest.approx(sum(run["seconds"] for run in found["runs"]) / 2)
    assert found["config"]["steps"] == 2
    against = found["against"]
    assert (against["recipe"], against["reached"]) == ("fast", 2)
    assert against["config"]["lr"] == fast_config("srcnn").lr
    assert [run["seed"] for run in against["runs"]] == [0, 1]
    said = capsys.readouterr().out
    assert "quick: 2 of 2 arrived" in said
    assert "fast: 2 of 2 arrived" in said


def test_the_command_says_who_did_not_arrive(monkeypatch, tmp_path, capsys):
    speedrun.main([*WORDS, "--goal", "90", "--against", "none", "--json", str(tmp_path / "r.json")])
    found = json.loads((tmp_path / "r.json").read_text())
    assert (found["reached"], found["of"], found["against"]) == (0, 2, None)
    assert [(run["seconds"], run["photos"]) for run in found["runs"]] == [(None, None)] * 2
    assert all(20 < run["psnr"] < 40 for run in found["runs"])
    assert "quick: 0 of 2 arrived\n" in capsys.readouterr().out


@pytest.mark.parametrize("word", ["nonsense=1", "optimizer=adamw", "momentum=-1", "lr=0"])
def test_a_bad_setting_is_one_sentence(word):
    with pytest.raises(SystemExit, match=f"speedrun: .*{word.partition('=')[0]}"):
        speedrun.main([*WORDS, "--goal", "1", "--set", word])


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


@pytest.mark.parametrize("name", ["srcnn", "nie", "fsrcnn", "mffcn"])
def test_the_records_lead_from_the_recipe_fast_to_the_recipe_quick(name):
    lines = list(records.RECORDS)
    assert records.config_of(name, lines[0]) == fast_config(name)
    assert records.config_of(name, lines[-1]) == dataclasses.replace(recipe_for(name, "quick"), compile=None)
    assert recipe_for(name) == recipe_for(name, "quick")  # which is the default


def test_the_papers_settings_run_for_as_many_photos():
    config = records.config_of("mffcn", records.PAPER)
    assert differences(config, recipe_for("mffcn", "paper-l2")) == {"steps"}
    assert config.steps * config.batch == fast_config("mffcn").steps * fast_config("mffcn").batch


def test_quick_is_trained_to_its_end_and_so_is_what_it_is_compared_with(monkeypatch):
    raced = {}
    monkeypatch.setattr(records, "race", lambda *a, to_the_end: raced.setdefault(line, (a[1], to_the_end)))
    for line in (*records.LINES, records.LONG, records.PAPER):
        records.run("mffcn", line, 0)
    assert [line for line, (_, to_the_end) in raced.items() if to_the_end] == [
        records.QUICK,
        records.LONG,
        records.PAPER,
    ]
    assert raced[records.LONG][0] == raced[records.FIRST][0]


def differences(one, other):
    return {f.name for f in dataclasses.fields(one) if getattr(one, f.name) != getattr(other, f.name)}


def test_each_line_changes_what_it_says_and_no_more():
    configs = {line: records.config_of("mffcn", line) for line in records.LINES}
    for before, line in itertools.pairwise(records.RECORDS):
        assert differences(configs[before], configs[line]) == set(records.RECORDS[line])
    for line, change in records.TRIED.items():
        assert differences(configs[records.QUICK], configs[line]) == set(change)


def made_up(*steps):
    """Runs that reached "quality" after so many steps, or had not after 300."""
    at = ({"quality": {"steps": n, "photos": 3 * n}} if n else {} for n in steps)
    return [{"reached": reached, "curve": [[300, 1.0, 30.0]]} for reached in at]


def test_a_record_is_surely_faster_than_the_record_before_it(monkeypatch):
    monkeypatch.setattr(records, "RECORDS", {line: {} for line in "abcdef"})
    runs = {
        "a": made_up(100, 101, 99),
        "b": made_up(25, 25.5, 24.5),
        "c": made_up(49, 58, 41),  # a little faster, within the noise
        "d": made_up(70, 71, 69),  # slower than b, if faster than a
        "e": made_up(20, None, 20),  # one did not arrive
        "f": made_up(48, 47, 46),
        "g": made_up(10, 11, 10),  # is no line of RECORDS
    }
    found = records.judge(runs, dict.fromkeys(runs, 1.0) | {"b": 2.0}, "quality")  # a step of b takes twice as long
    assert [line for line in runs if found[line]["record"]] == ["a", "b", "f"]
    assert found["b"]["ratio"] == pytest.approx(2.0)
    assert (found["b"]["seconds"], found["b"]["seconds_sd"]) == (50, 1)
    assert (found["b"]["photos"], found["e"]["seconds"]) == (75, 20)
    assert found["f"]["ratio"] == pytest.approx(300 / 141)
    assert found["f"]["p"] == pytest.approx(0.01066, abs=1e-5)  # against b: t = 3 / √(1/3 + 1/3), 4 degrees
    assert (found["e"]["reached"], found["e"]["ratio"], found["e"]["p"]) == (2, None, None)
    assert (found["a"]["ratio"], found["a"]["p"]) == (1.0, None)


def test_a_recipe_that_did_not_arrive_took_as_long_as_it_was_given_at_least(monkeypatch):
    monkeypatch.setattr(records, "RECORDS", {line: {} for line in "ab"})
    found = records.judge({"a": made_up(200, None), "b": made_up(50, 50.1)}, {"a": 1.0, "b": 1.0}, "quality")
    assert found["a"]["reached"] == 1
    assert found["b"]["ratio"] == pytest.approx((200 + 300) / 100.1)


def test_the_log_is_written_race_by_race_and_gone_on_with(monkeypatch):
    """All lines of a seed before the next seed."""
    done, stored = [], {}

    def run(name, line, seed):
        done.append((line, seed))
        return made_up(10)[0] | {"seed": seed}

    monkeypatch.setattr(records, "run", run)
    monkeypatch.setattr(records, "MARGINS", {"quality": 0.05})
    monkeypatch.setattr(records, "begun", lambda name: json.loads(json.dumps(stored)))
    monkeypatch.setattr(records, "store", lambda name, content, unfinished=0: stored.update(content, left=unfinished))
    monkeypatch.setattr(records, "measure_pace", lambda name: dict.fromkeys((*records.LINES, records.PAPER), 0.1))
    records.main("mffcn", "races")
    assert (stored["left"], "goals" in stored) == (1, False)
    records.main("mffcn")
    plan = list(done)
    assert plan == [
        *((line, seed) for seed in range(3) for line in records.LINES),
        (records.LONG, 0),
        (records.PAPER, 0),
    ]
    assert stored["left"] == 0
    assert stored["goals"]["quality"]["the recipe fast"]["of"] == 3
    lost = [*records.LINES[5:], records.LONG, records.PAPER]
    for line in lost:
        stored["runs"][line].pop()
    done.clear()
    records.main("mffcn")
    assert done == plan[-len(lost) :]


def test_the_pace_is_of_each_line_in_turn():
    found = records.measure_pace("srcnn", steps=1, rounds=1)
    assert set(found) == {*records.LINES, records.PAPER}
    assert all(0 < seconds < 60 for seconds in found.values())
