"""Chapter 7's checks: what typical wrong answers are told."""

import pytest
import torch
from torch.nn import functional

from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.exercises import check, patient
from mffcn_lite.exercises.chapter_07 import CAUSES, Patient


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


@pytest.mark.parametrize(("identifier", "answer", "hint"), WRONG)
def test_a_wrong_answer_gets_its_hint(identifier, answer, hint, hints):
    hints(identifier, answer, hint)


def test_slopes_of_zero_at_the_first_step_are_not_taken_for_death(capsys):
    def hasty(run):
        if run.network.residual and not run.network.layers[-1].weight.any():
            return "dead"
        return true_cause(run)

    assert check("7.6", hasty) is False
    assert "for one step" in capsys.readouterr().out


def true_cause(run):
    """By what is inside: which weights the optimiser has, and its rate."""
    group = run._adam.param_groups[0]
    if group["params"][0] is not run.network.layers[0].weight:
        return "optimiser"
    if (run.blurred - run.hr).square().mean() > run.hr.var():
        return "pairs"
    return {1e-6: "short steps", 2e-3: "healthy"}.get(group["lr"], "dead")


def test_another_way_to_the_answer_passes_too(capsys):
    assert check("7.1", 23.0) is True
    assert check("7.3", "bac") is True
    assert check("7.4", lambda first, second: folded(first, second).sum(1, keepdim=True)) is True
    assert check("7.5", descent()) is True
    assert check("7.6", true_cause) is True


@pytest.fixture
def squares():
    return torch.rand(3, 1, 24, 24, generator=torch.Generator().manual_seed(0))


def test_the_five_patients_have_five_causes(squares):
    assert sorted(map(true_cause, (patient(letter, squares) for letter in "ABCDE"))) == sorted(CAUSES)
    with pytest.raises(MffcnLiteError, match="letter from A to E"):
        patient("F", squares)
    with pytest.raises(MffcnLiteError, match="two photos"):
        patient("A", squares[:1])


@pytest.mark.parametrize("cause", CAUSES)
def test_a_patient_has_the_symptom_of_its_cause(cause):
    stripes = torch.arange(24).div(6, rounding_mode="floor").remainder(2).float()
    hr = torch.stack([stripes.expand(1, 24, 24), stripes.flip(0).expand(1, 24, 24).transpose(1, 2)]) * 0.6 + 0.2
    run = Patient(cause, hr, maps=(16, 8))
    before, losses = numbers(run.network), [run.step() for _ in range(40)]
    after = numbers(run.network)
    moved = ((after - before).norm() / before.norm()).item()
    with torch.no_grad():
        maps = run.network.layers[:4](run.blurred)
    assert (moved == 0) == (cause == "optimiser")
    assert (0 < moved < 1e-3) == (cause == "short steps")
    assert (not (maps > 0).any()) == (cause == "dead")
    assert ((run.blurred - run.hr).square().mean() > run.hr.var()) == (cause == "pairs")
    if cause == "healthy":
        assert losses[-1] < 0.2 * losses[0]


def test_a_patient_leaves_the_readers_random_numbers_alone(squares):
    torch.manual_seed(5)
    want = torch.rand(3)
    torch.manual_seed(5)
    patient("C", squares)
    assert torch.equal(torch.rand(3), want)
