"""What was handed in: which notebook of which student counts for which assignment.

Nothing is opened here, and nothing that lies there stops the others: what can't be a submission has a sentence.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

CHAPTER = re.compile(r"chapter[\s_-]*0*(\d{1,3})", re.IGNORECASE)
UNREAD = "its folder has no notebook"


@dataclass
class Submission:
    """What one student handed in for one assignment.

    Attributes:
        path: the notebook; None where there is none, and `fault` says why.
    """

    student: str
    assignment: str
    path: Path | None = None
    fault: str = ""

    @property
    def name(self) -> str:
        """STUDENT/ASSIGNMENT."""
        return f"{self.student}/{self.assignment}"


def handed_in(submitted: Path, known: list[str]) -> tuple[list[Submission], list[str]]:
    """All submissions below a folder, and what else lies there."""
    found, strays = [], []
    for folder in _entries(submitted):
        if not folder.is_dir():
            strays.append(_readable(folder.name))
            continue
        student, of = _readable(folder.name), {}
        try:
            entries = _entries(folder)
        except OSError as error:
            strays.append(f"{student}: {error.strerror}")
            continue
        for entry in entries:
            stem = entry.stem if entry.suffix.lower() == ".ipynb" else entry.name
            number = CHAPTER.fullmatch(stem.strip())
            assignment = f"chapter-{int(number[1]):02}" if number else ""
            if assignment in known:
                of.setdefault(assignment, []).append(entry)
            else:
                strays.append(f"{student}/{_readable(entry.name)}")
        found += [_chosen(student, assignment, of[assignment]) for assignment in sorted(of)]
    return found, strays


def _chosen(student: str, assignment: str, entries: list[Path]) -> Submission:
    """The notebook that counts, out of what a student has for an assignment."""
    submission = Submission(student, assignment)
    try:
        place = _named_right(entries, assignment) or (entries[0] if len(entries) == 1 else None)
        if place is None:
            names = ", ".join(_readable(entry.name) for entry in entries)
            submission.fault = f"there are {names}, and none is called {assignment}"
            return submission
        if place.suffix.lower() == ".ipynb":  # beside the folders, not in one
            submission.path = place
            return submission
        if not place.is_dir():
            submission.fault = f"{_readable(place.name)} is no folder"
            return submission
        inside = [path for path in _entries(place) if path.suffix.lower() == ".ipynb"]
        submission.path = _named_right(inside, f"{assignment}.ipynb") or (inside[0] if len(inside) == 1 else None)
        if submission.path is None:
            submission.fault = (
                f"there are {len(inside)} notebooks, and none is called {assignment}.ipynb" if inside else UNREAD
            )
    except OSError as error:
        submission.fault = f"it can't be read: {error.strerror}"
    return submission


def _named_right(paths: list[Path], name: str) -> Path | None:
    """The one with that name; or the only one whose name means the same."""
    alike = [p for p in paths if (m := CHAPTER.fullmatch(p.stem.strip())) and int(m[1]) == int(name[8:10])]
    return next((p for p in paths if p.name == name), alike[0] if len(alike) == 1 else None)


def _entries(folder: Path) -> list[Path]:
    """What a folder holds, but for hidden files, such as those that a Mac leaves."""
    return sorted(folder / name for name in os.listdir(folder) if not name.startswith((".", "__MACOSX")))


def _readable(name: str) -> str:
    """A file's name as text, whatever its bytes are."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
