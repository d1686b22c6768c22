"""Does a restored face look more like its person to a program? What a recognition test counts, from distances alone.

Super-resolution adds no information about who somebody is: what is not in the small photo is a guess from other faces.
Numbers that describe a face are biometric data in many laws; nothing here computes or keeps any, and no command of this
package identifies anybody. The test is run on a public benchmark (benchmarks/experiments/recognition.py).
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from mffcn_lite.errors import MffcnLiteError

CHUNK = 100  # bootstrap samples at a time


def distances_to_people(
    distances: Float[np.ndarray, "probe photo"], gallery: Int[np.ndarray, " photo"]
) -> tuple[Float[np.ndarray, "probe person"], Int[np.ndarray, " person"]]:
    """(how far each probe is from each person of the gallery, the people in order): the nearest photo of each counts.

    Args:
        distances: from each probe to each photo of the gallery.
        gallery: who is on each photo of the gallery.

    Raises:
        MffcnLiteError: if there are not as many people as photos, or none, or a distance is no finite number.
    """
    if distances.ndim != 2 or distances.shape[1] != len(gallery) or not distances.size:
        raise MffcnLiteError(f"distances {distances.shape} must be probes×photos, of {len(gallery)} photos")
    if not np.isfinite(distances).all():
        raise MffcnLiteError("distances hold what is no finite number; look for where it comes from before measuring")
    people = np.unique(gallery)
    return np.stack([distances[:, gallery == person].min(1) for person in people], axis=1), people


def rank_one(
    distances: Float[np.ndarray, "probe person"], people: Int[np.ndarray, " person"], probes: Int[np.ndarray, " probe"]
) -> Bool[np.ndarray, " probe"]:
    """Whether the nearest person of the gallery is the one on the probe (identification); a tie counts as wrong.

    Args:
        distances: of `distances_to_people`.
        people: who they are.
        probes: who is on each probe.

    Raises:
        MffcnLiteError: if a probe's person is not in the gallery.
    """
    own = _own(distances, people, probes)
    nearest_other = np.where(own, np.inf, distances).min(1)  # ∞ where the gallery has nobody else
    return distances[own] < nearest_other


def _own(distances: np.ndarray, people: np.ndarray, probes: np.ndarray) -> np.ndarray:
    """Which distances are those of a probe to its own person."""
    if missing := sorted(set(probes.tolist()) - set(people.tolist())):
        raise MffcnLiteError(f"person {missing[0]} is on a probe and not in the gallery")
    if distances.shape != (len(probes), len(people)):
        raise MffcnLiteError(f"distances {distances.shape} must be probes×people, {len(probes)}×{len(people)}")
    return probes[:, None] == people[None]


def equal_error_rate(
    distances: Float[np.ndarray, "probe person"],
    people: Int[np.ndarray, " person"],
    probes: Int[np.ndarray, " probe"],
    weights: Float[np.ndarray, "sample person"] | None = None,
) -> Float[np.ndarray, " sample"]:
    """The rate at which as many true claims are refused as false ones accepted (verification), from 0 to 1.

    Each probe claims to be each person of the gallery. A claim is accepted up to a threshold of the distance; between
    two thresholds the two rates are joined by a straight line. 0.5 is guessing.

    Args:
        distances, people, probes: see `rank_one`.
        weights: how often each person counts, one row a bootstrap sample (`resample_people`); a true claim of person i
            counts as often as i, one of i to be j as often as i times j. Once each where None.

    Raises:
        MffcnLiteError: if a probe's person is not in the gallery, or there are no false claims.
    """
    own = _own(distances, people, probes)
    if own.all():
        raise MffcnLiteError("a verification needs two people in the gallery, so that there are false claims")
    weights = np.ones((1, len(people))) if weights is None else weights  # samples×people
    # Claims in the order of their distances: with a threshold at the k-th, the first k are accepted.
    order = np.argsort(distances, axis=None, kind="stable")
    ordered = distances.flatten()[order]
    last = np.append(ordered[1:] != ordered[:-1], True)  # claims of one distance are accepted together
    true, place = own.flatten()[order], np.searchsorted(people, probes)
    rates = []
    for start in range(0, len(weights), CHUNK):
        w = weights[start : start + CHUNK]
        claims = w[:, place, None] * np.where(own, 1, w[:, None, :])  # sample×probe×person: how often each counts
        claims = claims.reshape(len(w), -1)[:, order]
        accepted = [np.cumsum(claims * side, axis=1)[:, last] for side in (true, ~true)]  # sample×threshold
        with np.errstate(invalid="ignore"):
            refused, false = 1 - accepted[0] / accepted[0][:, -1:], accepted[1] / accepted[1][:, -1:]
        # In front, the threshold that accepts nobody: all true claims are refused, no false one is accepted.
        refused, false = (np.pad(rate, ((0, 0), (1, 0)), constant_values=v) for rate, v in ((refused, 1), (false, 0)))
        gap = false - refused  # from −1 to 1, never falling: the rates are equal where it crosses 0
        after = np.maximum(1, (gap >= 0).argmax(1))[:, None]
        before, behind = np.take_along_axis(gap, after - 1, 1), np.take_along_axis(gap, after, 1)
        low, high = np.take_along_axis(false, after - 1, 1), np.take_along_axis(false, after, 1)
        rates.append((low - before / (behind - before) * (high - low))[:, 0])
    return np.concatenate(rates)


def resample_people(
    people: Int[np.ndarray, " person"], probes: Int[np.ndarray, " probe"], samples: int = 1999, seed: int = 0
) -> Float[np.ndarray, "sample person"]:
    """How often each person counts in each bootstrap sample: people are drawn, with all their photos.

    Only those with probes are drawn; people who are in the gallery alone count once in each sample. A sample of one
    person over and over, if of nobody else in the gallery either, is drawn again.
    """
    generator = np.random.default_rng(seed)
    weights = np.ones((samples, len(people)))
    drawn = np.flatnonzero(np.isin(people, probes))  # places of those who may be drawn
    for row in weights:
        while True:
            row[drawn] = np.bincount(generator.integers(len(drawn), size=len(drawn)), minlength=len(drawn))
            if np.count_nonzero(row) > 1:
                break
    return weights
