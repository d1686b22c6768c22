"""At which rate, and for how long? The search of `speed_trials` sees 3,000 photos; this one goes on from its best.

    python -m benchmarks.experiments.speed_lengths mffcn    (half an hour of a core)

Muon with a batch of all factors and a short average, which did best there for each network, at each rate and length, on
the same 24 people and the same four to choose by. Writes mffcn_lite/results/speed_lengths_<network>.json after each
training, and goes on from there.
"""

import itertools
import sys

from benchmarks.experiments.speed_trials import RATES, run
from benchmarks.helpers.results import use_cores
from benchmarks.helpers.storing import begun, store
from mffcn_lite.evaluation import load_results

LENGTHS = (4000, 8000)
TRAININGS = [{"lr": rate, "steps": steps} for rate, steps in itertools.product(RATES["muon"], LENGTHS)]


def train_for(name: str, options: dict) -> dict:
    """One training: see `speed_trials.run`."""
    options = {"optimizer": "muon", "mixed": True, "ema": 0.99, **options}
    return run(name, options, load_results(f"speed_goals_{name}")["arguments"])


def main(name: str) -> None:
    """Run the trainings that are missing, one after the other."""
    use_cores()
    done = begun(f"speed_lengths_{name}").get("trainings", [])
    for options in TRAININGS[len(done) :]:
        done.append(train_for(name, options))
        print(name, done[-1], flush=True)
        store(f"speed_lengths_{name}", {"model": name, "trainings": done}, unfinished=len(TRAININGS) - len(done))


def probe(name: str) -> list:
    """A few steps, and what is trained."""
    return [train_for(name, {"lr": 5e-3, "steps": 4, "warmup": 1})["validation_psnr"], TRAININGS]


if __name__ == "__main__":
    main(sys.argv[1])
