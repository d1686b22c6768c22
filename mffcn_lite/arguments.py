"""What is written on the command line, as numbers and settings. Nothing here imports torch."""

import dataclasses
import json
from types import NoneType
from typing import get_args, get_origin, get_type_hints

from mffcn_lite.errors import KINDS, MffcnLiteError

# How a setting of each type is read.
READ = {int: int, float: float, bool: lambda text: {"true": True, "false": False}[text.lower()], str: str}


def parse_factors(text: str) -> tuple[int, ...]:
    """The text 2,3,4 as (2, 3, 4)."""
    try:
        factors = tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        factors = ()
    if not factors or min(factors) < 2:
        raise MffcnLiteError(f'factors (="{text}") must be whole numbers of at least 2, such as 2,3,4')
    return factors


def parse_value(text: str) -> object:
    """A number, list or word: what JSON can read, `none`, and any other text as it is."""
    words = {"none": None, "true": True, "false": False}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return json.loads(text)
    except ValueError:
        return text
    except RecursionError as error:
        raise MffcnLiteError(f"--set: {text} is nested too deeply; write a list of numbers") from error


def parse_setting(types: dict[str, object], text: str) -> dict:
    """One `key=value` of --set, with the value in the type that `types` has for the key.

    Raises:
        MffcnLiteError: if there is no such key, or the value is of another type.
    """
    key, equals, value = text.partition("=")
    if not equals or types.get(key, dict) is dict:
        names = [f"{name}.…" if kind is dict else name for name, kind in types.items()]
        raise MffcnLiteError(f"--set {text}: write key=value with a key of {', '.join(names)}, model.…")
    if get_origin(types[key]) is tuple:
        return {key: parse_factors(value)}
    kind, *others = get_args(types[key]) or (types[key],)  # the parts of int | None, or the type itself
    if value.lower() == "none" and NoneType in others:
        return {key: None}
    try:
        return {key: READ[kind](value)}
    except (ValueError, KeyError) as error:
        expected = KINDS[kind][1] + (", or none" if NoneType in others else "")
        raise MffcnLiteError(f"--set {text}: {key} (={value!r}) must be {expected}") from error


def apply_settings(
    config: "mffcn_lite.training.TrainingConfig", arguments: dict, settings: list[str]
) -> tuple["mffcn_lite.training.TrainingConfig", dict]:
    """(`config`, the network's `arguments`), changed by each key=value, model.key=value or objective.key=value."""
    changes, arguments, objective = {}, dict(arguments), dict(config.objective)
    for text in settings:
        key, equals, value = text.partition("=")
        group, dot, name = key.partition(".")
        if equals and dot and group in ("model", "objective"):
            (arguments if group == "model" else objective)[name] = parse_value(value)
        else:
            changes |= parse_setting(get_type_hints(type(config)), text)
    return dataclasses.replace(config, **changes, objective=objective), arguments
