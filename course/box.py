"""A box for programs that nobody has read: no network, no files but Python's own, limits on what they may use.

    python box.py      says whether there is a box on this machine, and what bounds it

The box is bubblewrap's (Debian and Ubuntu: apt-get install bubblewrap; Linux alone). Where systemd gives this user a
scope, or root makes groups itself, a cgroup bounds all that is in it together; elsewhere limits on each process do, and
somebody who looks at the sum now and then.
"""

import contextlib
import functools
import itertools
import os
import platform
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

MEMORY, FILE, SCRATCH, SHARED = 4 * 2**30, 50 * 2**20, 256 * 2**20, 64 * 2**20  # bytes: of all, of a file, of folders
PROCESSOR, PROCESSES, OPEN, FILES = 600, 200, 512, 20_000  # seconds; processes and threads; open files; files at all
BEYOND = 20  # processes and threads more than are too many: there the machine itself refuses
GROUPS = Path("/sys/fs/cgroup")
# Goes into each group that stands before "--", and becomes the command behind it.
JOIN = 'while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs" || exit 1; shift; done; shift; exec "$@"'
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts")
CLEAN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}  # what bubblewrap itself is started with
INSIDE = {"HOME": "/tmp", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "PYTHONPATH": "/box"}
INSIDE |= {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "PYTHONDONTWRITEBYTECODE": "1"}
INSIDE |= {"PYTHONBREAKPOINT": "0"}  # nobody is there to type
# System calls that make memory which no limit on processes or folders counts (memfd_create, memfd_secret, shmget,
# msgget); and that reach out of the box: keys, which are one user's in all boxes (add_key, request_key, keyctl), and
# io_uring, which makes sockets without asking. At last `socket` itself.
FORBIDDEN = {
    "x86_64": (0xC000003E, (319, 447, 29, 68, 248, 249, 250, 425), 41),
    "aarch64": (0xC00000B7, (279, 447, 194, 186, 217, 218, 219, 425), 198),
}
SOCKETS = (1, 2, 10, 16)  # kinds that the box holds: Unix, IPv4, IPv6, netlink; vsock leads to a virtual machine's host


def boxed(
    command: list[str], readable: Iterable[str | Path] = (), placed: dict[str, str | Path] | None = None
) -> list[str]:
    """The command that runs `command` in the box; `start` runs it.

    Args:
        readable: folders that it sees beside the system's. All that it writes is in memory, and gone at the end.
        placed: what it sees elsewhere than it is, by where.

    Raises:
        SystemExit: if this machine has no box.
    """
    tool = shutil.which("bwrap")
    if tool is None:
        sys.exit("no box to run students' programs in: install bubblewrap (Debian, Ubuntu: apt-get install bubblewrap)")
    box = [tool, "--unshare-all", *_no_namespaces(tool), "--die-with-parent", "--new-session", "--clearenv"]
    box += ["--cap-drop", "ALL"]
    # Read-only: a program of root's could write to /proc/sys, and what is set there is set for the whole machine.
    box += ["--proc", "/proc", "--remount-ro", "/proc"]
    box += ["--dev", "/dev", "--size", str(SHARED), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
    box += ["--size", str(SCRATCH), "--tmpfs", "/tmp", "--dir", "/tmp/work", "--chdir", "/tmp/work"]
    for path in dict.fromkeys(str(path) for path in (*SYSTEM, *readable) if Path(path).exists()):
        link = os.path.islink(path)
        box += ["--symlink", os.readlink(path), path] if link else ["--ro-bind", path, path]
    for path, source in (placed or {}).items():
        box += ["--ro-bind", str(source), path]
    box += ["--remount-ro", "/"]
    for key, value in INSIDE.items():
        box += ["--setenv", key, value]
    # Counted inside, where nobody else's processes are: this user may run what they like outside.
    limits = [f"--data={MEMORY}", f"--fsize={FILE}", f"--cpu={PROCESSOR}", f"--nofile={OPEN}", "--core=0"]
    return [*box, "prlimit", *limits, f"--nproc={PROCESSES + BEYOND}", *command]


@functools.cache
def _no_namespaces(tool: str) -> list[str]:
    """What forbids a box inside the box; nothing for a bubblewrap that can't."""
    options = ["--unshare-user", "--disable-userns"]
    tried = subprocess.run([tool, *options, "--ro-bind", "/", "/", "true"], capture_output=True)
    return options if tried.returncode == 0 else []


@functools.cache
def scope() -> tuple[str, ...]:
    """The command before a box that puts it into a cgroup of its own; empty where there is none to be had."""
    bounds = [f"MemoryMax={MEMORY}", "MemorySwapMax=0", f"TasksMax={PROCESSES + 2 * BEYOND}"]
    command = ["systemd-run", "--user", "--scope", "--quiet", "--collect", *(f"--property={b}" for b in bounds)]
    if shutil.which("systemd-run") is None:
        return ()
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        tried = subprocess.run([*command, "true"], capture_output=True, stdin=subprocess.DEVNULL, timeout=20)
        return tuple(command) if tried.returncode == 0 else ()
    return ()


_numbers = itertools.count()


def _make_groups() -> list[Path]:
    """Groups for one box, of cgroups' version 2 or 1; none where this user can't make them."""
    most = str(PROCESSES + 2 * BEYOND)
    limits = {GROUPS / "pids": {"pids.max": most}, GROUPS / "memory": {"memory.limit_in_bytes": str(MEMORY)}}
    if (GROUPS / "cgroup.controllers").exists():
        limits = {GROUPS: {"pids.max": most, "memory.max": str(MEMORY)}}
    made, name = [], f"mffcn-{os.getpid()}-{next(_numbers)}"
    try:
        for parent, files in limits.items():
            (parent / name).mkdir()
            made.append(parent / name)
            for file, limit in files.items():
                (parent / name / file).write_text(limit)
    except OSError:
        _drop_groups(made)
        return []
    return made


def _drop_groups(groups: list[Path]) -> None:
    """End all that is in them, and remove them."""
    for group in groups:
        until = time.monotonic() + 20
        while group.exists() and time.monotonic() < until:  # who was killed is not gone at once
            for member in _text(group / "cgroup.procs").split():
                with contextlib.suppress(OSError):
                    os.kill(int(member), signal.SIGKILL)
            with contextlib.suppress(OSError):
                group.rmdir()
                break
            time.sleep(0.02)


def sweep() -> None:
    """Remove the groups of programs that were killed themselves: nobody else will."""
    for group in itertools.chain(GROUPS.glob("mffcn-*"), GROUPS.glob("*/mffcn-*")):
        maker = group.name.split("-")[1]
        if maker.isdecimal() and not Path("/proc", maker).exists():
            _drop_groups([group])


@functools.cache
def makes_groups() -> bool:
    """Whether this user can make groups; systemd is not asked then."""
    groups = _make_groups()
    _drop_groups(groups)
    return bool(groups)


def bounded() -> str:
    """What bounds all that is in a box together, in words."""
    there = makes_groups() or scope()
    return "a cgroup" if there else "limits on each process, since there is no cgroup to be had"


def start(command: list[str], keep: tuple[int, ...] = (), **options: object) -> subprocess.Popen:
    """Run what `boxed` returned, until `end`. Bubblewrap itself gets a clean environment: what is inside can read it.

    Args:
        keep: open files that it inherits.
        options: `subprocess.Popen`'s.
    """
    read, write = os.pipe()
    os.write(write, _filter())
    os.close(write)
    groups, before, environment = [], [], CLEAN
    if makes_groups():
        groups = _make_groups()
        before = ["sh", "-c", JOIN, "sh", *map(str, groups), "--"]
    elif scope():
        before, environment = [*scope(), "env", "-i", *(f"{key}={value}" for key, value in CLEAN.items())], None
    guarded = [command[0], "--seccomp", str(read), *command[1:]] if _filter() else command
    try:
        process = subprocess.Popen([*before, *guarded], env=environment, pass_fds=(*keep, read), **options)
    finally:
        os.close(read)
    process.groups = groups
    return process


def end(process: subprocess.Popen) -> None:
    """End what `start` started, with all that it started itself."""
    process.kill()
    _drop_groups(process.groups)
    process.wait()


@functools.cache
def _filter() -> bytes:
    """The program for the kernel that refuses `FORBIDDEN`, other `SOCKETS`, and calls of another machine's kind."""
    if platform.machine() not in FORBIDDEN:
        return b""
    kind, calls, sockets = FORBIDDEN[platform.machine()]
    rows = [(0x20, 0, 0, 4), (0x15, 1, 0, kind), (0x06, 0, 0, 0x80000000), (0x20, 0, 0, 0)]  # whose calls; which
    after = len(SOCKETS) + 2  # rows between the last call and the refusal
    rows += [(0x35, len(calls) + after, 0, 0x40000000)]  # x32's are refused too
    rows += [(0x15, len(calls) - 1 - i + after, 0, call) for i, call in enumerate(calls)]
    rows += [(0x15, 0, len(SOCKETS) + 2, sockets), (0x20, 0, 0, 16)]  # another call is allowed; of a socket, its kind
    rows += [(0x15, len(SOCKETS) - i, 0, kind) for i, kind in enumerate(SOCKETS)]
    rows += [(0x06, 0, 0, 0x00050000 | 1), (0x06, 0, 0, 0x7FFF0000)]  # "not permitted"; allowed
    return b"".join(struct.pack("<HBBI", *row) for row in rows)


def find_fault() -> str | None:
    """Why there is no box here, in a sentence; None where there is one."""
    process = start(boxed(["/usr/bin/true"]), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = process.communicate()[1]
    end(process)
    return None if process.returncode == 0 else f"bubblewrap makes no box here: {said.strip()}"


def find_excess(process: int) -> str | None:
    """What is too much of all that runs in the box of that process, in a sentence; None if nothing is."""
    members, todo = [], [process]
    while todo:
        member = todo.pop()
        members.append(member)
        if len(members) > PROCESSES:  # who forks for ever is not waited for
            break
        for task in _listed(f"/proc/{member}/task"):
            todo += map(int, _text(f"/proc/{member}/task/{task}/children").split())
    threads = sum(len(_listed(f"/proc/{member}/task")) for member in members)
    if threads > PROCESSES:
        return f"it ran more than {PROCESSES} processes and threads"
    # A socket's buffers are memory of the kernel, which nobody else counts.
    if sum(len(_listed(f"/proc/{member}/fd")) for member in members) > 4 * OPEN:
        return f"it opened more than {4 * OPEN} files"
    page = os.sysconf("SC_PAGE_SIZE")
    pages = sum(int((_text(f"/proc/{member}/statm").split() or [0, 0])[1]) for member in members)
    # What several share counts once; this takes longer to ask.
    if pages * page > MEMORY and sum(map(_proportional, members)) > MEMORY:
        return f"it took more than {MEMORY // 2**30} GB of memory"
    for folder in ("/tmp", "/dev/shm"):
        with contextlib.suppress(OSError):
            place = f"/proc/{members[-1]}/root{folder}"
            found, is_ours = os.statvfs(place), os.path.samestat(os.stat(place), os.stat(folder))  # it only begins
            if not is_ours and found.f_files - found.f_ffree > FILES:
                return f"it made more than {FILES} files"
    return None


def _proportional(process: int) -> int:
    lines = _text(f"/proc/{process}/smaps_rollup").splitlines()
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _text(path: str | Path) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _listed(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


if __name__ == "__main__":
    print(f"bounded by {bounded()}")
    sys.exit(find_fault())
