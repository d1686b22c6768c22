"""Figures in one style. No number is computed here: what is drawn is passed in."""

import contextlib
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.path import Path
from numpy.typing import ArrayLike
from torch import Tensor, nn

from mffcn_lite.context import full
from mffcn_lite.errors import MffcnLiteError, described
from mffcn_lite.models import MFF, MFFCN
from mffcn_lite.shipped import title

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
    """A picture 1×H×W, 1×1×H×W or H×W as an array H×W, wherever it lies and whether or not it takes a gradient.

    Raises:
        MffcnLiteError: if it is more than one plane.
    """
    if isinstance(image, Tensor):
        image = (full(image) if image.is_floating_point() else image).detach().cpu().numpy()
    if not isinstance(image, np.ndarray) or image.ndim < 2 or image.size != image.shape[-2] * image.shape[-1]:
        raise MffcnLiteError(f"a picture must be one grey plane, H×W, not {described(image)}; draw one at a time")
    return image.reshape(image.shape[-2:])


@contextlib.contextmanager
def _subplots(*arguments, **options):
    """`plt.subplots` in the book's style, closed at the end: a notebook would show an open figure twice."""
    with plt.rc_context(RC):
        figure, axes = plt.subplots(*arguments, **options)
        yield figure, axes
        if "layout" not in options:
            figure.tight_layout()
    plt.close(figure)


def photo_grid(photos: Mapping[str, Tensor], columns: int = 3) -> Figure:
    """Photos in [0, 1], each under its name; sizes may differ, pixels are drawn as squares."""
    rows = -(-len(photos) // columns)
    with _subplots(rows, columns, figsize=(2.1 * columns, 2.8 * rows), squeeze=False) as (figure, axes):
        for axis in axes.flat:
            axis.axis("off")
        for axis, (name, photo) in zip(axes.flat, photos.items(), strict=False):
            axis.imshow(as_array(photo), vmin=0, vmax=1, interpolation="nearest")
            axis.set_title(title(name))
    return figure


def curves(
    x: ArrayLike,
    ys: Mapping[str, ArrayLike],
    xlabel: str,
    ylabel: str,
    points: tuple[ArrayLike, ArrayLike] | None = None,
    marks: Mapping[str, float] | None = None,
    log: bool = False,
) -> Figure:
    """Named curves over one axis, with `points` (samples) as dots and `marks` as labelled vertical lines.

    With `log` the vertical axis is logarithmic.
    """
    with _subplots(figsize=(6.8, 3.4)) as (figure, axis):
        for (name, y), colour, style in zip(ys.items(), COLOURS, STYLES, strict=False):
            axis.plot(np.asarray(x), np.asarray(y), color=colour, linestyle=style, label=title(name), linewidth=1.8)
        if points is not None:
            axis.plot(*map(np.asarray, points), "o", color="black", label="samples", zorder=3)
        for name, position in (marks or {}).items():
            axis.axvline(position, color="0.4", linewidth=1)
            axis.annotate(name, (position, 1), xycoords=("data", "axes fraction"), fontsize=8, ha="center", va="bottom")
        if log:
            axis.set_yscale("log")
        axis.set(xlabel=xlabel, ylabel=ylabel)
        axis.legend(edgecolor="none", framealpha=0.9)
    return figure


def matrices(named: Mapping[str, Tensor], xlabel: str, ylabel: str) -> Figure:
    """Matrices as colours, one scale for all: blue below zero, white at zero, red above."""
    size = (2.1 * len(named) + 0.6, 3.4)
    with _subplots(1, len(named), figsize=size, squeeze=False, layout="constrained") as (figure, axes):
        for axis, (name, matrix) in zip(axes[0], named.items(), strict=True):
            drawn = axis.imshow(as_array(matrix), cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
            axis.grid(False)
            axis.set_title(title(name), fontsize=10)
            axis.set_xlabel(xlabel)
        axes[0][0].set_ylabel(ylabel)
        figure.colorbar(drawn, ax=axes[0].tolist(), label="weight", shrink=0.8)
    return figure


def bars(named: Mapping[str, float], xlabel: str, mark: tuple[str, float] | None = None) -> Figure:
    """Named numbers as horizontal bars, each with its value, and `mark` as a labelled line to compare them with."""
    names, values = list(map(title, named)), [float(value) for value in named.values()]
    with _subplots(figsize=(6.8, 1.2 + 0.36 * len(names)), layout="constrained") as (figure, axis):
        drawn = axis.barh(names, values, color=COLOURS[0], height=0.6)
        texts = [f"{round(value, 2) + 0.0:.2f}" for value in values]  # never −0.00
        axis.bar_label(drawn, texts, padding=4, fontsize=9, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})
        if mark is not None:
            axis.axvline(mark[1], color=COLOURS[1], linestyle="--", label=mark[0])
            figure.legend(loc="outside upper center", frameon=False)
        axis.margins(x=0.12)
        axis.invert_yaxis()
        axis.grid(False, axis="y")
        axis.set_xlabel(xlabel)
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
            axis.errorbar(x, y, [y - low, high - y], fmt="os^Dvp"[i % 6], color=colour, capsize=3, label=title(name))
        axis.set_xticks(sorted({row["factor"] for row in rows}))
        axis.set(xlabel="factor", ylabel=f"{measure.upper()} {unit}".strip())
        axis.legend(frameon=False)
    return figure


def gains(rows: Sequence[Mapping], ylabel: str) -> Figure:
    """What systems gain as the world leaves the training's protocol: a panel for each group, its levels in their order.

    Args:
        rows: with `model`, `group`, `level` (a name), `mean` and `ci`; those without a mean are left out.
    """
    rows = [row for row in rows if row.get("mean") is not None]
    names, groups = (list(dict.fromkeys(row[key] for row in rows)) for key in ("model", "group"))
    levels = {group: list(dict.fromkeys(row["level"] for row in rows if row["group"] == group)) for group in groups}
    widths = [max(2, len(levels[group])) for group in groups]
    options = {"sharey": True, "squeeze": False, "layout": "constrained", "width_ratios": widths}
    with _subplots(1, len(groups), figsize=(1.2 + 0.5 * sum(widths), 3.8), **options) as (figure, axes):
        for axis, group in zip(axes[0], groups, strict=True):
            axis.axhline(0, color="0.4", linewidth=1)
            for i, name in enumerate(names):
                mine = [row for row in rows if row["group"] == group and row["model"] == name]
                x = np.array([levels[group].index(row["level"]) for row in mine])
                y, (low, high) = np.array([row["mean"] for row in mine]), np.array([row["ci"] for row in mine]).T
                style = {"color": COLOURS[i % len(COLOURS)], "linestyle": STYLES[i % len(STYLES)], "linewidth": 1}
                style |= {"marker": "os^Dvp"[i % 6], "markersize": 4, "capsize": 2}
                style["label"] = title(name) if axis is axes[0][0] else None  # once in the legend
                axis.errorbar(x + 0.6 * ((i + 0.5) / len(names) - 0.5), y, [y - low, high - y], **style)
            axis.set_xticks(range(len(levels[group])), levels[group])
            axis.grid(False, axis="x")
            axis.set_title(group, fontsize=10)
        axes[0][0].set_ylabel(ylabel)
        figure.legend(loc="outside lower center", ncols=6, frameon=False)
    return figure


def dots(groups: Mapping[str, ArrayLike], xlabel: str, ylabel: str, zero: bool = False) -> Figure:
    """A column of dots for each group, in the order of their values, with a bar at the mean; `zero`: a line at 0."""
    with _subplots(figsize=(6.8, 3.4)) as (figure, axis):
        if zero:
            axis.axhline(0, color="0.4", linewidth=1)
        for i, values in enumerate(groups.values()):
            y = np.sort(np.asarray(values))
            axis.plot(i + np.linspace(-0.2, 0.2, len(y)), y, "o", color=COLOURS[0], markersize=4, alpha=0.7)
            axis.plot([i - 0.3, i + 0.3], [y.mean()] * 2, color=COLOURS[1], linewidth=2.5)
        axis.set_xticks(range(len(groups)), list(map(title, groups)))
        axis.grid(False, axis="x")
        axis.set(xlabel=xlabel, ylabel=ylabel)
    return figure


def dot_rows(
    groups: Mapping[str, ArrayLike],
    xlabel: str,
    mark: tuple[str, float] | None = None,
    kinds: Mapping[str, str] | None = None,
) -> Figure:
    """A row of dots for each group, under its name, which may be long; `mark` is a labelled line.

    `kinds` says of what kind each group is; each has a colour and a shape of its own.
    """
    of = {name: (kinds or {}).get(name) for name in groups}
    order = list(dict.fromkeys(of.values()))
    with _subplots(figsize=(6.8, 1.2 + 0.3 * len(groups)), layout="constrained") as (figure, axis):
        for i, (name, values) in enumerate(groups.items()):
            kind = order.index(of[name])
            style = {"color": COLOURS[kind + (kind > 0)], "markersize": 5, "alpha": 0.7}  # the second is the mark's
            style["label"] = of[name] if list(of.values()).index(of[name]) == i else None
            axis.plot(np.asarray(values), np.full(len(values), i), "os^Dvp"[kind % 6], linestyle="none", **style)
        if mark is not None:
            axis.axvline(mark[1], color=COLOURS[1], linestyle="--", label=mark[0])
        if mark is not None or kinds:
            figure.legend(loc="outside upper center", frameon=False, ncols=len(order) + 1)
        axis.set_yticks(range(len(groups)), list(map(title, groups)))
        axis.set_ylim(len(groups) - 0.5, -0.5)
        axis.set_xlabel(xlabel)
    return figure


def network_figure(model: MFFCN) -> Figure:
    """An MFFCN as it is: its layers with their channels, read from the modules, its skips and its residual.

    A layer whose maps were halved stands lower.
    """
    depth = len(model.layers)
    with _subplots(figsize=(1.05 * (depth + 2), 2.6 + 0.6 * max(model.levels))) as (figure, axis):
        axis.axis("off")
        axis.grid(False)
        place = {layer: (layer, -0.6 * level) for layer, level in enumerate(model.levels)} | {depth + 1: (depth + 1, 0)}

        def arrow(start: int, end: int, colour: str = "black", text: str = "") -> None:
            """Straight to the next box, or in an arc above those between, with its text on top."""
            (x, y), (x2, y2) = place[start], place[end]
            if text:
                y, y2, top = y + 0.25, y2 + 0.25, max(y, y2) + 0.25 + 0.26 * (x2 - x)
                points = [(x, y), ((x + x2) / 2, top), (x2, y2)]
                axis.text((x + x2) / 2, (y + 2 * top + y2) / 4 + 0.09, text, ha="center", fontsize=8, color=colour)
            else:
                points = [(x + 0.3, y), ((x + x2) / 2, (y + y2) / 2), (x2 - 0.3, y2)]
            curve = Path(points, [Path.MOVETO, Path.CURVE3, Path.CURVE3])
            axis.add_patch(FancyArrowPatch(path=curve, arrowstyle="-|>", mutation_scale=10, color=colour, fill=False))

        for layer in range(depth + 1):
            arrow(layer, layer + 1)
        for end, start in model.skips.items():
            arrow(start, end, COLOURS[0], f"{start} into {end}: {model.skip}")
        if model.residual:
            arrow(0, depth + 1, COLOURS[1], "the residual: add")
        for layer in range(depth + 2):
            text = {0: "blurred\n1", depth + 1: "sr\n1"}.get(layer) or f"{layer}: {_channels(model.layers[layer - 1])}"
            box = {"boxstyle": "round", "facecolor": "white", "edgecolor": "black"}
            axis.text(*place[layer], text, ha="center", va="center", fontsize=8, bbox=box)
        axis.set_xlim(-0.6, depth + 1.6)
        axis.set_ylim(-0.6 * max(model.levels) - 0.4, 0.5 + 0.13 * (depth + 1))
    return figure


def _channels(module: MFF | nn.Sequential) -> str:
    """A layer's kind, and its channels in and out."""
    if isinstance(module, MFF):
        return f"MFF\n{module.branches[0].in_channels}→{module.project.out_channels}"
    side = module[0].kernel_size[0]
    return f"{side}×{side}\n{module[0].in_channels}→{module[0].out_channels}"
