"""The log of records: the seconds that each recipe needs to the goals, all in one run, the recipe `fast` first.

    python -m benchmarks.experiments.records mffcn    (an hour and a half of a core; leave the machine alone meanwhile)

Each line of the log changes the recipe before it in one thing. Three seeds of each. A line is a record where it needs
fewer core-seconds than the last record, by Welch's one-sided test at 5%. Goes on where it was stopped. Writes
mffcn_lite/results/speedrun_<network>.json.
"""

import dataclasses
import sys

from scipy import stats

from benchmarks.experiments.speed_goals import MARGINS
from benchmarks.helpers.results import DEVICE, use_cores
from benchmarks.helpers.storing import begun, store
from benchmarks.speed.speedrun import speedrun
from mffcn_lite.evaluation import load_results
from mffcn_lite.training import TrainingConfig
from mffcn_lite.training.config import read_config

SEEDS, CERTAIN = 3, 0.05
GOALS = tuple(MARGINS)


def seconds(line: dict, goal: str) -> list[float]:
    """Core-seconds of each seed that arrived."""
    return [run["reached"][goal]["core_seconds"] for run in line["runs"] if goal in run["reached"]]


def is_record(line: dict, before: dict, goal: str) -> bool:
    """Whether all seeds arrived, and sooner than those of the record before, beyond chance."""
    now, then = seconds(line, goal), seconds(before, goal)
    if len(now) < SEEDS or len(then) < SEEDS:
        return len(now) == SEEDS
    return bool(stats.ttest_ind(now, then, equal_var=False, alternative="less").pvalue < CERTAIN)


def judge(lines: list[dict]) -> list[dict]:
    """The log with, for each goal, how many times sooner than the first line each is, and whether it is a record."""
    best = dict.fromkeys(GOALS, lines[0])
    for line in lines[1:]:
        line["ratio"], line["record"] = {}, []
        for goal in GOALS:
            if seconds(line, goal) and seconds(lines[0], goal):
                line["ratio"][goal] = lines[0]["goals"][goal]["core_seconds"] / line["goals"][goal]["core_seconds"]
            if is_record(line, best[goal], goal):
                line["record"].append(goal)
                best[goal] = line
    return lines


# Of each network: (what was changed, all settings that differ from those of `fast` at its best trial's options).
LINEAR = {"schedule": "linear", "warmup": 50, "ema": None}
LOG: dict[str, tuple[tuple[str, dict], ...]] = {}


def plan(name: str) -> list[tuple[str, TrainingConfig]]:
    """What each line of the log is, and its recipe."""
    fast = dataclasses.replace(read_config(load_results(f"speed_goals_{name}")["config"]), validate_every=0)
    return [("fast", fast), *((what, dataclasses.replace(fast, **changes)) for what, changes in LOG[name])]


def main(name: str) -> None:
    """The lines that are missing."""
    use_cores()
    arguments, lines = load_results(f"speed_goals_{name}")["arguments"], begun(f"speedrun_{name}").get("lines", [])
    planned = plan(name)
    for what, config in planned[len(lines) :]:
        print(what, flush=True)
        lines.append({"what": what, **speedrun(name, config, arguments, list(GOALS), SEEDS, DEVICE.type)})
        content = {"network": name, "seeds": SEEDS, "lines": judge(lines)}
        store(f"speedrun_{name}", content, unfinished=len(planned) - len(lines))


def probe(name: str) -> list:
    """Two steps of each line's recipe, and the judgement of a log."""
    arguments, found = load_results(f"speed_goals_{name}")["arguments"], []
    for _, config in plan(name):
        short = dataclasses.replace(config, steps=2, warmup=0)
        run = speedrun(name, short, arguments, ["90"], 1)["runs"][0]
        found.append([[step, mean] for step, _, mean in run["curve"]])

    def line(times: list[float]) -> dict:
        runs = [{"reached": {goal: {"core_seconds": time} for goal in GOALS}} for time in times]
        return {"runs": runs, "goals": {goal: {"core_seconds": sum(times) / len(times)} for goal in GOALS}}

    judged = judge([line([9.0, 10.0, 11.0]), line([9.5, 9.9, 9.0]), line([2.0, 3.0, 2.5]), line([2.0, 2.1])])
    return [found, [[one.get("ratio"), one.get("record")] for one in judged]]


if __name__ == "__main__":
    main(sys.argv[1])
