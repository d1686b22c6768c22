"""Figures draw what they are given, name their axes, and bring their own white ground."""

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.text import Text

from mffcn_lite import plotting

FIGURES = {
    "grid": lambda: plotting.photo_grid({"a": torch.rand(1, 1, 5, 4), "b": torch.rand(7, 6)}),
    "curves": lambda: plotting.curves([0, 1], {"k": [2, 3], "m": [1, 1]}, "x (px)", "y", ([0], [1]), {"here": 0.5}),
    "dots": lambda: plotting.dots({"A": [3, 1, 2], "B": [5, 4]}, "person", "y (dB)", zero=True),
    "dot rows": lambda: plotting.dot_rows({"A": [3, 1, 2], "a longer name": [5, 4]}, "gain (dB)", mark=("base", 2.5)),
    "matrices": lambda: plotting.matrices({"m": torch.eye(3)}, "old", "new"),
    "bars": lambda: plotting.bars({"a": 0.25, "b": -1.5}, "moves it by (dB)", mark=("a gain", 0.5)),
    "intervals": lambda: plotting.intervals(
        [{"model": m, "factor": f, "psnr": 30 - f, "psnr_ci": [29 - f, 32 - f]} for m in "ab" for f in (2, 3)],
        "psnr",
        "(dB)",
    ),
    "gains": lambda: plotting.gains(
        [
            {"model": m, "group": g, "level": level, "mean": v, "ci": [v - 1, v + 2]}
            for m, sign in (("a", 1), ("b", -1))
            for g, level, v in (("noise", "2", 0.5 * sign), ("noise", "10", 3.0 * sign), ("jpeg", "30", 7.0 * sign))
        ]
        + [{"model": "a", "group": "noise", "level": "exact", "mean": None, "ci": None}],
        "gain (dB)",
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_white_and_shown_once(name):
    figure = FIGURES[name]()
    assert figure.get_facecolor() == (1, 1, 1, 1)
    assert not plt.get_fignums()  # or a notebook would show it twice


def test_curves_draw_the_values_and_name_the_axes():
    axis = FIGURES["curves"]().axes[0]
    assert np.array_equal(axis.lines[0].get_ydata(), [2, 3])
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("x (px)", "y")
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["k", "m", "samples"]


def test_bars_have_the_values_and_write_them_beside():
    axis = FIGURES["bars"]().axes[0]
    assert [bar.get_width() for bar in axis.patches] == [0.25, -1.5]
    assert {"0.25", "-1.50"} <= {text.get_text() for text in axis.texts}
    assert axis.get_xlabel() == "moves it by (dB)"


def test_kinds_of_rows_have_a_colour_and_a_shape_each_and_stand_in_the_legend_once():
    rows, kinds = {"a": [1, 2], "b": [3], "c": [4]}, {"a": "data", "b": "network", "c": "data"}
    figure = plotting.dot_rows(rows, "x", ("zero", 0.0), kinds)
    lines = figure.axes[0].lines[:3]
    looks = [(line.get_color(), line.get_marker()) for line in lines]
    assert looks[0] == looks[2] != looks[1]
    assert all(a != b for a, b in zip(looks[0], looks[1], strict=True))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["data", "network", "zero"]


def test_systems_are_called_by_their_titles_in_every_figure():
    """And in each kind of it: names of axes, of panels, in legends."""
    named = {"mffcn": torch.zeros(1, 1, 4, 4), "other": torch.zeros(1, 1, 4, 4)}
    rows = [{"model": "mffcn", "factor": f, "psnr": 1.0, "psnr_ci": (0, 2)} for f in (2, 3)]
    levels = [{"model": "mffcn", "group": "g", "level": "l", "mean": 1.0, "ci": (0, 2)}]
    drawn = [
        plotting.photo_grid(named),
        plotting.matrices(named, "x", "y"),
        plotting.curves([0, 1], {"mffcn": [0, 1]}, "x", "y"),
        plotting.bars({"mffcn": 1.0}, "x"),
        plotting.intervals(rows, "psnr", "dB"),
        plotting.gains(levels, "y"),
        plotting.dots({"mffcn": [1, 2]}, "x", "y"),
        plotting.dot_rows({"mffcn": [1, 2]}, "x"),
    ]
    for figure in drawn:
        ticks = [label for axis in figure.axes for label in (*axis.get_xticklabels(), *axis.get_yticklabels())]
        texts = {text.get_text() for text in (*ticks, *figure.findobj(Text))}
        assert "MFFCN, L2" in texts
        assert "mffcn" not in texts


def test_curves_differ_by_more_than_colour():
    axis = plotting.curves([0, 1], {str(i): [i, i] for i in range(6)}, "x", "y").axes[0]
    assert len({str(line.get_linestyle()) + str(line._dash_pattern) for line in axis.lines}) == 6


def test_intervals_are_drawn_where_the_results_say():
    axis = FIGURES["intervals"]().axes[0]
    bars = axis.containers[0].lines[2][0].get_segments()
    assert np.allclose([bar[:, 1] for bar in bars], [[27, 30], [26, 29]])


def test_dots_show_every_value_and_the_mean_of_each_group():
    axis = FIGURES["dots"]().axes[0]
    _, first, mean, second, _ = axis.lines
    assert list(first.get_ydata()) == [1, 2, 3]
    assert list(second.get_ydata()) == [4, 5]
    assert list(mean.get_ydata()) == [2, 2]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["A", "B"]


def test_a_logarithmic_axis_is_asked_for():
    assert FIGURES["curves"]().axes[0].get_yscale() == "linear"
    assert plotting.curves([0, 1], {"k": [1, 10]}, "x", "y", log=True).axes[0].get_yscale() == "log"


def test_gains_have_a_panel_a_group_and_an_interval_a_level():
    noise, jpeg = FIGURES["gains"]().axes
    assert [(axis.get_title(), [t.get_text() for t in axis.get_xticklabels()]) for axis in (noise, jpeg)] == [
        ("noise", ["2", "10"]),
        ("jpeg", ["30"]),
    ]
    first, second = noise.containers
    assert (first.get_label(), second.get_label(), noise.get_ylabel()) == ("a", "b", "gain (dB)")
    assert list(first.lines[0].get_ydata()) == [0.5, 3]
    assert list(second.lines[0].get_ydata()) == [-0.5, -3]
    bars = first.lines[2][0].get_segments()
    assert np.allclose([bar[:, 1] for bar in bars], [[-0.5, 2.5], [2, 5]])
    assert all(abs(bar[0, 0] - level) < 0.5 for level, bar in enumerate(bars))
    assert list(jpeg.containers[1].lines[0].get_ydata()) == [-7]
    assert noise.get_ylim() == jpeg.get_ylim()


def test_rows_of_dots_show_every_value_beside_its_name_and_the_mark():
    axis = FIGURES["dot rows"]().axes[0]
    first, second, mark = axis.lines
    assert list(first.get_xdata()) == [3, 1, 2]
    assert set(second.get_ydata()) == {1}
    assert list(mark.get_xdata()) == [2.5, 2.5]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["A", "a longer name"]
    top, bottom = (axis.transData.transform((0, i))[1] for i in (0, 1))
    assert top > bottom  # the first group stands on top
