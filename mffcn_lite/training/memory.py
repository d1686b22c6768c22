"""How much memory a step of training takes, found before it is taken: an overfull machine kills without a word."""

import torch

from mffcn_lite.device import free_bytes
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.models import SuperResolver
from mffcn_lite.training.config import TrainingConfig
from mffcn_lite.training.loop import create_loss

SIDES = 64, 128  # pixels of the squares on which a step is tried
BACKWARD = 2.6  # a step's peak, as a multiple of what it keeps for its gradients: 1.0 to 2.6 as measured


def bytes_a_pixel(model: SuperResolver, config: TrainingConfig, device: torch.device) -> float:
    """What a step needs for each pixel of its batch; weights, which do not grow with it, cancel."""
    loss, factor, kept = create_loss(config, device), min(config.factors), {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    def kept_of(side: int) -> int:
        """What the forward pass of one square photo keeps for the gradients."""
        kept.clear()
        hr = torch.full((1, 1, side, side), 0.5, device=device)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            given = model.take(hr[..., ::factor, ::factor], (side, side))
            loss(model.restore_given(given, (side, side), factor), hr)
        return sum(kept.values())

    less, more = map(kept_of, SIDES)
    return BACKWARD * (more - less) / (SIDES[1] ** 2 - SIDES[0] ** 2)


def check_memory(
    model: SuperResolver, config: TrainingConfig, size: tuple[int, int], device: torch.device, processes: int = 1
) -> None:
    """Refuse a batch for which there is no memory.

    Args:
        size: height and width of a photo.
        processes: among how many the batch is shared.

    Raises:
        MffcnLiteError: naming the largest batch that fits, or a crop where not even one photo does.
    """
    free = free_bytes(device)
    if free is None:
        return
    a_pixel = bytes_a_pixel(model, config, device)
    pixels = size[0] * size[1] if config.crop is None else config.crop**2
    fitting = int(free / (a_pixel * pixels)) * processes
    if config.batch <= fitting:
        return
    need = a_pixel * pixels * config.batch / processes / 2**30
    advice = f"--set batch={fitting // processes * processes} would fit"
    if fitting < processes:
        advice = f"--set batch={processes} --set crop={int((free / a_pixel) ** 0.5)} would fit"
    raise MffcnLiteError(
        f"a step with batch (={config.batch}) needs about {need:,.1f} GB, and {free / 2**30:.1f} GB are free; {advice}"
    )
