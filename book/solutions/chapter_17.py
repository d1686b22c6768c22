"""Reference solutions of chapter 17, "What is it good for?"."""

import math

from scipy import stats

from mffcn_lite.evaluation import load_results


def share_right() -> float:
    """Exercise 17.1: 4.5 right alarms a day, and nearly 50 wrong ones."""
    right, wrong = 0.9 * 5, 0.001 * (50_000 - 5)
    return right / (right + wrong)


def error_interval(errors, people):
    """Exercise 17.2: Clopper and Pearson's interval, by the quantiles of a beta distribution."""
    low = stats.beta.ppf(0.025, errors, people - errors + 1) if errors else 0.0
    high = stats.beta.ppf(0.975, errors + 1, people - errors) if errors < people else 1.0
    return float(low), float(high)


def people_needed(rate):
    """Exercise 17.3: 1 − 0.025^(1/n) < rate."""
    return math.floor(math.log(0.025) / math.log(1 - rate)) + 1


REVIEW = {  # exercise 17.4: each mistake once
    "Of ten networks we report the one with the best PSNR on the test set.": "tuned on test people",
    "Viewers call our faces crisper, so they are closer to the persons.": "sharper is truer",
    "Our faces shrink exactly to the input, so they show the right person.": "agreement is truth",
    "184 of 200 probes of forty people are right: 92%, from 87% to 95%.": "photos for people",
    "Photos were split 8:2 at random, so that each person is in both parts.": "known people",
    "Rank-1 rose from 34% to 60%, so identity was recovered.": "no information",
    "The threshold was set on the gallery; then the probes were used once.": "none",
}
LETTER = {
    "to": "the head of the department for railway stations",
    "use": "You ask for enlarged faces from cameras, and a search for them in the register of passports.",
    "answer": "We will not build this, and advise that nobody does.",
    "who pays for a wrong guess": "Passengers who were never there; they are stopped, and can't see why.",
    "instead": "Keep the small photos as they are, and let people look at them who know the persons.",
    "what would change my mind": "Nothing about a single photo; for photos from better cameras, a test on new people "
    "of all groups, with false matches counted for a register of that size.",
}


def memo() -> dict[str, object]:
    """Exercise 17.5: one of many; the numbers are those of the stored results."""
    rows = load_results("recognition")["results"]
    wanted = {"system": "bicubic", "factor": 8, "descriptor": "deep", "gallery": "sharp"}
    rank_one = next(row["rank_one"] for row in rows if wanted.items() <= row.items())
    split = load_results("seen_and_guessed")["results"]
    found = next(r["found"] for r in split if (r["model"], r["factor"], r["given"]) == ("mffcn", 4, "exact"))
    lines = {
        "Different faces shrink to one small photo, and no network can know which of them was there.": "chapter 17",
        "On our test people, enlarging by four times finds a fifth of what was lost; the rest stays a guess.": (
            "seen_and_guessed",
            round(found, 2),
        ),
        "At a factor of eight, a good recognition program finds a third of forty people in a laboratory.": (
            "recognition",
            round(rank_one, 3),
        ),
        "Forty people can't tell whether it errs more often for some groups; elsewhere programs did.": "buolamwini2018",
    }
    return LETTER | {"reasons": list(lines.items())}


SOLUTIONS = {
    "17.1": share_right(),
    "17.2": error_interval,
    "17.3": people_needed,
    "17.4": REVIEW,
    "17.5": memo(),
}
