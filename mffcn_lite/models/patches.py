"""What the systems that learn from pairs of patches share: features, the pairs, and the picture put together again."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from mffcn_lite.context import full_precision, own_context
from mffcn_lite.data import FaceSet
from mffcn_lite.degrade import LONGEST, Images, degrade
from mffcn_lite.errors import MffcnLiteError, check_images, check_number, check_numbers, described
from mffcn_lite.models.base import MOST_FACTOR, SuperResolver, check_given

BATCH = 40  # photos at a time when pairs are drawn
CHUNK = 8192  # patches at a time when they are predicted
AROUND = 1  # pixels by which the window that a patch is recognised by exceeds the patch, on each side


def pad(images: Float[Tensor, "plane 1 height width"], by: int) -> Tensor:
    """`images` with their borders repeated, `by` pixels on each side."""
    check_images("images", images)
    if images.shape[1] != 1:
        raise MffcnLiteError(f"images must be planes, N×1×H×W, not {described(images)}; take the channels one by one")
    check_number("by", by, at_least=0, at_most=LONGEST, whole=True)
    return functional.pad(images, [by] * 4, mode="replicate")


def derivatives(images: Float[Tensor, "plane 1 height width"], factor: int) -> Float[Tensor, "plane 4 height width"]:
    """First and second differences across and down, as Yang et al. take; the same for every factor."""
    x = pad(images, 2)
    rows, columns = x[..., 2:-2], x[..., 2:-2, :]
    across = columns[..., 3:-1] - columns[..., 1:-3], columns[..., 4:] - 2 * images + columns[..., :-4]
    down = rows[..., 3:-1, :] - rows[..., 1:-3, :], rows[..., 4:, :] - 2 * images + rows[..., :-4, :]
    return torch.cat([*across, *down], dim=1)


@full_precision
def mid_frequencies(
    images: Float[Tensor, "plane 1 height width"], factor: int
) -> Float[Tensor, "plane 1 height width"]:
    """What a Gaussian of σ = `factor` pixels takes away; a blurred photo has no higher frequencies than these."""
    check_number("factor", factor, at_least=1, at_most=MOST_FACTOR, whole=True)
    reach = 2 * factor
    padded = pad(images, reach)
    steps = torch.arange(-reach, reach + 1, dtype=torch.float32, device=images.device)
    weights = torch.exp(-0.5 * (steps / factor) ** 2).to(images.dtype)
    weights = weights / weights.sum()
    low = functional.conv2d(padded, weights[None, None, :, None])
    return images - functional.conv2d(low, weights[None, None, None])


class PatchModel(SuperResolver):
    """Adds to the blurred photo what patches of training photos lacked where they looked alike; see the subclasses.

    A patch is recognised by a window of features around it, reduced to `components` numbers by principal components.
    What it lacked is hr − blurred. Patches overlap, and what they say of a pixel is averaged.

    A subclass has `features`, a function from blurred planes N×1×H×W and the factor to N×maps×H×W; `maps`, how many
    these are; and `reach`, how many pixels away they look.

    Args:
        side: of a patch, in pixels of the large photo.
        stride: between patches.
        components: see above; no more than a window has numbers, nor than there are pairs.
        factors: those that are fitted; `restore` takes the nearest of them for another.
        pairs: how many pairs of patches are drawn for each factor.
        seed: of the draw, and of what else is random; from 0 to 2³² − 1.

    Raises:
        MffcnLiteError: for numbers out of range.
    """

    features: Callable[[Tensor, int], Tensor]
    maps: int
    reach: int
    restriction: str | None = None  # of the photos that it was fitted on: it holds patches of them

    def trained_factors(self) -> list[int]:
        """Those that were fitted."""
        return self.factors

    def __init__(self, side: int, stride: int, components: int, factors: Sequence[int], pairs: int, seed: int):
        super().__init__()
        check_number("side", side, at_least=1, at_most=33, whole=True)
        check_number("stride", stride, at_least=1, at_most=side, whole=True)  # or pixels lay between the patches
        check_numbers("factors", factors, at_least=2, at_most=MOST_FACTOR, whole=True)
        check_number("pairs", pairs, at_least=1, whole=True)
        inputs = self.maps * (side + 2 * AROUND) ** 2
        check_number("components", components, at_least=1, at_most=min(inputs, pairs), whole=True)
        check_number("seed", seed, at_least=0, below=2**32, whole=True)
        self.arguments = {"side": side, "stride": stride, "components": components, "factors": list(factors)}
        self.arguments |= {"pairs": pairs, "seed": seed}
        self.side, self.stride, self.factors, self.pairs, self.seed = side, stride, list(factors), pairs, seed
        self.radius = side - 1 + AROUND + self.reach
        self.register_buffer("basis", torch.zeros(len(factors), inputs, components, dtype=torch.float32))

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """How many patches cover a picture downwards and across; the last ones may stand out."""
        return tuple(1 + max(0, -(-(length - self.side) // self.stride)) for length in (height, width))

    def windows(self, blurred: Float[Tensor, "plane 1 height width"], factor: int) -> Float[Tensor, "plane patch _"]:
        """The features around each patch of the grid, row by row, before they are reduced."""
        maps = self.features(pad(self._cover(blurred), AROUND), factor)
        return functional.unfold(maps, self.side + 2 * AROUND, stride=self.stride).transpose(1, 2)

    def _cover(self, images: Float[Tensor, "plane 1 height width"]) -> Float[Tensor, "plane 1 tall wide"]:
        """`images` with the last row and column repeated as far as the last patches of the grid stand out."""
        height, width = images.shape[-2:]
        tall, wide = self._full(height, width)
        return functional.pad(images, (0, wide - width, 0, tall - height), mode="replicate")

    def _full(self, height: int, width: int) -> list[int]:
        return [self.side + (count - 1) * self.stride for count in self.grid(height, width)]

    def assemble(
        self, patches: Float[Tensor, "plane patch pixel"], size: tuple[int, int]
    ) -> Float[Tensor, "plane 1 height width"]:
        """The picture of which `patches` are the grid's, averaged where they overlap."""
        columns, full = patches.transpose(1, 2), self._full(*size)
        total = functional.fold(columns, full, self.side, stride=self.stride)
        count = functional.fold(torch.ones_like(columns[:1]), full, self.side, stride=self.stride)
        return (total / count)[..., : size[0], : size[1]]

    @full_precision
    @own_context()
    @torch.no_grad()
    def fit(self, faces: FaceSet) -> "PatchModel":
        """Learn from training photos: draws pairs of patches for each factor, and hands them to `learn`.

        Raises:
            MffcnLiteError: if the photos have too few patches, or nothing to learn from.
        """
        if not len(faces):
            raise MffcnLiteError(f"there are no photos to fit {self.name} on; name a set with some")
        self.restriction = faces.card.get("redistribution")
        for i, factor in enumerate(self.factors):
            windows, missing = self.draw_pairs(faces, factor)
            centred = windows - windows.mean(0)
            _, vectors = torch.linalg.eigh(centred.T @ centred)
            self.basis[i] = vectors[:, -self.basis.shape[2] :].flip(1)
            self.learn(i, windows @ self.basis[i].to(windows), missing)
        return self

    def draw_pairs(self, faces: FaceSet, factor: int) -> tuple[Float[Tensor, "pair _"], Float[Tensor, "pair pixel"]]:
        """Features and missing detail of `pairs` patches from all photos, in random order, float64.

        Raises:
            MffcnLiteError: if the photos have fewer patches.
        """
        generator = torch.Generator().manual_seed(self.seed)
        count, windows, missing = -(-self.pairs // len(faces)), [], []
        for start in range(0, len(faces), BATCH):
            hr = faces[start : start + BATCH].floats().flatten(0, 1)[:, None]
            blurred = degrade(hr, factor)
            features = self.windows(blurred, factor)
            lacking = functional.unfold(self._cover(hr - blurred), self.side, stride=self.stride).transpose(1, 2)
            order = torch.rand(features.shape[:2], generator=generator, dtype=torch.float32, device="cpu")
            chosen = order.argsort(dim=1)[:, :count, None]
            windows.append(features.take_along_dim(chosen, dim=1).flatten(0, 1).double())
            missing.append(lacking.take_along_dim(chosen, dim=1).flatten(0, 1).double())
        windows, missing = torch.cat(windows), torch.cat(missing)
        if len(windows) < self.pairs:
            raise MffcnLiteError(f"these photos have {len(windows)} patches, and pairs (={self.pairs}) are asked for")
        order = torch.randperm(len(windows), generator=generator, device="cpu")[: self.pairs]
        return windows[order], missing[order]

    def learn(self, i: int, features: Tensor, missing: Tensor) -> None:
        """Learn for the i-th factor from pairs×components features and pairs×side² missing details, float64."""
        raise NotImplementedError

    def predict(
        self, i: int, features: Float[Tensor, "plane patch component"], grid: tuple[int, int]
    ) -> Float[Tensor, "plane patch pixel"]:
        """What all patches lack; `grid` is their rows and columns. A system whose patches touch overrides it."""
        parts = [self.predict_each(i, patches) for patches in features.flatten(0, 1).split(CHUNK)]
        return torch.cat(parts).view(*features.shape[:2], self.side**2)

    def predict_each(self, i: int, features: Float[Tensor, "patch component"]) -> Float[Tensor, "patch pixel"]:
        """What patches lack, each for itself."""
        raise NotImplementedError

    @full_precision
    def forward(self, blurred: Images, factor: int) -> Images:
        """The restored photo, not clamped; each channel by itself."""
        check_given(self.name, blurred)
        check_number("factor", factor, whole=True)
        i = min(range(len(self.factors)), key=lambda i: abs(self.factors[i] - factor))
        planes = blurred.flatten(0, 1)[:, None]
        features = self.windows(planes, self.factors[i]) @ self.basis[i].to(planes)
        size = tuple(blurred.shape[-2:])
        return (planes + self.assemble(self.predict(i, features, self.grid(*size)), size)).reshape(blurred.shape)

    def restore(self, blurred: Images, factor: int | None = None) -> Images:
        """As `forward`.

        Raises:
            MffcnLiteError: without a factor.
        """
        if factor is None:
            raise MffcnLiteError(f"{self.name} has learnt each factor apart; say which one the photo was blurred by")
        return self(blurred, factor)
