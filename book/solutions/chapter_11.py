"""Reference solutions of chapter 11, "Total variation: how much is 0.0001?"."""

import torch


def share_left() -> float:
    """Exercise 11.1: ρ = 0.0001 · 40,000 / 10."""
    ratio = 0.0001 * 200 * 200 / 10
    return 1 / (1 + 8 * ratio)


def tv(x):
    """Exercise 11.2: the last axis holds the columns, the one before it the rows."""
    across, down = x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]
    return (across.square().sum() + down.square().sum()) / len(x)


def weight_for(kept, height, width, l2, l2_reduction, tv_reduction):
    """Exercise 11.3: 1 + 8ρ = 1/kept, and ρ = b/a."""
    ratio, pixels = (1 / kept - 1) / 8, height * width
    a = l2 / pixels if l2_reduction == "mean" else l2
    return ratio * a * (pixels if tv_reduction == "mean" else 1)


def table() -> dict[str, str]:
    """Exercise 11.4: what each term is multiplied by, one against the other."""
    answers = ("same", "weaker", "stronger", "same", "stronger", "same")
    changes = (
        "equation (7): both terms in 0…255 instead of [0, 1]",
        "classical TV: both terms in 0…255 instead of [0, 1]",
        "equation (7): TV alone in 0…255",
        "both means: photos twice as high and wide",
        "L2 mean, TV sum: photos twice as high and wide",
        "λ1 and λ3 both ten times as large",
    )
    return dict(zip(changes, answers, strict=True))


def kept_by(program, height, width):
    """Exercise 11.5: white and a checkerboard are equally far from grey, and only one of them has TV."""
    grey = torch.full((1, 1, height, width), 0.5)
    board = (torch.arange(height)[:, None] + torch.arange(width)).remainder(2).float()[None, None]
    l2 = program(torch.ones_like(grey), grey)
    a = l2 / (height * width / 4)
    b = (program(board, grey) - l2) / (height * (width - 1) + width * (height - 1))
    return 1 / (1 + 8 * b / a)


SOLUTIONS = {"11.1": share_left(), "11.2": tv, "11.3": weight_for, "11.4": table(), "11.5": kept_by}
