"""The judge: runs a notebook's cells in the box, and asks the checks about its answers from outside.

python -m course.judge

A line of JSON on standard input for each submission, a line of JSON on standard output for its verdicts. PyTorch and
the checks are imported once; each submission and each check is a fork, so what happens to one happens to no other.
The student's process gets inputs and gives outputs, as data: see `channel` and `packing`. It sees no check, no expected
value and no verdict, and a verdict is what the check said here.
"""

import ast
import contextlib
import ctypes
import importlib
import io
import json
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch

import mffcn_lite
from course import box
from course.channel import Broken, Channel
from course.peers import Judge
from mffcn_lite.exercises import check

READY, SECONDS, WHOLE, GRACE = 180, 120, 900, 5  # seconds: to start, of a cell or a check, of a submission; more
SHOWN = 16 * 2**20  # characters of all that a submission prints
AGAIN = 10  # times that a box is made anew for one submission
NEEDED = ("channel", "packing", "objects", "peers", "inside")  # what of the course is in the box
STUB = '''

def check(identifier, answer, numbers=0):
    """Says nothing here: the checks are with the judge."""
    print(f"Exercise {identifier}: handed in.")
'''


# What the box sees of the checks.


def without_checks(target: Path) -> Path:
    """The package of exercises with what the chapters show of it, and no check: `__all__` of each module."""
    for path in sorted((Path(mffcn_lite.__path__[0]) / "exercises").glob("*.py")):
        source = path.read_text(encoding="utf-8")
        source = _shown(source) if path.name.startswith("chapter_") else source
        source += STUB if path.name == "__init__.py" else ""
        (target / path.name).write_text(source, encoding="utf-8")
    return target


def _shown(source: str) -> str:
    """The parts of a module that its `__all__` needs."""
    body = ast.parse(source).body
    makers = {name: node for node in body if not isinstance(node, ast.Import | ast.ImportFrom) for name in _made(node)}
    wanted = ["__all__"] if "__all__" in makers else []
    for name in wanted:  # grows while it is gone through
        inside = ast.walk(makers[name])
        found = {node.id for node in inside if isinstance(node, ast.Name)}
        found |= set(ast.literal_eval(makers[name].value)) if name == "__all__" else set()
        wanted += sorted(found & set(makers) - set(wanted))
    kept = {id(makers[name]) for name in wanted}
    nodes = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom) or id(node) in kept]
    return "\n\n".join(ast.unparse(node) for node in nodes) + "\n"


def _made(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    return [part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)]


# One box.


@dataclass
class Box:
    """A student's process.

    Attributes:
        exercises: the folder of `without_checks`.
        readable: more folders that it may read.
    """

    exercises: Path
    readable: list[str]
    process: subprocess.Popen | None = None
    judge: Judge | None = None
    excess: str | None = None

    def open(self) -> None:
        """Start the program.

        Raises:
            Broken: if it does not start.
        """
        here, package = Path(__file__).parent, Path(mffcn_lite.__path__[0])
        placed = {f"/box/course/{name}.py": here / f"{name}.py" for name in NEEDED}
        placed[str(package / "exercises")] = self.exercises
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "course.inside", str(theirs.fileno())]
        folders = [sys.prefix, sys.base_prefix, str(package), *self.readable]
        nothing = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = box.start(box.boxed(command, folders, placed), (theirs.fileno(),), **nothing)
        theirs.close()
        self.judge = Judge(Channel(ours, self.watch))
        self.judge.channel.deadline = time.monotonic() + READY
        self.judge.receive()

    def watch(self) -> None:
        """Look at what it uses.

        Raises:
            Broken: if that is too much.
        """
        self.excess = self.excess or box.find_excess(self.process.pid)
        if self.excess:
            raise Broken(self.excess)

    def close(self) -> None:
        """End it, with all that it started."""
        if self.process is not None:
            box.end(self.process)
            self.judge.channel.end.close()
        self.process = None


# One submission.


@dataclass
class Marking:
    """The steps of one submission, in order: cells that run, and exercises that are asked for.

    A cell that ends the program is left out when the program is started anew, so what comes before and behind it keeps
    its marks.
    """

    numbers: int
    box: Box
    until: float
    seconds: float = SECONDS  # of a cell, and of a check
    ran: list[str] = field(default_factory=list)  # cells that the program has run, and did not end at
    lost: dict[str, str] = field(default_factory=dict)  # exercises whose last cell was stopped or ended the program
    started: int = 0

    def run(self, source: str, of: list[str]) -> list[dict]:
        """Run a cell; what it printed and showed, or why it ended.

        Args:
            of: the exercises that it answers.
        """
        try:
            self._ready()
            begun = time.monotonic()
            found = self._run(source)
            self.ran.append(source)
            late = time.monotonic() - begun >= self.seconds
            self.lost |= dict.fromkeys(of, f"its cell was stopped after {self.seconds:g} seconds" if late else "")
            return found
        except Broken as error:
            self.box.close()
            self.lost |= dict.fromkeys(of, f"its cell: {error}")
            return [{"error": ["Stopped", str(error), []]}]

    def _ready(self) -> None:
        """Have a program that ran all earlier cells."""
        if self.box.process is not None:
            return
        while True:
            self.started += 1
            if self.started > AGAIN:
                raise Broken(f"the program ended {AGAIN} times")
            self.box.excess = None
            self.box.open()
            for source in list(self.ran):
                try:
                    self._run(source)
                except Broken:
                    self.ran.remove(source)  # it ends now, and did not before
                    self.box.close()
                    break
            else:
                return

    def _run(self, source: str) -> list[dict]:
        judge, now = self.box.judge, time.monotonic()
        judge.until = min(now + self.seconds, self.until)
        judge.channel.deadline = judge.until + GRACE
        if now > self.until:
            raise Broken(f"stopped after {WHOLE} seconds")
        try:
            outputs = judge.request("run", source=source)[0].get("outputs")
        except Broken:
            raise
        except Exception as error:  # it was stopped on its way back
            outputs = [{"error": [type(error).__name__, str(error), []]}]
        self.box.watch()
        try:
            json.dumps(outputs)
        except (TypeError, ValueError, RecursionError):  # an array, a function: nothing that a cell shows
            return []
        return outputs if isinstance(outputs, list) else []

    def ask(self, exercise: str, names: str) -> dict:
        """What the check says of the answer that is in `names`: {"right": True, False or None, "said": why not}."""
        if self.lost.get(exercise):
            return {"right": False, "said": self.lost[exercise]}
        try:
            self._ready()
            if time.monotonic() > self.until:
                raise Broken(f"stopped after {WHOLE} seconds")
            found = self._asked(exercise, names)
        except Broken as error:
            found = {"right": False, "said": str(error), "ended": True}
        if found.pop("ended", False):
            self.box.close()
        return found

    def _asked(self, exercise: str, names: str) -> dict:
        """Ask the check in a fork: it may take all memory or hang, and the next one is asked all the same."""
        until = min(time.monotonic() + self.seconds, self.until)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            end_with_parent()
            try:
                found = checked(self.box.judge, exercise, names, self.numbers, until)
            except BaseException as error:
                found = {"right": False, "said": f"the check stopped with {type(error).__name__}", "ended": True}
            with contextlib.suppress(OSError):
                os.write(write, json.dumps(found).encode()[:60_000])
            os._exit(0)
        os.close(write)
        try:
            while not select.select([read], [], [], 0.2)[0]:
                self.box.watch()
                if time.monotonic() > until + 2 * GRACE:
                    raise Broken("it did not answer in time")
            said = os.read(read, 2**16)
            if not said:
                raise Broken("the check needed more than there is")
            return json.loads(said)
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(read)


def checked(judge: Judge, exercise: str, names: str, numbers: int, until: float) -> dict:
    """Ask for the answer, and the check about it. Called in a process of its own."""
    resource.setrlimit(resource.RLIMIT_DATA, (box.MEMORY, box.MEMORY))
    torch.set_num_threads(1)  # those of before the fork are gone
    judge.forget()
    judge.until, judge.channel.deadline = until, until + GRACE
    try:
        answer = judge.request("ask", names=names)[0].get("value")
    except NameError:
        return {"right": None, "said": ""}
    except Broken as error:
        return {"right": False, "said": str(error), "ended": True}
    except Exception as error:
        return {"right": False, "said": f"its answer can't be read: {error}"[:300]}
    with contextlib.redirect_stdout(io.StringIO()):
        verdict = check(exercise, answer, numbers=numbers)
    if judge.broken:
        return {"right": False, "said": judge.broken, "ended": True}
    if verdict is not True and time.monotonic() > until:
        return {"right": False, "said": "the check of it took too long"}
    return {"right": verdict, "said": ""}


def mark(job: dict, exercises: Path) -> dict:
    """The verdicts on one submission, and what its cells printed.

    Args:
        job: "steps", each {"run": source, "place": of the cell, "of": the exercises that it answers} or {"ask":
            exercise, "names": expression}; "numbers", the set of random numbers that the checks take; "readable", more
            folders for the box; "seconds", of a cell and of a check.
        exercises: the folder of `without_checks`.
    """
    own, until = Box(exercises, job.get("readable", [])), time.monotonic() + WHOLE
    marking = Marking(job["numbers"], own, until, job.get("seconds", SECONDS))
    try:
        marking.started = 1
        try:
            marking.box.open()
        except Exception as error:
            return {"fault": f"no program could be started: {error}"}
        outputs, verdicts, room = {}, {}, SHOWN
        for step in job["steps"]:
            if "run" in step:
                found = marking.run(step["run"], step.get("of", []))
                room -= len(json.dumps(found))
                outputs[str(step.get("place"))] = found if room > 0 else []
            else:
                verdicts[step["ask"]] = marking.ask(step["ask"], step["names"])
        return {"outputs": outputs, "verdicts": verdicts}
    finally:
        marking.box.close()


# The server.


def end_with_parent() -> None:
    """Have the kernel end this process when its parent ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def forked(job: dict, exercises: Path) -> dict:
    """`mark` in a process of its own."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        end_with_parent()
        os.close(read)
        try:
            found = mark(job, exercises)
        except Exception as error:
            found = {"fault": f"the judge stopped with {type(error).__name__}: {error}"}
        with os.fdopen(write, "wb") as stream:
            stream.write(json.dumps(found).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        said = stream.read()
    os.waitpid(child, 0)
    try:
        return json.loads(said)
    except ValueError:
        return {"fault": "the judge itself ended"}


def warm() -> None:
    """Import what the checks import when they are first used."""
    torch.set_num_threads(1)
    importlib.import_module("scipy.stats")


def jobs() -> Iterator[dict]:
    """What is handed in, a line each."""
    for line in sys.stdin:
        yield json.loads(line)


def main() -> None:
    """Mark until there is nothing more."""
    end_with_parent()
    warm()
    folder = Path(tempfile.mkdtemp(prefix="mffcn-checks-"))
    try:
        exercises = without_checks(folder)
        for job in jobs():
            print(json.dumps(forked(job, exercises)), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
