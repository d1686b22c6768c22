"""Chapter 12's checks: what typical wrong answers are told."""

import pytest
import torch
from torch import nn

from mffcn_lite.exercises import check, downloaded_network
from mffcn_lite.features import FeatureNetwork
from mffcn_lite.losses import perceptual_loss

MEAN = torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1)
STD = torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1)
SYMPTOMS = (
    "L2 + perceptual trains to the same weights, to the bit, as L2 alone",
    "backward() of the perceptual term alone stops with an error: does not require grad",
    "the perceptual loss falls to almost 0, and the pictures get no better",
    "after backward() the weights of VGG have a .grad",
    "same photos, same weights, and all distances are about 0.4 times a colleague's",
    "no number in the maps of the last layer is negative",
)
RIGHT = ("no gradient", "no gradient", "not frozen", "not frozen", "not normalised", "after the activation")
CLAIMS = (
    "this term lowers LPIPS",
    "what ImageNet taught the features lowers LPIPS",
    "400 more steps of L2 lower LPIPS",
    "more weight on the term costs PSNR",
)


def diagnosis(**changes):
    words = [changes.get(f"line{i}", word) for i, word in enumerate(RIGHT)]
    return dict(zip(SYMPTOMS, words, strict=True))


def controls(*pairs):
    return dict(zip(CLAIMS, pairs, strict=True))


def rgb(x):
    return x.expand(-1, 3, -1, -1)


def normalized(x):
    return (rgb(x) - MEAN) / STD


def in_place(photos, white):
    photos /= white
    return normalized(photos) if white == 1 else photos


def own_mean(photos, white):
    x = rgb(photos / white)
    return (x - x.mean((2, 3), keepdim=True)) / STD


def padded(photos, white):
    x = photos / white
    return normalized(x if x.shape[1] == 3 else torch.cat([x, 0 * x, 0 * x], 1))


def length(apart):
    return torch.linalg.vector_norm(apart.flatten(1), dim=1).mean()


def loss_with(
    measure=length,
    prepare=normalized,
    freeze=True,
    mode=True,
    stop=-1,
    detached=False,
    under=torch.enable_grad,
):
    """A `make_loss` with some of the usual mistakes."""

    def make(network):
        network = network.eval() if mode else network
        network.requires_grad_(not freeze)

        def loss(sr, hr):
            with under():
                maps = network[:stop](prepare(sr.detach() if detached else sr))
                return measure(maps - network[:stop](prepare(hr)).detach())

        return loss

    return make


def hooked(network):
    """Takes the maps at the convolution, before the activation that writes into them."""
    network.eval().requires_grad_(False)
    taken = []
    network[-2].register_forward_hook(lambda module, inputs, output: taken.append(output))

    def loss(sr, hr):
        taken.clear()
        network(normalized(sr)), network(normalized(hr))
        return length(taken[0] - taken[1])

    return loss


def rooted(apart):
    return apart.square().flatten(1).sum(1).sqrt().mean()


WRONG = [
    ("12.1", (30, 92), "before the fourth pooling"),
    ("12.1", (480, 92), "first three blocks"),
    ("12.1", (61440, 92), "there are 512"),
    ("12.1", (12, 92), "rows times columns"),
    ("12.1", (7680, 92), "halves both sides"),
    ("12.1", (120, 21), "longer on the photo"),
    ("12.1", (120, 85), "adds something"),
    ("12.1", (120, 100), "third block"),
    ("12.1", (120, 196), "conv5_3"),
    ("12.1", (120, 8), "more than its own square"),
    ("12.1", (120, 50), "begin with 1"),
    ("12.1", 120, "two numbers"),
    ("12.2", lambda photos, white: rgb(photos / white), "not normalised yet"),
    ("12.2", lambda photos, white: 2 * rgb(photos / white) - 1, "[−1, 1]"),
    ("12.2", lambda photos, white: 255 * rgb(photos / white), "up to 255"),
    ("12.2", lambda photos, white: normalized(photos), "belong to photos in [0, 1]"),
    ("12.2", lambda photos, white: rgb(photos / white) - MEAN, "the spread is left"),
    ("12.2", lambda photos, white: rgb(photos / white) / STD, "the mean is still in it"),
    ("12.2", lambda photos, white: (rgb(photos / white) - MEAN.flip(1)) / STD.flip(1), "red, green, blue"),
    ("12.2", padded, "zeros make it red"),
    ("12.2", own_mean, "own mean"),
    ("12.2", in_place, "changes the photos"),
    ("12.2", lambda photos, white: photos / white, "return a tensor of the shape"),
    ("12.2", lambda photos, white: 7 + 0 * rgb(photos), "make three channels"),
    ("12.3", diagnosis(line0="not frozen"), "no influence on any step"),
    ("12.3", diagnosis(line1="not frozen"), "could be changed"),
    ("12.3", diagnosis(line2="no gradient"), "who looks at it"),
    ("12.3", diagnosis(line3="no gradient"), "whatever asks for them"),
    ("12.3", diagnosis(line4="not frozen"), "what goes in"),
    ("12.3", diagnosis(line5="not normalised"), "negative numbers"),
    ("12.3", diagnosis(line5="magic"), "write one of these"),
    ("12.3", {"magic": "no gradient"}, "keep the 6 lines"),
    ("12.4", controls("SB", "BR", "AS", "BW"), "400 steps as well"),
    ("12.4", controls("AB", "AB", "AS", "BW"), "an untaught one too"),
    ("12.4", controls("AB", "AR", "AS", "BW"), "one thing"),
    ("12.4", controls("AB", "BR", "SB", "BW"), "a new term came too"),
    ("12.4", controls("AB", "BR", "AS", "AW"), "the claim is about its weight"),
    ("12.4", controls("AB", "BR", "AS", "AA"), "two of the letters"),
    ("12.4", controls("AB", "BR", "AS", ...), "two of the letters"),
    ("12.4", {"this": "AB"}, "keep the four lines"),
    ("12.5", loss_with(under=torch.no_grad), "frozen means that the weights stay"),
    ("12.5", loss_with(detached=True), "frozen means that the weights stay"),
    ("12.5", loss_with(detached=True, freeze=False), "must still pass through"),
    ("12.5", loss_with(prepare=rgb), "not normalised as ImageNet's"),
    ("12.5", loss_with(prepare=lambda x: 2 * rgb(x) - 1), "[−1, 1]"),
    ("12.5", loss_with(stop=None), "after the activation"),
    ("12.5", hooked, "who wrote into them"),
    ("12.5", loss_with(mode=False), "in which mode"),
    ("12.5", loss_with(freeze=False), "got gradients"),
    ("12.5", loss_with(measure=rooted), "slope of a root"),
    ("12.5", loss_with(measure=lambda d: d.square().sum() / len(d)), "squared length"),
    ("12.5", loss_with(measure=lambda d: d.abs().sum() / len(d)), "absolute differences"),
    ("12.5", loss_with(measure=lambda d: d.square().mean()), "mean of squares"),
    ("12.5", loss_with(measure=lambda d: d.abs().mean()), "mean of absolute differences"),
    ("12.5", loss_with(measure=lambda d: d.square().mean().sqrt()), "mean under the root"),
    ("12.5", loss_with(measure=lambda d: length(d) * len(d)), "mean over its photos"),
    ("12.5", loss_with(measure=torch.norm), "one for each photo"),
    ("12.5", loss_with(measure=lambda d: 3 + length(d)), "not equation (4)"),
    ("12.5", loss_with(measure=lambda d: d), "one number"),
    ("12.5", loss_with(measure=lambda d: d.norm().item()), "as a tensor"),
    ("12.5", lambda network: 1.0, "a function of sr and hr"),
    ("12.5", lambda network: lambda sr, hr: loss_with()(network)(sr, hr.mul_(0.5)), "changes the photos"),
    ("12.5", lambda network: lambda sr, hr: length(sr - hr), "not equation (4)"),
]


@pytest.mark.parametrize(("identifier", "answer", "hint"), WRONG)
def test_a_wrong_answer_gets_its_hint(identifier, answer, hint, hints):
    hints(identifier, answer, hint)


def test_a_table_with_nothing_in_it_was_not_attempted():
    assert check("12.3", dict.fromkeys(SYMPTOMS, ...)) is None
    assert check("12.4", dict.fromkeys(CLAIMS, ...)) is None


def test_the_misconception_is_named_and_the_way_out_is_not(capsys):
    check("12.5", loss_with(under=torch.no_grad))
    said = capsys.readouterr().out
    assert "no_grad" not in said
    assert "requires_grad" not in said


def test_a_loss_that_moves_the_weights_is_told(hints):
    def buffering(network):
        frozen, calls = loss_with()(network), []

        def loss(sr, hr):
            calls.append(1)
            value = frozen(sr, hr)
            if len(calls) == 2:  # after both values were taken
                network[0].bias.data.add_(1e-3)
            return value

        return loss

    hints("12.5", buffering, "changes the weights")


def test_other_right_answers_pass():
    def both_in_one_pass(network):
        layers = nn.Sequential(*(layer for layer in network if not isinstance(layer, nn.Dropout)))[:-1]
        for weight in layers.parameters():
            weight.requires_grad = False

        def loss(sr, hr):
            a, b = layers(normalized(torch.cat([sr, hr]))).chunk(2)
            return torch.stack([torch.dist(x, y) for x, y in zip(a, b, strict=True)]).mean()

        return loss

    assert check("12.5", both_in_one_pass) is True
    assert check("12.4", controls("ba", "RB", "sa", "wb")) is True
    assert check("12.1", [120.0, 92]) is True


def test_what_the_check_wants_is_the_librarys_loss():
    network, features = downloaded_network(5), FeatureNetwork("vgg16", ["conv1_1"])
    features.features, features.names = network.eval()[:-1], ["conv", "relu", "pool", "dropout", "last"]
    features.layers = ("last",)
    generator = torch.Generator().manual_seed(0)
    sr, hr = (torch.rand(3, 1, 10, 8, generator=generator) for _ in range(2))
    mine = loss_with()(network)(sr, hr)
    assert torch.allclose(mine, perceptual_loss(sr, hr, features), rtol=1e-4)


def test_the_receptive_field_of_the_first_exercise_is_what_a_gradient_reaches():
    # All weights 1, and only sums in place of the largest: then every pixel that can count does.
    features = FeatureNetwork("vgg16", ["conv4_3"], normalization="none")
    layers = [layer for layer in features.features if not isinstance(layer, nn.ReLU)]
    x = torch.zeros(1, 3, 160, 160, dtype=torch.float64, requires_grad=True)
    y = x.mean(1, keepdim=True)
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            y = nn.functional.avg_pool2d(y, 3, 1, padding=1)
        else:
            y = nn.functional.avg_pool2d(y, 2)
    assert y.shape[-2:] == (20, 20)
    y[0, 0, 10, 10].backward()
    rows = x.grad.abs().sum((0, 1, 3)).nonzero()
    assert len(rows) == 92
