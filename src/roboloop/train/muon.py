"""Muon: momentum whose matrix update is brought close to an orthogonal one.

Formula: K. Jordan and others, "Muon: an optimizer for hidden layers in neural networks" (2024).
`torch.optim.Muon` iterates in bfloat16, which processors without bfloat16 arithmetic do about
fifty times slower than float32, and one matrix at a time; here matrices of one shape go together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of the odd polynomial that pulls singular values towards 1 (the article's)."""


def orthogonalised(matrices: Tensor, *, num_iterations: int) -> Tensor:
    """Each matrix of a stack (N, rows, columns) with its singular values brought near 1.

    The singular vectors stay; the values end between about 0.7 and 1.2 (Newton-Schulz iteration).
    """
    first, second, third = QUINTIC
    tall = matrices.size(-2) > matrices.size(-1)
    x = matrices.mT if tall else matrices
    # Frobenius' norm is cheap and no singular value is larger: all start at 1 or below.
    x = x / x.flatten(1).norm(dim=1).clamp_min(1e-7)[:, None, None]
    for _ in range(num_iterations):
        gram = x @ x.mT
        x = torch.baddbmm(
            x, torch.baddbmm(gram, gram, gram, beta=second, alpha=third), x, beta=first
        )
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Muon for matrices, with decoupled weight decay.

    Args:
        params: Parameters or groups of them, each of two dimensions.
        lr: Step length; the update of a matrix has the root mean square of an orthogonal one,
            times sqrt(max(1, rows / columns)).
        momentum: Share of the old momentum kept each step (Nesterov's form).
        weight_decay: Decoupled, times lr.
        num_iterations: Newton-Schulz iterations.
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        num_iterations: int = 5,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "num_iterations": num_iterations,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            assert all(p.ndim == 2 for p in group["params"]), "Muon is for matrices"

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One step over every parameter that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape.setdefault(parameter.shape, []).append(parameter)
            for parameters in by_shape.values():
                self._step_shape(parameters, group=group)

    def _step_shape(self, parameters: list[Tensor], *, group: dict[str, Any]) -> None:
        """The step for matrices of one shape."""
        updates: list[Tensor] = []
        for parameter in parameters:
            gradient = parameter.grad
            assert gradient is not None
            state = self.state[parameter]
            if not state:
                state["momentum"] = torch.zeros_like(gradient)
            state["momentum"].lerp_(gradient, 1 - group["momentum"])
            updates.append(gradient.lerp(state["momentum"], group["momentum"]))
        stacked = orthogonalised(torch.stack(updates), num_iterations=group["num_iterations"])
        rows, columns = parameters[0].shape
        length = group["lr"] * max(1.0, rows / columns) ** 0.5
        for parameter, update in zip(parameters, stacked, strict=True):
            parameter.mul_(1 - group["lr"] * group["weight_decay"])
            parameter.add_(update, alpha=-length)
