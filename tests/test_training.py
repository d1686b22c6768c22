"""Algorithm 1: its steps by hand, its learning rate, what a seed fixes, and that it learns."""

import copy
import dataclasses
import json
import math
import shutil

import numpy as np
import pytest
import torch
from torch import nn

from mffcn_lite.data import FaceSet
from mffcn_lite.losses import total_variation
from mffcn_lite.models import SuperResolver, create_model
from mffcn_lite.training import RECIPES, TrainingConfig, TrainingState, learning_rate, loop, recipe_for, train
from mffcn_lite.training.config import read_config

SMALL = TrainingConfig(
    steps=8, batch=3, crop=12, flip=True, reduction="mean", lr=1e-3, schedule="cosine", warmup=2, clip=0.5, ema=0.7
)


@pytest.fixture(scope="module")
def faces():
    """Six smooth photos of 20×18 pixels."""
    noise = torch.from_numpy(np.random.default_rng(0).random((6, 1, 5, 5)))
    photos = nn.functional.interpolate(noise, size=(20, 18), mode="bicubic").clamp(0, 1)
    return FaceSet((photos * 255).round().byte().numpy(), np.arange(6), [str(i) for i in range(6)], {})


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def trained(faces, config, **options):
    torch.manual_seed(config.seed)
    return train(create_model("mffcn", width=4, depth=3), faces, config, **options)


# ------------------------------------------------------------------------------------------------ by hand


class Gain(SuperResolver):
    """One weight: the photo times it."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.5, dtype=torch.float32))

    def forward(self, blurred):
        return self.weight * blurred


@pytest.mark.slow
@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("share", [None, 0.85])
def test_the_first_steps_are_adams_worked_by_hand(reduction, share):
    # Flat photos of the level c stay as they are when blurred, so with the model w·x the paper's term is
    # V = (w − 1)² c² H·W a photo, and its derivative 2 (w − 1) c² H·W; Adam as in Kingma and Ba, algorithm 1.
    level, side = 153 / 255, 6
    flat = FaceSet(np.full((4, 1, side, side), 153, np.uint8), np.arange(4), list("abcd"), {})
    pixels = side * side if reduction == "sum" else 1
    # Adam does not see a gradient's scale: a clip shows where it meets some steps, here the first two, and not others.
    clip = None if share is None else share * level**2 * pixels
    config = TrainingConfig(steps=4, batch=3, reduction=reduction, clip=clip, lr=0.1, warmup=1)
    w, m, v, expected, losses = 0.5, 0.0, 0.0, [], []
    for t in range(1, 5):
        losses.append((w - 1) ** 2 * level**2 * pixels)
        g = 2 * (w - 1) * level**2 * pixels
        if clip is not None:
            g = math.copysign(min(abs(g), clip), g)
        m, v = 0.5 * m + 0.5 * g, 0.999 * v + 0.001 * g * g
        rate = 0.05 if t == 1 else 0.1  # warmup=1: half the rate at the first step
        w -= rate * (m / (1 - 0.5**t)) / (math.sqrt(v / (1 - 0.999**t)) + 1e-8)
        expected.append(w)
    seen = []
    model = Gain()
    train(model, flat, config, on_step=lambda state, terms: seen.append((model.weight.item(), terms["l2"].item())))
    np.testing.assert_allclose([value for value, _ in seen], expected, rtol=2e-5)
    np.testing.assert_allclose([loss for _, loss in seen], losses, rtol=2e-4, atol=1e-9)


def test_the_moving_average_is_the_sum_worked_out_by_itself(faces):
    history = []
    state = trained(faces, SMALL, on_step=lambda state, terms: history.append(weights(state.model).double()))
    average = history[0]
    for later in history[1:]:
        average = 0.7 * average + 0.3 * later
    assert state.best is state.ema.module
    torch.testing.assert_close(weights(state.best).double(), average, rtol=1e-5, atol=1e-7)
    assert (weights(state.best) - weights(state.model)).abs().max() > 1e-5


def test_without_a_moving_average_the_model_itself_is_kept(faces):
    state = trained(faces, dataclasses.replace(SMALL, ema=None))
    assert state.best is state.model


# ------------------------------------------------------------------------------------------ configuration


def test_the_recipe_paper_is_the_papers():
    paper = RECIPES["paper"]
    assert paper == TrainingConfig()
    assert (paper.batch, paper.lr, paper.beta1, paper.beta2) == (10, 1e-4, 0.5, 0.999)
    assert (paper.factors, paper.crop, paper.reduction, paper.schedule) == ((2, 3, 4), None, "sum", "constant")
    assert (paper.flip, paper.warmup, paper.clip, paper.ema) == (False, 0, None, None)
    assert [learning_rate(paper, step) for step in (0, 1, paper.steps - 1)] == [1e-4] * 3


def test_the_recipe_paper_has_the_loss_that_the_paper_gives_each_system():
    """Equations (2), (1) and (3); the other recipes have L2, and Nie et al.'s half of it."""
    losses = {name: recipe_for(name, "paper").loss for name in ("mffcn", "nie", "srcnn", "fsrcnn")}
    assert losses == {"mffcn": "objective", "nie": "nie", "srcnn": "l2", "fsrcnn": "l2"}
    assert recipe_for("mffcn", "paper").objective == {"features": "vgg19-imagenet"}
    for recipe in ("paper-l2", "fast", "quick"):
        assert [recipe_for(name, recipe).loss for name in losses] == ["l2", "nie", "l2", "l2"]
        assert recipe_for("mffcn", recipe).objective == {}
    whole, alone = (dataclasses.asdict(recipe_for("mffcn", recipe)) for recipe in ("paper", "paper-l2"))
    assert {key for key in whole if whole[key] != alone[key]} == {"loss", "objective"}


def test_the_optimizer_is_adam_with_the_configurations_constants():
    state = TrainingState.start(Gain(), TrainingConfig())
    assert type(state.optimizer) is torch.optim.Adam
    (group,) = state.optimizer.param_groups
    assert (group["lr"], group["betas"], group["eps"], group["weight_decay"]) == (1e-4, (0.5, 0.999), 1e-8, 0)
    assert not group["amsgrad"]


def test_learning_rate_has_the_values_worked_by_hand():
    config = TrainingConfig(steps=100, lr=0.4, warmup=3)
    assert [learning_rate(config, s) for s in range(5)] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4])
    config = TrainingConfig(steps=100, lr=0.4, schedule="cosine")
    assert [learning_rate(config, s) for s in (0, 50, 100)] == pytest.approx([0.4, 0.2, 0.0])
    assert learning_rate(config, 25) == pytest.approx(0.2 * (1 + math.sqrt(0.5)))


def test_a_linear_schedule_holds_the_rate_and_then_falls():
    config = TrainingConfig(steps=10, lr=0.4, schedule="linear", hold=0.5)
    assert [learning_rate(config, s) for s in (0, 5, 6, 9)] == pytest.approx([0.4, 0.4, 0.32, 0.08])


def test_learning_rate_is_that_of_torchs_schedulers():
    config = TrainingConfig(steps=30, lr=0.3, schedule="cosine")
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=30)
    for step in range(30):
        assert learning_rate(config, step) == pytest.approx(scheduler.get_last_lr()[0], abs=1e-9)
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"steps": -1},
        {"batch": 0},
        {"lr": 0.0},
        {"lr": -1.0},
        {"lr": math.nan},
        {"lr": math.inf},
        {"checkpoint_every": 0},
        {"schedule": "wave"},
        {"optimizer": "soap"},
        {"momentum": -0.1},
        {"hold": 1.0},
        {"factors": ()},
        {"factors": (2, 1)},
        {"beta1": 1.0},
        {"beta1": -0.1},
        {"beta1": math.nan},
        {"beta2": 1.5},
        {"ema": 1.5},
        {"ema": -0.5},
        {"ema": math.nan},
        {"warmup": -1},
        {"clip": -1.0},
        {"clip": 0.0},
        {"clip": math.nan},
        {"validate_every": -1},
        {"kernel": "foo"},
        {"reduction": "foo"},
        {"loss": "foo"},
        {"precision": "fp8"},
        {"compile": "yes"},
        {"objective": {"banana": 1}},
        {"objective": {"tv": 1.0}},
        {"seed": 10**20},
        {"seed": -(10**20)},
        {"seed": "0"},
        {"lr": 1e300},
        {"crop": "x"},
        {"crop": 2.0},
        {"crop": True},
        {"steps": True},
        {"flip": "no"},
        {"flip": 1},
        {"channels_last": None},
        {"factors": 2},
        {"factors": "23"},
        {"factors": (2, True)},
        {"objective": None},
        {"objective": ["tv"]},
        {"kernel": ["bicubic"]},
    ],
    ids=lambda wrong: "{}={}".format(*next(iter(wrong.items()))),
)
def test_a_setting_out_of_range_is_refused_before_anything_starts(refuses, wrong):
    (name,) = wrong
    refuses(lambda: TrainingConfig(**wrong), name)


def test_an_objective_that_cannot_be_made_is_one_sentence(faces, refuses):
    for objective in ({"layer": "conv1_1"}, {"features": "vgg20"}, {"l2": "much"}, {"l2": -1.0}, {}):
        config = TrainingConfig(loss="objective", objective=objective, steps=1)
        refuses(lambda config=config: train(Gain(), faces, config), "")


def test_the_objective_is_the_sum_that_it_says(faces):
    weights_of = {"l2": 3.0, "perceptual": 0.0, "texture": 0.0, "tv": 0.5, "reduction": "mean"}
    config = dataclasses.replace(SMALL, loss="objective", objective=weights_of, steps=2, factors=(3,), crop=None)
    seen, given = [], []
    model = Gain()
    model.register_forward_hook(lambda module, inputs, output: given.append((inputs[0], output.detach())))
    train(model, faces, config, on_step=lambda state, terms: seen.append(terms))
    assert [list(terms) for terms in seen] == [["l2", "tv"]] * 2
    for terms, (_, sr) in zip(seen, given, strict=True):
        torch.testing.assert_close(terms["tv"], 0.5 * total_variation(sr, "mean"))


def test_features_are_made_by_their_name_and_reach_the_weights(faces):
    terms = {"l2": 0.0, "tv": 0.0, "texture": 0.0, "features": "random", "layer": "conv1_1"}
    before = Gain().weight.item()
    config = TrainingConfig(steps=1, batch=2, loss="objective", objective=terms)
    state = train(Gain(), faces, config, on_step=lambda state, terms: list(terms) != ["perceptual"])
    assert state.step == 1
    assert state.model.weight.item() != before


def test_bf16_is_the_same_training_but_for_rounding(faces):
    plain = trained(faces, SMALL)
    half = trained(faces, dataclasses.replace(SMALL, precision="bf16"))
    apart = (weights(half.model) - weights(plain.model)).abs().max()
    assert 0 < apart < 5e-3


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.skipif(torch.__version__ < "2.5", reason="PyTorch 2.4 can't compile the checks of shapes in these tests")
def test_a_compiled_training_is_the_same_but_for_rounding(faces, unchecked):
    plain, compiled = trained(faces, SMALL), trained(faces, dataclasses.replace(SMALL, compile="default"))
    torch.testing.assert_close(weights(compiled.model), weights(plain.model), rtol=0, atol=1e-4)


def test_cuda_graphs_are_chosen_for_a_long_training_on_a_gpu_where_they_can_be_had(monkeypatch):
    long, cuda, cpu = recipe_for("mffcn", "quick"), torch.device("cuda"), torch.device("cpu")
    monkeypatch.setattr(loop, "compile_fault", lambda mode, device: None)
    assert loop.compile_mode(long, cuda) == "reduce-overhead"
    assert loop.compile_mode(long, cpu) is None
    assert loop.compile_mode(dataclasses.replace(long, steps=loop.LONG - 1), cuda) is None
    assert loop.compile_mode(dataclasses.replace(long, compile=None), cuda) is None
    assert loop.compile_mode(dataclasses.replace(long, compile="default"), cpu) == "default"
    monkeypatch.setattr(loop, "compile_fault", lambda mode, device: "no C++ compiler found")
    assert loop.compile_mode(long, cuda) is None


def test_where_compiling_fails_it_is_known_why(monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("no C++ compiler found\nand much more")

    monkeypatch.setattr(torch, "compile", broken)
    assert loop.compile_fault("default", torch.device("cpu")) == "no C++ compiler found"
    monkeypatch.setattr(torch, "compile", lambda function, mode: function)
    assert loop.compile_fault("default", torch.device("cpu")) is None


@pytest.mark.gpu
@pytest.mark.parametrize(
    "options", [{}, {"precision": "bf16"}, {"compile": "reduce-overhead"}, {"channels_last": True}]
)
def test_a_training_on_a_gpu_is_the_one_on_a_cpu_but_for_rounding(faces, unchecked, options):
    torch.manual_seed(SMALL.seed)
    model = create_model("mffcn", width=4, depth=3)
    cpu = train(copy.deepcopy(model), faces, SMALL)
    gpu = train(model.to("cuda"), faces, dataclasses.replace(SMALL, **options))
    assert (weights(gpu.model).cpu() - weights(cpu.model)).abs().max() < 5e-3


def test_a_configuration_has_the_types_of_its_fields(unchecked):
    """Whatever a program or a file gives: a card can be written, and Adam takes no 0 for 0.0."""
    given = {
        "steps": np.int64(5),
        "lr": np.float32(0.5),
        "beta1": 0,
        "clip": 1,
        "crop": np.uint8(9),
        "factors": [2, np.int8(3)],
    }
    config = TrainingConfig(**given)
    found = {name: getattr(config, name) for name in given}
    assert found == {"steps": 5, "lr": 0.5, "beta1": 0.0, "clip": 1.0, "crop": 9, "factors": (2, 3)}
    assert [type(value) for value in found.values()] == [int, float, float, float, int, tuple]
    assert read_config(json.loads(json.dumps(dataclasses.asdict(config)))) == config


def test_a_field_that_a_card_lacks_has_its_default_and_one_that_there_is_not_is_refused(refuses):
    assert read_config({"steps": 7}) == TrainingConfig(steps=7)
    refuses(lambda: read_config({"steps": 7, "banana": 1}), "config has no 'banana'", "steps, batch, factors")
    for nothing in (None, [], "steps", 3):
        refuses(lambda nothing=nothing: read_config(nothing), "config (=", "must be names with values")


def test_a_configuration_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        SMALL.steps = 3


# ------------------------------------------------------------------------------------- seeds and stopping


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(faces):
    first, again = trained(faces, SMALL), trained(faces, SMALL)
    torch.rand(7)  # what others draw does not matter
    other = trained(faces, dataclasses.replace(SMALL, seed=1))
    assert torch.equal(weights(first.model), weights(again.model))
    assert torch.equal(weights(first.best), weights(again.best))
    assert not torch.equal(weights(first.model), weights(other.model))


def test_the_draws_come_from_the_states_generator_alone(faces):
    start = create_model("mffcn", width=4, depth=3)
    runs = []
    for global_seed in (0, 1):
        torch.manual_seed(global_seed)
        runs.append(weights(train(copy.deepcopy(start), faces, SMALL).model))
    assert torch.equal(*runs)
    other = train(copy.deepcopy(start), faces, dataclasses.replace(SMALL, seed=1))
    assert not torch.equal(weights(other.model), runs[0])


@pytest.mark.parametrize("config", [SMALL, TrainingConfig(steps=8, batch=2, lr=1e-3)], ids=["all", "paper"])
@pytest.mark.parametrize("stop", [1, 5])
def test_stopped_and_gone_on_equals_uninterrupted(faces, config, stop):
    whole = trained(faces, config)
    state = trained(faces, config, stop_after=stop)
    assert state.step == stop
    state = train(state.model, faces, config, state=state)
    assert state.step == whole.step == config.steps
    assert torch.equal(weights(state.model), weights(whole.model))
    assert torch.equal(weights(state.best), weights(whole.best))


def test_it_stops_where_on_step_says_so_and_calls_it_once_a_step(faces):
    steps = []

    def on_step(state, terms):
        assert not terms["l2"].requires_grad
        steps.append(state.step)
        return state.step == 3

    state = trained(faces, SMALL, on_step=on_step)
    assert steps == [1, 2, 3]
    assert state.step == 3
    assert trained(faces, SMALL, stop_after=100).step == SMALL.steps


def test_the_model_is_in_training_mode_while_it_learns(faces):
    model = create_model("mffcn", width=4, depth=3).eval()
    modes = []
    train(model, faces, SMALL, stop_after=1, on_step=lambda state, terms: modes.append(model.training))
    assert modes == [True]


def test_channels_last_changes_the_layout_and_no_more_than_rounding(faces):
    plain = trained(faces, SMALL)
    state = trained(faces, dataclasses.replace(SMALL, channels_last=True))
    kernel = state.model.layers[1].branches[2].weight
    assert kernel.is_contiguous(memory_format=torch.channels_last)
    assert not kernel.is_contiguous()
    torch.testing.assert_close(weights(state.model), weights(plain.model), rtol=0, atol=1e-4)
