"""How good does the recipe `fast` become on people that nobody trained on? The goals of `benchmarks/speed/speedrun.py`.

    python -m benchmarks.experiments.speed_goals mffcn    (an hour and a quarter of a core; fsrcnn a quarter of an hour)

Each network is trained for 40,000 steps with the options of its best trial, on the 28 people that `validate_every`
leaves; the other four are looked at on the way. Goes on where it was stopped. Writes
mffcn_lite/results/speed_goals_<network>.json.
"""

import json
import sys
import tempfile
from pathlib import Path

from benchmarks.experiments.recipe_trials import mean_psnr
from benchmarks.experiments.train_shipped import fast_config, train_network
from benchmarks.helpers.storing import store

EVERY = 500  # steps between two looks
MARGINS = {"quality": 0.05, "first": 0.3}  # dB below what `fast` reaches in the end


def run(name: str, folder: str, **changes: object) -> dict:
    """The training: what it was, the mean PSNR of each look, what it had in the end, and the goals."""
    model = train_network(name, folder, fast_config(name, **{"validate_every": EVERY} | changes))
    lines = [json.loads(line) for line in Path(folder, "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    looks = [line for line in lines if "validation_psnr" in line]
    last = mean_psnr(looks[-1])
    return {
        "network": name,
        **{key: model.card[key] for key in ("config", "arguments", "training_people", "validation_people", "seconds")},
        "curve": [[look["step"], mean_psnr(look)] for look in looks],
        "validation_psnr": looks[-1]["validation_psnr"],
        "mean": last,
        "goals": {goal: last - margin for goal, margin in MARGINS.items()},
    }


def main(name: str) -> None:
    """The run of one network."""
    store(f"speed_goals_{name}", run(name, f"runs/speed_goals_{name}"))


def probe(name: str) -> list:
    """A few steps, looked at twice."""
    with tempfile.TemporaryDirectory() as folder:
        found = run(name, folder, steps=6, warmup=2, checkpoint_every=3, validate_every=3)
    return [found[key] for key in ("curve", "validation_psnr", "mean", "goals")]


if __name__ == "__main__":
    main(sys.argv[1])
