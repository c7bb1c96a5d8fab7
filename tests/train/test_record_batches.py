"""A step takes the same records however they are put together, and opens only its own pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from whole_step import loss_and_gradient

from roboloop.base.errors import RoboLoopError
from roboloop.dialects import Dialect
from roboloop.models.backbone import Backbone
from roboloop.models.chat import IGNORED, Encoder
from roboloop.records.shards import RecordFolder
from roboloop.runs.ledger import read_ledger
from roboloop.train.batches import MicroBatch
from roboloop.train.config import SftConfig
from roboloop.train.examples import load_records
from roboloop.train.prefetch import PrefetchedBatches
from roboloop.train.record_batches import PackedBatches, PaddedBatches, RecordBatches
from roboloop.train.record_rows import RecordRows, RecordSchedule, ViewCache
from roboloop.train.refused import Refused

Phase = Callable[..., SftConfig]
Make = Callable[..., RecordBatches]

PACKED = {"kind": "packed", "records_per_step": 12, "tokens_per_pack": 400}
PADDED = {"kind": "padded", "records_per_step": 12, "records_per_batch": 4}


@pytest.fixture
def phase_of(phase: Phase) -> Phase:
    """A phase over records; the pictures per step of the usual one are for branches."""

    def make(batching: dict[str, Any], **options: Any) -> SftConfig:
        given = {
            "pictures_per_step": 8, "questions_per_picture": 4, "max_tokens": 400,
            "batching": batching,
        }  # fmt: skip
        return phase(**(given | options))

    return make


@pytest.fixture
def make(record_folder: Path, backbone: Backbone, dialect: Dialect, tmp_path: Path) -> Make:
    def made(config: SftConfig, *, seed: int = 0) -> RecordBatches:
        folder = RecordFolder(record_folder)
        rows = RecordRows(
            load_records(folder, config=config),
            encoder=Encoder(backbone.parts, dialect=dialect),
            pictures=ViewCache(
                folder.media_store(), pixels=backbone.parts.pixels, most_bytes=50_000
            ),
            config=config,
            seed=seed,
        )
        kind = PackedBatches if config.batching.kind == "packed" else PaddedBatches
        refused = Refused(tmp_path / "ledger.jsonl", stage="train.test")
        return kind(rows, parts=backbone.parts, config=config, seed=seed, refused=refused)

    return made


def ids(micros: Sequence[MicroBatch]) -> list[str]:
    return sorted(name for micro in micros for name in micro.record_ids)


def test_packs_padded_batches_and_ranks_have_one_loss(
    make: Make, phase_of: Phase, backbone: Backbone
) -> None:
    wanted = make(phase_of(PADDED)).micro_batches(1, rank=0, num_ranks=1)
    assert len(wanted) == 3 and all(len(micro.record_ids) == 4 for micro in wanted)
    reference = loss_and_gradient(backbone, wanted)
    small, large = PACKED, PACKED | {"tokens_per_pack": 4000}
    for batching, num_ranks in ((small, 1), (large, 1), (small, 2), (large, 5), (PADDED, 2)):
        batches = make(phase_of(batching))
        shares = [
            batches.micro_batches(1, rank=rank, num_ranks=num_ranks) for rank in range(num_ranks)
        ]
        assert len({len(share) for share in shares}) == 1
        micros = [micro for share in shares for micro in share]
        assert ids(micros) == ids(wanted)
        found = loss_and_gradient(backbone, micros)
        assert float((found - reference).norm() / reference.norm()) < 1e-12
        if batching != PADDED:
            assert sum(micro.counts.padding for micro in micros) == 0
            assert all(micro.counts.real <= batching["tokens_per_pack"] for micro in micros)


def test_more_processes_than_records_idle_without_a_trace(
    make: Make, phase_of: Phase, backbone: Backbone
) -> None:
    batches = make(phase_of(PACKED | {"records_per_step": 2}))
    wanted = batches.micro_batches(0, rank=0, num_ranks=1)
    micros = [m for r in range(4) for m in batches.micro_batches(0, rank=r, num_ranks=4)]
    idle = [micro for micro in micros if not micro.record_ids]
    assert len(micros) == 4 and len(idle) == 2
    assert all(m.weight == 0 and m.counts.real == 0 and m.counts.padding > 0 for m in idle)
    assert "patches" in idle[0].tensors  # the vision tower runs on every process
    reference = loss_and_gradient(backbone, wanted)
    found = loss_and_gradient(backbone, micros)
    assert float((found - reference).norm() / reference.norm()) < 1e-12


def test_counts_are_exact_and_need_no_picture(
    make: Make, phase_of: Phase, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = make(phase_of(PACKED, augment={"colour": 0.2}))
    with monkeypatch.context() as patch:
        patch.setattr("roboloop.records.media_open.MediaStore.open", None)
        outlines = {outline.record.id: outline.counts for outline in batches.outlines(2)}
    pad = backbone.parts.special.image_pad
    for micro in batches.micro_batches(2, rank=0, num_ranks=1):
        labels, found = micro.tensors["labels"], micro.tensors["input_ids"]
        mine = [outlines[name] for name in micro.record_ids]
        assert found.numel() == sum(counts.real for counts in mine) == micro.counts.real
        assert int((found == pad).sum()) == sum(counts.image for counts in mine)
        assert int((labels != IGNORED).sum()) == sum(counts.target for counts in mine)
        assert sum(c.text for c in mine) == found.numel() - int((found == pad).sum())


def test_only_the_pictures_of_the_process_are_opened(
    make: Make, phase_of: Phase, monkeypatch: pytest.MonkeyPatch
) -> None:
    from roboloop.records.media_open import MediaStore

    real, seen = MediaStore.open, Counter[str]()

    def counted(self: MediaStore, media: Any) -> Any:
        seen[media.path] += 1
        return real(self, media)

    monkeypatch.setattr(MediaStore, "open", counted)
    batches = make(phase_of(PACKED))
    micros = batches.micro_batches(0, rank=1, num_ranks=3)
    assert set(seen) == {f"drawn:{name.rsplit('-', 1)[1]}.png" for name in ids(micros)}


def test_no_text_is_tokenized_twice_in_a_step(
    make: Make, phase_of: Phase, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = make(phase_of(PACKED))
    real, num = Encoder._write, 0

    def counted(self: Encoder, *given: Any, **options: Any) -> Any:
        nonlocal num
        num += 1
        return real(self, *given, **options)

    monkeypatch.setattr(Encoder, "_write", counted)
    batches.micro_batches(0, rank=0, num_ranks=1)
    assert num == 12


def test_threads_change_nothing(make: Make, phase_of: Phase) -> None:
    config = phase_of(PACKED, augment={"colour": 0.2})
    plain = make(config)
    with_threads = PrefetchedBatches(make(config), num_workers=3, num_steps=5)
    for step in (0, 1, 2, 4, 3):  # out of turn too
        for mine, theirs in zip(
            plain.micro_batches(step, rank=0, num_ranks=1),
            with_threads.micro_batches(step, rank=0, num_ranks=1),
            strict=True,
        ):
            assert mine.record_ids == theirs.record_ids and mine.counts == theirs.counts
            assert mine.tensors.keys() == theirs.tensors.keys()
            assert all(torch.equal(mine.tensors[k], theirs.tensors[k]) for k in mine.tensors)


def test_threads_make_no_step_beyond_the_last(make: Make, phase_of: Phase) -> None:
    made: list[int] = []

    class Watched:
        epoch_after = make(phase_of(PACKED)).epoch_after
        record_ids = make(phase_of(PACKED)).record_ids

        def micro_batches(self, step: int, *, rank: int, num_ranks: int) -> list[MicroBatch]:
            made.append(step)
            return []

    batches = PrefetchedBatches(Watched(), num_workers=2, num_steps=4)
    for step in range(4):
        batches.micro_batches(step, rank=0, num_ranks=1)
    assert sorted(made) == [0, 1, 2, 3]


def test_long_records_are_left_out_once_and_written_down(
    make: Make, phase_of: Phase, tmp_path: Path
) -> None:
    whole = PACKED | {"records_per_step": 36}
    outlines = make(phase_of(whole, reword=False)).outlines(0)
    # The smallest picture is 4 tokens: half of the records stay too long.
    limit = int(np.median([outline.counts.text for outline in outlines])) + 4
    config = phase_of(whole, max_tokens=limit, reword=False)
    for _ in range(2):  # as a run that is started again
        batches = make(config)
        kept = {outline.record.id for step in range(2) for outline in batches.outlines(step)}
    lines = list(read_ledger(tmp_path / "ledger.jsonl"))
    assert lines and all(line.code == "E-TRN-002" for line in lines)
    assert len({line.record_id for line in lines}) == len(lines)
    assert {line.record_id for line in lines}.isdisjoint(kept) and len(lines) + len(kept) == 36


def test_a_step_of_nothing_but_long_records_stops(make: Make, phase_of: Phase) -> None:
    with pytest.raises(RoboLoopError, match=r"E-TRN-002 record '\w+-\d+': \d+ tokens"):
        make(phase_of(PACKED, max_tokens=20)).outlines(0)


def test_weights_say_how_many_of_a_task_are_met() -> None:
    tasks = ["a"] * 40 + ["b"] * 10 + ["c"] * 7
    schedule = RecordSchedule(
        tasks, weights={"a": 1.0, "b": 2.0, "c": 2.0}, records_per_step=37, seed=0
    )
    epochs = [[visit.group for visit in schedule.visits(step)] for step in range(2)]
    for met in epochs:
        assert Counter(tasks[place] for place in met) == {"a": 20, "b": 10, "c": 7}
        assert len(set(met)) == 37
    assert set(epochs[0]) != set(epochs[1]) and epochs[0] != sorted(epochs[0])
