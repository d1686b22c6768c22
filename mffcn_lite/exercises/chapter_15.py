"""Checks of chapter 15, "Algorithm 1: what does a training cost?"."""

import copy
import random

import numpy as np
import torch
from torch import Tensor

from mffcn_lite.data import FaceSet
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.exercises import Dice, exercise, first_hint
from mffcn_lite.exercises.answers import near, read_array, read_number, read_numbers, read_parts, whole
from mffcn_lite.models import create_model
from mffcn_lite.training import TrainingConfig, TrainingState, train

__all__ = ["virtual_machine"]

HARMLESS = (
    "tuning on test people looks harmless, since nothing is trained on them; but whoever picks the largest of many "
    "numbers picks luck too"
)
HABITS = {  # seconds a step, their spread, slow steps at the start, how many times as slow, seconds to queue a step
    "laptop": (0.05, 0.25, 1, 6, None),
    "old laptop": (0.4, 0.1, 2, 4, None),
    "GPU": (0.012, 0.08, 3, 40, 0.0002),
    "busy GPU": (0.03, 0.3, 2, 20, 0.0004),
}
MOST_STEPS = 200


class Machine:
    """A computer that trains, with a clock of its own; nothing is computed.

    Like a GPU's, its steps may be queued: `step` then returns before the work is done, and `wait` waits for it.

    Args:
        kind: a name in `HABITS`.
        seed: of how its steps differ.
    """

    def __init__(self, kind: str, seed: int = 0):
        mean, self._spread, self._slow, self._times, self._queueing = HABITS[kind]
        self._random = random.Random(f"{kind} {seed}")
        self._mean = mean * self._random.uniform(0.8, 1.25)
        self._now = self._ready = 100 * self._random.random()
        self.steps = 0

    def step(self) -> None:
        """One step of training."""
        took = self._mean * max(0.1, self._random.gauss(1, self._spread))
        took *= self._times if self.steps < self._slow else 1
        self.steps += 1
        self._ready = max(self._ready, self._now) + took
        self._now = self._ready if self._queueing is None else self._now + self._queueing

    def wait(self) -> None:
        """Until all steps are done."""
        self._now = max(self._now, self._ready)

    def clock(self) -> float:
        """Seconds, from a time that means nothing."""
        return self._now

    def _expected(self, steps: int) -> float:
        return self._mean * (steps + self._slow * (self._times - 1))


def virtual_machine(kind: str = "GPU", seed: int = 0) -> Machine:
    """A computer that trains on a clock of its own: "laptop", "old laptop", "GPU" or "busy GPU".

    Raises:
        MffcnLiteError: for another name.
    """
    if kind not in HABITS:
        raise MffcnLiteError(f"no machine {kind!r}; there are {', '.join(HABITS)}")
    return Machine(kind, seed)


@exercise("15.1")
def _hours(answer: object) -> str | None:
    hours = read_number(answer, "give a number of hours")
    seconds = 20 * 6000 * 0.1 / 2
    return first_hint(
        lambda other: abs(hours - other) < 0.04 * other,
        (seconds / 3600, None),
        (seconds, "that is in seconds"),
        (seconds / 60, "that is in minutes"),
        (2 * seconds / 3600, "two trials run at a time"),
        (seconds / 20 / 3600 * 2, "that is one trial; there are twenty"),
        (3 * seconds / 3600, "a step works on its whole batch: 0.1 s is for all three photos"),
        (6 * seconds / 3600, "a step works on its whole batch, and two trials run at a time"),
        (seconds / 3 / 3600, "a step works on its whole batch: steps are counted, not photos"),
        otherwise="trials times steps times seconds a step, shared by the cores",
    )


def _by_hand(weight: Tensor, slopes: list[Tensor], rate: float, betas: tuple[float, float], kind: str = "") -> Tensor:
    """The weight after Adam's steps, or after those of a typical mistake."""
    m = v = torch.zeros_like(weight)
    b1, b2 = betas[::-1] if kind == "swapped" else betas
    for t, g in enumerate(slopes, start=1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        top = m if kind in ("plain", "m plain") else m / (1 - b1**t)
        bottom = v if kind in ("plain", "v plain") else v / (1 - b2**t)
        if kind == "late":
            top, bottom = m / (1 - b1 ** (t + 1)), v / (1 - b2 ** (t + 1))
        move = rate * top / (bottom.sqrt() + 1e-8)
        weight = weight + move if kind == "uphill" else weight - move
    return weight


@exercise("15.2")
def _adam(answer: object, dice: Dice) -> str | None:
    generator = dice(0)
    for shape, betas, rate, steps in (
        ((5,), (0.5, 0.999), 0.01, 1),
        ((3, 4), (0.9, 0.999), 0.1, 6),
        ((7,), (0.0, 0.9), 0.02, 3),
        ((2, 2, 2), (0.8, 0.8), 0.05, 9),
    ):
        start = torch.randn(shape, generator=generator, dtype=torch.float64)
        slopes = [torch.randn(shape, generator=generator, dtype=torch.float64) * 10.0 ** (t % 3) for t in range(steps)]
        weight, m, v = start.clone(), torch.zeros_like(start), torch.zeros_like(start)
        for t, slope in enumerate(slopes, start=1):
            given = [x.clone() for x in (weight, slope, m, v)]
            wanted = "return three tensors: the new weight, the new m and the new v"
            returned = read_parts(answer(*given, t, rate, *betas), 3, wanted)
            if not all(torch.equal(a, b) for a, b in zip(given, (weight, slope, m, v), strict=True)):
                return "your function changes the tensors that it was given; make new ones"
            weight, m, v = (read_array(part, wanted, shape, finite=False) for part in returned)

        def same(kind: str, got: Tensor = weight, given: tuple = (start, slopes, rate, betas)) -> bool:
            return near(got - given[0], _by_hand(*given, kind) - given[0])

        if same(""):
            continue
        if not bool(torch.isfinite(weight).all()):
            return "there are weights that are no numbers; is something divided by 1 − β⁰?"
        return first_hint(
            same,
            ("uphill", "you go uphill"),
            ("plain", "both means start at 0, and so they are too small at first; they must be corrected for that"),
            ("m plain", "v is corrected for its start at 0, and m is not"),
            ("v plain", "m is corrected for its start at 0, and v is not"),
            ("late", "steps are counted from 1: the first step's correction is 1 − β"),
            ("swapped", "β1 belongs to the slopes, β2 to their squares"),
            otherwise=f"with β1 = {betas[0]} and β2 = {betas[1]}, after {steps} step{'s' * (steps > 1)}, the weight is "
            "another",
        )
    return None


def _training() -> tuple[FaceSet, TrainingConfig]:
    """Six smooth photos of 16×16 pixels, and a training that uses all that can be forgotten."""
    noise = torch.from_numpy(np.random.default_rng(0).random((6, 1, 4, 4)))
    photos = torch.nn.functional.interpolate(noise, size=(16, 16), mode="bicubic").clamp(0, 1)
    faces = FaceSet((photos * 255).round().byte().numpy(), np.arange(6), [str(i) for i in range(6)], {})
    config = TrainingConfig(steps=12, batch=2, flip=True, reduction="mean", lr=3e-3, schedule="cosine", ema=0.8)
    return faces, config


def _started(seed: int, config: TrainingConfig) -> TrainingState:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TrainingState.start(create_model("mffcn", width=4, depth=3), config)


def _parts(state: TrainingState) -> dict:
    """What a state consists of, copied."""
    moments = state.optimizer.state_dict()["state"]
    return copy.deepcopy(
        {
            "weights": [weight.detach() for weight in state.model.parameters()],
            "moments": [moments[i][key] for i in sorted(moments) for key in ("exp_avg", "exp_avg_sq", "step")],
            "generator": [state.generator.get_state()],
            "average": [weight.detach() for weight in state.ema.parameters()],
            "step": [torch.tensor(state.step)],
        }
    )


def _alike(some: list[Tensor], others: list[Tensor]) -> bool:
    return len(some) == len(others) and all(torch.equal(a, b) for a, b in zip(some, others, strict=True))


@exercise("15.3")
def _save_and_restore(answer: object) -> str | None:
    save, restore = read_parts(answer, 2, "give your two functions, (save, restore)")
    faces, config = _training()
    state = _started(0, config)
    train(state.model, faces, config, state=state, stop_after=5)
    then = _parts(state)
    saved = save(state)
    if not all(_alike(then[name], now) for name, now in _parts(state).items()):
        return "`save` changes the state that it looks at"
    train(state.model, faces, config, state=state)
    end = _parts(state)
    fresh = _started(1, config)
    restore(fresh, saved)
    found = _parts(fresh)
    for name in ("weights", "moments", "average"):
        if not _alike(then[name], end[name]) and _alike(found[name], end[name]):
            return (
                "what you saved went on training: `state_dict` lends the tensors themselves, "
                "and the steps after that change them"
            )
    if hint := first_hint(
        lambda name: not _alike(found[name], then[name]),
        ("weights", "the restored network has other weights than it had when you saved it"),
        ("step", "the restored state has forgotten how many steps are done, on which the learning rate depends"),
        ("moments", "Adam has forgotten its means; its first steps would be those of a beginner"),
        ("generator", "the generator starts anew, so the photos and factors of the first steps are drawn again"),
        ("average", "the moving average of the weights, which is the network that is kept, is another"),
    ):
        return hint
    train(fresh.model, faces, config, state=fresh)
    if not all(_alike(end[name], now) for name, now in _parts(fresh).items()):
        return "the restored state is right at first, and ends elsewhere; does the optimiser still move this network?"
    return None


@exercise("15.4")
def _luck(answer: object) -> str | None:
    luck = read_number(answer, "give a number of dB")
    if abs(luck) < 1e-6:
        return HARMLESS
    error = 0.3 / 8**0.5
    return first_hint(
        lambda other: abs(luck - other) < 0.04 * other,
        (1.87 * error, None),
        (error, "that is the standard error of one candidate; you report the best of twenty"),
        (1.87 * 0.3, "the mean of eight people spreads less than one person"),
        (1.87 * 0.3 / 8, "the mean of n people spreads by the root of n less, not by n"),
        (1.87 * 0.3 / 20**0.5, "a mean is over people, and there are eight of them"),
        (1.87, "that is in standard errors; how many dB is one?"),
        (0.3, "that is the spread of one person; take the mean of eight, and then the best of twenty"),
        otherwise="how far does the mean of eight people spread? The best of twenty such means is 1.87 of that too "
        "high",
    )


@exercise("15.5")
def _choose(answer: object, dice: Dice) -> str | None:
    generator = np.random.default_rng(10)  # of 20 candidates, each typical mistake chooses another
    more = dice.more(lambda r: (r.randint(9, 25), r.randint(3, 8), r.randint(3, 8)))
    for candidates, people, tested in [(20, 4, 8), (3, 6, 2), (12, 4, 8), (7, 1, 5), *more]:
        truth = generator.normal(30, 0.2, (candidates, 1))
        validation = truth + generator.normal(0, 1, people) + generator.normal(0, 0.4, (candidates, people))
        test = truth + generator.normal(0, 1, tested) + generator.normal(0, 0.4, (candidates, tested))
        given = validation.copy(), test.copy()
        returned = answer(*given)
        if not (np.array_equal(given[0], validation) and np.array_equal(given[1], test)):
            return "your function changes the scores that it was given"
        wanted = "return two numbers: which candidate, and what you report of it"
        which, reported = read_numbers(returned, 2, wanted)
        which = whole(which)
        means, both = (validation.mean(1), test.mean(1)), np.concatenate([validation, test], 1)
        if which not in range(candidates):
            return f"candidates are numbered from 0 to {candidates - 1}, and you chose {which:g}"
        if hint := first_hint(
            lambda other, which=which: which == other,
            (means[0].argmax(), None),
            (means[1].argmax(), f"your choice is the best on the test people; {HARMLESS}"),
            (both.mean(1).argmax(), f"the test people take part in your choice; {HARMLESS}"),
            (means[0].argmin(), "a higher PSNR is better"),
            (validation.max(1).argmax(), "the best on one person is not the best; take the mean over people"),
            otherwise="choose the candidate with the highest mean over the validation people",
        ):
            return hint
        if near(reported, means[1][which], scale=1):
            continue
        if near(reported, means[0][which], scale=1):
            return "the choice was made on that number, so it is too good by luck; report one that had no part in it"
        if near(reported, means[1].max(), scale=1):
            return "report the candidate that you chose, and not the one that happens to be best on the test people"
        return "report the mean of your candidate over the test people"
    return None


@exercise("15.6")
def _budget(answer: object, dice: Dice) -> str | None:
    cases = [(kind, seed, steps) for kind in HABITS for seed, steps in ((0, 40_000), (1, 20_000), (2, 100_000))]
    # As many again: with less than that, an interval that deserves its name misses too many now and then.
    cases += dice.more(lambda r: (r.choice([*HABITS]), r.getrandbits(60), r.randint(10_000, 200_000)), len(cases))
    missed = []
    for kind, seed, steps in cases:
        machine = Machine(kind, seed)
        low, high = read_numbers(answer(machine, steps), 2, "return two numbers of seconds, (low, high)")
        if machine.steps == 0:
            return "time some steps of this machine first"
        if machine.steps > MOST_STEPS:
            return f"a budget comes before the run; you made {machine.steps} steps, and {MOST_STEPS} are allowed"
        truth = machine._expected(steps)
        if low > high and not near(low, high, relative=1e-6):
            return "the low end lies above the high one"
        if high < truth / 2 and HABITS[kind][4] is not None:
            return f"{kind}: a step there returns before it is done, so you timed the queue; wait for the work first"
        if low + high > 2.6 * truth:
            return f"{kind}: far too long; what is different about the very first steps?"
        if near(low, high, relative=1e-6):
            return "a single number hides how sure you are; give a low and a high end"
        if high > 1.6 * low:
            return (
                f"{kind}: from {low:.0f} to {high:.0f} seconds helps nobody; the mean of many steps spreads less than "
                "one step does"
            )
        if not low <= truth <= high:
            missed.append(kind)
    if len(missed) > len(cases) // 4:
        return f"{len(missed)} of {len(cases)} runs end outside your interval; how sure is a mean of so few steps?"
    return None
