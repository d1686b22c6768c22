"""What makes a training quick? The log of records: one change after the other, and what did not help.

    python -m benchmarks.experiments.records mffcn    (four hours of a core; fsrcnn one, srcnn and nie two each)
    python -m benchmarks.experiments.records          (what each gained, from these four)

Every line is raced from nothing to the goals of `benchmarks/speed/speedrun.py`, with three seeds. Under each seed all
lines follow one another, so that a machine that slows down does so for each of them. The lines of RECORDS add up, from
the recipe `fast` to `quick`, which is trained to its end, and for MFFCN so is `fast`; a line of TRIED is `quick` with
one change. Once, out of competition, the paper's settings run on the same clock for as many photos as `fast` sees.
Writes mffcn_lite/results/speedrun_<network>.json after each race, and goes on from there; without a network
mffcn_lite/results/speedrun.json.
"""

import dataclasses
import itertools
import sys

from scipy import stats

from benchmarks.experiments.speed_goals import MARGINS
from benchmarks.experiments.train_shipped import best_trial, fast_config
from benchmarks.helpers.names import NETWORKS
from benchmarks.helpers.results import DEVICE, use_cores
from benchmarks.helpers.storing import begun, store
from benchmarks.speed.speedrun import race, summarize, targets
from mffcn_lite.data import load_faces, people_for_training
from mffcn_lite.evaluation import load_results
from mffcn_lite.training import TrainingConfig, recipe_for

SEEDS = (0, 1, 2)
SURE = 0.05  # the p below which a line is a record
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
PAPER = "the paper's settings, L2"
PLAN = [*itertools.product(SEEDS, LINES), (SEEDS[0], PAPER)]


def config_of(name: str, line: str) -> TrainingConfig:
    """How a line trains: as `fast` with the options of the network's best trial, but for what was changed."""
    if line == PAPER:
        paper, fast = recipe_for(name, "paper-l2"), config_of(name, FIRST)
        return dataclasses.replace(paper, steps=fast.steps * fast.batch // paper.batch)
    until = LINES.index(line) + 1  # a line of TRIED has all records before it
    changes = [*itertools.islice(RECORDS.values(), until), TRIED.get(line, {})]
    return fast_config(name, **{key: value for change in changes for key, value in change.items()})


def ends(name: str, line: str) -> bool:
    """Whether a race goes on when both goals are reached."""
    return line == QUICK or (name == "mffcn" and line in (FIRST, PAPER))


def run(name: str, line: str, seed: int, **changes: object) -> dict:
    """One race, to both goals or to the end of the training."""
    faces, validation, _ = people_for_training(load_faces("orl"), hold_out=True)
    goals = {goal: targets(name, goal) for goal in MARGINS}
    config = dataclasses.replace(config_of(name, line), seed=seed, **changes)
    arguments = best_trial(name)["arguments"]
    return race(name, config, arguments, faces, validation, goals, DEVICE, to_the_end=ends(name, line))


def core_seconds(runs: list[dict], goal: str) -> list[float]:
    """Of each run until it reached the goal; of one that did not, of all that it took, which is too little."""
    return [run["reached"].get(goal, {"core_seconds": run["curve"][-1][1]})["core_seconds"] for run in runs]


def judge(runs: dict[str, list[dict]], goal: str) -> dict[str, dict]:
    """Of each line how it arrived, how many times sooner than the first, and whether that is a record.

    In a record every seed arrives, in fewer core-seconds than in the record before it; `p` is of Welch's t, one-sided.
    """
    found, (first, *others) = {}, runs
    start = before = core_seconds(runs[first], goal)
    found[first] = {**summarize(runs[first], goal), "ratio": 1.0, "p": None, "record": True}
    for line in others:
        seconds, found[line] = core_seconds(runs[line], goal), summarize(runs[line], goal)
        arrived = found[line]["reached"] == found[line]["of"] > 0
        p = float(stats.ttest_ind(before, seconds, equal_var=False, alternative="greater").pvalue) if arrived else None
        record = arrived and line in RECORDS and p < SURE
        found[line] |= {"ratio": sum(start) / sum(seconds) if arrived else None, "p": p, "record": record}
        before = seconds if record else before
    return found


def main(name: str) -> None:
    """Run the races that are missing, one after the other."""
    use_cores()
    runs = begun(f"speedrun_{name}").get("runs", {line: [] for line in (*LINES, PAPER)})
    for seed, line in PLAN:
        if seed == len(runs[line]):
            runs[line].append(run(name, line, seed))
            print(name, line, runs[line][-1]["reached"], flush=True)
            left = len(PLAN) - sum(map(len, runs.values()))
            raced = {line: runs[line] for line in LINES}
            verdicts = {} if left else {goal: judge(raced, goal) for goal in MARGINS}
            store(f"speedrun_{name}", {"network": name, "goals": verdicts, "runs": runs}, unfinished=left)


def gather() -> None:
    """What each line gained each network."""
    found = {name: load_results(f"speedrun_{name}")["goals"] for name in NETWORKS}
    store("speedrun", {"networks": found})


def probe(name: str) -> list:
    """A few steps of each line, and the verdict on races that were made up."""
    ends = [run(name, line, 0, steps=2, warmup=1)["validation_psnr"] for line in (*LINES, PAPER)]
    times = {line: [20.0 - i, 20.2 - i, 20.1 - i] for i, line in enumerate(LINES)}
    made_up = {
        line: [{"reached": {"quality": {"seconds": t, "core_seconds": t, "photos": 3}}, "curve": [[1, t]]} for t in row]
        for line, row in times.items()
    }
    return [ends, judge(made_up, "quality")]


if __name__ == "__main__":
    main(*sys.argv[1:]) if sys.argv[1:] else gather()
