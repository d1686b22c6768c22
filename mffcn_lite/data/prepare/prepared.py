"""A prepared set on disk, a photo at a time: written as a stream, and its list read back."""

import csv
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mffcn_lite.data.faceset import COLUMNS
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.files import replacing, sha256, write_json

# A set whose card says so may not be passed on, and a book that embeds its photos would pass them on.
RESTRICTED = "may not be redistributed"
BUILDING, ALLOWED = "MFFCN_LITE_BUILDS_BOOK", "MFFCN_LITE_EMBED_RESTRICTED"


def write_prepared(
    out: Path, shape: tuple[int, int, int], rows: list[dict], pixels: Iterable[bytes], card: dict
) -> None:
    """Write `images.npy`, `faces.csv` and `card.json` into a new folder `out`, which appears complete or not at all.

    `rows` are N dicts with `name`, `person`, `pose`, `date`, `source`, `sha256` and perhaps `eyes`; `pixels` gives the
    N photos, C×H×W bytes of `shape` each.

    Raises:
        MffcnLiteError: if the folder cannot be written.
    """
    with replacing(out) as temporary:
        temporary.mkdir()
        with (temporary / "images.npy").open("wb") as handle:
            header = {"descr": "|u1", "fortran_order": False, "shape": (len(rows), *shape)}
            np.lib.format.write_array_header_1_0(handle, header)
            handle.writelines(pixels)
        with (temporary / "faces.csv").open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, COLUMNS, extrasaction="ignore")
            writer.writeheader()
            for row in rows:
                (left_x, left_y), (right_x, right_y) = row.get("eyes", (("", ""), ("", "")))
                writer.writerow(row | {"left_x": left_x, "left_y": left_y, "right_x": right_x, "right_y": right_y})
        write_json(temporary / "card.json", {**card, "images_sha256": sha256(temporary / "images.npy")})


def read_rows(folder: str | Path) -> list[dict]:
    """The rows of a set's `faces.csv`: ten strings by column.

    Raises:
        MffcnLiteError: if the file is missing or broken.
    """
    try:
        with (Path(folder) / "faces.csv").open(newline="", encoding="utf-8") as handle:
            return list(csv.DictReader(handle))
    except (OSError, ValueError, csv.Error) as error:
        raise MffcnLiteError(f"{folder} is no complete prepared set ({error}); prepare it again") from error


def refuse_in_book(source: str | Path, card: dict) -> None:
    """Refuse a restricted set while the book is built, unless the reader's setting says that they may embed it.

    Raises:
        MffcnLiteError: if it must not be embedded.
    """
    if card.get("redistribution") == RESTRICTED and os.environ.get(BUILDING) and os.environ.get(ALLOWED) != "yes":
        raise MffcnLiteError(
            f"the photos of {source} {RESTRICTED}, and a page of the book would pass them on; "
            f"if your licence lets you, set {ALLOWED}=yes and build again"
        )
