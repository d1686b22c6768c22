"""Checks of chapter 12, "Perceptual loss: what does VGG see in a face?"."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from mffcn_lite.exercises import Dice, exercise, first_hint, wrong_line
from mffcn_lite.exercises.answers import as_letters, as_table, near, read_array, read_numbers, whole
from mffcn_lite.features import IMAGENET_MEAN, IMAGENET_STD

__all__ = ["downloaded_network"]

FREEZING = (
    "no gradient comes back to sr: frozen means that the weights stay as they are, "
    "and the gradient must still pass through them to the picture"
)


def downloaded_network(seed: int = 0, dice: Dice = Dice()) -> nn.Sequential:
    """A small stand-in for a feature network as a library hands it over, with other weights for each seed.

    It is in train mode, has dropout, its activations write in place, and its weights take gradients. It wants photos
    N×3×H×W that were normalised as ImageNet's, and ends with the activation after its last convolution.
    """
    generator = dice(seed)
    layers = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Dropout(0.5),
        nn.Conv2d(8, 6, 3, padding=1),
        nn.ReLU(inplace=True),
    )
    with torch.no_grad():
        for weight in layers.parameters():
            weight.copy_(0.4 * torch.randn(weight.shape, generator=generator))
    return layers.train()


def _mean_and_spread(x: Tensor) -> tuple[Tensor, Tensor]:
    """ImageNet's, beside `x`."""
    mean, spread = (x.new_tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return mean, spread


def _normalized(x: Tensor) -> Tensor:
    mean, spread = _mean_and_spread(x)
    return (x.expand(-1, 3, -1, -1) - mean) / spread


@exercise("12.1")
def _positions_and_side(answer: object) -> str | None:
    positions, side = (whole(number) for number in read_numbers(answer, 2, "give two numbers, (positions, side)"))
    if positions != 120:
        return {
            30: "positions: conv4_3 comes before the fourth pooling",
            480: "positions: there is a pooling after each of the first three blocks",
            120 * 512: "those are all numbers of the maps; at a position there are 512 of them",
            12: "positions: rows times columns",
            10: "positions: rows times columns",
        }.get(positions, "positions: each pooling halves both sides of the photo")
    return {
        92: None,
        21: "side: a convolution adds two steps of its own grid, and after a pooling a step is longer on the photo",
        85: "side: a pooling looks at two pixels a side, so it adds something as well",
        100: "side: count the third block's convolutions again, and stop before the fourth pooling",
        196: "side: that is conv5_3's; stop earlier",
        8: "that is the step from a position to the next; a position sees more than its own square",
    }.get(side, "side: begin with 1, add (side of the kernel − 1) · step, double the step at a pooling")


@exercise("12.2")
def _as_imagenet(answer: object, dice: Dice) -> str | None:
    generator = dice(0)
    for shape, white in (((2, 1, 6, 5), 1), ((1, 3, 4, 7), 1), ((2, 1, 5, 5), 255), ((1, 3, 6, 4), 255)):
        share = torch.rand(shape, generator=generator)
        photos = white * share
        kept, got = photos.clone(), answer(photos, white)
        if not torch.equal(photos, kept):
            return "your function changes the photos that it was given"
        got = read_array(got, f"for photos of the shape {shape} return a tensor", (shape[0], 3, *shape[2:]))
        share = share.double()
        colours, said = share.expand(-1, 3, -1, -1), f"white={white}, shape {shape}"
        mean, spread = _mean_and_spread(share)
        padded = torch.cat([share[:, :1], torch.zeros(shape[0], 2, *shape[2:])], 1)
        hint = first_hint(
            lambda other, got=got: near(got, other),
            (_normalized(share), None),
            (colours, "that is the range [0, 1], and not normalised yet: what did the weights get in their training?"),
            (2 * colours - 1, "that is the range [−1, 1]; ImageNet's mean and spread are something else"),
            (255 * colours, "that is the range up to 255, and not normalised"),
            ((white * colours - mean) / spread, "the mean and the spread belong to photos in [0, 1]"),
            (white * colours / spread, "the mean is still in it"),
            (colours - mean, "the mean is off, and the spread is left"),
            ((colours - mean.flip(1)) / spread.flip(1), "the channels come as red, green, blue"),
            (_normalized(padded), "grey is the colour whose three channels are equal; zeros make it red"),
            (padded, "grey is the colour whose three channels are equal; zeros make it red"),
            otherwise="each photo's own mean is off, so that a bright one and a dark one look the same to VGG"
            if near(got.mean((2, 3)), torch.zeros(shape[0], 3))
            else "bring the photos to [0, 1], make three channels, take ImageNet's mean off, divide by its spread",
        )
        if hint:
            return f"{said}: {hint}"
    return None


CAUSES = ("no gradient", "not normalised", "after the activation", "not frozen")
_SYMPTOMS = {
    "L2 + perceptual trains to the same weights, to the bit, as L2 alone": (
        "no gradient",
        "the term is in the loss, and has no influence on any step; what would it need for that?",
    ),
    "backward() of the perceptual term alone stops with an error: does not require grad": (
        "no gradient",
        "nothing in the term depends on anything that could be changed",
    ),
    "the perceptual loss falls to almost 0, and the pictures get no better": (
        "not frozen",
        "there are two ways to make two maps equal: change the picture, or change who looks at it",
    ),
    "after backward() the weights of VGG have a .grad": (
        "not frozen",
        "autograd computes gradients for whatever asks for them",
    ),
    "same photos, same weights, and all distances are about 0.4 times a colleague's": (
        "not normalised",
        "the maps are alike, on another scale; what goes in?",
    ),
    "no number in the maps of the last layer is negative": (
        "after the activation",
        "which layer makes negative numbers 0?",
    ),
}


@exercise("12.3")
def _diagnosis(answer: object) -> str | None:
    return wrong_line(answer, _SYMPTOMS, CAUSES)


_CLAIMS = {
    "this term lowers LPIPS": ("AB", {"BS": "between these two, the term came, and 400 steps as well"}),
    "what ImageNet taught the features lowers LPIPS": (
        "BR",
        {"AB": "any feature network, an untaught one too, is absent from the one and present in the other"},
    ),
    "400 more steps of L2 lower LPIPS": ("AS", {"BS": "there, a new term came too"}),
    "more weight on the term costs PSNR": (
        "BW",
        {"AW": "between these two lies the term itself; the claim is about its weight"},
    ),
}


@exercise("12.4")
def _controls(answer: object) -> str | None:
    if (table := as_table(answer, _CLAIMS)) is None:
        return "keep the four lines, and write two letters into each"
    for claim, (want, hints) in _CLAIMS.items():
        pair = "".join(sorted(as_letters(table[claim])))
        if len(pair) != 2 or len(set(pair)) != 2 or not set(pair) <= set("SABRW"):
            return "write two of the letters S, A, B, R and W into each line"
        if pair == want:
            continue
        why = hints.get(pair, "the two runs of a comparison differ in the one thing that the claim is about")
        return f'"{claim}": {pair} does not test it; {why}'
    return None


def _before_the_activation(network: nn.Sequential, x: Tensor) -> Tensor:
    """The maps of the last convolution, by a copy in eval mode."""
    layers = [layer for layer in copy.deepcopy(network).eval() if not isinstance(layer, nn.Dropout)]
    for layer in layers[:-1]:
        x = layer(x)
    return x


@exercise("12.5")
def _make_loss(answer: object, dice: Dice) -> str | None:
    generator = dice(0)
    for seed, shape in ((1, (1, 1, 12, 10)), (2, (3, 1, 8, 8)), (3, (2, 3, 8, 12))):
        network = downloaded_network(seed, dice)
        untouched = copy.deepcopy(network)
        sr, hr = (torch.rand(shape, generator=generator) for _ in range(2))
        hint = _hint_for(answer(network), network, untouched, sr, hr)
        if hint:
            return hint
    return None


def _hint_for(loss: object, network: nn.Sequential, untouched: nn.Sequential, sr: Tensor, hr: Tensor) -> str | None:
    if not callable(loss):
        return "return a function of sr and hr"
    kept, sr = (sr.clone(), hr.clone()), sr.requires_grad_()
    value, again = loss(sr, hr), loss(sr, hr)
    if not all(isinstance(one, Tensor) and one.numel() == 1 for one in (value, again)):
        return "your loss must return one number, as a tensor"
    if not (torch.equal(sr, kept[0]) and torch.equal(hr, kept[1])):
        return "your loss changes the photos that it was given"
    if not value.requires_grad:
        return FREEZING
    if not near(value, again, relative=1e-5):
        return "two calls with the same photos give two numbers: in which mode is the network?"
    clean = sr.detach().clone().requires_grad_()
    maps = [_before_the_activation(untouched, _normalized(x)) for x in (clean, hr)]
    lengths = torch.linalg.vector_norm((maps[0] - maps[1]).flatten(1), dim=1)
    want = lengths.mean()
    if not near(value.flatten()[0], want):
        return _what_else(value.detach().flatten()[0], untouched, maps, lengths, clean, hr)
    (slope,) = torch.autograd.grad(want, clean)
    value.backward()
    if sr.grad is None or not sr.grad.any():
        return FREEZING
    if not near(sr.grad, slope):
        return "the value is right, and its gradient with respect to sr is not that of equation (4)"
    if any(weight.grad is not None for weight in network.parameters()):
        return (
            "the weights of the network got gradients: nothing may change them, so nothing should ask for their slope"
        )
    if any(
        not near(a, b, relative=0)
        for a, b in zip(network.state_dict().values(), untouched.state_dict().values(), strict=True)
    ):
        return "your loss changes the weights of the network"
    same = hr.clone().requires_grad_()
    loss(same, hr.clone()).backward()
    if same.grad is None or not same.grad.isfinite().all():
        return "where sr is hr, your gradient is no number: what is the slope of a root at 0?"
    return None


def _what_else(
    value: Tensor, network: nn.Sequential, maps: list[Tensor], lengths: Tensor, sr: Tensor, hr: Tensor
) -> str:
    """The hint for a value that is not equation (4)'s."""
    apart = (maps[0] - maps[1]).detach()

    def by(prepare: Callable[[Tensor], Tensor]) -> Tensor:
        a, b = (_before_the_activation(network, prepare(x.detach())) for x in (sr, hr))
        return torch.linalg.vector_norm((a - b).flatten(1), dim=1).mean()

    after = (maps[0].relu() - maps[1].relu()).detach()
    return first_hint(
        lambda other: near(value, other),
        (by(lambda x: x.expand(-1, 3, -1, -1)), "the photos are not normalised as ImageNet's"),
        (by(lambda x: 2 * x.expand(-1, 3, -1, -1) - 1), "the photos are in [−1, 1], and not normalised as ImageNet's"),
        (
            torch.linalg.vector_norm(after.flatten(1), dim=1).mean(),
            "those are maps after the activation; if you took them before it, ask who wrote into them since",
        ),
        (apart.square().sum() / len(apart), "that is the squared length; equation (4) has none"),
        (apart.abs().sum() / len(apart), "that is the sum of absolute differences; take the length ‖·‖"),
        (apart.square().mean(), "that is a mean of squares; take the length ‖·‖ of each photo's difference"),
        (apart.abs().mean(), "that is a mean of absolute differences; take the length ‖·‖"),
        (apart.square().mean().sqrt(), "that is a mean under the root; the length has a sum"),
        (lengths.sum().detach(), "one photo is right; for a batch, take the mean over its photos"),
        (apart.norm(), "you took one length over the whole batch; take one for each photo, and then their mean"),
        otherwise="not equation (4): what goes in, which layer is read, in which mode, and how is the difference "
        "measured?",
    )
