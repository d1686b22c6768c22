"""What stands around the package says what is true: workflows, citation, licences."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_the_same_make_targets_and_nothing_else(path):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    runs = [step["run"] for job in content["jobs"].values() for step in job["steps"] if "run" in step]
    assert runs
    for command in runs:
        assert re.fullmatch(r"make [a-z-]+", command)
        assert command.split()[1] in targets
    assert content["permissions"]["contents"] == "read"


def test_the_workflows_are_there():
    assert [path.stem for path in WORKFLOWS] == ["pages", "release", "test"]


def test_the_citation_follows_the_settings():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == PROJECT["version"]
    assert citation["repository-code"] == PROJECT["urls"]["Repository"]
    assert citation["license"] == PROJECT["license"]
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_code_and_text_have_a_licence_each():
    assert "MIT License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    text = (ROOT / "book" / "LICENSE").read_text(encoding="utf-8")
    assert "CC BY 4.0" in text
    assert "AT&T Laboratories Cambridge" in text


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
