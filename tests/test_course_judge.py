"""The judge: what passes through the channel, what a program in the box can do to it, and what each answer gets."""

import ast
import importlib
import json
import math
import socket
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from course import box, editions, judge, packing, peers
from course.channel import BYTES, HEAD, WORDS, Broken, Channel
from course.packing import NotANumber, Packer, Reader

ROOT = Path(__file__).parent.parent
BOXED = pytest.mark.skipif(
    box.shutil.which("bwrap") is None or box.find_fault() is not None, reason="bubblewrap makes no box here"
)
NUMBERS = 470_000_004_711  # as large as those of a course


# What passes through the channel.


def nothing(*_):
    return None


def passed(value, finite=False):
    """A value on the other side."""
    packer = Packer(nothing)
    tree = json.loads(json.dumps(packer.pack(value)))
    return Reader(b"".join(packer.arrays), refused, finite).read(tree)


def refused(kind, content, reader):
    raise ValueError(kind)


@pytest.mark.parametrize(
    "value",
    [None, True, 3, -(2**70), 0.1, math.inf, "wörter 王", "\ud800", [1, [2, "x"]], (1, (2,)), {"a": 1, 2: (3,)},
     {1, 2}, frozenset({"a"}), 1 + 2j, {}, (), ..., {"a": ...}, {"tensor": [1], "call": 3}],
)  # fmt: skip
def test_values_arrive_as_they_are(value):
    found = passed(value)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("kind", packing.KINDS)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_tensors_arrive_with_their_dtype_and_shape(kind, shape):
    value = (torch.arange(math.prod(shape)).reshape(shape) % 2).to(packing.KINDS[kind])
    found = passed(value)
    assert found.dtype == value.dtype
    assert found.shape == value.shape
    assert torch.equal(found, value)


@pytest.mark.parametrize("dtype", ["float32", ">f8", "int16", "bool", "uint8", "complex64"])
def test_numpy_arrays_arrive(dtype):
    value = (np.arange(12).reshape(3, 4) % 2).astype(dtype)[:, ::-1]
    found = passed(value)
    assert np.array_equal(found, value)
    found += found  # it may be written to


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(np.float32(0.5), 0.5), (np.int64(3), 3), (np.bool_(True), True), (np.str_("a"), "a"), (Fraction(1, 2), 0.5),
     (range(3), [0, 1, 2]), ({"a": 1}.values(), [1]), (np.array(["a", "b"]), ["a", "b"]), (map(abs, (-1, 2)), [1, 2]),
     (np.array([1, None], dtype=object), [1, None])],
)  # fmt: skip
def test_what_is_like_a_number_or_a_row_arrives_as_one(value, wanted):
    assert passed(value) == wanted


def test_other_layouts_and_columns_arrive_as_arrays():
    assert passed(torch.eye(2).to_sparse()).tolist() == [[1, 0], [0, 1]]
    assert passed(torch.arange(6).reshape(2, 3).T).tolist() == [[0, 3], [1, 4], [2, 5]]
    assert passed(torch.nn.Parameter(torch.ones(2))).requires_grad
    assert passed(pd.Series([1.5, 2.5])).tolist() == [1.5, 2.5]
    assert passed(pd.DataFrame([[1.5, 2.5]])).tolist() == [[1.5, 2.5]]
    assert passed(Image.fromarray(np.eye(2, dtype=np.uint8))).tolist() == [[1, 0], [0, 1]]
    assert passed(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize(
    "value", [math.nan, [1, math.nan], torch.tensor([1.0, math.nan]), np.array([math.nan]), {"a": (math.nan,)}]
)
def test_no_answer_holds_nan(value):
    with pytest.raises(NotANumber):
        passed(value, finite=True)


@pytest.mark.parametrize(
    "tree",
    [{}, {"a": 1, "b": 2}, [1], {"list": 3}, {"dict": [[1]]}, {"dict": [[{"list": []}, 1]]}, {"tensor": 3},
     {"tensor": ["float32", [2**40], 0, False]}, {"tensor": ["float32", [-1], 0, False]}, {"module": 1},
     {"tensor": ["float32", [1], -4, False]}, {"tensor": ["object", [1], 0, False]}, {"array": ["O", [1], 0]},
     {"array": ["<f8", [10**30], 0]}, {"array": ["<f8", ["a"], 0]}, {"array": ["nonsense", [1], 0]}, {"slope": [1, 2]},
     {"list": [{"tensor": ["uint8", [40], 0, False]}] * 2}, {"list": [{"array": ["|u1", [40], 0]}] * 2},
     {"tensor": ["float32", [True], 0, False]}, {"set": [{"list": []}]}, {"complex": ["x", 1]}, {"call": {}}],
)  # fmt: skip
def test_a_message_that_is_none_is_refused(tree):
    with pytest.raises(Broken):
        Reader(bytes(64), refused).read(tree)


@pytest.mark.parametrize("value", [[0] * 200_000, torch.zeros(BYTES // 4 + 1), [torch.zeros(BYTES // 8)] * 3])
def test_what_is_too_large_is_not_sent(value):
    with pytest.raises(ValueError, match="too"):
        passed(value)


def test_a_tree_without_end_is_not_sent():
    value = []
    value.append(value)
    with pytest.raises(ValueError, match="too many parts"):
        passed(value)


@pytest.mark.parametrize(
    "content",
    [b"", b"x", HEAD.pack(WORDS + 1, 0), HEAD.pack(0, BYTES + 1), HEAD.pack(2, 0) + b"{x", HEAD.pack(10, 0) + b"1"],
)
def test_a_channel_gives_up_on_nonsense(content):
    ours, theirs = socket.socketpair()
    theirs.sendall(content)
    theirs.close()
    with pytest.raises(Broken):
        Channel(ours).receive()


def test_a_channel_waits_no_longer_than_its_deadline_for_reading_and_for_writing():
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    for wait in (channel.receive, lambda: channel.send("x", [bytes(BYTES // 4)])):
        channel.deadline, start = time.monotonic() + 0.3, time.monotonic()
        with pytest.raises(Broken, match="in time"):
            wait()
        assert time.monotonic() - start < 2
    theirs.close()


def test_a_channel_is_watched_while_a_byte_comes_now_and_then():
    ours, theirs = socket.socketpair()
    theirs.sendall(HEAD.pack(1000, 0))
    sending = threading.Thread(target=lambda: [theirs.sendall(b"1") or time.sleep(0.02) for _ in range(50)])

    def watch():
        raise Broken("too much")

    sending.start()
    with pytest.raises(Broken, match="too much"):
        Channel(ours, watch).receive()
    assert sending.is_alive()
    sending.join()
    theirs.close()


def test_no_program_has_the_judge_keep_things_without_end(monkeypatch):
    monkeypatch.setattr(peers, "ITEMS", 50)
    ours, theirs = socket.socketpair()
    own = peers.Judge(Channel(ours))
    words = json.dumps([{"list": []}, {"dict": [["do", "get"], ["args", {"list": [{"object": 1}] * 40}]]}]).encode()
    for _ in range(2):
        theirs.sendall(HEAD.pack(len(words), 0) + words)
    own.receive()
    with pytest.raises(Broken):
        own.receive()
    theirs.close()


def test_neither_pickle_nor_eval_is_on_the_judges_side():
    for name in ("channel", "packing", "objects", "peers", "judge"):
        tree = ast.parse((ROOT / "course" / f"{name}.py").read_text(encoding="utf-8"))
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        used |= {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
        assert not used & {"pickle", "eval", "exec", "marshal", "dill", "__import__"}, name


# What the box has of the checks.


@pytest.fixture(scope="session")
def exercises(tmp_path_factory):
    return judge.without_checks(tmp_path_factory.mktemp("exercises"))


def test_the_box_has_what_the_chapters_show_and_no_check(exercises):
    for path in exercises.glob("chapter_*.py"):
        source = path.read_text(encoding="utf-8")
        assert "@exercise(" not in source
        assert "first_hint(" not in source
        shown = importlib.import_module(f"mffcn_lite.exercises.{path.stem}")
        scope = {"__name__": "shown"}
        exec(compile(source, path.name, "exec"), scope)
        assert set(getattr(shown, "__all__", ())) <= set(scope)


# Programs in the box.


@pytest.fixture(scope="session")
def server():
    """A judge in a process of its own, as `make grade` has it."""
    command, options = [sys.executable, "-m", "course.judge"], {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **options) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def asked(server):
    """A function of cells and exercises to ask for; the verdicts."""

    def ask(*steps, numbers=NUMBERS, seconds=60):
        listed = [{"run": s, "of": []} if isinstance(s, str) else {"ask": s[0], "names": s[1]} for s in steps]
        server.stdin.write(json.dumps({"steps": listed, "numbers": numbers, "seconds": seconds}) + "\n")
        server.stdin.flush()
        found = json.loads(server.stdout.readline())
        assert "fault" not in found, found
        return {name: verdict["right"] for name, verdict in found["verdicts"].items()}

    return ask


def solved(chapter):
    """The steps of a chapter's solutions."""
    source = (ROOT / f"book/solutions/chapter_{chapter.number:02}.py").read_text(encoding="utf-8")
    steps = [editions.imports_of(chapter)]
    for _, exercise, stub in editions.parts_of(chapter):
        if exercise:
            start, names = editions.answered(stub)
            steps += [f"{start}\n{editions.solution(source, exercise['id'], names)}", (exercise["id"], names)]
    return steps


@BOXED
@pytest.mark.slow
@pytest.mark.parametrize("chapter", editions.chapters(), ids=lambda c: c.name)
def test_solutions_are_right_and_stubs_are_not_attempted(chapter, asked):
    names = [e["id"] for e in chapter.exercises]
    assert asked(*solved(chapter)) == dict.fromkeys(names, True)
    stubs = [editions.answered(stub) for _, e, stub in editions.parts_of(chapter) if e]
    steps = [step for (start, answer), name in zip(stubs, names, strict=True) for step in (start, (name, answer))]
    assert asked(*steps) == dict.fromkeys(names)


# Those that change what they are given, keep what they should copy, or have a slope: what a channel could lose.
DELICATE = {
    7: range(30, 43),
    9: range(25, 38),
    10: range(8, 20),
    12: range(35, 63),
    14: range(8, 20),
    15: range(17, 57),
}


ASK_ALL = """
import json, sys, time
from pathlib import Path
from course import judge
number, folder, places = json.loads(sys.argv[1])
judge.warm()
own = judge.Box(judge.without_checks(Path(folder)), [str(Path("book").resolve())])
marking = judge.Marking(4711, own, time.monotonic() + 600)
marking.run(f"import sys; sys.path.append({str(Path.cwd())!r})", [])
marking.run(f"from book.mistakes.chapter_{number:02} import WRONG", [])
found = [marking.ask(exercise, f"WRONG[{place}][1]") for place, exercise in places]
own.close()
print(json.dumps(found))
"""


@BOXED
@pytest.mark.slow
@pytest.mark.parametrize("number", DELICATE)
def test_wrong_answers_are_wrong_through_the_channel_too(number, tmp_path):
    wrong = importlib.import_module(f"book.mistakes.chapter_{number:02}").WRONG
    places = [(place, wrong[place][0]) for place in DELICATE[number] if place < len(wrong)]
    command = [sys.executable, "-c", ASK_ALL, json.dumps([number, str(tmp_path), places])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert json.loads(done.stdout) == [{"right": False, "said": ""}] * len(places)


ATTACKS = {
    "a patched torch": "import torch\ntorch.allclose = torch.equal = torch.isclose = lambda *a, **k: True",
    "another check": "import mffcn_lite.exercises as e\ne.check = lambda *a, **k: True",
    "equals everything": "class E:\n    __eq__ = lambda s, o: True\n    __call__ = lambda s, *a: s\nfuse = E()",
    "nan": "fuse = lambda *a: (torch.full((1, 1, 5, 5), float('nan')), torch.full((1,), float('nan')))",
    "says so": "fuse = lambda *a: True",
    "infinite tree": "x = []\nx.append(x)\nfuse = lambda *a: x",
    "huge": "fuse = lambda *a: (torch.zeros(10**8), torch.zeros(3))",
    "raises strangely": "class E(BaseException):\n    def __str__(self): raise E\n\ndef fuse(*a): raise E",
    "a generator without end": "import itertools\nfuse = lambda *a: itertools.count()",
    "lies about its shape": "class T(torch.Tensor):\n    shape = torch.Size((1, 1, 5, 5))\nfuse = lambda *a: T(3)",
}


@BOXED
@pytest.mark.parametrize("name", ATTACKS)
def test_no_trick_gives_marks_nor_takes_those_of_others(name, asked):
    found = asked(
        f"import torch\nfuse = lambda *a: None\n{ATTACKS[name]}", ("8.2", "fuse"), "width = 25", ("8.1", "width")
    )
    assert found == {"8.2": False, "8.1": True}


ENDS = {
    "os._exit": "import os\nos._exit(0)",
    "a crash": "import ctypes\nctypes.string_at(0)",
    "closed ends": "import os\nos.closerange(3, 99)",
    "nonsense": "import os\nfor end in range(3, 20):\n    try: os.write(end, b'x' * 99)\n    except OSError: pass",
    "a loop": "while True: pass",
    "deaf": "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 60))\nwhile True: pass",
    "prints for ever": "while True: print('x' * 10**4)",
    "threads": "import threading, time\nfor _ in range(400): threading.Thread(target=time.sleep, args=(60,)).start()",
}  # fmt: skip


@BOXED
@pytest.mark.slow
@pytest.mark.parametrize("where", ["in a cell", "in an answer"])
@pytest.mark.parametrize("name", ENDS)
def test_what_ends_a_program_costs_its_own_exercise_and_no_other(name, where, asked):
    bad = "\n".join(f"    {line}" for line in ENDS[name].splitlines())
    attack = ENDS[name] if where == "in a cell" else f"def fuse(*a):\n{bad}"
    found = asked(
        "width = 25", ("8.1", "width"), attack, ("8.2", "fuse"), "pixels = width", ("8.3", "int(44)"), seconds=4
    )
    assert found.pop("8.2") is not True
    assert found == {"8.1": True, "8.3": found["8.3"]}


@BOXED
def test_a_warning_an_exit_and_an_error_behind_an_answer_cost_nothing(asked):
    for behind in ("import warnings\nwarnings.warn('careful')", "exit()", "import sys\nsys.exit(3)", "1 / 0"):
        assert asked(f"width = 25\n{behind}", ("8.1", "width")) == {"8.1": True}


@BOXED
def test_a_word_out_of_turn_costs_no_other_exercise(asked):
    program = "import gc, threading, torch\n(p,) = [x for x in gc.get_objects() if type(x).__name__ == 'Program']\n"
    forged = f"{program}for _ in range(3): p.send({{'do': 'reply', 'value': 25}})\nwidth = 1"
    thread = (
        f"{program}def fuse(*a):\n    forge = threading.Thread(target=p.send, args=({{'do': 'reply', 'value': 1}},))\n"
    )
    thread += "    forge.start()\n    forge.join()\n    return None, None"
    late = (
        (ROOT / "book/solutions/chapter_08.py").read_text(encoding="utf-8")
        + """
import threading, time
def ask(module, maps):
    for _ in range(9):
        time.sleep(0.01)
        module(torch.zeros(1, maps, 9, 9))
def later(module, maps, *given):
    threading.Thread(target=ask, args=(module, maps), daemon=True).start()
    return decide(module, maps, *given)
"""
    )
    assert asked(late, ("8.5", "later"), "width = 25", ("8.1", "width")) == {"8.5": True, "8.1": True}
    found = asked(forged, ("8.1", "width"), thread, ("8.2", "fuse"), "pixels = 93", ("8.3", "pixels"))
    assert found == {"8.1": False, "8.2": False, "8.3": True}


@BOXED
def test_magics_and_breakpoints_that_need_a_person_cost_nothing(asked):
    before = "%matplotlib widget\n%matplotlib tk\n%gui qt\nbreakpoint()\n"
    assert asked(f"{before}width = 25\ninput('go on?')", ("8.1", "width")) == {"8.1": True}


@BOXED
def test_outputs_that_are_none_are_left_out(asked):
    program = "import gc, torch\n(p,) = [x for x in gc.get_objects() if type(x).__name__ == 'Program']\nwidth = 25\n"
    for output in ("torch.zeros(2)", "{1}", "len", "{'name': 'stdout', 'text': 1j}"):
        patched = f"{program}type(p).do_run = lambda *_: {{'outputs': [{output}]}}"
        assert asked(patched, "another = 1", ("8.1", "width")) == {"8.1": True}


@BOXED
def test_an_array_that_is_named_many_times_is_not_made_many_times(asked):
    source = """
import gc, json, struct
(p,) = [x for x in gc.get_objects() if type(x).__name__ == "Program"]
arrays = {"list": [{"tensor": ["uint8", [1000], 0, False]}] * 1000}
words = json.dumps([{"list": []}, {"dict": [["do", "reply"], ["outputs", arrays]]}]).encode()
p.channel.end.sendall(struct.pack("<II", len(words), 1000) + words + bytes(1000))
width = 25
"""
    assert asked("width = 25", ("8.1", "width"), source, ("8.3", "int(93)")) == {"8.1": True, "8.3": True}


@BOXED
def test_a_program_sees_no_check_no_number_and_no_verdict(asked):
    spy = """
import gc, inspect
import mffcn_lite.exercises as e
found, secret = list(e._CHECKS), int("470000" + "004711")
def fuse(*given):
    frame = inspect.currentframe()
    while frame:
        found.extend(name for name, v in frame.f_locals.items() if type(v) is int and v == secret and name != "secret")
        frame = frame.f_back
    for x in gc.get_objects():
        values = list(x.values()) if type(x) is dict else list(x) if type(x) in (tuple, list) else []
        if any(type(v) in (int, str) and str(v) == str(secret) for v in values) and "secret" not in x:
            found.append(x)
"""
    width = "width = 25 if not found else 0"
    assert asked(spy, ("8.2", "fuse"), width, ("8.1", "width")) == {"8.2": False, "8.1": True}


@BOXED
def test_only_what_was_handed_out_can_be_asked_for(asked):
    # The machine of 15.6 is the judge's: its clock is its own, and what is private stays there.
    solution = (ROOT / "book/solutions/chapter_15.py").read_text(encoding="utf-8")
    peek = f"{solution}\ndef peek(machine, steps):\n    t = machine._expected(steps)\n    return t * 0.99, t * 1.01"
    wide = (
        "\nimport gc\n(p,) = [x for x in gc.get_objects() if type(x).__name__ == 'Program']\n"
        "def wide(machine, steps):\n    machine.step()\n    for n in range(-5, 50):\n        try:\n"
        "            t = p.request('get', thing=n, name='_mean')[0]['value'] * steps\n"
        "            return t * 0.99, t * 1.01\n"
        "        except AttributeError: pass\n"
    )
    assert asked(peek, ("15.6", "peek")) == {"15.6": False}
    assert asked(solution + wide, ("15.6", "wide")) == {"15.6": False}
    assert asked(solution, ("15.6", "budget")) == {"15.6": True}


@BOXED
def test_numpy_and_torch_answers_are_alike(asked):
    source = """
import numpy as np, torch
def filter_row(row, kernel):
    row, kernel = np.asarray(row), np.asarray(kernel)
    padded = np.pad(row, len(kernel) // 2)
    return np.array([padded[i:i + len(kernel)] @ kernel for i in range(len(row))])
"""
    assert asked(source, ("0.2", "filter_row")) == {"0.2": True}


def test_the_server_marks_line_by_line_and_ends_with_its_input(monkeypatch):
    monkeypatch.setattr(judge, "forked", lambda job, exercises: {"outputs": {}, "verdicts": {"n": job["n"]}})
    monkeypatch.setattr(judge, "jobs", lambda: iter([{"n": 1}, {"n": 2}]))
    monkeypatch.setattr(judge, "end_with_parent", lambda: None)
    said = []
    monkeypatch.setattr("builtins.print", lambda text, flush: said.append(json.loads(text)["verdicts"]["n"]))
    judge.main()
    assert said == [1, 2]
