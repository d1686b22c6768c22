"""Whole preparations: what is taken and left out, the same bytes each time, and what interrupts them."""

import bz2
import errno
import hashlib
import io
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import photo_trees
import picture_files
import pytest
from PIL import Image

from mffcn_lite.data import FaceSet, load_faces
from mffcn_lite.data.prepare import lfw, photo, preparing, sources
from mffcn_lite.data.prepare.alignment import Placement
from mffcn_lite.data.prepare.feret import CARD, find_feret
from mffcn_lite.data.prepare.folder import folder_photos, name_prefix
from mffcn_lite.data.prepare.lfw import PLACEMENT, find_lfw, lfw_photos
from mffcn_lite.data.prepare.photo import Photo
from mffcn_lite.data.prepare.prepared import read_rows
from mffcn_lite.data.prepare.sheet import write_sheet
from mffcn_lite.data.prepare.sources import list_files
from mffcn_lite.picturefiles.formats import Unusable


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def tree(tmp_path_factory, orl):
    """A colour tree of 5 people, 15 frontal photos of 256×384, and where their eyes are."""
    root = tmp_path_factory.mktemp("feret") / "colorferet"
    return root, photo_trees.feret_tree(root, orl)


def prepare(root, out, **options):
    photos, problems, _ = find_feret(list_files(root))
    options = {"placement": Placement(), "problems": problems, **options}
    return preparing.prepare(photos, out, CARD, **options)


def test_a_tree_becomes_a_set_with_its_eyes_in_place(tree, tmp_path):
    root, known = tree
    before = content(root)
    report = prepare(root, tmp_path / "set")
    assert content(root) == before
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    faces, rows = load_faces(tmp_path / "set"), read_rows(tmp_path / "set")
    assert faces.images.shape == (15, 1, 128, 128)
    assert isinstance(faces.images, np.memmap)
    assert faces.names == sorted(stem for stem in known if "_hl" not in stem)
    assert faces.people.tolist() == [i // 3 for i in range(15)]
    for row, image in zip(rows, faces.images, strict=True):
        assert (row["person"], row["pose"]) == (row["name"][:5], row["name"][13:15])
        assert row["date"] == f"1993-08-3{row['name'][11]}"
        assert row["source"].endswith(f"images/{row['person']}/{row['name']}.ppm.bz2")
        assert row["sha256"] == hashlib.sha256(image.tobytes()).hexdigest()
        eyes = [float(row[key]) for key in ("left_x", "left_y", "right_x", "right_y")]
        np.testing.assert_allclose(eyes, (52, 64, 76, 64), atol=1e-3)
    assert report["skipped"] == []
    assert [entry["source"] for entry in report["used"]] == [row["source"] for row in rows]
    for entry in report["used"]:
        (a, b), (c, d) = known[entry["name"]]
        assert entry["enlargement"] == pytest.approx(24 / np.hypot(c - a, d - b), abs=1e-4)
    card = faces.card
    assert "may not be redistributed" in card["licence"]
    assert "DOD Counterdrug" in card["credit"]
    assert card["consent"]
    assert card["counts"]["used"] == 15
    assert card["placement"]["eyes"] == [[52.0, 64.0], [76.0, 64.0]]
    assert "race" not in json.dumps(card)


def test_prepared_faces_lie_on_the_face_they_were_made_of(tree, orl, tmp_path):
    prepare(tree[0], tmp_path / "set")
    faces = load_faces(tmp_path / "set")
    # The ORL photo itself, put at the same place in one step: the way over the canvas and the disc changes little.
    from mffcn_lite.data.prepare.alignment import place

    for stem, image in zip(faces.names, faces.images, strict=True):
        k = {"930830_fa": 0, "930830_fb": 1, "930831_fa": 2}[stem[6:15]]
        face = Image.fromarray(orl.images[int(stem[:5]) * 10 + k, 0])
        want = place(face, photo_trees.FACE_EYES, Placement()).pixels[0, 45:95, 45:83].astype(float)
        best = {}
        for dx in (-1, 0, 1):
            for dy in (-1, 0, 1):
                got = image[0, 45 + dy : 95 + dy, 45 + dx : 83 + dx].astype(float)
                best[dx, dy] = np.sqrt(((got - want) ** 2).mean())
        assert min(best, key=best.get) == (0, 0)  # no shift of a pixel fits better
        assert best[0, 0] < 8


@pytest.mark.parametrize("options", [{}, {"limit": 6, "seed": 3}])
def test_the_same_bytes_whatever_the_workers(tree, tmp_path, options):
    root, _ = tree
    made = []
    for workers in (1, 3):
        report = prepare(root, tmp_path / str(workers), workers=workers, **options)
        made.append((content(tmp_path / str(workers)), report))
    assert made[0] == made[1]
    # And however the tree is mounted: a level of folder more.
    deeper = tmp_path / "deeper" / "media"
    shutil.copytree(root, deeper / "dvds")
    prepare(deeper, tmp_path / "again", **options)
    assert (tmp_path / "again/images.npy").read_bytes() == made[0][0]["images.npy"]


def test_a_limit_draws_that_many_by_hash(tree, tmp_path, refuses):
    root, _ = tree
    report = prepare(root, tmp_path / "set", limit=4, seed=1)
    faces = load_faces(tmp_path / "set")
    stems = [photo.name for photo in find_feret(list_files(root))[0]]
    by_hash = sorted(stems, key=lambda stem: hashlib.sha256(f"1:{stem}".encode()).hexdigest())
    assert faces.names == sorted(by_hash[:4])
    assert [entry["reason"] for entry in report["skipped"]] == ["not drawn"] * 11
    whole = tmp_path / "whole"
    prepare(root, whole)
    all_faces = load_faces(whole)
    keep = [all_faces.names.index(name) for name in faces.names]
    np.testing.assert_array_equal(faces.images, all_faces.images[keep])
    refuses(lambda: prepare(root, tmp_path / "many", limit=3122), "only 15 photos", "3122")
    assert not (tmp_path / "many").exists()
    for options in ({"limit": 0}, {"workers": 0}):
        refuses(lambda options=options: prepare(root, tmp_path / "no", **options), *options)


class Stop(BaseException):
    """As Ctrl-C."""


@pytest.mark.parametrize("after", [1, 7, 14])
def test_an_interrupted_preparation_is_gone_on_with(tree, tmp_path, monkeypatch, after):
    root, _ = tree
    prepare(root, tmp_path / "whole")

    def stop(done):
        if done == after:
            raise Stop

    with pytest.raises(Stop):
        prepare(root, tmp_path / "set", on_progress=stop)
    assert not (tmp_path / "set").exists()
    with pytest.raises(Exception, match=r"card\.json|no complete"):
        load_faces(tmp_path / ".set.partial")
    looked_at, look = [], preparing.prepare_photo

    def counted(photo, placement):
        looked_at.append(photo.name)
        return look(photo, placement)

    monkeypatch.setattr(preparing, "prepare_photo", counted)
    prepare(root, tmp_path / "set")
    assert len(looked_at) == 15 - after
    assert content(tmp_path / "set") == content(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "whole"]


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["pixels cut", "pixels changed", "row cut", "garbage", "work gone", "pixels gone"])
def test_a_damaged_journal_costs_time_and_not_the_set(tree, tmp_path, damage):
    root, _ = tree
    prepare(root, tmp_path / "whole")
    with pytest.raises(Stop):
        prepare(root, tmp_path / "set", on_progress=lambda done: (_ for _ in ()).throw(Stop) if done == 9 else None)
    hidden = tmp_path / ".set.partial"
    pixels, rows = hidden / "pixels", hidden / "rows.jsonl"
    whole = pixels.read_bytes()
    assert len(whole) == 9 * 128 * 128
    if damage == "pixels cut":
        pixels.write_bytes(whole[: 5 * 128 * 128 + 77])
    elif damage == "pixels changed":
        pixels.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    elif damage == "row cut":
        rows.write_bytes(rows.read_bytes()[:-30])
    elif damage == "garbage":
        rows.write_bytes(b"\0\xff{}\n" + rows.read_bytes())
    elif damage == "work gone":
        (hidden / "work.json").unlink()
    else:
        pixels.unlink()
    prepare(root, tmp_path / "set")
    assert content(tmp_path / "set") == content(tmp_path / "whole")


def test_other_parameters_or_other_photos_start_anew(tree, tmp_path, orl):
    root = shutil.copytree(tree[0], tmp_path / "copy")

    def stop(done):
        raise Stop

    for change in ("parameters", "photos"):
        with pytest.raises(Stop):
            prepare(root, tmp_path / change, on_progress=stop)
        options = {"placement": Placement(size=64, align="crop")} if change == "parameters" else {}
        if change == "photos":
            photo = next(iter(sorted(root.rglob("*_fa.ppm.bz2"))))
            photo.write_bytes(photo_trees.packed(Image.new("RGB", (256, 384), (9, 9, 9))))
        prepare(root, tmp_path / change, **options)
        prepare(root, tmp_path / "at once", **options)
        assert content(tmp_path / change) == content(tmp_path / "at once")
        shutil.rmtree(tmp_path / "at once")


def test_what_exists_is_never_overwritten_and_two_do_not_write_one_set(tree, tmp_path, refuses):
    (tmp_path / "set").mkdir()
    refuses(lambda: prepare(tree[0], tmp_path / "set"), "exists already")
    (tmp_path / "file").write_text("mine")
    refuses(lambda: prepare(tree[0], tmp_path / "file" / "set"), "cannot write", "file")
    import filelock

    (tmp_path / ".other.partial").mkdir()
    with filelock.FileLock(tmp_path / ".other.partial/lock"):
        refuses(lambda: prepare(tree[0], tmp_path / "other"), "another process")


def test_a_full_disk_is_one_sentence_and_what_was_done_is_kept(tree, tmp_path, refuses, full_disk):
    with full_disk(5 * 128 * 128 + 99):
        refuses(lambda: prepare(tree[0], tmp_path / "set", workers=1), "cannot write", "File too large")
    assert not (tmp_path / "set").exists()
    prepare(tree[0], tmp_path / "set")
    assert len(load_faces(tmp_path / "set")) == 15


def png_header(width, height):
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + struct.pack(">I", 99)
        + b"IDATxx"
    )


def moving_gif():
    frames = [Image.new("L", (300, 300), level) for level in (0, 90)]
    frames[0].save(buffer := io.BytesIO(), "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 300 300\n%%EndComments\n0 0 moveto showpage\n%%EOF\n"


@pytest.fixture
def broken(tmp_path, orl):
    """A tree with one good photo and one of everything that is wrong; {a part of the place: the reason's start}."""
    root, face = tmp_path / "dvd1", orl.images[0, 0]
    picture, eyes = photo_trees.on_canvas(face, (120, 180), 60, 0, (256, 384))
    other, _ = photo_trees.on_canvas(orl.images[1, 0], (120, 180), 60, 0, (256, 384))
    photo_trees.add_color(root, "00001_930831_fa", picture, eyes)
    good = photo_trees.packed(picture)
    images = root / "dvd1/data/images"
    wrong = {}

    def put(stem, reason, file, truth=eyes, end="ppm.bz2"):
        photo_trees.write(images / stem[:5] / f"{stem}.{end}", file)
        said = photo_trees.name_value(stem, truth)
        photo_trees.write(root / "dvd1/data/ground_truths/name_value" / f"{stem}.txt", said)
        wrong[f"{stem}.{end}"] = reason

    put("00002_930831_fa", "empty file", b"")
    put("00003_930831_fa", "cut short", good[: len(good) // 2])
    put("00004_930831_fa", "damaged bz2", good[:400] + b"\0" * 99 + good[499:])
    put("00005_930831_fa", "no picture", bz2.compress(b"not a picture at all" * 50))
    put("00006_930831_fa", "damaged", bz2.decompress(good)[:-5000], end="ppm")
    put("00007_930831_fa", "duplicate", good)
    put("00008_930831_fa", "no eye coordinates", photo_trees.packed(other), truth=None)
    put("00009_930831_fa", "eyes that cannot be", photo_trees.packed(other), truth=((3.0, 9.0), (2000.0, 9.0)))
    put("00010_930831_fa", "decompression bomb", png_header(60000, 60000), end="png")
    put("00011_930831_fa", "several pictures: holds 2", moving_gif(), end="gif")
    put("00012_930831_fa", "empty file", bz2.compress(b""))
    put("00013_930831_fa", "damaged", png_header(300, 300), end="png")
    put("00017_930831_fa", "no picture: is HEIC", HEIC, end="heic")
    put("00018_930831_fa", "no picture: is not a picture", EPS, end="png")
    photo_trees.write(root / "dvd1/data/images/00014/00001_930831_fb.ppm.bz2", good)
    wrong["00014/00001_930831_fb.ppm.bz2"] = "mislabelled"
    put("00015_930831_fa", "mislabelled", photo_trees.packed(other))
    path = root / "dvd1/data/ground_truths/name_value/00015_930831_fa.txt"
    path.write_text(path.read_text().replace("pose=fa", "pose=hl"))
    photo_trees.write(images / "00001/._00001_930831_fa.ppm.bz2", b"\0\5\x16\7")
    wrong["._00001_930831_fa.ppm.bz2"] = "macOS file"
    photo_trees.write(images / "00001/holiday.jpg", good)
    wrong["holiday.jpg"] = "not called as FERET's"
    (images / "00016").mkdir()
    (images / "00016/up").symlink_to(root)
    wrong["00016/up"] = "symbolic-link loop"
    (images / "00016/again").symlink_to(images / "00001")
    wrong["again"] = "folder seen before"
    (images / "00016/00016_930831_fa.ppm").symlink_to(tmp_path / "nowhere")
    wrong["00016_930831_fa.ppm"] = "broken link"
    os.mkfifo(images / "00016/00016_930831_fb.ppm")
    wrong["00016_930831_fb.ppm"] = "no regular file"
    return root, wrong


def test_everything_broken_is_left_out_counted_and_listed(broken, tmp_path):
    root, wrong = broken
    report = prepare(root, tmp_path / "set")
    assert [entry["name"] for entry in report["used"]] == ["00001_930831_fa"]
    assert len(load_faces(tmp_path / "set")) == 1
    left = {entry["source"]: entry["reason"] for entry in report["skipped"]}
    for place, reason in wrong.items():
        (found,) = [source for source in left if source.endswith("/" + place)]
        assert left.pop(found).startswith(reason), (place, reason)
    assert left == {}
    assert sum(report["counts"]["skipped"].values()) == len(wrong)
    assert report["counts"]["found"] == len(wrong) + 1
    assert load_faces(tmp_path / "set").card["counts"] == report["counts"]


def test_a_strict_preparation_stops(broken, tree, tmp_path, refuses):
    root, _ = broken
    refuses(lambda: prepare(root, tmp_path / "set", strict=True), "--strict")
    refuses(lambda: prepare(root, tmp_path / "set", strict=True, problems=[]), "_fa", "--strict")
    assert not (tmp_path / "set").exists()
    prepare(tree[0], tmp_path / "set", strict=True)


@pytest.mark.slow
def test_an_unreadable_folder_is_listed(tree, tmp_path, unprivileged):
    root = shutil.copytree(tree[0], tmp_path / "copy")
    folder = next(root.rglob("images")) / "00002"
    code = (
        "import json, sys; from pathlib import Path; from test_preparing import prepare\n"
        "print(json.dumps(prepare(Path(sys.argv[1]), Path(sys.argv[2]))))"
    )
    command = [*unprivileged, sys.executable, "-c", code, str(root), str(tmp_path / "set")]
    folder.chmod(0)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent)
    finally:
        folder.chmod(0o755)
    report = json.loads(done.stdout)
    assert [entry["reason"].split(":")[0] for entry in report["skipped"]] == ["unreadable folder"]
    assert report["counts"]["used"] == 12


def test_a_folder_that_cannot_be_listed_is_listed(tree, tmp_path, monkeypatch):
    scan = os.scandir
    denied = next(tree[0].rglob("images")) / "00002"

    def scandir(folder):
        if str(folder) == str(denied):
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    report = prepare(tree[0], tmp_path / "set")
    (entry,) = report["skipped"]
    assert entry["source"].endswith("images/00002")
    assert entry["reason"] == "unreadable folder: Permission denied"
    assert report["counts"]["used"] == 12


def test_a_bz2_bomb_is_not_unpacked(tmp_path, orl, monkeypatch):
    from mffcn_lite.data.prepare import sources

    picture, eyes = photo_trees.on_canvas(orl.images[0, 0], (120, 180), 60, 0, (256, 384))
    photo_trees.add_color(tmp_path / "t", "00001_930831_fa", picture, eyes)
    photo_trees.add_color(tmp_path / "t", "00002_930831_fa", picture, eyes)
    bomb = tmp_path / "t/dvd1/data/images/00002/00002_930831_fa.ppm.bz2"
    bomb.write_bytes(bz2.compress(bytes(3_000_000)) * 3)
    monkeypatch.setattr(sources, "MAX_BYTES", 5_000_000)
    report = prepare(tmp_path / "t", tmp_path / "set")
    assert [entry["reason"].split(":")[0] for entry in report["skipped"]] == ["decompression bomb"]


def test_forms_of_a_tree_give_the_same_pixels(tmp_path, orl):
    picture, eyes = photo_trees.on_canvas(orl.images[0, 0], (120, 180), 60, 3, (256, 384))
    stem, pixels = "00001_930831_fa_a", []
    for i, (truth, bz, upper) in enumerate((("name_value", 1, 0), ("xml", 1, 0), ("name_value", 0, 0), ("xml", 0, 1))):
        root = tmp_path / f"tree{i}"
        photo_trees.add_color(root, stem, picture, eyes, truth=truth, bz=bool(bz))
        if upper:
            for path in [*root.rglob("*.ppm"), *root.rglob("*.xml")]:
                path.rename(path.with_name(path.name.upper()))
        prepare(root, tmp_path / f"set{i}")
        pixels.append(np.array(load_faces(tmp_path / f"set{i}").images))
    for other in pixels[1:]:
        np.testing.assert_array_equal(pixels[0], other)


def test_eyes_on_the_wrong_sides_are_ordered_with_a_warning(tmp_path, orl):
    picture, eyes = photo_trees.on_canvas(orl.images[0, 0], (120, 180), 60, 3, (256, 384))
    for name, swapped in (("right", False), ("wrong", True)):
        photo_trees.add_color(tmp_path / name, "00001_930831_fa", picture, eyes, swapped=swapped)
        report = prepare(tmp_path / name, tmp_path / f"{name}-set")
        assert len(report["warnings"]) == swapped
    a, b = (np.array(load_faces(tmp_path / f"{name}-set").images) for name in ("right", "wrong"))
    np.testing.assert_array_equal(a, b)


def test_the_grey_release_with_a_list_of_eyes(tmp_path, orl):
    known = {}
    for person in (2, 3):
        for pose in ("fa", "ba"):
            stem = f"{person:05d}{pose}010_930831"
            picture, eyes = photo_trees.on_canvas(orl.images[person, 0], (120, 180), 60, 3, (256, 384))
            path = tmp_path / f"gray_feret_cd1/{person:05d}/{stem.upper()}.TIF.BZ2"
            photo_trees.write(path, photo_trees.packed(picture.convert("L"), "TIFF"))
            known[stem] = eyes
    photos, problems, _ = find_feret(list_files(tmp_path), "fa,ba", listed=known)
    # Both poses hold the same photo of a person here: duplicates.
    report = preparing.prepare(photos, tmp_path / "set", CARD, problems=problems)
    assert load_faces(tmp_path / "set").names == ["00002ba010_930831", "00003ba010_930831"]
    assert report["counts"]["skipped"] == {"duplicate": 2}


# LFW and folders ------------------------------------------------------------------------------------------------------


def lfw_tree(root, orl, people=("Ann_Lee", "Bo_Z"), photos=3):
    for i, person in enumerate(people):
        for k in range(photos):
            picture, _ = photo_trees.on_canvas(orl.images[i * 10 + k, 0], (125, 115), 45, 0, (250, 250))
            file = photo_trees.packed(picture, "JPEG", bz=False)
            photo_trees.write(root / "lfw_home/lfw_funneled" / person / f"{person}_{k + 1:04d}.jpg", file)
    for name in ("pairs.txt", "pairsDevTrain.txt", "pairsDevTest.txt"):
        photo_trees.write(root / "lfw_home" / name, "10\n")
    return root


@pytest.mark.slow
def test_lfw_is_loaded_by_name_from_scikit_learns_folder(tmp_path, orl, monkeypatch):
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(lfw_tree(tmp_path / "sk", orl)))
    monkeypatch.setattr(lfw, "PHOTOS", 6)
    monkeypatch.setattr(lfw, "PEOPLE", 2)
    faces = load_faces("lfw")
    assert faces.names == [f"{who}_{k:04d}" for who in ("Ann_Lee", "Bo_Z") for k in (1, 2, 3)]
    assert faces.people.tolist() == [0, 0, 0, 1, 1, 1]
    photo = Image.open(tmp_path / "sk/lfw_home/lfw_funneled/Bo_Z/Bo_Z_0002.jpg").convert("L")
    middle = photo.crop((29, 29, 221, 221)).resize((128, 128), Image.Resampling.BICUBIC)
    assert np.abs(faces.images[4, 0].astype(int) - np.asarray(middle)).max() <= 1
    assert "Huang" in faces.card["credit"]
    shutil.rmtree(tmp_path / "sk/lfw_home")
    np.testing.assert_array_equal(load_faces("lfw").images, faces.images)  # prepared once


def test_a_part_of_lfw_in_scikit_learns_folder_is_refused_with_what_is_missing(tmp_path, orl, monkeypatch, refuses):
    root = lfw_tree(tmp_path / "sk", orl)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(root))
    folder = root / "lfw_home/lfw_funneled"
    missing = "13,227 of 13,233 photos and 5,747 of 5,749 people are missing"
    for ask in (lambda: load_faces("lfw"), find_lfw, lambda: find_lfw(root), lambda: find_lfw(folder)):
        refuses(ask, str(folder), missing, "remove")
    (folder / "Cy_Y").mkdir()  # a person of whom no photo was unpacked yet
    monkeypatch.setattr(lfw, "PHOTOS", 6)
    monkeypatch.setattr(lfw, "PEOPLE", 3)
    refuses(find_lfw, "0 of 6 photos and 1 of 3 people are missing")


def test_a_set_that_was_made_of_a_part_of_lfw_is_refused_too(tmp_path, orl, monkeypatch, refuses):
    root = lfw_tree(tmp_path / "sk", orl)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(root))
    photos, problems = lfw_photos(list_files(root / "lfw_home/lfw_funneled"))
    preparing.prepare(photos, root / "mffcn_lite/lfw-192", {}, PLACEMENT, problems=problems)
    refuses(
        lambda: load_faces("lfw"), str(root / "mffcn_lite/lfw-192"), "13,227 of 13,233 photos are missing", "remove"
    )
    card = root / "mffcn_lite/lfw-192/card.json"
    for counts in (None, 3, {}, {"found": "all"}):
        card.write_text(json.dumps({**json.loads(card.read_text()), "counts": counts}))
        refuses(lambda: load_faces("lfw"), "counts of", str(card))


def test_a_folder_like_lfws_is_taken_as_it_is_elsewhere(tmp_path, orl, monkeypatch):
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "other"))
    root = lfw_tree(tmp_path / "sk", orl)
    for place in (root, root / "lfw_home", root / "lfw_home/lfw_funneled"):
        assert len(lfw_photos(list_files(find_lfw(place)))[0]) == 6


@pytest.mark.parametrize("unpacked", ["lfw-deepfunneled", "lfw-deepfunneled/lfw-deepfunneled", "any/name"])
def test_the_deep_funneled_photos_are_taken_as_people_have_them(tmp_path, orl, unpacked):
    home = lfw_tree(tmp_path / "sk", orl) / "lfw_home"
    folder = tmp_path / unpacked
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(home / "lfw_funneled", folder)
    photo_trees.write(folder.parent / "people.csv", "name,images\n")
    for place in (folder, folder.parent, tmp_path):
        photos, problems = lfw_photos(list_files(find_lfw(place)))
        assert [photo.name for photo in photos][:2] == ["Ann_Lee_0001", "Ann_Lee_0002"]
        assert (len(photos), problems) == (6, [])


def test_deep_funneled_photos_come_before_the_others(tmp_path):
    for name in lfw.FOLDERS:
        (tmp_path / name).mkdir()
    assert find_lfw(tmp_path) == tmp_path / "lfw-deepfunneled"


def test_lfw_that_cannot_be_had_is_one_sentence(tmp_path, monkeypatch, refuses):
    import sklearn.datasets

    def offline(**_):
        raise OSError("no route to host")

    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    monkeypatch.setattr(sklearn.datasets, "fetch_lfw_people", offline)
    refuses(lambda: load_faces("lfw"), "cannot be downloaded", "no route", "mffcn-lite prepare lfw FOLDER")


def test_scikit_learn_itself_unpacks_lfw_without_reading_its_photos(tmp_path, orl, monkeypatch):
    from sklearn.datasets import fetch_lfw_people

    from mffcn_lite.data.prepare.lfw import EVERYBODY

    lfw_tree(tmp_path, orl)
    with pytest.raises(ValueError, match="min_faces_per_person"):  # what find_lfw relies on
        fetch_lfw_people(data_home=tmp_path, min_faces_per_person=EVERYBODY, download_if_missing=False)


def test_photos_in_the_wrong_place_of_lfw_are_listed(tmp_path, orl, refuses):
    root = lfw_tree(tmp_path, orl) / "lfw_home/lfw_funneled"
    shutil.copy(root / "Bo_Z/Bo_Z_0001.jpg", root / "Ann_Lee/Bo_Z_0009.jpg")
    shutil.copy(root / "Bo_Z/Bo_Z_0001.jpg", root / "loose.jpg")
    small = photo_trees.packed(Image.new("RGB", (60, 60)), "JPEG", bz=False)
    photo_trees.write(root / "Cy_Y/Cy_Y_0001.jpg", small)
    photos, problems = lfw_photos(list_files(root))
    report = preparing.prepare(photos, tmp_path / "set", {}, PLACEMENT, problems=problems)
    reasons = {entry["source"]: entry["reason"].split(":")[0] for entry in report["skipped"]}
    places = ["Ann_Lee/Bo_Z_0009.jpg", "Cy_Y/Cy_Y_0001.jpg", "loose.jpg"]
    assert reasons == dict(zip(places, ["mislabelled", "too small", "in no person's folder"], strict=True))
    refuses(lambda: lfw_photos(list_files(tmp_path / "set")), "no photo of LFW")


def test_people_of_a_folder(tmp_path, orl, refuses):
    for i, place in enumerate(("anna/1.png", "anna/2.png", "bo/deep/x.png", "loose_07.png")):
        photo_trees.write(
            tmp_path / "p" / place, photo_trees.packed(Image.fromarray(orl.images[i, 0]), "PNG", bz=False)
        )
    files = list_files(tmp_path / "p")
    want = {"folder": ["anna", "anna", "bo/deep"], "name-prefix": ["1", "2", "x", "loose"]}
    want["none"] = ["anna/1.png", "anna/2.png", "bo/deep/x.png", "loose_07.png"]
    for how, people in want.items():
        photos, problems = folder_photos(files, how)
        assert [photo.person for photo in photos] == people
        assert len(problems) == 4 - len(people)
    assert [name_prefix(name) for name in ("anna_2", "anna02", "Bo-x", "2024-01", "j p")] == [
        "anna",
        "anna",
        "Bo",
        "2024-01",
        "j",
    ]
    refuses(lambda: folder_photos(files, "face"), "person_from")
    (tmp_path / "empty").mkdir()
    refuses(lambda: folder_photos(list_files(tmp_path / "empty")), "no photo was found", "--person-from none")


def test_a_photo_stored_sideways_is_turned_upright(tmp_path, orl):
    upright = Image.fromarray(orl.images[0, 0]).resize((200, 200))
    upright.save(tmp_path / "a.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "b.png", exif=exif)
    photos, _ = folder_photos(list_files(tmp_path), "none")
    report = preparing.prepare(photos, tmp_path / "set", {}, Placement(align="crop"))
    assert report["counts"]["skipped"] == {"duplicate": 1}  # the same pixels, once it is upright


def folder_report(root, out, **options):
    photos, problems = folder_photos(list_files(root), "none")
    return preparing.prepare(photos, out, {}, Placement(align="crop", **options), problems=problems)


def test_what_is_called_oddly_is_used_or_left_out_with_its_reason(tmp_path, orl):
    """Whatever a photo is called, its content decides; and none is passed over without a word."""
    kinds = {
        "a.jfif": "JPEG",
        "b.jpe": "JPEG",
        "c.JPG": "PNG",
        "d": "PNG",
        "e.dat": "TIFF",
        "f.gif": "GIF",
        "g.txt": "WEBP",
    }
    for i, (name, kind) in enumerate(kinds.items()):
        photo_trees.write(tmp_path / "p" / name, photo_trees.packed(Image.fromarray(orl.images[i, 0]), kind, bz=False))
    photo_trees.write(tmp_path / "p/h", photo_trees.packed(Image.fromarray(orl.images[8, 0]), "PPM"))
    photo_trees.write(tmp_path / "p/i.xyz", photo_trees.packed(Image.fromarray(orl.images[9, 0]), "PPM"))
    if "AVIF" in Image.SAVE:
        photo_trees.write(
            tmp_path / "p/j.avif", photo_trees.packed(Image.fromarray(orl.images[10, 0]), "AVIF", bz=False)
        )
    wrong = {
        "heic.heic": HEIC,
        "heic": HEIC,
        "heic.dat": HEIC,
        "notes": b"no photo",
        "raw.cr2": b"II*\0",
        "pages.psd": b"8BPS",
    }
    quiet = {
        "notes.txt": b"no photo",
        ".DS_Store": b"\0\0\0\1Bud1",
        "film.mp4": b"\0\0\0\x18ftypisom",
        "empty.csv": b"",
    }
    for name, content in {**wrong, **quiet}.items():
        photo_trees.write(tmp_path / "p" / name, content)
    report = folder_report(tmp_path / "p", tmp_path / "set")
    used = {entry["source"] for entry in report["used"]}
    assert used == {*kinds, "h", "i.xyz", *({"j.avif"} if "AVIF" in Image.SAVE else ())}
    left = {entry["source"]: entry["reason"] for entry in report["skipped"]}
    assert set(left) == set(wrong)
    assert all("HEIC" in left[name] for name in ("heic.heic", "heic", "heic.dat"))
    assert left["notes"].startswith("no picture: is not a picture")


def test_a_photo_means_the_same_in_a_set_whatever_way_its_file_says_it(tmp_path, orl):
    """Turned, in 16 bits, with a profile, as CMYK's grey: the reader is that of `reconstruct`."""
    face = Image.fromarray(orl.images[0, 0]).resize((160, 160))
    levels = np.asarray(face)
    exif = Image.Exif()
    exif[0x0112] = 6
    linear = np.rint(
        255 * np.where(levels / 255 <= 0.04045, levels / 255 / 12.92, ((levels / 255 + 0.055) / 1.055) ** 2.4)
    )
    files = {
        "plain.png": picture_files.encoded(face),
        "turned.png": picture_files.encoded(face.transpose(Image.Transpose.ROTATE_90), exif=exif),
        "deep.png": picture_files.png16(levels[..., None].astype(np.uint16) * 257),
        "colour.png": picture_files.encoded(face.convert("RGB")),
        "linear.png": picture_files.encoded(
            Image.fromarray(linear.astype(np.uint8)),
            icc_profile=picture_files.grey_profile(picture_files.gamma_curve(1.0)),
        ),
    }
    for name, content in files.items():
        photo_trees.write(tmp_path / "p" / name, content)
    report = folder_report(tmp_path / "p", tmp_path / "set")
    assert [entry["source"] for entry in report["used"]] == ["colour.png", "deep.png", "linear.png"]
    assert report["counts"]["skipped"] == {"duplicate": 2}  # the same pixels; colour.png has three channels of them
    colour, deep, linear = np.array(load_faces(tmp_path / "set").images).astype(int)
    assert np.array_equal(colour, deep)
    assert np.abs(linear - deep)[deep > 60].max() <= 4  # of dark levels, 8 linear bits keep too few


def test_what_is_hidden_never_reaches_a_set(tmp_path, orl):
    face, hidden = orl.images[0, 0], np.zeros((112, 92), bool)
    hidden[30:60, 20:70] = True
    sets = []
    for secret in (0, 255):
        pixels = np.dstack([np.where(hidden, secret, face), np.where(hidden, 0, 255)]).astype(np.uint8)
        photo_trees.write(tmp_path / f"{secret}/a.png", picture_files.encoded(Image.fromarray(pixels, "LA")))
        folder_report(tmp_path / str(secret), tmp_path / f"set{secret}", size=92)
        sets.append(np.array(load_faces(tmp_path / f"set{secret}").images))
    np.testing.assert_array_equal(*sets)


# What fails for a moment, and links -----------------------------------------------------------------------------------


def failing(monkeypatch, name, errors):
    """The files of this name fail to open with these errors, one after the other, and open again then."""
    opening = Path.open

    def open_(path, *arguments, **options):
        if path.name == name and errors:
            raise OSError(code := errors.pop(0), os.strerror(code), str(path))
        return opening(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", open_)


@pytest.mark.parametrize("code", [errno.EIO, errno.EMFILE, errno.ESTALE, errno.ENOMEM, errno.EACCES])
def test_what_fails_once_is_no_property_of_a_photo(tree, tmp_path, monkeypatch, code):
    root, _ = tree
    prepare(root, tmp_path / "whole")
    failing(monkeypatch, "00002_930830_fa.ppm.bz2", [code])
    assert prepare(root, tmp_path / "set", workers=1)["skipped"] == []
    assert content(tmp_path / "set") == content(tmp_path / "whole")


@pytest.mark.parametrize("code", [errno.EIO, errno.EMFILE, errno.ESTALE, errno.ENOMEM])
def test_what_fails_again_stops_the_preparation_which_then_goes_on(tree, tmp_path, monkeypatch, refuses, code):
    root, _ = tree
    prepare(root, tmp_path / "whole")
    failing(monkeypatch, "00002_930830_fa.ppm.bz2", [code] * 2)
    refuses(lambda: prepare(root, tmp_path / "set", workers=1), "00002_930830_fa", os.strerror(code), "call again")
    assert not (tmp_path / "set").exists()
    assert len((tmp_path / ".set.partial/rows.jsonl").read_bytes().splitlines()) == 3
    assert prepare(root, tmp_path / "set", workers=1)["skipped"] == []
    assert content(tmp_path / "set") == content(tmp_path / "whole")


def test_a_photo_that_may_not_be_read_is_left_out_and_looked_at_again_when_the_work_goes_on(
    tree, tmp_path, monkeypatch
):
    root, _ = tree
    failing(monkeypatch, "00002_930830_fa.ppm.bz2", [errno.EACCES] * 2)
    with pytest.raises(Stop):
        prepare(
            root,
            tmp_path / "set",
            workers=1,
            on_progress=lambda done: (_ for _ in ()).throw(Stop) if done == 6 else None,
        )
    assert b"unreadable" in (tmp_path / ".set.partial/rows.jsonl").read_bytes()
    assert prepare(root, tmp_path / "set", workers=1)["skipped"] == []
    failing(monkeypatch, "00002_930830_fa.ppm.bz2", [errno.EACCES] * 2)
    (left,) = prepare(root, tmp_path / "other", workers=1)["skipped"]
    assert left["reason"].startswith("unreadable: cannot be read (Permission denied)")


def test_a_folder_that_fails_for_a_moment_is_not_passed_over(tree, monkeypatch, refuses):
    scan, denied = os.scandir, next(tree[0].rglob("images")) / "00002"

    def scandir(folder):
        if str(folder) == str(denied):
            raise OSError(errno.EIO, "Input/output error")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    refuses(lambda: list_files(tree[0]), str(denied), "Input/output error", "call again")


@pytest.mark.parametrize("link", ["", "lock", "pixels", "rows.jsonl", "work.json"])
def test_nothing_is_written_through_a_link(tree, tmp_path, refuses, link):
    root = shutil.copytree(tree[0], tmp_path / "copy")
    before, hidden = content(root), tmp_path / ".set.partial"
    photo = next(iter(sorted(root.rglob("*.bz2"))))
    if link:
        hidden.mkdir()
    (hidden / link).symlink_to(photo if link else root)
    refuses(lambda: prepare(root, tmp_path / "set"), str(hidden / link), "is a link", "remove it")
    assert content(root) == before
    assert not (tmp_path / "set").exists()
    (hidden / link).unlink()
    assert len(prepare(root, tmp_path / "set")["used"]) == 15


# bz2 ------------------------------------------------------------------------------------------------------------------


def test_a_file_of_many_empty_streams_takes_as_long_as_it_has_bytes(tmp_path, monkeypatch):
    """Counted, not timed: how many bytes are handed to a decoder. It was the square of their number."""
    handed, decoder = [], bz2.BZ2Decompressor

    class Counting:
        def __init__(self):
            self.decoder = decoder()

        def decompress(self, data, max_length):
            handed.append(len(data))
            return self.decoder.decompress(data, max_length)

        def __getattr__(self, name):
            return getattr(self.decoder, name)

    empty = bz2.compress(b"")
    (tmp_path / "a").write_bytes(empty * 20_000)
    monkeypatch.setattr(sources.bz2, "BZ2Decompressor", Counting)
    with pytest.raises(Unusable, match="empty file"):
        sources.read_bytes(tmp_path / "a", 1 << 20)
    assert len(handed) == 20_000
    assert max(handed) <= sources.PIECE


@pytest.mark.parametrize("size", [5_000, 100_000, 3_000_000])
def test_streams_one_after_the_other_are_one_file(tmp_path, size):
    data = np.random.default_rng(0).integers(0, 50, size, np.uint8).tobytes()
    pieces = [bz2.compress(part) for part in (data[:1], data[1 : size // 2], b"", data[size // 2 :], b"")]
    (tmp_path / "a").write_bytes(b"".join(pieces))
    assert sources.read_bytes(tmp_path / "a", size) == data
    with pytest.raises(Unusable, match="decompression bomb"):
        sources.read_bytes(tmp_path / "a", size - 1)
    (tmp_path / "a").write_bytes(b"".join(pieces)[:-5])
    with pytest.raises(Unusable, match="cut short"):
        sources.read_bytes(tmp_path / "a", size)


# The contact sheet ----------------------------------------------------------------------------------------------------


def test_a_contact_sheet_marks_the_eyes(tree, tmp_path, refuses):
    prepare(tree[0], tmp_path / "set")
    faces, rows = load_faces(tmp_path / "set"), read_rows(tmp_path / "set")
    assert write_sheet(faces, rows, tmp_path / "sheet.png", count=6, columns=3) == 6
    sheet = np.asarray(Image.open(tmp_path / "sheet.png")).astype(int)
    red = (sheet == (230, 30, 60)).all(-1)
    assert red.sum() == 6 * 2 * 17  # a cross of 9 + 9 pixels, less its middle, for each eye
    assert red[6 + 64, 6 + 52]
    assert red[6 + 64, 6 + 76]
    assert red[6 + 64, 6 + 134 + 52]
    assert write_sheet(faces, [], tmp_path / "plain.png") == 15
    assert not (np.asarray(Image.open(tmp_path / "plain.png")) == (230, 30, 60)).all(-1).any()
    odd = FaceSet(faces.images[:2], faces.people[:2], ["a\nb\t" + "c" * 300, "\udcffé"], {})
    assert write_sheet(odd, [], tmp_path / "odd.png") == 2
    for options in ({"count": 0}, {"columns": 0}):
        refuses(lambda options=options: write_sheet(faces, rows, tmp_path / "x.png", **options), *options)


# The hidden folder is ours alone --------------------------------------------------------------------------------------


@pytest.mark.parametrize("below", ["", "deep/er"])
def test_photos_in_the_hidden_folder_are_refused_and_stay(tmp_path, refuses, below):
    root = tmp_path / ".set.partial" / below
    root.mkdir(parents=True)
    Image.fromarray(picture_files.noise(40, 40)).save(root / "pixels", "PNG")  # a name that the journal has too
    photos = [Photo(source="pixels", path=root / "pixels", name="p", person="0", find_eyes=None)]
    before = content(tmp_path)
    refuses(lambda: preparing.prepare(photos, tmp_path / "set", {}), ".set.partial", "removed at the end")
    assert content(tmp_path) == before


def test_photos_behind_a_link_into_the_hidden_folder_are_refused_and_stay(tmp_path, refuses):
    (tmp_path / ".set.partial").mkdir()
    Image.fromarray(picture_files.noise(40, 40)).save(tmp_path / ".set.partial" / "pixels", "PNG")
    (tmp_path / "photos").symlink_to(tmp_path / ".set.partial")
    photos = [Photo(source="pixels", path=tmp_path / "photos" / "pixels", name="p", person="0")]
    before = content(tmp_path)
    refuses(lambda: preparing.prepare(photos, tmp_path / "set", {}), "removed at the end")
    assert content(tmp_path) == before


def test_what_somebody_keeps_in_the_hidden_folder_is_refused_and_stays(tree, tmp_path, refuses):
    (tmp_path / ".set.partial").mkdir()
    (tmp_path / ".set.partial" / "thesis.txt").write_text("four years")
    refuses(lambda: prepare(tree[0], tmp_path / "set"), "thesis.txt", "move it")
    assert (tmp_path / ".set.partial" / "thesis.txt").read_text() == "four years"


def test_want_of_memory_is_no_property_of_a_photo(tree, tmp_path, monkeypatch):
    """Another run, with more of it, looks again."""
    root, _ = tree
    whole, there, failed = prepare(root, tmp_path / "whole"), photo.place, []

    def scarce(*arguments):
        if not failed:
            failed.append(True)
            raise MemoryError
        return there(*arguments)

    monkeypatch.setattr(photo, "place", scarce)
    with pytest.raises(KeyboardInterrupt):
        prepare(root, tmp_path / "set", workers=1, on_progress=lambda done: done == 9 and signal.raise_signal(2))
    monkeypatch.setattr(photo, "place", there)
    assert prepare(root, tmp_path / "set") == whole
    assert content(tmp_path / "set") == content(tmp_path / "whole")


def test_warnings_are_as_they_were_after_many_threads(tree, tmp_path):
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        for report in pool.map(lambda i: prepare(tree[0], tmp_path / f"set{i}", workers=2), range(6)):
            assert report["skipped"] == []
    assert warnings.filters == before
