"""The course: editions made from the chapters, no solution among them; the hidden tests on plain notebooks."""

import inspect
import itertools
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from course import box, editions
from mffcn_lite.exercises import list_exercises

ROOT = Path(__file__).parent.parent
CHAPTERS = editions.chapters()
BOXED = pytest.mark.skipif(
    box.shutil.which("bwrap") is None or box.find_fault() is not None, reason="bubblewrap makes no box here"
)
NUMBERS = 4711


def sources(notebook):
    return [cell.source for cell in notebook.cells]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=str)
def test_both_kinds_of_notebook_hold_every_exercise_and_its_marks(chapter):
    plain, whole = editions.notebook(chapter, plain=True), editions.notebook(chapter)
    nbformat.validate(plain)
    nbformat.validate(whole)
    tests = [c.metadata.nbgrader for c in whole.cells if c.metadata.get("nbgrader", {}).get("grade")]
    assert [t.points for t in tests] == [e["marks"] for e in chapter.exercises]
    assert [c.metadata.exercise.id for c in plain.cells if "exercise" in c.metadata] == [
        e["id"] for e in chapter.exercises
    ]
    for e in chapter.exercises:
        assert sum(f"**{e['id']} ★" in source for source in sources(plain)) == 1
        assert sum(f'check("{e["id"]}"' in source for source in sources(plain)) == 1


@pytest.mark.parametrize("chapter", CHAPTERS, ids=str)
def test_the_solution_cells_run_on_their_own(chapter):
    module = editions.ast.parse((ROOT / f"book/solutions/chapter_{chapter.number:02}.py").read_text(encoding="utf-8"))
    there = {name for node in module.body for name in editions.defined(node)}
    for cell in editions.notebook(chapter).cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            scope: dict = {}
            exec(cell.source, scope)
            assert ... not in scope.values()  # no value is a stub any more
            for part in filter(inspect.isfunction, list(scope.values())):
                assert set(part.__code__.co_names) & there <= set(scope)


def test_no_notebook_of_a_student_holds_a_solution_or_a_hidden_test(tmp_path):
    for chapter in CHAPTERS:
        notebook = editions.notebook(chapter, plain=True)
        editions.write(tmp_path / f"{chapter.number}.ipynb", nbformat.writes(notebook))
    assert editions.find_solutions(tmp_path) == []


@pytest.mark.parametrize("where", ["cell", "metadata", "other file"])
def test_a_solution_is_found_wherever_it_hides(where, tmp_path):
    line = next(line for line in editions.telling_lines() if '"' in line)
    notebook = editions.notebook(CHAPTERS[0], plain=True)
    if where == "cell":
        notebook.cells[-1].source += f"\n{line}"
    elif where == "metadata":
        notebook.metadata["hint"] = line
    else:
        (tmp_path / "notes.txt").write_text(f"see {line}", encoding="utf-8")
    editions.write(tmp_path / "a.ipynb", nbformat.writes(notebook))
    (found,) = editions.find_solutions(tmp_path)
    assert line in found


def test_a_course_is_built_where_there_was_none(tmp_path, monkeypatch):
    def release(course):  # which needs nbgrader, and is tried where that is: make test-release
        for c in CHAPTERS[:1]:
            editions.write(course / "release" / editions.assignment(c) / f"{editions.assignment(c)}.ipynb", "{}")

    monkeypatch.setattr(editions, "release", release)
    editions.build(tmp_path, NUMBERS)
    for edition in ("student", "instructor", "hidden"):
        assert {"README.md", "LICENSE", "LICENSE-TEXT", "NOTICE"} <= {
            path.name for path in (tmp_path / edition).iterdir()
        }
    assert (tmp_path / "hidden" / "course" / "judge.py").is_file()
    assert not any(str(NUMBERS) in path.read_text() for path in editions.files_in(tmp_path / "student").values())


def test_links_and_references_of_a_chapter_work_on_their_own():
    for chapter in CHAPTERS:
        text = "\n".join(sources(editions.notebook(chapter, plain=True)))
        assert not re.search(r"\{\w+(:\w+)?\}`", text), chapter.name
        assert all(link.startswith(("https://", "#")) for link in re.findall(r"\]\(([^)\s]+)\)", text)), chapter.name


def test_every_exercise_has_a_line_in_the_rubric():
    rows = editions.rubric()
    assert sorted(row["exercise"] for row in rows) == sorted(list_exercises())
    read = {row["exercise"] for row in rows if "person" in row["marked"]}
    assert read == {e["id"] for c in CHAPTERS for e in c.exercises if e.get("read")}
    assert len(read) >= 4


def test_twelve_weeks_hold_each_chapter_once_in_order():
    rows = editions.plan()
    assert len(rows) == 12
    assert [name for row in rows for name in row["hand in"].split("; ")] == [editions.assignment(c) for c in CHAPTERS]


@pytest.mark.parametrize(("minutes", "count"), [([5, 1, 1, 9, 2, 3, 3], 3), ([1, 2, 3], 3), ([7, 7, 1, 1, 1, 7], 4)])
def test_the_longest_week_is_as_short_as_can_be(minutes, count):
    def longest(ends):
        return max(sum(minutes[a:b]) for a, b in itertools.pairwise([0, *ends, len(minutes)]))

    best = min(longest(ends) for ends in itertools.combinations(range(1, len(minutes)), count - 1))
    found = editions.weeks(minutes, count)
    assert [i for week in found for i in week] == list(range(len(minutes)))
    assert max(sum(minutes[i] for i in week) for week in found) == best
    assert all(len(week) for week in found)


@BOXED
def test_a_plain_notebook_is_marked_by_hidden_tests(tmp_path):
    chapter = next(c for c in CHAPTERS if c.name.endswith("-mff"))
    notebook = editions.notebook(chapter, plain=True)
    stubs = {cell.metadata.exercise.id: cell for cell in notebook.cells if "exercise" in cell.metadata}
    stubs["8.1"].source = 'width = 25\ncheck("8.1", width)'
    stubs["8.2"].source = "while True:\n    pass"  # and its check is gone
    stubs["8.3"].source = 'pixels = 44\nimport mffcn_lite.exercises as e\ne.check = print\ncheck("8.3", pixels)'
    editions.write_hidden(tmp_path, [chapter], NUMBERS)
    editions.write(tmp_path / "alice.ipynb", nbformat.writes(notebook))
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", editions.file_of(chapter)]
    command += ["--submission", "alice.ipynb", "--seconds", "5"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    said = re.findall(r"^(PASSED|FAILED) \S+\[(8\.\d)\]", done.stdout, re.MULTILINE)
    verdicts = {exercise: verdict for verdict, exercise in said}
    assert verdicts == {"8.1": "PASSED", **dict.fromkeys(("8.2", "8.3", "8.4", "8.5"), "FAILED")}, done.stdout
