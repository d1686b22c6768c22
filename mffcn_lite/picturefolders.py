"""Pictures in folders: which of them are meant, and which two belong together. Nothing here imports torch."""

import os
from collections.abc import Sequence
from pathlib import Path

from mffcn_lite.data.prepare.sources import list_files
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.progress import printable, say


def find_pictures(given: Sequence[str | Path], leave_out: str | Path | None = None) -> list[tuple[Path, Path]]:
    """The pictures that are meant by files and folders: (its place below what was given, its path) each, in order.

    A file is taken as it is. Of a folder all pictures count, those of its folders too. What cannot be used there is
    named on standard error: a link that leads nowhere, a folder that cannot be read.

    Args:
        leave_out: a folder whose pictures are not meant where it lies inside a given one: that of the results.

    Raises:
        MffcnLiteError: if a folder holds no picture, or is the one to leave out.
    """
    found, results = [], None if leave_out is None else os.path.realpath(leave_out)
    for path in map(Path, given):
        if not os.path.isdir(path):
            found.append((Path(path.name), path))
            continue
        if os.path.realpath(path) == results:
            raise MffcnLiteError(f"the results would lie among the photos of {path}; name another --out")
        files = list_files(path)
        for place, reason in files.problems:
            say(f"left out: {printable(str(path / place))}: {reason}")
        inside = [
            (Path(place), picture)
            for place, picture in files.pictures
            if results is None or not os.path.realpath(picture).startswith(results + os.sep)
        ]
        if not inside:
            raise MffcnLiteError(f"{path} holds no picture that is read; name a folder with photos")
        found += inside
    return found


def place_results(pictures: Sequence[tuple[Path, Path]], out: str | Path, ending: str) -> list[Path]:
    """Where the result of each picture belongs: in `out`, under its place, with `ending` for the file's own.

    Args:
        pictures: as `find_pictures` gives them.

    Raises:
        MffcnLiteError: if two results would have the same place, or one that of a picture.
    """
    places = [place.with_suffix("") for place, _ in pictures]
    if len(set(places)) < len(places):
        twice = next(place for place in places if places.count(place) > 1)
        raise MffcnLiteError(f'two pictures are called "{twice}", and so would their results; call again for each')
    targets = [Path(out) / place.with_name(f"{place.name}{ending}") for place in places]
    sources = {os.path.realpath(picture) for _, picture in pictures}
    if taken := [target for target in targets if os.path.realpath(target) in sources]:
        raise MffcnLiteError(f"{taken[0]} is one of the photos, and its place is a result's; name another --out")
    return targets


def pair_pictures(
    restored: str | Path, originals: str | Path, suffix: str = ""
) -> tuple[list[tuple[str, Path, Path]], list[str]]:
    """Restored pictures and their originals by name: ((name, restored, original) each, names of originals alone).

    A name is the place below the folder without the file's ending. Two files are a pair, whatever they are called.

    Args:
        suffix: what the names of the restored ones have behind the original's, such as "-mffcn-x4".

    Raises:
        MffcnLiteError: if one is a file and the other a folder, a name is there twice, or a restored picture has no
            original.
    """
    restored, originals = Path(restored), Path(originals)
    if os.path.isdir(restored) != os.path.isdir(originals):
        raise MffcnLiteError(f"{restored} and {originals} must be two folders, or two pictures")
    if not os.path.isdir(restored):
        return [(originals.stem, restored, originals)], []
    left, right = _by_name(restored, suffix), _by_name(originals)
    lonely = [name for name in left if name not in right]
    if lonely:
        # Of several originals whose names the restored one's begins with, the longest is meant.
        begins = max((name for name in right if lonely[0].startswith(name)), key=len, default=None)
        remedy = "give both the same names" if begins is None else f'try --suffix="{lonely[0].removeprefix(begins)}"'
        raise MffcnLiteError(
            f"{len(lonely)} of {len(left)} pictures in {restored} have no original in {originals}, such as "
            f'"{lonely[0]}", where there is "{begins or next(iter(right))}"; {remedy}'
        )
    return [(name, left[name], right[name]) for name in left], [name for name in right if name not in left]


def _by_name(folder: Path, suffix: str = "") -> dict[str, Path]:
    named = {}
    for place, path in find_pictures([folder]):
        name = place.with_suffix("").as_posix().removesuffix(suffix)
        if name in named:
            raise MffcnLiteError(f"{named[name]} and {path} have the same name; keep one of them in {folder}")
        named[name] = path
    return named
