"""What a protocol of helpers/protocols.py does to photos: for each axis a matrix that shrinks, one that enlarges.

`mffcn_lite.degrade` makes no such mistakes; here scale, size and alignment are each free to be wrong.
"""

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.helpers.protocols import Protocol
from mffcn_lite.degrade import cubic, lanczos3, resample, triangle

KERNELS = {  # (function, half its width in samples, widened by the scale)
    "bilinear": (triangle, 1, False),
    "bilinear, antialiased": (triangle, 1, True),
    "bicubic −0.75": (functools.partial(cubic, a=-0.75), 2, False),
    "bicubic −0.5": (cubic, 2, False),
    "bicubic −0.75, antialiased": (functools.partial(cubic, a=-0.75), 2, True),
    "bicubic −0.5, antialiased": (cubic, 2, True),
    "lanczos, antialiased": (lanczos3, 3, True),
}


def gather(centre: Tensor, source: int, kernel: Callable, half: float, width: float, repeat: bool) -> Tensor:
    """A matrix whose rows weight `source` pixels around each centre, in pixels from the outer border; rows sum to 1.

    Beyond the border the last pixel is repeated, or nothing is there.
    """
    beyond = math.ceil(half * width) + 2 if repeat else 0
    pixel = torch.arange(-beyond, source + beyond)
    weights = kernel((pixel + 0.5 - centre[:, None]) / width).double()
    matrix = torch.zeros(len(centre), source, dtype=torch.float64)
    matrix.index_add_(1, pixel.clamp(0, source - 1), weights)
    return matrix / matrix.sum(1, keepdim=True)


def pick(centre: Tensor, source: int) -> Tensor:
    """The pixel in which each centre falls; on the border of two the second."""
    return torch.nn.functional.one_hot((centre + 1e-9).floor().long().clamp(0, source - 1), source).double()


@functools.lru_cache(maxsize=4096)
def axis(protocol: Protocol, side: int, factor: int) -> tuple[Tensor, Tensor]:
    """(shrinking small×kept, enlarging kept×small), float64; `kept` is `side`, or with modcrop what is left of it."""
    rule, alignment, down, up = protocol.rule, protocol.alignment, protocol.down, protocol.up
    kept = side - side % factor if rule == "modcrop" else side
    floor, ceil = kept // factor, -(-kept // factor)
    small = floor if rule.startswith("floor") else ceil if rule.startswith("ceil") else int(kept / factor + 0.5)
    scale = factor if "stretched" in rule else kept / small
    steps = torch.arange(small, dtype=torch.float64)
    centre = (steps + 0.5) * scale
    if alignment == "corners both":
        scale = (kept - 1) / (small - 1)
        centre = steps * scale + 0.5
    if down == "stride":
        shrink = pick(steps * factor + 0.5, kept)
    elif down == "nearest":
        shrink = pick(centre, kept)
    elif down == "area":
        pixel, left, right = torch.arange(kept), (centre - scale / 2)[:, None], (centre + scale / 2)[:, None]
        shrink = (torch.minimum(right, pixel + 1) - torch.maximum(left, pixel)).clamp(min=0)
        shrink = shrink / shrink.sum(1, keepdim=True)
    elif down.startswith("gaussian"):
        sigma = factor / 2 if down.endswith("f/2") else 1.6
        shrink = gather(centre, kept, lambda x: torch.exp(-(x**2) / 2), 4, sigma, repeat=False)
    else:
        kernel, half, antialias = KERNELS[down]
        shrink = gather(centre, kept, kernel, half, max(scale, 1) if antialias else 1, repeat=not antialias)
    ratio = 1 / factor if rule == "rounded, enlarged by f" else small / kept
    wide = torch.arange(kept, dtype=torch.float64)
    place = (wide + 0.5) * ratio
    if alignment == "shifted":
        place = wide * ratio + 0.5
    elif alignment.startswith("corners"):
        place = wide * (small - 1) / (kept - 1) + 0.5
    if up == "nearest":
        return shrink, pick(place, small)
    kernel, half, _ = KERNELS[up]
    # Enlarged by the factor, the last pixels may lie where no small pixel is in reach.
    repeat = up != "bicubic −0.5" or (rule == "rounded, enlarged by f" and side % factor > 0)
    return shrink, gather(place, small, kernel, half, 1, repeat)


def levels(images: Tensor) -> Tensor:
    """Rounded to 8 bits."""
    return (images.clamp(0, 1) * 255).round() / 255


def prepare(images: Tensor, kind: str) -> Tensor:
    """The photos that a protocol starts from, one of `protocols.PHOTOS`; N×1×112×92 in [0, 1]."""
    if kind == "92×112":
        return images
    return levels(resample(images[:, :, 10:102] if kind == "square" else images, (128, 128)))


def apply(protocol: Protocol, hr: Tensor, factor: int) -> tuple[Tensor, Tensor]:
    """(what is compared with, the blurred photos), from prepared photos; the blurred are clamped only if rounded."""
    (rows, tall), (columns, wide) = (
        (shrink.to(hr), enlarge.to(hr)) for shrink, enlarge in (axis(protocol, s, factor) for s in hr.shape[-2:])
    )
    small = rows @ hr[..., : rows.shape[1], : columns.shape[1]] @ columns.T
    blurred = tall @ (levels(small) if protocol.rounded else small) @ wide.T
    return hr[..., : rows.shape[1], : columns.shape[1]], levels(blurred) if protocol.rounded else blurred
