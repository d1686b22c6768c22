"""Labeled Faces in the Wild as a prepared set.

python data_scripts/prepare_lfw.py --out data/lfw            scikit-learn downloads it (200 MB)
python data_scripts/prepare_lfw.py ROOT --out data/lfw
"""

from pathlib import Path
from typing import Annotated

import early  # noqa: F401 (first, for what it does)
import preparation as common
import typer

from mffcn_lite.cli import main


def prepare_lfw(
    out: common.Out,
    root: Annotated[Path | None, typer.Argument(help="the people's folders, or scikit-learn's data folder")] = None,
    size: common.Size = 128,
    window: Annotated[int, typer.Option(help="pixels a side of the square cut out of the centre")] = 128,
    color: common.Color = False,
    limit: common.Limit = None,
    seed: common.Seed = 0,
    workers: common.Workers = None,
    report: common.Report = None,
    strict: common.Strict = False,
) -> None:
    """The centre of each photo of LFW. ROOT is only read."""
    from mffcn_lite.data.prepare import lfw
    from mffcn_lite.data.prepare.alignment import Placement
    from mffcn_lite.data.prepare.sources import list_files

    placement = Placement(size, "crop", window=window, color=color)
    folder = lfw.find_lfw(root)
    common.check_places(folder if root is None else root, out, report)
    photos, problems = lfw.lfw_photos(list_files(folder))
    options = {"problems": problems, "limit": limit, "seed": seed, "workers": workers, "strict": strict}
    common.run(photos, out, lfw.CARD, placement, report, **options)


if __name__ == "__main__":
    main(common.app(prepare_lfw), "prepare_lfw")
