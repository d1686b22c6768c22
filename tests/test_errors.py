"""The checks of arguments: what they let pass, and the sentence that they say."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from mffcn_lite.errors import (
    MffcnLiteError,
    check_number,
    check_numbers,
    check_pair,
    check_type,
    check_types,
    check_word,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, {}),
        (-1.5, {}),
        (2, {"at_least": 2, "whole": True}),
        (2**63 - 1, {"at_least": 2, "whole": True}),
        (-(2**63), {"whole": True}),
        (np.int64(3), {"at_least": 2, "at_most": 3, "whole": True}),
        (np.float32(0.5), {"above": 0, "below": 1}),
        (Fraction(1, 3), {"above": 0}),
        (None, {"at_least": 2, "none": True}),
    ],
)
def test_numbers_in_range_pass(value, expected):
    check_number("x", value, **expected)


@pytest.mark.parametrize(
    ("value", "expected", "sentence"),
    [
        (1, {"at_least": 2, "whole": True}, "x (=1) must be a whole number of at least 2"),
        (2.0, {"at_least": 2, "whole": True}, "x (=2.0) must be a whole number of at least 2"),
        ("3", {"at_least": 2, "whole": True}, "x (='3') must be a whole number of at least 2"),
        (True, {"whole": True}, "x (=True) must be a whole number"),
        (None, {"at_least": 1, "whole": True}, "x (=None) must be a whole number of at least 1"),
        (0, {"at_least": 1, "whole": True, "none": True}, "x (=0) must be a whole number of at least 1, or None"),
        (9, {"at_least": 2, "at_most": 8}, "x (=9) must be a finite number of at least 2 and at most 8"),
        (0, {"above": 0}, "x (=0) must be a finite number above 0"),
        (1, {"at_least": 0, "below": 1}, "x (=1) must be a finite number of at least 0 and below 1"),
        (math.nan, {}, "x (=nan) must be a finite number"),
        (math.inf, {"above": 0}, "x (=inf) must be a finite number above 0"),
        (-math.inf, {"at_most": 0}, "x (=-inf) must be a finite number at most 0"),
        (1j, {}, "x (=1j) must be a finite number"),
    ],
)
def test_other_values_are_refused_with_what_is_expected_and_what_came(value, expected, sentence):
    with pytest.raises(MffcnLiteError) as caught:
        check_number("x", value, **expected)
    assert str(caught.value) == sentence


def test_of_several_numbers_the_wrong_one_is_named(refuses):
    check_numbers("factors", (2, 3), at_least=2, whole=True)
    refuses(lambda: check_numbers("factors", [2, 1], at_least=2, whole=True), "factors[1] (=1)", "of at least 2")
    refuses(lambda: check_numbers("factors", (), at_least=2, whole=True), "factors (=())")


def test_a_word_is_refused_with_the_choices_and_none_is_no_word(refuses):
    check_word("mode", None, (None, "fast"))
    refuses(lambda: check_word("mode", "None", (None, "fast")), "mode (='None') must be one of None, \"fast\"")


def test_a_pair_of_tensors_must_be_of_one_shape_and_of_floats(refuses):
    one, other = torch.zeros(1, 1, 2, 3), torch.zeros(1, 1, 3, 2)
    check_pair(one, one)
    refuses(lambda: check_pair(one, other), "(1, 1, 2, 3)", "(1, 1, 3, 2)")
    refuses(lambda: check_pair(one, one.byte()), "hr", "torch.uint8", "divide")
    refuses(lambda: check_pair(one[0], one[0]), "sr", "(1, 2, 3)", "[None]")
    refuses(lambda: check_pair(one, one.numpy()), "hr", "ndarray of float32", "from_numpy")
    refuses(lambda: check_pair(one, one.to("meta")), "sr lies on cpu, and hr on meta", ".to(device)")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (3, int),
        (np.int64(3), int),
        (None, int | None),
        (1, float),
        (np.float32(0.5), float | None),
        (True, bool),
        ("yes", str),
        ({}, dict),
        ((2, 3), tuple[int, ...]),
        ([2, 3], tuple[int, ...]),
        ((), tuple[int, ...]),
    ],
)
def test_values_of_the_type_of_an_annotation_pass(value, kind):
    check_type("x", value, kind)


@pytest.mark.parametrize(
    ("value", "kind", "sentence"),
    [
        (True, int, "x (=True) must be a whole number"),
        (2.0, int, "x (=2.0) must be a whole number"),
        ("2", int | None, "x (='2') must be a whole number, or None"),
        (None, int, "x (=None) must be a whole number"),
        (2**63, int, "x (=9223372036854775808) must fit into 64 bits"),
        (-(10**30), float, f"x (=-1{30 * '0'}) must fit into 64 bits"),
        (False, float, "x (=False) must be a number"),
        (1j, float, "x (=1j) must be a number"),
        (1, bool, "x (=1) must be true or false"),
        ("no", bool, "x (='no') must be true or false"),
        (3, str, "x (=3) must be a word"),
        ([], dict, "x (=[]) must be names with values"),
        (3, tuple[int, ...], "x (=3) must hold a whole number or several"),
        ("23", tuple[int, ...], "x (='23') must hold a whole number or several"),
        ((2, True), tuple[int, ...], "x[1] (=True) must be a whole number"),
    ],
)
def test_a_value_of_another_type_is_refused_with_the_one_that_is_expected(value, kind, sentence):
    with pytest.raises(MffcnLiteError) as caught:
        check_type("x", value, kind)
    assert str(caught.value) == sentence


def test_a_name_that_there_is_not_is_refused_with_those_that_there_are(refuses):
    types = {"crop": int | None, "flip": bool}
    check_types("config", types, {"crop": None})
    refuses(lambda: check_types("config", types, {"crop": None, "banana": 1}), "config has no 'banana'", "crop, flip")
    refuses(lambda: check_types("config", types, {"flip": "no"}), "flip (='no') must be true or false")
