"""Each call of the system may fail: after any of them no traceback, no wrong result, and nothing is lost.

As SQLite is tested: every n-th open, write, fsync, rename, mkdir and read of a command fails, once or from then on.
`make test` tries some, `make test-release` all.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "faults"
COMPILER = shutil.which("cc") or shutil.which("gcc")


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """The library that lets calls fail, built for this machine."""
    if COMPILER is None or not sys.platform.startswith("linux"):
        pytest.skip("needs Linux and a C compiler")
    path = tmp_path_factory.mktemp("library") / "faults.so"
    build = [COMPILER, "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(path), str(HERE / "faults.c"), "-ldl"]
    subprocess.run(build, check=True)
    return path


def drive(library, folder, scenario, stride):
    environment = {**os.environ, "LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(HERE / "drive.py"), scenario, str(folder), str(stride)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_a_fault_is_seen_where_it_is_asked_for(library, tmp_path):
    code = (
        "import ctypes, errno, os\n"
        "library, seen = ctypes.CDLL(None), []\n"
        f"library.faults_arm({os.fsencode(tmp_path)!r}, 2, ctypes.c_long(2), errno.ENOSPC, 0)\n"
        f"handle = os.open({str(tmp_path / 'file')!r}, os.O_CREAT | os.O_WRONLY)\n"
        "for _ in range(3):\n"
        "    try: seen.append(os.write(handle, b'x'))\n"
        "    except OSError as error: seen.append(error.errno)\n"
        "print(seen == [1, errno.ENOSPC, 1], library.faults_seen())\n"
    )
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert result.stdout == "True 3\n", result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("scenario", "stride"), [("train", 61), ("reconstruct", 5), ("prepare", 29)])
def test_after_some_of_the_faults_nothing_is_wrong(library, tmp_path, scenario, stride):
    found = drive(library, tmp_path / "place", scenario, stride)
    assert found["tried"] >= 10
    assert found["found"] == []


@pytest.mark.release
@pytest.mark.parametrize("scenario", ["train", "reconstruct", "prepare"])
def test_after_none_of_the_faults_anything_is_wrong(library, tmp_path, scenario):
    found = drive(library, tmp_path / "place", scenario, 1)
    assert found["tried"] > sum(found["calls"].values())
    assert found["found"] == []
