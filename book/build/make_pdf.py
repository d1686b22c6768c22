"""Print the whole book as one PDF, through a browser: _build/pdf/book.pdf.

python -m book.build.make_pdf

Needs Chromium or Chrome: on the path, or named in the variable CHROMIUM. Nothing is loaded from outside.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from mffcn_lite.files import replacing

ROOT = Path(__file__).parents[2]
SINGLE, PDF = ROOT / "_build" / "singlehtml", ROOT / "_build" / "pdf" / "book.pdf"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# The numbers of the pages; Chromium asks for a template of its own.
FOOTER = '<div style="width:100%;text-align:center;font-size:8px"><span class="pageNumber"></span></div>'


def find_browser() -> str | None:
    """The path of Chromium or Chrome; None where there is none."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)


def main() -> None:
    """One page of all chapters, as Jupyter Book builds it, then the PDF with an outline of its headings.

    Raises:
        SystemExit: if there is no browser.
    """
    if not (browser := find_browser()):
        sys.exit(
            "Chromium is missing: install it (Debian: apt-get install chromium), or name it in the variable CHROMIUM"
        )
    builder = [Path(sys.executable).parent / "jupyter-book", "build", ROOT, "--builder", "singlehtml", "--quiet"]
    subprocess.run(builder, check=True)
    # Sphinx writes every address from the folder's root, and the page two folders below it.
    page_file = shutil.copy(SINGLE / "book" / "chapters" / "index.html", SINGLE / "book.html")
    PDF.parent.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, replacing(PDF) as temporary:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page()
        page.goto(Path(page_file).as_uri(), timeout=300_000)
        page.wait_for_function("window.MathJax?.startup?.promise?.then(() => true) ?? true", timeout=300_000)
        page.pdf(
            path=temporary,
            format="A4",
            margin={"top": "15mm", "bottom": "18mm", "left": "15mm", "right": "15mm"},
            scale=0.75,  # lines of 88 characters fit
            print_background=True,
            outline=True,
            tagged=True,
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=FOOTER,
        )
        chromium.close()
    print(f"The book is {PDF}")


if __name__ == "__main__":
    main()
