"""Portraits from a folder or from a server: which photo is which, what is fetched again, and what is said of the rest.

The server is ours, and the pictures are made: the real addresses were never asked.
"""

import hashlib
import io
import json
import shutil
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import photo_trees
import pytest

from mffcn_lite import cli, prepare_commands  # noqa: F401 (which adds its commands)
from mffcn_lite.data import load_faces
from mffcn_lite.data.prepare import eye_detector, portraits
from mffcn_lite.data.prepare.downloads import download_portraits, fetch
from mffcn_lite.data.prepare.prepared import read_rows
from mffcn_lite.data.prepare.sources import list_files

GPO, HOUSE = ("A000014", "A000022", "B000213"), ("A000055",)
LONDON = ("001_03", "001_08", "002_03", "002_08")
NAMES = [f"{who}/gpo-guide_{who}.png" for who in GPO] + [f"{who}/house-clerk_{who}.png" for who in HOUSE]
NAMES += [f"london-{stem[:3]}/london_{stem}.png" for stem in LONDON]


def picture(orl, number, distance=90.0):
    made, eyes = photo_trees.on_canvas(orl.images[10 * number, 0], (150, 180), distance, 3, (300, 400))
    return photo_trees.packed(made, "JPEG", bz=False), eyes


@pytest.fixture
def found(monkeypatch, orl):
    """In place of the detector: eyes of the made pictures, by their pixels' size alone; and an own short list."""
    _, eyes = picture(orl, 0)
    monkeypatch.setattr(eye_detector, "create_detector", lambda: lambda _: (eyes, ""))
    monkeypatch.setattr(portraits, "read_list", lambda: dict.fromkeys(NAMES, "0" * portraits.DIGITS))
    return eyes


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["mffcn-lite", "prepare", "portraits", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        return end.value.code, printed.out, printed.err

    return call


@pytest.fixture
def server(orl):
    """(its address, what it was asked for, what it gives by path: a status or bytes)."""
    asked, gives = [], {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            content = gives.get(self.path, 404)
            if isinstance(content, int):
                self.send_error(content)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content) + 10 * self.path.startswith("/short")))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    served = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=served.serve_forever, args=(0.01,), daemon=True).start()
    address = f"http://127.0.0.1:{served.server_port}"
    gives |= {f"/gpo/{who}.jpg": picture(orl, i)[0] for i, who in enumerate(GPO[:2])}
    files = []
    for name, which in (("neutral_front.zip", "03"), ("smiling_front.zip", "08"), ("profile_left.zip", "01")):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for i, person in enumerate(("001", "002", "009")):
                archive.writestr(f"{name[:-4]}/{person}_{which}.jpg", picture(orl, 10 + 2 * i + (which == "08"))[0])
                archive.writestr(f"{name[:-4]}/{person}_{which}.tem", b"189")
        gives[f"/zips/{name}"] = buffer.getvalue()
        md5 = hashlib.md5(buffer.getvalue()).hexdigest()
        files.append({"name": name, "download_url": f"{address}/zips/{name}", "computed_md5": md5})
    gives["/record"] = json.dumps({"files": files}).encode()
    yield address, asked, gives
    served.shutdown()
    served.server_close()


def test_each_picture_is_known_by_its_name():
    for place, name in (
        ("gpo/A000014.jpg", NAMES[0]),
        ("gpo-guide_A000014.jpeg", NAMES[0]),
        ("house-clerk/A000055.jpg", NAMES[3]),
        ("A000055/house-clerk_A000055.png", NAMES[3]),
        ("neutral_front/001_03.jpg", NAMES[4]),
        ("london-001/london_001_03.png", NAMES[4]),
    ):
        assert portraits.name_of(place) == name
    for place in ("x/A00014.jpg", "senate_A000014.jpg", "1_03.jpg", "me.jpg", "gpo-guide_001_03.jpg"):
        assert portraits.name_of(place) is None


def test_the_list_is_of_1477_photos_of_1202_people():
    wanted = portraits.read_list()
    assert len(wanted) == len(set(wanted.values())) == 1477
    assert len({name.split("/")[0] for name in wanted}) == 1202
    assert all(portraits.name_of(name) == name and len(value) == portraits.DIGITS for name, value in wanted.items())


def test_from_a_folder_photo_by_photo(tmp_path, orl, found, run, monkeypatch):
    for i, who in enumerate(GPO[:2]):
        photo_trees.write(tmp_path / f"in/{who}.jpg", picture(orl, i)[0])
    photo_trees.write(tmp_path / "in/london/001_03.jpg", picture(orl, 4)[0])
    photo_trees.write(tmp_path / "in/london/001_01.jpg", picture(orl, 5)[0])
    status, out, error = run(tmp_path / "in", "--out", tmp_path / "first", "--report", tmp_path / "r.json")
    assert (status, error) == (0, "")
    assert "3 photos of 3 people" in out
    assert "Of 8 photos in the list, 0 are the same" in out
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["compared"]["differ"] == [NAMES[0], NAMES[1], NAMES[4]]
    assert report["compared"]["missing"] == sorted(set(NAMES) - {NAMES[0], NAMES[1], NAMES[4]})
    assert {"source": "london/001_01.jpg", "reason": "not one of the set's photos"} in report["skipped"]
    faces = load_faces(tmp_path / "first")
    assert faces.card["placement"]["eyes"] == [[40.0, 48.0], [87.0, 48.0]]
    assert faces.names == [NAMES[0], NAMES[1], NAMES[4]]
    assert max(entry["enlargement"] for entry in report["used"]) < 1
    # The same pixels are said to be the same: one of them, after its hash stands in the list.
    mine = {row["name"]: row["sha256"][: portraits.DIGITS] for row in read_rows(tmp_path / "first")}
    monkeypatch.setattr(portraits, "read_list", lambda: {**dict.fromkeys(NAMES, "0"), NAMES[1]: mine[NAMES[1]]})
    _, out, _ = run(tmp_path / "in", "--out", tmp_path / "second")
    assert "Of 8 photos in the list, 1 are the same" in out
    assert "other pixels: 2" in out


def test_none_is_enlarged(tmp_path, orl, run, monkeypatch):
    content, eyes = picture(orl, 0, distance=40.0)
    photo_trees.write(tmp_path / f"in/{GPO[0]}.jpg", content)
    monkeypatch.setattr(eye_detector, "create_detector", lambda: lambda _: (eyes, ""))
    status, _, error = run(tmp_path / "in", "--out", tmp_path / "set")
    assert status == 2
    assert "too small" in error
    assert not (tmp_path / "set").exists()


def test_what_a_server_has_is_fetched_once_and_what_it_lacks_is_named(tmp_path, server, found, run):
    address, asked, _ = server
    words = (tmp_path / "in", "--download", "--gpo", f"{address}/gpo", "--london", f"{address}/record")
    status, out, error = run(*words, "--out", tmp_path / "set", "--report", tmp_path / "r.json")
    assert (status, error) == (0, "")
    assert "6 photos of 4 people" in out
    skipped = {entry["source"]: entry["reason"] for entry in json.loads((tmp_path / "r.json").read_text())["skipped"]}
    assert skipped[NAMES[2]] == "not at its address any more"
    assert "house-clerk_A000055.jpg" in skipped[NAMES[3]]
    assert not any("profile" in path for path in asked)
    before = list(asked)
    status, _, _ = run(*words, "--out", tmp_path / "again")
    assert status == 0
    assert asked[len(before) :] == [f"/gpo/{GPO[2]}.jpg"]  # the one that is not there
    np.testing.assert_array_equal(load_faces(tmp_path / "set").images, load_faces(tmp_path / "again").images)


@pytest.mark.parametrize("wrong", ["refused", "md5", "zip", "record", "short"])
def test_a_server_that_fails_is_one_sentence_and_the_same_call_goes_on(tmp_path, server, found, run, wrong):
    address, asked, gives = server
    right = dict(gives)
    record = json.loads(gives["/record"])
    if wrong == "refused":
        gives[f"/gpo/{GPO[1]}.jpg"] = 503
    elif wrong == "md5":
        gives["/zips/neutral_front.zip"] += b"x"
    elif wrong == "zip":
        gives["/zips/neutral_front.zip"] = b"PK"
        record["files"][0]["computed_md5"] = hashlib.md5(b"PK").hexdigest()
        gives["/record"] = json.dumps(record).encode()
    elif wrong == "record":
        gives["/record"] = b"[]"
    else:
        gives[f"/short/{GPO[0]}.jpg"] = right[f"/gpo/{GPO[0]}.jpg"]
    words = (tmp_path / "in", "--download", "--london", f"{address}/record", "--out", tmp_path / "set", "--gpo")
    status, _, error = run(*words, f"{address}/{'short' if wrong == 'short' else 'gpo'}")
    assert status == 2
    assert len(error.splitlines()) == 1
    assert "call again" in error or "--london" in error
    assert not (tmp_path / "set").exists()
    gives |= right
    if wrong == "zip":
        (tmp_path / "in/london/record.json").unlink()  # it was the record's word that was wrong
    asked.clear()
    assert run(*words, f"{address}/gpo")[0] == 0
    assert len(load_faces(tmp_path / "set")) == 6
    if wrong in ("md5", "zip", "record"):
        assert asked.count(f"/gpo/{GPO[0]}.jpg") == 0


def test_nothing_that_is_there_is_fetched(tmp_path, server):
    address, asked, _ = server
    fetch(f"{address}/gpo/{GPO[0]}.jpg", tmp_path / "x.jpg")
    fetch(f"{address}/gpo/{GPO[0]}.jpg", tmp_path / "x.jpg")
    assert len(asked) == 1
    shutil.rmtree(tmp_path / "in", ignore_errors=True)
    assert list_files(tmp_path).problems == []
    problems = download_portraits(tmp_path, [NAMES[0], NAMES[3]], f"{address}/gpo", f"{address}/record")
    assert [name for name, _ in problems] == [NAMES[3]]
    assert "/record" not in asked  # no photo of London is wanted
    assert Path(tmp_path / "gpo-guide" / f"{GPO[0]}.jpg").exists()
