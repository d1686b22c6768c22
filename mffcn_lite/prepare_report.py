"""A preparation with its bar, its report and what a person wants to know of it; the commands share it."""

import os
from collections.abc import Callable
from pathlib import Path

from mffcn_lite.data import FaceSet, load_faces, split_by_person, split_by_photo
from mffcn_lite.data.prepare.alignment import Placement
from mffcn_lite.data.prepare.photo import Photo
from mffcn_lite.data.prepare.preparing import prepare
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.files import write_json
from mffcn_lite.progress import Reporter


def check_places(root: Path, out: Path, report: Path | None) -> None:
    """Refuse to write below the folder of the photos.

    Raises:
        MffcnLiteError: if the set or the report would lie there, or the report cannot be a file.
    """
    for path in filter(None, (out, report)):
        if Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
            raise MffcnLiteError(f"{path} lies in {root}, where nothing is written; name another place")
    if report is not None and report.exists() and not report.is_file():
        raise MffcnLiteError(f"{report} is no file; name another for the report")
    if report is not None and Path(os.path.realpath(report)).is_relative_to(os.path.realpath(out)):
        raise MffcnLiteError(f"{report} lies in {out}, which holds the set alone; name another place for the report")


def run(
    photos: list[Photo],
    out: Path,
    card: dict,
    placement: Placement,
    report: Path | None,
    more: Callable[[], dict] = dict,
    **options: object,
) -> dict:
    """Prepare the photos with a progress bar; write the report, and print what a person wants to know.

    Args:
        more: what else the report says, once the set is there.
    """
    with Reporter("preparing", len(photos)) as reporter:
        result = prepare(photos, out, card, placement, on_progress=reporter.update, **options)
    result |= {"splits": splits(load_faces(out))} | more()
    if report is not None:
        write_json(report, result)
    numbers = result["counts"]
    print(f"{out}: {numbers['used']} photos of {numbers['people']} people, in {reporter.seconds:.0f} s")
    for reason, count in numbers["skipped"].items():
        print(f"  left out: {count}, {reason}")
    if result["warnings"]:
        print(f"  warnings: {len(result['warnings'])}, such as {result['warnings'][0]['warning']}")
    if numbers["enlarged"]:
        highest = result["enlargement"]["highest"]
        print(f"  enlarged to fit: {numbers['enlarged']}, up to {highest:.2f} times; such photos are easy to restore")
    for how, text in result["splits"].items():
        print(f"  8 : 2 {how}: {text}")
    if numbers["skipped"] and report is None:
        print("  --report FILE names each photo that was left out, with its reason")
    return result


def splits(faces: FaceSet) -> dict[str, str]:
    """The two splits of 8 : 2 at seed 0, in words; a set too small for one goes without."""
    found = {}
    for how, split in (("by person", split_by_person), ("by photo", split_by_photo)):
        try:
            train, test = split(faces)
        except MffcnLiteError:
            continue
        both = len(set(train.who()) & set(test.who()))
        found[how] = f"{len(train)} to train, {len(test)} to test, {both} people on both sides"
    return found
