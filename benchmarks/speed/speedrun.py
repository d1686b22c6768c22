"""How many seconds does a recipe need to a stated quality? Training as a race, from nothing, with a clock.

    python benchmarks/speed/speedrun.py mffcn --goal first --seeds 3 --json times.json
    python benchmarks/speed/speedrun.py mffcn --goal 30.5 --set lr=0.01 --against none

Trains on the 28 people that `validate_every` leaves until the mean PSNR over the factors on the other four has reached
the goal. They are looked at every hundred steps, with the clock stopped. A goal is a number of dB, or "quality" or
"first": what the recipe `fast` has there in the end (mffcn_lite/results/speed_goals_*.json), less 0.05 or 0.3 dB.
No factor may fall short of what `fast` has there by more than the mean may, and 0.05 dB. Under each seed `fast`, with
the options of the network's best trial, runs to the same goal after the recipe; --against names another one, or none.
"""

import argparse
import dataclasses
import itertools
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # called by its path, it finds `benchmarks` too

import torch

from benchmarks.experiments.recipe_trials import mean_psnr
from benchmarks.experiments.speed_goals import MARGINS
from benchmarks.experiments.train_shipped import fast_config
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


def summarize(runs: list[dict], goal: str, keys: tuple[str, ...] = ("seconds", "core_seconds", "photos")) -> dict:
    """How many arrived at a goal, and the mean and the spread of what they took for it."""
    arrived = [run["reached"][goal] for run in runs if goal in run["reached"]]
    found = {"reached": len(arrived), "of": len(runs)}
    for key in keys if arrived else ():
        values = [run[key] for run in arrived]
        found[key] = statistics.mean(values)
        found[f"{key}_sd"] = statistics.stdev(values) if len(values) > 1 else None
    return found


def speedrun(
    system: str, recipes: dict[str, tuple[TrainingConfig, dict]], goal: str, seeds: int, device: torch.device
) -> dict[str, list[dict]]:
    """The runs of each recipe, of its configuration and the network's arguments; seed by seed, all under each.

    In a run `seconds` are None where it did not arrive, and `psnr` is that of its end then.
    """
    faces, validation, _ = people_for_training(load_faces("orl"), hold_out=True)
    goals, runs = {goal: targets(system, goal)}, {name: [] for name in recipes}
    for more, (name, (config, arguments)) in itertools.product(range(seeds), recipes.items()):
        seeded = dataclasses.replace(config, seed=config.seed + more)
        run = race(system, seeded, arguments, faces, validation, goals, device)
        arrived = run["reached"].get(goal, dict.fromkeys(("seconds", "core_seconds", "photos")) | run)
        found = {key: arrived[key] for key in ("seconds", "core_seconds", "photos")}
        found = {"seed": run["seed"], **found, "psnr": mean_psnr(arrived)}
        print(name, found, flush=True)
        runs[name].append(run | found)
    return runs


def main(words: list[str]) -> None:
    """Read the command line, race, and say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system", choices=("srcnn", "nie", "fsrcnn", "mffcn"))
    parser.add_argument("--goal", default="quality", help="quality, first, or dB")
    parser.add_argument("--recipe", default="quick", choices=tuple(RECIPES))
    parser.add_argument("--set", action="append", default=[], help="key=value, as of mffcn-lite train")
    parser.add_argument("--against", default="fast", choices=("none", *RECIPES), help="another recipe, in the same run")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(words)
    torch.set_num_threads(options.threads)
    try:
        device, name, goal = choose_device(options.device), options.system, options.goal
        given = load_results(f"speed_goals_{name}")["arguments"]
        mean, floors = targets(name, goal)
        recipes = {options.recipe: apply_settings(recipe_for(name, options.recipe), given, options.set)}
        if options.against != "none":
            old = fast_config(name) if options.against == "fast" else recipe_for(name, options.against)
            recipes.setdefault(options.against, (old, given))
        raced = speedrun(name, recipes, goal, options.seeds, device)
        sides = [{"recipe": recipe, **summarize(runs, goal), "runs": runs} for recipe, runs in raced.items()]
        for side, (config, arguments) in zip(sides, recipes.values(), strict=True):
            side |= {"config": dataclasses.asdict(config), "arguments": arguments}
        found = {"system": name, "goal": mean, "floors": floors, **sides[0], "against": (*sides[1:], None)[0]}
        if options.json is not None:
            write_json(options.json, found | {"environment": describe_environment(device)})
    except MffcnLiteError as error:
        sys.exit(f"speedrun: {error}")
    print(f"{name} to {mean:.2f} dB on {device}")
    for side in sides:
        seconds = side.get("seconds")
        took = "" if seconds is None else f", {seconds:.1f} seconds (standard deviation {side['seconds_sd'] or 0:.1f})"
        print(f"{side['recipe']}: {side['reached']} of {side['of']} arrived{took}")


if __name__ == "__main__":
    main(sys.argv[1:])
