"""The wrong answers of `book/mistakes`: every exercise has some, and each gets its hint."""

import importlib

import pytest

from book.build.contents import BOOK
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.exercises import check, list_exercises

MODULES = sorted(path.stem for path in (BOOK / "mistakes").glob("chapter_*.py"))
WRONG = [row for name in MODULES for row in importlib.import_module(f"book.mistakes.{name}").WRONG]


def test_every_exercise_has_a_wrong_answer():
    assert {identifier for identifier, _, _ in WRONG} == set(list_exercises())


@pytest.mark.parametrize(
    ("identifier", "answer", "hint"), WRONG, ids=[f"{identifier}-{hint}" for identifier, _, hint in WRONG]
)
def test_a_wrong_answer_gets_its_hint(identifier, answer, hint, hints):
    hints(identifier, answer, hint)


def test_an_unknown_exercise_is_an_error():
    with pytest.raises(MffcnLiteError, match=r"99\.9"):
        check("99.9", 1)
