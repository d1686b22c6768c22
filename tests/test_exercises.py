"""What the checks of all chapters have in common."""

import ast
import importlib
from pathlib import Path

import pytest
import torch

from mffcn_lite import exercises
from mffcn_lite.exercises import as_numbers, check, first_hint, list_exercises

CHAPTERS = sorted(Path(exercises.__file__).parent.glob("chapter_*.py"))


def rows_of(numbers, asked=lambda: None):
    """The rows that an answer to 0.2 is given; it does something before it answers."""
    rows = []

    def answer(row, kernel):
        asked()
        rows.append(row)
        return torch.nn.functional.conv1d(row[None, None], kernel[None, None], padding=len(kernel) // 2).flatten()

    assert check("0.2", answer, numbers)
    return torch.cat(rows)


def test_other_numbers_are_other_random_numbers_and_the_same_are_the_same():
    assert torch.equal(rows_of(1), rows_of(1))
    assert not torch.equal(rows_of(1), rows_of(0))


def test_a_check_inside_an_answer_leaves_the_answers_random_numbers_alone():
    assert torch.equal(rows_of(1, asked=lambda: check("0.1", 90)), rows_of(1))


@pytest.mark.parametrize("empty", [..., [..., ...], {"a": ...}, {"a": (..., ...), "b": ...}])
def test_an_answer_without_anything_written_in_it_is_not_attempted(empty):
    assert check("8.4", empty) is None


@pytest.mark.parametrize("answer", [[], {}, {"a": ..., "b": 1}])
def test_an_answer_with_anything_else_is_attempted(answer):
    assert check("8.4", answer) is False


def test_the_first_hint_that_fits_is_given():
    hints = (1, None), (2, "two"), (2, "again two")
    assert [first_hint(n.__eq__, *hints, otherwise="other") for n in (1, 2, 3)] == [None, "two", "other"]


def test_numbers_are_counted():
    assert as_numbers((1, "2.5"), 2) == [1, 2.5]
    assert all(as_numbers(wrong, 2) is None for wrong in (1, None, (1,), (1, 2, 3), (1, "x")))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_what_a_chapter_shows_is_imported_from_the_package(path):
    chapter = importlib.import_module(f"mffcn_lite.exercises.{path.stem}")
    assert all(getattr(exercises, name) is getattr(chapter, name) for name in getattr(chapter, "__all__", ()))


def test_each_exercise_is_registered_by_a_plain_name_in_its_chapter():
    found = []
    for path in CHAPTERS:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            for decorator in getattr(node, "decorator_list", ()):
                found.append(decorator.args[0].value)
                assert int(found[-1].split(".")[0]) == int(path.stem.removeprefix("chapter_"))
    assert sorted(found) == sorted(list_exercises())
