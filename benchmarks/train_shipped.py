"""Train shipped systems from nothing, and put them into the package.

    python benchmarks/train_shipped.py mffcn wiener

Goes on where it was stopped: a run that is finished is not repeated, and one that is not is resumed.
"""

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import torch
from experiments import DEVICE, EXPERIMENTS, NETWORKS, use_cores
from recipe_trials import mean_psnr

from mffcn_lite.checkpoint import load_model, save_model
from mffcn_lite.data import load_faces, people_for_training, split_by_person
from mffcn_lite.evaluation import CONVENTION, evaluate, load_results, summarize
from mffcn_lite.files import sha256
from mffcn_lite.models import SuperResolver, create_model
from mffcn_lite.provenance import describe_environment
from mffcn_lite.shipped import SHIPPED
from mffcn_lite.training import TrainingConfig, train

# The paper's settings, but for VGG-16 in VGG-19's place, and for the batch and the steps, which are what a CPU allows.
WHOLE = TrainingConfig(steps=1500, batch=4, loss="objective", objective={"features": "vgg16-imagenet"})
INTENDED_USE = (
    "teaching, and measuring against other methods; a super-resolved face is a guess, and never evidence of identity"
)
LIMITS = (
    "trained on 320 grey photos of 32 people of one database, small, old and not representative; "
    "bicubic down-sampling by 2, 3 or 4 without noise; elsewhere it may be worse than bicubic"
)


def best_trial(name: str) -> dict:
    """What did best on the validation people, with as many trials as the others had: its options and arguments.

    Raises:
        SystemExit: if some of the trials are still to be run.
    """
    results = load_results(f"trials_{name}")
    if results["unfinished"]:
        sys.exit(f"{results['unfinished']} trials of {name} are missing; run: make results ONLY=trials_{name}")
    return max(results["trials"], key=mean_psnr)


def command(name: str) -> list[str]:
    """The command line that trains one network."""
    trial = best_trial(name)
    chosen = trial["options"] | {f"model.{key}": value for key, value in trial["arguments"].items()}
    settings = [part for key, value in chosen.items() for part in ("--set", f"{key}={value}")]
    program = [sys.executable, "-m", "mffcn_lite.cli", "train", "--data", "orl", "--model", name, "--recipe", "fast"]
    return [*program, "--out", f"runs/{name}", *settings]


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


def fine_tune() -> SuperResolver:
    """The shipped MFFCN, trained on under the whole objective as it is written; with its card."""
    use_cores()
    start, model = time.perf_counter(), load_model("mffcn", DEVICE)
    faces, _, people = people_for_training(load_faces("orl"), hold_out=False)
    state = train(model, faces, WHOLE, on_step=lambda state, terms: print_now_and_then(state.step, terms))
    model = state.best.eval()
    model.card = {
        "data": "orl",
        **people,
        "photos": len(faces),
        "config": dataclasses.asdict(WHOLE),
        "steps": WHOLE.steps,
        "started_from": "mffcn",
        "started_from_sha256": sha256(SHIPPED / "mffcn.safetensors"),
        "seconds": round(time.perf_counter() - start, 1),
        "data_card": faces.card,
        "environment": describe_environment(DEVICE),
    }
    return model.cpu()


def print_now_and_then(step: int, terms: dict[str, torch.Tensor]) -> None:
    """A line every hundred steps: each weighted term."""
    if step % 100 == 0:
        print(step, {name: round(term.item(), 3) for name, term in terms.items()}, flush=True)


def curve(folder: str, points: int = 40) -> list[list[float]]:
    """[last step, mean loss] of each of `points` parts of a run."""
    lines = [json.loads(line) for line in Path(folder, "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    losses = [(line["step"], line["loss"]) for line in lines if "loss" in line]
    parts = [losses[len(losses) * i // points : len(losses) * (i + 1) // points] for i in range(points)]
    return [[part[-1][0], round(sum(loss for _, loss in part) / len(part), 7)] for part in parts if part]


def ship(name: str) -> None:
    """Put a system into the package, with what is known of it in its card."""
    model = fine_tune() if name == "mffcn-full" else train_network(name) if name in NETWORKS else fit(name)
    _, test = split_by_person(load_faces("orl"))
    rows = summarize(evaluate({"wiener": load_model("wiener"), name: model}, test))
    model.card["results"] = [row for row in rows if row["model"] == name]
    model.card["results_convention"] = CONVENTION
    if name in NETWORKS:
        model.card["curve"] = curve(f"runs/{name}")
    trials = {"recipe_trials": load_results(f"trials_{name}")} if f"trials_{name}" in EXPERIMENTS else {}
    stamp = {"depends_on": EXPERIMENTS[f"weights/{name}"].stamp()}
    card = {**model.card, **trials, **stamp, "intended_use": INTENDED_USE, "limits": LIMITS}
    save_model(model, SHIPPED / f"{name}.safetensors", card)


if __name__ == "__main__":
    for system in sys.argv[1:]:
        ship(system)
