"""Checks of chapter 16, "The paper's tables, again: what holds?"."""

import math
import re

import numpy as np

from mffcn_lite.exercises import as_number, exercise
from mffcn_lite.statistics import t_interval

EVIDENCE = ("paper", "tables", "forensics", "ablations", "leak", "seen_and_guessed", "off_protocol")
STDEV = 2  # grey levels of noise in exercise 16.1; half the width and half the height leave a quarter of the pixels
TOLERANCE = 0.5  # dB, of exercise 16.5


def _decibels(error: float) -> float:
    return 20 * math.log10(255 / error)


@exercise("16.1")
def _ceiling(answer) -> str | None:
    number = as_number(answer)
    if number is None:
        return "give a number, in dB"
    for wanted, hint in (
        (_decibels(STDEV * math.sqrt(3 / 4)), None),
        (_decibels(STDEV), "that would be right if the small photo told nothing of the noise; how much does it hold?"),
        (_decibels(STDEV / 2), "that is the part of the noise that the small photo holds; the rest is what is missed"),
        (_decibels(STDEV * 3 / 4), "it is the *variance* of which a share is left, and σ is its root"),
        (_decibels(STDEV * math.sqrt(1 / 2)), "half the width and half the height: which share of the pixels is left?"),
        (_decibels(STDEV) / 2, "PSNR is about squares: 20 times the logarithm of the ratio of two sizes"),
        (-_decibels(STDEV * math.sqrt(3 / 4)), "the peak stands above the error, in the numerator"),
    ):
        if abs(number - wanted) < 0.06:
            return hint
    if not math.isfinite(number):
        return "somebody who knows all of a face still can't know the noise"
    return "find the noise that no system can know, as a standard deviation; its PSNR is the ceiling"


_SENTENCES = {
    "MFFCN's mean is above SRCNN's in all six columns": (
        "follows",
        "it speaks of the printed means alone; compare them, column by column",
    ),
    "at factor 4 MFFCN is 7.74 dB above bicubic": ("contradicted", "subtract the two cells"),
    "MFFCN's results hardly change with the factor": (
        "contradicted",
        "how many decibels does MFFCN lose from the first column to the third, and how large is that as an error?",
    ),
    "on other people MFFCN would be above SRCNN too": (
        "can't tell",
        "a mean over some people, without an interval, says nothing of others",
    ),
    "MFFCN is better because it looks at several scales": (
        "can't tell",
        "the two systems differ in many things at once; a table of results has no causes in it",
    ),
    "no person is both in training and in the test": (
        "can't tell",
        "which cell would look different if somebody were in both?",
    ),
}


@exercise("16.2")
def _sentences(answer) -> str | None:
    words = ("follows", "contradicted", "can't tell")
    if not isinstance(answer, dict) or set(answer) != set(_SENTENCES):
        return "keep the six sentences, and write one of the three words to each"
    if all(value is ... for value in answer.values()):
        raise NotImplementedError
    if any(value not in words for value in answer.values()):
        return f"write one of {', '.join(map(repr, words))} to each sentence"
    for sentence, (want, why) in _SENTENCES.items():
        if answer[sentence] != want:
            return f'"{sentence}" is not right: {why}'
    return None


def _pair(seed: int, margin: float, spread: float, noise: float, counts: tuple[int, ...]) -> tuple[dict, dict]:
    """Two systems on the same photos: `margin` apart, with people who differ from each other far more than that."""
    generator = np.random.default_rng(seed)
    a, b = {}, {}
    for person, count in enumerate(counts):
        base = 28 + 3 * generator.normal() + noise * generator.normal(size=count)
        gain = margin + spread * ((-1) ** person) * (1 + person / 10) + noise * 0.05 * generator.normal(size=count)
        a[person], b[person] = (base + gain).tolist(), base.tolist()
    return a, b


def _ends(values) -> tuple[float, float]:
    return tuple(t_interval(list(values)))


def _word(claim: float, ends: tuple[float, float]) -> str:
    return "held" if ends[0] <= claim <= ends[1] else "too large" if claim > ends[1] else "too small"


def _other_ways(a: dict, b: dict) -> dict[str, tuple[float, float]]:
    """Intervals that a reader may have computed instead, by the hint that each deserves."""
    differences = {p: np.subtract(a[p], b[p]) for p in a}
    means = [d.mean() for d in differences.values()]
    sides = [np.array([np.mean(x) for x in side.values()]) for side in (a, b)]
    half = 1.96 * np.std(means, ddof=1) / math.sqrt(len(means))
    first, second = (_ends(side) for side in sides)
    unpaired = sides[0].mean() - sides[1].mean()
    wide = 2.145 * math.sqrt(sum(np.var(side, ddof=1) / len(side) for side in sides))
    sd = np.std(means, ddof=1)
    return {
        "photos are not the sample: ten photos of one person are one person": _ends(np.concatenate([*differences.values()])),
        "pair them: take the difference on each person, where what makes the person hard cancels": (
            unpaired - wide,
            unpaired + wide,
        ),
        "two intervals that overlap say nothing of the difference; take the differences first": (
            first[0] - second[1],
            first[1] - second[0],
        ),
        "so few people need Student's quantile, not the normal one": (np.mean(means) - half, np.mean(means) + half),
        "that is how far people lie from each other; the mean is known better, by the root of their number": (
            np.mean(means) - 2.36 * sd,
            np.mean(means) + 2.36 * sd,
        ),
        "`claim` is the margin of a over b, and you took b over a": _ends([-m for m in means]),
    }


@exercise("16.3")
def _was_found(answer) -> str | None:
    cases = [
        (_pair(1, 0.8, 0.2, 0.5, (10,) * 8), 0.8),
        (_pair(2, 1.2, 0.1, 0.5, (10,) * 8), 5.0),
        (_pair(3, 1.0, 0.1, 0.5, (6, 3, 9, 4, 8, 2, 10, 5)), 0.2),
        (_pair(4, 0.5, 0.3, 0.5, (10,) * 8), 0.72),
        (_pair(5, -0.6, 0.1, 0.5, (4,) * 6), 0.6),
    ]
    # Just inside and outside of the interval, where the other ways part from it.
    (a, b) = _pair(6, 0.6, 0.4, 0.5, (40, 1, 12, 3, 8, 2, 10, 5))
    low, high = _ends([np.subtract(a[p], b[p]).mean() for p in a])
    cases += [((a, b), claim) for claim in (low + 0.02, high - 0.02, low - 0.02, high + 0.02)]
    for (a, b), claim in cases:
        kept = {p: list(x) for p, x in a.items()}, {p: list(x) for p, x in b.items()}
        got = answer(a, b, claim)
        if (a, b) != kept:
            return "your function changes the dicts that it was given"
        if got not in ("held", "too large", "too small"):
            return 'return "held", "too large" or "too small"'
        ends = _ends([np.subtract(a[p], b[p]).mean() for p in a])
        want = _word(claim, ends)
        if got == want:
            continue
        hints = [hint for hint, other in _other_ways(a, b).items() if _word(claim, other) == got]
        return hints[0] if hints else f"the interval over people is [{ends[0]:.2f}, {ends[1]:.2f}] there: {claim:.2f}?"
    return None


@exercise("16.4")
def _to_print(answer) -> str | None:
    for seed, shape in enumerate(((6, 3, 4), (27, 3, 4), (4, 1, 5), (5, 5, 3))):
        generator = np.random.default_rng(seed)
        settings, seeds, people = shape
        validation = 30 + generator.normal(size=shape) + 2 * generator.normal(size=people)
        test = 29 + generator.normal(size=(settings, seeds, 8)) + 2 * generator.normal(size=8)
        kept = validation.copy(), test.copy()
        got = as_number(answer(validation, test))
        if got is None:
            return "return one number, in dB"
        if not (np.array_equal(validation, kept[0]) and np.array_equal(test, kept[1])):
            return "your function changes the arrays that it was given"
        best = int(validation.mean((1, 2)).argmax())
        if math.isclose(got, test[best].mean(), abs_tol=1e-9):
            continue
        single = np.unravel_index(validation.mean(2).argmax(), (settings, seeds))
        for value, hint in (
            (test.mean(2).max(), "the test people chose the setting, and the seed too; they may do neither"),
            (test.mean((1, 2)).max(), "the test people chose the setting: its luck with them will not come again"),
            (validation.mean((1, 2)).max(), "that is measured on the people who chose it; they have done their work"),
            (validation[best].mean(), "that is measured on the people who chose it; they have done their work"),
            (test[best].mean(1).max(), "the setting is chosen honestly, and then the luckiest of its seeds on the test people"),
            (test[single[0], single[1]].mean(), "that is the best single training; a method is all its seeds together"),
            (test[single[0]].mean(), "compare settings by the mean over their seeds, not by the luckiest one"),
            (test.mean(), "that is the mean over all settings; one of them is to be chosen"),
        ):
            if math.isclose(got, value, abs_tol=1e-9):
                return hint
        return "which arrays may choose, and which may only be measured? Choose one setting, and keep all its seeds"
    return None


def _line_ups() -> list[tuple[tuple, dict]]:
    mine = {
        "plain": (30.4, 27.7, 26.1),
        "scale_factor": (30.7, 23.9, 24.9),
        "enlarged by f": (30.7, 25.5, 24.9),
        "shifted": (28.1, 24.8, 23.1),
        "nearest": (27.2, 26.4, 24.4),
    }
    high = {"plain": (33.0, 30.3, 28.7), "area": (33.5, 30.4, 28.8), "twin": (20.0, 17.3, 15.7)}
    return [
        ((34.9, 29.7, 29.2), mine),  # the shape of one, at another level
        ((30.4, 26.8, 25.1), {"plain": (30.4, 27.7, 26.1), "modcrop": (31.0, 27.1, 25.6), "far": (36.0, 32.6, 30.6)}),
        ((35.0, 32.3, 30.7), high),  # several at once
        ((30.0, 29.0, 28.0), mine),  # none of them
        ((31.0, 27.5, 27.0), {"first": (31.0, 27.5, 25.0), "second": (31.0, 28.6, 28.1), "sum": (31.0, 26.6, 27.0)}),
    ]


def _falls(column) -> tuple[float, float]:
    return column[0] - column[1], column[1] - column[2]


@exercise("16.5")
def _line_up(answer) -> str | None:
    for column, candidates in _line_ups():
        kept = dict(candidates)
        got = answer(column, candidates)
        if candidates != kept:
            return "your function changes the dict that it was given"
        if isinstance(got, str) or not isinstance(got, set | frozenset | list | tuple):
            return "return a set of names, which may have one name, many, or none"
        got = set(got)
        if not got <= set(candidates):
            return "return names out of the candidates"
        deviations = {
            name: [abs(x - y) for x, y in zip(_falls(column), _falls(own), strict=True)]
            for name, own in candidates.items()
        }
        want = {name for name, pair in deviations.items() if max(pair) <= TOLERANCE + 1e-9}
        if got == want:
            continue
        by_level = {
            name
            for name, own in candidates.items()
            if max(abs(x - y) for x, y in zip(column, own, strict=True)) <= TOLERANCE
        }
        if got == by_level:
            return "you compared levels, and these faces are not yours; what depends less on the faces?"
        nearest = min(deviations, key=lambda name: max(deviations[name]))
        if got == {nearest} and not want:
            return "the least bad one is not good: if none is within the tolerance, all are sent home"
        if got == {nearest} or (len(got) == 1 and got < want):
            return "to fit best is no proof: all that are within the tolerance stay"
        for step in (0, 1):
            if got == {name for name, pair in deviations.items() if pair[step] <= TOLERANCE}:
                return "there are two falls in three numbers, and both must be met"
        if got == {name for name, own in candidates.items() if abs(column[0] - column[2] - own[0] + own[2]) <= TOLERANCE}:
            return "you compared the whole fall; where it happens, before or after factor 3, tells more"
        if got == {name for name, pair in deviations.items() if min(pair) <= TOLERANCE}:
            return "one fall that is met is not enough"
        return f"for the column {column}: take what the column loses from each factor to the next, and compare those"
    return None


_FIELDS = ("summary", "strength", "findings", "recommendation")
_PARTS = ("claim", "evidence", "does_not_follow", "ask", "weight")
_DECISIONS = ("accept", "minor revision", "major revision", "reject")
_ACCUSING = re.compile(r"\b(fraud\w*|fak\w+|fabricat\w+|cheat\w*|dishonest\w*|liars?|lied|invented|manipulat\w+)\b")


def _words(text: object) -> int:
    return len(text.split()) if isinstance(text, str) else 0


@exercise("16.6")
def _review(answer) -> str | None:
    if not isinstance(answer, dict) or set(answer) != set(_FIELDS):
        return f"keep the four fields {', '.join(_FIELDS)}"
    if all(value is ... for value in answer.values()):
        raise NotImplementedError
    for field, least in (("summary", 20), ("strength", 8)):
        if _words(answer[field]) < least:
            return f'"{field}" needs at least {least} words: the authors should know their paper again'
    findings = answer["findings"]
    if not isinstance(findings, list | tuple) or len(findings) < 4:
        return "give a list of at least four findings"
    for number, finding in enumerate(findings, start=1):
        if not isinstance(finding, dict) or set(finding) != set(_PARTS):
            return f"finding {number} needs {', '.join(_PARTS)}, and nothing else"
        evidence = finding["evidence"]
        if isinstance(evidence, str) or not isinstance(evidence, list | tuple | set) or not evidence:
            return f"finding {number}: evidence is a list of names; without any, it is an opinion"
        unknown = [name for name in evidence if name not in EVIDENCE]
        if unknown:
            return f"finding {number}: no evidence {unknown[0]!r}; choose among {', '.join(EVIDENCE)}"
        for part, least in (("claim", 4), ("does_not_follow", 6), ("ask", 6)):
            if _words(finding[part]) < least:
                return f'finding {number}: say more in "{part}", at least {least} words'
        if finding["weight"] not in ("major", "minor"):
            return f'finding {number}: weight is "major" or "minor"'
    text = " ".join([answer["summary"], answer["strength"], *(str(value) for f in findings for value in f.values())])
    accused = _ACCUSING.search(text.lower())
    if accused:
        return f'"{accused[0]}" speaks of an intent, which no table shows; say what does not agree, and ask'
    used = {name for finding in findings for name in finding["evidence"]}
    if used == {"paper"}:
        return "all your evidence is the paper itself; what has been measured again?"
    if len(used) < 3:
        return "use at least three kinds of evidence: a review that looks at one result sees one side"
    for part in ("ask", "claim"):
        if len({finding[part].strip().lower() for finding in findings}) < len(findings):
            return f'two findings have the same "{part}"; put them together, or say what is different'
    if len({finding["weight"] for finding in findings}) < 2:
        return "if all findings weigh the same, the authors don't know where to begin"
    if answer["recommendation"] not in _DECISIONS:
        return f"recommend one of {', '.join(_DECISIONS)}"
    if answer["recommendation"] == "accept" and any(finding["weight"] == "major" for finding in findings):
        return "a major finding and plain acceptance do not go together"
    return None
