"""FERET: names, ground truth in every form, which photos are taken, and the counts."""

import bz2
from pathlib import Path

import numpy as np
import photo_trees
import pytest
from PIL import Image

from mffcn_lite.data.prepare.alignment import Unusable
from mffcn_lite.data.prepare.feret import find_feret, parse_name, parse_poses
from mffcn_lite.data.prepare.ground_truth import find_eyes, read_coordinates, read_truth
from mffcn_lite.data.prepare.sources import list_files

EYES = ((180.0, 360.0), (336.0, 364.0))
STEM = "00001_930831_fa_a"


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("00001_930831_fa_a", ("color", "00001", "fa", "1993-08-31")),
        ("00739_941121_HL", ("color", "00739", "hl", "1994-11-21")),
        ("00002FA010_930831", ("grey", "00002", "fa", "1993-08-31")),
        ("00032bj010c_940928", ("grey", "00032", "bj", "1994-09-28")),
        ("00001_930831_xx", None),
        ("1_930831_fa", None),
        ("00001_930831", None),
        ("subjects", None),
    ],
)
def test_names(name, want):
    assert parse_name(name) == want


def test_poses_are_the_colour_ones_where_there_are_any(refuses):
    assert parse_poses("fa,fb", {"color", "grey"}) == {("color", "fa"), ("color", "fb")}
    assert parse_poses("FA", {"grey"}) == {("grey", "fa")}
    assert parse_poses("fa, ba,grey:fb", {"color", "grey"}) == {("color", "fa"), ("grey", "ba"), ("grey", "fb")}
    for text in ("", "fc", "hl", "color:ba", "red:fa"):
        refuses(lambda text=text: parse_poses(text, {"color"}), "--poses")


def test_the_ground_truth_is_read_by_key_in_any_order_and_packing(tmp_path):
    plain = photo_trees.name_value(STEM, EYES)
    mixed = "\r\n".join(line.upper() if "eye" not in line else line for line in plain.splitlines()[::-1])
    for content in (plain, mixed, bz2.compress(plain.encode()), photo_trees.xml(STEM, EYES), "\ufeff" + plain):
        path = photo_trees.write(tmp_path / "truth", content)
        truth = read_truth(path, STEM)
        assert truth == {"pose": "fa", "subject": "00001", "eyes": EYES[::-1]}


def test_an_xml_file_with_several_recordings_gives_the_photos_own(tmp_path):
    other, own = photo_trees.xml("00001_930831_fb_b", ((1.0, 2.0), (3.0, 4.0))), photo_trees.xml(STEM, EYES)
    start, end = '<?xml version="1.0"?><Recordings>', "</Recordings>"
    both = start + "".join(part.removeprefix(start).removesuffix(end) for part in (other, own)) + end
    truth = read_truth(photo_trees.write(tmp_path / "truth.xml", both), STEM)
    assert truth == {"pose": "fa", "subject": "00001", "eyes": EYES[::-1]}


@pytest.mark.parametrize(
    "lines", ["left_eye_coordinates=\n", "left_eye_coordinates=0 0\nright_eye_coordinates=0 0", ""]
)
def test_missing_eyes_are_no_eyes(tmp_path, lines):
    path = photo_trees.write(tmp_path / "truth", f"pose=fa\n{lines}\nnose_coordinates=1 2\n")
    assert read_truth(path, STEM) == {"pose": "fa"}


def test_a_broken_ground_truth_is_a_reason_unless_another_has_the_eyes(tmp_path):
    broken = photo_trees.write(tmp_path / "a.xml", "<Recordings><Recor")
    good = photo_trees.write(tmp_path / "b.txt", photo_trees.name_value(STEM, EYES))
    picture, common = Image.new("L", (512, 768)), {"stem": STEM, "person": "00001", "pose": "fa", "listed": None}
    with pytest.raises(Unusable, match="damaged ground truth"):
        find_eyes(picture, truths=[broken], scale=1.0, **common)
    assert find_eyes(picture, truths=[broken, good], scale=1.0, **common) == (EYES[::-1], "")
    half, _ = find_eyes(picture, truths=[good], scale=0.5, **common)
    np.testing.assert_allclose(half, ((167.75, 181.75), (89.75, 179.75)))


def test_what_the_ground_truth_denies_is_mislabelled(tmp_path):
    path = photo_trees.write(tmp_path / "t", photo_trees.name_value(STEM, EYES))
    common = {"picture": Image.new("L", (512, 768)), "stem": STEM, "truths": [path], "listed": None, "scale": 1.0}
    for who, pose, word in (("00001", "hl", "pose is hl by name and fa"), ("00007", "fa", "subject is 00007")):
        with pytest.raises(Unusable, match=word):
            find_eyes(person=who, pose=pose, **common)


def test_csu_lists_are_read(tmp_path, refuses):
    text = "# CSU\n00002fa010_930831 70 110 130 112\nx/00002FB010_930831.sfi 71,111,131,113\nno eyes here\n"
    eyes = read_coordinates(photo_trees.write(tmp_path / "coords.3368", text))
    assert eyes == {"00002fa010_930831": ((70, 110), (130, 112)), "00002fb010_930831": ((71, 111), (131, 113))}
    refuses(lambda: read_coordinates(photo_trees.write(tmp_path / "none", "no line\n")), "coords.3368")
    refuses(lambda: read_coordinates(tmp_path / "missing"), "missing")


def touch(root, *names):
    for name in names:
        photo_trees.write(root / name, b"x")


def test_one_resolution_is_taken_and_folders_are_found_at_any_depth(tmp_path):
    name = "00001_930831_fa_a.ppm.bz2"
    touch(tmp_path, *(f"a/b/colorferet/dvd1/data/{kind}/00001/{name}" for kind in ("images", "smaller", "thumbnails")))
    touch(tmp_path, "00002_930831_FB.PPM", "readme.txt", "dvd1/doc/x.html")
    for resolution, count in (("images", 2), ("smaller", 2), ("thumbnails", 2)):
        photos, problems, counts = find_feret(list_files(tmp_path), resolution=resolution)
        assert len(photos) == count
        assert problems == []
        assert all("/" not in photo.source or resolution in photo.source for photo in photos)
        assert counts["groups"] == {f"color {p}": {"photos": 1, "people": 1} for p in ("fa", "fb")}


def test_the_counts_test_the_rules_for_3122(tmp_path):
    touch(tmp_path, *(f"images/{i:05d}/{i:05d}_930831_{p}.ppm.bz2" for i in range(30) for p in ("fa", "fb", "hl")))
    touch(
        tmp_path, *(f"gray_feret_cd1/{i:05d}{p}010_930831.tif.bz2" for i in range(20, 32) for p in ("ba", "bj", "fa"))
    )
    photos, _, counts = find_feret(list_files(tmp_path))
    assert len(photos) == 60
    assert {photo.pose for photo in photos} == {"fa", "fb"}
    assert counts["people"] == 32
    assert counts["people by release"] == {"color": 30, "grey": 12}
    assert counts["groups"]["grey ba"] == {"photos": 12, "people": 12}
    # Fewer photos than 3,122: the nearest rule is all of them, and each other one is a sum of counts.
    assert counts["rules"][0] == {"rule": "color fa + color fb + grey fa + grey ba + grey bj", "photos": 96}
    assert {"rule": "color fa + color fb + grey ba + grey bj", "photos": 84} in counts["rules"]
    assert len(counts["rules"]) == 31
    assert counts["paper"] == 3122


def test_the_counts_on_record_give_3122_by_one_rule_of_colour_and_grey():
    from mffcn_lite.data.prepare.feret import count_groups

    path, made = Path(), {("color", "fa"): 1364, ("color", "fb"): 1358, ("grey", "fa"): 1762, ("grey", "fb"): 1518}
    made |= {("grey", pose): 200 for pose in ("ba", "bj", "bk")}
    entries = [(f"{r}-{p}-{i}.ppm", path, r, f"{i:05d}", p, "") for (r, p), count in made.items() for i in range(count)]
    rules = count_groups(entries)["rules"]
    exact = [rule["rule"] for rule in rules if rule["photos"] == 3122]
    assert rules[0]["rule"] in exact
    assert "color fa + color fb + grey ba + grey bj" in exact


def test_nothing_to_take_is_one_sentence(tmp_path, refuses):
    refuses(lambda: find_feret(list_files(tmp_path)), "no photo of FERET", "dvd1")
    touch(tmp_path, "holiday.jpg")
    refuses(lambda: find_feret(list_files(tmp_path)), "1 pictures of other names")
    touch(tmp_path, "00001_930831_hl.ppm")
    refuses(lambda: find_feret(list_files(tmp_path)), "poses fa,fb", "color:hl")
    refuses(lambda: list_files(tmp_path / "nowhere"), "nowhere")
