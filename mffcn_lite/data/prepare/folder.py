"""Anybody's folder of photos: who is on each, by its folder or its name."""

import re
from collections.abc import Callable

from PIL import Image

from mffcn_lite.data.prepare.alignment import Eyes
from mffcn_lite.data.prepare.photo import Photo
from mffcn_lite.data.prepare.sources import Files
from mffcn_lite.errors import MffcnLiteError, check_word

PERSON_FROM = ("folder", "name-prefix", "none")
CARD = {
    "source": "a folder of the user's own",
    "licence": "not stated; ask whoever took the photos before you pass them on",
    "credit": "not stated",
    "consent": "not stated; ask the people on the photos before you show them",
}


def name_prefix(stem: str) -> str:
    """What a name begins with: up to the first `_`, `-` or space, without digits at its end; `anna` of `anna-02`."""
    return re.split(r"[_\-\s]", stem)[0].rstrip("0123456789") or stem


def folder_photos(
    files: Files, person_from: str = "folder", find_eyes: Callable[[Image.Image], tuple[Eyes | None, str]] | None = None
) -> tuple[list[Photo], list[tuple[str, str]]]:
    """(photos, problems) among `files`; a photo is called by its place below the folder.

    `person_from` says who is on a photo: `"folder"` (the folders above it), `"name-prefix"` (see `name_prefix`), or
    `"none"`, by which each photo is its own person.

    Raises:
        MffcnLiteError: if there is no photo, or `person_from` is no such word.
    """
    check_word("person_from", person_from, PERSON_FROM)
    photos, problems = [], list(files.problems)
    for place, path in files.pictures:
        above, _, name = place.rpartition("/")
        person = {"folder": above, "name-prefix": name_prefix(name.split(".")[0]), "none": place}[person_from]
        if person:
            photos.append(Photo(place, path, place, person, find_eyes=find_eyes))
        else:
            problems.append((place, "in no person's folder"))
    if not photos:
        lost = f"{len(problems)} files cannot be used, such as {': '.join(problems[0])}" if problems else "it has none"
        raise MffcnLiteError(f"no photo was found: {lost}; for photos that lie loose, say --person-from none")
    return photos, problems
