"""Labeled Faces in the Wild, from scikit-learn's download or a folder like it: where it is, and who is on a photo."""

from pathlib import Path

from mffcn_lite.data.prepare.alignment import Placement
from mffcn_lite.data.prepare.photo import Photo
from mffcn_lite.data.prepare.sources import Files
from mffcn_lite.errors import MffcnLiteError

CARD = {
    "source": "Labeled Faces in the Wild",
    "licence": "photos from news pages, whose rights are their owners'; used for research",
    "credit": "G. B. Huang, M. Ramesh, T. Berg and E. Learned-Miller, Labeled Faces in the Wild, University of "
    "Massachusetts, Amherst, Technical Report 07-49, 2007",
    "consent": "people of public life, who were not asked; a restored face is a guess and tells nothing about them",
}
# LFW's photos were enlarged when they were aligned, and have little detail near their finest: the middle 192 of 250
# pixels become 128. Taken as they are, the middle 128 are a task that bicubic nearly solves (38.5 dB at factor 2).
PLACEMENT = Placement(align="crop", window=192)
FOLDERS = ("lfw-deepfunneled", "lfw_funneled", "lfw")  # what archives of it unpack to, the best aligned first
PHOTOS, PEOPLE = 13_233, 5_749  # what there is, as its authors say
EVERYBODY = 10**9  # photos of one person: more than there are


def find_lfw(root: str | Path | None = None) -> Path:
    """The folder of the people's folders: below `root` (a scikit-learn data folder, its `lfw_home`, or the folder
    itself), or in scikit-learn's own data folder, to which it is downloaded if it is missing (200 MB).

    Raises:
        MffcnLiteError: if it is not there and cannot be downloaded, or scikit-learn's own is not whole.
    """
    from sklearn.datasets import fetch_lfw_people, get_data_home

    if root is None and not (found := _below(Path(get_data_home()))):
        try:
            # scikit-learn downloads and unpacks, and then finds nobody with so many photos: none is read into memory.
            fetch_lfw_people(min_faces_per_person=EVERYBODY)
        except OSError as error:
            raise MffcnLiteError(
                f"LFW cannot be downloaded ({error}); fetch it elsewhere and name its folder: "
                "mffcn-lite prepare lfw FOLDER --out data/lfw"
            ) from error
        except ValueError:
            found = _below(Path(get_data_home()))
    elif root is not None:
        found = _below(Path(root)) or Path(root)
    if not found or not found.is_dir():
        raise MffcnLiteError(f"no LFW in {root or get_data_home()}; name the folder that holds the people's folders")
    own = _below(Path(get_data_home()))
    if own is not None and own.samefile(found):  # other folders may hold less: a selection is no mistake
        counts = [len(list(person.glob("*.jpg"))) for person in found.iterdir() if person.is_dir()]
        check_whole(found, sum(counts), sum(map(bool, counts)))
    return found


def check_whole(folder: Path, photos: int, people: int = PEOPLE) -> None:
    """Refuse a part of LFW, such as an archive leaves whose unpacking was interrupted.

    Raises:
        MffcnLiteError: if `folder` holds fewer photos, or of fewer people, than there are.
    """
    if photos < PHOTOS or people < PEOPLE:
        missing = f"{max(0, PHOTOS - photos):,} of {PHOTOS:,} photos"
        missing += f" and {PEOPLE - people:,} of {PEOPLE:,} people" if people < PEOPLE else ""
        raise MffcnLiteError(f"LFW is not whole in {folder}: {missing} are missing; remove that folder and call again")


def _below(folder: Path) -> Path | None:
    """The people's folders at or below `folder`, scikit-learn's or where an archive was unpacked (into two of one name,
    as some do): the deep-funneled photos before the funneled, and these before the original ones.
    """
    places = [folder / home / name for name in FOLDERS for home in ("lfw_home", ".")]
    found = next((place for place in places if place.is_dir()), None)
    return found / found.name if found and (found / found.name).is_dir() else found


def lfw_photos(files: Files) -> tuple[list[Photo], list[tuple[str, str]]]:
    """(photos, problems): a folder is a person, as `George_W_Bush/George_W_Bush_0001.jpg`.

    Raises:
        MffcnLiteError: if there is no photo.
    """
    photos, problems = [], list(files.problems)
    for place, path in files.pictures:
        *folders, name = place.split("/")
        stem = name.rsplit(".", 1)[0]
        person = folders[-1] if folders else ""
        if not person:
            problems.append((place, "in no person's folder"))
        elif stem.rsplit("_", 1)[0] != person:
            problems.append((place, f"mislabelled: in the folder of {person}"))
        else:
            photos.append(Photo(place, path, stem, person))
    if not photos:
        raise MffcnLiteError(
            f"no photo of LFW was found ({len(files.pictures)} pictures of other names); "
            "they lie in folders of people: George_W_Bush/George_W_Bush_0001.jpg"
        )
    return photos, problems
