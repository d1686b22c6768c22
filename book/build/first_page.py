"""What the first page takes from the package and from data: the face, the chart, the map of the story.

Sphinx calls this file while it reads the page, so nothing of it is stored. A cell of the page's notebook holds a line
such as `<div class="made" data-what="face">…</div>`, and the function of that name writes what stands in its place; a
notebook that is open somewhere else shows the words inside.

    python -m book.build.first_page face       prints what the page will hold
"""

import base64
import functools
import html
import io
import json
import re
import sys

import numpy as np
import skimage.data
import torch
import yaml
from PIL import Image
from torch import Tensor

from book.build.contents import BOOK, chapters
from book.build.gain_chart import chart
from mffcn_lite.checkpoint import load_model
from mffcn_lite.degrade import downsample
from mffcn_lite.enlarging import RGB_TO_YCBCR
from mffcn_lite.metrics import psnr
from mffcn_lite.pictures import enlarge

PAGE = "book/chapters/index"
MARK = re.compile(r'<div class="made" data-what="(\w+)">.*?</div>', re.DOTALL)
NETWORK, FACTOR = "mffcn", 4
FACE = slice(60, 180), slice(164, 284)  # of scikit-image's astronaut: 120×120 pixels, so 480 or 360 on a screen
EYE = slice(24, 52), slice(20, 60)  # of the face; whole pixels of the small photo
PARTS = {  # of _toc.yml, each with the question that it answers
    "Before you start": "What is a photo to a program?",
    "Part I: The problem": "What is lost, and how would we know?",
    "Part II: The networks": "What does a network add to a filter?",
    "Part III: The objective": "What should it be asked to do?",
    "Part IV: The verdict": "Do the paper’s results hold?",
}
SHORT = ("sampling", "measuring", "srcnn", "mff", "balance", "tables")  # the short path, without chapters' numbers


# The face.


def luminance(picture: Tensor) -> Tensor:
    """Y of an RGB picture 1×3×H×W in [0, 1], clamped: 1×1×H×W."""
    weights = torch.from_numpy(RGB_TO_YCBCR[0]).to(picture)
    return torch.einsum("c,nchw->nhw", weights, picture.clamp(0, 1))[:, None]


@functools.cache
def pictures() -> dict[str, Tensor]:
    """The stops, RGB, 1×3×120×120 in [0, 1]: the small photo in squares, two guesses, and the original."""
    face = np.ascontiguousarray(skimage.data.astronaut()[FACE])
    original = torch.from_numpy(face).permute(2, 0, 1)[None] / 255
    small = downsample(original, FACTOR).clamp(0, 1)  # as in a file
    squares = small.repeat_interleave(FACTOR, dim=2).repeat_interleave(FACTOR, dim=3)
    with torch.inference_mode():
        guesses = {name: enlarge(load_model(name), small, FACTOR) for name in ("bicubic", NETWORK)}
    return {"small": squares, "bicubic": guesses["bicubic"], "network": guesses[NETWORK], "original": original}


def decibels(stop: str) -> float:
    """PSNR of a stop's luminance, in dB."""
    return psnr(luminance(pictures()[stop]), luminance(pictures()["original"]), data_range=1.0).item()


def image(picture: Tensor, alt: str) -> str:
    """An `img` with the picture in it, as PNG."""
    pixels = (picture[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    height, width = pixels.shape[:2]
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img src="data:image/png;base64,{data}" alt="{html.escape(alt)}" width="{width}" height="{height}">'


def face() -> str:
    """The face that sharpens under the finger, its stops, and where to go on."""
    stops = pictures()
    side = stops["original"].shape[-1]
    less = side // FACTOR
    said = {  # the stop's short line beside its eye, and the rest of the sentence where there is room
        "small": (f"{less}×{less}", " pixels. Nothing else is kept."),
        "bicubic": (f"{decibels('bicubic'):.1f} dB", ". A smooth guess."),
        "network": (f"{decibels('network'):.1f} dB", f". A guess by {NETWORK.upper()}; more is closer."),
        "original": (f"{side}×{side}", " pixels: what was there."),
    }
    alts = {
        "small": "the face of a smiling woman in coarse squares",
        "bicubic": "the same face, smooth and blurred",
        "network": "the same face, with sharper edges at eyes, nose and mouth",
        "original": "the same face as it was photographed, with lashes and single hairs",
    }
    layers = "".join(
        f'<div class="layer" data-stop="{name}">{image(stops[name], f"{name}: {alts[name]}")}<span>{name}</span></div>'
        for name in stops
    )
    buttons = "".join(
        f'<button type="button" data-stop="{name}" aria-pressed="{str(name == "network").lower()}">'
        f"{image(stops[name][..., EYE[0], EYE[1]], f'the eye, {name}')}"
        f'<span class="words"><b>{name.capitalize()}</b> <span>{short}<span class="rest">{rest}</span></span></span>'
        f'<kbd aria-hidden="true">{i}</kbd></button>'
        for i, (name, (short, rest)) in enumerate(said.items(), 1)
    )
    return f"""<figure class="moving face-wipe" style="--cut:58%">
<div class="stage">{layers}<div class="edge" aria-hidden="true"><span>↔</span></div>
<input type="range" min="0" max="300" value="158"
 aria-label="The line across the face; keys 1 to 4 choose a picture"></div>
<div class="stops" role="group" aria-label="Which picture is left of the line">{buttons}</div>
</figure>

::::{{container}} first-steps
<a class="first-step filled" href="#your-own-photo">Try your own photo</a>
[Start with chapter 1](01-sampling.ipynb)
<small>Your photo stays in this browser. Face: NASA, public domain. No network of this book has seen it.</small>
::::
"""


# The story.


def parts() -> dict[str, list]:
    """The chapters of each part of `_toc.yml` that has numbered ones, by the part's caption."""
    toc = yaml.safe_load((BOOK.parent / "_toc.yml").read_text(encoding="utf-8"))["parts"]
    files = {part["caption"]: {entry["file"].split("/")[-1] for entry in part["chapters"]} for part in toc}
    found = {caption: [c for c in chapters() if c.name in names] for caption, names in files.items()}
    return {caption: of for caption, of in found.items() if of}


def is_short(chapter) -> bool:
    """Whether a chapter is on the short path."""
    return chapter.name[3:] in SHORT


def story() -> str:
    """A map of the chapters by their parts, and the short path, with minutes to read."""
    blocks = []
    for caption, of in parts().items():
        points = []
        for c in of:
            link = f'[{c.number}<span class="visually-hidden">. {html.escape(c.title)}</span>]({c.name}.ipynb)'
            points.append(f"- **{link}**" if is_short(c) else f"- {link}")
        blocks.append(":::{container} part\n" + f"**{caption}**\n\n{PARTS[caption]}\n\n" + "\n".join(points) + "\n:::")
    short = [c for c in chapters() if is_short(c)]
    hours = [f"{round(sum(c.reading for c in of) / 30) / 2:g} hours" for of in (short, chapters())]
    lines = [f"- [{c.number}. {c.title}]({c.name}.ipynb) {c.reading}\N{NO-BREAK SPACE}minutes" for c in short]
    return "\n\n".join(
        [
            f"**The short path:** {len(short)} chapters, filled on the map, about {hours[0]} of reading. "
            f"**The long one:** all {len(chapters())}, about {hours[1]}.",
            "::::{container} story\n" + "\n".join(blocks) + "\n::::",
            ":::{container} short-path\n" + "\n".join(lines) + "\n:::",
        ]
    )


# What Sphinx calls.

MADE = {function.__name__: function for function in (face, chart, story)}


def fill(content: str) -> str:
    """The page's notebook, as JSON, with what its marks stand for."""
    notebook = json.loads(content)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = MARK.sub(lambda mark: MADE[mark[1]](), "".join(cell["source"]))
    return json.dumps(notebook)


def _read_page(app, name: str, content: list[str]) -> None:
    if name == PAGE:
        content[0] = fill(content[0])


def _widen(app, env) -> None:
    env.metadata[PAGE]["html_theme.sidebar_secondary.remove"] = True  # its width belongs to the picture


def setup(app) -> dict:
    """Called by Sphinx; see `_config.yml`."""
    app.connect("source-read", _read_page)
    app.connect("env-updated", _widen)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    for word in sys.argv[1:] or sorted(MADE):
        print(MADE[word](), "\n")
