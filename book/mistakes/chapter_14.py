"""Wrong answers to chapter 14, "The sum, and its balance: who decides?"."""

import math

PROGRAMS = (
    "L2 and TV, both sums, [0, 1]",
    "L2 and TV, both means, [0, 1]",
    "L2 a mean, TV a sum, [0, 1]",
    "L2 and TV, both sums, both in 0…255",
    "L2 and TV, both sums, TV alone in 0…255",
    "L2 and TV, both sums, [0, 1], λ1 = 0.001",
    "no L2: TV and a term that sees only the mean of each 4×4 block",
)


def table(letters):
    words = {"n": "negligible", "c": "counts", ".": ...}
    return dict(zip(PROGRAMS, (words[letter] for letter in letters), strict=True))


def norms_of(objective, sr, hr):
    return objective(sr, hr, gradient_norms=True).gradient_norms


def by_values(objective, sr, hr):
    value = objective(sr, hr)
    return {name: float(objective.weights[name] * value.weighted["l2"] / term) for name, term in value.weighted.items()}


def without_old_weight(objective, sr, hr):
    norms = norms_of(objective, sr, hr)
    return {name: (norms["l2"] / norm).item() for name, norm in norms.items()}


def turned(objective, sr, hr):
    norms = norms_of(objective, sr, hr)
    return {name: objective.weights[name] * (norm / norms["l2"]).item() for name, norm in norms.items()}


def squares(objective, sr, hr):
    norms = norms_of(objective, sr, hr)
    return {name: objective.weights[name] * ((norms["l2"] / norm) ** 2).item() for name, norm in norms.items()}


def length_one(objective, sr, hr):
    return {name: objective.weights[name] / norm.item() for name, norm in norms_of(objective, sr, hr).items()}


def balance_in_place(objective, sr, hr):
    sr += 0.1
    return without_old_weight(objective, sr, hr)


def powers(l2, tv, per=lambda times: 1.0, common=lambda times: 1.0):
    """An answer to 14.4 that multiplies the weights by functions of new/old."""

    def answer(weights, old, new, tv_form):
        times = new / old
        by = {"l2": l2(times), "perceptual": per(times), "texture": 1.0, "tv": tv(times, tv_form)}
        return {name: weights[name] * by[name] * common(times) for name in weights}

    return answer


def right_tv(times, form):
    return times**-2 if form == "squared" else times**-1


def weights_in_place(weights, old, new, tv_form):
    weights["l2"] /= (new / old) ** 2
    return weights


def toward(reach):
    return lambda a, p, b, q: p + math.copysign(reach(a, p, b, q), q - p)


WRONG = [
    ("14.1", 1, "keeps no balance"),
    ("14.1", 64, "how the square shrinks"),
    ("14.1", 1 / 8, "wrong way round"),
    ("14.1", 16, "has a 2 in it"),
    ("14.1", 80, "that is λ itself"),
    ("14.1", 40, "*values* are equal"),
    ("14.1", 5, "both slopes"),
    ("14.1", "eight", "give a number"),
    ("14.2", by_values, "make the values equal"),
    ("14.2", without_old_weight, "part of it"),
    ("14.2", turned, "wrong way round"),
    ("14.2", squares, "squares of lengths"),
    ("14.2", length_one, "not as hard as L2's"),
    ("14.2", balance_in_place, "changes the photos"),
    ("14.2", lambda objective, sr, hr: {"l2": 10.0}, "each term that is on"),
    ("14.2", lambda objective, sr, hr: objective.weights, "times as hard as L2"),
    ("14.2", lambda objective, sr, hr: 1.0, "return a dictionary"),
    ("14.3", table("nnnnnnn"), "whatever the reduction and the range"),
    ("14.3", table("nnnnccc"), "whatever the reduction and the range"),
    ("14.3", table("nncnncc"), "whatever the reduction and the range"),
    ("14.3", table("cncnccc"), "ratio"),
    ("14.3", table("nccnccc"), "divided by the same number"),
    ("14.3", table("nncccnn"), "same factor"),
    ("14.3", table("nncncnc"), "beside the other one"),
    ("14.3", table("nncnccn"), "who holds it"),
    ("14.3", table("nncncc."), "into each line"),
    ("14.3", {"L2": "counts"}, "keep the 7 lines"),
    ("14.4", lambda weights, old, new, tv_form: dict(weights), "the old weights"),
    ("14.4", powers(lambda t: t**-2, lambda t, form: 1.0), "whatever the reduction and the range"),
    ("14.4", powers(lambda t: 1.0, lambda t, form: 1.0, common=lambda t: t**-2), "one factor"),
    ("14.4", powers(lambda t: t**2, lambda t, form: t**2), "smaller weight"),
    ("14.4", powers(lambda t: t, lambda t, form: t), "smaller weight"),
    ("14.4", powers(lambda t: 1 / t, lambda t, form: 1 / t), "made of their squares"),
    ("14.4", powers(lambda t: t**-2, lambda t, form: t**-2), "as differences, or as their squares"),
    ("14.4", powers(lambda t: t**-2, right_tv, per=lambda t: t**-2), "look at λ2"),
    ("14.4", powers(lambda t: 3.0, right_tv), "beside texture"),
    ("14.4", weights_in_place, "return a new one"),
    ("14.4", lambda weights, old, new, tv_form: {"l2": 1}, "four numbers"),
    ("14.4", lambda weights, old, new, tv_form: weights | {"tv": 0}, "whatever the reduction and the range"),
    ("14.4", lambda weights, old, new, tv_form: weights | {"l2": 0}, "is off"),
    ("14.5", lambda a, p, b, q: (a * p + b * q) / (a + b), "two springs"),
    ("14.5", toward(lambda a, p, b, q: b / (2 * a)), "went past q"),
    ("14.5", lambda a, p, b, q: q, "out of reach"),
    ("14.5", lambda a, p, b, q: p, "at p the spring"),
    ("14.5", toward(lambda a, p, b, q: min(b / a, abs(q - p))), "has a 2 in it"),
    ("14.5", lambda a, p, b, q: p - math.copysign(b / (2 * a), q - p), "wrong direction"),
    ("14.5", lambda a, p, b, q: p + 0.1, "somewhere else"),
    ("14.5", lambda a, p, b, q: None, "one number"),
]
