"""Chapter 15's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

import statistics

import numpy as np
import pytest
import torch

from book.mistakes.chapter_15 import PIECES, adam, budget
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.exercises import check, virtual_machine


def in_numpy(weight, slope, m, v, step, rate, beta1, beta2):
    weight, slope, m, v = (np.asarray(x, dtype=np.float32) for x in (weight, slope, m, v))
    m, v = beta1 * m + (1 - beta1) * slope, beta2 * v + (1 - beta2) * slope**2
    return weight - rate * (m / (1 - beta1**step)) / (np.sqrt(v / (1 - beta2**step)) + 1e-8), m, v


def by_an_optimiser(weight, slope, m, v, step, rate, beta1, beta2):
    """Torch's own Adam, with its state written by hand, in float32."""
    mine = torch.nn.Parameter(weight.float())
    adam = torch.optim.Adam([mine], lr=rate, betas=(beta1, beta2))
    adam.state[mine] = {"step": torch.tensor(step - 1.0), "exp_avg": m.float(), "exp_avg_sq": v.float()}
    mine.grad = slope.float()
    adam.step()
    return mine, adam.state[mine]["exp_avg"], adam.state[mine]["exp_avg_sq"]


def in_loops(validation, test):
    sums = [sum(row) for row in validation.tolist()]
    which = sums.index(max(sums))
    return np.float32(which), test[which].astype(np.float32).mean()


OTHERS = [("15.2", in_numpy), ("15.2", by_an_optimiser), ("15.5", in_loops)]


def test_the_misconception_is_named_and_the_answer_is_not(capsys):
    check("15.4", 0)
    assert "0.19" not in capsys.readouterr().out
    check("15.1", 6000)
    assert "1.6" not in capsys.readouterr().out


def test_other_forms_of_a_right_answer_pass():
    assert check("15.1", "1.67") is True
    assert check("15.4", 0.2) is True
    assert check("15.2", lambda w, g, m, v, t, rate, b1, b2: list(adam()(w, g, m, v, t, rate, b1, b2))) is True

    def blocks(machine, steps):
        """Times blocks of ten steps, with one wait a block."""
        for _ in range(5):
            machine.step()
        machine.wait()
        seconds = []
        for _ in range(15):
            start = machine.clock()
            for _ in range(10):
                machine.step()
            machine.wait()
            seconds.append((machine.clock() - start) / 10)
        mean, error = statistics.mean(seconds), statistics.stdev(seconds) / len(seconds) ** 0.5
        return [steps * (mean - 2.1 * error), steps * (mean + 2.1 * error)]

    assert check("15.6", blocks) is True


@pytest.mark.parametrize("count", [20, 40, 120])
def test_a_budget_from_another_number_of_steps_passes(count):
    assert check("15.6", budget(errors=2.1, count=count)) is True


def test_a_state_saved_by_the_libraries_own_hands_passes(tmp_path):
    def save(state):
        torch.save({name: getattr(state, name).state_dict() for name in PIECES[:3]}, tmp_path / "a.pt")
        return state.generator.get_state().clone(), state.step

    def restore(state, saved):
        for name, content in torch.load(tmp_path / "a.pt").items():
            getattr(state, name).load_state_dict(content)
        state.generator.set_state(saved[0])
        state.step = saved[1]

    assert check("15.3", (save, restore)) is True


def test_what_adam_is_compared_with_is_torchs():
    from mffcn_lite.exercises.chapter_15 import _by_hand

    start, slopes = torch.tensor([1.0, -2.0]), [torch.tensor([0.1, 3.0]), torch.tensor([-0.2, 1.0])]
    weight = torch.nn.Parameter(start.clone())
    optimizer = torch.optim.Adam([weight], lr=0.1, betas=(0.5, 0.999))
    for slope in slopes:
        weight.grad = slope
        optimizer.step()
    torch.testing.assert_close(_by_hand(start, slopes, 0.1, (0.5, 0.999)), weight.detach())


def test_a_virtual_machine_takes_what_it_says(refuses):
    for kind in ("laptop", "GPU"):
        machine = virtual_machine(kind)
        start = machine.clock()
        for _ in range(3000):
            machine.step()
        machine.wait()
        assert machine.clock() - start == pytest.approx(machine._expected(3000), rel=0.03)
    refuses(lambda: virtual_machine("abacus"), "abacus", "laptop")
    with pytest.raises(MffcnLiteError):
        virtual_machine("TPU")
