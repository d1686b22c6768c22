"""How many seconds does a recipe need to a stated quality? Training as a race, from nothing, with a clock.

    python benchmarks/speed/speedrun.py mffcn --goal first --seeds 3 --json times.json
    python benchmarks/speed/speedrun.py mffcn --goal first --goal 30.5 --recipe fast --set lr=0.004

Trains on the 28 people that `validate_every` leaves until the mean PSNR over the factors on the other four has reached
each goal. They are looked at every hundred steps, with the clock stopped. A goal is a number of dB, or "quality" or
"first": what the recipe `fast` has there in the end (mffcn_lite/results/speed_goals_*.json), less 0.05 or 0.3 dB.
No factor may fall short of what `fast` has there by more than the mean may, and 0.05 dB.
"""

import argparse
import dataclasses
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # called by its path, it finds `benchmarks` too

import torch

from benchmarks.experiments.recipe_trials import mean_psnr
from benchmarks.experiments.speed_goals import MARGINS
from mffcn_lite.arguments import apply_settings
from mffcn_lite.data import FaceSet, load_faces, people_for_training
from mffcn_lite.device import choose_device
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.evaluation import load_results
from mffcn_lite.files import write_json
from mffcn_lite.models import create_model
from mffcn_lite.provenance import describe_environment
from mffcn_lite.training import RECIPES, TrainingConfig, TrainingState, recipe_for, train
from mffcn_lite.training.recording import validate

EVERY = 100  # steps between two looks
SHORT = 0.05  # dB by which a single factor may fall short beyond the mean


def targets(system: str, goal: str) -> tuple[float, dict[str, float]]:
    """(the mean to reach, what no factor may fall below) for a goal's name or its dB.

    Raises:
        MffcnLiteError: for a word that is no goal.
    """
    reached = load_results(f"speed_goals_{system}")
    try:
        mean = reached["goals"][goal] if goal in MARGINS else float(goal)
    except ValueError as error:
        raise MffcnLiteError(f'--goal (="{goal}") must be dB, or one of {", ".join(MARGINS)}') from error
    margin = reached["mean"] - mean
    return mean, {factor: value - margin - SHORT for factor, value in reached["validation_psnr"].items()}


def is_reached(scores: dict[str, float], mean: float, floors: dict[str, float]) -> bool:
    """Whether the mean over the factors is, and no factor is missing too much."""
    return mean_psnr({"validation_psnr": scores}) >= mean and all(scores[key] >= floors[key] for key in floors)


class Clock:
    """Seconds on the wall and of the processor, but for those while it is stopped."""

    def __init__(self):
        self.wall = self.core = 0.0

    def start(self) -> None:
        """Go on."""
        self.since = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        """Until `start`."""
        self.wall += time.perf_counter() - self.since[0]
        self.core += time.process_time() - self.since[1]


def race(
    system: str,
    config: TrainingConfig,
    arguments: dict,
    faces: FaceSet,
    validation: FaceSet,
    goals: dict[str, tuple[float, dict[str, float]]],
    device: torch.device,
    every: int = EVERY,
    to_the_end: bool = False,
) -> dict:
    """One training, until it has reached every goal (see `targets`), or to its last step."""
    clock, looks, reached = Clock(), [], {}
    clock.start()
    torch.manual_seed(config.seed)
    model = create_model(system, **arguments).to(device)

    def on_step(state: TrainingState, terms: dict[str, torch.Tensor]) -> bool:
        if state.step % every and state.step < config.steps:
            return False
        if device.type == "cuda":
            torch.cuda.synchronize()
        clock.stop()
        scores = validate(state.best, validation, config, device)
        looks.append([state.step, round(clock.core, 2), mean_psnr({"validation_psnr": scores})])
        for goal, (mean, floors) in goals.items():
            if goal not in reached and is_reached(scores, mean, floors):
                reached[goal] = {"steps": state.step, "photos": state.step * config.batch}
                reached[goal] |= {"seconds": round(clock.wall, 2), "core_seconds": round(clock.core, 2)}
                reached[goal] |= {"validation_psnr": scores}
        clock.start()
        return len(reached) == len(goals) and not to_the_end

    best = train(model, faces, config, on_step=on_step).best
    end = validate(best, validation, config, device)
    return {"seed": config.seed, "reached": reached, "validation_psnr": end, "curve": looks}


def summarize(runs: list[dict], goal: str) -> dict:
    """How many arrived at a goal, and the mean and the spread of their seconds."""
    arrived = [run["reached"][goal] for run in runs if goal in run["reached"]]
    found = {"reached": len(arrived), "of": len(runs)}
    for key in ("seconds", "core_seconds", "photos") if arrived else ():
        values = [run[key] for run in arrived]
        found[key] = statistics.mean(values)
        found[f"{key}_sd"] = statistics.stdev(values) if len(values) > 1 else None
    return found


def speedrun(
    system: str, config: TrainingConfig, arguments: dict, wanted: list[str], seeds: int, device: str = "cpu"
) -> dict:
    """Several seeds of one recipe, each until it has reached all that is wanted."""
    faces, validation, _ = people_for_training(load_faces("orl"), hold_out=True)
    goals, runs = {goal: targets(system, goal) for goal in wanted}, []
    for seed in range(seeds):
        seeded = dataclasses.replace(config, seed=config.seed + seed)
        runs.append(race(system, seeded, arguments, faces, validation, goals, choose_device(device)))
        print(runs[-1]["seed"], runs[-1]["reached"], flush=True)
    described = {"system": system, "arguments": arguments, "config": dataclasses.asdict(config)}
    found = {goal: {"mean": mean, "floors": floors, **summarize(runs, goal)} for goal, (mean, floors) in goals.items()}
    return described | {"goals": found, "runs": runs}


def main(words: list[str]) -> None:
    """Read the command line, race, and say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system", choices=("srcnn", "nie", "fsrcnn", "mffcn"))
    parser.add_argument("--goal", action="append", help="quality (where none is given), first, or dB; may be repeated")
    parser.add_argument("--recipe", default="fast", choices=tuple(RECIPES))
    parser.add_argument("--set", action="append", default=[], help="key=value, as of mffcn-lite train")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(words)
    torch.set_num_threads(options.threads)
    try:
        given = load_results(f"speed_goals_{options.system}")["arguments"]
        config, arguments = apply_settings(recipe_for(options.system, options.recipe), given, options.set)
        found = speedrun(options.system, config, arguments, options.goal or ["quality"], options.seeds, options.device)
        found |= {"recipe": options.recipe, "environment": describe_environment(choose_device(options.device))}
        if options.json is not None:
            write_json(options.json, found)
    except MffcnLiteError as error:
        sys.exit(f"speedrun: {error}")
    print(json.dumps(found["goals"], indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
