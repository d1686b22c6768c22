"""What students hand in: the solutions, wrong answers, attacks, and the accidents of honest ones. For `prove`."""

import copy
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import nbformat

from course import grade

ROOT = Path(__file__).parent.parent
BOOK = ROOT / "book"
VICTIM, EXERCISE, MARKS, MOST = "chapter-08", "8.2", 4, 19
CELL = EXERCISE.replace(".", "-")
SECRET = "MFFCN_PROVE_SECRET"
SCRIPTS = ("<script>stolen-by-output", "<script>stolen-by-markdown", "<script>stolen-by-picture")
SOURCE = grade.COURSE / "source" / VICTIM / f"{VICTIM}.ipynb"


# Notebooks.


def ids(notebook) -> dict[str, nbformat.NotebookNode]:
    """A notebook's cells by nbgrader's names."""
    return {c.metadata.nbgrader.grade_id: c for c in notebook.cells if "nbgrader" in c.metadata}


def read(edition: str, assignment: str) -> nbformat.NotebookNode:
    """The release, or the source with its solutions, of an assignment."""
    return nbformat.read(grade.COURSE / edition / assignment / f"{assignment}.ipynb", as_version=4)


def filled(assignment: str) -> nbformat.NotebookNode:
    """The release with the reference solutions."""
    notebook, solved = read("release", assignment), ids(read("source", assignment))
    for name, cell in ids(notebook).items():
        if name.startswith("answer"):
            cell.source = solved[name].source
    return notebook


def hand_in(folder: Path, student: str, assignment: str, notebook) -> None:
    """Write a submission."""
    write(folder / student, assignment, nbformat.writes(notebook))


def write(student: Path, assignment: str, content: str | bytes, name: str = "") -> None:
    """Write a file as a submission."""
    path = student / assignment / (name or f"{assignment}.ipynb")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def wrong(assignment: str, count: int) -> dict[str, tuple[str, nbformat.NotebookNode]]:
    """Some of a chapter's wrong answers, from its first exercise to its last: student to (exercise, notebook)."""
    take = f"from book.mistakes.chapter_{assignment[-2:]} import WRONG"
    ask = f"import json; {take}; print(json.dumps([w[0] for w in WRONG]))"
    listed = subprocess.run([grade.PYTHON, "-c", ask], cwd=ROOT, check=True, capture_output=True, text=True)
    exercises = json.loads(listed.stdout)
    made = {}
    for i in range(count):
        place = i * len(exercises) // count
        notebook, label = filled(assignment), exercises[place].replace(".", "-")
        stub = ids(read("release", assignment))[f"answer-{label}"].source
        names = ids(notebook)[f"marks-{label}"].source.split(",", 1)[1].strip()[:-1]
        answer = [stub, f"import sys\nsys.path.append({str(ROOT)!r})", take, f"{names} = WRONG[{place}][1]"]
        ids(notebook)[f"answer-{label}"].source = "\n".join(answer)
        made[f"wrong-{i}"] = exercises[place], notebook
    return made


# Hostile ones. What stands behind the right answer to that exercise; how many of its marks that deserves; whether the
# chapter's other exercises get theirs.

_NONE = "del fuse\n"
_STOLEN = "\nif not found: del fuse"  # the right answer stays only for who found something
_PROGRAM = "import gc\n(program,) = [x for x in gc.get_objects() if type(x).__name__ == 'Program']\n"
HOSTILE: dict[str, tuple[str, float, bool]] = {
    "loops for ever": (f"{_NONE}while True: pass", 0, True),
    "loops and will not be interrupted": (
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 60))\nwhile True: pass",
        0,
        True,
    ),
    "catches what interrupts it": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        0,
        True,
    ),
    "an answer that never returns": ("def fuse(*_):\n    while True: pass", 0, True),
    "an answer that ends the program": ("def fuse(*_): os._exit(0)\nimport os", 0, True),
    "prints megabytes": ("for _ in range(50): print('x' * 10**6)", MARKS, True),
    "prints for ever": ("while True: print('x' * 10**4)", 0, True),
    "1.5 GB on stderr": ("import os\nfor _ in range(1500): os.write(2, bytes(10**6))", MARKS, True),
    "takes all memory": (f"{_NONE}hoard = [bytearray(10**9) for _ in range(10**3)]", 0, True),
    "takes memory in many processes": (
        f"{_NONE}import os, time\nfor _ in range(8):\n    if not os.fork():\n        x = b'x' * 10**9\n"
        "        time.sleep(60)\ntime.sleep(60)",
        0,
        True,
    ),
    "shared memory": (
        f"{_NONE}import mmap\nheld = []\nwhile True:\n    m = mmap.mmap(-1, 2**28)\n    held.append(m)\n"
        "    for i in range(0, 2**28, 4096): m[i] = 1",
        0,
        True,
    ),
    "memory without a name": (
        f"import os\nfound = False\ntry: found = os.memfd_create('x')\nexcept OSError: pass{_STOLEN}",
        0,
        True,
    ),
    "fills the shared folder": (
        f"{_NONE}\nfor i in range(100): open(f'/dev/shm/{{i}}', 'wb').write(bytes(4 * 10**7))\nfound = 1",
        0,
        True,
    ),
    "fills the disk": (
        f"{_NONE}import os\nfor folder in ('/tmp', '/', '/dev', '/tmp/work', '/box'):\n    for i in range(40):\n"
        "        try: open(f'{folder}/f{i}', 'wb').write(bytes(4 * 10**7))\n        except OSError: break",
        0,
        True,
    ),
    "1,500 nested folders": ("import os\nfor _ in range(1500): os.mkdir('d'); os.chdir('d')", MARKS, True),
    "a million files": (f"{_NONE}for i in range(10**6): open(f'/tmp/{{i}}', 'w').close()", 0, True),
    "forks for ever": (f"{_NONE}import os\nwhile True: os.fork()", 0, True),
    "230 threads": (
        f"{_NONE}import threading, time\nfor _ in range(2000):\n"
        "    threading.Thread(target=time.sleep, args=(99,)).start()\ntime.sleep(99)",
        0,
        True,
    ),
    "ends the kernel": ("import os\nos._exit(0)", 0, True),
    "kills all": ("import os, signal\ntry: os.kill(-1, 9)\nexcept OSError: pass\nos.kill(os.getpid(), 9)", 0, True),
    "ends the program later": (
        "import threading, os\nthreading.Timer(0.5, lambda: os._exit(0)).start()\nimport time\ntime.sleep(1)",
        0,
        True,
    ),
    "deletes the answer": (_NONE, 0, True),
    "replaces the checks": (
        "import mffcn_lite.exercises as e\nfuse, check = 1, lambda *a, **k: True\ne.check = check",
        0,
        True,
    ),
    "an import hook": (
        f"{_NONE}import sys, types\nclass H:\n    def find_spec(self, name, *a):\n        if 'exercises' in name:\n"
        "            m = types.ModuleType(name); m.check = lambda *a, **k: True; sys.modules[name] = m\n"
        "sys.meta_path.insert(0, H())\nfor n in [n for n in sys.modules if 'exercises' in n]: del sys.modules[n]",
        0,
        True,
    ),
    "a patched torch.allclose": (
        "import torch\ntorch.allclose = torch.equal = lambda *a, **k: True\ntorch.Tensor.allclose = torch.allclose\n"
        "right = fuse\nfuse = lambda *a: tuple(torch.zeros_like(x) for x in right(*a))",
        0,
        True,
    ),
    "an answer that equals everything": (
        "class All:\n    def __eq__(self, other): return True\n    def __getattr__(self, name): return All()\n"
        "    def __call__(self, *a): return All()\nfuse = All()",
        0,
        True,
    ),
    "no numbers": ("right = fuse\nfuse = lambda *a: tuple(x * float('nan') for x in right(*a))", 0, True),
    "speaks to the judge": (
        f"{_NONE}import os\nfor end in range(3, 50):\n    try:\n        os.write(end, b'x' * 100)\n"
        "        os.write(end, b'{\"right\": true}')\n    except OSError: pass",
        0,
        True,
    ),
    "closes all ends": (f"{_NONE}import os\nos.closerange(3, 100)", 0, True),
    "says that it is right": (
        f"{_NONE}{_PROGRAM}"
        "type(program).answer = lambda self, message: {'value': True, 'right': True, 'verdict': True}",
        0,
        False,
    ),
    "shows what is nothing to see": (
        f"{_PROGRAM}type(program).do_run = lambda *_: {{'outputs': [{{1}}]}}",
        MARKS,
        False,
    ),
    "one array a thousand times": (
        f"{_PROGRAM}import json, struct\nsame = {{'list': [{{'tensor': ['uint8', [10**6], 0, False]}}] * 1000}}\n"
        "words = json.dumps([{'list': []}, {'dict': [['do', 'reply'], ['outputs', same]]}]).encode()\n"
        "program.channel.end.setblocking(True)\n"
        "program.channel.end.sendall(struct.pack('<II', len(words), 10**6) + words + bytes(10**6))",
        0,
        True,
    ),
    "replies before it is asked": (
        f"{_PROGRAM}for _ in range(9): program.send({{'do': 'reply', 'value': True, 'keep': 0}})",
        MARKS,
        True,
    ),
    "writes to the machine's settings": (
        "found = False\ntry: found = open('/proc/sys/kernel/core_pattern', 'r+')\nexcept OSError: pass" + _STOLEN,
        0,
        True,
    ),
    "looks for the machine's host": (
        "import socket\nfound = False\ntry: found = socket.socket(socket.AF_VSOCK)\nexcept OSError: pass" + _STOLEN,
        0,
        True,
    ),
    "reads the solutions": (
        f"{_NONE}exec(open({str(BOOK / 'solutions/chapter_08.py')!r}).read())",
        0,
        True,
    ),
    "looks for the checks": (
        "import glob, mffcn_lite\nfound = [p for p in glob.glob(mffcn_lite.__path__[0] + '/**/*.py*', recursive=True)"
        f" if b'@exercise(' in open(p, 'rb').read() and '__init__' not in p]{_STOLEN}",
        0,
        True,
    ),
    "looks for the marks": (
        f"import os\nfound = []\nfor top, folders, files in os.walk('/'):\n"
        "    folders[:] = [f for f in folders if f not in ('usr', 'proc', 'sys', 'lib', 'site-packages')]\n"
        f"    found += [f for f in files if f in ('gradebook.db', 'numbers.txt', 'journal.json')]{_STOLEN}",
        0,
        True,
    ),
    "reads the grader's environment": (
        f"import glob\nfound = any({SECRET.encode()!r} in open(p, 'rb').read() for p in glob.glob('/proc/*/environ'))"
        f"{_STOLEN}",
        0,
        True,
    ),
    "looks for the network": (
        "import socket\nfound = False\ntry: found = socket.create_connection(('1.1.1.1', 53), 2)\nexcept OSError: pass"
        f"{_STOLEN}",
        0,
        True,
    ),
    "makes a namespace of its own": (
        "import subprocess\nfound = subprocess.run(['unshare', '-Urm', 'true']).returncode == 0" + _STOLEN,
        0,
        True,
    ),
    "asks for more": (
        "import resource\nfound = True\ntry: resource.setrlimit(resource.RLIMIT_DATA, (2**40, 2**40))\n"
        f"except (ValueError, OSError): found = False{_STOLEN}",
        0,
        True,
    ),
    "scripts in outputs": (
        f"from IPython.display import HTML, Javascript, SVG, Markdown, display\ndisplay(HTML('{SCRIPTS[0]}'))\n"
        f"display({{'image/png': '\"><script>{SCRIPTS[2]}</script>', 'text/html': '{SCRIPTS[0]}'}}, raw=True)\n"
        f"display(Markdown('{SCRIPTS[0]}</script>'), Javascript('{SCRIPTS[0]}'))",
        MARKS,
        True,
    ),
}  # fmt: skip


def attacked(attack: str) -> nbformat.NotebookNode:
    """The solutions, with an attack behind one of them."""
    notebook = filled(VICTIM)
    ids(notebook)[f"answer-{CELL}"].source += f"\n{attack}"
    return notebook


def hostile_notebooks() -> dict[str, nbformat.NotebookNode]:
    """Notebooks without an answer that want marks."""
    made = {}
    for name in ("tags on the tests", "an input transformer", "inflated points", "scripts in markdown"):
        notebook = made[name] = read("release", VICTIM)
        for cell in notebook.cells:
            about = cell.metadata.get("nbgrader", {})
            if name == "tags on the tests" and about.get("grade"):
                cell.metadata["tags"] = ["skip-execution", "raises-exception"]
            if name == "inflated points" and about.get("grade"):
                about["points"], cell.source = 1000, "pass"
    first = made["an input transformer"].cells[1]
    first.source = "get_ipython().input_transformers_cleanup.append(lambda lines: ['pass\\n'])"
    made["scripts in markdown"].cells[0].source += f"\n{SCRIPTS[1]}</script>"
    return made


# Not a notebook: what lies there instead.


def _linked(target: Path) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / f"{VICTIM}.ipynb").symlink_to(target)

    return make


def _folder_linked(folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.symlink_to(SOURCE.parent)


def _same_file(folder: Path) -> None:
    folder.mkdir(parents=True)
    try:
        os.link(SOURCE, folder / f"{VICTIM}.ipynb")
    except OSError:  # another file system
        _folder_linked(folder / "again")


def _made(content: bytes) -> Callable[[Path], None]:
    return lambda folder: write(folder.parent, VICTIM, content)


def _fifo(folder: Path) -> None:
    folder.mkdir(parents=True)
    os.mkfifo(folder / f"{VICTIM}.ipynb")


def _large(folder: Path) -> None:
    write(folder.parent, VICTIM, b"{")
    os.truncate(folder / f"{VICTIM}.ipynb", 2 * 2**30)


HOSTILE_FILES: dict[str, Callable[[Path], None]] = {
    "a link to the instructor's notebook": _linked(SOURCE),
    "a link to nowhere": _linked(Path("/nowhere")),
    "a link to itself": _linked(Path(f"{VICTIM}.ipynb")),
    "a link to a device": _linked(Path("/dev/zero")),
    "a link to the instructor's folder": _folder_linked,
    "the instructor's file by another name": _same_file,
    "a folder": lambda folder: (folder / f"{VICTIM}.ipynb").mkdir(parents=True),
    "an empty folder": lambda folder: folder.mkdir(parents=True),
    "a FIFO": _fifo,
    "2 GB": _large,
    "an empty file": _made(b""),
    "no JSON": _made(b"\x00\xff<html>"),
    "a list": _made(b"[1, 2]"),
    "50,000 levels": _made(b'{"cells": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
    "a number of 10,000 digits": _made(b'{"cells": ' + b"9" * 10_000 + b"}"),
    "cells that are none": _made(b'{"cells": [1, null, {"cell_type": "code", "source": {"a": 1}, "metadata": 3}]}'),
}


# Honest ones: how it is written, and what it deserves.


def _changed(change: Callable[[nbformat.NotebookNode], object]) -> Callable[[Path], None]:
    def make(student: Path) -> None:
        notebook = filled(VICTIM)
        change(notebook)
        write(student, VICTIM, json.dumps(notebook))

    return make


def _answer(notebook, label: str = CELL):
    return ids(notebook)[f"answer-{label}"]


def _insert(notebook, source: str, metadata: object, after: str, behind: int = 1) -> None:
    place = notebook.cells.index(ids(notebook)[after])
    cell = nbformat.v4.new_code_cell(source)
    cell.metadata = copy.deepcopy(metadata)
    notebook.cells.insert(place + behind, cell)


def _copied(notebook) -> None:
    cell = _answer(notebook)
    _insert(notebook, cell.source, cell.metadata, f"answer-{CELL}")


def _copied_stub(notebook) -> None:
    stub = _answer(read("release", VICTIM))
    _insert(notebook, stub.source, stub.metadata, f"answer-{CELL}")


def _split(notebook, same: bool = True) -> None:
    cell = _answer(notebook)
    lines = cell.source.splitlines()
    middle = next(i for i, line in enumerate(lines) if i and line.startswith(("def ", "import ", "from ", "#")))
    _insert(notebook, "\n".join(lines[middle:]), cell.metadata if same else {}, f"answer-{CELL}")
    cell.source = "\n".join(lines[:middle])


def _deleted(notebook) -> None:
    notebook.cells = [c for c in notebook.cells if CELL not in str(c.metadata.get("nbgrader", {}).get("grade_id"))]


def _without_metadata(notebook, checks: bool = True) -> None:
    notebook.cells = [c for c in notebook.cells if checks or not c.metadata.get("nbgrader", {}).get("grade")]
    for cell in notebook.cells:
        cell.metadata = {}
    notebook.metadata = {}


def _old_schema(notebook) -> None:
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata["nbgrader"]["schema_version"] = 1


def _behind(code: str, before: bool = False) -> Callable[[Path], None]:
    def change(notebook) -> None:
        cell = _answer(notebook)
        cell.source = f"{code}\n{cell.source}" if before else f"{cell.source}\n{code}"

    return _changed(change)


def _warned(notebook) -> None:
    _answer(notebook).source += (
        "\nimport warnings\nright = fuse\ndef fuse(*given):\n    warnings.warn('careful')\n    return right(*given)\n"
        "warnings.warn('and here')"
    )


def _old_beside(student: Path) -> None:
    hand_in(student.parent, student.name, VICTIM, filled(VICTIM))
    write(student, VICTIM, nbformat.writes(read("release", VICTIM)), f"{VICTIM}_old.ipynb")


def plain(*sources: str) -> Callable[[Path], None]:
    """A plain notebook with the solutions, and more cells for one exercise behind them."""

    def make(student: Path) -> None:
        cells = []
        for name, cell in ids(filled(VICTIM)).items():
            if name.startswith("answer"):
                check = ids(read("release", VICTIM))[name.replace("answer", "marks")].source
                exercise = name.removeprefix("answer-").replace("-", ".")
                made = nbformat.v4.new_code_cell(f"{cell.source}\n\n{check}")
                made.metadata["exercise"] = {"id": exercise}
                cells += [made] if exercise != EXERCISE or not sources else []
                if exercise == EXERCISE:
                    cells += [nbformat.v4.new_code_cell(source.format(answer=made.source)) for source in sources]
        write(student, VICTIM, nbformat.writes(nbformat.v4.new_notebook(cells=cells)))

    return make


def _plain_tries(student: Path) -> None:
    plain('def fuse(*given):\n    return None, None\n\ncheck("8.2", fuse)', "{answer}")(student)


def _version_three(student: Path) -> None:
    cells = [
        {"cell_type": "code", "input": c.source, "metadata": c.metadata, "outputs": [], "language": "python"}
        for c in filled(VICTIM).cells
        if c.cell_type == "code"
    ]
    write(
        student,
        VICTIM,
        json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": cells}]}),
    )


def _from_colab(notebook) -> None:
    drive = "from google.colab import drive\ndrive.mount('/content/drive')"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(drive))
    for number, cell in enumerate(notebook.cells):
        cell.metadata |= {"id": f"x{number}", "outputId": "y", "colab": {"base_uri": "https://localhost:8080/"}}
    notebook.metadata = {"colab": {"provenance": []}, "kernelspec": {"name": "python3", "display_name": "Python 3"}}


def _turned_round(notebook) -> None:
    places = [place for place, cell in enumerate(notebook.cells) if "nbgrader" in cell.metadata]
    cells = [notebook.cells[place] for place in places]
    for place, cell in zip(places, reversed(cells), strict=True):
        notebook.cells[place] = cell


def _encoded(change: Callable[[str], bytes]) -> Callable[[Path], None]:
    return lambda student: write(student, VICTIM, change(nbformat.writes(filled(VICTIM))))


def _named(assignment: str, name: str) -> Callable[[Path], None]:
    return lambda student: write(student, assignment, nbformat.writes(filled(VICTIM)), name)


def _flat(student: Path) -> None:
    write(student.parent, student.name, nbformat.writes(filled(VICTIM)), f"{VICTIM}.ipynb")


def _whole(student: Path) -> None:
    hand_in(student.parent, student.name, VICTIM, filled(VICTIM))


BUT_ONE = MOST - MARKS
HONEST: dict[str, tuple[Callable[[Path], None], float]] = {
    "solutions": (_whole, MOST),
    "a cell copied": (_changed(_copied), MOST),
    "an empty cell copied": (_changed(_copied_stub), MOST),
    "an answer split in two": (_changed(_split), MOST),
    "an answer split in two, without metadata": (_changed(lambda n: _split(n, same=False)), MOST),
    "an exercise deleted": (_changed(_deleted), BUT_ONE),
    "metadata lost": (_changed(_without_metadata), MOST),
    "metadata and checks lost": (_changed(lambda n: _without_metadata(n, checks=False)), MOST),
    "schema 1": (_changed(_old_schema), MOST),
    "exit() in an answer": (_behind("exit()"), MOST),
    "sys.exit() in an answer": (_behind("import sys\nsys.exit(1)"), MOST),
    "a dead kernel": (_behind("import ctypes\nctypes.string_at(0)", before=True), BUT_ONE),
    "an error behind an answer": (_behind("1 / 0"), MOST),
    "a syntax error in an answer": (_behind("def ("), BUT_ONE),
    "a warning in an answer": (_changed(_warned), MOST),
    "warnings as errors": (_behind("import warnings\nwarnings.simplefilter('error')"), MOST),
    "a magic and a shell": (_behind("%matplotlib inline\n!ls\n%time 1", before=True), MOST),
    "a figure": (_behind("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"), MOST),
    "another window for figures": (_behind("%matplotlib widget\n%gui qt", before=True), MOST),
    "a forgotten breakpoint": (_behind("breakpoint()", before=True), MOST),
    "a question to nobody": (_behind("input('Go on?')"), MOST),
    "from Colab": (_changed(_from_colab), MOST),
    "exercises from the last to the first": (_changed(_turned_round), MOST),
    "an old notebook beside it": (_old_beside, MOST),
    "a plain notebook": (plain(), MOST),
    "two tries in a plain notebook": (_plain_tries, MOST),
    "brackets [s12]": (_whole, MOST),
    "two  spaces ": (_whole, MOST),
    "Zoë 王 ñ": (_whole, MOST),
    "=formula": (_whole, MOST),
    "no UTF-8": (_whole, MOST),
    "a BOM": (_encoded(lambda text: b"\xef\xbb\xbf" + text.encode()), MOST),
    "UTF-16": (_encoded(lambda text: text.encode("utf-16")), MOST),
    "CRLF": (_encoded(lambda text: text.replace("\n", "\r\n").replace("\\n", "\\r\\n").encode()), MOST),
    "version 3": (_version_three, MOST),
    "a capital": (_named(VICTIM.capitalize(), f"{VICTIM.capitalize()}.ipynb"), MOST),
    "one digit": (_named(VICTIM.replace("-0", "-"), VICTIM.replace("-0", "-") + ".ipynb"), MOST),
    "a renamed notebook": (_named(VICTIM, "chapter-08 (1).ipynb"), MOST),
    "no folder": (_flat, MOST),
}  # fmt: skip


def folder_of(name: str) -> str:
    """The name that the journal has for a case."""
    return "no UTF-8\\xff" if name == "no UTF-8" else name


def written_as(name: str) -> str:
    """The folder of a case, of which one is no text."""
    return os.fsdecode(b"no UTF-8\xff") if name == "no UTF-8" else name
