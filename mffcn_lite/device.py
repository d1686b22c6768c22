"""What a network runs on."""

import torch

from mffcn_lite.errors import MffcnLiteError, check_word


def choose_device(name: str = "auto") -> torch.device:
    """`auto` (a GPU where there is one), `cpu` or `cuda`.

    Raises:
        MffcnLiteError: for another name, or `cuda` where there is none.
    """
    check_word("device", name, ("auto", "cpu", "cuda"))
    if name == "cuda" and not torch.cuda.is_available():
        raise MffcnLiteError("no CUDA device was found; choose --device cpu or auto")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
