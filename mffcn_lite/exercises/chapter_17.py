"""Checks of chapter 17, "What is it good for?"."""

import math
import re
from collections.abc import Iterator

from scipy import stats

from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.evaluation import load_results
from mffcn_lite.exercises import Dice, exercise, first_hint, wrong_line
from mffcn_lite.exercises.answers import (
    as_list,
    as_number,
    as_table,
    as_text,
    count_words,
    fold,
    read_number,
    read_numbers,
    whole,
)

HIT, FALSE, SOUGHT, CROWD = 0.9, 0.001, 5, 50_000


@exercise("17.1")
def _share_right(answer: object) -> str | None:
    share = read_number(answer, "give a number")
    true, wrong = HIT * SOUGHT, FALSE * (CROWD - SOUGHT)
    want = true / (true + wrong)
    return first_hint(
        lambda number: abs(share - number) < min(0.0011 * max(1, number), 0.2 * number),
        (want, None),
        (100 * want, "give a share, between 0 and 1, not a percentage"),
        (1 - want, "that is the share of alarms that are wrong"),
        (1 - FALSE, "that is how often a passer-by who is not sought raises no alarm; how often is an alarm right?"),
        (HIT, "that is the share of the sought who are found; of whom are the alarms a mixture?"),
        (true / wrong, "those are right alarms over wrong ones; all alarms are both together"),
        (SOUGHT / (SOUGHT + wrong), "the program does not find all of the sought"),
        (SOUGHT / CROWD, "that is the base rate, before any alarm; an alarm does say something"),
        otherwise="a small error rate is no small share of wrong alarms: few people are sought, and very many are not"
        if share > 0.5
        else "count a day's alarms: how many from those who are sought, and how many from all the others?",
    )


@exercise("17.2")
def _error_interval(answer: object, dice: Dice) -> str | None:
    cases = [(0, 4), (0, 40), (4, 4), (3, 40), (1, 8), (20, 40), (2, 200), (7, 9)]
    for errors, people in cases + dice.more(lambda r: (r.randint(0, 9), r.randint(10, 300))):
        low, high = read_numbers(answer(errors, people), 2, "return two numbers, (low, high)", finite=False)
        said = f"{errors} of {people}"
        test = stats.binomtest(errors, people)
        if math.isnan(low) or math.isnan(high):
            return f"{said}: an end of your interval is no number; no error and nothing but errors need care"
        exact = test.proportion_ci(0.95, "exact")
        if max(abs(low - exact.low), abs(high - exact.high)) < 0.002:
            continue
        if low > high:
            return "the low end comes first"
        if max(abs(low - 100 * exact.low), abs(high - 100 * exact.high)) < 0.2:
            return "give shares, between 0 and 1, not percentages"
        if high - low < 1e-9:
            return f"{said}: no width at all, as if these {people} stood for everybody; what may be true of others?"
        if low < 0 or high > 1:
            return f"{said}: a rate below 0 or above 1; the normal approximation does not hold with so few"
        if errors == 0 and abs(high - (1 - 0.05 ** (1 / people))) < 0.002:
            return f"{said}: the upper end leaves 5%; the interval leaves 2.5% on each side, with no error too"
        return first_hint(
            lambda ends, low=low, high=high: max(abs(low - ends[0]), abs(high - ends[1])) < 0.002,
            (test.proportion_ci(0.95, "wilson"), "that is Wilson's interval, an approximation; the exact one is asked"),
            (test.proportion_ci(0.95, "wilsoncc"), "that is Wilson's interval, corrected; the exact one is asked"),
            (test.proportion_ci(0.99, "exact"), "that is the interval for 99%"),
            ((1 - exact.high, 1 - exact.low), f"{said}: that is the interval of those who are not in error"),
            otherwise=f"{said}: yours is too {'narrow' if high - low < exact.high - exact.low else 'wide'}; "
            "at each end, so few or so many errors happen in 2.5% of studies",
        )
    return None


@exercise("17.3")
def _people_needed(answer: object, dice: Dice) -> str | None:
    for rate in [0.1, 0.05, 0.347, 0.5, 0.008, *dice.more(lambda r: round(r.uniform(0.01, 0.4), 3))]:
        got = whole(read_number(answer(rate), "return a whole number of people"))
        if not isinstance(got, int) or got < 1:
            return f"return a whole number of people, and not {got:g}"
        want = math.floor(math.log(0.025) / math.log(1 - rate)) + 1
        if got == want:
            continue
        said = f"rate {rate}"
        if got in (math.floor(1 / rate), math.ceil(1 / rate), round(1 / rate)):
            return f"{said}: among 1/rate people one error is expected, and none is no rarity, so it proves little"
        if got in (math.ceil(math.log(0.05) / math.log(1 - rate)), math.ceil(3 / rate), round(3 / rate)):
            return f"{said}: that puts all 5% on one side; the interval of 17.2 leaves 2.5% on each, also with no error"
        if abs(got - want) == 1:
            return f"{said}: nearly; the smallest number for which the upper end lies below the rate"
        if abs(got - want) / want < 0.03:
            return f"{said}: nearly; work with 1 − 0.025^(1/n) itself, not with a rule of thumb"
        high = 1 - 0.025 ** (1 / got)
        return f"{said}: with your {got} people and no error, the interval reaches {high:.3f}"
    return None


KINDS = {
    "tuned on test people": "a choice on test people is not harmless: what is best there is so partly by luck, also "
    "if only one thing was chosen",
    "sharper is truer": "sharpness says how sure a picture looks; nearness to the truth takes the truth to measure",
    "agreement is truth": "A, B and D of the first figure agree with the small photo too",
    "photos for people": "how many independent people are behind the number?",
    "known people": "has the system seen these people before?",
    "no information": "which gain did a blurred gallery bring, without any restoring?",
    "none": "look again at what was chosen on what, and how often the test people were used",
}
_CLAIMS = {
    "Of ten networks we report the one with the best PSNR on the test set.": "tuned on test people",
    "Viewers call our faces crisper, so they are closer to the persons.": "sharper is truer",
    "Our faces shrink exactly to the input, so they show the right person.": "agreement is truth",
    "184 of 200 probes of forty people are right: 92%, from 87% to 95%.": "photos for people",
    "Photos were split 8:2 at random, so that each person is in both parts.": "known people",
    "Rank-1 rose from 34% to 60%, so identity was recovered.": "no information",
    "The threshold was set on the gallery; then the probes were used once.": "none",
}


@exercise("17.4")
def _review(answer: object) -> str | None:
    return wrong_line(answer, {claim: (kind, KINDS[kind]) for claim, kind in _CLAIMS.items()}, KINDS)


PARTS = ("to", "use", "answer", "reasons", "who pays for a wrong guess", "instead", "what would change my mind")
_NO = (
    r"\b(no|not|nothing|never|nobody|none|neither|against|unable|refus\w+|declin\w+|reject\w*|oppos\w+|cannot|cant|wont|"
    r"dont|\w+n't)(?!\w)"
)
_BLURRED = r"\b(not (yet )?(sharp|crisp|clear|detailed|good) enough|too (blurred|blurry|soft))\b"
_SHARPER = r"\b(sharper|crisper|clearer) (network|system|faces?|results?|pictures?)\b"
_BEYOND = r"\b(even|whatever|however|any|every|no|guess\w*|truer)\b"  # who says so knows that it is not the point
_TUNING = r"(?<!not )(?<!never )\b(tun\w+|choos\w+|chosen|select\w+|set) [^.]*\bon (the |its |our )?test\b"


def _numbers(content: object) -> Iterator[float]:
    """All numbers of a stored result, at any depth."""
    if isinstance(content, dict | list):
        for value in content.values() if isinstance(content, dict) else content:
            yield from _numbers(value)
    elif isinstance(content, int | float) and not isinstance(content, bool):
        yield float(content)


def _wrong_evidence(evidence: object) -> str | None:
    """What is wrong with a piece of evidence, or None; that it supports the reason is not looked at."""
    if (work := as_text(evidence)) is not None:
        if re.fullmatch(r"chapter \d{1,2}|[a-z]+\d{4}\w*|gdpr|aiact|aclumich|wuchen|pulsereadme", fold(work)):
            return None
        return f'"{work}" is neither a chapter ("chapter 5") nor a work ("menon2020")'
    pair = as_list(evidence) or []
    if len(pair) != 2 or (name := as_text(pair[0])) is None or as_number(pair[1]) is None:
        return 'evidence is "chapter 5", "menon2020", or a pair such as ("recognition", 0.11)'
    number = float(f"{as_number(pair[1]):.6g}")  # what was written, also where float32 keeps 0.11 as 0.109999999
    try:
        stored = load_results(fold(name))
    except MffcnLiteError as error:
        return str(error)
    digits = f"{abs(number):.10f}".rstrip("0")
    if len(digits.replace(".", "").lstrip("0")) < 2:
        return f"{number:g} has one digit, and nearly any file holds that; give two or more"
    near = 0.5001 * 10.0 ** -len(digits.partition(".")[2])
    if any(abs(value * scale - number) <= near for value in _numbers(stored) for scale in (1, 100)):
        return None
    return f'{number:g} does not stand in "{name}", neither as it is nor as a percentage'


def _reasons_hint(pairs: list | None) -> str | None:
    """What is wrong with the reasons, their evidence apart, or None."""
    if pairs is None or any(len(as_list(pair) or []) != 2 for pair in pairs):
        return '"reasons" is a list of pairs (because, evidence)'
    if len(pairs) < 3:
        return "give at least three reasons; one that is answered must not bring the memo down"
    texts = [as_text(because) or "" for because, _ in pairs]
    if any(count_words(text) < 4 for text in texts) or len({fold(text) for text in texts}) < len(texts):
        return "each reason is a sentence of its own"
    return None


@exercise("17.5")
def _memo(answer: object) -> str | None:
    if (table := as_table(answer, PARTS)) is None:
        return f"keep the seven parts: {', '.join(PARTS)}"
    memo = {part: as_text(value) or "" for part, value in table.items()}
    for part in PARTS:
        if part != "reasons" and count_words(memo[part]) < (1 if part == "to" else 3):
            return f'"{part}" is missing, or shorter than a sentence'
    if not re.search(_NO, fold(memo["answer"])):
        return '"answer" does not say no; whoever reads one line of a memo reads this one'
    pairs = as_list(table["reasons"])
    if hint := _reasons_hint(pairs):
        return hint
    reasons = [(as_text(because), evidence) for because, evidence in pairs]
    mind = fold(memo["what would change my mind"])
    said = [fold(memo["answer"]), *(fold(because) for because, _ in reasons)]
    blurred = [t for t in said if re.search(_BLURRED, t)]
    if any(not re.search(_BEYOND, t.replace("no:", "")) for t in blurred) or (
        re.search(_SHARPER, mind) and not re.search(_NO, mind)
    ):
        return (
            "that the faces are not sharp enough is no reason: a sharper network would answer it, and sharper is "
            "not truer; what holds against every network?"
        )
    for part in ("instead", "what would change my mind"):
        if re.search(_TUNING, fold(memo[part])):
            return f'"{part}": what is chosen on test people is best there partly by luck; whom would you measure then?'
    for because, evidence in reasons:
        if wrong := _wrong_evidence(evidence):
            return f'"{because}": {wrong}'
    if sum(as_text(evidence) is None for _, evidence in reasons) < 2:
        return 'at least two reasons rest on a measured number, ("name of the results", number)'
    return None
