"""Right answers in every dress: kinds of arrays, of numbers and of words, on 500 sets of numbers.

The solutions of `book/solutions` are dressed here. Solutions that are written otherwise stand in the tests of each
chapter, as `OTHERS`, and are tried in the same way; `SETS` says there which exercise is tried on fewer sets.
"""

import importlib
import inspect
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from mffcn_lite import exercises
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.exercises import check, list_exercises

HERE = sorted(path.stem for path in Path(__file__).parent.glob("test_exercises_*.py") if path.stem[-2:].isdigit())
NUMBERS = [name[-2:] for name in HERE]
SOLUTIONS = [
    pair for number in NUMBERS for pair in importlib.import_module(f"book.solutions.chapter_{number}").SOLUTIONS.items()
]
MODULES = [importlib.import_module(name) for name in HERE]
OTHERS = [pair for module in MODULES for pair in getattr(module, "OTHERS", [])]
SETS = {name: count for module in MODULES for name, count in getattr(module, "SETS", {}).items()}
WRONG = [row for n in NUMBERS for row in importlib.import_module(f"book.mistakes.chapter_{n}").WRONG]
ABOUT_INPUTS = {identifier for identifier, _, hint in WRONG if "chang" in hint or "a new one" in hint}
RANDOM = [name for name in list_exercises() if "dice" in inspect.signature(exercises._CHECKS[name]).parameters]


def plain(value):
    return value.detach().numpy() if isinstance(value, torch.Tensor) else value


def as_float32(value):
    return torch.as_tensor(value).float()


def with_gradient(value):
    return torch.as_tensor(value).detach().double().requires_grad_()


def as_list(value):
    return np.asarray(plain(value)).tolist()


def one_more_axis(value):
    """A number as an array of one; other arrays from the back, in memory, to the front."""
    array = np.asarray(plain(value), dtype=np.float64)
    return array.reshape(1) if array.ndim == 0 else np.asfortranarray(array)[::-1][::-1]


def shouted(word):
    """As somebody types who is in a hurry, on a telephone that knows typography."""
    return f" {word.upper()}. ".replace(" ", "\u00a0 ").replace("'", "’").replace("-", "‑").replace("...", "…")


def dressed(value, number=lambda value: value, word=lambda word: word):
    """An answer with every number and array in it dressed, and every word."""
    if isinstance(value, str):
        return word(value)
    if isinstance(value, torch.Tensor) and value.requires_grad and value.numel() == 1:
        return value.double()  # a loss: its gradient is a part of it
    if isinstance(value, dict):
        return {word(key) if isinstance(key, str) else key: dressed(one, number, word) for key, one in value.items()}
    if isinstance(value, list | tuple | set):
        return type(value)(dressed(one, number, word) for one in value)
    is_array = isinstance(value, torch.Tensor | np.number) or (
        isinstance(value, np.ndarray) and value.dtype.kind != "U"
    )
    return number(value) if is_array or type(value) in (int, float) else value


def cast(value, dtype):
    """A tensor that is given, in another precision, if any."""
    if dtype is None:
        return value
    if isinstance(value, list):
        return [cast(one, dtype) for one in value]
    floats = isinstance(value, torch.Tensor) and value.is_floating_point()
    return value.to(dtype) if floats else value


def put_on(answer, given=None, **dress):
    """An answer whose result is dressed, and whose arguments are cast first, where it can do with that."""
    if not callable(answer):
        return dressed(answer, **dress)

    def call(*arguments):
        try:
            return dressed(answer(*[cast(one, given) for one in arguments]), **dress)
        except (RuntimeError, MffcnLiteError):  # of a solution that has numbers of its own, or a network, in float32
            return dressed(answer(*arguments), **dress)

    return call


DRESSES = {
    "as it is": {},
    "shouted": {"word": shouted},
    "NumPy's words": {"word": np.str_},
    "float32": {"number": as_float32},
    "with a gradient": {"number": with_gradient},
    "NumPy's float32": {"number": lambda value: np.asarray(plain(value), dtype=np.float32)},
    "lists": {"number": as_list},
    "found in float32": {"given": torch.float32, "number": lambda value: np.asarray(plain(value))},
    "found in float64": {"given": torch.float64},
    "one more axis": {"given": torch.float64, "number": one_more_axis},
}
ANSWERS = [*SOLUTIONS, *OTHERS]
NAMES = [f"{name}-{getattr(answer, '__name__', 'value')}" for name, answer in ANSWERS]


def passes(identifier, answer, numbers, dress, capsys):
    verdict = check(identifier, put_on(answer, **DRESSES[dress]), numbers)
    said = capsys.readouterr().out
    assert verdict is True, f"{dress}, numbers={numbers}: {said}"


@pytest.mark.parametrize(("identifier", "answer"), ANSWERS, ids=NAMES)
def test_a_right_answer_passes_in_all_dresses_and_on_all_sets_of_numbers(identifier, answer, capsys, unchecked):
    """On each set in one dress, one after the other: solutions on 500 sets, those written otherwise on 100."""
    dresses, random = list(DRESSES), identifier in RANDOM
    sets = (500 if answer is dict(SOLUTIONS)[identifier] else 100) if random else len(dresses)
    for numbers in range(min(sets, SETS.get(identifier, sets))):
        passes(identifier, answer, numbers if random else 0, dresses[numbers % len(dresses)], capsys)


@pytest.mark.release
@pytest.mark.parametrize(("identifier", "answer"), ANSWERS, ids=NAMES)
def test_a_right_answer_passes_in_each_dress_on_each_set_of_numbers(identifier, answer, capsys, unchecked):
    """But for those of `SETS`, which take long: in one dress a set."""
    for numbers in range(500 if identifier in RANDOM else 1):
        for dress in [list(DRESSES)[numbers % len(DRESSES)]] if identifier in SETS else DRESSES:
            passes(identifier, answer, numbers, dress, capsys)


def spoil(value):
    """Write over what was given."""
    if isinstance(value, torch.Tensor):
        value.fill_(1)
    elif isinstance(value, np.ndarray):
        value[...] = 1
    elif isinstance(value, list | dict | set):
        value.clear()


def kept(value):
    return dressed(value, lambda one: one.clone() if isinstance(one, torch.Tensor) else one)


@pytest.mark.parametrize("identifier", [name for name, answer in SOLUTIONS if callable(answer)])
def test_what_an_answer_does_beside_costs_nothing(identifier, capsys, unchecked):
    """It prints, it warns where warnings are errors, it writes over its input, and over what it returned before."""
    answer, returned = dict(SOLUTIONS)[identifier], []

    def noisy(*arguments):
        print("so far, so good")
        warnings.warn("this takes a while", stacklevel=1)
        result = kept(answer(*arguments))
        if identifier not in ABOUT_INPUTS:
            for one in arguments:
                spoil(one)
        for one in returned:
            spoil(one)
        returned[:] = result if isinstance(result, list | tuple) else [result]
        returned[:] = [one for one in returned if isinstance(one, torch.Tensor) and not one.requires_grad]
        return result

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check(identifier, noisy) is True, capsys.readouterr().out


# Those that ask for one thing, however often; the last returns a loss, which is no list of numbers.
CONSTANT = {"1.3", "9.4"}


@pytest.mark.parametrize(
    "identifier", [name for name, answer in SOLUTIONS if callable(answer) and name not in CONSTANT]
)
def test_what_was_right_in_a_notebook_passes_nowhere_else(identifier, unchecked):
    """Whoever reads the checks knows what is right for each call; the judge asks something else."""
    answer, returned = dict(SOLUTIONS)[identifier], []

    def noted(*arguments):
        returned.append(kept(answer(*arguments)))
        return returned[-1]

    assert check(identifier, noted) is True
    for numbers in (1, 4711):
        again = iter(returned)
        assert check(identifier, lambda *_, again=again: next(again), numbers) is False


NO_NUMBERS = [True, np.True_, float("nan"), np.array([np.nan]), 1j, "a few", None, len, [], [1.0, 2.0], {"a": 1}]


@pytest.mark.parametrize("answer", NO_NUMBERS, ids=repr)
@pytest.mark.parametrize("identifier", [name for name, answer in SOLUTIONS if isinstance(answer, int | float)])
def test_what_is_no_number_is_called_what_it_is(identifier, answer, capsys):
    assert check(identifier, answer) is False
    said = capsys.readouterr().out
    words = {bool: "True or False", np.bool: "True or False", complex: "complex", str: "text", dict: "dict"}
    words |= {type(None): "None", type(len): "function", list: f"has {np.size(answer)} number"}
    assert words.get(type(answer), "NaN") in said


@pytest.mark.parametrize("identifier", [name for name, answer in SOLUTIONS if isinstance(answer, int | float)])
def test_one_number_is_never_called_none(identifier, capsys):
    for wrong in (np.array([-12345.5]), torch.tensor([[-12345.5]]), [-12345.5], np.float32(-12345.5)):
        assert check(identifier, wrong) is False
        assert check(identifier, -12345.5) is False
        first, second = capsys.readouterr().out.splitlines()
        assert first == second
