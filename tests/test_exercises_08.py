"""Chapter 8's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

import numpy as np
import torch

from book.mistakes.chapter_08 import GOOD, decide
from mffcn_lite.exercises import check


def in_numpy(kernels, biases, mix, mix_bias):
    branch = len(biases[0])
    weight = np.zeros((len(mix), kernels[0].shape[1], 5, 5), dtype=np.float32)
    for i, kernel in enumerate(kernels):
        margin = (5 - kernel.shape[-1]) // 2
        part = np.einsum("ob,bcij->ocij", mix[:, i * branch : (i + 1) * branch], kernel)
        weight[:, :, margin : 5 - margin, margin : 5 - margin] += part
    return weight, np.concatenate(biases) @ mix.numpy().T + mix_bias.numpy()


def in_loops(kernels, biases, mix, mix_bias):
    mix, outputs, branch, inputs = mix.float(), len(mix), len(biases[0]), kernels[0].shape[1]
    weight, bias = torch.zeros(outputs, inputs, 5, 5), mix_bias.float()
    for i, (kernel, own) in enumerate(zip(kernels, biases, strict=True)):
        side = kernel.shape[-1]
        for o in range(outputs):
            for b in range(branch):
                share = mix[o, i * branch + b]
                bias[o] += share * own[b]
                for u in range(side):
                    weight[o, :, 2 - side // 2 + u, 2 - side // 2 : 3 + side // 2] += share * kernel[b, :, u].float()
    return [weight, bias]


def asked_in_numpy(module, in_channels, out_channels, branch):
    return decide()(lambda x: np.asarray(module(np.asarray(x))), in_channels, out_channels, branch)


OTHERS = [("8.2", in_numpy), ("8.2", in_loops), ("8.4", {f"{q.upper()} ": set(pair) for q, pair in GOOD.items()})]
OTHERS += [("8.4", {question: np.array(pair) for question, pair in GOOD.items()}), ("8.3", np.array([93]))]
SETS = {"8.5": 100}


def test_a_count_that_is_one_pixel_more_is_right_too():
    """At 92.3 pixels both are even: from the 93rd on the call saves; a reader who rounds is not sent away."""
    assert check("8.3", 93) is True
    assert check("8.3", 92.31) is True
    assert check("8.3", 92) is False


def test_pairs_may_stand_in_any_order():
    assert check("8.4", {question: pair[::-1] for question, pair in GOOD.items()}) is True


def test_another_test_for_a_bend_passes_too():
    assert check("8.5", decide()) is True
