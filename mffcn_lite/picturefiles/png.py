"""A PNG written row by row: Pillow writes no colours of 16 bits, and wants the whole picture at once."""

import io
import struct
import zlib
from collections.abc import Iterable

import numpy as np
from jaxtyping import Shaped

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by the number of channels: grey, with alpha, RGB, with alpha
UP = 2  # the filter: each byte less the one above it


def write_png(
    file: io.BufferedIOBase,
    bands: Iterable[Shaped[np.ndarray, "_ width channel"]],
    shape: tuple[int, int, int],
    deep: bool,
    profile: bytes | None = None,
    text: dict[str, str] | None = None,
) -> None:
    """Write a PNG of `shape` (height, width, channels) from its rows, some at a time.

    Args:
        bands: whole numbers, up to 255, or up to 65,535 where `deep`.
        profile: an ICC profile.
        text: what else the file says, by keywords.
    """
    height, width, channels = shape
    header = struct.pack(">IIBBBBB", width, height, 8 << deep, COLOUR_TYPES[channels], 0, 0, 0)
    file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header))
    if profile is not None:
        file.write(chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(profile)))
    for keyword, content in (text or {}).items():
        file.write(chunk(b"tEXt", f"{keyword}\0{content}".encode("latin-1")))
    packer, above = zlib.compressobj(), np.zeros((1, width * channels << deep), np.uint8)
    for band in bands:
        rows = np.ascontiguousarray(band, dtype=">u2" if deep else np.uint8).reshape(len(band), -1).view(np.uint8)
        filtered = np.full((len(rows), 1 + rows.shape[1]), UP, np.uint8)
        filtered[:, 1:] = rows - np.concatenate([above, rows[:-1]])  # modulo 256
        above = rows[-1:]
        file.write(chunk(b"IDAT", packer.compress(filtered.tobytes())))
    file.write(chunk(b"IDAT", packer.flush()) + chunk(b"IEND", b""))


def chunk(kind: bytes, content: bytes) -> bytes:
    """A part of a PNG: its length, kind, content and checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
