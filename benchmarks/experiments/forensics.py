"""Which protocol gives the paper's bicubic column, and its margins? All candidates of helpers/protocols.py.

    python -m benchmarks.experiments.forensics    (about half an hour on one core; stop it and call it again)

First a scan of all protocols on one photo of each of the 40 people, kept line by line in the folder runs; then the
named ones and the best on all 400 photos, with intervals over people. Nothing is learnt or chosen for a system from
bicubic's column, so that all people may speak; `wiener` is fitted on training people and measured on test people.
Writes mffcn_lite/results/forensics.json.
"""

import dataclasses
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.helpers.forensics_report import noise_ceiling, report
from benchmarks.helpers.protocol_matrices import apply, levels, prepare
from benchmarks.helpers.protocols import FACTORS, MEASURED, NAMED, Protocol, protocols
from benchmarks.helpers.storing import made_with, store
from benchmarks.stamps import ROOT
from mffcn_lite.data import FaceSet, load_faces, split_by_person
from mffcn_lite.metrics import mse, ssim, ssim_map
from mffcn_lite.statistics import t_interval

RUNS = ROOT / "runs"
SIDE, APART, RIDGE = 9, 5, 1e-7  # of the filter; every fifth pixel down and across is fitted: prime to all factors


def canonical(protocol: Protocol, size: tuple[int, int], factor: int) -> Protocol:
    """The rules for sizes are all one where the factor divides both sides."""
    if any(side % factor for side in size):
        return protocol
    return dataclasses.replace(protocol, rule="ceil, stretched" if protocol.down == "stride" else "rounded")


def measures(blurred: Tensor, hr: Tensor, factor: int) -> np.ndarray:
    """A row a photo: the squared error, whole and without a border of `factor`; then SSIM in each way of `MEASURED`."""
    sr, cut = blurred.clamp(0, 1), (..., slice(factor, -factor), slice(factor, -factor))
    maps = {name: ssim_map(sr, hr, data_range=1.0, convention=name) for name in ("matlab", "skimage")}
    # The same windows but those that reach beyond the border; without these, to cut a photo is to cut its map.
    maps["paper"] = maps["matlab"][..., 5:-5, 5:-5]
    values = [mse(sr, hr), mse(sr, hr, border=factor)]
    for name, border in MEASURED:
        if name == "global":
            values.append(ssim(sr, hr, data_range=1.0, convention=name))
        else:
            values.append((maps[name][cut] if border else maps[name]).mean((1, 2, 3)).double())
    return torch.stack(values, dim=1).numpy()


def windows(blurred: Tensor, step: int) -> Tensor:
    """SIDE×SIDE pixels around every `step`-th pixel and a one, as rows, float64."""
    padded = functional.pad(blurred, [SIDE // 2] * 4, mode="replicate")
    rows = functional.unfold(padded, SIDE, stride=step).transpose(1, 2).flatten(0, 1).double()
    return torch.cat([rows, torch.ones(len(rows), 1, dtype=torch.float64)], dim=1)


def equations(blurred: Tensor, hr: Tensor, few: int = 40) -> tuple[Tensor, Tensor]:
    """The normal equations of the best linear filter (models.wiener), from every fifth pixel."""
    square, product, count = 0, 0, 0
    for x, y in zip(blurred.split(few), hr.split(few), strict=True):
        rows, wanted = windows(x, APART), y[..., ::APART, ::APART].flatten().double()
        square, product, count = square + rows.T @ rows, product + rows.T @ wanted, count + len(rows)
    return square / count, product / count


def solve(square: Tensor, product: Tensor) -> Tensor:
    """The filter and its constant."""
    return torch.linalg.solve(square + RIDGE * torch.eye(len(square), dtype=torch.float64), product)


def restore(blurred: Tensor, weights: Tensor, rounded: bool) -> Tensor:
    """The filter applied, clamped, and rounded where the protocol rounds."""
    padded = functional.pad(blurred, [SIDE // 2] * 4, mode="replicate")
    sr = functional.conv2d(padded, weights[:-1].view(1, 1, SIDE, SIDE).to(blurred), weights[-1:].to(blurred))
    return levels(sr) if rounded else sr.clamp(0, 1)


def psnr_of(errors: Tensor | np.ndarray) -> np.ndarray:
    """In dB, of squared errors in [0, 1]."""
    return -10 * np.log10(np.asarray(errors))


def scan_one(protocol: Protocol, factor: int, hr: Tensor, training: np.ndarray, half: np.ndarray) -> dict:
    """Means of each half of the people, PSNRs first, and the filter's gain on those who are not `training`."""
    kept, blurred = apply(protocol, hr, factor)
    rows = measures(blurred, kept, factor)
    rows = np.concatenate([psnr_of(rows[:, :2]), rows], axis=1)
    weights = solve(*equations(blurred[training], kept[training]))
    test = ~training
    after = psnr_of(mse(restore(blurred[test], weights, protocol.rounded), kept[test]))
    halves = [[float(f"{value:.6g}") for value in rows[half == i].mean(0)] for i in (0, 1)]
    return {"halves": halves, "gain": round(float((after - rows[test, 0]).mean()), 3)}


def scan(faces: FaceSet, lines: Path, among: list[Protocol]) -> dict[tuple, dict]:
    """Every protocol at every factor on one photo a person; what `lines` hold already is not computed again."""
    known = {}
    if lines.exists():  # a line that was cut short by a kill is made again
        whole = [line for line in lines.read_text("utf-8", "replace").splitlines() if line.endswith("}")]
        known = {tuple(row["key"]): row for row in map(json.loads, whole)}
    chosen = faces[[np.flatnonzero(faces.people == who)[i % 10] for i, who in enumerate(faces.who())]]
    training = np.isin(chosen.people, split_by_person(faces)[0].people)
    half, found = np.arange(len(chosen)) % 2, {}
    lines.parent.mkdir(exist_ok=True)
    photos = {kind: prepare(chosen.floats(), kind) for kind in dict.fromkeys(p.photos for p in among)}
    with lines.open("a", encoding="utf-8") as handle:
        for protocol in among:
            hr = photos[protocol.photos]
            for factor in FACTORS:
                one = canonical(protocol, tuple(hr.shape[-2:]), factor)
                key = (*dataclasses.astuple(one), factor)
                if key not in known:
                    known[key] = {"key": list(key), **scan_one(one, factor, hr, training, half)}
                    handle.write("\n" + json.dumps(known[key], ensure_ascii=False))
                    handle.flush()
                found[(*dataclasses.astuple(protocol), factor)] = known[key]
    return found


def summary(people: Sequence[float]) -> dict:
    """The mean over people with its t interval."""
    return {"mean": round(float(np.mean(people)), 4), "ci": [round(end, 4) for end in t_interval(people)]}


def in_full(protocol: Protocol, faces: FaceSet) -> dict:
    """A protocol on all photos: for each person the means at each factor, and the best linear filters' gains."""
    people, hr = faces.people, prepare(faces.floats(), protocol.photos)
    training = np.isin(people, split_by_person(faces)[0].people)
    after = {factor: apply(protocol, hr, factor) for factor in FACTORS}
    systems = {f: equations(blurred[training], kept[training]) for f, (kept, blurred) in after.items()}
    shared = solve(
        sum(s for s, _ in systems.values()) / len(systems), sum(p for _, p in systems.values()) / len(systems)
    )

    def by_person(values: np.ndarray, which: np.ndarray, digits: int) -> list[float]:
        means = [values[people[which] == who].mean() for who in np.unique(people[which])]
        return [round(float(mean), digits) for mean in means]

    everyone, test = np.ones(len(people), bool), ~training
    result = {**dataclasses.asdict(protocol), "factors": []}
    for factor, (kept, blurred) in after.items():
        rows = np.concatenate([measures(b, k, factor) for b, k in zip(blurred.split(40), kept.split(40), strict=True)])
        before = psnr_of(rows[:, 0])
        values = {"psnr": by_person(before, everyone, 3), "ssim": by_person(rows[:, 2], everyone, 4)}
        for name, weights in (("gain_own", solve(*systems[factor])), ("gain_shared", shared)):
            sr = restore(blurred[test], weights, protocol.rounded)
            values[name] = by_person(psnr_of(mse(sr, kept[test])) - before[test], test, 3)
        columns = {key: summary(v) | {"people": v} for key, v in values.items()}
        del columns["ssim"]["people"]  # to keep the file small
        result["factors"].append({"factor": factor, "ssim_global": round(float(rows[:, 7].mean()), 4), **columns})
    psnr = np.array([row["psnr"]["people"] for row in result["factors"]])
    result["falls"] = [summary(fall) for fall in -np.diff(psnr, axis=0)]
    return result


def main() -> None:
    """The scan, its report, and the named and the best in full."""
    faces, among = load_faces("orl"), protocols()
    lines = RUNS / f"forensics-{made_with('forensics')}.jsonl"  # another file where the package has changed
    content = report(among, scan(faces, lines, among))
    named = {f"{name}, {kind}": Protocol(kind, **own) for kind in ("92×112", "enlarged") for name, own in NAMED.items()}
    best = dict.fromkeys(Protocol(**{**row["protocol"], "rounded": False}) for row in content["best"])
    best = {f"best {i + 1}": protocol for i, protocol in enumerate(list(best)[:3])}
    content["in_full"] = [{"name": name, **in_full(protocol, faces)} for name, protocol in {**named, **best}.items()]
    content["noise"] = noise_ceiling(faces)
    content["data"] = {
        "source": "orl",
        "scan": "one photo of each of the 40 people, of person i the (i mod 10)-th",
        "in_full": "all 400 photos: the named protocols and, unrounded, the three that score best; psnr and ssim of 40 "
        "people; gains of the 8 test people, fitted on the other 32",
        "test_people": split_by_person(faces)[1].who(),
    }
    store("forensics", content)


def probe() -> list:
    """A part of the protocols on a photo of each person, its report, one in full, and the noise of few photos."""
    faces, among = load_faces("orl"), protocols()[::131]
    with tempfile.TemporaryDirectory() as folder:
        found = report(among, scan(faces, Path(folder, "lines.jsonl"), among))
    return [found, in_full(Protocol(**NAMED["shifted"]), faces[::4]), noise_ceiling(faces[::10])]


if __name__ == "__main__":
    main()
