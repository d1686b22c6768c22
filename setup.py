"""What pyproject.toml cannot say: packaging refuses weights that hold photos which may not be passed on."""

import json
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class Build(build_py):
    """Looks at the cards of the shipped weights first."""

    def run(self) -> None:
        """Refuse a card with a restriction, its own or its data's."""
        for path in sorted(Path("mffcn_lite/weights").glob("*.json")):
            card = json.loads(path.read_text(encoding="utf-8"))
            if card.get("redistribution") or card.get("data_card", {}).get("redistribution"):
                raise SystemExit(
                    f"{path}: its training photos may not be redistributed, nor these weights; remove them"
                )
        super().run()


setup(cmdclass={"build_py": Build})
