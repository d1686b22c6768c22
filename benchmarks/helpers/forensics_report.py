"""From the scan of experiments/forensics.py to what can be said: how many fit, which, how sure, and ORL's noise."""

import dataclasses
import itertools

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.helpers.protocols import (
    FACTORS,
    FITS,
    LEVEL,
    MEASURED,
    NEAR,
    PAPER,
    POOLED,
    REACH,
    SLACK,
    TOLERANCE,
    Protocol,
    margins,
)
from mffcn_lite.data import FaceSet
from mffcn_lite.degrade import small_size
from mffcn_lite.metrics import noise_level
from mffcn_lite.statistics import t_interval

PLANTED, SEED, SHOWN = 500, 0, 15  # candidates; rows of `best`
TOLERANCES = np.array([TOLERANCE["psnr"]] * 2 + [TOLERANCE["ssim"]] * 2)
WAYS = list(itertools.product(MEASURED, POOLED))  # ((convention, border), pooled)


def columns(values: np.ndarray) -> np.ndarray:
    """…×10 numbers of the scan to …×12×2: PSNR and SSIM in each of `WAYS`."""
    pairs = []
    for i, ((_, border), pooled) in enumerate(WAYS):
        psnr = -10 * np.log10(values[..., 2 + border]) if pooled else values[..., int(border)]
        pairs.append(np.stack([psnr, values[..., 4 + i // 2]], axis=-1))
    return np.stack(pairs, axis=-2)


def four_falls(column: np.ndarray) -> np.ndarray:
    """factors×…×2 to …×4: the falls from 2 to 3 and from 3 to 4, of PSNR and then of SSIM."""
    down = column[:-1] - column[1:]
    return np.concatenate([np.moveaxis(down[..., 0], 0, -1), np.moveaxis(down[..., 1], 0, -1)], axis=-1)


def scores(falls: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """`protocols.score` of many at once: …×4 against 4."""
    return (np.abs(falls - wanted) / TOLERANCES).max(-1)


def power(first: np.ndarray, second: np.ndarray) -> dict:
    """What the score can tell: each candidate against itself on the other half of the people, and a planted truth."""
    itself = (np.abs(first - second) / TOLERANCES).max(-1).ravel()
    among = np.random.default_rng(SEED).choice(itself.size, min(PLANTED, itself.size), replace=False)
    flat, other = first.reshape(-1, 4), second.reshape(-1, 4)
    fitting = [int((scores(other, flat[i]) <= FITS).sum()) for i in among]
    return {
        "itself_on_the_other_half": {
            "median": float(np.median(itself)),
            "share_fitting": float((itself <= FITS).mean()),
        },
        "planted": len(among),
        "median_fitting_a_planted_one": float(np.median(fitting)),
        "quartiles": [float(q) for q in np.quantile(fitting, (0.25, 0.75))],
    }


def global_ssim(column: np.ndarray) -> dict:
    """Equation (8) with one window: its smallest value among the candidates whose PSNR is near the paper's."""
    ways, result, excluded = [i for i, ((name, _), _) in enumerate(WAYS) if name == "global"], [], True
    for i, factor in enumerate(FACTORS):
        psnr, ssim = column[i][:, ways].reshape(-1, 2).T
        near = ssim[np.abs(psnr - PAPER["psnr"]["bicubic"][i]) <= LEVEL]
        paper = PAPER["ssim"]["bicubic"][i]
        excluded &= bool(len(near) and near.min() > paper + TOLERANCE["ssim"])
        ends = [float(near.min()), float(near.max())] if len(near) else None
        result.append({"factor": factor, "paper": paper, "candidates": len(near), "range": ends})
    return {"excluded": excluded, "factors": result}


def report(among: list[Protocol], found: dict[tuple, dict]) -> dict:
    """Everything but the full measurements. `found` is of `forensics.scan`."""
    keys = [[(*dataclasses.astuple(p), factor) for p in among] for factor in FACTORS]
    halves = np.array([[found[key]["halves"] for key in row] for row in keys])  # factor, protocol, half, number
    gains = np.array([[found[key]["gain"] for key in row] for row in keys]).T
    column = columns(halves.mean(2))  # factor, protocol, way, (PSNR, SSIM)
    paper = four_falls(np.array([PAPER["psnr"]["bicubic"], PAPER["ssim"]["bicubic"]]).T)
    score = scores(four_falls(column), paper)
    best, shortfall = score.min(1), np.array(margins()) - gains
    gives, out = (shortfall <= SLACK).all(1), (shortfall > REACH).any(1)

    def row(i: int) -> dict:
        way = int(score[i].argmin())
        (convention, border), pooled = WAYS[way]
        psnr, ssim = column[:, i, way].T.round(4).tolist()
        how = {"ssim": convention, "border": border, "pooled": pooled}
        wiener = {"wiener_gain": gains[i].tolist(), "gives_the_margins": bool(gives[i]), "out_of_reach": bool(out[i])}
        values = {"score": round(float(best[i]), 3), "psnr": psnr, "ssim": ssim}
        return {"protocol": dataclasses.asdict(among[i]), "measured": how, **values, **wiener}

    axes = {}
    for name in [field.name for field in dataclasses.fields(Protocol)]:
        choices = np.array([str(getattr(p, name)) for p in among])
        axes[name] = {
            choice: {
                "protocols": int((mine := choices == choice).sum()),
                "fit": int((best[mine] <= FITS).sum()),
                "best": round(float(best[mine].min()), 3),
                "give_the_margins": int(gives[mine].sum()),
                "smallest_largest_gain": [gains[mine].min(0).tolist(), gains[mine].max(0).tolist()],
            }
            for choice in dict.fromkeys(choices.tolist())
        }
    ways = [
        {"ssim": c, "border": b, "pooled": p, "fit": int((score[:, i] <= FITS).sum()), "best": float(score[:, i].min())}
        for i, ((c, b), p) in enumerate(WAYS)
    ]
    nearest = np.maximum(shortfall, 0).max(1)
    return {
        "paper": {"columns": PAPER, "falls_psnr_ssim": paper.tolist(), "margins": list(margins())},
        "tolerance": TOLERANCE,
        "protocols": len(among),
        "candidates": int(score.size),
        "candidates_fit": int((score <= FITS).sum()),
        "candidates_near": int((score <= NEAR).sum()),
        "protocols_fit": int((best <= FITS).sum()),
        "protocols_near": int((best <= NEAR).sum()),
        "give_the_margins": int(gives.sum()),
        "out_of_reach": int(out.sum()),
        "fit_and_give_the_margins": int((gives & (best <= FITS)).sum()),
        "fit_and_within_reach": int((~out & (best <= FITS)).sum()),
        "best": [row(i) for i in np.argsort(best, kind="stable")[:SHOWN]],
        "nearest_to_the_margins": [row(i) for i in np.argsort(nearest, kind="stable")[:5]],
        "axes": axes,
        "ways": ways,
        "power": power(*(four_falls(columns(halves[:, :, half])) for half in (0, 1))),
        "global_ssim": global_ssim(column),
    }


def flat_blocks(images: Tensor, side: int = 8, share: float = 0.1) -> np.ndarray:
    """The deviation from a plane in the flattest `share` of the blocks of each photo: sees coarser noise too."""
    blocks = functional.unfold(images.double(), side, stride=side).transpose(1, 2)
    down, across = (grid.flatten().double() for grid in torch.meshgrid(*[torch.arange(side)] * 2, indexing="ij"))
    plane, _ = torch.linalg.qr(torch.stack([torch.ones(side**2).double(), down, across], dim=1))
    left = (blocks.square().sum(2) - (blocks @ plane).square().sum(2)).clamp(min=0) / (side**2 - 3)
    return left.sqrt().quantile(share, dim=1).numpy()


def noise_ceiling(faces: FaceSet) -> dict:
    """ORL's noise in grey levels, estimated in three ways, a mean a person; and the PSNR that it permits.

    Who knew all but the noise would still miss the part of it that the small photo does not hold: of white noise
    1 − (small pixels)/(large pixels).
    """
    hr, wanted = faces.floats(), PAPER["psnr"]["mffcn"]
    result = {"paper_rms": [round(255 * 10 ** (-value / 20), 3) for value in wanted], "permitted_psnr": []}
    ways = {
        "median": ("metrics.noise_level, median", noise_level(hr, "median").numpy()),
        "mean": ("metrics.noise_level, mean", noise_level(hr, "mean").numpy()),
        "flat": ("deviation from a plane in the flattest tenth of the blocks of 8×8", flat_blocks(hr)),
    }
    for name, (how, sigma) in ways.items():
        levels = 255 * sigma
        people = [float(levels[faces.people == who].mean()) for who in faces.who()]
        people = [round(level, 3) for level in people]
        result[name] = {"how": how, "mean": float(np.mean(people)), "ci": t_interval(people), "people": people}
        for factor, paper in zip(FACTORS, wanted, strict=True):
            small = np.prod(small_size(tuple(hr.shape[-2:]), factor)) / np.prod(hr.shape[-2:])
            each = -10 * np.log10(sigma**2 * (1 - small))
            row = {"estimate": name, "factor": factor, "psnr": round(float(each.mean()), 2), "paper": paper}
            result["permitted_psnr"].append({**row, "share_of_photos_that_permit_it": float((each >= paper).mean())})
    return result
