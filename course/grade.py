"""Mark what was handed in, each notebook in a box of its own: make grade SUBMITTED=folder.

python -m course.grade SUBMITTED [GRADING]

SUBMITTED holds STUDENT/chapter-08/chapter-08.ipynb, as nbgrader's folder `submitted` does. Marks come to
GRADING/marks.csv, a line an exercise, after each submission; stop it and call it again as you like. What was marked
stays marked until it is handed in anew.
"""

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nbgrader.api import Gradebook

from course import box
from mffcn_lite.files import read_json, replacing, sha256, write_json

ROOT = Path(__file__).parent.parent
COURSE = ROOT / "coursework" / "instructor" / "nbgrader"
PYTHON = ROOT / ".venv" / "bin" / "python"
SECONDS, MEMORY = 900, 2 * 2**30  # of one submission's grader, which stands outside the box


def grade(name: str, course: Path, kernel: Path) -> str | None:
    """Have nbgrader mark one submission, STUDENT/ASSIGNMENT; what went wrong, or None."""
    student, assignment = name.split("/")
    # nbgrader calls alembic by its name.
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with tempfile.TemporaryDirectory() as sockets:
        environment |= {"JUPYTER_PATH": str(kernel)}
        # It ends with this process, so that what goes on later finds nobody at work.
        command = ["setpriv", "--pdeathsig", "KILL", "prlimit", f"--data={MEMORY}:"]
        command += [sys.executable, "-m", "nbgrader", "autograde", assignment, "--force"]
        command += [f"--{key}={value}" for key, value in box.talk(sockets).items()]
        command += [f"--student={student}", f"--db=sqlite:///{course}/gradebook.db?timeout=60"]
        options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
        with subprocess.Popen(command, cwd=course, env=environment, **options) as process:
            try:
                said = process.communicate(timeout=SECONDS)[1]
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return f"stopped after {SECONDS} seconds"
    if process.returncode == 0:
        return None
    raised = re.findall(r"^ *([\w.]*(?:Error|Exception|Timeout)\w*(?::.*)?)$", said, re.MULTILINE)
    reason = (raised or said.splitlines() or ["it was killed"])[-1]
    return f"nbgrader could not mark it: {reason.strip()[:200]}"


def marks(course: Path, assignment: str, student: str, fault: str | None) -> list[dict]:
    """A line an exercise; all marks are 0 where something went wrong."""
    with Gradebook(f"sqlite:///{course}/gradebook.db?timeout=60") as gradebook:
        of = {
            cell.name: cell.max_score
            for notebook in gradebook.find_assignment(assignment).notebooks
            for cell in notebook.grade_cells
        }
        got: dict[str, float] = {}
        if fault is None:
            submission = gradebook.find_submission(assignment, student)
            got = {grade.name: grade.score for notebook in submission.notebooks for grade in notebook.grades}
    return [
        {
            "student": student,
            "assignment": assignment,
            "exercise": name.removeprefix("marks-").replace("-", "."),
            "mark": got.get(name, 0.0),
            "of": most,
            "said": fault or "",
        }
        for name, most in of.items()
    ]


def write_marks(grading: Path, journal: dict) -> None:
    """All marks as CSV, written beside and renamed."""
    rows = [row for name in sorted(journal) for row in journal[name]["marks"]]
    with replacing(grading / "marks.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def main(submitted: Path, grading: Path, workers: int | None = None, readable: tuple[Path, ...] = ()) -> dict:
    """Mark what is new; the journal: of each STUDENT/ASSIGNMENT its hash and its marks.

    Raises:
        SystemExit: if there is no box here, no course, or nothing handed in.
    """
    if fault := box.find_fault():
        sys.exit(fault)
    if not COURSE.is_dir():
        sys.exit(f"{COURSE} is missing; run: make coursework")
    handed_in = {f"{p.parts[-3]}/{p.parts[-2]}": p for p in sorted(submitted.glob("*/*/*.ipynb"))}
    if not handed_in:
        sys.exit(f"{submitted} holds no STUDENT/chapter-NN/chapter-NN.ipynb")
    course, kept = grading / "nbgrader", grading / "journal.json"
    course.mkdir(parents=True, exist_ok=True)
    for name in ("source", "release", "gradebook.db", "nbgrader_config.py"):
        if not (course / name).exists():
            (shutil.copytree if (COURSE / name).is_dir() else shutil.copy)(COURSE / name, course / name)
    journal = read_json(kept) if kept.exists() else {}
    kernel, lock = box.kernel(grading.resolve() / "kernel", str(PYTHON), readable), threading.Lock()
    failed: list[str] = []

    def one(name: str) -> None:
        path, stamp = handed_in[name], sha256(handed_in[name])
        if journal.get(name, {}).get("sha256") == stamp:
            return
        place = course / "submitted" / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        shutil.copy(path, place / f"{place.name}.ipynb")
        fault = grade(name, course.resolve(), kernel)
        if fault and ("kernel_info" in fault or "Kernel didn't respond" in fault):
            failed.append(f"{name}: {fault}")  # before any cell ran: the machine's fault, not the student's
            return
        rows = marks(course.resolve(), place.name, place.parent.name, fault)
        with lock:
            journal[name] = {"sha256": stamp, "marks": rows}
            write_json(kept, journal)
            write_marks(grading, journal)
        print(f"{name}: {sum(r['mark'] for r in rows):g} of {sum(r['of'] for r in rows):g} {fault or ''}", flush=True)

    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        list(pool.map(one, handed_in))
    if failed:
        sys.exit("\n".join(["not marked; call again:", *failed]))
    return journal


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) == 3 else ROOT / "grading"))
