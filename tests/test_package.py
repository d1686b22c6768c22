"""The package as it is installed: the wheel is complete, and needs nothing that it does not declare."""

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from mffcn_lite.data import SETS
from mffcn_lite.data.orl import PIXEL_HASH
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.evaluation import load_results
from mffcn_lite.shipped import MAY_TRAVEL, SYSTEMS, check_may_travel, shipped_models, title

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "mffcn_lite"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def copy_sources(folder):
    """Built from a copy: setuptools leaves a build folder, and would put what lies in an old one into the wheel."""
    shutil.copytree(PACKAGE, folder / "mffcn_lite")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, folder)
    return [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", folder / "out", folder]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(copy_sources(folder), check=True, capture_output=True)
    (path,) = (folder / "out").glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


@pytest.mark.slow
def test_the_wheel_holds_every_module_weight_and_result(wheel):
    patterns = ("*.py", "*.json", "*.safetensors", "*.csv", "py.typed")
    wanted = [path for pattern in patterns for path in PACKAGE.rglob(pattern)]
    assert len(wanted) > 20
    assert {str(path.relative_to(ROOT)) for path in wanted} <= wheel


@pytest.mark.slow
def test_the_wheel_says_what_is_under_which_licence(wheel):
    assert {Path(name).name for name in wheel if "/licenses/" in name} == {"LICENSE", "NOTICE"}


@pytest.mark.slow
def test_the_wheel_holds_neither_solutions_nor_tests(wheel):
    assert not [name for name in wheel if "solution" in name or "test" in name]


@pytest.mark.slow
@pytest.mark.parametrize("where", ["of a restricted set", "of another set", "without a card"])
def test_packaging_refuses_weights_that_may_not_be_passed_on(tmp_path, where):
    command = copy_sources(tmp_path)
    path = tmp_path / "mffcn_lite" / "weights" / "example.json"
    card = json.loads(path.read_text())
    if where == "without a card":
        path.unlink()
    elif where == "of another set":
        path.write_text(json.dumps(card | {"data_card": card["data_card"] | {"pixel_hash": "0" * 64}}))
    else:
        path.write_text(json.dumps(card | {"redistribution": "may not be redistributed"}))
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert "weights/example.json" in done.stdout + done.stderr
    assert not list((tmp_path / "out").glob("*.whl"))


def test_a_network_of_portraits_may_travel_and_one_of_anything_else_may_not():
    """By hash, whatever the card calls the set."""
    digest = next(key for key, name in MAY_TRAVEL.items() if name == "portraits")
    terms = {"source": "official portraits", "licence": "public domain", "credit": "GPO"}
    card = {"data": "../data/portraits", "data_hash": digest, "data_card": terms | {"images_sha256": digest}}
    check_may_travel("mffcn-portraits", card)
    for wrong, said in (
        (card | {"data_hash": "f" * 64}, "none of orl, portraits"),
        (card | {"data_hash": None, "data_card": terms}, "none of orl, portraits"),
        (card | {"data_card": card["data_card"] | {"redistribution": "are not ours"}}, "are not ours"),
        (card | {"data_card": card["data_card"] | {"licence": ""}}, "states no licence"),
    ):
        with pytest.raises(MffcnLiteError, match=f"mffcn-portraits may not be passed on: .*{said}"):
            check_may_travel("mffcn-portraits", wrong)


def test_every_shipped_network_may_travel():
    for name, card in shipped_models().items():
        check_may_travel(name, card)
    assert PIXEL_HASH in MAY_TRAVEL


def test_every_import_is_declared():
    extras = [*PROJECT["optional-dependencies"]["notebook"], *PROJECT["optional-dependencies"]["detect"]]
    declared = {re.match(r"[\w-]+", text)[0].lower() for text in [*PROJECT["dependencies"], *extras]}
    names = {"PIL": "pillow", "sklearn": "scikit-learn", "dlib": "dlib-bin"}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module] if isinstance(node, ast.ImportFrom) else []
            for module in modules:
                top = module.split(".")[0]
                if top != "mffcn_lite" and top not in sys.stdlib_module_names:
                    assert names.get(top, top).lower() in declared, f"{path.name} imports {top}"


# Each module imports only from what stands before it, here and below; a folder's `__init__` comes after all of it.
ORDER = {
    "": "errors files arguments shipped progress provenance device context profile picturefiles data degrade disturb "
    "models features losses metrics statistics checkpoint training evaluation recognition enlarging pictures "
    "picturefolders comparing export plotting widgets exercises prepare_report cli prepare_commands",
    "data": "faceset prepare orl lfw splits",
    "data.prepare": "warping alignment sources photo journal prepared ground_truth feret folder lfw portraits "
    "downloads eye_detector preparing sheet",
    "picturefiles": "formats deep colour png decoding",
    "models": "base cost interpolation wiener reconstruction convex patches example sparse forest "
    "srcnn fsrcnn mff mffcn",
    "losses": "terms objective",
    "metrics": "error similarity lpips detail parts",
    "training": "config processes sampling optimizers loop memory states recording runs",
}
FOLDERS = [folder for folder in ORDER if folder]


def imported(path):
    """The modules of the package that a file imports, such as ("training", "loop")."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "mffcn_lite":
            module = node.module.split(".")[1:]
            for alias in node.names:
                place = PACKAGE.joinpath(*module, alias.name)
                is_module = place.is_dir() or place.with_suffix(".py").is_file()
                yield (*module, alias.name) if is_module else tuple(module)


def test_imports_go_one_way():
    for path in PACKAGE.rglob("*.py"):
        mine = path.relative_to(PACKAGE).with_suffix("").parts
        for theirs in imported(path):
            depth = next((i for i, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b), len(theirs))
            folder = ".".join(mine[:depth])
            if mine[depth] != "__init__" and folder in ORDER:  # the chapters' exercises have none
                order, what = ORDER[folder].split(), f"{'/'.join(mine)} imports {'.'.join(theirs)}"
                rank = {name: i for i, name in enumerate(order)}
                assert len(theirs) > depth, f"{what}, its own folder"
                # A system or a set of photos that was added comes last, and nothing imports it.
                assert rank[theirs[depth]] < rank.get(mine[depth], len(order)), what


def test_the_readme_names_every_module():
    """But for those that a table names: a system or a set of photos is added by its file and a line there."""
    listed = {address.partition(":")[0] for address in (*SYSTEMS.values(), *SETS.values())}
    layout = (ROOT / "README.md").read_text(encoding="utf-8").split("## How the code is laid out")[1]
    for path in PACKAGE.iterdir():
        if path.suffix == ".py" and path.stem != "__init__":
            assert f"`{path.name}`" in layout, path.name
    for folder in FOLDERS:
        assert f"`{folder.replace('.', '/')}/`" in layout
        for path in PACKAGE.joinpath(*folder.split(".")).glob("[a-z]*.py"):
            if f"mffcn_lite.{folder}.{path.stem}" not in listed:
                assert f"`{path.stem}`" in layout, path.name


def test_the_readme_shows_the_measured_tables():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    printed = [row for row in load_results("tables")["results"] if row["model"] == "mffcn-full"]
    rows = {(row["model"], row["factor"]): row for row in (*load_results("systems")["results"], *printed)}
    for model in dict.fromkeys(name for name, _ in rows):
        psnr = " | ".join(f"{rows[model, factor]['psnr']:.2f}" for factor in (2, 3, 4))
        ssim = " | ".join(f"{rows[model, factor]['ssim']:.4f}" for factor in (2, 3, 4))
        assert f"| {title(model)} | `{model}` | {psnr} | {ssim} |" in readme
    alone = load_results("srcnn_at_2")
    gain = alone["trials"][1]["psnr"] - alone["wiener, a filter for factor 2"]["psnr"]
    assert alone["trials"][1]["what"] == "factor 2 alone"
    assert f"SRCNN gains {gain:+.2f} dB over the filter" in readme
    for name, model in (("SRCNN", "srcnn"), ("MFFCN", "mffcn")):
        gains = "/".join(f"{rows[model, factor]['gain_over_wiener']:+.2f}" for factor in (2, 3, 4)).replace("-", "−")
        assert re.search(rf"{name}( gains)? {re.escape(gains)} dB", readme)
