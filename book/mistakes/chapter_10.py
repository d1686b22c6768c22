"""Wrong answers to chapter 10, "L2: why does it blur?"."""

import math

import torch


def reduced(squares, reduction):
    return squares.mean() if reduction == "mean" else squares.sum() / len(squares)


def same_shapes(function):
    """`function` of the squared differences, with shapes checked."""

    def answer(sr, hr, reduction):
        if sr.shape != hr.shape:
            raise ValueError("shapes differ")
        return function((sr - hr).square(), reduction)

    return answer


def in_place(sr, hr, reduction):
    sr -= hr
    return reduced(sr.square(), reduction)


def steps(sgd=None, adam=None):
    """An answer with the right slopes, but where it is told otherwise."""

    def slope(loss, shape):
        reduction, white, weight = loss
        return weight * white**2 * {"mean": 1, "sum": math.prod(shape[1:]), "total": math.prod(shape)}[reduction]

    def answer(rate, optimizer, old, new, shape):
        special = adam if optimizer == "adam" else sgd
        if special is not None:
            return special(rate, old, new, shape)
        return rate if optimizer == "adam" else rate * slope(old, shape) / slope(new, shape)

    return answer


def by_slope(slope, turned=False):
    def rate_of(rate, old, new, shape):
        ratio = slope(old, shape) / slope(new, shape)
        return rate / ratio if turned else rate * ratio

    return rate_of


def counts(mean=lambda s: 1, sum=lambda s: math.prod(s[1:]), total=math.prod, power=2):
    return lambda loss, s: loss[2] * loss[1] ** power * {"mean": mean, "sum": sum, "total": total}[loss[0]](s)


def groups(small):
    return small.unique(dim=0, return_inverse=True)[1]


def own_means(small, hr):
    group = groups(small)
    return torch.stack([hr[group == g].mean(0) for g in range(int(group.max()) + 1)])[group]


def total_of(hr, sr):
    return (hr - sr).square().sum(1).mean()


def floor_of(small, hr):
    return total_of(hr, own_means(small, hr))


def by_groups(small, hr, sr):
    group, best = groups(small), own_means(small, hr)
    each = [(hr - best)[group == g].square().sum(1).mean() for g in group.unique()]
    return torch.stack(each).mean(), 0


CHOICES = {"a": "mean", "b": "either", "c": "mean", "d": "sum"}

WRONG = [
    ("10.1", 0, "however large"),
    ("10.1", 1.3125, "drawn by chance"),
    ("10.1", 0.65625 / 4, "mean over pixels"),
    ("10.1", 1.0, "likeliest place"),
    ("10.1", 0.7, "world of the chapter"),
    ("10.1", 0.5, "p(1 − p)"),
    ("10.1", "low", "give a number"),
    ("10.2", same_shapes(lambda squares, r: squares.mean() if r == "mean" else squares.sum()), "over the batch"),
    ("10.2", same_shapes(lambda squares, r: squares.mean() if r == "mean" else squares.sum(1).mean()), "all its"),
    ("10.2", same_shapes(lambda squares, r: reduced(squares, r).sqrt()), "no root"),
    ("10.2", same_shapes(lambda squares, r: reduced(squares, r) + 1), "it should be"),
    ("10.2", same_shapes(lambda squares, r: reduced(squares, r).item()), "gradient"),
    ("10.2", same_shapes(lambda squares, r: None), "one number"),
    ("10.2", lambda sr, hr, r: reduced((sr - hr).square(), r), "broadcasting"),
    ("10.2", in_place, "were changed"),
    ("10.3", {**CHOICES, "a": "either"}, "grows with the photo"),
    ("10.3", {**CHOICES, "b": "mean"}, "what does Adam do"),
    ("10.3", {**CHOICES, "c": "either"}, "clipping comes before"),
    ("10.3", {**CHOICES, "d": "mean"}, "ratio counts"),
    ("10.3", {**CHOICES, "d": ...}, "for d"),
    ("10.3", "mean", "keep the dict"),
    ("10.4", steps(sgd=lambda rate, *rest: rate), "must change too"),
    ("10.4", steps(sgd=by_slope(counts(), turned=True)), "wrong way round"),
    ("10.4", steps(sgd=by_slope(counts(sum=lambda s: s[2] * s[3]))), "count photos, channels"),
    ("10.4", steps(sgd=by_slope(counts(total=lambda s: math.prod(s[1:])))), "the batch"),
    ("10.4", steps(sgd=by_slope(counts(power=1))), "squared"),
    ("10.4", steps(adam=by_slope(counts())), "cancels"),
    ("10.4", lambda *everything: None, "one number"),
    ("10.5", lambda small, hr, sr: (0.0, total_of(hr, sr)), "blame the network"),
    ("10.5", lambda small, hr, sr: (total_of(hr, hr.mean(0)), 0), "mean of all originals"),
    ("10.5", lambda small, hr, sr: (floor_of(small, hr), total_of(hr, sr)), "beyond it"),
    ("10.5", lambda small, hr, sr: (total_of(own_means(small, hr), sr), floor_of(small, hr)), "wrong way round"),
    ("10.5", lambda small, hr, sr: (floor_of(small, hr) / 5, 0), "over the pixels"),
    ("10.5", by_groups, "not over groups"),
    ("10.5", lambda small, hr, sr: (total_of(hr, sr) / 2, total_of(hr, sr) / 2), "the best answer to each"),
    ("10.5", lambda small, hr, sr: (1.0, 1.0), "should add up"),
    ("10.5", lambda small, hr, sr: 1.0, "two numbers"),
]
