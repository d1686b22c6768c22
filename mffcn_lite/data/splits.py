"""Splits that never change: by a hash, not by a library's random generator."""

import hashlib
from collections.abc import Iterable

import numpy as np

from mffcn_lite.data.faceset import FaceSet
from mffcn_lite.errors import MffcnLiteError, check_number


def _ordered(items: Iterable[object], seed: int) -> list:
    """`items` in the order of sha256(f"{seed}:{item}")."""
    return sorted(items, key=lambda item: hashlib.sha256(f"{seed}:{item}".encode()).hexdigest())


def _first_by_hash(items: Iterable[object], fraction: float, seed: int, what: str) -> set:
    """The first `fraction` of `items` in the order of their hashes."""
    ordered = _ordered(items, seed)
    count = round(fraction * len(ordered)) if 0 < fraction < 1 else 0
    if not 0 < count < len(ordered):
        raise MffcnLiteError(
            f"test_fraction (={fraction}) of {len(ordered)} {what} leaves one side of the split empty; "
            "choose another fraction or a larger set"
        )
    return set(ordered[:count])


def split_by_person(faces: FaceSet, test_fraction: float = 0.2, seed: int = 0) -> tuple[FaceSet, FaceSet]:
    """Split so that no person is on both sides: (train, test).

    People are ordered by the SHA-256 of `f"{seed}:{person}"`; the first `test_fraction` of them,
    rounded, are the test people. The paper does not say whether its split keeps people apart.

    Raises:
        MffcnLiteError: if a side would be empty.
    """
    test = _first_by_hash(faces.who(), test_fraction, seed, "people")
    is_test = np.isin(faces.people, list(test))
    return faces[~is_test], faces[is_test]


def folds_by_person(faces: FaceSet, count: int = 5, seed: int = 0) -> list[tuple[FaceSet, FaceSet]]:
    """Cut the people into `count` folds: (train, test) of each, so that each person is tested once.

    People are in the order of `split_by_person`, and the folds, of one size as nearly as may be, follow each other in
    it: of 40 people in 5 folds the first fold is `split_by_person(faces, 0.2, seed)`.

    Raises:
        MffcnLiteError: for fewer than two folds, or more than there are people.
    """
    people = _ordered(faces.who(), seed)
    check_number("count", count, at_least=2, at_most=len(people), whole=True)
    tests = [np.isin(faces.people, part) for part in np.array_split(people, count)]
    return [(faces[~test], faces[test]) for test in tests]


def split_by_photo(faces: FaceSet, test_fraction: float = 0.2, seed: int = 0) -> tuple[FaceSet, FaceSet]:
    """Split the photos, whoever is on them: (train, test). The same person may be on both sides.

    Photos are ordered by the SHA-256 of `f"{seed}:{name}"`.

    Raises:
        MffcnLiteError: if a side would be empty.
    """
    test = _first_by_hash(faces.names, test_fraction, seed, "photos")
    is_test = np.array([name in test for name in faces.names])
    return faces[~is_test], faces[is_test]


def people_for_training(faces: FaceSet, hold_out: bool) -> tuple[FaceSet, FaceSet | None, dict[str, list[int]]]:
    """(training, validation or None, who is where); the test people are those of every evaluation, never seen here.

    With `hold_out`, an eighth of the training people is put aside to validate on.
    """
    training, test = split_by_person(faces)
    training, validation = split_by_person(training, test_fraction=1 / 8) if hold_out else (training, None)
    people = {
        "training_people": training.who(),
        "validation_people": [] if validation is None else validation.who(),
        "test_people": test.who(),
    }
    return training, validation, people
