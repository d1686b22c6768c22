"""Chapters by their numbers: each reference has a form that follows, and a new chapter moves all behind it."""

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from book.build import references
from book.build.add_chapter import add
from book.build.references import Book, files, loose, renumber, rewrite

ROOT = Path(__file__).parent.parent
BOOK = Book.of(ROOT)
NUMBERS = BOOK.numbers
SOURCES = [path for path in files(ROOT) if path.suffix != ".ipynb"]  # those are in step with their texts
SMALL = Book({"light": 4, "colour": 5, "form": 9}, frozenset({"4.1", "5.2", "9.3"}))


def read(path):
    return path.read_text(encoding="utf-8")


def later(number):
    return number + (number >= 5)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("As in chapter 9, and\nin chapter\n5 too", "As in chapter 10, and\nin chapter\n6 too"),
        ("# by chapter\n# 9.", "# by chapter\n# 10."),
        ("Chapters 4, 5 and 9 say", "Chapters 4, 6 and 10 say"),
        ("chapters 4 to 5 and 9", "chapters 4 to 6 and 10"),
        ("chapters [5](05-colour) and [9](09-form.ipynb)", "chapters [6](06-colour) and [10](10-form.ipynb)"),
        ("[Chapter 9](09-form#end), [9](../a/09-form)", "[Chapter 10](10-form#end), [10](../a/10-form)"),
        ("chapter_05, chapter-09.ipynb, test_exercises_09", "chapter_06, chapter-10.ipynb, test_exercises_10"),
        ("exercise 5.2; Exercises 4.1 and 9.3", "exercise 6.2; Exercises 4.1 and 10.3"),
        ("**9.3 ★★ A bug.**", "**10.3 ★★ A bug.**"),
        ('check("9.3", x)', 'check("10.3", x)'),
    ],
)  # fmt: skip
def test_a_reference_follows_and_goes_back(before, after):
    moved = Book({"light": 4, "colour": 6, "form": 10}, frozenset({"4.1", "6.2", "10.3"}))
    assert rewrite(before, later, SMALL, quoted=True) == after
    assert rewrite(after, lambda number: number - (number > 5), moved, quoted=True) == before
    assert loose(before) == []


@pytest.mark.parametrize(
    "text",
    [
        "PSNR 9.3 and 5.2 dB, at factor 5",
        "In chapter 4, 9 of 10 photos",
        "chapters 4 and 4, 9 people",
        "section 5.2, equation (9), 05-light, 2005-09-form",
        '"5.3", "9.30", version="9.3.1"',
        "chapter 12 of another book, exercise 5.7",
        "# 9. a comment",
    ],
)
def test_other_numbers_stay(text):
    assert rewrite(text, later, SMALL, quoted=True) == text


def test_a_number_in_quotes_is_an_exercise_where_exercises_are():
    assert rewrite('"9.3"', later, SMALL) == '"9.3"'


@pytest.mark.parametrize(
    "text",
    [
        "chapter five",
        "chap. 5",
        "chapters 5–9 and 12",
        "chapters 5, 9",
        "the ninth chapter",
        "the 9th chapter",
        "test_of_chapter_9",
        "chapters[8]",
        "exercise No. 5",
        "eighteen chapters",
    ],
)
def test_what_would_not_follow_is_found(text):
    assert loose(text)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_reference_has_a_form_that_follows_and_leads_somewhere(path):
    text = read(path)
    assert loose(text) == []
    for match in references.FORM.finditer(text):
        if match.lastgroup == "words":
            named = re.findall(r"(?<![\w(/-])\d{1,2}(?![\w-])", match[0])
            assert named
            assert set(map(int, named)) <= set(NUMBERS.values()), match[0]
        elif match.lastgroup == "exercises":
            assert set(re.findall(references.EXERCISE, match[0])) <= BOOK.exercises, match[0]
    for number, target, name in re.findall(r"\[(?:[Cc]hapter )?(\d+)\]\((?:[\w./]*/)?(\d\d)-([\w-]+)", text):
        assert int(number) == int(target) == NUMBERS[name]


def test_an_identifier_in_quotes_is_an_exercise_in_the_texts():
    for path in (ROOT / "book" / "text").glob("*.md"):
        text = read(path)
        named = sum(match[0] in BOOK.exercises for match in references.IN_QUOTES.finditer(text))
        assert named == len(re.findall(r'(?:exercise: \{id: |check\()"\d+\.\d"', text)), path


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A copy of the repository with a chapter that came between others, and one behind all."""
    root = tmp_path_factory.mktemp("grown")
    for place in (*references.PLACES, "pyproject.toml"):
        if (ROOT / place).is_dir():
            shutil.copytree(ROOT / place, root / place, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(ROOT / place, root / place)
    add(root, "between", 5)
    add(root, "behind")
    return root


def run(root, *arguments):
    """A module of the copy, in the copy; what it says."""
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_numbers_have_no_gap_and_names_keep_their_order(grown):
    names, before = list(Book.of(grown).numbers), list(NUMBERS)
    assert names == [*before[:5], "between", *before[5:], "behind"]
    assert list(Book.of(grown).numbers.values()) == list(range(len(names)))
    for folder, pattern in (("book/solutions", "chapter_*.py"), ("book/mistakes", "chapter_*.py")):
        assert len(list((grown / folder).glob(pattern))) == len(names)


def test_an_exercise_moves_with_its_answer_its_hints_and_its_output(grown):
    number = NUMBERS["srcnn"]
    old, new = f"{number}.2", f"{number + 1}.2"
    hints = {h for i, _, h in importlib.import_module(f"book.mistakes.chapter_{number:02}").WRONG if i == old}
    program = f"""
from mffcn_lite.exercises import check
from book.mistakes.chapter_{number + 1:02} import WRONG
from book.solutions.chapter_{number + 1:02} import SOLUTIONS
assert check({new!r}, SOLUTIONS[{new!r}]) is True
assert {{h for i, _, h in WRONG if i == {new!r}}} == {hints!r}
"""
    (grown / "tried.py").write_text(program, encoding="utf-8")
    assert run(grown, "tried") == f"Exercise {new}: correct.\n"
    notebook = read(grown / "book" / "chapters" / f"{number + 1:02}-srcnn.ipynb")
    assert f"Exercise {new}: not attempted yet." in notebook
    assert f"Exercise {old}:" not in notebook


def test_the_stubs_are_whole_and_the_book_passes_its_gates(grown):
    new = [f"{Book.of(grown).numbers[name]:02}-{name}" for name in ("between", "behind")]
    run(grown, "ruff", "check", "--no-cache", *(str(path) for path in grown.rglob("chapter_*.py")))
    run(grown, "book.build.make_chapters", *new)
    words = ["step", "contents", "links", "address", "same_set", "form_that_follows", "exercises_is_complete", *new]
    words += [f"{int(name[:2])}.1" for name in new]
    gates = [f"tests/test_{name}.py" for name in ("book", "references", "mistakes", "appendices")]
    said = run(grown, "pytest", "-q", "-p", "no:cacheprovider", *gates, "-k", " or ".join(words))
    assert " passed" in said
    assert "failed" not in said


def test_without_the_new_chapters_everything_is_as_before(grown, tmp_path):
    root, names = shutil.copytree(grown, tmp_path / "back"), Book.of(grown).numbers
    for name in ("behind", "between"):
        number = names[name]
        for stub in (f"book/text/{number:02}-{name}.md", f"book/chapters/{number:02}-{name}.ipynb"):
            (root / stub).unlink(missing_ok=True)  # the notebook is there once it was executed
        for folder in ("mffcn_lite/exercises", "book/solutions", "book/mistakes"):
            (root / folder / f"chapter_{number:02}.py").unlink()
        contents = re.sub(rf" +- file: \S+/{number:02}-{name}\n", "", read(root / "_toc.yml"))
        (root / "_toc.yml").write_text(contents, encoding="utf-8")
        renumber(root, lambda k, gone=number: k - (k > gone))
    for path in files(ROOT):
        if path.name != "cost.json":  # has the seconds of the new ones
            assert (root / path.relative_to(ROOT)).read_bytes() == path.read_bytes(), path


@pytest.mark.parametrize(("name", "at"), [("srcnn", 3), ("Colour", 3), ("colour", 99)])
def test_no_room_is_made_for_what_is_there_or_has_no_place(name, at):
    with pytest.raises(SystemExit, match=name if at == 3 else "from 0 to"):
        add(ROOT, name, at)
