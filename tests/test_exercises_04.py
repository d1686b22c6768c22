"""Chapter 4's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

import numpy as np
import torch
from scipy import stats

from book.mistakes.chapter_04 import share
from mffcn_lite.exercises import check


def in_tensors(interval, draw, truth, trials):
    ends = torch.tensor([interval(draw()) for _ in range(trials)], dtype=torch.float32)
    return ((ends[:, 0] <= truth) & (truth <= ends[:, 1])).float().mean()


def in_float32(table, a, b, factor):
    rows = table[table["factor"] == factor].astype({"psnr": np.float32})
    d = []
    for person in rows["person"].unique():
        mine = rows[rows["person"] == person]
        d.append(mine[mine["model"] == a]["psnr"].mean() - mine[mine["model"] == b]["psnr"].mean())
    half = np.float32(stats.t.ppf(0.975, len(d) - 1)) * np.std(d, ddof=1) / np.sqrt(len(d))
    return np.array([np.mean(d), np.mean(d) - half, np.mean(d) + half], dtype=np.float32)


OTHERS = [("4.2", in_tensors), ("4.3", in_float32)]


def test_a_share_counted_another_way_passes_too():
    assert check("4.2", share(np.mean)) is True
