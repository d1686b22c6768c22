"""Every n-th open, write, fsync … of a command fails, and then it is called again: what is said, and what is left?

    LD_PRELOAD=faults.so python tests/faults/drive.py SCENARIO FOLDER STRIDE    (see tests/test_faults.py)

Prints JSON: how many faults were tried, and those after which something was not as it should be.
"""

import contextlib
import ctypes
import errno
import hashlib
import io
import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mffcn_lite import cli, prepare_commands  # noqa: F401 (which adds its commands)
from mffcn_lite.data import FaceSet, save_faces

KINDS = {"open": 1, "write": 2, "fsync": 4, "rename": 8, "mkdir": 16, "read": 32}
FAULTS = {
    "open": (errno.EACCES, errno.EMFILE, errno.EIO, errno.ENOSPC),
    "write": (errno.ENOSPC, errno.EIO),
    "fsync": (errno.ENOSPC, errno.EIO),
    "rename": (errno.EACCES, errno.ENOSPC),
    "mkdir": (errno.EACCES, errno.ENOSPC),
    "read": (errno.EIO,),
}


def command(*arguments: str, program: Callable = cli.main) -> tuple[int, str]:
    """(status, what was said on standard error) of a command in this process."""
    sys.argv, said = ["mffcn-lite", *map(str, arguments)], io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            program()
        except SystemExit as end:
            return end.code or 0, said.getvalue()
    return 0, said.getvalue()


def digest(*paths: Path) -> str:
    """One hash of several files."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


@dataclass(frozen=True)
class Scenario:
    """A folder is made ready, a command works in it, and can be gone on with.

    Attributes:
        ready: makes what the command needs.
        work: the command.
        again: what a person would type next.
        result: a word for what came out.
    """

    ready: Callable[[Path], None]
    work: Callable[[Path], tuple[int, str]]
    again: Callable[[Path], tuple[int, str]]
    result: Callable[[Path], str]


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def ready_to_train(folder: Path) -> None:
    save_faces(FaceSet(noise(10, 1, 16, 16), np.arange(10), [f"p{i}" for i in range(10)], {}), folder / "set")


def train(folder: Path) -> tuple[int, str]:
    small = ("--set", "batch=1", "--set", "checkpoint_every=1", "--set", "model.maps=[4,4]")
    return command("train", "--data", folder / "set", "--model", "srcnn", "--steps", 4, *small, "--out", folder / "run")


def resume(folder: Path) -> tuple[int, str]:
    if (folder / "run" / "run.json").exists():
        return command("train", "--resume", "--out", folder / "run")
    return train(folder)


def ready_to_reconstruct(folder: Path) -> None:
    Image.fromarray(noise(8, 6)).save(folder / "small.png")


def reconstruct(folder: Path) -> tuple[int, str]:
    return command("reconstruct", folder / "small.png", "--model", "wiener", "--factor", 2, "--out", folder / "out")


def ready_to_prepare(folder: Path) -> None:
    for i, photo in enumerate(noise(6, 40, 32)):
        person = folder / "photos" / f"person{i // 2}"
        person.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo).save(person / f"{i}.png")


def prepare(folder: Path) -> tuple[int, str]:
    return command("prepare", "folder", folder / "photos", "--out", folder / "set", "--size", 16, "--workers", 1)


SCENARIOS = {
    "train": Scenario(
        ready_to_train, train, resume, lambda f: digest(f / "run" / "model.safetensors", f / "run" / "metrics.jsonl")
    ),
    "reconstruct": Scenario(
        ready_to_reconstruct, reconstruct, reconstruct, lambda f: digest(*(f / "out").glob("[!.]*"))
    ),
    "prepare": Scenario(
        ready_to_prepare, prepare, prepare, lambda f: digest(f / "set" / "images.npy", f / "set" / "faces.csv")
    ),
}


class Machine:
    """The preloaded library, and processes in which one call fails."""

    def __init__(self, scenario: Scenario, folder: Path):
        self.library, self.scenario, self.folder = ctypes.CDLL(None), scenario, folder

    def arm(self, kind: int, n: int, error: int, lasting: bool) -> None:
        self.library.faults_arm(os.fsencode(self.folder), kind, ctypes.c_long(n), error, int(lasting))

    def fresh(self) -> None:
        """The folder as it is before the command."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.scenario.ready(self.folder)

    def in_a_process(self, work: Callable[[], object]) -> object:
        """What `work` returns in a copy of this process."""
        read, write = os.pipe()
        if os.fork():
            os.close(write)
            with os.fdopen(read, "rb") as answer:
                content = answer.read()
            os.wait()
            return pickle.loads(content) if content else (-1, "it died")  # our own process wrote it
        try:
            answer = work()
        except BaseException as error:  # whatever it is, it must not leave the copy
            answer = -1, f"{type(error).__name__}: {error}"
        os.write(write, pickle.dumps(answer))
        os._exit(0)

    def count(self) -> tuple[dict[str, int], str]:
        """How many calls of each kind the command makes, and what comes out."""

        def one(kind: int) -> tuple[int, str]:
            self.arm(kind, 0, 0, False)
            status, said = self.scenario.work(self.folder)
            seen = self.library.faults_seen()
            assert status == 0, said
            return seen, self.scenario.result(self.folder)

        found = {}
        self.fresh()
        self.scenario.work(self.folder)  # here once: what it imports, no copy imports again
        for name, kind in KINDS.items():
            self.fresh()
            found[name], result = self.in_a_process(lambda kind=kind: one(kind))
            assert found[name] >= 0, result
        return found, result

    def attempt(self, kind: str, n: int, error: int, lasting: bool, expected: str) -> str | None:
        """What is wrong after this fault; None if nothing is."""

        def faulty() -> tuple[int, str]:
            self.arm(KINDS[kind], n, error, lasting)
            try:
                return self.scenario.work(self.folder)
            finally:
                self.arm(0, 0, 0, False)

        def result() -> str:
            try:
                return self.scenario.result(self.folder)
            except OSError:
                return "nothing"

        self.fresh()
        status, said = self.in_a_process(faulty)
        if status not in (0, 2) or len(said.splitlines()) > 1 or (status == 2 and not said):
            return f"traceback: status {status}, said {said!r}"
        if status == 0 and result() != expected:
            return "wrong: status 0, and another result"
        status, said = self.in_a_process(lambda: self.scenario.again(self.folder))
        if result() == expected:  # where all was done but the last words, it says that there is nothing to do
            return None
        return "wrong: gone on with, and another result" if status == 0 else f"lost: cannot be gone on with: {said!r}"


def main(name: str, folder: Path, stride: int) -> dict:
    """All faults of a scenario, or of those one in `stride`."""
    torch.set_num_threads(1)
    machine = Machine(SCENARIOS[name], folder)
    counts, expected = machine.count()
    cases = [
        (kind, n, error, lasting)
        for kind, count in counts.items()
        for error in FAULTS[kind]
        for lasting in (False, True)
        for n in range(1, count + 1)
    ]
    found = []
    for kind, n, error, lasting in cases[::stride]:
        wrong = machine.attempt(kind, n, error, lasting, expected)
        if wrong:
            found.append(f"{kind} {n} of {counts[kind]}, {errno.errorcode[error]}{' lasting' * lasting}: {wrong}")
    shutil.rmtree(folder, ignore_errors=True)
    return {"calls": counts, "tried": len(cases[::stride]), "found": found}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])), indent=1))
