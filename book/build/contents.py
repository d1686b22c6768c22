"""The book's contents: its chapters in the order of `_toc.yml`, each as its text has it."""

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path

import jupytext
import yaml

BOOK = Path(__file__).parents[1]


@dataclass(frozen=True)
class Chapter:
    """A chapter as its text has it.

    Attributes:
        prose: its Markdown, without the badge.
        code: its code.
        exercises: the metadata of each, with its title.
        reading: minutes to read, as the chapter says.
        seconds: to run, as measured; None before the first time.
    """

    name: str
    title: str
    prose: str
    code: str
    exercises: list[dict]
    reading: int
    seconds: float | None

    @property
    def number(self) -> int:
        return int(self.name[:2])


@functools.cache
def chapters() -> list[Chapter]:
    """The numbered chapters of `_toc.yml`, in order."""
    parts = yaml.safe_load((BOOK.parent / "_toc.yml").read_text(encoding="utf-8"))["parts"]
    files = [Path(entry["file"]) for part in parts for entry in part["chapters"]]
    costs = json.loads((BOOK / "cost.json").read_text(encoding="utf-8"))
    found = []
    for name in (file.name for file in files if re.match(r"\d\d-", file.name)):
        cells = jupytext.read(BOOK / "text" / f"{name}.md").cells
        prose = "\n\n".join(c.source for c in cells if c.cell_type == "markdown")
        prose = re.sub(r"^\[!\[Open in Colab.*$", "", prose, flags=re.MULTILINE)
        exercises = [c.metadata["exercise"] for c in cells if "exercise" in c.metadata]
        titles = dict(re.findall(r"^\*\*(\d+\.\d+) ★+ (.+?)[.?!]?\*\*", prose, re.MULTILINE))
        reading = int(re.search(r"Reading\s+takes\s+about\s+(\d+)", prose)[1])
        exercises = [{**exercise, "title": titles[exercise["id"]]} for exercise in exercises]
        code = "\n".join(c.source for c in cells if c.cell_type == "code")
        title = re.search(r"^# \d+\. (.+)", prose, re.MULTILINE)[1]
        found.append(Chapter(name, title, prose, code, exercises, reading, costs.get(name)))
    return found


def links(numbers: list[int], address: str = "[{number}](chapters/{name}.ipynb)") -> str:
    """The chapters' numbers, each a link: "2, 5 and 11"."""
    found = [address.format(number=c.number, name=c.name) for c in chapters() if c.number in numbers]
    return " and ".join(filter(None, [", ".join(found[:-1]), *found[-1:]]))
