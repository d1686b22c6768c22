"""Faces: the set in memory, the prepared-set format, the loaders and the splits."""

from pathlib import Path

from mffcn_lite.data.faceset import FaceSet, load_prepared, save_faces
from mffcn_lite.data.orl import load_orl
from mffcn_lite.data.splits import split_by_person, split_by_photo
from mffcn_lite.errors import MffcnLiteError

__all__ = ["FaceSet", "load_faces", "save_faces", "split_by_person", "split_by_photo"]


def load_faces(source: str | Path) -> FaceSet:
    """Load `"orl"`, or the prepared set in the folder `source`.

    Raises:
        MffcnLiteError: if there is no such set, or it is not complete.
    """
    if source == "orl":
        return load_orl()
    try:
        found = Path(source).is_dir()
    except OSError:  # no name that a folder can have
        found = False
    if not found:
        raise MffcnLiteError(f'no set of faces "{source}": name "orl" or the folder of a prepared set')
    return load_prepared(source)
