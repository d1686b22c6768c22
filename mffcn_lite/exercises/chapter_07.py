"""Checks of chapter 7, "What can three convolutions learn?"."""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from mffcn_lite.data import load_faces
from mffcn_lite.degrade import degrade
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.exercises import Dice, exercise, first_hint
from mffcn_lite.exercises.answers import as_letters, near, one_of, read_array, read_number, whole
from mffcn_lite.models import create_model

__all__ = ["patient"]

RATES = {"short steps": 1e-6, "dead": 0.2}  # elsewhere 0.002
CAUSES = ("healthy", "short steps", "dead", "optimiser", "pairs")


@exercise("7.1")
def _receptive_field(answer: object) -> str | None:
    sides = (9, 5, 5, 3, 3, 3)
    want = 1 + sum(side - 1 for side in sides)
    number = whole(read_number(answer, "give a number of pixels"))
    product = torch.tensor(sides).prod().item()
    return {
        want: None,
        product: "receptive fields do not multiply: neighbouring windows share most of their pixels",
        9 * 5 * 5 * 3: "receptive fields do not multiply, and there are three layers of 3×3",
        sum(sides): "a kernel of side k brings k − 1 new pixels: the one in the middle was seen before",
        want - 1: "the middle pixel itself counts too",
        want // 2: "that is how far it reaches to one side",
        13: "that is SRCNN with 1×1 in the middle, and without the three new layers",
        want - 4: "there are three new layers, not one",
        want * want: "that is how many pixels there are in the square; its side is asked for",
    }.get(number, "start with 1 pixel, and add what each kernel brings")


@exercise("7.2")
def _free_numbers(answer: object) -> str | None:
    side = 1 + 8 + 4
    weights = 64 * 81 + 64 * 32 + 32 * 25
    number = whole(read_number(answer, "give a number"))
    stored = "that is how many are stored; a stack without activations is one kernel, however many weights it has"
    return {
        side**2: None,
        weights: stored,
        weights + 64 + 32 + 1: f"{stored}, and the constants are taken out",
        side**2 + 1: "the constants are taken out",
        side: "that is the side of the one kernel that is left",
        45**2: "one kernel is left, and its side is not the product of the three",
        15**2: "one kernel is left, and a kernel of side k adds k − 1 to its side",
        81 + 1 + 25: "the three kernels are laid over each other, and the result is a larger one",
    }.get(number, "which single kernel does the same as the three?")


@exercise("7.3")
def _order(answer: object) -> str | None:
    runs = {"A": 17.5 / (112 * 92), "B": 0.0016, "C": 0.00095 / 0.5}
    want = sorted(runs, key=runs.get)
    got = as_letters(answer)
    if sorted(got) != sorted(runs):
        return 'give the three letters in a list, such as ["A", "B", "C"]'
    if got == want:
        return None
    if got == want[::-1]:
        return "the best first: a smaller error is a higher PSNR"
    if got[0] == "C":
        return "that is the order of the printed numbers, and they are not of one kind: `nie` has ½ in front"
    if got[2] == "A":
        return "A's loss is a sum over the pixels of a photo, and the others' are means"
    return "bring all three to the mean of the squared error before you compare"


@exercise("7.4")
def _fold(answer: object, dice: Dice) -> str | None:
    generator = dice(0)
    for maps, k, m in ((1, 3, 3), (4, 3, 5), (6, 5, 1), (3, 1, 3)):
        first = torch.randn(maps, 1, k, k, generator=generator)
        second = torch.randn(1, maps, m, m, generator=generator)
        photo, side = torch.randn(1, 1, 14, 13, generator=generator), k + m - 1
        told = f"{k}×{k} and then {m}×{m} must give a kernel of the shape (1, 1, {side}, {side})"
        got = read_array(answer(first.clone(), second.clone()), told)
        if got.shape != (1, 1, side, side):
            remedy = "" if got.shape[-2:] == (side, side) else "; sides do not multiply"
            return f"{told}, and yours is {tuple(got.shape)}{remedy}"
        first, second, photo = first.double(), second.double(), photo.double()
        want = functional.conv2d(functional.conv2d(photo, first), second)
        if near(functional.conv2d(photo, got), want):
            continue
        if near(functional.conv2d(photo, got.flip(2, 3)), want):
            return "the kernel is turned upside down: a bright pixel answers with the kernel turned round"
        return f"with {maps} maps it gives another picture than the two; add up over all maps"
    return None


def _weights(network: nn.Module) -> Tensor:
    return torch.cat([weight.detach().cpu().double().flatten() for weight in network.parameters()])


def _descended(network: nn.Module, blurred: Tensor, hr: Tensor, steps: int, rate: float, kind: str = "right") -> Tensor:
    """How far the weights go in plain gradient descent, or in one with a typical mistake."""
    start = _weights(network)
    network = copy.deepcopy(network)
    for _ in range(steps):
        squares = (network(blurred) - hr) ** 2
        loss = squares.sum() if kind == "sum" else 0.5 * squares.mean() if kind == "half" else squares.mean()
        loss.backward()
        with torch.no_grad():
            for weight in network.parameters():
                weight -= (-rate if kind == "uphill" else rate) * weight.grad
                if kind != "adds up":
                    weight.grad = None
    return _weights(network) - start


@exercise("7.5")
def _descend(answer: object, dice: Dice) -> str | None:
    generator = dice(0)
    for steps in (1, 2, 5):
        # Bright and dark photos, so that what comes out lies beyond [0, 1] too.
        hr = torch.rand(2, 1, 12, 11, generator=generator) * 1.6 - 0.3
        blurred = functional.avg_pool2d(hr, 3, 1, 1)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(steps)
            network = create_model("srcnn", kernels=(3, 1, 3), maps=(6, 4))
        mine = copy.deepcopy(network)
        answer(mine, blurred.clone(), hr.clone(), steps, 0.02)
        moved = _weights(mine) - _weights(network)

        def same(kind: str, moved: Tensor = moved, given: tuple = (network, blurred, hr, steps, 0.02)) -> bool:
            return near(moved, _descended(*given, kind=kind))

        if same("right"):
            continue
        if not moved.any():
            return "the weights of the network that you were given did not move; change them in place"
        if not moved.isfinite().all():
            return f"after {steps} step{'s' * (steps > 1)} there are weights that are no numbers"
        return first_hint(
            same,
            ("uphill", "you go uphill"),
            ("sum", "the loss is the mean over all pixels, not the sum: your steps are too long"),
            ("half", "the loss has no ½ in front: your steps are half as long"),
            ("adds up", "`backward` adds to the slopes that are there already: each step needs slopes of its own"),
            otherwise=f"after {steps} step{'s' * (steps > 1)} the weights should be others; is the slope lost on the "
            "way where the result leaves [0, 1]?",
        )
    return None


class Patient:
    """SRCNN in training on one batch, healthy or not.

    Attributes:
        network: the one whose result is compared.
        blurred, hr: the batch, N×1×H×W each.
    """

    def __init__(self, cause: str, hr: Tensor, seed: int = 0, **arguments: object):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = create_model("srcnn", **arguments)
        moved = copy.deepcopy(self.network) if cause == "optimiser" else self.network
        self._adam = torch.optim.Adam(moved.parameters(), lr=RATES.get(cause, 2e-3))
        self.blurred, self.hr = degrade(hr, 3), hr.roll(1, 0) if cause == "pairs" else hr

    def step(self) -> float:
        """One step of training; returns the loss before it."""
        loss = (self.network(self.blurred) - self.hr).square().mean()
        self.network.zero_grad()
        loss.backward()
        self._adam.step()
        return loss.item()


def patient(letter: str, hr: Tensor) -> Patient:
    """One of five training runs, "A" to "E", on the photos `hr`; what it suffers from is for you to find out.

    Raises:
        MffcnLiteError: for another letter, or fewer than two photos.
    """
    causes = dict(zip("ABCDE", ("optimiser", "pairs", "healthy", "short steps", "dead"), strict=True))
    if letter not in causes or len(hr) < 2:
        raise MffcnLiteError(f"a patient is a letter from A to E (={letter!r}) and at least two photos (={len(hr)})")
    return Patient(causes[letter], hr)


@exercise("7.6")
def _diagnose(answer: object, dice: Dice) -> str | None:
    faces, small = load_faces("orl"), {"maps": (16, 8)}
    squares = [faces[i::100].floats()[..., 30:62, 20:52] for i in (0, 7, 40)]
    residual = {**small, "residual": True}
    cases = [
        ("healthy", squares[0], 0, small),
        ("short steps", squares[0], 1, small),
        ("optimiser", squares[1], 2, small),
        ("dead", squares[1], 3, small),
        ("pairs", squares[1], 4, small),
        ("healthy", squares[2], 5, residual),  # its last layer starts at zero
        ("pairs", squares[0], 6, residual),
        ("short steps", squares[2], 7, residual),
        ("optimiser", squares[0], 8, residual),
        ("dead", squares[2], 9, small),
    ]
    told = {
        "healthy": "nothing is wrong with it",
        "short steps": "its weights do move; by how much in a step, beside their size?",
        "dead": "look at its maps after some steps: how many are open anywhere?",
        "optimiser": "it has slopes, and not one weight changes, not even in the last digit",
        "pairs": "its weights move and its maps are open, and no network could do well on its batch",
    }
    # The same again, in an order that nobody knows: with other seeds, one that should be dead may live.
    for cause, hr, seed, arguments in cases + dice.more(lambda r: r.choice(cases), 4):
        returned = answer(Patient(cause, hr, seed, **arguments))
        if (said := one_of(returned, CAUSES)) is None:
            return f"answer with one of {', '.join(CAUSES)}, not {returned!r}"
        if said == cause:
            continue
        if cause == "healthy" and arguments.get("residual") and said == "dead":
            return (
                "a last layer of zeros holds the slopes of the layers before it back for one step; "
                "look at it again after some steps"
            )
        return f"you call one patient {said}; {told[cause]}"
    return None
