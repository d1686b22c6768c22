"""What pages say about themselves: where mistakes are sent, what is shown of a link, that nothing is from outside."""

import re
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from docutils.core import publish_doctree

from book.build import page_meta

ROOT = Path(__file__).parent.parent


def page(name, buttons=(), body=""):
    """The context of a page after it was filled."""
    context = {"header_buttons": list(buttons), "body": body, "title": "What <em>is</em> lost?"}
    app = SimpleNamespace(config=SimpleNamespace(html_baseurl="https://example.org/"))
    page_meta.on_page(app, name, "page.html", context, publish_doctree("Short.\n\n" + 'Long "words" & more. ' * 20))
    return context


def test_the_address_of_the_pages_follows_the_repositorys():
    owner, name = page_meta.ADDRESS.split("/")[-2:]
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert config["html"]["baseurl"] == f"https://{owner}.github.io/{name}/"


@pytest.mark.parametrize(
    ("name", "text"),
    [("book/chapters/02-interpolation", "book/text/02-interpolation.md"), ("book/glossary", "book/glossary.md")],
)
def test_buttons_lead_to_the_text_that_people_edit(name, text):
    edit, issue = ({"url": f"{page_meta.ADDRESS}/{end}"} for end in ("edit/main/x.ipynb", "issues/new?title=x"))
    page(name, [{"buttons": [edit, issue]}])
    assert edit["url"] == f"{page_meta.ADDRESS}/edit/main/{text}"
    assert (ROOT / text).is_file()
    assert text.replace("/", "%2F") in issue["url"]


def test_a_page_has_a_description_a_picture_and_a_policy():
    tags = page("book/glossary")["metatags"]
    (text,) = re.findall(r'name="description" content="([^"]*)"', tags)
    assert text.startswith("Long &quot;words&quot; &amp; more.")
    assert text.endswith(" …")
    assert "https://example.org/_static/before-and-after.png" in tags
    assert page_meta.PICTURE.is_file()
    assert 'content="What is lost?"' in tags
    (policy,) = re.findall(r'Security-Policy" content="([^"]*)"', tags)
    assert "http" not in policy
    assert "object-src 'none'" in policy


@pytest.mark.parametrize("claimed", [True, False])
def test_badges_wait_until_the_address_is_claimed(monkeypatch, claimed):
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert page_meta.CLAIMED is settings["tool"]["mffcn-lite"]["address-is-claimed"]
    monkeypatch.setattr(page_meta, "CLAIMED", claimed)
    body = '<p><a class="x" href="y"><img alt="Open in Colab" src="../../_images/colab-badge.svg" /></a></p><p>More</p>'
    assert ("badge-waits" in page("book/chapters/index", body=body)["body"]) != claimed
    assert page("book/glossary", body="<p>More</p>")["body"] == "<p>More</p>"


def test_every_built_page_has_them_and_is_in_the_list(site):
    listed = (site / "sitemap.xml").read_text(encoding="utf-8")
    waiting = 0
    for path in [*site.glob("book/**/*.html")]:
        content, name = path.read_text(encoding="utf-8"), path.relative_to(site).as_posix()
        assert "Content-Security-Policy" in content, name
        assert re.search(rf'<link rel="canonical" href="https://[^"]*/{re.escape(name)}"', content), name
        assert f"/{name}</loc>" in listed, name
        assert ".ipynb" not in "".join(re.findall(r'href="[^"]*/edit/[^"]*"', content)), name
        waiting += "badge-waits" in content
    assert page_meta.CLAIMED or waiting == len(list((ROOT / "book" / "text").glob("*.md")))
