"""What a network runs on, and how much memory that has left."""

import contextlib
import ctypes
from collections.abc import Iterator
from pathlib import Path

import torch

from mffcn_lite.errors import MffcnLiteError, check_word

# Of glibc's mallopt: settings, with what they are within `kept_memory` and what glibc's own adjustment makes of them.
KEPT = {-4: (0, 65536), -1: (2**31 - 1, 64 * 2**20)}  # M_MMAP_MAX, M_TRIM_THRESHOLD


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


def is_out_of_memory(error: Exception) -> bool:
    """Whether that is what an error says: Python's, torch's or a GPU's."""
    kinds = MemoryError, torch.cuda.OutOfMemoryError
    return isinstance(error, kinds) or (isinstance(error, RuntimeError) and "allocate memory" in str(error))


def free_bytes(device: torch.device) -> int | None:
    """What `device` has left; None where the system does not say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    found = []
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        found.append(1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]))
    with contextlib.suppress(OSError, StopIteration, ValueError):  # a container's own limit
        limit, used, parts = (Path(f"/sys/fs/cgroup/memory.{name}").read_text() for name in ("max", "current", "stat"))
        files = next(line for line in parts.splitlines() if line.startswith("inactive_file"))  # given up on demand
        found.append(int(limit) - int(used) + int(files.split()[1]))
    with contextlib.suppress(ImportError, OSError, ValueError):  # a limit that a user set for this process
        import resource  # not on Windows

        limit, pages = resource.getrlimit(resource.RLIMIT_AS)[0], Path("/proc/self/statm").read_text().split()[0]
        if limit != resource.RLIM_INFINITY:
            found.append(max(0, limit - int(pages) * resource.getpagesize()))
    return min(found, default=None)


@contextlib.contextmanager
def kept_memory() -> Iterator[None]:
    """While it is entered, memory that is freed stays with the process, to be used again, and leaves it at the end.

    glibc hands large blocks back to the system at once. A training on a CPU asks for the same ones at each step, and
    pages that are new from the system take a good part of it (make bench). Elsewhere nothing happens.
    """
    libc = None
    with contextlib.suppress(OSError, AttributeError):  # no glibc: macOS, Windows, Alpine
        libc = ctypes.CDLL("libc.so.6")
        for setting, (kept, _) in KEPT.items():
            libc.mallopt(setting, kept)
    try:
        yield
    finally:
        if libc is not None:
            for setting, (_, usual) in KEPT.items():
                libc.mallopt(setting, usual)
            libc.malloc_trim(0)
