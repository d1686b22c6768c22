"""Faces: the set in memory, the prepared-set format, the loaders and the splits."""

from pathlib import Path

from mffcn_lite.data.faceset import FaceSet, load_prepared, save_faces
from mffcn_lite.data.lfw import load_lfw
from mffcn_lite.data.orl import load_orl
from mffcn_lite.data.prepare.prepared import refuse_in_book
from mffcn_lite.data.splits import folds_by_person, people_for_training, split_by_person, split_by_photo
from mffcn_lite.errors import MffcnLiteError

__all__ = ["FaceSet", "folds_by_person", "load_faces", "people_for_training", "save_faces"]
__all__ += ["split_by_person", "split_by_photo"]


def load_faces(source: str | Path) -> FaceSet:
    """Load `"orl"`, `"lfw"`, or the prepared set in the folder `source`.

    Raises:
        MffcnLiteError: if there is no such set, it is not complete, or the book is being built and must not show it.
    """
    if source == "orl":
        return load_orl()
    if source == "lfw":
        return load_lfw()
    try:
        found = Path(source).is_dir()
    except OSError:  # no name that a folder can have
        found = False
    if not found:
        raise MffcnLiteError(f'no set of faces "{source}": name "orl", "lfw" or the folder of a prepared set')
    faces = load_prepared(source)
    refuse_in_book(source, faces.card)
    return faces
