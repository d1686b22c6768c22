"""What pyproject.toml cannot say: packaging refuses weights that may not be passed on."""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

sys.path.insert(0, str(Path(__file__).parent))  # a build's own path lacks it

from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.files import read_json
from mffcn_lite.shipped import check_may_travel


class Build(build_py):
    """Looks at the card of each weights' file first."""

    def run(self) -> None:
        """Refuse what `check_may_travel` does, and weights without a card."""
        weights = Path("mffcn_lite/weights")
        try:
            for card in sorted({path.with_suffix(".json") for path in weights.iterdir()}):
                check_may_travel(str(card), read_json(card))
        except MffcnLiteError as error:
            raise SystemExit(str(error)) from error
        super().run()


setup(cmdclass={"build_py": Build})
