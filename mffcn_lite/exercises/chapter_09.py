"""Checks of chapter 9, "What do skips and the residual bring?"."""

import copy
from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional

from mffcn_lite.exercises import Dice, exercise, first_hint
from mffcn_lite.exercises.answers import as_number, near, read_array, read_numbers, read_parts, whole
from mffcn_lite.models import MFFCN, count_multiplications, count_parameters


@exercise("9.1")
def _channels_in(answer: object) -> str | None:
    width, depth = 10, 7
    skips = MFFCN(width=width, depth=depth).skips
    want = [1] + [2 * width if layer in skips else width for layer in range(2, depth + 1)]
    numbers = [whole(n) for n in read_numbers(answer, depth, "give a list of seven numbers, one for each layer")]
    if numbers == want:
        return None
    if numbers[0] != 1:
        return "layer 1 is given a grey photo"
    if numbers[6] != width:
        return (
            "layer 7 takes what layer 6 gives, and no layer gives more than it was built to; the photo is added at the "
            "end, and not concatenated"
        )
    if max(numbers) <= width:
        return (
            "concatenating is not adding: both sets of maps go in, so the channels of a layer with a skip do not stay C"
        )
    if numbers[3] != width:
        return "layer 3 stands right before layer 4, so its maps are there already; and layer 4 has no other partner"
    return "write down the pairs (i, 7 − i) first; at the later layer of each, the maps of two layers lie on one pile"


def _counted(width: int, depth: int, side: int, joined: int, pixels: int, doubled: Iterable[int]) -> list[int]:
    """Weights and multiplications where the layers in `doubled` take `joined` maps."""
    weights = multiplications = 0
    for layer in range(1, depth + 1):
        inputs = 1 if layer == 1 else joined if layer in doubled else width
        outputs = width if layer < depth else 1
        weights += side**2 * inputs * outputs + outputs
        multiplications += side**2 * inputs * outputs * pixels
    return [weights, multiplications]


@exercise("9.2")
def _count(answer: object, dice: Dice) -> str | None:
    size = (6, 10)
    pixels = size[0] * size[1]
    cases = [(4, 6, 3, "none"), (4, 6, 5, "add"), (8, 6, 3, "concat"), (5, 9, 5, "concat")]
    for width, depth, side, skip in cases + dice.more(
        lambda r: (r.randint(3, 12), r.randint(5, 12), r.choice((3, 5)), r.choice(("none", "add", "concat")))
    ):
        model = MFFCN(width=width, depth=depth, block=f"conv{side}", skip=skip)
        want = [count_parameters(model), count_multiplications(model, size)]
        wanted = "return two numbers: the weights, and the multiplications"
        got = [whole(n) for n in read_numbers(answer(width, depth, side, skip, pixels), 2, wanted)]
        if got == want:
            continue
        where = f"width {width}, depth {depth}, {side}×{side}, {skip}"
        plain = _counted(width, depth, side, width, pixels, ())
        biases = width * (depth - 1) + 1
        if got[0] == want[0] - biases:
            return "the weights lack the biases: one for each map that a layer gives"
        if got[1] == want[1] + biases * pixels:
            return "a bias is added, and not multiplied with anything"
        if got[1] * pixels == want[1]:
            return "those are the multiplications of one pixel; a photo has more"
        if skip == "add" and got == _counted(width, depth, side, 2 * width, pixels, model.skips):
            return "adding is not concatenating: C maps and C maps make C"
        if skip == "concat" and got == plain:
            return "concatenating is not adding: with a skip, the channels that go into a layer do not stay C"
        everyone = [depth - i for i in range(1, depth) if i <= depth - i - 1]
        if skip == "concat" and got == _counted(width, depth, side, 2 * width, pixels, everyone):
            return f"{where}: a layer that stands right before its partner hands its maps on anyway, without a skip"
        itself = [depth - i for i in range(1, depth) if i <= depth - i]
        if skip == "concat" and got == _counted(width, depth, side, 2 * width, pixels, itself):
            return f"{where}: the layer in the middle would go into itself; it has no skip"
        what, index = ("weights", 0) if got[0] != want[0] else ("multiplications", 1)
        return f"{where}: there are {want[index]} {what}, and you count {got[index]:.10g}"
    return None


@exercise("9.3")
def _kernel_for_the_pile(answer: object, dice: Dice) -> str | None:
    generator = dice(0)
    for outputs, channels, side in ((5, 3, 3), (2, 4, 1)):
        kernel = torch.rand(outputs, channels, side, side, generator=generator) - 0.5
        x, early = torch.rand(2, 2, channels, 9, 8, generator=generator).unbind(0)
        got = read_array(answer(kernel.clone()), "return a kernel")
        if got.shape == kernel.shape:
            return "on the pile lie 2C channels, and your kernel still takes C: concatenating is not adding"
        if got.shape == (2 * outputs, channels, side, side):
            return "you doubled what the layer gives; it is what it takes that doubles"
        if got.shape != (outputs, 2 * channels, side, side):
            return f"a kernel {tuple(kernel.shape)} became {tuple(got.shape)}; only the number of channels in changes"
        kernel, x, early = kernel.double(), x.double(), early.double()
        want = functional.conv2d(x + early, kernel)
        made = functional.conv2d(torch.cat([x, early], dim=1), got)
        if near(made, want):
            continue
        return first_hint(
            lambda other, made=made: near(made, other),
            (want / 2, "that is the layer on the mean of the two; the layer was given their sum"),
            (functional.conv2d(x, kernel), "your layer looks at x alone"),
            (functional.conv2d(early, kernel), "your layer looks at e alone"),
            otherwise="the shape is right, and the result is not: which kernel meets the channels of x, and which "
            "those of e?",
        )
    return None


@exercise("9.4")
def _step(answer: object, dice: Dice) -> str | None:
    generator = dice(0)
    hr = torch.rand(3, 1, 8, 7, generator=generator)
    blurred = 0.5 * hr + 0.2
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = nn.Conv2d(1, 1, 3, padding=1)
    wanted = "return two tensors: the loss, and the picture"
    loss, sr = read_parts(answer(copy.deepcopy(layers), blurred.clone(), hr.clone()), 2, wanted)
    if as_number(loss) is None and as_number(sr) is not None:
        return f"{wanted}; yours are the other way round"
    out, sr = layers(blurred).detach(), read_array(sr, wanted)
    if not near(sr, blurred + out):
        return "the picture is the residual network's: its input, and what the layers give, added up"
    if as_number(loss) is None or not getattr(loss, "requires_grad", False):
        return "the loss must be one number that training can follow back into the layers"
    loss = as_number(loss)
    want = ((blurred + out - hr) ** 2).mean()
    return first_hint(
        lambda other: near(loss, other),
        (want, None),
        (((out - hr) ** 2).mean(), "the layers' target is not hr: once they reach it, blurred comes on top"),
        (((out - (blurred - hr)) ** 2).mean(), "the sign is turned: what has to be added to blurred to get hr?"),
        (((out - blurred) ** 2).mean(), "your layers learn to repeat the input"),
        (((blurred + out - hr) ** 2).sum(), "take the mean of the squares, and not their sum"),
        otherwise="the loss is not the mean squared error between the picture that the network gives and the original",
    )


def _ways(depth: int, layer: int, skips: dict[int, int]) -> list[int]:
    """The lengths of all ways from a layer's maps to the output, one by one."""
    if layer == depth:
        return [0]
    behind = [layer + 1, *(late for late, early in skips.items() if early == layer)]
    return [1 + length for follower in behind for length in _ways(depth, follower, skips)]


@exercise("9.5")
def _ways_out(answer: object, dice: Dice) -> str | None:
    for depth in [2, 6, 7, 12, *dice.more(lambda r: r.randint(3, 16))]:
        skips = MFFCN(width=1, depth=depth).skips
        ways = [_ways(depth, layer, skips) for layer in range(1, depth + 1)]
        want = [(min(lengths), len(lengths)) for lengths in ways]
        wanted = "return a list of pairs: the shortest way, and how many ways there are"
        got = read_array(answer(depth), wanted)
        got = got.flatten(1) if got.ndim > 2 else got
        if got.ndim != 2 or got.shape[1] != 2:
            return f"{wanted}; yours has the shape {tuple(got.shape)}"
        got = [(whole(shortest), whole(number)) for shortest, number in got.tolist()]
        if got == want:
            continue
        if len(got) != depth:
            return f"with {depth} layers there are {depth} pairs, and you return {len(got)}"
        if got == want[::-1]:
            return "your list begins with the last layer; begin with layer 1"
        if got[-1] != (0, 1):
            return "from the last layer there is one way, through no layer: (0, 1)"
        if [shortest for shortest, _ in got] == list(range(depth - 1, -1, -1)):
            return "those are the ways along the chain; a skip leads past layers"
        layer = next(i for i, (mine, right) in enumerate(zip(got, want, strict=True), start=1) if mine != right)
        what, index = ("shortest way", 0) if got[layer - 1][0] != want[layer - 1][0] else ("number of ways", 1)
        return (
            f"with {depth} layers, the {what} from layer {layer} is not {got[layer - 1][index]}: which layers take its "
            "maps, and what do you know of these already?"
        )
    return None
