"""Settings of --set are read in the types of the configuration's fields."""

import dataclasses
from typing import Optional, get_type_hints

import pytest

from mffcn_lite.arguments import parse_setting
from mffcn_lite.training import TrainingConfig

TYPES = {"crop": int | None, "clip": Optional[float], "flip": bool, "mode": str | None, "steps": int, "rest": dict}  # noqa: UP045
TYPES["factors"] = tuple[int, ...]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("crop=12", 12),
        ("crop=None", None),
        ("clip=1", 1.0),  # Optional[float] is what float | None becomes from Python 3.14 on
        ("clip=none", None),
        ("flip=TRUE", True),
        ("mode=none", None),
        ("mode=a=b", "a=b"),
        ("factors=4,2", (4, 2)),
    ],
)
def test_a_value_takes_the_type_of_its_field(text, value):
    (found,) = parse_setting(TYPES, text).values()
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("crop=x", "--set crop=x: crop (='x') must be a whole number, or none"),
        ("steps=none", "--set steps=none: steps (='none') must be a whole number"),
        ("steps=1.5", "--set steps=1.5: steps (='1.5') must be a whole number"),
        ("clip=", "--set clip=: clip (='') must be a number, or none"),
        ("flip=yes", "--set flip=yes: flip (='yes') must be true or false"),
        ("factors=2,x", 'factors (="2,x") must be whole numbers of at least 2, such as 2,3,4'),
        (
            "rest=3",
            "--set rest=3: write key=value with a key of crop, clip, flip, mode, steps, rest.…, factors, model.…",
        ),
        ("banana=3", "key of crop, clip"),
        ("crop", "--set crop: write key=value"),
    ],
)
def test_a_value_of_another_type_is_one_sentence_with_what_is_expected(refuses, text, sentence):
    refuses(lambda: parse_setting(TYPES, text), sentence)


def test_every_field_of_the_configuration_can_be_set_to_its_own_default():
    types = get_type_hints(TrainingConfig)
    for field in dataclasses.fields(TrainingConfig):
        if field.name != "objective":
            value = getattr(TrainingConfig(), field.name)
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            assert parse_setting(types, f"{field.name}={text}") == {field.name: value}
