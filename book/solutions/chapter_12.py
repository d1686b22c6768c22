"""Reference solutions of chapter 12, "Perceptual loss: what does VGG see in a face?"."""

import torch
from torch import nn


def positions_and_side() -> tuple[int, int]:
    """Exercise 12.1: three poolings come before conv4_3."""
    side, step = 1, 1
    for convolutions in (2, 2, 3):
        side += 2 * step * convolutions + step
        step *= 2
    return (96 // step) * (80 // step), side + 3 * 2 * step


def as_imagenet(photos, white):
    """Exercise 12.2: the range first, then three channels, then ImageNet's mean and spread."""
    mean = torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1)
    spread = torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1)
    return ((photos / white).expand(-1, 3, -1, -1) - mean) / spread


def diagnosis() -> dict[str, str]:
    """Exercise 12.3: what each symptom is a sign of."""
    causes = ("no gradient", "no gradient", "not frozen", "not frozen", "not normalised", "after the activation")
    symptoms = (
        "L2 + perceptual trains to the same weights, to the bit, as L2 alone",
        "backward() of the perceptual term alone stops with an error: does not require grad",
        "the perceptual loss falls to almost 0, and the pictures get no better",
        "after backward() the weights of VGG have a .grad",
        "same photos, same weights, and all distances are about 0.4 times a colleague's",
        "no number in the maps of the last layer is negative",
    )
    return dict(zip(symptoms, causes, strict=True))


def controls() -> dict[str, str]:
    """Exercise 12.4: two runs that differ in the one thing that the claim is about."""
    claims = (
        "this term lowers LPIPS",
        "what ImageNet taught the features lowers LPIPS",
        "400 more steps of L2 lower LPIPS",
        "more weight on the term costs PSNR",
    )
    return dict(zip(claims, ("AB", "BR", "SA", "BW"), strict=True))


def make_loss(network):
    """Exercise 12.5: frozen weights, eval mode, normalised photos, the maps before the last activation."""
    frozen = network.eval().requires_grad_(False)[:-1]
    assert isinstance(frozen[-1], nn.Conv2d)

    def feature_distance(sr, hr):
        with torch.no_grad():  # the target's maps alone
            wanted = frozen(as_imagenet(hr, 1))
        apart = frozen(as_imagenet(sr, 1)) - wanted
        return torch.linalg.vector_norm(apart.flatten(1), dim=1).mean()

    return feature_distance


SOLUTIONS = {
    "12.1": positions_and_side(),
    "12.2": as_imagenet,
    "12.3": diagnosis(),
    "12.4": controls(),
    "12.5": make_loss,
}
