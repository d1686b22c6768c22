"""How a network is trained: the configuration, the recipes, and the learning rate of each step (chapter 15)."""

import math
from dataclasses import dataclass, field, replace
from typing import get_args, get_type_hints

from mffcn_lite.degrade import KERNEL_NAMES
from mffcn_lite.errors import MffcnLiteError, check_number, check_numbers, check_type, check_types, check_word
from mffcn_lite.losses import LOSSES
from mffcn_lite.losses.objective import FEATURES, OPTIONS, TERMS
from mffcn_lite.models import system_class

COMPILE = (None, "auto", "default", "reduce-overhead", "max-autotune")


@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained. The defaults are the paper's, but L2 alone; "silent" marks what it leaves open."""

    steps: int = 100_000  # t_max; silent
    batch: int = 10  # m
    factors: tuple[int, ...] = (2, 3, 4)  # one is drawn for each batch
    mixed: bool = False  # or one is drawn for the first photo of a batch, and the others take the next in turn
    kernel: str = "bicubic"  # of the down-sampling and the enlarging; silent
    crop: int | None = None  # the side of a random square; None: whole photos; silent
    flip: bool = False  # mirror half of the photos; silent
    loss: str = "l2"  # the L2 term alone; or "nie", equation (1); or "objective", equations (2) and (6)
    objective: dict = field(default_factory=dict)  # arguments of `losses.Objective` and `create_features`
    reduction: str = "sum"  # of a loss over a photo's pixels; silent
    lr: float = 1e-4
    optimizer: str = "adam"  # or "muon" on the kernels, with Adam on the rest
    beta1: float = 0.5  # of Adam
    beta2: float = 0.999
    momentum: float = 0.95  # of Muon
    schedule: str = "constant"  # or "cosine" or "linear", falling to 0 at the last step; silent
    hold: float = 0.0  # the share of the steps before a linear schedule begins to fall
    warmup: int = 0  # steps over which the learning rate rises from 0; silent
    clip: float | None = None  # largest norm of the gradient; silent
    ema: float | None = None  # decay of the moving average of the weights that is kept; silent
    # These change speed and rounding, not the algorithm.
    channels_last: bool = True  # memory format of the weights: up to 1.6 times faster on a CPU (make bench)
    precision: str = "tf32"  # of a GPU's convolutions, or "float32"; or "bf16" (autocast; the weights stay float32)
    compile: str | None = None  # a mode of torch.compile: "default", or "reduce-overhead", which is CUDA graphs;
    # "auto" is CUDA graphs for a long training on a GPU, and else nothing
    seed: int = 0
    checkpoint_every: int = 1000  # steps
    validate_every: int = 0  # steps; above 0, an eighth of the training people is held out for it

    def __post_init__(self):
        for name, kind in get_type_hints(type(self)).items():
            value = getattr(self, name)
            check_type(name, value, kind)
            plain, *_ = get_args(kind) or (kind,)
            if plain in (int, float) and value is not None:  # 0 may stand for 0.0, and a number may be NumPy's
                plain_value = tuple(map(plain, value)) if isinstance(value, tuple | list) else plain(value)
                object.__setattr__(self, name, plain_value)
        for name in ("steps", "batch", "checkpoint_every"):
            check_number(name, getattr(self, name), at_least=1, whole=True)
        for name in ("warmup", "validate_every"):
            check_number(name, getattr(self, name), at_least=0, whole=True)
        for name in ("lr", "clip"):  # a step of a larger rate is no number in 32 bits
            check_number(name, getattr(self, name), above=0, at_most=1e30, none=name == "clip")
        for name in ("beta1", "beta2", "momentum", "hold", "ema"):
            check_number(name, getattr(self, name), at_least=0, below=1, none=name == "ema")
        check_numbers("factors", self.factors, at_least=2, whole=True)
        words = {
            "optimizer": ("adam", "muon"),
            "schedule": ("constant", "cosine", "linear"),
            "reduction": ("sum", "mean"),
            "kernel": KERNEL_NAMES,
        }
        words |= {"loss": tuple(LOSSES), "precision": ("float32", "tf32", "bf16"), "compile": COMPILE}
        for name, choices in words.items():
            check_word(name, getattr(self, name), choices)
        known = {*TERMS, *OPTIONS, *FEATURES}
        if unknown := sorted(set(self.objective) - known):
            raise MffcnLiteError(f"objective has no {unknown[0]}; it has {', '.join(sorted(known))}")
        if self.objective and self.loss != "objective":
            raise MffcnLiteError(
                f"objective is set, and loss (={self.loss!r}) does not use it; set loss=objective too (the paper's "
                "settings with L2 alone are the recipe paper-l2)"
            )


PAPER_FEATURES = "vgg19-imagenet"  # φ of the paper's objective
RECIPES = {
    "paper": TrainingConfig(),  # with the loss that the paper gives each system: MFFCN has its objective
    "paper-l2": TrainingConfig(),  # the same settings with L2 alone, or Nie et al.'s half of it
    # Chosen on validation people (experiments/recipe_trials.py): whole photos, since a crop's borders, padded
    # with zeros, are a large part of it and none of what the network will meet.
    "fast": TrainingConfig(
        steps=40_000,
        batch=3,
        flip=True,
        reduction="mean",
        lr=2e-3,
        beta1=0.9,
        schedule="cosine",
        warmup=200,
        clip=0.02,
        ema=0.999,
    ),
    # Searched on other people, with as many trials for Adam as for Muon (experiments/speed_trials.py); then Muon's rate
    # and the number of steps, on the same people (experiments/speed_lengths.py).
    "quick": TrainingConfig(
        steps=8000,
        batch=3,
        mixed=True,
        flip=True,
        reduction="mean",
        lr=5e-3,
        optimizer="muon",
        beta1=0.9,
        schedule="linear",
        warmup=50,
        clip=0.02,
        ema=0.99,
        compile="auto",
    ),
}


def recipe_for(model: str, recipe: str = "quick") -> TrainingConfig:
    """The recipe by its name for the system `model`, with the system's own loss; "paper" with that of the paper.

    Raises:
        MffcnLiteError: for an unknown recipe or system.
    """
    if recipe not in RECIPES:
        raise MffcnLiteError(f'unknown recipe "{recipe}"; choose one of {", ".join(RECIPES)}')
    chosen = system_class(model)
    loss = (chosen.paper_loss if recipe == "paper" else None) or chosen.loss
    objective = {"features": PAPER_FEATURES} if loss == "objective" else {}
    return replace(RECIPES[recipe], loss=loss, objective=objective)


def read_config(stored: object) -> TrainingConfig:
    """The configuration that a card or a run's `run.json` holds, where lists stand for tuples.

    A field that it lacks is newer than it, and has its default.

    Raises:
        MffcnLiteError: if it is none, has a field that there is not, or a value of another type or out of range.
    """
    check_type("config", stored, dict)
    check_types("config", get_type_hints(TrainingConfig), stored)
    return TrainingConfig(**{key: tuple(value) if isinstance(value, list) else value for key, value in stored.items()})


def learning_rate(config: TrainingConfig, step: int) -> float:
    """The learning rate of step `step` (from 0): a pure function, so that resuming needs no state for it."""
    rate = config.lr * min(1.0, (step + 1) / (config.warmup + 1))
    done = step / config.steps
    if config.schedule == "cosine":
        return rate * 0.5 * (1 + math.cos(math.pi * done))
    if config.schedule == "linear":
        return rate * min(1.0, (1 - done) / (1 - config.hold))
    return rate
