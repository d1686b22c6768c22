"""How experiments store what came out, with what it was made with, and how they go on."""

from pathlib import Path

from benchmarks.helpers.results import DEVICE
from benchmarks.stamps import ROOT
from benchmarks.table import EXPERIMENTS, Ledger, made_of, numbers
from mffcn_lite.files import read_json, write_json
from mffcn_lite.provenance import describe_environment

LEDGER = Ledger()  # of the code that this process runs, whatever is written to the files meanwhile


def is_made(path: Path, stamp: dict) -> bool:
    """Whether a network lies at `path` whose card holds all of `stamp`."""
    card = path.with_suffix(".json")
    return path.exists() and card.exists() and {key: read_json(card).get(key) for key in stamp} == stamp


def made_with(name: str) -> str:
    """A hash of all that an experiment depends on, for what it keeps in several files."""
    return made_of(LEDGER.stamp(name))


def begun(name: str) -> dict:
    """What an experiment that goes on has stored already; nothing where the code has changed since."""
    return {} if LEDGER.own_changes(name) else LEDGER.stored(name)


def store(name: str, content: dict, unfinished: int = 0) -> None:
    """Write an experiment's result with what it was made with.

    Args:
        unfinished: how many parts are still to be made.
    """
    provenance = {"unfinished": unfinished, "environment": describe_environment(DEVICE)}
    write_json(ROOT / EXPERIMENTS[name].file, stamped(name, content | provenance))


def stamped(name: str, content: dict) -> dict:
    """The content of an experiment's file, with its stamp."""
    return content | {"stamp": {**LEDGER.stamp(name), "kept": LEDGER.kept(name), "numbers": numbers(content)}}
