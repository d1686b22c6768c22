"""The command lines that prepare photos: what they print and write, interrupts, and the whole way to a table."""

import importlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import photo_trees
import pytest
from PIL import Image

from mffcn_lite import cli, prepare_commands  # noqa: F401 (which adds its commands)
from mffcn_lite.data import load_faces

SCRIPTS = Path(__file__).parent.parent / "data_scripts"
TRAIN = ["--model", "mffcn", "--steps", 2, "--set", "batch=2", "--set", "crop=16", "--set", "validate_every=0"]
TRAIN += ["--set", "model.width=4", "--set", "model.depth=2"]


@pytest.fixture(autouse=True)
def as_a_user(tmp_path, monkeypatch, unchecked):
    """In a folder of its own, without the checker of annotations."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(monkeypatch, capsys):
    """Call what a script calls (or "mffcn-lite") in this process: (status, standard output, standard error)."""

    def call(script, *arguments):
        words = [] if script == "mffcn-lite" else ["prepare", script.removeprefix("prepare_")]
        monkeypatch.setattr(sys, "argv", [script, *words, *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main(name=script)
        printed = capsys.readouterr()
        return end.value.code, printed.out, printed.err

    return call


@pytest.fixture
def fails(run):
    """Call a script: status 2, one line on standard error with the words, and no file changed."""

    def call(script, arguments, *words):
        before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
        status, out, error = run(script, *arguments)
        assert (status, out) == (2, "")
        (line,) = error.splitlines()
        assert line.startswith(f"{script}: ")
        for word in words:
            assert word in line
        assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before

    return call


@pytest.fixture(scope="module")
def feret(tmp_path_factory, orl):
    root = tmp_path_factory.mktemp("discs") / "colorferet"
    photo_trees.feret_tree(root, orl)
    return root


def test_feret_from_the_discs_to_a_table(feret, run):
    status, out, error = run("prepare_feret", feret, "--out", "data/feret", "--report", "report.json", "--workers", 2)
    assert (status, error) == (0, "")
    for words in ("data/feret: 15 photos of 5 people", "color fa: 10, 5", "color hl: 5, 5", "3122", "redistributed"):
        assert words in out
    assert "8 : 2 by person: 12 to train, 3 to test, 0 people on both sides" in out
    report = json.loads(Path("report.json").read_text())
    assert len(report["used"]) == 15
    assert report["feret"]["rules"][0] == {"rule": "color fa + color fb", "photos": 15}
    assert run("mffcn-lite", "train", "--data", "data/feret", "--out", "run", *TRAIN)[0] == 0
    models = "bicubic,run/model.safetensors"
    status, out, error = run("mffcn-lite", "evaluate", "--data", "data/feret", "--models", models, "--factors", 4)
    assert (status, error) == (0, "")
    assert "3 photos of 1 people" in out
    status, out, _ = run("mffcn-lite", "show", "data/feret", "--count", 4)
    assert status == 0
    assert "feret.png: 4 of 15 photos" in out
    assert "keep the sheet to yourself" in out
    assert Image.open("data/feret.png").size[0] > 4 * 128
    assert sorted(path.name for path in Path().iterdir()) == ["data", "report.json", "run"]


def test_lfw_from_its_folder_to_a_table(run, orl):
    for i in range(5):
        for k in range(2):
            picture, _ = photo_trees.on_canvas(orl.images[i * 10 + k, 0], (125, 115), 45, 0, (250, 250))
            file = photo_trees.packed(picture, "JPEG", bz=False)
            photo_trees.write(Path(f"sk/lfw_home/lfw_funneled/P_{i}/P_{i}_{k + 1:04d}.jpg"), file)
    for root in ("sk", "sk/lfw_home", "sk/lfw_home/lfw_funneled"):
        out = f"data/{root.replace('/', '-')}"
        status, printed, error = run("prepare_lfw", root, "--out", out)
        assert (status, error) == (0, "")
        assert "10 photos of 5 people" in printed
        assert load_faces(out).names[0] == "P_0_0001"
    assert run("mffcn-lite", "train", "--data", "data/sk", "--out", "run", *TRAIN)[0] == 0
    assert (
        run("mffcn-lite", "evaluate", "--data", "data/sk", "--models", "run/model.safetensors", "--factors", 2)[0] == 0
    )


def test_a_folder_to_a_table(run, orl):
    for i in range(5):
        for k in range(2):
            photo_trees.write(
                Path(f"mine/p{i}/{k}.png"),
                photo_trees.packed(Image.fromarray(orl.images[i * 10 + k, 0]), "PNG", bz=False),
            )
    status, out, error = run("prepare_folder", "mine", "--out", "set", "--size", 64, "--color", "--licence", "all mine")
    assert (status, error) == (0, "")
    assert "10 photos of 5 people" in out
    faces = load_faces("set")
    assert faces.images.shape == (10, 3, 64, 64)
    assert faces.card["licence"] == "all mine"
    assert run("prepare_folder", "mine", "--out", "grey", "--size", 64, "--person-from", "none")[0] == 0
    assert len(load_faces("grey").who()) == 10
    assert run("mffcn-lite", "train", "--data", "grey", "--out", "run", *TRAIN)[0] == 0
    assert run("mffcn-lite", "evaluate", "--data", "grey", "--models", "run/model.safetensors", "--factors", 2)[0] == 0


def test_mistakes_are_one_line_and_change_nothing(feret, fails, run):
    Path("there").mkdir()
    Path("coords").write_text("nothing")
    for arguments, *words in (
        (["nowhere", "--out", "x"], "nowhere", "cannot read"),
        (["coords", "--out", "x"], "coords", "cannot read"),
        (["there", "--out", "x"], "no photo of FERET"),
        ([feret, "--out", "there"], "exists already"),
        ([feret, "--out", feret / "set"], "where nothing is written"),
        ([feret, "--out", "x", "--report", feret / "r.json"], "where nothing is written"),
        ([feret, "--out", "x", "--report", "x/r.json"], "another place for the report"),
        ([feret, "--out", "x", "--report", "there"], "there is no file"),
        ([feret, "--out", "x", "--report", "/dev/full"], "/dev/full is no file"),
        ([feret, "--out", "x", "--poses", "hl"], "--poses hl"),
        ([feret, "--out", "x", "--size", "5000"], "size (=5000)"),
        ([feret, "--out", "x", "--size", "a"], "--size"),
        ([feret, "--out", "x", "--eyes", "1,2"], "--eyes 1,2"),
        ([feret, "--out", "x", "--align", "face"], "align"),
        ([feret, "--out", "x", "--no-eyes", "drop"], "no_eyes"),
        ([feret, "--out", "x", "--resolution", "tiny"], "resolution"),
        ([feret, "--out", "x", "--coords", "coords"], "coords.3368"),
        ([feret, "--out", "x", "--workers", "0"], "workers (=0)"),
        ([feret], "--out"),
        ([], "root"),
    ):
        fails("prepare_feret", arguments, *words)
    fails("prepare_lfw", ["there", "--out", "x"], "no photo of LFW")
    fails("prepare_lfw", ["nowhere", "--out", "x"], "nowhere")
    fails("prepare_folder", ["there", "--out", "x"], "no photo was found")
    fails("prepare_folder", ["there", "--out", "x", "--align", "eyes"], "--detect")
    fails("prepare_folder", ["there", "--out", "x", "--person-from", "face"], "person_from")
    for words in (["show", "there"], ["train", "--data", "there", "--model", "srcnn", "--out", "x"]):
        fails("mffcn-lite", words, "there is no prepared set", "mffcn-lite prepare folder there --out NEW")
    fails("mffcn-lite", ["evaluate", "--data", "there"], "mffcn-lite prepare folder there --out NEW")
    fails("mffcn-lite", ["show", "orl", "--out", "there/x.png", "--count", "0"], "count (=0)")


def test_fewer_photos_than_asked_for_name_both_numbers(feret, run):
    status, out, error = run("prepare_feret", feret, "--out", "x", "--limit", 3122)
    assert (status, out) == (2, "")
    assert "only 15 photos" in error
    assert not Path("x").exists()
    # What was done is kept: the same call with a smaller limit has nothing to look at again.
    assert run("prepare_feret", feret, "--out", "x", "--limit", 7)[0] == 0
    assert len(load_faces("x")) == 7


def test_help_does_not_wait_for_torch():
    code = "import sys, mffcn_lite.prepare_commands; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.stem)
def test_a_script_is_the_command(script):
    for command in ([script], ["-m", "mffcn_lite", "prepare", script.stem.removeprefix("prepare_")]):
        done = subprocess.run([sys.executable, *command, "--help"], capture_output=True, text=True)
        assert done.returncode == 0
        assert "--workers" in done.stdout


def test_a_process_that_is_killed_or_stopped_is_gone_on_with(feret, run):
    """Ctrl-C, a polite end and a kill, in turn, on one set; then a last call ends it."""
    command = [sys.executable, SCRIPTS / "prepare_feret.py", feret, "--out", "set", "--workers", "1", "--size", "1024"]
    done = 0
    for how in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        rows = Path(".set.partial/rows.jsonl")
        start = time.monotonic()
        while not rows.exists() or len(rows.read_bytes().splitlines()) <= done:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() - start < 60
            time.sleep(0.002)
        process.send_signal(how)
        _, error = process.communicate(timeout=60)
        assert process.returncode == (-signal.SIGKILL if how == signal.SIGKILL else 2)
        if how != signal.SIGKILL:
            assert error == "prepare_feret: interrupted; nothing was left half-written\n"
        assert not Path("set").exists()
        now = len(rows.read_bytes().splitlines())
        assert now > done
        done = now
    assert run("prepare_feret", feret, "--out", "set", "--size", 1024)[0] == 0
    assert run("prepare_feret", feret, "--out", "once", "--size", 1024)[0] == 0
    for name in ("images.npy", "faces.csv", "card.json"):
        assert (Path("set") / name).read_bytes() == (Path("once") / name).read_bytes()
    assert not Path(".set.partial").exists()


def test_the_book_does_not_embed_photos_that_may_not_be_passed_on(feret, run, monkeypatch):
    assert run("prepare_feret", feret, "--out", "set")[0] == 0
    assert len(load_faces("set")) == 15
    monkeypatch.setenv("MFFCN_LITE_BUILDS_BOOK", "1")
    with pytest.raises(Exception, match=r"may not be redistributed.*MFFCN_LITE_EMBED_RESTRICTED=yes"):
        load_faces("set")
    assert len(load_faces("orl")) == 400
    monkeypatch.setenv("MFFCN_LITE_EMBED_RESTRICTED", "yes")
    assert len(load_faces("set")) == 15


def test_the_build_of_the_book_refuses_a_chapter_with_such_photos(feret, run, monkeypatch, tmp_path):
    import nbformat
    from nbclient.exceptions import CellExecutionError

    assert run("prepare_feret", feret, "--out", "set", "--limit", 5)[0] == 0
    make_chapters = importlib.import_module("book.build.make_chapters")
    (tmp_path / "chapters").mkdir()
    monkeypatch.setattr(make_chapters, "BOOK", tmp_path)
    cell = nbformat.v4.new_code_cell(
        f"from mffcn_lite.data import load_faces\nlen(load_faces({str(tmp_path / 'set')!r}))"
    )
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    chapter = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel})
    with pytest.raises(CellExecutionError, match="may not be redistributed"):
        make_chapters.execute("feret", chapter, "")
    assert not (tmp_path / "chapters/feret.ipynb").exists()
    monkeypatch.setenv("MFFCN_LITE_EMBED_RESTRICTED", "yes")
    make_chapters.execute("feret", chapter, "")
    assert nbformat.read(tmp_path / "chapters/feret.ipynb", as_version=4).cells[0].outputs[0].data["text/plain"] == "5"


def test_memory_stays_flat_over_many_photos(orl, tmp_path):
    """Four times as many photos take no more memory, but for their rows."""
    picture, eyes = photo_trees.on_canvas(orl.images[0, 0], (120, 180), 60, 3, (256, 384))
    pixels = np.array(picture)
    for i in range(320):
        pixels[0, 0] = (i // 256, i % 256, 0)
        photo_trees.add_color(tmp_path / "t", f"{i:05d}_930831_fa", Image.fromarray(pixels), eyes, bz=False)
    code = """
import resource, sys
from mffcn_lite.data.prepare import preparing
from mffcn_lite.data.prepare.feret import find_feret
from mffcn_lite.data.prepare.sources import list_files
photos = find_feret(list_files("t"))[0]
peaks = []
def look(done):
    if done in (80, 320):
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
preparing.prepare(photos, "set", {}, on_progress=look, workers=2)
print(peaks[1] - peaks[0])
"""
    grown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(grown) < 16_000  # kB; the 240 photos more have 70,000


@pytest.mark.detect
def test_detected_eyes_land_at_their_places(run, orl):
    """On ORL's faces the detector's eyes and those seen by eye agree within some pixels."""
    for i in range(6):
        picture, _ = photo_trees.on_canvas(orl.images[i * 10, 0], (200, 260), 90, 4 * i - 10, (400, 500))
        photo_trees.write(Path(f"mine/p{i}/0.png"), photo_trees.packed(picture, "PNG", bz=False))
    photo_trees.write(Path("mine/none/0.png"), photo_trees.packed(Image.new("RGB", (300, 300)), "PNG", bz=False))
    status, _, error = run("prepare_folder", "mine", "--out", "set", "--detect", "--report", "r.json")
    assert (status, error) == (0, "")
    report = json.loads(Path("r.json").read_text())
    assert {"source": "none/0.png", "reason": "no face found"} in report["skipped"]
    used = {entry["source"]: entry["enlargement"] for entry in report["used"]}
    assert len(used) >= 4
    # The first face's eyes are known: 90 pixels apart, put 24 apart.
    assert used["p0/0.png"] == pytest.approx(24 / 90, rel=0.12)


def test_detection_without_its_packages_is_one_line(fails, monkeypatch):
    Path("mine").mkdir()
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "dlib" else find(name, *rest))
    fails("prepare_folder", ["mine", "--out", "x", "--detect"], "dlib-bin")
