"""Build the course under `coursework`, from the chapters' exercises: make coursework.

python -m course.editions [folder]

    student/      what students get: notebooks with stubs, as nbgrader released them and as plain ones; a manifest
    instructor/   nbgrader's course with the solutions; rubric.csv, plan.csv, hints.md; the hidden tests' numbers
    hidden/       the hidden tests for plain notebooks, with pytest

Marks, minutes and outcomes are the metadata of the exercises' cells in `book/text`.
"""

import ast
import csv
import functools
import importlib
import io
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import jupytext
import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from book.build.archives import write_zip
from book.build.contents import BOOK, Chapter, chapters
from book.build.make_appendices import DOWNLOADS
from book.build.make_chapters import ADDRESS, INSTALL
from mffcn_lite.files import sha256

ROOT = BOOK.parent
NBGRADER = ROOT / ".venv-nbgrader" / "bin"
ZIP = DOWNLOADS / "mffcn_lite-course.zip"
WEEKS = 12
JUDGES = ("box", "channel", "inside", "judge", "notebooks", "objects", "packing", "peers")  # what marks, also elsewhere
IMPORTS = (ast.Import, ast.ImportFrom)
BEGIN, END = "### BEGIN {}", "### END {}"


# One exercise.


def answered(stub: str) -> tuple[str, str]:
    """(the stub without its check, the names that the check takes): of `side = ...`, `check("7.1", side)`."""
    last = ast.parse(stub).body[-1]
    return "\n".join(stub.splitlines()[: last.lineno - 1]).strip(), ast.unparse(last.value.args[1])


def solution(source: str, identifier: str, names: str) -> str:
    """What a chapter's module of solutions needs for one of them, and the assignment to the stub's names."""
    module = ast.parse(source)
    *body, last = module.body
    table = last.value
    answer = next(value for key, value in zip(table.keys, table.values, strict=True) if key.value == identifier)
    makers = {name: node for node in body for name in defined(node)}
    wanted, todo = set(), [answer]
    while todo:
        for node in ast.walk(todo.pop()):
            if isinstance(node, ast.Name) and node.id in makers and node.id not in wanted:
                wanted.add(node.id)
                todo.append(makers[node.id])
    needed = [node for node in body if set(defined(node)) & wanted]
    parts = ["\n".join(ast.unparse(node) for node in needed if isinstance(node, IMPORTS))]
    parts += [ast.get_source_segment(source, node) for node in needed if not isinstance(node, IMPORTS)]
    value = ast.unparse(answer)
    return "\n\n".join(filter(None, [*parts, "" if value == names else f"{names} = {value}"]))


def defined(node: ast.stmt) -> list[str]:
    """The names that a statement of a module gives a meaning."""
    if isinstance(node, IMPORTS):
        return [(name.asname or name.name).split(".")[0] for name in node.names]
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    return [name.id for name in ast.walk(node) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)]


# One chapter's notebook.


def portable(text: str) -> str:
    """A chapter's text for a notebook on its own: links lead to the book, references to its equations are words."""
    text = re.sub(r"\]\((\d\d-[\w-]+)(?:\.ipynb)?(#[\w-]+)?\)", rf"]({ADDRESS}/blob/main/book/chapters/\1.ipynb)", text)
    text = re.sub(r"\{eq\}`([\w-]+)`", r"the chapter's equation *\1*", text)
    return re.sub(r" ?\{[\w:]+\}`~?(?:mffcn_lite\.)?([^`]+)`", r" `\1`", text)


@functools.cache
def cells_of(name: str) -> list[nbformat.NotebookNode]:
    """A chapter's cells, read once."""
    return jupytext.read(BOOK / "text" / f"{name}.md").cells


def parts_of(chapter: Chapter) -> Iterator[tuple[str, dict | None, str]]:
    """(text before an exercise, its metadata, its stub) of each, in order; at last what comes behind them."""
    text, begun = [], False
    for cell in cells_of(chapter.name):
        if cell.cell_type == "markdown":
            source = cell.source
            if "## Exercises" in source:
                begun, source = True, source.split("## Exercises", 1)[1]
            if begun:
                text.append(re.split(r"^## ", source, maxsplit=1, flags=re.MULTILINE)[0].strip())
                if text[-1] != source.strip():
                    break
        elif "exercise" in cell.metadata:
            yield "\n\n".join(filter(None, text)), cell.metadata["exercise"], cell.source
            text = []
        elif begun:  # such as a function with a bug in it
            text.append(f"```python\n{cell.source}\n```")
    yield "\n\n".join(filter(None, text)), None, ""


def imports_of(chapter: Chapter) -> str:
    """The chapter's cells of imports, but for what installs the package."""
    cells = [cell.source for cell in cells_of(chapter.name) if cell.cell_type == "code"]
    return "\n".join(s for s in cells if INSTALL not in s and all(isinstance(n, IMPORTS) for n in ast.parse(s).body))


def nbgrader_cell(source: str, name: str, kind: str, points: int = 0):
    """A cell that nbgrader knows: an answer, or a test that gives marks."""
    about = {"schema_version": 3, "grade_id": name, "task": False, "cell_type": "code"}
    about |= {"grade": kind == "test", "solution": kind == "answer", "locked": kind == "test"}
    return new_code_cell(source, metadata={"nbgrader": about | ({"points": points} if kind == "test" else {})})


def notebook(chapter: Chapter, plain: bool = False) -> nbformat.NotebookNode:
    """The exercises of a chapter: for nbgrader with solutions, or plain without. No notebook holds a hidden test."""
    source = (BOOK / "solutions" / f"chapter_{chapter.number:02}.py").read_text(encoding="utf-8")
    minutes, marks = (sum(e[key] for e in chapter.exercises) for key in ("minutes", "marks"))
    title = f"# Exercises of chapter {chapter.number}: {chapter.title}\n\nRead [the chapter]({chapter.name}) first."
    title += f" These {len(chapter.exercises)} exercises take about {minutes} minutes and give {marks} marks."
    title += "" if plain else " Run each answer, then the cell below it, which checks it and gives a hint."
    cells = [new_markdown_cell(portable(title)), new_code_cell(INSTALL), new_code_cell(imports_of(chapter))]
    for text, exercise, stub in parts_of(chapter):
        if text:
            cells.append(new_markdown_cell(portable(text)))
        if exercise is None:
            continue
        name, (start, names) = exercise["id"], answered(stub)
        check = f'check("{name}", {names})'
        if plain:
            cells.append(new_code_cell(f"{start}\n\n{check}", metadata={"exercise": dict(exercise)}))
            continue
        answer = [start, BEGIN.format("SOLUTION"), solution(source, name, names), END.format("SOLUTION")]
        label = name.replace(".", "-")
        cells.append(nbgrader_cell("\n".join(answer), f"answer-{label}", "answer"))
        cells.append(nbgrader_cell(check, f"marks-{label}", "test", exercise["marks"]))
    for i, cell in enumerate(cells):
        cell.id = f"cell-{i:02d}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


# What an instructor gets beside the notebooks.


def table(rows: list[dict]) -> str:
    """Rows as CSV."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def rubric() -> list[dict]:
    """A line an exercise: what gives its marks."""
    says = {False: "all or none, by its hidden test", True: "by its hidden test for the form, then read by a person"}
    return [
        {
            "chapter": c.number,
            "exercise": e["id"],
            "title": e["title"],
            "stars": e["stars"],
            "minutes": e["minutes"],
            "marks": e["marks"],
            "outcome": e["outcome"],
            "needs a GPU": "yes" if e["gpu"] else "no",
            "marked": says[e.get("read", False)],
        }
        for c in chapters()
        for e in c.exercises
    ]


def weeks(minutes: list[int], count: int) -> list[range]:
    """The places of chapters in each of `count` weeks, in order, so that the longest week is as short as can be."""

    @functools.cache
    def best(start: int, left: int) -> tuple[int, list[int]]:
        """(minutes of the longest week, where each week ends), of what is left from `start` on."""
        if left == 1:
            return sum(minutes[start:]), [len(minutes)]
        ways = ((end, best(end, left - 1)) for end in range(start + 1, len(minutes) - left + 2))
        return min((max(sum(minutes[start:end]), longest), [end, *ends]) for end, (longest, ends) in ways)

    ends = best(0, count)[1]
    return [range(*pair) for pair in zip([0, *ends], ends, strict=False)]


def plan() -> list[dict]:
    """A line a week: which chapters, how long, how many marks."""
    found = chapters()
    work = [c.reading + sum(e["minutes"] for e in c.exercises) for c in found]
    rows = []
    for week, places in enumerate(weeks(work, WEEKS), 1):
        mine = [found[i] for i in places]
        rows.append(
            {
                "week": week,
                "chapters": "; ".join(f"{c.number}. {c.title}" for c in mine),
                "minutes to read": sum(c.reading for c in mine),
                "minutes of exercises": sum(e["minutes"] for c in mine for e in c.exercises),
                "marks": sum(e["marks"] for c in mine for e in c.exercises),
                "hand in": "; ".join(assignment(c) for c in mine),
            }
        )
    return rows


def hints() -> str:
    """What typical wrong answers are told, as `book/mistakes` has it."""
    lines = ["# What the checks say", "", "To typical wrong answers, a part of each hint. None names the answer.", ""]
    for c in chapters():
        told: dict[str, None] = {f"- **{i}** … {hint} …": None for i, _, hint in wrong_answers(c)}
        lines += [f"## {c.number}. {c.title}", "", *told, ""]
    return "\n".join(lines)


def wrong_answers(chapter: Chapter) -> list[tuple[str, object, str]]:
    """(exercise, answer, part of its hint) of each typical wrong answer."""
    return importlib.import_module(f"book.mistakes.chapter_{chapter.number:02}").WRONG


def assignment(chapter: Chapter) -> str:
    """Its name for nbgrader."""
    return f"chapter-{chapter.number:02}"


def file_of(chapter: Chapter) -> str:
    """Of its hidden tests for pytest."""
    return f"chapter_{chapter.number:02}.py"


# The three folders.


def hidden_tests(chapter: Chapter, numbers: int) -> str:
    """A file for pytest: what `conftest.py` has the judge ask about a student's notebook."""
    asked = [
        {"name": e["id"], "names": answered(stub)[1], "stub": answered(stub)[0], "marks": e["marks"]}
        for _, e, stub in parts_of(chapter)
        if e
    ]
    return f'''"""Hidden tests of chapter {chapter.number}: pytest {file_of(chapter)} --submission NOTEBOOK"""

import pytest

NUMBERS = {numbers}
FIRST = {imports_of(chapter)!r}
EXERCISES = {json.dumps(asked, indent=1)}


@pytest.mark.parametrize("exercise", [e["name"] for e in EXERCISES])
def test_exercise(exercise, outcomes):
    assert outcomes(EXERCISES, FIRST, NUMBERS)[exercise] == "right"
'''


def write(path: Path, content: str) -> None:
    """A text file, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def write_hidden(folder: Path, found: list[Chapter], numbers: int) -> None:
    """The hidden tests of chapters for plain notebooks, with the judge that they ask."""
    here = Path(__file__).parent
    for c in found:
        write(folder / file_of(c), hidden_tests(c, numbers))
    for source, target in [("conftest", "conftest"), *((name, f"course/{name}") for name in JUDGES)]:
        write(folder / f"{target}.py", (here / f"{source}.py").read_text(encoding="utf-8"))


def release(course: Path) -> None:
    """Have nbgrader make the students' notebooks, and remember each cell in its gradebook.

    Raises:
        SystemExit: if nbgrader refuses.
    """
    environment = os.environ | {"PATH": f"{NBGRADER}{os.pathsep}{os.environ['PATH']}"}
    for c in chapters():
        command = [NBGRADER / "nbgrader", "generate_assignment", assignment(c), "--force"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=course, env=environment)
        if done.returncode:
            sys.exit(f"nbgrader did not release {assignment(c)}:\n{done.stderr}")


def files_in(folder: Path) -> dict[str, Path]:
    """All files below a folder, by name."""
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def manifest(student: Path) -> dict:
    """What the student edition holds: each file with its hash, each exercise with its marks."""
    hashes = {name: sha256(path) for name, path in files_in(student).items()}
    about = [{"assignment": assignment(c), "title": c.title, "exercises": c.exercises} for c in chapters()]
    return {"assignments": about, "sha256": hashes}


def build(folder: Path, numbers: int) -> None:
    """Write all three editions into `folder`."""
    student, instructor, hidden = (folder / name for name in ("student", "instructor", "hidden"))
    course = instructor / "nbgrader"
    for c in chapters():
        name = f"{assignment(c)}.ipynb"
        write(course / "source" / assignment(c) / name, nbformat.writes(notebook(c)))
        write(student / "plain" / name, nbformat.writes(notebook(c, plain=True)))
    here = Path(__file__).parent
    shutil.copy(here / "nbgrader_config.py", course / "nbgrader_config.py")
    release(course)
    shutil.copytree(course / "release", student / "nbgrader")
    write_hidden(hidden, chapters(), numbers)
    for edition in (student, instructor, hidden):
        shutil.copy(here / f"{edition.name}.md", edition / "README.md")
        shutil.copy(ROOT / "LICENSE", edition / "LICENSE")
        shutil.copy(ROOT / "NOTICE", edition / "NOTICE")
        shutil.copy(ROOT / "book" / "LICENSE", edition / "LICENSE-TEXT")
    write(instructor / "rubric.csv", table(rubric()))
    write(instructor / "plan.csv", table(plan()))
    write(instructor / "hints.md", hints())
    write(student / "manifest.json", json.dumps(manifest(student), indent=1) + "\n")


def telling_lines() -> list[str]:
    """The lines of the solutions' functions and texts that are long enough to give one away."""
    lines = []
    for path in sorted((BOOK / "solutions").glob("chapter_*.py")):
        source = path.read_text(encoding="utf-8")
        for node in ast.parse(source).body[1:-1]:  # without the docstring and the table
            lines += [line.strip() for line in ast.get_source_segment(source, node).splitlines()[1:]]
    return [line for line in lines if len(line) >= 25]


def find_solutions(student: Path) -> list[str]:
    """Where lines of a solution stand in a student edition, in a cell, in metadata or elsewhere; empty if nowhere."""
    told = " ".join(text + stub for c in chapters() for text, _, stub in parts_of(c))  # a loop with a bug to be found
    lines = [line for line in telling_lines() if line not in told]
    found = []
    for path in files_in(student).values():
        text = path.read_text(encoding="utf-8")
        found += [f"{path}: {line}" for line in lines if line in text or json.dumps(line)[1:-1] in text]
    return found


def main(target: Path) -> None:
    """Build beside what is there, and put it in its place when it is whole; the student edition also as a zip.

    Raises:
        SystemExit: if nbgrader's environment is missing, or a solution stands in the student edition.
    """
    if not NBGRADER.is_dir():
        sys.exit("nbgrader's own environment is missing; run: make coursework")
    kept = target / "instructor" / "numbers.txt"  # which random numbers the judge takes: yours alone
    numbers = int(kept.read_text(encoding="utf-8")) if kept.exists() else secrets.randbelow(10**12) + 1
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as temporary:
        built = Path(temporary) / target.name
        build(built, numbers)
        write(built / "instructor" / "numbers.txt", f"{numbers}\n")
        if leaks := find_solutions(built / "student"):
            sys.exit("\n".join(["the student edition holds solutions:", *leaks]))
        if target.exists():
            target.rename(Path(temporary) / "before")
        built.rename(target)
    write_zip(ZIP, {f"{ZIP.stem}/{name}": path for name, path in files_in(target / "student").items()})
    print(f"The course is ready: {target}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if sys.argv[1:] else ROOT / "coursework"))
