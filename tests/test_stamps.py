"""Stamps: what computes is in them, what does not is not; and the right results are called out of date."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.probes import in_a_process, values
from benchmarks.stamps import TABLES, Module, Tree, changes, module_name, stamp
from benchmarks.table import EXPERIMENTS, WAITING, Ledger, read
from book.build import make_chapters

ROOT = Path(__file__).parent.parent

# ------------------------------------------------------------------------------------------------ small trees

SMALL = {
    "mffcn_lite/levels.py": '''
"""Levels."""
import math

LEVELS = 255
HALF, WHOLE = 0.5, 1.0


def darker(photo, by=HALF):
    """Less light."""
    total = 0
    for pixel in photo:  # one at a time
        total += pixel * by
    return [math.sqrt(p) for p in photo], total


def unused():
    return LEVELS
''',
    "mffcn_lite/shapes.py": """
from mffcn_lite.levels import WHOLE


class Shape:
    sides = 4

    def __init__(self, size: int):
        self.size = size

    def area(self):
        return self.size**2 * WHOLE

    def turned(self):
        return -self.size


class Circle(Shape):
    def area(self):
        return 3 * self.size**2


SHAPES = {"square": "mffcn_lite.shapes:Shape", "circle": "mffcn_lite.shapes:Circle"}
""",
    "benchmarks/work.py": """
from mffcn_lite import levels
from mffcn_lite.shapes import Shape


def main():
    shape = Shape(2)
    print("begins", shape)
    if shape.area() > 9:
        raise ValueError(f"too large: {shape}")
    return levels.darker([1.0, shape.area()])
""",
}


def tree(folder, changed=None):
    """The small tree in a folder, with `changed` files."""
    for name, text in {**SMALL, **(changed or {})}.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Tree(folder)


def edited(name, *pairs):
    text = SMALL[name]
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return {name: text}


def difference(tmp_path, changed):
    """The definitions that are called changed."""
    before = stamp(tree(tmp_path / "a"), ["benchmarks.work:main"])
    return changes(before, stamp(tree(tmp_path / "b", changed), ["benchmarks.work:main"]))


def test_what_is_reached_is_followed_through_modules_classes_and_methods(tmp_path):
    found = stamp(tree(tmp_path), ["benchmarks.work:main"])
    assert list(found) == [
        "levels.HALF",
        "levels.WHOLE",
        "levels.darker",
        "shapes.Shape",
        "shapes.Shape.__init__",
        "shapes.Shape.area",
        "work.main",
    ]


LEVELS_FILE, SHAPES_FILE, WORK_FILE = SMALL


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (edited(LEVELS_FILE, ("pixel * by", "pixel + by")), ["levels.darker"]),
        (edited(LEVELS_FILE, ("0.5, 1.0", "0.6, 1.0")), ["levels.HALF"]),
        (edited(LEVELS_FILE, ("0.5, 1.0", "0.5, 1.1")), ["levels.WHOLE"]),
        (edited(LEVELS_FILE, ("by=HALF", "by=WHOLE")), ["levels.HALF", "levels.darker"]),
        (edited(LEVELS_FILE, ("math.sqrt", "math.exp")), ["levels.darker"]),
        (edited(LEVELS_FILE, ("total += pixel * by", "total += pixel * by * total")), ["levels.darker"]),
        (edited(LEVELS_FILE, ("def darker", "@staticmethod\ndef darker")), ["levels.darker"]),
        (edited(SHAPES_FILE, ("self.size**2 * WHOLE", "self.size**3 * WHOLE")), ["shapes.Shape.area"]),
        (edited(SHAPES_FILE, ("sides = 4", "sides = 5")), ["shapes.Shape"]),
        (edited(SHAPES_FILE, ("self.size = size", "self.size = size + 1")), ["shapes.Shape.__init__"]),
        (edited(WORK_FILE, ("Shape(2)", "Shape(3)")), ["work.main"]),
        (edited(WORK_FILE, ("> 9", "> 8")), ["work.main"]),
        (edited(WORK_FILE, ("raise ValueError", "raise TypeError")), ["work.main"]),
    ],
)
def test_what_computes_something_else_is_named(tmp_path, changed, named):
    found = difference(tmp_path, changed)
    assert set(found) & set(named)
    assert set(found) <= set(named)


@pytest.mark.parametrize(
    "changed",
    [
        edited(LEVELS_FILE, ('"""Less light."""', '"""More or less."""'), ("# one at a time", "# all of them")),
        edited(LEVELS_FILE, ("total", "sum_of_all"), ("pixel", "p2")),  # locals
        edited(LEVELS_FILE, ("[math.sqrt(p) for p in photo]", "[math.sqrt(pixel) for pixel in photo]")),
        edited(LEVELS_FILE, ("photo", "image"), (" by", " share"), ("(image, share", "(image, share")),  # arguments
        edited(LEVELS_FILE, ("import math", "import math as m"), ("math.sqrt", "m.sqrt")),
        edited(LEVELS_FILE, ("return LEVELS", "return LEVELS + 1")),  # reached by nothing
        edited(LEVELS_FILE, ("def darker(photo, by=HALF):", "def darker(\n    photo: list, by: float = HALF\n):")),
        edited(SHAPES_FILE, ("return -self.size", "return self.size")),  # a method that nobody calls
        edited(SHAPES_FILE, ("return 3 * self", "return 4 * self")),  # a class that nobody makes
        edited(SHAPES_FILE, ("size: int", "size: float")),
        edited(WORK_FILE, ('print("begins", shape)', 'print("starts", shape, flush=True)')),
        edited(WORK_FILE, ("too large", "larger than allowed")),
        edited(WORK_FILE, ("shape", "figure"), ("mffcn_lite.figures", "mffcn_lite.shapes")),
        edited(WORK_FILE, ("_lite import levels", "_lite.levels import darker"), ("levels.darker(", "darker(")),
        # Renamed: an argument with its calls, a constant, a function, a class, a method.
        edited(LEVELS_FILE, ("HALF", "MIDDLE")),
        edited(LEVELS_FILE, ("def darker", "def dim")) | edited(WORK_FILE, ("levels.darker", "levels.dim")),
        edited(SHAPES_FILE, ("Shape", "Form")) | edited(WORK_FILE, ("Shape", "Form")),
        edited(SHAPES_FILE, ("def area", "def surface")) | edited(WORK_FILE, (".area()", ".surface()")),
        # Moved: a module into a folder; a definition into another module.
        {"mffcn_lite/levels.py": "", "mffcn_lite/light/levels.py": SMALL[LEVELS_FILE]}
        | edited(SHAPES_FILE, ("mffcn_lite.levels", "mffcn_lite.light.levels"))
        | edited(WORK_FILE, ("from mffcn_lite import levels", "from mffcn_lite.light import levels")),
        edited(LEVELS_FILE, ("HALF, WHOLE = 0.5, 1.0", "from mffcn_lite.numbers import HALF, WHOLE"))
        | {"mffcn_lite/numbers.py": "WHOLE = 1.0\nHALF = 0.5\n"},
    ],
    ids=range(20),
)  # fmt: skip
def test_what_computes_the_same_is_not(tmp_path, changed):
    assert difference(tmp_path, changed) == []


def test_an_argument_is_renamed_with_the_calls_that_name_it(tmp_path):
    before = edited(WORK_FILE, (".area()])", ".area()], by=2)"))
    after = edited(WORK_FILE, (".area()])", ".area()], share=2)"))
    after |= edited(LEVELS_FILE, ("by=HALF", "share=HALF"), ("* by", "* share"))
    other = edited(WORK_FILE, (".area()])", ".area()], by=2, photo=3)"))  # another argument is given
    one, two, three = (
        stamp(tree(tmp_path / str(i), changed), ["benchmarks.work:main"])
        for i, changed in enumerate((before, after, other))
    )
    assert changes(one, two) == []
    assert changes(one, three) == ["work.main"]


def test_another_function_of_the_same_form_is_seen(tmp_path):
    other = edited(WORK_FILE, ("levels.darker(", "levels.lighter("))
    other |= edited(
        LEVELS_FILE, ("def unused():", "def lighter(photo, by=WHOLE):\n    return photo\n\n\ndef unused():")
    )
    assert "levels.lighter" in difference(tmp_path, other)


def test_a_table_is_followed_where_it_is_looked_up(tmp_path, monkeypatch):
    monkeypatch.setitem(TABLES, "SHAPES", "names")
    work = {
        "benchmarks/work.py": "from mffcn_lite.shapes import SHAPES\n\n\ndef main(name):\n    return SHAPES[name]\n"
    }
    found = stamp(tree(tmp_path, work), ["benchmarks.work:main"], names=["circle"])
    assert "shapes.Circle" in found
    more = edited(SHAPES_FILE, ('SHAPES = {"square"', 'SHAPES = {"star": "mffcn_lite.shapes:Shape", "square"'))
    assert stamp(tree(tmp_path, work | more), ["benchmarks.work:main"], names=["circle"]) == found
    monkeypatch.setitem(TABLES, "SHAPES", "strings")
    assert "shapes.Circle" not in stamp(tree(tmp_path, work), ["benchmarks.work:main"])
    work["benchmarks/work.py"] += '    return main("circle")\n'
    assert "shapes.Circle" in stamp(tree(tmp_path, work), ["benchmarks.work:main"])


def test_a_constant_that_is_changed_after_it_was_made_is_another(tmp_path):
    assert difference(tmp_path, edited(LEVELS_FILE, ("def darker", "HALF += 0.1\n\n\ndef darker"))) == ["levels.HALF"]
    aside = edited(LEVELS_FILE, ("def darker", "math.seed(3)\n\n\ndef darker"))
    assert difference(tmp_path, aside) == ["levels.(statements)"]


def test_an_unknown_entry_is_an_error(tmp_path):
    with pytest.raises(KeyError, match="there is no benchmarks"):
        stamp(tree(tmp_path), ["benchmarks.work:start"])


OTHERS = [Path(path) for name in ("3.12", "3.13", "3.14") if (path := shutil.which(f"python{name}"))]


def test_stamps_are_equal_on_every_python_that_is_here(tmp_path):
    """On GitHub, and where several are installed; what differs between versions is written out in `SMALL` too."""
    more = 'x = 3\n\n\ndef text(a, *, b="é", **c):\n'
    more += '    return f"{{x}} {a!r:>{x}} and {b=} {1 + 1:.2f}{{}}" "end" + f"{a}"\n'
    tree(tmp_path, {"benchmarks/work.py": more})
    code = "import sys, json; sys.path.insert(0, sys.argv[2]); from benchmarks.stamps import *; "
    code += "print(json.dumps([stamp(Tree(sys.argv[1]), ['benchmarks.work:text']), stamp(Tree(sys.argv[2]), "
    code += "['benchmarks.experiments.tables:main', 'benchmarks.experiments.folds:main'], ['mffcn', 'sparse'])]))"
    found = set()
    for python in (Path(sys.executable), *OTHERS):
        done = subprocess.run([python, "-c", code, tmp_path, ROOT], capture_output=True, text=True)
        if done.returncode == 0 or python == Path(sys.executable):  # a shim of a version that is not installed fails
            found.add(done.stdout)
    assert len(found) == 1
    assert len(json.loads(found.pop())[1]) > 200


# ------------------------------------------------------------------------------------------------ mutations

ALL = set(EXPERIMENTS)
NETWORKS = ("mffcn", "srcnn", "nie", "fsrcnn")
NET_TRIALS = {f"trials_{name}" for name in NETWORKS}
PATCH_TRIALS = {f"trials_{name}" for name in ("example", "sparse", "forest")}
NET_WEIGHTS = {f"weights/{name}" for name in NETWORKS}
FITTED = {f"weights/{name}" for name in ("wiener", "example", "sparse", "forest")}
FULL = {"weights/mffcn-full"}
GOALS = {f"speed_goals_{name}" for name in NETWORKS}
LENGTHS = {f"speed_lengths_{name}" for name in NETWORKS}
SEARCH = {f"speed_trials_{name}" for name in NETWORKS} | LENGTHS
RACES = {f"speedrun_{name}" for name in NETWORKS}
TRAINED = NET_TRIALS | NET_WEIGHTS | FULL | GOALS | SEARCH | RACES
TRAINED |= {"ablations", "paper_recipe", "larger", "loss_arms", "starts", "srcnn_at_2", "folds", "leak", "recognition"}
PLANE = {"objective_map", "objective", "darkening"}
SCALE = {"portraits", "lfw", "noise", "more_people", "transfer", "upper_bound"}
TRAINED |= PLANE | SCALE | {"speed_limits", "bench_training", "bench_training_gpu", "bench_sharing"}
MEASURED = {"tables", "distortion", "off_protocol", "systems", "seen_and_guessed", "failure", "restored"}
TABLED = NET_WEIGHTS | FITTED | FULL | {"tables", "systems", "larger", "folds", "leak"}  # by `evaluate`
KINDS = ("trials_", "weights/", "speed_goals_", "speed_trials_", "speed_lengths_", "speedrun_")
SRCNN = {f"{kind}{name}" for kind in KINDS for name in ("srcnn", "nie")}
SRCNN |= MEASURED | PLANE - {"darkening"}
SRCNN |= {"ablations", "paper_recipe", "srcnn_at_2", "folds", "recognition", "bench_training", "bench_training_gpu"}
MFFCN = {f"{kind}mffcn" for kind in KINDS} | FULL | MEASURED | PLANE
MFFCN |= {"speed_limits", "ablations", "paper_recipe", "larger", "loss_arms", "starts", "folds", "leak", "recognition"}
MFFCN |= {"bench_fusing", "bench_training", "bench_training_gpu", "bench_sharing"}
INTERVALS = TABLED | MEASURED | {"forensics", "recognition", "objective"}
RUNS = NET_WEIGHTS | GOALS | {"larger", "bench_training", "bench_training_gpu"}  # trained by `run_training`
OBJECTIVE = FULL | PLANE | {"loss_arms", "costs"}
PATCHES = PATCH_TRIALS | {f"weights/{name}" for name in ("example", "sparse", "forest")} | MEASURED | {"leak"}

# (file, what is there, what stands there instead, the results that use it themselves)
MUTATIONS = [
    ("mffcn_lite/data/faceset.py", "/ 255", "/ 128",
     ALL - {"bench_fusing", "yardstick", "speedrun"}),
    ("mffcn_lite/data/splits.py", "test_fraction=1 / 8", "test_fraction=1 / 4",
     TRAINED - {"folds", "recognition"} | PATCH_TRIALS | FITTED),
    ("mffcn_lite/training/recording.py", ".clamp(0, 1) for factor in config.factors}",
     ".mul(0.9) for factor in config.factors}",
     NET_TRIALS | SEARCH | RACES | PATCH_TRIALS | RUNS | {"speed_limits", "ablations", "paper_recipe", "starts"}),
    ("benchmarks/experiments/ablations.py", "steps=2000", "steps=20", {"ablations", "leak", "recognition"}),
    ("benchmarks/experiments/ablations.py", '"width": 27', '"width": 26', {"ablations"}),
    ("mffcn_lite/statistics.py", "0.5 + confidence / 2", "0.5 + confidence / 3", INTERVALS),
    ("mffcn_lite/statistics.py", 'method="BCa"', 'method="percentile"',
     {"tables", "distortion", "larger", "folds", "leak", "seen_and_guessed", "failure"}),
    ("mffcn_lite/statistics.py", "1e-9", "1e-6",
     {"tables", "distortion", "larger", "folds", "leak", "seen_and_guessed", "off_protocol", "recognition"}),
    ("mffcn_lite/training/config.py", "math.pi * done", "math.pi * 2 * done", TRAINED),
    ("mffcn_lite/training/config.py", "lr: float = 1e-4", "lr: float = 2e-4", TRAINED | PATCH_TRIALS),
    ("mffcn_lite/training/config.py", "steps=40_000", "steps=20_000",
     RUNS - NET_WEIGHTS | RACES | {"paper_recipe", "srcnn_at_2", "folds", "bench_sharing"}),
    ("mffcn_lite/training/config.py", "steps=8000", "steps=800",
     NET_TRIALS | SEARCH | RUNS | RACES | PLANE
     | {"speed_limits", "srcnn_at_2", "folds", "bench_sharing"}),
    ("mffcn_lite/training/loop.py", "clip_grad_norm_(model", "clip_grad_value_(model", TRAINED),
    ("mffcn_lite/training/sampling.py", "generator=generator) < 0.5", "generator=generator) < 0.4", TRAINED),
    ("mffcn_lite/metrics/error.py", "10 * torch.log10(float", "20 * torch.log10(float",
     TABLED | MEASURED | NET_TRIALS | SEARCH | RACES | PATCH_TRIALS | RUNS
     | PLANE | {"speed_limits", "ablations", "paper_recipe", "starts", "srcnn_at_2", "loss_arms", "bench_metrics"}),
    ("mffcn_lite/metrics/similarity.py", "similarity.mean((1, 2, 3))", "similarity.amax((1, 2, 3))",
     TABLED | PLANE | {"distortion", "loss_arms", "forensics", "bench_metrics"}),
    ("mffcn_lite/metrics/lpips.py", "+ 1e-10", "+ 1e-5", PLANE | {"distortion", "loss_arms"}),
    ("mffcn_lite/metrics/detail.py", "energies[0] / energies[1]", "energies[1] / energies[0]",
     {"distortion", "loss_arms"}),
    ("mffcn_lite/metrics/parts.py", "/ square.sum((1, 2))", "/ square.mean((1, 2))", {"failure"}),
    ("mffcn_lite/losses/terms.py", "return 0.5 * l2_loss", "return 0.6 * l2_loss",
     {f"{kind}nie" for kind in KINDS}),
    ("mffcn_lite/losses/terms.py", "rows @ (rows / by)", "rows @ (rows * by)", OBJECTIVE),
    ("mffcn_lite/losses/objective.py", "Term(0.0001, False", "Term(0.001, False", OBJECTIVE),
    ("mffcn_lite/features.py", "0.485", "0.5", OBJECTIVE),
    ("mffcn_lite/models/srcnn.py", "return blurred + out if", "return blurred - out if", SRCNN),
    ("mffcn_lite/models/fsrcnn.py", "if f >= wanted", "if f > wanted",
     {f"{kind}fsrcnn" for kind in KINDS} | {"bench_training", "bench_training_gpu"} | MEASURED),
    ("mffcn_lite/models/mff.py", "FEW = ", "FEW = 1 + ", MFFCN),
    ("mffcn_lite/models/mffcn.py", '"conv3": 3', '"conv3": 7', MFFCN),
    ("mffcn_lite/models/wiener.py", "RIDGE = 1e-7", "RIDGE = 1e-6",
     FITTED | {"larger", "srcnn_at_2", "folds", "leak", "recognition", "portraits", "lfw"}),
    ("mffcn_lite/models/example.py", "DARKEST = ", "DARKEST = 1 + ",
     {"trials_example", "weights/example", "leak"} | MEASURED),
    ("mffcn_lite/models/sparse.py", "FLAT = ", "FLAT = 1 + ", {"trials_sparse", "weights/sparse"}),
    ("mffcn_lite/models/patches.py", "AROUND = ", "AROUND = 1 + ", PATCHES),
    ("mffcn_lite/models/interpolation.py", 'name = "lanczos"', 'name = "bicubic"', MEASURED - {"off_protocol"}),
    ("mffcn_lite/models/cost.py", "get_total_flops() // 2", "get_total_flops()",
     {"ablations", "larger", "systems", "bench_fusing"}),
    ("mffcn_lite/degrade.py", "BICUBIC_A = -0.5", "BICUBIC_A = -0.75", ALL - {"bench_prepare", "speedrun"}),
    ("mffcn_lite/degrade.py", "torch.sinc(x / 3)", "torch.sinc(x / 2)",
     MEASURED - {"off_protocol"} | {"forensics", "protocols"}),
    ("mffcn_lite/disturb.py", "quality", "subsampling", {"off_protocol"}),
    ("mffcn_lite/recognition.py", "def equal_error_rate(", "@staticmethod\ndef equal_error_rate(", {"recognition"}),
    ("mffcn_lite/data/prepare/feret.py", "CARD = ", "CARD = None or ", {"bench_prepare"}),
    ("mffcn_lite/evaluation.py", "log10()", "log2()", TABLED),
    ("benchmarks/experiments/recipe_trials.py", "RATES = (1e-3,", "RATES = (2e-3,", NET_TRIALS),
    ("benchmarks/experiments/recipe_trials.py", 'beta1=0.9,', "beta1=0.8,",
     NET_TRIALS | SEARCH | {"ablations", "loss_arms", "starts", "leak", "recognition"}),
    ("benchmarks/experiments/recipe_trials.py", "/ len(trial", "* len(trial",
     NET_TRIALS | NET_WEIGHTS | GOALS | SEARCH - LENGTHS | RACES | PLANE
     | {"speed_limits", "ablations", "paper_recipe", "loss_arms", "folds"}
     | {f"weights/{name}" for name in ("example", "sparse", "forest", "wiener")}),
    ("benchmarks/experiments/speed_trials.py", '"muon": (2.5e-3,', '"muon": (1e-3,', SEARCH),
    ("benchmarks/experiments/patch_trials.py", '{"atoms": 256}', '{"atoms": 250}', {"trials_sparse"}),
    ("benchmarks/experiments/tables.py", '(2, 3, 4), ("psnr", "ssim")', '(2, 3, 4), ("ssim", "psnr")',
     {"tables", "larger", "folds"}),
    ("benchmarks/experiments/loss_arms.py", '"balanced, all": ("vgg16-imagenet", {', '"balanced, all": ("random", {',
     {"loss_arms"}),
    ("benchmarks/helpers/protocols.py", "SLACK, REACH = 1.0, 2.0", "SLACK, REACH = 1.0, 2.5",
     {"forensics", "protocols"}),
    ("benchmarks/helpers/timing.py", "for _ in range(repeats)", "for _ in range(repeats + 1)",
     {"folds", "bench_fusing", "bench_metrics", "costs", "bench_prepare", "bench_training", "bench_training_gpu"}),
    ("benchmarks/experiments/folds.py", '"folds", 5, 8000', '"folds", 5, 800', {"folds"}),
]  # fmt: skip
HARMLESS = [
    ("mffcn_lite/training/loop.py", "restore", "bring_back"),  # a local
    ("mffcn_lite/training/loop.py", '"""Algorithm 1', '"""The first algorithm'),
    ("mffcn_lite/exercises/chapter_15.py", "steps", "strides"),
    ("mffcn_lite/data/__init__.py", "no set of faces", "no photos"),
]


def followers(names):
    """The same, and all that is made from them."""
    found = set(names)
    for name, experiment in EXPERIMENTS.items():  # in an order in which needs come first
        if found & set(experiment.needs):
            found.add(name)
    return found


@pytest.fixture(scope="module")
def ledger():
    return Ledger()


def with_text(tree, file, text):
    """The tree in which a file holds another text."""
    other, name = Tree(ROOT), module_name(Path(file))
    other.modules = {**tree.modules, name: Module.parse(name, text)}
    return other


def called(ledger, file, text):
    """The results whose stamps differ where a file holds another text."""
    other = with_text(ledger.tree, file, text)
    found = {}
    for one, experiment in EXPERIMENTS.items():
        if different := changes(ledger.stamp(one)["definitions"], experiment.definitions(other)):
            found[one] = different
    return found


def check_mutation(ledger, file, old, new, expected):
    text = (ROOT / file).read_text(encoding="utf-8")
    assert old in text
    found = called(ledger, file, text.replace(old, new))
    assert set(found) == expected
    assert len({name for names in found.values() for name in names}) == 1  # one definition is named, wherever it counts


@pytest.mark.parametrize("mutation", MUTATIONS[::9], ids=lambda m: f"{Path(m[0]).stem}: {m[1]}")
def test_a_mutation_is_seen_by_the_results_that_use_it_alone(mutation, ledger):
    check_mutation(ledger, *mutation)


@pytest.mark.release
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: f"{Path(m[0]).stem}: {m[1]}")
def test_every_mutation_is(mutation, ledger):
    check_mutation(ledger, *mutation)


@pytest.mark.parametrize("change", HARMLESS, ids=lambda m: f"{Path(m[0]).stem}: {m[1]}")
def test_what_computes_nothing_is_seen_by_none(change, ledger):
    file, old, new = change
    text = (ROOT / file).read_text(encoding="utf-8")
    assert old in text
    assert called(ledger, file, re.sub(rf"\b{old}\b", new, text)) == {}


def test_the_command_says_it_in_a_copy_without_any_set_up(tmp_path):
    for folder in ("mffcn_lite", "benchmarks"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "mffcn_lite" / "metrics" / "lpips.py"
    path.write_text(path.read_text(encoding="utf-8").replace("+ 1e-10", "+ 1e-5"), encoding="utf-8")
    trials = tmp_path / "mffcn_lite" / "results" / "trials_forest.json"
    content = json.loads(trials.read_text(encoding="utf-8"))
    content["trials"].reverse()
    trials.write_text(json.dumps(content), encoding="utf-8")
    command = [sys.executable, "-S", "-m", "benchmarks", "list", "--check", "--json", "states.json"]  # no site-packages
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert list(lines) == list(EXPERIMENTS)
    assert lines["loss_arms"] == "out of date: metrics.LPIPS._apart changed"
    states = json.loads((tmp_path / "states.json").read_text())
    waiting = set(read(WAITING))
    wanted = followers({"loss_arms", "distortion", "trials_forest"}) | waiting
    assert {name for name, one in states.items() if one["state"] != "up to date"} == wanted
    assert states["weights/forest"]["changed"] == ["trials_forest.json"]
    assert all("(waits: " in lines[name] for name in waiting)
    assert states["trials_forest"]["state"] == "out of date"


CHAPTERS = [
    ("mffcn_lite/exercises/chapter_15.py", 'return "', 'return "So: ', {"15-training"}),
    ("mffcn_lite/metrics/lpips.py", "+ 1e-10", "+ 1e-5", {"14-balance"}),
    (
        "mffcn_lite/exercises/__init__.py",
        'None, "not attempted yet"',
        'None, "not yet"',
        None,
    ),  # all that have exercises
    ("mffcn_lite/data/prepare/feret.py", "CARD = ", "CARD = None or ", set()),
]


@pytest.fixture(scope="module")
def chapters():
    """Each chapter's text and its stamp."""
    texts = {path.stem: make_chapters.read_text(path.stem) for path in (make_chapters.BOOK / "text").glob("*.md")}
    return {name: (text, make_chapters.stamp_of(name, text)) for name, text in texts.items()}


def test_every_chapter_was_executed_with_the_code_of_now(chapters):
    for name, (_, wanted) in chapters.items():
        notebook = json.loads((make_chapters.BOOK / "chapters" / f"{name}.ipynb").read_text(encoding="utf-8"))
        assert notebook["metadata"]["mffcn_lite"] == {"stamp": wanted}, f"{name}: run make chapters"


@pytest.mark.parametrize(("file", "old", "new", "expected"), CHAPTERS, ids=[Path(one[0]).stem for one in CHAPTERS])
def test_a_change_concerns_the_chapters_that_use_it(file, old, new, expected, chapters, monkeypatch):
    text = (ROOT / file).read_text(encoding="utf-8")
    assert old in text
    monkeypatch.setattr(make_chapters, "TREE", with_text(make_chapters.TREE, file, text.replace(old, new, 1)))
    found = {name for name, (text, stamp) in chapters.items() if make_chapters.stamp_of(name, text) != stamp}
    assert found == ({name for name in chapters if name[0].isdigit()} if expected is None else expected)


# ------------------------------------------------------------------------------------------------ the tree as it is


def test_every_result_has_its_experiment_and_is_up_to_date(ledger):
    stored = {path.stem for path in (ROOT / "mffcn_lite" / "results").glob("*.json")}
    waiting = read(WAITING)
    assert stored | set(waiting) <= set(EXPERIMENTS)
    for name, experiment in EXPERIMENTS.items():
        assert set(experiment.needs) <= set(EXPERIMENTS), name
        line = ledger.line(name)
        if name in waiting:
            assert line != "up to date", f"{name} waits no more: take it out of benchmarks/waiting.json"
        else:
            assert line == "up to date", f'{name}: {line}; run: make results-restamp, or make results ONLY="{name}"'


def test_needs_come_first():
    seen = set()
    for name, experiment in EXPERIMENTS.items():
        assert set(experiment.needs) <= seen, name
        seen.add(name)


QUICK_PROBES = ["trials_forest", "bench_fusing", "tables"]
SLOW_PROBES = [name for name in EXPERIMENTS if name not in (*QUICK_PROBES, *read(WAITING))]


def check_probe(ledger, name):
    """A probe runs, gives its stored bits on the stored processor, and executes nothing that was not reached.

    What waits to be made anew may have other bits by now.
    """
    from benchmarks.probes import machine

    found, stored = in_a_process(name), ledger.stored(name)["probe"]
    if found["machine"] == stored["machine"] and name not in read(WAITING):
        assert found["digest"] == stored["digest"]
    executed = {tuple(key) for key in found["executed"]} - {(f"benchmarks.{EXPERIMENTS[name].module}", "probe")}
    assert executed - set(EXPERIMENTS[name].walk(ledger.tree).reached) == set()
    assert machine()["torch"] == found["machine"]["torch"]


@pytest.mark.parametrize("name", QUICK_PROBES)
def test_what_a_probe_executes_was_reached(ledger, name):
    check_probe(ledger, name)


@pytest.mark.release
@pytest.mark.parametrize("name", SLOW_PROBES)
def test_what_every_probe_executes_was_reached(ledger, name):
    check_probe(ledger, name)


def test_the_values_of_constants_and_of_classes_fields_are_known():
    keys = [("mffcn_lite.training.config", name) for name in ("TrainingConfig", "RECIPES", "learning_rate")]
    assert list(values(keys)) == keys[:2]
    assert values([("mffcn_lite.degrade", "KERNEL_NAMES")])["mffcn_lite.degrade", "KERNEL_NAMES"][1]  # words alone
