"""What a number was measured with."""

import platform
from importlib.metadata import version

import torch

from mffcn_lite.errors import MffcnLiteError


def describe_environment(device: str | torch.device = "cpu") -> dict:
    """Versions, processor and threads, to be stored with every result."""
    device = torch.device(device)
    return {
        "mffcn_lite": version("mffcn-lite"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": version("numpy"),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {platform.machine()}",
        "threads": torch.get_num_threads(),
    }


def choose_device(name: str = "auto") -> torch.device:
    """`auto` (a GPU where there is one), `cpu` or `cuda`.

    Raises:
        MffcnLiteError: for another name, or `cuda` where there is none.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise MffcnLiteError(f'unknown device "{name}"; choose auto, cpu or cuda')
    if name == "cuda" and not torch.cuda.is_available():
        raise MffcnLiteError("no CUDA device was found; choose --device cpu or auto")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
