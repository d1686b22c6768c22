"""What stands around the package says what is true: workflows, citation, licences."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from mffcn_lite.data.orl import CARD
from mffcn_lite.shipped import shipped_models, shipped_names

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_make_targets_and_the_same_checks_as_everywhere(path):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    runs = [step["run"] for job in content["jobs"].values() for step in job["steps"] if "run" in step]
    assert runs
    others = (".ci/run", "python .ci/try_wheel.py", "python -m book.build.run_outside")
    for command in runs:
        if command not in others and not command.startswith("gh release create "):
            assert re.fullmatch(r"make [a-z-]+", command)[0].split()[1] in targets
    assert "make test" not in runs  # which skips what the machine cannot do


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_takes_actions_by_their_hashes_and_has_no_right_that_it_does_not_need(path):
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert content["permissions"] == {"contents": "read"}
    for name, job in content["jobs"].items():
        steps, more = job["steps"], job.get("permissions", {})
        assert job["timeout-minutes"] <= 120
        for step in steps:
            if "uses" in step:
                assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step["uses"])
                assert re.search(re.escape(step["uses"]) + r" # v[\d.]+$", path.read_text(), re.MULTILINE)
                if "checkout" in step["uses"]:
                    assert step["with"]["persist-credentials"] is False
        if more:  # what was built by others' code runs in no job that may publish
            assert name in ("publish", "github", "pypi")
            assert not any("checkout" in step.get("uses", "") for step in steps)
            assert all(step.get("run", "gh ").startswith("gh ") for step in steps)


@pytest.fixture
def ci(tmp_path):
    """Call .ci/run on a machine with these commands alone, where apt-get ends with `apt`; its end and its calls."""
    folder, called = tmp_path / "bin", tmp_path / "called.txt"
    for name in (".ci", "bin"):
        (tmp_path / name).mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")

    def run(*there, apt=0):
        for name in ("dirname", "id"):
            (folder / name).symlink_to(shutil.which(name))
        for name in (*there, "make", "apt-get", "sudo"):
            does = {
                "sudo": 'shift; exec "$@"',
                "apt-get": f"exit {apt}",
                "make": 'echo "$MFFCN_LITE_NO_SKIPS" >> $CALLED',
            }
            (folder / name).write_text(f'#!/bin/sh\necho "{name} $*" >> $CALLED\n{does.get(name, "")}\n')
            (folder / name).chmod(0o755)
        fonts = tmp_path / "fonts"
        if "fonts" in there:
            (fonts / "truetype" / "liberation").mkdir(parents=True)
        env = {"PATH": str(folder), "CALLED": str(called), "FONTS": str(fonts)}
        done = subprocess.run(["/bin/sh", tmp_path / ".ci" / "run"], env=env, capture_output=True, text=True, cwd="/")
        lines = called.read_text().splitlines()
        return done, [line for line in lines if not line.startswith("sudo")]

    return run


def test_ci_installs_what_is_missing_and_lets_nothing_be_skipped(ci):
    done, called = ci("google-chrome", "g++")
    assert done.returncode == 0, done.stderr
    assert called[0].startswith("apt-get update")
    assert called[1].endswith(" nodejs bubblewrap fonts-liberation")
    assert called[2:] == ["make lint", "1", "make test", "1"]


def test_ci_installs_nothing_where_all_is_there(ci):
    assert ci("chromium", "node", "bwrap", "g++", "fonts")[1] == ["make lint", "1", "make test", "1"]


def test_ci_that_cannot_install_says_what_is_missing_and_does_not_begin(ci):
    done, called = ci("chromium", "node", "g++", "fonts", apt=100)
    assert done.returncode == 2
    assert done.stderr.startswith("The tests need bubblewrap, and apt-get could not install that here")
    assert not any(line.startswith("make") for line in called)


SKIPPING = """
import pytest
@pytest.mark.skipif(True, reason="the tool is missing")
def test_tool(): pass
def test_module(): pytest.importorskip("no_such_module")
@pytest.mark.gpu
def test_gpu(): pass
@pytest.mark.detect
def test_detect(): pass
@pytest.mark.xfail
def test_known(): assert False
"""


@pytest.mark.parametrize("forbidden", [False, True])
def test_a_skip_is_a_failure_where_it_is_forbidden_but_for_a_missing_gpu(tmp_path, forbidden):
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_some.py").write_text(SKIPPING)
    (tmp_path / "test_file.py").write_text("import pytest\npytest.skip('not here', allow_module_level=True)\n")
    # No GPU and no detector in there, whatever this machine has.
    hidden = "import sys, torch; torch.cuda.is_available = lambda: False; sys.path.append('.'); import conftest\n"
    hidden += "conftest.find_spec = lambda name: None; import pytest; sys.exit(pytest.main(sys.argv[1:], [conftest]))"
    env = {key: value for key, value in os.environ.items() if key != "MFFCN_LITE_NO_SKIPS"}
    if forbidden:
        env["MFFCN_LITE_NO_SKIPS"] = "1"
    options = ["-rA", "-p", "no:cacheprovider", "--continue-on-collection-errors", f"--rootdir={tmp_path}"]
    options += ["--noconftest", "-c", str(ROOT / "pyproject.toml"), "test_some.py", "test_file.py"]
    done = subprocess.run(
        [sys.executable, "-c", hidden, *options], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    last = done.stdout.splitlines()[-1]
    assert ("1 failed, 1 skipped, 1 deselected, 1 xfailed" if forbidden else "4 skipped, 1 deselected") in last
    if forbidden:
        assert "nothing may be with MFFCN_LITE_NO_SKIPS: Skipped: the tool is missing" in done.stdout


def test_the_workflows_are_there():
    assert [path.stem for path in WORKFLOWS] == ["colab", "pages", "release", "test"]


def test_the_citation_follows_the_settings():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == PROJECT["version"]
    assert citation["repository-code"] == PROJECT["urls"]["Repository"]
    assert citation["license"] == PROJECT["license"]
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_code_text_and_weights_have_one_licence_each_wherever_it_is_said():
    names = ("LICENSE", "book/LICENSE", "NOTICE")
    said = {name: " ".join((ROOT / name).read_text(encoding="utf-8").split()) for name in names}
    assert "MIT License" in said["LICENSE"]
    for name in ("book/LICENSE", "NOTICE"):
        assert "CC BY 4.0" in said[name]
        assert "AT&T Laboratories Cambridge" in said[name]
    assert CARD["licence"].partition('"')[2].rstrip('"') in said["NOTICE"]
    for name in ("README.md", "CONTRIBUTING.md"):
        text = " ".join((ROOT / name).read_text(encoding="utf-8").split())
        (sentence,) = re.findall(r"[^.]*\bcode is under the MIT License[^.]*CC BY 4\.0", text)
        assert "text" in sentence
        assert "(NOTICE)" in text


@pytest.mark.parametrize("name", shipped_names())
def test_the_card_of_shipped_weights_says_their_licence(name):
    card = shipped_models()[name]
    assert card["license"].startswith("MIT")
    assert card["data"] == "orl"
    assert "AT&T Laboratories Cambridge" in card["license"]


def test_the_readme_and_the_guide_name_only_targets_that_there_are():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for name in ("README.md", "CONTRIBUTING.md"):
        for target in re.findall(r"`make ([a-z-]+)", (ROOT / name).read_text(encoding="utf-8")):
            assert target in targets, f"{name}: make {target}"


def test_the_versions_that_were_tried_are_the_ends_of_the_ranges():
    record = ROOT / "book" / "tested_versions.json"
    if not record.exists():
        pytest.skip("run make test-ranges")
    tried = json.loads(record.read_text(encoding="utf-8"))
    assert list(tried) == ["lowest", "newest"], "run make test-ranges"
    needed = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["notebook"]]
    ranges = {requirement.name: requirement.specifier for requirement in map(Requirement, needed)}
    for end in tried.values():
        assert list(end["versions"]) == list(ranges), "run make test-ranges"
        for name, version in end["versions"].items():
            assert ranges[name].contains(version), f"{name} {version}: run make test-ranges"
    for name, specifier in ranges.items():
        (bound,) = [one.version for one in specifier if one.operator in (">=", "==")]
        assert Version(tried["lowest"]["versions"][name]) == Version(bound), f"{name}: run make test-ranges"
        assert Version(tried["newest"]["versions"][name]) >= Version(bound)
    assert SpecifierSet(PROJECT["requires-python"]).contains(tried["lowest"]["python"])
