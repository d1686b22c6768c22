"""The one way in for answers: arrays of any kind, numbers and words, as the checks compare them.

Whatever a reader writes or a reader's function returns comes through here: tensors of any dtype on any device, with a
gradient or without, NumPy's arrays and scalars, lists and tuples of them, nested or not. Numbers become float64, and
words lose what nobody would mark: kinds of quotes, hyphens and spaces, capitals, a full stop at the end. What can't be
read is refused in words that are true of it.
"""

import contextlib
import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Set

import numpy as np
import torch
from torch import Tensor

# Three digits, of the largest number of the right answer: some 10,000 times the rounding of float32, so that a long sum
# in float32 fits too, and wide enough for a result that is kept as float16. No known mistake is as near as that.
RELATIVE = 1e-3
WHOLE = 0.01  # how far a count may lie from a whole number, after some steps in floats

_SINGLE, _DOUBLE = "‘’‚‛′‵´`ʹʻʼʽˈ‹›", "“”„‟″‶«»〝〞"
_MARKS = str.maketrans({**dict.fromkeys(_SINGLE, "'"), **dict.fromkeys(_DOUBLE, '"'), "−": "-", "×": "x", "⁄": "/"})
_HIDDEN = str.maketrans(dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff"))  # soft hyphens, spaces without width


class Unreadable(Exception):
    """An answer that is not of the kind that is asked for; what it says is the hint."""


# ------------------------------------------------------------------------------------------------------------- numbers


def read_array(
    answer: object, wanted: str, shape: tuple[int, ...] | None = None, finite: bool = True, truths: bool = False
) -> Tensor:
    """The answer as a float64 tensor of its own, without gradient.

    Args:
        answer: an array of any kind, or a list of numbers, nested or not.
        wanted: what is asked for, such as "return a picture"; a hint begins with it.
        shape: of the array, where only one is right.
        finite: whether NaN and infinity are refused.
        truths: whether True and False count as 1 and 0, as in a picture.

    Raises:
        Unreadable: if it is something else, with a hint.
    """
    found = _numbers(answer, wanted, finite, truths)
    if shape is not None and found.shape != shape:
        raise Unreadable(f"{wanted} of the shape {tuple(shape)}; yours has {tuple(found.shape)}")
    return torch.from_numpy(found)


def read_numbers(answer: object, count: int, wanted: str, finite: bool = True) -> list[float]:
    """The answer as `count` floats, with the arguments and errors of `read_array`; True is none."""
    found = _numbers(answer, wanted, finite)
    if found.size != count:
        raise Unreadable(f"{wanted}; yours has {found.size} number{'s' * (found.size != 1)}")
    return found.flatten().tolist()


def read_number(answer: object, wanted: str, finite: bool = True) -> float:
    """The answer as a float, also where an array or a list holds that one number; see `read_numbers`."""
    return read_numbers(answer, 1, wanted, finite)[0]


def read_parts(answer: object, count: int, wanted: str) -> list:
    """The `count` things that an answer is, in their order: a tuple, a list, or what lies along an array's first axis.

    Raises:
        Unreadable: if they are not as many, with a hint that begins with what is `wanted`.
    """
    parts = None if isinstance(answer, Set) else as_list(answer)
    if parts is None or len(parts) != count:
        what = f"of the type {type(answer).__name__}" if parts is None else f"{len(parts)} in number"
        raise Unreadable(f"{wanted}; yours is {what}" if parts is None else f"{wanted}; yours are {what}")
    return parts


def as_number(answer: object) -> float | None:
    """The answer as a float, which may be NaN or infinite, or None where it is none."""
    try:
        return read_number(answer, "", finite=False)
    except Unreadable:
        return None


def as_numbers(answer: object, count: int) -> list[float] | None:
    """The answer as a list of floats, or None where it is not `count` numbers."""
    try:
        return read_numbers(answer, count, "", finite=False)
    except Unreadable:
        return None


def as_tensor(given: object) -> Tensor:
    """What a reader gives to a function of ours: a tensor as it is, anything else as one of float64."""
    return given if isinstance(given, Tensor) else read_array(given, "give a tensor", truths=True)


def as_truth(answer: object) -> bool | None:
    """The answer as True or False, also where it is 1 or 0, or an array of one; None where it is neither."""
    try:
        found = _array(answer, truths=True)
    except Unreadable:
        return None
    return bool(found.item()) if found.size == 1 and found.item() in (0, 1) else None


def whole(number: float | int) -> float | int:
    """A count that floats have moved a little, as the whole number that it is; any other number as it is."""
    return round(number) if math.isfinite(number) and abs(number - round(number)) < WHOLE else number


def near(
    got: Tensor | float | int,
    want: Tensor | float | int,
    relative: float | int = RELATIVE,
    scale: float | int | None = None,
) -> bool:
    """Whether a right answer, found in float32 and in another order of steps, may come out as `got`.

    Args:
        got, want: numbers, or tensors; those of different shapes are not near.
        relative: the largest difference, as a share of the scale.
        scale: how large the numbers are; of `want`, the size of the largest one.
    """
    got, want = (torch.as_tensor(x, dtype=torch.float64).detach() for x in (got, want))
    if got.shape != want.shape or not want.numel():
        return got.shape == want.shape
    scale = want.abs().max().item() if scale is None else scale
    # Where the right answer is 0 in all places, what is left after rounding is measured against 1.
    return bool(((got - want).abs() <= relative * (scale or 1)).all())


def _numbers(answer: object, wanted: str, finite: bool, truths: bool = False) -> np.ndarray:
    """`_array`, with hints that begin with what is wanted."""
    try:
        found = _array(answer, truths)
        if finite and not np.isfinite(found).all():
            what = "NaN, which is not a number" if np.isnan(found).any() else "infinite"
            raise Unreadable(f"yours is {what}" if found.size == 1 else f"a number of yours is {what}")
    except Unreadable as why:
        raise Unreadable(f"{wanted}; {why}") from None
    return found


def _array(answer: object, truths: bool = False) -> np.ndarray:
    """An answer as an array of float64 of its own. True and False are numbers only if `truths` are.

    Raises:
        Unreadable: with what it is instead.
    """
    if isinstance(answer, str):
        return np.array(_number_in(answer))
    if isinstance(answer, Iterable) and not isinstance(answer, Tensor) and not hasattr(answer, "__array__"):
        return _stacked(answer, truths)
    if answer is None or answer is ... or callable(answer):
        is_function = "yours is a function, which is still to be called"
        raise Unreadable(is_function if callable(answer) else "yours is None" if answer is None else "a `...` is left")
    try:
        found = np.asarray(_plain(answer) if isinstance(answer, Tensor) else answer)
        if found.dtype.kind in "OSUV":
            return np.array([_of_object(value) for value in found.ravel().tolist()]).reshape(found.shape)
        if found.dtype.kind == "b" and not truths:
            raise Unreadable("yours is True or False, which is no number")
        if found.dtype.kind == "c":
            raise Unreadable("yours is complex; give its real part")
        if found.dtype.kind not in "biuf":
            raise Unreadable(f"yours is of the type {found.dtype}, which holds no numbers")
        return np.array(found, dtype=np.float64, order="C")
    except OverflowError:
        raise Unreadable("yours is a whole number that is larger than any float") from None
    except (TypeError, ValueError, RuntimeError):
        raise Unreadable(f"yours is of the type {type(answer).__name__}, which holds no numbers") from None


def _plain(tensor: Tensor) -> object:
    """A tensor as an array of NumPy, which knows fewer kinds."""
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    tensor = tensor.dequantize() if tensor.is_quantized else tensor.to_dense()
    return (tensor.double() if tensor.is_floating_point() else tensor).numpy()


def _of_object(value: object) -> float:
    """One entry of an array of objects or of words, such as a fraction."""
    if isinstance(value, str):
        return _number_in(value)
    if isinstance(value, bool | bytes | complex) or value is None:
        raise Unreadable(f"yours holds {value!r}, which is no number")
    if isinstance(value, Tensor | np.ndarray | list | tuple):
        return _array(value).item()
    return float(value)


def _number_in(text: str) -> float:
    """The number that a text is, such as "−0.5"."""
    try:
        return float(fold(text))
    except ValueError:
        shown = " ".join((text if len(text) < 40 else f"{text[:36]} ...").split())
        raise Unreadable(f'yours is text, "{shown}"; write numbers, without quotes or units') from None


def _stacked(answer: Iterable, truths: bool) -> np.ndarray:
    """The array of a list, whose parts are numbers or lists again."""
    if isinstance(answer, bytes | bytearray):
        raise Unreadable(f"yours is of the type {type(answer).__name__}, which holds no numbers")
    if isinstance(answer, Mapping | Set):
        raise Unreadable(f"yours is of the type {type(answer).__name__}, in which numbers have no order")
    parts = list(answer)
    if {type(part) for part in parts} <= {int, float}:  # the usual row, quickly
        with contextlib.suppress(OverflowError):
            return np.array(parts, dtype=np.float64)
    rows = [_array(part, truths) for part in parts]
    listed = any(isinstance(part, list | tuple) for part in parts)
    if all(row.size == 1 for row in rows) and (not listed or len({row.shape for row in rows}) > 1):
        rows = [row.reshape(()) for row in rows]  # numbers, of which some or all are arrays of one
    if len({row.shape for row in rows}) > 1:
        raise Unreadable("the parts of your list have different shapes")
    return np.stack(rows)


# --------------------------------------------------------------------------------------------------------------- words


def fold(text: str) -> str:
    """A text as it is compared: one kind of quotes, hyphens and spaces, small letters, no full stop at the end."""
    text = unicodedata.normalize("NFKC", text.translate(_MARKS).translate(_HIDDEN)).translate(_MARKS)
    text = "".join("-" if unicodedata.category(letter) == "Pd" else letter for letter in text)
    return " ".join(text.casefold().split()).rstrip(".").rstrip()


def as_list(answer: object) -> list | None:
    """What is in a list, a set, an array or another thing to walk through, but a text or a dict; else None."""
    if isinstance(answer, Tensor | np.ndarray):
        return list(answer) if answer.ndim else None
    return None if isinstance(answer, str | bytes | Mapping) or not isinstance(answer, Iterable) else list(answer)


def as_letters(answer: object) -> list[str]:
    """The letters, as capitals, of a text such as "C, D" or "CD", or of a list or a set of letters."""
    if (text := as_text(answer)) is not None:
        words = [word for word in re.split(r"\W+", fold(text)) if word not in ("and", "vs", "versus", "against")]
        return list("".join(words).upper())
    return [letter for part in as_list(answer) or [] for letter in as_letters(part) or "?"]


def as_text(answer: object) -> str | None:
    """The answer as a text, also where an array or a list holds that one text; None where it is none."""
    if isinstance(answer, np.ndarray) and answer.size == 1:
        return as_text(answer.item())
    if isinstance(answer, list | tuple) and len(answer) == 1:
        return as_text(answer[0])
    return str(answer) if isinstance(answer, str) else None


def one_of(answer: object, words: Collection[str]) -> str | None:
    """The one of `words` that the answer is, however it is written; None where it is none of them."""
    text = as_text(answer)
    return None if text is None else next((word for word in words if fold(word) == fold(text)), None)


def as_table(answer: object, lines: Collection[str]) -> dict[str, object] | None:
    """A table by the names of its `lines`, however they are written; None where one is missing, or there twice."""
    if not isinstance(answer, Mapping):
        return None
    names = [(one_of(name, lines), value) for name, value in answer.items()]
    named = [(line, value) for line, value in names if line is not None]
    return dict(named) if len(named) == len(lines) == len(dict(named)) else None


def count_words(text: object) -> int:
    """How many words there are; none where it is no text."""
    return len((as_text(text) or "").split())
