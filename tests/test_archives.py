"""Zips that readers get: the same bytes again, whole or not there, and nothing outside their folder."""

import zipfile

import pytest

from book.build.archives import write_zip


def test_the_same_files_give_the_same_bytes(tmp_path):
    source = tmp_path / "source.txt"
    source.write_text("text" * 1000)
    write_zip(tmp_path / "one.zip", {"b/source.txt": source, "a.txt": b"first"})
    source.chmod(0o700)
    source.touch()
    write_zip(tmp_path / "new" / "two.zip", {"a.txt": b"first", "b/source.txt": source.read_bytes()})
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "new" / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.namelist() == ["a.txt", "b/source.txt"]
        assert archive.read("b/source.txt") == source.read_bytes()
        archive.extractall(tmp_path / "out")


@pytest.mark.parametrize("name", ["", ".", "../a", "a/../../b", "/a", "a//b", "./a", "a/", "a\\b", "C:/a"])
def test_a_name_that_leads_out_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="no plain relative name"):
        write_zip(tmp_path / "one.zip", {name: b""})
    assert list(tmp_path.iterdir()) == []


def test_what_fails_half_way_leaves_what_was_there(tmp_path):
    write_zip(tmp_path / "one.zip", {"a": b"old"})
    before = (tmp_path / "one.zip").read_bytes()
    with pytest.raises(FileNotFoundError):
        write_zip(tmp_path / "one.zip", {"a": b"new", "b": tmp_path / "missing"})
    assert [path.name for path in tmp_path.iterdir()] == ["one.zip"]
    assert (tmp_path / "one.zip").read_bytes() == before
