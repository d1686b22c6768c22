"""What the three command lines share: their common options, and a preparation with its bar, report and summary."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from mffcn_lite.errors import MffcnLiteError

# The package's modules come with torch, which takes seconds: they are imported when a command runs, not for --help.

Out = Annotated[Path, typer.Option(help="a new folder for the prepared set")]
Size = Annotated[int, typer.Option(help="pixels a side")]
Color = Annotated[bool, typer.Option("--color", help="three channels; grey where not given")]
Workers = Annotated[int | None, typer.Option(help="photos at a time; one a core where not given")]
Report = Annotated[Path | None, typer.Option(help="also write what was used and skipped, and why, as JSON")]
Limit = Annotated[int | None, typer.Option(help="draw exactly so many photos")]
Seed = Annotated[int, typer.Option(help="of that draw")]
Strict = Annotated[bool, typer.Option("--strict", help="stop at the first photo that cannot be used")]


def app(command: Callable) -> typer.Typer:
    """A command line of one command."""
    made = typer.Typer(add_completion=False, rich_markup_mode=None)
    made.command()(command)
    return made


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


def run(photos: list, out: Path, card: dict, placement, report: Path | None, counts: dict | None = None, **options):
    """Prepare the photos with a progress bar; write the report, and print what a person wants to know."""
    from mffcn_lite.data import load_faces
    from mffcn_lite.data.prepare.preparing import prepare
    from mffcn_lite.files import write_json
    from mffcn_lite.progress import Reporter

    with Reporter("preparing", len(photos)) as reporter:
        result = prepare(photos, out, card, placement, on_progress=reporter.update, **options)
    result |= {"splits": splits(load_faces(out))} | ({"feret": counts} if counts else {})
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


def splits(faces) -> dict[str, str]:
    """The two splits of 8 : 2 at seed 0, in words; a set too small for one goes without."""
    from mffcn_lite.data import split_by_person, split_by_photo

    found = {}
    for how, split in (("by person", split_by_person), ("by photo", split_by_photo)):
        try:
            train, test = split(faces)
        except MffcnLiteError:
            continue
        both = len(set(train.who()) & set(test.who()))
        found[how] = f"{len(train)} to train, {len(test)} to test, {both} people on both sides"
    return found
