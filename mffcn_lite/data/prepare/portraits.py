"""Official portraits of the US Congress and the Face Research Lab London Set, as one set of 1,477 photos.

`portraits.csv` lists each photo with the first digits of its prepared pixels' SHA-256. If you prepare the set again,
you are told of each photo that differs. Eyes that another version of the detector finds elsewhere are enough for that.
"""

import csv
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from PIL import Image

from mffcn_lite.data.prepare.alignment import EYE_PLACES, Eyes, Placement
from mffcn_lite.data.prepare.photo import Photo
from mffcn_lite.data.prepare.sources import Files
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.picturefiles.formats import Unusable

CARD = {
    "source": "official portraits of the US Congress (GPO's guide; House Clerk and Senate studio) and the Face "
    "Research Lab London Set, smiling and neutral, from the front",
    "licence": "GPO: public domain, as unitedstates/images states; House and Senate: works of the US government, "
    "presumed; London: CC BY 4.0 (DeBruine and Jones 2017, doi 10.6084/m9.figshare.5047666)",
    "credit": "US Government Publishing Office; Office of the Clerk; US Senate Photographic Studio; L. DeBruine and "
    "B. Jones",
    "consent": "public officials in office; London: signed consent for web-based studies and to illustrate research",
    "collection": "portraits",
}
PLACEMENT = Placement(size=128, align="eyes", eyes=EYE_PLACES["tight"])
LIST = Path(__file__).with_name("portraits.csv")
DIGITS = 16  # of a hash
BIOGUIDE, LONDONER = re.compile(r"[A-Z]\d{6}"), re.compile(r"(?:london_)?(\d{3}_\d{2})")
FindEyes = Callable[[Image.Image], tuple[Eyes | None, str]]


def read_list() -> dict[str, str]:
    """Each photo's name, such as `A000014/gpo-guide_A000014.png`, and the first digits of its pixels' SHA-256."""
    with LIST.open(newline="", encoding="utf-8") as handle:
        return {row["name"]: row["sha256"] for row in csv.DictReader(handle)}


def name_of(place: str) -> str | None:
    """The name in the set of the picture at `place`; None where it is called like none of them.

    `gpo-guide_A000014`, `house-clerk_A000014`, `A000014` (the GPO's, or the Clerk's below a folder `house-clerk`),
    `001_03` and `london_001_03`, with any ending.
    """
    *folders, name = place.split("/")
    stem = name.split(".")[0]
    source, _, person = stem.rpartition("_")
    if BIOGUIDE.fullmatch(stem):
        source, person = "house-clerk" if "house-clerk" in folders else "gpo-guide", stem
    if source in ("gpo-guide", "house-clerk") and BIOGUIDE.fullmatch(person):
        return f"{person}/{source}_{person}.png"
    if found := LONDONER.fullmatch(stem):
        return f"london-{found[1][:3]}/london_{found[1]}.png"
    return None


def not_enlarged(find_eyes: FindEyes) -> FindEyes:
    """The same, but a photo whose eyes are nearer to each other than in the set cannot be used."""
    wanted = math.dist(*PLACEMENT.eyes)

    def find(picture: Image.Image) -> tuple[Eyes | None, str]:
        eyes, warning = find_eyes(picture)
        if eyes is not None and math.dist(*eyes) < wanted:
            raise Unusable(f"too small: it would be enlarged {wanted / math.dist(*eyes):.2f} times")
        return eyes, warning

    return find


def find_portraits(
    files: Files, wanted: Mapping[str, str], find_eyes: FindEyes
) -> tuple[list[Photo], list[tuple[str, str]]]:
    """(photos, problems) among `files`: those that the list names.

    Raises:
        MffcnLiteError: if there is none.
    """
    photos, problems = [], list(files.problems)
    for place, path in files.pictures:
        name = name_of(place)
        if name in wanted:
            photos.append(Photo(place, path, name, name.split("/")[0], find_eyes=not_enlarged(find_eyes)))
        else:
            problems.append((place, "not one of the set's photos"))
    if not photos:
        raise MffcnLiteError(
            f"no portrait was found ({len(files.pictures)} pictures of other names); they are called A000014.jpg, "
            "house-clerk_A000014.jpg and 001_03.jpg: name their folder, or say --download"
        )
    return photos, problems


def compare_with(wanted: Mapping[str, str], rows: list[dict]) -> dict:
    """What is as in the list and what is not, photo by photo: the count `same`, and the names `differ` and `missing`.

    Args:
        rows: of the prepared set's `faces.csv`.
    """
    made = {row["name"]: row["sha256"][:DIGITS] for row in rows}
    return {
        "listed": len(wanted),
        "same": sum(made.get(name) == sha256 for name, sha256 in wanted.items()),
        "differ": sorted(name for name, sha256 in wanted.items() if name in made and made[name] != sha256),
        "missing": sorted(name for name in wanted if name not in made),
    }


def in_words(compared: dict) -> list[str]:
    """Lines for a person."""
    differ, missing = len(compared["differ"]), len(compared["missing"])
    lines = [f"Of {compared['listed']:,} photos in the list, {compared['same']:,} are the same, pixel by pixel."]
    if differ:
        lines.append(f"  other pixels: {differ:,}, such as {compared['differ'][0]}")
    if missing:
        lines.append(f"  not there: {missing:,}, such as {compared['missing'][0]}")
        lines.append("  While people are missing, the split by person tests on others than the whole set's.")
    return lines
