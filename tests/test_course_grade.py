"""make grade from end to end, where nbgrader is there; pytest --nbval from anywhere."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from course import box

ROOT = Path(__file__).parent.parent
NBGRADER = ROOT / ".venv-nbgrader" / "bin" / "python"
RELEASE = ROOT / "coursework" / "instructor" / "nbgrader" / "release" / "chapter-08" / "chapter-08.ipynb"
GRADED = pytest.mark.skipif(
    not NBGRADER.exists() or not RELEASE.exists() or shutil.which("bwrap") is None or box.find_fault() is not None,
    reason="needs make coursework, and bubblewrap",
)
ASK = """
import json, sys
from pathlib import Path
from course import cases, grade
folder, names = Path(sys.argv[1]), json.loads(sys.argv[2])
for name in names:
    place = folder / "submitted" / cases.written_as(name)
    if name in cases.HONEST:
        cases.HONEST[name][0](place)
    elif name in cases.HOSTILE:
        cases.hand_in(place.parent, name, cases.VICTIM, cases.attacked(cases.HOSTILE[name][0]))
    elif name in cases.HOSTILE_FILES:
        cases.HOSTILE_FILES[name](place / cases.VICTIM)
    else:
        cases.hand_in(place.parent, name, cases.VICTIM, cases.hostile_notebooks()[name])
"""
GRADE = """
import sys
from pathlib import Path
from course import grade
grade.main(*map(Path, sys.argv[1:]), seconds=20)
"""


def hand_in(folder, *names):
    """Lay cases of `course.cases` under `submitted`."""
    subprocess.run([NBGRADER, "-c", ASK, str(folder), json.dumps(names)], cwd=ROOT, check=True)


def begin(folder, **options):
    command = [NBGRADER, "-c", GRADE, str(folder / "submitted"), str(folder / "grading")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, **pipes, **options)


def marked(folder):
    """The marks of each student, and what was printed."""
    process = begin(folder)
    said, wrong = process.communicate()
    assert process.returncode == 0, wrong
    journal = json.loads((folder / "grading" / "journal.json").read_text())
    return {name.rsplit("/", 1)[0]: sum(r["mark"] for r in e["marks"]) for name, e in journal.items()}, said


@GRADED
@pytest.mark.release
def test_one_submission_never_stops_the_others(tmp_path):
    files = ["a folder", "a FIFO", "a link to nowhere", "a link to the instructor's notebook", "50,000 levels", "2 GB"]
    files += ["a link to the instructor's folder", "the instructor's file by another name", "an empty folder"]
    without = ["tags on the tests", "an input transformer", "inflated points"]
    honest = [
        "solutions",
        "brackets [s12]",
        "two  spaces ",
        "no UTF-8",
        "=formula",
        "one digit",
        "a capital",
        "no folder",
    ]
    honest += ["an old notebook beside it", "two tries in a plain notebook", "metadata lost", "version 3", "UTF-16"]
    hand_in(tmp_path, *files, *without, *honest, "an exercise deleted", "a dead kernel", "an import hook")
    found, said = marked(tmp_path)
    wanted = {**dict.fromkeys(files + without, 0), **dict.fromkeys(honest, 19)}
    wanted |= {"an exercise deleted": 15, "a dead kernel": 15, "an import hook": 15}
    wanted["no UTF-8\\xff"] = wanted.pop("no UTF-8")
    assert found == wanted
    table = [line for line in said.splitlines() if line.startswith("a dead kernel  ")]
    assert len(table) == 1
    assert "8.2: its cell: the program ended" in table[0]
    page = (tmp_path / "grading" / "marks.html").read_text(encoding="utf-8")
    assert all(word in page for word in ("brackets [s12]", "19 of 19", "is a link", "Marks"))
    # Called again, nothing is marked again.
    kept = (tmp_path / "grading" / "journal.json").read_bytes()
    again, said = marked(tmp_path)
    assert again == wanted
    assert not any("/chapter-08: 19" in line for line in said.splitlines())
    assert (tmp_path / "grading" / "journal.json").read_bytes() == kept


@GRADED
@pytest.mark.release
def test_feedback_has_the_marks_and_neither_secrets_nor_scripts(tmp_path):
    hand_in(tmp_path, "solutions", "scripts in outputs", "scripts in markdown", "brackets [s12]")
    marked(tmp_path)
    course = tmp_path / "grading" / "nbgrader"
    environment = os.environ | {"PATH": f"{NBGRADER.parent}{os.pathsep}{os.environ['PATH']}"}
    command = [NBGRADER, "-m", "nbgrader", "generate_feedback", "chapter-08"]
    subprocess.run(command, cwd=course, env=environment, check=True, capture_output=True)
    pages = {path.parts[-3]: path.read_text(encoding="utf-8") for path in (course / "feedback").rglob("*.html")}
    assert len(pages) == 4
    assert "Score: 19.0 / 19.0" in pages["solutions"]
    assert "Score: 0.0 / 19.0" in pages["scripts in markdown"]
    numbers = (ROOT / "coursework" / "instructor" / "numbers.txt").read_text().strip()
    for page in pages.values():
        assert "<script>stolen" not in page
        assert "HIDDEN TESTS" not in page
        assert f"numbers={numbers}" not in page
    for path in (course / "source").rglob("*.ipynb"):
        assert "HIDDEN TESTS" not in path.read_text(encoding="utf-8")


def children(process):
    """All processes below one."""
    found = []
    for task in os.listdir(f"/proc/{process}/task"):
        for child in Path(f"/proc/{process}/task/{task}/children").read_text().split():
            found += [int(child), *children(int(child))]
    return found


@GRADED
@pytest.mark.release
def test_ctrl_c_ends_all_in_two_seconds_and_a_second_call_is_refused_meanwhile(tmp_path):
    hand_in(tmp_path, *(f"loops {how}" for how in ("for ever", "and will not be interrupted")))
    first = begin(tmp_path, start_new_session=True)
    end = time.monotonic() + 60
    while len(children(first.pid)) < 8 and time.monotonic() < end:
        time.sleep(0.2)
    below = children(first.pid)
    assert len(below) >= 8  # two judges, their forks, two boxes
    second = begin(tmp_path)
    assert "another make grade is at work" in second.communicate()[1]
    assert second.returncode == 1
    start = time.monotonic()
    first.send_signal(signal.SIGINT)
    assert "what was marked stays marked" in first.communicate()[1]
    assert time.monotonic() - start < 2
    time.sleep(0.5)
    assert not [
        p for p in below if Path(f"/proc/{p}").exists() and "Z" not in Path(f"/proc/{p}/stat").read_text().split()[2]
    ]


@GRADED
@pytest.mark.release
@pytest.mark.parametrize(("there", "said"), [("a file", "can't be the folder"), ("a journal", "delete it")])
def test_where_no_marks_can_be_kept_there_is_a_sentence(there, said, tmp_path):
    (tmp_path / "submitted" / "anna").mkdir(parents=True)
    (tmp_path / "submitted" / "anna" / "chapter-08.ipynb").write_text('{"cells": []}')
    if there == "a file":
        (tmp_path / "grading").write_text("")
    else:
        (tmp_path / "grading").mkdir()
        (tmp_path / "grading" / "journal.json").write_text("{")
    process = begin(tmp_path)
    wrong = process.communicate()[1]
    assert process.returncode == 1
    assert said in wrong
    assert len(wrong.splitlines()) == 1


def nbval(notebook, cwd, **environment):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval", str(notebook)]
    return subprocess.run(command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True)


NOTEBOOK = ROOT / "book" / "chapters" / "04-certainty.ipynb"


@pytest.mark.slow
@pytest.mark.parametrize("where", ["elsewhere", "beside it", "without a home"])
def test_a_chapter_passes_nbval_from_any_folder(where, tmp_path):
    place = NOTEBOOK.parent if where == "beside it" else tmp_path
    done = nbval(
        NOTEBOOK.name if where == "beside it" else NOTEBOOK, place, **({"HOME": "/dev/null"} if "home" in where else {})
    )
    assert done.returncode == 0, done.stdout[-2000:]


def test_a_clone_with_autocrlf_has_the_same_bytes(tmp_path):
    settings = ["-c", "core.autocrlf=true", "-c", "core.eol=crlf"]
    subprocess.run(
        ["git", *settings, "clone", "-q", "--depth", "1", f"file://{ROOT}", str(tmp_path / "clone")], check=True
    )
    for name in (".gitattributes", "book/sanitize.cfg", "course/judge.py", NOTEBOOK.relative_to(ROOT)):
        kept = subprocess.run(["git", "show", f"HEAD:{name}"], cwd=ROOT, check=True, capture_output=True).stdout
        assert (tmp_path / "clone" / name).read_bytes() == kept
        assert b"\r\n" not in kept
