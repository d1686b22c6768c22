"""What was handed in: read with care, and only for the sources of its code cells.

A student's notebook is never what is marked. `read` takes its code cells' sources, whatever else is wrong with it;
`steps` says in which order they run and where each exercise is asked for; `filled` puts them into the released
notebook, for people to read.
"""

import ast
import base64
import binascii
import contextlib
import copy
import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

LARGEST = 50 * 2**20  # bytes of a notebook
CELLS, LONGEST = 1000, 10**6  # cells of code, and the characters of one
LABEL = re.compile(r"(?:answer|marks)-(\d{1,3})-(\d{1,3})")
CHECK = re.compile(r"""\bcheck\(\s*(?:identifier\s*=\s*)?["'](\d+\.\d+)["']""")


class RefusedError(Exception):
    """A submission that can't be read; the message is a sentence for whoever looks at it."""


@dataclass(frozen=True)
class Exercise:
    """One exercise as it was released.

    Attributes:
        name: such as "8.2".
        names: the expression that is its answer, such as "fuse".
        stub: the source that students find.
        marks: that it gives.
    """

    name: str
    names: str
    stub: str
    marks: float


@dataclass(frozen=True)
class Cell:
    """A student's cell of code, and the exercises that its metadata names."""

    source: str
    named: frozenset[str] = frozenset()


# Reading.


def content_of(path: Path, above: Path, kept: frozenset[tuple[int, int]] = frozenset()) -> bytes:
    """A file that was handed in: a regular one below `above`, with no link on the way.

    Args:
        kept: (device, inode) of files that nobody hands in, such as the instructor's.

    Raises:
        RefusedError: if it is something else, or too large.
    """
    for part in [path, *path.parents]:
        if part == above:
            break
        if part.is_symlink():
            raise RefusedError(f"{part.name} is a link; hand in the file itself")
    try:
        # Without waiting: opening a FIFO would, for ever.
        end = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise RefusedError(f"{path.name} can't be opened: {error.strerror}") from error
    about = os.fstat(end)
    if not stat.S_ISREG(about.st_mode):
        os.close(end)
        raise RefusedError(f"{path.name} is no file; hand in the notebook itself")
    with os.fdopen(end, "rb") as file:
        if (about.st_dev, about.st_ino) in kept:
            raise RefusedError(f"{path.name} is a file of the instructor's")
        if about.st_size > LARGEST:
            raise RefusedError(f"{path.name} has {about.st_size >> 20} MB; a notebook has at most {LARGEST >> 20}")
        return file.read(LARGEST + 1)[:LARGEST]


def read(content: bytes) -> list[Cell]:
    """The code cells of a notebook of any version, whatever else is wrong with it.

    Raises:
        RefusedError: if it is no notebook.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = content.decode("utf-16", "replace")
    else:
        text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    try:
        notebook = json.loads(text.strip("\ufeff\x00 \r\n\t"), strict=False)
    except (ValueError, RecursionError) as error:
        raise RefusedError("it is no notebook: its JSON can't be read") from error
    cells = _cells(notebook)
    if cells is None:
        raise RefusedError("it is no notebook: it has no cells")
    found = [cell for cell in map(_cell, cells) if cell is not None]
    if len(found) > CELLS:
        raise RefusedError(f"it has {len(found)} cells of code; a notebook has at most {CELLS}")
    return found


def _cells(notebook: object) -> list | None:
    """All cells; of an old notebook, those of its worksheets."""
    if not isinstance(notebook, dict):
        return None
    if isinstance(notebook.get("cells"), list):
        return notebook["cells"]
    sheets = notebook.get("worksheets")
    if not isinstance(sheets, list):
        return None
    rows = [sheet["cells"] for sheet in sheets if isinstance(sheet, dict) and isinstance(sheet.get("cells"), list)]
    return [cell for row in rows for cell in row]


def _cell(cell: object) -> Cell | None:
    if not isinstance(cell, dict) or cell.get("cell_type") != "code":
        return None
    source = cell.get("source", cell.get("input", ""))
    source = "".join(map(str, source)) if isinstance(source, list) else str(source)
    if len(source) > LONGEST:
        raise RefusedError("a cell of it is longer than a million characters")
    source = source.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()
    about = cell.get("metadata")
    about = about if isinstance(about, dict) else {}
    own = [about.get(key) if isinstance(about.get(key), dict) else {} for key in ("nbgrader", "exercise")]
    label = LABEL.fullmatch(str(own[0].get("grade_id")))
    named = {f"{int(label[1])}.{int(label[2])}"} if label else set()
    return Cell(source, frozenset(named | ({str(own[1]["id"])} if "id" in own[1] else set())))


# Which cell answers which exercise.


def given_names(source: str) -> tuple[set[str], set[str]]:
    """(names that a cell defines as functions or classes, those that it gives a value and does nothing else)."""
    plain = "\n".join(line for line in source.splitlines() if not line.lstrip().startswith(("%", "!")))
    try:
        body = ast.parse(plain).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set(re.findall(r"^(?:async )?def (\w+)", source, re.MULTILINE)), set()
    functions = {n.name for n in body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    values = [n for n in body if isinstance(n, ast.Assign | ast.AnnAssign)]
    others = [n for n in body if not isinstance(n, ast.Assign | ast.AnnAssign | ast.Expr | ast.Import | ast.ImportFrom)]
    stored = {
        part.id
        for node in values
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }
    return functions, set() if others else stored


def tries(exercises: list[Exercise], cells: list[Cell]) -> dict[str, list[int]]:
    """The cells of each exercise, by their places: what its metadata, its check or the names in it say."""
    found: dict[str, list[int]] = {exercise.name: [] for exercise in exercises}
    names = {e.name: {n.id for n in ast.walk(ast.parse(e.names)) if isinstance(n, ast.Name)} for e in exercises}
    makers = [given_names(cell.source) for cell in cells]
    for place, cell in enumerate(cells):
        said = (cell.named | set(CHECK.findall(cell.source))) & set(found)
        # Whoever says nothing may define another exercise's function again, as a help: then it is for the new one.
        defined = [name for name in found if names[name] & makers[place][0]]
        fresh = [name for name in defined if not found[name]]
        for name in said or fresh or defined:
            found[name].append(place)
    for name, places in found.items():
        # A value may be anybody's `width`; it is an answer only where nothing else is.
        if not places:
            places += [place for place, (_, values) in enumerate(makers) if names[name] & values]
    return {name: places for name, places in found.items() if places}


def untouched(exercise: Exercise, cell: Cell) -> bool:
    """Whether a cell is the stub as it was released, with or without its check."""
    lines = [line.rstrip() for line in cell.source.strip().splitlines()]
    lines = [line for line in lines if line and not CHECK.match(line)]
    return lines == [line.rstrip() for line in exercise.stub.strip().splitlines() if line.strip()]


def is_check(cell: Cell) -> bool:
    """Whether a cell asks for a check, and answers nothing."""
    return CHECK.match(cell.source.strip()) is not None


def steps(exercises: list[Exercise], first: str, cells: list[Cell]) -> list[dict]:
    """What the judge does, in order: cells run as they stand, each exercise is asked for behind its last cell.

    Args:
        first: the released notebook's own first cell, its imports.
    """
    of, behind, left_out, answers = tries(exercises, cells), {}, set(), {}
    for exercise in exercises:
        places = of.get(exercise.name, [])
        # An empty copy of a cell that is answered elsewhere is no second try.
        empty = {place for place in places if untouched(exercise, cells[place])}
        answered = [place for place in places if place not in empty and cells[place].source.strip()]
        left_out |= {place for place in empty if answered and place > answered[0]}
        for place in places:
            if not is_check(cells[place]):
                answers.setdefault(place, []).append(exercise.name)
        if places:
            behind.setdefault(places[-1], []).append(exercise)
    found = [{"run": first}]
    for place, cell in enumerate(cells):
        if place not in left_out:
            found.append({"run": cell.source, "place": place, "of": answers.get(place, [])})
        found += [{"ask": exercise.name, "names": exercise.names} for exercise in behind.get(place, ())]
    return found


# What people read.


def as_text(value: object) -> str:
    """Any value as text that every file takes."""
    return str(value).encode("utf-8", "replace").decode()


def shown(outputs: object) -> list[dict]:
    """A cell's outputs for a notebook: text and pictures, and nothing that a browser would run."""
    kept = []
    for output in outputs if isinstance(outputs, list) else []:
        if not isinstance(output, dict):
            continue
        if output.get("name") in ("stdout", "stderr"):
            kept.append({"output_type": "stream", "name": output["name"], "text": as_text(output.get("text"))})
        elif isinstance(output.get("error"), list) and len(output["error"]) == 3:
            name, value, lines = output["error"]
            lines = [as_text(line) for line in lines] if isinstance(lines, list) else []
            kept.append({"output_type": "error", "ename": as_text(name), "evalue": as_text(value), "traceback": lines})
        elif isinstance(output.get("shown"), dict):
            data = {}
            if isinstance(output["shown"].get("text/plain"), str):
                data["text/plain"] = as_text(output["shown"]["text/plain"])
            with contextlib.suppress(TypeError, ValueError, binascii.Error):
                picture = base64.b64decode(output["shown"].get("image/png"), validate=True)
                if picture.startswith(b"\x89PNG"):
                    data["image/png"] = base64.b64encode(picture).decode()
            kept += [{"output_type": "display_data", "data": data, "metadata": {}}] if data else []
    return kept


def filled(released: dict, exercises: list[Exercise], cells: list[Cell], outputs: dict, verdicts: dict) -> dict:
    """The released notebook with a student's sources, what they printed, and a line of the judge's below each.

    Args:
        outputs: of each cell, by its place.
        verdicts: a sentence for each exercise.
    """
    notebook, of = copy.deepcopy(released), tries(exercises, cells)
    made, done = [], 0

    def own(place: int) -> dict:
        about = {"cell_type": "code", "execution_count": None, "id": f"own-{place}", "metadata": {}}
        return {**about, "outputs": shown(outputs.get(place)), "source": cells[place].source}

    for cell in notebook["cells"]:
        label = LABEL.fullmatch(cell["metadata"].get("nbgrader", {}).get("grade_id", ""))
        if label is None:
            made.append(cell)
            continue
        name = f"{label[1]}.{label[2]}"
        if label[0].startswith("marks"):
            line = {"output_type": "stream", "name": "stdout", "text": f"Exercise {name}: {verdicts[name]}\n"}
            made.append({**cell, "outputs": [line]})
            continue
        places = [place for place in of.get(name, []) if not is_check(cells[place])]
        last = places[-1] if places else -1
        made += [own(place) for place in range(done, last) if cells[place].source.strip()]
        made.append({**cell, **({"source": own(last)["source"], "outputs": own(last)["outputs"]} if places else {})})
        done = max(done, last + 1)
    made += [own(place) for place in range(done, len(cells)) if cells[place].source.strip()]
    notebook["cells"] = made
    return notebook


# The released notebook.


def released(notebook: dict) -> tuple[list[Exercise], str]:
    """The exercises of nbgrader's released notebook, and its imports."""
    found, stubs, first = [], {}, []
    for cell in notebook["cells"]:
        about = cell["metadata"].get("nbgrader", {})
        source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
        label = LABEL.fullmatch(about.get("grade_id", ""))
        if label is None:
            first += [source] if cell["cell_type"] == "code" and "%pip" not in source else []
            continue
        name = f"{label[1]}.{label[2]}"
        if label[0].startswith("answer"):
            stubs[name] = source
        else:
            (call,) = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call) and len(n.args) == 2]
            found.append(Exercise(name, ast.unparse(call.args[1]), stubs[name], float(about["points"])))
    return found, "\n".join(first)
