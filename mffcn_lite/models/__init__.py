"""Every system by its name, with one call: `create_model(name).upscale(small, size)`."""

import torch
from torch import Tensor

from mffcn_lite.context import own_context
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.models.base import MOST_WEIGHTS, SuperResolver
from mffcn_lite.models.convex import ConvexProjections
from mffcn_lite.models.cost import count_multiplications, count_parameters, receptive_field
from mffcn_lite.models.example import ExampleBased
from mffcn_lite.models.forest import RegressionForest
from mffcn_lite.models.fsrcnn import FSRCNN
from mffcn_lite.models.interpolation import Interpolation
from mffcn_lite.models.mff import MFF
from mffcn_lite.models.mffcn import MFFCN
from mffcn_lite.models.patches import PatchModel
from mffcn_lite.models.reconstruction import BackProjection
from mffcn_lite.models.sparse import SparseCoding
from mffcn_lite.models.srcnn import SRCNN, Nie
from mffcn_lite.models.wiener import Wiener
from mffcn_lite.shipped import SYSTEMS, find, list_models

__all__ = ["FSRCNN", "MFF", "MFFCN", "SRCNN", "BackProjection", "ConvexProjections", "ExampleBased"]
__all__ += ["Interpolation", "Nie", "PatchModel", "RegressionForest", "SparseCoding", "SuperResolver", "Wiener"]
__all__ += [
    "count_multiplications",
    "count_parameters",
    "create_model",
    "list_models",
    "receptive_field",
    "system_class",
]


def system_class(name: str) -> type[SuperResolver]:
    """The class of a system, which says how it is trained and what it works on.

    Raises:
        MffcnLiteError: for an unknown name.
    """
    if not isinstance(name, str) or name not in SYSTEMS:
        raise MffcnLiteError(f'unknown model "{name}"; choose one of {", ".join(SYSTEMS)}')
    return find(SYSTEMS[name])


def weights_of(name: str, arguments: dict) -> dict[str, Tensor]:
    """The weights of a system by their names, without numbers: kinds and shapes take no memory.

    Raises:
        MffcnLiteError: for an unknown name, an argument that the system does not have, or more weights than any may.
    """
    system = system_class(name)
    try:
        with torch.device("meta"):
            weights = system(**arguments).state_dict()
    except (TypeError, ValueError, IndexError, RuntimeError) as error:  # torch raises any of these for a wrong size
        said = str(error).partition("\n")[0]
        raise MffcnLiteError(f"{name} does not take these arguments: {said}") from error
    count = sum(tensor.numel() for tensor in weights.values())
    if count > MOST_WEIGHTS:
        raise MffcnLiteError(
            f"this {name} would have {count:,} weights, and {MOST_WEIGHTS:,} are the most; make it smaller"
        )
    return weights


@own_context()
def create_model(name: str, /, **arguments) -> SuperResolver:
    """A system with fresh weights, float32 on the CPU; for trained ones see `mffcn_lite.checkpoint.load_model`.

    It is the same whatever torch's defaults are. A class, called by itself, heeds torch's default device as modules do.

    Args:
        name: one of `list_models()`.
        arguments: passed on to the system's class, such as `width=16`.

    Raises:
        MffcnLiteError: for an unknown name, or an argument that the system does not have.
    """
    weights_of(name, arguments)  # which says what is wrong with them
    return system_class(name)(**arguments)
