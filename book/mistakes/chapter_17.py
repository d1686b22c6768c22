"""Wrong answers to chapter 17, "What is it good for?"."""

import math

from scipy import stats

from mffcn_lite.evaluation import load_results

CLAIMS = (
    "Of ten networks we report the one with the best PSNR on the test set.",
    "Viewers call our faces crisper, so they are closer to the persons.",
    "Our faces shrink exactly to the input, so they show the right person.",
    "184 of 200 probes of forty people are right: 92%, from 87% to 95%.",
    "Photos were split 8:2 at random, so that each person is in both parts.",
    "Rank-1 rose from 34% to 60%, so identity was recovered.",
    "The threshold was set on the gallery; then the probes were used once.",
)

RIGHT = (
    "tuned on test people",
    "sharper is truer",
    "agreement is truth",
    "photos for people",
    "known people",
    "no information",
    "none",
)


def review(*words):
    return dict(zip(CLAIMS, words, strict=True))


def changed(place, word):
    return review(*(word if i == place else kind for i, kind in enumerate(RIGHT)))


def normal(errors, people):
    rate = errors / people
    half = 1.96 * math.sqrt(rate * (1 - rate) / people)
    return rate - half, rate + half


def interval(level=0.95, method="exact", scale=1, turned=False, others=False):
    def answer(errors, people):
        ci = stats.binomtest(people - errors if others else errors, people).proportion_ci(level, method)
        ends = [scale * ci.low, scale * ci.high]
        return ends[::-1] if turned else ends

    return answer


def one_sided_at_zero(errors, people):
    ci = stats.binomtest(errors, people).proportion_ci()
    return (0, 1 - 0.05 ** (1 / people)) if errors == 0 else (ci.low, ci.high)


def nan_at_the_ends(errors, people):
    return stats.beta.ppf(0.025, errors, people - errors + 1), stats.beta.ppf(0.975, errors + 1, people - errors)


def memo(**changes):
    stored = load_results("recognition")["results"][0]
    parts = {
        "to": "the minister",
        "use": "You ask us to enlarge faces and to search for them.",
        "answer": "We do not do this.",
        "reasons": [
            ("Different faces shrink to the same small photo.", "chapter 17"),
            ("An easy test with forty people says little of a crowd.", ("recognition", round(stored["rank_one"], 3))),
            ("Most of what was lost is not found again.", ("seen_and_guessed", 159.09)),
        ],
        "who pays for a wrong guess": "People who were never there.",
        "instead": "Show the small photo as it is.",
        "what would change my mind": "No single photo could do that.",
    }
    return parts | {key.replace("_", " "): value for key, value in changes.items()}


def evidence(*pieces):
    return memo(reasons=[(f"This is reason number {i} of a memo.", piece) for i, piece in enumerate(pieces)])


WRONG = [
    ("17.1", 0.999, "raises no alarm"),
    ("17.1", 0.9, "are found"),
    ("17.1", 8.26, "not a percentage"),
    ("17.1", 0.917, "alarms that are wrong"),
    ("17.1", 0.09, "right alarms over wrong ones"),
    ("17.1", 5 / (5 + 49.995), "right alarms over wrong ones"),
    ("17.1", 0.0001, "base rate"),
    ("17.1", 0.8, "very many are not"),
    ("17.1", 0.3, "count a day's alarms"),
    ("17.1", "few", "give a number"),
    ("17.2", normal, "no width at all"),
    ("17.2", lambda errors, people: (0, 0), "no width at all"),
    ("17.2", lambda errors, people: (-0.1, 0.4), "below 0 or above 1"),
    ("17.2", interval(method="wilson"), "Wilson"),
    ("17.2", interval(method="wilsoncc"), "Wilson"),
    ("17.2", interval(level=0.9), "2.5% on each side"),
    ("17.2", interval(level=0.99), "99%"),
    ("17.2", one_sided_at_zero, "2.5% on each side"),
    ("17.2", interval(scale=100), "not percentages"),
    ("17.2", interval(turned=True), "low end comes first"),
    ("17.2", interval(others=True), "not in error"),
    ("17.2", nan_at_the_ends, "need care"),
    ("17.2", lambda errors, people: (0, 0.3), "too narrow"),
    ("17.2", lambda errors, people: (0, 1), "too wide"),
    ("17.2", lambda errors, people: errors / people, "two numbers"),
    ("17.3", lambda rate: math.ceil(1 / rate), "none is no rarity"),
    ("17.3", lambda rate: math.ceil(math.log(0.05) / math.log(1 - rate)), "on one side"),
    ("17.3", lambda rate: math.ceil(3 / rate), "on one side"),
    ("17.3", lambda rate: math.floor(math.log(0.025) / math.log(1 - rate)), "nearly"),
    ("17.3", lambda rate: math.log(0.025) / math.log(1 - rate), "whole number"),
    ("17.3", lambda rate: 40, "the interval reaches"),
    ("17.3", lambda rate: None, "whole number"),
    ("17.4", review(*["none"] * 7), "not harmless"),
    ("17.4", changed(0, "none"), "partly by luck"),
    ("17.4", changed(1, "none"), "takes the truth to measure"),
    ("17.4", changed(2, "sharper is truer"), "A, B and D"),
    ("17.4", changed(3, "none"), "independent people"),
    ("17.4", changed(4, "photos for people"), "seen these people before"),
    ("17.4", changed(5, "none"), "blurred gallery"),
    ("17.4", changed(6, "tuned on test people"), "look again"),
    ("17.4", changed(6, "bad"), "write one of"),
    ("17.4", {"none": "none"}, "keep the 7 lines"),
    ("17.5", {"to": "you"}, "keep the seven parts"),
    ("17.5", memo(use=...), '"use" is missing'),
    ("17.5", memo(to=""), '"to" is missing'),
    ("17.5", memo(answer="We will be glad to help."), "does not say no"),
    ("17.5", memo(reasons="many"), "list of pairs"),
    ("17.5", evidence("chapter 5", "chapter 4"), "at least three reasons"),
    ("17.5", memo(reasons=[("Because.", "chapter 5")] * 3), "a sentence of its own"),
    ("17.5", memo(reasons=[("This is one and the same reason.", "chapter 5")] * 3), "a sentence of its own"),
    ("17.5", memo(answer="No: the faces are not yet sharp enough."), "sharper is not truer"),
    ("17.5", memo(what_would_change_my_mind="A sharper network, if it comes one day."), "sharper is not truer"),
    ("17.5", memo(reasons=[*memo()["reasons"], ("They are too blurred to search with.", "chapter 10")]), "not truer"),
    ("17.5", memo(instead="We would choose a threshold on the test people."), "partly by luck"),
    ("17.5", evidence("chapter 5", "common sense", ("recognition", 0.92)), "neither a chapter"),
    ("17.5", evidence("chapter 5", 0.92, ("recognition", 0.92)), "evidence is"),
    ("17.5", evidence("chapter 5", ("recognition", 0.9), ("recognition", 0.92)), "has one digit"),
    ("17.5", evidence("chapter 5", ("recognition", 12345.678), ("recognition", 0.92)), "does not stand in"),
    ("17.5", evidence("chapter 5", ("hearsay", 0.92), ("recognition", 0.92)), 'no results "hearsay"'),
    ("17.5", evidence("chapter 5", "menon2020", ("recognition", 0.92)), "at least two reasons rest"),
]
