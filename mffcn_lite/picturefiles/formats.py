"""Which files are pictures that are read, whatever they are called, and how Pillow would read them."""

import io
import re

from PIL import Image, UnidentifiedImageError

# Of what Pillow opens, these alone: another would start a program (EPS), or is no photo. JPEG holds MPO.
FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "PPM", "AVIF")
HEIC = ("heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1")  # what stands behind "ftyp" in such a file


class Unusable(Exception):
    """Why a picture is left out. The reason's first part, up to a colon, is what such pictures are counted by.

    The reader's own say behind it what the file is and what to do, so that its name and that make a sentence.
    """


def identify(stream: io.BufferedIOBase) -> Image.Image:
    """The picture in a file, not decoded yet. What the file is called does not matter.

    Raises:
        Unusable: if it is no picture of a format that is read.
    """
    Image.init()
    try:
        return Image.open(stream, formats=[name for name in FORMATS if name in Image.OPEN])
    except UnidentifiedImageError as error:
        stream.seek(0)
        head = stream.read(12).decode("latin-1")
        what = "HEIC, which is not read" if head[4:8] == "ftyp" and head[8:] in HEIC else "not a picture that is read"
        raise Unusable(f"no picture: is {what}; save it as PNG or JPEG") from error


def is_picture(stream: io.BufferedIOBase) -> bool:
    """Whether a file begins as a picture does, of a format that is read or HEIC.

    Raises:
        OSError: if it cannot be read.
    """
    try:
        identify(stream)
    except Unusable as reason:
        return "HEIC" in str(reason)
    except Image.DecompressionBombError:
        return True
    except Exception as error:  # text that begins like a picture
        if getattr(error, "errno", None) is not None:
            raise
        return False
    return True


def layout(file: Image.Image) -> tuple[str, str, int]:
    """How Pillow would read a file: by which decoder, from which arrangement of bytes, up to which value (0: any)."""
    if not file.tile:
        return "", "", 0
    decoder, _, _, arguments = file.tile[0]
    raw, *others = arguments if isinstance(arguments, tuple) else (arguments,)
    largest = others[-1] if others and decoder.startswith("ppm") else 0
    return decoder, str(raw), largest or 0


def has_another(file: Image.Image, content: bytes) -> bool:
    """Whether behind the numbers of a Netpbm file, as bytes or as words, another picture begins."""
    decoder, raw, largest = layout(file)
    start, bands = file.tile[0][2], len(file.getbands())
    if decoder == "ppm_plain":
        return re.search(rb"\sP[1-7]\s", re.sub(rb"#[^\r\n]*", b"", content[start:])) is not None
    bits = 1 if raw.startswith("1") else 16 if ";16" in raw or largest > 255 else 8
    rows = file.height * -(-file.width * bands * bits // 8)
    return re.match(rb"\s*P[1-7]\s", content[start + rows :]) is not None
