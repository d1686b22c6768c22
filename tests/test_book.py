"""The book: text and notebooks in step, every cell run, every figure described, every exercise checked."""

import importlib
import json
import re
import tomllib
from pathlib import Path

import jupytext
import nbformat
import pytest

from book.build import make_chapters
from book.build.contents import chapters
from mffcn_lite.exercises import check, list_exercises

ROOT = Path(__file__).parent.parent
NAMES = sorted(path.stem for path in (ROOT / "book" / "text").glob("*.md"))


def stored(name):
    return nbformat.read(ROOT / "book" / "chapters" / f"{name}.ipynb", as_version=4)


def code_cells(name):
    return [cell for cell in stored(name).cells if cell.cell_type == "code"]


def solutions():
    found = {}
    for path in sorted((ROOT / "book" / "solutions").glob("chapter_*.py")):
        found |= importlib.import_module(f"book.solutions.{path.stem}").SOLUTIONS
    return found


def exercise_cells():
    return {
        cell.metadata["exercise"]["id"]: cell
        for name in NAMES
        for cell in code_cells(name)
        if "exercise" in cell.metadata
    }


def test_each_text_has_its_notebook_and_each_notebook_its_text():
    assert NAMES
    assert sorted(path.stem for path in (ROOT / "book" / "chapters").glob("*.ipynb")) == NAMES


def test_the_contents_hold_every_chapter_by_its_number():
    assert [chapter.name for chapter in chapters()] == [name for name in NAMES if name[:2].isdigit()]
    assert [chapter.number for chapter in chapters()] == list(range(len(chapters())))
    for chapter in chapters():
        assert {exercise["id"].split(".")[0] for exercise in chapter.exercises} == {str(chapter.number)}


@pytest.mark.parametrize("name", NAMES)
def test_links_between_chapters_have_a_text(name):
    prose = "\n".join(cell.source for cell in stored(name).cells if cell.cell_type == "markdown")
    for target in re.findall(r"\]\(([\w-]+)(?:\.ipynb)?(?:#[\w-]+)?\)", prose):
        assert target in NAMES, target


@pytest.mark.parametrize("name", NAMES)
def test_text_and_notebook_are_in_step(name):
    assert make_chapters.in_step(make_chapters.read_text(name), stored(name))


def test_a_changed_text_is_noticed():
    text = make_chapters.read_text(NAMES[0])
    text.cells[0].source += " And one more word."
    assert not make_chapters.in_step(text, stored(NAMES[0]))


@pytest.mark.parametrize("name", NAMES)
def test_every_code_cell_was_run_in_order(name):
    assert make_chapters.never_run(stored(name)) == []
    counts = [cell.execution_count for cell in code_cells(name)]
    assert counts == list(range(1, len(counts) + 1))


@pytest.mark.parametrize("name", NAMES)
def test_no_stored_output_is_an_error_or_widget_state(name):
    assert "widgets" not in stored(name).metadata
    for cell in code_cells(name):
        assert all(output.output_type != "error" for output in cell.outputs)
        assert all(output.get("name") != "stderr" for output in cell.outputs)


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_has_a_caption_and_alt_text(name):
    for cell in code_cells(name):
        if any("image/png" in output.get("data", {}) for output in cell.outputs):
            described = cell.metadata.get("mystnb", {})
            assert described.get("image", {}).get("alt"), cell.source
            assert described.get("figure", {}).get("caption"), cell.source
        for output in cell.outputs:
            page = output.get("data", {}).get("text/html", "")
            assert all('alt="' in tag for tag in re.findall(r"<img[^>]*>", page))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_in_an_output_is_loaded_from_outside(name):
    for cell in code_cells(name):
        for output in cell.outputs:
            content = json.dumps(output.get("data", {}))
            assert not re.search(r"""(src|href)=\\?["']https?://""", content)


@pytest.mark.parametrize("name", NAMES)
def test_most_cells_are_short_and_none_runs_off_the_page(name):
    lengths = []
    for cell in code_cells(name):
        if {"hide-input", "hide-cell", "remove-input", "remove-cell"} & set(cell.metadata.get("tags", [])):
            continue
        lines = cell.source.splitlines()
        lengths.append(len(lines))
        assert max(map(len, lines)) <= 88, cell.source
    assert sum(length <= 12 for length in lengths) >= 0.9 * len(lengths)


def test_the_address_is_one_setting():
    address = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    assert re.search(r"^  url: (\S+)", config, re.MULTILINE)[1] == address
    for name in NAMES:
        text = (ROOT / "book" / "text" / f"{name}.md").read_text(encoding="utf-8")
        assert make_chapters.badge(name) in text
        assert make_chapters.INSTALL in text
        assert make_chapters.SAY in text


@pytest.mark.parametrize("name", [name for name in NAMES if name != "index"])
def test_a_chapter_runs_in_less_than_the_minute_that_it_promises(name):
    text = " ".join((ROOT / "book" / "text" / f"{name}.md").read_text(encoding="utf-8").split())
    assert "running takes less than one" in text
    assert json.loads((ROOT / "book" / "cost.json").read_text(encoding="utf-8"))[name] < 60


def test_exercises_checks_and_solutions_are_the_same_set():
    assert set(exercise_cells()) == set(list_exercises()) == set(solutions())


@pytest.mark.parametrize("identifier", list_exercises())
def test_the_metadata_of_an_exercise_is_complete(identifier):
    exercise = exercise_cells()[identifier].metadata["exercise"]
    assert set(exercise) - {"read"} == {"id", "stars", "minutes", "marks", "outcome", "gpu"}
    assert exercise["stars"] in (1, 2, 3)


@pytest.mark.parametrize("identifier", list_exercises())
def test_a_stub_is_not_attempted_yet(identifier, capsys):
    # The stub exactly as a reader first sees it.
    scope = {"check": check}
    exec(exercise_cells()[identifier].source, scope)
    assert capsys.readouterr().out == f"Exercise {identifier}: not attempted yet.\n"


@pytest.mark.parametrize("identifier", list_exercises())
def test_the_reference_solution_passes(identifier, capsys):
    assert check(identifier, solutions()[identifier]) is True
    assert capsys.readouterr().out == f"Exercise {identifier}: correct.\n"


def test_no_solution_travels_with_the_package_or_stands_in_a_chapter():
    for path in (ROOT / "book" / "solutions").glob("chapter_*.py"):
        bodies = re.findall(r"^    (return .+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert bodies
        for file in [*(ROOT / "book" / "text").glob("*.md"), *(ROOT / "mffcn_lite").rglob("*.py")]:
            assert not any(body in file.read_text(encoding="utf-8") for body in bodies), file


def test_jupytext_reads_what_it_writes():
    for name in NAMES:
        path = ROOT / "book" / "text" / f"{name}.md"
        again = jupytext.reads(jupytext.writes(jupytext.read(path), fmt="md:myst"), fmt="md:myst")
        assert [c.source for c in again.cells] == [c.source for c in jupytext.read(path).cells]
