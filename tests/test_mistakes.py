"""The wrong answers of `book/mistakes`: every exercise has some, and each gets its hint."""

import importlib
import inspect

import pytest

from book.build.contents import BOOK
from mffcn_lite import exercises
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.exercises import check, list_exercises

MODULES = sorted(path.stem for path in (BOOK / "mistakes").glob("chapter_*.py"))
WRONG = [row for name in MODULES for row in importlib.import_module(f"book.mistakes.{name}").WRONG]
RANDOM = [row for row in WRONG if "dice" in inspect.signature(exercises._CHECKS[row[0]]).parameters]


def test_every_exercise_has_a_wrong_answer():
    assert {identifier for identifier, _, _ in WRONG} == set(list_exercises())


@pytest.mark.parametrize(
    ("identifier", "answer", "hint"), WRONG, ids=[f"{identifier}-{hint}" for identifier, _, hint in WRONG]
)
def test_a_wrong_answer_gets_its_hint(identifier, answer, hint, hints):
    hints(identifier, answer, hint)


@pytest.mark.parametrize(
    ("identifier", "answer", "hint"), RANDOM, ids=[f"{identifier}-{hint}" for identifier, _, hint in RANDOM]
)
def test_a_wrong_answer_gets_its_hint_on_other_numbers_too(identifier, answer, hint, capsys, unchecked):
    """Refused on all; with another hint on few: an answer that is always the same is right by chance in a part."""
    sets = range(1, 3 if identifier == "5.4" else 10)
    assert not any(check(identifier, answer, numbers) for numbers in sets)
    assert capsys.readouterr().out.count(hint) > len(sets) / 2


def test_an_unknown_exercise_is_an_error():
    with pytest.raises(MffcnLiteError, match=r"99\.9"):
        check("99.9", 1)
