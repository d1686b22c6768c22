"""Chapter 12's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

import numpy as np
import torch
from torch import nn

from book.mistakes.chapter_12 import CLAIMS, SYMPTOMS, controls, loss_with, normalized
from mffcn_lite.exercises import check, downloaded_network
from mffcn_lite.features import FeatureNetwork
from mffcn_lite.losses import perceptual_loss


def in_numpy(photos, white):
    x = np.repeat(photos.numpy(), 3 // photos.shape[1], axis=1) / np.float32(white)
    return (x - np.array([0.485, 0.456, 0.406]).reshape(3, 1, 1)) / np.array([0.229, 0.224, 0.225]).reshape(3, 1, 1)


def photo_by_photo(network):
    """In float64, each photo by itself, and by distances of torch's."""
    network = network.double().eval().requires_grad_(False)

    def loss(sr, hr):
        maps = [[network[:-1](normalized(x[None].double())) for x in photos] for photos in (sr, hr)]
        return torch.stack([torch.dist(a, b) for a, b in zip(*maps, strict=True)]).mean()

    return loss


OTHERS = [("12.2", in_numpy), ("12.4", controls("b, a", ["R", "B"], {"s", "a"}, "B & W")), ("12.5", photo_by_photo)]


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
