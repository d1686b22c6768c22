"""FERET, as NIST ships it, as a prepared set.

python data_scripts/prepare_feret.py ROOT --out data/feret
"""

from pathlib import Path
from typing import Annotated

import early  # noqa: F401 (first, for what it does)
import preparation as common
import typer

from mffcn_lite.cli import main
from mffcn_lite.errors import check_word


def prepare_feret(
    root: Annotated[Path, typer.Argument(help="the folder of dvd1 and dvd2, one of them, or one above")],
    out: common.Out,
    poses: Annotated[str, typer.Option(help="of fa, fb, ba, bj, bk; grey:fa is the grey release's")] = "fa,fb",
    size: common.Size = 128,
    align: Annotated[str, typer.Option(help="eyes; crop: the centre; none: the whole photo, squeezed")] = "eyes",
    eyes: Annotated[str, typer.Option(help="where the eyes go: csu, tight, or x,y,x,y in pixels")] = "csu",
    no_eyes: Annotated[str, typer.Option(help="without coordinates: skip, or crop the centre")] = "skip",
    coords: Annotated[Path | None, typer.Option(help="a list of eyes, such as CSU's coords.3368, for grey")] = None,
    resolution: Annotated[str, typer.Option(help="images, smaller or thumbnails")] = "images",
    color: common.Color = False,
    limit: common.Limit = None,
    seed: common.Seed = 0,
    workers: common.Workers = None,
    report: common.Report = None,
    strict: common.Strict = False,
) -> None:
    """Frontal faces of FERET, aligned by their eyes. ROOT is only read; the set may not be redistributed."""
    from mffcn_lite.data.prepare import feret
    from mffcn_lite.data.prepare.alignment import Placement, parse_eyes
    from mffcn_lite.data.prepare.ground_truth import read_coordinates
    from mffcn_lite.data.prepare.sources import list_files

    check_word("resolution", resolution, tuple(feret.RESOLUTIONS))
    placement = Placement(size, align, parse_eyes(eyes, size), no_eyes, None, color)
    common.check_places(root, out, report)
    listed = None if coords is None else read_coordinates(coords)
    photos, problems, counts = feret.find_feret(list_files(root), poses, resolution, listed)
    options = {"problems": problems, "limit": limit, "seed": seed, "workers": workers, "strict": strict}
    card = {**feret.CARD, "poses": poses, "resolution": resolution}
    common.run(photos, out, card, placement, report, counts, **options)
    print("In this copy (photos, people):")
    for group, count in counts["groups"].items():
        print(f"  {group}: {count['photos']}, {count['people']}")
    print(f"The paper used {counts['paper']} frontal photos. The rules that come nearest:")
    for rule in counts["rules"][:3]:
        print(f"  {rule['rule']}: {rule['photos']}")
    print(f"These photos {feret.RESTRICTED}.")


if __name__ == "__main__":
    main(common.app(prepare_feret), "prepare_feret")
