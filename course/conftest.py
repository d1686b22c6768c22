"""Hidden tests for plain notebooks: pytest chapter_08.py --submission alice/chapter-08.ipynb

The notebook runs in the box, each hidden test behind the cell of its exercise; pytest stays outside.
"""

import contextlib
import os
import re
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from traitlets.config import Config

sys.path.insert(0, str(Path(__file__).parent))
import box

SECONDS = 120  # a cell
SLOW = {"ename": "Timeout", "evalue": f"stopped after {SECONDS} seconds", "traceback": []}


def pytest_addoption(parser):
    parser.addoption("--submission", type=Path, required=True, help="a student's notebook")


def with_tests(notebook: nbformat.NotebookNode, tests: dict[str, str]) -> dict[str, nbformat.NotebookNode]:
    """Put each test behind the cell that checks its exercise, or at the end; the tests' cells."""
    placed = {exercise: nbformat.v4.new_code_cell(test) for exercise, test in tests.items()}
    cells, left = [], dict(placed)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            checked = [name for name in left if re.search(rf"check\(\s*.{re.escape(name)}.", cell.source)]
            cells += [nbformat.v4.new_code_cell(cell.source), *(left.pop(name) for name in checked)]
    notebook.cells = [*cells, *left.values()]
    return placed


@pytest.fixture(scope="module")
def outcomes(request, tmp_path_factory):
    """A function of the tests; of each exercise "right", or what went wrong."""
    found = {}

    def run(tests):
        if found:
            return found
        if fault := box.find_fault():
            pytest.exit(fault)
        kernel, sockets = box.kernel(tmp_path_factory.mktemp("kernel"), sys.executable), tmp_path_factory.mktemp("s")
        os.environ["JUPYTER_PATH"] = str(kernel)
        notebook = nbformat.read(request.config.getoption("--submission"), as_version=4)
        placed = with_tests(notebook, tests)
        options = {"timeout": SECONDS, "interrupt_on_timeout": True, "error_on_timeout": SLOW, "allow_errors": True}
        config = Config()
        for setting, value in box.talk(sockets).items():
            config["ConnectionFileMixin"][setting.split(".")[1]] = value
        with contextlib.suppress(DeadKernelError):  # what it had not answered until then is not right
            NotebookClient(notebook, kernel_name="python3", config=config, **options).execute()
        for exercise, cell in placed.items():
            errors = [f"{o.ename}: {o.evalue}" for o in cell.outputs if o.output_type == "error"]
            ran = cell.execution_count is not None and not errors
            found[exercise] = "right" if ran else errors[0] if errors else "the notebook stopped before this exercise"
        return found

    return run
