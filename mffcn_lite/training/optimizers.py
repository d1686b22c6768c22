"""Muon, which steps by the nearest orthogonal matrix, whatever the length of the gradient (chapter 15)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

COEFFICIENTS = 3.4445, -4.7750, 2.0315  # of Jordan et al.: they bring singular values near 1 in few rounds


def orthogonalize(
    matrices: Float[Tensor, "count rows columns"], rounds: int = 5
) -> Float[Tensor, "count rows columns"]:
    """Each matrix with the singular vectors that it has and singular values near 1 (0.7 to 1.2), by Newton and Schulz.

    X ← a·X + (b·XXᵀ + c·(XXᵀ)²)·X, from X over its norm. A matrix of zeros stays one.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices  # the Gram matrix of the shorter side is the smaller one
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp_min(1e-12)
    a, b, c = COEFFICIENTS
    for _ in range(rounds):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Muon(torch.optim.Adam):
    """Momentum, orthogonalised (Jordan et al. 2024), for kernels out×in×side×side; Adam for all other weights.

    A kernel is taken as a matrix out×(in·side²). Its step is 0.2·√max(rows, columns) times the orthogonal matrix, whose
    entries then are as large as those of a step of Adam (Liu et al. 2025): so one rate serves both. `torch.optim.Muon`
    computes the same, for weights that are matrices already.

    Args:
        model: whose weights are trained; kernels of one output or one input number are left to Adam.
        lr: the learning rate of both.
        betas: of Adam.
        momentum: the share of the moving average of a kernel's gradients that stays at each step; Nesterov's form.
        fused: see `torch.optim.Adam`.
    """

    def __init__(self, model: nn.Module, lr: float, betas: tuple[float, float], momentum: float, fused: bool = False):
        weights = list(model.parameters())
        kernels = {w for w in weights if w.ndim == 4 and min(len(w), w[0].numel()) > 1}
        groups = [{"params": [w for w in weights if (w in kernels) is kernel]} for kernel in (True, False)]
        super().__init__(groups, lr, betas, fused=fused)
        self.param_groups[0]["momentum"] = momentum

    @torch.no_grad()
    def step(self) -> None:
        """One step of all weights that have a gradient; kernels of one shape together. The kernels' gradients go."""
        group, shapes = self.param_groups[0], {}
        for weight in group["params"]:
            if weight.grad is not None:
                shapes.setdefault(weight.shape, []).append(weight)
        for shape, weights in shapes.items():
            steps = orthogonalize(torch.stack([self._ahead(w, group["momentum"]).flatten(1) for w in weights]))
            scale = 0.2 * math.sqrt(max(steps.shape[1:]))
            for weight, step in zip(weights, steps, strict=True):
                weight.add_(step.view(shape), alpha=-group["lr"] * scale)
                weight.grad = None  # Adam passes over it
        super().step()

    def _ahead(self, weight: nn.Parameter, momentum: float) -> Tensor:
        """The average of the weight's gradients, brought up to date, as it will be if the gradient comes again."""
        state = self.state[weight]
        if not state:
            state["step"] = torch.zeros(())  # Adam, which reads the state back, expects a count
            state["momentum_buffer"] = torch.zeros_like(weight)
        state["step"] += 1
        return weight.grad.lerp(state["momentum_buffer"].lerp_(weight.grad, 1 - momentum), momentum)
