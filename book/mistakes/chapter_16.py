"""Wrong answers to chapter 16, "The paper's tables, again: what holds?"."""

import copy
import math

import numpy as np
from scipy import stats

from book.solutions.chapter_16 import SOLUTIONS
from mffcn_lite.statistics import t_interval

SENTENCES = (
    "MFFCN's mean is above SRCNN's in all six columns",
    "at factor 4 MFFCN is 7.74 dB above bicubic",
    "MFFCN's results hardly change with the factor",
    "on other people MFFCN would be above SRCNN too",
    "MFFCN is better because it looks at several scales",
    "no person is both in training and in the test",
)

F, C, T = "follows", "contradicted", "can't tell"


def sentences(*words):
    return dict(zip(SENTENCES, words, strict=True))


def word(claim, low, high):
    return "too large" if claim > high else "too small" if claim < low else "held"


def means(a, b):
    return [np.mean(np.subtract(a[p], b[p])) for p in a]


def over_photos(a, b, claim):
    return word(claim, *t_interval(np.concatenate([np.subtract(a[p], b[p]) for p in a]).tolist()))


def unpaired(a, b, claim):
    sides = [[np.mean(x) for x in side.values()] for side in (a, b)]
    found = stats.ttest_ind(*sides, equal_var=False).confidence_interval()
    return word(claim, found.low, found.high)


def overlap(a, b, claim):
    first, second = (t_interval([np.mean(x) for x in side.values()]) for side in (a, b))
    return word(claim, first[0] - second[1], first[1] - second[0])


def normal(a, b, claim):
    d = means(a, b)
    half = 1.96 * stats.sem(d)
    return word(claim, np.mean(d) - half, np.mean(d) + half)


def spread_of_people(a, b, claim):
    d = means(a, b)
    half = 2.36 * np.std(d, ddof=1)
    return word(claim, np.mean(d) - half, np.mean(d) + half)


def right(a, b, claim):
    return word(claim, *t_interval(means(a, b)))


def in_place(a, b, claim):
    found = right(a, b, claim)
    a.clear()
    return found


def other_way_round(a, b, claim):
    return {"too large": "too small", "too small": "too large", "held": "held"}[right(a, b, claim)]


def by_level(column, candidates):
    return {n for n, own in candidates.items() if np.abs(np.subtract(column, own)).max() <= 0.5}


def deviations(column, candidates):
    return {n: np.abs(np.diff(column) - np.diff(own)) for n, own in candidates.items()}


def nearest(column, candidates):
    found = deviations(column, candidates)
    return {min(found, key=lambda n: found[n].max())}


def nearest_within(column, candidates):
    found = deviations(column, candidates)
    return {n for n in nearest(column, candidates) if found[n].max() <= 0.5}


def first_fall(column, candidates):
    return {n for n, d in deviations(column, candidates).items() if d[0] <= 0.5}


def second_fall(column, candidates):
    return {n for n, d in deviations(column, candidates).items() if d[1] <= 0.5}


def whole_fall(column, candidates):
    fall = column[0] - column[2]
    return {n for n, own in candidates.items() if abs(fall - own[0] + own[2]) <= 0.5}


def emptied(column, candidates):
    candidates.clear()
    return set()


def review(path=(), value=None, **fields):
    """The reference review with one thing changed: at `path`, or whole fields."""
    found = copy.deepcopy(SOLUTIONS["16.6"]) | fields
    place = found
    for key in path[:-1]:
        place = place[key]
    if path:
        place[path[-1]] = value
    return found


def alike(part, value):
    found = review()
    for finding in found["findings"]:
        finding[part] = value
    return found


WRONG = [
    ("16.1", 42.1, "told nothing of the noise"),
    ("16.1", 48.13, "the rest is what is missed"),
    ("16.1", 44.6, "*variance*"),
    ("16.1", 45.1, "which share of the pixels"),
    ("16.1", 21.05, "20 times the logarithm"),
    ("16.1", -43.36, "in the numerator"),
    ("16.1", float("inf"), "can't know the noise"),
    ("16.1", 39.13, "no system can know"),
    ("16.1", "much", "give a number"),
    ("16.2", sentences(T, C, C, T, T, T), "printed means alone"),
    ("16.2", sentences(F, F, C, T, T, T), "subtract the two cells"),
    ("16.2", sentences(F, C, F, T, T, T), "from the first column to the third"),
    ("16.2", sentences(F, C, C, F, T, T), "says nothing of others"),
    ("16.2", sentences(F, C, C, C, T, T), "says nothing of others"),
    ("16.2", sentences(F, C, C, T, F, T), "no causes in it"),
    ("16.2", sentences(F, C, C, T, T, C), "which cell would look different"),
    ("16.2", sentences(F, C, C, T, T, ...), "write one of"),
    ("16.2", {"all": F}, "keep the 6 lines"),
    ("16.3", over_photos, "photos are not the sample"),
    ("16.3", unpaired, "pair them"),
    ("16.3", overlap, "overlap say nothing"),
    ("16.3", normal, "Student's quantile"),
    ("16.3", spread_of_people, "how far people lie from each other"),
    ("16.3", lambda a, b, claim: right(b, a, claim), "b over a"),
    ("16.3", other_way_round, "not our interval"),
    ("16.3", in_place, "changes the dicts"),
    ("16.3", lambda a, b, claim: "held", "a mean for each person"),
    ("16.3", lambda a, b, claim: True, "return"),
    ("16.4", lambda arms, n, m: arms / math.comb(n + m, n), "either side"),
    ("16.4", lambda arms, n, m: 2 / math.comb(n + m, n), "of all of them"),
    ("16.4", lambda arms, n, m: 1 - (1 - 2 / math.comb(n + m, n)) ** arms, "average number"),
    ("16.4", lambda arms, n, m: arms * 2 * 0.5**n, "luck as well"),
    ("16.4", lambda arms, n, m: arms * 2 * 0.5 ** (n * m), "count the orders"),
    ("16.4", lambda arms, n, m: arms * 2 / math.factorial(n + m), "in any order"),
    ("16.4", lambda arms, n, m: arms * 2 / math.comb(2 * n, n), "seeds of its own"),
    ("16.4", lambda arms, n, m: 0.05 * arms, "one seed on each side"),
    ("16.4", lambda arms, n, m: None, "one number"),
    ("16.5", by_level, "compared levels"),
    ("16.5", nearest, "no proof"),
    ("16.5", nearest_within, "no proof"),
    ("16.5", first_fall, "both must be met"),
    ("16.5", second_fall, "the first one too"),
    ("16.5", whole_fall, "before or after factor 3"),
    ("16.5", lambda column, candidates: set(candidates), "compare those"),
    ("16.5", lambda column, candidates: "plain", "a set of names"),
    ("16.5", lambda column, candidates: ["me"], "out of the candidates"),
    ("16.5", emptied, "changes the dict"),
    ("16.6", {"summary": "good"}, "four fields"),
    ("16.6", review(summary="They restore faces."), "at least 20 words"),
    ("16.6", review(strength="Nice figures."), "at least 8 words"),
    ("16.6", review(findings=[]), "at least four findings"),
    ("16.6", review(("findings", 0), {"claim": "all of it"}), "finding 1 needs"),
    ("16.6", review(("findings", 1, "evidence"), []), "it is an opinion"),
    ("16.6", review(("findings", 1, "evidence"), "tables"), "a list of names"),
    ("16.6", review(("findings", 1, "evidence"), ["my feeling"]), "no evidence 'my feeling'"),
    ("16.6", review(("findings", 2, "ask"), "more experiments"), "say more"),
    ("16.6", review(("findings", 2, "does_not_follow"), "nothing"), "does_not_follow"),
    ("16.6", review(("findings", 2, "weight"), "heavy"), "weight is"),
    ("16.6", review(("findings", 0, "claim"), "The numbers of table 1 were fabricated."), "speaks of an intent"),
    ("16.6", alike("evidence", ["paper"]), "measured again"),
    ("16.6", alike("evidence", ["paper", "tables"]), "three kinds of evidence"),
    ("16.6", alike("ask", "please run it all again with more seeds"), 'the same "ask"'),
    ("16.6", alike("weight", "major"), "where to begin"),
    ("16.6", review(recommendation="publish"), "recommend one of"),
    ("16.6", review(recommendation="accept"), "do not go together"),
]
