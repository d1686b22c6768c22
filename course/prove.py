"""Prove the marking end to end: make coursework-check OUT=file.

python -m course.prove [--out FILE] [chapter ...]

Hands in, for each chapter, the solutions, the stubs and ten typical wrong answers; for one chapter what hostile
students may hand in, and what happens to honest ones (`cases`). Marks all of it, is killed half-way and goes on, and
writes what came out as JSON. The wrong answers are those of `book/mistakes`.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from course import box, cases, grade

ROOT = Path(__file__).parent.parent
BOOK = ROOT / "book"
COUNT, SECONDS = 10, 20  # wrong answers of a chapter; of a cell, in what hostile students hand in
OF = "of"


def run(submitted: Path, grading: Path, stop_after: int | None = None, **options: object) -> dict:
    """Mark in a process of its own, killed when `stop_after` are marked; the journal."""
    process = begin(submitted, grading, **options)
    journal = grading / "journal.json"
    while process.poll() is None:
        time.sleep(0.2)
        if stop_after and journal.exists() and len(json.loads(journal.read_text())) >= stop_after:
            os.killpg(process.pid, signal.SIGKILL)
    if process.returncode and not stop_after:
        sys.exit(f"grading ended with status {process.returncode}")
    return json.loads(journal.read_text())


def begin(submitted: Path, grading: Path, **options: object) -> subprocess.Popen:
    """Begin to mark, in a process of its own, with a secret in its environment."""
    call = "import json, sys; from pathlib import Path; from course import grade; "
    call += "grade.main(Path(sys.argv[1]), Path(sys.argv[2]), **json.loads(sys.argv[3]))"
    command = [sys.executable, "-c", call, str(submitted), str(grading), json.dumps(options)]
    environment = os.environ | {cases.SECRET: "told"}
    return subprocess.Popen(command, cwd=ROOT, stdout=sys.stderr, env=environment, start_new_session=True)


def marks(entry: dict, exercise: str = "") -> tuple[float, float, float]:
    """(marks of one exercise, of the others, what the others can have) of a submission."""
    own = sum(row["mark"] for row in entry["marks"] if row["exercise"] == exercise)
    others = [row for row in entry["marks"] if row["exercise"] != exercise]
    return own, sum(row["mark"] for row in others), sum(row[OF] for row in others)


def share(entries: list[dict]) -> float:
    """Marks as a part of those that there are."""
    _, got, most = map(sum, zip(*map(marks, entries), strict=True))
    return got / most


def batch(assignments: list[str], work: Path) -> dict:
    """Solutions, stubs and wrong answers of each chapter, marked by a program that is killed half-way."""
    deserved = {}
    for assignment in assignments:
        cases.hand_in(work / "first", "solutions", assignment, cases.filled(assignment))
        cases.hand_in(work / "first", "stubs", assignment, cases.read("release", assignment))
        for student, (exercise, notebook) in cases.wrong(assignment, COUNT).items():
            cases.hand_in(work / "first", student, assignment, notebook)
            deserved[f"{student}/{assignment}"] = exercise
    count, start = len(deserved) + 2 * len(assignments), time.perf_counter()
    before = run(work / "first", work / "a", stop_after=count // 2, readable=[str(BOOK)])
    marked = run(work / "first", work / "a", readable=[str(BOOK)])
    seconds = time.perf_counter() - start
    as_deserved = {}
    for name, exercise in deserved.items():
        own, others, most = marks(marked[name], exercise)
        as_deserved[name] = own == 0 and others == most
    return {
        "solutions": share([marked[f"solutions/{a}"] for a in assignments]),
        "stubs": share([marked[f"stubs/{a}"] for a in assignments]),
        "wrong": {
            "answers": len(deserved),
            "marked as they deserve": sum(as_deserved.values()),
            "not": [f"{name}, exercise {deserved[name]}" for name, right in as_deserved.items() if not right],
        },
        "batch": {
            "submissions": count,
            "seconds": round(seconds),
            "processors": os.cpu_count(),
            "killed after": len(before),
            "kept as they were": sum(marked[name] == entry for name, entry in before.items()),
        },
    }


def people(work: Path) -> dict:
    """Hostile and honest submissions of one chapter, marked together: none may stop another."""
    for name, write in cases.HOSTILE_FILES.items():
        write(work / "second" / name / cases.VICTIM)
    for name, (attack, _, _) in cases.HOSTILE.items():
        cases.hand_in(work / "second", name, cases.VICTIM, cases.attacked(attack))
    notebooks = cases.hostile_notebooks()
    for name, notebook in notebooks.items():
        cases.hand_in(work / "second", name, cases.VICTIM, notebook)
    for name, (write, _) in cases.HONEST.items():
        write(work / "second" / cases.written_as(name))
    marked = run(work / "second", work / "b", seconds=SECONDS)
    hostile = {}
    for name, (_, deserved, others) in cases.HOSTILE.items():
        own, rest, most = marks(marked[f"{name}/{cases.VICTIM}"], cases.EXERCISE)
        hostile[name] = own == deserved and (rest == most) == others
    for name in (*cases.HOSTILE_FILES, *notebooks):
        hostile[name] = share([marked[f"{name}/{cases.VICTIM}"]]) == 0
    hostile["secrets and scripts in feedback"] = not told(work / "b" / "nbgrader")
    hostile["two make grade at once"], hostile["Ctrl-C"] = at_once(work), interrupted(work)
    honest = {}
    for name, (_, most) in cases.HONEST.items():
        student = cases.folder_of(name)
        entry = marked.get(f"{student}/{cases.VICTIM}", {"marks": []})
        honest[name] = {"marks": sum(row["mark"] for row in entry["marks"]), OF: most}
    return {"hostile": hostile, "honest": honest}


def told(course: Path) -> list[str]:
    """What feedback tells and should not: secrets, and scripts of students'."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", "nbgrader", "generate_feedback", cases.VICTIM]
    subprocess.run(command, cwd=course, env=environment, check=True, capture_output=True)
    pages = list((course / "feedback").rglob("*.html"))
    secrets = [(grade.COURSE.parent / "numbers.txt").read_text().strip(), "HIDDEN TESTS", "numbers=", *cases.SCRIPTS]
    scores = [page for page in pages if "Score: 19.0 / 19.0" not in page.read_text() and "solutions" in page.parts]
    found = [word for page in pages for word in secrets if word in page.read_text()]
    return [*found, *map(str, scores)] if pages else ["no feedback"]


def at_once(work: Path) -> bool:
    """Whether a second call is refused with a sentence, and the first one marks."""
    first = begin(work / "second", work / "c", seconds=SECONDS)
    while not (work / "c" / "lock").exists():
        time.sleep(0.1)
    time.sleep(1)
    command = [sys.executable, "-m", "course.grade", str(work / "second"), str(work / "c")]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    alive = first.poll() is None
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    return alive and second.returncode == 1 and "another make grade" in second.stderr


def interrupted(work: Path) -> bool:
    """Whether Ctrl-C ends it within two seconds, and all that it started."""
    process = begin(work / "second", work / "d", seconds=SECONDS)
    time.sleep(8)
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    process.wait()
    return time.monotonic() - start < 2 and process.returncode == 1


def main(assignments: list[str], work: Path) -> dict:
    """Hand in, mark, compare with what is deserved."""
    return {**batch(assignments, work), **people(work), "bounded by": box.bounded()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="write the JSON there")
    parser.add_argument("chapters", nargs="*", type=int, help="these alone")
    arguments = parser.parse_args()
    every = sorted(path.name for path in (grade.COURSE / "source").glob("chapter-*"))
    folder = Path(tempfile.mkdtemp(prefix="mffcn-"))
    try:
        text = json.dumps(main([f"chapter-{n:02d}" for n in arguments.chapters] or every, folder), indent=1) + "\n"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(text, end="")
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")
