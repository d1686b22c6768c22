"""The files below a folder, and a photo out of one of them: what cannot be used is named with its reason."""

import bz2
import errno
import io
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.picturefiles.decoding import Picture, decode
from mffcn_lite.picturefiles.formats import Unusable, is_picture

# What is called so is a photo that is used, or named with the reason why not; other files are opened to see.
PICTURES = (".ppm", ".pgm", ".pbm", ".pnm", ".tif", ".tiff", ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif")
PICTURES += (".webp", ".avif", ".heic", ".heif", ".jxl", ".jp2", ".psd", ".dng", ".cr2", ".cr3", ".nef", ".arw")
MAX_BYTES = 1 << 28  # of a file, before and after bz2
PIECE = 1 << 12  # bytes of a bz2 that are unpacked at a time
HEAD = 1 << 20  # bytes of what is unpacked to see whether it is a picture
# Errors of files that come again each time, where others (a disk, a network, too many open files) may be gone.
LASTING = {getattr(errno, f"E{name}") for name in ("ACCES", "PERM", "NOENT", "NOTDIR", "ISDIR", "LOOP", "NAMETOOLONG")}


@dataclass
class Files:
    """What is below a folder: `pictures` and `others` as sorted (place below the folder, path), and `problems`.

    A problem is (place, reason): a folder that cannot be read, a link that leads nowhere or in a circle.
    """

    pictures: list[tuple[str, Path]] = field(default_factory=list)
    others: list[tuple[str, Path]] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)

    def add(self, place: str, path: Path, regular: bool) -> None:
        """Put a file into its list. What is called like no photo is one if it begins as one does, or has no ending."""
        name = path.name
        named, hidden = ending(name) in PICTURES, name.startswith("._")  # macOS lays such a file beside each
        if not named and (hidden or not regular):
            return
        if hidden:
            self.problems.append((place, "macOS file beside a photo"))
        elif not regular:  # a pipe would never end
            self.problems.append((place, "no regular file"))
        elif named or _begins_as_picture(path) or (not ending(name) and not name.startswith(".")):
            self.pictures.append((place, path))
        else:
            self.others.append((place, path))


def _begins_as_picture(path: Path) -> bool:
    try:
        with path.open("rb") as handle:
            if handle.read(3) != b"BZh":
                handle.seek(0)
                return is_picture(handle)
        with bz2.open(path) as unpacked:
            return is_picture(io.BytesIO(unpacked.read(HEAD)))
    except (EOFError, ValueError):  # a damaged bz2
        return False
    except OSError as error:
        if error.errno is not None:  # bz2's own have none
            lasting(path, error)
        return False


def ending(name: str) -> str:
    """The ending of a file's name in lower case, without a `.bz2` behind it."""
    return os.path.splitext(name.lower().removesuffix(".bz2"))[1]


def list_files(root: str | Path) -> Files:
    """All files below `root`, links followed, each folder once. Nothing is written.

    Raises:
        MffcnLiteError: if `root` is no folder that can be read, or something in it cannot be read at the moment.
    """
    root, found = Path(root), Files()
    try:
        os.listdir(root)
        identity = _identity(os.stat(root))
    except OSError as error:
        raise MffcnLiteError(f"cannot read {root}: {error.strerror or error}; name the folder of the photos") from error
    folders, seen = [(root, "", (identity,))], {identity}
    while folders:
        folder, place, above = folders.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            found.problems.append((place, f"unreadable folder: {lasting(folder, error).strerror}"))
            continue
        for entry in entries:
            name = entry.name.encode("utf-8", "backslashreplace").decode()  # a name may be no text at all
            below = f"{place}/{name}" if place else name
            try:
                status = entry.stat()
            except OSError as error:
                kind = "broken link" if entry.is_symlink() else "unreadable"
                found.problems.append((below, f"{kind}: {lasting(entry.path, error).strerror}"))
                continue
            path, identity = Path(entry.path), _identity(status)
            if not stat.S_ISDIR(status.st_mode):
                found.add(below, path, stat.S_ISREG(status.st_mode))
            elif identity in above:
                found.problems.append((below, "symbolic-link loop"))
            elif identity in seen:
                found.problems.append((below, "folder seen before: a link leads to it"))
            else:
                seen.add(identity)
                folders.append((path, below, (*above, identity)))
    for part in (found.pictures, found.others, found.problems):
        part.sort()
    return found


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def read_bytes(path: Path, limit: int) -> bytes:
    """The content of a file, decompressed if it is bz2, whatever it is called.

    Raises:
        Unusable: if it may not be read, is empty, cut short or damaged, or larger than `limit` bytes.
        MffcnLiteError: if it cannot be read at the moment.
    """
    content = _read(path, limit)
    if not content:
        raise Unusable("empty file: is empty; copy it again")
    if not content.startswith(b"BZh"):
        if len(content) > limit:
            raise Unusable(f"too large: has more than {limit:,} bytes; make it smaller")
        return content
    pieces, total, start = [], 0, 0
    while content.startswith(b"BZh", start):  # some programs write several streams, one after the other
        decoder = bz2.BZ2Decompressor()
        while not decoder.eof:
            piece = content[start : start + PIECE]
            if not piece:
                raise Unusable("cut short: has a bz2 that does not end; copy it again")
            try:
                pieces.append(decoder.decompress(piece, max_length=limit + 1 - total))
            except (OSError, ValueError) as error:
                raise Unusable("damaged bz2: has a damaged bz2; copy it again") from error
            total += len(pieces[-1])
            if total > limit:
                raise Unusable(f"decompression bomb: is too large, with more than {limit:,} bytes in its bz2")
            start += len(piece) - len(decoder.unused_data)
    if not total:
        raise Unusable("empty file: is empty; copy it again")
    return b"".join(pieces)


def _read(path: Path, limit: int) -> bytes:
    """At most one byte more than `limit` of a file; tried twice, since a disk or a network may fail for a moment."""
    try:
        return _read_once(path, limit)
    except OSError:
        try:
            return _read_once(path, limit)
        except OSError as error:
            reason = lasting(path, error).strerror
            raise Unusable(f"unreadable: cannot be read ({reason}); see to its permissions") from error


def _read_once(path: Path, limit: int) -> bytes:
    with path.open("rb") as handle:
        return handle.read(min(os.fstat(handle.fileno()).st_size, limit) + 1)


def lasting(path: str | Path, error: OSError) -> OSError:
    """An `error` of a file that comes again each time; any other is no property of the file.

    Raises:
        MffcnLiteError: if it is another.
    """
    if error.errno in LASTING:
        return error
    raise MffcnLiteError(f"{path} cannot be read ({error.strerror}); see to its disk, and call again") from error


def read_photo(path: Path) -> Picture:
    """The picture in a file.

    Raises:
        Unusable: if there is none, or several, or it is damaged, cut short or far too large.
        MffcnLiteError: if it cannot be read at the moment.
        MemoryError: if it is too large for the memory.
    """
    return decode(read_bytes(path, MAX_BYTES))
