"""A face put at its place in a square, by its eyes or as the centre of its photo.

Coordinates are x and y in pixels; 0, 0 is the centre of the top left pixel.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from mffcn_lite.data.prepare.warping import source_places, warp
from mffcn_lite.errors import MffcnLiteError, check_number, check_word
from mffcn_lite.picturefiles.formats import Unusable

Point = tuple[float, float]
Eyes = tuple[Point, Point]  # the one on the left of the picture first

# Where the eyes go, as parts of 128 pixels. "csu" is that of CSU's evaluation system, the one convention for FERET at
# 128×128 that was found; "tight" shows little beside the face.
EYE_PLACES = {"csu": ((52.0, 64.0), (76.0, 64.0)), "tight": ((40.0, 48.0), (87.0, 48.0))}
ALIGNMENTS = ("eyes", "crop", "none")
WITHOUT_EYES = ("skip", "crop")
MAX_SIZE = 1024
SMALLEST = 16  # pixels of a photo's shorter side; a face in fewer is none


@dataclass(frozen=True)
class Placement:
    """How a photo becomes a square of `size`×`size` pixels.

    Attributes:
        size: pixels a side of the prepared photo.
        align: `"eyes"` turns, shifts and scales the photo so that its eyes are at `eyes`; `"crop"` takes the square in
            its centre; `"none"` squeezes the whole photo into the square.
        eyes: where the eyes go, image-left first, in pixels of the prepared photo.
        no_eyes: what happens to a photo without eyes under `align="eyes"`: `"skip"` or `"crop"`.
        window: pixels a side of the square that `"crop"` takes; None is the largest that there is.
        color: three channels instead of one; grey is BT.601's luma.

    Raises:
        MffcnLiteError: if a value is out of its range.
    """

    size: int = 128
    align: str = "eyes"
    eyes: Eyes = EYE_PLACES["csu"]
    no_eyes: str = "skip"
    window: int | None = None
    color: bool = False

    def __post_init__(self):
        check_word("align", self.align, ALIGNMENTS)
        check_word("no_eyes", self.no_eyes, WITHOUT_EYES)
        check_number("size", self.size, at_least=8, at_most=MAX_SIZE, whole=True)
        check_number("window", self.window, at_least=8, whole=True, none=True)
        (left_x, _), (right_x, _) = self.eyes
        inside = all(0 <= value <= self.size - 1 for eye in self.eyes for value in eye)
        if self.align == "eyes" and (not inside or right_x - left_x < 2):
            raise MffcnLiteError(
                f"eyes (={self.eyes}) must be two places within {self.size}×{self.size} pixels, "
                "the left one first and at least 2 pixels from the other"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of a prepared photo, C×H×W."""
        return 3 if self.color else 1, self.size, self.size


def parse_eyes(text: str, size: int) -> Eyes:
    """`csu`, `tight` or four numbers, as places in a square of `size` pixels.

    The named places are parts of 128 pixels and grow with `size`; numbers are taken as they are.

    Raises:
        MffcnLiteError: if the text is neither.
    """
    if text in EYE_PLACES:
        # Pixel centres: the middle of a square of 128 is 63.5.
        (a, b), (c, d) = ((((x + 0.5) * size / 128 - 0.5, (y + 0.5) * size / 128 - 0.5)) for x, y in EYE_PLACES[text])
        return (a, b), (c, d)
    try:
        a, b, c, d = (float(part) for part in text.split(","))
    except ValueError as error:
        names = ", ".join(EYE_PLACES)
        raise MffcnLiteError(f'--eyes {text}: write {names} or four numbers such as "52,64,76,64"') from error
    return (a, b), (c, d)


def check_eyes(eyes: Eyes, width: int, height: int) -> Eyes:
    """`eyes`, the one on the left of the picture first.

    Raises:
        Unusable: if they cannot be those of an upright face in a photo of this size.
    """
    (left_x, left_y), (right_x, right_y) = left, right = sorted(eyes)
    if not all(0 <= x <= width - 1 and 0 <= y <= height - 1 for x, y in eyes):
        raise Unusable(f"eyes that cannot be: {left} and {right} are not both within {width}×{height} pixels")
    if right_x - left_x < max(4.0, abs(right_y - left_y)):
        raise Unusable(f"eyes that cannot be: {left} and {right} are no two eyes of an upright face")
    return left, right


def eyes_matrix(eyes: Eyes, places: Eyes) -> Float[np.ndarray, "2 3"]:
    """The similarity that takes a place in the prepared photo to one in the source, as a matrix for (x, y, 1)."""
    (a, b), (c, d) = (complex(*point) for point in eyes), (complex(*point) for point in places)
    turn = (b - a) / (d - c)  # a complex number turns and scales
    shift = a - turn * c
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def crop_matrix(width: int, height: int, size: int, window: int | None, whole: bool) -> Float[np.ndarray, "2 3"]:
    """As `eyes_matrix`: the square in the centre, or (`whole`) all of the photo, squeezed.

    Raises:
        Unusable: if the photo is smaller than the window.
    """
    side = window or min(width, height)
    if side > min(width, height):
        raise Unusable(f"too small: {width}×{height} pixels, and a square of {side} is cut out")
    across, down = (width, height) if whole else (side, side)
    x, y = across / size, down / size
    # Borders, not centres, of first pixels coincide.
    return np.array([[x, 0, (width - across + x - 1) / 2], [0, y, (height - down + y - 1) / 2]], dtype=float)


@dataclass(frozen=True)
class Placed:
    """A prepared photo: `pixels` C×size×size, `eyes` in it (None where unknown or outside), and what it took.

    `enlargement` is the number of prepared pixels a source pixel became, a side; above 1 the photo has less detail than
    its size promises. `outside` is the share of the prepared photo that lies beyond the source's border, which is
    repeated there.
    """

    pixels: UInt8[np.ndarray, "channel size size"]
    eyes: Eyes | None
    enlargement: float
    outside: float


def place(picture: Image.Image, eyes: Eyes | None, placement: Placement) -> Placed:
    """Put a face at its place: an 8-bit picture and its eyes, if they are known, by `placement`.

    Raises:
        Unusable: if the eyes are missing or cannot be, or the photo is too small.
    """
    width, height = picture.size
    size = placement.size
    if min(width, height) < SMALLEST:
        raise Unusable(f"too small: {width}×{height} pixels")
    if eyes is not None:
        eyes = check_eyes(eyes, width, height)
    if placement.align == "eyes" and eyes is not None:
        matrix = eyes_matrix(eyes, placement.eyes)
    elif placement.align == "eyes" and placement.no_eyes == "skip":
        raise Unusable("no eye coordinates")
    else:
        matrix = crop_matrix(width, height, size, placement.window, whole=placement.align == "none")
    picture = picture.convert("RGB" if placement.color else "L")  # PIL's grey is BT.601's luma
    planes = np.asarray(picture).reshape(height, width, -1)
    pixels = np.stack([warp(planes[..., i], matrix, size) for i in range(planes.shape[2])])
    x, y = source_places(matrix, size)
    outside = (x < -0.5) | (x > width - 0.5) | (y < -0.5) | (y > height - 0.5)
    placed = None
    if eyes is not None:
        at = np.linalg.solve(matrix[:, :2], np.array(eyes).T - matrix[:, 2:])
        if (at >= 0).all() and (at <= size - 1).all():
            (a, c), (b, d) = at.tolist()
            placed = ((a, b), (c, d))
    scale = min(np.hypot(*row[:2]) for row in matrix)
    return Placed(np.rint(pixels).clip(0, 255).astype(np.uint8), placed, float(1 / scale), float(outside.mean()))
