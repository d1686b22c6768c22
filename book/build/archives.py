"""A zip that holds the same bytes whenever it holds the same files, and that is never seen half-written."""

import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from mffcn_lite.files import replacing


def write_zip(path: Path, files: Mapping[str, Path | bytes]) -> None:
    """Write files, by their names in the zip, beside `path`, then rename: sorted, all of one time and one mode.

    The bytes follow from names and contents, and from the version of zlib that deflates them.

    Raises:
        ValueError: if a name leads out of the folder that the zip is unpacked in, or is written in an unusual way.
    """
    for name in files:
        parts = PurePosixPath(name).parts
        if not parts or name != "/".join(parts) or ".." in parts or name[0] == "/" or "\\" in name or ":" in name:
            raise ValueError(f"{name!r} is no plain relative name of a file")
    contents = {name: c if isinstance(c, bytes) else c.read_bytes() for name, c in sorted(files.items())}
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100644 << 16  # Unix: a plain file that all may read
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=9)
