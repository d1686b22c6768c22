"""Write the shipped networks for the page that restores a photo in the browser: book/_static/networks.js.

python -m book.build.make_browser
"""

import base64
import json
from pathlib import Path

import numpy as np
from torch import nn

from mffcn_lite.checkpoint import load_model
from mffcn_lite.data import load_faces, split_by_person
from mffcn_lite.files import replacing
from mffcn_lite.models import MFFCN, SuperResolver
from mffcn_lite.widgets import png_bytes

FILE = Path(__file__).parents[1] / "_static" / "networks.js"
NAMES, PHOTO = ("srcnn", "mffcn"), 20  # the photo of the index page, whose person no network saw


def describe(model: SuperResolver) -> dict:
    """A network as a chain of convolutions, and all its numbers as base64 of little-endian float32."""
    model = model.fuse() if isinstance(model, MFFCN) else model
    modules = [module for module in model.layers.modules() if isinstance(module, nn.Conv2d | nn.ReLU)]
    layers, numbers = [], []
    for module in modules:
        if isinstance(module, nn.ReLU):
            layers[-1]["relu"] = True
            continue
        outputs, inputs, side, _ = module.weight.shape
        layers.append({"inputs": inputs, "outputs": outputs, "side": side, "relu": False})
        numbers += [module.weight.detach().numpy().ravel(), module.bias.detach().numpy()]
    packed = base64.b64encode(np.concatenate(numbers).astype("<f4").tobytes()).decode()
    facts = {"residual": model.residual, "radius": model.radius, "skips": getattr(model, "skips", {})}
    return {**facts, "layers": layers, "numbers": packed}


def content() -> str:
    """The file: a script, so that a page that is opened from a disk may load it too."""
    networks = {name: describe(load_model(name)) for name in NAMES}
    _, test = split_by_person(load_faces("orl"))
    photo = f"data:image/png;base64,{base64.b64encode(png_bytes(test[PHOTO].floats())).decode()}"
    return f"self.FACE_NETWORKS = {json.dumps(networks)};\nself.FACE_PHOTO = {json.dumps(photo)};\n"


if __name__ == "__main__":
    with replacing(FILE) as temporary:
        temporary.write_text(content(), encoding="utf-8")
