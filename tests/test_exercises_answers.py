"""The one way in for answers: what is read from them, how near is right, and what is said of what can't be read."""

import array
import collections
import decimal
import fractions
import math

import numpy as np
import pytest
import torch

from mffcn_lite.exercises import answers
from mffcn_lite.exercises.answers import Unreadable, fold, near

ROWS = [[0.5, -1.0, 2.0], [3.0, 4.0, 0.25]]
TENSOR = torch.tensor(ROWS)
KINDS = {
    "a list": ROWS,
    "tuples": tuple(map(tuple, ROWS)),
    "float16": TENSOR.half(),
    "bfloat16": TENSOR.bfloat16(),
    "with a gradient": TENSOR.clone().requires_grad_(),
    "not in order": TENSOR.T.contiguous().T,
    "sparse": TENSOR.to_sparse(),
    "negated later": torch.complex(TENSOR, -TENSOR).conj().imag,
    "NumPy's": np.array(ROWS),
    "NumPy's, backwards": np.array(ROWS)[::-1, ::-1][::-1, ::-1],
    "of the other bytes": np.array(ROWS, dtype=">f4"),
    "long doubles": np.array(ROWS, dtype=np.longdouble),
    "objects": np.array([[fractions.Fraction(x) for x in row] for row in ROWS], dtype=object),
    "words": np.array([[str(x) for x in row] for row in ROWS]),
    "tensors in a list": [list(row.clone().requires_grad_()) for row in TENSOR],
    "arrays in a tuple": tuple(np.array(ROWS, dtype=np.float32)),
    "arrays of one": [[np.array([x]) for x in row] for row in ROWS],
    "a generator of ranges": (collections.deque(row) for row in ROWS),
    "Python's arrays": [array.array("d", row) for row in ROWS],
    "decimals": [[decimal.Decimal(x) for x in row] for row in ROWS],
    "texts": [[f" {x} ".replace("-", "−") for x in row] for row in ROWS],
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_array_of_any_kind_is_read(kind):
    found = answers.read_array(KINDS[kind], "return a picture", shape=(2, 3))
    assert found.dtype == torch.float64
    assert not found.requires_grad
    assert torch.equal(found, TENSOR.double())


def test_what_is_read_is_a_copy():
    for mine in (np.ones(3), torch.ones(3, dtype=torch.float64)):
        found = answers.read_array(mine, "")
        mine[:] = 0
        assert found.tolist() == [1, 1, 1]


ONE = [
    0.2,
    "0.2",
    [0.2],
    (np.float64(0.2),),
    np.array([0.2]),
    np.array([[0.2]]),
    np.array("0.2"),
    fractions.Fraction(1, 5),
]
ONE += [
    torch.tensor([[0.2]], dtype=torch.float64, requires_grad=True),
    decimal.Decimal("0.2"),
    fractions.Fraction(1, 5),
    " 0.2 ",
    "０.２",
]


@pytest.mark.parametrize("answer", ONE, ids=repr)
def test_one_number_is_one_number_however_it_is_wrapped(answer):
    assert answers.read_number(answer, "give a number") == answers.as_number(answer) == 0.2
    assert answers.as_numbers([answer, answer], 2) == [0.2, 0.2]


NONE = [
    (True, "True or False"),
    ([1, True], "True or False"),
    (torch.tensor(True), "True or False"),
    (np.array([np.nan]), "yours is NaN, which is not a number"),
    (-math.inf, "yours is infinite"),
    (1 + 0j, "complex"),
    (torch.tensor([1j]), "complex"),
    ("about a half", 'yours is text, "about a half"'),
    (np.array([1.0, 2.0]), "yours has 2 numbers"),
    ([], "yours has 0 numbers"),
    ([[1], [2, 3]], "different shapes"),
    (None, "yours is None"),
    ([...], "`...` is left"),
    (len, "a function"),
    ({"a": 1}, "of the type dict"),
    ({1, 2}, "of the type set"),
    (b"1", "of the type bytes, which holds no numbers"),
    (object(), "of the type object"),
    (np.datetime64("2020-01-01"), "of the type datetime64"),
    (10**400, "larger than any float"),
    ([10**400], "larger than any float"),
    (np.array([None]), "holds None"),
    (torch.empty(1, device="meta"), "holds no numbers"),
]


@pytest.mark.parametrize(("answer", "said"), NONE, ids=[said for _, said in NONE])
def test_what_is_no_number_is_called_what_it_is(answer, said):
    with pytest.raises(Unreadable, match="give a number") as caught:
        answers.read_number(answer, "give a number")
    assert said in str(caught.value)


def test_a_picture_of_true_and_false_is_one_of_ones_and_zeros():
    assert answers.read_array(np.eye(2) > 0, "", truths=True).tolist() == [[1, 0], [0, 1]]
    with pytest.raises(Unreadable, match="True or False"):
        answers.read_array(np.eye(2) > 0, "return a matrix")


def test_parts_are_in_an_order():
    assert answers.read_parts((1, "a"), 2, "") == [1, "a"]
    assert [part.tolist() for part in answers.read_parts(np.eye(2), 2, "")] == [[1, 0], [0, 1]]
    for wrong in ({1, 2}, "ab", {"a": 1, "b": 2}, None, [1], torch.ones(3), 7):
        with pytest.raises(Unreadable, match="return two"):
            answers.read_parts(wrong, 2, "return two")


def test_truth_is_read_from_bools_and_from_0_and_1():
    yes, no = (True, np.True_, torch.tensor([True]), 1, 1.0), (False, np.False_, torch.tensor(False), [0])
    assert [answers.as_truth(x) for x in (*yes, *no)] == [True] * len(yes) + [False] * len(no)
    assert [answers.as_truth(x) for x in (0.5, 2, "True", None, [True, False])] == [None] * 5


def test_a_count_may_lie_a_little_beside_its_whole_number():
    assert [answers.whole(x) for x in (3.0, 2.9999, 92.31, math.inf)] == [3, 3, 92.31, math.inf]


def test_near_is_what_float32_and_a_rounding_to_float16_come_to():
    want = torch.randn(50, 60, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 1e4
    for dtype in (torch.float32, torch.float16):
        assert near(want.to(dtype), want)
    assert not near(want * 1.01, want)
    assert not near(want[:1], want)
    assert not near(want / 0, want)
    # By the scale of the right answer, however small that is; and against 1 where there is none.
    assert near(1.0005e-9, 1e-9)
    assert not near(1.1e-9, 1e-9)
    assert near(1e-7, 0.0)
    assert not near(0.01, 0.0)
    assert near(30.01, 30.0)
    assert not near(30.01, 30.0, scale=1)


SAME = {
    "can't tell": ["can’t tell", "CAN'T TELL", " can't\u00a0 tell. ", "can\u02bct tell", "can´t tell", "can`t tell"],
    "no-gradient": [
        "no\u2011gradient",
        "no–gradient",
        "no—gradient",
        "no−gradient",
        "No\u2010Gradient",
        "no\u00ad-gradient",
    ],
    "weaker": ["Weaker ", "WEAKER", "weaker.", "\tweaker\n", "\ufeffweaker", "ｗｅａｋｅｒ"],
    "in 0…255": ["in 0...255", "in  0…255", "In 0…255."],
    "128×128": ["128x128", "128X128"],
    "λ1": ["Λ1", "λ₁"],
    '"sum"': ["“sum”", "„sum“", "«sum»"],
    "ﬁne": ["fine"],
}


@pytest.mark.parametrize("word", SAME)
def test_a_word_is_the_same_however_it_is_typed(word):
    for other in SAME[word]:
        assert fold(other) == fold(word)
        for wrapped in (other, np.str_(other), np.array(other), np.array([other]), [other]):
            assert answers.one_of(wrapped, ("something else", word)) == word
    assert answers.one_of("something", SAME) is None
    assert all(answers.one_of(nothing, SAME) is None for nothing in (1, None, ..., [], ["a", "b"], {}))


def test_a_table_is_read_by_the_names_of_its_lines():
    lines = ("test people", "steps")
    assert answers.as_table({"Steps ": 1, "test\u00a0people": 2, "a note": 3}, lines) == {"test people": 2, "steps": 1}
    for wrong in ({"steps": 1}, {"steps": 1, "Steps": 2, "test people": 3}, [("steps", 1)], None, {1: 2, 3: 4}):
        assert answers.as_table(wrong, lines) is None


def test_letters_are_read_from_texts_and_lists():
    for answer in ("C, D", "cd", "C and D.", ["c", "D"], ("C", np.str_("d")), np.array(["C", "D"]), "C & D", "c vs D"):
        assert answers.as_letters(answer) == ["C", "D"]
    assert set(answers.as_letters({"C", "D"})) == {"C", "D"}
    assert answers.as_letters(["C", 1]) == ["C", "?"]
    assert answers.as_letters(None) == answers.as_letters(3) == []
