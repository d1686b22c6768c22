"""Checks of chapter 16, "The paper's tables, again: what holds?"."""

import copy
import itertools
import math
import operator
import re
from collections.abc import Callable

import numpy as np
from scipy import stats

from mffcn_lite.exercises import Dice, exercise, first_hint, wrong_line
from mffcn_lite.exercises.answers import as_list, as_table, as_text, count_words, fold, near, one_of, read_number
from mffcn_lite.statistics import t_interval

EVIDENCE = ("paper", "tables", "forensics", "ablations", "leak", "seen_and_guessed", "off_protocol")
STDEV = 2  # grey levels of noise in exercise 16.1; half the width and half the height leave a quarter of the pixels
TOLERANCE = 0.5  # dB, of exercise 16.5


def _decibels(error: float | int) -> float:
    return 20 * math.log10(255 / error)


@exercise("16.1")
def _ceiling(answer: object) -> str | None:
    number = read_number(answer, "give a number, in dB", finite=False)
    if math.isnan(number):
        return "give a number, in dB; yours is NaN, which is not a number"
    if math.isinf(number):
        return "somebody who knows all of a face still can't know the noise"
    return first_hint(
        lambda wanted: abs(number - wanted) < 0.06,
        (_decibels(STDEV * math.sqrt(3 / 4)), None),
        (_decibels(STDEV), "that would be right if the small photo told nothing of the noise; how much does it hold?"),
        (_decibels(STDEV / 2), "that is the part of the noise that the small photo holds; the rest is what is missed"),
        (_decibels(STDEV * 3 / 4), "it is the *variance* of which a share is left, and σ is its root"),
        (_decibels(STDEV * math.sqrt(1 / 2)), "half the width and half the height: which share of the pixels is left?"),
        (_decibels(STDEV) / 2, "PSNR is about squares: 20 times the logarithm of the ratio of two sizes"),
        (-_decibels(STDEV * math.sqrt(3 / 4)), "the peak stands above the error, in the numerator"),
        otherwise="find the noise that no system can know, as a standard deviation; its PSNR is the ceiling",
    )


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
def _sentences(answer: object) -> str | None:
    return wrong_line(answer, _SENTENCES, ("follows", "contradicted", "can't tell"))


def _explain(
    got: list, ways: dict[str | None, list], otherwise: str, same: Callable[[object, object], bool] = operator.eq
) -> str | None:
    """The first hint whose way of answering gives all that was got."""

    def fits(answers: list) -> bool:
        return all(same(mine, theirs) for mine, theirs in zip(got, answers, strict=True))

    return first_hint(fits, *((answers, hint) for hint, answers in ways.items()), otherwise=otherwise)


def _pair(seed: int, margin: float, spread: float, counts: tuple) -> tuple[dict, dict]:
    """Two systems on the same photos, `margin` apart; people differ from each other far more than that."""
    generator = np.random.default_rng(seed)
    a, b = {}, {}
    for person, count in enumerate(counts):
        base = 28 + 0.9 * generator.normal() + 0.5 * generator.normal(size=count)
        gain = margin + spread * generator.normal() + 0.2 * generator.normal(size=count)
        a[person], b[person] = (base + gain).tolist(), base.tolist()
    return a, b


_WAYS = (
    None,
    "photos are not the sample: ten photos of one person are one person",
    "pair them: take the difference on each person, where what makes the person hard cancels",
    "two intervals that overlap say nothing of the difference; take the differences first",
    "so few people need Student's quantile, not the normal one",
    "that is how far people lie from each other; the mean is known better, by the root of their number",
    "`claim` is the margin of a over b, and you took b over a",
)


def _intervals(a: dict, b: dict) -> list[tuple[float, float]]:
    """The interval over people, and those that a reader may have computed instead, in the order of `_WAYS`."""
    differences = [np.subtract(a[person], b[person]) for person in a]
    means = np.array([d.mean() for d in differences])
    sides = [np.array([np.mean(x) for x in side.values()]) for side in (a, b)]
    (low, _), (_, high) = t_interval(sides[0].tolist()), t_interval(sides[1].tolist())
    lowest, highest = t_interval(sides[1].tolist())[0], t_interval(sides[0].tolist())[1]
    unpaired = stats.ttest_ind(*sides, equal_var=False).confidence_interval()
    normal, spread = 1.96 * stats.sem(means), 2.36 * means.std(ddof=1)
    return [
        tuple(t_interval(means.tolist())),
        tuple(t_interval(np.concatenate(differences).tolist())),
        (unpaired.low, unpaired.high),
        (low - high, highest - lowest),
        (means.mean() - normal, means.mean() + normal),
        (means.mean() - spread, means.mean() + spread),
        tuple(t_interval((-means).tolist())),
    ]


def _holds(given: dict, numbers: dict) -> bool:
    """Whether a dict that was given still holds its numbers, be it in other lists or arrays."""
    return set(given) == set(numbers) and all(np.array_equal(given[name], numbers[name]) for name in numbers)


def _word(claim: float, ends: tuple) -> str:
    return "held" if ends[0] <= claim <= ends[1] else "too large" if claim > ends[1] else "too small"


@exercise("16.3")
def _was_found(answer: object, dice: Dice) -> str | None:
    got, ways = [], {hint: [] for hint in _WAYS}
    more = dice.more(lambda r: (r.getrandbits(60), tuple(r.randint(1, 20) for _ in range(7))), 1)
    for seed, counts in [(1, (10,) * 8), (2, (40, 1, 12, 3, 8, 2, 10, 5)), (3, (4,) * 6), *more]:
        a, b = _pair(seed, 0.8, 0.4, counts)
        intervals = _intervals(a, b)
        ends = sorted({float(end) for interval in intervals for end in interval})
        for claim in [ends[0] - 1, *((x + y) / 2 for x, y in itertools.pairwise(ends)), ends[-1] + 1]:
            given = copy.deepcopy((a, b))
            got.append(one_of(answer(*given, claim), ("held", "too large", "too small")))
            if not (_holds(given[0], a) and _holds(given[1], b)):
                return "your function changes the dicts that it was given"
            if got[-1] is None:
                return 'return "held", "too large" or "too small"'
            for hint, interval in zip(_WAYS, intervals, strict=True):
                ways[hint].append(_word(claim, interval))
    swapped = {"too large": "too small", "too small": "too large", "held": "held"}
    ways["it is the claim that is too large, or too small, and not our interval"] = [swapped[w] for w in ways[None]]
    right = sum(x == y for x, y in zip(got, ways[None], strict=True))
    otherwise = f"right for {right} of {len(got)} claims: take a mean for each person, then an interval over people"
    return _explain(got, ways, otherwise)


@exercise("16.4")
def _called_by_chance(answer: object, dice: Dice) -> str | None:
    got, ways = [], {}
    more = dice.more(lambda r: (r.randint(5, 99), r.randint(1, 6), r.randint(1, 6)))
    for arms, seeds, base in [(26, 3, 3), (10, 1, 1), (100, 4, 3), (7, 2, 5), (40, 5, 5), *more]:
        got.append(read_number(answer(arms, seeds, base), "return one number"))
        orders = math.comb(seeds + base, seeds)
        share = 2 / orders
        for hint, value in (
            (None, arms * share),
            ("that is above alone; an arm can stand apart on either side", arms / orders),
            ("that is the chance for one arm; how many of all of them?", share),
            (
                "that is the chance that any arm is called; the average number is asked for",
                1 - (1 - min(share, 1)) ** arms,
            ),
            (
                "a seed is no coin: the baseline's results are luck as well, so order all results together",
                arms * 2 * 0.5**seeds,
            ),
            ("a seed is no coin: order all results together, and count the orders", arms * 2 * 0.5 ** (seeds * base)),
            (
                "within a group the results may stand in any order; count those orders as one",
                arms * 2 / math.factorial(seeds + base),
            ),
            ("the baseline has seeds of its own, and their number counts", arms * 2 / math.comb(2 * seeds, seeds)),
        ):
            ways.setdefault(hint, []).append(value)
    return _explain(got, ways, "with one seed on each side, every arm stands apart; start there, then take two", near)


def _line_ups() -> list[tuple[tuple, dict]]:
    """Printed columns, and what each candidate gives on other faces."""
    mine = {
        "plain": (30.4, 27.7, 26.1),
        "scale_factor": (30.7, 23.9, 24.9),
        "enlarged by f": (30.7, 25.5, 24.9),
        "shifted": (28.1, 24.8, 23.1),
        "nearest": (27.2, 26.4, 24.4),
    }
    return [
        ((34.9, 29.7, 29.2), mine),  # the shape of one, at another level
        ((30.4, 26.8, 25.1), {"plain": (30.4, 27.7, 26.1), "modcrop": (31.0, 27.1, 25.6), "far": (36.0, 32.6, 30.6)}),
        ((35.0, 32.3, 30.7), {"plain": (33.0, 30.3, 28.7), "area": (33.5, 30.4, 28.8), "twin": (20.0, 17.3, 15.7)}),
        ((30.0, 29.0, 28.0), mine),  # none of them
        ((31.0, 27.5, 27.0), {"first": (31.0, 27.5, 25.0), "second": (31.0, 28.6, 28.1), "sum": (31.0, 26.0, 27.0)}),
    ]


def _within(column: tuple, candidates: dict, distance: Callable) -> set:
    return {name for name, own in candidates.items() if distance(np.array(column), np.array(own)) <= TOLERANCE + 1e-9}


def _two_falls(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.abs(np.diff(x) - np.diff(y))


@exercise("16.5")
def _line_up(answer: object, dice: Dice) -> str | None:
    got, ways = [], {}
    for column, candidates in dice.shuffled(_line_ups()):
        kept = dict(candidates)
        names = as_list(answer(column, candidates))
        if not _holds(candidates, kept):
            return "your function changes the dict that it was given"
        if names is None:
            return "return a set of names, which may have one name, many, or none"
        got.append({one_of(name, kept) for name in names})
        if None in got[-1]:
            return "return names out of the candidates"
        candidates = kept
        wanted = _within(column, candidates, lambda x, y: _two_falls(x, y).max())
        nearest = {min(candidates, key=lambda n: _two_falls(np.array(column), np.array(kept[n])).max())}
        for hint, answers in (
            (None, wanted),
            (
                "you compared levels, and these faces are not yours; what depends less on the faces?",
                _within(column, candidates, lambda x, y: np.abs(x - y).max()),
            ),
            ("to fit best is no proof, and the least bad one need not be good: who is within the tolerance?", nearest),
            ("to fit best is no proof: all that are within the tolerance stay", nearest & wanted),
            (
                "there are two falls in three numbers, and both must be met",
                _within(column, candidates, lambda x, y: _two_falls(x, y)[0]),
            ),
            (
                "three numbers have two falls, and both must be met, the first one too",
                _within(column, candidates, lambda x, y: _two_falls(x, y)[1]),
            ),
            (
                "one fall that is met is not enough",
                _within(column, candidates, lambda x, y: _two_falls(x, y).min()),
            ),
            (
                "you compared the whole fall; where it happens, before or after factor 3, tells more",
                _within(column, candidates, lambda x, y: abs(x[0] - x[2] - y[0] + y[2])),
            ),
        ):
            ways.setdefault(hint, []).append(answers)
    cases = zip(_line_ups(), got, ways[None], strict=True)
    wrong = next((column for (column, _), mine, wanted in cases if mine != wanted), None)
    otherwise = f"for the column {wrong}: take what it loses from each factor to the next, and compare those"
    return _explain(got, ways, otherwise)


_FIELDS = ("summary", "strength", "findings", "recommendation")
_PARTS = ("claim", "evidence", "does_not_follow", "ask", "weight")
_DECISIONS = ("accept", "minor revision", "major revision", "reject")
# A network may invent details, and that is no accusation; that somebody invented numbers is one.
_WHOSE = r"\b(authors?|they|he|she|numbers?|results?|tables?|cells?|columns?|values?|data|figures?|images?|pictures?)"
_DONE = r"(fabricated|faked?|invented|manipulated|made up(?! of))"
_ACCUSING = re.compile(
    r"\b(fraud\w*|cheat\w*|dishonest\w*|liars?|lied)\b|"
    rf"{_WHOSE}( of \w+)?( \d+)?( (is|are|was|were|be|been|has|have|seems?|looks?|may|must|might|could|to))* {_DONE}\b|"
    rf"\b{_DONE} (the |their |these |some )?(numbers?|results?|tables?|data)\b"
)


def _finding_hint(finding: object) -> str | None:
    """What is wrong with one finding by itself, in words that follow its number, or None."""
    table = as_table(finding, _PARTS)
    if table is None or len(finding) != len(_PARTS):
        return f" needs {', '.join(_PARTS)}, and nothing else"
    if not (evidence := as_list(table["evidence"])):
        return ": evidence is a list of names; without any, it is an opinion"
    unknown = [name for name in evidence if one_of(name, EVIDENCE) is None]
    if unknown:
        return f": no evidence {unknown[0]!r}; choose among {', '.join(EVIDENCE)}"
    for part, least in (("claim", 4), ("does_not_follow", 6), ("ask", 6)):
        if count_words(table[part]) < least:
            return f': say more in "{part}", at least {least} words'
    return None if one_of(table["weight"], ("major", "minor")) else ': weight is "major" or "minor"'


def _findings_hint(findings: list[dict]) -> str | None:
    """What is wrong with the findings of a review taken together, or None."""
    used = {one_of(name, EVIDENCE) for finding in findings for name in as_list(finding["evidence"])}
    if used == {"paper"}:
        return "all your evidence is the paper itself; what has been measured again?"
    if len(used) < 3:
        return "use at least three kinds of evidence: a review that looks at one result sees one side"
    for part in ("ask", "claim"):
        if len({fold(as_text(finding[part])) for finding in findings}) < len(findings):
            return f'two findings have the same "{part}"; put them together, or say what is different'
    if len({fold(as_text(finding["weight"])) for finding in findings}) < 2:
        return "if all findings weigh the same, the authors don't know where to begin"
    return None


@exercise("16.6")
def _review(answer: object) -> str | None:
    if (table := as_table(answer, _FIELDS)) is None:
        return f"keep the four fields {', '.join(_FIELDS)}"
    for field, least in (("summary", 20), ("strength", 8)):
        if count_words(table[field]) < least:
            return f'"{field}" needs at least {least} words: the authors should know their paper again'
    findings = as_list(table["findings"])
    if findings is None or len(findings) < 4:
        return "give a list of at least four findings"
    for number, finding in enumerate(findings, start=1):
        if hint := _finding_hint(finding):
            return f"finding {number}{hint}"
    findings = [as_table(finding, _PARTS) for finding in findings]
    written = [table["summary"], table["strength"], *(f[part] for f in findings for part in _PARTS[:4])]
    accused = next(filter(None, (_ACCUSING.search(fold(str(text))) for text in written)), None)
    if accused:
        return f'"{accused[0]}" speaks of an intent, which no table shows; say what does not agree, and ask'
    if hint := _findings_hint(findings):
        return hint
    if (decision := one_of(table["recommendation"], _DECISIONS)) is None:
        return f"recommend one of {', '.join(_DECISIONS)}"
    if decision == "accept" and any(one_of(finding["weight"], ("major",)) for finding in findings):
        return "a major finding and plain acceptance do not go together"
    return None
