"""Wrong answers to chapter 4, "How sure are we?"."""

import numpy as np
from scipy import stats


def interval(values):
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return np.mean(values), np.mean(values) - half, np.mean(values) + half


def over_photos(table, a, b, factor):
    table = table[table["factor"] == factor].pivot(index="name", columns="model", values="psnr")
    return interval(table[a] - table[b])


def people(table, factor):
    return table[table["factor"] == factor].groupby(["model", "person"])["psnr"].mean()


def turned(table, a, b, factor):
    return interval(people(table, factor)[b] - people(table, factor)[a])


def unpaired(table, a, b, factor):
    a, b = people(table, factor)[a], people(table, factor)[b]
    half = 2 * np.sqrt(a.var() + b.var())
    return (a - b).mean(), (a - b).mean() - half, (a - b).mean() + half


def too_narrow(table, a, b, factor):
    mean, low, high = interval(people(table, factor)[a] - people(table, factor)[b])
    return mean, (mean + low) / 2, (mean + high) / 2


def share(count):
    def answer(interval, draw, truth, trials):
        hits = [low <= truth <= high for low, high in (interval(draw()) for _ in range(trials))]
        return count(hits)

    return answer


GOOD = {"residual": "different", "test people": "same", "training photos": "same", "steps": "same", "seed": "several"}

WRONG = [
    ("4.1", 8, "count both"),
    ("4.1", 12, "2 of 2ⁿ"),
    ("4.1", "some", "number of people"),
    ("4.2", share(sum), "a share"),
    ("4.2", lambda interval, draw, truth, trials: None, "one number"),
    ("4.2", lambda interval, draw, truth, trials: 1.0, "does not hold"),
    ("4.2", lambda interval, draw, truth, trials: 0.0, "holds"),
    ("4.2", lambda i, draw, truth, n: float(i(draw())[0] <= truth <= i(draw())[1]), "new study"),
    ("4.3", over_photos, "over photos"),
    ("4.3", turned, "sign is turned"),
    ("4.3", unpaired, "too wide"),
    ("4.3", too_narrow, "n − 1"),
    ("4.3", lambda table, a, b, factor: (0, 0, 0), "the right rows"),
    ("4.3", lambda table, a, b, factor: (0, 0), "three numbers"),
    ("4.4", {**GOOD, "residual": "same"}, "effect"),
    ("4.4", {**GOOD, "steps": "different"}, "longer training"),
    ("4.4", {**GOOD, "seed": "same"}, "twins"),
    ("4.4", {**GOOD, "seed": ...}, "for seed"),
    ("4.4", "same", "keep the dict"),
]
