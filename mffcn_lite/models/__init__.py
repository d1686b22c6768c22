"""Every system by its name, with one call: `create_model(name).upscale(small, size)`."""

from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.models.base import SuperResolver
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
    if name not in SYSTEMS:
        raise MffcnLiteError(f'unknown model "{name}"; choose one of {", ".join(SYSTEMS)}')
    return find(SYSTEMS[name])


def create_model(name: str, /, **arguments) -> SuperResolver:
    """A system with fresh weights; for trained ones see `mffcn_lite.checkpoint.load_model`.

    Args:
        name: one of `list_models()`.
        arguments: passed on to the system's class, such as `width=16`.

    Raises:
        MffcnLiteError: for an unknown name, or an argument that the system does not have.
    """
    system = system_class(name)
    try:
        return system(**arguments)
    except (TypeError, ValueError, IndexError, RuntimeError) as error:  # torch raises any of these for a wrong size
        raise MffcnLiteError(f"{name} does not take these arguments: {error}") from error
