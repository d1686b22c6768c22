"""Seconds of each chapter in the profile `full` on a GPU: the table of times in the guide to Colab and GPUs.

python -m book.build.time_full                     every chapter
python -m book.build.time_full 07-srcnn 09-skips   these alone

Runs the stored notebooks from their folder, with their assertions, and keeps nothing of their outputs. Writes
book/full_cost.json after each chapter.
"""

import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from mffcn_lite.device import choose_device
from mffcn_lite.files import read_json, write_json
from mffcn_lite.provenance import describe_environment

BOOK = Path(__file__).parents[1]
COST = BOOK / "full_cost.json"


def seconds_of(name: str) -> float:
    """Run one chapter.

    Raises:
        CellExecutionError: if one of its cells fails.
    """
    notebook = nbformat.read(BOOK / "chapters" / f"{name}.ipynb", as_version=4)
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(BOOK / "chapters")}})
    start = time.perf_counter()
    client.execute(env={**os.environ, "MFFCN_LITE_PROFILE": "full"})
    return round(time.perf_counter() - start, 1)


if __name__ == "__main__":
    device = choose_device()
    if device.type == "cpu":
        sys.exit("no CUDA device was found, and the table says what one brings; run this where there is one")
    environment = describe_environment(device)
    for chapter in sys.argv[1:] or sorted(path.stem for path in (BOOK / "chapters").glob("*.ipynb")):
        stored = read_json(COST)
        same = stored["environment"]["device"] == environment["device"]
        found = stored["seconds"] if same else {}
        found[chapter] = seconds_of(chapter)
        write_json(COST, {"seconds": found, "environment": environment})
        print(chapter, found[chapter], flush=True)
