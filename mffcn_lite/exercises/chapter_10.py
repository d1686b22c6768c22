"""Checks of chapter 10, "L2: why does it blur?"."""

import itertools
import math

import torch

from mffcn_lite.exercises import Dice, exercise, first_hint
from mffcn_lite.exercises.answers import as_table, near, one_of, read_number, read_numbers

PLACES = (1 / 2, 1 / 4, 1 / 8, 1 / 8)  # where a lash lies in the world of exercise 10.1


@exercise("10.1")
def _lowest_loss(answer: object) -> str | None:
    number = read_number(answer, "give a number")
    agree = sum(p * p for p in PLACES)  # how often two draws are the same place
    return first_hint(
        lambda other: abs(number - other) < 0.005,
        (1 - agree, None),
        (0, "no network, however large, sees in which of the four places the lash was; so the loss can't be 0"),
        (2 * (1 - agree), "that is the loss of a row drawn by chance; the mean of all rows costs less"),
        ((1 - agree) / len(PLACES), "that is a mean over pixels; the sum is asked for"),
        ((1 - agree) / 12, "that is a mean over pixels; the sum is asked for"),
        (
            2 * (1 - max(PLACES)),
            "that is the loss of always answering with the likeliest place; the mean of all four costs less",
        ),
        (0.7, "that is the world of the chapter; this one has other probabilities"),
        otherwise="a pixel that is 1 with probability p has the variance p(1 − p); add up all four",
    )


@exercise("10.2")
def _l2(answer: object, dice: Dice) -> str | None:
    generator = dice(0)
    sr, hr = (torch.rand(3, 2, 5, 7, generator=generator) for _ in range(2))
    before = sr.clone(), hr.clone()
    squares = (sr.double() - hr.double()).square()
    for reduction, wanted in (("mean", squares.mean()), ("sum", squares.sum() / 3)):
        got = read_number(answer(sr, hr, reduction), "return one number, as a tensor without axes")
        if not (torch.equal(sr, before[0]) and torch.equal(hr, before[1])):
            return "the photos were changed; compute with new tensors"
        if near(got, wanted):
            continue
        if near(got, squares.sum()):
            return 'with "sum", a batch of three photos must not cost three times one photo: average over the batch'
        if near(got, squares.sum(1).mean()) or near(got, squares.sum((2, 3)).mean()):
            return "a photo's sum goes over all its channels, rows and columns"
        if near(got, wanted.sqrt()) or near(got, squares.flatten(1).sum(1).sqrt().mean()):
            return "L2 here is the square of the norm: no root"
        return f'with "{reduction}" it should be {float(wanted):.4f}, and you found {got:.4g}'
    probe = torch.full((1,), 0.5, requires_grad=True)
    loss = answer(hr[:, :1] * probe, hr[:, :1], "mean")
    if not (isinstance(loss, torch.Tensor) and loss.requires_grad):
        return "the loss must keep its gradient: return a tensor, and no number taken out of it"
    for short in (hr[:, 0], hr[:, :1], hr[:1]):
        try:
            answer(sr[:, :1] if short.dim() == 3 else sr, short, "mean")
        except ValueError:
            continue
        return (
            f"shapes {tuple(sr.shape)} and {tuple(short.shape)} go through: broadcasting compares photos that do "
            "not belong together; raise a ValueError"
        )
    return None


@exercise("10.3")
def _choices(answer: object) -> str | None:
    if (table := as_table(answer, "abcd")) is None:
        return 'keep the dict with its four cases, and write "sum", "mean" or "either" for each'
    written = {case: one_of(value, ("sum", "mean", "either")) for case, value in table.items()}
    if wrong := [case for case, word in written.items() if word is None]:
        return f'write "sum", "mean" or "either" for {", ".join(wrong)}'
    hints = {
        "a": ("mean", "with plain gradient descent the slope's size counts, and one of the two grows with the photo"),
        "b": ("either", "what does Adam do with a factor that is common to all gradients"),
        "c": ("mean", "Adam ignores a common factor, but the clipping comes before it, and knows one scale"),
        "d": ("sum", "between two terms only the ratio counts, and the weight was chosen for one of them"),
    }
    for case, (right, hint) in hints.items():
        if written[case] != right:
            return f"case {case}: {hint}"
    return None


def _slope(loss: tuple[str, float | int, float | int], shape: tuple[int, ...]) -> float | int:
    """How steep the loss is, compared with the mean on [0, 1]."""
    reduction, white, weight = loss
    count = {"mean": 1, "sum": math.prod(shape[1:]), "total": math.prod(shape)}[reduction]
    return weight * white**2 * count


@exercise("10.4")
def _same_steps(answer: object, dice: Dice) -> str | None:
    sides = dice.more(lambda r: (r.randint(5, 9), r.randint(2, 4), r.randint(11, 30), r.randint(5, 10)), 1)
    shape, plain = (*sides, (6, 3, 20, 10))[0], ("mean", 1, 1.0)
    half = ("mean", 1, 0.5)
    losses = [plain, ("sum", 1, 1.0), ("total", 1, 1.0), half, ("mean", 255, 1.0), ("sum", 255, 0.5)]
    pairs = list(itertools.permutations(losses, 2))
    for old, new in pairs:  # plain descent first, simple pairs first
        got = read_number(answer(0.5, "sgd", old, new, shape), "return one number")
        wanted = 0.5 * _slope(old, shape) / _slope(new, shape)
        if near(got, wanted):
            continue
        story = f"plain descent from {old} to {new}"
        kinds = {old[0], new[0]}
        if not got > 0:
            return f"{story}: a learning rate is above 0"
        if near(got, 0.5):
            return f"{story}: the slope changes by a factor, and the rate must change too"
        if near(got, 0.5 * 0.5 / wanted):
            return f"{story}: the wrong way round; a steeper slope needs a smaller rate"
        if (old[1], old[2]) == (new[1], new[2]):
            if "total" in kinds and near(max(got / wanted, wanted / got), shape[0]):
                return f"{story}: think again of the batch: which reduction adds photos up"
            return f"{story}: how many numbers are added up; count photos, channels, rows and columns"
        if old[1] != new[1] and near(max(got / wanted, wanted / got), 255):
            return f"{story}: differences are squared, and so is what multiplies them"
        return f"{story}: the rate should be {wanted:.3g}, and you found {got:.3g}"
    for old, new in pairs:
        got = read_number(answer(0.5, "adam", old, new, shape), "return one number")
        if not near(got, 0.5):
            return f"Adam from {old} to {new}: a factor common to all gradients cancels; what is left to correct"
    return None


@exercise("10.5")
def _split_loss(answer: object, dice: Dice) -> str | None:
    generator = dice(0)
    group = torch.tensor([0, 1, 1, 2, 2, 2, 2, 0, 2, 1, 3])  # one small photo comes once
    small = torch.rand(4, 3, generator=generator)[group]
    hr = torch.rand(len(group), 5, generator=generator)
    own = torch.stack([hr[group == g].mean(0) for g in range(4)])
    sr = (own + 0.3 * torch.rand(4, 5, generator=generator))[group]
    floor = (hr - own[group]).square().sum(1).mean().item()
    total = (hr - sr).square().sum(1).mean().item()
    wanted = "return two numbers, the floor and the avoidable part"
    got = read_numbers(answer(small.clone(), hr.clone(), sr.clone()), 2, wanted)

    def close(mine: float, right: float) -> bool:
        return near(mine, right, scale=total)

    if close(got[0], floor) and close(got[1], total - floor):
        return None
    if close(got[0], 0.0):
        return "you blame the network for all of it: where one small photo has several originals, none can be right"
    if close(got[0], (hr - hr.mean(0)).square().sum(1).mean().item()):
        return "that is the mean of all originals; the best answer may differ from one small photo to the next"
    if close(got[0], floor) and close(got[1], total):
        return "the floor is right; the avoidable part is what the loss has beyond it"
    if close(got[0], total - floor) and close(got[1], floor):
        return "the two are the wrong way round"
    if close(got[0], floor / 5):
        return "add up over the pixels, and average over the photos alone"
    each = torch.stack([(hr[group == g] - own[g]).square().sum(1).mean() for g in range(4)])
    if close(got[0], each.mean().item()):
        return "a small photo that comes more often counts more: average over photos, not over groups"
    if close(got[0] + got[1], total):
        return "they add up to the loss, and the floor is not right: what is the best answer to each small photo"
    return f"the two should add up to the loss, {total:.3f}, and yours add up to {got[0] + got[1]:.3f}"
