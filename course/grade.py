"""Mark what was handed in, each notebook in a box of its own: make grade SUBMITTED=folder.

python -m course.grade SUBMITTED [GRADING]

SUBMITTED holds STUDENT/chapter-08/chapter-08.ipynb, as nbgrader's folder `submitted` does. Marks come to
GRADING/marks.csv, a line an exercise, after each submission, and to a page beside it; stop it and call it again as you
like. What was marked stays marked until it is handed in anew.
"""

import contextlib
import csv
import fcntl
import gc
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from course import box, gradebook, notebooks, report
from course.notebooks import Exercise, RefusedError
from course.submissions import Submission, handed_in
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.files import read_json, replacing, write_json

ROOT = Path(__file__).parent.parent
COURSE = ROOT / "coursework" / "instructor" / "nbgrader"
PYTHON = ROOT / ".venv" / "bin" / "python"


@dataclass
class Assignment:
    """A released notebook, with its exercises and its imports."""

    name: str
    notebook: dict
    exercises: list[Exercise]
    first: str

    @classmethod
    def read(cls, path: Path) -> "Assignment":
        """From nbgrader's folder `release`."""
        notebook = json.loads(path.read_text(encoding="utf-8"))
        return cls(path.stem, notebook, *notebooks.released(notebook))


# The judges.


class Judge:
    """A process of `course.judge`, which marks one submission after the other."""

    def __init__(self, temporary: str):
        command, options = [str(PYTHON), "-m", "course.judge"], {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        # In a group of its own: Ctrl-C reaches this program, which ends them all.
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"TMPDIR": temporary}, start_new_session=True, **options
        )

    def mark(self, job: dict) -> dict:
        """The verdicts on one submission, or a `fault`."""
        try:
            self.process.stdin.write(json.dumps(job).encode() + b"\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())
        except (OSError, ValueError):
            return {"fault": "the judge itself ended"}

    def end(self) -> None:
        """End it, and every box that it has open."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        box.sweep()


def own_numbers(secret: int, stamp: str) -> int:
    """Which random numbers a submission is tried on: what a program saw and printed helps no other submission."""
    return 1 + int(hashlib.sha256(f"{secret} {stamp}".encode()).hexdigest()[:12], 16) % 10**12


def sentence(verdict: dict) -> str:
    """What a student is told of an exercise."""
    if verdict["right"]:
        return "right"
    return "not attempted" if verdict["right"] is None else "not right yet; its check in your notebook gives a hint"


def rows_of(submission: Submission, assignment: Assignment, verdicts: dict, fault: str = "") -> list[dict]:
    """A line an exercise; all marks are 0 where something went wrong with the whole."""
    return [
        {
            "student": submission.student,
            "assignment": assignment.name,
            "exercise": exercise.name,
            "mark": exercise.marks if verdicts.get(exercise.name, {}).get("right") is True else 0.0,
            "of": exercise.marks,
            "said": notebooks.as_text(fault or verdicts.get(exercise.name, {}).get("said", "")),
            "whole": bool(fault),
        }
        for exercise in assignment.exercises
    ]


# All of it.


class Grading:
    """One call of `make grade`: its folder, its journal, and its judges."""

    def __init__(self, grading: Path, numbers: int, options: dict):
        self.folder, self.numbers, self.options = grading, numbers, options
        self.course, self.kept = grading / "nbgrader", grading / "journal.json"
        self.lock, self.judges, self.failed, self.stopped = threading.Lock(), threading.local(), [], False
        self.reading = threading.Lock()  # 50 MB of brackets take a gigabyte: one at a time
        self.processes: list[Judge] = []
        self.course.mkdir(parents=True, exist_ok=True)
        for name in ("source", "release", "gradebook.db", "nbgrader_config.py"):
            if not (self.course / name).exists():
                (shutil.copytree if (COURSE / name).is_dir() else shutil.copy)(COURSE / name, self.course / name)
        paths = sorted((COURSE / "release").glob("*/*.ipynb"))
        self.assignments = {path.stem: Assignment.read(path) for path in paths}
        self.journal = read_json(self.kept) if self.kept.exists() else {}
        files = [path for path in (COURSE.parent).rglob("*") if path.is_file()]
        self.ours = frozenset((path.stat().st_dev, path.stat().st_ino) for path in files)
        self.temporary = tempfile.mkdtemp(prefix="mffcn-")

    def one(self, submission: Submission, submitted: Path) -> None:
        """Mark one submission, whatever it is."""
        try:
            self._one(submission, submitted)
        except Exception as error:  # its own fault, and nobody else's
            fault = f"it could not be marked: {type(error).__name__}: {error}"[:300]
            try:
                self._keep(submission, None, {}, fault, None)
            except Exception:  # the gradebook's, or the disk's
                self.failed.append(f"{submission.name}: {fault}")

    def _one(self, submission: Submission, submitted: Path) -> None:
        assignment = self.assignments[submission.assignment]
        if submission.fault:
            return self._keep(submission, None, {}, submission.fault, None)
        try:
            content = notebooks.content_of(submission.path, submitted, self.ours)
            stamp = hashlib.sha256(content).hexdigest()
            if self.journal.get(submission.name, {}).get("sha256") == stamp:
                return None
            with self.reading:
                cells = notebooks.read(content)
        except RefusedError as error:
            return self._keep(submission, None, {}, str(error), None)
        numbers = own_numbers(self.numbers, stamp)
        job = {"steps": notebooks.steps(assignment.exercises, assignment.first, cells), "numbers": numbers}
        found = self._judged({**job, **self.options})
        if self.stopped:
            return None
        if "fault" in found:  # before any cell ran, or again and again
            self.failed.append(f"{submission.name}: {found['fault']}")
            return None
        outputs = {int(place): each for place, each in found["outputs"].items() if place.isdecimal()}
        said = {e.name: sentence(found["verdicts"].get(e.name, {"right": None})) for e in assignment.exercises}
        filled = notebooks.filled(assignment.notebook, assignment.exercises, cells, outputs, said)
        return self._keep(submission, stamp, found["verdicts"], "", filled)

    def _judged(self, job: dict) -> dict:
        """The verdicts; a judge that ended is asked once more."""
        for _ in range(2):
            if not hasattr(self.judges, "mine"):
                self.judges.mine = Judge(self.temporary)
                self.processes.append(self.judges.mine)
            found = self.judges.mine.mark(job)
            if "fault" not in found or self.stopped:
                break
            self.judges.mine.end()
            del self.judges.mine
        return found

    def _keep(self, submission: Submission, stamp: str | None, verdicts: dict, fault: str, filled: dict | None) -> None:
        """Write down what came out."""
        assignment = self.assignments[submission.assignment]
        rows = rows_of(submission, assignment, verdicts, fault)
        entry = {"sha256": stamp, "marks": rows}
        with self.lock:
            if self.stopped or self.journal.get(submission.name) == entry:
                return
            marks = {row["exercise"]: row["mark"] for row in rows}
            gradebook.record(self.course, submission.student, assignment.name, marks, filled)
            self.journal[submission.name] = entry
            write_json(self.kept, self.journal)
            self.write()
        got = f"{sum(row['mark'] for row in rows):g} of {sum(row['of'] for row in rows):g}"
        print(report.printable(f"{submission.name}: {got} {fault}"), flush=True)

    def write(self) -> None:
        """The marks as CSV and as a page, written beside and renamed."""
        found = report.lines(self.journal, self.to_read())
        for name, text in (("marks.csv", report.as_csv(self.journal)), ("marks.html", report.as_page(found))):
            with replacing(self.folder / name) as temporary:
                temporary.write_text(text, encoding="utf-8")

    def to_read(self) -> dict[str, list[str]]:
        """Of each assignment, the exercises that a person reads too."""
        with (COURSE.parent / "rubric.csv").open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if "person" in row["marked"]]
        found: dict[str, list[str]] = {}
        for row in rows:
            found.setdefault(f"chapter-{int(row['chapter']):02}", []).append(row["exercise"])
        return found

    def stop(self) -> None:
        """End all judges now."""
        self.stopped = True
        for judge in self.processes:
            judge.end()
        shutil.rmtree(self.temporary, ignore_errors=True)


def main(submitted: Path, grading: Path, workers: int | None = None, **options: object) -> dict:
    """Mark what is new; the journal: of each STUDENT/ASSIGNMENT its hash and its marks.

    Args:
        options: "readable" and "seconds" of `course.judge.mark`.

    Raises:
        SystemExit: if there is no box here, no course, nothing handed in, or somebody else marks there.
    """
    if fault := box.find_fault():
        sys.exit(fault)
    if not COURSE.is_dir():
        sys.exit(f"{COURSE} is missing; run: make coursework")
    if not submitted.is_dir():
        sys.exit(f"{submitted} is no folder; say where what was handed in is")
    warnings.simplefilter("ignore", SyntaxWarning)  # of what students wrote
    try:
        grading.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.exit(f"{grading} can't be the folder for marks: {error.strerror}")
    with (grading / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit(f"another make grade is at work in {grading}; wait for it")
        numbers = int((COURSE.parent / "numbers.txt").read_text(encoding="utf-8"))
        try:
            work = Grading(grading.resolve(), numbers, options)
        except MffcnLiteError:
            sys.exit(f"{grading / 'journal.json'} can't be read; delete it, and call again: all is marked anew")
        found, strays = handed_in(submitted, list(work.assignments))
        if not found:
            work.stop()
            sys.exit(f"{submitted} holds no STUDENT/chapter-NN/chapter-NN.ipynb")
        _mark_all(work, found, submitted, workers or os.cpu_count())
        work.write()
    print(report.as_text(report.lines(work.journal, work.to_read())))
    for stray in strays:
        print(report.printable(f"not looked at: {stray}"))
    print(f"The marks: {work.folder / 'marks.csv'}, and as a page {work.folder / 'marks.html'}")
    if work.failed:
        sys.exit("\n".join(["not marked; call again:", *work.failed]))
    return work.journal


def _mark_all(work: Grading, found: list[Submission], submitted: Path, workers: int) -> None:
    """Mark all; Ctrl-C ends it at once."""
    pool = ThreadPoolExecutor(workers)
    todo = [pool.submit(work.one, submission, submitted) for submission in found]
    try:
        wait(todo)
    except KeyboardInterrupt:
        work.stop()
        pool.shutdown(cancel_futures=True)
        gc.freeze()  # or Python looks through all objects once more, two seconds on a busy machine
        sys.exit("stopped; what was marked stays marked, call again for the rest")
    pool.shutdown()
    work.stop()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) == 3 else ROOT / "grading"))
