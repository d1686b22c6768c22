"""Chapter 7's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

import numpy as np
import pytest
import torch

from book.mistakes.chapter_07 import descent, folded, numbers
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.exercises import check, patient
from mffcn_lite.exercises.chapter_07 import CAUSES, Patient


def in_numpy(first, second):
    """Each tap of the second kernel lays the first one down, weighted."""
    first, second = first.numpy(), second.numpy()
    k, m = first.shape[-1], second.shape[-1]
    made = np.zeros((k + m - 1, k + m - 1), dtype=np.float32)
    for u in range(m):
        for v in range(m):
            made[u : u + k, v : v + k] += np.einsum("c,cij->ij", second[0, :, u, v], first[:, 0])
    return made[None, None]


def by_an_optimiser(network, blurred, hr, steps, rate):
    optimiser = torch.optim.SGD(network.parameters(), lr=rate)
    for _ in range(steps):
        optimiser.zero_grad()
        torch.nn.functional.mse_loss(network(blurred), hr).backward()
        optimiser.step()


def by_grad(network, blurred, hr, steps, rate):
    network.double()
    for _ in range(steps):
        weights = list(network.parameters())
        slopes = torch.autograd.grad(((network(blurred.double()) - hr.double()) ** 2).mean(), weights)
        for weight, slope in zip(weights, slopes, strict=True):
            weight.data -= rate * slope


OTHERS = [
    ("7.3", "B, A, C"),
    ("7.3", np.array(["b", "a", "c"])),
    ("7.4", in_numpy),
    ("7.5", by_an_optimiser),
    ("7.5", by_grad),
]
SETS = {"7.5": 200, "7.6": 3}  # the second has others of the same alone, and takes long


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
