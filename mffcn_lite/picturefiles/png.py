"""A PNG written row by row: Pillow writes no colours of 16 bits, and wants the whole picture at once. And its parts."""

import io
import struct
import zlib
from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Shaped

from mffcn_lite.picturefiles.formats import Unusable

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by the number of channels: grey, with alpha, RGB, with alpha
ADAM7 = (  # the seven pictures of an interlaced one: first column and row, steps across and down
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)
PIECE = 1 << 16  # bytes that are unpacked at a time
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


def chunks(content: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """(kind, content) of each part of a PNG, as far as it goes."""
    view, place = memoryview(content), 8
    while place + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        yield kind, view[place + 8 : place + 8 + length]
        place += 12 + length


def find_chunk(content: bytes, kind: bytes) -> bytes | None:
    """What stands in the first part of that kind, before the picture itself; None where there is none."""
    for found, inside in chunks(content):
        if found == kind:
            return bytes(inside)
        if found == b"IDAT":
            return None
    return None


def check_rows(content: bytes) -> None:
    """Refuse a PNG whose rows are fewer than its header says: Pillow makes the others black, without a word.

    Raises:
        Unusable: if they are.
    """
    width, height, bits, kind, _, _, interlaced = struct.unpack(">IIBBBBB", find_chunk(content, b"IHDR"))
    pixel = bits * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    need = 0
    for left, top, across, down in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        need += rows * (1 + -(-columns * pixel // 8)) if columns > 0 < rows else 0
    unpacker = zlib.decompressobj()
    for found, inside in chunks(content):
        for start in range(0, len(inside), PIECE) if found == b"IDAT" else ():
            need -= len(unpacker.decompress(inside[start : start + PIECE]))
            if need <= 0:
                return
    if need > 0:
        raise Unusable("cut short: holds fewer rows than it says; copy or save it again")
