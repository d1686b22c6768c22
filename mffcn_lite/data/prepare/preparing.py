"""Photos in, a prepared set out: in parallel, interrupted and gone on with as you like, the same bytes each time.

While it runs, a hidden folder beside the set holds its journal. The set itself appears at the end, complete.
"""

import hashlib
import math
import os
import shutil
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import filelock

from mffcn_lite.data.faceset import write_prepared
from mffcn_lite.data.prepare.alignment import Placement
from mffcn_lite.data.prepare.journal import PIXELS, ROWS, WORK, Journal
from mffcn_lite.data.prepare.photo import Photo, prepare_photo
from mffcn_lite.errors import MffcnLiteError, check_number
from mffcn_lite.progress import quiet

Problems = Sequence[tuple[str, str]]  # (place, reason)
OnProgress = Callable[[int], None] | None  # called with the number of photos that are done


def in_order(
    pool: ThreadPoolExecutor, photos: list[Photo], placement: Placement, ahead: int
) -> Iterator[tuple[dict, bytes]]:
    """The results in the photos' order, with no more than `ahead` photos in memory."""
    waiting: deque[Future] = deque()
    left = iter(photos)
    while True:
        for photo in islice(left, ahead - len(waiting)):
            waiting.append(pool.submit(prepare_photo, photo, placement))
        if not waiting:
            return
        yield waiting.popleft().result()


def prepare(
    photos: list[Photo],
    out: str | Path,
    card: dict,
    placement: Placement | None = None,
    *,
    problems: Problems = (),
    limit: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    strict: bool = False,
    on_progress: OnProgress = None,
) -> dict:
    """Write the prepared set `out` from `photos`, and return the report.

    Photos are looked at in the order of their names, in `workers` threads (bz2, JPEG and the resampling work outside
    the interpreter's lock). A second photo with the same pixels, or with the same name, is left out. With `limit`,
    that many are drawn, by the SHA-256 of `f"{seed}:{name}"`. An interrupted call is gone on with by the same call.

    The report has `used` and `skipped` (each with `source`; `enlargement` or `reason`), `warnings` and `counts`.
    `card` is what the set's card says beside that: source, licence, credit.

    Raises:
        MffcnLiteError: if `out` exists or cannot be written, no photo can be used, fewer than `limit` can, or, where
            `strict`, as soon as one cannot.
    """
    out, placement = Path(os.path.abspath(out)), placement or Placement()
    check_number("limit", limit, at_least=1, whole=True, none=True)
    check_number("workers", workers, at_least=1, at_most=1000, whole=True, none=True)
    if os.path.lexists(out):
        raise MffcnLiteError(f"{out} exists already; name a new folder, so that nothing is overwritten")
    if strict and problems:
        raise MffcnLiteError(f"{problems[0][0]}: {problems[0][1]}; put it right, or leave out --strict")
    photos = sorted(photos, key=lambda photo: (photo.name, photo.source))
    workers = workers or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    hidden = out.parent / f".{out.name}.partial"
    journal = None
    try:
        refuse_foreign(hidden, photos)
        hidden.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(hidden / "lock", timeout=0):
            work = {"card": card, "placement": asdict(placement), "photos": _fingerprint(photos)}
            journal = Journal(hidden, work, math.prod(placement.shape))
            _run(photos, placement, journal, workers, strict, on_progress)
            report = _finish(journal, out, card, placement, problems, limit, seed)
            shutil.rmtree(hidden, ignore_errors=True)
            return report
    except filelock.Timeout as error:
        raise MffcnLiteError(f"{out} is being prepared by another process; wait for it") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise MffcnLiteError(f"cannot write {hidden}: {reason}; free the place or name another") from error
    finally:
        if journal is not None:
            journal.close()


def refuse_foreign(hidden: Path, photos: list[Photo]) -> None:
    """Refuse a hidden folder that is not ours alone: what lies in it is overwritten, and removed at the end.

    Raises:
        MffcnLiteError: if it is a link or holds one, which leads elsewhere, among the photos even; if it holds anything
            but a journal; or if a photo lies in it.
    """
    for path in (hidden, *(hidden.iterdir() if hidden.is_dir() else ())):
        if path.is_symlink():
            raise MffcnLiteError(f"{path} is a link, and what it leads to would be overwritten; remove it")
        if path != hidden and path.name not in (WORK, PIXELS, ROWS, "lock") and not path.name.startswith(f".{WORK}."):
            raise MffcnLiteError(f"{path} is not ours, and {hidden} is removed at the end; move it elsewhere")
    place = os.path.realpath(hidden)
    for folder in {photo.path.parent for photo in photos}:
        if Path(os.path.realpath(folder)).is_relative_to(place):
            raise MffcnLiteError(f"{folder} holds photos and lies in {hidden}, which is removed at the end; move them")


def _run(
    photos: list[Photo], placement: Placement, journal: Journal, workers: int, strict: bool, on_progress: OnProgress
) -> None:
    """Look at the photos that the journal does not have yet."""
    kept = Kept(journal.rows, strict)
    # Pillow warns of large pictures and of damaged EXIF data; what cannot be used is named in the report.
    with quiet, ThreadPoolExecutor(workers) as pool:
        try:
            for row, pixels in in_order(pool, photos[len(journal.rows) :], placement, 4 * workers):
                row = kept.look_at(row)
                journal.add(row, b"" if "reason" in row else pixels)
                if on_progress is not None:
                    on_progress(len(journal.rows))
        except BaseException:  # Ctrl-C too: only what is being worked at is waited for
            pool.shutdown(cancel_futures=True)
            raise


def _fingerprint(photos: list[Photo]) -> str:
    """A hash over which photos there are, and the sizes and times of their files."""
    digest = hashlib.sha256()
    for photo in photos:
        try:
            status = photo.path.stat()
            state = (status.st_size, status.st_mtime_ns)
        except OSError:
            state = ()
        digest.update(repr((photo.row(), state)).encode(errors="surrogateescape"))
    return digest.hexdigest()


class Kept:
    """The photos that are in so far, by their pixels and by their names: what comes twice is left out."""

    def __init__(self, rows: list[dict], strict: bool):
        self.pixels: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.strict = strict
        for row in rows:
            self.look_at(row)

    def look_at(self, row: dict) -> dict:
        """The row, with a reason where the photo is left out.

        Raises:
            MffcnLiteError: if it is, and the mode is strict.
        """
        if "reason" not in row:
            if (first := self.pixels.get(row["source_pixels"])) is not None:
                row = {**row, "reason": f"duplicate: the same pixels as {first}"}
            elif (first := self.names.get(row["name"])) is not None:
                row = {**row, "reason": f"name taken: {first} has it, with other pixels"}
            else:
                self.pixels[row["source_pixels"]] = self.names[row["name"]] = row["source"]
        if self.strict and "reason" in row:
            raise MffcnLiteError(f"{row['source']}: {row['reason']}; put it right, or leave out --strict")
        return row


def _finish(
    journal: Journal, out: Path, card: dict, placement: Placement, problems: Problems, limit: int | None, seed: int
) -> dict:
    """Write the set from the journal; the report."""
    good = [i for i, row in enumerate(journal.rows) if "reason" not in row]
    skipped = [{"source": source, "reason": reason} for source, reason in problems]
    skipped += [{key: row[key] for key in ("source", "reason")} for row in journal.rows if "reason" in row]
    if not good:
        reasons = Counter(entry["reason"].split(":")[0] for entry in skipped).most_common(1)
        shutil.rmtree(journal.folder, ignore_errors=True)  # nothing in it is worth going on with
        often = f"; the commonest reason is: {reasons[0][0]}" if reasons else ""
        raise MffcnLiteError(f"none of {len(skipped)} photos could be used{often}; no set was written")
    if limit is not None and limit > len(good):
        raise MffcnLiteError(f"only {len(good)} photos can be used, fewer than --limit {limit}; choose a smaller one")
    by_hash = sorted(good, key=lambda i: hashlib.sha256(f"{seed}:{journal.rows[i]['name']}".encode()).digest())
    drawn = set(by_hash[:limit])
    skipped += [{"source": journal.rows[i]["source"], "reason": "not drawn"} for i in good if i not in drawn]
    skipped.sort(key=lambda entry: entry["source"])
    used = [journal.rows[i] for i in good if i in drawn]
    people = {row["person"] for row in used}
    counts = {
        "found": len(used) + len(skipped),
        "used": len(used),
        "people": len(people),
        "skipped": dict(sorted(Counter(entry["reason"].split(":")[0] for entry in skipped).items())),
        "enlarged": sum(row["enlargement"] > 1 for row in used),
        "without eyes": sum("eyes" not in row for row in used),
    }
    enlargement = sorted(row["enlargement"] for row in used)
    middle = {"lowest": enlargement[0], "median": enlargement[len(enlargement) // 2], "highest": enlargement[-1]}
    card = {**card, "placement": asdict(placement), "limit": limit, "seed": seed if limit else None}
    card |= {"counts": counts, "enlargement": middle}

    def pixels() -> Iterator[bytes]:
        journal.pixels.seek(0)
        for i in good:
            content = journal.pixels.read(journal.size)
            if i in drawn:
                yield content

    write_prepared(out, placement.shape, used, pixels(), card)
    return {
        "counts": counts,
        "enlargement": middle,
        "warnings": [{key: row[key] for key in ("source", "warning")} for row in used if "warning" in row],
        "used": [{k: row[k] for k in ("source", "name", "person", "enlargement", "outside")} for row in used],
        "skipped": skipped,
    }
