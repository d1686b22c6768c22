"""What a network runs on."""

import torch

from mffcn_lite.errors import MffcnLiteError, check_word


def choose_device(name: str = "auto") -> torch.device:
    """`auto` (a GPU where there is one), `cpu` or `cuda`.

    Raises:
        MffcnLiteError: for another name, or `cuda` where there is none.
    """
    check_word("device", name, ("auto", "cpu", "cuda"))
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return find_device(name)


def find_device(device: str | torch.device) -> torch.device:
    """A device by torch's name for it.

    Raises:
        MffcnLiteError: if it is not here.
    """
    try:
        found = torch.device(device)
        if found.type == "cuda" and not torch.cuda.is_available():
            raise MffcnLiteError(f"device (={str(device)!r}): no CUDA device was found; choose cpu")
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError, TypeError, ValueError, OverflowError) as error:
        said = str(error).partition("\n")[0]
        raise MffcnLiteError(f"device (={str(device)!r}) cannot be used ({said}); choose cpu") from error
    return found
