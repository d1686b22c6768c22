"""Make the zip of all notebooks that run on their own: _build/downloads/mffcn_lite-reader.zip (make reader).

It holds the stored notebooks, the wheel, the licences and a page that says how to begin. Links between chapters name
the notebooks beside them; links that leave the chapters go to the site.
"""

import io
import json
import re
import sys
import zipfile
from pathlib import Path, PurePosixPath

import nbformat

from book.build.archives import write_zip
from book.build.make_appendices import DOWNLOADS
from book.build.make_chapters import ADDRESS
from book.build.run_outside import find_wheel
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.shipped import check_may_travel

BOOK = Path(__file__).parents[1]
ROOT = BOOK.parent
ZIP = DOWNLOADS / "mffcn_lite-reader.zip"
OWNER, REPOSITORY = ADDRESS.removeprefix("https://github.com/").split("/")
SITE = f"https://{OWNER}.github.io/{REPOSITORY}/book/"  # where GitHub publishes what the workflow `pages` builds
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?\)")

README = """\
# From a blurred face to a sharp one: the notebooks

They run on their own, on any machine with Python 3.11 or newer. In this folder:

    python -m venv .venv
    .venv/bin/pip install jupyterlab "./{wheel}[notebook]"
    .venv/bin/jupyter lab book/chapters/index.ipynb

On Windows the second and third begin with `.venv\\Scripts\\`. The package is installed now, so a chapter's first code
cell, the install cell, does nothing. Where the package is missing, that cell takes it from
{address}, or from where the variable MFFCN_LITE_SOURCE says.
In Colab, upload a notebook and the wheel, and run this first:

    %env MFFCN_LITE_SOURCE=file:///content/{wheel}

A notebook shows citations and references as they are written, {{cite:p}}`…`; the site resolves them:
{site}
Code: MIT (LICENSE). Text and figures: CC BY 4.0 (book/LICENSE). The weights, and the photos: NOTICE.
"""


def check_wheel(content: bytes) -> None:
    """Look at the cards of the weights in a wheel once more.

    Raises:
        SystemExit: if there is none, one lacks its card, or `check_may_travel` refuses one.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as wheel:
        files = {PurePosixPath(name) for name in wheel.namelist() if re.fullmatch(r"mffcn_lite/weights/[^/]+", name)}
        if not files:
            sys.exit("the wheel holds no weights; run: make dist")
        try:
            for card in sorted({path.with_suffix(".json") for path in files}):
                check_may_travel(str(card), json.loads(wheel.read(str(card))) if card in files else {})
        except MffcnLiteError as error:
            sys.exit(str(error))


def follow(target: str, chapters: set[str]) -> str:
    """Where a link of a notebook leads in the zip: to the notebook beside it, to a picture, or to the site."""
    name = target.removesuffix(".ipynb").removesuffix(".md")
    if name in chapters:
        return f"{name}.ipynb"
    if target.startswith("../_static/"):
        return target
    return SITE + str(PurePosixPath(name.removeprefix("../")).with_suffix(".html"))


def mend_links(notebook: nbformat.NotebookNode, chapters: set[str]) -> set[str]:
    """Rewrite the links of the text in place; the files of _static that it needs."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(lambda link: f"]({follow(link[1], chapters)}{link[2] or ''})", cell.source)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return set(re.findall(r"\]\(\.\./(_static/[\w.-]+)\)", text))


def contents(wheel: Path) -> dict[str, Path | bytes]:
    """What the zip holds, by name; laid out as in the repository, so that the licences' words are right."""
    stored = sorted((BOOK / "chapters").glob("*.ipynb"))
    chapters, files = {path.stem for path in stored}, {}
    check_wheel(wheel.read_bytes())
    for path in stored:
        notebook = nbformat.read(path, as_version=4)
        for name in mend_links(notebook, chapters):
            files[f"book/{name}"] = BOOK / name
        files[f"book/chapters/{path.name}"] = nbformat.writes(notebook).encode()
    readme = README.format(wheel=wheel.name, address=ADDRESS, site=f"{SITE}chapters/index.html")
    files |= {"README.md": readme.encode(), "LICENSE": ROOT / "LICENSE", "book/LICENSE": BOOK / "LICENSE"}
    files["NOTICE"] = ROOT / "NOTICE"
    files[wheel.name] = wheel
    return {f"{ZIP.stem}/{name}": content for name, content in files.items()}


if __name__ == "__main__":
    write_zip(ZIP, contents(find_wheel()))
    print(f"{ZIP}: {ZIP.stat().st_size / 1e6:.1f} MB")
