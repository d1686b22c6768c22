"""Prove the grading end to end, with nbgrader's own commands: make coursework-check, about twenty minutes.

python -m course.prove [chapter ...]

Hands in, for each chapter, the solutions, the stubs and ten typical wrong answers, and for one chapter what hostile
students may hand in; marks all of it, is killed half-way and goes on; prints what came out as JSON. The wrong answers
are those of `book/mistakes`.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

from course import grade

ROOT = Path(__file__).parent.parent
BOOK = ROOT / "book"
COUNT, VICTIM, EXERCISE = 10, "chapter-08", "8.2"
CELL = EXERCISE.replace(".", "-")
# What stands behind the right answer to that exercise; how many of its four marks that deserves; whether the chapter's
# other exercises get theirs.
HOSTILE = {
    "loops for ever": ("del fuse\nwhile True: pass", 0, True),
    "loops and will not be interrupted": (
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
        0,
        False,
    ),
    "prints megabytes": ("for _ in range(50): print('x' * 10**6)", 4, True),
    "prints for ever": ("while True: print('x' * 10**4)", 0, False),
    "takes all memory": ("del fuse\nhoard = [bytearray(10**9) for _ in range(10**3)]", 0, True),
    "fills the disk": ("del fuse\nopen('/tmp/f', 'wb').write(bytes(10**9))", 0, True),
    "ends the kernel": ("import os\nos._exit(0)", 0, False),
    "deletes the tests": ("del fuse", 0, True),
    "replaces the checks": (
        "import mffcn_lite.exercises as e\nfuse, check = 1, lambda *a, **k: True\ne.check = check",
        0,
        True,
    ),
    "reads the solutions": (f"del fuse\nexec(open({str(BOOK / 'solutions/chapter_08.py')!r}).read())", 0, True),
    "looks for the marks": (
        "del fuse\nimport glob\nfuse = open(glob.glob('/**/gradebook.db', recursive=True)[0], 'ab')",
        0,
        True,
    ),
}


def ids(notebook) -> dict[str, nbformat.NotebookNode]:
    """A notebook's cells by nbgrader's names."""
    return {c.metadata.nbgrader.grade_id: c for c in notebook.cells if "nbgrader" in c.metadata}


def read(edition: str, assignment: str) -> nbformat.NotebookNode:
    """The release, or the source with its solutions, of an assignment."""
    return nbformat.read(grade.COURSE / edition / assignment / f"{assignment}.ipynb", as_version=4)


def filled(assignment: str) -> nbformat.NotebookNode:
    """The release with the reference solutions."""
    notebook, solved = read("release", assignment), ids(read("source", assignment))
    for name, cell in ids(notebook).items():
        if name.startswith("answer"):
            cell.source = solved[name].source
    return notebook


def hand_in(folder: Path, student: str, assignment: str, notebook) -> None:
    """Write a submission."""
    path = folder / student / assignment / f"{assignment}.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)


def wrong(assignment: str) -> dict[str, tuple[str, nbformat.NotebookNode]]:
    """Ten of a chapter's wrong answers, from its first exercise to its last: student to (exercise, notebook)."""
    take = f"from book.mistakes.chapter_{assignment[-2:]} import WRONG"
    ask = f"import json; {take}; print(json.dumps([w[0] for w in WRONG]))"
    listed = subprocess.run([grade.PYTHON, "-c", ask], cwd=ROOT, check=True, capture_output=True, text=True)
    exercises = json.loads(listed.stdout)
    made = {}
    for i in range(COUNT):
        place = i * len(exercises) // COUNT
        notebook, label = filled(assignment), exercises[place].replace(".", "-")
        stub = ids(read("release", assignment))[f"answer-{label}"].source
        names = ids(notebook)[f"marks-{label}"].source.split(",", 1)[1].strip()[:-1]
        answer = [stub, f"import sys\nsys.path.append({str(ROOT)!r})", take, f"{names} = WRONG[{place}][1]"]
        ids(notebook)[f"answer-{label}"].source = "\n".join(answer)
        made[f"wrong-{i}"] = exercises[place], notebook
    return made


def hostile(assignment: str) -> dict[str, nbformat.NotebookNode]:
    """What must not get marks, nor keep others from theirs."""
    made = {}
    for name, (attack, _, _) in HOSTILE.items():
        notebook = filled(assignment)
        ids(notebook)[f"answer-{CELL}"].source += f"\n{attack}"
        if name == "deletes the tests":
            notebook.cells = [
                c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") != f"marks-{CELL}"
            ]
        made[name] = notebook
    return made


def run(submitted: Path, grading: Path, readable: tuple[Path, ...] = (), stop_after: int | None = None) -> dict:
    """Mark in a process of its own, killed when `stop_after` are marked; the journal."""
    call = "from course import grade; from pathlib import Path; grade.SECONDS = 240; "
    call += f"grade.main(Path({str(submitted)!r}), Path({str(grading)!r}), "
    call += f"readable=tuple(map(Path, {[str(p) for p in readable]})))"
    process = subprocess.Popen([sys.executable, "-c", call], cwd=ROOT, stdout=sys.stderr, start_new_session=True)
    journal = grading / "journal.json"
    while process.poll() is None:
        time.sleep(0.2)
        if stop_after and journal.exists() and len(json.loads(journal.read_text())) >= stop_after:
            os.killpg(process.pid, signal.SIGKILL)
    if process.returncode and not stop_after:
        sys.exit(f"grading ended with status {process.returncode}")
    return json.loads(journal.read_text())


def marks(entry: dict, exercise: str = "") -> tuple[float, float, float]:
    """(marks of one exercise, of the others, what the others can have) of a submission."""
    own = sum(row["mark"] for row in entry["marks"] if row["exercise"] == exercise)
    others = [row for row in entry["marks"] if row["exercise"] != exercise]
    return own, sum(row["mark"] for row in others), sum(row["of"] for row in others)


def share(entries: list[dict]) -> float:
    """Marks as a part of those that there are."""
    _, got, most = map(sum, zip(*map(marks, entries), strict=True))
    return got / most


def main(assignments: list[str], work: Path) -> dict:
    """Hand in, mark, compare with what is deserved."""
    deserved = {}
    for assignment in assignments:
        hand_in(work / "first", "solutions", assignment, filled(assignment))
        hand_in(work / "first", "stubs", assignment, read("release", assignment))
        for student, (exercise, notebook) in wrong(assignment).items():
            hand_in(work / "first", student, assignment, notebook)
            deserved[f"{student}/{assignment}"] = exercise
    count, start = len(deserved) + 2 * len(assignments), time.perf_counter()
    before = run(work / "first", work / "a", (BOOK,), stop_after=count // 2)
    marked = run(work / "first", work / "a", (BOOK,))
    seconds = time.perf_counter() - start
    as_deserved = {}
    for name, exercise in deserved.items():
        own, others, most = marks(marked[name], exercise)
        as_deserved[name] = own == 0 and others == most
    result = {
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
    result["hostile"] = {}
    for student, notebook in hostile(VICTIM).items():
        hand_in(work / "second", student, VICTIM, notebook)
    hand_in(work / "second", "z-last", VICTIM, filled(VICTIM))
    marked = run(work / "second", work / "b")
    for name, (_, mark, others) in HOSTILE.items():
        entry = marked[f"{name}/{VICTIM}"]
        own, rest, most = marks(entry, EXERCISE)
        right = own == mark and (rest == most if others else rest < most)
        said = entry["marks"][0]["said"] or f"{own:g} of 4 for it, {rest:g} of {most:g} for the others"
        result["hostile"][name] = f"{'as deserved' if right else 'WRONG'}: {said}"
    result["the next is marked"] = share([marked[f"z-last/{VICTIM}"]])
    return result


if __name__ == "__main__":
    every = sorted(path.name for path in (grade.COURSE / "source").glob("chapter-*"))
    wanted = [f"chapter-{int(word):02d}" for word in sys.argv[1:]] or every
    folder = Path(tempfile.mkdtemp(prefix="mffcn-"))
    try:
        print(json.dumps(main(wanted, folder), indent=1))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
