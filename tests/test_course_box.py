"""The box: what gets into it and out of it, and what bounds it."""

import errno
import json
import os
import platform
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

import mffcn_lite
from course import box

ROOT = Path(__file__).parent.parent
LIBRARIES = [sys.prefix, sys.base_prefix, mffcn_lite.__path__[0]]
BOXED = pytest.mark.skipif(
    box.shutil.which("bwrap") is None or box.find_fault() is not None, reason="bubblewrap makes no box here"
)


def inside(program, **options):
    """What a program printed in the box, as JSON."""
    command = box.boxed([sys.executable, "-c", program], LIBRARIES)
    process = box.start(command, stdout=subprocess.PIPE, text=True, **options)
    try:
        return json.loads(process.communicate()[0])
    finally:
        box.end(process)


def test_without_the_tool_there_is_no_box_and_a_sentence(monkeypatch):
    monkeypatch.setattr(box.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="install bubblewrap"):
        box.boxed(["true"])


@BOXED
def test_in_the_box_are_no_network_no_repository_and_no_lasting_files(tmp_path):
    said = inside(f"""
import json, os, socket, subprocess
said = {{}}
for name, attempt in {{
    "solutions": lambda: open({str(ROOT / "book" / "solutions" / "chapter_08.py")!r}),
    "network": lambda: socket.create_connection(("127.0.0.1", 22), 1),
    "package": lambda: open({str(ROOT / "mffcn_lite" / "new")!r}, "w"),
    "outside": lambda: open({str(tmp_path / "new")!r}, "w"),
    "root": lambda: open("/new", "w"),
    "devices": lambda: open("/dev/new", "w"),
    "large": lambda: open("/tmp/large", "wb").write(bytes({2 * box.FILE})),
    "many": lambda: [open(f"/tmp/{{i}}", "wb").write(bytes({box.FILE})) for i in range(10)],
    "shared": lambda: [open(f"/dev/shm/{{i}}", "wb").write(bytes({box.FILE})) for i in range(10)],
    "memory": lambda: bytearray({2 * box.MEMORY}),
    "nameless": lambda: os.memfd_create("x"),
    "settings": lambda: open("/proc/sys/kernel/core_pattern", "r+"),
    "host": lambda: socket.socket(socket.AF_VSOCK),
    "namespace": lambda: subprocess.run(["unshare", "-Ur", "true"], check=True, stderr=subprocess.DEVNULL),
}}.items():
    try:
        attempt()
        said[name] = "done"
    except (OSError, MemoryError, subprocess.CalledProcessError) as error:
        said[name] = type(error).__name__
print(json.dumps(said))
""")
    assert "done" not in said.values(), said
    assert not (tmp_path / "new").exists()


@BOXED
def test_forbidden_system_calls_are_not_permitted_and_ordinary_sockets_are():
    calls = box.FORBIDDEN[platform.machine()][1]
    said = inside(f"""
import ctypes, json, socket
library = ctypes.CDLL(None, use_errno=True)
refused = [library.syscall(call, 0, 0, 0, 0, 0) == -1 and ctypes.get_errno() for call in {calls}]
made = [socket.socket(kind, socket.SOCK_DGRAM).family for kind in {box.SOCKETS}]
print(json.dumps([refused, made, [end.family for end in socket.socketpair()]]))
""")
    assert said == [[errno.EPERM] * len(calls), list(box.SOCKETS), [socket.AF_UNIX] * 2]


@BOXED
def test_nothing_of_the_graders_environment_is_in_the_box(monkeypatch):
    monkeypatch.setenv("MFFCN_TEST_SECRET", "told")
    said = inside("""
import glob, json
print(json.dumps([open(p, "rb").read().decode() for p in glob.glob("/proc/[0-9]*/environ")]))
""")
    assert len(said) >= 2
    assert not any("told" in one or os.environ["PATH"] in one for one in said)


@BOXED
def test_a_scope_of_systemds_is_used_where_there_is_one_and_gets_in_clean(monkeypatch, tmp_path):
    # A systemd-run that notes what it is asked for, and runs the command as --scope does.
    fake = tmp_path / "systemd-run"
    fake.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\nwhile [ "${{1#--}}" != "$1" ]; do shift; done\nexec "$@"\n'
    )
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("MFFCN_TEST_SECRET", "told")
    monkeypatch.setattr(box, "makes_groups", lambda: False)
    box.scope.cache_clear()
    try:
        said = inside('import json; print(json.dumps(open("/proc/1/environ").read()))')
    finally:
        box.scope.cache_clear()
    assert "told" not in said
    assert f"MemoryMax={box.MEMORY}" in (tmp_path / "asked").read_text()
    assert "TasksMax" in (tmp_path / "asked").read_text()


@BOXED
@pytest.mark.parametrize(
    ("program", "limit", "value", "said"),
    [
        ("import time; x = b'x' * 3 * 10**8; time.sleep(30)", "MEMORY", 10**8, "memory"),
        ("import mmap; m = mmap.mmap(-1, 3 * 10**8); m.write(b'x' * 3 * 10**8); __import__('time').sleep(30)", "MEMORY",
         10**8, "memory"),
        ("import os, time\nfor _ in range(40): os.fork() or time.sleep(30)\ntime.sleep(30)", "PROCESSES", 5, "threads"),
        ("import time\nfor i in range(200): open(f'/tmp/{i}', 'w').close()\ntime.sleep(30)", "FILES", 100, "files"),
        ("import os, time\nheld = [os.pipe() for _ in range(100)]\ntime.sleep(30)", "OPEN", 10, "opened"),
    ],
)  # fmt: skip
def test_what_is_too_much_in_all_is_seen_from_outside(program, limit, value, said, monkeypatch):
    process = box.start(box.boxed([sys.executable, "-c", program], LIBRARIES))
    try:
        time.sleep(1)
        assert box.find_excess(process.pid) is None
        monkeypatch.setattr(box, limit, value)
        end = time.monotonic() + 20
        while time.monotonic() < end and not (found := box.find_excess(process.pid)):
            time.sleep(0.2)
        assert said in found
    finally:
        box.end(process)


GROUPED = pytest.mark.skipif(not box.makes_groups(), reason="this user makes no cgroups")


@BOXED
@GROUPED
def test_a_group_holds_all_of_a_box_and_is_gone_with_it(monkeypatch):
    monkeypatch.setattr(box, "PROCESSES", 10)
    program = "import os, time\nmade = 1\nfor _ in range(200):\n    try:\n        if not os.fork(): time.sleep(30)\n"
    program += "        made += 1\n    except OSError: pass\nprint(made, flush=True)\ntime.sleep(30)"
    process = box.start(box.boxed([sys.executable, "-c", program], LIBRARIES), stdout=subprocess.PIPE, text=True)
    try:
        assert int(process.stdout.readline()) <= 10 + 2 * box.BEYOND
        members = (process.groups[0] / "cgroup.procs").read_text().split()
        assert len(members) > 10
    finally:
        box.end(process)
    assert not any(group.exists() for group in process.groups)  # so nothing of it runs any more


@GROUPED
def test_groups_of_a_program_that_was_killed_are_removed():
    program = "from course import box; print(*box._make_groups(), flush=True); input()"
    command = [sys.executable, "-c", program]
    maker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    groups = [Path(group) for group in maker.stdout.readline().split()]
    box.sweep()
    assert groups
    assert all(group.exists() for group in groups)  # its maker lives
    maker.kill()
    maker.wait()
    box.sweep()
    assert not any(group.exists() for group in groups)


@BOXED
@GROUPED
def test_a_group_bounds_the_memory_of_all_of_a_box_together(monkeypatch):
    monkeypatch.setattr(box, "MEMORY", 3 * 10**8)
    program = "import os, time\nfor _ in range(5):\n    if not os.fork():\n        x = b'x' * 10**8\n"
    program += "        time.sleep(5)\n        os._exit(0)\nends = [os.wait()[1] for _ in range(5)]\n"
    program += "import json; print(json.dumps(ends))"
    assert 9 in inside(program)  # some were killed, as each alone was within its limit


def test_our_own_files_are_not_counted_while_a_box_begins(monkeypatch):
    monkeypatch.setattr(box, "FILES", 0)
    process = subprocess.Popen(
        ["sh", "-c", "sleep 30 & wait"], start_new_session=True
    )  # as bubblewrap is, before it has a /tmp of its own
    try:
        time.sleep(0.3)
        assert box.find_excess(process.pid) is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
