"""The set-up on a tiny project with tiny packages: it destroys nothing, installs what is missing, and mends itself."""

import importlib.util
import inspect
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
BACKEND = """

def build_editable(directory, config_settings=None, metadata_directory=None):
    import time
    from pathlib import Path
    with open("installed.txt", "a") as log:
        log.write("once\\n")
    if Path("slow.txt").exists():
        time.sleep(float(Path("slow.txt").read_text()))
    return make_wheel(directory, "tiny", "1")[0]


def prepare_metadata_for_build_editable(directory, config_settings=None):
    from pathlib import Path
    folder = Path(directory, "tiny-1.dist-info")
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\\nName: tiny\\nVersion: 1\\n")
    return folder.name
"""


def make_wheel(folder, name, version):
    """A package of one module; its file's name, and its line in a lock."""
    import hashlib
    import zipfile
    from pathlib import Path

    path = Path(folder, f"{name}-{version}-py3-none-any.whl")
    about = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"version = {version!r}\n" + 1000 * "# so long that it can be torn\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{about}/RECORD"] = "".join(f"{file},,{len(files[file])}\n" for file in files) + f"{about}/RECORD,,\n"
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in files.items():
            archive.writestr(zipfile.ZipInfo(file), content)
    return path.name, f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


class Project:
    """A folder with this project's Makefile and set-up, a lock of one package, and a target that follows the set-up."""

    def __init__(self, folder):
        self.folder, self.venv, self.wheels, self.env = folder, folder / ".venv", folder / "wheels", {}
        self.wheels.mkdir(parents=True)
        for name in ("Makefile", "setup_venv.py"):
            shutil.copy(ROOT / name, folder)
        (folder / "probe.mk").write_text("include Makefile\nprobe: $(READY)\n\t@echo made >> probe\n")
        (folder / "backend.py").write_text(inspect.getsource(make_wheel) + BACKEND)
        (folder / "pyproject.toml").write_text(PYPROJECT)
        self.packages = {}
        self.lock("one")

    def lock(self, name, version="1"):
        """Add a package to the lock, or change its version there."""
        self.packages[name] = make_wheel(self.wheels, name, version)[1]
        (self.folder / "requirements.txt").write_text("".join(self.packages.values()))

    def start(self, *arguments, before=(), wheels=True, **options):
        """Begin to make the target that follows the set-up; without wheels, nothing can be fetched."""
        places = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": self.wheels.as_uri()} if wheels else {}
        env = {**os.environ, "PIP_INDEX_URL": "http://127.0.0.1:9/", "MFFCN_LITE_PIP": "1", **places, **self.env}
        command = [*before, "make", "-f", "probe.mk", "probe", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=self.folder, env=env, **pipes, **options)

    def make(self, *arguments, **options):
        """Its status, and what it said on standard error."""
        process = self.start(*arguments, **options)
        said = process.communicate()[1]
        return process.returncode, "\n".join(line for line in said.splitlines() if not line.startswith("find:"))

    def lines(self, name):
        """How often something was done."""
        path = self.folder / name
        return len(path.read_text().splitlines()) if path.exists() else 0

    @property
    def site(self):
        (folder,) = self.venv.glob("lib/*/site-packages")
        return folder

    def version(self, name):
        """Of an installed package."""
        code = f"import {name}; print({name}.version)"
        return subprocess.run([self.venv / "bin" / "python", "-c", code], capture_output=True, text=True).stdout.strip()


def everything(folder):
    """All that can be seen of a folder's files: when they were written, and what is in them."""
    return {
        str(path): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() and not path.is_symlink() else None)
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One environment for the tests below, which each leave it finished."""
    project = Project(tmp_path_factory.mktemp("set up") / "project")
    status, said = project.make()
    assert status == 0, said
    assert "Setting up .venv: once" in said
    return project


@pytest.fixture
def project(shared):
    """An environment that is finished, of a lock that has the package `one` among others."""
    assert shared.make() == (0, "")
    return shared


def test_times_decide_nothing_and_what_follows_the_set_up_is_not_made_again(project):
    before, probes, installed = everything(project.venv), project.lines("probe"), project.lines("installed.txt")
    for name in ("requirements.txt", "pyproject.toml", "setup_venv.py"):
        os.utime(project.folder / name)
    assert project.make(wheels=False) == (0, "")
    assert everything(project.venv) == before
    assert (project.lines("probe"), project.lines("installed.txt")) == (probes, installed)


def test_a_changed_lock_is_installed_into_what_is_there(project):
    mine, one = project.site / "installed_by_hand.py", project.site / "one.py"
    mine.write_text("here = True")
    before, probes = one.stat().st_mtime_ns, project.lines("probe")
    project.lock("two")
    assert project.make() == (0, "")
    assert project.version("two") == "1"
    assert mine.exists()
    assert one.stat().st_mtime_ns == before  # not even written again
    assert project.lines("probe") == probes + 1
    project.lock("one", "2")
    assert project.make() == (0, "")
    assert project.version("one") == "2"


def test_a_changed_project_costs_one_installation_of_the_package_offline(project):
    one, installed = (project.site / "one.py").stat().st_mtime_ns, project.lines("installed.txt")
    with open(project.folder / "pyproject.toml", "a") as file:
        file.write("# another line\n")
    shutil.move(project.wheels, project.folder / "gone")
    assert project.make(wheels=False) == (0, "")
    shutil.move(project.folder / "gone", project.wheels)
    assert project.lines("installed.txt") == installed + 1
    assert (project.site / "one.py").stat().st_mtime_ns == one


def test_an_environment_of_the_former_make_is_taken_over_without_a_network(project):
    one = (project.site / "one.py").stat().st_mtime_ns
    (project.venv / ".ready").write_text("")
    (project.venv / ".lock").unlink()
    assert project.make(wheels=False) == (0, "")
    assert (project.site / "one.py").stat().st_mtime_ns == one
    assert json.loads((project.venv / ".ready").read_text())["python"]["name"] == "python"


def test_a_full_disk_leaves_nothing_that_is_taken_for_installed(project, full_disk):
    project.lock("four")
    with full_disk(10_000):
        status, said = project.make()
    assert status != 0
    assert "The set-up of .venv is not finished (see above): call make again, and it goes on." in said
    assert project.make() == (0, "")
    assert project.version("four") == "1"


def test_torn_packages_are_mended(project):
    paths = [project.site / name for name in ("one.py", "two-1.dist-info/RECORD", "pip/__init__.py")]
    contents = [path.read_bytes() for path in paths]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content[: len(content) // 2])
    (project.site / "~ne").mkdir()  # as pip leaves one that it was replacing
    (project.venv / ".unfinished").touch()
    assert project.make() == (0, "")
    assert [path.read_bytes() for path in paths] == contents
    assert not (project.site / "~ne").exists()


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL], ids=lambda kill: kill.name)
def test_a_set_up_that_was_stopped_goes_on(project, kill):
    project.lock("five", str(kill.value))
    (project.folder / "setup.py").write_text(f"# {kill.name}")
    before = project.lines("installed.txt")
    (project.folder / "slow.txt").write_text("60")
    process = project.start(start_new_session=True)
    while project.lines("installed.txt") == before:
        time.sleep(0.05)
    os.killpg(process.pid, kill)
    process.communicate()
    (project.folder / "slow.txt").unlink()
    assert process.returncode != 0
    assert (project.venv / ".unfinished").exists()
    assert project.make() == (0, "")
    assert project.version("five") == str(kill.value)
    assert not (project.venv / ".unfinished").exists()


def test_two_calls_at_once_set_up_once(project):
    (project.folder / "setup.py").write_text("# another")
    before = project.lines("installed.txt")
    (project.folder / "slow.txt").write_text("2")
    first = project.start()
    while project.lines("installed.txt") == before:
        time.sleep(0.05)
    status, said = project.make()
    (project.folder / "slow.txt").unlink()
    assert (status, said) == (0, "Waiting for another set-up of .venv.")
    first.communicate()
    assert first.returncode == 0
    assert project.lines("installed.txt") == before + 1


def test_a_python_that_vanished_is_replaced_and_the_packages_stay(project):
    one = (project.site / "one.py").stat().st_mtime_ns
    for link in project.venv.glob("bin/python*"):
        link.unlink()
        link.symlink_to("/nowhere/python")
    assert project.make(wheels=False) == (0, "")
    assert project.version("one")
    assert (project.site / "one.py").stat().st_mtime_ns == one


def load(project):
    """The set-up of that project, as a module."""
    spec = importlib.util.spec_from_file_location("setup_of_a_test", project.folder / "setup_venv.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("change", ["named", "upgraded"])
def test_another_python_is_refused_and_nothing_is_touched(project, monkeypatch, change):
    setup, ask = load(project), load(project).ask
    other = {"name": "python", "version": "3.99.0", "path": "/somewhere/python3.99"}
    its = project.venv / "bin" / "python"
    monkeypatch.setattr(setup, "ask", lambda path: ask(path) if change == "named" and path == its else other)
    before = everything(project.venv)
    with pytest.raises(setup.Refused, match=r"for another Python than /somewhere/python3\.99, which is 3\.99\.0"):
        setup.set_up(project.venv, project.folder / "requirements.txt", package=True, named=change == "named")
    assert everything(project.venv) == before


def test_a_python_that_is_found_by_chance_does_not_replace_the_one_that_is_there(project, monkeypatch):
    setup, ask = load(project), load(project).ask
    its = project.venv / "bin" / "python"
    monkeypatch.setattr(setup, "ask", lambda path: ask(path) if path == its else {**ask(path), "version": "3.99.0"})
    before = everything(project.venv)
    setup.set_up(project.venv, project.folder / "requirements.txt", package=True)
    assert everything(project.venv) == before


def test_a_moved_environment_is_refused(project, tmp_path):
    shutil.copytree(project.folder, tmp_path / "copy", symlinks=True)
    copy = tmp_path / "copy"
    before = everything(copy / ".venv")
    done = subprocess.run(["make", ".venv/.ready"], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 2
    assert f"{copy}/.venv was made elsewhere" in done.stderr
    assert everything(copy / ".venv") == before


def test_on_a_disk_that_cannot_be_written_what_is_finished_serves(project, unprivileged):
    for folder in (project.venv, project.folder):
        folder.chmod(0o555)
    try:
        assert project.make(before=unprivileged, wheels=False) == (0, "")
        project.lock("seven")
        (project.venv / ".lock").chmod(0o444)
        status, said = project.make(before=unprivileged)
    finally:
        for folder in (project.venv, project.folder):
            folder.chmod(0o755)
        (project.venv / ".lock").chmod(0o644)
    assert status == 2
    assert f"{project.venv} cannot be written: Permission denied" in said


@pytest.fixture
def empty(tmp_path):
    """A project without an environment."""
    return Project(tmp_path / "project")


@pytest.mark.parametrize("kind", ["an environment", "nothing", "inside"])
def test_a_link_is_refused_and_its_target_untouched(empty, tmp_path, kind):
    target = tmp_path / "another's"
    if kind != "nothing":
        (target / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
        (target / ".ready").touch()
    if kind == "inside":
        empty.venv.mkdir()
        (empty.venv / ".ready").touch()
        (empty.venv / "lib").symlink_to(target / "lib")
    else:
        empty.venv.symlink_to(target)
    before = everything(tmp_path)
    status, said = empty.make()
    assert status == 2
    assert said.splitlines()[0].count(f" is a link to {target}") == 1
    assert everything(tmp_path) == before


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_this_set_up_did_not_make_is_refused_and_untouched(empty, kind):
    if kind == "folder":
        (empty.venv / "bin").mkdir(parents=True)
        (empty.venv / "pyvenv.cfg").write_text("home = /usr/bin\n")
    else:
        empty.venv.write_text("mine")
    before = everything(empty.folder)
    status, said = empty.make()
    assert status == 2
    assert "was not made by this project's set-up, and is left as it is" in said
    assert everything(empty.folder) == before


def test_without_a_python_there_is_one_sentence(empty):
    status, said = empty.make("PYTHON=")
    assert status == 2
    assert said.splitlines()[0].startswith("Python 3.11 or newer is missing: install it, or name it with make PYTHON=")
    assert not empty.venv.exists()


def test_without_the_venv_module_there_is_one_sentence(empty, monkeypatch):
    setup, ask = load(empty), load(empty).ask
    monkeypatch.setattr(
        setup, "ask", lambda path: {**ask(path), "path": "/usr/bin/false"} if path == sys.executable else None
    )
    with pytest.raises(setup.Refused, match="apt-get install python3-venv"):
        setup.set_up(empty.venv, empty.folder / "requirements.txt")


def test_an_old_python_is_one_sentence(empty, monkeypatch, capsys):
    setup = load(empty)
    monkeypatch.setattr(sys, "version_info", (3, 9, 0))
    monkeypatch.setattr(sys, "argv", ["setup_venv.py", ".venv", "requirements.txt"])
    with pytest.raises(SystemExit) as caught:
        setup.main()
    assert caught.value.code == 2
    assert "Python 3.11 or newer is needed." in capsys.readouterr().err


# ------------------------------------------------------------------------------------- PyTorch without CUDA, and uv


def with_torch(project):
    """A lock with PyTorch and what its build with CUDA needs; the other build is where wheels are."""
    for name in ("torch", "nvidia_cublas", "triton"):
        project.lock(name, "2")
    make_wheel(project.wheels, "torch", "2+cpu")
    return project


def installed(project):
    return sorted(path.name.removesuffix(".dist-info") for path in project.site.glob("*.dist-info"))


def test_the_build_without_cuda_leaves_out_what_cuda_needs(empty):
    project = with_torch(empty)
    status, said = project.make("TORCH=cpu")
    assert status == 0, said
    assert "GB" not in said  # which was not measured
    assert project.version("torch") == "2+cpu"
    assert {"one-1", "tiny-1", "torch-2+cpu"} <= set(installed(project))
    assert not [name for name in installed(project) if name.startswith(("nvidia", "triton"))]
    for arguments in ((), ("TORCH=cpu",)):  # it keeps what it has, and asks for nothing
        assert project.make(*arguments, wheels=False) == (0, "")
    project.lock("two")
    assert project.make() == (0, "")
    assert (project.version("two"), project.version("torch")) == ("1", "2+cpu")
    (project.wheels / "torch-2+cpu-py3-none-any.whl").unlink()  # PyPI has no such build
    assert project.make("TORCH=default") == (0, "")
    assert {"nvidia_cublas-2", "triton-2", "torch-2"} <= set(installed(project))


def test_where_there_is_no_build_without_cuda_a_line_says_so_and_the_other_is_taken(empty):
    project = with_torch(empty)
    (project.wheels / "torch-2+cpu-py3-none-any.whl").unlink()
    status, said = project.make("TORCH=cpu")
    assert status == 0
    assert "has no torch==2+cpu (see above): the build with CUDA is installed." in said
    assert {"nvidia_cublas-2", "triton-2", "torch-2"} <= set(installed(project))
    assert project.make() == (0, "")


def test_the_build_follows_the_driver_unless_one_is_there_or_was_asked_for(empty, monkeypatch, tmp_path):
    setup, lock = load(with_torch(empty)), empty.folder / "requirements.txt"
    monkeypatch.setattr(setup.shutil, "which", lambda name: None)
    monkeypatch.setattr(setup.sys, "platform", "linux")
    for driver, wanted in ((tmp_path / "none", "cpu"), (tmp_path, "default")):
        monkeypatch.setattr(setup, "DRIVER", (str(driver),))
        assert setup.choose_torch("auto", empty.venv, lock) == wanted
    assert setup.choose_torch("cpu", empty.venv, lock) == "cpu"
    (empty.venv / "lib" / "python3" / "site-packages" / "torch-2+cpu.dist-info").mkdir(parents=True)
    assert setup.choose_torch("auto", empty.venv, lock) == "cpu"
    (empty.venv / ".ready").write_text("{}")  # of the former set-up, which knew no other
    assert setup.choose_torch("auto", empty.venv, lock) == "default"
    monkeypatch.setattr(setup.sys, "platform", "darwin")
    assert setup.choose_torch("cpu", empty.venv, lock) == "default"


def test_of_this_projects_lock_the_build_without_cuda_needs_no_package_of_cudas(empty):
    setup, lock = load(empty), ROOT / "requirements.txt"
    before, after = lock.read_text(encoding="utf-8"), setup.without_cuda(lock)
    names = [set(re.findall(r"^([\w-]+)==", text, re.MULTILINE)) for text in (before, after)]
    assert names[1] < names[0]
    left_out = names[0] - names[1]
    assert {"torch", "torchvision", "triton", "nvidia-cudnn-cu13"} <= left_out
    assert all(name.startswith(("nvidia", "cuda", "triton")) for name in left_out - {"torch", "torchvision"})
    assert after.count("--hash") < before.count("--hash")


@pytest.mark.parametrize("works", [True, False])
def test_uv_installs_where_it_is_and_pip_where_it_cannot(empty, works, tmp_path, monkeypatch):
    program = tmp_path / "bin" / "uv"
    program.parent.mkdir()
    # uv pip install --python PYTHON …, by pip
    does = 'shift 3; python=$1; shift; exec "$python" -m pip install "$@"' if works else "exit 1"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\n[ "$1" = pip ] || exit 1\n{does}\n')
    program.chmod(0o755)
    empty.env = {"MFFCN_LITE_PIP": "", "PATH": f"{program.parent}:{os.environ['PATH']}"}
    status, said = empty.make()
    assert status == 0, said
    assert empty.version("one") == "1"
    calls = [line for line in (tmp_path / "called").read_text().splitlines() if line.startswith("pip install")]
    assert len(calls) == 2
    assert ("uv could not" in said) == (not works)
