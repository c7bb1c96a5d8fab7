"""Loss and answers on held-out records during training: right, and without a trace in the run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from stopping import stopped_and_resumed

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.dialects import Dialect
from roboloop.models.backbone import Backbone, load_backbone
from roboloop.models.batch import collate
from roboloop.models.chat import IGNORED, Encoder
from roboloop.records.record import Record, Turn
from roboloop.records.shard_files import ShardWriter
from roboloop.records.shards import write_folder_mark, write_media_roots
from roboloop.tasks import load_task
from roboloop.train.config import SftConfig
from roboloop.train.sft import run_sft
from roboloop.train.train_model import TrainResult

Phase = Callable[..., SftConfig]
Run = Callable[..., TrainResult]
NUM_HELD_OUT = 6
"""Of the 36 records: two pictures with three questions each."""


@pytest.fixture(scope="session")
def split_folder(
    tmp_path_factory: pytest.TempPathFactory, record_folder: Path, records: list[Record]
) -> Path:
    folder = tmp_path_factory.mktemp("split") / "records"
    marks: list[Any] = []
    parts = {"train": records[NUM_HELD_OUT:], "val": records[:NUM_HELD_OUT]}
    for split, chosen in parts.items():
        with ShardWriter(folder, split=split) as writer:
            for record in chosen:
                writer.add(replace(record, split=split))
        marks += writer.marks
    write_folder_mark(folder, marks=marks)
    write_media_roots(folder, roots={"drawn": record_folder.parent})
    return folder


@pytest.fixture
def run(tiny_folder: Path, split_folder: Path, dialect: Dialect, tmp_path: Path) -> Run:
    def start(config: SftConfig, *, out: str = "out") -> TrainResult:
        return run_sft(
            config, model=tiny_folder, records=split_folder, out=tmp_path / out, dialect=dialect,
            seed=3,
        )  # fmt: skip

    return start


def log_of(result: TrainResult) -> list[dict[str, float]]:
    text = (result.folder.parent / "trainer_log.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def loss_by_transformers(
    backbone: Backbone, *, records: list[Record], home: Path, dialect: Dialect
) -> float:
    """Mean over target tokens, each question a conversation of its own, by Hugging Face's loss."""
    encoder = Encoder(backbone.parts, dialect=dialect)
    total = num_targets = 0.0
    for record in records:
        picture = Image.open(home / record.media[0].path.removeprefix("drawn:"))
        task = load_task(record.task)
        assert record.answer is not None
        view = dialect.view_size(PictureSize(*picture.size))
        picture = picture.resize(view, Image.Resampling.BICUBIC)
        answer = task.render(record.answer, dialect=dialect, size=record.picture_size)
        encoded = encoder.encode(
            [encoder.parts.pixels.cut(picture, view=view)],
            turns=[Turn("user", task.question(record, dialect=dialect)), Turn("assistant", answer)],
        )
        batch = collate([encoded], parts=backbone.parts)
        with torch.no_grad():
            mean = backbone.model(**batch).loss
        count = int((batch["labels"][:, 1:] != IGNORED).sum())
        total, num_targets = total + float(mean) * count, num_targets + count
    return total / num_targets


def test_held_out_loss_is_that_of_transformers(
    run: Run, phase: Phase, records: list[Record], record_folder: Path, dialect: Dialect
) -> None:
    result = run(phase(eval_every_steps=4, log_every_steps=10))
    lines = log_of(result)
    assert [line["current_steps"] for line in lines if "eval_loss" in line] == [4, 6]
    expected = loss_by_transformers(
        load_backbone(result.folder, device="cpu"),
        records=records[:NUM_HELD_OUT], home=record_folder.parent, dialect=dialect,
    )  # fmt: skip
    assert lines[-1]["eval_loss"] == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("kind", ["packed", "padded"])
def test_held_out_loss_is_the_same_however_records_are_trained(
    run: Run, phase: Phase, kind: str
) -> None:
    sizes = {"tokens_per_pack": 512} if kind == "packed" else {"records_per_batch": 2}
    batching = {"kind": kind, "records_per_step": 4, **sizes}
    records = {"pictures_per_step": 8, "questions_per_picture": 4, "max_tokens": 512}
    still = {"num_steps": 1, "learning_rate": 1e-12, "eval_every_steps": 1}
    [alike], [other] = (
        [line["eval_loss"] for line in log_of(run(phase(**still, **more), out=out))]
        for out, more in (("branched", {}), (kind, {"batching": batching, **records}))
    )
    assert other == pytest.approx(alike, abs=1e-4)


def test_every_task_is_answered_and_scored(run: Run, phase: Phase) -> None:
    lines = log_of(run(phase(generate_every_steps=3, generate_max_tokens=8)))
    told = [line for line in lines if any(name.startswith("gen_") for name in line)]
    assert [line["current_steps"] for line in told] == [3, 6]
    names = {name for name in told[-1] if name.startswith("gen_")}
    kinds = ("gripper_det", "object_box", "traj_wo_init_pos")
    assert names == {f"gen_{kind}_{load_task(kind).metrics[0].name}" for kind in kinds}


@pytest.mark.parametrize("batching", ["branched", "packed"])
def test_looking_changes_no_weight(run: Run, phase: Phase, batching: str) -> None:
    given: dict[str, object] = {}
    if batching == "packed":
        given = {"batching": {"kind": "packed", "records_per_step": 4, "tokens_per_pack": 512},
                 "pictures_per_step": 8, "questions_per_picture": 4, "max_tokens": 512}  # fmt: skip
    looks = {"eval_every_steps": 2, "generate_every_steps": 2, "generate_max_tokens": 4}
    hashes = {
        load_backbone(run(phase(**given, **more), out=out).folder).weights_hash()
        for out, more in (("with", looks), ("without", {}))
    }
    assert len(hashes) == 1


def test_stopped_run_goes_on_to_the_same_log(run: Run, phase: Phase) -> None:
    config = phase(
        num_steps=6, save_every_steps=2, eval_every_steps=2, generate_every_steps=3,
        generate_max_tokens=4, lora={"rank": 4, "dropout": 0.2}, optimizer={"kind": "adamw"},
    )  # fmt: skip
    whole = run(config, out="whole")
    resumed = stopped_and_resumed(run, config, before_step=5)
    same = ("current_steps", "loss", "eval_loss")
    logs = [
        [{k: v for k, v in line.items() if k in same or k.startswith("gen_")} for line in log_of(r)]
        for r in (whole, resumed)
    ]
    assert logs[0] == logs[1]


def test_a_split_without_records_is_an_error(run: Run, phase: Phase) -> None:
    with pytest.raises(RoboLoopError, match=r"E-TRN-004.*'nothing'"):
        run(phase(eval_every_steps=2, eval_split="nothing"))
