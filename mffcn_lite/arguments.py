"""What is written on the command line, as numbers and settings. Nothing here imports torch."""

import dataclasses
import json

from mffcn_lite.errors import MffcnLiteError


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


def parse_setting(config, text: str) -> dict:
    """One `key=value` of --set, with the value in the type of the configuration's field."""
    key, equals, value = text.partition("=")
    # Not getattr(type, "__name__"): that of int | None is "Union" from Python 3.14 on.
    fields = {
        field.name: field.type.__name__ if isinstance(field.type, type) else str(field.type)
        for field in dataclasses.fields(config)
    }
    if not equals or key not in fields or fields[key] == "dict":
        names = [f"{name}.…" if kind == "dict" else name for name, kind in fields.items()]
        raise MffcnLiteError(f"--set {text}: write key=value with a key of {', '.join(names)}, model.…")
    kind = fields[key]
    try:
        if value.lower() == "none" and "None" in kind:
            return {key: None}
        if "tuple" in kind:
            return {key: parse_factors(value)}
        if "bool" in kind:
            return {key: {"true": True, "false": False}[value.lower()]}
        return {key: int(value) if "int" in kind else float(value) if "float" in kind else value}
    except (ValueError, KeyError) as error:
        raise MffcnLiteError(f"--set {text}: {key} takes a value of the type {kind}") from error


def apply_settings(config, arguments: dict, settings: list[str]) -> tuple:
    """(`config`, the network's `arguments`), changed by each key=value, model.key=value or objective.key=value."""
    changes, arguments, objective = {}, dict(arguments), dict(config.objective)
    for text in settings:
        key, equals, value = text.partition("=")
        group, dot, name = key.partition(".")
        if equals and dot and group in ("model", "objective"):
            (arguments if group == "model" else objective)[name] = parse_value(value)
        else:
            changes |= parse_setting(config, text)
    return dataclasses.replace(config, **changes, objective=objective), arguments
