"""Install the wheel that lies in dist into this Python, and do with it what a new user does. On any system.

python .ci/try_wheel.py                  installs it, with what it needs
python .ci/try_wheel.py --no-deps        where that is there already
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURES = """
import sys
from mffcn_lite.data import load_faces, split_by_person
from mffcn_lite.degrade import downsample
from mffcn_lite.pictures import write_picture
for i in range(2):
    hr = split_by_person(load_faces("orl"))[1][i].floats()
    write_picture(hr, f"originals/{i}.png")
    write_picture(downsample(hr, 4).clamp(0, 1), f"photos/{i}.png")
"""


def main() -> None:
    """Each step, in a folder that is removed; the first that fails ends it."""
    (wheel,) = (ROOT / "dist").glob("*.whl")
    python = [sys.executable, "-X", "utf8"]

    def run(*arguments: str | Path) -> str:
        print("+", *arguments, flush=True)
        done = subprocess.run([*python, *arguments], cwd=folder, stdout=subprocess.PIPE, encoding="utf-8", check=True)
        print(done.stdout, flush=True)
        return done.stdout

    with tempfile.TemporaryDirectory() as folder:
        run("-m", "pip", "install", "--quiet", *sys.argv[1:], wheel)
        command = "-m", "mffcn_lite"
        assert run(*command, "--version").split()[1] == wheel.name.split("-")[1]
        assert "mffcn" in run(*command, "models")
        assert "PSNR" in run(*command, "evaluate", "--models", "bicubic,mffcn", "--factors", "4")
        run("-c", PICTURES)
        results = run(*command, "reconstruct", "photos", "-o", "restored", "-f", "4", "-m", "mffcn").split()
        assert [Path(name).name for name in results] == ["0-mffcn-x4.png", "1-mffcn-x4.png"]
        options = ["--suffix", "-mffcn-x4", "--json", "compared.json"]
        run(*command, "compare", "restored", "originals", *options)
        compared = json.loads(Path(folder, "compared.json").read_text(encoding="utf-8"))
        assert compared["n"] == 2
        assert compared["mean"]["psnr"] > 25
    print("The wheel works.")


if __name__ == "__main__":
    main()
