"""The edge of the command: whatever it is given, and whoever stops listening, there is no traceback."""

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

from mffcn_lite import cli
from mffcn_lite.checkpoint import save_model
from mffcn_lite.data import FaceSet, save_faces
from mffcn_lite.errors import MffcnLiteError, brief, check_number
from mffcn_lite.files import write_json
from mffcn_lite.models import create_model
from mffcn_lite.training import runs

COMMAND = str(Path(sys.executable).with_name("mffcn-lite"))
NINES = "9" * 400


@pytest.fixture(autouse=True)
def elsewhere_and_unchecked(tmp_path, monkeypatch, unchecked):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def data(tmp_path_factory):
    """Ten people of noise, 16×16 pixels."""
    folder = tmp_path_factory.mktemp("data") / "set"
    images = np.random.default_rng(0).integers(0, 256, (10, 1, 16, 16), dtype=np.uint8)
    save_faces(FaceSet(images, np.arange(10), [f"p{i}" for i in range(10)], {"source": "noise"}), folder)
    return str(folder)


@pytest.fixture
def run(monkeypatch, capsys):
    """Call the command in this process: (status, standard output, standard error)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["mffcn-lite", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        return end.value.code, printed.out, printed.err

    return call


def a_training(data, out, *options):
    return ["train", "--data", data, "--model", "srcnn", "--out", out, "--set", "batch=1", *options]


@pytest.mark.parametrize(
    "options",
    [
        ["--steps", NINES],
        ["--steps", "9" * 5000],
        ["--seed", NINES],
        ["--set", f"batch={NINES}"],
        ["--set", f"checkpoint_every={NINES}"],
        ["--set", f"lr={NINES}"],
        ["--set", f"factors={NINES}"],
        ["--set", "model.maps=" + "[" * 50_000],
        ["--set", "model.maps=" + "[" * 500 + "]" * 500],
        ["--set", f"model.maps=[{NINES},1]"],
        ["--set", "objective.perceptual=" + "{" * 50_000],
        ["--set", "x" * 10_000],
    ],
    ids=lambda options: options[1][:24],
)
def test_what_is_far_too_long_or_deep_is_one_short_sentence_and_leaves_no_folder(run, data, options):
    status, out, error = run(*a_training(data, "out", *options))
    assert (status, out) == (2, "")
    assert error.startswith("mffcn-lite: ")
    assert len(error.splitlines()) == 1
    assert len(error) < 700
    assert not Path("out").exists()


def test_a_message_shows_a_little_of_any_value():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    for value in (10**5000, deep, "x" * 10_000, list(range(10_000))):
        assert len(brief(value)) <= 100
    assert brief((1, "two")) == "(1, 'two')"
    for value in (2**63, -(2**63) - 1, 10**400):
        with pytest.raises(MffcnLiteError):
            check_number("n", value, whole=True)
    check_number("n", 2**63 - 1, whole=True)


def test_bytes_that_are_no_text_are_one_sentence_and_the_file_stays(tmp_path):
    write_json("card.json", {"credit": "Zoë"})
    before = Path("card.json").read_bytes()
    with pytest.raises(MffcnLiteError, match=r"card\.json: '.*udcff.*' is not UTF-8"):
        write_json("card.json", {"credit": b"by \xff".decode("utf-8", "surrogateescape")})
    assert Path("card.json").read_bytes() == before


def test_what_nobody_foresaw_is_one_sentence_of_ours_and_status_1(run, monkeypatch):
    def broken():
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(cli, "shipped_models", broken)
    status, out, error = run("models")
    assert (status, out) == (1, "")
    assert error == (
        "mffcn-lite: this is a mistake of ours (ZeroDivisionError: division by zero); MFFCN_LITE_DEBUG=1 shows where\n"
    )
    monkeypatch.setenv("MFFCN_LITE_DEBUG", "1")
    monkeypatch.setattr(sys, "argv", ["mffcn-lite", "models"])
    with pytest.raises(ZeroDivisionError):
        cli.main()


@pytest.mark.slow
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_a_stream_that_the_caller_closed_is_no_harm(data, closed):
    command = " ".join([COMMAND, *a_training(data, "out", "--steps", "2"), closed])
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    assert Path("out/model.safetensors").is_file()
    log = [json.loads(line) for line in Path("out/metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["step"] for line in log] == [1, 2]  # and nothing else was written into it


@pytest.mark.slow
def test_progress_that_nobody_reads_does_not_end_a_training(data):
    command = [COMMAND, *a_training(data, "out", "--steps", "6", "--set", "validate_every=1")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert "validation" in process.stdout.readline()
        process.stdout.close()  # as `| head -1` does
        process.wait()
    assert len(Path("out/metrics.jsonl").read_text(encoding="utf-8").splitlines()) == 6
    assert Path("out/model.safetensors").is_file()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_while_modules_are_imported_is_one_line(number):
    code = (
        "import os, sys\n"
        "from mffcn_lite.__main__ import main\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, *rest):\n"
        f"        if name == 'typer': os.kill(os.getpid(), {int(number)})\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "sys.argv = ['mffcn-lite', 'models']\n"
        "main()\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "mffcn-lite: interrupted; nothing was left half-written\n"


def test_where_nothing_can_be_compiled_the_run_is_refused_before_it_has_a_folder(run, data, monkeypatch):
    def without_compiler(*_, **__):
        raise RuntimeError("no C++ compiler found\nand much more")

    monkeypatch.setattr(runs.torch, "compile", without_compiler)
    status, _, error = run(*a_training(data, "out", "--set", "compile=default"))
    assert status == 2
    waiting, message = error.splitlines()
    assert "compiling first" in waiting
    assert "compile (='default') does not work here (no C++ compiler found)" in message
    assert not Path("out").exists()


def test_resuming_what_is_finished_says_so(run, data):
    first = run(*a_training(data, "out", "--steps", "2"))
    weights = Path("out/model.safetensors").read_bytes()
    again = run("train", "--resume", "--out", "out")
    assert first[0] == again[0] == 0
    assert again[1] == f"already finished: 2 steps; the network is {Path('out/model.safetensors')}\n"
    assert Path("out/model.safetensors").read_bytes() == weights


def test_a_factor_that_nobody_trained_for_is_said_and_marked(run, data):
    status, out, _ = run(
        "evaluate", "--data", data, "--models", "bicubic,mffcn", "--factors", "2,5", "--json", "rows.json"
    )
    assert status == 0
    assert out.count("was trained for") == 1
    assert "Factor 5 is not one that mffcn was trained for (2, 3, 4)." in out
    rows = json.loads(Path("rows.json").read_text(encoding="utf-8"))["results"]
    marked = {(row["model"], row["factor"]): row["trained_for"] for row in rows}
    assert marked == {("bicubic", 2): True, ("bicubic", 5): True, ("mffcn", 2): True, ("mffcn", 5): False}


def test_the_torch_that_is_there_can_compile_the_smallest_function(monkeypatch):
    asked = []
    monkeypatch.setattr(runs.torch, "compile", lambda function, mode: asked.append(mode) or function)
    runs.check_compiler("default", torch.device("cpu"))
    assert asked == ["default"]


def enlarged(*options):
    return ["reconstruct", "small.png", "--factor", "2", "--out", "out", *options]


def test_a_result_is_called_after_what_was_asked_for(run, data):
    Image.fromarray(np.full((8, 6), 90, np.uint8)).save("small.png")
    run(*a_training(data, "runs/mine", "--steps", "1"))
    models = {"mffcn-full": "mffcn-full", "wiener": "wiener", "runs/mine": "mine"}
    models |= {"runs/mine/model.safetensors": "mine", "copied.safetensors": "copied"}
    for suffix in (".safetensors", ".json"):
        shutil.copy(f"runs/mine/model{suffix}", f"copied{suffix}")
    for model, called in models.items():
        status, out, error = run(*enlarged("--model", model))
        assert (status, out) == (0, f"{Path('out') / f'small-{called}-x2.png'}\n")
        assert ("does not keep" in error) == (called == "mffcn-full")  # which does not keep to the photo


@pytest.mark.parametrize("change", ["another picture", "other weights", "not ours", "no picture"])
def test_a_file_that_came_from_something_else_is_replaced_only_if_that_is_said(run, data, change):
    for name, level in (("small", 90), ("other", 91)):
        Image.fromarray(np.full((8, 6), level, np.uint8)).save(f"{name}.png")
    run(*a_training(data, "runs/mine", "--steps", "1"))
    target = Path("out/small-mine-x2.png")
    first = run(*enlarged("--model", "runs/mine"))
    before = target.read_bytes()
    again = run(*enlarged("--model", "runs/mine"))
    assert first[0] == again[0] == 0
    assert target.read_bytes() == before
    if change == "another picture":
        shutil.copy("other.png", "small.png")
    elif change == "other weights":
        run(*a_training(data, "other/mine", "--steps", "2"))
        shutil.rmtree("runs")
        shutil.move("other", "runs")
    elif change == "not ours":
        Image.fromarray(np.full((16, 12), 7, np.uint8)).save(target)
    else:
        target.write_text("notes")
    kept = target.read_bytes()
    status, out, error = run(*enlarged("--model", "runs/mine"))
    assert (status, out) == (2, "")
    assert "--overwrite" in error
    assert target.read_bytes() == kept
    assert run(*enlarged("--model", "runs/mine", "--overwrite"))[0] == 0
    assert target.read_bytes() != kept


def test_a_sheet_of_something_else_is_replaced_only_if_that_is_said(run, data):
    assert run("show", data, "--out", "sheet.png")[0] == 0
    assert run("show", data, "--out", "sheet.png")[0] == 0
    before = Path("sheet.png").read_bytes()
    status, _, error = run("show", data, "--out", "sheet.png", "--columns", "2")
    assert (status, Path("sheet.png").read_bytes()) == (2, before)
    assert "--overwrite" in error
    assert run("show", data, "--out", "sheet.png", "--columns", "2", "--overwrite")[0] == 0
    assert Path("sheet.png").read_bytes() != before


@pytest.mark.parametrize("where", ["folder", "file/r.json", "/proc/none/r.json"])
def test_results_that_cannot_be_written_are_refused_before_anything_is_measured(run, data, monkeypatch, where):
    Path("folder").mkdir()
    Path("file").write_text("")
    monkeypatch.setattr("mffcn_lite.evaluation.evaluate", None)
    status, out, err = run("evaluate", "--data", data, "--models", "bicubic", "--factors", "2", "--json", where)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert "cannot write" in err


def test_where_results_can_no_longer_be_written_they_are_printed_all_the_same(run, data, monkeypatch):
    def fail(*_):
        raise MffcnLiteError("cannot write r.json: No space left on device; free the place or name another")

    monkeypatch.setattr("mffcn_lite.files.write_json", fail)
    status, out, err = run("evaluate", "--data", data, "--models", "bicubic", "--factors", "2", "--json", "r.json")
    assert status == 2
    assert "PSNR" in out
    assert "bicubic" in out
    assert err.startswith("mffcn-lite: cannot write r.json")


def test_where_the_names_of_results_cannot_be_said_no_photo_is_blamed(run, data, monkeypatch):
    Image.new("L", (8, 8)).save("a.png")

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cli, "print", fail, raising=False)
    status, _, err = run("reconstruct", "a.png", "--out", "new", "--model", "bicubic", "--factor", "2")
    assert status == 2
    assert "cannot read" not in err
    assert Path("new/a-bicubic-x2.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_changes_nothing(number):
    """While the command cleans up, says so, and ends."""
    program = f"""
import atexit, os, signal, sys, time
from mffcn_lite import cli
atexit.register(lambda: (os.kill(os.getpid(), {number}), time.sleep(0.2)))
def work(**_):
    try:
        os.kill(os.getpid(), {number})
        time.sleep(9)
    finally:
        os.kill(os.getpid(), {number})
        time.sleep(0.2)
cli.main(work)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "mffcn-lite: interrupted; nothing was left half-written\n")


def test_a_signal_after_the_end_changes_nothing():
    program = f"""
import atexit, os, signal
from mffcn_lite import cli
atexit.register(lambda: os.kill(os.getpid(), {signal.SIGINT}))
cli.main(lambda **_: 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("value", ["abc", "nan", "inf", "1e400", "--"])
@pytest.mark.parametrize("column", ["left_x", "left_y", "right_x", "right_y"])
def test_eyes_that_are_no_numbers_are_one_sentence(data, refuses, column, value):
    from mffcn_lite.data import load_faces
    from mffcn_lite.data.prepare.sheet import write_sheet

    row = {"name": "p0", "left_x": "1", "left_y": "1", "right_x": "9", "right_y": "1"} | {column: value}
    refuses(lambda: write_sheet(load_faces(data), [row] * 10, "s.png"), column, "p0", "faces.csv")
    empty = {**row, column: ""}
    if column.endswith("y"):  # an eye that has one of two numbers
        refuses(lambda: write_sheet(load_faces(data), [empty] * 10, "s.png"), column, "faces.csv")
    assert not Path("s.png").exists()


@pytest.mark.parametrize("place", ["..", ".", "../set", "sub/.."])
def test_a_sheet_is_called_after_the_folder_that_is_meant(run, data, monkeypatch, place):
    inside = Path(data) / "sub"
    if place == "..":
        inside.mkdir()
        monkeypatch.chdir(inside)
    else:
        monkeypatch.chdir(data)
        inside.mkdir()
    assert run("show", place)[0] == 0
    assert Path(data).with_name("set.png").is_file()


def test_words_out_of_a_file_do_not_command_the_terminal(run, data):
    path = Path(data) / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"redistribution": "may\x1b[2J not\x07"}))
    status, out, _ = run("show", data, "--out", "sheet.png")
    assert status == 0
    assert "\x1b" not in out
    assert r"may\x1b[2J not\x07" in out
    status, _, err = run("evaluate", "--data", "no\x1b[31mwhere")
    assert status == 2
    assert "\x1b" not in err


def saved(path, residual, state=None):
    model = create_model("srcnn", residual=residual, zero_last=False)
    if state is not None:
        model.load_state_dict(state)
    save_model(model, path)
    return model.state_dict()


def test_another_network_of_the_same_weights_is_another(run):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 8), np.uint8)).save("a.png")
    state = saved("A/net.safetensors", False)
    saved("B/net.safetensors", True, state)
    words = ["reconstruct", "a.png", "--out", "new", "--factor", "2", "--model"]
    assert run(*words, "A/net.safetensors")[0] == 0
    before = Path("new/a-net-x2.png").read_bytes()
    status, _, err = run(*words, "B/net.safetensors")
    assert status == 2
    assert "--overwrite" in err
    assert Path("new/a-net-x2.png").read_bytes() == before


@pytest.mark.parametrize("out", [".", "link"])
def test_a_photo_of_the_same_call_is_never_replaced(run, out):
    Path("link").symlink_to(".")
    for name in ("i.png", "i-bicubic-x2.png"):
        Image.new("L", (8, 8), 9).save(name)
    before = Path("i-bicubic-x2.png").read_bytes()
    words = ["--out", out, "--model", "bicubic", "--factor", "2", "--overwrite"]
    status, _, err = run("reconstruct", "i.png", "i-bicubic-x2.png", *words)
    assert status == 2
    assert "is one of the photos" in err
    assert Path("i-bicubic-x2.png").read_bytes() == before
    assert not Path("i-bicubic-x2-bicubic-x2.png").exists()


def test_where_the_first_name_cannot_be_said_the_other_photos_are_enlarged_too(run, monkeypatch):
    for name in "abc":
        Image.new("L", (8, 8)).save(f"{name}.png")

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cli, "print", fail, raising=False)
    words = ["a.png", "b.png", "c.png", "--out", "new", "--model", "bicubic", "--factor", "2"]
    assert run("reconstruct", *words)[0] == 2
    assert len(list(Path("new").iterdir())) == 3


def test_a_tail_that_was_never_trained_is_not_exported(run, data):
    words = ["train", "--data", data, "--model", "fsrcnn", "--steps", "1", "--set", "batch=1", "--set", "factors=2"]
    assert run(*words, "--out", "rf")[0] == 0
    status, _, err = run("export", "--model", "rf", "--factor", "3", "--out", "rf.onnx")
    assert status == 2
    assert "must be one of 2, which this fsrcnn was trained for" in err
    assert not Path("rf.onnx").exists()


IMPOSSIBLE = {
    "crop": ["--model", "fsrcnn", "--set", "factors=4", "--set", "crop=2"],
    "pool5": ["--model", "srcnn", "--set", "loss=objective", "--set", "objective.features=random"],
}
IMPOSSIBLE["pool5"] += ["--set", "objective.layer=pool5"]


@pytest.mark.parametrize("word", IMPOSSIBLE)
def test_what_cannot_be_trained_is_refused_before_it_has_a_folder(run, data, word):
    words = ["train", "--data", data, "--steps", "2", "--set", "batch=1", "--out", "new", *IMPOSSIBLE[word]]
    status, _, err = run(*words)
    assert status == 2
    assert word in err
    assert not Path("new").exists()


@pytest.mark.parametrize("script", ["prepare_folder", "prepare_feret", "prepare_lfw", "prepare_portraits"])
def test_a_script_is_interrupted_in_one_line_while_modules_are_imported(script):
    program = f"""
import os, signal, sys
path = {str(Path(__file__).parent.parent / "data_scripts")!r}
sys.path.insert(0, path)
sys.argv = [path + "/{script}.py", "--help"]
class Stop:
    def find_spec(self, name, *_):
        if name == "typer":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Stop())
import runpy
runpy.run_path(sys.argv[0], run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, f"{script}: interrupted; nothing was left half-written\n")


@pytest.mark.parametrize("shape", [(4, 5, 8, 8), (4, 0, 8, 8), (4, 1, 0, 8), (4, 1, 8, 0), (4, 2, 8, 8)])
def test_photos_that_cannot_be_shown_are_said(run, shape):
    save_faces(FaceSet(np.zeros(shape, np.uint8), np.arange(4), list("abcd"), {}), "odd")
    status, _, err = run("show", "odd")
    assert status == 2
    assert "cannot be shown" in err
    assert not Path("odd.png").exists()


def test_a_name_that_is_no_text_is_refused_and_nothing_is_left(refuses):
    faces = FaceSet(np.zeros((2, 1, 8, 8), np.uint8), np.arange(2), ["a", "\ud800"], {})
    refuses(lambda: save_faces(faces, "new"), "faces.csv", "UTF-8")
    assert not [path for path in Path().iterdir() if "new" in path.name]


def test_a_run_that_is_repeated_with_other_people_aside_says_why(run, data):
    words = ["train", "--data", data, "--model", "srcnn", "--steps", "1", "--set", "batch=1", "--out", "r0"]
    assert run(*words)[0] == 0
    status, _, err = run("train", "--like", "r0", "--set", "validate_every=1", "--out", "r1")
    assert status == 2
    assert "validate_every (=1)" in err


def test_one_of_several_processes_that_waits_can_be_interrupted(data):
    env = {**os.environ, "WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "0"}
    words = ["train", "--data", data, "--model", "srcnn", "--steps", "1", "--set", "batch=2", "--out", "new"]
    process = subprocess.Popen([COMMAND, *words], env=env, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr.readline() == "waiting for 2 processes to meet\n"
        time.sleep(0.5)
        process.terminate()
        assert process.wait(20) != 0
    finally:
        process.kill()
        process.stderr.close()
    assert not Path("new").exists()


def test_a_rank_beyond_the_processes_is_one_sentence(run, data, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "5")
    words = ["train", "--data", data, "--model", "srcnn", "--steps", "1", "--set", "batch=2", "--out", "new"]
    status, _, err = run(*words)
    assert status == 2
    assert err == "mffcn-lite: RANK (=5) must be below WORLD_SIZE (=2), as torchrun sets it\n"
