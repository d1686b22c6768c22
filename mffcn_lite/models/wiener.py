"""The best linear filter: what a network must beat to show that its non-linearity helps (chapter 6)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from mffcn_lite.context import full_precision, own_context
from mffcn_lite.data import FaceSet
from mffcn_lite.degrade import Images, degrade
from mffcn_lite.errors import MffcnLiteError, check_number, check_numbers
from mffcn_lite.models.base import MOST_FACTOR, MOST_SIDE, SuperResolver, check_given

BATCH = 16  # photos at a time when fitting: each of their pixels becomes a row of side² numbers
# Added to the mean of the squares. The blurred photo has no fine waves, and the equations are nearly singular:
# without it the weights grow tenfold, and PSNR on validation people stays the same to 0.001 dB.
RIDGE = 1e-7


class Wiener(SuperResolver):
    """One filter for each factor and one for all others, fitted by least squares; not in the paper.

    The result is Σ_k w_k · blurred_k + b over the `side`×`side` pixels around each. Borders are repeated.

    Args:
        side: of the filter, odd.
        factors: those with a filter of their own.

    Before `fit`, each filter is the identity.

    Raises:
        MffcnLiteError: for an even side.
    """

    name = "wiener"
    counted = True

    def __init__(self, side: int = 9, factors: Sequence[int] = (2, 3, 4)):
        super().__init__()
        check_number("side", side, at_least=1, at_most=MOST_SIDE, whole=True)
        check_numbers("factors", factors, at_least=2, at_most=MOST_FACTOR, whole=True)
        if side % 2 == 0:
            raise MffcnLiteError(f"side (={side}) must be odd and at least 1")
        self.arguments = {"side": side, "factors": list(factors)}
        self.side, self.factors, self.radius = side, list(factors), side // 2
        identity = torch.zeros(len(factors) + 1, 1, side, side, dtype=torch.float32)  # the last one is for all factors
        identity[:, :, side // 2, side // 2] = 1
        self.register_buffer("filters", identity)
        self.register_buffer("biases", torch.zeros(len(factors) + 1, dtype=torch.float32))

    @full_precision
    @own_context()
    @torch.no_grad()
    def fit(self, faces: FaceSet) -> "Wiener":
        """Find the filters on training photos, in closed form: (XᵀX + ridge) w = Xᵀy; seconds for 320 photos."""
        unknowns = self.side**2 + 1
        squares = torch.zeros(len(self.factors) + 1, unknowns, unknowns, dtype=torch.float64)
        products = torch.zeros(len(self.factors) + 1, unknowns, dtype=torch.float64)
        counts = torch.zeros(len(self.factors) + 1, dtype=torch.float64)
        for start in range(0, len(faces), BATCH):
            hr = faces[start : start + BATCH].floats().double().flatten(0, 1)[:, None]
            for i, factor in enumerate(self.factors):
                windows = functional.unfold(self._padded(degrade(hr, factor)), self.side).transpose(1, 2).flatten(0, 1)
                rows = torch.cat([windows, torch.ones(len(windows), 1, dtype=torch.float64)], dim=1)
                square, product = rows.T @ rows, rows.T @ hr.flatten()
                for target in (i, -1):
                    squares[target] += square
                    products[target] += product
                    counts[target] += len(rows)
        squares = squares / counts[:, None, None] + RIDGE * torch.eye(unknowns, dtype=torch.float64)
        solution = torch.linalg.solve(squares, products / counts[:, None])
        self.filters.copy_(solution[:, :-1].view_as(self.filters))
        self.biases.copy_(solution[:, -1])
        return self

    def _padded(self, images: Tensor) -> Tensor:
        return functional.pad(images, [self.radius] * 4, mode="replicate")

    @full_precision
    def restore(self, blurred: Images, factor: int | None = None) -> Images:
        """Filter each channel by itself, with the factor's own filter where there is one."""
        check_given(self.name, blurred)
        i = self.factors.index(factor) if factor in self.factors else -1
        planes = self._padded(blurred.flatten(0, 1)[:, None])
        weight, bias = self.filters[i][None].to(planes), self.biases[i][None].to(planes)
        return functional.conv2d(planes, weight, bias).reshape(blurred.shape)

    def forward(self, blurred: Images) -> Images:
        """The filter for all factors."""
        return self.restore(blurred)
