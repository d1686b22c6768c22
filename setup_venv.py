"""Bring a virtual environment of this project up to its lock; make calls it, and destroys nothing.

    python setup_venv.py .venv requirements.txt --package     with the package itself, editable
    python setup_venv.py .venv requirements.txt --torch cpu   PyTorch without CUDA, from PyTorch's own index
    python setup_venv.py .venv-nbgrader course/requirements.txt

What is in the files decides, not when they were written: FOLDER/.ready says for which lock, package and Python the
environment was made, and is written again only where that changed. A changed lock is installed into what is there (what
fits costs nothing; what has left the lock stays); a changed pyproject.toml costs one installation of the package,
offline. The next call mends what was interrupted. A link, or a folder that this program did not make, is refused.

On Linux PyTorch comes with CUDA, some gigabytes. Where there is no NVIDIA driver, a new environment gets the build
without it, and no package of CUDA's; where PyTorch's index cannot be reached, a line says so, and CUDA's is taken. uv
installs where it is at hand and MFFCN_LITE_PIP is not set; otherwise pip does.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ASK = (
    "import json, os, sys; print(json.dumps({'name': sys.implementation.name.replace('cpython', 'python'), "
    "'version': '.'.join(map(str, sys.version_info[:3])), 'path': os.path.realpath(sys.executable)}))"
)

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
OF_CUDA = re.compile(
    r"(nvidia|cuda|triton)(?![a-z])"
)  # how names of packages begin that the build without CUDA does not need
DRIVER = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/usr/lib/wsl/lib/libcuda.so.1")


class Refused(Exception):
    """What the caller has to do, in a sentence."""


def ask(python: str | Path) -> dict[str, str] | None:
    """A Python's kind, its version, and where it really lies; None where there is none that runs."""
    try:
        done = subprocess.run([python, "-I", "-c", ASK], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return json.loads(done.stdout)


def library(python: dict[str, str]) -> str:
    """The folder in lib that holds this Python's packages, python3.11: no other version can use them."""
    return python["name"] + ".".join(python["version"].split(".")[:2])


def fits(folder: Path, python: dict[str, str] | None) -> bool:
    """Whether there is such a Python, and it can use what is installed in `folder`."""
    there = {path.parent.name for path in folder.glob("lib/*/site-packages")}
    return python is not None and (not there or library(python) in there)


def refuse_what_is_not_ours(folder: Path) -> None:
    """Whatever is not an environment that this program made is left alone.

    Raises:
        Refused: if the folder is a link, another's, or was made elsewhere.
    """
    inside = [folder / "bin", *folder.glob("lib"), *folder.glob("lib/*"), *folder.glob("lib/*/site-packages")]
    for part in (folder, *inside):
        if part.is_symlink():
            raise Refused(
                f"{part} is a link to {os.readlink(part)}, and nothing is installed through a link: remove the link, "
                "or call what you need with that environment's own Python"
            )
    taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    if taken and not (folder / ".ready").is_file() and not (folder / ".lock").is_file():
        raise Refused(f"{folder} was not made by this project's set-up, and is left as it is: move it away")
    command = folder / "bin" / "pip"
    if command.is_file() and os.fsencode(folder) not in command.read_bytes():  # as all commands, it names its Python
        raise Refused(f"{folder} was made elsewhere, and its commands belong there: remove it and call make again")


def choose_torch(asked: str, folder: Path, lock: Path) -> str:
    """Which build of PyTorch belongs into `folder`: "cpu", or "default", which has CUDA on Linux.

    Without being asked, an environment keeps what it has.
    """
    if sys.platform != "linux" or pinned(lock, "torch") is None:
        return "default"
    if asked != "auto":
        return asked
    if installed := found_torch(folder):
        return found(folder).get("torch") or ("cpu" if installed.endswith("+cpu") else "default")
    return "default" if any(map(os.path.exists, DRIVER)) or shutil.which("nvidia-smi") else "cpu"


def pinned(lock: Path, name: str) -> str | None:
    """The version of a package in a lock."""
    line = re.search(rf"^{name}==([\w.]+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    return line and line[1]


def without_cuda(lock: Path) -> str:
    """A lock without PyTorch, which is installed before, and without what only its build with CUDA needs."""
    entries = re.split(r"^(?=[^\s#])", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)
    left_out = re.compile(rf"{OF_CUDA.pattern}|(torch|torchvision)==")
    return "".join(entry for entry in entries if not left_out.match(entry))


def wanted(folder: Path, lock: Path, package: bool, python: dict[str, str] | None, torch: str) -> dict:
    """What FOLDER/.ready says when all is done."""
    about = hashlib.sha256()
    for name in ("pyproject.toml", "setup.py"):
        about.update((ROOT / name).read_bytes() if (ROOT / name).exists() else b"")
    return {
        "python": python,
        "lock": hashlib.sha256(lock.read_bytes()).hexdigest(),
        "package": about.hexdigest() if package else None,
        "torch": torch,
    }


def found(folder: Path) -> dict:
    """What FOLDER/.ready says; nothing where it is empty, as it once was, or where a set-up is not finished."""
    if (folder / ".unfinished").exists():
        return {}
    with contextlib.suppress(OSError, ValueError):
        return {"torch": "default", **json.loads((folder / ".ready").read_text(encoding="utf-8"))}
    return {}


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """While another call sets up the same folder, wait. The file that is locked also says that the folder is ours.

    Raises:
        Refused: if the folder cannot be written.
    """
    try:
        folder.mkdir(exist_ok=True)
        lock = open(folder / ".lock", "a")  # noqa: SIM115
    except OSError as error:
        raise Refused(f"{folder} cannot be written: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"Waiting for another set-up of {folder.name}.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def say(line: str) -> None:
    """Tell the person at the terminal what is going on, beside what the command itself prints."""
    print(line, file=sys.stderr, flush=True)


def find_uv() -> str | None:
    """The program uv, where it is at hand and not forbidden."""
    return None if os.environ.get("MFFCN_LITE_PIP") else shutil.which("uv")


def install(folder: Path, *arguments: str | Path, retries: int = 5) -> None:
    """Install by uv, or else by the environment's pip, which sees nothing but the environment."""
    python, uv, options = folder / "bin" / "python", find_uv(), ["--quiet", "--no-deps", *arguments]
    settings = {"cwd": ROOT, "env": os.environ | {"PIP_RETRIES": str(retries), "UV_HTTP_RETRIES": str(retries)}}
    if uv is not None:
        if subprocess.run([uv, "pip", "install", "--python", python, *options], **settings).returncode == 0:
            return
        say("uv could not (see above); pip tries it.")
    command = [python, "-I", "-m", "pip", "install", "--disable-pip-version-check", *options]
    subprocess.run(command, check=True, **settings)


def install_lock(folder: Path, lock: Path, torch: str) -> str:
    """Install what a lock says; which build of PyTorch it became."""
    if torch == "cpu":
        builds = [f"{name}=={pinned(lock, name)}+cpu" for name in ("torch", "torchvision") if pinned(lock, name)]
        try:
            install(folder, "--index-url", CPU_INDEX, *builds, retries=0)
        except subprocess.CalledProcessError:
            say(f"{CPU_INDEX} cannot be reached or has no {builds[0]} (see above): the build with CUDA is installed.")
            torch = "default"
    elif found_torch(folder).endswith("+cpu"):  # for pip it is as good as the one with CUDA
        names = [name for name in ("torch", "torchvision") if found_torch(folder, name)]
        remove = ["-m", "pip", "uninstall", "--quiet", "--yes", *names]
        subprocess.run([folder / "bin" / "python", "-I", *remove], check=True)
    if torch == "cpu":
        rest = folder / ".lock-cpu.txt"
        rest.write_text(without_cuda(lock), encoding="utf-8")
        lock = rest
    install(folder, "--require-hashes", "--requirement", lock)
    return torch


def found_torch(folder: Path, name: str = "torch") -> str:
    """The version of PyTorch in an environment, or of torchvision; empty where there is none."""
    (*_, about) = ["", *(path.name for path in folder.glob(f"lib/*/site-packages/{name}-*.dist-info"))]
    return about.removeprefix(f"{name}-").removesuffix(".dist-info")


def make_python(folder: Path, base: dict[str, str]) -> None:
    """Make the environment of a Python, or make it anew around the packages that are there.

    Raises:
        Refused: if this Python can make no environment.
    """
    uv = find_uv()
    there = subprocess.run([base["path"], "-c", "import ensurepip, venv"], capture_output=True, check=False)
    if there.returncode and uv is None:
        raise Refused(
            "Python's venv module is missing: install it (Debian and Ubuntu: apt-get install python3-venv), or uv."
        )
    for name in ("python", "python3", library(base)):  # venv replaces no link, not even one to nothing
        if (folder / "bin" / name).is_symlink():
            (folder / "bin" / name).unlink()
    with_uv = [uv, "venv", "--quiet", "--seed", "--allow-existing", "--python", base["path"], folder]
    subprocess.run(with_uv if there.returncode else [base["path"], "-m", "venv", folder], check=True)


def forget_what_is_torn(folder: Path) -> None:
    """After a kill or on a full disk, a package may be there in part: pip must not take it for installed."""
    for site in folder.glob("lib/*/site-packages"):
        for leftover in site.glob("~*"):  # what pip had put aside while it replaced it
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        for about in site.glob("*.dist-info"):
            if not is_whole(site, about):
                shutil.rmtree(about)


def is_whole(site: Path, about: Path) -> bool:
    """Whether every file of a package is there, as long as it was."""
    try:
        with open(about / "RECORD", encoding="utf-8", newline="") as lines:
            return all((site / name).stat().st_size == int(size) for name, _, size in csv.reader(lines) if size)
    except (OSError, ValueError):
        return False


def set_up(folder: Path, lock: Path, package: bool = False, named: bool = False, torch: str = "auto") -> None:
    """Bring `folder` up to `lock`, and the package in it up to pyproject.toml.

    Args:
        folder: of the environment; made where it is missing.
        lock: exact versions with their hashes.
        package: install the package too, editable.
        named: the Python that runs this was asked for; otherwise the one that the environment has is as good.
        torch: "cpu", "default" or "auto"; see `choose_torch`.

    Raises:
        Refused: if the environment is not ours to change, or cannot be changed.
        OSError, subprocess.CalledProcessError: if it could not be done; the next call goes on.
    """
    refuse_what_is_not_ours(folder)
    mine, torch = ask(sys.executable), choose_torch(torch, folder, lock)

    def its() -> dict[str, str] | None:
        return ask(folder / "bin" / "python")

    def up_to_date() -> bool:
        python = its()
        mine_or_its = [mine] if named else [python]
        return python in mine_or_its and found(folder) == wanted(folder, lock, package, python, torch)

    if up_to_date():
        return
    with alone(folder):
        if up_to_date():  # by now
            return
        stored, torn = found(folder), (folder / ".unfinished").exists()
        base = next((python for python in (None if named else its(), mine) if fits(folder, python)), None)
        if base is None:
            raise Refused(
                f"{folder} was made for another Python than {mine['path']}, which is {mine['version']}: "
                f"name the former with make PYTHON=/path/to/it, or remove {folder} and call make again"
            )
        (folder / ".unfinished").touch()
        if torn:
            forget_what_is_torn(folder)
        if base != its() or not any(folder.glob("lib/*/site-packages/pip-*.dist-info")):
            if not (folder / "pyvenv.cfg").exists():
                size = ", about 6 GB on Linux" if package and torch != "cpu" else ""
                say(f"Setting up {folder.name}: once, some minutes{size}.")
            make_python(folder, base)
        ready = wanted(folder, lock, package, its(), torch)
        if {**stored, "package": None} != {**ready, "package": None}:
            ready["torch"] = install_lock(folder, lock, torch)
        if package and stored.get("package") != ready["package"]:
            install(folder, "--no-index", "--no-build-isolation", "--editable", ROOT)
        write(folder / ".ready", json.dumps(ready, indent=1) + "\n")
        (folder / ".unfinished").unlink()


def write(path: Path, text: str) -> None:
    """Write a file beside its place and rename it; where it says the same already, it keeps its time."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", help="of the environment")
    parser.add_argument("lock", help="exact versions with their hashes")
    parser.add_argument("--package", action="store_true", help="install the package of this folder too, editable")
    parser.add_argument("--named", action="store_true", help="the environment must have the Python that runs this")
    parser.add_argument("--torch", choices=("auto", "cpu", "default"), default="auto", help="which build of PyTorch")
    options = parser.parse_args()
    if sys.version_info < (3, 11):  # noqa: UP036
        say(f"{sys.executable} is {sys.version.split()[0]}, and Python 3.11 or newer is needed.")
        sys.exit(2)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # pip must not outlive this program
    try:
        set_up(ROOT / options.folder, ROOT / options.lock, options.package, options.named, options.torch)
    except Refused as refusal:
        say(str(refusal))
        sys.exit(2)
    except (OSError, subprocess.CalledProcessError, KeyboardInterrupt) as error:
        why = error.strerror if isinstance(error, OSError) else "see above" if str(error) else "stopped"
        say(f"The set-up of {options.folder} is not finished ({why}): call make again, and it goes on.")
        sys.exit(1)


if __name__ == "__main__":
    main()
