"""The chart of the first page: what systems gain over bicubic, as SVG in the theme's colours."""

import html
import math

import numpy as np

from book.build.make_appendices import signed
from mffcn_lite.evaluation import load_results
from mffcn_lite.shipped import title
from mffcn_lite.statistics import t_interval

SHOWN = ("wiener", "srcnn", "fsrcnn", "mffcn", "mffcn-full")  # the last one by another objective: hatched
HATCHED = "mffcn-full"
FACTORS = (2, 3, 4)
ROW, TALL, BAR = 26, 40, 14  # heights in pixels: of a row, of one with its name in it, of a bar
TOP = 26  # of the bars, below the factor
LABELS, PANEL, GAP, NARROW = (
    196,
    244,
    8,
    300,
)  # widths: of names and a panel in a wide chart; of a narrow one
VALUE = 52  # pixels that a number takes behind its bar
HATCH = (
    '<pattern id="gain-hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<path d="M0 0V5"/></pattern>'
)


def gains() -> list[dict]:
    """What each system has over bicubic, in dB: ours with a 95% interval over people, then the paper's without one."""
    results = load_results("tables")
    of = {(row["model"], row["factor"], row["person"]): row["psnr"] for row in results["people"]}
    rows = []
    for model in SHOWN:
        for factor in FACTORS:
            over = [psnr - of["bicubic", f, person] for (m, f, person), psnr in of.items() if (m, f) == (model, factor)]
            rows.append({"name": named(model), "model": model, "factor": factor, "ci": t_interval(over)})
            rows[-1]["mean"] = float(np.mean(over))
    paper = {row["model"]: row["psnr"] for row in results["paper"]["rows"]}
    for model, values in paper.items():
        for factor, value, bicubic in zip(results["paper"]["factors"], values, paper["bicubic"], strict=True):
            if model != "bicubic":
                name = f"{model.upper()}, in the paper"
                rows.append({"name": name, "model": model, "factor": factor, "ci": None, "mean": value - bicubic})
    return rows


def named(model: str) -> str:
    """A system's name at the beginning of a line."""
    name = title(model)
    return name[0].upper() + name[1:]


class Scale:
    """From dB to pixels of a panel: all rows fit, with room for a number behind the longest bar."""

    def __init__(self, rows: list[dict], width: int):
        ends = [end for row in rows for end in (row["mean"], *(row["ci"] or ()))]
        self.low, self.high = min(0, *ends) - 0.2, max(0, *ends) + 0.2
        self.unit = (width - VALUE) / (self.high - self.low)
        self.ticks = [5 * i for i in range(math.ceil(self.low / 5), math.floor(self.high / 5) + 1)]

    def __call__(self, decibels: float) -> float:
        return round((decibels - self.low) * self.unit, 1)


def bar(row: dict, at: Scale, top: float) -> str:
    """A bar, its whisker and its number; the paper's is an outline in dashes."""
    zero, end, middle = at(0), at(row["mean"]), top + BAR / 2
    kind = "paper" if row["ci"] is None else "hatched" if row["model"] == HATCHED else "solid"
    box = f'x="{min(zero, end)}" y="{top}" width="{abs(end - zero):.1f}" height="{BAR}"'
    parts, last = [f'<rect class="{kind} system-{row["model"]}" {box}/>'], max(zero, end)
    if row["ci"]:
        low, high = map(at, row["ci"])
        last = max(last, high)
        ends = f"M{low} {middle}H{high}M{low} {middle - 4}v8M{high} {middle - 4}v8"
        parts.append(f'<path class="whisker" d="{ends}"/>')
    parts.append(f'<text class="value" x="{last + 5:.1f}" y="{middle + 4.5}">{signed(row["mean"])}</text>')
    return "".join(parts)


def panel(rows: list[dict], at: Scale, height: int, names: bool) -> str:
    """The bars of one factor, `height` pixels each, with an axis; with `names`, each below a line that names it."""
    bottom, parts = TOP + height * len(rows), []
    parts.append(f'<text class="factor" x="{0 if names else at(0)}" y="14">factor {rows[0]["factor"]}</text>')
    for tick in at.ticks:
        word = "bicubic" if tick == 0 else f"{tick:+} dB".replace("-", "−")
        parts.append(f'<path class="{"zero" if tick == 0 else "grid"}" d="M{at(tick)} {TOP}V{bottom}"/>')
        parts.append(f'<text class="tick" x="{at(tick)}" y="{bottom + 16}">{word}</text>')
    for i, row in enumerate(rows):
        y = TOP + i * height
        if names:
            parts.append(f'<text class="name" x="0" y="{y + 12}">{html.escape(row["name"])}</text>')
        parts.append(bar(row, at, y + (17 if names else (height - BAR) / 2)))
    return "".join(parts)


def svg(width: int, bars: int, what: str, drawn: str) -> str:
    """A drawing with `bars` pixels for its bars, in its own pixels."""
    height = TOP + bars + 22  # with the axis
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return f'<svg role="img" aria-label="{what}; the numbers are in the table below" {size}>{drawn}</svg>'


def numbers(rows: list[dict]) -> str:
    """The chart's numbers as a table, each ours with its interval."""
    lines = []
    for name in dict.fromkeys(row["name"] for row in rows):
        cells = []
        for row in (row for row in rows if row["name"] == name):
            ends = f" [{', '.join(map(signed, row['ci']))}]" if row["ci"] else ""
            cells.append(f"<td>{signed(row['mean'])}<span>{ends}</span></td>")
        lines.append(f'<tr><th scope="row">{html.escape(name)}</th>{"".join(cells)}</tr>')
    head = "".join(f'<th scope="col">×{factor}</th>' for factor in FACTORS)
    return f'<table class="table"><thead><tr><td></td>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'


def caption() -> str:
    """What the chart shows, of how many people."""
    data = load_results("tables")["data"]
    people = len(data["people"])
    return (
        "<b>Gain in PSNR over bicubic interpolation, in dB; right of the line is better.</b> "
        f"Bars: mean over {people} people whom no network saw, {data['photos'] // people} photos of each. "
        "Whiskers: 95% interval over people. Hatched: trained with the paper’s printed objective; the other networks "
        "with the squared error (L2). Dashed: the paper’s own numbers, on other photos, without intervals."
    )


def chart() -> str:
    """The chart as one drawing for a wide page and as three for a narrow one, its caption, and its numbers."""
    rows = gains()
    of = {factor: [row for row in rows if row["factor"] == factor] for factor in FACTORS}
    count, wide, narrow = len(of[FACTORS[0]]), Scale(rows, PANEL), Scale(rows, NARROW)
    drawn = [
        f'<text class="name end" x="{LABELS - 14}" y="{TOP + (i + 0.5) * ROW + 4.5}">{html.escape(row["name"])}</text>'
        for i, row in enumerate(of[FACTORS[0]])
    ]
    for i, factor in enumerate(FACTORS):
        inside = panel(of[factor], wide, ROW, names=False)
        drawn.append(f'<g transform="translate({LABELS + i * (PANEL + GAP)} 0)">{inside}</g>')
    width = LABELS + len(FACTORS) * (PANEL + GAP) - GAP
    one = svg(width, count * ROW, "Gain over bicubic at three factors", "".join(drawn))
    three = [
        svg(NARROW, count * TALL, f"Gain over bicubic at factor {factor}", panel(of[factor], narrow, TALL, names=True))
        for factor in FACTORS
    ]
    return f"""<figure class="gain-chart">
<svg class="patterns" width="0" height="0" aria-hidden="true">{HATCH}</svg>
<div class="wide">{one}</div>
<div class="narrow">{"".join(three)}</div>
<figcaption>{caption()}</figcaption>
<details><summary>The numbers as a table</summary>{numbers(rows)}</details>
</figure>
"""
