"""One face as several networks restore it, side by side in one picture."""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from mffcn_lite.checkpoint import load_model
from mffcn_lite.files import replacing, sha256
from mffcn_lite.models import create_model


def draw_sheet(path: Path, hr: Tensor, factor: int, networks: Sequence[Path], columns: int = 10) -> dict:
    """Write a PNG of the photo `hr` (1×1×H×W), of bicubic interpolation, and of what each network makes of it.

    Returns:
        Where each is: row by row, in the order in which they are named here.
    """
    systems = [create_model("bicubic"), *map(load_model, networks)]
    with torch.inference_mode():
        tiles = [hr, *(system.reconstruct(hr, factor).clamp(0, 1) for system in systems)]
    height, width = hr.shape[-2:]
    sheet = torch.zeros(-(-len(tiles) // columns) * height, columns * width)
    for place, tile in enumerate(tiles):
        top, left = place // columns * height, place % columns * width
        sheet[top : top + height, left : left + width] = tile[0, 0]
    with replacing(path) as temporary:
        Image.fromarray((255 * sheet).round().byte().numpy()).save(temporary, "PNG", optimize=True)
    return {"file": path.name, "sha256": sha256(path), "factor": factor, "tile": [height, width], "columns": columns}
