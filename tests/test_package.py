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

from mffcn_lite.evaluation import load_results

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "mffcn_lite"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def copy_sources(folder):
    """Built from a copy: setuptools leaves a build folder, and would put what lies in an old one into the wheel."""
    shutil.copytree(PACKAGE, folder / "mffcn_lite")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
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
    wanted = [path for pattern in ("*.py", "*.json", "*.safetensors") for path in PACKAGE.rglob(pattern)]
    assert len(wanted) > 20
    assert {str(path.relative_to(ROOT)) for path in wanted} <= wheel


@pytest.mark.slow
def test_the_wheel_holds_neither_solutions_nor_tests(wheel):
    assert not [name for name in wheel if "solution" in name or "test" in name]


@pytest.mark.slow
@pytest.mark.parametrize("where", ["own", "data"])
def test_packaging_refuses_weights_whose_photos_may_not_be_passed_on(tmp_path, where):
    command = copy_sources(tmp_path)
    path = tmp_path / "mffcn_lite" / "weights" / "example.json"
    mark = {"redistribution": "may not be redistributed"}
    path.write_text(json.dumps(json.loads(path.read_text()) | (mark if where == "own" else {"data_card": mark})))
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert "weights/example.json: its training photos may not be redistributed" in done.stdout + done.stderr
    assert not list((tmp_path / "out").glob("*.whl"))


def test_every_import_is_declared():
    extras = PROJECT["optional-dependencies"]["notebook"]
    declared = {re.match(r"[\w-]+", text)[0].lower() for text in [*PROJECT["dependencies"], *extras]}
    names = {"PIL": "pillow", "sklearn": "scikit-learn"}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module] if isinstance(node, ast.ImportFrom) else []
            for module in modules:
                top = module.split(".")[0]
                if top != "mffcn_lite" and top not in sys.stdlib_module_names:
                    assert names.get(top, top).lower() in declared, f"{path.name} imports {top}"


def test_imports_go_one_way():
    order = "errors files arguments shipped data degrade disturb models features losses metrics statistics environment "
    order += "processes sampling training memory checkpoint states recording runs evaluation recognition pictures "
    order += "export plotting widgets exercises progress cli"
    rank = {name: i for i, name in enumerate(order.split())}
    for path in PACKAGE.rglob("*.py"):
        mine = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if mine == "__init__":
            continue
        for module in re.findall(r"(?:from|import) mffcn_lite\.(\w+)", path.read_text(encoding="utf-8")):
            assert rank[module] <= rank[mine], f"{path.name} imports {module}"


def test_the_readme_names_every_module():
    layout = (ROOT / "README.md").read_text(encoding="utf-8").split("## How the code is laid out")[1]
    for path in PACKAGE.iterdir():
        if path.suffix == ".py" and path.stem != "__init__":
            assert f"`{path.name}`" in layout, path.name
    for folder in ("data", "losses", "metrics", "models"):
        assert f"`{folder}/`" in layout
        for path in (PACKAGE / folder).glob("[a-z]*.py"):
            assert f"`{path.stem}`" in layout, path.name


def test_the_readme_shows_the_measured_tables():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = {(row["model"], row["factor"]): row for row in load_results("systems")["results"]}
    for model in dict.fromkeys(name for name, _ in rows):
        psnr = " | ".join(f"{rows[model, factor]['psnr']:.2f}" for factor in (2, 3, 4))
        ssim = " | ".join(f"{rows[model, factor]['ssim']:.4f}" for factor in (2, 3, 4))
        assert f"| {model} | {psnr} | {ssim} |" in readme
    alone = load_results("srcnn_at_2")
    gain = alone["trials"][1]["psnr"] - alone["wiener, a filter for factor 2"]["psnr"]
    assert alone["trials"][1]["what"] == "factor 2 alone"
    assert f"SRCNN gains {gain:+.2f} dB over the filter" in readme
    for name, model in (("SRCNN", "srcnn"), ("MFFCN", "mffcn")):
        gains = "/".join(f"{rows[model, factor]['gain_over_wiener']:+.2f}" for factor in (2, 3, 4)).replace("-", "−")
        assert re.search(rf"{name}( gains)? {re.escape(gains)} dB", readme)
