"""Wrong answers to chapter 7, "What can three convolutions learn?"."""

import torch
from torch.nn import functional


def folded(first, second):
    """Each map's kernels are convolved with each other; the sum over maps is the fold."""
    reach, maps = second.shape[-1] - 1, first.shape[0]
    padded = functional.pad(first.transpose(0, 1), [reach] * 4)
    return functional.conv2d(padded, second.transpose(0, 1).flip(2, 3), groups=maps)


def descent(sign=1, clamp=False, forget=True, power=2, total=torch.mean, scale=1.0):
    def answer(network, blurred, hr, steps, rate):
        for _ in range(steps):
            sr = network(blurred)
            sr = sr.clamp(0, 1) if clamp else sr
            (scale * total((sr - hr).abs() ** power)).backward()
            with torch.no_grad():
                for weight in network.parameters():
                    weight -= sign * rate * weight.grad
            if forget:
                network.zero_grad()

    return answer


def numbers(network):
    return torch.cat([weight.detach().flatten().clone() for weight in network.parameters()])


def by_slopes(run):
    """Takes slopes of 0 in the first layer, at the start, for a dead network."""
    run.step()
    return "dead" if not run.network.layers[0].weight.grad.any() else "healthy"


def by_loss(run):
    """Judges by the loss alone."""
    losses = [run.step() for _ in range(40)]
    if losses[-1] == losses[0]:
        return "optimiser"
    return "healthy" if losses[-1] < 0.5 * losses[0] else "short steps"


def by_weights(run):
    before = numbers(run.network)
    for _ in range(30):
        run.step()
    return "short steps" if (numbers(run.network) - before).norm() < 1e-3 * before.norm() else "healthy"


WRONG = [
    ("7.1", 9 * 5 * 5 * 3 * 3 * 3, "do not multiply"),
    ("7.1", 675, "three layers of 3×3"),
    ("7.1", 28, "k − 1"),
    ("7.1", 22, "middle pixel"),
    ("7.1", 11, "one side"),
    ("7.1", 13, "1×1 in the middle"),
    ("7.1", 19, "not one"),
    ("7.1", 529, "its side"),
    ("7.1", 100, "start with 1 pixel"),
    ("7.1", None, "number of pixels"),
    ("7.2", 8032, "however many weights"),
    ("7.2", 8129, "constants are taken out"),
    ("7.2", 170, "constants are taken out"),
    ("7.2", 13, "side of the one kernel"),
    ("7.2", 2025, "not the product"),
    ("7.2", 225, "k − 1"),
    ("7.2", 107, "a larger one"),
    ("7.2", 7, "which single kernel"),
    ("7.2", "all", "give a number"),
    ("7.3", ["C", "B", "A"], "½ in front"),
    ("7.3", ["B", "C", "A"], "sum over the pixels"),
    ("7.3", ["C", "A", "B"], "the best first"),
    ("7.3", ["A", "B", "C"], "the mean of the squared"),
    ("7.3", "CBX", "three letters"),
    ("7.4", lambda first, second: first, "do not multiply"),
    ("7.4", lambda first, second: folded(first, second).sum(1, keepdim=True).flip(2, 3), "upside down"),
    ("7.4", lambda first, second: folded(first, second)[:, :1], "add up over all maps"),
    ("7.4", lambda first, second: None, "shape"),
    ("7.5", descent(sign=-1), "uphill"),
    ("7.5", descent(forget=False), "slopes of its own"),
    ("7.5", descent(clamp=True), "leaves [0, 1]"),
    ("7.5", descent(total=torch.sum), "not the sum"),
    ("7.5", descent(scale=0.5), "no ½"),
    ("7.5", descent(power=1), "should be others"),
    ("7.5", descent(scale=float("inf")), "no numbers"),
    ("7.5", lambda network, *rest: None, "did not move"),
    ("7.6", lambda run: "fine", "one of healthy"),
    ("7.6", lambda run: "healthy", "do move"),
    ("7.6", lambda run: "dead", "nothing is wrong"),
    ("7.6", by_slopes, "do move"),
    ("7.6", by_loss, "look at its maps"),
    ("7.6", by_weights, "not one weight changes"),
]
