"""Reference solutions of chapter 7, "What can three convolutions learn?"."""

import torch
from torch.nn.functional import conv2d


def pixels() -> int:
    """Exercise 7.1: each kernel of side k brings k − 1 pixels."""
    return 1 + (9 - 1) + 2 * (5 - 1) + 3 * (3 - 1)


def numbers() -> int:
    """Exercise 7.2: one kernel of 13×13."""
    return (1 + (9 - 1) + (5 - 1)) ** 2


def order() -> list[str]:
    """Exercise 7.3: as means of the squared error, 0.0016, 0.0017 and 0.0019."""
    return sorted("ABC", key={"A": 17.5 / (112 * 92), "B": 0.0016, "C": 2 * 0.00095}.get)


def fold(first, second):
    """Exercise 7.4: what a single bright pixel becomes, turned round."""
    side = first.shape[-1] + second.shape[-1] - 1
    pixel = torch.zeros(1, 1, 2 * side - 1, 2 * side - 1)
    pixel[0, 0, side - 1, side - 1] = 1
    return conv2d(conv2d(pixel, first), second).flip(2, 3)


def descend(network, blurred, hr, steps: int, rate: float) -> None:
    """Exercise 7.5: slopes of their own for each step, and nothing is clamped."""
    for _ in range(steps):
        network.zero_grad()
        ((network(blurred) - hr) ** 2).mean().backward()
        with torch.no_grad():
            for weight in network.parameters():
                weight -= rate * weight.grad


def diagnose(run) -> str:
    """Exercise 7.6: the pairs first, then what thirty steps do to the weights and the maps."""
    if (run.blurred - run.hr).square().mean() > run.hr.var():
        return "pairs"
    before = torch.cat([weight.detach().flatten().clone() for weight in run.network.parameters()])
    for _ in range(30):
        run.step()
    after = torch.cat([weight.detach().flatten() for weight in run.network.parameters()])
    if torch.equal(before, after):
        return "optimiser"
    maps = run.blurred
    with torch.no_grad():
        for layer in run.network.layers[:4]:
            maps = layer(maps)
    if not (maps > 0).any():
        return "dead"
    return "short steps" if (after - before).norm() < 1e-3 * before.norm() else "healthy"


SOLUTIONS = {"7.1": pixels(), "7.2": numbers(), "7.3": order(), "7.4": fold, "7.5": descend, "7.6": diagnose}
