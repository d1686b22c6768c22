"""Networks that cost hours and are no part of the project: kept in `runs`, each with a hash of what it was made by."""

import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.helpers.results import DEVICE
from benchmarks.helpers.storing import LEDGER, is_made
from benchmarks.stamps import Walk
from benchmarks.table import digest_of
from mffcn_lite.checkpoint import load_model, save_model
from mffcn_lite.data import FaceSet
from mffcn_lite.models import SuperResolver


def code_hash(start: str, names: tuple[str, ...]) -> str:
    """A hash of all that the function `start`, "module:name", reaches with the systems and losses `names`.

    Of the training alone: where only the measuring changes, what was trained stays.
    """
    module, name = start.split(":")
    walk = Walk(LEDGER.tree, ((f"benchmarks.{module}", name),), frozenset(names))
    return digest_of(sorted(walk.stamp().values()))


def kept(path: Path, made_by: dict, faces: FaceSet, make: Callable[[], SuperResolver]) -> SuperResolver:
    """The network at `path`, in eval mode; made, and kept there, where that is not done yet.

    Args:
        made_by: what must be the same for it to count as done, as JSON has it.
        faces: the photos that it learns from.
    """
    if not is_made(path, made_by):
        start = time.process_time()
        model = make()
        card = {
            "data": faces.card.get("source", "not stated"),
            "data_card": faces.card,
            "photos": len(faces),
            "training_people": faces.who(),
            "core_seconds": round(time.process_time() - start, 1),
        }
        save_model(model, path, card | made_by)
        print(f"{path}: {card['core_seconds']:.0f} s", flush=True)
    return load_model(path, DEVICE)
