"""What pytest needs in this repository, from whatever folder it is called, `pytest --nbval` too."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
PLACES = ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR")  # where a notebook's kernel writes, below HOME else


def can_write(folder: Path) -> bool:
    """Whether files can be made in a folder."""
    with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=folder):
        return True
    return False


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Name the sanitise file from the root, as pyproject.toml can't; give a kernel places where HOME has none."""
    given = getattr(config.option, "nbval_sanitize_with", None)
    if given and (ROOT / given).exists():
        config.option.nbval_sanitize_with = str(ROOT / given)
    if getattr(config.option, "nbval", False) and not can_write(Path.home()):
        folder = tempfile.mkdtemp(prefix="mffcn-home-")
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        for place in PLACES:
            os.environ.setdefault(place, folder)
