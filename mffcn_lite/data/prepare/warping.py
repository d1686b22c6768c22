"""Resampling at any places of a photo, once and area-correct: what a prepared pixel cannot show is averaged away."""

import numpy as np
from jaxtyping import Float, Shaped
from scipy import ndimage, sparse

# Values of the smoothed photo that are computed per width of the kernel, before the spline: shrunk, and enlarged.
STEPS = (2, 3)


def smoothing(places: Float[np.ndarray, " places"], width: float, count: int) -> tuple[slice, sparse.csr_array]:
    """(which of `count` pixels are looked at, the matrix that takes these to their means around `places`).

    Means are weighted by a bicubic kernel (Keys, a = −0.5), `width` times as wide as between neighbouring pixels, as in
    PIL's resize: what a prepared pixel cannot show is averaged away. Beyond the border the last pixel is repeated.
    """
    taps = np.ceil(places - 2 * width)[:, None] + np.arange(int(4 * width) + 1)
    x = np.abs(taps - places[:, None]) / width
    weights = np.where(x < 1, (1.5 * x - 2.5) * x * x + 1, np.where(x < 2, ((2.5 - 0.5 * x) * x - 4) * x + 2, 0))
    weights /= weights.sum(axis=1, keepdims=True)
    rows = np.arange(len(places) + 1) * taps.shape[1]
    columns = taps.clip(0, count - 1).astype(np.int32).ravel()
    used = slice(int(columns.min()), int(columns.max()) + 1)
    shape = (len(places), used.stop - used.start)
    return used, sparse.csr_array((weights.astype(np.float32).ravel(), columns - used.start, rows), shape=shape)


def source_places(matrix: Float[np.ndarray, "2 3"], size: int) -> list[Float[np.ndarray, "size size"]]:
    """Where each prepared pixel lies in the source: x and y."""
    u = np.arange(size, dtype=float)
    return [row[0] * u + (row[1] * u + row[2])[:, None] for row in matrix]


def warp(
    plane: Shaped[np.ndarray, "height width"], matrix: Float[np.ndarray, "2 3"], size: int
) -> Float[np.ndarray, "size size"]:
    """One channel, resampled at the places that `matrix` names for each pixel of a square of `size`.

    Each result is the mean of the source's pixels under one kernel, as wide as a prepared pixel is in the source (or
    as one source pixel, where the photo is enlarged), along the source's axes. Such means change slowly, so they are
    computed at a lattice (see `STEPS`), and a cubic spline gives their values in between.
    """
    height, width = plane.shape
    places, matrices = [], []
    for place, row, count in zip(source_places(matrix, size), matrix, (width, height), strict=True):
        kernel = max(1.0, float(np.hypot(row[0], row[1])))
        step = kernel / STEPS[kernel == 1]
        # Beyond the photo all is its border, repeated; eight steps more, for the spline. The lattice keeps the phase of
        # the places where it can, so that an upright photo needs no value in between.
        first = max(place.min(), -3 * kernel) - 8 * step
        last = max(first, min(place.max(), count + 3 * kernel) + 8 * step)
        lattice = first + step * np.arange(int((last - first) / step) + 2)
        # Places beyond the lattice lie where all is the border's value, so that they may be moved onto it.
        places.append(((place - first) / step).clip(0, len(lattice) - 1))
        matrices.append(smoothing(lattice, kernel, count))
    (across, columns), (down, rows) = matrices
    smooth = columns @ np.ascontiguousarray((rows @ plane[down, across].astype(np.float32)).T)
    return ndimage.map_coordinates(smooth, places, output=np.float32, order=3, mode="mirror")
