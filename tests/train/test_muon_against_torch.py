"""Muon against a singular value decomposition and against torch's own, which works in bfloat16."""

from __future__ import annotations

import pytest
import torch

from roboloop.train.muon import Muon, orthogonalised


def matrices(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(3, 24, 40), (2, 40, 24), (1, 16, 16)])
def test_singular_values_come_near_one_and_vectors_stay(shape: tuple[int, ...]) -> None:
    x = matrices(*shape)
    found = orthogonalised(x, num_iterations=5)
    left, values, right = torch.linalg.svd(x, full_matrices=False)
    in_old_frame = left.mT @ found @ right.mT
    new_values = in_old_frame.diagonal(dim1=-2, dim2=-1)
    seen = values / values.norm(dim=-1, keepdim=True) > 0.05
    assert new_values[seen].min() > 0.6 and new_values[seen].max() < 1.3
    aside = in_old_frame - torch.diag_embed(new_values)
    assert aside.abs().max() < 1e-4


@pytest.mark.parametrize("shape", [(24, 40), (40, 24)])
def test_follows_torch_over_ten_steps(shape: tuple[int, int]) -> None:
    ours = torch.nn.Parameter(matrices(*shape, seed=1))
    theirs = torch.nn.Parameter(ours.detach().clone())
    options = {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.1}
    mine = Muon([ours], **options)
    other = torch.optim.Muon([theirs], **options)
    start = ours.detach().clone()
    for step in range(10):
        gradient = matrices(*shape, seed=100 + step)
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        mine.step()
        other.step()
    moved = (theirs.detach() - start).norm()
    assert (ours.detach() - theirs.detach()).norm() < 0.02 * moved


def test_matrices_of_one_shape_do_not_mix() -> None:
    alone = torch.nn.Parameter(matrices(8, 12))
    pair = [torch.nn.Parameter(matrices(8, 12)), torch.nn.Parameter(matrices(8, 12, seed=5))]
    for parameter, seed in ((alone, 9), (pair[0], 9), (pair[1], 10)):
        parameter.grad = matrices(8, 12, seed=seed)
    Muon([alone], lr=0.1).step()
    Muon(pair, lr=0.1).step()
    assert torch.allclose(alone, pair[0], atol=1e-6)


def test_only_matrices() -> None:
    with pytest.raises(AssertionError):
        Muon([torch.nn.Parameter(torch.zeros(3))], lr=0.1)
