"""Which files are pictures that are read, whatever they are called, and how Pillow would read them."""

import io
import re
import struct

from PIL import Image, UnidentifiedImageError

# Of what Pillow opens, these alone: another would start a program (EPS), or is no photo. JPEG holds MPO.
FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "PPM", "AVIF")
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # what one begins with
HEAD = 1 << 16  # bytes in which an AVIF says what it is
# What stands behind "ftyp" in a HEIC.
HEIC = ("heic", "heix", "heim", "heis", "hevc", "hevm", "hevs", "hevx", "mif1", "msf1")


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
    except Unusable as reason:  # of a TIFF, what says how it is to be read may stand at its end
        stream.seek(0)
        head = stream.read(8)
        return "HEIC" in str(reason) or (len(head) == 8 and head.startswith(TIFF))
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


def find_nclx(content: bytes) -> bytes | None:
    """The colours of an AVIF as PNG's cICP has them; None where it says none, or leaves them open."""
    place = content.find(b"colrnclx", 0, HEAD)
    if place < 0:
        return None
    primaries, transfer = struct.unpack_from(">HH", content, place + 8)
    if 2 in (primaries, transfer):  # unspecified
        return None
    return bytes((min(primaries, 255), min(transfer, 255), 0, 1))  # its decoder has undone matrix and range


def check_netpbm(file: Image.Image, content: bytes) -> None:
    """Refuse a Netpbm file that holds more than one picture, or numbers above its largest, which Pillow makes white.

    Raises:
        Unusable: if it does.
    """
    decoder, raw, largest = layout(file)
    numbers, bands = content[file.tile[0][2] :], len(file.getbands())
    if decoder == "ppm_plain":
        another = re.search(rb"\sP[1-7]\s", re.sub(rb"#[^\r\n]*", b"", numbers))
    else:
        bits = 1 if raw.startswith("1") else 16 if ";16" in raw or largest > 255 else 8
        size = file.height * -(-file.width * bands * bits // 8)
        another = re.match(rb"\s*P[1-7]\s", numbers[size:])
        if 0 < largest < 255 and max(numbers[:size], default=0) > largest:
            raise Unusable(f"damaged: holds numbers above its largest, {largest}; copy or save it again")
    if another:
        raise Unusable("several pictures: holds another picture behind the first; save the one that you mean alone")
