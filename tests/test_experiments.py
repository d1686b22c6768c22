"""What is measured is up to date with the code that it measures, and is made in order."""

import json
from dataclasses import replace

import pytest
import torch

from benchmarks import __main__ as command
from benchmarks.experiments import ablations, loss_arms, recipe_trials
from benchmarks.helpers import results, storing
from benchmarks.table import EXPERIMENTS, Experiment
from mffcn_lite.checkpoint import save_model
from mffcn_lite.data import load_faces, people_for_training
from mffcn_lite.degrade import degrade
from mffcn_lite.evaluation import load_results
from mffcn_lite.features import create_features
from mffcn_lite.files import sha256
from mffcn_lite.losses import Objective
from mffcn_lite.metrics import psnr
from mffcn_lite.models import count_multiplications, count_parameters, create_model


def test_an_experiment_goes_on_and_begins_anew_when_the_code_has_changed(elsewhere, monkeypatch):
    path, ledger = elsewhere("ablations"), storing.LEDGER
    assert ledger.state("ablations") == "missing"
    assert storing.begun("ablations") == {}
    storing.store("ablations", {"arms": [1]}, unfinished=1)
    assert ledger.state("ablations") == "begun"
    assert storing.begun("ablations")["arms"] == [1]
    storing.store("ablations", {"arms": [1, 2]})
    assert ledger.state("ablations") == "up to date"
    assert json.loads(path.read_text())["environment"]["torch"]
    now = ledger.stamp("ablations")["definitions"]
    monkeypatch.setitem(ledger._definitions, "ablations", {**now, "ablations.SHORT": "other-value"})
    assert ledger.line("ablations") == "out of date: ablations.SHORT changed"
    assert storing.begun("ablations") == {}


def test_other_weights_make_a_table_out_of_date(elsewhere):
    for name in (name for name in EXPERIMENTS if name.startswith(("trials_", "weights/"))):
        elsewhere(name).parent.mkdir(parents=True, exist_ok=True)
        path = elsewhere(name).with_suffix(".safetensors")
        path.write_bytes(b"weights")
        storing.store(name, {"model": name, "weights_sha256": sha256(path)})
    storing.store("tables", {})
    assert storing.LEDGER.line("tables") == "up to date"
    elsewhere("weights/srcnn").with_suffix(".safetensors").write_bytes(b"others")
    for name in ("tables", "weights/srcnn"):
        assert storing.LEDGER.line(name) == "out of date: weights/srcnn changed"


def test_what_a_result_is_made_from_counts_for_all_that_follow(elsewhere):
    for name in ("trials_mffcn", "trials_srcnn", "folds", "recognition"):
        storing.store(name, {"trials": [1]})
    assert storing.LEDGER.line("recognition") == "up to date"
    storing.store("trials_mffcn", {"trials": [2]})
    for name in ("folds", "recognition"):
        assert storing.LEDGER.line(name) == "out of date: trials_mffcn.json changed"
    storing.store("trials_mffcn", {"trials": [1]}, unfinished=0)  # stamped anew: the numbers are the same
    assert storing.LEDGER.line("folds") == "up to date"


@pytest.fixture
def plan(monkeypatch):
    """A function that sets experiments in place of the real ones, none of which was made; the list of what is made."""
    made = []

    class Nothing:
        def state(self, name):
            return "up to date" if name in made else "missing"

    def put(experiments, device="cpu"):
        monkeypatch.setattr(command, "EXPERIMENTS", {one.name: one for one in experiments})
        monkeypatch.setattr(command, "Ledger", Nothing)
        monkeypatch.setattr(command, "run", made.append)
        monkeypatch.setattr(results, "DEVICE", torch.device(device))
        return made

    return put


def test_what_is_needed_is_made_first_and_the_longest_first(plan):
    one = Experiment("short", "experiments.tables", 1, alone=True)
    others = replace(one, name="long", hours=2), replace(one, name="after", hours=9, needs=("short", "elsewhere"))
    made = plan([one, *others])
    command.make(["after", "short", "long"])
    assert made == ["long", "short", "after"]


def test_what_needs_a_gpu_is_left_out_without_one(plan):
    one = Experiment("any", "experiments.tables", 1)
    made = plan([one, replace(one, name="large", gpu=True)])
    command.make(["any", "large"])
    assert made == ["any"]
    plan([one, replace(one, name="large", gpu=True)], "cuda")
    command.make(["large"])
    assert made == ["any", "large"]


def test_what_reads_a_set_that_is_not_here_is_left_out(plan, monkeypatch, tmp_path):
    one = Experiment("any", "experiments.tables", 1)
    made = plan([one, replace(one, name="elsewhere", sets=("portraits",))])
    monkeypatch.delenv("MFFCN_LITE_SETS", raising=False)
    command.make(["any", "elsewhere"])
    assert made == ["any"]
    (tmp_path / "portraits").mkdir()
    monkeypatch.setenv("MFFCN_LITE_SETS", str(tmp_path))
    command.make(["elsewhere"])
    assert made == ["any", "elsewhere"]


def test_as_many_train_at_once_as_there_are_cores(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    with results.trainers() as pool:
        assert pool._max_workers == 3
        assert list(pool.map(abs, [-1, -2])) == [1, 2]


def test_trials_are_a_grid_and_then_changes_of_its_best():
    def scored(trial, score):
        return {"options": trial[0], "arguments": trial[1], "validation_psnr": {"2": score}}

    grid = recipe_trials.next_trials([])
    assert len(grid) == len(recipe_trials.RATES) * len(recipe_trials.ENDS)
    assert recipe_trials.next_trials([scored(grid[0], 1.0)]) == grid[1:]
    done = [scored(trial, 30.0 if i == 7 else 29.0) for i, trial in enumerate(grid)]
    changes = recipe_trials.next_trials(done)
    assert changes == [(grid[7][0] | change, grid[7][1]) for change in recipe_trials.CHANGES]
    # A change that does better is no new base.
    assert recipe_trials.next_trials([*done, scored(changes[0], 31.0)]) == changes[1:]
    assert recipe_trials.next_trials([*done, *(scored(change, 31.0) for change in changes)]) == []


def test_an_arm_goes_on_at_the_better_of_two_rates(monkeypatch):
    calls = []

    def run(system, arguments, seed, rate):
        calls.append((seed, rate))
        return {"seed": seed, "lr": rate, "validation_psnr": {"2": 30 + rate}}

    monkeypatch.setattr(ablations, "run", run)
    arm = ablations.run_arm("mff", "mff", "mffcn", {})
    low, high = ablations.RATES
    assert calls == [(0, low), (0, high), (1, high), (2, high)]
    assert arm["lr"] == high
    assert [trial["seed"] for trial in arm["runs"]] == [0, 1, 2]
    assert [trial["lr"] for trial in arm["other_rate"]] == [low]


def test_an_unknown_experiment_is_one_sentence():
    with pytest.raises(SystemExit, match="no experiment nope; there are trials_mffcn"):
        command.main(["nope"])


@pytest.mark.parametrize(
    ("arm", "fixed", "count", "of"),
    [
        ("conv5, equal multiplications", {"block": "conv5"}, 1, "mff"),
        ("conv3, equal multiplications", {"block": "conv3"}, 1, "mff"),
        ("conv5, equal parameters", {"block": "conv5"}, 0, "mff"),
        ("conv3, equal parameters", {"block": "conv3"}, 0, "mff"),
        ("no skips, equal multiplications", {"skip": "none"}, 1, "mff"),
        ("conv3, no skips (VDSR-like), equal multiplications", ablations.PLAIN, 1, "mff"),
    ],
)
def test_an_arm_has_the_width_whose_count_comes_nearest(arm, fixed, count, of):
    arguments = {name: arguments for _, name, _, arguments in ablations.ARMS}

    def counts(given):
        model = create_model("mffcn", **given)
        fused = model.fuse() if given.get("block", "mff") == "mff" else model
        return count_parameters(model), count_multiplications(fused, ablations.SIZE)

    wanted = counts(arguments[of])[count]
    widths = {width: abs(counts({**fixed, "width": width})[count] - wanted) for width in range(12, 40)}
    assert min(widths, key=widths.get) == arguments[arm].get("width", 16)
    assert ablations.count("mffcn", arguments[arm]) == counts(arguments[arm])


def test_an_arm_is_trained_and_measured(monkeypatch):
    monkeypatch.setattr(ablations, "SHORT", replace(ablations.SHORT, steps=2))
    found = ablations.run("mffcn", {"width": 2, "depth": 2, "range": "signed"}, 0, 1e-3)
    assert sorted(found["validation_psnr"]) == ["2", "3", "4"]
    again = ablations.run("mffcn", {"width": 2, "depth": 2, "range": "signed"}, 0, 1e-3)
    assert again["validation_psnr"] == found["validation_psnr"]


def test_a_network_in_the_range_of_pix2pix_starts_as_the_blurred_photo():
    blurred = torch.rand(1, 1, 12, 10)
    assert torch.allclose(ablations.create("mffcn", {"range": "signed"})(blurred), blurred, atol=1e-6)


def test_trials_are_equal_for_every_network():
    grids = [
        [(trial["options"], trial["arguments"]) for trial in load_results(name)["trials"]][:15]
        for name in ("trials_mffcn", "trials_fsrcnn")
    ]
    assert grids[0] == grids[1]
    assert len(grids[0]) == 15


def test_balanced_weights_make_the_gradients_equally_long():
    generator = torch.Generator().manual_seed(0)
    model, hr = create_model("mffcn", width=2, depth=2), torch.rand(2, 1, 48, 40, generator=generator)
    blurred, phi = degrade(hr, 3), create_features("random")
    weights = loss_arms.balance(model, Objective(phi), blurred, hr)
    norms = Objective(phi, **weights)(model(blurred), hr, gradient_norms=True).gradient_norms
    assert weights["l2"] == 10
    assert [norm.item() for norm in norms.values()] == pytest.approx([norms["l2"].item()] * 4, rel=1e-4)


def test_an_arm_of_the_objective_goes_on_from_the_start(tmp_path, monkeypatch):
    start = create_model("mffcn", width=2, depth=2)
    save_model(start, tmp_path / "start.safetensors")
    monkeypatch.setattr(loss_arms, "CONFIG", replace(loss_arms.CONFIG, batch=2, lr=1e-12))
    found = loss_arms.run("as written, l2 + tv", 0, tmp_path / "start.safetensors", steps=1)
    assert {term: weight for term, weight in found["weights"].items() if weight} == {"l2": 10.0, "tv": 0.0001}
    _, validation, _ = people_for_training(load_faces("orl"), hold_out=True)
    blurred = degrade(validation.floats(), 4)  # a step of no length leaves the start, which changes nothing
    want = psnr(blurred.clamp(0, 1), validation.floats(), data_range=1.0).mean().item()
    assert found["4"]["psnr"] == pytest.approx(want, abs=1e-3)
    assert len(found["bands"]) == 8
