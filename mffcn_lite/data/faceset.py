"""A set of faces in memory or mapped from disk, and the prepared-set format."""

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import DTypeLike
from torch import Tensor

from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.files import json_bytes, read_json, replacing, sha256, sha256_once, write_json
from mffcn_lite.progress import say

Index = int | np.integer | slice | list | np.ndarray | Tensor  # which photos, as NumPy takes it
HASHED = {"images_sha256": "images.npy", "faces_sha256": "faces.csv"}  # a card's key: the file that it is the hash of
COLUMNS = ("name", "person", "pose", "date", "source", "sha256", "left_x", "left_y", "right_x", "right_y")


class MappedPhotos:
    """Some of the photos of a memory-mapped array, each read only when it is indexed: N×C×H×W, uint8.

    What `FaceSet` keeps in place of a copy, so that a split of 100,000 photos costs no memory.
    """

    def __init__(self, images: np.memmap, index: np.ndarray):
        self.images, self.index = images, index
        self.shape, self.dtype, self.ndim = (len(index), *images.shape[1:]), images.dtype, images.ndim
        self.nbytes = int(np.prod(self.shape))

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, which: Index) -> np.ndarray:
        return np.asarray(self.images[self.index[which]])

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        return self[:] if dtype is None else self[:].astype(dtype)


@dataclass(frozen=True)
class FaceSet:
    """Photos of faces, all of one size, and who is on them.

    Attributes:
        images: uint8 array N×C×H×W, grey levels 0 to 255; may be memory-mapped, or some photos of such an array,
            which are read when they are indexed. Grey is C = 1.
        people: int64 array N, the index of the person on each photo.
        names: N strings, one a photo.
        card: where the photos come from: `source`, `licence`, `credit`, how they were made.

    Raises:
        MffcnLiteError: if the four do not fit together.
    """

    images: np.ndarray | MappedPhotos
    people: np.ndarray
    names: Sequence[str]
    card: dict = field(default_factory=dict)

    def __post_init__(self):
        if self.images.ndim != 4 or self.images.dtype != np.uint8:
            raise MffcnLiteError(f"images must be uint8, N×C×H×W, not {self.images.dtype} of shape {self.images.shape}")
        object.__setattr__(self, "people", np.asarray(self.people, dtype=np.int64))
        object.__setattr__(self, "names", list(self.names))
        if not len(self.images) == len(self.people) == len(self.names):
            raise MffcnLiteError(
                f"a set needs as many images (={len(self.images)}) as people (={len(self.people)}) "
                f"and names (={len(self.names)})"
            )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Index) -> "FaceSet":
        """The photos at `index` (an int, a slice or an array) as a smaller set."""
        index = np.arange(len(self))[index].reshape(-1)
        images, step = self.images, np.diff(index)
        whole = len(index) and (step == 1).all()  # a slice is no copy, and keeps a memory map mapped
        keep = slice(int(index[0]), int(index[-1]) + 1) if whole else index
        if isinstance(images, MappedPhotos):
            images = MappedPhotos(images.images, images.index[keep])
        elif isinstance(images, np.memmap) and keep is index:
            images = MappedPhotos(images, index)
        else:
            images = images[keep]
        return FaceSet(images, self.people[keep], [self.names[i] for i in index], self.card)

    def __getitems__(self, indices: list[int]) -> list[tuple[Float[Tensor, "channel height width"], int]]:
        """What a DataLoader of torch asks for: each photo as floats in [0, 1], and its person.

        So a batch of a DataLoader is a pair: photos N×C×H×W, and N people.
        """
        some = self[np.asarray(indices, dtype=np.int64)]
        return list(zip(some.floats(), some.people.tolist(), strict=True))

    def who(self) -> list[int]:
        """The people of the set, each once, in order."""
        return np.unique(self.people).tolist()

    def floats(self, device: str | torch.device = "cpu") -> Float[Tensor, "batch channel height width"]:
        """All photos as one float32 tensor in [0, 1] on `device`."""
        return torch.from_numpy(np.array(self.images)).to(device).float() / 255

    def pixel_hash(self) -> str:
        """SHA-256 over the shape and all pixels, as 64 hexadecimal digits."""
        digest = hashlib.sha256(repr(tuple(self.images.shape)).encode())
        for start in range(0, len(self), 4096):  # in pieces: the set may be larger than memory
            digest.update(np.ascontiguousarray(self.images[start : start + 4096]).tobytes())
        return digest.hexdigest()


def save_faces(faces: FaceSet, folder: str | Path) -> None:
    """Write a prepared set: `images.npy`, `faces.csv` and, with their hashes, `card.json` in a new `folder`.

    Raises:
        MffcnLiteError: if `folder` exists already, or cannot be written.
    """
    folder, width = Path(folder), len(str(int(faces.people.max(initial=0))))
    if folder.exists():
        raise MffcnLiteError(f"{folder} exists already; name a new folder, so that nothing is overwritten")
    rows = []
    for name, person, image in zip(faces.names, faces.people, faces.images, strict=True):
        # Zero-padded, so that the sorted order of the strings is the order of the indices.
        digest = hashlib.sha256(image.tobytes()).hexdigest()
        rows.append({"name": name, "person": f"{person:0{width}d}", "sha256": digest})
    write_prepared(folder, faces.images.shape[1:], rows, (image.tobytes() for image in faces.images), faces.card)


def write_prepared(
    out: Path, shape: tuple[int, int, int], rows: list[dict], pixels: Iterable[bytes], card: dict
) -> None:
    """Write `images.npy`, `faces.csv` and `card.json` into a new folder `out`, which appears complete or not at all.

    `rows` are N dicts with `name`, `person`, `sha256` and perhaps `pose`, `date`, `source` and `eyes`; `pixels` gives
    the N photos, C×H×W bytes of `shape` each.

    Raises:
        MffcnLiteError: if the folder cannot be written.
    """
    json_bytes(out / "faces.csv", [list(row.values()) for row in rows])  # before the photos, a name that is no text
    with replacing(out) as temporary:
        temporary.mkdir()
        with (temporary / "images.npy").open("wb") as handle:
            header = {"descr": "|u1", "fortran_order": False, "shape": (len(rows), *shape)}
            np.lib.format.write_array_header_1_0(handle, header)
            handle.writelines(pixels)
        with (temporary / "faces.csv").open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, COLUMNS, extrasaction="ignore")
            writer.writeheader()
            for row in rows:
                (left_x, left_y), (right_x, right_y) = row.get("eyes", (("", ""), ("", "")))
                writer.writerow(row | {"left_x": left_x, "left_y": left_y, "right_x": right_x, "right_y": right_y})
        hashes = {key: sha256(temporary / name) for key, name in HASHED.items()}
        write_json(temporary / "card.json", {**card, **hashes})


def _check_hashes(folder: Path, card: dict) -> dict:
    """The card of a set, once its hashes were compared with the files; those that it lacks are added.

    Raises:
        ValueError: if one is not that of its file.
    """
    hashes = {key: sha256_once(folder / name) for key, name in HASHED.items()}
    for key, name in HASHED.items():
        if key not in card:
            unknown = f"whether {name} is as it was prepared cannot be checked"
            say(f"{folder / 'card.json'} has no {key}, so {unknown}; prepare the set again for that")
        elif card[key] != hashes[key]:
            raise ValueError(f"{name} was changed after it was prepared: its SHA-256 is not the one in card.json")
    return {**card, **hashes}


def load_prepared(folder: str | Path) -> FaceSet:
    """Map a prepared set from its folder; the photos are read when they are used.

    The files are compared with their hashes in the card, once in a process while they are not changed. An older card
    that lacks one is accepted, and a line on standard error says so.

    Raises:
        MffcnLiteError: if a file is missing or broken, was changed since it was written, or the three do not fit
            together.
    """
    folder = Path(folder)
    card = read_json(folder / "card.json")
    try:
        card = _check_hashes(folder, card)
        images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
        if not isinstance(images, np.ndarray):
            raise ValueError("images.npy holds no array")
        names, strings = [], []  # two columns of ten: all of 100,000 rows would take a hundred megabytes
        with (folder / "faces.csv").open(newline="", encoding="utf-8") as handle:
            for row in csv.DictReader(handle):
                if None in row.values():
                    raise ValueError("faces.csv is cut short")
                names.append(row["name"])
                strings.append(row["person"])
        index = {person: i for i, person in enumerate(sorted(set(strings)))}
        people = np.array([index[person] for person in strings], dtype=np.int64)
        return FaceSet(images, people, names, card)
    except Exception as error:  # a damaged file raises whatever its reader meets: NumPy's reads its header as Python
        raise MffcnLiteError(f"{folder} is no complete prepared set ({error}); prepare it again") from error
