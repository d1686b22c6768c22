"""The files below a folder, and a photo out of one of them: what cannot be used is named with its reason."""

import bz2
import io
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from mffcn_lite.data.prepare.alignment import Unusable
from mffcn_lite.errors import MffcnLiteError

PICTURES = (".ppm", ".pgm", ".pnm", ".tif", ".tiff", ".jpg", ".jpeg", ".png", ".bmp", ".webp")
MAX_BYTES = 1 << 28  # of a file, before and after bz2
MAX_PIXELS = 80_000_000
MODES = ("1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr")


@dataclass
class Files:
    """What is below a folder: `pictures` and `others` as sorted (place below the folder, path), and `problems`.

    A problem is (place, reason): a folder that cannot be read, a link that leads nowhere or in a circle.
    """

    pictures: list[tuple[str, Path]] = field(default_factory=list)
    others: list[tuple[str, Path]] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)

    def add(self, place: str, path: Path, regular: bool) -> None:
        """Put a file into its list; one that is called like no photo is left out if it is hidden or no regular file."""
        hidden = path.name.startswith("._")  # macOS lays such a file beside each
        if ending(path.name) not in PICTURES:
            if regular and not hidden:
                self.others.append((place, path))
        elif hidden:
            self.problems.append((place, "macOS file beside a photo"))
        elif not regular:  # a pipe would never end
            self.problems.append((place, "no regular file"))
        else:
            self.pictures.append((place, path))


def ending(name: str) -> str:
    """The ending of a file's name in lower case, without a `.bz2` behind it."""
    return os.path.splitext(name.lower().removesuffix(".bz2"))[1]


def list_files(root: str | Path) -> Files:
    """All files below `root`, links followed, each folder once. Nothing is opened and nothing is written.

    Raises:
        MffcnLiteError: if `root` is no folder that can be read.
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
            found.problems.append((place, f"unreadable folder: {error.strerror}"))
            continue
        for entry in entries:
            name = entry.name.encode("utf-8", "backslashreplace").decode()  # a name may be no text at all
            below = f"{place}/{name}" if place else name
            try:
                status = entry.stat()
            except OSError as error:
                kind = "broken link" if entry.is_symlink() else "unreadable"
                found.problems.append((below, f"{kind}: {error.strerror}"))
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
        Unusable: if it cannot be read, is empty, cut short or damaged, or larger than `limit` bytes.
    """
    try:
        with path.open("rb") as handle:
            size = os.fstat(handle.fileno()).st_size
            content = handle.read(min(size, limit) + 1)
    except OSError as error:
        raise Unusable(f"unreadable: {error.strerror}") from error
    if not content:
        raise Unusable("empty file")
    if not content.startswith(b"BZh"):
        if len(content) > limit:
            raise Unusable(f"too large: more than {limit:,} bytes")
        return content
    pieces, total = [], 0
    while content.startswith(b"BZh"):  # some programs write several streams, one after the other
        decoder = bz2.BZ2Decompressor()
        try:
            pieces.append(decoder.decompress(content, max_length=limit + 1 - total))
        except (OSError, ValueError) as error:
            raise Unusable("damaged bz2") from error
        total += len(pieces[-1])
        if total > limit:
            raise Unusable(f"decompression bomb: more than {limit:,} bytes")
        if not decoder.eof:
            raise Unusable("cut short: its bz2 does not end")
        content = decoder.unused_data
    if not total:
        raise Unusable("empty file")
    return b"".join(pieces) if len(pieces) > 1 else pieces[0]


def read_photo(path: Path) -> Image.Image:
    """An 8-bit picture in a file, upright, in whatever mode it has.

    Raises:
        Unusable: if it is no picture, is damaged, cut short or far too large, or has more than 8 bits a channel.
    """
    content = read_bytes(path, MAX_BYTES)
    try:
        picture = Image.open(io.BytesIO(content))
        if picture.width * picture.height > MAX_PIXELS:
            raise Unusable(f"decompression bomb: {picture.width}×{picture.height} pixels")
        if picture.mode not in MODES:
            raise Unusable(f"no 8-bit grey or colour: its pixels are of the kind {picture.mode}")
        picture.load()
        ImageOps.exif_transpose(picture, in_place=True)
        return picture
    except Unusable:
        raise
    except UnidentifiedImageError as error:
        raise Unusable("no picture") from error
    except Image.DecompressionBombError as error:
        raise Unusable("decompression bomb") from error
    except Exception as error:  # on a damaged file, its decoders raise whatever there is
        raise Unusable(f"damaged: {' '.join(str(error).split()) or type(error).__name__}") from error
