"""Accumulation, recomputation, running out of memory and bad losses: what they change and not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rank_work import Job, run_processes

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import hash_file
from roboloop.dialects import Dialect
from roboloop.train.config import SftConfig
from roboloop.train.objective import AnswerLoss
from roboloop.train.sft import run_sft

Phase = Callable[..., SftConfig]
Run = Callable[..., Path]


@pytest.fixture
def run(tiny_folder: Path, record_folder: Path, dialect: Dialect, tmp_path: Path) -> Run:
    def start(config: SftConfig, *, out: str = "out") -> Path:
        run_sft(
            config, model=tiny_folder, records=record_folder, out=tmp_path / out,
            dialect=dialect, seed=3,
        )  # fmt: skip
        return tmp_path / out

    return start


def log_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "trainer_log.jsonl").read_text().splitlines()]


def losses_of(out: Path) -> list[float]:
    return [line["loss"] for line in log_of(out)]


RECORDS = {"pictures_per_step": 8, "questions_per_picture": 4, "max_tokens": 500}
BATCHINGS: dict[str, dict[str, Any]] = {
    "packed": {"kind": "packed", "records_per_step": 9, "tokens_per_pack": 500},
    "padded": {"kind": "padded", "records_per_step": 8, "records_per_batch": 4},
}


def test_accumulated_gradients_are_those_of_the_whole_step(run: Run, phase: Phase) -> None:
    whole = run(phase(), out="whole")
    cut = run(phase(pictures_per_micro_batch=1), out="cut")
    assert losses_of(cut) == pytest.approx(losses_of(whole), abs=3e-4)


@pytest.mark.parametrize("how", ["full", "selective"])
def test_recomputed_activations_change_nothing(
    run: Run, phase: Phase, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    num_passes = 0
    whole = losses_of(run(phase(num_steps=3), out="whole"))
    layer = feed_forward_of_a_layer()
    real = layer.forward

    def counted(self: Any, *args: Any, **options: Any) -> Any:
        nonlocal num_passes
        num_passes += 1
        return real(self, *args, **options)

    monkeypatch.setattr(layer, "forward", counted)
    again = run(phase(num_steps=3, gradient_checkpointing=how), out=how)
    assert losses_of(again) == pytest.approx(whole, abs=1e-4)
    # Of the two layers the last one keeps its results: its way back is the first.
    assert num_passes == 3 * (2 + 1)  # steps x (forward, and one layer again)


def feed_forward_of_a_layer() -> Any:
    from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2MLP

    return Qwen2MLP


def test_all_processes_take_smaller_batches_when_one_runs_out_of_memory(
    phase: Phase, tiny_folder: Path, record_folder: Path, tmp_path: Path
) -> None:
    config = phase(num_steps=3).model_dump_json()
    well = Job(config, tiny_folder, record_folder, tmp_path / "well")
    tight = well._replace(out=tmp_path / "tight", fault="out_of_memory_on", argument=(1, 1))
    assert run_processes(well, num_ranks=2) == [0, 0]
    assert run_processes(tight, num_ranks=2) == [0, 0]
    assert json.loads((tight.out / "memory.json").read_text())["num_cuts"] == 2
    assert losses_of(tight.out) == pytest.approx(losses_of(well.out), abs=3e-4)
    assert "micro-batches are cut into 2" in (tight.out / "stderr-0.txt").read_text()


def recomputes(network: Any) -> bool:
    return any(getattr(part, "gradient_checkpointing", False) for part in network.modules())


class Tight:
    """Runs out of memory at more rows than `most`, or tokens, until activations are recomputed."""

    def __init__(self, patch: pytest.MonkeyPatch, *, most: int, of: int) -> None:
        real = AnswerLoss.forward

        def forward(this: AnswerLoss, tensors: dict[str, torch.Tensor]) -> Any:
            network: Any = this.network
            if tensors["labels"].shape[of] > most and not recomputes(network):
                raise torch.OutOfMemoryError("injected")
            return real(this, tensors)

        patch.setattr(AnswerLoss, "forward", forward)


@pytest.mark.parametrize("kind", ["packed", "padded"])
def test_batches_of_records_are_cut_too(
    run: Run, phase: Phase, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    config = phase(num_steps=2, **RECORDS, batching=BATCHINGS[kind])
    whole = losses_of(run(config, out="whole"))
    most, of = (300, 1) if kind == "packed" else (1, 0)
    Tight(monkeypatch, most=most, of=of)
    out = run(config, out="tight")
    assert json.loads((out / "memory.json").read_text())["num_cuts"] > 1
    assert losses_of(out) == pytest.approx(whole, abs=3e-4)


def test_no_memory_even_for_one_picture(
    run: Run, phase: Phase, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = losses_of(run(phase(num_steps=2), out="whole"))
    Tight(monkeypatch, most=0, of=0)
    with pytest.raises(RoboLoopError, match=r"E-TRN-006 .*cut into 4.* fsdp2"):
        run(phase(num_steps=2), out="refused")
    out = run(phase(num_steps=2, on_out_of_memory="recompute"), out="allowed")
    assert json.loads((out / "memory.json").read_text())["recompute"]
    assert losses_of(out) == pytest.approx(whole, abs=3e-4)
    with pytest.raises(RoboLoopError, match="E-TRN-006"):
        run(phase(num_steps=2, on_out_of_memory="stop"), out="stops")


class Spoilt:
    """Multiplies the loss of one step."""

    def __init__(self, patch: pytest.MonkeyPatch, *, at: int, factor: float) -> None:
        real, calls = AnswerLoss.forward, 0

        def forward(this: AnswerLoss, tensors: dict[str, torch.Tensor]) -> Any:
            nonlocal calls
            calls += 1
            told = real(this, tensors)
            return {"loss": told["loss"] * factor} if calls == at else told

        patch.setattr(AnswerLoss, "forward", forward)


def test_bad_step_is_written_down(run: Run, phase: Phase, monkeypatch: pytest.MonkeyPatch) -> None:
    Spoilt(monkeypatch, at=3, factor=float("inf"))
    with pytest.raises(
        RoboLoopError, match=r"E-TRN-003 step 3 .*step-000003-rank-0\.json"
    ) as caught:
        run(phase())
    file = Path(str(caught.value).split("summed up in ")[1].split(".json")[0] + ".json")
    told = json.loads(file.read_text())
    (batch,) = told["micro_batches"]
    assert told["wrong"] == "loss inf" and batch["record_ids"]
    assert batch["tensors"]["labels"]["num_not_finite"] == 0
    assert "gradient" in told["not_finite"].values()


def test_bad_steps_are_skipped_and_counted(
    run: Run, phase: Phase, monkeypatch: pytest.MonkeyPatch
) -> None:
    skips = {"on_bad_loss": "skip", "most_skipped_steps": 1}
    with monkeypatch.context() as patch:
        Spoilt(patch, at=3, factor=float("nan"))
        lines = log_of(run(phase(guard=skips), out="skips"))
    assert [line.get("skipped_steps", 0) for line in lines] == [0, 0, 1, 1, 1, 1]
    with monkeypatch.context() as patch:
        Spoilt(patch, at=3, factor=float("nan"))
        with pytest.raises(RoboLoopError, match="E-TRN-003 step 3"):
            run(phase(guard=skips | {"most_skipped_steps": 0}), out="one-too-many")


def test_spike_stops_only_when_asked(
    run: Run, phase: Phase, monkeypatch: pytest.MonkeyPatch
) -> None:
    for factor, code in ((None, None), (3.0, "E-TRN-008 step 12")):
        with monkeypatch.context() as patch:
            Spoilt(patch, at=12, factor=5.0)
            config = phase(num_steps=12, guard={"spike_factor": factor})
            if code is None:
                run(config, out="lets-pass")
            else:
                with pytest.raises(RoboLoopError, match=code):
                    run(config, out="stops")


def test_a_guard_that_finds_nothing_changes_nothing(run: Run, phase: Phase) -> None:
    guarded = phase(num_steps=3, guard={"on_bad_loss": "skip", "spike_factor": 50})
    weights = {
        hash_file(run(config, out=out) / "model" / "model.safetensors")
        for out, config in {"plain": phase(num_steps=3), "guarded": guarded}.items()
    }
    assert len(weights) == 1
