"""Instant checks of a reader's answers, a module a chapter. The solutions are in `book/solutions`, and not here.

What a chapter's text shows beside `check`, such as `new_camera`, is in `__all__` of its module, and so here too. All
checks read and compare answers by `answers`.
"""

import contextlib
import importlib
import inspect
import pkgutil
import random
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

import torch

from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.exercises.answers import Unreadable, as_number, as_numbers, as_table, count_words, one_of

__all__ = ["Dice", "as_number", "as_numbers", "check", "count_words", "exercise", "first_hint", "list_exercises"]
__all__ += ["wrong_line"]

_CHECKS: dict[str, Callable[..., str | None]] = {}


@dataclass(frozen=True)
class Dice:
    """The random numbers that an answer is tried on: a generator for each seed, and others for other `numbers`."""

    numbers: int = 0

    def __call__(self, seed: int) -> torch.Generator:
        """A fresh generator, the same for the same seed."""
        return torch.Generator().manual_seed(seed + 1000 * self.numbers)

    def more(self, make: Callable[[random.Random], object], count: int = 2) -> list:
        """Cases that the check in a notebook does not try, made of random numbers; for `numbers` 0 there are none.

        So no list of right answers to the cases that everybody can read passes for a function.
        """
        source = random.Random(self.numbers)
        return [make(source) for _ in range(count)] if self.numbers else []

    def shuffled(self, cases: Iterable) -> list:
        """The cases in an order that no answer knows; for `numbers` 0 as they are."""
        cases = list(cases)
        return random.Random(self.numbers).sample(cases, len(cases)) if self.numbers else cases


def exercise(identifier: str) -> Callable:
    """Register a check: a function of the answer that returns a hint, or None where the answer is right.

    A check that needs random numbers has a second argument, `dice`, and is given a `Dice`.
    """

    def register(function: Callable[..., str | None]) -> Callable:
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
        answer: a function, or a value; a function that raises NotImplementedError, the value `...` and a table of
            nothing else mean "not attempted yet".
        numbers: which set of random numbers an answer is tried on. A course's hidden tests take one that students do
            not know, so that an answer can't be made for the numbers that it sees here.

    Returns:
        True, False, or None if the exercise was not attempted.

    Raises:
        MffcnLiteError: for an unknown exercise.
    """
    if identifier not in _CHECKS:
        raise MffcnLiteError(f'no exercise "{identifier}"; there are {", ".join(_CHECKS)}')
    function = _CHECKS[identifier]
    dice = [Dice(numbers)] if "dice" in inspect.signature(function).parameters else []
    try:
        if _is_empty(answer):
            raise NotImplementedError
        with _warnings_that_only_warn():
            hint = function(answer, *dice)
        verdict = hint is None
    except NotImplementedError:
        verdict, hint = None, "not attempted yet"
    except Unreadable as why:
        verdict, hint = False, str(why)
    except (Exception, SystemExit) as error:  # the reader's own code: whatever it raises is an answer to report on
        verdict, hint = False, f"your answer stopped with {type(error).__name__}: {error}"
    said = f"Exercise {identifier}: {'correct' if verdict else hint}"
    print(said if said.endswith(("?", ".")) else f"{said}.")
    return verdict


@contextlib.contextmanager
def _warnings_that_only_warn() -> Iterator[None]:
    """Where somebody made errors of warnings, they are warnings again: they say nothing of an answer."""
    if not any(action == "error" for action, *_ in warnings.filters):
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        yield


def _is_empty(answer: object) -> bool:
    """Whether it is `...`, or a table or a list of nothing else."""
    values = list(answer.values()) if isinstance(answer, dict) else answer
    return values is ... or (isinstance(values, list | tuple) and len(values) > 0 and all(map(_is_empty, values)))


def first_hint(
    fits: Callable[[object], bool], *typical: tuple[object, str | None], otherwise: str | None = None
) -> str | None:
    """The hint of the first typical answer that the reader gave.

    Args:
        fits: whether the reader's answer is this one, up to rounding.
        typical: answers, each with its hint, which is None for the right one.
        otherwise: the hint for all other answers.
    """
    return next((hint for answer, hint in typical if fits(answer)), otherwise)


def wrong_line(
    answer: object, lines: dict[str, tuple[str, str]], words: Collection[str], all_alike: dict[str, str] | None = None
) -> str | None:
    """Check a table into each of whose lines a word is written: a hint for the first that is not right, or None.

    Args:
        answer: the reader's words by their lines; the hint says so where it is something else.
        lines: the right word of each line, and a hint for who wrote another.
        words: those to choose from.
        all_alike: a hint for who wrote this word into every line.
    """
    choice = ", ".join(f'"{word}"' for word in words)
    if (table := as_table(answer, lines)) is None:
        return f"keep the {len(lines)} lines, and write one of these into each: {choice}"
    written = {line: one_of(value, words) for line, value in table.items()}
    if None in written.values():
        return f"write one of these into each line: {choice}"
    for word, hint in (all_alike or {}).items():
        if set(written.values()) == {word}:
            return hint
    wrong = (f'"{line}" is not right: {hint}' for line, (word, hint) in lines.items() if written[line] != word)
    return next(wrong, None)


for _name in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    _chapter = importlib.import_module(f"{__name__}.{_name}")
    globals().update({name: getattr(_chapter, name) for name in getattr(_chapter, "__all__", ())})
