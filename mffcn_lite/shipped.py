"""What there is by name: the systems, and the cards of the shipped ones. Nothing here imports torch."""

from pathlib import Path

from mffcn_lite.files import read_json

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")
UNTRAINED = (*INTERPOLATIONS, "ibp", "pocs")  # systems that need no training
NETWORKS = ("srcnn", "nie", "fsrcnn", "mffcn")  # trained step by step
SYSTEMS = (*INTERPOLATIONS, "wiener", "ibp", "pocs", "example", "sparse", "forest", *NETWORKS)
SHIPPED = Path(__file__).parent / "weights"


def list_models() -> list[str]:
    """The names that `create_model` knows."""
    return list(SYSTEMS)


def shipped_names() -> list[str]:
    """The names of the shipped systems that were trained; no file is read."""
    return sorted(path.stem for path in SHIPPED.glob("*.json"))


def shipped_models() -> dict[str, dict]:
    """The shipped systems that were trained: name to card."""
    return {name: read_json(SHIPPED / f"{name}.json") for name in shipped_names()}
