"""Sets of photos that are not in the project: experiments measure on them, and keep numbers alone."""

import os
import sys
from pathlib import Path

from mffcn_lite.data import FaceSet, load_faces

PLACE = "MFFCN_LITE_SETS"  # the folder that holds them
FOLDERS = {"portraits": "portraits", "lfw": "lfw-frontal", "set5": "set5", "set14": "set14"}
HOW = {
    "portraits": "mffcn-lite prepare portraits makes it",
    "lfw": "mffcn-lite prepare lfw makes one like it",
    "set5": "it holds the five pictures as PNG",
    "set14": "it holds the fourteen pictures as PNG",
}


def folder_of(name: str) -> Path:
    """Where the set `name` lies.

    Raises:
        SystemExit: if it isn't there; with one sentence that says what to do.
    """
    place = os.environ.get(PLACE)
    if place is None:
        sys.exit(
            f"{name} is not part of the project: set {PLACE} to the folder that holds {FOLDERS[name]} ({HOW[name]})"
        )
    folder = Path(place, FOLDERS[name])
    if not folder.is_dir():
        sys.exit(f"{folder} is missing ({HOW[name]}); {PLACE} names the folder that holds it")
    return folder


def is_here(name: str) -> bool:
    """Whether the set can be found."""
    return PLACE in os.environ and Path(os.environ[PLACE], FOLDERS[name]).is_dir()


def load_set(name: str) -> FaceSet:
    """ORL, or one of the sets that aren't part of the project.

    Raises:
        SystemExit: see `folder_of`.
    """
    return load_faces(name if name == "orl" else folder_of(name))


def source_of(photo: str) -> str:
    """Where a portrait comes from, by its name: `gpo-guide` of `A000014/gpo-guide_A000014.png`."""
    return photo.rpartition("/")[2].split("_")[0]


def described(name: str, faces: FaceSet) -> dict:
    """What a result says of a set: its hash and its counts, no photo and no name of a person."""
    digest = faces.card.get("images_sha256") or faces.card.get("pixel_hash")
    return {"source": name, "photos": len(faces), "people": len(faces.who()), "pixel_hash": digest}
