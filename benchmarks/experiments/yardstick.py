"""Our ruler against the literature's: bicubic on Set5 and Set14, measured as the field measures.

    MFFCN_LITE_SETS=FOLDER python -m benchmarks.experiments.yardstick    (half a minute of a core)

FOLDER holds `set5` and `set14`, with the pictures in colour as PNG. The convention is the one that came with SRCNN:
MATLAB's luminance, rounded to 8 bits, where a picture is in colour; sides cut to multiples of the factor; MATLAB's
`imresize`, which antialiases; the result rounded to 8 bits; as many border pixels cut as the factor. The hashes of the
pictures are stored, so that you can see whether yours are the same. Writes mffcn_lite/results/yardstick.json.
"""

import statistics
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.helpers.results import use_cores
from benchmarks.helpers.sets import folder_of
from benchmarks.helpers.storing import store
from mffcn_lite.data import load_faces
from mffcn_lite.degrade import degrade
from mffcn_lite.files import sha256
from mffcn_lite.metrics import psnr
from mffcn_lite.metrics.error import STUDIO

FACTORS, BEYOND = (2, 3, 4), 24  # pixels that are mirrored around a picture: a multiple of each factor
# What the literature prints for bicubic, PSNR in dB at factors 2, 3, 4 (Dong et al. 2016; Kim et al. 2016).
PUBLISHED = {"set5": [33.66, 30.39, 28.42], "set14": [30.24, 27.55, 26.00]}
CONVENTION = (
    "luminance of MATLAB's rgb2ycbcr, rounded to 8 bits, and a picture that is stored in grey as it is; sides cut to "
    "multiples of the factor; bicubic (a = −0.5, antialiased), borders mirrored; rounded to 8 bits; as many border "
    "pixels cut on each side as the factor; PSNR with data_range 1, averaged over the pictures"
)
COMMAND = "MFFCN_LITE_SETS=FOLDER python -m benchmarks.experiments.yardstick"


def luminance(path: Path) -> Tensor:
    """1×1×H×W in [0, 1], of 8 bits; a picture that is stored in grey is taken as it is."""
    picture = Image.open(path)
    if picture.mode == "L":  # Set14's bridge: as luminance it would have 1.3 dB more, and the mean 0.09 dB
        return torch.from_numpy(np.asarray(picture).astype(np.float64) / 255)[None, None]
    pixels = torch.from_numpy(np.asarray(picture.convert("RGB")).astype(np.float64) / 255)
    weights, black = STUDIO
    return (((pixels @ pixels.new_tensor(weights) + black) * 255).round() / 255)[None, None]


def blurred(hr: Tensor, factor: int) -> Tensor:
    """Bicubic down and up, with MATLAB's borders: beyond the picture it is mirrored, the border pixel included."""
    for axis in (-2, -1):
        first, last = hr.narrow(axis, 0, BEYOND), hr.narrow(axis, hr.shape[axis] - BEYOND, BEYOND)
        hr = torch.cat([first.flip(axis), hr, last.flip(axis)], dim=axis)
    return degrade(hr, factor)[..., BEYOND:-BEYOND, BEYOND:-BEYOND]


def measure(hr: Tensor, factor: int) -> float:
    """PSNR in dB of bicubic on one luminance picture."""
    height, width = (side - side % factor for side in hr.shape[-2:])
    hr = hr[..., :height, :width]
    sr = (blurred(hr, factor) * 255).round().clamp(0, 255) / 255
    return psnr(sr, hr, data_range=1.0, border=factor).item()


def main() -> None:
    """Both sets, at each factor."""
    use_cores()
    results, pictures = [], {}
    for name, published in PUBLISHED.items():
        paths = sorted(folder_of(name).glob("*.png"))
        pictures[name] = {path.name: sha256(path) for path in paths}
        photos = [luminance(path) for path in paths]
        for factor, printed in zip(FACTORS, published, strict=True):
            values = [measure(hr, factor) for hr in photos]
            mean = statistics.mean(values)
            row = {"set": name, "factor": factor, "n": len(values), "psnr": mean, "published": printed}
            results.append(row | {"difference": mean - printed, "each": dict(zip(pictures[name], values, strict=True))})
            print(f"{name} ×{factor}: {mean:.3f} dB, published {printed}", flush=True)
    store("yardstick", {"results": results, "pictures": pictures, "convention": CONVENTION, "command": COMMAND})


def probe() -> list:
    """Two photos that are at hand, in the same convention."""
    photos = load_faces("orl")[:2].floats().double()
    return [measure(photo[None], factor) for photo in photos for factor in FACTORS]


if __name__ == "__main__":
    main()
