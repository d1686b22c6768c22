"""Five folds by person: each of the forty people is tested once, by networks that never saw them.

    python -m benchmarks.experiments.folds    (about three hours of processor time; a training a core)

MFFCN and SRCNN are trained for the same steps; SRCNN once more for the seconds that MFFCN's steps take, so for more
steps. Options are those of trials_mffcn.json and trials_srcnn.json; four of the people were chosen on there.
Keeps what is trained in benchmarks/networks/folds, goes on from there, and writes mffcn_lite/results/folds.json at the
end. The networks are small and lie in the repository: what is measured with them need not wait for hours of training.
"""

import statistics
import time

import pandas as pd
import torch

from benchmarks.experiments.tables import FACTORS, MEASURES, PAIRS
from benchmarks.experiments.train_shipped import best_trial, fast_config
from benchmarks.helpers.results import DEVICE, trainers
from benchmarks.helpers.storing import is_made, made_with, store
from benchmarks.helpers.timing import time_in_turn
from benchmarks.stamps import ROOT
from mffcn_lite.checkpoint import load_model, save_model
from mffcn_lite.data import FaceSet, folds_by_person, load_faces
from mffcn_lite.evaluation import CONVENTION, evaluate, people_means, summarize
from mffcn_lite.files import read_json, write_json
from mffcn_lite.models import SuperResolver, create_model
from mffcn_lite.statistics import compare
from mffcn_lite.training import TrainingState, train

FOLDER, COUNT, STEPS = ROOT / "benchmarks" / "networks" / "folds", 5, 8000
# name here: (system, whether it has the seconds of MFFCN's steps)
NETWORKS = {"mffcn": ("mffcn", False), "srcnn-seconds": ("srcnn", True), "srcnn": ("srcnn", False)}
CONTROLS = (("mffcn", "wiener"), ("srcnn", "wiener"), ("mffcn", "bicubic"))


def seconds_a_step() -> dict[str, float]:
    """Of both networks on one core of a processor, measured in turn."""
    torch.set_num_threads(1)
    faces, states = load_faces("orl"), {}
    for system in ("mffcn", "srcnn"):
        model, config = create_model(system, **best_trial(system)["arguments"]), fast_config(system, steps=10_000)
        states[system] = model, config, TrainingState.start(model, config)

    def ten_steps(system):
        model, config, state = states[system]
        train(model, faces, config, state=state, stop_after=state.step + 10)

    sides = {system: lambda system=system: ten_steps(system) for system in states}
    return {system: statistics.median(values) / 10 for system, values in time_in_turn(sides).items()}


def trained(system: str, fold: int, steps: int) -> tuple[SuperResolver, FaceSet]:
    """(a network that learnt from the people outside a fold, their photos)."""
    faces = folds_by_person(load_faces("orl"), COUNT)[fold][0]
    config = fast_config(system, steps=steps)
    torch.manual_seed(config.seed)
    return train(create_model(system, **best_trial(system)["arguments"]).to(DEVICE), faces, config).best, faces


def train_one(name: str, fold: int, steps: int) -> None:
    """Train one network of one fold, unless that is done."""
    system, path = NETWORKS[name][0], FOLDER / f"{name}-{fold}.safetensors"
    stamp = {"made_with": made_with("folds"), "steps": steps, "trial": best_trial(system)}
    if is_made(path, stamp):
        return
    start = time.perf_counter()
    model, faces = trained(system, fold, steps)
    seconds = round(time.perf_counter() - start)
    save_model(model, path, {"fold": fold, "training_people": faces.who(), "seconds": seconds, **stamp})
    print(f"{name}, fold {fold}: {steps} steps, {seconds} s", flush=True)


def measure(every: int = 1) -> dict:
    """Each person's photos, or each `every`-th of them, by the networks that never saw them; and what that says."""
    parts = []
    for fold, (training, test) in enumerate(folds_by_person(load_faces("orl"), COUNT)):
        systems = {"bicubic": create_model("bicubic"), "wiener": create_model("wiener").fit(training[::every])}
        systems |= {name: load_model(FOLDER / f"{name}-{fold}.safetensors") for name in NETWORKS}
        parts.append(evaluate(systems, test[::every], FACTORS).assign(fold=fold))
    per_photo = pd.concat(parts, ignore_index=True)
    return {
        "results": summarize(per_photo),
        "people": people_means(per_photo),
        "comparisons": compare(per_photo, PAIRS, FACTORS, MEASURES),
        "same_seconds": compare(per_photo, (("mffcn", "srcnn-seconds"),), FACTORS, MEASURES),
        "controls": compare(per_photo, CONTROLS, FACTORS, MEASURES),
    }


def main() -> None:
    """Train what is missing, test each person once, compare."""
    plan = FOLDER / "seconds.json"
    if plan.exists():
        seconds = read_json(plan)
    else:
        seconds = seconds_a_step()
        write_json(plan, seconds)
    ratio = seconds["mffcn"] / seconds["srcnn"]
    steps = {name: round(STEPS * ratio) if longer else STEPS for name, (_, longer) in NETWORKS.items()}
    tasks = [(name, fold, steps[name]) for name in NETWORKS for fold in range(COUNT)]
    with trainers() as pool:
        list(pool.map(train_one, *zip(*tasks, strict=True)))
    content = measure() | {
        "folds": [test.who() for _, test in folds_by_person(load_faces("orl"), COUNT)],
        "steps": steps,
        "seconds_a_step": seconds,
        "said": "folds share training people, so people are not quite independent; options were chosen on four of them",
        "convention": CONVENTION,
    }
    store("folds", content)


def probe() -> list:
    """Some steps of each network, and the kept ones on a photo of each person."""
    networks = [trained(system, 1, 4)[0].state_dict() for system in ("mffcn", "srcnn")]
    return [networks, measure(every=10)]


if __name__ == "__main__":
    main()
