"""Every experiment behind a number of the book: what makes it, what it depends on, and whether it is up to date.

    python benchmarks/experiments.py list                  each with its state and its cost       (make results-list)
    python benchmarks/experiments.py                       make what is not up to date, or begun      (make results)
    python benchmarks/experiments.py ablations weights     these alone; weights are all that begin so     (make train)

A result holds a hash of what the package's modules compute that it depends on, and of the shipped weights where it
measures those. Where one has changed since, the result is out of date, and a test says so.
"""

import itertools
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from mffcn_lite.checkpoint import load_model
from mffcn_lite.device import choose_device
from mffcn_lite.evaluation import RESULTS
from mffcn_lite.files import read_json, sha256, write_json
from mffcn_lite.models import SuperResolver
from mffcn_lite.provenance import describe_environment, modules_hash
from mffcn_lite.shipped import SHIPPED, list_models, shipped_names

FOLDER = Path(__file__).parent
DEVICE = choose_device()  # of what is trained
BASE = ("degrade", "data.orl", "data.splits", "models.base")
MEASURES = (*BASE, "metrics.error", "metrics.similarity", "evaluation")
TRAINING = (*BASE, "metrics.error", "losses.terms", "training.sampling", "training.config", "training.loop")
OBJECTIVE = ("features", "losses.terms", "losses.objective")
OWN = {  # the modules of a system
    "srcnn": ("models.srcnn",),
    "nie": ("models.srcnn",),
    "fsrcnn": ("models.fsrcnn",),
    "mffcn": ("models.mff", "models.mffcn"),
    "wiener": ("models.wiener",),
    "example": ("models.patches", "models.example", "models.reconstruction"),
    "sparse": ("models.patches", "models.sparse", "models.reconstruction"),
    "forest": ("models.patches", "models.forest"),
}
SYSTEMS = tuple(
    dict.fromkeys(itertools.chain(*OWN.values(), ("models.interpolation", "models.reconstruction", "models.convex")))
)
TIMED = (*TRAINING, *OWN["mffcn"], *OWN["srcnn"], "training.memory", "training.runs", "training.recording")
NETWORKS, FITTED = ("mffcn", "srcnn", "nie", "fsrcnn"), ("example", "sparse", "forest")


@dataclass(frozen=True)
class Experiment:
    """One JSON file.

    Attributes:
        file: the result, or the card of a shipped system.
        command: arguments of Python, in the folder of benchmarks.
        modules: of the package, on which its numbers depend.
        hours: of one core, roughly; on a GPU far less.
        needs: names of experiments whose files it reads.
        weights: it measures the shipped weights.
        alone: it uses all cores, or measures time.
        gpu: it is made on a GPU only; elsewhere what is stored stays.
    """

    file: Path
    command: tuple[str, ...]
    modules: tuple[str, ...]
    hours: float
    needs: tuple[str, ...] = ()
    weights: bool = False
    alone: bool = False
    gpu: bool = False

    def stamp(self) -> str:
        """What the result depends on, now."""
        files = [sha256(SHIPPED / f"{name}.safetensors")[:8] for name in shipped_names()] if self.weights else []
        return "-".join([modules_hash(self.modules), *files])

    def state(self) -> str:
        """`missing`, `out of date`, `begun` or `up to date`."""
        if not self.file.exists():
            return "missing"
        content = read_json(self.file)
        if content.get("depends_on") != self.stamp():
            return "out of date"
        return "begun" if content.get("unfinished") else "up to date"


def result(name: str, *command: str, modules: Iterable[str], hours: float, **more) -> tuple[str, Experiment]:
    """An experiment whose file is one of the package's results."""
    return name, Experiment(RESULTS / f"{name}.json", command, tuple(modules), hours, **more)


def weights(name: str, hours: float) -> tuple[str, Experiment]:
    """A shipped system: trained or fitted after its trials."""
    needs = () if name == "wiener" else (f"trials_{name}",)
    modules = (*TRAINING, *OWN[name]) if name in NETWORKS else (*BASE, *OWN[name])
    command = ("train_shipped.py", name)
    return f"weights/{name}", Experiment(SHIPPED / f"{name}.json", command, modules, hours, needs)


SHIPPED_ALL = tuple(f"weights/{name}" for name in (*OWN, "mffcn-full"))
EXPERIMENTS = dict(
    [
        *(
            result(f"trials_{name}", "recipe_trials.py", name, modules=(*TRAINING, *OWN[name]), hours=hours, alone=True)
            for name, hours in {"mffcn": 3.5, "srcnn": 1.5, "nie": 1.5, "fsrcnn": 0.5}.items()
        ),
        *(
            result(f"trials_{name}", "patch_trials.py", name, modules=(*BASE, "metrics.error", *OWN[name]), hours=0.1)
            for name in FITTED
        ),
        *(
            weights(name, hours)
            for name, hours in {"mffcn": 1.2, "srcnn": 0.5, "nie": 0.5, "fsrcnn": 0.2, "wiener": 0.01}.items()
        ),
        *(weights(name, 0.02) for name in FITTED),
        (
            "weights/mffcn-full",
            Experiment(
                SHIPPED / "mffcn-full.json",
                ("train_shipped.py", "mffcn-full"),
                (*TRAINING, *OWN["mffcn"], *OBJECTIVE),
                hours=0.5,
                needs=("weights/mffcn",),
            ),
        ),
        result(
            "ablations",
            "ablations.py",
            modules=(*TRAINING, *OWN["mffcn"], *OWN["srcnn"]),
            hours=5,
            alone=True,
        ),
        result(
            "paper_recipe",
            "paper_recipe.py",
            modules=(*TRAINING, *OWN["mffcn"], *OWN["srcnn"]),
            hours=8,
            needs=("trials_mffcn", "trials_srcnn"),
            alone=True,
            gpu=True,
        ),
        result(
            "larger",
            "larger.py",
            modules=(*TRAINING, *MEASURES, "statistics", *OWN["mffcn"], *OWN["wiener"]),
            hours=0.1,
            alone=True,
            gpu=True,
        ),
        result(
            "loss_arms",
            "loss_arms.py",
            modules=(*MEASURES, *TRAINING, *OWN["mffcn"], *OBJECTIVE, "metrics.lpips", "metrics.detail"),
            hours=3,
            needs=("trials_mffcn",),
            alone=True,
        ),
        result("starts", "starts.py", modules=(*TRAINING, *OWN["mffcn"], "models.interpolation"), hours=0.3),
        result("srcnn_at_2", "srcnn_at_2.py", modules=(*TRAINING, *OWN["srcnn"], *OWN["wiener"]), hours=0.3),
        result(
            "folds",
            "folds.py",
            modules=(*TRAINING, *MEASURES, "statistics", *OWN["mffcn"], *OWN["srcnn"], *OWN["wiener"]),
            hours=5,
            needs=("trials_mffcn", "trials_srcnn"),
            alone=True,
        ),
        result(
            "tables",
            "tables.py",
            modules=(*MEASURES, *SYSTEMS, "statistics"),
            hours=0.02,
            needs=SHIPPED_ALL,
            weights=True,
        ),
        result(
            "distortion",
            "distortion.py",
            modules=(*MEASURES, *SYSTEMS, "statistics", "metrics.lpips", "metrics.detail"),
            hours=0.1,
            needs=SHIPPED_ALL,
            weights=True,
        ),
        result(
            "forensics",
            "forensics.py",
            modules=(*BASE, "metrics.error", "metrics.similarity", "metrics.detail", "statistics"),
            hours=0.5,
        ),
        result(
            "off_protocol",
            "off_protocol.py",
            modules=(*BASE, *SYSTEMS, "disturb", "metrics.error", "statistics"),
            hours=0.2,
            needs=SHIPPED_ALL,
            weights=True,
        ),
        result(
            "systems",
            "systems.py",
            modules=(*MEASURES, *SYSTEMS, "models.cost"),
            hours=0.1,
            needs=SHIPPED_ALL,
            weights=True,
            alone=True,
        ),
        result(
            "leak",
            "leak.py",
            modules=(*TRAINING, *MEASURES, "statistics", *OWN["mffcn"], *OWN["example"], *OWN["wiener"]),
            hours=0.4,
        ),
        result(
            "seen_and_guessed",
            "seen_and_guessed.py",
            modules=(*MEASURES, *SYSTEMS, "metrics.parts", "statistics"),
            hours=0.1,
            needs=SHIPPED_ALL,
            weights=True,
        ),
        result(
            "failure",
            "failure.py",
            modules=(*MEASURES, *SYSTEMS, "metrics.parts", "statistics"),
            hours=0.1,
            needs=SHIPPED_ALL,
            weights=True,
        ),
        result(
            "recognition",
            "recognition.py",
            modules=(*TRAINING, "recognition", "statistics", *OWN["mffcn"], *OWN["srcnn"], *OWN["wiener"]),
            hours=1,
            needs=("folds",),
        ),
        result("bench_fusing", "bench_fusing.py", modules=OWN["mffcn"], hours=0.3, alone=True),
        result(
            "bench_metrics",
            "bench_measures.py",
            "metrics",
            modules=("metrics.error", "metrics.similarity", "metrics.lpips"),
            hours=0.1,
            alone=True,
        ),
        result(
            "costs",
            "bench_measures.py",
            "objective",
            modules=OBJECTIVE,
            hours=0.1,
            alone=True,
        ),
        result(
            "bench_training",
            "bench_training.py",
            modules=TIMED,
            hours=0.7,
            alone=True,
        ),
        result("bench_training_gpu", "bench_training.py", "speed", modules=TIMED, hours=0.1, alone=True, gpu=True),
        result("bench_sharing", "bench_sharing.py", modules=TIMED, hours=0.1, alone=True, gpu=True),
        result(
            "bench_prepare",
            "bench_prepare.py",
            modules=("data.prepare.warping", "data.prepare.alignment", "data.prepare.photo", "data.prepare.preparing"),
            hours=0.3,
            alone=True,
        ),
    ]
)


def use_cores() -> None:
    """As many threads as OMP_NUM_THREADS says, one where it says nothing."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


def trainers() -> ProcessPoolExecutor:
    """Processes that train, as many as OMP_NUM_THREADS or the processor's cores, with one thread each.

    On a GPU they share it: with networks so small it waits for their launches.
    """
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(torch.get_num_threads(), context, torch.set_num_threads, (1,))


def load_systems() -> dict[str, SuperResolver]:
    """Every system by its name, and what is shipped beside those."""
    return {name: load_model(name) for name in dict.fromkeys([*list_models(), *shipped_names()])}


def is_made(path: Path, stamp: dict) -> bool:
    """Whether a network lies at `path` whose card holds all of `stamp`."""
    card = path.with_suffix(".json")
    return path.exists() and card.exists() and {key: read_json(card).get(key) for key in stamp} == stamp


def begun(name: str) -> dict:
    """What an experiment that goes on has stored already; nothing where the code has changed since."""
    experiment = EXPERIMENTS[name]
    if experiment.state() in ("begun", "up to date"):
        return read_json(experiment.file)
    return {}


def store(name: str, content: dict, unfinished: int = 0) -> None:
    """Write an experiment's result with what it was made with.

    Args:
        unfinished: how many parts are still to be made.
    """
    stamp = {"depends_on": EXPERIMENTS[name].stamp(), "unfinished": unfinished}
    stamp["environment"] = describe_environment(DEVICE)
    write_json(EXPERIMENTS[name].file, content | stamp)


def run(name: str) -> None:
    """Make one experiment's file, on one core unless it takes them all.

    Raises:
        SystemExit: if its command fails, or leaves the file out of date.
    """
    experiment = EXPERIMENTS[name]
    print(f"{name}: begins", flush=True)
    environment = os.environ if experiment.alone else {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(FOLDER / experiment.command[0]), *experiment.command[1:]]
    code = subprocess.run(command, env=environment).returncode
    if code or experiment.state() != "up to date":
        sys.exit(f"{name} is {experiment.state()} after its command (status {code}); call make results to go on")


def make(wanted: Iterable[str]) -> None:
    """Make what is wanted and not up to date, after what it needs; the longest first, two at a time.

    What is made on a GPU alone is left out where there is none.
    """
    possible = (name for name in wanted if DEVICE.type == "cuda" or not EXPERIMENTS[name].gpu)
    left = {name for name in possible if EXPERIMENTS[name].state() != "up to date"}
    while left:
        ready = sorted(
            (name for name in left if not left & set(EXPERIMENTS[name].needs)), key=lambda n: -EXPERIMENTS[n].hours
        )
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(run, (name for name in ready if not EXPERIMENTS[name].alone)))
        for name in ready:
            if EXPERIMENTS[name].alone:
                run(name)
        left -= set(ready)


def main(arguments: list[str]) -> None:
    """See the top of this file."""
    if arguments == ["list"]:
        for name, experiment in EXPERIMENTS.items():
            print(f"{name:20} {experiment.state():12} {experiment.hours:5.2f} h   {' '.join(experiment.command)}")
        return
    wanted = {word: [name for name in EXPERIMENTS if name.split("/")[0] == word or name == word] for word in arguments}
    for word, names in wanted.items():
        if not names:
            sys.exit(f"no experiment {word}; there are {', '.join(EXPERIMENTS)}")
    make(itertools.chain(*wanted.values()) if arguments else EXPERIMENTS)


if __name__ == "__main__":
    main(sys.argv[1:])
