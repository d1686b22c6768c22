"""The one exception that a user's mistake raises, and the checks that several modules share."""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from types import NoneType
from typing import get_args, get_origin

# What an annotation's types are called, and what counts as one.
KINDS = {
    bool: (bool, "true or false"),
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    str: (str, "a word"),
    dict: (dict, "names with values"),
}

LARGEST = 2**63 - 1  # of a whole number, anywhere: what 64 bits hold


class MffcnLiteError(Exception):
    """Something that the caller can put right.

    The message is one sentence: what is wrong, with which file or value, and what to do.
    The command line prints it on standard error and exits with status 2, without a traceback.
    """


def brief(value: object) -> str:
    """A value as a message shows it, however long or deep it is."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a whole number of thousands of digits, lists of lists of lists
        return f"a very long {type(value).__name__}"
    return text if len(text) <= 100 else f"{text[:60]}…{text[-20:]}"


# torch takes seconds to import, and errors are raised without it too: its name is enough.
def check_pair(sr: "torch.Tensor", hr: "torch.Tensor") -> None:
    """Refuse two batches that cannot be compared pixel by pixel.

    Raises:
        MffcnLiteError: if their shapes differ, or one holds integers.
    """
    if sr.shape != hr.shape:
        raise MffcnLiteError(f"sr {tuple(sr.shape)} and hr {tuple(hr.shape)} must have the same shape")
    if not (sr.is_floating_point() and hr.is_floating_point()):
        raise MffcnLiteError(f"sr ({sr.dtype}) and hr ({hr.dtype}) must be floats; divide uint8 pixels by 255")


def check_word(name: str, value: object, choices: tuple[str | None, ...]) -> None:
    """Refuse a word that is none of `choices`, of the argument `name`.

    Raises:
        MffcnLiteError: if it is none of them.
    """
    if value not in choices:
        known = ", ".join(str(choice) if choice is None else f'"{choice}"' for choice in choices)
        raise MffcnLiteError(f"{name} (={brief(value)}) must be one of {known}")


def check_number(
    name: str,
    value: object,
    *,
    at_least: float | int = -math.inf,
    above: float | int = -math.inf,
    at_most: float | int = math.inf,
    below: float | int = math.inf,
    whole: bool = False,
    none: bool = False,
) -> None:
    """Refuse what is no number, or one out of range, of the argument `name`. NaN, infinities and booleans are none.

    Args:
        at_least, above, at_most, below: the range; `above` and `below` leave the bound itself out.
        whole: only whole numbers are in it, and only those of 64 bits.
        none: None passes too.

    Raises:
        MffcnLiteError: if it is another value; the message says what is expected.
    """
    if none and value is None:
        return
    number = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
    if whole and number and not -LARGEST - 1 <= value <= LARGEST:
        at_least, at_most = max(at_least, -LARGEST - 1), min(at_most, LARGEST)
    if number and at_least <= value <= at_most and above < value < below:  # false for NaN, whatever the range
        return
    bounds = {"of at least": at_least, "above": above, "at most": at_most, "below": below}
    said = " and ".join(f"{words} {bound}" for words, bound in bounds.items() if abs(bound) != math.inf)
    kind = "whole number" if whole else "finite number"
    raise MffcnLiteError(f"{name} (={brief(value)}) must be a {kind} {said}".rstrip() + ", or None" * none)


def check_numbers(name: str, values: Sequence[object], **bounds: float | int) -> None:
    """Refuse a sequence that is empty, or holds what `check_number` refuses under these `bounds`.

    Raises:
        MffcnLiteError: if it is or does; the message says which place of it is wrong.
    """
    if not len(values):
        raise MffcnLiteError(f"{name} (={brief(values)}) must hold a number at least")
    for i, value in enumerate(values):
        check_number(f"{name}[{i}]", value, **bounds)


def check_type(name: str, value: object, kind: object) -> None:
    """Refuse a value of the argument `name` that is of another type than the annotation `kind`.

    A boolean is no number, and a whole number has 64 bits at most.

    Args:
        kind: one of `KINDS`, such as int; int | None; or tuple[int, ...], for which a list passes too.

    Raises:
        MffcnLiteError: if it is of another type; the message says which one is expected.
    """
    wanted, *others = get_args(kind) or (kind,)
    if get_origin(kind) is tuple:
        if not isinstance(value, tuple | list):
            raise MffcnLiteError(f"{name} (={brief(value)}) must hold {KINDS[wanted][1]} or several")
        for i, each in enumerate(value):
            check_type(f"{name}[{i}]", each, wanted)
        return
    if value is None and NoneType in others:
        return
    accepted, said = KINDS[wanted]
    fits = isinstance(value, accepted) and (wanted is bool or not isinstance(value, bool))
    if fits and isinstance(value, Integral) and abs(value) > LARGEST:
        raise MffcnLiteError(f"{name} (={brief(value)}) must fit into 64 bits")
    if not fits:
        raise MffcnLiteError(f"{name} (={brief(value)}) must be {said}" + ", or None" * (NoneType in others))


def check_types(what: str, types: dict[str, object], values: dict[str, object]) -> None:
    """As `check_type`, for each of `values`; a name that `types` does not have is refused too.

    Args:
        what: what the values belong to, for the message.

    Raises:
        MffcnLiteError: if one is of another type, or has another name.
    """
    for name, value in values.items():
        if name not in types:
            raise MffcnLiteError(f"{what} has no {brief(name)}; it has {', '.join(types)}")
        check_type(name, value, types[name])
