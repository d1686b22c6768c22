"""The zip of all notebooks: what it holds, where its links lead, and what it refuses."""

import json
import re
import zipfile
from pathlib import Path

import nbformat
import pytest
import yaml

from book.build import archives
from book.build import make_reader as reader

ROOT = Path(__file__).parent.parent
WHEEL = "mffcn_lite-9.9.9-py3-none-any.whl"
STORED = sorted((ROOT / "book" / "chapters").glob("*.ipynb"))
LINKS = re.compile(r"\]\(([^)\s]+)\)")


MAY = {"data_card": json.loads((ROOT / "mffcn_lite/weights/srcnn.json").read_text())["data_card"]}


def make_wheel(folder, **card):
    path = folder / WHEEL
    archives.write_zip(path, {"mffcn_lite/weights/srcnn.json": json.dumps(card).encode()})
    return path


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reader")
    archives.write_zip(folder / "reader.zip", reader.contents(make_wheel(folder, **MAY)))
    with zipfile.ZipFile(folder / "reader.zip") as archive:
        archive.extractall(folder / "out")
    (root,) = (folder / "out").iterdir()
    return root


def texts(notebook):
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def test_it_holds_every_chapter_the_licences_the_wheel_and_nothing_else(unpacked):
    found = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    around = {"README.md", "LICENSE", "NOTICE", "book/LICENSE", "book/_static/colab-badge.svg", WHEEL}
    assert found == around | {f"book/chapters/{path.name}" for path in STORED}
    assert unpacked.name == "mffcn_lite-reader"
    for name in ("LICENSE", "book/LICENSE", "book/_static/colab-badge.svg"):
        assert (unpacked / name).read_bytes() == (ROOT / name).read_bytes()


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_a_notebook_is_the_stored_one_and_its_links_lead_somewhere(unpacked, path):
    stored = nbformat.read(path, as_version=4)
    given = nbformat.read(unpacked / "book" / "chapters" / path.name, as_version=4)
    pages = {
        Path(e["file"]).stem for p in yaml.safe_load((ROOT / "_toc.yml").read_text())["parts"] for e in p["chapters"]
    }
    assert given.metadata == stored.metadata
    for before, after in zip(stored.cells, given.cells, strict=True):
        if before.cell_type == "code":
            assert after == before
        assert LINKS.sub("]()", after.source) == LINKS.sub("]()", before.source)
    assert len(LINKS.findall(texts(given))) == len(LINKS.findall(texts(stored)))
    for link in LINKS.findall(texts(given)):
        if link.startswith(reader.SITE):
            assert Path(link.split("#")[0]).stem in pages, link
        elif not re.match(r"https?://|#", link):
            assert (unpacked / "book" / "chapters" / link.split("#")[0]).is_file(), link


def test_its_page_names_what_is_there(unpacked):
    page = (unpacked / "README.md").read_text(encoding="utf-8")
    assert f'"./{WHEEL}[notebook]"' in page
    assert f"MFFCN_LITE_SOURCE=file:///content/{WHEEL}" in page
    assert (unpacked / re.search(r"lab (book\S+)", page)[1]).is_file()
    assert reader.ADDRESS in page
    assert max(map(len, page.splitlines())) <= 120


def test_the_same_again(unpacked, tmp_path):
    one = reader.contents(make_wheel(tmp_path, **MAY))
    assert one == reader.contents(tmp_path / WHEEL)


@pytest.mark.parametrize("card", [MAY | {"redistribution": "are secret"}, {"data_card": {"pixel_hash": "0" * 64}}, {}])
def test_weights_that_may_not_travel_are_refused(tmp_path, card):
    with pytest.raises(SystemExit, match=r"weights/srcnn\.json may not be passed on: its training photos are "):
        reader.contents(make_wheel(tmp_path, **card))


def test_weights_without_a_card_are_refused(tmp_path):
    content = {"mffcn_lite/weights/srcnn.json": json.dumps(MAY).encode(), "mffcn_lite/weights/new.safetensors": b"x"}
    archives.write_zip(tmp_path / WHEEL, content)
    with pytest.raises(SystemExit, match=r"weights/new\.json may not be passed on"):
        reader.contents(tmp_path / WHEEL)


def test_a_wheel_without_weights_is_refused(tmp_path):
    archives.write_zip(tmp_path / WHEEL, {"mffcn_lite/__init__.py": b""})
    with pytest.raises(SystemExit, match="make dist"):
        reader.contents(tmp_path / WHEEL)
