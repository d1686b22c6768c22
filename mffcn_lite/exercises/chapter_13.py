"""Checks of chapter 13, "Texture loss: what does a Gram matrix forget?"."""

import itertools

import torch
from torch import Tensor

from mffcn_lite.exercises import Dice, exercise, first_hint, wrong_line
from mffcn_lite.exercises.answers import RELATIVE, as_table, near, read_array, read_number, whole

# line: (channels, positions)
_LAYERS = {
    "conv3_3, photo of 128×128": (256, 32 * 32),
    "conv4_3, photo of 128×128": (512, 16 * 16),
    "conv5_3, photo of 128×128": (512, 8 * 8),
    "conv5_3, photo of 178×218": (512, 11 * 13),
    "conv5_3, photo of 512×512": (512, 32 * 32),
}


@exercise("13.1")
def _ranks(answer: object) -> str | None:
    if (table := as_table(answer, _LAYERS)) is None:
        return "keep the five lines, and write a number into each"
    wanted = "write a number into each line"
    ranks = {line: whole(read_number(value, f"{wanted}, into {line} too")) for line, value in table.items()}
    if all(ranks[line] == channels for line, (channels, _) in _LAYERS.items()):
        return "those are the channels, which say how large the matrix is; how many columns is it made of?"
    if all(ranks[line] == positions for line, (_, positions) in _LAYERS.items()):
        return "those are the positions; a matrix cannot have a rank above its size"
    for line, (channels, positions) in _LAYERS.items():
        if ranks[line] == min(channels, positions):
            continue
        if ranks[line] == max(channels, positions):
            return f"{line}: of two bounds the smaller one holds, and you took the larger"
        if ranks[line] in (positions // 4, positions * 4):
            return f"{line}: count the poolings that come before this layer; its own block's pooling comes after it"
        if line.endswith("178×218") and 140 <= ranks[line] <= 13 * 14:
            return f"{line}: a pooling rounds down, each time"
        return f"{line} is not right: what are its channels, and what its positions?"
    return None


@exercise("13.2")
def _gram(answer: object, dice: Dice) -> str | None:
    generator = dice(0)
    for shape in ((4, 3, 4, 5), (1, 3, 4, 5), (2, 6, 2, 2), (3, 1, 3, 2)):
        maps = torch.randn(shape, generator=generator)
        if hint := _compare_gram(answer, maps):
            return hint
    large = (40 + torch.rand(2, 3, 16, 16, generator=generator)).half()
    return _compare_gram(answer, large)


def _compare_gram(answer: object, maps: Tensor) -> str | None:
    """The hint for one batch, or None where it is right."""
    kept, got = maps.clone(), answer(maps)
    if not torch.equal(maps, kept):
        return "your function changes the maps that it was given"
    got = read_array(got, "return a tensor N×C×C", finite=False)
    if not got.ndim:
        return "return a tensor N×C×C; yours is one number"
    photos, channels, height, width = maps.shape
    shape = f"maps of the shape {tuple(maps.shape)}"
    if photos > 1 and got.shape == (photos * channels, photos * channels):
        return f"{shape}: channels of different photos are multiplied with each other; keep the photos apart"
    if got.shape == (channels, channels):
        return f"{shape}: one matrix came back; return one for each photo, N×C×C"
    if got.shape == (photos, height * width, height * width):
        return f"{shape}: that pairs positions with positions; the Gram matrix pairs channels with channels"
    if got.shape != (photos, channels, channels):
        return f"{shape}: return N×C×C, and not {tuple(got.shape)}"
    if not got.isfinite().all():
        return (
            "with maps in float16 something became infinite: 65,504 is the largest number there"
            if maps.dtype == torch.float16
            else f"{shape}: some of the numbers are NaN or infinite"
        )
    rows = kept.double().flatten(2)
    want = rows @ rows.transpose(1, 2)
    centred = rows - rows.mean(2, keepdim=True)
    covariance = centred @ centred.transpose(1, 2)
    mixed = rows.reshape(photos, height * width, channels)
    mixed = mixed.transpose(1, 2) @ mixed
    digits = 1e-4 if maps.dtype == torch.float16 else RELATIVE  # a sum in float16 does not fit: that is asked there
    return first_hint(
        lambda other: near(got, other, relative=digits),
        (want, None),
        *(
            (want / by, f"{shape}: right but for a division by {by}; equation (5) is wanted without normalisation")
            for by in (height * width, channels * height * width, photos * channels * height * width)
        ),
        (covariance, "that is a covariance: you took the means away, and the Gram matrix leaves them in"),
        (mixed, "a reshape to N×(h·w)×C mixes channels and positions; flatten the last two axes only"),
        otherwise="right in float32, and with maps in float16 digits are lost: in which precision do you add up?"
        if maps.dtype == torch.float16
        else f"{shape}: the numbers are wrong; multiply two channels position by position, and add up",
    )


_CHANGES = {
    "shuffle the photo's pixels": (
        "changes",
        "a convolution looks at neighbours, and shuffled pixels have other neighbours; "
        "it is the maps' positions that the Gram matrix does not care about",
    ),
    "shuffle the maps' positions, alike in all channels": ("same", "a sum over positions has no order"),
    "shuffle the maps' positions, anew in each channel": (
        "changes",
        "two channels must still meet at the position where they met before",
    ),
    "mirror the photo": (
        "changes",
        "an edge that is mirrored meets another kernel; does each kernel have a mirror image in its layer?",
    ),
    "mirror the maps": ("same", "what is a mirror image but a new order of the positions?"),
    "shuffle the channels": ("changes", "rows and columns of the matrix are the channels, and they have an order"),
    "turn the sign of all maps": ("same", "each entry is a sum of products of two"),
    "add 1 to all maps": ("changes", "a Gram matrix is no covariance: nobody takes the means away"),
}


@exercise("13.3")
def _table(answer: object) -> str | None:
    return wrong_line(answer, _CHANGES, ("same", "changes"))


@exercise("13.4")
def _growth(answer: object, dice: Dice) -> str | None:
    sizes = [(4, 3.0), (1, 3.0), (4, 1), (0.25, 255), *dice.more(lambda r: (r.randint(2, 9), r.uniform(1.5, 9)), 1)]
    for (positions, entries), normalize, norm in itertools.product(
        sizes, ("none", "hw", "chw"), ("l1", "l2", "squared")
    ):
        got = read_number(answer(positions, entries, normalize, norm), "return one number")
        of_gram = entries**2 * (positions if normalize == "none" else 1)
        want = of_gram**2 if norm == "squared" else of_gram
        rest = want / of_gram  # what a square adds
        told = f"{positions} times the positions, entries {entries} times as large, {normalize!r}, {norm!r}"
        hint = first_hint(
            lambda factor, got=got: near(got, factor),
            (want, None),
            (
                want / entries ** (2 if norm == "squared" else 1),
                "a Gram matrix multiplies two entries with each other, so how does it grow with both?",
            ),
            (
                (entries**2 * positions) ** (2 if norm == "squared" else 1),
                "this normalisation divides by the positions",
            ),
            (want / rest if norm == "squared" else want**2, _SQUARES[norm == "squared"]),
            (want**0.5, "the root is taken of a sum of squares, so it undoes them, and no more"),
            (
                want * positions ** (2 if norm == "squared" else 1),
                "the matrix is C×C, however many positions there are; count them once",
            ),
            otherwise=f"your factor is too {'large' if got > want else 'small'}",
        )
        if hint:
            return f"{told}: {hint}"
    return None


_SQUARES = {
    True: "the distance is squared here",
    False: "‖·‖ is not squared; twice as large a difference is twice as far",
}


@exercise("13.5")
def _same_texture(answer: object, dice: Dice) -> str | None:
    generator = dice(0)
    for shape in ((1, 6, 2, 2), (1, 3, 4, 5), (1, 64, 7, 5)):
        maps = torch.randn(shape, generator=generator) + 1
        kept, got = maps.clone(), answer(maps)
        if not torch.equal(maps, kept):
            return "your function changes the maps that it was given"
        got = read_array(got, f"return maps of the same shape, {shape}", finite=False)
        if got.shape != maps.shape:
            return f"return maps of the same shape, {shape}, and not {tuple(got.shape)}"
        if not got.isfinite().all():
            return "there are numbers in it that are not finite; did a root meet a negative eigenvalue, by rounding?"
        old, new = kept[0].flatten(1).double(), got[0].flatten(1)
        want, gram = old @ old.T, new @ new.T
        wrong = ((gram - want).norm() / want.norm()).item()
        if wrong > 1e-3:
            centred = old - old.mean(1, keepdim=True)
            if near(new.sort(dim=1)[0], old.sort(dim=1)[0]):
                return "each channel was put into an order of its own, and what two channels do together was lost"
            if (gram - centred @ centred.T).norm() < 1e-3 * want.norm():
                return "that has the covariance of the maps; the means belong to the Gram matrix"
            if abs(gram.trace() / want.trace() - 1) < 1e-3:
                return "the energy is right and the rest is not: did you mix channels where positions should be mixed?"
            return f"maps of the shape {shape}: their Gram matrix differs by {wrong:.2g} of its length"
        nearest = torch.cdist(new.T, torch.cat([old, -old], dim=1).T).min(1)  # with either sign
        apart = nearest.values / old.norm(dim=0).mean()
        if (apart < 1e-3).all() and (nearest.indices >= old.shape[1]).any():
            return "those are the old positions, some with the other sign; mix them with each other instead"
        if (apart < 1e-3).all():
            return "those are the old positions in a new order; mix them with each other instead"
        if (apart < 1e-3).any():
            return "some positions are as they were; each new one should be a mixture"
    return None
