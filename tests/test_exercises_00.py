"""Chapter 0's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

import numpy as np
import torch

from book.mistakes.chapter_00 import convolved
from mffcn_lite.exercises import check, hidden_valley


def in_numpy(row, kernel):
    return np.correlate(np.pad(row.numpy(), len(kernel) // 2), kernel.numpy(), "valid")


def in_loops(row, kernel):
    half, n = len(kernel) // 2, len(row)
    inside = [[(i + a - half, kernel[a].item()) for a in range(len(kernel)) if 0 <= i + a - half < n] for i in range(n)]
    return [sum(weight * row[j].item() for j, weight in pairs) for pairs in inside]


def by_population(batch):
    x = batch.numpy()
    return (x - x.mean((1, 2, 3), keepdims=True)) / x.std((1, 2, 3), keepdims=True)


def photo_by_photo(batch):
    return torch.stack([(photo - photo.mean()) / photo.std() for photo in batch.float()])


OTHERS = [("0.2", in_numpy), ("0.2", in_loops), ("0.3", by_population), ("0.3", photo_by_photo)]


def bisection(slope):
    low, high = -10.0, 10.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return (low + high) / 2


def test_another_way_to_the_answer_passes_too(capsys):
    assert check("0.2", convolved()) is True
    assert check("0.5", bisection) is True
    assert check("0.4", 400.0) is True


def test_a_hidden_valley_has_its_bottom_where_it_says():
    slope = hidden_valley(2.0, 3.0)
    assert (slope(1.0), slope(2.0), slope(4.0)) == (-3.0, 0.0, 6.0)
    assert torch.tensor(slope(2.5)) > 0
