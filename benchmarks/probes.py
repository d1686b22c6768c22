"""Probes: a short, deterministic part of each experiment, by which a change that changes no number is recognised.

A probe is the function `probe` beside what makes the result; it returns numbers. Its digest is taken over their bits.
Beside it stand hashes of the constants on which the result depends, since a probe takes fewer steps than they say.
Where the digest is what it was, and the probe says something of everything that changed, the result is stamped anew.

A digest belongs to a processor, its libraries and one thread. Where these are others, both sides are computed: from the
commit in which the stamp was stored, and from the files of now.
"""

import contextlib
import dataclasses
import hashlib
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.stamps import FOLDERS, ROOT, TABLES, Key, Reader, Tree, is_end, module_name
from benchmarks.table import EXPERIMENTS, KEPT, Experiment, Ledger, digest_of, made_of, read
from mffcn_lite.files import write_json

REVIEWED = Path(__file__).with_name("reviewed.json")

# ------------------------------------------------------------------------------------------------ a digest


def plain(value: object) -> Iterator[bytes]:
    """The bits of numbers, words, arrays, tensors and tables in any nesting of lists and dictionaries.

    Raises:
        TypeError: for anything else.
    """
    import numpy as np
    import pandas as pd
    import torch

    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().contiguous().numpy()
    if isinstance(value, pd.DataFrame):
        value = value.to_dict("list")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, np.ndarray | np.generic) and value.dtype != object:
        yield f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes()
    elif isinstance(value, Mapping):
        yield b"{"
        for key in value:
            yield from plain(key)
            yield from plain(value[key])
        yield b"}"
    elif isinstance(value, list | tuple | set | frozenset | range):
        yield b"["
        for one in sorted(value, key=repr) if isinstance(value, set | frozenset) else value:
            yield from plain(one)
        yield b"]"
    elif value is None or isinstance(value, bool | int | float | str | bytes):
        yield repr(value.hex() if isinstance(value, float) else value).encode() + b";"
    else:
        raise TypeError(f"a probe returned {type(value).__name__}; give numbers, words, arrays or tensors")


def digest(value: object) -> str:
    """The hash of a probe's numbers."""
    found = hashlib.sha256()
    for part in plain(value):
        found.update(part)
    return found.hexdigest()[:24]


def is_words(value: object) -> bool:
    """Whether a constant is words alone, in any nesting."""
    if isinstance(value, Mapping):
        return all(map(is_words, [*value, *value.values()]))
    return all(map(is_words, value)) if isinstance(value, list | tuple | set) else isinstance(value, str | None)


def values(keys: Iterable[Key]) -> dict[Key, tuple[str, bool]]:
    """Of each constant, and of the fields of each class, a hash of the value and whether it is words alone."""
    found = {}
    for key in keys:
        module, name = key
        value = getattr(importlib.import_module(module), name, None) if "." not in name and name[0] != "(" else None
        if isinstance(value, type):
            value = {name: one for name, one in vars(value).items() if not name.startswith("_") and not callable(one)}
            value = {name: one for name, one in value.items() if not hasattr(one, "__get__")}
        elif callable(value):
            continue
        try:
            found[key] = digest(value)[:8], is_words(value)
        except TypeError:
            continue  # a table of functions: these are definitions of their own
    return found


# ------------------------------------------------------------------------------------------------ running a probe


def machine() -> dict[str, str]:
    """What the bits of a probe depend on, beside the code."""
    import numpy
    import torch

    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    capability = torch.backends.cpu.get_cpu_capability()
    return {"processor": f"{name}, {capability}", "torch": torch.__version__, "numpy": numpy.__version__}


class Executed:
    """While it is entered, notes which definitions of the repository are executed."""

    def __init__(self, root: Path):
        self.root, self.keys, self.seen = f"{root}{os.sep}", set(), set()

    def __enter__(self) -> "Executed":
        threading.setprofile(self._note)
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_) -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    def _note(self, frame, event, _) -> None:
        code = frame.f_code
        if event != "call" or code in self.seen:
            return
        self.seen.add(code)
        name = code.co_qualname.split(".<locals>")[0]
        # Not what runs when a module is imported: its body, its classes' bodies, lambdas and comprehensions there.
        if code.co_filename.startswith(self.root) and name[0] != "<" and code.co_flags & 1:  # CO_OPTIMIZED
            module = module_name(Path(code.co_filename).relative_to(self.root))
            if module.split(".")[0] in FOLDERS and not is_end(module):
                self.keys.add((module, name))


def run_probe(experiment: Experiment) -> dict:
    """In this process: the digest, and which definitions were executed."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    probe = importlib.import_module(f"benchmarks.{experiment.module}").probe
    with Executed(ROOT) as executed:
        found = probe(*experiment.arguments)
    known = values(experiment.walk(Ledger().tree).reached)
    return {
        "digest": digest(found),
        "machine": machine(),
        "executed": sorted(map(list, executed.keys)),
        "values": [[*key, value, words] for key, (value, words) in known.items()],
    }


def in_a_process(name: str, root: Path = ROOT) -> dict:
    """The probe of an experiment as the files below `root` have it, on one thread, without a GPU.

    Raises:
        RuntimeError: if it fails; with its last line.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "benchmarks", "probe", name]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1])
    return json.loads(done.stdout.splitlines()[-1])


def probe_code(tree: Tree, experiment: Experiment) -> str:
    """A hash of the probe itself."""
    module = f"benchmarks.{experiment.module}"
    return digest_of(repr(Reader(tree, module).read(tree.module(module).definitions["probe"])))


# ------------------------------------------------------------------------------------------------ stamping anew


@contextlib.contextmanager
def code_of(name: str) -> Iterator[tuple[Path, str]]:
    """(the folder, the commit) of the code with which the result was stamped.

    Raises:
        RuntimeError: if that commit is not here, or its stamp is another.
    """
    file = EXPERIMENTS[name].file.as_posix()

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"git {arguments[0]}: {done.stderr.strip()}")
        return done.stdout.strip()

    commit = git("log", "-1", "--format=%H", "--", file)
    if not commit:
        raise RuntimeError(f"{file} is in no commit here; fetch the whole history")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "then")
        git("worktree", "add", "--detach", str(place), commit)
        try:
            if read(place / file).get("stamp") != read(ROOT / file).get("stamp"):
                raise RuntimeError(f"{file} was stamped after its last commit; commit it first")
            yield place, commit[:12]
        finally:
            git("worktree", "remove", "--force", str(place))


class Wide:
    """The wide probe of the code of now, and of each commit in which a result was stamped."""

    def __init__(self):
        self.found, self.lock = {}, threading.Lock()

    def run(self, root: Path, commit: str) -> dict:
        """What it says of the package below `root`; it is run once for each commit."""
        with self.lock:
            if commit not in self.found:
                environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
                command = [sys.executable, str(Path(__file__).with_name("wide.py"))]
                done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
                self.found[commit] = json.loads(done.stdout.splitlines()[-1])
            return self.found[commit]

    def proven(self, name: str) -> set[Key]:
        """The functions and classes that are as they were when a result was stamped."""
        with code_of(name) as (place, commit):
            then = self.run(place, commit)
        now, found = self.run(ROOT, ""), set()
        for part, said in now["tried"].items():
            if said["digest"] == then["tried"][part]["digest"]:
                found |= {tuple(key) for key in said["executed"]}
        for place in now["fields"]:
            fields = then["fields"].get(place)
            if fields and fields.items() <= now["fields"][place].items():  # more fields are new, and have a default
                found.add(tuple(place.split(":")))
        return found


def read_by_a_person(before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
    """Of what changed, that which is in `REVIEWED` with just this change, each with why no number of a result moves.

    For what no probe can try: a download, a measurement of time, a file that only a caller has. And for a probe that
    says more than it did, by the name "the probe of NAME".
    """
    found = {}
    for entry in json.loads(REVIEWED.read_text(encoding="utf-8")):
        title, sides = entry["what"], (entry["before"], entry["after"])
        if sides == tuple(values.get(title, "").split("-")[0] for values in (before, after)):
            found[title] = entry["why"]
    return found


def unproven(ledger: Ledger, name: str, now: dict, also: Set[Key] = frozenset()) -> list[str]:
    """Of what is not as it was, that of which the probe can say nothing.

    A function is proven when the probe executes it; a constant, or a class's fields, when the value is one that was
    there before, since a probe replaces some, such as the number of steps; words of the package when they are used.
    What is new in the package needs no proof of its own: who uses it was changed for that.

    Args:
        also: what is proven elsewhere.
    """
    stored, walk = ledger.stored(name), EXPERIMENTS[name].walk(ledger.tree)
    before = {value.split("-")[0] for value in stored["stamp"]["definitions"].values()}
    executed = {tuple(key) for key in now["executed"]}
    used = {key for caller in executed & set(walk.reached) for key in walk.reached[caller].keys}
    titles = {title: key for key, title in walk.titles().items()}
    known = {(module, name): (value, words) for module, name, value, words in now["values"]}

    def proven(key: Key) -> bool:
        if key in also:
            return True
        value, words = known.get(key, (None, False))
        if value is None:
            return key in executed or key[1] in TABLES
        return value in stored["probe"]["values"] or (words and key in used and key[0].startswith("mffcn_lite"))

    def is_new(title: str) -> bool:
        return title not in old and titles[title][0].startswith("mffcn_lite")

    own = {title: value.split("-")[0] for title, value in ledger.stamp(name)["definitions"].items()}
    old = stored["stamp"]["definitions"]
    changed = [title for title, value in own.items() if value not in before and not (title in titles and is_new(title))]
    return [title for title in changed if title not in titles or not proven(titles[title])]  # a script's last lines


def restamp(name: str, ledger: Ledger, wide: Wide | None = None) -> tuple[str, dict | None]:
    """Run a result's probe, and say what follows; with what is to be written into its file, or None."""
    stored, experiment = ledger.stored(name), EXPERIMENTS[name]
    changed, old = ledger.own_changes(name), stored.get("probe")
    code = probe_code(ledger.tree, experiment)
    definitions = stored.get("stamp", {"definitions": {}})["definitions"] | ledger.stamp(name)["definitions"]
    files = [one for one in changed if one not in definitions]
    if not changed and old is not None and old["code"] == code:
        return "up to date", None
    if not stored or files or (changed and old is None):
        return f"left out of date: {', '.join(files or changed or ['it is missing'])}", None
    now = in_a_process(name)
    kept = sorted({value for _, _, value, _ in now["values"]})
    found = {"digest": now["digest"], "values": kept, "machine": now["machine"], "code": code}
    if not changed:
        return "its probe is stored", stored | {"probe": found}
    said = {"changed": changed, "because": "its probe gives the same bits", "on": now["machine"]["processor"]}
    if "CPU" not in stored["environment"]["device"]:
        said["made on"] = f"{stored['environment']['device']}; both sides of the probe on a CPU"
    then = old["digest"]
    if (old["machine"], old["code"]) != (now["machine"], code):
        with code_of(name) as (place, commit):
            there = in_a_process(name, place)
        then, said["against"] = there["digest"], f"the code of {commit}, on this processor"
    title = f"the probe of {name}"
    reviewed = read_by_a_person(
        stored["stamp"]["definitions"] | {title: then}, ledger.stamp(name)["definitions"] | {title: now["digest"]}
    )
    if then != now["digest"] and title not in reviewed:
        digests = f"{then} before, {now['digest']} now"
        return f"left out of date: its probe gives other numbers ({', '.join(changed)}; {digests})", None
    blind = unproven(ledger, name, now)
    if blind and wide is not None:
        blind = unproven(ledger, name, now, wide.proven(name))
        said["because"] += ", and so does the wide probe"
    if unread := [title for title in blind if title not in reviewed]:
        return f"left out of date: its probe says nothing of {', '.join(unread)}", None
    if read_too := [*blind, *([title] if then != now["digest"] else [])]:
        said["read"] = {one: reviewed[one] for one in read_too}
    stamp = stored["stamp"] | ledger.stamp(name)
    return "stamped anew", stored | {"stamp": stamp, "probe": found, "restamped": said}


def follow(name: str, old: dict, new: dict) -> None:
    """The cards of the networks that an experiment keeps: what was made with the old stamp is made with the new one."""
    for path in sorted((ROOT / KEPT / EXPERIMENTS[name].keeps).glob("*.json")) if EXPERIMENTS[name].keeps else ():
        card = read(path)
        if card.get("made_with") == made_of(old):
            write_json(path, card | {"made_with": made_of(new)})


def restamp_all(names: Iterable[str]) -> None:
    """Each of the results, two at a time; a line a result."""
    ledger, wide = Ledger(), Wide()

    def one(name: str) -> None:
        try:
            said, content = restamp(name, ledger, wide)
        except RuntimeError as error:
            said, content = f"left out of date: {error}", None
        if content is not None:
            follow(name, ledger.stored(name)["stamp"], content["stamp"])
            write_json(ROOT / EXPERIMENTS[name].file, content)
        print(f"{name:20} {said}", flush=True)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, names))
