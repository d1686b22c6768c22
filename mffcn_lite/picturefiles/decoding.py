"""One reader of pictures, for `reconstruct` and for prepared sets: what a file holds, as upright sRGB pixels."""

import io
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Shaped
from PIL import ExifTags, Image
from scipy import ndimage

from mffcn_lite.picturefiles import colour
from mffcn_lite.picturefiles.deep import has_16_bits, read_16_bits
from mffcn_lite.picturefiles.formats import Unusable, check_netpbm, find_nclx, identify, layout
from mffcn_lite.picturefiles.png import check_rows, find_chunk

MAX_PIXELS = 80_000_000
TIFF_KIND, TIFF_PLANES, TIFF_SIGNS = 254, 284, 339  # numbers of TIFF's tags
TRANSPOSED = {  # by EXIF's orientation
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


@dataclass(frozen=True)
class Picture:
    """What a file holds.

    Attributes:
        pixels: uint8 or uint16, H×W×C in sRGB, upright; C = 1 is grey, C = 3 colour. What is wholly transparent has the
            colour of the nearest pixel that is not.
        alpha: of the same kind, H×W, 0 where it is transparent; None where the file does not say.
        tagged: whether the file says what its colours are.
    """

    pixels: Shaped[np.ndarray, "height width channel"]
    alpha: Shaped[np.ndarray, "height width"] | None
    tagged: bool

    def image(self) -> Image.Image:
        """Its 8-bit pixels without transparency, in mode L or RGB."""
        pixels = to_8_bits(self.pixels)
        return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def to_8_bits(pixels: Shaped[np.ndarray, "*shape"]) -> Shaped[np.ndarray, "*shape"]:
    """uint16 rounded to uint8, and uint8 as it is."""
    return pixels if pixels.dtype == np.uint8 else ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def decode(content: bytes) -> Picture:
    """The picture in a file's bytes.

    Raises:
        Unusable: if there is none, or several, or it is damaged, cut short or far too large.
        MemoryError: if it is too large for the memory.
    """
    try:
        file = identify(io.BytesIO(content))
        deep = has_16_bits(file)
        _refuse(file, deep, content)
        pixels, alpha, tagged = read_16_bits(file, content) if deep else _read_8_bits(file)
        if file.format == "PNG":
            check_rows(content)
        if tagged is None:
            pixels, tagged = _to_srgb(file, pixels, content)
        if alpha is not None and pixels.dtype == np.uint8:
            alpha = to_8_bits(alpha)
        turn = TRANSPOSED.get(_orientation(file), lambda a: a)
        pixels, alpha = (None if a is None else np.ascontiguousarray(turn(a)) for a in (pixels, alpha))
        return Picture(pixels if alpha is None else _fill(pixels, alpha == 0), alpha, tagged)
    except (Unusable, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise _too_large() from error
    except Exception as error:  # on a damaged file, its decoders raise whatever there is
        # Pillow's bound on text and profiles, so that a small file is no bomb.
        if content.startswith(b"\x89PNG") and "too large" in str(error).lower():
            raise Unusable("too large inside: has a text or profile of over 1 MB; save it without") from error
        words = " ".join(str(error).split()) or type(error).__name__
        raise Unusable(f"damaged: cannot be read as a picture ({words}); copy or save it again") from error


def _too_large(size: str = "") -> Unusable:
    return Unusable(f"decompression bomb: is too large{size}; make it smaller than {MAX_PIXELS:,} pixels in all")


def _refuse(file: Image.Image, deep: bool, content: bytes) -> None:
    """Raise for what cannot be read rightly, as far as it is known without decoding."""
    if file.width * file.height > MAX_PIXELS:
        raise _too_large(f" ({file.width}×{file.height} pixels)")
    tags = file.tag_v2 if file.format == "TIFF" else {}
    if tags.get(TIFF_KIND, 0) & 1:
        raise Unusable("preview: holds a small picture first, as raw files do; save the photo as PNG or JPEG")
    # The further ones of a telephone's MPO are the same photo, smaller or in depth.
    if file.format != "MPO" and (count := getattr(file, "n_frames", 1)) > 1:
        raise Unusable(f"several pictures: holds {count} pictures; save the one that you mean alone")
    if file.format == "PPM":
        check_netpbm(file, content)
    signed = max(tags.get(TIFF_SIGNS, (1,))) > 1
    if signed or (deep and tags.get(TIFF_PLANES) == 2) or (not deep and file.mode in ("I", "F")):
        raise Unusable(f"unknown numbers: holds numbers of the kind {file.mode}, not 8 bits or 16; save it with 8 bits")


def _read_8_bits(file: Image.Image) -> tuple[np.ndarray, np.ndarray | None, bool | None]:
    """(pixels H×W×C, alpha H×W, whether the file says what its colours are: None where nobody has looked)."""
    _, raw, _ = layout(file)
    file.load()
    if file.mode in ("CMYK", "LAB"):
        converted = colour.convert_by_tables(file, file.info.get("icc_profile"))
        return np.asarray(converted or file.convert("RGB")), None, converted is not None
    if file.mode == "P" and file.getextrema()[1] >= len(file.palette.palette) // len(file.palette.mode):
        raise Unusable("damaged: has pixels of colours beyond its palette; copy or save it again")
    key = file.info.get("transparency")
    if file.mode in ("1", "L") and isinstance(key, int):
        # Pillow spreads the values of few bits over 0 to 255, but not the one that is transparent.
        file.info["transparency"] = min(255, key * {"1": 255, "L;2": 85, "L;4": 17}.get(raw, 1))
    grey, clear = file.mode in ("1", "L", "LA", "La"), file.has_transparency_data
    pixels = np.asarray(file.convert(("L" if grey else "RGB") + "A" * clear)).reshape(file.height, file.width, -1)
    return (pixels[..., :-1], pixels[..., -1], None) if clear else (pixels, None, None)


def _to_srgb(file: Image.Image, pixels: np.ndarray, content: bytes) -> tuple[np.ndarray, bool]:
    """(grey or RGB pixels as sRGB, whether the file says what they are); a damaged profile says nothing."""
    profile, code = file.info.get("icc_profile"), None
    if file.format == "PNG":
        code = find_chunk(content, b"cICP")
    elif file.format == "AVIF" and not profile:
        code = find_nclx(content)
    if code is not None:  # goes before all others
        said = colour.from_code(code)
        if said is None:
            raise Unusable("high dynamic range: has colours of a wider range than sRGB's; save it as sRGB")
    elif profile:
        said = colour.from_profile(profile)
        if said is None:
            converted = colour.convert_by_tables(Picture(pixels, None, True).image(), profile)
            if converted is None:
                return pixels, False
            converted = converted.convert("L" if pixels.shape[2] == 1 else "RGB")
            return np.asarray(converted).reshape(pixels.shape), True
        if said.matrix is None and pixels.shape[2] == 3:  # a grey profile in a colour picture says nothing
            return pixels, False
    elif file.format == "PNG" and "srgb" not in file.info and {"gamma", "chromaticity"} & file.info.keys():
        said = colour.from_png(file.info.get("gamma"), file.info.get("chromaticity"))
    else:
        return pixels, "srgb" in file.info
    return (pixels, False) if said is None else (said.convert(pixels), True)


def _orientation(file: Image.Image) -> int:
    """EXIF's; 1 where it is upright, its data are damaged, or Pillow has turned it, as it turns a TIFF."""
    try:
        return 1 if file.format == "TIFF" else file.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # as from decoders, whatever there is
        return 1


def _fill(
    pixels: Shaped[np.ndarray, "height width channel"], hidden: Bool[np.ndarray, "height width"]
) -> Shaped[np.ndarray, "height width channel"]:
    """`pixels` with those that are `hidden` like the nearest that is not; grey where there is none."""
    if not hidden.any():
        return pixels
    if hidden.all():
        return np.full_like(pixels, np.iinfo(pixels.dtype).max // 2 + 1)
    nearest = ndimage.distance_transform_edt(hidden, return_distances=False, return_indices=True)
    return pixels[tuple(nearest)]
