"""What a number was measured with."""

import functools
import hashlib
import platform
from importlib.metadata import version
from pathlib import Path

import torch

PACKAGE = Path(__file__).parent


@functools.cache
def code_hash() -> str:
    """The first 16 digits of a SHA-256 over the package's source: which code it was, whatever its version says."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(f"{path.relative_to(PACKAGE).as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def describe_environment(device: str | torch.device = "cpu") -> dict:
    """Versions, the code's hash, processor and threads, to be stored with every result."""
    device = torch.device(device)
    return {
        "mffcn_lite": version("mffcn-lite"),
        "code": code_hash(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": version("numpy"),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {platform.machine()}",
        "threads": torch.get_num_threads(),
    }
