"""Picture files of many kinds as bytes, by hand where Pillow writes none: colours of 16 bits, ICC profiles."""

import io
import struct
import zlib

import numpy as np

# X, Y, Z of red, green and blue under D50, as the profiles of Apple and Adobe have them.
DISPLAY_P3 = ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407))
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SRGB_CURVE = struct.pack(
    ">4s4xHH5i", b"para", 3, 0, *(round(65536 * v) for v in (2.4, 0.94787, 0.05213, 0.0774, 0.04045))
)


def noise(*shape, seed=0, dtype=np.uint8):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def encoded(image, kind="PNG", **options):
    """The bytes of a file that Pillow writes."""
    image.save(file := io.BytesIO(), kind, **options)
    return file.getvalue()


def png(width, height, depth, colour, pixels, *chunks, interlaced=0):
    """A PNG from its rows, each with the number of its filter before it; `chunks` are (kind, content)."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")]
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def png16(levels, *chunks, interlaced=False):
    """H×W×C levels of 16 bits as a PNG."""
    height, width, channels = levels.shape
    passes = [levels[y::down, x::across] for x, y, across, down in ADAM7] if interlaced else [levels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for part in passes if part.size for row in part)
    return png(width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], rows, *chunks, interlaced=int(interlaced))


def gamma_curve(gamma):
    """A curve of an ICC profile."""
    return struct.pack(">4s4xIH2x", b"curv", 1, round(256 * gamma))


def profile(space, tags):
    """An ICC profile of version 2; `space` is "RGB ", "GRAY" or "CMYK", and `tags` its content by name."""
    white = {"wtpt": b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)}
    tags = {"desc": b"desc\0\0\0\0\0\0\0\5test\0" + bytes(78), "cprt": b"text\0\0\0\0none\0\0\0\0"} | white | tags
    reference = b"Lab " if "A2B0" in tags else b"XYZ "
    head = struct.pack(">8xI4s4s4s", 0x02400000, b"mntr", space.encode(), reference)
    head += struct.pack(">6H4s28x", 2000, 1, 1, 0, 0, 0, b"acsp") + struct.pack(">3i", 63190, 65536, 54061)
    head = head.ljust(128, b"\0")
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += struct.pack(">4sII", name.encode(), 132 + 12 * len(tags) + len(body), len(content))
        body += content.ljust(-(-len(content) // 4) * 4, b"\0")
    whole = head + table + body
    return struct.pack(">I", len(whole)) + whole[4:]


def rgb_profile(columns, curve):
    """Of curves and a matrix."""
    tags = {
        f"{c}XYZ": b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(65536 * v) for v in column))
        for c, column in zip("rgb", columns, strict=True)
    }
    return profile("RGB ", tags | {f"{c}TRC": curve for c in "rgb"})


def grey_profile(curve):
    """Of a curve alone."""
    return profile("GRAY", {"kTRC": curve})


def table_profile(space):
    """Of a table with two points along each axis, drawn at random: for it there is littlecms alone."""
    inputs = {"RGB ": 3, "CMYK": 4, "GRAY": 1}[space]
    ramp = bytes(range(256))
    table = np.random.default_rng(1).integers(90, 170, (2**inputs, 3), dtype=np.uint8).tobytes()
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lut = b"mft1\0\0\0\0" + bytes((inputs, 3, 2, 0)) + identity + ramp * inputs + table + ramp * 3
    return profile(space, {"A2B0": lut})
