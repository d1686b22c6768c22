"""Batches for training, made on the device: index, degrade, crop, flip, with no loop over photos."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from mffcn_lite.data import FaceSet
from mffcn_lite.data.faceset import MappedPhotos
from mffcn_lite.degrade import Images, degrade, downsample
from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.training import processes
from mffcn_lite.training.config import TrainingConfig

SmallGroup = Float[Tensor, "_ channel _ _"]  # small photos of one factor
RESIDENT = 64 * 2**20  # bytes of mapped photos that are copied into a CPU's memory; more are read as they are needed


def check_fits(faces: FaceSet, config: TrainingConfig) -> None:
    """Refuse a configuration that does not fit the photos, without reading them.

    Raises:
        MffcnLiteError: if there is no photo, or a crop is larger than the photos.
    """
    if not len(faces):
        raise MffcnLiteError("there are no photos to draw from; choose another set")
    side = min(faces.images.shape[-2:])
    if config.crop is not None and not 1 <= config.crop <= side:
        raise MffcnLiteError(f"crop (={config.crop}) must lie between 1 and the photos' shorter side (={side})")


@dataclass
class Draws:
    """All that is random in a batch.

    Attributes:
        index: which photos.
        factors: of each photo, those of one factor side by side; Algorithm 1 draws one for the whole batch.
        top, left: where each crop begins; None for whole photos.
        mirrored: which photos are; None for none.
    """

    index: Int[Tensor, " batch"]
    factors: list[int]
    top: Int[Tensor, " batch"] | None = None
    left: Int[Tensor, " batch"] | None = None
    mirrored: Bool[Tensor, " batch"] | None = None

    def part(self, which: slice) -> "Draws":
        """The draws of some of the batch."""
        rows = (None if rows is None else rows[which] for rows in (self.top, self.left, self.mirrored))
        return Draws(self.index[which], self.factors[which], *rows)

    def groups(self) -> Iterator[tuple[int, slice]]:
        """Each factor, and which photos have it."""
        for factor in dict.fromkeys(self.factors):
            first = self.factors.index(factor)
            yield factor, slice(first, first + self.factors.count(factor))


class Sampler:
    """Draws batches from photos that live on the device as one uint8 tensor.

    The random draws are made on the CPU from one generator, so that a seed gives the same batches on
    every device. Mapped photos that are too many for the device are read from the map by a thread, a batch ahead.

    Args:
        faces: the photos to draw from.
        config: its `batch`, `factors`, `crop`, `flip` and `kernel` are used.
        device: where the batches are made.
        works_on: "blurred" or "small": what the network is given.

    Raises:
        MffcnLiteError: see `check_fits`.
    """

    def __init__(
        self, faces: FaceSet, config: TrainingConfig, device: str | torch.device = "cpu", works_on: str = "blurred"
    ):
        check_fits(faces, config)
        self.config, self.works_on, self.device = config, works_on, torch.device(device)
        self.count, self.size, self.part = len(faces), faces.images.shape[-2:], processes.share(config.batch)
        self.images = self.stream = None
        if fits(faces.images, self.device):
            self.images = torch.from_numpy(np.array(faces.images)).to(self.device)
        else:
            self.stream = Stream(faces.images, self.device)

    def plan(self, generator: torch.Generator) -> Draws:
        """The draws of the next batch, of this process's part of it."""
        # All that is drawn is drawn in this order, by every process for the whole batch: so seeds keep their batches.
        c, batch = self.config, self.config.batch
        index = torch.randint(self.count, (batch,), generator=generator)
        first = int(torch.randint(len(c.factors), (), generator=generator))
        draws = Draws(index, sorted(c.factors[(first + i * c.mixed) % len(c.factors)] for i in range(batch)))
        if c.crop is not None:
            height, width = self.size
            draws.top = torch.randint(height - c.crop + 1, (batch,), generator=generator)
            draws.left = torch.randint(width - c.crop + 1, (batch,), generator=generator)
        if c.flip:
            draws.mirrored = torch.rand(batch, generator=generator) < 0.5
        return draws.part(self.part)

    def draw(self, generator: torch.Generator) -> tuple[Images | list[SmallGroup], Images]:
        """One batch, floats in [0, 1]: (blurred, hr), or (small ones, hr) with a batch of them for each factor."""
        draws = self.plan(generator)
        if self.stream is None:
            photos = self.images[draws.index.to(self.device, non_blocking=True)]  # N×C×H×W, uint8
        else:
            # What the next batch will be is known: a copy of the generator draws it first.
            ahead = torch.Generator().set_state(generator.get_state())
            photos = self.stream.take(draws.index, then=self.plan(ahead).index)
        return self.make(photos, draws)

    def make(
        self, photos: UInt8[Tensor, "batch channel fullheight fullwidth"], draws: Draws
    ) -> tuple[Images | list[SmallGroup], Images]:
        """The batch of these photos."""
        c, hr = self.config, photos.float() / 255  # N×C×H×W
        # One tensor N×2C×H×W of sharp and blurred photos, so that both are cut and mirrored alike.
        # Degraded whole, then cropped: a crop keeps the phase that a whole photo has where a factor does not divide.
        pair = hr
        if self.works_on == "blurred":
            blurred = [degrade(hr[which], factor, kernel=c.kernel) for factor, which in draws.groups()]
            pair = torch.cat([hr, torch.cat(blurred)], dim=1)
        if c.crop is not None:
            pair = cut_out(pair, c.crop, draws.top, draws.left)
        if c.flip:
            mirrored = draws.mirrored.to(self.device, non_blocking=True)
            pair = torch.where(mirrored[:, None, None, None], pair.flip(-1), pair)
        if self.works_on == "small":  # of the crop, which may begin between two pixels of the whole's small photo
            return [downsample(pair[which], factor, kernel=c.kernel) for factor, which in draws.groups()], pair
        hr, blurred = pair.chunk(2, dim=1)
        return blurred, hr


def fits(images: np.ndarray | MappedPhotos, device: torch.device) -> bool:
    """Whether the photos are to be copied to the device: what is in memory is, of a map what half of the room holds."""
    if isinstance(images, np.ndarray) and not isinstance(images, np.memmap):
        return True
    return images.nbytes <= (torch.cuda.mem_get_info(device)[0] // 2 if device.type == "cuda" else RESIDENT)


class Stream:
    """Reads mapped photos in a thread: the next batch, while the present one is worked on.

    It only ever saves time: where the guess about the next batch is wrong, the photos are read when they are asked for.
    """

    def __init__(self, images: np.ndarray | MappedPhotos, device: torch.device):
        self.images, self.device = images, device
        self.thread = ThreadPoolExecutor(1, "photos")
        self.ahead: tuple[list[int], Future] | None = None

    def read(self, index: list[int]) -> UInt8[Tensor, "batch channel height width"]:
        """The photos at `index`, in memory from which a GPU can copy by itself."""
        photos = torch.from_numpy(np.asarray(self.images[index]))
        return photos.pin_memory() if self.device.type == "cuda" else photos

    def take(self, index: Int[Tensor, " batch"], then: Int[Tensor, " batch"]) -> UInt8[Tensor, "batch _ _ _"]:
        """The photos at `index` on the device; begins to read those at `then`."""
        wanted = index.tolist()
        ready = self.ahead[1].result() if self.ahead is not None and self.ahead[0] == wanted else self.read(wanted)
        self.ahead = (then.tolist(), self.thread.submit(self.read, then.tolist()))
        return ready.to(self.device, non_blocking=True)


def cut_out(
    images: Images, side: int, top: Int[Tensor, " batch"], left: Int[Tensor, " batch"]
) -> Float[Tensor, "batch channel side side"]:
    """A square of `side` pixels from each image, each at a place of its own."""
    steps = torch.arange(side)
    rows = (top[:, None] + steps).to(images.device, non_blocking=True)  # N×side
    columns = (left[:, None] + steps).to(images.device, non_blocking=True)
    image = torch.arange(len(images), device=images.device)
    # Indices on both sides of the slice put the channels last: N×side×side×C.
    return images[image[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
