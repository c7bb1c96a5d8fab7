"""Reasoning about photographs: real Visual Genome and LVIS annotations, their promises kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from roboloop.compose.base import ComposeContext, Refusal
from roboloop.compose.geometric import geometric_predicate
from roboloop.compose.names_zh import NAMES, chinese_name
from roboloop.compose.reason import Reason
from roboloop.compose.reason_phrases import fact_text
from roboloop.dialects import load_dialect
from roboloop.records.answers import Number, YesNo
from roboloop.records.reasoning import SeeDoExpect
from roboloop.records.record import Record
from roboloop.records.scene import scene_of
from roboloop.sources.base import Source, SourceContext
from roboloop.sources.lvis import LvisSource
from roboloop.sources.visual_genome import VisualGenomeSource
from roboloop.tasks import load_task

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"


def read(source: Source, made: Path) -> list[Record]:
    found = source.read(SourceContext(made_folder=made, seed=0))
    return [record for record in found if isinstance(record, Record)]


@pytest.fixture(scope="module")
def lvis(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    path = SHARED / "lvis_sample" / "data" / "lvis_val_100.json"
    if not path.is_file():
        pytest.skip("the LVIS sample is not on this machine")
    source = LvisSource(name="lvis", path=path, verify_media=False, scenes=True)
    return read(source, tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def visual_genome(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    path = SHARED / "visual_genome_sample"
    if not path.is_dir():
        pytest.skip("the Visual Genome sample is not on this machine")
    source = VisualGenomeSource(
        name="vg", path=path, verify_media=False, scenes=True, max_questions=20
    )
    return read(source, tmp_path_factory.mktemp("made"))


def reasoned(
    parents: list[Record], tmp_path: Path, **options: object
) -> tuple[list[Record], list[Refusal]]:
    composer = Reason.model_validate({"kind": "reason", **options})
    found = list(composer.compose(parents, ComposeContext(seed=0, store=tmp_path)))
    records = [item for item in found if isinstance(item, Record)]
    return records, [item for item in found if isinstance(item, Refusal)]


def test_lvis_says_no_and_counts_only_where_it_may(lvis: list[Record], tmp_path: Path) -> None:
    records, refusals = reasoned(lvis, tmp_path)
    assert len(records) > 600
    assert {refusal.error.code for refusal in refusals} == {"E-CMP-010"}
    facts = set[str]()
    for record in records:
        scene, reasoning = scene_of(record), record.reasoning
        assert scene is not None and isinstance(reasoning, SeeDoExpect)
        for fact in reasoning.expect:
            facts.add(fact.fact)
            if fact.fact == "absent":
                assert scene.asked_name in scene.not_there
                assert record.answer == YesNo(False)
            if fact.fact in ("count", "only"):
                name = fact.evidence[0].removeprefix("count:")
                assert name not in scene.not_exhaustive
                assert len(scene.named(name)) == len(fact.objects)
            if fact.fact == "count":
                assert record.answer == Number(len(fact.objects))
    assert facts == {"absent", "present", "count", "only"}


def test_relations_between_boxes_are_those_of_the_boxes(lvis: list[Record], tmp_path: Path) -> None:
    records, _ = reasoned(lvis, tmp_path, tasks=["object_box"])
    num_relations = 0
    for record in records:
        assert isinstance(record.reasoning, SeeDoExpect)
        boxes = {seen.id: seen.box_px for seen in record.reasoning.see.objects}
        for found in record.reasoning.see.relations:
            num_relations += 1
            said = geometric_predicate(boxes[found.subject], other_px=boxes[found.object])
            assert said == found.predicate and found.evidence[0].startswith("boxes:")
    assert num_relations > 50


def test_visual_genome_tells_annotated_relations(
    visual_genome: list[Record], tmp_path: Path
) -> None:
    records, _ = reasoned(visual_genome, tmp_path)
    asked = [record for record in records if "/relationships/" in record.id]
    assert len(asked) > 40
    for record in asked:
        scene, reasoning = scene_of(record), record.reasoning
        assert scene is not None and isinstance(reasoning, SeeDoExpect)
        (fact,) = reasoning.expect
        subject, predicate, other = fact.evidence[0].removeprefix("relation:").split("|")
        assert (subject, predicate, other) in {
            (r.subject, r.predicate, r.object) for r in scene.relations
        }
        if record.task == "yes_no_vqa":  # answered by what holds, asked either way round
            names = [thing.name for key in (subject, other) if (thing := scene.thing(key))]
            question = f"Is this right: the {names[0]} {predicate} the {names[1]}?"
            assert record.answer == YesNo(record.inputs["question"] == question)
    attributes = [record for record in records if "/attributes/" in record.id]
    assert attributes and all(record.reasoning is not None for record in attributes)


def test_questions_without_things_make_nothing(visual_genome: list[Record], tmp_path: Path) -> None:
    parents = [r for r in visual_genome if "/question_answers/" in r.id or "/region" in r.id]
    assert parents and reasoned(parents, tmp_path) == ([], [])


def test_chinese_only_where_the_question_turns_on_known_names(
    lvis: list[Record], tmp_path: Path
) -> None:
    records, _ = reasoned(lvis, tmp_path, languages=["zh"], styles={"prose": 1})
    dialect = load_dialect("qwen25_vl")
    languages = {"en": 0, "zh": 0}
    for record in records:
        assert isinstance(record.reasoning, SeeDoExpect)
        languages[record.reasoning.language] += 1
        question = load_task(record.task).question(record, dialect=dialect)
        is_chinese = record.reasoning.language == "zh"
        assert is_chinese == any("一" <= sign <= "鿿" for sign in question)
        if is_chinese:
            assert record.task != "yes_no_vqa", "a Chinese question would mean yes"
            assert not any(c.isascii() and c.isalpha() for c in question)
    assert min(languages.values()) > 100
    assert chinese_name("bus (vehicle)") == "公共汽车" and chinese_name("clothes hamper") is None
    assert len(set(NAMES)) == len(NAMES) > 250


@pytest.mark.parametrize("style", ["json", "prose", "think", "think_prose"])
def test_answers_survive(lvis: list[Record], tmp_path: Path, style: str) -> None:
    records, _ = reasoned(lvis, tmp_path, styles={style: 1}, languages=["en", "zh"])
    dialect = load_dialect("qwen3_vl")
    for record in records[::5]:
        task = load_task(record.task)
        assert record.answer is not None
        alone = task.render(record.answer, dialect=dialect, size=record.picture_size)
        written = task.target(record, dialect=dialect)
        told = task.parse(written, record=record, dialect=dialect).answer
        assert told == task.parse(alone, record=record, dialect=dialect).answer


def test_names_of_several_things_are_said_as_such() -> None:
    assert fact_text("only", names=["trousers"], language="en") == "there are no other trousers"
    assert fact_text("present", names=["lens"], language="en") == "there is a lens"
    assert fact_text("present", names=["oven"], language="en") == "there is an oven"
    assert fact_text("attribute", names=["glasses", "red"], language="en") == "the glasses are red"
    assert fact_text("absent", names=["bus"], language="zh") == "没有bus"
