"""Algorithm 1: the loop and its configuration (chapter 15). No files and no terminal here; see `runs`."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mffcn_lite.data import FaceSet
from mffcn_lite.degrade import KERNEL_NAMES
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.losses import LOSSES
from mffcn_lite.sampling import Sampler


@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained. The defaults are the paper's; "silent" marks what it leaves open."""

    steps: int = 100_000  # t_max; silent
    batch: int = 10  # m
    factors: tuple[int, ...] = (2, 3, 4)  # one is drawn for each batch
    kernel: str = "bicubic"  # of the down-sampling and the enlarging; silent
    crop: int | None = None  # the side of a random square; None: whole photos; silent
    flip: bool = False  # mirror half of the photos; silent
    loss: str = "l2"  # or "nie", equation (1)
    reduction: str = "sum"  # of the L2 term over a photo's pixels; silent
    lr: float = 1e-4
    beta1: float = 0.5
    beta2: float = 0.999
    schedule: str = "constant"  # or "cosine", falling to 0 at the last step; silent
    warmup: int = 0  # steps over which the learning rate rises from 0; silent
    clip: float | None = None  # largest norm of the gradient; silent
    ema: float | None = None  # decay of the moving average of the weights that is kept; silent
    channels_last: bool = False  # memory format of the weights: changes speed, and rounding
    seed: int = 0
    checkpoint_every: int = 1000  # steps
    validate_every: int = 0  # steps; above 0, an eighth of the training people is held out for it

    def __post_init__(self):
        # NaN compares false, so each test is for what is allowed.
        for name in ("steps", "batch", "checkpoint_every", "lr", "clip"):
            if (value := getattr(self, name)) is not None and not 0 < value < math.inf:
                raise MffcnLiteError(f"{name} (={value}) must be above 0 and finite")
        for name in ("warmup", "validate_every"):
            if not getattr(self, name) >= 0:
                raise MffcnLiteError(f"{name} (={getattr(self, name)}) must be at least 0")
        for name in ("beta1", "beta2", "ema"):
            if (value := getattr(self, name)) is not None and not 0 <= value < 1:
                raise MffcnLiteError(f"{name} (={value}) must be at least 0 and below 1")
        names = {"schedule": ("constant", "cosine"), "reduction": ("sum", "mean"), "kernel": KERNEL_NAMES}
        names["loss"] = tuple(LOSSES)
        for name, choices in names.items():
            if getattr(self, name) not in choices:
                raise MffcnLiteError(f'{name} (="{getattr(self, name)}") must be one of {", ".join(choices)}')
        if not self.factors or min(self.factors) < 2:
            raise MffcnLiteError(f"factors (={self.factors}) must be whole numbers of at least 2")
        if not -(2**63) <= self.seed < 2**63:
            raise MffcnLiteError(f"seed (={self.seed}) must fit into 64 bits")


RECIPES = {
    "paper": TrainingConfig(),
    # Chosen on validation people (benchmarks/recipe_trials.py): whole photos, since a crop's borders, padded with
    # zeros, are a large part of it and none of what the network will meet.
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
}


def recipe_for(model: str, recipe: str = "fast") -> TrainingConfig:
    """The recipe by its name for the system `model`: with equation (1) where that is the system's loss.

    Raises:
        MffcnLiteError: for an unknown recipe.
    """
    if recipe not in RECIPES:
        raise MffcnLiteError(f'unknown recipe "{recipe}"; choose one of {", ".join(RECIPES)}')
    return replace(RECIPES[recipe], loss="nie" if model == "nie" else "l2")


def learning_rate(config: TrainingConfig, step: int) -> float:
    """The learning rate of step `step` (from 0): a pure function, so that resuming needs no state for it."""
    rate = config.lr * min(1.0, (step + 1) / (config.warmup + 1))
    return rate if config.schedule == "constant" else rate * 0.5 * (1 + math.cos(math.pi * step / config.steps))


@dataclass
class TrainingState:
    """All that a run must remember to go on exactly where it stopped."""

    model: nn.Module
    optimizer: torch.optim.Adam
    generator: torch.Generator
    ema: AveragedModel | None
    step: int = 0  # steps done

    @classmethod
    def start(cls, model: nn.Module, config: TrainingConfig) -> "TrainingState":
        """The state before the first step."""
        model.to(memory_format=torch.channels_last if config.channels_last else torch.contiguous_format)
        optimizer = torch.optim.Adam(model.parameters(), lr=config.lr, betas=(config.beta1, config.beta2))
        average = None if config.ema is None else AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(config.ema))
        return cls(model, optimizer, torch.Generator().manual_seed(config.seed), average)

    @property
    def best(self) -> nn.Module:
        """The network to keep, which is the moving average where there is one."""
        return self.model if self.ema is None else self.ema.module


def train(
    model: nn.Module,
    faces: FaceSet,
    config: TrainingConfig,
    *,
    state: TrainingState | None = None,
    stop_after: int | None = None,
    on_step: Callable[[TrainingState, Tensor], bool | None] | None = None,
) -> TrainingState:
    """Algorithm 1: draw photos, draw a factor, blur, restore, compare, step; so far with the L2 term alone.

    Args:
        model: maps blurred photos to restored ones, or a system that works on the small photo; trained in place, on
            the device where it lies.
        faces: the training photos.
        config: see `TrainingConfig`.
        state: where to go on; from the beginning where None.
        stop_after: stop when this many steps are done, short of `config.steps`.
        on_step: called after each step with the state and the loss (on the device, detached); training stops where
            it returns True.

    Returns:
        The state after the last step; `state.best` is the network to keep.
    """
    state = state or TrainingState.start(model, config)
    works_on = getattr(model, "works_on", "blurred")
    sampler, loss_of = Sampler(faces, config, next(model.parameters()).device, works_on), LOSSES[config.loss]
    last = config.steps if stop_after is None else min(stop_after, config.steps)
    model.train()
    while state.step < last:
        given, hr = sampler.draw(state.generator)
        sr = model(given) if works_on == "blurred" else model.upscale(given, tuple(hr.shape[-2:]))
        loss = loss_of(sr, hr, config.reduction)
        state.optimizer.zero_grad()
        loss.backward()
        if config.clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        for group in state.optimizer.param_groups:
            group["lr"] = learning_rate(config, state.step)
        state.optimizer.step()
        if state.ema is not None:
            state.ema.update_parameters(model)
        state.step += 1
        if on_step is not None and on_step(state, loss.detach()):
            break
    return state
