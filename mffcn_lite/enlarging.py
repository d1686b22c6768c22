"""A system applied to a whole picture, its colours and transparency beside, in tiles where it is large."""

import functools
from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mffcn_lite.degrade import small_size, upsample
from mffcn_lite.device import free_bytes
from mffcn_lite.errors import MffcnLiteError, check_images, check_number, described
from mffcn_lite.models import SuperResolver

TILE = 512  # pixels of a result that a network computes at a time, without the overlap
AROUND = 4  # pixels beyond a part of a small picture that the part's enlargement depends on, with any kernel
# Bytes for each pixel that a system works at, at its most: of a tile, or of all where it gets the whole picture.
MOST, WORKS = 700, {"ibp": 100, "pocs": 100, "nearest": 60, "bilinear": 60, "bicubic": 60, "lanczos": 60, "wiener": 130}

# Y, Cb, Cr of BT.601 in full swing, as in JPEG; Cb and Cr lie around 0 here.
RGB_TO_YCBCR = np.array([[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]])


def check_picture(name: str, picture: Tensor) -> None:
    """Refuse what is no single picture, 1×C×H×W in floats, of the argument `name`.

    Raises:
        MffcnLiteError: if it is none; the message says what came.
    """
    check_images(name, picture)
    if len(picture) != 1 or picture.shape[1] > 4:
        wanted = "one picture of 1 to 4 channels, 1×C×H×W"
        raise MffcnLiteError(f"{name} must be {wanted}, not {described(picture)}; give those of a batch one by one")


def enlarged_rows(model: SuperResolver, small: Tensor, factor: int, tile: int, held: int) -> Iterator[Tensor]:
    """The rows of what `mffcn_lite.pictures.enlarge` gives, from the top, some at a time.

    Args:
        held: see `check_memory`.

    Raises:
        MffcnLiteError: as there.
    """
    if not isinstance(getattr(model, "_orig_mod", model), SuperResolver):  # what torch.compile puts around one is one
        raise MffcnLiteError(f"model must be a system, as load_model gives it, not {described(model)}")
    check_number("tile", tile, at_least=1, whole=True)
    model.check_factor(factor)
    small_size(tuple(small.shape[-2:]), factor)  # a whole factor, and no picture smaller than it
    check_memory(model, tuple(small.shape[-2:]), factor, tile, held)
    return _compute(model, small, factor, tile)


def check_memory(model: SuperResolver, size: tuple[int, int], factor: int, tile: int, held: int) -> None:
    """Refuse a picture of `size` (height, width) for whose enlargement there is no memory.

    Args:
        held: bytes that are kept of each pixel of the result, or that a program needs to show it.

    Raises:
        MffcnLiteError: naming the largest picture of this shape that fits.
    """
    pixels = size[0] * size[1] * factor**2
    works = WORKS.get(model.name, MOST)
    at_once = pixels if model.radius is None else tile**2
    need = min(pixels * (held + works), pixels * held + at_once * works)

    def fitting(free: float) -> float:
        whole = free / (held + works)
        return whole if model.radius is None else max(whole, (free - at_once * works) / held)

    result = f"the result would have {size[1] * factor}×{size[0] * factor} pixels, which need"
    refuse_beyond(result, need, size, lambda free: fitting(free) / factor**2)


def refuse_beyond(what: str, need: float | int, size: tuple[int, int], fitting: Callable) -> None:
    """Refuse work on a picture of `size` (height, width) that needs more bytes than are free.

    Args:
        what: needs them, for the message.
        fitting: from free bytes to the pixels of the largest picture that they suffice for.

    Raises:
        MffcnLiteError: naming the largest picture of this shape that fits.
    """
    free = free_bytes(torch.device("cpu"))
    if free is None or need <= free:
        return
    height, width = (max(1, int(side * (fitting(free) / (size[0] * size[1])) ** 0.5)) for side in size)
    raise MffcnLiteError(
        f"{what} {need / 2**30:,.1f} GB, and {free / 2**30:,.1f} GB of memory are free; "
        f"a picture of at most {width}×{height} pixels would fit"
    )


def _compute(model: SuperResolver, small: Tensor, factor: int, tile: int) -> Iterator[Tensor]:
    small = small.cpu().contiguous()
    channels = small.shape[1]
    to_ycbcr, to_rgb = (torch.from_numpy(m).to(small) for m in (RGB_TO_YCBCR, np.linalg.inv(RGB_TO_YCBCR)))
    colour, luminance = channels > 2, small[:, :1]
    if colour:  # the systems know grey photos, and the eye sees little detail in chroma: bicubic is enough for it
        luminance = torch.einsum("j,bjhw->bhw", to_ycbcr[0], small[:, :3])[:, None]
    restored, step = _restorer(model, luminance, factor, tile)
    height, width = (side * factor for side in small.shape[-2:])
    for top in range(0, height, step):
        bottom = min(height, top + step)
        # On the CPU: a GPU need hold a tile alone.
        band = torch.empty(1, channels, bottom - top, width, dtype=small.dtype, device="cpu")
        for left in range(0, width, step):
            box = top, bottom, left, min(width, left + step)
            part = band[..., left : box[3]]
            part[:, :1] = restored(*box)
            if channels == 1:
                continue
            others = enlarged_part(small, factor, *box)
            if colour:
                chroma = torch.einsum("ij,bjhw->bihw", to_ycbcr[1:], others[:, :3])
                ycbcr = torch.cat([part[:, :1].clamp(0, 1), chroma], dim=1)
                part[:, :3] = torch.einsum("ij,bjhw->bihw", to_rgb, ycbcr)
            if channels in (2, 4):
                part[:, -1:] = others[:, -1:].clamp(0, 1)
        yield band


def _restorer(
    model: SuperResolver, luminance: Tensor, factor: int, tile: int
) -> tuple[Callable[[int, int, int, int], Tensor], int]:
    """(a function from a box of the result to its luminance there, the side of boxes that suit the model)."""
    device = next((t.device for t in model.state_dict().values()), luminance.device)
    sides = luminance.shape[-2:]
    if model.radius is None:
        whole = model.upscale(luminance.to(device), tuple(side * factor for side in sides)).cpu()
        return lambda top, bottom, left, right: whole[..., top:bottom, left:right], tile
    if model.radius == 0:
        return functools.partial(enlarged_part, luminance, factor, upscale=model.upscale), tile
    times = factor if model.works_on == "small" else 1  # how many times larger than what it works on the result is
    # Tiles begin at multiples of the stride, or a strided network would halve them in other places than the whole; so
    # the margin is the radius, rounded up to one.
    step = max(1, tile // (times * model.stride)) * model.stride
    margin = -(-model.radius // model.stride) * model.stride
    ends = [side * factor // times for side in sides]

    def restored(top: int, bottom: int, left: int, right: int) -> Tensor:
        # The tile with its surroundings, and then where the tile lies in them.
        y, x = (max(0, start // times - margin) for start in (top, left))
        below, beyond = (min(end, stop // times + margin) for stop, end in zip((bottom, right), ends, strict=True))
        if times == 1:
            around = enlarged_part(luminance, factor, y, below, x, beyond)
        else:
            around = luminance[..., y:below, x:beyond]
        size = tuple(times * side for side in around.shape[-2:])
        sr = model.restore_given(around.to(device), size, factor).cpu()
        return sr[..., top - y * times : bottom - y * times, left - x * times : right - x * times]

    return restored, step * times


def enlarged_part(
    small: Float[Tensor, "1 channel smallheight smallwidth"],
    factor: int,
    top: int,
    bottom: int,
    left: int,
    right: int,
    upscale: Callable[[Tensor, tuple[int, int]], Tensor] = upsample,
) -> Float[Tensor, "1 channel height width"]:
    """A box of the picture that is `factor` times as large, from that part of `small` alone on which it depends."""
    y, x = (max(0, start // factor - AROUND) for start in (top, left))
    part = small[..., y : -(-bottom // factor) + AROUND, x : -(-right // factor) + AROUND]
    larger = upscale(part, tuple(factor * side for side in part.shape[-2:])).cpu()
    return larger[..., top - y * factor : bottom - y * factor, left - x * factor : right - x * factor]
