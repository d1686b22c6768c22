"""Writing and reading files: whole or not at all, and one sentence where it fails."""

import hashlib
import json
import os
import stat
import subprocess
import sys

import pytest

from mffcn_lite.files import check_place, read_json, replacing, sha256, write_json


def tree(folder):
    """Every file below `folder` with its content, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def test_a_file_appears_whole_with_its_folders_and_nothing_beside_it(tmp_path):
    target = tmp_path / "new" / "deep" / "a.txt"
    with replacing(target) as temporary:
        assert temporary.suffix == ".txt"
        temporary.write_text("one")
        assert not target.exists()
    assert tree(tmp_path) == {"new": None, "new/deep": None, "new/deep/a.txt": b"one"}


def test_a_file_is_replaced_only_when_the_new_one_is_whole(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with replacing(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert tree(tmp_path) == {"a.txt": b"new"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, MemoryError])
@pytest.mark.parametrize("old", [None, "old"])
def test_a_failure_half_way_keeps_the_old_file_and_leaves_no_other(tmp_path, error, old):
    target = tmp_path / "a.txt"
    if old is not None:
        target.write_text(old)

    def fail():
        with replacing(target) as temporary:
            temporary.write_text("half")
            raise error("x")

    with pytest.raises(error):
        fail()
    assert tree(tmp_path) == ({} if old is None else {"a.txt": b"old"})


def test_a_killed_writer_leaves_nothing_under_the_final_name(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    code = (
        "import os, sys; from mffcn_lite.files import replacing\n"
        "with replacing(sys.argv[1]) as t: t.write_text('half'); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, target]).returncode == -9
    assert target.read_text() == "old"


def test_a_folder_appears_whole_and_a_filled_one_is_never_replaced(tmp_path, refuses):
    target = tmp_path / "run"

    def write():
        with replacing(target) as temporary:
            temporary.mkdir()
            (temporary / "a").write_text("1")
            assert target.exists() is existed

    existed = False
    write()
    assert tree(tmp_path) == {"run": None, "run/a": b"1"}
    (target / "a").write_text("mine")
    existed = True
    refuses(write, str(target))
    assert tree(tmp_path) == {"run": None, "run/a": b"mine"}


@pytest.mark.parametrize("where", ["file/a.txt", "file/deep/a.txt", "/proc/no/a.txt", "/dev/null/a.txt", "x" * 300])
def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path, refuses, where):
    (tmp_path / "file").write_text("x")

    def write():
        with replacing(tmp_path / where):
            raise AssertionError("the body must not run")

    refuses(write, "cannot write", str(tmp_path / where))
    assert tree(tmp_path) == {"file": b"x"}


def test_a_folder_in_place_of_the_file_is_one_sentence(tmp_path, refuses):
    (tmp_path / "a.json").mkdir()
    refuses(lambda: write_json(tmp_path / "a.json", {}), "cannot write")
    assert tree(tmp_path) == {"a.json": None}


def test_a_full_disk_is_one_sentence_and_keeps_the_old_file(tmp_path, refuses, full_disk):
    write_json(tmp_path / "a.json", {"old": 1})
    before = tree(tmp_path)
    with full_disk(1000):
        refuses(lambda: write_json(tmp_path / "a.json", ["x" * 100] * 100), "cannot write", "a.json")
    assert tree(tmp_path) == before


def test_a_device_or_pipe_is_never_replaced_by_a_file(tmp_path, refuses):
    # As root, --json /dev/null would otherwise turn the system's /dev/null into a file.
    os.mkfifo(tmp_path / "pipe")
    refuses(lambda: write_json(tmp_path / "pipe", {}), "pipe")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert os.listdir(tmp_path) == ["pipe"]


def test_others_may_read_what_the_umask_lets_them(tmp_path):
    before = os.umask(0o022)
    try:
        write_json(tmp_path / "a.json", {})
        with replacing(tmp_path / "run") as temporary:
            temporary.mkdir()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o755


def test_json_comes_back_as_it_was_and_other_readers_agree(tmp_path):
    content = {"ä×—": [1, 2.5, None, True], "nested": {"text": "line\nbreak", "empty": []}}
    write_json(tmp_path / "a.json", content)
    assert read_json(tmp_path / "a.json") == content
    assert json.loads((tmp_path / "a.json").read_bytes()) == content
    assert "ä×—" in (tmp_path / "a.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"a": 1', b"[1]", b"3", b"null", b"\xff\xfe\x00", b"{} {}", b"[" * 100_000],
    ids=["empty", "open", "cut", "list", "number", "null", "not utf-8", "two", "deep"],
)
def test_broken_json_is_one_sentence(tmp_path, refuses, content):
    (tmp_path / "a.json").write_bytes(content)
    refuses(lambda: read_json(tmp_path / "a.json"), "a.json")


@pytest.mark.parametrize("name", ["missing.json", "folder", "folder/missing/a.json", "x" * 300])
def test_json_that_cannot_be_read_is_one_sentence(tmp_path, refuses, name):
    (tmp_path / "folder").mkdir()
    refuses(lambda: read_json(tmp_path / name), "cannot read", name)


def test_sha256_is_the_standards(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    content = bytes(range(256)) * 20_000
    (tmp_path / "a").write_bytes(content)
    assert sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_a_place_is_looked_at_without_touching_it(tmp_path, refuses):
    path = tmp_path / "new" / "r.json"
    check_place(path, "words", {"a": 1})
    assert not list(path.parent.iterdir())
    path.write_text("kept")
    check_place(path)
    assert path.read_text() == "kept"
    refuses(lambda: check_place(tmp_path), "folder")
    refuses(lambda: check_place(path / "below"), "cannot write")
    refuses(lambda: check_place(path, "S\udcff"), "UTF-8")
    refuses(lambda: check_place("a\0b"), "cannot write")


@pytest.mark.parametrize("text", ['{"a": "\\ud800"}', '{"\\udc00": 1}', '{"a": [{"b": "x\\ud83dy"}]}'])
def test_half_of_a_letter_is_refused_where_it_is_read(tmp_path, refuses, text):
    (tmp_path / "card.json").write_text(text)
    refuses(lambda: read_json(tmp_path / "card.json"), "card.json")
    (tmp_path / "card.json").write_text('{"a": "\\ud83d\\ude00"}')  # both halves
    assert read_json(tmp_path / "card.json") == {"a": "😀"}
