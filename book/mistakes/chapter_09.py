"""Wrong answers to chapter 9, "What do skips and the residual bring?"."""

import torch


def counter(rule=lambda i, n: i < n - i - 1, joined=None, biases=True, of_biases=False, one_pixel=False):
    """Exercise 9.2, done in a way of one's own."""

    def count(width, depth, side, skip, pixels):
        late = [depth - i for i in range(1, depth) if rule(i, depth)]
        times = {"none": 1, "add": 1, "concat": 2} | (joined or {})
        weights = products = 0
        for layer in range(1, depth + 1):
            inputs = 1 if layer == 1 else width * (times[skip] if layer in late else 1)
            outputs = width if layer < depth else 1
            weights += side**2 * inputs * outputs + outputs * biases
            products += side**2 * inputs * outputs + outputs * of_biases
        return weights, products if one_pixel else products * pixels

    return count


def picture(layers, blurred):
    return blurred + layers(blurred)


def mean_of_squares(pictures):
    return pictures.square().mean()


def along_the_chain(depth):
    return [(depth - i, 1) for i in range(1, depth + 1)]


def ways(sign=1, start=(0, 1), combine=sum):
    def answer(depth):
        found = {depth: start}
        for i in range(depth - 1, 0, -1):
            takers = [i + 1] + ([depth - i] if i < depth - i - 1 else [])
            found[i] = 1 + min(found[j][0] for j in takers), combine(found[j][1] for j in takers)
        return [found[i] for i in range(1, depth + 1)][::sign]

    return answer


WRONG = [
    ("9.1", [1, 10, 10, 10, 10, 10, 10], "concatenating is not adding"),
    ("9.1", [1, 10, 10, 10, 10, 20, 20], "layer 7 takes what layer 6 gives"),
    ("9.1", [1, 10, 10, 10, 20, 20, 11], "not concatenated"),
    ("9.1", [1, 10, 10, 20, 20, 20, 10], "right before layer 4"),
    ("9.1", [10, 10, 10, 10, 20, 20, 10], "grey photo"),
    ("9.1", [1, 10, 10, 10, 10, 20, 10], "pairs"),
    ("9.1", [1, 10, 20], "seven numbers"),
    ("9.1", 20, "seven numbers"),
    ("9.2", counter(joined={"concat": 1}), "do not stay C"),
    ("9.2", counter(joined={"add": 2}), "adding is not concatenating"),
    ("9.2", counter(biases=False), "lack the biases"),
    ("9.2", counter(of_biases=True), "added, and not multiplied"),
    ("9.2", counter(one_pixel=True), "one pixel"),
    ("9.2", counter(rule=lambda i, n: i <= n - i - 1), "right before its partner"),
    ("9.2", counter(rule=lambda i, n: i <= n - i), "into itself"),
    ("9.2", counter(joined={"concat": 3}), "you count"),
    ("9.2", lambda width, depth, side, skip, pixels: 7, "two numbers"),
    ("9.3", lambda kernel: kernel, "concatenating is not adding"),
    ("9.3", lambda kernel: torch.cat([kernel, kernel], dim=0), "what it takes that doubles"),
    ("9.3", lambda kernel: kernel[:1], "only the number of channels in"),
    ("9.3", lambda kernel: torch.cat([kernel, kernel], dim=1) / 2, "their sum"),
    ("9.3", lambda kernel: torch.cat([kernel, 0 * kernel], dim=1), "x alone"),
    ("9.3", lambda kernel: torch.cat([0 * kernel, kernel], dim=1), "e alone"),
    ("9.3", lambda kernel: torch.cat([kernel, -kernel], dim=1), "which kernel meets"),
    ("9.4", lambda f, b, h: (mean_of_squares(f(b) - h), picture(f, b)), "target is not hr"),
    ("9.4", lambda f, b, h: (mean_of_squares(f(b) - h), f(b)), "added up"),
    ("9.4", lambda f, b, h: (mean_of_squares(f(b) + h - b), picture(f, b)), "sign is turned"),
    ("9.4", lambda f, b, h: (mean_of_squares(f(b) - b), picture(f, b)), "repeat the input"),
    ("9.4", lambda f, b, h: ((picture(f, b) - h).square().sum(), picture(f, b)), "not their sum"),
    ("9.4", lambda f, b, h: (mean_of_squares(picture(f, b) - h).detach(), picture(f, b)), "follow back"),
    ("9.4", lambda f, b, h: ((picture(f, b) - h).abs().mean(), picture(f, b)), "mean squared error"),
    ("9.4", lambda f, b, h: picture(f, b), "two tensors"),
    ("9.5", along_the_chain, "leads past layers"),
    ("9.5", ways(sign=-1), "begin with layer 1"),
    ("9.5", ways(start=(1, 1)), "through no layer"),
    ("9.5", ways(combine=max), "the number of ways from layer"),
    ("9.5", lambda depth: ways()(depth)[:-1], "pairs, and you return"),
    ("9.5", lambda depth: depth, "a list of pairs"),
]
