"""Algorithm 1: the loop (chapter 15). No files and no terminal here; see `runs`."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mffcn_lite.data import FaceSet
from mffcn_lite.device import kept_memory
from mffcn_lite.losses import LOSSES
from mffcn_lite.models import SuperResolver
from mffcn_lite.training import processes
from mffcn_lite.training.config import TrainingConfig, learning_rate
from mffcn_lite.training.optimizers import Muon
from mffcn_lite.training.sampling import Sampler

LONG = 5000  # steps; making CUDA graphs takes half a minute a factor, and each step saves some milliseconds


def create_loss(config: TrainingConfig, device: torch.device) -> Callable[[Tensor, Tensor], dict[str, Tensor]]:
    """A function of (sr, hr): the terms of the loss by name, each times its weight, whose sum is minimised.

    Raises:
        MffcnLiteError: for an objective that cannot be made.
    """
    loss = LOSSES[config.loss]
    if config.loss != "objective":
        return lambda sr, hr: {config.loss: loss(sr, hr, config.reduction)}
    objective = loss({"reduction": config.reduction} | config.objective).to(device)
    return lambda sr, hr: objective(sr, hr).weighted


def create_optimizer(model: SuperResolver, config: TrainingConfig) -> torch.optim.Adam:
    """The one that `config` names, for all weights."""
    cuda = next(model.parameters()).device.type == "cuda"  # one kernel for all weights, where each launch counts
    options = {"lr": config.lr, "betas": (config.beta1, config.beta2), "fused": cuda}
    if config.optimizer == "muon":
        return Muon(model, momentum=config.momentum, **options)
    return torch.optim.Adam(model.parameters(), **options)


def compile_fault(mode: str, device: torch.device) -> str | None:
    """Why not even the smallest function can be compiled; None where it can."""
    try:
        torch.compile(torch.sin, mode=mode)(torch.zeros(2, device=device))
    except RuntimeError as error:
        return str(error).partition("\n")[0]
    return None


def compile_mode(config: TrainingConfig, device: torch.device) -> str | None:
    """What `torch.compile` is asked for: where `config` leaves it open, CUDA graphs if they pay and can be had."""
    if config.compile != "auto":
        return config.compile
    graphs = device.type == "cuda" and config.steps >= LONG and compile_fault("reduce-overhead", device) is None
    return "reduce-overhead" if graphs else None


@dataclass
class TrainingState:
    """All that a run must remember to go on exactly where it stopped."""

    model: SuperResolver
    optimizer: torch.optim.Adam
    generator: torch.Generator
    ema: AveragedModel | None
    step: int = 0  # steps done
    seconds: float = 0.0  # that they took; kept by `runs`
    run: str | None = None  # the hash of the run's settings, by which its checkpoints are known

    @classmethod
    def start(cls, model: SuperResolver, config: TrainingConfig) -> "TrainingState":
        """The state before the first step."""
        model.to(memory_format=torch.channels_last if config.channels_last else torch.contiguous_format)
        average = None if config.ema is None else AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(config.ema))
        return cls(model, create_optimizer(model, config), torch.Generator().manual_seed(config.seed), average)

    @property
    def best(self) -> SuperResolver:
        """The network to keep, which is the moving average where there is one."""
        return self.model if self.ema is None else self.ema.module


def train(
    model: SuperResolver,
    faces: FaceSet,
    config: TrainingConfig,
    *,
    state: TrainingState | None = None,
    stop_after: int | None = None,
    on_step: Callable[[TrainingState, dict[str, Tensor]], bool | None] | None = None,
) -> TrainingState:
    """Algorithm 1: draw photos, draw a factor, blur, restore, compare, step.

    Started by torchrun, each process does this for its part of the batch, and the gradients are averaged.

    Args:
        model: maps blurred photos to restored ones, or a system that works on the small photo; trained in place, on
            the device where it lies.
        faces: the training photos.
        config: see `TrainingConfig`.
        state: where to go on; from the beginning where None.
        stop_after: stop when this many steps are done, short of `config.steps`.
        on_step: called after each step with the state and the weighted terms of the loss (on the device, detached);
            training stops where it returns True.

    Returns:
        The state after the last step; `state.best` is the network to keep.
    """
    state = state or TrainingState.start(model, config)
    device, restore = next(model.parameters()).device, model.restore_given
    sampler, loss_of = Sampler(faces, config, device, model.works_on), create_loss(config, device)
    if (mode := compile_mode(config, device)) is not None:
        restore = torch.compile(restore, mode=mode)
    half = torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16")
    last = config.steps if stop_after is None else min(stop_after, config.steps)
    model.train()
    with kept_memory(), torch.backends.cudnn.flags(enabled=True, allow_tf32=config.precision != "float32"):
        while state.step < last:
            given, hr = sampler.draw(state.generator)
            with half:
                parts = given if isinstance(given, list) else [given]  # small photos: a group a factor
                sr = torch.cat([restore(part, tuple(hr.shape[-2:])) for part in parts])
            terms = loss_of(sr.float(), hr)
            state.optimizer.zero_grad()
            sum(terms.values()).backward()
            processes.average_gradients(model)
            if config.clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), config.clip)
            for group in state.optimizer.param_groups:
                group["lr"] = learning_rate(config, state.step)
            state.optimizer.step()
            if state.ema is not None:
                state.ema.update_parameters(model)
            state.step += 1
            if on_step is not None:
                terms = {name: term.detach() for name, term in terms.items()}
                processes.average(list(terms.values()))
                if processes.any_says(bool(on_step(state, terms))):
                    break
    return state
