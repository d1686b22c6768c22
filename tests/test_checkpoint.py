"""Networks on disk: what was saved comes back, and anything else is one sentence."""

import functools
import hashlib
import json
import math
import pickle
import re
import shutil
import tokenize
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from mffcn_lite import checkpoint, files, shipped
from mffcn_lite.checkpoint import load_model, load_tensors, save_model, save_tensors
from mffcn_lite.models import create_model
from mffcn_lite.shipped import SYSTEMS, shipped_models
from mffcn_lite.training import runs


@torch.no_grad()
def random_model(name, **arguments):
    """A network with every weight drawn, biases too, since zeros hide mistakes."""
    torch.manual_seed(1)
    model = create_model(name, **arguments)
    for parameter in model.parameters():
        parameter.copy_(torch.randn_like(parameter) / 10)
    return model


@pytest.fixture
def saved(tmp_path):
    """An SRCNN on disk."""
    path = tmp_path / "srcnn.safetensors"
    save_model(random_model("srcnn"), path, {"data": "noise"})
    return path


def change_card(path, **changes):
    card = path.with_suffix(".json")
    card.write_text(json.dumps({**json.loads(card.read_text()), **changes}))


# -------------------------------------------------------------------------------------------- round trips


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("srcnn", {}),
        ("srcnn", {"kernels": [5, 3, 3], "maps": [6, 4], "residual": True}),
        ("mffcn", {}),
        ("mffcn", {"width": 3, "depth": 5, "branch": 2, "activation": "inside"}),
        ("mffcn", {"width": 4, "depth": 2, "activation": None, "reparameterize": False}),
    ],
)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_network_comes_back_bit_for_bit(tmp_path, name, arguments, layout):
    model = random_model(name, **arguments).to(memory_format=layout)
    save_model(model, tmp_path / "m.safetensors", {"data": "noise", "steps": 3})
    again = load_model(tmp_path / "m.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.json", "m.safetensors"]
    assert type(again) is type(model)
    assert again.arguments == model.arguments
    assert not again.training
    assert again.card["data"] == "noise"
    assert again.card["steps"] == 3
    for (key, one), (other, two) in zip(model.state_dict().items(), again.state_dict().items(), strict=True):
        assert key == other
        assert torch.equal(one, two)
    blurred = torch.rand(2, 1, 15, 12)
    with torch.inference_mode():
        torch.testing.assert_close(again(blurred), model.eval()(blurred), rtol=0, atol=1e-5)


def test_the_file_is_plain_safetensors_and_the_card_has_its_hash(tmp_path):
    model = random_model("mffcn", width=3, depth=2)
    save_model(model, tmp_path / "m.safetensors")
    with safe_open(tmp_path / "m.safetensors", "pt") as file:  # another reader than ours
        assert set(file.keys()) == set(model.state_dict())
        assert all(torch.equal(file.get_tensor(key), value) for key, value in model.state_dict().items())
    card = json.loads((tmp_path / "m.json").read_text())
    assert card["weights_sha256"] == hashlib.sha256((tmp_path / "m.safetensors").read_bytes()).hexdigest()
    assert card["model"] == "mffcn"
    assert create_model(card["model"], **card["arguments"]).arguments == model.arguments


def test_saving_again_replaces_both_files(saved):
    other = random_model("mffcn", width=2, depth=2)
    save_model(other, saved)
    assert load_model(saved).name == "mffcn"


def test_a_name_without_a_suffix_and_a_runs_folder_are_found(tmp_path):
    save_model(random_model("srcnn"), tmp_path / "run" / "model")
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"model.json", "model.safetensors"}
    assert load_model(tmp_path / "run").name == "srcnn"
    assert load_model(str(tmp_path / "run")).name == "srcnn"


@pytest.mark.parametrize("name", ["nearest", "bicubic", "pocs"])
def test_systems_without_training_need_no_file(name):
    model = load_model(name)
    assert model.name == name
    assert model.card == {"model": name, "arguments": {}}
    assert model.upscale(torch.rand(1, 1, 3, 4), (6, 8)).shape == (1, 1, 6, 8)


def test_shipped_names_come_before_files_and_are_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path / "shipped")
    assert shipped_models() == {}
    save_model(random_model("mffcn", width=2, depth=2), tmp_path / "shipped" / "mffcn.safetensors", {"data": "noise"})
    assert list(shipped_models()) == ["mffcn"]
    assert shipped_models()["mffcn"]["data"] == "noise"
    assert load_model("mffcn").arguments["width"] == 2


# ------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize("keep", [0, 5, 100, 1000, -1], ids=lambda n: f"{n} bytes")
def test_a_truncated_file_is_refused(saved, refuses, keep):
    saved.write_bytes(saved.read_bytes()[:keep])
    refuses(lambda: load_model(saved), str(saved), "complete")


@pytest.mark.parametrize("content", [b"\xff" * 64, b"hello, I am a text" * 9, b"PK\x03\x04" + bytes(99)])
def test_a_file_of_another_kind_is_refused(saved, refuses, content):
    saved.write_bytes(content)
    refuses(lambda: load_model(saved), str(saved))


class Trap:
    """Unpickled, it would leave a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt", ".pkl", "", ".safetensors"])
def test_a_pickle_is_refused_and_never_unpickled(saved, tmp_path, refuses, suffix):
    path = tmp_path / f"trap{suffix}"
    shutil.copy(saved.with_suffix(".json"), path.with_suffix(".json"))
    path.write_bytes(pickle.dumps(Trap(tmp_path / "trapped")))
    pickle.loads(path.read_bytes()).close()  # the trap does work
    assert (tmp_path / "trapped").exists()
    (tmp_path / "trapped").unlink()
    refuses(lambda: load_model(path), str(path), "pickle")
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_torch_checkpoint_is_refused(saved, refuses, suffix):
    path = saved.with_suffix(suffix)
    torch.save(create_model("srcnn").state_dict(), path)
    refuses(lambda: load_model(path), str(path), "pickle")


def test_a_missing_card_is_refused(saved, refuses):
    saved.with_suffix(".json").unlink()
    refuses(lambda: load_model(saved), "srcnn.json")


def test_a_missing_file_with_a_card_is_refused(saved, refuses):
    saved.unlink()
    refuses(lambda: load_model(saved), str(saved))


def test_the_card_of_another_model_is_refused(saved, tmp_path, refuses):
    save_model(random_model("mffcn"), tmp_path / "mffcn.safetensors")
    shutil.copy(tmp_path / "mffcn.json", saved.with_suffix(".json"))
    refuses(lambda: load_model(saved), str(saved), "mffcn")
    shutil.copy(saved, tmp_path / "mffcn.safetensors")
    refuses(lambda: load_model(tmp_path / "mffcn.safetensors"), "mffcn")


def test_other_weights_of_the_same_shape_are_refused(saved, tmp_path, refuses):
    save_model(create_model("srcnn"), tmp_path / "other.safetensors")
    shutil.copy(tmp_path / "other.safetensors", saved)
    refuses(lambda: load_model(saved), str(saved), "SHA-256")


def test_a_card_without_or_with_a_wrong_hash_is_refused(saved, refuses):
    for digest in ("0" * 64, None, 3):
        change_card(saved, weights_sha256=digest)
        refuses(lambda: load_model(saved), "SHA-256")


@pytest.mark.parametrize(
    "changes",
    [
        {"model": None},
        {"model": ["srcnn"]},
        {"model": "forest"},
        {"model": "bicubic", "arguments": {}},
        {"arguments": None},
        {"arguments": [1]},
        {"arguments": {"name": "srcnn"}},
        {"arguments": {"width": 3}},
        {"arguments": {"kernels": 9}},
        {"arguments": {"kernels": [9, 1, "x"]}},
        {"arguments": {"kernels": [9, 1, 5, 3]}},
        {"arguments": {"kernels": [9]}},
        {"arguments": {"maps": [-1, 3]}},
        {"arguments": {"maps": [64, 10**13]}},
        {"model": "mffcn", "arguments": {"activation": [1]}},
        {"model": "mffcn", "arguments": {"branch": -1}},
        {"model": "mffcn", "arguments": {"width": 10**13}},
        {"config": [1]},
        {"config": {"factors": 3}},
    ],
    ids=str,
)
def test_a_card_that_somebody_edited_is_refused(saved, refuses, changes):
    change_card(saved, **changes)
    refuses(lambda: load_model(saved))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe"])
def test_a_broken_card_is_refused(saved, refuses, content):
    saved.with_suffix(".json").write_bytes(content)
    refuses(lambda: load_model(saved), "srcnn.json")


@pytest.mark.parametrize("name", ["nope", "", ",", " bicubic", "Bicubic", "/", "folder", "a/b.safetensors", "x" * 300])
def test_an_unknown_name_is_refused_and_the_known_ones_are_listed(tmp_path, monkeypatch, refuses, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    refuses(lambda: load_model(name), f'no model "{name}"', "nearest", "bilinear", "bicubic", "lanczos", "ibp", "pocs")


def test_a_model_that_is_no_system_is_refused_and_nothing_written(tmp_path, refuses):
    model = random_model("mffcn")
    model.name = "mine"
    refuses(lambda: save_model(model, tmp_path / "m.safetensors"), "mine", "mffcn")
    assert list(tmp_path.iterdir()) == []


def test_a_models_own_name_and_arguments_stand_in_its_card(tmp_path):
    model = load_model("mffcn").fuse()  # its card is that of the network that it came from
    save_model(model, tmp_path / "fused", {**model.card, "model": "srcnn"})
    again = load_model(tmp_path / "fused.safetensors")
    assert again.arguments["block"] == "conv5"
    assert again.card["config"] == model.card["config"]


def test_a_card_that_is_no_json_is_refused_before_anything_is_replaced(tmp_path, refuses):
    save_model(random_model("srcnn"), tmp_path / "m", {})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    refuses(lambda: save_model(random_model("srcnn"), tmp_path / "m", {"psnr": object()}), "JSON", "plain numbers")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_dot_in_a_name_is_kept(tmp_path):
    for name in ("mffcn-0.5", "mffcn-0.7"):
        save_model(random_model("mffcn"), tmp_path / name)
    assert len(list(tmp_path.iterdir())) == 4


def test_a_compiled_network_is_saved_as_the_plain_one(tmp_path):
    model = random_model("mffcn", width=2, depth=2)
    save_model(torch.compile(model, backend="eager"), tmp_path / "m")
    model.compile(backend="eager")  # in place
    save_model(model, tmp_path / "n")
    assert (tmp_path / "m.safetensors").read_bytes() == (tmp_path / "n.safetensors").read_bytes()
    again = load_model(tmp_path / "m.safetensors")
    assert all(torch.equal(again.state_dict()[key], value) for key, value in model.state_dict().items())


def with_a(number):
    def change(model):
        model.layers[0].weight.data[0, 0, 0, 0] = number
        return model

    return change


def with_a_compiled_part(model):
    model.layers = torch.compile(model.layers, backend="eager")
    return model


def with_another_layer(model):
    model.layers[2] = torch.nn.Conv2d(64, 32, 3)
    return model


def with_parametrized_weights(model):
    torch.nn.utils.parametrizations.weight_norm(model.layers[0])
    return model


UNREADABLE = {
    "half": (lambda model: model.half(), ("torch.float16", "torch.float32")),
    "bfloat16": (lambda model: model.bfloat16(), ("torch.bfloat16", "torch.float32")),
    "double": (lambda model: model.double(), ("torch.float64", "torch.float32")),
    "one half layer": (lambda model: model.layers[0].half() and model, ("layers.0.weight", "torch.float16")),
    "NaN": (with_a(math.nan), ("layers.0.weight", "not finite")),
    "infinity": (with_a(-math.inf), ("layers.0.weight", "not finite")),
    "no numbers": (lambda model: model.to("meta"), ("layers.0.weight", "meta device")),
    "wrapped": (torch.nn.DataParallel, ("DataParallel", "inside it")),
    "no system": (lambda model: model.layers, ("Sequential",)),
    "a compiled part": (with_a_compiled_part, ("layers.0.weight", "missing")),
    "another layer": (with_another_layer, ("layers.2.weight", "(32, 64, 3, 3)", "(32, 64, 1, 1)")),
    "other weights": (with_parametrized_weights, ("layers.0.weight", "missing")),
    "other arguments": (lambda model: setattr(model, "arguments", {"maps": [8, 4]}) or model, ("(64, 1, 9, 9)",)),
    "lost arguments": (lambda model: setattr(model, "arguments", {"wide": 1}) or model, ("wide",)),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_could_not_be_read_again_is_refused_before_anything_is_written(saved, refuses, kind):
    change, words = UNREADABLE[kind]
    before = {path.name: path.read_bytes() for path in saved.parent.iterdir()}
    model = change(random_model("srcnn"))
    refuses(lambda: save_model(model, saved), *words)
    refuses(lambda: save_model(torch.compile(model, backend="eager"), saved), *words)
    assert {path.name: path.read_bytes() for path in saved.parent.iterdir()} == before


def test_a_forest_that_leads_nowhere_is_refused_before_anything_is_written(tmp_path, refuses):
    forest = create_model("forest", trees=1, leaves=2, pairs=100)
    forest.below += 1
    refuses(lambda: save_model(forest, tmp_path / "m"), "lead nowhere")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["NaN", "double", "one half layer"])
def test_numbers_that_no_training_makes_are_refused(saved, refuses, kind):
    change, words = UNREADABLE[kind]
    save_tensors(change(load_model(saved)).state_dict(), saved)
    change_card(saved, weights_sha256=files.sha256(saved))
    refuses(lambda: load_model(saved), *words)


# Arguments of systems that are sizes, or are numbers of rounds: what a card may claim of them is bounded.
SIZES = [
    (name, argument)
    for name in SYSTEMS
    for argument, value in create_model(name).arguments.items()
    if isinstance(value, int | list) and not isinstance(value, bool) and argument != "seed"
] + [("ibp", "steps"), ("mffcn", "branch")]


@pytest.mark.parametrize("claim", [10**5, 10**9, 2**63, 10**400, "long"], ids=lambda claim: str(claim)[:9])
@pytest.mark.parametrize(("name", "argument"), SIZES)
def test_a_card_cannot_claim_what_no_machine_has(saved, refuses, name, argument, claim):
    value = create_model(name).arguments[argument]
    if claim == "long":
        claim = [2] * 10**5
    elif isinstance(value, list):
        claim = [claim] * len(value)
    change_card(saved, model=name, arguments={argument: claim})
    refuses(lambda: load_model(saved))
    if argument != "pairs":  # how many are drawn where it learns: refused there, where photos have fewer
        refuses(lambda: create_model(name, **{argument: claim}), argument)


def test_weights_that_are_too_many_together_are_refused(refuses):
    refuses(lambda: create_model("mffcn", width=4096, depth=200), "weights", "100,000,000", "smaller")
    refuses(lambda: create_model("forest", trees=1000, leaves=4000), "weights", "100,000,000", "smaller")


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:99", "nowhere", "", 10**30, None, 1.5, "cpu:x"])
def test_a_device_that_is_not_here_is_named(refuses, device):
    if not torch.cuda.is_available() or device not in ("cuda", "cuda:0"):
        refuses(lambda: load_model("bicubic", device=device), f"device (={str(device)!r})", "choose cpu")


@pytest.mark.parametrize("where", ["file/m", "/proc/no/m"])
def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path, refuses, where):
    (tmp_path / "file").write_text("x")
    refuses(lambda: save_model(create_model("srcnn"), tmp_path / where), "cannot write")


def test_a_full_disk_is_one_sentence_and_keeps_the_old_network(saved, refuses, full_disk):
    before = {path.name: path.read_bytes() for path in saved.parent.iterdir()}
    with full_disk(5000):
        refuses(lambda: save_model(create_model("mffcn"), saved), "cannot write")
    assert {path.name: path.read_bytes() for path in saved.parent.iterdir()} == before


def test_tensors_of_every_layout_come_back(tmp_path):
    tensors = {
        "scalar": torch.tensor(3.5),
        "bytes": torch.arange(5, dtype=torch.uint8),
        "transposed": torch.rand(3, 4).T,
        "channels last": torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "empty": torch.zeros(0, 3),
        "learnt": torch.nn.Parameter(torch.rand(2)),
    }
    save_tensors(tensors, tmp_path / "t.safetensors")
    again = load_tensors(tmp_path / "t.safetensors")
    assert again.keys() == tensors.keys()
    assert all(torch.equal(again[key], value) for key, value in tensors.items())
    assert all(again[key].dtype == value.dtype for key, value in tensors.items())


@pytest.mark.parametrize("name", ["missing", "folder"])
def test_tensors_that_are_not_there_are_one_sentence(tmp_path, refuses, name):
    (tmp_path / "folder").mkdir()
    refuses(lambda: load_tensors(tmp_path / name), name)


@pytest.mark.parametrize("module", [checkpoint, runs, files])
def test_our_code_for_files_knows_no_pickle(module):
    with open(module.__file__, "rb") as source:
        names = {token.string for token in tokenize.tokenize(source.readline) if token.type == tokenize.NAME}
    assert "import" in names  # it does find names
    assert not names & {"pickle", "dill", "joblib", "Unpickler", "exec"}
    assert not re.search(r"(?<!safetensors\.)torch\.(load|save)\b", Path(module.__file__).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "card",
    [
        {"config": "fast"},
        {"config": {"factors": 4}},
        {"config": {"factors": None}},
        {"config": {"factors": ["4"]}},
        {"config": {"factors": [None]}},
        {"config": {"factors": [[2]]}},
        {"config": {"factors": [True, {}]}},
        {"config": {"factors": [1]}},
        {"config": {"factors": []}},
        {"credit": "half a letter: \ud800"},
        {"data": "/data/S\udcff"},
        {"deep": functools.reduce(lambda inner, _: [inner], range(100_000), 0)},
    ],
    ids=lambda card: str(next(iter(card.items())))[:40] if "deep" not in card else "deep",
)
def test_a_card_that_could_not_be_read_again_is_refused_and_both_files_stay(tmp_path, refuses, card):
    path = tmp_path / "m.safetensors"
    save_model(create_model("srcnn"), path, {"data": "orl"})
    before = [path.read_bytes(), path.with_suffix(".json").read_bytes()]
    refuses(lambda: save_model(create_model("srcnn"), path, card), "m.json")
    assert [path.read_bytes(), path.with_suffix(".json").read_bytes()] == before
    assert sorted(found.name for found in tmp_path.iterdir()) == ["m.json", "m.safetensors"]
    if "config" in card:  # and where somebody else wrote it, it is refused as well
        stored = {**json.loads(before[1]), **card}
        del stored["card_sha256"]
        path.with_suffix(".json").write_text(json.dumps(stored))
        refuses(lambda: load_model(path), "is not the card of a network")


def test_where_the_card_cannot_lie_the_weights_stay_too(tmp_path, refuses):
    path = tmp_path / "m.safetensors"
    save_model(create_model("srcnn"), path)
    before = path.read_bytes()
    path.with_suffix(".json").unlink()
    path.with_suffix(".json").mkdir()
    refuses(lambda: save_model(create_model("srcnn"), path), "m.json", "folder")
    assert path.read_bytes() == before


@pytest.mark.parametrize("path", ["", ".", "/", "a\0b", "\0"])
def test_what_names_no_file_is_one_sentence(refuses, path):
    refuses(lambda: save_model(create_model("srcnn"), path))


def test_weights_that_share_their_memory_are_saved(tmp_path):
    model = create_model("mffcn", width=4, depth=5)
    first, second = model.layers[1].branches[0], model.layers[2].branches[0]
    first.weight = second.weight
    assert first.weight.shape == second.weight.shape
    save_model(model, tmp_path / "m")
    loaded = load_model(tmp_path / "m.safetensors").state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in model.state_dict().items())


FLAGS = {"srcnn": ("residual", "zero_last"), "nie": ("residual", "zero_last"), "fsrcnn": ("residual", "zero_last")}
FLAGS |= {"mffcn": ("reparameterize", "residual", "strided", "zero_last"), "sparse": ("back_projection",)}


@pytest.mark.parametrize("value", ["no", "false", 0, 1.0, None, []])
@pytest.mark.parametrize(("name", "flag"), [(name, flag) for name, flags in FLAGS.items() for flag in flags])
def test_a_word_is_no_flag(refuses, name, flag, value):
    refuses(lambda: create_model(name, **{flag: value}), flag, "true or false")
