"""Every experiment behind a number of the book: what makes it, what it depends on, and whether it is up to date.

Nothing here imports torch, nor anything else outside the standard library: `make results-list` needs no set-up.
"""

import hashlib
import itertools
import json
from dataclasses import dataclass
from pathlib import Path

from benchmarks.helpers.names import FITTED, NETWORKS, SHIPPED, SYSTEMS
from benchmarks.stamps import DIGITS, ROOT, Tree, Walk, changes

RESULTS, WEIGHTS, KEPT = Path("mffcn_lite/results"), Path("mffcn_lite/weights"), Path("benchmarks")  # below the root
WAITING = Path(__file__).with_name("waiting.json")  # results that are out of date for now, and why
# Of a file, what says how it was made and not what came out.
PROVENANCE = ("stamp", "probe", "restamped", "environment", "unfinished", "made_with", "license")
WHOLE = ("objective", "l2", "perceptual", "texture", "tv")


@dataclass(frozen=True)
class Experiment:
    """One JSON file.

    Attributes:
        name: of the result; or "weights/mffcn", whose file is the card of a shipped system.
        module: of Python that makes it, below `benchmarks`, such as "experiments.tables".
        arguments: of its command line.
        starts: the functions that make the numbers, its own or "module:name"; what they reach is what it depends on.
        hours: of one core, roughly; on a GPU far less.
        names: of the systems, losses and grids that it uses.
        needs: experiments whose files it reads.
        keeps: the folder of networks that it trains and keeps, below `benchmarks`.
        alone: it uses all cores, or measures time.
        gpu: it is made on a GPU only; elsewhere what is stored stays.
        sets: that it reads and that are not in the project (`helpers.sets`); where one is missing what is stored stays.
    """

    name: str
    module: str
    hours: float
    arguments: tuple[str, ...] = ()
    starts: tuple[str, ...] = ("main",)
    names: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    keeps: str = ""
    alone: bool = False
    gpu: bool = False
    sets: tuple[str, ...] = ()

    @property
    def file(self) -> Path:
        """The result, below the root."""
        return WEIGHTS / f"{Path(self.name).name}.json" if "/" in self.name else RESULTS / f"{self.name}.json"

    @property
    def command(self) -> tuple[str, ...]:
        """Arguments of Python."""
        return "-m", f"benchmarks.{self.module}", *self.arguments

    def definitions(self, tree: Tree) -> dict[str, str]:
        """The stamp of each definition on which the numbers depend, in the code of `tree`."""
        return self.walk(tree).stamp()

    def walk(self, tree: Tree) -> Walk:
        """All that is reached."""
        own = f"benchmarks.{self.module}"
        keys = (tuple(start.split(":")) if ":" in start else (own, start) for start in self.starts)
        return Walk(tree, tuple(keys), frozenset(self.names))

    def files(self, root: Path) -> dict[str, str]:
        """The hash of what it reads from other experiments, by name; and its own arguments."""
        found = {"arguments": " ".join(self.arguments)} if self.arguments else {}
        for need in map(EXPERIMENTS.get, self.needs):
            content = read(root / need.file)
            if "/" in need.name:
                content = {key: content.get(key) for key in ("model", "arguments", "weights_sha256")}
                found[need.name] = sha256((root / need.file).with_suffix(".safetensors"))
            found[f"{need.name}.json"] = numbers(content)
            found |= need.kept(root)
        return found

    def kept(self, root: Path) -> dict[str, str]:
        """The hash of each file that it keeps, by name; of a card without what is said of how it was made."""
        found = {}
        for path in sorted((root / KEPT / self.keeps).glob("*.*")) if self.keeps else ():
            found[f"{self.name}/{path.name}"] = numbers(read(path)) if path.suffix == ".json" else sha256(path)
        return found


def read(path: Path) -> dict:
    """A JSON object, an empty one where there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def sha256(path: Path) -> str:
    """The first digits of a file's hash; "missing" where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:DIGITS] if path.is_file() else "missing"


def digest_of(content: object) -> str:
    """The first digits of the hash of what JSON says, in whatever order its keys are."""
    content = json.loads(json.dumps(content))  # as it is read again: keys are words
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:DIGITS]


def numbers(content: dict) -> str:
    """The hash of what came out, whatever is said of how it was made."""
    return digest_of({key: value for key, value in content.items() if key not in PROVENANCE})


def made_of(stamp: dict) -> str:
    """A hash of all that an experiment depends on, for what it keeps in several files."""
    return digest_of([sorted(stamp["definitions"].values()), stamp["files"]])


def recipe_trials(name: str, hours: float) -> Experiment:
    """The trials of a network."""
    names = (name, "nie" if name == "nie" else "l2")
    return Experiment(f"trials_{name}", "experiments.recipe_trials", hours, (name,), names=names, alone=True)


def patch_trials(name: str) -> Experiment:
    """The trials of a patch system."""
    return Experiment(f"trials_{name}", "experiments.patch_trials", 0.1, (name,), names=(name,))


def shipped(name: str, hours: float) -> Experiment:
    """A shipped system, trained or fitted after its trials."""
    start = "ship_network" if name in NETWORKS else "ship_fitted"
    names = (name, "wiener", *(() if name in FITTED else ("nie",) if name == "nie" else ("l2",)))
    needs = () if name == "wiener" else (f"trials_{name}", "weights/wiener")
    return Experiment(
        f"weights/{name}", "experiments.train_shipped", hours, (name,), (start,), tuple(dict.fromkeys(names)), needs
    )


def speed(name: str, module: str, hours: float, **more) -> Experiment:
    """A measurement of time."""
    return Experiment(name, f"speed.{module}", hours, alone=True, **more)


def speed_goals(name: str, hours: float) -> Experiment:
    """What the recipe `fast` reaches on validation people."""
    names = (name, "nie" if name == "nie" else "l2")
    return Experiment(
        f"speed_goals_{name}", "experiments.speed_goals", hours, (name,), names=names, needs=(f"trials_{name}",)
    )


def speed_search(kind: str, name: str, hours: float) -> Experiment:
    """A part of the search for a recipe that is quicker: "trials" or "lengths"."""
    names = (name, "nie" if name == "nie" else "l2")
    result = f"speed_{kind}_{name}"
    return Experiment(result, f"experiments.speed_{kind}", hours, (name,), names=names, needs=(f"speed_goals_{name}",))


def records(name: str, hours: float) -> Experiment:
    """The log of records of a network."""
    names = (name, "nie" if name == "nie" else "l2")
    needs = f"trials_{name}", f"speed_goals_{name}"
    return Experiment(f"speedrun_{name}", "experiments.records", hours, (name,), names=names, needs=needs)


def on_portraits(name: str, hours: float) -> Experiment:
    """Networks that are trained on portraits, beside those of `at_scale`."""
    names, needs = (*TRAINED, "bicubic"), ("trials_mffcn", "portraits")
    return Experiment(name, f"experiments.{name}", hours, names=names, needs=needs, sets=("portraits",))


def measurement(name: str, hours: float, names: tuple[str, ...] = SYSTEMS, **more) -> Experiment:
    """Something measured on every shipped system."""
    needs = tuple(f"weights/{one}" for one in SHIPPED)
    return Experiment(name, f"experiments.{name}", hours, names=names, needs=needs, **more)


def at_scale(name: str, hours: float) -> Experiment:
    """The tables on another set of photos."""
    names = ("mffcn", "srcnn", "fsrcnn", "wiener", "bilinear", "bicubic", *WHOLE)
    needs = ("trials_mffcn", "trials_fsrcnn")
    return Experiment(name, "experiments.at_scale", hours, (name,), names=names, needs=needs, sets=(name,))


TRAINED = ("mffcn", "srcnn", "l2")
_ALL = (
    *(recipe_trials(name, hours) for name, hours in {"mffcn": 3.5, "srcnn": 1.5, "nie": 1.5, "fsrcnn": 0.5}.items()),
    *(patch_trials(name) for name in ("example", "sparse", "forest")),
    *(shipped(name, 0.02) for name in FITTED),
    *(shipped(name, hours) for name, hours in {"mffcn": 1.2, "srcnn": 0.5, "nie": 0.5, "fsrcnn": 0.2}.items()),
    Experiment(
        "weights/mffcn-full",
        "experiments.train_shipped",
        0.5,
        ("mffcn-full",),
        ("ship_fine_tuned",),
        names=("mffcn", "wiener", *WHOLE),
        needs=("weights/mffcn", "weights/wiener"),
    ),
    Experiment("ablations", "experiments.ablations", 5, names=TRAINED, alone=True),
    Experiment(
        "paper_recipe",
        "experiments.paper_recipe",
        8,
        names=TRAINED,
        needs=("trials_mffcn", "trials_srcnn"),
        alone=True,
        gpu=True,
    ),
    *(speed_goals(name, hours) for name, hours in {"mffcn": 1.3, "srcnn": 0.6, "nie": 0.6, "fsrcnn": 0.25}.items()),
    *(
        speed_search(kind, name, hours)
        for kind in ("trials", "lengths")
        for name, hours in {"mffcn": 0.8, "srcnn": 0.4, "nie": 0.4, "fsrcnn": 0.2}.items()
    ),
    *(records(name, hours) for name, hours in {"mffcn": 4.5, "srcnn": 2.5, "nie": 2.5, "fsrcnn": 1.2}.items()),
    Experiment(
        "speedrun",
        "experiments.records",
        0.01,
        starts=("gather",),
        needs=tuple(f"speedrun_{name}" for name in NETWORKS),
    ),
    Experiment("speed_limits", "experiments.speed_limits", 1.5, names=("mffcn", "l2"), needs=("trials_mffcn",)),
    Experiment("larger", "experiments.larger", 0.1, names=("mffcn", "l2", "wiener", "bicubic"), alone=True, gpu=True),
    Experiment(
        "loss_arms",
        "experiments.loss_arms",
        3,
        names=("mffcn", *WHOLE),
        needs=("trials_mffcn",),
        alone=True,
    ),
    Experiment(
        "objective_map",
        "experiments.objective_map",
        3,
        names=("mffcn", "srcnn", "bicubic", *WHOLE),
        needs=("trials_mffcn", "trials_srcnn"),
        alone=True,
    ),
    Experiment(
        "objective",
        "experiments.objective",
        2.5,
        names=("mffcn", "srcnn", "bicubic", *WHOLE),
        needs=("objective_map",),
        alone=True,
    ),
    Experiment("darkening", "experiments.darkening", 1.5, names=("mffcn", *WHOLE), needs=("trials_mffcn",), alone=True),
    Experiment("starts", "experiments.starts", 0.3, names=("mffcn", "l2", "bicubic")),
    Experiment("srcnn_at_2", "experiments.srcnn_at_2", 0.3, names=("srcnn", "l2", "wiener", "bicubic")),
    Experiment(
        "folds",
        "experiments.folds",
        5,
        names=(*TRAINED, "wiener", "bicubic"),
        needs=("trials_mffcn", "trials_srcnn"),
        keeps="networks/folds",
        alone=True,
    ),
    measurement("tables", 0.02),
    measurement("distortion", 0.1),
    measurement("off_protocol", 0.2, ("bicubic", "ibp", "pocs", *FITTED, *NETWORKS)),
    measurement("systems", 0.1, starts=("main", "measure"), alone=True),
    measurement("seen_and_guessed", 0.1),
    measurement("failure", 0.1),
    measurement("restored", 0.1),
    Experiment("yardstick", "experiments.yardstick", 0.01, sets=("set5", "set14")),
    Experiment(
        "other_photos",
        "experiments.other_photos",
        0.1,
        names=("bicubic",),
        sets=("portraits", "lfw", "set5", "set14"),
    ),
    *(at_scale(name, hours) for name, hours in {"portraits": 4.5, "lfw": 1.8}.items()),
    *(on_portraits(name, hours) for name, hours in {"noise": 1, "more_people": 1.6}.items()),
    Experiment(
        "transfer",
        "experiments.transfer",
        0.3,
        names=("mffcn", "l2", "bicubic"),
        needs=("trials_mffcn", "weights/mffcn", "portraits", "lfw"),
        sets=("portraits", "lfw"),
    ),
    Experiment("upper_bound", "experiments.upper_bound", 5.5, names=("fsrcnn", "l2", "bicubic"), sets=("portraits",)),
    Experiment("forensics", "experiments.forensics", 0.5),
    Experiment("protocols", "experiments.protocols", 0.5),
    Experiment(
        "leak",
        "experiments.leak",
        0.4,
        names=("mffcn", "l2", "example", "wiener"),
        needs=("weights/mffcn", "weights/example", "weights/wiener"),
    ),
    Experiment(
        "recognition",
        "experiments.recognition",
        1,
        names=(*TRAINED, "wiener", "bicubic"),
        needs=("folds",),
        keeps="networks/far",
    ),
    speed("bench_fusing", "bench_fusing", 0.3, names=("mffcn", "l2"), needs=("weights/mffcn",)),
    speed("bench_metrics", "bench_measures", 0.1, arguments=("metrics",), starts=("bench_metrics", "measure_memory")),
    speed("costs", "bench_measures", 0.1, arguments=("objective",), starts=("bench_objective",), names=WHOLE),
    speed(
        "bench_training",
        "bench_training",
        0.7,
        starts=("main", "train_on", "time_steps", "mffcn_lite.cli:train", "mffcn_lite.cli:models"),
        names=(*TRAINED, "fsrcnn"),
    ),
    speed("bench_training_gpu", "bench_training", 0.1, arguments=("speed",), names=(*TRAINED, "fsrcnn"), gpu=True),
    speed("bench_sharing", "bench_sharing", 0.1, starts=("main", "work"), names=("mffcn", "l2"), gpu=True),
    speed("bench_prepare", "bench_prepare", 0.3),
    speed("bench_feret", "bench_feret", 0.3),
)
EXPERIMENTS = {experiment.name: experiment for experiment in _ALL}


class Ledger:
    """The state of every result in a tree of files, whose code is read once, now.

    Args:
        root: the repository's folder.
    """

    def __init__(self, root: Path = ROOT):
        self.root, self.tree, self._definitions = root, Tree(root).read_all(), {}

    def stored(self, name: str) -> dict:
        """The result's file."""
        return read(self.root / EXPERIMENTS[name].file)

    def stamp(self, name: str) -> dict:
        """What the result depends on: the code as it was when this ledger was opened, and the files as they are."""
        if name not in self._definitions:
            self._definitions[name] = EXPERIMENTS[name].definitions(self.tree)
        return {"definitions": self._definitions[name], "files": EXPERIMENTS[name].files(self.root)}

    def kept(self, name: str) -> dict[str, str]:
        """The files that an experiment keeps beside its result."""
        return EXPERIMENTS[name].kept(self.root)

    def own_changes(self, name: str) -> list[str]:
        """What is not as it was when the result was made: definitions, files that it reads or keeps, its numbers."""
        content, now = self.stored(name), self.stamp(name)
        if "stamp" not in content:
            return ["its stamp"]
        stored = content["stamp"]
        old, new = stored["files"] | stored.get("kept", {}), now["files"] | self.kept(name)
        files = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
        files += [] if stored["numbers"] == numbers(content) else [f"{name}.json"]
        if "/" in name:  # the card says which weights it describes
            weights = sha256((self.root / EXPERIMENTS[name].file).with_suffix(".safetensors"))
            files += [] if content.get("weights_sha256", "").startswith(weights) else [name]
        return [*changes(stored["definitions"], now["definitions"]), *dict.fromkeys(files)]

    def changes(self, name: str) -> list[str]:
        """The same, and what is not as it was for the results that it is made from."""
        behind = (self.changes(need) for need in EXPERIMENTS[name].needs)
        return list(dict.fromkeys(itertools.chain(self.own_changes(name), *behind)))

    def report(self, name: str) -> tuple[str, list[str]]:
        """(`missing`, `out of date`, `begun` or `up to date`; what changed)."""
        stored, changed = self.stored(name), self.changes(name)
        state = "missing" if not stored else "out of date" if changed else ""
        return state or ("begun" if stored.get("unfinished") else "up to date"), changed

    def state(self, name: str) -> str:
        """The first of these."""
        return self.report(name)[0]

    def line(self, name: str) -> str:
        """Its state in words."""
        return in_words(*self.report(name))


def in_words(state: str, changed: list[str]) -> str:
    """`up to date`, or `out of date: recording.validate changed`."""
    return f"{state}: {', '.join(f'{one} changed' for one in changed)}" if state == "out of date" else state
