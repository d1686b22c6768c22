"""Chapter 14's checks: what typical wrong answers are told."""

import math

import pytest
import torch

from mffcn_lite.exercises import check
from mffcn_lite.exercises.chapter_14 import growth
from mffcn_lite.features import create_features
from mffcn_lite.losses import Objective, l2_tv_minimizer

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


@pytest.mark.parametrize(("identifier", "answer", "hint"), WRONG)
def test_a_wrong_answer_gets_its_hint(identifier, answer, hint, hints):
    hints(identifier, answer, hint)


def test_a_table_with_nothing_in_it_was_not_attempted():
    assert check("14.3", table(".......")) is None


def test_right_answers_in_another_form_pass():
    def by_backward(objective, sr, hr):
        found = {}
        for name in objective(sr, hr).weighted:
            x = sr.clone().requires_grad_()
            objective(x, hr).weighted[name].backward()
            found[name] = x.grad.square().sum().sqrt().item()
        return {name: objective.weights[name] * found["l2"] / norm for name, norm in found.items()}

    assert check("14.2", by_backward) is True
    # Nothing but the ratios matters to Adam: L2 and TV kept, the terms through φ raised.
    raised = powers(lambda t: 1.0, lambda t, form: 1.0 if form == "squared" else t, common=lambda t: 1.0)

    def other_factor(weights, old, new, tv_form):
        times = (new / old) ** 2
        found = raised(weights, old, new, tv_form)
        return found | {name: weights[name] * times for name in ("perceptual", "texture")}

    assert check("14.4", other_factor) is True

    def clipped(a, p, b, q):
        step = b / (2 * a)
        return q if abs(p - q) <= step else p - step * (1 if p > q else -1)

    assert check("14.5", clipped) is True


@pytest.mark.parametrize("tv_form", ["squared", "isotropic"])
def test_what_the_check_expects_of_a_range_is_what_the_librarys_objective_does(tv_form):
    generator = torch.Generator().manual_seed(0)
    phi = create_features("random", layer="conv1_1")
    sr, hr = (torch.rand(1, 1, 8, 8, generator=generator) for _ in range(2))
    one, grey = (norms_of(Objective(phi, tv_form=tv_form, pixel_range=white), sr, hr) for white in (1, 255))
    for name, times in growth(1, 255, tv_form).items():
        assert (grey[name] / one[name]).item() == pytest.approx(times, rel=1e-3)


@pytest.mark.parametrize(
    ("l2", "tv_range", "pixels", "counts"),
    [(10, 1, 1, False), (10, 1, 112 * 92, True), (10, 255, 1, True), (0.001, 1, 1, True)],
)
def test_the_table_of_programs_is_what_the_best_picture_shows(l2, tv_range, pixels, counts):
    board = (torch.arange(112)[:, None] + torch.arange(92)).remainder(2).float()[None, None]
    inside = l2_tv_minimizer(board, 0.0001 * tv_range**2 * pixels / l2)[..., 40:60, 40:60]
    assert ((inside.max() - inside.min()).item() < 0.99) is counts


def test_the_place_of_rest_is_where_the_sum_is_least():
    x = torch.linspace(-4, 4, 80001, dtype=torch.float64)
    for a, p, b, q in ((1.0, 0.0, 1.0, 2.0), (1.0, 0.0, 6.0, 2.0), (0.5, -1.0, 3.0, 1.0), (10.0, 0.3, 8.0, -0.5)):
        least = x[(a * (x - p) ** 2 + b * (x - q).abs()).argmin()].item()
        low, high = p - b / (2 * a), p + b / (2 * a)
        assert least == pytest.approx(min(max(q, low), high), abs=1e-3)
