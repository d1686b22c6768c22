"""Train every shipped network from nothing, put it into the package, and measure the tables.

    python benchmarks/train_shipped.py          (make train)

Goes on where it was stopped: a run that is finished is not repeated, and one that is not is resumed.
"""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mffcn_lite.checkpoint import SHIPPED, load_model, save_model
from mffcn_lite.data import load_faces
from mffcn_lite.environment import describe_environment
from mffcn_lite.evaluation import RESULTS, load_results
from mffcn_lite.models import create_model
from mffcn_lite.runs import people_for_training

# The recipe is the same for all; what differs was chosen for each on the validation people, from the same grid.
SETTINGS = {"mffcn": ["lr=0.004"], "srcnn": ["lr=0.002"], "nie": ["lr=0.002"], "fsrcnn": ["lr=0.004"]}
INTENDED_USE = (
    "teaching, and measuring against other methods; a super-resolved face is a guess, and never evidence of identity"
)
LIMITS = (
    "trained on 320 grey photos of 32 people of one database, small, old and not representative; "
    "bicubic down-sampling by 2, 3 or 4 without noise; elsewhere it may be worse than bicubic"
)


def command(name: str) -> list[str]:
    """The command line that trains one network; the CPU is named, since a GPU rounds differently."""
    settings = [part for setting in SETTINGS[name] for part in ("--set", setting)]
    program = [sys.executable, "-m", "mffcn_lite.cli", "train", "--data", "orl", "--model", name, "--recipe", "fast"]
    return [*program, "--device", "cpu", "--out", f"runs/{name}", *settings]


def fit_wiener() -> None:
    """The linear control, in closed form on the same 32 people; there is nothing to choose."""
    start = time.perf_counter()
    faces, _, people = people_for_training(load_faces("orl"), hold_out=False)
    model = create_model("wiener").fit(faces)
    card = {
        "data": "orl",
        **people,
        "photos": len(faces),
        "seconds": round(time.perf_counter() - start, 1),
        "data_card": faces.card,
        "environment": describe_environment(),
        "intended_use": INTENDED_USE,
        "limits": LIMITS,
    }
    save_model(model, SHIPPED / "wiener.safetensors", card)


def main() -> None:
    """Train two at a time, a core each, then install and measure them."""

    def run(name: str) -> int:
        resume = ["--resume"] if Path(f"runs/{name}/run.json").is_file() else []
        return subprocess.run([*command(name), *resume], env={**os.environ, "OMP_NUM_THREADS": "1"}).returncode

    with ThreadPoolExecutor(max_workers=2) as pool:
        if any(pool.map(run, SETTINGS)):
            sys.exit("a training did not finish; call make train again to go on")
    for name in SETTINGS:
        model = load_model(f"runs/{name}")
        trials = load_results(f"trials_{name}")
        card = {**model.card, "recipe_trials": trials, "intended_use": INTENDED_USE, "limits": LIMITS}
        save_model(model, SHIPPED / f"{name}.safetensors", card)
    fit_wiener()
    tables = [sys.executable, "-m", "mffcn_lite.cli", "evaluate", "--data", "orl", "--factors", "2,3,4"]
    subprocess.run([*tables, "--models", "bilinear,bicubic,srcnn,mffcn", "--json", RESULTS / "tables.json"], check=True)


if __name__ == "__main__":
    main()
