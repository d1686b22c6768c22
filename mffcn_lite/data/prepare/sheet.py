"""A contact sheet: photos of a set with their names and their eyes, for a person to see that they are right."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from mffcn_lite.data.faceset import FaceSet
from mffcn_lite.errors import MffcnLiteError, brief, check_number
from mffcn_lite.files import MADE_FROM, replacing

SIDE, TEXT, GAP = 128, 14, 6  # pixels: of a photo's longer side at least, of its line of text, between photos
LARGEST = 1e6  # pixels that an eye can lie away
EYES, PAPER, INK = (230, 30, 60), (255, 255, 255), (20, 20, 20)


def write_sheet(
    faces: FaceSet, rows: list[dict], path: str | Path, count: int = 48, columns: int = 8, made_from: str = ""
) -> int:
    """Write `count` photos of the set, spread evenly over it, as one PNG; the number that it shows.

    `rows` are those of `faces.csv`, or empty: where they have eyes, a cross marks each. The file keeps the word
    `made_from`, for `mffcn_lite.pictures.check_replaceable`.

    Raises:
        MffcnLiteError: if a number is out of range, the set is empty, or the file cannot be written.
    """
    check_number("count", count, at_least=1, at_most=1000, whole=True)
    check_number("columns", columns, at_least=1, at_most=50, whole=True)
    if not len(faces):
        raise MffcnLiteError("the set has no photo to show")
    _, channels, *sides = faces.images.shape
    if channels not in (1, 3) or not all(sides):
        raise MffcnLiteError(f"photos of {channels} channels and {sides} pixels cannot be shown; grey or RGB ones can")
    which = np.unique(np.linspace(0, len(faces) - 1, min(count, len(faces))).round().astype(int))
    height, width = faces.images.shape[-2:]
    times = max(1, -(-SIDE // max(height, width)))  # small photos are shown larger, by whole pixels
    across, down = width * times + GAP, height * times + TEXT + GAP
    columns = min(columns, len(which))
    sheet = Image.new("RGB", (columns * across + GAP, -(-len(which) // columns) * down + GAP), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default()
    for i, index in enumerate(which):
        left, top = GAP + i % columns * across, GAP + i // columns * down
        pixels = np.asarray(faces.images[int(index)]).transpose(1, 2, 0)
        photo = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("RGB")
        sheet.paste(photo.resize((width * times, height * times), Image.Resampling.NEAREST), (left, top))
        row = rows[index] if rows else {}
        for side in ("left", "right"):
            if row.get(f"{side}_x"):
                x, y = ((_place(row, f"{side}_{axis}") + 0.5) * times - 0.5 for axis in "xy")
                draw.line((left + x - 4, top + y, left + x + 4, top + y), EYES)
                draw.line((left + x, top + y - 4, left + x, top + y + 4), EYES)
        name = " ".join(faces.names[index].encode("ascii", "replace").decode().split())  # a name may have line ends
        if draw.textlength(name, font) > width * times:  # the end tells photos apart
            while draw.textlength(f"~{name}", font) > width * times and len(name) > 1:
                name = name[1:]
            name = f"~{name}"
        draw.text((left, top + height * times), name, INK, font)
    said = PngInfo()
    said.add_text(MADE_FROM, made_from)
    with replacing(path) as temporary:
        sheet.save(temporary, format="PNG", pnginfo=said)
    return len(which)


def _place(row: dict, column: str) -> float:
    """A pixel's place in a row of `faces.csv`."""
    try:
        place = float(row[column])
        check_number(column, place, at_least=-LARGEST, at_most=LARGEST)
    except (ValueError, MffcnLiteError) as error:
        said = f"{column} (={brief(row[column])}) of {row['name']} in faces.csv must be a number of pixels"
        raise MffcnLiteError(f"{said}; prepare the set again") from error
    return place
