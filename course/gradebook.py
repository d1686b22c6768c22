"""Marks and feedback in nbgrader's own places, written by the judge: its gradebook, and the folder `autograded`."""

import hashlib
import json
import re
import shutil
import warnings
from pathlib import Path

from nbgrader.api import Gradebook


def open_gradebook(course: Path) -> Gradebook:
    """The gradebook of a course directory; a context manager."""
    return Gradebook(f"sqlite:///{course.resolve()}/gradebook.db?timeout=60")


def short_name(student: str) -> str:
    """A student's name for nbgrader, which takes brackets, stars and spaces at an end for something else."""
    plain = " ".join(re.sub(r"[^\w.@() -]", "_", student).split()).strip(".") or "_"
    return plain if plain == student else f"{plain[:60]}-{hashlib.sha256(student.encode()).hexdigest()[:6]}"


def record(course: Path, student: str, assignment: str, marks: dict[str, float], notebook: dict | None) -> None:
    """Write a submission's marks, and the notebook that feedback is made of.

    Args:
        marks: of each exercise.
        notebook: the released one with the student's sources; None where nothing could be read.
    """
    name = short_name(student)
    for folder in ("submitted", "autograded"):
        place = course / folder / name / assignment
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        if notebook is not None:
            (place / f"{assignment}.ipynb").write_text(json.dumps(notebook, indent=1), encoding="utf-8")
    with warnings.catch_warnings(action="ignore"), open_gradebook(course) as gradebook:  # of nbgrader's own order
        gradebook.update_or_create_student(name, first_name=student if name != student else None)
        gradebook.update_or_create_submission(assignment, name)
        for grade in gradebook.find_submission_notebook(assignment, assignment, name).grades:
            grade.auto_score = marks[grade.name.removeprefix("marks-").replace("-", ".")]
            grade.needs_manual_grade = False
        gradebook.db.commit()
