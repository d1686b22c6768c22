"""Wrong answers to chapter 15, "Algorithm 1: what does a training cost?"."""

import copy
import statistics

import numpy as np
import torch


def adam(correct_m=True, correct_v=True, late=0, sign=1, swap=False):
    def step_of(weight, slope, m, v, step, rate, beta1, beta2):
        if swap:
            beta1, beta2 = beta2, beta1
        m, v = beta1 * m + (1 - beta1) * slope, beta2 * v + (1 - beta2) * slope**2
        top = m / (1 - beta1 ** (step + late)) if correct_m else m
        bottom = v / (1 - beta2 ** (step + late)) if correct_v else v
        return weight - sign * rate * top / (bottom.sqrt() + 1e-8), m, v

    return step_of


def adam_in_place(weight, slope, m, v, step, rate, beta1, beta2):
    m.mul_(beta1).add_((1 - beta1) * slope)
    v.mul_(beta2).add_((1 - beta2) * slope**2)
    return weight - rate * m / (1 - beta1**step) / ((v / (1 - beta2**step)).sqrt() + 1e-8), m, v


PIECES = ("model", "optimizer", "ema", "generator", "step")


def memory(forget="", copies=True):
    """(save, restore), of which one forgets a piece."""

    def save(state):
        saved = {name: getattr(state, name).state_dict() for name in PIECES[:3]}
        saved |= {"generator": state.generator.get_state(), "step": state.step}
        return copy.deepcopy(saved) if copies else saved

    def restore(state, saved):
        saved = copy.deepcopy(saved)
        for name in PIECES[:3]:
            if name != forget:
                getattr(state, name).load_state_dict(saved[name])
        if forget != "generator":
            state.generator.set_state(saved["generator"])
        if forget != "step":
            state.step = saved["step"]

    return save, restore


def rebuilt():
    """Restores into a network of its own, which the optimiser does not know."""
    save, restore = memory()

    def restore_a_copy(state, saved):
        restore(state, saved)
        state.model = copy.deepcopy(state.model)

    return save, restore_a_copy


def spoilt():
    save, restore = memory()

    def save_and_draw(state):
        saved = save(state)
        torch.rand(1, generator=state.generator)
        return saved

    return save_and_draw, restore


def timed(machine, warm=10, count=60, wait=True):
    for _ in range(warm):
        machine.step()
    machine.wait()
    seconds = []
    for _ in range(count):
        start = machine.clock()
        machine.step()
        if wait:
            machine.wait()
        seconds.append(machine.clock() - start)
    return seconds


def budget(errors=2.0, **options):
    def answer(machine, steps):
        seconds = timed(machine, **options)
        mean, error = statistics.mean(seconds), statistics.stdev(seconds) / len(seconds) ** 0.5
        return steps * (mean - errors * error), steps * (mean + errors * error)

    return answer


def by_extremes(machine, steps):
    seconds = timed(machine)
    return steps * min(seconds), steps * max(seconds)


def own_choice(score, report):
    def answer(validation, test):
        which = score(validation, test)
        return which, report(validation, test, which)

    return answer


def on(name, how=np.argmax):
    return lambda validation, test: how({"validation": validation, "test": test}[name].mean(1))


def of_test(validation, test, which):
    return test[which].mean()


def both(validation, test):
    return np.concatenate([validation, test], 1).mean(1).argmax()


def best_person(validation, test):
    return np.unravel_index(validation.argmax(), validation.shape)[0]


def choose_in_place(validation, test):
    validation -= validation.mean(0)
    return validation.mean(1).argmax(), 0.0


WRONG = [
    ("15.1", 6000, "in seconds"),
    ("15.1", 100, "in minutes"),
    ("15.1", 3.33, "two trials run at a time"),
    ("15.1", 0.167, "that is one trial"),
    ("15.1", 5, "its whole batch"),
    ("15.1", 10, "and two trials run at a time"),
    ("15.1", 0.556, "not photos"),
    ("15.1", 77, "shared by the cores"),
    ("15.1", "long", "give a number"),
    ("15.2", adam(correct_m=False, correct_v=False), "must be corrected"),
    ("15.2", adam(correct_m=False), "and m is not"),
    ("15.2", adam(correct_v=False), "and v is not"),
    ("15.2", adam(late=1), "counted from 1"),
    ("15.2", adam(late=-1), "divided by"),
    ("15.2", adam(sign=-1), "uphill"),
    ("15.2", adam(swap=True), "β1 belongs to the slopes"),
    ("15.2", adam_in_place, "changes the tensors"),
    ("15.2", lambda weight, *rest: weight, "three tensors"),
    ("15.2", lambda weight, slope, m, v, *rest: (weight - slope, m, v), "the weight is another"),
    ("15.3", memory("model"), "other weights"),
    ("15.3", memory("optimizer"), "forgotten its means"),
    ("15.3", memory("ema"), "moving average"),
    ("15.3", memory("generator"), "starts anew"),
    ("15.3", memory("step"), "how many steps"),
    ("15.3", memory(copies=False), "went on training"),
    ("15.3", rebuilt(), "still move this network"),
    ("15.3", spoilt(), "changes the state"),
    ("15.3", memory, "two functions"),
    ("15.4", 0, "looks harmless"),
    ("15.4", 0.106, "best of twenty"),
    ("15.4", 0.561, "spreads less than one person"),
    ("15.4", 0.0701, "by the root"),
    ("15.4", 0.125, "there are eight"),
    ("15.4", 1.87, "how many dB"),
    ("15.4", 0.3, "take the mean of eight"),
    ("15.4", 9, "too high"),
    ("15.4", "little", "give a number"),
    ("15.5", own_choice(on("test"), of_test), "looks harmless"),
    ("15.5", own_choice(both, of_test), "take part in your choice"),
    ("15.5", own_choice(on("validation", np.argmin), of_test), "higher PSNR"),
    ("15.5", own_choice(best_person, of_test), "one person"),
    ("15.5", own_choice(lambda v, t: 1, of_test), "highest mean"),
    ("15.5", own_choice(lambda v, t: 99, lambda v, t, w: 0.0), "numbered from 0"),
    ("15.5", own_choice(on("validation"), lambda v, t, w: v[w].mean()), "too good by luck"),
    ("15.5", own_choice(on("validation"), lambda v, t, w: t.mean(1).max()), "happens to be best"),
    ("15.5", own_choice(on("validation"), lambda v, t, w: 30.0), "over the test people"),
    ("15.5", choose_in_place, "changes the scores"),
    ("15.5", lambda v, t: None, "two numbers"),
    ("15.6", budget(warm=0, count=10), "very first steps"),
    ("15.6", budget(wait=False), "timed the queue"),
    ("15.6", budget(errors=0), "single number"),
    ("15.6", budget(errors=0.3), "outside your interval"),
    ("15.6", by_extremes, "helps nobody"),
    ("15.6", budget(count=500), "before the run"),
    ("15.6", lambda machine, steps: (1, 2), "time some steps"),
    ("15.6", lambda machine, steps: (machine.step(), 2), "two numbers"),
    ("15.6", lambda machine, steps: budget(errors=-2)(machine, steps), "lies above"),
]
