"""Pictures with more than 8 bits a channel, of which Pillow reads grey ones alone."""

import io
import math
import re
import sys

import numpy as np
from jaxtyping import UInt8, UInt16
from PIL import Image

from mffcn_lite.picturefiles.formats import Unusable, identify, layout

TIFF_BITS, TIFF_WHITE_IS = 258, 262  # numbers of TIFF's tags
OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}  # of bytes, in Pillow's raw modes


def has_16_bits(file: Image.Image) -> bool:
    """Whether a channel has more than 8 bits. Pillow cuts those of colours off without a word; CMYK is left to it."""
    if file.format == "TIFF":
        return max(file.tag_v2.get(TIFF_BITS, (1,))) in (12, 16) and file.mode not in ("I", "F", "CMYK")
    _, raw, largest = layout(file)
    return (";16" in raw and not raw.startswith("BGR")) or largest > 255  # "BGR;16" has 16 bits a pixel


def read_16_bits(file: Image.Image, content: bytes) -> tuple[np.ndarray, np.ndarray | None, None]:
    """(pixels H×W×C, alpha H×W or None, None), uint16, as they are stored: as `decoding` reads 8 bits."""
    (decoder, raw, largest), offset, mode = layout(file), file.tile[0][2], file.mode
    if largest:
        pixels = _read_ppm(content[offset:], decoder, largest, (file.height, file.width, 1 if mode == "I" else 3))
    elif mode.startswith("I"):
        file.load()
        pixels = np.asarray(file).astype(np.uint16)[..., None]
        if file.format == "TIFF":
            (bits,) = file.tag_v2[TIFF_BITS]
            pixels = np.rint(pixels * (65535 / (2**bits - 1))).astype(np.uint16)
            pixels = 65535 - pixels if file.tag_v2.get(TIFF_WHITE_IS) == 0 else pixels
    elif raw == "LA;16B":  # grey and alpha: as many bytes as of RGBA
        pixels = _reread(content, "RGBA").view(">u2").astype(np.uint16)
    else:
        # Pillow keeps the high bytes. Told the other order of bytes, it keeps the low ones.
        start, order = raw[:-1].replace("RGBa", "RGBA"), raw[-1]
        high, low = (_reread(content, start + o) for o in (order, OTHER_ORDER[order]))
        pixels = high.astype(np.uint16) * 256 + low
        pixels = pixels[..., :3] if mode == "RGBX" else pixels
    if pixels.shape[2] in (2, 4):
        pixels, alpha = pixels[..., :-1], pixels[..., -1]
        if "RGBa" in raw:  # colours that were multiplied by it
            pixels = np.rint(pixels * (65535 / alpha.clip(1))[..., None]).clip(0, 65535).astype(np.uint16)
        return pixels, alpha, None
    key = file.info.get("transparency")
    alpha = None if key is None else np.where((pixels == np.array(key)).all(-1), 0, 65535).astype(np.uint16)
    return pixels, alpha, None


def _reread(content: bytes, raw: str) -> UInt8[np.ndarray, "height width channel"]:
    """The file once more, its bytes taken to be arranged as `raw` (a raw mode of Pillow's)."""
    file = identify(io.BytesIO(content))
    tiles = []
    for tile in file.tile:
        decoder, extents, offset, arguments = tile
        changed = decoder, extents, offset, (raw, *arguments[1:]) if isinstance(arguments, tuple) else raw
        tiles.append(tile._make(changed) if hasattr(tile, "_make") else changed)  # before Pillow 11, a plain tuple
    file.tile = tiles
    file.load()
    return np.array(file)


def _read_ppm(
    content: bytes, decoder: str, largest: int, shape: tuple[int, int, int]
) -> UInt16[np.ndarray, "height width channel"]:
    """The numbers of a PPM or PGM whose largest value takes two bytes; `content` is what follows its header."""
    if decoder == "ppm_plain":
        words = re.sub(rb"#[^\r\n]*", b"", content).split()[: math.prod(shape)]
        if not all(word.isdigit() and len(word) < 10 for word in words):
            raise Unusable("damaged: holds words that are no numbers; copy or save it again")
        values = np.array(words, dtype=float)
    else:
        values = np.frombuffer(content, ">u2", math.prod(shape))
    if values.max(initial=0) > largest:
        raise Unusable(f"damaged: holds numbers above its largest, {largest}; copy or save it again")
    return np.rint(values.reshape(shape) * (65535 / largest)).clip(0, 65535).astype(np.uint16)
