"""What a picture file says of its colours, as sRGB: ICC profiles, and PNG's gAMA and cHRM.

A profile of curves and a matrix is computed here, at any depth, since littlecms as Pillow has it knows 8 bits alone;
any other profile is left to it.
"""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped
from PIL import Image, ImageCms

Curve = Callable[[np.ndarray], np.ndarray]  # what is stored, from 0 to 1, to an amount of light
D50 = (0.9642029, 1.0, 0.8249054)  # X, Y, Z of white, to which profiles refer
SRGB = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)  # x and y of white, red, green and blue, as in cHRM
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045, 0.0, 0.0)
GAMMA_OF_SRGB = 0.45455  # a file with this gAMA means sRGB, whose curve is near it
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
ROWS = 64  # of a picture that are converted at a time


def parametric(g: float, a: float, b: float, c: float, d: float, e: float, f: float) -> Curve:
    """The curve (a·x + b)^g + e from d on, and c·x + f below."""
    return lambda x: np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f)


def power(exponent: float) -> Curve:
    """The curve x^exponent."""
    return lambda x: x**exponent


def to_xyz(places: tuple[float, ...]) -> Float[np.ndarray, "3 3"]:
    """From amounts of red, green and blue light to X, Y, Z under D50, for primaries at these x and y (as `SRGB`)."""
    x, y = np.array(places).reshape(4, 2).T
    white, *primaries = np.stack([x / y, np.ones(4), (1 - x - y) / y], axis=1)
    matrix = np.stack(primaries, axis=1)
    cones = BRADFORD @ np.stack([white, D50], axis=1)
    adapted = np.linalg.solve(BRADFORD, (cones[:, 1] / cones[:, 0])[:, None] * BRADFORD)
    return adapted @ (matrix * np.linalg.solve(matrix, white))


# By the numbers of ITU-T H.273: BT.709's and sRGB's, BT.2020's, Display P3's primaries; and curves.
PRIMARIES = {1: SRGB, 9: (0.3127, 0.329, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046)}
PRIMARIES[12] = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
BT_709 = parametric(1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081, 0.0, 0.0)
TRANSFERS = {1: BT_709, 4: power(2.2), 5: power(2.8), 6: BT_709, 8: power(1.0), 13: parametric(*SRGB_CURVE), 14: BT_709}
TRANSFERS[15] = BT_709


@dataclass(frozen=True)
class Colours:
    """What stored numbers mean: a curve a channel, and `matrix` from their light to X, Y, Z (None for grey)."""

    curves: tuple[Curve, ...]
    matrix: Float[np.ndarray, "3 3"] | None

    def convert(self, pixels: Shaped[np.ndarray, "height width channel"]) -> Shaped[np.ndarray, "height width channel"]:
        """Grey or RGB pixels of 8 or 16 bits as sRGB of the same depth; as they are where that is what they are."""
        grey = pixels.shape[2] == 1
        ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], pixels.shape[2], axis=2)
        corners = np.stack(np.meshgrid(*[np.arange(0, 256, 51, dtype=np.uint8)] * pixels.shape[2]), axis=-1)
        sample = np.concatenate([ramp, corners.reshape(-1, 1, pixels.shape[2])])
        change = self._convert(sample, grey).astype(int) - sample
        return pixels if np.abs(change).max() <= 1 else self._convert(pixels, grey)

    def _convert(
        self, pixels: Shaped[np.ndarray, "height width channel"], grey: bool
    ) -> Shaped[np.ndarray, "height width channel"]:
        top = np.iinfo(pixels.dtype).max
        with np.errstate(all="ignore"):  # a damaged curve may go anywhere
            tables = [np.nan_to_num(curve(np.arange(top + 1) / top)).astype(np.float32) for curve in self.curves]
        if grey:  # under a profile for colours, the three channels are equal
            return np.rint(encode(tables[len(tables) // 2]) * top).astype(pixels.dtype)[pixels]
        matrix = np.linalg.solve(to_xyz(SRGB), self.matrix).astype(np.float32)
        result = np.empty_like(pixels)
        for start in range(0, len(pixels), ROWS):
            band = pixels[start : start + ROWS]
            light = np.stack([table[band[..., i]] for i, table in enumerate(tables)], axis=-1) @ matrix.T
            result[start : start + ROWS] = np.rint(encode(light) * top)
        return result


def encode(light: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Amounts of light as sRGB stores them, from 0 to 1; what sRGB cannot show is cut off."""
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def from_png(gamma: float | None, places: tuple[float, ...] | None) -> Colours | None:
    """What PNG's gAMA and cHRM say; sRGB's where one is missing, None where they cannot be."""
    curve = parametric(*SRGB_CURVE)
    if gamma is not None and abs(gamma - GAMMA_OF_SRGB) > 1e-3:
        if not 0.01 < gamma < 100:
            return None
        curve = power(1 / gamma)
    with np.errstate(all="ignore"):
        try:
            matrix = to_xyz(places or SRGB)
        except np.linalg.LinAlgError:
            return None
    return Colours((curve,) * 3, matrix) if np.isfinite(matrix).all() else None


def from_code(code: bytes) -> Colours | None:
    """What the four bytes of PNG's cICP say (ITU-T H.273); None where the range is wider than sRGB's, or unknown."""
    primaries, transfer, matrix, full = code.ljust(4, b"\0")[:4]
    if matrix != 0 or full != 1 or primaries not in PRIMARIES or transfer not in TRANSFERS:
        return None
    return Colours((TRANSFERS[transfer],) * 3, to_xyz(PRIMARIES[primaries]))


def from_profile(profile: bytes) -> Colours | None:
    """What an ICC profile of curves, or of curves and a matrix, says; None where it is another, or damaged."""
    try:
        (count,) = struct.unpack_from(">I", profile, 128)
        entries = (struct.unpack_from(">4sII", profile, 132 + 12 * i) for i in range(min(count, 100)))
        tags = {name: profile[start : start + size] for name, start, size in entries}
        space, reference = profile[16:20], profile[20:24]
        if reference != b"XYZ " or b"A2B0" in tags:  # tables, which go before a matrix
            return None
        if space == b"GRAY":
            return Colours((read_curve(tags[b"kTRC"]),), None)
        if space != b"RGB ":
            return None
        matrix = np.array([struct.unpack_from(">3i", tags[c + b"XYZ"], 8) for c in (b"r", b"g", b"b")]).T / 65536
        return Colours(tuple(read_curve(tags[c + b"TRC"]) for c in (b"r", b"g", b"b")), matrix)
    except (struct.error, ValueError, KeyError):
        return None


def read_curve(tag: bytes) -> Curve:
    """A curve of an ICC profile.

    Raises:
        ValueError, struct.error: if it is damaged.
    """
    kind, _, number = struct.unpack_from(">4sIH", tag)
    if kind == b"para":
        g, *given = (value / 65536 for value in struct.unpack_from(f">{(1, 3, 4, 5, 7)[min(number, 4)]}i", tag, 12))
        a, b, c, d, e, f = (given + [0.0] * 6)[:6]
        if number == 0:
            a = 1.0
        elif number in (1, 2):  # nothing but a constant where the power would be of a negative number
            c, d, e, f = 0.0, -b / a if a else 0.0, c, c
        return parametric(g, a, b, c, d, e, f)
    if kind != b"curv":
        raise ValueError("no curve")
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return lambda x: x
    values = np.frombuffer(tag, ">u2", count, 12)
    if count == 1:
        return power(float(values[0]) / 256)
    return lambda x: np.interp(x, np.linspace(0, 1, count), values / 65535)


def convert_by_tables(picture: Image.Image, profile: bytes | None) -> Image.Image | None:
    """An 8-bit picture as RGB in sRGB, by littlecms; None where the profile cannot be used for it.

    A picture of mode LAB needs no profile.
    """
    try:
        lab = picture.mode == "LAB"
        if picture.mode == "L" and profile and profile[16:20] == b"RGB ":  # a grey picture in colours of equal parts
            picture = picture.convert("RGB")
        source = ImageCms.createProfile("LAB") if lab else ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
        return ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None


def srgb_profile(grey: bool) -> bytes:
    """The ICC profile of sRGB, version 4; of grey pictures with its curve, where `grey`."""

    def fixed(*values: float) -> bytes:
        return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))

    words = "sRGB".encode("utf-16-be")
    text = struct.pack(">4s4xII2s2sII", b"mluc", 1, 12, b"en", b"US", len(words), 28) + words
    curve = struct.pack(">4s4xHH", b"para", 3, 0) + fixed(*SRGB_CURVE[:5])
    tags = {b"desc": text, b"cprt": text, b"wtpt": b"XYZ \0\0\0\0" + fixed(*D50)}
    if grey:
        tags[b"kTRC"] = curve
    else:
        for colour, column in zip((b"r", b"g", b"b"), to_xyz(SRGB).T, strict=True):
            tags |= {colour + b"XYZ": b"XYZ \0\0\0\0" + fixed(*column), colour + b"TRC": curve}
    place, table = 132 + 12 * len(tags), struct.pack(">I", len(tags))
    for name, content in tags.items():
        table += struct.pack(">4sII", name, place, len(content))
        place += len(content)
    head = struct.pack(">I4xI4s4s4s", place, 0x04300000, b"mntr", b"GRAY" if grey else b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s28x", 2000, 1, 1, 0, 0, 0, b"acsp") + fixed(*D50)  # a date must stand there
    return head.ljust(128, b"\0") + table + b"".join(tags.values())
