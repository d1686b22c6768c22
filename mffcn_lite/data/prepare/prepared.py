"""What is said of a prepared set beside its photos: its list, and whether its photos may be shown."""

import csv
import os
from pathlib import Path

from mffcn_lite.errors import MffcnLiteError

# A set whose card says so may not be passed on, and a book that embeds its photos would pass them on.
RESTRICTED = "may not be redistributed"
BUILDING, ALLOWED = "MFFCN_LITE_BUILDS_BOOK", "MFFCN_LITE_EMBED_RESTRICTED"


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
