"""Faces: the set in memory, the prepared-set format, the loaders and the splits."""

import os
from pathlib import Path

from mffcn_lite.data.faceset import FaceSet, load_prepared, save_faces
from mffcn_lite.data.prepare.prepared import refuse_in_book
from mffcn_lite.data.splits import folds_by_person, people_for_training, split_by_person, split_by_photo
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.shipped import find

__all__ = ["FaceSet", "folds_by_person", "load_faces", "people_for_training", "save_faces"]
__all__ += ["split_by_person", "split_by_photo"]

# Every set that is known by name. To add one, add a line.
SETS = {"orl": "mffcn_lite.data.orl:load_orl", "lfw": "mffcn_lite.data.lfw:load_lfw"}

ORL = "orl:"  # before the place of a copy of that database


def from_anywhere(source: str) -> str:
    """What `load_faces` finds the same set by from any folder: the places in it are absolute."""
    if source in SETS:
        return source
    place = source.removeprefix(ORL)
    return source.removesuffix(place) + os.path.abspath(place)


def load_faces(source: str | Path) -> FaceSet:
    """Load one of `SETS`, such as `"orl"`, or the prepared set in the folder `source`.

    `"orl:/folder"` takes the ORL photos from a folder or a zip of the database, and the same hash is checked.

    Raises:
        MffcnLiteError: if there is no such set, it is not complete, or the book is being built and must not show it.
    """
    if source in SETS:
        return find(SETS[source])()
    if str(source).startswith(ORL):
        return find(SETS["orl"])(str(source).removeprefix(ORL))
    try:
        found = Path(source).is_dir()
    except OSError:  # no name that a folder can have
        found = False
    if not found:
        names = ", ".join(f'"{name}"' for name in SETS)
        raise MffcnLiteError(f'no set of faces "{source}": name {names} or the folder of a prepared set')
    faces = load_prepared(source)
    refuse_in_book(source, faces.card)
    return faces
