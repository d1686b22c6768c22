"""Muon against torch's own for matrices, Adam for the rest, and what an orthogonalised step is."""

import pytest
import torch
from torch import nn

from mffcn_lite.models import create_model
from mffcn_lite.training.optimizers import Muon, orthogonalize


def test_orthogonalised_matrices_keep_their_vectors_and_have_values_near_one():
    matrices = torch.randn(4, 16, 60, generator=torch.Generator().manual_seed(0))
    for given in (matrices, matrices.mT):
        u, before, v = torch.linalg.svd(given, full_matrices=False)
        inside = u.mT @ orthogonalize(given) @ v.mT  # diagonal, if the singular vectors are the same
        after = inside.diagonal(dim1=1, dim2=2)
        assert (inside - torch.diag_embed(after)).abs().max() < 1e-4
        assert after.min() > 0.6
        assert after.max() < 1.25
        assert before.max() / before.min() > 2  # they were not so before


def test_a_matrix_of_zeros_stays_one():
    assert torch.equal(orthogonalize(torch.zeros(2, 3, 5)), torch.zeros(2, 3, 5))


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon of its own")
def test_muon_takes_torchs_steps_for_kernels_as_matrices_and_adams_for_the_rest():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 6, 3), nn.Conv2d(6, 4, 1), nn.Conv2d(4, 1, 3)).double()
    kernels = [nn.Parameter(model[i].weight.detach().flatten(1).clone()) for i in (0, 1)]
    others = {id(w): nn.Parameter(w.detach().clone()) for w in model.parameters() if w.ndim == 1 or len(w) == 1}
    ours = Muon(model, 0.01, (0.8, 0.9), momentum=0.9)
    options = {"momentum": 0.9, "weight_decay": 0.0, "adjust_lr_fn": "match_rms_adamw"}
    theirs = [torch.optim.Muon(kernels, 0.01, **options), torch.optim.Adam(others.values(), 0.01, (0.8, 0.9))]
    for step in range(5):
        for weight in model.parameters():
            weight.grad = torch.randn(weight.shape, generator=torch.Generator().manual_seed(step)).double()
        for kernel, i in zip(kernels, (0, 1), strict=True):
            kernel.grad = model[i].weight.grad.flatten(1).clone()
        for weight in model.parameters():
            if id(weight) in others:
                others[id(weight)].grad = weight.grad.clone()
        ours.step()
        for optimizer in theirs:
            optimizer.step()
    for kernel, i in zip(kernels, (0, 1), strict=True):  # torch's works in bfloat16
        moved = (model[i].weight.detach().flatten(1) - kernel).abs().max()
        assert moved < 0.03 * 5 * 0.01, moved
    for weight in model.parameters():
        if id(weight) in others:
            assert torch.equal(weight.detach(), others[id(weight)].detach())


def test_a_weight_that_no_step_has_used_is_left_alone():
    model = create_model("fsrcnn")
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    optimizer = Muon(model, 0.01, (0.9, 0.999), 0.95)
    model.reconstruct(torch.rand(1, 1, 16, 16), 2).sum().backward()
    used = {name for name, weight in model.named_parameters() if weight.grad is not None}
    optimizer.step()
    for name, weight in model.named_parameters():
        assert torch.equal(weight.detach(), before[name]) is (name not in used), name
