"""Wrong answers to chapter 12, "Perceptual loss: what does VGG see in a face?"."""

import torch

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
