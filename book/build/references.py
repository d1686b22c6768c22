"""Where chapters and exercises are named by their numbers, and how all of that follows when numbers change.

A reference has one of these forms, and a test finds what has another:

- the name of a file: `07-srcnn`, `chapter_07`, `chapter-07`, `test_exercises_07`
- words: chapter 7; chapters 8 and 9; chapters 7, 9 to 11 and 15; each number may be a link
- a link that is a number: [7](07-srcnn)
- an exercise: "7.2" in quotes; exercise 7.2; exercises 7.2 and 7.4; **7.2 ★
- the heading of a chapter: # 7. What can three convolutions learn?

This file and its test are the only ones that are left alone, since they speak of the forms.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat

PLACES = ("Makefile", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "_toc.yml", "_config.yml")
PLACES += ("benchmarks", "book", "course", "data_scripts", "mffcn_lite", "tests")
KINDS = ("", ".md", ".py", ".ipynb", ".yml", ".js")  # "": Makefile
DATA = ("book/cost.json", "book/full_cost.json")
ALONE = ("book/build/references.py", "tests/test_references.py")
QUOTED = re.compile(r"^(book|course|mffcn_lite/exercises)/|^tests/test_(exercises_\d\d|mistakes|book|course)\.py")

GAP = r"\s+(?:(?:#|//)\s+)?"  # a line of a comment may end there
NUMBER = r"(?:\d{1,2}(?![-–]?\d|\.\d)|\[\d{1,2}\]\([^)\s]*\))"
EXERCISE = r"\d{1,2}\.\d"


def _several(one: str) -> str:
    """Such as "a and b", "a, b to c or d", "a to b"."""
    part = f"{one}(?:{GAP}to{GAP}{one})?"
    return f"{part}(?:,{GAP}{part})*{GAP}(?:and|or|to){GAP}{part}"


FILE = r"(?<![\w.-])\d\d-[a-z][a-z0-9-]*(?![\w-])"
IN_QUOTES = re.compile(rf"(?<=[\"']){EXERCISE}(?=[\"'])")
FORMS = {
    "words": rf"\b[Cc]hapter(?:{GAP}{NUMBER}|s{GAP}{_several(NUMBER)})",
    "exercises": rf"\b[Ee]xercise(?:{GAP}{EXERCISE}|s{GAP}{_several(EXERCISE)})|(?<=\*\*){EXERCISE}(?= ★)",
    "link": r"(?<=\[)\d{1,2}(?=\]\((?:[\w./]*/)?\d\d-[a-z])",
    "file": FILE,
    "module": r"\b(?:chapter[_-]|test_exercises_)\d\d(?!\d)",
    "quoted": IN_QUOTES.pattern,
}
FORM = re.compile("|".join(f"(?P<{name}>{form})" for name, form in FORMS.items()))
PART = re.compile(rf"{FILE}|{EXERCISE}|(?<!\w)\d{{1,2}}|(?<=_)\d\d")
COUNTED = r"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen"
LOOSE = re.compile(
    rf"(?<![a-z])(?:chapter|chap|exercise)s?\.?[\s_(\[#-]*(?:no\.\s*)?(?:(?!0\])\d|(?:{COUNTED})\b)"
    r"|\b(?:third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|\w+teenth|\d+(?:st|nd|rd|th))\s+chapter"
    r"|\b(?:\d+|\w+teen|twenty)\s+chapters"  # how many there are changes too
    r"|\]\((?:[\w./]*/)?\d\d-[a-z][^)]*\)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Book:
    """What there is to refer to.

    Attributes:
        numbers: of the chapters, by the name behind the number in their files' names.
        exercises: their identifiers.
    """

    numbers: dict[str, int]
    exercises: frozenset[str]

    @classmethod
    def of(cls, root: Path) -> "Book":
        """The chapters and exercises of `book/text`."""
        texts = {path.stem: path.read_text(encoding="utf-8") for path in (root / "book" / "text").glob("[0-9]*.md")}
        found = frozenset(re.findall(r'exercise: \{id: "([\d.]+)"', "".join(texts.values())))
        return cls({stem[3:]: int(stem[:2]) for stem in sorted(texts)}, found)


def rewrite(text: str, new: Callable[[int], int], book: Book, quoted: bool = False) -> str:
    """A text in which chapter k is called `new(k)`; what is no chapter and no exercise of the book stays.

    Args:
        quoted: whether an exercise's identifier in quotes is one; elsewhere "1.5" is some number.
    """

    def part(match: re.Match, kind: str) -> str:
        digits, behind = re.fullmatch(r"(\d+)(.*)", match[0]).groups()
        number = int(digits)
        if behind.startswith("-"):  # 07-srcnn
            return f"{new(number):02}{behind}" if book.numbers.get(behind[1:]) == number else match[0]
        if behind:  # 7.2
            return f"{new(number)}{behind}" if match[0] in book.exercises else match[0]
        return f"{new(number):0{2 if kind == 'module' else 1}}" if number in book.numbers.values() else match[0]

    def form(match: re.Match) -> str:
        if match.lastgroup == "quoted" and not quoted:
            return match[0]
        return PART.sub(lambda found: part(found, match.lastgroup), match[0])

    return FORM.sub(form, text)


def loose(text: str) -> list[str]:
    """What looks like a reference and has none of the forms."""
    return [match[0] for match in LOOSE.finditer(FORM.sub("§", text))]


def files(root: Path) -> Iterator[Path]:
    """Every file that may refer to a chapter, results and weights excepted: they are never edited."""
    for place in PLACES:
        for path in sorted((root / place).rglob("*")) if (root / place).is_dir() else [root / place]:
            name = path.relative_to(root).as_posix()
            wanted = (path.suffix in KINDS and name not in ALONE) or name in DATA
            if wanted and path.is_file() and not any(part.startswith(".") for part in Path(name).parts):
                yield path


def follow(path: str, text: str, new: Callable[[int], int], book: Book) -> str:
    """The content of a file that follows: its text, and of a notebook the outputs too."""
    own = re.search(r"/(\d\d)-", path)

    def prose(source: str) -> str:
        source = rewrite(source, new, book, quoted=bool(QUOTED.match(path)))
        return re.sub(rf"(?m)^# {int(own[1])}\. ", f"# {new(int(own[1]))}. ", source, count=1) if own else source

    if not path.endswith(".ipynb"):
        return prose(text)
    notebook = nbformat.reads(text, as_version=4)
    for cell in notebook.cells:
        cell.source = prose(cell.source) if cell.cell_type == "markdown" else rewrite(cell.source, new, book, True)
        for key, quoted in (("metadata", True), ("outputs", False)):  # an output's "1.5" is a line's width
            if key in cell:
                stored = json.dumps(cell[key], ensure_ascii=False)
                cell[key] = nbformat.from_dict(json.loads(rewrite(stored, new, book, quoted)))
    return nbformat.writes(notebook) + "\n"


def renumber(root: Path, new: Callable[[int], int]) -> None:
    """Call chapter k `new(k)` everywhere: in the names of files, and in all that refers to it.

    Args:
        new: keeps the order.
    """
    book, after = Book.of(root), {}
    for path in files(root):
        name = path.relative_to(root).as_posix()
        text = path.read_bytes().decode()
        after[path] = root / rewrite(name, new, book), follow(name, text, new, book), text
    for path, (target, _, _) in after.items():
        if target != path:
            path.unlink()
    for path, (target, content, before) in after.items():
        if target != path or content != before:
            target.write_bytes(content.encode())
