"""Imported before all that takes long: meanwhile an interruption of the script is one line."""

import sys
from pathlib import Path

from mffcn_lite.__main__ import listen

script = Path(sys.argv[0]).resolve()
if script.parent == Path(__file__).resolve().parent:  # not where a test imports it
    listen(script.stem)
