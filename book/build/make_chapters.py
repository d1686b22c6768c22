"""Make the notebooks that readers open, `book/chapters`, from the text that people edit, `book/text`.

python -m book.build.make_chapters                 executes each chapter whose text, or whose package, changed
python -m book.build.make_chapters 07-srcnn        executes this one alone
python -m book.build.make_chapters --check         changes nothing; fails where a pair is out of step
"""

import copy
import json
import os
import re
import sys
import time
import tomllib
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

from benchmarks.stamps import Module, Tree, Walk
from benchmarks.table import digest_of, numbers, read

BOOK = Path(__file__).parents[1]
ROOT = BOOK.parent
TREE = Tree(ROOT)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ADDRESS, VERSION = PROJECT["urls"]["Repository"], PROJECT["version"]
COLAB = f"https://colab.research.google.com/{ADDRESS.removeprefix('https://').replace('github.com', 'github')}"
INSTALL = f"""
import importlib.util
import os

if importlib.util.find_spec("mffcn_lite") is None:  # in Colab; elsewhere it is installed already
    home, version = "{ADDRESS}", "{VERSION}"
    wheel = f"{{home}}/releases/download/v{{version}}/mffcn_lite-{{version}}-py3-none-any.whl"
    for source in (os.environ.get("MFFCN_LITE_SOURCE", wheel), f"git+{{home}}@v{{version}}"):
        %pip install -qqq "mffcn-lite[notebook] @ {{source}}"
        importlib.invalidate_caches()
        if importlib.util.find_spec("mffcn_lite") is not None:
            break
    else:
        raise SystemExit(f"{{home}} cannot be reached: take the zip of all notebooks, and begin with its README.md")
""".strip()
SAY = "from mffcn_lite.profile import say_device\n\nsay_device()"


def badge(name: str) -> str:
    """The badge that opens a chapter in Colab."""
    return f"[![Open in Colab](../_static/colab-badge.svg)]({COLAB}/blob/main/book/chapters/{name}.ipynb)"


def stamp_of(name: str, text: nbformat.NotebookNode) -> str:
    """A hash of what a chapter's outputs depend on: each definition that its cells reach, the results and the weights.

    The cells are followed as an experiment is (benchmarks/stamps), but what is printed counts too. Of the results
    and the shipped systems those count whose names are found on the way; all systems where the cells ask for the list.
    """
    cells = "\n".join(cell.source for cell in text.cells if cell.cell_type == "code")
    module = Module.parse(f"book.chapters.{name}", re.sub(r"^( *)%.*", r"\1pass", cells, flags=re.MULTILINE))
    TREE.modules[module.name] = module
    walk = Walk(TREE, tuple((module.name, one) for one in (*module.definitions, "(statements)")), text=True)
    lists = "list_models" in cells or "shipped_" in cells
    found = {}
    for path in sorted((ROOT / "mffcn_lite").glob("[rw]e*/*.json")):
        if path.stem in walk.strings or (lists and path.parent.name == "weights"):
            found[path.stem] = numbers(read(path))
    return digest_of([sorted(walk.stamp().values()), found])


def read_text(name: str) -> nbformat.NotebookNode:
    """The chapter's text as a notebook without outputs, its cells numbered so that nothing is random.

    Raises:
        SystemExit: if the badge or the install cell is not the one of the repository's address.
    """
    notebook = jupytext.read(BOOK / "text" / f"{name}.md")
    sources = [cell.source for cell in notebook.cells]
    for what, wanted in (("badge", badge(name)), ("install cell", INSTALL), ("last lines of the install cell", SAY)):
        if not any(wanted in source for source in sources):
            sys.exit(f"book/text/{name}.md lacks the {what} that follows from the address in pyproject.toml:\n{wanted}")
    for i, cell in enumerate(notebook.cells):
        cell.id = f"cell-{i:03d}"
    notebook.metadata.pop("jupytext", None)
    return notebook


def in_step(text: nbformat.NotebookNode, stored: nbformat.NotebookNode) -> bool:
    """Whether the stored notebook has the text's cells, in order, with their metadata."""

    def cells(notebook):
        return [(cell.cell_type, cell.source, json.dumps(cell.metadata, sort_keys=True)) for cell in notebook.cells]

    return cells(text) == cells(stored)


def never_run(notebook: nbformat.NotebookNode) -> list[str]:
    """The code cells that were never run: nbval passes over them silently."""
    return [c.source for c in notebook.cells if c.cell_type == "code" and c.source and c.execution_count is None]


def execute(name: str, text: nbformat.NotebookNode, stamp: str) -> None:
    """Run a chapter from its folder, and store it with its outputs and, in `book/cost.json`, its seconds."""
    notebook, start = copy.deepcopy(text), time.perf_counter()
    resources = {"metadata": {"path": str(BOOK / "chapters")}}
    options = {"timeout": 600, "kernel_name": "python3", "record_timing": False, "coalesce_streams": True}
    environment = {**os.environ, "MFFCN_LITE_BUILDS_BOOK": "1"}  # photos that may not be passed on are refused
    NotebookClient(notebook, resources=resources, **options).execute(env=environment)
    seconds = time.perf_counter() - start
    notebook.metadata = nbformat.from_dict({"kernelspec": text.metadata.kernelspec, "mffcn_lite": {"stamp": stamp}})
    nbformat.write(notebook, BOOK / "chapters" / f"{name}.ipynb")
    cost_file = BOOK / "cost.json"
    cost = json.loads(cost_file.read_text(encoding="utf-8")) if cost_file.exists() else {}
    cost_file.write_text(
        json.dumps({**cost, name: round(seconds, 1)}, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )
    print(f"{name}: executed in {seconds:.0f} s", flush=True)


def main(check: bool, only: list[str]) -> None:
    """Bring every chapter in step, or those that are named; or say which is not."""
    names, wrong = sorted(path.stem for path in (BOOK / "text").glob("*.md")), []
    if unknown := sorted(set(only) - set(names)):
        sys.exit(f"there is no chapter {unknown[0]}; there are {', '.join(names)}")
    for name in names:
        text, path = read_text(name), BOOK / "chapters" / f"{name}.ipynb"
        stored = nbformat.read(path, as_version=4) if path.exists() else None
        right = stored is not None and in_step(text, stored) and not never_run(stored)
        stamp = "" if check else stamp_of(name, text)
        fresh = right and stored.metadata.get("mffcn_lite", {}).get("stamp") == stamp
        if check:
            wrong += [] if right else [name]
        elif name in only or not (only or fresh):
            execute(name, text, stamp)
    wrong += sorted({path.stem for path in (BOOK / "chapters").glob("*.ipynb")} - set(names))
    if wrong:
        sys.exit(f"out of step with book/text: {', '.join(wrong)}; run 'make chapters'")


if __name__ == "__main__":
    main(check="--check" in sys.argv[1:], only=[word for word in sys.argv[1:] if word != "--check"])
