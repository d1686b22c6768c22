"""The one exception that a user's mistake raises, and the checks that several modules share."""

import math
import warnings
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


def described(value: object) -> str:
    """What somebody gave, as an error says it: a tensor or an array by its kind of numbers and its shape."""
    shape, dtype = (getattr(value, name, None) for name in ("shape", "dtype"))
    kind = type(value).__name__
    return f"{kind}" if shape is None or dtype is None else f"{kind} of {dtype} and shape {tuple(shape)}"


# torch takes seconds to import, and errors are raised without it too: it is imported where a tensor is at hand.
def check_floats(name: str, tensor: object) -> None:
    """Refuse what is no tensor of floats, of the argument `name`.

    Raises:
        MffcnLiteError: the message says what came, and what to do.
    """
    import torch

    if not isinstance(tensor, torch.Tensor):
        remedy = "make a tensor of it, as torch.from_numpy does"
    elif not tensor.is_floating_point():
        remedy = "divide pixels of 0 to 255 by 255"
    elif tensor.is_nested:
        raise MffcnLiteError(f"{name} must be a tensor of one shape, not a nested one; give its parts one by one")
    elif tensor.layout is not torch.strided:
        remedy = f"it is laid out as {tensor.layout}: make it dense by to_dense()"
    elif tensor.dtype.itemsize < 2:
        remedy = "convert it by .float()"
    else:
        return
    raise MffcnLiteError(f"{name} must be a tensor of floats, not {described(tensor)}; {remedy}")


def check_images(name: str, images: object) -> None:
    """Refuse what is no batch of pictures N×C×H×W in floats, of the argument `name`.

    Raises:
        MffcnLiteError: the message says what came, and what to do.
    """
    check_floats(name, images)
    if images.ndim != 4 or not all(images.shape[1:]):
        remedy = "a picture C×H×W becomes a batch of one by [None]" if images.ndim == 3 else "reshape it"
        raise MffcnLiteError(f"{name} must be N×C×H×W, with pixels, not {described(images)}; {remedy}")


def check_some(name: str, tensor: object) -> None:
    """Refuse a tensor that holds no photo, of the argument `name`: there is no mean over none.

    Raises:
        MffcnLiteError: if it is empty, or no tensor of floats with an axis for photos.
    """
    check_floats(name, tensor)
    if not tensor.ndim or not tensor.numel():
        raise MffcnLiteError(f"{name} must hold a photo at least, not {described(tensor)}")


def check_alike(**tensors: object) -> None:
    """Refuse two tensors of floats, by their names, that differ in shape or in where they lie.

    Raises:
        MffcnLiteError: if they do, or one is none.
    """
    for name, tensor in tensors.items():
        check_floats(name, tensor)
    (one, a), (other, b) = tensors.items()
    if a.shape != b.shape:
        raise MffcnLiteError(f"{one} {tuple(a.shape)} and {other} {tuple(b.shape)} must have the same shape")
    check_beside(one, a, other, b)


def check_pair(sr: "torch.Tensor", hr: "torch.Tensor") -> None:
    """Refuse two batches of pictures that cannot be compared pixel by pixel.

    Raises:
        MffcnLiteError: if they differ in shape or in where they lie, or one is no tensor of floats N×C×H×W.
    """
    check_alike(sr=sr, hr=hr)
    check_images("sr", sr)


def check_beside(one: str, a: "torch.Tensor", other: str, b: "torch.Tensor") -> None:
    """Refuse two tensors, by their names, that lie on different devices.

    Raises:
        MffcnLiteError: if they do.
    """
    if a.device != b.device:
        raise MffcnLiteError(f"{one} lies on {a.device}, and {other} on {b.device}; move one with .to(device)")


def check_finite(name: str, images: "torch.Tensor") -> tuple[float, float]:
    """(lowest, highest) of the values in the argument `name`; (0, 0) where there is none.

    Raises:
        MffcnLiteError: if one is no finite number, or cannot be read.
    """
    import torch

    if not images.numel():
        return 0.0, 0.0
    try:
        low, high = torch.stack(images.detach().aminmax()).tolist()
    except RuntimeError as error:  # of tensors on the meta device, and of fake ones
        said = str(error).partition("\n")[0]
        raise MffcnLiteError(f"the values of {name} cannot be read ({said}); give pictures that have some") from error
    if not (math.isfinite(low) and math.isfinite(high)):
        found = "NaN" if math.isnan(low) else "infinite values"
        raise MffcnLiteError(f"{name} holds {found}; look for where it comes from before measuring")
    return low, high


def check_values(name: str, images: "torch.Tensor", data_range: float | int = 1.0, remedy: str = "") -> None:
    """Refuse pictures with values that are not finite, and warn of a range that is not the one that was said.

    Warns:
        UserWarning: if values lie outside [0, data_range]; it names the lowest and the highest, and the `remedy`.

    Raises:
        MffcnLiteError: see `check_finite`.
    """
    low, high = check_finite(name, images)
    if low < 0 or high > data_range:
        reach = f"{name} reaches from {low:.4g} to {high:.4g}, beyond 0 to {data_range}"
        warnings.warn(f"{reach}; clamp it, or {remedy or 'divide pixels of 0 to 255 by 255'}", stacklevel=2)


def check_word(name: str, value: object, choices: tuple[object, ...]) -> None:
    """Refuse a word, or a number, that is none of `choices`, of the argument `name`.

    Raises:
        MffcnLiteError: if it is none of them.
    """
    plain = isinstance(value, str | int | float | NoneType)  # of anything else, `in` may ask too much
    if not plain or value not in choices:
        known = ", ".join(f'"{choice}"' if isinstance(choice, str) else str(choice) for choice in choices)
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


def check_flags(**flags: object) -> None:
    """Refuse what is neither True nor False, by the names of the arguments: the word "no" would count as yes.

    Raises:
        MffcnLiteError: if one is another value.
    """
    for name, flag in flags.items():
        check_type(name, flag, bool)


def check_numbers(name: str, values: Sequence[object], **bounds: float | int) -> None:
    """Refuse a sequence that is empty or longer than 100, or holds what `check_number` refuses under these `bounds`.

    Raises:
        MffcnLiteError: if it is or does; the message says which place of it is wrong.
    """
    if not len(values):
        raise MffcnLiteError(f"{name} (={brief(values)}) must hold a number at least")
    if len(values) > 100:
        raise MffcnLiteError(f"{name} must hold 100 numbers at most, not {len(values)}")
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
