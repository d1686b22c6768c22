"""Batches for training, made on the device: index, degrade, crop, flip, with no loop over photos."""

import torch
from jaxtyping import Float
from torch import Tensor

from mffcn_lite.data import FaceSet
from mffcn_lite.degrade import degrade, downsample
from mffcn_lite.errors import MffcnLiteError


def check_fits(faces: FaceSet, config) -> None:
    """Refuse a configuration that does not fit the photos, without reading them.

    Raises:
        MffcnLiteError: if there is no photo, or a crop is larger than the photos.
    """
    if not len(faces):
        raise MffcnLiteError("there are no photos to draw from; choose another set")
    height, width = faces.images.shape[-2:]
    if config.crop is not None and not 1 <= config.crop <= min(height, width):
        raise MffcnLiteError(
            f"crop (={config.crop}) must lie between 1 and the photos' shorter side (={min(height, width)})"
        )


class Sampler:
    """Draws batches from photos that live on the device as one uint8 tensor.

    The random draws are made on the CPU from one generator, so that a seed gives the same batches on
    every device.

    Args:
        faces: the photos to draw from.
        config: a `TrainingConfig`; its `batch`, `factors`, `crop`, `flip` and `kernel` are used.
        device: where the batches are made.
        works_on: "blurred" or "small": what the network is given.

    Raises:
        MffcnLiteError: see `check_fits`.
    """

    def __init__(self, faces: FaceSet, config, device: str | torch.device = "cpu", works_on: str = "blurred"):
        check_fits(faces, config)
        self.config, self.works_on = config, works_on
        self.images = torch.from_numpy(faces.images[:].copy()).to(device)

    def draw(
        self, generator: torch.Generator
    ) -> tuple[Float[Tensor, "batch channel _ _"], Float[Tensor, "batch channel height width"]]:
        """One batch (blurred or small, hr), floats in [0, 1]; one factor for all of it, as Algorithm 1 draws it."""
        c = self.config
        index = torch.randint(len(self.images), (c.batch,), generator=generator)
        factor = c.factors[int(torch.randint(len(c.factors), (), generator=generator))]
        hr = self.images[index.to(self.images.device)].float() / 255
        # Degraded whole, then cropped: a crop keeps the phase that a whole photo has where a factor does not divide.
        pair = torch.cat([hr, degrade(hr, factor, kernel=c.kernel)], dim=1) if self.works_on == "blurred" else hr
        if c.crop is not None:
            pair = random_crop(pair, c.crop, generator)
        if c.flip:
            mirrored = torch.rand(c.batch, generator=generator) < 0.5
            pair = torch.where(mirrored.to(pair.device)[:, None, None, None], pair.flip(-1), pair)
        if self.works_on == "small":
            return downsample(pair, factor, kernel=c.kernel), pair
        hr, blurred = pair.chunk(2, dim=1)
        return blurred, hr


def random_crop(
    images: Float[Tensor, "batch channel height width"], side: int, generator: torch.Generator
) -> Float[Tensor, "batch channel side side"]:
    """A square of `side` pixels from each image, each at a place of its own."""
    batch, _, height, width = images.shape
    top = torch.randint(height - side + 1, (batch, 1), generator=generator)
    left = torch.randint(width - side + 1, (batch, 1), generator=generator)
    rows = (top + torch.arange(side)).to(images.device)
    columns = (left + torch.arange(side)).to(images.device)
    image = torch.arange(batch, device=images.device)
    return images[image[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
