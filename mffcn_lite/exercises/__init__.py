"""Instant checks of a reader's answers, a module a chapter. The solutions are in `book/solutions`, and not here."""

import importlib
import pkgutil
from collections.abc import Callable, Collection

import torch

from mffcn_lite.errors import MffcnLiteError

_CHECKS: dict[str, Callable[[object], str | None]] = {}
_set_of_numbers = 0


def dice(seed: int) -> torch.Generator:
    """The random numbers that an answer is tried on: one set for a seed, others for other `numbers` of `check`."""
    return torch.Generator().manual_seed(seed + 1000 * _set_of_numbers)


def exercise(identifier: str):
    """Register a check: a function of the answer that returns a hint, or None where the answer is right."""

    def register(function: Callable[[object], str | None]):
        _CHECKS[identifier] = function
        return function

    return register


def list_exercises() -> list[str]:
    """The identifiers that `check` knows."""
    return list(_CHECKS)


def check(identifier: str, answer: object, numbers: int = 0) -> bool | None:
    """Check an answer, print the verdict, and give a hint where it is not right yet.

    Args:
        identifier: the exercise, such as "2.1".
        answer: a function, or a value; a function that raises NotImplementedError and the value `...` mean
            "not attempted yet".
        numbers: which set of random numbers an answer is tried on. A course's hidden tests take one that students do
            not know, so that an answer can't be made for the numbers that it sees here.

    Returns:
        True, False, or None if the exercise was not attempted.

    Raises:
        MffcnLiteError: for an unknown exercise.
    """
    global _set_of_numbers
    if identifier not in _CHECKS:
        raise MffcnLiteError(f'no exercise "{identifier}"; there are {", ".join(_CHECKS)}')
    _set_of_numbers = numbers
    try:
        hint = "not attempted yet" if answer is ... else _CHECKS[identifier](answer)
        verdict = None if answer is ... else hint is None
    except NotImplementedError:
        verdict, hint = None, "not attempted yet"
    except Exception as error:  # the reader's own code: whatever it raises is an answer to report on
        verdict, hint = False, f"your answer stopped with {type(error).__name__}: {error}"
    finally:
        _set_of_numbers = 0
    print(f"Exercise {identifier}: {'correct' if verdict else hint}.")
    return verdict


def as_number(answer: object) -> float | None:
    """The answer as a float, or None where it is none."""
    try:
        return float(answer)
    except (TypeError, ValueError):
        return None


def wrong_line(
    answer: object, lines: dict[str, tuple[str, str]], words: Collection[str], all_alike: dict[str, str] | None = None
) -> str | None:
    """Check a table into each of whose lines a word is written: a hint for the first that is not right, or None.

    Args:
        answer: the reader's words by their lines; the hint says so where it is something else.
        lines: the right word of each line, and a hint for who wrote another.
        words: those to choose from.
        all_alike: a hint for who wrote this word into every line.

    Raises:
        NotImplementedError: if every line still holds `...`.
    """
    choice = ", ".join(f'"{word}"' for word in words)
    if not isinstance(answer, dict) or set(answer) != set(lines):
        return f"keep the {len(lines)} lines, and write one of these into each: {choice}"
    if all(word is ... for word in answer.values()):
        raise NotImplementedError
    if any(word not in words for word in answer.values()):
        return f"write one of these into each line: {choice}"
    for word, hint in (all_alike or {}).items():
        if set(answer.values()) == {word}:
            return hint
    wrong = (f'"{line}" is not right: {hint}' for line, (word, hint) in lines.items() if answer[line] != word)
    return next(wrong, None)


for _chapter in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_chapter}")

from mffcn_lite.exercises.chapter_00 import hidden_valley  # noqa: E402, F401 (chapters show these)
from mffcn_lite.exercises.chapter_01 import new_camera  # noqa: E402, F401
from mffcn_lite.exercises.chapter_02 import shifted_enlarger  # noqa: E402, F401
from mffcn_lite.exercises.chapter_03 import unknown_measure  # noqa: E402, F401
from mffcn_lite.exercises.chapter_07 import patient  # noqa: E402, F401
from mffcn_lite.exercises.chapter_11 import unknown_program  # noqa: E402, F401
from mffcn_lite.exercises.chapter_12 import downloaded_network  # noqa: E402, F401
from mffcn_lite.exercises.chapter_15 import virtual_machine  # noqa: E402, F401
