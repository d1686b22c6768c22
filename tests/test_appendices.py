"""The appendices: what is made from data is whole and true, and what they link to exists."""

import json
import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from book.build import cross_references as cross
from book.build import make_appendices as made
from book.build.contents import chapters
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.evaluation import load_results
from mffcn_lite.exercises import list_exercises
from mffcn_lite.models import MFF
from mffcn_lite.shipped import shipped_models, title

BOOK = made.BOOK
PAGES = sorted(BOOK.glob("*.md"))


def read(name):
    return (BOOK / name).read_text(encoding="utf-8")


def test_sphinx_is_told_of_both():
    sphinx = yaml.safe_load((BOOK.parent / "_config.yml").read_text(encoding="utf-8"))["sphinx"]
    for name in (made.__name__, cross.__name__):
        assert name in sphinx["config"]["extensions"]  # jupyter-book adds none to a list that is given
        assert (BOOK.parent / sphinx["local_extensions"][name] / f"{name.replace('.', '/')}.py").is_file()


def test_every_mark_is_made_and_everything_made_has_a_mark():
    marks = [mark for page in PAGES for mark in made.MARK.findall(page.read_text(encoding="utf-8"))]
    assert sorted(marks) == sorted(made.MADE)
    with pytest.raises(MffcnLiteError, match=r"has no nothing; it has .*model_cards"):
        made.fill("<!-- make_appendices: nothing -->")


def test_every_card_is_on_the_page_with_its_hash_its_limits_and_its_numbers():
    page = made.fill(read("model-cards.md"))
    for name, card in shipped_models().items():
        section = page.split(f"\n## {title(name)} (`{name}`)\n")[1].split("\n## ")[0]
        assert card["weights_sha256"] in section
        assert card["limits"] in section
        assert card["intended_use"] in section
        assert f"{card['parameters']:,}" in section
        for row in card.get("results", []):
            assert "{:.2f} [{:.2f}, {:.2f}]".format(row["psnr"], *row["psnr_ci"]) in section


def test_a_measurement_of_other_weights_is_not_shown():
    card = {**shipped_models()["forest"], "weights_sha256": "0" * 64, "results": None}
    assert "earlier weights" in made.measured("forest", card)
    assert "| ×2 |" not in made.measured("forest", card)


def test_the_cost_card_has_each_chapter_and_adds_up():
    page, costs = made.cost_card(), json.loads(read("cost.json"))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines()[2:]]
    *rows, total = rows
    numbered = [name for name in costs if re.match(r"\d\d-", name)]
    assert [row[0] for row in rows] == [str(int(name[:2])) for name in sorted(numbered) if name in page]
    for row, chapter in zip(rows, chapters(), strict=True):
        assert float(row[3]) == round(costs[chapter.name])
    for column in (2, 4, 5, 6):
        assert int(total[column]) == sum(int(row[column]) for row in rows)


def test_the_list_of_exercises_is_complete():
    listed = re.findall(r"^\| \[(\d+\.\d+)\]", made.exercise_list(), re.MULTILINE)
    assert sorted(listed) == sorted(list_exercises())


def test_each_chapters_solutions_are_there_and_no_page_links_to_them():
    page = made.solutions()
    for chapter in chapters():
        module = f"solutions/chapter_{chapter.number:02}.py"
        assert (BOOK / module).exists()
        assert f"{{literalinclude}} {module}" in page
        assert all(f"**{exercise['id']}**" in page for exercise in chapter.exercises)
    for path in [*PAGES, *(BOOK / "text").glob("*.md")]:  # so that a course can leave the page out
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\]\([^)]*solutions(\.md)?\)|\{doc\}`[^`]*solutions`", text), path


def test_each_term_of_the_glossary_leads_to_a_chapter():
    before, after = read("glossary.md"), cross.add_chapters(read("glossary.md"))
    terms = re.findall(r"^(\S.*)\n  \S", before.split("```{glossary}")[1], re.MULTILINE)
    assert len(terms) > 90
    for term in terms:
        entry = after.split(f"\n{term}\n")[1].split("\n\n")
        assert entry[1].startswith("  *defined in chapter [") or entry[1].startswith("  *in ["), term


def number_of(name):
    return next(chapter.number for chapter in chapters() if chapter.name.endswith(f"-{name}"))


def test_a_term_is_found_in_the_plural_and_in_bold():
    found = cross.used_terms(["Nyquist frequency", "MFF", "Dirichlet energy"])
    assert found["Nyquist frequency"][0] == number_of("sampling")
    assert found["MFF"][0] == number_of("mff")
    assert number_of("tv") in found["Dirichlet energy"][1]


def test_the_reference_knows_who_uses_a_function():
    used = cross.used_names()
    assert {number_of("l2"), number_of("tv")} <= set(used["mffcn_lite.losses.terms.l2_loss"])
    assert used["mffcn_lite.losses.terms.l2_tv_minimizer"][0] == number_of("tv")
    assert number_of("mff") in used["mffcn_lite.models.mff.MFF"]
    lines = ["What it is."]
    cross._read_docstring(None, "class", "mffcn_lite.models.mff.MFF", MFF, None, lines)
    assert lines[0] == "What it is."
    assert any(f":doc:`{number_of('mff')} </book/chapters/08-mff>`" in line for line in lines)


def test_what_the_gpu_guide_says_of_its_table_is_so():
    arms = {arm["arm"]: arm for arm in load_results("ablations")["arms"]}

    def seconds(name):
        assert all("CPU" not in run["device"] for run in arms[name]["runs"]), "the guide speaks of a GPU"
        return sum(run["seconds"] for run in arms[name]["runs"]) / len(arms[name]["runs"])

    assert 14 < arms["width 32"]["multiplications"] / arms["width 8"]["multiplications"] < 18
    assert seconds("width 32") < 1.3 * seconds("width 8")
    assert seconds("depth 8") > 1.3 * seconds("depth 4")
    larger = load_results("larger")
    trials = [t for t in load_results("trials_mffcn")["trials"] if t["device"] == larger["trained_with"]["device"]]
    assert larger["parameters"] > 10 * shipped_models()["mffcn"]["parameters"]
    assert larger["seconds"] / larger["config"]["steps"] < 2 * max(t["seconds"] / t["steps"] for t in trials)
    assert 0.3 < seconds("conv5, equal multiplications") / seconds("mff") < 0.7


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_the_books_pages_have_a_file(page):
    text = made.fill(page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([\w./-]+\.(?:md|ipynb))\)", text):
        assert (BOOK / target).exists(), target


def test_a_zip_is_offered_and_copied_where_it_is_there(monkeypatch, tmp_path):
    app = SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=tmp_path / "html")
    app.outdir.mkdir()
    monkeypatch.setattr(made, "DOWNLOADS", tmp_path)
    made._copy_downloads(app, None)
    assert "`make reader`" in made.downloads()
    assert "`make coursework`" in made.downloads()
    assert list(app.outdir.iterdir()) == []
    (tmp_path / "mffcn_lite-reader.zip").write_bytes(b"zip")
    made._copy_downloads(app, None)
    (link,) = re.findall(r'href="([^"]+)"', made.downloads())
    page = app.outdir / "book" / "colab-and-gpu.html"  # holds the mark
    assert Path(os.path.normpath(page.parent / link)).read_bytes() == b"zip"


def test_what_was_tried_is_shown_and_nothing_where_nothing_was(monkeypatch, tmp_path):
    monkeypatch.setattr(made, "TRIED", tmp_path / "tried.json")
    assert "not tried yet" in made.tested_versions()
    end = {"date": "2026-01-02", "python": "3.11.7", "chapters": 20, "tests": 1234, "versions": {"torch": "2.4.0"}}
    made.TRIED.write_text(json.dumps({"lowest": end, "newest": {**end, "versions": {"torch": "2.9.1"}}}))
    lines = made.tested_versions().splitlines()
    assert lines[0] == "|  | lowest | newest |"
    assert "| `torch` | 2.4.0 | 2.9.1 |" in lines
    assert "| tests that passed | 1,234 | 1,234 |" in lines


def test_cards_are_compared_with_the_paper_as_it_is():
    """Its MFFCN has an objective; that L2 alone trained ours is a difference; of the printed objective's it is none."""
    cards = shipped_models()
    assert "`loss=l2`" in made.differences("mffcn", cards["mffcn"]["config"])
    assert "loss" not in made.differences("srcnn", cards["srcnn"]["config"])
    printed = made.differences("mffcn", cards["mffcn-full"]["config"])
    assert "loss" not in printed
    assert "vgg16-imagenet" in printed
