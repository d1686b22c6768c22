"""What a caller has set in torch changes no number here: autocast, inference mode, defaults, tensors that are fake."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

# Kinds of devices on which autocast can be on; torch refuses to be asked about others.
AUTOCAST = tuple(kind for kind in ("cpu", "cuda", "mps", "xpu") if torch.amp.is_autocast_available(kind))


def full_precision(function: Callable) -> Callable:
    """A decorator: within `function` autocast is off, so that sums of float32 stay sums of float32."""

    @functools.wraps(function)
    def without_autocast(*arguments, **options):
        for kind in AUTOCAST:
            if torch.is_autocast_enabled(kind):
                with torch.autocast(kind, enabled=False):
                    return without_autocast(*arguments, **options)
        return function(*arguments, **options)

    return without_autocast


def full(x: Tensor) -> Tensor:
    """Half precision, as autocast leaves behind, as float32; float32 and float64 as they are."""
    return x if x.dtype in (torch.float32, torch.float64) else x.float()


@contextlib.contextmanager
def own_context() -> Iterator[None]:
    """Within it tensors are made as where nobody has set anything: on the CPU, and for autograd too.

    Serves as a decorator as well. The default dtype is left alone, since all threads share it: floats name theirs.
    """
    with torch.inference_mode(False), torch.device("cpu"):
        yield


def kept(most: int) -> Callable[[Callable], Callable]:
    """A decorator of a function that makes constants out of a tensor's device and dtype, and of what else it is given.

    The last `most` of them are kept, and shared: do not write into them. They are made in `own_context`, whoever asks
    first. Where tensors are fake, as torch.export has them, so are those made there, and they are not kept.
    """

    def decorate(make: Callable) -> Callable:
        store: dict[tuple, object] = {}
        lock = threading.Lock()

        @functools.wraps(make)
        def made(like: Tensor, *key):
            if torch.compiler.is_compiling():  # its graph keeps what it makes
                return make(like, *key)
            place = (type(like), like.device, like.dtype, *key)
            found = store.get(place)
            if found is None:
                with own_context():
                    found = make(like, *key)
                    plain = {type(like), type(torch.empty(0))} <= {Tensor, nn.Parameter}
                if plain:  # of a fake one, or of another kind of tensor, it is of use to that alone
                    with lock:  # of two threads that make room
                        while len(store) >= most:
                            del store[next(iter(store))]
                        store[place] = found
            return found

        made.cache_clear = store.clear
        return made

    return decorate
