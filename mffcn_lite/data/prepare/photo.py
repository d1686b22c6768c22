"""A photo that may become part of a set, and the one step from its file to its prepared pixels."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from mffcn_lite.data.prepare.alignment import Eyes, Placement, place
from mffcn_lite.data.prepare.sources import read_photo
from mffcn_lite.picturefiles.formats import Unusable


@dataclass(frozen=True)
class Photo:
    """A photo that may become part of a set: where it is, what it is called, who is on it.

    `find_eyes` is called with the picture; it gives the eyes (or None) and a warning (or an empty string), and raises
    `Unusable` where the photo is not what its name says.
    """

    source: str  # its place below the folder of the photos, with / between folders
    path: Path
    name: str
    person: str
    pose: str = ""
    date: str = ""
    find_eyes: Callable[[Image.Image], tuple[Eyes | None, str]] | None = None

    def row(self) -> dict:
        """What the journal, the report and `faces.csv` say of it."""
        return {key: getattr(self, key) for key in ("source", "name", "person", "pose", "date")}


def prepare_photo(photo: Photo, placement: Placement) -> tuple[dict, bytes]:
    """One photo: its row, and its pixels; a row with a `reason` has none."""
    row = photo.row()
    try:
        picture = read_photo(photo.path).image()
        eyes, warning = (None, "") if photo.find_eyes is None else photo.find_eyes(picture)
        source = hashlib.sha256(repr((picture.mode, picture.size)).encode())
        source.update(picture.tobytes())
        placed = place(picture, eyes, placement)
    except Unusable as problem:
        return row | {"reason": str(problem)}, b""
    except MemoryError:
        return row | {"reason": "unreadable: there was not enough memory"}, b""  # another run looks at it again
    pixels = placed.pixels.tobytes()
    row |= {"sha256": hashlib.sha256(pixels).hexdigest(), "source_pixels": source.hexdigest()}
    if placed.eyes is not None:
        row["eyes"] = [[round(value, 3) for value in eye] for eye in placed.eyes]
    row |= {"enlargement": round(placed.enlargement, 4), "outside": round(placed.outside, 4)}
    return row | ({"warning": warning} if warning else {}), pixels
