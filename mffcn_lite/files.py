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
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it to disk and rename it to `path`.

    `path` may be a file or a folder that does not exist yet. If the body fails, the temporary is
    removed and whatever stood under `path` is untouched.

    A link is followed; a device or a pipe (/dev/null, /dev/stdout) is never replaced.

    Raises:
        MffcnLiteError: if the folder cannot be made or written.
    """
    path = Path(os.path.realpath(path))
    beside = None
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise MffcnLiteError(f"cannot write {path}: it is a device or a pipe; name a file")
        path.parent.mkdir(parents=True, exist_ok=True)
        # The suffix is kept: some writers choose the format by it.
        beside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        temporary = beside / path.name
        yield temporary
        for file in temporary.rglob("*") if temporary.is_dir() else [temporary]:
            if file.is_file():
                with file.open("rb+") as handle:
                    os.fsync(handle.fileno())
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise MffcnLiteError(f"cannot write {path}: {reason}; free the place or name another") from error
    finally:
        if beside is not None:
            shutil.rmtree(beside, ignore_errors=True)


def write_json(path: str | Path, content: object) -> None:
    """Write `content` as indented JSON, beside and renamed.

    Raises:
        MffcnLiteError: if it cannot be written, or holds bytes that are no text, as an argument or a name may.
    """
    try:
        text = (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode("utf-8")
    except UnicodeEncodeError as error:
        wrong = error.object[max(0, error.start - 20) : error.end + 20].strip()
        raise MffcnLiteError(f"cannot write {path}: {wrong!a} is not UTF-8; write it in UTF-8") from error
    with replacing(path) as temporary:
        temporary.write_bytes(text)


def read_json(path: str | Path) -> dict:
    """Read a JSON object.

    Raises:
        MffcnLiteError: if the file is missing, cut short, or not a JSON object.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
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
