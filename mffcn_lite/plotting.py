"""Figures in one style. No number is computed here: what is drawn is passed in."""

import contextlib
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from torch import Tensor

# Okabe and Ito's colours, which the colour-blind can tell apart, each with a line style of its own.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), "-")
# A white ground of its own keeps a figure legible in a dark page.
RC = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.dpi": 110,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "image.cmap": "gray",
}


def as_array(image: Tensor | np.ndarray) -> np.ndarray:
    """A picture 1×H×W, 1×1×H×W or H×W as an array H×W."""
    return np.asarray(image).reshape(image.shape[-2:])


@contextlib.contextmanager
def _subplots(*arguments, **options):
    """`plt.subplots` in the book's style, closed at the end: a notebook would show an open figure twice."""
    with plt.rc_context(RC):
        figure, axes = plt.subplots(*arguments, **options)
        yield figure, axes
    plt.close(figure)


def photo_grid(photos: Mapping[str, Tensor], columns: int = 3) -> Figure:
    """Photos in [0, 1], each under its name; sizes may differ, pixels are drawn as squares."""
    rows = -(-len(photos) // columns)
    with _subplots(rows, columns, figsize=(2.1 * columns, 2.8 * rows), squeeze=False) as (figure, axes):
        for axis in axes.flat:
            axis.axis("off")
        for axis, (title, photo) in zip(axes.flat, photos.items(), strict=False):
            axis.imshow(as_array(photo), vmin=0, vmax=1, interpolation="nearest")
            axis.set_title(title)
        figure.tight_layout()
    return figure


def curves(
    x: ArrayLike,
    ys: Mapping[str, ArrayLike],
    xlabel: str,
    ylabel: str,
    points: tuple[ArrayLike, ArrayLike] | None = None,
    marks: Mapping[str, float] | None = None,
) -> Figure:
    """Named curves over one axis, with `points` (samples) as dots and `marks` as labelled vertical lines."""
    with _subplots(figsize=(6.8, 3.4)) as (figure, axis):
        for (name, y), colour, style in zip(ys.items(), COLOURS, STYLES, strict=False):
            axis.plot(np.asarray(x), np.asarray(y), color=colour, linestyle=style, label=name, linewidth=1.8)
        if points is not None:
            axis.plot(*map(np.asarray, points), "o", color="black", label="samples", zorder=3)
        for name, position in (marks or {}).items():
            axis.axvline(position, color="0.4", linewidth=1)
            axis.annotate(name, (position, 1), xycoords=("data", "axes fraction"), fontsize=8, ha="center", va="bottom")
        axis.set_xlabel(xlabel)
        axis.set_ylabel(ylabel)
        axis.legend(frameon=False)
        figure.tight_layout()
    return figure


def matrices(named: Mapping[str, Tensor], xlabel: str, ylabel: str) -> Figure:
    """Matrices as colours, one scale for all: blue below zero, white at zero, red above."""
    size = (2.1 * len(named) + 0.6, 3.4)
    with _subplots(1, len(named), figsize=size, squeeze=False, layout="constrained") as (figure, axes):
        for axis, (name, matrix) in zip(axes[0], named.items(), strict=True):
            drawn = axis.imshow(np.asarray(matrix), cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
            axis.grid(False)
            axis.set_title(name, fontsize=10)
            axis.set_xlabel(xlabel)
        axes[0][0].set_ylabel(ylabel)
        figure.colorbar(drawn, ax=axes[0].tolist(), label="weight", shrink=0.8)
    return figure


def intervals(rows: Sequence[Mapping], measure: str, unit: str) -> Figure:
    """Results of `evaluation.summarize`: a dot for each system and factor, with its 95% interval over people."""
    with _subplots(figsize=(6.8, 3.4)) as (figure, axis):
        names = list(dict.fromkeys(row["model"] for row in rows))
        for i, (name, colour) in enumerate(zip(names, COLOURS, strict=False)):
            mine = [row for row in rows if row["model"] == name]
            x = np.array([row["factor"] for row in mine]) + 0.12 * (i - (len(names) - 1) / 2)
            y = np.array([row[measure] for row in mine])
            low, high = np.array([row[f"{measure}_ci"] for row in mine]).T
            axis.errorbar(x, y, [y - low, high - y], fmt="os^Dvp"[i % 6], color=colour, capsize=3, label=name)
        axis.set_xticks(sorted({row["factor"] for row in rows}))
        axis.set_xlabel("factor")
        axis.set_ylabel(f"{measure.upper()} {unit}".strip())
        axis.legend(frameon=False)
        figure.tight_layout()
    return figure
