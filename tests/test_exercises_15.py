"""Chapter 15's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

import statistics

import pytest
import torch

from book.mistakes.chapter_15 import PIECES, adam, budget
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.exercises import check, virtual_machine


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
