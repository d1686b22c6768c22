"""Writing files so that nothing is ever half-written under its final name."""

import contextlib
import functools
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mffcn_lite.errors import MffcnLiteError

MADE_FROM = "mffcn-lite"  # the keyword under which a PNG of ours says what it was made from


@contextlib.contextmanager
def _beside(given: str | Path) -> Iterator[tuple[Path, Path]]:
    """(the file that `given` leads to, a place of its name in a hidden folder beside it, which is removed at the end).

    Raises:
        MffcnLiteError: if no file can be written there.
    """
    try:
        path = Path(os.path.realpath(given))
        if path.exists() and not path.is_file():
            what = "folder" if path.is_dir() else "device or a pipe"
            raise MffcnLiteError(f"cannot write {path}: it is a {what}; name a file")
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent)
    except (OSError, ValueError) as error:  # ValueError of a name that holds a NUL
        raise _cannot_write(given, error) from error
    try:
        yield path, Path(folder, path.name)  # the suffix is kept: some writers choose the format by it
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _cannot_write(path: str | Path, error: Exception) -> MffcnLiteError:
    reason = getattr(error, "strerror", None) or str(error)
    return MffcnLiteError(f"cannot write {path}: {reason}; free the place or name another")


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it to disk and rename it to `path`.

    `path` may be a file, or a folder that does not exist yet. If the body fails, the temporary is
    removed and whatever stood under `path` is untouched.

    A link is followed; a device or a pipe (/dev/null, /dev/stdout) is never replaced.

    Raises:
        MffcnLiteError: if the place is taken by a folder, or cannot be made or written.
    """
    with _beside(path) as (path, temporary):
        try:
            yield temporary
            for file in temporary.rglob("*") if temporary.is_dir() else [temporary]:
                if file.is_file():
                    with file.open("rb+") as handle:
                        os.fsync(handle.fileno())
            os.replace(temporary, path)
        except OSError as error:
            raise _cannot_write(path, error) from error


def json_bytes(path: str | Path, content: object) -> bytes:
    """`content` as indented JSON, for the file `path`.

    Raises:
        MffcnLiteError: if it is nothing that JSON has, or holds bytes that are no text, as an argument or a name may.
    """
    try:
        return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode("utf-8")
    except UnicodeEncodeError as error:
        wrong = error.object[max(0, error.start - 20) : error.end + 20].strip()
        raise MffcnLiteError(f"cannot write {path}: {wrong!a} is not UTF-8; write it in UTF-8") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise MffcnLiteError(
            f"cannot write {path}: it cannot be stored as JSON ({error}); use plain numbers"
        ) from error


def check_place(path: str | Path, *contents: object) -> None:
    """Refuse, before long work, a JSON file that could not be written at its end, or not with these parts of it.

    Raises:
        MffcnLiteError: as `write_json`.
    """
    for content in contents:
        json_bytes(path, content)
    with _beside(path):
        pass


def write_json(path: str | Path, content: object) -> None:
    """Write `content` as indented JSON, beside and renamed.

    Raises:
        MffcnLiteError: if it cannot be written; see `json_bytes`.
    """
    text = json_bytes(path, content)
    with replacing(path) as temporary:
        temporary.write_bytes(text)


def read_json(path: str | Path) -> dict:
    """Read a JSON object.

    Raises:
        MffcnLiteError: if the file is missing, cut short, not a JSON object, or holds what is no text.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        json.dumps(content, ensure_ascii=False).encode()  # "\ud800" is half of a letter, and could not be written
    except OSError as error:
        raise MffcnLiteError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise MffcnLiteError(f"{path} is not valid JSON ({error}); make it again") from error
    if not isinstance(content, dict):
        raise MffcnLiteError(f"{path} holds no JSON object; make it again")
    return content


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sha256_once(path: str | Path) -> str:
    """As `sha256`, but this process reads a file once for each size and time of change that it is met with."""
    status = os.stat(path)
    return _sha256_of(os.path.realpath(path), status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@functools.lru_cache(maxsize=256)
def _sha256_of(path: str, *state: int) -> str:
    return sha256(path)


def as_stored(content: object) -> object:
    """What is read again of `content`, once it was written as JSON: tuples are lists, and every key is a string."""
    return json.loads(json.dumps(content))


def content_hash(content: dict) -> str:
    """The SHA-256 of what a JSON object says, however its file is laid out."""
    return hashlib.sha256(json.dumps(as_stored(content), sort_keys=True).encode()).hexdigest()
