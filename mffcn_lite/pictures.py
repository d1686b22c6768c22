"""Picture files in and out, and one enlarged into another."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from mffcn_lite.context import full_precision
from mffcn_lite.data.prepare.sources import read_photo
from mffcn_lite.device import is_out_of_memory
from mffcn_lite.enlarging import RGB_TO_YCBCR as RGB_TO_YCBCR
from mffcn_lite.enlarging import TILE, check_picture, enlarged_rows, refuse_beyond
from mffcn_lite.errors import MffcnLiteError, check_finite, check_values
from mffcn_lite.files import MADE_FROM, replacing
from mffcn_lite.models import SuperResolver
from mffcn_lite.picturefiles.colour import srgb_profile
from mffcn_lite.picturefiles.decoding import Picture
from mffcn_lite.picturefiles.formats import Unusable
from mffcn_lite.picturefiles.png import write_png
from mffcn_lite.progress import quiet

ROWS = 64  # of a picture that are rounded and packed at a time
BEYOND = 1  # how far out of [0, 1] a picture may be; farther is no overshoot, but another range


def read_picture(path: str | Path) -> Float[Tensor, "1 channel height width"]:
    """A picture file as floats in [0, 1], upright and in sRGB: C = 1 is grey, C = 3 RGB; 2 and 4 have alpha behind it.

    Raises:
        MffcnLiteError: if the file is missing, empty, no picture, cut short, too large, or holds several.
    """
    with memory_for(path):
        return _floats(_read(path), path)


def _read(path: str | Path) -> Picture:
    if not os.path.isfile(path):  # false also where the name is too long to be asked for
        raise MffcnLiteError(f"{path} is a folder, not a picture" if os.path.isdir(path) else f"no such file: {path}")
    try:
        # Pillow warns of damaged EXIF data and of large pictures: the first is no matter, the second is refused.
        with quiet:
            return read_photo(Path(path))
    except Unusable as reason:
        raise MffcnLiteError(f"{path} {str(reason).partition(': ')[2]}") from reason


@contextlib.contextmanager
def memory_for(path: str | Path) -> Iterator[None]:
    """Turn an error for want of memory into a sentence: others may have taken some since it was looked at."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise MffcnLiteError(f"{path} is too large for the memory that is free; make it smaller") from error


def _floats(picture: Picture, path: str | Path) -> Float[Tensor, "1 channel height width"]:
    planes = [*picture.pixels.transpose(2, 0, 1), *([] if picture.alpha is None else [picture.alpha])]
    size, each = planes[0].shape, 4 * (len(planes) + 2)  # bytes a pixel: two more planes for the one that is converted
    refuse_beyond(f"{path} needs as floats", size[0] * size[1] * each, size, lambda free: free / each)
    floats = torch.empty(1, len(planes), *planes[0].shape, dtype=torch.float32, device="cpu")
    for i, plane in enumerate(planes):
        floats[0, i] = torch.from_numpy(plane.astype(np.float32)) / np.iinfo(plane.dtype).max
    return floats


def write_picture(
    picture: Float[Tensor, "1 channel height width"], path: str | Path, deep: bool = False, srgb: bool = False
) -> None:
    """Write floats in [0, 1] as PNG, clamped and rounded to 8 bits, or 16 where `deep`, beside and renamed.

    C = 1 is grey, C = 3 RGB; 2 and 4 have alpha behind it. With `srgb` the file says that its colours are sRGB's.

    Raises:
        MffcnLiteError: if it is no such picture or not in [0, 1], or the file cannot be written.
    """
    check_picture("picture", picture)
    _, channels, height, width = picture.shape
    _write(path, [picture], (height, width, channels), deep, srgb)


def check_replaceable(path: str | Path, made_from: str, overwrite: bool = False) -> None:
    """Refuse to write over a file that says another `made_from` than this, or none.

    Raises:
        MffcnLiteError: if there is one; the message names --overwrite.
    """
    if not overwrite and os.path.isfile(path) and not is_made_from(path, made_from):
        raise MffcnLiteError(f"{path} exists, and was not made from the same; name another place, or add --overwrite")


def is_made_from(path: str | Path, made_from: str) -> bool:
    """Whether `path` is a PNG that says this `made_from`."""
    if not os.path.isfile(path):  # a pipe would never end
        return False
    with contextlib.suppress(Exception), Image.open(path, formats=["PNG"]) as found:  # decoders raise whatever there is
        return found.info.get(MADE_FROM) == made_from
    return False


def _write(
    path: str | Path, bands: Iterable[Tensor], shape: tuple[int, int, int], deep: bool, srgb: bool, made_from: str = ""
) -> None:
    """Write a picture of `shape` (height, width, channels) from its rows, 1×C×H×W floats, some at a time."""

    def whole_numbers() -> Iterator[np.ndarray]:
        for rows in (rows for band in bands for rows in band.split(ROWS, dim=2)):
            low, high = check_finite(f"the picture for {path}", rows)
            if low < -BEYOND or high > 1 + BEYOND:
                reach = f"reaches from {low:.4g} to {high:.4g}"
                raise MffcnLiteError(f"the picture for {path} {reach}, beyond 0 to 1; divide levels by the largest")
            levels = rows[0].detach().float().clamp(0, 1) * (65535 if deep else 255)
            yield levels.round().permute(1, 2, 0).cpu().numpy()

    profile = srgb_profile(shape[2] < 3) if srgb else None
    with replacing(path) as temporary, temporary.open("wb") as file:
        write_png(file, whole_numbers(), shape, deep, profile, {MADE_FROM: made_from} if made_from else {})


@full_precision
@torch.no_grad()
def enlarge(
    model: SuperResolver, small: Float[Tensor, "1 channel smallheight smallwidth"], factor: int, tile: int = TILE
) -> Float[Tensor, "1 channel height width"]:
    """`small` enlarged `factor` times: luminance by `model`, chroma and alpha by bicubic interpolation.

    C = 1 is grey, C = 3 RGB; 2 and 4 have alpha behind it. A network works on tiles of about `tile` pixels that overlap
    by its radius, on its own device; the result equals that of the whole picture at once. A system without a radius
    gets the whole. Not clamped, but for alpha and the luminance of a colour picture.

    Warns:
        UserWarning: if values lie outside [0, 1]: divide pixels of 0 to 255 by 255.

    Raises:
        MffcnLiteError: if it is no single picture or holds what is not finite, the factor is not one of the model's,
            the picture is smaller than it, or there is no memory for the result.
    """
    check_picture("small", small)
    check_values("small", small)
    rows = enlarged_rows(model, small, factor, tile, 4 * small.shape[1])
    _, channels, height, width = small.shape
    result, top = torch.empty(1, channels, height * factor, width * factor, dtype=small.dtype, device="cpu"), 0
    for band in rows:
        result[..., top : top + band.shape[2], :] = band
        top += band.shape[2]
    return result


@full_precision
@torch.no_grad()
def enlarge_file(
    model: SuperResolver, source: str | Path, target: str | Path, factor: int, made_from: str = ""
) -> None:
    """Write the picture file `source`, enlarged `factor` times as by `enlarge`, as the PNG `target`.

    It has 16 bits where `source` has more than 8, transparency where that has it, and says that its colours are sRGB's
    where that says what they are. Rows are written as they come: only the system itself holds more than `source`.

    Args:
        made_from: a word that `target` keeps, for `check_replaceable`.

    Raises:
        MffcnLiteError: see `read_picture`, `enlarge` and `write_picture`.
    """
    with memory_for(source):
        picture = _read(source)
        deep, srgb, small = picture.pixels.dtype == np.uint16, picture.tagged, _floats(picture, source)
        del picture
        try:
            _, channels, height, width = small.shape
            rows = enlarged_rows(model, small, factor, TILE, channels << deep)
            _write(target, rows, (height * factor, width * factor, channels), deep, srgb, made_from)
        except MffcnLiteError as error:
            raise MffcnLiteError(f"{source}: {error}") from error
