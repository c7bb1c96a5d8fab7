"""What branched batches do with questions that are too long, and what counts in a conversation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from whole_step import loss_and_gradient

from roboloop.base.errors import RoboLoopError
from roboloop.dialects import Dialect
from roboloop.models.backbone import Backbone
from roboloop.models.chat import IGNORED, Encoder
from roboloop.records.answers import Text
from roboloop.records.media_open import MediaStore
from roboloop.records.record import Record, Turn
from roboloop.records.shards import RecordFolder
from roboloop.runs.ledger import read_ledger
from roboloop.train.batches import PictureBatches
from roboloop.train.config import SftConfig
from roboloop.train.conversation import conversation
from roboloop.train.dpo_config import DpoConfig
from roboloop.train.examples import ExampleMaker, PictureCache, load_groups
from roboloop.train.mixture import draw_mixture
from roboloop.train.preference_pairs import PairEncoder, make_pairs
from roboloop.train.record_rows import ViewCache
from roboloop.train.refused import Refused

Phase = Callable[..., SftConfig]
DpoPhase = Callable[..., DpoConfig]
SHORTEST, LONGEST = "gripper_det", "traj_wo_init_pos"


@pytest.fixture
def batches(
    record_folder: Path, backbone: Backbone, dialect: Dialect, tmp_path: Path
) -> Callable[[SftConfig], PictureBatches]:
    def made(config: SftConfig) -> PictureBatches:
        folder = RecordFolder(record_folder)
        encoder = Encoder(backbone.parts, dialect=dialect)
        maker = ExampleMaker(
            load_groups(folder, config=config),
            encoder=encoder,
            pictures=PictureCache(folder.media_store(), encoder=encoder),
            config=config,
            seed=0,
        )
        refused = Refused(tmp_path / "ledger.jsonl", stage="train.test")
        return PictureBatches(maker, parts=backbone.parts, config=config, seed=0, refused=refused)

    return made


def limit_between(
    batches: Callable[[SftConfig], PictureBatches], config: SftConfig, backbone: Backbone
) -> int:
    """Most tokens of a question that is not a path; paths are longer."""
    shorter = config.model_copy(update={"tasks": {SHORTEST: 1.0, "object_box": 1.0}})
    alone = shorter.model_copy(update={"questions_per_picture": 1})
    micros = batches(alone).micro_batches(0, rank=0, num_ranks=1)
    return max(int(micro.tensors["input_ids"].shape[1]) for micro in micros)


def test_a_question_that_is_too_long_goes_to_the_ledger_and_the_others_are_trained(
    batches: Callable[[SftConfig], PictureBatches], phase: Phase, backbone: Backbone, tmp_path: Path
) -> None:
    config = phase(pictures_per_step=12, questions_per_picture=3, reword=False)
    limit = limit_between(batches, config, backbone)
    short = config.model_copy(update={"max_tokens": limit})
    (micro,) = batches(short).micro_batches(0, rank=0, num_ranks=1)
    left_out = {line.record_id for line in read_ledger(tmp_path / "ledger.jsonl")}
    assert left_out and all(name.startswith(LONGEST) for name in left_out)
    assert {line.code for line in read_ledger(tmp_path / "ledger.jsonl")} == {"E-TRN-002"}
    assert len(left_out) + len(micro.record_ids) == 36 and not left_out & set(micro.record_ids)
    # Met again, they are not written down again; and what remains is what a phase without them has.
    batches(short).micro_batches(1, rank=0, num_ranks=1)
    assert len(list(read_ledger(tmp_path / "ledger.jsonl"))) == len(left_out)
    without = config.model_copy(update={"tasks": {SHORTEST: 1.0, "object_box": 1.0}})
    assert len(left_out) == 12
    (other,) = batches(without).micro_batches(0, rank=0, num_ranks=1)
    found, wanted = loss_and_gradient(backbone, [micro]), loss_and_gradient(backbone, [other])
    assert float((found - wanted).norm() / wanted.norm()) < 1e-12


def test_a_process_whose_questions_are_all_too_long_idles(
    batches: Callable[[SftConfig], PictureBatches], phase: Phase, backbone: Backbone
) -> None:
    config = phase(
        pictures_per_step=12, questions_per_picture=1, reword=False, pictures_per_micro_batch=1
    )
    short = config.model_copy(update={"max_tokens": limit_between(batches, config, backbone)})
    maker = batches(short)
    shares = [maker.micro_batches(0, rank=rank, num_ranks=4) for rank in range(4)]
    assert {len(share) for share in shares} == {3}
    micros = [micro for share in shares for micro in share]
    idle = [micro for micro in micros if not micro.record_ids]
    assert idle and all(micro.weight == 0 and micro.counts.real == 0 for micro in idle)
    assert all((micro.tensors["labels"] == IGNORED).all() for micro in idle)
    wanted = loss_and_gradient(backbone, maker.micro_batches(0, rank=0, num_ranks=1))
    found = loss_and_gradient(backbone, micros)
    assert float((found - wanted).norm() / wanted.norm()) < 1e-12


def test_a_step_of_nothing_else_stops(
    batches: Callable[[SftConfig], PictureBatches], phase: Phase
) -> None:
    with pytest.raises(RoboLoopError, match="E-TRN-002"):
        batches(phase(max_tokens=20)).micro_batches(0, rank=0, num_ranks=1)


def test_earlier_answers_are_context_in_fine_tuning_and_in_preferences(
    records: list[Record],
    backbone: Backbone,
    dialect: Dialect,
    phase: Phase,
    dpo_phase: DpoPhase,
    tmp_path: Path,
    write_folder: Callable[..., Path],
) -> None:
    spoken = (
        Turn("user", "Is there a gripper?"),
        Turn("assistant", "Yes, one."),
        Turn("user", "Where is it?"),
    )
    record = replace(
        records[0], task="vqa", media=(), turns=spoken,
        answer=Text("On the left."), rejected=Text("Nowhere."),
    )  # fmt: skip
    turns = conversation(record, dialect=dialect, config=phase(), wording_seed=3)
    assert turns[:-1] == spoken and turns[-1].role == "assistant"
    encoder = Encoder(backbone.parts, dialect=dialect)
    tuned = encoder.encode([], turns=turns)
    folder = write_folder(tmp_path / "records", records=[record], pictures=tmp_path)
    config = dpo_phase()
    (pair,) = make_pairs(
        draw_mixture(RecordFolder(folder), phase=config, seed=0).records,
        config=config,
        dialect=dialect,
        seed=0,
    ).kept
    pictures = ViewCache(MediaStore({}), pixels=encoder.parts.pixels, most_bytes=0)
    writer = PairEncoder(encoder, pictures=pictures, max_tokens=999)
    chosen = writer.encode(pair).chosen
    assert chosen.input_ids.tolist() == tuned.input_ids.tolist()
    assert chosen.labels.tolist() == tuned.labels.tolist()
    assert tuned.num_target_tokens == len(encoder.text_ids(turns[-1].text)) + 1
