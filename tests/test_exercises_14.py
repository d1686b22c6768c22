"""Chapter 14's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

import numpy as np
import pytest
import torch

from book.mistakes.chapter_14 import norms_of, powers, table
from mffcn_lite.exercises import check
from mffcn_lite.exercises.chapter_14 import growth
from mffcn_lite.features import create_features
from mffcn_lite.losses import Objective, l2_tv_minimizer


def by_backward(objective, sr, hr):
    """The lengths of the slopes by torch's own hand, as float32."""
    found = {}
    for name in objective(sr, hr).weighted:
        x = sr.clone().requires_grad_()
        objective(x, hr).weighted[name].backward()
        found[name] = x.grad.norm()
    return {name.upper(): objective.weights[name] * found["l2"] / norm for name, norm in found.items()}


def in_float32(a, p, b, q):
    a, p, b, q = (np.float32(x) for x in (a, p, b, q))
    return np.clip(q, p - b / (2 * a), p + b / (2 * a))


OTHERS = [("14.2", by_backward), ("14.5", in_float32)]


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
