"""Found by machines: every bit of every JSON file of a run flipped, and values of any type in every place for one.

Each fault is refused with one sentence, or changes nothing that counts.
"""

import contextlib
import copy
import dataclasses
import json
import shutil
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mffcn_lite.arguments import apply_settings
from mffcn_lite.checkpoint import DECISIVE, load_model
from mffcn_lite.data import FaceSet, load_faces, people_for_training, save_faces
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.evaluation import evaluate
from mffcn_lite.files import as_stored, sha256
from mffcn_lite.models import create_model
from mffcn_lite.training import TrainingConfig, TrainingState
from mffcn_lite.training.config import read_config
from mffcn_lite.training.recording import Log
from mffcn_lite.training.runs import read_description, run_training
from mffcn_lite.training.states import restore_state

pytestmark = pytest.mark.slow
CONFIG = TrainingConfig(steps=6, batch=2, crop=12, flip=True, reduction="mean", lr=1e-3, ema=0.8, checkpoint_every=2)
# Every bit in make test-release; in make test every 97th, which is now the first of a byte, now another.
EVERY = pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.release), 97])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A prepared set of 20 photos of 20 people, 24×20 pixels."""
    folder = tmp_path_factory.mktemp("data") / "set"
    images = np.random.default_rng(0).integers(0, 256, (20, 1, 24, 20), dtype=np.uint8)
    save_faces(FaceSet(images, np.arange(20), [f"p{i}" for i in range(20)], {"source": "noise"}), folder)
    return folder


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """A whole run."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    assert run_training(folder, str(data), "srcnn", CONFIG)
    return folder


@pytest.fixture(scope="module")
def stopped(data, tmp_path_factory):
    """The same run, stopped after four of its six steps."""
    folder = tmp_path_factory.mktemp("stopped") / "run"
    assert not run_training(folder, str(data), "srcnn", CONFIG, stop_after=4)
    return folder


@pytest.fixture
def threads():
    """Brings the count of threads back."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def flipped(path, every):
    """The file with one bit flipped after the other, each `every`th of them; at the end it is as it was."""
    content = path.read_bytes()
    for bit in range(every // 2, 8 * len(content), every):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        yield bit
    path.write_bytes(content)


refused = contextlib.suppress(MffcnLiteError)  # what is in it may be refused; nothing else may go wrong


# Bits -----------------------------------------------------------------------------------------------------------------


@EVERY
def test_with_any_bit_of_its_description_flipped_a_run_is_the_same_or_refused(stopped, tmp_path, every):
    path = Path(shutil.copy(stopped / "run.json", tmp_path))
    _, *settings, content = read_description(path)
    accepted = 0
    for bit in flipped(path, every):
        with refused:
            _, *again, now = read_description(path)
            assert again == settings, bit
            assert [now.get(key) for key in DECISIVE] == [content.get(key) for key in DECISIVE], bit
            accepted += 1
    assert accepted > 0  # the folder of the photos, versions of libraries: nothing that counts


@pytest.mark.parametrize("every", [pytest.param(41, marks=pytest.mark.release), 499])
def test_resumed_with_a_bit_of_its_description_flipped_it_ends_with_the_same_weights_or_is_refused(
    stopped, finished, data, tmp_path, threads, every
):
    ended = 0
    for bit in flipped(Path(shutil.copytree(stopped, tmp_path / "first")) / "run.json", every):
        folder = Path(shutil.copytree(tmp_path / "first", tmp_path / str(bit)))
        with refused:
            source, model, arguments, config, _ = read_description(folder)
            assert run_training(folder, source, model, config, arguments=arguments, resume=True)
            assert sha256(folder / "model.safetensors") == sha256(finished / "model.safetensors"), bit
            ended += 1
        shutil.rmtree(folder)
    assert ended > 0


@EVERY
def test_with_any_bit_of_its_state_flipped_a_checkpoint_is_used_as_it_was_or_the_one_before_it(
    stopped, tmp_path, every
):
    def restored():
        again = TrainingState.start(copy.deepcopy(model), CONFIG)
        assert restore_state(folder, again)
        return again

    def numbers(state):
        weights = [*state.model.state_dict().values(), *state.ema.state_dict().values(), state.generator.get_state()]
        return [*weights, *(value for each in state.optimizer.state.values() for value in each.values())]

    folder = Path(shutil.copytree(stopped / "checkpoints", tmp_path / "checkpoints"))
    model = load_model("srcnn")
    newest = restored()
    (folder / "step-000004").rename(tmp_path / "newest")
    states = {4: newest, 2: restored()}
    assert states[2].step == 2
    used = []
    for bit in flipped(tmp_path / "newest" / "state.json", every):
        shutil.copytree(tmp_path / "newest", folder / "step-000004")
        state = restored()
        for one, other in zip(numbers(state), numbers(states[state.step]), strict=True):
            assert torch.equal(one, other), bit
        assert (folder / "step-000004").exists() is (state.step == 4)
        shutil.rmtree(folder / "step-000004", ignore_errors=True)
        used.append(state.step)
    assert used.count(2) > 0.9 * len(used)


@EVERY
def test_with_any_bit_of_its_card_flipped_a_network_is_the_same_or_refused(finished, tmp_path, every):
    for name in ("model.json", "model.safetensors"):
        shutil.copy(finished / name, tmp_path)
    path = tmp_path / "model.json"
    card = json.loads(path.read_text())
    for bit in flipped(path, every):
        with refused:
            model = load_model(tmp_path / "model.safetensors")
            assert (model.name, model.arguments) == ("srcnn", load_model(finished).arguments), bit
            assert [model.card.get(key) for key in DECISIVE] == [card.get(key) for key in DECISIVE], bit
        with refused:
            assert read_description(path)[1:4] == read_description(finished)[1:4], bit


@EVERY
def test_with_any_bit_of_its_log_flipped_a_run_goes_on_with_all_the_other_lines(stopped, tmp_path, every):
    path = Path(shutil.copy(stopped / "metrics.jsonl", tmp_path))
    content = path.read_bytes()
    lines = content.decode().splitlines()
    for bit in flipped(path, every):
        Log(path, kept=4)
        kept = path.read_text().splitlines()
        assert [json.loads(line)["step"] for line in kept] == sorted({json.loads(line)["step"] for line in kept})
        hit = content[: bit // 8].count(b"\n")  # the line that the bit was in, and if it ended it, the next one too
        lost = lines[hit : hit + 1 + (content[bit // 8] == ord("\n"))]
        assert set(lines) - set(lost) <= set(kept), bit


@EVERY
def test_with_any_bit_of_its_card_flipped_a_set_is_the_same_or_refused(data, tmp_path, every):
    folder = Path(shutil.copytree(data, tmp_path / "set"))
    before = load_faces(folder)
    for bit in flipped(folder / "card.json", every):
        with refused:
            faces = load_faces(folder)
            assert np.array_equal(faces.images, before.images), bit
            assert faces.people.tolist() == before.people.tolist(), bit
            assert faces.names == before.names, bit


# Types ----------------------------------------------------------------------------------------------------------------

COUNT = pytest.mark.parametrize("count", [pytest.param(3000, marks=pytest.mark.release), 60])
LARGE = st.sampled_from([2**62, 2**63, 10**30, -(10**30), 1e-300, 1e300])
NUMBERS = st.one_of(st.integers(-3, 100), st.floats(), LARGE)
KNOWN = st.sampled_from(["bicubic", "cosine", "linear", "l2", "nie", "mean", "muon", "bf16", "none", "true", "3"])
WORDS = st.one_of(st.text(max_size=8), KNOWN)
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, WORDS)
NESTED = st.one_of(LEAVES, st.lists(LEAVES, max_size=3), st.dictionaries(WORDS, LEAVES, max_size=3))
VALUES = st.one_of(NESTED, st.lists(NESTED, max_size=3), st.dictionaries(WORDS, NESTED, max_size=3))
TYPES = get_type_hints(TrainingConfig)
FIELDS = st.sampled_from(sorted(TYPES))


def every_case(count, **strategies):
    """Call a function with so many values of the strategies; in make test with the same ones each time."""

    def call(test):
        many = settings(max_examples=count, deadline=None, database=None, derandomize=count < 1000)
        many(given(**strategies)(test))()

    return call


def has_the_types_of_its_fields(config):
    """Each field, by its annotation as it is written; a boolean is no number."""
    for name, kind in TYPES.items():
        value = getattr(config, name)
        if kind == tuple[int, ...]:
            assert type(value) is tuple
            assert {type(each) for each in value} == {int}
        else:
            assert type(value) in (get_args(kind) or (kind,)), name


@COUNT
def test_any_value_in_any_field_is_refused_or_has_the_fields_type(unchecked, count):
    @every_case(count, field=FIELDS, value=VALUES, as_text=st.booleans())
    def _(field, value, as_text):
        with refused:
            if as_text:
                config, _ = apply_settings(CONFIG, {}, [f"{field}={value}"])
            else:
                config = read_config({**as_stored(dataclasses.asdict(CONFIG)), field: value})
            has_the_types_of_its_fields(config)
            assert read_config(as_stored(dataclasses.asdict(config))) == config
        with refused:  # as a program gives it
            dataclasses.replace(CONFIG, **{field: value})


FITTING = {  # values that mostly pass, by the type of a field
    int: st.integers(-1, 30) | LARGE,
    float: st.floats(0, 1) | NUMBERS,
    bool: st.booleans(),
    str: KNOWN,
    dict: st.dictionaries(KNOWN, NUMBERS, max_size=1),
    tuple[int, ...]: st.lists(st.integers(1, 30), max_size=3),
}


@COUNT
def test_what_a_configuration_lets_pass_can_be_trained_or_is_refused(unchecked, data, tmp_path, count):
    trained, quick = [], TYPES.keys() - {"compile"}  # which takes half a minute
    fitting = {name: FITTING[kind if kind in FITTING else get_args(kind)[0]] for name, kind in TYPES.items()}
    few = st.sets(st.sampled_from(sorted(quick)), min_size=1, max_size=2)
    changes = few.flatmap(lambda names: st.fixed_dictionaries({name: fitting[name] for name in sorted(names)}))

    @every_case(count // 3, changes=changes)
    def _(changes):
        with refused:
            config = read_config({**as_stored(dataclasses.asdict(CONFIG)), **changes})
            run_training(tmp_path / "run", str(data), "srcnn", config, stop_after=2)
            run_training(tmp_path / "run", str(data), "srcnn", config, resume=True, stop_after=3)
            trained.append(changes)
        shutil.rmtree(tmp_path / "run", ignore_errors=True)

    assert len(trained) > 0.05 * count


def places(content, above=()):
    """Every place for a value in nested dicts and lists."""
    for key, value in content.items() if isinstance(content, dict) else enumerate(content):
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from places(value, (*above, key))


def put(content, place, value):
    """A copy with another value at a place."""
    changed = copy.deepcopy(content)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return changed


@COUNT
@pytest.mark.parametrize("sealed", [True, False])
def test_any_value_anywhere_in_a_card_is_refused_or_changes_nothing_that_counts(
    unchecked, finished, data, tmp_path, threads, count, sealed
):
    """Without its hash, as in a card that an older version wrote, only what fits into its place passes."""
    for name in ("model.json", "model.safetensors"):
        shutil.copy(finished / name, tmp_path)
    path = tmp_path / "model.json"
    card = json.loads(path.read_text())
    if not sealed:
        del card["card_sha256"]
    network, passed = load_model(finished).state_dict(), []

    @every_case(count, place=st.sampled_from(list(places(card))), value=VALUES)
    def _(place, value):
        path.write_text(json.dumps(put(card, place, value)))
        with refused:
            model = load_model(tmp_path / "model.safetensors")
            assert all(torch.equal(model.state_dict()[key], network[key]) for key in network)
            if sealed:
                assert [model.card.get(key) for key in DECISIVE] == [card.get(key) for key in DECISIVE]
        with refused:
            _, name, arguments, config, content = read_description(path)
            has_the_types_of_its_fields(config)
            if sealed:
                assert [content.get(key) for key in DECISIVE] == [card.get(key) for key in DECISIVE]
            run_training(tmp_path / "run", str(data), name, config, arguments=arguments, like=content, stop_after=1)
            passed.append(place)
        shutil.rmtree(tmp_path / "run", ignore_errors=True)

    assert len(passed) > 0.05 * count


@COUNT
def test_any_value_anywhere_in_a_description_is_refused_or_the_run_goes_on(
    unchecked, stopped, data, tmp_path, threads, count
):
    content = json.loads((stopped / "run.json").read_text())
    del content["settings_sha256"]  # as an older version wrote it
    passed = []

    @every_case(count // 3, place=st.sampled_from(list(places(content))), value=VALUES)
    def _(place, value):
        folder = Path(shutil.copytree(stopped, tmp_path / "run"))
        (folder / "run.json").write_text(json.dumps(put(content, place, value)))
        with refused:
            _, name, arguments, config, _ = read_description(folder)
            run_training(folder, str(data), name, config, arguments=arguments, resume=True, stop_after=5)
            passed.append(place)
        shutil.rmtree(folder)

    assert passed


@COUNT
def test_any_value_anywhere_in_a_prepared_set_is_refused_or_can_be_trained_on(unchecked, data, tmp_path, count):
    """Sealed again, as if it had been prepared like that."""
    card = json.loads((data / "card.json").read_text())
    rows = (data / "faces.csv").read_bytes().decode().split("\r\n")
    cells = [(i, k) for i, row in enumerate(rows) for k in range(len(row.split(",")))]
    header, passed = (data / "images.npy").read_bytes()[:128], []

    @every_case(
        count,
        place=st.none() | st.sampled_from(list(places(card))),
        value=VALUES,
        cell=st.none() | st.sampled_from(cells),
        text=st.text(max_size=5) | st.sampled_from(['"', ",", "\n", "\0", "00"]),
        byte=st.none() | st.integers(0, len(header) - 1),
        other=st.integers(0, 255),
    )
    def _(place, value, cell, text, byte, other):
        for name in ("set", "run"):
            shutil.rmtree(tmp_path / name, ignore_errors=True)
        folder = Path(shutil.copytree(data, tmp_path / "set"))
        if cell is not None:
            changed = [row.split(",") for row in rows]
            changed[cell[0]][cell[1]] = text
            content = "\r\n".join(map(",".join, changed)).encode("utf-8", "surrogatepass")
            (folder / "faces.csv").write_bytes(content)
        if byte is not None:
            with (folder / "images.npy").open("r+b") as handle:
                handle.seek(byte)
                handle.write(bytes([other]))
        hashes = {
            f"{name}_sha256": sha256(folder / file) for name, file in (("images", "images.npy"), ("faces", "faces.csv"))
        }
        content = {**card, **hashes} if place is None else put({**card, **hashes}, place, value)
        (folder / "card.json").write_text(json.dumps(content))
        with refused:
            faces = load_faces(folder)
            assert faces.images.shape[0] == len(faces.people) == len(faces.names)
            assert (faces.images.dtype, faces.people.dtype) == (np.uint8, np.int64)
            run_training(tmp_path / "run", str(folder), "srcnn", CONFIG, stop_after=1)
            evaluate({"bicubic": create_model("bicubic")}, people_for_training(faces, hold_out=False)[0][:2], (2,))
            passed.append(place)

    assert len(passed) > 0.05 * count
