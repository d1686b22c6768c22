"""Train shipped systems from nothing, and put them into the package.

    python benchmarks/train_shipped.py mffcn wiener

Goes on where it was stopped: a run that is finished is not repeated, and one that is not is resumed.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from experiments import EXPERIMENTS, NETWORKS

from mffcn_lite.checkpoint import load_model, save_model
from mffcn_lite.data import load_faces
from mffcn_lite.environment import describe_environment
from mffcn_lite.evaluation import load_results
from mffcn_lite.models import SuperResolver, create_model
from mffcn_lite.runs import people_for_training
from mffcn_lite.shipped import SHIPPED

INTENDED_USE = (
    "teaching, and measuring against other methods; a super-resolved face is a guess, and never evidence of identity"
)
LIMITS = (
    "trained on 320 grey photos of 32 people of one database, small, old and not representative; "
    "bicubic down-sampling by 2, 3 or 4 without noise; elsewhere it may be worse than bicubic"
)


def best_trial(name: str) -> dict:
    """What did best on the validation people, with as many trials as the others had: its options and arguments."""
    trials = load_results(f"trials_{name}")["trials"]
    return max(trials, key=lambda trial: sum(trial["validation_psnr"].values()))


def command(name: str) -> list[str]:
    """The command line that trains one network; the CPU is named, since a GPU rounds differently."""
    trial = best_trial(name)
    chosen = trial["options"] | {f"model.{key}": value for key, value in trial["arguments"].items()}
    settings = [part for key, value in chosen.items() for part in ("--set", f"{key}={value}")]
    program = [sys.executable, "-m", "mffcn_lite.cli", "train", "--data", "orl", "--model", name, "--recipe", "fast"]
    return [*program, "--device", "cpu", "--out", f"runs/{name}", *settings]


def train_network(name: str) -> SuperResolver:
    """A network, trained or gone on with on one core; its card is that of its run."""
    resume = ["--resume"] if Path(f"runs/{name}/run.json").is_file() else []
    subprocess.run([*command(name), *resume], env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True)
    return load_model(f"runs/{name}")


def fit(name: str) -> SuperResolver:
    """One of the systems that are fitted, on the same 32 people, with its card; `wiener` has nothing to choose."""
    start = time.perf_counter()
    faces, _, people = people_for_training(load_faces("orl"), hold_out=False)
    model = create_model(name, **({} if name == "wiener" else best_trial(name)["options"])).fit(faces)
    seconds = round(time.perf_counter() - start, 1)
    model.card = {"data": "orl", **people, "photos": len(faces), "seconds": seconds, "data_card": faces.card}
    model.card["environment"] = describe_environment()
    return model


def ship(name: str) -> None:
    """Put a system into the package."""
    model = train_network(name) if name in NETWORKS else fit(name)
    trials = {} if name == "wiener" else {"recipe_trials": load_results(f"trials_{name}")}
    stamp = {"depends_on": EXPERIMENTS[f"weights/{name}"].stamp()}
    card = {**model.card, **trials, **stamp, "intended_use": INTENDED_USE, "limits": LIMITS}
    save_model(model, SHIPPED / f"{name}.safetensors", card)


if __name__ == "__main__":
    for system in sys.argv[1:]:
        ship(system)
