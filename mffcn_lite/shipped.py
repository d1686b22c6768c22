"""What there is by name: the systems, and the cards of the shipped ones. Nothing here imports torch."""

import importlib
from pathlib import Path

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
SHIPPED = Path(__file__).parent / "weights"


def find(address: str) -> object:
    """What a table names as "module:name"."""
    module, _, name = address.partition(":")
    return getattr(importlib.import_module(module), name)


def list_models() -> list[str]:
    """The names that `create_model` knows."""
    return list(SYSTEMS)


def shipped_names() -> list[str]:
    """The names of the shipped systems that were trained; no file is read."""
    return sorted(path.stem for path in SHIPPED.glob("*.json"))


def shipped_models() -> dict[str, dict]:
    """The shipped systems that were trained: name to card."""
    return {name: read_json(SHIPPED / f"{name}.json") for name in shipped_names()}
