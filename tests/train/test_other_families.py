"""Models of other families: InternVL and LLaVA-OneVision learn from padded batches, exactly."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rank_work import Job, run_processes
from stopping import stopped_and_resumed

from roboloop.base.errors import RoboLoopError
from roboloop.dialects import load_dialect
from roboloop.engines.base import Request
from roboloop.engines.local import open_folder
from roboloop.models.processor_model import ChatWriter, Conversation, load_model
from roboloop.records.answers import Text
from roboloop.records.record import Record, Turn
from roboloop.records.shards import RecordFolder
from roboloop.runs.ledger import read_ledger
from roboloop.train.config import SftConfig
from roboloop.train.objective import LogitsLoss
from roboloop.train.sft import run_sft
from roboloop.train.train_model import TrainResult

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))

from foreign_folders import BUILDERS

Phase = Callable[..., SftConfig]
DIALECTS = {"internvl": "internvl", "llava_onevision": "llava"}


# transformers before 5.20 hands tensors to NumPy when it writes for InternVL.
pytestmark = pytest.mark.filterwarnings("ignore:__array_wrap__ must accept context")


@pytest.fixture(scope="module", params=sorted(BUILDERS))
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def folder(family: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return BUILDERS[family](tmp_path_factory.mktemp("foreign") / family)


@pytest.fixture
def run(
    family: str, folder: Path, record_folder: Path, tmp_path: Path
) -> Callable[..., TrainResult]:
    def start(config: SftConfig, *, out: str = "out") -> TrainResult:
        return run_sft(
            config, model=folder, records=record_folder, out=tmp_path / out,
            dialect=load_dialect(DIALECTS[family]), seed=3,
        )  # fmt: skip

    return start


@pytest.fixture
def padded(phase: Phase) -> Phase:
    def make(**options: Any) -> SftConfig:
        batching = {"kind": "padded", "records_per_step": 6, "records_per_batch": 3}
        given = {
            "batching": batching,
            "pictures_per_step": 8,
            "questions_per_picture": 4,
            "max_tokens": 400,
            "num_steps": 5,
            "optimizer": {"kind": "adamw", "weight_decay": 0.0},
        }
        return phase(**(given | options))

    return make


def test_learns_goes_on_and_answers(
    run: Any, padded: Phase, record_folder: Path, family: str, tmp_path: Path
) -> None:
    config = padded(save_every_steps=2, learning_rate=3e-3)
    whole = run(config, out="whole")
    lines = [json.loads(x) for x in (tmp_path / "whole/trainer_log.jsonl").read_text().splitlines()]
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert lines[0]["tokens_image"] > 0 and lines[0]["tokens_target"] > 0
    trained = json.loads((tmp_path / "whole/trainable.json").read_text())["num_trained_by_part"]
    assert set(trained) == {"vision", "projector", "language"}
    resumed = stopped_and_resumed(run, config, before_step=4)
    hashes = {load_model(result.folder).weights_hash() for result in (whole, resumed)}
    assert len(hashes) == 1
    record: Record = next(iter(RecordFolder(record_folder).records("train")))
    media = RecordFolder(record_folder).media_store()
    engine = open_folder(whole.folder, dialect=load_dialect(DIALECTS[family]), max_new_tokens=4)
    request = Request(
        record_id="a", pictures=lambda: [media.open(m) for m in record.media], question="box?"
    )
    (answer,) = engine.answer([request])
    assert not answer.error and answer.num_new_tokens > 0


def test_an_adapter_is_trained_loaded_and_merged(run: Any, padded: Phase, folder: Path) -> None:
    adapter = run(padded(lora={"rank": 4, "merge": False}, learning_rate=3e-3), out="adapter")
    assert (adapter.folder / "adapter_model.safetensors").is_file()
    base, adapted = load_model(folder, device="cpu"), load_model(adapter.folder, device="cpu")
    assert type(adapted) is type(base)
    grown = adapted.num_parameters - base.num_parameters
    assert 0 < grown < base.num_parameters
    merged = run(padded(lora={"rank": 4, "merge": True}, learning_rate=3e-3), out="merged")
    whole = load_model(merged.folder, device="cpu")
    assert whole.num_parameters == base.num_parameters
    assert whole.weights_hash() != base.weights_hash()


@torch.no_grad()
def test_the_loss_is_transformers_own(folder: Path) -> None:
    """A padded batch against conversations one at a time, with the loss of transformers."""
    model = load_model(folder, device="cpu")
    writer = ChatWriter(model)  # type: ignore[arg-type]
    said = [
        Conversation((), (Turn("user", "find the red cup"), Turn("assistant", "[1, 2]"))),
        Conversation((), (Turn("user", "blue"), Turn("assistant", "[2, 1] and [1, 1]"))),
    ]
    batch = writer.targets(said)
    together = LogitsLoss(model.model)({**batch.tensors, "labels": batch.labels})["loss"]
    alone = torch.zeros(())
    for one in said:
        row = writer.targets([one])
        out: Any = model.model(**row.tensors, labels=row.labels, use_cache=False)
        alone = alone + out.loss * (row.labels[:, 1:] != -100).sum()
    assert float(together) == pytest.approx(float(alone), rel=1e-5)


def test_too_long_records_are_in_the_ledger(run: Any, padded: Phase, tmp_path: Path) -> None:
    with_all = run(padded(num_steps=2), out="all")
    short = run(padded(num_steps=2, max_tokens=85), out="short")
    left_out = list(read_ledger(tmp_path / "short/ledger.jsonl"))
    assert left_out and {line.code for line in left_out} == {"E-TRN-002"}
    assert short.num_tokens < with_all.num_tokens


def test_a_process_with_text_alone_agrees_with_the_others(
    folder: Path, padded: Phase, records: list[Record], record_folder: Path,
    write_folder: Callable[..., Path], tmp_path: Path,
) -> None:  # fmt: skip
    """FSDP2 asks all processes for the picture encoder's weights: they would wait for ever."""
    said = (Turn("user", "push the red block"),)
    texts = [
        Record(id=f"text-{number}", task="vqa", turns=said, answer=Text("It is near"))
        for number in range(3)
    ]
    pictures = record_folder.parent
    mixed = write_folder(tmp_path / "mixed", records=records[:3] + texts, pictures=pictures)
    one_each = {"kind": "padded", "records_per_step": 2, "records_per_batch": 1}
    config = padded(batching=one_each, num_steps=3, sharding="fsdp2")
    logs: list[list[dict[str, Any]]] = []
    for num_ranks in (1, 2):
        out = tmp_path / f"by-{num_ranks}"
        chosen = config if num_ranks > 1 else config.model_copy(update={"sharding": "none"})
        job = Job(chosen.model_dump_json(), folder, mixed, out)
        assert run_processes(job, num_ranks=num_ranks) == [0] * num_ranks
        lines = (out / "trainer_log.jsonl").read_text().splitlines()
        logs.append([json.loads(line) for line in lines])
    for alone, together in zip(*logs, strict=True):
        assert together["loss"] == pytest.approx(alone["loss"], rel=1e-5)
        for field in ("tokens_real", "tokens_target", "tokens_image"):
            assert together[field] == alone[field]
    assert any(line["padding_fraction"] > 0 for line in logs[1])


@pytest.mark.parametrize(
    "options",
    [
        {"batching": {"kind": "packed", "records_per_step": 6, "tokens_per_pack": 800}},
        {"augment": {"colour": 0.2}},
        {"loss": {"weights": {"coordinates": 2}}},
        {"moe": {"num_experts": 2, "num_experts_per_token": 1}},
    ],
)
def test_what_it_cannot_do_is_said(run: Any, padded: Phase, options: dict[str, Any]) -> None:
    with pytest.raises(RoboLoopError, match="E-ENG-009"):
        run(padded(**options))
