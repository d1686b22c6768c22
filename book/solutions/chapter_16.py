"""Reference solutions of chapter 16, "The paper's tables, again: what holds?"."""

import math

import numpy as np

from mffcn_lite.statistics import t_interval


def ceiling() -> float:
    """Exercise 16.1: a quarter of the pixels hold a quarter of the noise; three quarters of its variance are left."""
    return 20 * math.log10(255 / (2 * math.sqrt(3 / 4)))


def sentences() -> dict[str, str]:
    """Exercise 16.2: a table says what is in its cells, and no more."""
    words = ("follows", "contradicted", "contradicted", "can't tell", "can't tell", "can't tell")
    claims = (
        "MFFCN's mean is above SRCNN's in all six columns",
        "at factor 4 MFFCN is 7.74 dB above bicubic",
        "MFFCN's results hardly change with the factor",
        "on other people MFFCN would be above SRCNN too",
        "MFFCN is better because it looks at several scales",
        "no person is both in training and in the test",
    )
    return dict(zip(claims, words, strict=True))


def was_found(a, b, claim):
    """Exercise 16.3: a difference for each person, Student's interval, and where the claim lies."""
    low, high = t_interval([float(np.mean(np.subtract(a[person], b[person]))) for person in a])
    return "too large" if claim > high else "too small" if claim < low else "held"


def called_by_chance(arms, seeds, base_seeds):
    """Exercise 16.4: of the ways to say which places in the order are the arm's, two stand apart."""
    return arms * 2 / math.comb(seeds + base_seeds, seeds)


def line_up(column, candidates):
    """Exercise 16.5: levels depend on the faces, so the falls are compared, and all that fit stay."""
    falls = {name: -np.diff(own) for name, own in candidates.items()}
    return {name for name, fall in falls.items() if np.abs(fall + np.diff(column)).max() <= 0.5}


def review() -> dict:
    """Exercise 16.6: one review among many. Its numbers are those of the book's results."""
    findings = [
        {
            "claim": "MFFCN and SRCNN are five to nine decibels above bicubic (table 1).",
            "evidence": ["paper", "tables", "forensics"],
            "does_not_follow": "That the numbers are wrong: other photos, stronger networks, or separate programs for "
            "bicubic and the networks could all give them, and the reproduction has eight people of another set.",
            "ask": "Publish the program that makes the small photos and measures all three systems, and the values of "
            "each photo, so that one protocol can be seen to give the whole table.",
            "weight": "major",
        },
        {
            "claim": "MFFCN is better than SRCNN in all columns.",
            "evidence": ["tables", "seen_and_guessed"],
            "does_not_follow": "That the method is better in general: one trained network a system was measured, in "
            "the paper and in the reproduction alike.",
            "ask": "Train each system with at least three seeds and equal tuning, and give intervals over people.",
            "weight": "major",
        },
        {
            "claim": "The gain is due to several scales and to skip connections.",
            "evidence": ["ablations"],
            "does_not_follow": "That the ideas are useless: the ablations are short trainings on four people, and do "
            "not cover the authors' depth and width.",
            "ask": "Add a plain chain of convolutions with the same number of multiplications to both tables.",
            "weight": "major",
        },
        {
            "claim": "The split into training and test photos is 8 : 2.",
            "evidence": ["paper", "leak"],
            "does_not_follow": "That people were shared, or that it would matter much: for one small network the gain "
            "from having met a person was below half a decibel.",
            "ask": "State whether the split is by person, and repeat the test by person if it is not.",
            "weight": "minor",
        },
        {
            "claim": "At factor 4 the gain over bicubic is 7.74 dB.",
            "evidence": ["paper"],
            "does_not_follow": "Which of the two numbers is the right one: the table says 8.04.",
            "ask": "Correct the text or the table, and say which cell it was.",
            "weight": "minor",
        },
    ]
    words = {
        "summary": "The paper restores faces that were made small by an unknown factor. A network of multi-scale "
        "modules with skip connections and a global residual is trained with pixel, feature, texture and smoothing "
        "terms, and compared with bicubic interpolation and SRCNN at three factors on FERET.",
        "strength": "One network serves all factors, and the comparison uses two measures at each of them.",
        "recommendation": "major revision",
    }
    return {**words, "findings": findings}


SOLUTIONS = {
    "16.1": ceiling(),
    "16.2": sentences(),
    "16.3": was_found,
    "16.4": called_by_chance,
    "16.5": line_up,
    "16.6": review(),
}
