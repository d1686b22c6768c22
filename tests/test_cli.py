"""The command as its users meet it: what it prints and writes, and one clear line for whatever is wrong."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mffcn_lite import cli, shipped
from mffcn_lite.checkpoint import save_model
from mffcn_lite.data import FaceSet, save_faces
from mffcn_lite.models import create_model, list_models

COMMAND = [str(Path(sys.executable).with_name("mffcn-lite"))]
TINY = ["--set", "crop=12", "--set", "batch=2", "--set", "checkpoint_every=2"]


@pytest.fixture(autouse=True)
def as_a_user(tmp_path, monkeypatch, unchecked):
    """In a folder of its own, without the checker of annotations."""
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


def tree():
    """Every file below the present folder, hidden ones too, with its content."""
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def assert_one_line(error, *words):
    lines = [line for line in error.splitlines() if line.strip()]
    assert len(lines) == 1, error
    assert lines[0].startswith("mffcn-lite: ")
    assert "Traceback" not in error
    for word in words:
        assert word in error


@pytest.fixture
def fails(run):
    """Call the command: status 2, nothing on standard output, one line on standard error, no file changed."""

    def call(arguments, *words, printed=""):
        before = tree()
        status, out, error = run(*arguments)
        assert status == 2
        assert out == printed
        assert_one_line(error, *words)
        assert tree() == before

    return call


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def picture(name, *shape):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(*(shape or (12, 10)))).save(name)
    return name


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A prepared set: 20 smooth photos of 20 people, 24×20 pixels."""
    coarse = [Image.fromarray(photo).resize((20, 24), Image.Resampling.BICUBIC) for photo in noise(20, 6, 5)]
    folder = tmp_path_factory.mktemp("data") / "small"
    images = np.stack([np.asarray(photo) for photo in coarse])[:, None]
    save_faces(FaceSet(images, np.arange(20), [f"p{i}" for i in range(20)], {"source": "noise"}), folder)
    return str(folder)


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Stand-ins for the shipped networks, with cards as training writes them."""
    folder = tmp_path_factory.mktemp("networks")
    card = {"data": "noise", "photos": 3, "steps": 7, "training_people": [0, 2, 5], "test_people": [1, 4]}
    for name in ("srcnn", "mffcn"):
        torch.manual_seed(0)
        model = create_model(name)
        torch.nn.init.normal_(list(model.parameters())[-2], std=0.01)
        save_model(model, folder / name, {**card, "config": {"factors": [2, 3, 4]}})
    save_model(create_model("wiener"), folder / "wiener", card)
    return folder


@pytest.fixture(name="shipped")
def only_these_are_shipped(networks, monkeypatch):
    monkeypatch.setattr(shipped, "SHIPPED", networks)


def reconstruct(image, *options):
    return ["reconstruct", image, "--out", "out", "--model", "bicubic", "--factor", "2", *options]


def train(data, *options, steps=6):
    return ["train", "--data", data, "--model", "srcnn", "--steps", steps, "--out", "run", *TINY, *options]


# ------------------------------------------------------------------------------------------------ that it works


@pytest.mark.parametrize("arguments", [[], ["train"], ["evaluate"], ["reconstruct"], ["models"]])
def test_help_exits_0_and_names_every_option_of_the_design(run, arguments):
    status, out, error = run(*arguments, "--help")
    assert (status, error) == (0, "")
    options = {
        "": "train evaluate reconstruct models",
        "train": "--data --model --steps --out --recipe --resume --stop-after --device --seed --set",
        "evaluate": "--data --models --factors --split --json --device",
        "reconstruct": "IMAGE --factor --model --out",
        "models": "Usage",
    }
    for option in options["".join(arguments)].split():
        assert option in out


def test_help_does_not_wait_for_torch():
    code = "import sys; from mffcn_lite import cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_models_lists_the_systems_and_the_cards_of_the_shipped_networks(run, shipped):
    status, out, error = run("models")
    assert (status, error) == (0, "")
    for name in list_models():
        assert name in out
    assert "8,129 weights" in out  # SRCNN: 9·9·64+64 + 64·32+32 + 5·5·32+1
    assert "7 steps" in out
    assert "[1, 4]" in out


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "mode"), [((12, 10), "L"), ((12, 10, 3), "RGB")])
def test_reconstruct_writes_what_it_names(run, shipped, shape, mode):
    picture("my photo.v2.png", *shape)
    status, out, error = run("reconstruct", "my photo.v2.png", "--factor", "3", "--model", "mffcn", "--out", "a/b")
    assert (status, out, error) == (0, "a/b/my photo.v2-mffcn-x3.png\n", "")
    assert os.listdir("a/b") == ["my photo.v2-mffcn-x3.png"]
    with Image.open("a/b/my photo.v2-mffcn-x3.png") as result:
        assert (result.format, result.mode, result.size) == ("PNG", mode, (30, 36))


def test_reconstruct_takes_several_pictures_and_its_defaults_are_mffcn_and_4(run, shipped):
    picture("a.png"), picture("deep/b.bmp", 5, 6, 3)
    status, out, error = run("reconstruct", "a.png", "deep/b.bmp", "--out", ".")
    assert (status, out, error) == (0, "a-mffcn-x4.png\nb-mffcn-x4.png\n", "")
    assert [Image.open(name).size for name in out.split()] == [(40, 48), (24, 20)]


@pytest.mark.parametrize(
    "name", ["sp ace.png", "ünï—çodé.png", ".hidden.png", "no suffix", "-dash.png", "50%.png", "a;b|c"]
)
def test_odd_file_names_are_kept(run, name):
    picture("x.png")
    os.rename("x.png", name)
    status, out, error = run("reconstruct", "--out", "out", "--factor", "2", "--model", "bicubic", "--", name)
    assert (status, error) == (0, "")
    assert out == f"out/{Path(name).stem}-bicubic-x2.png\n"
    assert os.listdir("out") == [f"{Path(name).stem}-bicubic-x2.png"]


def test_a_link_is_followed_and_a_second_call_replaces_the_first_result(run):
    os.symlink("a.png", "link.png")
    for size, words in ((5, ()), (7, ("--overwrite",))):
        picture("a.png", size, size)
        assert run(*reconstruct("link.png"), *words)[0] == 0
        assert Image.open("out/link-bicubic-x2.png").size == (2 * size, 2 * size)


@pytest.mark.slow
def test_reconstruct_says_when_a_network_does_not_keep_to_the_photo(run):
    Image.fromarray(np.full((24, 24), 90, np.uint8)).save("a.png")
    status, out, error = run("reconstruct", "a.png", "--factor", "2", "--model", "mffcn-full", "--out", "b")
    assert (status, len(error.splitlines())) == (0, 1)
    assert error.startswith("mffcn-full does not keep to the photo that it is given")
    assert out.split() == ["b/a-mffcn-full-x2.png"]


def test_train_resumes_and_its_network_reconstructs_and_is_measured(run, data):
    status, out, error = run(*train(data, "--stop-after", "3"))
    assert (status, error) == (0, "")
    assert "3 of 6" in out
    assert "--resume" in out
    status, out, error = run(*train(data, "--resume"))
    assert (status, error) == (0, "")
    assert "run/model.safetensors" in out
    config = json.loads(Path("run/run.json").read_text())["config"]
    assert (config["steps"], config["crop"], config["batch"], config["checkpoint_every"]) == (6, 12, 2, 2)
    for name in ("run", "run/model.safetensors"):
        status, out, error = run("evaluate", "--data", data, "--models", name, "--factors", "2", "--split", "all")
        assert (status, error) == (0, "")
        assert name in out
    picture("a.png")
    assert run("reconstruct", "a.png", "--out", "out", "--model", "run", "--factor", "4")[0] == 0


def test_no_wrong_number_of_steps_is_told_when_there_was_nothing_to_do(run, data):
    run(*train(data, "--stop-after", "3"))
    status, out, _ = run(*train(data, "--resume", "--stop-after", "2"))
    assert status == 0
    assert "--resume" in out
    assert "after 0 " not in out
    assert len(Path("run/metrics.jsonl").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("crop=none", "crop", None),
        ("crop=7", "crop", 7),
        ("clip=None", "clip", None),
        ("ema=0.5", "ema", 0.5),
        ("flip=True", "flip", True),
        ("channels_last=false", "channels_last", False),
        ("factors=2,5", "factors", [2, 5]),
        ("lr=1e-5", "lr", 1e-5),
        ("kernel=area", "kernel", "area"),
        ("seed=-3", "seed", -3),
    ],
)
def test_set_takes_each_kind_of_value(run, data, text, key, value):
    status, _, error = run(*train(data, "--set", text, "--stop-after", "1"))
    assert (status, error) == (0, "")
    stored = json.loads(Path("run/run.json").read_text())["config"][key]
    assert (stored, type(stored)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "group", "key", "value"),
    [
        ("model.residual=true", "arguments", "residual", True),
        ("model.kernels=[3,1,3]", "arguments", "kernels", [3, 1, 3]),
        ("model.maps=[8, 4]", "arguments", "maps", [8, 4]),
        ("objective.tv=0.5", "objective", "tv", 0.5),
        ("objective.norm=l1", "objective", "norm", "l1"),
        ("objective.tv_reduction=none", "objective", "tv_reduction", None),
    ],
)
def test_set_reaches_the_network_and_the_objective(run, data, text, group, key, value):
    objective = ["--set", "loss=objective", "--set", "objective.perceptual=0", "--set", "objective.texture=0"]
    status, _, error = run(*train(data, *objective, "--set", text, "--stop-after", "1"))
    assert (status, error) == (0, "")
    stored = json.loads(Path("run/run.json").read_text())
    assert {**stored, **stored["config"]}[group][key] == value


def test_a_run_goes_on_and_is_repeated_without_its_options(run, data):
    run(*train(data, "--set", "model.maps=[8,4]", "--stop-after", "3"))
    status, _, error = run("train", "--resume", "--out", "run")
    assert (status, error) == (0, "")
    for card, folder in (("run", "again"), ("run/model.json", "once more")):
        assert run("train", "--like", card, "--out", folder, "--stop-after", "2")[0] == 0
        status, _, error = run("train", "--out", folder, "--resume")
        assert (status, error) == (0, "")
        first, second = (Path(name, "model.safetensors").read_bytes() for name in ("run", folder))
        assert first == second
    assert run("train", "--like", "run", "--out", "other", "--seed", "5")[0] == 0
    assert Path("other/model.safetensors").read_bytes() != first


def test_a_run_finds_its_photos_from_another_folder_and_where_they_moved(run, data, fails, monkeypatch):
    shutil.copytree(data, "set")
    run(*train("set", "--stop-after", "3"))
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert run("train", "--resume", "--out", "../run", "--stop-after", "4")[0] == 0
    Path("../set").rename("../moved")
    fails(["train", "--resume", "--out", "../run"], "no set of faces", "/set")
    assert run("train", "--resume", "--out", "../run", "--data", "../moved")[0] == 0
    assert Path("../run/model.safetensors").is_file()


def test_a_set_that_was_changed_is_measured_and_trained_on_by_nobody(run, data, fails):
    shutil.copytree(data, "set")
    run(*train("set", "--stop-after", "3"))
    rows = Path("set/faces.csv").read_text()
    Path("set/faces.csv").write_text(rows.replace("p7,07,", "p7,7,"))  # as a spreadsheet does
    for command in (
        ["evaluate", "--data", "set", "--models", "bicubic"],
        ["train", "--resume", "--out", "run"],
        ["train", "--data", "set", "--model", "srcnn", "--out", "new"],
        ["train", "--like", "run", "--out", "new"],
        ["show", "set"],
    ):
        fails(command, "faces.csv was changed after it was prepared")


def test_what_cannot_be_repeated_or_resumed_is_one_line(run, fails, data):
    run(*train(data, "--stop-after", "3"))
    fails(["train", "--like", "nothing", "--out", "x"], "no run", "nothing")
    fails(["train", "--resume", "--out", "nothing"], "no run", "nothing")
    fails(["train", "--like", "run", "--recipe", "fast", "--out", "x"], "--recipe")
    fails(["train", "--like", "run", "--data", "orl", "--out", "x"], "other photos")
    fails(["train", "--resume", "--out", "run", "--seed", "7"], "started with seed 0, not 7")
    fails(train(data, "--resume", "--set", "model.residual=true"), "started with residual False, not True")
    fails(["train", "--out", "x", "--model", "srcnn"], "--data", "--like", "--resume")


def test_a_batch_that_no_memory_holds_names_one_that_fits(fails, data):
    fails(train(data, "--set", "batch=1000000000000"), "batch (=1000000000000)", "GB", "--set batch=")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("model.banana=1", "banana"),
        ("model.maps=3", "srcnn"),
        ("model.kernels=[2,2,2]", "kernels"),
        ("objective.banana=1", "banana"),
    ],
)
def test_what_the_network_or_the_objective_has_not_is_one_line(fails, data, text, word):
    fails(train(data, "--set", text), word)


def test_models_needs_no_torch_and_little_time():
    code = "import sys; from mffcn_lite.cli import main; sys.argv = ['mffcn-lite', 'models']\n"
    code += "try: main()\nexcept SystemExit as end: sys.exit(9 if 'torch' in sys.modules else end.code)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "mffcn" in done.stdout


@pytest.mark.parametrize("recipe", ["paper", "fast"])
def test_a_recipe_is_taken_and_its_settings_can_be_changed(run, data, recipe):
    status, _, error = run(*train(data, "--recipe", recipe, "--stop-after", "1", "--seed", "4"))
    assert (status, error) == (0, "")
    config = json.loads(Path("run/run.json").read_text())["config"]
    assert config["reduction"] == {"paper": "sum", "fast": "mean"}[recipe]
    assert (config["seed"], config["crop"]) == (4, 12)


def test_the_papers_recipe_trains_mffcn_under_the_papers_objective(run, data):
    words = train(data, "--model", "mffcn", "--recipe", "paper", "--stop-after", "1")
    small = ["--set", "objective.features=random", "--set", "objective.layer=conv2_2"]
    status, _, error = run(*words, *small)
    assert (status, error) == (0, "")
    assert json.loads(Path("run/run.json").read_text())["config"]["loss"] == "objective"
    first = json.loads(Path("run/metrics.jsonl").read_text().splitlines()[0])
    assert set(first["terms"]) == {"l2", "perceptual", "texture", "tv"}


def test_l2_in_the_papers_recipe_is_a_recipe_of_its_own(run, data):
    status, _, error = run(*train(data, "--model", "mffcn", "--recipe", "paper", "--set", "loss=l2"))
    assert status == 2
    assert "paper-l2" in error


def test_evaluate_prints_one_row_a_system_and_says_what_was_measured(run, data, shipped):
    status, out, error = run("evaluate", "--data", data, "--models", "bicubic,srcnn,mffcn", "--factors", "2,3")
    assert (status, error) == (0, "")
    assert "4 photos of 4 people" in out  # a fifth of 20
    assert "Names: srcnn is SRCNN; mffcn is MFFCN, L2.\n" in out
    assert all(title in out for title in ("PSNR (dB)", "SSIM", "over wiener (dB)", "consistency (dB)"))
    assert [line.split()[0] for line in out.splitlines() if line.startswith(("bicubic ", "srcnn ", "mffcn "))] == [
        "bicubic",
        "srcnn",
        "mffcn",
    ]


# ------------------------------------------------------------------------------------------------- usage errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["command"]),
        (["banana"], ["banana"]),
        (["--banana"], ["--banana"]),
        (["models", "banana"], ["banana"]),
        (["models", "--banana"], ["--banana"]),
        (["evaluate", "--banana=3"], ["--banana"]),
        (["reconstruct"], ["IMAGE"]),
        (["reconstruct", "a.png"], ["--out"]),
        (["reconstruct", "a.png", "--out"], ["--out"]),
        (["train"], ["--out"]),
        (["train", "--out", "run"], ["--data", "--like"]),
        (["train", "--data", "orl", "--model", "srcnn"], ["--out"]),
        (["train", "--data", "orl", "--model", "srcnn", "--out", "run", "--steps", "x"], ["--steps"]),
        (["train", "--data", "orl", "--model", "srcnn", "--out", "run", "extra"], ["extra"]),
    ],
    ids=lambda value: " ".join(value) or "nothing",
)
def test_a_usage_error_is_one_line(fails, arguments, words):
    fails(arguments, *words)


# ------------------------------------------------------------------------------------------------- reconstruct


def spoil(name):
    """Write the bad picture of this name."""
    rgb = Image.fromarray(noise(14, 12, 3))
    rgb.save(jpeg := io.BytesIO(), "JPEG")
    content = {"empty.png": b"", "text.png": b"hello", "cut.jpg": jpeg.getvalue()[:400]}
    if name in content:
        Path(name).write_bytes(content[name])
    elif name == "folder.png":
        Path(name).mkdir()
    elif name == "dangling.png":
        os.symlink("nowhere", name)
    elif name == "loop.png":
        os.symlink(name, name)
    elif name == "pipe.png":
        os.mkfifo(name)
    elif name == "moving.gif":
        rgb.save(name, save_all=True, append_images=[rgb.rotate(180)])
    elif name == "small.png":
        Image.fromarray(noise(1, 30)).save(name)


BAD = {
    "missing.png": "no such file",
    "empty.png": "empty",
    "text.png": "not a picture",
    "cut.jpg": "cannot be read",
    "folder.png": "folder",
    "dangling.png": "no such file",
    "loop.png": "loop.png",
    "pipe.png": "pipe.png",
    "moving.gif": "2 pictures",
    "small.png": "factor (=2)",
    "x" * 300: "x" * 300,
}


@pytest.mark.parametrize(("name", "word"), [pytest.param(*bad, id=bad[0][:20]) for bad in BAD.items()])
def test_a_bad_picture_is_one_line(fails, name, word):
    spoil(name)
    fails(reconstruct(name), name, word)


def test_a_result_that_no_memory_holds_is_one_line_that_says_which_would(fails):
    name = picture("a.png", 3000, 4000)
    options = ["--out", "out", "--model", "bicubic", "--factor", "2000"]
    fails(
        ["reconstruct", name, *options], name, "8000000×6000000 pixels", "GB of memory are free", "at most", "would fit"
    )


def test_a_picture_of_any_kind_is_one_line(run):
    """What files say is heeded: more in test_picturefiles.py."""
    rgb, exif = Image.fromarray(noise(14, 12, 3)), Image.Exif()
    exif[0x0112] = 6
    rgb.convert("CMYK").save("cmyk.jpg")
    Image.fromarray(noise(14, 12).astype(np.uint16) * 257).save("sixteen.png")
    rgb.convert("RGBA").save("alpha.png")
    rgb.save("rotated.jpg", exif=exif)
    Path("plain.pbm").write_bytes(b"P1\n3 2\n1 0 1 0 1 0\n")
    want = {
        "cmyk.jpg": (24, 28),
        "sixteen.png": (24, 28),
        "alpha.png": (24, 28),
        "rotated.jpg": (28, 24),
        "plain.pbm": (6, 4),
    }
    status, out, error = run(*reconstruct(next(iter(want))), *list(want)[1:])
    assert (status, error) == (0, "")
    for line, size in zip(out.splitlines(), want.values(), strict=True):
        assert Image.open(line).size == size


@pytest.mark.parametrize("factor", ["0", "-1", "1", "1.5", "1000", "two", "", "2,3", "nan", "1e3", "9" * 5000])
@pytest.mark.parametrize("model", ["bicubic", "mffcn"])
def test_a_bad_factor_is_one_line(fails, shipped, factor, model):
    quoted = factor if factor == "1000" else f'"{factor[:50]}'
    fails(["reconstruct", picture("a.png"), "--out", "out", "--model", model, "--factor", factor], f"={quoted}")


@pytest.mark.parametrize("factor", ["5", "12"])
def test_a_factor_that_was_not_trained_is_one_line(fails, shipped, factor):
    fails(["reconstruct", picture("a.png", 30, 30), "--out", "out", "--factor", factor], f"(={factor})", "2, 3, 4")


@pytest.mark.parametrize("device", ["gpu", "CUDA", "", "cuda:7", "tpu"])
def test_an_unknown_device_is_one_line(fails, data, device):
    fails(reconstruct(picture("a.png"), "--device", device), f"device (={device!r})", '"auto", "cpu", "cuda"')
    fails(["evaluate", "--data", data, "--models", "bicubic", "--device", device], repr(device))
    fails(train(data, "--device", device), repr(device))


def test_cuda_where_there_is_none_is_one_line(fails, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    fails(reconstruct(picture("a.png"), "--device", "cuda"), "CUDA")


@pytest.mark.parametrize("name", ["nope", "", " ", "forest", "mffcn2", "folder", "/", "../x", "y" * 300])
def test_an_unknown_model_is_one_line(fails, data, shipped, name):
    Path("folder").mkdir()
    fails(
        ["reconstruct", picture("a.png"), "--out", "out", "--model", name],
        f'"{name}"',
        "nearest",
        "bilinear",
        "bicubic",
        "lanczos",
        "ibp",
        "pocs",
        "mffcn, srcnn",
    )
    if name.strip():
        fails(["evaluate", "--data", data, "--models", f"bicubic,{name}"], f'"{name}"')


def test_a_bad_checkpoint_is_one_line(fails, networks):
    picture("a.png")
    weights, card = (networks / "srcnn.safetensors").read_bytes(), (networks / "srcnn.json").read_text()
    other = (networks / "mffcn.json").read_text()
    torch.save(create_model("srcnn").state_dict(), "pickle.pt")
    pickled = Path("pickle.pt").read_bytes()
    cases = {
        "cut.safetensors": (weights[:-50], card, "complete"),
        "start.safetensors": (weights[:20], card, "complete"),
        "empty.safetensors": (b"", card, "complete"),
        "foreign.safetensors": (weights, other, "mffcn"),
        "pickle.safetensors": (pickled, card, "pickle"),
        "pickle.pt": (pickled, card, "pickle"),
        "pickle.pth": (pickled, None, "pickle"),
        "nocard.safetensors": (weights, None, "nocard.json"),
        "badcard.safetensors": (weights, card[:40], "badcard.json"),
        "changed.safetensors": (weights[:-1] + b"\x01", card, "SHA-256"),
    }
    for name, (content, description, word) in cases.items():
        Path(name).write_bytes(content)
        if description is not None:
            Path(name).with_suffix(".json").write_text(description)
        fails(["reconstruct", "a.png", "--out", "out", "--model", name], name.split(".")[0], word)


@pytest.mark.parametrize("out", ["file", "file/deep", "/proc/no", "/dev/null", "z" * 300])
def test_an_output_folder_that_cannot_be_written_is_one_line(fails, out):
    Path("file").write_text("x")
    picture("b.png")
    fails(
        ["reconstruct", picture("a.png"), "b.png", "--out", out, "--model", "bicubic", "--factor", "2"],
        "cannot write",
        out,
    )


def test_two_pictures_of_one_name_are_refused_before_anything_is_written(fails):
    picture("a.png"), picture("deep/a.bmp"), picture("b.png")
    fails(["reconstruct", "b.png", "a.png", "deep/a.bmp", "--out", "out", "--model", "bicubic"], '"a"')


def test_good_pictures_are_written_and_bad_ones_named_in_one_line(run):
    picture("a.png"), picture("c.png")
    spoil("text.png"), spoil("moving.gif")
    status, out, error = run(
        "reconstruct", "a.png", "text.png", "moving.gif", "c.png", "--out", "out", "--model", "bicubic", "--factor", "2"
    )
    assert status == 2
    assert out.split() == ["out/a-bicubic-x2.png", "out/c-bicubic-x2.png"]
    assert sorted(os.listdir("out")) == ["a-bicubic-x2.png", "c-bicubic-x2.png"]
    assert_one_line(error, "text.png", "moving.gif")


def test_a_line_break_in_a_name_does_not_break_the_line(fails):
    Path("two\nlines.png").write_bytes(b"hello")
    fails(reconstruct("two\nlines.png"), "lines.png")


# --------------------------------------------------------------------------------------------------- evaluate


@pytest.mark.parametrize("factors", ["", "0", "1", "-2", "1.5", "two", "2,", "2,1", "2;3", "21", "1000"])
def test_bad_factors_to_measure_are_one_line(fails, data, factors):
    fails(["evaluate", "--data", data, "--models", "bicubic", "--factors", factors], factors.split(",")[0])


@pytest.mark.parametrize("models", ["", ",", ",,", "bicubic,", ",bicubic"])
def test_an_empty_name_among_the_models_is_one_line(fails, data, models):
    fails(["evaluate", "--data", data, "--models", models], "model")


def test_a_model_or_factor_named_twice_counts_once(run, data):
    once, twice = ("bicubic", "2"), ("bicubic,bicubic", "2,2")
    rows = []
    for models, factors in (once, twice):
        run("evaluate", "--data", data, "--models", models, "--factors", factors, "--json", "t.json")
        rows.append(json.loads(Path("t.json").read_text())["results"])
    assert rows[0] == rows[1]
    assert rows[0][0]["n"] == 4


@pytest.mark.parametrize("source", ["nope", "", "w" * 300, "file", "empty"])
def test_a_bad_set_of_faces_is_one_line(fails, source):
    Path("file").write_text("x")
    Path("empty").mkdir()
    fails(["evaluate", "--data", source, "--models", "bicubic"])
    fails(train(source))


def test_a_bad_split_is_one_line(fails, data):
    fails(
        ["evaluate", "--data", data, "--models", "bicubic", "--split", "train"], "--split (='train')", '"test"', '"all"'
    )


@pytest.mark.parametrize("target", ["file/t.json", "/proc/no/t.json", "folder", "v" * 300, ""])
def test_results_that_cannot_be_written_are_one_line(run, data, target):
    Path("file").write_text("x")
    Path("folder").mkdir()
    before = tree()
    status, _, error = run("evaluate", "--data", data, "--models", "bicubic", "--factors", "2", "--json", target)
    assert status == 2
    assert_one_line(error, "cannot write", target)
    assert "--out" not in error  # which evaluate does not have
    assert tree() == before


# ------------------------------------------------------------------------------------------------------ train


@pytest.mark.parametrize(
    "text",
    [
        "lr",
        "lr=",
        "=1",
        "=",
        "nokey=1",
        "lr=x",
        "lr=nan",
        "lr=inf",
        "lr=-1",
        "lr=0",
        "steps=-1",
        "steps=0",
        "steps=1.5",
        "batch=0",
        "batch=-3",
        "batch=none",
        "crop=0",
        "crop=21",
        "crop=x",
        "factors=",
        "factors=1",
        "factors=2,x",
        "factors=21",
        "beta1=1",
        "beta1=-1",
        "beta2=2",
        "ema=2",
        "ema=-1",
        "ema=nan",
        "warmup=-1",
        "clip=-1",
        "clip=nan",
        "flip=yes",
        "flip=",
        "kernel=foo",
        "reduction=foo",
        "schedule=foo",
        "checkpoint_every=0",
        "validate_every=-1",
        "seed=x",
        "seed=99999999999999999999",
        "__class__=3",
    ],
)
def test_a_bad_setting_is_one_line_and_leaves_no_folder(fails, data, text):
    fails(train(data, "--set", text), text.split("=")[0].rstrip("s"))
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--steps", "0"], "steps (=0)"),
        (["--steps", "-5"], "steps (=-5)"),
        (["--stop-after", "0"], "--stop-after"),
        (["--recipe", "slow"], "slow"),
        (["--seed", "9" * 30], "seed"),
        (["--model", "bicubic"], "bicubic"),
        (["--model", "forest"], "forest"),
        (["--out", "file"], "file"),
        (["--out", "file/run"], "file/run"),
        (["--out", "/proc/no"], "/proc/no"),
        (["--out", "u" * 300], "u" * 300),
        (["--out", "full"], "not empty"),
        (["--out", "full", "--resume"], "no run to resume"),
        (["--out", "empty", "--resume"], "no run to resume"),
        (["--out", "nowhere", "--resume"], "no run to resume"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_a_bad_option_of_train_is_one_line(fails, data, options, word):
    Path("file").write_text("x")
    Path("empty").mkdir()
    Path("full").mkdir()
    Path("full/thesis.txt").write_text("x")
    fails(train(data, *options), word)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--steps", "7"], "steps 6, not 7"),
        (["--model", "mffcn"], "model srcnn, not mffcn"),
        (["--seed", "1"], "seed 0, not 1"),
        (["--set", "lr=0.5"], "lr 0.002, not 0.5"),
    ],
    ids=str,
)
def test_resuming_with_another_option_is_one_line(run, fails, data, options, words):
    assert run(*train(data, "--stop-after", "1", "--set", "lr=0.002"))[0] == 0
    fails(train(data, "--set", "lr=0.002", "--resume", *options), words)


def test_a_run_that_diverges_is_one_line_and_leaves_no_network(run, data):
    status, out, error = run(*train(data, "--set", "lr=1e30"))
    assert (status, out) == (2, "")
    assert_one_line(error, "loss is", "--set lr=")
    assert not list(Path("run").rglob("model*"))


# ------------------------------------------------------------------------------------- in a process of its own


def process(*arguments, **options):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **options.pop("env", {})}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.Popen([*COMMAND, *map(str, arguments)], env=environment, **options)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupted_training_is_one_line_and_goes_on_where_it_was(run, data, name):
    options = train(data, steps=100_000)
    child = process(*options)
    while child.poll() is None and not list(Path("run/checkpoints").glob("step-*")):
        time.sleep(0.01)
    child.send_signal(getattr(signal, name))
    out, error = child.communicate(timeout=60)
    assert (child.returncode, out) == (2, "")
    assert_one_line(error, "interrupted at step", "--resume", "run")
    step = int(error.split("at step ")[1].split()[0])
    assert Path(f"run/checkpoints/step-{step:06d}/state.json").is_file()
    assert not Path("run/model.safetensors").exists()
    status, out, error = run(*options, "--resume", "--stop-after", step + 1)
    assert (status, error) == (0, "")
    assert len(Path("run/metrics.jsonl").read_text().splitlines()) == step + 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupted_reconstruction_is_one_line_and_leaves_nothing_half_written(networks, name):
    pictures = [picture(f"p{i}.png", 300, 300, 3) for i in range(30)]
    child = process("reconstruct", *pictures, "--out", "out", "--model", networks / "mffcn.safetensors")
    while child.poll() is None and not Path("out").exists():
        time.sleep(0.01)
    child.send_signal(getattr(signal, name))
    _, error = child.communicate(timeout=60)
    assert child.returncode == 2, error
    assert_one_line(error, "interrupted")
    names = os.listdir("out")
    assert len(names) < 30
    for result in names:  # whole ones alone, and nothing beside them
        with Image.open(Path("out") / result) as image:
            image.load()


@pytest.mark.slow
def test_no_arguments_and_a_bad_one_are_one_line_in_a_process_too():
    for arguments in ([], ["reconstruct", "missing.png", "--out", "out", "--model", "bicubic"]):
        child = process(*arguments)
        out, error = child.communicate(timeout=60)
        assert (child.returncode, out) == (2, "")
        assert_one_line(error)
    assert not Path("out").exists()


@pytest.mark.slow
def test_names_that_the_terminal_cannot_show_are_no_reason_to_fail():
    picture("x.png")
    for name in (b"\xff.png", "ünï.png".encode()):
        os.rename(b"x.png", name)
        child = process(*reconstruct(os.fsdecode(name)), env={"PYTHONIOENCODING": "ascii"})
        _, error = child.communicate(timeout=60)
        assert (child.returncode, error) == (0, "")
        os.rename(name, b"x.png")
    assert len(os.listdir("out")) == 2


def test_a_full_disk_behind_standard_output_is_one_line():
    with open("/dev/full", "w") as full:
        child = process("models", stdout=full)
        _, error = child.communicate(timeout=60)
    assert child.returncode == 2
    assert_one_line(error)


def test_a_closed_pipe_behind_standard_output_is_no_traceback():
    read, write = os.pipe()
    os.close(read)
    child = process("models", stdout=write)
    os.close(write)
    _, error = child.communicate(timeout=60)
    assert child.returncode != 0
    assert "Traceback" not in error
    assert len([line for line in error.splitlines() if line.strip()]) <= 1
