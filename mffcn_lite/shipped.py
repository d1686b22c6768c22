"""What there is by name: the systems, and the cards of the shipped ones. Nothing here imports torch."""

import importlib
from pathlib import Path

from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.files import read_json

# Every system: its class is imported when it is asked for. To add one, add a line.
SYSTEMS = {
    "nearest": "mffcn_lite.models.interpolation:Nearest",
    "bilinear": "mffcn_lite.models.interpolation:Bilinear",
    "bicubic": "mffcn_lite.models.interpolation:Interpolation",
    "lanczos": "mffcn_lite.models.interpolation:Lanczos",
    "wiener": "mffcn_lite.models.wiener:Wiener",
    "ibp": "mffcn_lite.models.reconstruction:BackProjection",
    "pocs": "mffcn_lite.models.convex:ConvexProjections",
    "example": "mffcn_lite.models.example:ExampleBased",
    "sparse": "mffcn_lite.models.sparse:SparseCoding",
    "forest": "mffcn_lite.models.forest:RegressionForest",
    "srcnn": "mffcn_lite.models.srcnn:SRCNN",
    "nie": "mffcn_lite.models.srcnn:Nie",
    "fsrcnn": "mffcn_lite.models.fsrcnn:FSRCNN",
    "mffcn": "mffcn_lite.models.mffcn:MFFCN",
}
# How tables and figures call them: what MFFCN was trained with is part of its name.
TITLES = {
    "nearest": "nearest neighbour",
    "lanczos": "Lanczos",
    "wiener": "best linear filter",
    "ibp": "back-projection",
    "pocs": "convex projections",
    "example": "example-based",
    "sparse": "sparse coding",
    "forest": "regression forest",
    "srcnn": "SRCNN",
    "nie": "Nie et al.",
    "fsrcnn": "FSRCNN",
    "mffcn": "MFFCN, L2",
    "mffcn-full": "MFFCN, printed objective",
    "wiener-portraits": "best linear filter, portraits",
    "srcnn-portraits": "SRCNN, portraits",
    "fsrcnn-portraits": "FSRCNN, portraits",
    "mffcn-portraits": "MFFCN, L2, portraits",
    # Arms of the ablations.
    "mff": "MFFCN as it is",
    "conv5, started as the fused mff": "5×5, started as MFF",
    "srcnn, residual": "SRCNN, residual",
}
PARTS = {"conv3": "3×3", "conv5": "5×5"}  # in the names of other arms
FAITHFUL = 30.0  # dB of a result that was made small again, against the small photo; all but one system are above 33
SHIPPED = Path(__file__).parent / "weights"
# Whose networks may be passed on: the hash of a set's pixels, as its card has it, and what it is. Packaging refuses all
# others. A network of one of these is shipped when its two files lie in `weights`; its title is a line of TITLES.
MAY_TRAVEL = {
    "c500cd7c7193a5901e7eb64f936f2c9a804a4669e3844fbd7e295540d4eb4277": "orl",
    "f8a73b2bd410f36d090c9933c1ec795106a2e19f452d837d4954c88177908c15": "portraits",
}
TERMS = ("source", "licence", "credit")  # that a shipped card states of its photos


def find(address: str) -> object:
    """What a table names as "module:name"."""
    module, _, name = address.partition(":")
    return getattr(importlib.import_module(module), name)


def title(name: str) -> str:
    """How tables and figures call a system, or an arm of the ablations; any other name as it is."""
    if name in TITLES:
        return TITLES[name]
    for part, shown in PARTS.items():
        name = name.replace(part, shown)
    return name


def disagreement(card: dict, factor: int) -> str | None:
    """What to say before a system is used whose results, by its card, are not of the small photo that it is given."""
    found = [row["consistency"] for row in card.get("results", []) if row["factor"] == factor]
    if not found or found[0] >= FAITHFUL:
        return None
    levels = 255 * 10 ** (-found[0] / 20)
    return (
        f"does not keep to the photo that it is given: made small again, its results on test people are {levels:.0f} "
        f"grey levels away from it ({found[0]:.1f} dB)"
    )


def check_may_travel(name: str, card: dict) -> None:
    """Refuse weights that may not be passed on, by their card. Packaging asks this, and so does the zip for readers.

    Raises:
        MffcnLiteError: if the photos, by the hash of their pixels, are none of `MAY_TRAVEL`, are restricted, or their
            source and terms are not stated.
    """
    data = card.get("data_card") or {}
    restriction = card.get("redistribution") or data.get("redistribution")
    hashes = {data.get("pixel_hash"), data.get("images_sha256"), card.get("data_hash")} - {None}
    missing = [key for key in TERMS if not data.get(key)]
    why = None
    if restriction:
        why = f"its training photos {restriction}"
    elif not hashes or not hashes <= set(MAY_TRAVEL):
        why = f"its training photos are none of {', '.join(MAY_TRAVEL.values())}, by the hash of their pixels"
    elif missing:
        why = f"its card states no {missing[0]} of its training photos"
    if why:
        raise MffcnLiteError(f"{name} may not be passed on: {why}; remove these weights")


def list_models() -> list[str]:
    """The names that `create_model` knows."""
    return list(SYSTEMS)


def shipped_names() -> list[str]:
    """The names of the shipped systems that were trained; no file is read."""
    return sorted(path.stem for path in SHIPPED.glob("*.json"))


def shipped_models() -> dict[str, dict]:
    """The shipped systems that were trained: name to card."""
    return {name: read_json(SHIPPED / f"{name}.json") for name in shipped_names()}
