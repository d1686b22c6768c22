"""Make room for a new chapter, and write stubs of its four files: make chapter NAME=colour AT=5.

python -m book.build.add_chapter colour 5      the chapters from that number on move up by one
python -m book.build.add_chapter colour        behind the last one

Files of later chapters are renamed, and all that refers to them follows (references.py). Notebooks follow with their
outputs; the new one is executed with `make chapters`.
"""

import re
import sys
from pathlib import Path

from book.build.make_chapters import INSTALL, ROOT, SAY, badge
from book.build.references import Book, renumber


def text(name: str, number: int, title: str) -> str:
    """What readers see: with everything that the tests of the book ask for."""
    return f"""---
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# {number}. {title}

{badge(f"{number:02}-{name}")}

**The answer that you will be able to give:** to be written.

You will be able to

1. say what this chapter is about.

You need: nothing yet. Reading takes about 10 minutes, the exercises about 5, and running takes less than one.

```{{code-cell}} ipython3
:tags: [hide-cell, nbval-ignore-output]

{INSTALL}

{SAY}
```

```{{code-cell}} ipython3
from mffcn_lite.exercises import check
```

## Exercises

Replace what raises `NotImplementedError`, or the `...`, and run the cell. The check answers at once, and gives a hint.

**{number}.1 ★ To be written.** How many pixels has a photo of 112×92? (5 minutes)

```{{code-cell}} ipython3
---
exercise: {{id: "{number}.1", stars: 1, minutes: 5, marks: 2, outcome: "count pixels", gpu: false}}
---
pixels = ...

check("{number}.1", pixels)
```
"""


def checks(number: int, title: str) -> str:
    """What a right answer is, and hints for others."""
    return f'''"""Checks of chapter {number}, "{title}"."""

from mffcn_lite.exercises import exercise
from mffcn_lite.exercises.answers import read_number, whole


@exercise("{number}.1")
def _pixels(answer: object) -> str | None:
    guess = whole(read_number(answer, "give a number of pixels"))
    return None if guess == 112 * 92 else "rows times columns"
'''


def solutions(number: int, title: str) -> str:
    """The reference solutions."""
    return f'''"""Reference solutions of chapter {number}, "{title}"."""


def pixels() -> int:
    """Exercise {number}.1: as many as rows times columns."""
    return sum(92 for _ in range(112))


SOLUTIONS = {{"{number}.1": pixels()}}
'''


def mistakes(number: int, title: str) -> str:
    """Wrong answers, and words of their hints."""
    return f'''"""Wrong answers to chapter {number}, "{title}"."""

WRONG = [
    ("{number}.1", 112 + 92, "rows times columns"),
    ("{number}.1", "many", "a number of pixels"),
]
'''


def enter(contents: str, new: str, others: list[str]) -> str:
    """The contents with one more chapter: in the part of the one that it stands before, or of the last one."""
    later = [name for name in others if name > new]
    line = f"      - file: book/chapters/{later[0] if later else others[-1]}\n"
    mine = f"      - file: book/chapters/{new}\n"
    return contents.replace(line, mine + line if later else line + mine)


def add(root: Path, name: str, at: int | None = None) -> list[Path]:
    """Make room, and write the stubs; their files.

    Raises:
        SystemExit: if there is such a chapter, or no such place; nothing is changed then.
    """
    numbers = Book.of(root).numbers
    at = len(numbers) if at is None else at
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name) or name in numbers:
        sys.exit(f"{name!r} is the name of a chapter already, or none: small letters, digits and hyphens")
    if not 0 <= at <= len(numbers):
        sys.exit(f"a new chapter can be any from 0 to {len(numbers)}, and not {at}")
    renumber(root, lambda number: number + (number >= at))
    title = f"{name.replace('-', ' ').capitalize()}?"
    stubs = {
        f"book/text/{at:02}-{name}.md": text(name, at, title),
        f"mffcn_lite/exercises/chapter_{at:02}.py": checks(at, title),
        f"book/solutions/chapter_{at:02}.py": solutions(at, title),
        f"book/mistakes/chapter_{at:02}.py": mistakes(at, title),
    }
    for path, content in stubs.items():
        (root / path).write_text(content, encoding="utf-8")
    contents = root / "_toc.yml"
    others = [f"{number:02}-{other}" for other, number in sorted(Book.of(root).numbers.items(), key=lambda n: n[1])]
    others.remove(f"{at:02}-{name}")
    contents.write_text(enter(contents.read_text(encoding="utf-8"), f"{at:02}-{name}", others), encoding="utf-8")
    return [root / path for path in stubs]


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or not all(word.isdigit() for word in sys.argv[2:]):
        sys.exit(__doc__)
    for path in add(ROOT, sys.argv[1], *map(int, sys.argv[2:])):
        print(f"to be written: {path.relative_to(ROOT)}")
    print("Its place in a part is in _toc.yml. Then: make chapters, and make test.")
