"""Reference solutions of chapter 4, "How sure are we?"."""

import numpy as np
from scipy import stats


def people_needed() -> int:
    """Exercise 4.1: 12 · 2/2ⁿ < 0.05, so 2ⁿ > 480."""
    return int(np.floor(np.log2(12 * 2 / 0.05))) + 1


def coverage(interval, draw, truth: float, trials: int) -> float:
    """Exercise 4.2: the share of studies whose interval holds the truth."""
    hits = 0
    for _ in range(trials):
        low, high = interval(draw())
        hits += low <= truth <= high
    return hits / trials


def compare_fairly(table, a: str, b: str, factor: int) -> tuple[float, float, float]:
    """Exercise 4.3: means of each person, differences, Student's interval."""
    people = table[table["factor"] == factor].groupby(["model", "person"])["psnr"].mean()
    d = people[a] - people[b]
    half = stats.t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(d))
    return d.mean(), d.mean() - half, d.mean() + half


def design() -> dict[str, str]:
    """Exercise 4.4: one difference; several seeds, alike on both sides."""
    same = dict.fromkeys(("test people", "training photos", "steps"), "same")
    return {"residual": "different", **same, "seed": "several"}


SOLUTIONS = {"4.1": people_needed(), "4.2": coverage, "4.3": compare_fairly, "4.4": design()}
