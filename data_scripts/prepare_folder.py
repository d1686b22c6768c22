"""A folder of your own photos as a prepared set.

python data_scripts/prepare_folder.py ROOT --out data/mine
"""

from pathlib import Path
from typing import Annotated

import early  # noqa: F401 (first, for what it does)
import preparation as common
import typer

from mffcn_lite.cli import main
from mffcn_lite.errors import MffcnLiteError


def prepare_folder(
    root: Annotated[Path, typer.Argument(help="the folder of the photos")],
    out: common.Out,
    person_from: Annotated[str, typer.Option(help="folder, name-prefix, or none: each its own person")] = "folder",
    detect: Annotated[bool, typer.Option("--detect", help="find faces, align by their eyes; needs dlib")] = False,
    size: common.Size = 128,
    align: Annotated[str | None, typer.Option(help="eyes (with --detect), crop (without), or none")] = None,
    eyes: Annotated[str, typer.Option(help="where the eyes go: csu, tight, or x,y,x,y in pixels")] = "csu",
    no_eyes: Annotated[str, typer.Option(help="where no face is found: skip, or crop the centre")] = "skip",
    licence: Annotated[str | None, typer.Option(help="what the set's card says of the photos' licence")] = None,
    credit: Annotated[str | None, typer.Option(help="whom the card credits")] = None,
    consent: Annotated[str | None, typer.Option(help="what the people on the photos agreed to")] = None,
    color: common.Color = False,
    limit: common.Limit = None,
    seed: common.Seed = 0,
    workers: common.Workers = None,
    report: common.Report = None,
    strict: common.Strict = False,
) -> None:
    """Your own photos. ROOT is only read."""
    from mffcn_lite.data.prepare import folder
    from mffcn_lite.data.prepare.alignment import Placement, parse_eyes
    from mffcn_lite.data.prepare.sources import list_files

    align = align or ("eyes" if detect else "crop")
    if align == "eyes" and not detect:
        raise MffcnLiteError("--align eyes needs the eyes: add --detect, or choose --align crop")
    placement = Placement(size, align, parse_eyes(eyes, size), no_eyes, None, color)
    common.check_places(root, out, report)
    find = None
    if detect:
        from eye_detector import create_detector

        find = create_detector()
    photos, problems = folder.folder_photos(list_files(root), person_from, find)
    given = {key: value for key, value in (("licence", licence), ("credit", credit), ("consent", consent)) if value}
    card = {**folder.CARD, **given, "person_from": person_from, "detected": detect}
    options = {"problems": problems, "limit": limit, "seed": seed, "workers": workers, "strict": strict}
    common.run(photos, out, card, placement, report, **options)


if __name__ == "__main__":
    main(common.app(prepare_folder), "prepare_folder")
