"""Train every shipped system from nothing, put it into the package, and measure the tables.

    python benchmarks/train_shipped.py               (make train)
    python benchmarks/train_shipped.py forest nie    (ship these alone; a network must have been trained)

Goes on where it was stopped: a run that is finished is not repeated, and one that is not is resumed.
"""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mffcn_lite.checkpoint import load_model, save_model
from mffcn_lite.data import load_faces
from mffcn_lite.environment import describe_environment
from mffcn_lite.evaluation import RESULTS, load_results
from mffcn_lite.models import SuperResolver, create_model
from mffcn_lite.runs import people_for_training
from mffcn_lite.shipped import SHIPPED

NETWORKS = ("mffcn", "srcnn", "nie", "fsrcnn")  # trained step by step, the longest first
FITTED = ("wiener", "example", "sparse", "forest")  # in minutes, without steps
INTENDED_USE = (
    "teaching, and measuring against other methods; a super-resolved face is a guess, and never evidence of identity"
)
LIMITS = (
    "trained on 320 grey photos of 32 people of one database, small, old and not representative; "
    "bicubic down-sampling by 2, 3 or 4 without noise; elsewhere it may be worse than bicubic"
)


def best_options(name: str) -> dict:
    """What did best on the validation people, of the same number of trials for each; `wiener` has nothing to choose."""
    if name == "wiener":
        return {}
    trials = load_results(f"trials_{name}")["trials"]
    return max(trials, key=lambda trial: sum(trial["validation_psnr"].values()))["options"]


def command(name: str) -> list[str]:
    """The command line that trains one network; the CPU is named, since a GPU rounds differently."""
    settings = [part for key, value in best_options(name).items() for part in ("--set", f"{key}={value}")]
    program = [sys.executable, "-m", "mffcn_lite.cli", "train", "--data", "orl", "--model", name, "--recipe", "fast"]
    return [*program, "--device", "cpu", "--out", f"runs/{name}", *settings]


def train_network(name: str) -> int:
    """Train one network, or go on with it, on one core; 0 where it is finished."""
    resume = ["--resume"] if Path(f"runs/{name}/run.json").is_file() else []
    return subprocess.run([*command(name), *resume], env={**os.environ, "OMP_NUM_THREADS": "1"}).returncode


def fit(name: str) -> tuple[SuperResolver, dict]:
    """(one of the systems that are fitted, on the same 32 people, and its card)."""
    start = time.perf_counter()
    faces, _, people = people_for_training(load_faces("orl"), hold_out=False)
    model = create_model(name, **best_options(name)).fit(faces)
    card = {
        "data": "orl",
        **people,
        "photos": len(faces),
        "seconds": round(time.perf_counter() - start, 1),
        "data_card": faces.card,
        "environment": describe_environment(),
    }
    return model, card


def ship(name: str) -> None:
    """Put a system into the package: a network as it was trained, another as it is fitted now."""
    if name in FITTED:
        model, card = fit(name)
    else:
        model = load_model(f"runs/{name}")
        card = model.card
    trials = {} if name == "wiener" else {"recipe_trials": load_results(f"trials_{name}")}
    card = {**card, **trials, "intended_use": INTENDED_USE, "limits": LIMITS}
    save_model(model, SHIPPED / f"{name}.safetensors", card)


def main() -> None:
    """Train two at a time, a core each, then fit the others, then measure the tables."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        if any(pool.map(train_network, NETWORKS)):
            sys.exit("a training did not finish; call make train again to go on")
    for name in (*NETWORKS, *FITTED):
        ship(name)
    tables = [sys.executable, "-m", "mffcn_lite.cli", "evaluate", "--data", "orl", "--factors", "2,3,4"]
    subprocess.run([*tables, "--models", "bilinear,bicubic,srcnn,mffcn", "--json", RESULTS / "tables.json"], check=True)


if __name__ == "__main__":
    for system in sys.argv[1:]:
        ship(system)
    if not sys.argv[1:]:
        main()
