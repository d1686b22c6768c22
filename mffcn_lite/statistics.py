"""How sure a comparison is: people are the sample, systems are paired, comparisons are one family (chapter 4)."""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from mffcn_lite.errors import MffcnLiteError
from mffcn_lite.progress import quiet

EXACT = 14  # people up to whom all 2ⁿ flips of signs are counted out
SEED = 0  # of the bootstrap, and of flips that are drawn


def t_interval(values: Sequence[float], confidence: float = 0.95) -> list[float]:
    """Student's interval of the mean of `values`, [low, high]; both are the mean where there is one value alone."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return [mean, mean]
    half = stats.t.ppf(0.5 + confidence / 2, len(values) - 1) * stats.sem(values)
    return [mean - float(half), mean + float(half)]


def bca_interval(values: Sequence[float], confidence: float = 0.95, resamples: int = 9999) -> list[float]:
    """The bootstrap's bias-corrected and accelerated interval (Efron 1987) of the mean, [low, high].

    With eight values it covers the truth less often than it says, if a little more often than percentiles do; the mean
    alone where all values are equal.
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 2 or np.ptp(values) == 0:
        return [float(values.mean())] * 2
    generator = np.random.default_rng(SEED)
    with quiet:  # of tiny samples
        interval = stats.bootstrap(
            (values,), np.mean, confidence_level=confidence, n_resamples=resamples, method="BCa", rng=generator
        ).confidence_interval
    return [float(interval.low), float(interval.high)]


def paired_differences(per_photo: pd.DataFrame, a: str, b: str, factor: int, measure: str = "psnr") -> pd.Series:
    """What system `a` has over system `b`: for each person the mean over the photos, index person.

    Args:
        per_photo: of `mffcn_lite.evaluation.evaluate`.

    Raises:
        MffcnLiteError: if a system was not measured at this factor, or the two on different photos.
    """
    chosen = per_photo[per_photo["factor"] == factor]
    sides = [chosen[chosen["model"] == name].set_index(["person", "name"])[measure] for name in (a, b)]
    for name, side in zip((a, b), sides, strict=True):
        if side.empty:
            raise MffcnLiteError(f"{name} was not measured at factor {factor}")
    if not sides[0].index.sort_values().equals(sides[1].index.sort_values()):
        raise MffcnLiteError(f"{a} and {b} were not measured on the same photos, and cannot be paired")
    return (sides[0] - sides[1]).groupby("person").mean()


def max_t_p_values(differences: Sequence[Sequence[float]], draws: int = 9999) -> list[float]:
    """For each of several comparisons on the same people, how likely so large a t of *any* of them is by chance.

    Under the null hypothesis each person's differences could as well have the other sign, all of the person's
    together. The share of flips of signs whose largest t (of either sign) over the comparisons reaches a comparison's
    own is its p-value, corrected for the whole family (Westfall and Young 1993). All 2ⁿ flips are counted up to 14
    people, and `draws` beyond.

    Args:
        differences: comparisons×people.

    Raises:
        MffcnLiteError: if there are fewer than two people, or the comparisons are not of the same people.
    """
    t = _flipped_t(differences, draws)
    return [float((t.max(axis=1) >= seen - 1e-9).mean()) for seen in t[0]]


def simultaneous_intervals(
    differences: Sequence[Sequence[float]], confidence: float = 0.95, draws: int = 9999
) -> list[list[float]]:
    """Intervals of the means that hold together for a whole family, [low, high] each: means plus and minus q spreads.

    q is the t that the largest of the family passes by chance in fewer than 1 − `confidence` of the flips of
    `max_t_p_values`: so an interval leaves 0 out where, and only where, that p-value is below 1 − `confidence`.

    Args:
        differences: comparisons×people.

    Raises:
        MffcnLiteError: as `max_t_p_values`.
    """
    largest = np.sort(_flipped_t(differences, draws).max(axis=1))[::-1]
    q = largest[max(0, int(np.ceil((1 - confidence) * len(largest) - 1e-9)) - 1)]
    table = np.asarray(differences, dtype=float)
    means, half = table.mean(axis=1), q * table.std(axis=1, ddof=1) / np.sqrt(table.shape[1])
    return np.stack([means - half, means + half], axis=1).tolist()


def _flipped_t(differences: Sequence[Sequence[float]], draws: int = 9999) -> np.ndarray:
    """|t| of each comparison under each flip of people's signs, flips×comparisons; the first is what was seen."""
    if len({len(row) for row in differences}) != 1 or len(differences[0]) < 2:
        raise MffcnLiteError("differences must be comparisons×people, with the same two people or more in each")
    table = np.asarray(differences, dtype=float)
    people = table.shape[1]
    if people <= EXACT:
        signs = np.array(list(itertools.product((1, -1), repeat=people)))
    else:
        signs = np.random.default_rng(SEED).choice((1, -1), (draws, people))
        signs = np.vstack([np.ones(people), signs])  # what was seen is one of the flips
    flipped = signs[:, None, :] * table
    spread = flipped.std(axis=2, ddof=1) / np.sqrt(people)
    with np.errstate(divide="ignore", invalid="ignore"):  # all people alike: an infinite t, or 0 where there is nothing
        return np.abs(np.nan_to_num(flipped.mean(axis=2) / spread, posinf=np.inf, neginf=-np.inf))


def verdict_of(mean: float, p: float) -> str:
    """Where p < 0.05 "above" or "below", which is the sign of the mean; else "undecided"."""
    return "undecided" if p >= 0.05 else "above" if mean > 0 else "below"


def compare(
    per_photo: pd.DataFrame,
    pairs: Sequence[tuple[str, str]],
    factors: Sequence[int],
    measures: Sequence[str] = ("psnr",),
    margins: dict[str, float] | None = None,
) -> list[dict]:
    """All comparisons of `pairs` at `factors` in `measures`, as one family.

    Args:
        margins: of measures, how much is no difference worth speaking of. Each comparison has its `band` then (of
            `simultaneous_intervals`), and its verdict is "equal" where it would be "undecided" and the band lies
            within the margin of its measure.

    Returns:
        For each comparison a dict with `a`, `b`, `factor`, `measure`, `mean` (of a − b over people), `ci` (t), `bca`,
        `people`, `p` (of `max_t_p_values`) and `verdict`, which is "above" or "below" where p < 0.05 and "undecided"
        otherwise. An interval holds for these trained weights; another seed moves it.
    """
    keys = list(itertools.product(pairs, factors, measures))
    differences = [paired_differences(per_photo, a, b, factor, measure) for (a, b), factor, measure in keys]
    by_person = [list(row) for row in differences]
    results = []
    for ((a, b), factor, measure), row, p in zip(keys, differences, max_t_p_values(by_person), strict=True):
        mean = float(row.mean())
        result = {"a": a, "b": b, "factor": factor, "measure": measure, "mean": mean, "ci": t_interval(list(row))}
        result |= {"bca": bca_interval(list(row)), "people": len(row), "p": p, "verdict": verdict_of(mean, p)}
        results.append(result)
    if margins:
        for result, band in zip(results, simultaneous_intervals(by_person), strict=True):
            result["band"] = band
            if result["verdict"] == "undecided" and max(map(abs, band)) <= margins.get(result["measure"], 0):
                result["verdict"] = "equal"
    return results
