"""What makes a training quick? The log of records: one change after the other, and what did not help.

    python -m benchmarks.experiments.records mffcn    (three hours of a core; fsrcnn one, srcnn and nie two each)
    python -m benchmarks.experiments.records          (what each gained, from these four)

Every line is raced from nothing to the goals of `benchmarks/speed/speedrun.py`, with three seeds. The lines of RECORDS
add up, from the recipe `fast` to `quick`, which is trained to its end; a line of TRIED is `quick` with one change. Out
of competition, and once, the paper's settings and `fast` run for as many photos as `fast` is given.

A race says after how many steps a goal was reached, which is the same on every machine, whatever else that has to do.
Its seconds are these steps times a step's, and at the end a clock measures the steps of all lines in turn, on one
thread: leave the machine alone then, for some minutes. With the word `races` behind the network that waits.
Writes mffcn_lite/results/speedrun_<network>.json after each race, and goes on from there; without a network
mffcn_lite/results/speedrun.json.
"""

import dataclasses
import itertools
import statistics
import sys

import torch
from scipy import stats

from benchmarks.experiments.speed_goals import MARGINS
from benchmarks.experiments.train_shipped import best_trial, fast_config
from benchmarks.helpers.names import NETWORKS
from benchmarks.helpers.results import DEVICE, use_cores
from benchmarks.helpers.storing import begun, store
from benchmarks.helpers.timing import time_in_turn
from benchmarks.speed.speedrun import race, summarize, targets
from mffcn_lite.data import load_faces, people_for_training
from mffcn_lite.evaluation import load_results
from mffcn_lite.models import create_model
from mffcn_lite.training import TrainingConfig, TrainingState, recipe_for, train

SEEDS = (0, 1, 2)
SURE = 0.05  # the p below which a line is a record
PACED, ROUNDS = 30, 7  # steps of a line that the clock sees at a time, and how many times
RECORDS = {  # each with the changes of all above it
    "the recipe fast": {},
    "a photo of each factor in a batch": {"mixed": True},
    "8,000 steps, with a rate that falls to 0": {"schedule": "linear", "steps": 8000, "warmup": 50},
    "an average over 100 steps, not 1,000": {"ema": 0.99},
    "Muon in the place of Adam": {"optimizer": "muon", "lr": 0.005},
}
TRIED = {  # each with those of all records
    "twice the rate": {"lr": 0.01},
    "no clipping": {"clip": None},
    "six photos a batch": {"batch": 6, "steps": 4000},
    "bfloat16": {"precision": "bf16"},
}
LINES = (*RECORDS, *TRIED)
FIRST, QUICK = (list(RECORDS)[i] for i in (0, -1))
PAPER, LONG = "the paper's settings, L2", "the recipe fast, to its end"
# `fast` to its end and the paper's settings take longest, and come last.
PLAN = [*itertools.product(SEEDS, LINES), (SEEDS[0], LONG), (SEEDS[0], PAPER)]


def config_of(name: str, line: str) -> TrainingConfig:
    """How a line trains: as `fast` with the options of the network's best trial, but for what was changed."""
    if line == LONG:
        return config_of(name, FIRST)
    if line == PAPER:
        paper, fast = recipe_for(name, "paper-l2"), config_of(name, FIRST)
        return dataclasses.replace(paper, steps=fast.steps * fast.batch // paper.batch)
    until = LINES.index(line) + 1  # a line of TRIED has all records before it
    changes = [*itertools.islice(RECORDS.values(), until), TRIED.get(line, {})]
    return fast_config(name, **{key: value for change in changes for key, value in change.items()})


def run(name: str, line: str, seed: int, **changes: object) -> dict:
    """One race, to both goals or to the end of the training."""
    faces, validation, _ = people_for_training(load_faces("orl"), hold_out=True)
    goals = {goal: targets(name, goal) for goal in MARGINS}
    config = dataclasses.replace(config_of(name, line), seed=seed, **changes)
    arguments = best_trial(name)["arguments"]
    return race(name, config, arguments, faces, validation, goals, DEVICE, to_the_end=line in (QUICK, LONG, PAPER))


def measure_pace(name: str, steps: int = PACED, rounds: int = ROUNDS) -> dict[str, float]:
    """Seconds a step of each line, on one thread: the median of several rounds, all lines in turn."""
    torch.set_num_threads(1)
    faces, _, _ = people_for_training(load_faces("orl"), hold_out=True)
    arguments, sides = best_trial(name)["arguments"], {}
    for line in (*LINES, PAPER):
        config = config_of(name, line)
        model = create_model(name, **arguments).to(DEVICE)
        state = TrainingState.start(model, config)

        def go_on(model=model, config=config, state=state) -> None:
            train(model, faces, config, state=state, stop_after=state.step + steps)

        sides[line] = go_on
    return {line: statistics.median(times) / steps for line, times in time_in_turn(sides, rounds).items()}


def seconds_of(runs: list[dict], goal: str, pace: float) -> list[float]:
    """Of each run until it reached the goal; of one that did not, of all its steps, which is too little."""
    return [pace * run["reached"].get(goal, {"steps": run["curve"][-1][0]})["steps"] for run in runs]


def arrival(runs: list[dict], goal: str, pace: float) -> dict:
    """How many arrived at a goal, and the mean and the spread of their photos and seconds."""
    paced = [
        {"reached": {name: at | {"seconds": pace * at["steps"]} for name, at in run["reached"].items()}} for run in runs
    ]
    return summarize(paced, goal, ("photos", "seconds"))


def judge(runs: dict[str, list[dict]], pace: dict[str, float], goal: str) -> dict[str, dict]:
    """Of each line how it arrived, how many times sooner than the first, and whether that is a record.

    In a record every seed arrives, in fewer seconds than in the record before it; `p` is of Welch's t, one-sided.
    """
    found, (first, *others) = {}, runs
    start = before = seconds_of(runs[first], goal, pace[first])
    found[first] = {**arrival(runs[first], goal, pace[first]), "ratio": 1.0, "p": None, "record": True}
    for line in others:
        seconds, found[line] = seconds_of(runs[line], goal, pace[line]), arrival(runs[line], goal, pace[line])
        arrived = found[line]["reached"] == found[line]["of"] > 0
        p = float(stats.ttest_ind(before, seconds, equal_var=False, alternative="greater").pvalue) if arrived else None
        record = arrived and line in RECORDS and p < SURE
        found[line] |= {"ratio": sum(start) / sum(seconds) if arrived else None, "p": p, "record": record}
        before = seconds if record else before
    return found


def main(name: str, races: str = "") -> None:
    """Run the races that are missing, one after the other; then look at the clock, and judge."""
    use_cores()
    content = begun(f"speedrun_{name}")
    runs = content.get("runs", {line: [] for line in (*LINES, LONG, PAPER)})
    for seed, line in PLAN:
        if seed == len(runs[line]):
            runs[line].append(run(name, line, seed))
            print(name, line, runs[line][-1]["reached"], flush=True)
            left = len(PLAN) - sum(map(len, runs.values()))
            store(f"speedrun_{name}", {"network": name, "runs": runs}, unfinished=left + 1)
    if not races:
        pace, raced = measure_pace(name), {line: runs[line] for line in LINES}
        verdicts = {goal: judge(raced, pace, goal) for goal in MARGINS}
        store(f"speedrun_{name}", {"network": name, "goals": verdicts, "pace": pace, "runs": runs})


def gather() -> None:
    """What each line gained each network."""
    found = {name: load_results(f"speedrun_{name}")["goals"] for name in NETWORKS}
    store("speedrun", {"networks": found})


def probe(name: str) -> list:
    """A few steps of each line, and the verdict on races that were made up."""
    ends = [run(name, line, 0, steps=2, warmup=1)["validation_psnr"] for line in (*LINES, PAPER)]
    made_up = {
        line: [
            {"reached": {"quality": {"steps": n - i, "photos": 3 * n}}, "curve": [[n, 1.0]]} for n in (200, 202, 201)
        ]
        for i, line in enumerate(LINES)
    }
    return [ends, judge(made_up, dict.fromkeys(LINES, 0.1), "quality")]


if __name__ == "__main__":
    main(*sys.argv[1:]) if sys.argv[1:] else gather()
