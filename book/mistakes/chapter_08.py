"""Wrong answers to chapter 8, "MFF: what do three sizes of window bring?"."""

import torch
from torch.nn import functional


def fused(kernels, biases, mix, mix_bias, zeros=lambda m: [m] * 4):
    wide = torch.cat([functional.pad(k, zeros((5 - k.shape[-1]) // 2)) for k in kernels])
    return (mix @ wide.flatten(1)).view(len(mix), *wide.shape[1:]), mix @ torch.cat(biases) + mix_bias


def in_a_corner(kernels, biases, mix, mix_bias):
    return fused(kernels, biases, mix, mix_bias, lambda m: [0, 2 * m, 0, 2 * m])


def in_the_last_corner(kernels, biases, mix, mix_bias):
    return fused(kernels, biases, mix, mix_bias, lambda m: [2 * m, 0, 2 * m, 0])


def bias_as(choose):
    def answer(kernels, biases, mix, mix_bias):
        return fused(kernels, biases, mix, mix_bias)[0], choose(torch.cat(biases), mix, mix_bias)

    return answer


def weight_as(change):
    def answer(*arguments):
        weight, bias = fused(*arguments)
        return change(weight), bias

    return answer


def without_mix(kernels, biases, mix, mix_bias):
    return fused(kernels, biases, torch.ones_like(mix), mix_bias)


def bends(module, cin, sizes=(1, 100, 10_000), with_zero=True, photos=False):
    draw = torch.rand if photos else torch.randn
    for size in sizes:
        x, y = size * draw(2, 1, cin, 9, 9, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        bend = module(x + y) - module(x) - module(y) + (module(0 * x) if with_zero else 0)
        if bend.abs().max() > 1e-6 * size:
            return True
    return False


def decide(mix=True, clock=max, **test):
    """Right with the defaults, or wrong in one thing."""

    def answer(module, cin, cout, branch):
        if bends(module, cin, **test):
            return "cannot"
        saves = 25 * cin * cout < 35 * cin * branch + mix * 3 * branch * cout
        return "fuse" if saves or clock(cin, cout) <= 16 else "keep"

    return answer


GOOD = {
    "the start alone": ("conv5", "conv5 from mff"),
    "the way of training alone": ("mff", "conv5 from mff"),
    "the size of the window": ("conv3", "conv5"),
    "an activation inside": ("mff", "mff inside"),
}

WRONG = [
    ("8.1", 45, "on top of each other"),
    ("8.1", 49, "on top of each other"),
    ("8.1", 29, "k − 1"),
    ("8.1", 7, "one module"),
    ("8.1", 11, "each of the five"),
    ("8.1", 6125, "multiply"),
    ("8.1", 12, "how many pixels"),
    ("8.1", "wide", "number of pixels"),
    ("8.2", in_a_corner, "sit in a corner"),
    ("8.2", in_the_last_corner, "sit in a corner"),
    ("8.2", bias_as(lambda biases, mix, own: own), "biases are forgotten"),
    ("8.2", bias_as(lambda biases, mix, own: mix @ biases), "lacks the mix's own"),
    ("8.2", bias_as(lambda biases, mix, own: own + biases.sum()), "x = 0"),
    ("8.2", weight_as(lambda weight: weight.flip(2, 3)), "upside down"),
    ("8.2", weight_as(lambda weight: weight.transpose(2, 3)), "swapped"),
    ("8.2", weight_as(lambda weight: weight + 1), "zeros around"),
    ("8.2", weight_as(lambda weight: weight[0]), "shape"),
    ("8.2", bias_as(lambda biases, mix, own: own.sum()), "bias has the shape"),
    ("8.2", without_mix, "as the mix says"),
    ("8.3", 44, "padded zeros"),
    ("8.3", 120, "has the mix as well"),
    ("8.3", 31, "three branches"),
    ("8.3", 32, "still has to be done"),
    ("8.3", 307_200, "the price"),
    ("8.3", 3328, "what a pixel saves"),
    ("8.3", 1, "the price of the product"),
    ("8.3", "many", "number of pixels"),
    ("8.4", {**GOOD, "the start alone": ("mff", "conv5")}, "the way of training as well"),
    ("8.4", {**GOOD, "the way of training alone": ("mff", "conv5")}, "the start as well"),
    ("8.4", {**GOOD, "the size of the window": ("mff", "conv3")}, "as well"),
    ("8.4", {**GOOD, "an activation inside": ("conv5", "conv5 from mff")}, "alike in the function"),
    ("8.4", {**GOOD, "an activation inside": ("mff", "relu")}, "name two of"),
    ("8.4", {**GOOD, "an activation inside": "mff"}, "name two of"),
    ("8.4", {}, "keep the dict"),
    ("8.5", decide(with_zero=False), "biases"),
    ("8.5", decide(sizes=(1,), photos=True), "sleeps"),
    ("8.5", decide(sizes=(1,)), "sleeps"),
    ("8.5", decide(clock=min), "neither side"),
    ("8.5", decide(clock=lambda cin, cout: 17), "by the clock not"),
    ("8.5", decide(mix=False), "the mix multiplies too"),
    ("8.5", lambda module, cin, cout, branch: "fuse", "narrow branches"),
    ("8.5", lambda module, cin, cout, branch: True, "return"),
]
