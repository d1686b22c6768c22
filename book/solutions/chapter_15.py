"""Reference solutions of chapter 15, "Algorithm 1: what does a training cost?"."""

import copy
import statistics


def hours() -> float:
    """Exercise 15.1: two trials at a time; a step is a step, whatever its batch."""
    return 20 * 6000 * 0.1 / 2 / 3600


def adam_step(weight, slope, m, v, step, rate, beta1, beta2):
    """Exercise 15.2: both means are divided by what their weights add up to so far."""
    m = beta1 * m + (1 - beta1) * slope
    v = beta2 * v + (1 - beta2) * slope**2
    m_right, v_right = m / (1 - beta1**step), v / (1 - beta2**step)
    return weight - rate * m_right / (v_right.sqrt() + 1e-8), m, v


def save(state):
    """Exercise 15.3: copies of all that changes in a step."""
    parts = {"model": state.model.state_dict(), "optimizer": state.optimizer.state_dict()}
    if state.ema is not None:
        parts["ema"] = state.ema.state_dict()
    return copy.deepcopy({**parts, "generator": state.generator.get_state(), "step": state.step})


def restore(state, saved):
    """Exercise 15.3: and back."""
    saved = copy.deepcopy(saved)
    state.model.load_state_dict(saved["model"])
    state.optimizer.load_state_dict(saved["optimizer"])
    if state.ema is not None:
        state.ema.load_state_dict(saved["ema"])
    state.generator.set_state(saved["generator"])
    state.step = saved["step"]


def luck() -> float:
    """Exercise 15.4: 1.87 standard errors of a mean over eight people."""
    return 1.87 * 0.3 / 8**0.5


def choose(validation, test):
    """Exercise 15.5: the test people speak once, at the end."""
    winner = int(validation.mean(axis=1).argmax())
    return winner, float(test[winner].mean())


def budget(machine, steps):
    """Exercise 15.6: warm up, wait, time single steps, and take an interval of their mean."""
    for _ in range(10):
        machine.step()
    machine.wait()
    seconds = []
    for _ in range(60):
        start = machine.clock()
        machine.step()
        machine.wait()
        seconds.append(machine.clock() - start)
    mean, error = statistics.mean(seconds), statistics.stdev(seconds) / len(seconds) ** 0.5
    return steps * (mean - 2 * error), steps * (mean + 2 * error)


SOLUTIONS = {
    "15.1": hours(),
    "15.2": adam_step,
    "15.3": (save, restore),
    "15.4": luck(),
    "15.5": choose,
    "15.6": budget,
}
