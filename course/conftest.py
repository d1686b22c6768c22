"""Hidden tests for plain notebooks: pytest chapter_08.py --submission alice/chapter-08.ipynb

The notebook's cells run in the box, and the judge asks about each exercise from outside; pytest only reports.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]  # beside `course` in an edition, inside it in the repository
from course import box, notebooks  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--submission", type=Path, required=True, help="a student's notebook")
    parser.addoption("--seconds", type=float, default=120, help="of a cell, and of a check")


def judged(submission: Path, seconds: float, exercises: list[dict], first: str, numbers: int) -> dict[str, str]:
    """Of each exercise "right", or what is not."""
    try:
        cells = notebooks.read(notebooks.content_of(submission.absolute(), submission.absolute().parent))
    except notebooks.RefusedError as error:
        return {exercise["name"]: str(error) for exercise in exercises}
    steps = notebooks.steps([notebooks.Exercise(**e) for e in exercises], first, cells)
    job = {"steps": steps, "numbers": numbers, "seconds": seconds}
    folder = HERE if (HERE / "course").is_dir() else HERE.parent
    command = [sys.executable, "-m", "course.judge"]
    done = subprocess.run(command, input=json.dumps(job) + "\n", stdout=subprocess.PIPE, text=True, cwd=folder)
    found = json.loads(done.stdout or '{"fault": "the judge itself ended"}')
    if "fault" in found:
        pytest.exit(found["fault"])
    told = {True: "right", False: "not right", None: "not attempted"}
    verdicts = {e["name"]: found["verdicts"].get(e["name"], {"right": None, "said": ""}) for e in exercises}
    return {name: verdict["said"] or told[verdict["right"]] for name, verdict in verdicts.items()}


@pytest.fixture(scope="module")
def outcomes(request):
    """A function of the exercises; of each "right", or what went wrong."""
    found = {}

    def run(*asked):
        if not found:
            if fault := box.find_fault():
                pytest.exit(fault)
            options = (request.config.getoption(name) for name in ("--submission", "--seconds"))
            found.update(judged(*options, *asked))
        return found

    return run
