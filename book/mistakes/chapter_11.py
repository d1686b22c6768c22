"""Wrong answers to chapter 11, "Total variation: how much is 0.0001?"."""

import torch

from mffcn_lite.losses import total_variation

CHANGES = (
    "equation (7): both terms in 0…255 instead of [0, 1]",
    "classical TV: both terms in 0…255 instead of [0, 1]",
    "equation (7): TV alone in 0…255",
    "both means: photos twice as high and wide",
    "L2 mean, TV sum: photos twice as high and wide",
    "λ1 and λ3 both ten times as large",
)


def table(*words):
    return dict(zip(CHANGES, words, strict=True))


def grey_and_board(height, width):
    board = (torch.arange(height)[:, None] + torch.arange(width)).remainder(2).float()[None, None]
    return torch.full_like(board, 0.5), board


def probe(program, height, width, entries=None, swing=0.5):
    grey, board = grey_and_board(height, width)
    l2 = program(torch.ones_like(grey), grey)
    b = (program(board, grey) - l2) / (entries or height * (width - 1) + width * (height - 1))
    return b / (l2 / (height * width * swing**2))


def careless_tv(x):
    return (x[:, 1:] - x[:, :-1]).square().sum() + (x[:, :, 1:] - x[:, :, :-1]).square().sum()


def in_place(x):
    want = total_variation(x)
    x -= x.mean()
    return want


def equal_only(kept, height, width, l2, l2_reduction, tv_reduction):
    return (1 / kept - 1) / 8 * l2


def weight(turned=False, price=8, let_go=False, without_l2=False):
    def answer(kept, height, width, l2, l2_reduction, tv_reduction):
        kept = 1 - kept if let_go else kept
        a = 1 / (height * width) if l2_reduction == "mean" else 1
        b = 1 / (height * width) if tv_reduction == "mean" else 1
        return (1 / kept - 1) / price * (1 if without_l2 else l2) * (b / a if turned else a / b)

    return answer


WRONG = [
    ("11.1", 0.99992, "looks negligible"),
    ("11.1", 1, "number of pixels"),
    ("11.1", 23.8, "not a percentage"),
    ("11.1", 0.762, "what is lost"),
    ("11.1", 0.385, "stripes"),
    ("11.1", 0.433, "the paper's photos"),
    ("11.1", 0.984, "rows times its columns"),
    ("11.1", 0.0303, "λ1"),
    ("11.1", 0.5, "plain sums"),
    ("11.1", "much", "give a number"),
    ("11.2", careless_tv, "one of the two directions"),
    ("11.2", lambda x: total_variation(x) * len(x), "mean over its photos"),
    ("11.2", lambda x: total_variation(x, "mean"), "mean over pixels"),
    ("11.2", lambda x: total_variation(x, form="isotropic"), "classical form"),
    ("11.2", lambda x: (x[..., 1:] - x[..., :-1]).square().sum() / len(x), "one of the two directions"),
    ("11.2", lambda x: (x - x.roll(1, -1)).square().sum() + (x - x.roll(1, -2)).square().sum(), "no others"),
    ("11.2", in_place, "changes the photos"),
    ("11.2", lambda x: x, "one number"),
    ("11.3", equal_only, "the number of pixels counts"),
    ("11.3", weight(turned=True), "multiplied where you should divide"),
    ("11.3", weight(price=4), "stripes"),
    ("11.3", weight(let_go=True), "let that much go"),
    ("11.3", weight(without_l2=True), "λ1 is missing"),
    ("11.3", lambda *arguments: 0.0001, "keeps more"),
    ("11.3", lambda *arguments: None, "one number above 0"),
    ("11.4", table(*["stronger"] * 6), "the other term"),
    ("11.4", table("stronger", "weaker", "stronger", "same", "stronger", "same"), "both grow by the same factor"),
    ("11.4", table("same", "same", "stronger", "same", "stronger", "same"), "which of the terms"),
    ("11.4", table("same", "weaker", "same", "same", "stronger", "same"), "the other does not"),
    ("11.4", table("same", "weaker", "stronger", "stronger", "stronger", "same"), "equal reductions"),
    ("11.4", table("same", "weaker", "stronger", "same", "same", "same"), "more entries"),
    ("11.4", table("same", "weaker", "stronger", "same", "stronger", "stronger"), "only the ratio"),
    ("11.4", table("same", "weaker", "stronger", "same", "stronger", ...), "into each line"),
    ("11.4", {"same": "same"}, "keep the 6 lines"),
    ("11.5", lambda program, h, w: 1 / (1 + 8 * 1e-5), "looks negligible"),
    ("11.5", lambda program, h, w: 1 - 1 / (1 + 8 * probe(program, h, w)), "what is lost"),
    ("11.5", lambda program, h, w: 1 / (1 + 4 * probe(program, h, w)), "stripes"),
    ("11.5", lambda program, h, w: 1 / (1 + 8 * probe(program, h, w, 2 * h * w)), "count the differences"),
    ("11.5", lambda program, h, w: 1 / (1 + 8 * probe(program, h, w, swing=1)), "which swing"),
    ("11.5", lambda program, h, w: 0.5, "too small"),
    ("11.5", lambda program, h, w: None, "one number"),
]
