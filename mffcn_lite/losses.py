"""The terms of the paper's objective, so far its L2 term (equation 3), and the loss of Nie et al. (equation 1)."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor

from mffcn_lite.errors import MffcnLiteError, check_pair


def l2_loss(
    sr: Float[Tensor, "batch channel height width"],
    hr: Float[Tensor, "batch channel height width"],
    reduction: Literal["sum", "mean"] = "sum",
) -> Float[Tensor, ""]:
    """Equation (3): L2 = ‖I_HR − Φ(I_LR)‖², averaged over the batch as Algorithm 1 does.

    Args:
        sr, hr: N×C×H×W, floats, range [0, 1].
        reduction: "sum" adds over a photo's pixels, as the paper writes; "mean" averages over them too,
            so that the weight of the term does not depend on the photo's size.

    Raises:
        MffcnLiteError: if the shapes differ, a tensor holds integers, or the reduction is unknown.
    """
    check_pair(sr, hr)
    if reduction not in ("sum", "mean"):
        raise MffcnLiteError(f'reduction (={reduction!r}) must be "sum" or "mean"')
    squared = (sr - hr).square()
    return squared.mean() if reduction == "mean" else squared.sum() / len(sr)


def nie_loss(
    sr: Float[Tensor, "batch channel height width"],
    hr: Float[Tensor, "batch channel height width"],
    reduction: Literal["sum", "mean"] = "sum",
) -> Float[Tensor, ""]:
    """Equation (1): ½‖I_o − I_i‖², half of `l2_loss`, with its arguments and errors; see `mffcn_lite.models.Nie`."""
    return 0.5 * l2_loss(sr, hr, reduction)


LOSSES = {"l2": l2_loss, "nie": nie_loss}
