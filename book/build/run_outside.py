"""Run chapters as a reader in Colab does: outside the repository, where torch is and this package is not.

python -m book.build.run_outside                       every chapter; needs a wheel: make dist
python -m book.build.run_outside 02-interpolation      this one alone

The install cell of each chapter installs the wheel into an environment of its own, in a folder of its own; then all
other cells run there. Libraries are those of this environment, which the cell must leave as they are.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
CHAPTERS, DIST = ROOT / "book" / "chapters", ROOT / "dist"
HERE = next(Path(path) for path in sys.path if path.endswith(("site-packages", "dist-packages")))


def find_wheel() -> Path:
    """The one wheel in dist.

    Raises:
        SystemExit: if there is none, or more than one.
    """
    wheels = list(DIST.glob("*.whl"))
    if len(wheels) != 1:
        sys.exit(f"{DIST} holds {len(wheels)} wheels; run: make dist")
    return wheels[0]


def make_environment(folder: Path) -> Path:
    """A virtual environment that sees the libraries of this one, and not the package; its Python."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    (own,) = folder.glob("lib/python3.*/site-packages")
    # A line of a .pth file adds a folder without that folder's own .pth files, by which the package is found here.
    (own / "libraries.pth").write_text(f"{HERE}\n", encoding="utf-8")
    missing = "import importlib.util, sys; sys.exit(importlib.util.find_spec('mffcn_lite') is not None)"
    subprocess.run([python, "-c", missing], check=True, cwd=folder)
    specification = folder / "share" / "jupyter" / "kernels" / "outside"
    specification.mkdir(parents=True)
    (specification / "kernel.json").write_text(
        f'{{"argv": ["{python}", "-m", "ipykernel_launcher", "-f", "{{connection_file}}"], '
        '"display_name": "outside", "language": "python"}',
        encoding="utf-8",
    )
    return python


def replaced(python: Path) -> list[str]:
    """What was installed into an environment although its libraries had it already: nothing may be."""
    (own,) = python.parents[1].glob("lib/python3.*/site-packages")
    names, there = ({path.name.split("-")[0] for path in site.glob("*.dist-info")} for site in (own, HERE))
    return sorted((names & there) - {"pip", "setuptools", "mffcn_lite"})


def run(name: str, wheel: Path) -> None:
    """Run one chapter in an environment and a folder that hold nothing of this repository.

    Raises:
        SystemExit: if the install cell touched more than the package: torch, which is there, stays as it is.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder, start = Path(temporary), time.perf_counter()
        python = make_environment(folder / "environment")
        work = folder / "work"
        work.mkdir()
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        environment["MFFCN_LITE_SOURCE"] = wheel.as_uri()
        environment["PATH"] = f"{python.parent}{os.pathsep}{environment['PATH']}"
        os.environ["JUPYTER_PATH"] = str(folder / "environment" / "share" / "jupyter")  # where the kernel is looked up
        notebook = nbformat.read(CHAPTERS / f"{name}.ipynb", as_version=4)
        options = {
            "timeout": 600,
            "startup_timeout": 600,
            "kernel_name": "outside",
            "resources": {"metadata": {"path": str(work)}},
        }
        NotebookClient(notebook, **options).execute(env=environment)
        if more := replaced(python):
            sys.exit(f"{name}: the install cell replaced what was there: {', '.join(more)}")
        print(f"{name}: ran in {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    chapters = sys.argv[1:] or sorted(path.stem for path in CHAPTERS.glob("*.ipynb"))
    wheel = find_wheel()
    for chapter in chapters:
        run(chapter, wheel)
