"""Chapter 6's checks, beside what they say to wrong answers: right ones in other forms, and what they stand on."""

import numpy as np
import torch

from mffcn_lite.exercises import check


def by_normal_equations(blurred, hr, side):
    reach = side // 2
    windows = np.lib.stride_tricks.sliding_window_view(blurred.numpy()[:, 0], (side, side), axis=(1, 2))
    rows = windows.reshape(-1, side * side)
    middles = hr.numpy()[:, 0, reach:-reach, reach:-reach].ravel()
    return np.linalg.solve(rows.T @ rows, rows.T @ middles).reshape(side, side)


def in_numpy(signal, atoms, count):
    signal, atoms = signal.numpy(), atoms.numpy()
    rest, chosen = signal.copy(), []
    for _ in range(count):
        chosen.append(np.argmax(np.abs(atoms @ rest)))
        weights = np.linalg.pinv(atoms[chosen].T) @ signal
        rest = signal - atoms[chosen].T @ weights
    return np.array(chosen), weights


def in_place(signal, atoms, count):
    """Takes each new atom's part at a right angle to those before it, and solves for the weights at the end."""
    whole, chosen, basis = signal.clone(), [], []
    for _ in range(count):
        chosen.append((atoms @ signal).abs().argmax())
        new = atoms[chosen[-1]].clone()
        for one in basis:
            new -= (new @ one) * one
        basis.append(new / new.norm())
        signal -= (signal @ basis[-1]) * basis[-1]
    chosen = torch.stack(chosen)
    return chosen, torch.linalg.lstsq(atoms[chosen].T.double(), whole[:, None].double()).solution


OTHERS = [("6.2", by_normal_equations), ("6.3", in_numpy), ("6.3", in_place)]


def test_a_fixed_side_is_noticed(capsys):
    def leak(patch, training):
        mine = [other for other in training if other[0] == patch[0]]
        same = [other for other in mine if other[1] == patch[1]]
        if any(max(abs(other[2] - patch[2]), abs(other[3] - patch[3])) < 5 for other in same):
            return "pixels"
        return "photo" if same else "person" if mine else "none"

    assert check("6.4", lambda training, testing, side: [leak(patch, training) for patch in testing]) is False
    assert "use `side`" in capsys.readouterr().out
