"""What a system costs, by counting: weights, multiplications, and how far it sees (chapter 9)."""

import copy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mffcn_lite.degrade import small_size
from mffcn_lite.errors import MffcnLiteError, described
from mffcn_lite.models.base import SuperResolver


def count_parameters(model: nn.Module) -> int:
    """How many numbers `model` stores: its weights, and of a forest where its trees branch.

    Raises:
        MffcnLiteError: if it is none.
    """
    if not isinstance(model, nn.Module):
        raise MffcnLiteError(f"model must be a network, not {described(model)}")
    return sum(tensor.numel() for tensor in model.state_dict().values())


def count_multiplications(model: SuperResolver, size: tuple[int, int] = (128, 128), factor: int = 3) -> int:
    """Multiplications of `model` for one grey photo whose result has `size` = (height, width), in its layers alone.

    Nothing is computed: torch counts on tensors without content. The bicubic enlargement before a network is left out.
    A re-parameterised MFFCN pays for fusing its kernels at each call; count `model.fuse()` for what is left afterwards.

    Args:
        factor: what the photo was down-sampled by; matters only to a system that works on the small photo.

    Raises:
        MffcnLiteError: for a system that does not work by layers, or a size that the factor does not fit.
    """
    if not model.counted:
        raise MffcnLiteError(
            f"{model.name} does not work by layers; count a network such as mffcn, wiener, or an interpolation"
        )
    kind = next((t.dtype for t in model.state_dict().values()), torch.float32)
    small = torch.empty(1, 1, *small_size(size, factor), dtype=kind, device="meta")
    given = model.take(small, size)  # a system on the small photo is counted for the whole multiple of it
    size = size if given is not small else tuple(factor * side for side in small.shape[-2:])
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        copy.deepcopy(model).to("meta").restore_given(given, size, factor)
    return counter.get_total_flops() // 2  # a multiplication and an addition each


def receptive_field(model: SuperResolver) -> int | None:
    """The side of the square that a pixel of the result depends on, in pixels of what the system works on.

    2·radius + 1: a kernel of side k adds k − 1 to it, layer by layer, and does not multiply it. A bound where the
    system has strides; None where it is the whole picture.
    """
    return None if model.radius is None else 2 * model.radius + 1
