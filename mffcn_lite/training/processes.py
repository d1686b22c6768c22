"""Several processes that train one network: torchrun starts them, here they find each other and share out a batch.

Every process makes the same draws for the whole batch and works on its own part of it; gradients are averaged. So one
process and two give the same curve, but for rounding.
"""

import atexit
import os
import signal
import threading

import torch
from torch import Tensor, distributed, nn

from mffcn_lite.device import choose_device
from mffcn_lite.errors import MffcnLiteError, brief
from mffcn_lite.progress import say


def join(device: str = "auto") -> torch.device:
    """Meet the other processes, if torchrun (or `accelerate launch`) started this one; the device to work on.

    On several GPUs each process takes the one of its place on its machine (LOCAL_RANK).

    Raises:
        MffcnLiteError: as `choose_device`, or if the others cannot be reached.
    """
    chosen, count = choose_device(device), _said("WORLD_SIZE", 1)
    if count > 1 and chosen.type == "cuda":
        chosen = torch.device("cuda", _said("LOCAL_RANK") % torch.cuda.device_count())
        torch.cuda.set_device(chosen)
    if count > 1 and not distributed.is_initialized():
        if _said("RANK") >= count:
            raise MffcnLiteError(f"RANK (={_said('RANK')}) must be below WORLD_SIZE (={count}), as torchrun sets it")
        say(f"waiting for {count} processes to meet")
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        main = threading.current_thread() is threading.main_thread()
        try:
            for number in before if main else ():  # Python's own handlers are not called while torch waits
                signal.signal(number, signal.SIG_DFL)
            distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
            atexit.register(distributed.destroy_process_group)
        except (ValueError, RuntimeError) as error:
            raise MffcnLiteError(f"{count} processes did not find each other ({error}); see torchrun --help") from error
        finally:
            for number, handler in before.items() if main else ():
                signal.signal(number, handler)
    return chosen


def _said(name: str, otherwise: int = 0) -> int:
    """A number that torchrun puts into the environment."""
    text = os.environ.get(name, str(otherwise))
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) >= otherwise):
        expected = f"must be a whole number of at least {otherwise}, as torchrun sets it"
        raise MffcnLiteError(f"{name} (={brief(text)}) {expected}; unset it")
    return int(text)


def speaks() -> bool:
    """Whether this process, of those that torchrun started, is the one that speaks; known before they meet.

    Raises:
        MffcnLiteError: if the environment says nonsense.
    """
    return _said("WORLD_SIZE", 1) == 1 or _said("RANK") == 0


def rank() -> int:
    """The number of this process, from 0; the first one writes the files."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def count() -> int:
    """How many processes there are."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def wait() -> None:
    """Until all have come here."""
    if count() > 1:
        distributed.barrier()


def share(batch: int) -> slice:
    """The part of a batch that is this process's.

    Raises:
        MffcnLiteError: if the batch cannot be shared out in equal parts.
    """
    if batch % count():
        raise MffcnLiteError(
            f"batch (={batch}) cannot be shared by {count()} processes; choose a multiple, such as "
            f"--set batch={batch + -batch % count()}"
        )
    part = batch // count()
    return slice(rank() * part, (rank() + 1) * part)


@torch.no_grad()
def average(tensors: list[Tensor]) -> None:
    """Replace each tensor by its mean over the processes, in one exchange; all have the same tensors, in order."""
    if count() == 1:
        return
    together = torch.cat([tensor.flatten().float() for tensor in tensors])
    distributed.all_reduce(together)
    for tensor, mean in zip(tensors, (together / count()).split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(mean.view_as(tensor))


def average_gradients(model: nn.Module) -> None:
    """As `average`, for the gradients of all weights that this step used, here or elsewhere."""
    if count() == 1:
        return
    weights = list(model.parameters())
    used = torch.tensor([float(weight.grad is not None) for weight in weights], device=weights[0].device)
    distributed.all_reduce(used)  # with a factor for each photo, one process may use a tail that another does not
    used_somewhere = [weight for weight, times in zip(weights, used.tolist(), strict=True) if times]
    for weight in used_somewhere:
        weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
    average([weight.grad for weight in used_somewhere])


def any_says(yes: bool) -> bool:
    """Whether one of the processes says yes; the same answer in all."""
    if count() == 1:
        return yes
    answer = torch.tensor(float(yes), device="cuda" if distributed.get_backend() == "nccl" else "cpu")
    distributed.all_reduce(answer)
    return bool(answer)
