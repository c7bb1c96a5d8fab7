"""The source: every task, valid records, the same ones each time, drawings that say the truth."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import box_iou
from roboloop.base.hashing import seeded_generator
from roboloop.dialects import load_dialect
from roboloop.records.answers import Box, Boxes, Choice, Points, Trajectory, YesNo
from roboloop.records.media_open import MediaStore
from roboloop.records.record import Record, check_record, record_from_json, record_to_json
from roboloop.sources.base import MADE_ROOT, Rejected, SourceContext
from roboloop.sources.drawing.sketch import PURPLE
from roboloop.sources.simulated.pack import Pack, PackFrame
from roboloop.sources.simulated.panel_questions import DRAWN_QUESTIONS
from roboloop.sources.simulated.records import ALL_TASKS, SimulatedSource, sights_of
from roboloop.sources.simulated.scene_questions import WORD_QUESTIONS
from roboloop.tasks import load_task

ROBOINTER_TASKS = (
    "gripper_det", "contact_point", "contact_box", "current_box", "final_box", "traj",
    "traj_wo_init_pos", "contact_decide", "grounding_choice", "traj_choice", "trajlang_choice",
    "traj_direction_choice", "grasppose_choice", "planning", "planning_choice", "planning_decide",
)  # fmt: skip


def read(source: SimulatedSource, *, made: Path, seed: int = 7) -> list[Record]:
    found = list(source.read(SourceContext(made, seed)))
    rejected = [item for item in found if isinstance(item, Rejected)]
    assert not rejected, rejected[:3]
    return [item for item in found if isinstance(item, Record)]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    source = SimulatedSource(max_episodes=16)
    return read(source, made=tmp_path_factory.mktemp("made"))


def test_every_task_of_the_library_that_the_truth_supports_is_there(records: list[Record]) -> None:
    counts = Counter(record.task for record in records)
    assert set(counts) == set(ALL_TASKS) >= set(ROBOINTER_TASKS)
    assert {record.split for record in records} == {"train", "val"}
    assert len({record.id for record in records}) == len(records)


def test_records_are_valid_worded_rendered_and_read_back(records: list[Record]) -> None:
    dialect = load_dialect("plain")
    for record in records[::7]:
        check_record(record)
        assert record_from_json(record_to_json(record)) == record
        task = load_task(record.task)
        assert record.answer is not None and record.answer.kind in (task.answer_kind, "box")
        for wording in task.wordings:
            if wording.names <= record.inputs.keys():
                assert task.question(record, dialect=dialect, wording=wording)
        text = task.render(record.answer, dialect=dialect, size=record.picture_size)
        parsed = task.parse(text, record=record, dialect=dialect)
        assert parsed.answer is not None, (record.id, text)


def test_the_same_recipe_gives_the_same_records_and_drawings(tmp_path: Path) -> None:
    source = SimulatedSource(max_episodes=4)
    records = read(source, made=tmp_path / "one")
    assert read(source, made=tmp_path / "two") == records
    assert read(source, made=tmp_path / "other", seed=8) != records
    drawn = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.webp"))
    assert drawn
    for name in drawn:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_media_open_below_their_roots(made: Path) -> None:
    source = SimulatedSource(max_episodes=2)
    records = read(source, made=made)
    store = MediaStore({**source.media_roots(), MADE_ROOT: made})
    for record in records[::5]:
        for medium in record.media:
            assert store.open(medium).size == medium.size


def frames_by_member(pack: Pack) -> dict[str, PackFrame]:
    return {frame.member: frame for e in pack.episodes for frame in e.frames}


def test_answers_are_the_truth_of_the_pack(pack: Pack, records: list[Record]) -> None:
    frames = frames_by_member(pack)
    stories = {episode.id: episode.truth for episode in pack.episodes}
    seen: Counter[str] = Counter()
    for record in records:
        truth = frames[record.origin.split("!")[1]].truth
        story = stories[record.meta["episode"]]
        view = story.view(truth.view)
        seen[record.task] += 1
        match record.task, record.answer:
            case "gripper_det", Box() as box:
                assert box.corners_px == truth.gripper_box_px
            case "current_box", Box() as box:
                assert box.corners_px == truth.thing(story.target).box_px
            case "object_box", Box() as box:
                assert box.corners_px == truth.thing(record.text_input("object")).box_px
            case "contact_box", Box() as box:
                assert box.corners_px == view.contact_box_px
                assert story.contact_frame is not None and truth.frame < story.contact_frame
            case "final_box", Box() as box:
                assert box.corners_px == view.final_box_px and story.success
            case "contact_point", Points() as points:
                assert points.points_px == view.contact_points_px
            case "traj", Trajectory() as path:
                start = record.inputs["start"]
                assert isinstance(start, Points) and start.points_px[0] == path.points_px[0]
                assert path.points_px == truth.trace_px
            case "contact_decide", YesNo() as verdict:
                assert verdict.value == truth.in_contact
            case "detect_objects", Boxes() as boxes:
                for box in boxes.items:
                    assert box.corners_px == truth.thing(box.label or "").box_px
            case "planning_decide", YesNo() as verdict:
                assert not verdict.value or (story.success and truth.phase == "retreat")
            case _:
                pass
    assert min(seen[task] for task in ("final_box", "contact_box", "traj", "planning_decide")) > 5


def test_letters_are_not_given_away(pack: Pack) -> None:
    letters: dict[str, Counter[str]] = defaultdict(Counter)
    for episode in pack.episodes[:110]:
        for sight in sights_of(episode, root="simulated"):
            for task, ask in DRAWN_QUESTIONS.items():
                drawn = ask(sight, seeded_generator("test", task, sight.frame.member))
                if drawn is not None:
                    letters[task][drawn.answer.letter] += 1
            for task in ("planning_choice", "choice_vqa"):
                rng = seeded_generator("test", task, sight.frame.member)
                for draft in WORD_QUESTIONS[task](sight, rng):
                    assert isinstance(draft.answer, Choice)
                    letters[task][draft.answer.letter] += 1
    assert len(letters) == len(DRAWN_QUESTIONS) + 2
    for task, counts in letters.items():
        total = sum(counts.values())
        assert set(counts) == set("ABCD") and total > 60, (task, counts)
        # Beyond 5 standard deviations of a fair draw something picks the letter.
        assert max(counts.values()) < total / 4 + 5 * (total * 3 / 16) ** 0.5, (task, counts)


def purple(panel: Image.Image) -> tuple[float, float, float, float]:
    distance = np.abs(np.asarray(panel, dtype=int) - np.array(PURPLE)).sum(axis=2)
    rows, columns = np.nonzero(distance < 110)
    low, high = np.percentile(columns, [2, 98]), np.percentile(rows, [2, 98])
    return (float(low[0]), float(high[0]), float(low[1]), float(high[1]))


def test_the_right_panel_has_its_box_round_the_object(pack: Pack, made: Path) -> None:
    frames = frames_by_member(pack)
    records = read(SimulatedSource(max_episodes=12, tasks=("grounding_choice",)), made=made)
    num_checked = 0
    for record in records:
        truth = frames[record.origin.split("!")[1]].truth
        if any("purple" in thing.name for thing in truth.objects):
            continue  # the test could not tell the box from the object
        assert isinstance(record.answer, Choice)
        sheet = Image.open(made / f"simulated/7/grounding_choice/{record.origin.split('!')[1]}")
        target = next(thing.box_px for thing in truth.objects if thing.role == "target")
        assert target is not None
        corners = [((i % 2) * 320, (i // 2) * 180) for i in range(4)]
        panels = [sheet.convert("RGB").crop((x, y, x + 320, y + 180)) for x, y in corners]
        overlaps = [box_iou(purple(panel), second_px=target) for panel in panels]
        assert "ABCD"[overlaps.index(max(overlaps))] == record.answer.letter
        assert max(overlaps) > 0.5 > sorted(overlaps)[-2]
        num_checked += 1
    assert num_checked >= 3


def test_settings(tmp_path: Path, made: Path) -> None:
    few = SimulatedSource(max_episodes=4, tasks=("gripper_det",), split="val")
    records = read(few, made=made)
    assert {r.split for r in records} == {"val"} and {r.task for r in records} == {"gripper_det"}
    assert len({r.meta["episode"] for r in records}) == 4
    assert not list(made.rglob("*"))
    with pytest.raises(ValueError, match="no question of task 'flying'"):
        SimulatedSource(tasks=("flying",))
    assert few.fingerprint() == SimulatedSource.model_validate(few.model_dump()).fingerprint()
    assert few.fingerprint() != SimulatedSource(max_episodes=5).fingerprint()
    with pytest.raises(RoboLoopError, match="E-SIM-003"):
        list(SimulatedSource(path=tmp_path / "none").read(SourceContext(made, 1)))


def test_drawn_questions_are_limited_per_episode(made: Path) -> None:
    source = SimulatedSource(max_episodes=5, tasks=("trajlang_choice",), max_drawn_per_episode=2)
    counts = Counter(record.meta["episode"] for record in read(source, made=made))
    assert counts and max(counts.values()) == 2
    assert not read(source.model_copy(update={"max_drawn_per_episode": 0}), made=made)


def test_a_rejected_answer_is_worse_by_the_tasks_own_measure(tmp_path: Path) -> None:
    tasks = ("gripper_det", "contact_box", "current_box", "contact_decide", "traj")
    source = SimulatedSource(max_episodes=16, tasks=tasks, rejected=True)
    found = read(source, made=tmp_path)
    assert found == read(source, made=tmp_path)
    plain = read(SimulatedSource(max_episodes=16, tasks=tasks), made=tmp_path)
    assert [replace(record, rejected=None) for record in found] == plain
    pairs = [record for record in found if record.rejected is not None]
    assert {record.task for record in pairs} == set(tasks) - {"traj"}
    for record in pairs:
        task = load_task(record.task)
        assert record.answer is not None and record.rejected is not None
        good, bad = (
            task.score(answer, truth=record.answer, size=record.picture_size)
            for answer in (record.answer, record.rejected)
        )
        main = task.metrics[0].name
        assert good[main] - bad[main] >= 0.5, record.id
