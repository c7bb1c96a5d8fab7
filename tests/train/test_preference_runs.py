"""Whole short runs on pairs: they learn, they resume to the bit, and they notice a collapse."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from stopping import stopped_and_resumed

from roboloop.base.errors import RoboLoopError
from roboloop.dialects import Dialect
from roboloop.models.backbone import load_backbone
from roboloop.records.answers import Text
from roboloop.records.record import Record
from roboloop.runs.ledger import read_ledger
from roboloop.train import preference_reference
from roboloop.train.batches import TokenCounts
from roboloop.train.dpo import run_dpo
from roboloop.train.dpo_config import DpoConfig
from roboloop.train.log import LogLine
from roboloop.train.preference_log import PreferenceLog
from roboloop.train.train_model import TrainResult

DpoPhase = Callable[..., DpoConfig]
Run = Callable[..., TrainResult]
Write = Callable[..., Path]


@pytest.fixture
def run(tiny_folder: Path, pair_folder: Path, dialect: Dialect, tmp_path: Path) -> Run:
    def start(
        config: DpoConfig,
        *,
        out: str = "out",
        model: Path = tiny_folder,
        records: Path = pair_folder,
    ) -> TrainResult:
        return run_dpo(
            config, model=model, records=records, out=tmp_path / out, dialect=dialect, seed=3
        )

    return start


def log_of(result: TrainResult) -> list[dict[str, Any]]:
    path = result.folder.parent / "trainer_log.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def hash_of(result: TrainResult) -> str:
    return load_backbone(result.folder).weights_hash()


def test_learns_to_prefer_and_says_so(run: Run, dpo_phase: DpoPhase) -> None:
    result = run(dpo_phase(num_steps=30, sft_weight=0.2, optimizer={"kind": "muon"}))
    first, *_, last = log_of(result)
    assert first["reward_margin"] == pytest.approx(0, abs=1e-5)
    assert first["kl_estimate"] == pytest.approx(0, abs=1e-6)
    assert last["accuracy"] > 0.7 and last["reward_margin"] > 0.1
    assert last["preference_loss"] < first["preference_loss"] and last["kl_estimate"] > 1e-4
    assert last["loss"] == pytest.approx(last["preference_loss"] + 0.2 * last["sft_loss"], abs=1e-4)
    assert last["reward_chosen"] > 0 and last["chosen_ratio_per_token"] > 0
    assert last["epoch"] == pytest.approx(30 * 4 / 36, abs=1e-4)
    assert result.warnings == ()


@pytest.mark.parametrize("reference", ["cached", "adapter_off"])
def test_stopped_run_goes_on_to_the_same_weights(
    run: Run, dpo_phase: DpoPhase, reference: str
) -> None:
    config = dpo_phase(
        num_steps=6, save_every_steps=2, pairs_per_micro_batch=3, reference=reference,
        lora={"rank": 4, "merge": True} if reference == "adapter_off" else None,
    )  # fmt: skip
    whole = run(config, out="whole")
    resumed = stopped_and_resumed(run, config, before_step=3)
    told = ("current_steps", "loss", "lr", "grad_norm", "total_tokens", "accuracy", "logp_chosen",
            "reward_chosen", "reward_rejected", "kl_estimate")  # fmt: skip
    logs = [[[line[name] for name in told] for line in log_of(r)] for r in (whole, resumed)]
    assert logs[0] == logs[1]
    folders = [result.folder.parent / "model" for result in (whole, resumed)]
    hashes = {load_backbone(folder).weights_hash() for folder in folders}
    assert len(hashes) == 1


def test_micro_batches_and_sharing_change_no_more_than_rounding(
    run: Run, dpo_phase: DpoPhase
) -> None:
    found = [
        [line["loss"] for line in log_of(run(dpo_phase(**options), out=str(number)))]
        for number, options in enumerate(
            ({}, {"pairs_per_micro_batch": 1}, {"share_prefix": False})
        )
    ]
    assert found[1] == pytest.approx(found[0], abs=2e-4)
    assert found[2] == pytest.approx(found[0], abs=2e-4)
    assert found[0][-1] < 0.69


def test_reference_can_be_another_model(run: Run, dpo_phase: DpoPhase) -> None:
    trained = run(dpo_phase(num_steps=8), out="first").folder
    [line] = log_of(run(dpo_phase(num_steps=1, reference_model=str(trained)), out="second"))
    assert line["kl_estimate"] > 1e-4 and line["accuracy"] < 0.5


def test_reference_is_computed_once_and_goes_on_where_it_was_stopped(
    run: Run, dpo_phase: DpoPhase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(preference_reference, "PAIRS_PER_FILE", 10)
    asked: list[int] = []
    real = preference_reference._asked

    def counted(*given: Any, **named: Any) -> Any:
        if len(asked) == 2:
            asked.append(-1)
            raise KeyboardInterrupt
        asked.append(len(named["pairs"]))
        return real(*given, **named)

    monkeypatch.setattr(preference_reference, "_asked", counted)
    config = dpo_phase(num_steps=2)
    with pytest.raises(KeyboardInterrupt):
        run(config)
    whole = run(config)
    assert asked == [10, 10, -1, 10, 6]
    files = sorted(path.name for path in (tmp_path / "out" / "reference").iterdir())
    assert files == [*(f"{number:05d}.json" for number in range(4)), "reference.json"]
    run(config, out="out")
    assert len(asked) == 5, "it was asked again"
    run(dpo_phase(num_steps=2), out="other")
    other = load_backbone(tmp_path / "other" / "model").weights_hash()
    assert len(asked) == 9 and hash_of(whole) == other


def test_reference_of_other_words_is_not_taken(
    run: Run, dpo_phase: DpoPhase, tmp_path: Path
) -> None:
    run(dpo_phase(num_steps=1))
    mark = tmp_path / "out" / "reference" / "reference.json"
    before = mark.read_text()
    (tmp_path / "out" / "checkpoints" / "step-000001").rename(tmp_path / "away")
    run(dpo_phase(num_steps=1, reword=False))
    assert mark.read_text() != before


SCRIPT = """
import sys, torch
from pathlib import Path
from roboloop.dialects import load_dialect
from roboloop.train import preference_reference
from roboloop.train.dpo import run_dpo
from roboloop.train.dpo_config import DpoConfig
torch.set_num_threads(1)
preference_reference.PAIRS_PER_FILE = 1
config, model, records, out = sys.argv[1:]
dialect = load_dialect("qwen25_vl", factor=16, min_pixels=4 * 256, max_pixels=100 * 256)
run_dpo(DpoConfig.model_validate_json(config), model=Path(model), records=Path(records),
        out=Path(out), dialect=dialect, seed=3)
"""


@pytest.mark.slow
@pytest.mark.parametrize("until", ["reference/00010.json", "checkpoints/step-000020"])
def test_killed_process_goes_on_to_the_same_weights(
    run: Run,
    dpo_phase: DpoPhase,
    tiny_folder: Path,
    pair_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    until: str,
) -> None:
    monkeypatch.setattr(preference_reference, "PAIRS_PER_FILE", 1)
    config = dpo_phase(num_steps=60, save_every_steps=10, pairs_per_step=2)
    out = tmp_path / "killed"
    given = [config.model_dump_json(), str(tiny_folder), str(pair_folder), str(out)]
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, *given], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (out / until).exists() and time.monotonic() < deadline:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "model").exists()
    assert until.startswith("checkpoints") or not (out / "reference" / "00035.json").exists()
    assert hash_of(run(config, out="killed")) == hash_of(run(config, out="whole"))


def test_pairs_of_equal_answers_leave_a_line(
    run: Run,
    dpo_phase: DpoPhase,
    paired_records: list[Record],
    record_folder: Path,
    write_folder: Write,
    tmp_path: Path,
) -> None:
    equal = replace(paired_records[0], rejected=Text("Box?"), answer=None)
    alike = replace(paired_records[1], rejected=moved(paired_records[1], by=0.01))
    records = [equal, alike, *paired_records[2:4]]
    made = write_folder(tmp_path / "some", records=records, pictures=record_folder.parent)
    result = run(dpo_phase(num_steps=1, pairs_per_step=2), records=made)
    (line,) = read_ledger(tmp_path / "out" / "ledger.jsonl")
    assert (line.code, line.record_id) == ("E-REC-016", alike.id)
    assert log_of(result)[-1]["epoch"] == 1


def moved(record: Record, *, by: float) -> Any:
    box: Any = record.answer
    return replace(box, x1=box.x1 + by, x2=box.x2 + by)


def test_wrong_pairs_are_named(
    run: Run,
    dpo_phase: DpoPhase,
    record_folder: Path,
    paired_records: list[Record],
    write_folder: Write,
    tmp_path: Path,
) -> None:
    with pytest.raises(RoboLoopError, match="E-TRN-004"):
        run(dpo_phase(), records=record_folder)
    with pytest.raises(RoboLoopError, match=r"E-TRN-002 record '\w+-\d+': \d+ tokens"):
        run(dpo_phase(max_tokens=20))
    box, path = paired_records[0], paired_records[2]
    records = [replace(box, rejected=path.answer)]
    odd = write_folder(tmp_path / "odd", records=records, pictures=record_folder.parent)
    with pytest.raises(RoboLoopError, match="E-REC-013") as caught:
        run(dpo_phase(), records=odd)
    assert caught.value.place.record_id == box.id


def test_adapter_off_needs_an_adapter_that_is_new_and_alone(run: Run, dpo_phase: DpoPhase) -> None:
    with pytest.raises(ValueError, match="needs lora"):
        dpo_phase(reference="adapter_off")
    lora = {"rank": 4}
    moved = run(dpo_phase(num_steps=2, lora=lora), out="first").folder
    with pytest.raises(RoboLoopError, match=r"E-CFG-003 .*before the adapter"):
        run(dpo_phase(lora=lora, reference="adapter_off"), model=moved, out="second")
    some = {"lora": {"rank": {"language": 4}}, "reference": "adapter_off"}
    with pytest.raises(RoboLoopError, match=r"E-CFG-003 .*adapters only"):
        run(dpo_phase(**some), out="third")


def line(step: int, *, accuracy: float, ratio: float) -> LogLine:
    metrics = {"accuracy": accuracy, "chosen_ratio_per_token": ratio}
    return LogLine(step, 9, 0.5, 1e-6, 0.1, 1.0, 10, TokenCounts(), 1.0, metrics=metrics)


def test_collapse_of_the_true_answers_is_flagged_once(tmp_path: Path) -> None:
    path = tmp_path / "trainer_log.jsonl"
    log = PreferenceLog(path, 0)
    log.add(line(1, accuracy=0.4, ratio=0.0))
    log.add(line(2, accuracy=0.3, ratio=-0.9))  # no better at choosing: no collapse behind a rise
    log.add(line(3, accuracy=0.9, ratio=-0.4))
    assert log.warnings == ()
    log.add(line(4, accuracy=0.9, ratio=-0.6))
    assert len(log.warnings) == 1 and "lost 0.60 nats" in log.warnings[0]
    resumed = PreferenceLog(path, 4)
    resumed.add(line(5, accuracy=0.95, ratio=-0.8))
    assert resumed.warnings == log.warnings
    assert PreferenceLog(path, 3).warnings == ()


def test_collapse_of_a_run_is_in_its_result(run: Run, dpo_phase: DpoPhase) -> None:
    result = run(dpo_phase(num_steps=40, learning_rate=2e-2, optimizer={"kind": "adamw"}))
    (warning,) = result.warnings
    assert "while accuracy rose" in warning
    assert sum("warning" in line for line in log_of(result)) == 1
    assert torch.isfinite(torch.tensor(result.final_loss))
