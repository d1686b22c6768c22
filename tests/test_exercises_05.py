"""Chapter 5's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

from mffcn_lite.exercises import check


def test_letters_in_a_list_pass_too():
    assert check("5.5", ["C", "D"]) is True
