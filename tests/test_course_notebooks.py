"""What was handed in: read whatever is wrong with it, each exercise's last try found, nothing harmful passed on."""

import csv
import io
import json
import os

import nbformat
import pytest

from course import editions, notebooks, report, submissions
from course.notebooks import Cell, Exercise, RefusedError

EXERCISES = [
    Exercise("8.1", "width", "width = ...", 2.0),
    Exercise("8.2", "fuse", "def fuse(x):\n    raise NotImplementedError", 4.0),
    Exercise("8.3", "(save, load)", "def save(): ...\ndef load(): ...", 3.0),
]


def order(*cells):
    """What is run and asked for, in order, of cells (source, names of exercises in metadata)."""
    made = [Cell(*(cell if isinstance(cell, tuple) else (cell,))) for cell in cells]
    return [step.get("ask") or step["run"] for step in notebooks.steps(EXERCISES, "first", made)][1:]


def test_each_exercise_is_asked_for_behind_its_own_cells():
    found = order(("width = 3", {"8.1"}), 'check("8.1", width)', "def fuse(x): pass", 'check("8.2", fuse)')
    assert found == ["width = 3", 'check("8.1", width)', "8.1", "def fuse(x): pass", 'check("8.2", fuse)', "8.2"]


@pytest.mark.parametrize(
    ("cells", "asked_behind"),
    [
        ([("width = 3", {"8.1"}), ("width = 4", {"8.1"})], "width = 4"),  # copied
        (['width = 3\ncheck("8.1", width)', 'width = 4\ncheck("8.1", width)'], 'width = 4\ncheck("8.1", width)'),
        (["a = 1", "width = a"], "width = a"),  # metadata and checks lost
        ([("width = 3", {"8.1"}), ("width = ...", {"8.1"})], "width = 3"),  # the empty copy is no try
    ],
)  # fmt: skip
def test_the_last_try_counts(cells, asked_behind):
    found = order(*cells)
    assert found.count("8.1") == 1
    assert found[found.index("8.1") - 1] == asked_behind


def test_a_function_is_found_wherever_it_is_defined_again_but_a_value_may_be_anybodys():
    assert order(("width = 3", {"8.1"}), ("def fuse(x): pass", {"8.2"}), "def fuse(x): return x", "width = 9") == [
        "width = 3", "8.1", "def fuse(x): pass", "def fuse(x): return x", "8.2", "width = 9",
    ]  # fmt: skip


def test_a_function_that_helps_in_another_exercise_is_no_new_try():
    helped = "def fuse(x): pass\ndef save(): pass\ndef load(): pass"
    for named in (frozenset({"8.3"}), frozenset()):  # with its metadata, and without
        assert order("def fuse(x): return 3", (helped, named)) == ["def fuse(x): return 3", "8.2", helped, "8.3"]


def test_what_is_missing_is_not_asked_for():
    assert order(("width = 3", {"8.1"})) == ["width = 3", "8.1"]


@pytest.mark.parametrize(
    "how", ["as it is", "BOM", "UTF-16", "CRLF", "version 3", "schema 1", "lists of lines", "no ids"]
)
def test_a_notebook_is_read_whatever_wrote_it(how):
    cells = [nbformat.v4.new_code_cell(source) for source in ("a = 1\nb = 2", "c = 3")]
    cells[1].metadata["nbgrader"] = {"grade_id": "answer-8-2", "schema_version": 1 if how == "schema 1" else 3}
    notebook = json.loads(nbformat.writes(nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_markdown_cell("x")])))
    if how == "version 3":
        old = [{**cell, "input": cell.pop("source")} for cell in notebook.pop("cells")[:2]]
        notebook |= {"nbformat": 3, "worksheets": [{"cells": old}]}
    if how == "no ids":
        notebook = {
            "cells": [{key: cell[key] for key in ("cell_type", "source", "metadata")} for cell in notebook["cells"]]
        }
    if how == "lists of lines":
        notebook["cells"][0]["source"] = ["a = 1\n", "b = 2"]
    text = json.dumps(notebook, indent=1)
    if how == "CRLF":
        text = text.replace("\n", "\r\n").replace("\\n", "\\r\\n")
    content = text.encode("utf-16" if how == "UTF-16" else "utf-8-sig" if how == "BOM" else "utf-8")
    assert notebooks.read(content) == [Cell("a = 1\nb = 2"), Cell("c = 3", frozenset({"8.2"}))]


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"[]", b"null", b'{"cells": 3}', b'{"cells": ' + b"[" * 50_000, b"9" * 10_000, b"<html>",
     b'{"cells": [' + b",".join([b'{"cell_type": "code", "source": ""}'] * 1001) + b"]}",
     b'{"cells": [{"cell_type": "code", "source": "' + b"x" * 1_000_001 + b'"}]}'],
)  # fmt: skip
def test_what_is_no_notebook_is_refused_with_a_sentence(content):
    with pytest.raises(RefusedError, match=r"^(it|a cell) .*[^.]$"):
        notebooks.read(content)


def test_only_a_regular_file_of_bounded_size_is_opened(tmp_path):
    target = tmp_path / "outside.ipynb"
    target.write_text("{}")
    folder = tmp_path / "submitted"
    (folder / "folder").mkdir(parents=True)
    (folder / "link").symlink_to(target)
    (folder / "linked").symlink_to(tmp_path)
    (folder / "broken").symlink_to("nowhere")
    os.mkfifo(folder / "fifo")
    (folder / "large").touch()
    os.truncate(folder / "large", 2 * notebooks.LARGEST)
    for name in ("folder", "link", "linked/outside.ipynb", "broken", "fifo", "large", "nothing"):
        with pytest.raises(RefusedError, match=r"link|no file|MB|can't be opened"):
            notebooks.content_of(folder / name, folder)
    (folder / "right").write_bytes(b"{}")
    assert notebooks.content_of(folder / "right", folder) == b"{}"
    about = target.stat()
    os.link(target, folder / "hard")
    with pytest.raises(RefusedError, match="instructor's"):
        notebooks.content_of(folder / "hard", folder, frozenset({(about.st_dev, about.st_ino)}))


def lay(folder, *names):
    for name in names:
        path = folder / name
        if name.endswith("/"):
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}")


CAPITAL, SHORT, SPACED = "chapter-02".capitalize(), "chapter-02".replace("-0", "-"), f"Chapter {2}.ipynb"


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["chapter-02/chapter-02.ipynb"], "chapter-02/chapter-02.ipynb"),
        (["chapter-02/chapter-02.ipynb", "chapter-02/chapter-02_old.ipynb"], "chapter-02/chapter-02.ipynb"),
        (["chapter-02/answers.ipynb", "chapter-02/notes.txt"], "chapter-02/answers.ipynb"),
        ([f"chapter-02/{SPACED}", "chapter-02/x.ipynb"], f"chapter-02/{SPACED}"),
        (["chapter-02/a.ipynb", "chapter-02/b.ipynb"], "there are 2 notebooks, and none is called chapter-02.ipynb"),
        (["chapter-02/"], "its folder has no notebook"),
        (["chapter-02"], "chapter-02 is no folder"),
        ([f"{CAPITAL}/chapter-02.ipynb"], f"{CAPITAL}/chapter-02.ipynb"),
        ([f"{SHORT}/{SHORT}.IPYNB"], f"{SHORT}/{SHORT}.IPYNB"),
        ([f"{SHORT}/x.ipynb", "chapter-02/y.ipynb"], "chapter-02/y.ipynb"),
        ([f"{CAPITAL}/x.ipynb", f"{SHORT}/y.ipynb"], f"there are {CAPITAL}, {SHORT}, and none is called chapter-02"),
        (["chapter-02.ipynb"], "chapter-02.ipynb"),
        (["chapter-02/.chapter-02.ipynb", "chapter-02/._x.ipynb", "chapter-02/x.ipynb"], "chapter-02/x.ipynb"),
        (["chapter-02/chapter-02.ipynb/"], "chapter-02/chapter-02.ipynb"),
    ],
)
def test_the_notebook_that_is_named_right_counts_or_there_is_a_sentence(names, chosen, tmp_path):
    lay(tmp_path / "alice", *names)
    ((found,), strays) = submissions.handed_in(tmp_path, ["chapter-02"])
    assert (str(found.path.relative_to(tmp_path / "alice")) if found.path else found.fault) == chosen
    assert found.name == "alice/chapter-02"
    assert strays == []


def test_strange_names_stop_nobody_and_strays_are_named(tmp_path):
    for student in ("Anna [s12]", "two  spaces ", os.fsdecode(b"no\xff"), "a\nb", "*"):
        lay(tmp_path / student, "chapter-02/chapter-02.ipynb")
    lay(tmp_path, "list.csv", ".DS_Store", "bob/chapter-99/x.ipynb", "bob/readme")
    found, strays = submissions.handed_in(tmp_path, ["chapter-02"])
    assert {s.student for s in found} == {"Anna [s12]", "two  spaces ", "no\\xff", "a\nb", "*"}
    assert sorted(strays) == ["bob/chapter-99", "bob/readme", "list.csv"]


def test_nothing_that_a_browser_runs_is_passed_on():
    harmful = [
        {"shown": {"text/html": "<script>", "text/plain": "x", "image/png": '"><script>'}},
        {"shown": {"image/svg+xml": "<svg onload=x>", "text/markdown": "<script>"}},
        {"name": "stdout", "text": {"a": "<b>"}},
        {"name": "evil", "text": "<script>"},
        {"error": ["<x>", "\ud800", ["line", 3]]},
        {"error": "x"},
        "<script>",
    ]
    found = notebooks.shown(harmful)
    assert [o["output_type"] for o in found] == ["display_data", "stream", "error"]
    assert found[0]["data"] == {"text/plain": "x"}
    assert all(isinstance(line, str) for line in found[2]["traceback"])
    json.dumps(found, ensure_ascii=False).encode()
    assert notebooks.shown("no list") == []


def test_the_filled_notebook_has_the_students_sources_in_the_released_one():
    chapter = next(c for c in editions.chapters() if c.name.endswith("-mff"))
    released = json.loads(nbformat.writes(editions.notebook(chapter)))
    exercises, first = notebooks.released(released)
    assert [e.name for e in exercises] == [e["id"] for e in chapter.exercises]
    assert "import torch" in first
    cells = [Cell("helper = 1"), Cell("width = helper", frozenset({"8.1"})), Cell("leftover = 2")]
    said = {e.name: f"said of {e.name}" for e in exercises}
    filled = notebooks.filled(released, exercises, cells, {1: [{"name": "stdout", "text": "printed"}]}, said)
    nbformat.validate(nbformat.from_dict(filled))
    sources = ["".join(cell["source"]) for cell in filled["cells"]]
    assert sources.index("helper = 1") < sources.index("width = helper") < sources.index("leftover = 2")
    outputs = [output["text"] for cell in filled["cells"] for output in cell.get("outputs", ())]
    assert outputs[:2] == ["printed", "Exercise 8.1: said of 8.1\n"]
    markdown = [cell for cell in filled["cells"] if cell["cell_type"] == "markdown"]
    assert markdown == [cell for cell in released["cells"] if cell["cell_type"] == "markdown"]


def test_a_label_with_too_many_digits_is_none():
    about = {"nbgrader": {"grade_id": f"answer-{'9' * 5000}-1"}}
    cell = {"cell_type": "code", "source": "width = 25", "metadata": about}
    assert notebooks.read(json.dumps({"cells": [cell]}).encode()) == [Cell("width = 25")]


def row(student, exercise, mark, of, said):
    about = {"student": student, "assignment": "chapter-08", "exercise": exercise, "mark": mark, "of": of}
    return {**about, "said": said, "whole": False}


JOURNAL = {
    f"{student}/chapter-08": {"marks": [row(student, "8.1", 2.0, 2.0, ""), row(student, "8.2", 0.0, 4.0, said)]}
    for student, said in (
        ("bob", ""),
        ("=cmd|x", "<script>alert(1)</script>"),
        ("esc\x1b[2J", "it ended"),
        ("\t＝cmd|x", ""),
    )
}


def test_the_table_the_page_and_the_csv_say_the_same_and_do_nothing():
    found = report.lines(JOURNAL, {"chapter-08": ["8.1"]})
    text, page = report.as_text(found), report.as_page(found)
    assert text.splitlines()[0].split() == ["student", "chapter", "marks", "of", "look", "at"]
    assert "8.2: it ended; read 8.1" in text
    assert "\x1b" not in text + page
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not any(word in page for word in ("http://", "https://", "src=", "href="))  # on its own
    rows = list(csv.DictReader(io.StringIO(report.as_csv(JOURNAL))))
    assert len(rows) == 8
    assert {row["student"][0] for row in rows} == {"b", "'", "e"}


def test_the_lines_that_bring_marks_into_canvas_and_moodle_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lay(tmp_path, "grading/marks.csv")
    (tmp_path / "grading/marks.csv").write_text(report.as_csv(JOURNAL), encoding="utf-8")
    (tmp_path / "canvas.csv").write_text(
        "Student,ID,SIS Login ID,Section,chapter-08 (4711),chapter-09 (4712)\nPoints Possible,,,,6,7\nBob,1,bob,A,,3\n"
    )
    guide = (editions.ROOT / "course" / "instructor.md").read_text(encoding="utf-8")
    exec(guide.split("```python\n")[1].split("```")[0], {})
    canvas = list(csv.DictReader((tmp_path / "canvas.csv").open()))
    assert [(row["chapter-08 (4711)"], row["chapter-09 (4712)"]) for row in canvas] == [("6", "7"), ("2.0", "3")]
    moodle = {row["username"]: row["chapter-08"] for row in csv.DictReader((tmp_path / "moodle.csv").open())}
    assert moodle["bob"] == "2.0"
