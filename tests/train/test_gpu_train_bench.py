"""The rungs of the GPU benchmark, at tiny size on a CPU: the same loss by every way."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def run_rung(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCH))
    from gpu_train_rung import run_rung as run

    def started(rung: str) -> dict[str, Any]:
        return run(Namespace(rung=rung, size="tiny", steps=4, tokens=400))

    yield started
    for name in [name for name in sys.modules if name.startswith("gpu_train")]:
        del sys.modules[name]


@pytest.mark.filterwarnings("ignore")
def test_every_rung_has_the_loss_of_the_first(run_rung: Any) -> None:
    padded = run_rung("padded")
    assert padded["padding_fraction"] > 0.1 and padded["mfu"] is None
    for rung in ("packed", "varlen", "chunked_loss", "no_recompute", "adam_8bit"):
        result = run_rung(rung)
        assert result["loss"] == pytest.approx(padded["loss"], rel=1e-5), rung
        assert result["last_loss"] == pytest.approx(padded["last_loss"], rel=1e-3), rung
        assert result["padding_fraction"] == 0.0 and result["tokens_per_second"] > 0
    assert run_rung("fp8") == {"skipped": "fp8 needs a GPU"}


def test_eight_bit_adam_follows_adam(run_rung: Any) -> None:
    from gpu_train_parts import AdamEightBit

    torch.manual_seed(0)
    start = torch.randn(1000)
    paths: list[torch.Tensor] = []
    for kind in ("full", "eight_bit"):
        weights = torch.nn.Parameter(start.clone())
        optimizer: Any = (
            torch.optim.AdamW([weights], lr=0.01, betas=(0.9, 0.98), weight_decay=0.0)
            if kind == "full"
            else AdamEightBit([weights], rate=0.01, betas=(0.9, 0.98))
        )
        for _ in range(50):
            weights.square().sum().backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        paths.append(weights.detach())
    moved = (paths[0] - start).norm()
    # Slopes of a block span three orders of magnitude here, more than a byte's linear steps.
    assert (paths[1] - paths[0]).norm() < 0.15 * moved


def test_rounding_at_random_is_right_in_the_mean(run_rung: Any) -> None:
    from gpu_train_parts import _rounded_at_random

    torch.manual_seed(0)
    values = torch.full((200_000,), 1.0 + 2**-10)  # bfloat16 has 1 and 1 + 2**-7 around it
    rounded = _rounded_at_random(values, like=torch.zeros(1, dtype=torch.bfloat16)).float()
    assert set(rounded.unique().tolist()) == {1.0, 1.0 + 2**-7}
    assert rounded.double().mean() == pytest.approx(1.0 + 2**-10, abs=5e-5)
