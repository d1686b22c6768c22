"""A box for programs that nobody has read: no network, no files but Python's own, limits on what they may use.

    python box.py                                 says whether there is a box on this machine
    python box.py /path/to/python CONNECTION      a Jupyter kernel inside; nbgrader's kernel is this command

Only the kernel is in the box. nbgrader, its gradebook, the hidden tests' files and the other submissions stay outside;
kernel and grader talk through sockets in one folder.
The box is bubblewrap's (Debian and Ubuntu: apt-get install bubblewrap; Linux alone).
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

MEMORY, FILE, SCRATCH = 4 * 2**30, 50 * 2**20, 256 * 2**20  # bytes: of a process, of a file, of all files
PROCESSOR, PROCESSES = 300, 200  # seconds; processes and threads
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts")
ASK = "import sys, json; print(json.dumps([sys.prefix, sys.base_prefix, __import__('mffcn_lite').__path__[0]]))"


def libraries(python: str) -> list[str]:
    """Where that Python, its libraries and the package lie; of a repository, the package's folder alone."""
    return json.loads(subprocess.run([python, "-c", ASK], capture_output=True, text=True, check=True, cwd="/").stdout)


def boxed(command: list[str], readable: Iterable[str | Path] = (), writable: Iterable[str | Path] = ()) -> list[str]:
    """The command that runs `command` in the box.

    Args:
        readable: folders that it sees beside the system's.
        writable: folders that it may change. All else that it writes is in memory, and gone at the end.

    Raises:
        SystemExit: if this machine has no box.
    """
    tool = shutil.which("bwrap")
    if tool is None:
        sys.exit("no box to run students' programs in: install bubblewrap (Debian, Ubuntu: apt-get install bubblewrap)")
    limits = [f"--data={MEMORY}", f"--fsize={FILE}", f"--cpu={PROCESSOR}", f"--nproc={PROCESSES}", "--core=0"]
    box = [tool, "--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
    box += ["--proc", "/proc", "--dev", "/dev", "--size", str(SCRATCH), "--tmpfs", "/tmp"]
    box += ["--dir", "/tmp/work", "--chdir", "/tmp/work"]
    for path in dict.fromkeys(str(path) for path in (*SYSTEM, *readable) if Path(path).exists()):
        link = os.path.islink(path)
        box += ["--symlink", os.readlink(path), path] if link else ["--ro-bind", path, path]
    for path in map(str, writable):
        box += ["--bind", path, path]
    for key, value in {"HOME": "/tmp", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}.items():
        box += ["--setenv", key, value]
    return ["prlimit", *limits, *box, *command]


def find_fault() -> str | None:
    """Why there is no box here, in a sentence; None where there is one."""
    tried = subprocess.run(boxed(["/usr/bin/true"]), capture_output=True, text=True)
    return None if tried.returncode == 0 else f"bubblewrap makes no box here: {tried.stderr.strip()}"


def kernel(folder: Path, python: str, more: Iterable[Path] = ()) -> Path:
    """Write the kernel "python3", boxed, into `folder`; that is a path for JUPYTER_PATH.

    Args:
        python: runs in the box, and has ipykernel and the package.
        more: folders that the kernel may read.
    """
    place = folder / "kernels" / "python3"
    place.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, str(Path(__file__).resolve()), python, "{connection_file}", *map(str, more)]
    # Interrupted by a message: a signal would reach the box, not the program inside.
    about = {"argv": argv, "display_name": "Python 3", "language": "python", "interrupt_mode": "message"}
    (place / "kernel.json").write_text(json.dumps(about), encoding="utf-8")
    return folder


def talk(sockets: str | Path) -> dict[str, str]:
    """Jupyter's settings for a kernel in the box, which has no network: sockets in a folder of that kernel's own."""
    return {"ConnectionFileMixin.transport": "ipc", "ConnectionFileMixin.connection_file": f"{sockets}/kernel.json"}


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit(find_fault())
    python, connection, *more = sys.argv[1:]
    sockets = Path(connection).resolve().parent
    if sockets.stat().st_mode & 0o077:
        sys.exit(f"{sockets} is open to others, so also to what is in the box: give the kernel a folder of its own")
    inside = [python, "-m", "ipykernel_launcher", "-f", connection, "--HistoryManager.hist_file=:memory:"]
    command = boxed(inside, [*libraries(python), *more], [sockets])
    os.execvp(command[0], command)
