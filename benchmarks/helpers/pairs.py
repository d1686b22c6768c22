"""Photos of which two versions count: the one that is to be restored, and the one that the small photo is made of."""

import numpy as np
import torch
from torch import nn

from benchmarks.helpers.results import DEVICE
from mffcn_lite.data import FaceSet
from mffcn_lite.degrade import downsample
from mffcn_lite.losses import l2_loss
from mffcn_lite.metrics import psnr
from mffcn_lite.models import SuperResolver
from mffcn_lite.training import Sampler, TrainingConfig, TrainingState, learning_rate


def with_noise(faces: FaceSet, level: float, seed: int = 0) -> np.ndarray:
    """The photos with white noise of `level` grey levels, the same at each call; rounded to whole levels."""
    noise = np.random.default_rng(seed).normal(0, level, faces.images.shape)
    return (np.asarray(faces.images) + noise).round().clip(0, 255).astype(np.uint8)


def paired(faces: FaceSet, targets: np.ndarray, inputs: np.ndarray) -> FaceSet:
    """Two channels: what is to be restored, and what the small photo is made of."""
    return FaceSet(np.concatenate([targets, inputs], axis=1), faces.people, faces.names, faces.card)


def train_pairs(model: SuperResolver, pairs: FaceSet, config: TrainingConfig) -> SuperResolver:
    """As `mffcn_lite.training.train` under L2, but the network is given the second channel, and learns the first."""
    state = TrainingState.start(model, config)
    sampler = Sampler(pairs, config, DEVICE)
    model.train()
    while state.step < config.steps:
        given, hr = sampler.draw(state.generator)
        loss = l2_loss(model(given[:, 1:]), hr[:, :1], config.reduction)
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
    return state.best


def psnr_of_pairs(model: SuperResolver, pairs: FaceSet, factor: int, batch: int = 40) -> list[float]:
    """PSNR in dB of each photo, restored from the second channel's small photo, against the first channel."""
    model, values = model.to(DEVICE).eval(), []
    for start in range(0, len(pairs), batch):
        both = pairs[start : start + batch].floats(DEVICE)
        with torch.inference_mode():
            sr = model.upscale(downsample(both[:, 1:], factor), tuple(both.shape[-2:])).clamp(0, 1)
        values += psnr(sr, both[:, :1], data_range=1.0).tolist()
    return values
