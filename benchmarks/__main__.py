"""The ledger of results.

python -m benchmarks list                       each result with its state                     (make results-list)
python -m benchmarks list --check --json FILE   status 1 where one is not up to date; the states as JSON
python -m benchmarks restamp [NAME ...]         proves by probes what a change left as it was  (make results-restamp)
python -m benchmarks probe NAME                 one probe's digest, as JSON
python -m benchmarks                            makes what is not up to date, or begun         (make results)
python -m benchmarks ablations weights          these alone; weights are all that begin so     (make train)
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.stamps import ROOT
from benchmarks.table import EXPERIMENTS, WAITING, Ledger, in_words, read


def list_states(check: bool, file: str | None) -> None:
    """A line a result; the file and the status where they are asked for."""
    ledger, waiting = Ledger(), read(WAITING)
    states = {name: dict(zip(("state", "changed"), ledger.report(name), strict=True)) for name in EXPERIMENTS}
    for name, one in states.items():
        print(f"{name:20} {in_words(**one)}" + (f" (waits: {waiting[name]})" if name in waiting else ""))
    if file is not None:
        Path(file).write_text(json.dumps(states, indent=1) + "\n", encoding="utf-8")
    if check and any(one["state"] != "up to date" for one in states.values()):
        sys.exit(1)


def chosen(words: list[str]) -> list[str]:
    """The experiments that are meant by words such as "tables" and "weights"; all of them without words."""
    wanted = {word: [name for name in EXPERIMENTS if word in (name, name.split("/")[0])] for word in words}
    for word, names in wanted.items():
        if not names:
            sys.exit(f"no experiment {word}; there are {', '.join(EXPERIMENTS)}")
    return [name for names in wanted.values() for name in names] if words else list(EXPERIMENTS)


def run(name: str) -> None:
    """Make one experiment's file, on one core unless it takes them all, and store its probe.

    Raises:
        SystemExit: if its command fails, or leaves the file out of date.
    """
    from benchmarks.probes import restamp_all

    experiment = EXPERIMENTS[name]
    print(f"{name}: begins", flush=True)
    environment = os.environ if experiment.alone else {**os.environ, "OMP_NUM_THREADS": "1"}
    code = subprocess.run([sys.executable, *experiment.command], cwd=ROOT, env=environment).returncode
    state = Ledger().state(name)
    if code or state != "up to date":
        sys.exit(f"{name} is {state} after its command (status {code}); call make results to go on")
    restamp_all([name])


def make(wanted: Iterable[str]) -> None:
    """Make what is wanted and not up to date, after what it needs; the longest first, two at a time.

    What is made on a GPU alone is left out where there is none, and so is what reads a set that is not here.
    """
    from benchmarks.helpers.results import DEVICE  # torch takes seconds to import
    from benchmarks.helpers.sets import is_here

    left = {name for name in wanted if DEVICE.type == "cuda" or not EXPERIMENTS[name].gpu}
    left = {name for name in left if all(map(is_here, EXPERIMENTS[name].sets))}
    while left:
        ledger = Ledger()  # what was made meanwhile may have left what follows as it was
        left = {name for name in left if ledger.state(name) != "up to date"}
        ready = [name for name in left if not left & set(EXPERIMENTS[name].needs)]
        ready.sort(key=lambda name: -EXPERIMENTS[name].hours)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(run, (name for name in ready if not EXPERIMENTS[name].alone)))
        for name in ready:
            if EXPERIMENTS[name].alone:
                run(name)
        left -= set(ready)


def main(arguments: list[str]) -> None:
    """See the top of this file."""
    word, rest = (arguments or [""])[0], arguments[1:]
    if word == "list":
        list_states("--check" in rest, rest[rest.index("--json") + 1] if "--json" in rest else None)
    elif word == "restamp":
        from benchmarks.probes import restamp_all

        restamp_all(chosen(rest))
    elif word == "probe":
        from benchmarks.probes import run_probe

        (name,) = chosen(rest)
        output = sys.stdout
        sys.stdout = sys.stderr  # what a probe prints is not its result
        found = run_probe(EXPERIMENTS[name])
        print(json.dumps(found), file=output)
    else:
        make(chosen(arguments))


if __name__ == "__main__":
    main(sys.argv[1:])
