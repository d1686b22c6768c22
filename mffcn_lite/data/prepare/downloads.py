"""Portraits fetched from where their sources say they are; what is there already is not fetched again.

The Congress's portraits: one file each, by Bioguide id. The London set: zips of a record at figshare. The House
Clerk's photos have no address here. **None of this was ever tried against the real addresses**: tests ask a server of
their own.
"""

import hashlib
import http.client
import json
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.files import replacing
from mffcn_lite.progress import Reporter

SECONDS, PIECE = 60, 1 << 20
Problems = list[tuple[str, str]]


def fetch(address: str, path: Path, md5: str | None = None) -> None:
    """Write what lies at `address` to `path`, unless that exists; beside and renamed.

    Raises:
        FileNotFoundError: if the server says that there is no such file.
        MffcnLiteError: if it cannot be had now, is cut short, or its MD5 is not `md5`.
    """
    if path.exists():
        return
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with urllib.request.urlopen(address, timeout=SECONDS) as answer, replacing(path) as temporary:
            with temporary.open("wb") as handle:
                for piece in _pieces(answer):
                    digest.update(piece)
                    handle.write(piece)
            if md5 and digest.hexdigest() != md5:
                raise ValueError("its MD5 is not the one that the record states")
    except urllib.error.HTTPError as error:
        if error.code in (404, 410):
            raise FileNotFoundError(address) from error
        raise _unavailable(address, f"the server answers {error.code}") from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ValueError) as error:
        raise _unavailable(address, str(getattr(error, "reason", error))) from error


def _pieces(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    """What a server sends.

    Raises:
        HTTPException: if it stops before its end. No OSError: that is one of the disk here.
    """
    try:
        while piece := answer.read(PIECE):
            yield piece
    except OSError as error:
        raise http.client.HTTPException(error.strerror or str(error)) from error
    if answer.length:  # what is left of the length that was announced
        raise http.client.IncompleteRead(b"", answer.length)


def _unavailable(address: str, why: str) -> MffcnLiteError:
    return MffcnLiteError(f"{address} cannot be fetched ({why}); call again: what is there already is kept")


def download_portraits(root: Path, wanted: Iterable[str], gpo: str, london: str) -> Problems:
    """Fetch into `root` what it lacks of the photos in `wanted`, which are names as `portraits.read_list` has them.

    Args:
        gpo: the address of a folder of `<Bioguide id>.jpg`.
        london: the address of figshare's record, as JSON.

    Returns:
        (name, reason) of each photo that is not there.

    Raises:
        MffcnLiteError: if an address cannot be reached; the same call goes on.
    """
    wanted, problems = sorted(wanted), []
    congress = [name for name in wanted if "/gpo-guide_" in name]
    with Reporter("fetching", len(congress)) as reporter:
        for done, name in enumerate(congress, 1):
            person = name.split("/")[0]
            try:
                fetch(f"{gpo}/{person}.jpg", root / "gpo-guide" / f"{person}.jpg")
            except FileNotFoundError:
                problems.append((name, "not at its address any more"))
            reporter.update(done)
    problems += _download_london(root / "london", [name for name in wanted if name.startswith("london-")], london)
    for name in wanted:
        file = root / "house-clerk" / PurePosixPath(name).with_suffix(".jpg").name
        if "/house-clerk_" in name and not file.exists():
            problems.append((name, f"no address; lay it there as {file}"))
    return problems


def _download_london(folder: Path, wanted: list[str], record: str) -> Problems:
    """The London set's photos, out of the zips of its record whose names say that they are from the front."""
    files = {PurePosixPath(name).stem.removeprefix("london_"): name for name in wanted}
    if all((folder / f"{stem}.jpg").exists() for stem in files):
        return []
    listed = folder / "record.json"
    try:
        fetch(record, listed)
        content = json.loads(listed.read_text(encoding="utf-8"))["files"]
        zips = [one for one in content if "front" in one["name"] and one["name"].endswith(".zip")]
        for one in zips:
            place = folder / PurePosixPath(one["name"]).name
            fetch(one["download_url"], place, one.get("computed_md5"))
            _unpack(place, files, folder)
    except FileNotFoundError as error:
        raise _unavailable(str(error), "there is no such record or file") from error
    except (ValueError, KeyError, TypeError) as error:
        listed.unlink(missing_ok=True)
        raise MffcnLiteError(f"{record} is no record of figshare's ({error}); name its address by --london") from error
    return [(name, "in no zip of the record") for stem, name in files.items() if not (folder / f"{stem}.jpg").exists()]


def _unpack(archive: Path, wanted: Iterable[str], folder: Path) -> None:
    """Write the photos that are wanted to `folder`, whatever folder of the zip they lie in."""
    try:
        with zipfile.ZipFile(archive) as opened:
            for member in opened.namelist():
                path = PurePosixPath(member)
                target = folder / f"{path.stem}.jpg"
                if path.stem in wanted and path.suffix == ".jpg" and not target.exists():
                    with replacing(target) as temporary:
                        temporary.write_bytes(opened.read(member))
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError) as error:
        archive.unlink()
        raise MffcnLiteError(f"{archive} is no complete zip ({error}); it was removed: call again") from error
