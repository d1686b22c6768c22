"""Train shipped systems from nothing, and put them into the package.

    python -m benchmarks.experiments.train_shipped mffcn wiener

Goes on where it was stopped: a run that is finished is not repeated, and one that is not is resumed.
"""

import dataclasses
import itertools
import json
import sys
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.experiments.recipe_trials import mean_psnr
from benchmarks.helpers.names import FITTED, NETWORKS
from benchmarks.helpers.results import DEVICE, trainers, use_cores
from benchmarks.helpers.storing import stamped
from benchmarks.table import EXPERIMENTS, PROVENANCE
from mffcn_lite.checkpoint import load_model, save_model
from mffcn_lite.data import load_faces, people_for_training, split_by_person
from mffcn_lite.evaluation import CONVENTION, evaluate, load_results, summarize
from mffcn_lite.files import read_json, sha256, write_json
from mffcn_lite.models import SuperResolver, create_model
from mffcn_lite.provenance import describe_environment
from mffcn_lite.shipped import SHIPPED
from mffcn_lite.training import TrainingConfig, recipe_for, train
from mffcn_lite.training.runs import run_training

SEEDS = (0, 1, 2)  # of which the first is shipped
# The paper's settings, but for VGG-16 in VGG-19's place, and for the batch and the steps, which are what a CPU allows.
WHOLE = TrainingConfig(steps=1500, batch=4, loss="objective", objective={"features": "vgg16-imagenet"})
INTENDED_USE = (
    "teaching, and measuring against other methods; a super-resolved face is a guess, and never evidence of identity"
)
LIMITS = (
    "trained on 320 grey photos of 32 people of one database, small, old and not representative; "
    "bicubic down-sampling by 2, 3 or 4 without noise; elsewhere it may be worse than bicubic"
)

LICENSE = (
    "MIT, as the code (see NOTICE); learnt from photos of the ORL database of faces: pass on the credit to AT&T "
    "Laboratories Cambridge"
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


def fast_config(name: str, **changes: object) -> TrainingConfig:
    """The recipe `fast` with the options of the network's best trial."""
    return dataclasses.replace(recipe_for(name, "fast"), **best_trial(name)["options"] | changes)


def train_network(name: str, folder: str, config: TrainingConfig) -> SuperResolver:
    """A network, trained or gone on with on one core, as `mffcn-lite train` does; its card is that of its run."""
    torch.set_num_threads(1)
    arguments, resume = best_trial(name)["arguments"], Path(folder, "run.json").is_file()
    run_training(folder, "orl", name, config, arguments=arguments, resume=resume, device=DEVICE.type)
    return load_model(folder)


def train_seed(name: str, seed: int, **changes: object) -> SuperResolver:
    """A network by the recipe `quick`; its card has its core-seconds and the curve of its losses too."""
    config = dataclasses.replace(recipe_for(name, "quick"), seed=seed, **changes)
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        model = train_network(name, folder, config)
        model.card |= {"core_seconds": round(time.process_time() - start, 1), "curve": curve(folder)}
    return model


def fit(name: str, every: int = 1, **changes: object) -> SuperResolver:
    """One of the systems that are fitted, on the same 32 people, with its card; `wiener` has nothing to choose."""
    start = time.perf_counter()
    faces, _, people = people_for_training(load_faces("orl"), hold_out=False)
    faces = faces[::every]
    model = create_model(name, **({} if name == "wiener" else best_trial(name)["options"]) | changes).fit(faces)
    seconds = round(time.perf_counter() - start, 1)
    model.card = {"data": "orl", **people, "photos": len(faces), "seconds": seconds, "data_card": faces.card}
    model.card["environment"] = describe_environment()
    return model


def fine_tune(config: TrainingConfig = WHOLE) -> SuperResolver:
    """The shipped MFFCN, trained on under the whole objective as it is written; with its card."""
    use_cores()
    start, model = time.perf_counter(), load_model("mffcn", DEVICE)
    faces, _, people = people_for_training(load_faces("orl"), hold_out=False)
    state = train(model, faces, config, on_step=lambda state, terms: print_now_and_then(state.step, terms))
    model = state.best.eval()
    model.card = {
        "data": "orl",
        **people,
        "photos": len(faces),
        "config": dataclasses.asdict(config),
        "steps": config.steps,
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


def measure(name: str, model: SuperResolver, every: int = 1) -> list[dict]:
    """Its results on the test people's photos, or on each `every`-th of them."""
    wiener = model if name == "wiener" else load_model("wiener")
    _, test = split_by_person(load_faces("orl"))
    rows = summarize(evaluate({"wiener": wiener, name: model}, test[::every]))
    return [row for row in rows if row["model"] == name]


def ship(name: str, model: SuperResolver) -> None:
    """Put a system into the package, with what is known of it in its card."""
    model.card |= {"results": measure(name, model), "results_convention": CONVENTION}
    if f"trials_{name}" in EXPERIMENTS:
        trials = load_results(f"trials_{name}")
        model.card["recipe_trials"] = {key: value for key, value in trials.items() if key not in PROVENANCE}
    path = SHIPPED / f"{name}.safetensors"
    said = {"intended_use": INTENDED_USE, "limits": LIMITS, "license": LICENSE}
    save_model(model, path, {**model.card, **said})
    card = path.with_suffix(".json")
    write_json(card, stamped(f"weights/{name}", read_json(card)))


def ship_network(name: str) -> None:
    """A network that is trained by `mffcn-lite train`, the first of three; what the others have is in its card."""
    with trainers() as pool:
        models = list(pool.map(train_seed, itertools.repeat(name), SEEDS))
    models[0].card["seeds"] = [
        {"seed": seed, "core_seconds": model.card["core_seconds"], "results": measure(name, model)}
        for seed, model in zip(SEEDS, models, strict=True)
    ]
    ship(name, models[0])


def ship_fitted(name: str) -> None:
    """A system that is fitted."""
    ship(name, fit(name))


def ship_fine_tuned(name: str) -> None:
    """MFFCN under the whole objective."""
    ship(name, fine_tune())


def probe(name: str) -> list:
    """Some steps, or a fit on few photos; and a photo of each test person."""
    if name in FITTED:
        model = fit(name, every=4, **({} if name == "wiener" else {"pairs": 1500}))
    elif name in NETWORKS:
        model = train_seed(name, 0, steps=6, warmup=2, checkpoint_every=3)
    else:
        model = fine_tune(dataclasses.replace(WHOLE, steps=2))
    return [model.state_dict(), measure(name, model, every=10)]


if __name__ == "__main__":
    for system in sys.argv[1:]:
        makers = {"mffcn-full": ship_fine_tuned} | dict.fromkeys(NETWORKS, ship_network)
        makers.get(system, ship_fitted)(system)
