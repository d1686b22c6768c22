"""Restored pictures of any origin against their originals, and folders of pictures on the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.color
import skimage.metrics
import torch
from PIL import Image

from mffcn_lite import cli, comparing
from mffcn_lite.comparing import average, compare_pictures
from mffcn_lite.metrics import LPIPS
from mffcn_lite.picturefolders import find_pictures, pair_pictures
from mffcn_lite.statistics import t_interval

RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch, unchecked):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(monkeypatch, capsys):
    """Call the command in this process: (status, standard output, standard error)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["mffcn-lite", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        return end.value.code, printed.out, printed.err

    return call


def save(name, pixels):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def noisy(pixels, size=12):
    return np.clip(pixels + RANDOM.integers(-size, size + 1, pixels.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def folders():
    """Three colour pictures of 40×36 pixels in "hr", and the same with noise in "sr"."""
    for i, place in enumerate(["a.png", "b.png", "deep/a.png"]):
        clean = (np.indices((40, 36, 3)).sum(0) * (2 - 0.3 * i)).astype(np.uint8)
        save(f"hr/{place}", clean), save(f"sr/{place}", noisy(clean))
    return "sr", "hr"


def both(name):
    return (np.asarray(Image.open(f"{folder}/{name}.png")) for folder in ("sr", "hr"))


# --------------------------------------------------------------------------------------------------- the numbers


def test_values_are_those_of_scikit_image_and_of_our_lpips(folders):
    pairs, alone = pair_pictures(*folders)
    rows = compare_pictures(pairs)
    assert ([row["name"] for row in rows], alone) == (["a", "b", "deep/a"], [])
    network = LPIPS()
    for row in rows:
        sr, hr = both(row["name"])
        assert row["psnr"] == pytest.approx(skimage.metrics.peak_signal_noise_ratio(hr, sr), abs=1e-4)
        wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": 2}
        _, full = skimage.metrics.structural_similarity(hr, sr, full=True, data_range=255, **wang)
        assert row["ssim"] == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-5)
        floats = [torch.from_numpy(x.transpose(2, 0, 1).copy())[None] / 255 for x in (sr, hr)]
        assert row["lpips"] == pytest.approx(network(*floats).item(), abs=1e-6)


def test_the_fields_convention_is_y_of_matlab_with_borders_cut(folders):
    pairs, _ = pair_pictures(*folders)
    for row in compare_pictures(pairs, "field", border=3, lpips=False):
        y = [skimage.color.rgb2ycbcr(image)[3:-3, 3:-3, 0] for image in both(row["name"])]
        assert row["psnr"] == pytest.approx(skimage.metrics.peak_signal_noise_ratio(*y, data_range=255), abs=1e-3)
        assert row["lpips"] is None


def test_means_have_students_intervals_over_pictures(folders):
    rows = compare_pictures(pair_pictures(*folders)[0])
    mean = average(rows)
    for key in ("psnr", "ssim", "lpips"):
        values = [row[key] for row in rows]
        assert mean[key] == pytest.approx(np.mean(values))
        assert mean[f"{key}_ci"] == t_interval(values)


def test_originals_are_cut_where_the_field_cuts_them_first(folders, refuses):
    clean = np.asarray(Image.open("hr/a.png"))
    save("hr/a.png", np.pad(clean, ((0, 3), (0, 2), (0, 0))))
    pairs, _ = pair_pictures(*folders)
    refuses(lambda: compare_pictures(pairs), "36×40", "38×43", "--modcrop")
    assert compare_pictures(pairs, modcrop=4)[0]["psnr"] > 20


def test_grey_against_colour_and_an_opaque_alpha_are_no_matter(run):
    grey = RANDOM.integers(0, 256, (32, 32), dtype=np.uint8)
    save("hr.png", grey), save("sr.png", noisy(grey)), save("colour.png", np.repeat(grey[..., None], 3, 2))
    with_alpha = np.dstack([np.repeat(grey[..., None], 3, 2), np.full_like(grey, 255)])
    save("alpha.png", with_alpha)
    values = [
        compare_pictures([("x", "sr.png", name)], lpips=False)[0] for name in ("hr.png", "colour.png", "alpha.png")
    ]
    for one in values[1:]:
        assert one["psnr"] == pytest.approx(values[0]["psnr"], abs=1e-6)
        assert one["ssim"] == pytest.approx(values[0]["ssim"], abs=1e-6)


def test_equal_pictures_have_no_psnr_and_small_ones_no_lpips(folders, run):
    save("sr/b.png", np.asarray(Image.open("hr/b.png")))
    for folder in folders:
        Image.open(f"{folder}/a.png").crop((0, 0, 30, 30)).save(f"{folder}/a.png")
    status, out, _ = run("compare", *folders, "--json", "out.json")
    content = json.loads(Path("out.json").read_text())
    assert status == 0
    assert [row["psnr"] is None for row in content["results"]] == [False, True, False]
    assert [row["lpips"] is None for row in content["results"]] == [True, False, False]
    assert (content["mean"]["psnr"], content["mean"]["psnr_ci"], content["mean"]["lpips"]) == (None, None, None)
    assert "1 are equal" in out
    assert "1 not measured" in out


# --------------------------------------------------------------------------------------------------- the command


@pytest.mark.parametrize(
    ("options", "words"),
    [([], "no border cut"), (["--convention", "field", "--border", "4"], "4 pixels cut on each side")],
)
def test_compare_prints_its_convention_and_writes_json(folders, run, options, words):
    status, out, error = run("compare", *folders, "--json", "out.json", *options)
    assert (status, error) == (0, "")
    content = json.loads(Path("out.json").read_text())
    assert words in content["convention"]
    assert f"Convention: {content['convention']}." in out
    assert content["n"] == len(content["results"]) == 3
    assert list(content["results"][0]) == ["name", "psnr", "ssim", "lpips"]
    assert f"{content['mean']['psnr']:.2f}" in out


def test_compare_says_when_lpips_is_not_there(folders, run, monkeypatch):
    monkeypatch.setattr(comparing, "has_lpips", lambda: False)
    status, out, error = run("compare", *folders)
    assert status == 0
    assert error.startswith("LPIPS is not measured")
    assert "LPIPS with" not in out


def test_names_may_have_something_behind_them_and_originals_may_be_left_over(folders, run):
    for path in list(Path("sr").rglob("*.png")):
        path.rename(path.with_stem(f"{path.stem}-mffcn-x4"))
    status, _, error = run("compare", *folders)
    assert status == 2
    assert 'try --suffix="-mffcn-x4"' in error
    Path("sr/b-mffcn-x4.png").unlink()
    status, out, error = run("compare", *folders, "--suffix", "-mffcn-x4")
    assert (status, error) == (0, "")
    assert "1 originals have no restored picture, such as b" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sr", "hr/a.png"], ["two folders, or two pictures"]),
        (["sr", "nothing"], ["nothing"]),
        (["empty", "hr"], ["empty", "no picture"]),
        (["sr", "hr", "--convention", "field"], ["--border"]),
        (["sr", "hr", "--convention", "matlab"], ["--convention", '"ours", "field"']),
        (["sr", "hr", "--border", "20"], ["border (=20)", "sr/a.png"]),
        (["sr", "hr", "--border", "-1"], ["--border"]),
        (["sr", "hr", "--modcrop", "0"], ["--modcrop"]),
        (["clear", "hr"], ["clear/a.png", "transparent"]),
        (["twice", "hr"], ["twice/a.bmp", "same name"]),
        (["sr", "hr", "--json", "hr"], ["cannot write", "hr"]),
    ],
)
def test_what_cannot_be_compared_is_one_line(folders, run, arguments, words):
    Path("empty").mkdir()
    save("clear/a.png", np.zeros((40, 36, 4), np.uint8))
    save("twice/a.png", np.zeros((4, 4), np.uint8)), save("twice/a.bmp", np.zeros((4, 4), np.uint8))
    status, out, error = run("compare", *arguments)
    assert (status, out) == (2, "")
    assert error.startswith("mffcn-lite: ")
    assert error.count("\n") == 1
    for word in words:
        assert word in error


# ------------------------------------------------------------------------------------------- folders of photos


def test_a_folder_is_enlarged_into_folders_and_what_is_done_is_skipped(run):
    save("in/a.png", noisy(np.full((6, 5), 90))), save("in/deep/b.jpg", noisy(np.full((6, 5), 90)))
    Path("in/notes.txt").write_text("no picture")
    command = ["reconstruct", "in", "-o", "in/out", "-f", "2", "-m", "bicubic"]
    wanted = ["in/out/a-bicubic-x2.png", "in/out/deep/b-bicubic-x2.png"]
    status, out, error = run(*command)
    assert (status, out.split(), error) == (0, wanted, "")
    before = [Path(name).stat().st_mtime_ns for name in wanted]
    save("in/c.png", noisy(np.full((6, 5), 90)))
    status, out, error = run(*command)
    assert (status, out.split()) == (0, [wanted[0], "in/out/c-bicubic-x2.png", wanted[1]])
    assert error.startswith("2 of 3 were there already")
    assert [Path(name).stat().st_mtime_ns for name in wanted] == before
    assert run(*command, "--overwrite")[2] == ""
    assert all(Path(name).stat().st_mtime_ns > time for name, time in zip(wanted, before, strict=True))


def test_results_among_the_photos_or_of_one_name_are_refused(run):
    save("in/a.png", noisy(np.full((6, 5), 90)))
    for arguments, words in (
        (["in", "-o", "in"], "name another --out"),
        (["in", "in/a.png", "-o", "out"], "two pictures"),
    ):
        status, out, error = run("reconstruct", *arguments, "-m", "bicubic")
        assert (status, out) == (2, "")
        assert words in error


def test_of_many_bad_pictures_some_are_named_and_the_rest_counted(run):
    for i in range(12):
        save(f"in/{i:02d}.png", np.zeros((1, 1), np.uint8))
    status, _, error = run("reconstruct", "in", "-o", "out", "-m", "bicubic", "-f", "2")
    assert status == 2
    assert "in/09.png" in error
    assert "in/10.png" not in error
    assert "and 2 more" in error


def test_what_cannot_be_used_below_a_folder_is_named(capsys):
    save("in/a.png", np.zeros((4, 4), np.uint8))
    Path("in/gone.png").symlink_to("nowhere.png")
    assert find_pictures(["in"]) == [(Path("a.png"), Path("in/a.png"))]
    assert "in/gone.png: broken link" in capsys.readouterr().err


# ------------------------------------------------------------------------------------- what every command has


@pytest.mark.parametrize("option", ["-h", "--help", "--version"])
def test_help_and_the_version_are_where_they_are_looked_for(run, option):
    from importlib.metadata import version

    import mffcn_lite

    status, out, error = run(option)
    assert (status, error) == (0, "")
    assert mffcn_lite.__version__ == version("mffcn-lite")
    assert (out == f"mffcn-lite {mffcn_lite.__version__}\n") == (option == "--version")
    assert ("compare" in out) == (option != "--version")


@pytest.mark.parametrize(
    ("words", "wanted"), [("mffcn-lite rec", "reconstruct"), ("mffcn-lite reconstruct -m bicu", "bicubic")]
)
def test_a_shell_completes_commands_and_models(words, wanted):
    asked = {"_MFFCN_LITE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    command = Path(sys.executable).with_name("mffcn-lite")
    done = subprocess.run([command], env={**os.environ, **asked}, capture_output=True, text=True)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [wanted], "")
