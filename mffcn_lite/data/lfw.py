"""Labeled Faces in the Wild, prepared once and mapped from then on."""

from pathlib import Path

from mffcn_lite.data.faceset import FaceSet, load_prepared
from mffcn_lite.data.prepare.lfw import CARD, PLACEMENT, check_whole, find_lfw, lfw_photos
from mffcn_lite.data.prepare.preparing import prepare
from mffcn_lite.data.prepare.sources import list_files
from mffcn_lite.errors import check_type


def load_lfw() -> FaceSet:
    """13,233 grey photos of 5,749 people, 128×128: the middle 192 of 250 pixels of each, reduced.

    Prepared at the first call, beside scikit-learn's download, and mapped from there.

    Raises:
        MffcnLiteError: if LFW is not there and cannot be downloaded, or is not whole.
    """
    from sklearn.datasets import get_data_home

    folder = Path(get_data_home()) / "mffcn_lite" / f"lfw-{PLACEMENT.window}"  # earlier ones had another window
    if not folder.exists():
        photos, problems = lfw_photos(list_files(find_lfw()))
        prepare(photos, folder, CARD, PLACEMENT, problems=problems)
    faces = load_prepared(folder)
    counts = faces.card.get("counts")
    check_type(f"counts of {folder / 'card.json'}", counts, dict)
    check_type(f"counts of {folder / 'card.json'}", counts.get("found"), int)
    check_whole(folder, counts["found"])  # what an earlier version made of a part is no LFW either
    return faces
