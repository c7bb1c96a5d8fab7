"""What a phase is trained on: entries, shares, replay; counted exactly, drawn by seed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from roboloop.base.errors import RoboLoopError
from roboloop.records import Record, Text, YesNo
from roboloop.records.shard_files import ShardWriter
from roboloop.records.shards import RecordFolder, write_folder_mark, write_media_roots
from roboloop.train.config import SftConfig
from roboloop.train.dpo_config import DpoConfig
from roboloop.train.mixture import MIXTURE_FILE, Mixture, draw_mixture

COMPOSERS = {None: 40, "reason": 30, "plan": 20}


def records() -> list[Record]:
    """Of three makers and two sources, half with a yes and half with a text."""
    return [
        Record(
            id=f"{composer}-{number}",
            task="vqa" if number % 2 else "yes_no_vqa",
            answer=Text(f"it is {number}") if number % 2 else YesNo(True),
            rejected=Text("no") if composer == "plan" else None,
            source="house" if number % 4 < 2 else "street",
            meta={"tier": "gold" if number < 5 else "silver"}
            | ({"composer": composer} if composer else {}),
        )
        for composer, number_of in COMPOSERS.items()
        for number in range(number_of)
    ]


def folder_of(path: Path, given: Sequence[Record]) -> RecordFolder:
    path.mkdir()
    with ShardWriter(path, split="train") as writer:
        for record in given:
            writer.add(record)
    write_media_roots(path, roots={})
    write_folder_mark(path, marks=writer.marks)
    return RecordFolder(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RecordFolder:
    return folder_of(tmp_path_factory.mktemp("mixture") / "records", records())


def sft(**options: Any) -> SftConfig:
    return SftConfig.model_validate({"name": "tune", "num_steps": 1, **options})


def by_composer(mixture: Mixture) -> dict[str, int]:
    return dict(Counter(record.meta.get("composer", "none") for record in mixture.records))


def test_without_a_word_everything_is_taken_in_the_order_of_the_files(folder: RecordFolder) -> None:
    mixture = draw_mixture(folder, phase=sft(), seed=0)
    assert mixture.records == list(folder.records("train"))
    assert [tuple(drawn) for drawn in mixture.drawn] == [("all", 90, 90)]


@pytest.mark.parametrize(
    ("entries", "wanted"),
    [
        ([{"composed": ["reason"]}], {"reason": 30}),
        ([{"composed": []}], {"none": 40}),
        (
            [{"composed": ["reason"], "rate": 0.5}, {"composed": ["plan"]}],
            {"reason": 15, "plan": 20},
        ),
        ([{"sources": ["street"]}], {"none": 20, "reason": 14, "plan": 10}),
        ([{"tiers": ["gold"], "composed": ["plan"]}], {"plan": 5}),
        ([{"tasks": ["yes_no_vqa"], "rate": 0.2}], None),
        # What the first entry takes, the second does not see.
        ([{"composed": ["plan"], "rate": 0.25}, {}], {"none": 40, "reason": 30, "plan": 5}),
    ],
)
def test_entries_take_what_they_say_in_exact_numbers(
    folder: RecordFolder, entries: list[dict[str, Any]], wanted: dict[str, int] | None
) -> None:
    mixture = draw_mixture(folder, phase=sft(data=entries), seed=0)
    if wanted is None:
        assert len(mixture.records) == 9
    else:
        assert by_composer(mixture) == wanted
    assert sum(drawn.num_taken for drawn in mixture.drawn) == len(mixture.records)
    assert len({record.id for record in mixture.records}) == len(mixture.records)


def test_tasks_of_the_phase_hold_for_its_entries(folder: RecordFolder) -> None:
    phase = sft(data=[{"composed": ["reason"]}], tasks={"vqa": 2})
    found = draw_mixture(folder, phase=phase, seed=0).records
    assert len(found) == 15 and {record.task for record in found} == {"vqa"}


def test_replay_is_a_share_of_what_earlier_phases_took_alone(folder: RecordFolder) -> None:
    both = {"composed": ["plan", "reason"], "rate": 0.5}
    replay = {"rate": 0.2, "of": [[{"composed": []}], [both]]}
    phase = sft(data=[{"composed": ["plan"]}], replay=replay)
    mixture = draw_mixture(folder, phase=phase, seed=0)
    # 20 of its own are 80 %.
    assert len(mixture.records) == 25 and by_composer(mixture)["plan"] == 20
    # 25 of plan and reason were taken before; those of plan are its own now.
    before = draw_mixture(folder, phase=sft(data=[both]), seed=0)
    num_reason = by_composer(before)["reason"]
    assert mixture.drawn[-1] == ("replayed", 40 + num_reason, 5)
    reason = {r.id for r in mixture.records if r.meta.get("composer") == "reason"}
    assert reason <= {record.id for record in before.records}


def test_fewer_than_wanted_are_all_taken_and_said(
    folder: RecordFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replay = {"rate": 0.9, "of": [[{"composed": ["plan"]}]]}
    mixture = draw_mixture(folder, phase=sft(data=[{"composed": []}], replay=replay), seed=0)
    assert by_composer(mixture) == {"none": 40, "plan": 20}
    mixture.write(tmp_path, phase="tune")
    told = json.loads((tmp_path / MIXTURE_FILE).read_text())
    assert told["num_records"] == 60
    assert told["drawn"][-1] == {"what": "replayed", "num_there": 20, "num_taken": 20}
    assert "tune: not composed: 40 of 40; replayed: 20 of 20" in capsys.readouterr().err


def test_a_draw_depends_on_seed_and_entry_and_survives_new_records(
    folder: RecordFolder, tmp_path: Path
) -> None:
    phase = sft(data=[{"composed": ["reason"], "rate": 0.5}])
    drawn = {record.id for record in draw_mixture(folder, phase=phase, seed=0).records}
    again = {record.id for record in draw_mixture(folder, phase=phase, seed=0).records}
    other = {record.id for record in draw_mixture(folder, phase=phase, seed=1).records}
    assert drawn == again != other
    more = [*records(), *(Record(id=f"new-{n}", task="vqa", answer=Text("x")) for n in range(50))]
    grown = folder_of(tmp_path / "grown", more)
    assert {r.id for r in draw_mixture(grown, phase=phase, seed=0).records} == drawn


def test_preferences_take_pairs_alone(folder: RecordFolder) -> None:
    phase = DpoConfig.model_validate({"name": "prefer", "kind": "dpo", "num_steps": 1})
    assert by_composer(draw_mixture(folder, phase=phase, seed=0)) == {"plan": 20}
    none = phase.model_copy(update={"data": sft(data=[{"composed": ["reason"]}]).data})
    with pytest.raises(RoboLoopError) as caught:
        draw_mixture(folder, phase=none, seed=0)
    assert caught.value.code == "E-TRN-004" and "a rejected answer" in caught.value.detail


def test_an_entry_that_takes_nothing_names_what_there_is(folder: RecordFolder) -> None:
    with pytest.raises(RoboLoopError, match=r"in: reasons; .* of composers: none, plan, reason"):
        draw_mixture(folder, phase=sft(data=[{"composed": ["reasons"]}]), seed=0)
    replay = {"rate": 0.5, "of": [[{"composed": ["plan"]}]]}
    with pytest.raises(RoboLoopError, match="earlier phases took nothing"):
        draw_mixture(folder, phase=sft(replay=replay), seed=0)
