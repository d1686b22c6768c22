"""What a page says about itself, for search, for links to it, and for those who find a mistake in it; Sphinx calls it.

Its description, a picture for links, what it may load (nothing from outside), a list of all pages, and buttons that
lead to the text that people edit. While pyproject.toml says that nobody has claimed the address, pages say that badges
wait. `python -m book.build.page_meta` draws the picture anew.
"""

import html
import re
import tomllib
from pathlib import Path
from xml.sax.saxutils import escape

from docutils import nodes
from PIL import Image, ImageDraw, ImageFont

from book.build.contents import BOOK

PICTURE, SIZE = BOOK / "_static" / "before-and-after.png", (1200, 630)  # as services that show links want it
# Pages that are opened from a disk have no address of their own, so `file:` stands beside 'self'. What matters here is
# that nothing is loaded from outside; scripts of our own may evaluate, as tools that look at pages do.
OWN = "'self' file: data: blob:"
POLICY = (
    f"default-src {OWN}; script-src {OWN} 'unsafe-inline' 'unsafe-eval'; style-src {OWN} 'unsafe-inline'; "
    "object-src 'none'; frame-src 'none'; base-uri 'self'; form-action 'self' file:"
)
SETTINGS = tomllib.loads((BOOK.parent / "pyproject.toml").read_text(encoding="utf-8"))
ADDRESS, CLAIMED = SETTINGS["project"]["urls"]["Repository"], SETTINGS["tool"]["mffcn-lite"]["address-is-claimed"]
WAITS = (
    '<p class="badge-waits">The badge waits until the book is published under its address. Until then, run the chapter '
    "from a copy of the repository.</p>"
)


def describe(doctree: nodes.document | None) -> str:
    """The first sentences of a page, up to 160 letters, whole words."""
    paragraphs = doctree.findall(nodes.paragraph) if doctree is not None else ()
    texts = (" ".join(paragraph.astext().split()) for paragraph in paragraphs)
    text = next((text for text in texts if len(text) > 60), "")
    return text if len(text) <= 160 else text[:160].rpartition(" ")[0] + " …"


def text_of(page: str) -> str:
    """The file that people edit for a page, below the repository's root."""
    return page.replace("book/chapters/", "book/text/", 1) + ".md"


def lead_to_the_text(buttons: list[dict], page: str) -> None:
    """Buttons of a page to edit it, or to show its source, lead to its text and not to the notebook made from it."""
    for button in buttons:
        lead_to_the_text(button.get("buttons", []), page)
        if "/edit/" in button.get("url", ""):
            button["url"] = f"{ADDRESS}/edit/main/{text_of(page)}"
        elif "/issues/new" in button.get("url", ""):
            body = html.escape(f"In {text_of(page)}: ").replace(" ", "%20").replace("/", "%2F")
            button["url"] = f"{ADDRESS}/issues/new?title=On%20{page.rpartition('/')[2]}&body={body}"


def on_page(app, pagename, templatename, context, doctree) -> None:
    """Fill a page's head, and its buttons."""
    home, text = app.config.html_baseurl, describe(doctree)
    tags = {"og:title": context.get("title", ""), "og:description": text, "og:type": "article"}
    tags |= {"og:url": f"{home}{pagename}.html", "og:image": f"{home}_static/{PICTURE.name}"}
    tags["og:image:alt"] = "A face of 28 by 23 pixels, and the same enlarged four times by a network."
    lines = [f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">']
    lines += [f'<meta name="description" content="{html.escape(text)}">'] if text else []
    plain = {name: re.sub(r"<[^>]+>", "", value) for name, value in tags.items() if value}
    lines += [f'<meta property="{name}" content="{html.escape(html.unescape(v))}">' for name, v in plain.items()]
    lines += ['<meta name="twitter:card" content="summary_large_image">']
    context["metatags"] = "\n".join([context.get("metatags", ""), *lines])
    lead_to_the_text(context.get("header_buttons", []), pagename)
    if not CLAIMED and "colab-badge.svg" in context.get("body", ""):
        badge = re.compile(r"<a [^>]*><img [^>]*colab-badge\.svg[^>]*/?></a>\s*</p>")
        context["body"] = badge.sub(lambda found: found[0] + WAITS, context["body"], count=1)


def draw_picture(path: Path) -> None:
    """A small photo of a person of the training set, and what MFFCN makes of it."""
    from mffcn_lite.checkpoint import load_model  # here: Sphinx need not wait for torch
    from mffcn_lite.data import load_faces, split_by_person
    from mffcn_lite.degrade import downsample

    train, _ = split_by_person(load_faces("orl"))
    hr = train[30].floats()
    small = downsample(hr, 4)
    shown = {"28 by 23 pixels": small, "MFFCN, four times larger": load_model("mffcn").upscale(small, (112, 92))}
    canvas, font = Image.new("RGB", SIZE, "white"), ImageFont.load_default(size=34)
    draw = ImageDraw.Draw(canvas)
    for i, (words, image) in enumerate(shown.items()):
        levels = (image.clamp(0, 1) * 255).round().byte()[0, 0].numpy()
        face, middle = Image.fromarray(levels).resize((414, 504), Image.Resampling.NEAREST), 320 + 560 * i
        canvas.paste(face, (middle - 207, 30))
        draw.text((middle, 575), words, fill="black", font=font, anchor="mm")
    canvas.convert("L").save(path, optimize=True)


def on_end(app, error) -> None:
    """The list of all pages."""
    if error is not None or app.builder.name != "html":
        return
    home = escape(app.config.html_baseurl)
    pages = (f"<url><loc>{home}{escape(page)}.html</loc></url>" for page in app.env.found_docs)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">']
    Path(app.outdir, "sitemap.xml").write_text("\n".join([*lines, *sorted(pages), "</urlset>\n"]), encoding="utf-8")


def setup(app) -> dict:
    """Called by Sphinx."""
    app.connect("html-page-context", on_page, priority=900)  # after the theme has made its buttons
    app.connect("build-finished", on_end)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    draw_picture(PICTURE)
