"""Example-based super-resolution (Freeman, Jones and Pasztor 2002): look it up in a database of patches (chapter 6)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from mffcn_lite.errors import check_number
from mffcn_lite.models.patches import PatchModel, mid_frequencies

DARKEST = 0.01  # added to a patch's contrast, which divides: noise in a flat one must not be blown up


class ExampleBased(PatchModel):
    """For each patch the nearest ones of a database are found by their mid frequencies; one of them gives the detail.

    Both are divided by the contrast of the mid frequencies, so that a bright edge can serve for a faint one. Among the
    `candidates` nearest, the patch is taken that fits its window and what lies already where they overlap:
    ‖window − its window‖² + `consistency` · ‖its detail − what lies there‖², row by row, as in Freeman's one-pass
    algorithm. Patches on a slanted line do not touch and are chosen together.

    The database holds pieces of training photos: their licence goes with it.

    Args:
        candidates: the nearest patches to choose among.
        consistency: the weight of the overlap; 0 takes the nearest patch.
        side, stride, components, factors, pairs, seed: see `PatchModel`; `pairs` is the size of the database.

    Raises:
        MffcnLiteError: for numbers out of range.
    """

    name = "example"
    features = staticmethod(mid_frequencies)
    maps, reach = 1, 0

    def __init__(
        self,
        candidates: int = 8,
        consistency: float = 0.1,
        side: int = 5,
        stride: int = 2,
        components: int = 24,
        factors: Sequence[int] = (2, 3, 4),
        pairs: int = 12_000,
        seed: int = 0,
    ):
        super().__init__(side, stride, components, factors, pairs, seed)
        check_number("candidates", candidates, at_least=1, at_most=min(256, pairs), whole=True)
        check_number("consistency", consistency, at_least=0)
        self.arguments |= {"candidates": candidates, "consistency": consistency}
        self.candidates, self.consistency = candidates, consistency
        self.radius = None  # a choice depends on those before it, however far
        # factors×pairs×…, in halves: their rounding is far below what neighbours differ by.
        self.register_buffer("windows_seen", torch.zeros(len(factors), pairs, components, dtype=torch.float16))
        self.register_buffer("details", torch.zeros(len(factors), pairs, side**2, dtype=torch.float16))

    def learn(self, i: int, features: Tensor, missing: Tensor) -> None:
        """Keep the pairs, divided by their contrast."""
        contrast = self._contrast(features)
        self.windows_seen[i], self.details[i] = features / contrast, missing / contrast

    def _contrast(self, features: Float[Tensor, "*any component"]) -> Float[Tensor, "*any 1"]:
        return features.square().mean(-1, keepdim=True).sqrt() + DARKEST

    def nearest(self, i: int, wanted: Float[Tensor, "query component"]) -> tuple[Tensor, Tensor]:
        """Squared distances and places of the `candidates` nearest windows of the i-th factor, nearest first."""
        if not len(wanted):
            nothing = wanted.new_zeros(0, self.candidates)
            return nothing, nothing.long()
        from sklearn.neighbors import NearestNeighbors  # takes a second to import

        index = NearestNeighbors(n_neighbors=self.candidates, algorithm="brute")
        index.fit(self.windows_seen[i].float().cpu().numpy())
        distances, places = index.kneighbors(wanted.detach().float().cpu().numpy())
        return torch.from_numpy(distances).to(wanted).square(), torch.from_numpy(places).to(wanted.device)

    def predict(
        self, i: int, features: Float[Tensor, "plane patch component"], grid: tuple[int, int]
    ) -> Float[Tensor, "plane patch pixel"]:
        """The detail of each patch, chosen row by row."""
        # Shapes below: N planes, P patches of a plane, K candidates, p now chosen together, s² pixels of a patch.
        planes, (rows, columns) = len(features), grid
        contrast = self._contrast(features)  # N×P×1
        distances, places = (
            found.view(planes, rows * columns, self.candidates)  # N×P×K
            for found in self.nearest(i, (features / contrast).flatten(0, 1))
        )
        details, side = self.details[i].to(features), self.side  # pairs×s²
        chosen = features.new_zeros(planes, rows * columns, side**2)
        # What lies already at each pixel: a sum, and of how many. Pictures are flat, so that an index is a number.
        height, width = (side + (count - 1) * self.stride for count in grid)
        total, count = features.new_zeros(planes, height * width), features.new_zeros(height * width)
        row, column, step = (torch.arange(count, device="cpu") for count in (rows, columns, side))
        corners = row[:, None] * self.stride * width + column * self.stride
        pixels = (step[:, None] * width + step).flatten() + corners.flatten()[:, None]
        pixels = pixels.to(features.device)  # P×s²: where the pixels of each patch lie
        # Patch (row, column) waits for those above and to the left that touch it, also above to the right. `touching`
        # columns to the right is the last of these: a row starts touching + 1 turns after the one above.
        touching = -(-side // self.stride) - 1
        turn = ((touching + 1) * row[:, None] + column).flatten()
        for now in range(int(turn.max()) + 1):
            patches = (turn == now).nonzero().flatten().to(features.device)
            if not len(patches):
                continue
            here = pixels[patches]  # p×s²
            offered = details[places[:, patches]] * contrast[:, patches, :, None]  # N×p×K×s²
            lying = total[:, here] / count[here].clamp(min=1)  # N×p×s²
            # Where nothing lies yet, any detail fits.
            misfit = ((offered - lying[:, :, None]).square() * (count[here] > 0)[:, None]).sum(-1)  # N×p×K
            # `distances` are between windows of contrast 1; so is the misfit after the division.
            cost = distances[:, patches] + self.consistency * misfit / contrast[:, patches].square()
            best = cost.argmin(-1)[..., None, None]
            chosen[:, patches] = offered.take_along_dim(best, dim=2)[:, :, 0]
            total.index_add_(1, here.flatten(), chosen[:, patches].flatten(1))
            count.index_add_(0, here.flatten(), torch.ones_like(here.flatten(), dtype=count.dtype))
        return chosen
