"""ai2thor: all of ALFRED's plans, its untouched files, and every way an episode can be wrong."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from roboloop.base.errors import RoboLoopError
from roboloop.dialects import load_dialect
from roboloop.records import FilePicture, Plan, Record, Text, jsonl
from roboloop.records.episode import episode_of
from roboloop.records.record import check_record
from roboloop.sources.ai2thor import Ai2thorSource
from roboloop.sources.alfred_episodes import AlfredEpisode
from roboloop.sources.alfred_story import episode_facts, goal_facts
from roboloop.sources.alfred_words import HighAction, spelled_out
from roboloop.sources.base import Rejected, SourceContext
from roboloop.tasks import load_task

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
CONTEXT = SourceContext(Path("made"), 0)


def real(name: str) -> Path:
    path = (DATA / name).resolve()
    if not path.exists():
        pytest.skip(f"the real sample {name} is not there")
    return path


def split_up(source: Ai2thorSource) -> tuple[list[Record], list[Rejected]]:
    items = list(source.read(CONTEXT))
    return (
        [item for item in items if isinstance(item, Record)],
        [item for item in items if isinstance(item, Rejected)],
    )


# --- real samples ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plans() -> tuple[list[Record], list[Rejected]]:
    return split_up(Ai2thorSource(path=real("alfred_plans/alfred_plans.jsonl.gz")))


def test_all_8051_episodes_are_accounted_for(plans: tuple[list[Record], list[Rejected]]) -> None:
    records, rejected = plans
    assert Counter((record.split, record.task) for record in records) == {
        ("train", "plan_steps"): 21_025, ("train", "planning"): 42_050,
        ("valid_seen", "plan_steps"): 820, ("valid_seen", "planning"): 1_640,
        ("valid_unseen", "plan_steps"): 821, ("valid_unseen", "planning"): 1_642,
    }  # fmt: skip
    assert Counter(item.error.code for item in rejected) == {"E-DAT-004": 971}
    assert "no public plan" in rejected[0].error.detail
    episodes = {record.meta["episode"] for record in records}
    assert len(episodes | {item.record_id for item in rejected}) == 8_051
    assert len({record.id for record in records}) == len(records) == 3 * 22_666


def test_a_plan_in_words(plans: tuple[list[Record], list[Rejected]]) -> None:
    record = next(r for r in plans[0] if r.id == "trial_T20190907_174127_043461/0/plan")
    assert record.inputs == {"instruction": "Pick up the alarm clock and turn on the lamp."}
    assert record.answer == Plan(
        ("go to the dresser", "pick up the alarm clock", "go to the desk lamp",
         "turn on the desk lamp")
    )  # fmt: skip
    assert record.meta["other_steps"][-1] == "Turn the lamp on."
    assert record.meta["actions"][-1] == "NoOp()"
    assert (record.licence, record.origin) == ("MIT", "alfred_plans.jsonl.gz:972")


def test_a_rate_takes_whole_episodes_of_every_kind(
    plans: tuple[list[Record], list[Rejected]],
) -> None:
    path = real("alfred_plans/alfred_plans.jsonl.gz")
    some = Ai2thorSource(path=path, splits=("valid_seen",), rate=0.2)
    drawn = Counter(record.meta["episode"] for record in split_up(some)[0])
    seen = [record for record in plans[0] if record.split == "valid_seen"]
    whole = Counter(record.meta["episode"] for record in seen)
    assert all(whole[episode] == number for episode, number in drawn.items())
    assert 0.1 < len(drawn) / len(whole) < 0.3
    kinds = {record.meta["episode"]: record.meta["task_type"] for record in seen}
    assert {kinds[episode] for episode in drawn} == set(kinds.values())


def test_questions_fit_their_tasks(plans: tuple[list[Record], list[Rejected]]) -> None:
    dialect = load_dialect("plain")
    for record in plans[0][::997]:
        check_record(record)
        task = load_task(record.task)
        assert record.answer is not None
        assert task.question(record, dialect=dialect)
        parsed = task.parse(
            task.render(record.answer, dialect=dialect, size=None), record=record, dialect=dialect
        )
        assert parsed.answer == record.answer and parsed.is_exact


def test_next_and_remaining_steps_follow_the_plan(
    plans: tuple[list[Record], list[Rejected]],
) -> None:
    by_id = {record.id: record for record in plans[0][:3000]}
    for record_id, record in by_id.items():
        name, _, question = record_id.rpartition("/")
        if question == "plan":
            continue
        plan = by_id[f"{name}/plan"].answer
        assert isinstance(plan, Plan) and isinstance(record.answer, Text)
        rest = plan.steps[record.meta["num_done"] :]
        if question == "next_step":
            assert record.answer.text == rest[0]
        else:
            assert record.answer.text.splitlines()[-1] == f"{len(rest)}. {plan.steps[-1]}"


def test_sentences_of_people_serve_the_test_splits_too() -> None:
    source = Ai2thorSource(
        path=real("alfred_plans/alfred_plans.jsonl.gz"), steps="people", questions=("plan",)
    )
    records, rejected = split_up(source)
    assert not rejected
    assert len(records) == 25_728
    aligned = Counter(record.meta["one_sentence_per_action"] for record in records)
    assert aligned == {True: 22_639, False: 27, None: 3_062}


def test_untouched_files_say_the_same_as_the_distilled_ones(
    plans: tuple[list[Record], list[Rejected]],
) -> None:
    raw, rejected = split_up(Ai2thorSource(path=real("alfred_raw")))
    assert not rejected and len(raw) == 14 * 3 * 3
    distilled = {record.id: record for record in plans[0]}
    for record in raw:
        twin = distilled[record.id]
        assert (record.inputs, record.answer, record.split) == (
            twin.inputs, twin.answer, twin.split,
        )  # fmt: skip
        for key in ("actions", "scene", "task_type", "goal_arguments", "num_low_actions"):
            assert record.meta[key] == twin.meta[key]
    boxes = next(r for r in raw if "214" in r.origin and r.id.endswith("plan")).meta["object_boxes"]
    assert boxes[0] == {
        "step": 1, "action": "PickupObject", "object_id": "KeyChain|-00.48|+00.28|+06.24",
        "box_px": (149.0, 185.0, 168.0, 196.0), "image_name": boxes[0]["image_name"],
    }  # fmt: skip


# --- words ----------------------------------------------------------------------------------------


def words(plan: Sequence[HighAction]) -> list[str]:
    episode = AlfredEpisode(
        id="e", split="train", task_type=None, scene="", goal_arguments={}, actions=tuple(plan),
        tellings=(), num_low_actions=0, first_pictures={},
    )  # fmt: skip
    return [step.text for step in episode_facts(episode).steps]


def test_an_unnamed_object_is_the_one_in_hand() -> None:
    plan = [
        HighAction("PickupObject", ("fork",)), HighAction("CleanObject", ("",)),
        HighAction("PutObject", ("fork", "drawer")), HighAction("NoOp", ()),
    ]  # fmt: skip
    assert words(plan) == ["pick up the fork", "clean the fork", "put the fork in the drawer"]
    with pytest.raises(RoboLoopError, match="none is in hand"):
        spelled_out(plan[1:])


def test_what_was_sliced_is_spoken_of_as_slices() -> None:
    plan = [HighAction("SliceObject", ("apple",))] * 2 + [HighAction("PickupObject", ("apple",))]
    assert words(plan) == ["slice the apple", "slice the second apple", "pick up the apple slice"]


# --- bad input ------------------------------------------------------------------------------------


def row(**changed: Any) -> dict[str, Any]:
    return {
        "split": "train", "task_id": "trial_1", "task_type": None, "scene": "FloorPlan1",
        "pddl_params": {}, "high_pddl": [["PickupObject", "mug"], ["PutObject", "mug", "desk"]],
        "low_actions": ["PickupObject"], "n_images": 3,
        "anns": [{"task_desc": "Move a mug.", "high_descs": ["Take it.", "Put it down."]}],
        **changed,
    }  # fmt: skip


def test_each_bad_line_costs_itself(tmp_path: Path) -> None:
    file = tmp_path / "plans.jsonl"
    bad = [
        b"\xff\xfe", b"{", json.dumps(row(task_type=float("nan"))).encode(),
        json.dumps(row(high_pddl=[["Fly", "mug"]])).encode(),
        json.dumps(row(high_pddl=[["PutObject", "mug"]])).encode(),
        json.dumps(row(high_pddl=[[]])).encode(),
        json.dumps(row(split="train2")).encode(), json.dumps(row(anns=[])).encode(), b"[1]",
    ]  # fmt: skip
    file.write_bytes(b"\n".join([*bad, json.dumps(row()).encode(), b""]))
    records, rejected = split_up(Ai2thorSource(path=file))
    assert [record.task for record in records] == ["plan_steps", "planning", "planning"]
    assert [item.error.code for item in rejected] == [
        "E-REC-001", "E-REC-001", "E-REC-010", *["E-DAT-004"] * 6,
    ]  # fmt: skip
    assert [item.error.place.line for item in rejected] == list(range(1, 10))


def test_a_truncated_archive_gives_what_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "plans.jsonl.gz"
    lines = "".join(json.dumps(row(task_id=f"trial_{i}", scene=f"{i * 7919}")) + "\n"
                    for i in range(500))  # fmt: skip
    whole = gzip.compress(lines.encode(), 1)
    file.write_bytes(whole[: len(whole) // 2])
    records, rejected = split_up(Ai2thorSource(path=file, questions=("plan",)))
    assert 0 < len(records) < 500
    assert [item.error.code for item in rejected] == ["E-REC-014"]
    file.write_bytes(b"no gzip at all")
    assert [item.error.code for item in split_up(Ai2thorSource(path=file))[1]] == ["E-REC-014"]


def test_a_line_that_unpacks_to_too_much_ends_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl, "MAX_UNPACKED_LINE_BYTES", 2_000)
    file = tmp_path / "plans.jsonl.gz"
    lines = [json.dumps(row()), json.dumps(row(scene="x" * 5_000)), json.dumps(row(task_id="t"))]
    file.write_bytes(gzip.compress("\n".join(lines).encode()))
    records, rejected = split_up(Ai2thorSource(path=file, questions=("plan",)))
    assert [record.meta["episode"] for record in records] == ["trial_1"]
    assert [(item.error.code, item.error.place.line) for item in rejected] == [("E-REC-001", 2)]


def test_episodes_number_things_of_a_kind_and_know_where_they_stood(
    plans: tuple[list[Record], list[Rejected]],
) -> None:
    record = next(r for r in plans[0] if r.meta["task_type"] == "pick_two_obj_and_place")
    episode = episode_of(record)
    assert episode is not None and episode.form == "symbolic"
    (goal,) = episode.goal
    assert (goal.predicate, goal.count) == ("at", 2)
    picked = [step for step in episode.steps if step.action == "pick_up"]
    assert [step.number for step in picked] == [1, 2]
    assert {(thing.object, thing.number) for thing in episode.standing} == {
        (goal.object, 1), (goal.object, 2),
    }  # fmt: skip
    assert episode.steps[-1].text == f"put the second {goal.object} " + (
        f"{'in' if goal.inside else 'on'} the {goal.place}"
    )
    assert [step.told for step in episode.steps] == record.meta["other_steps"]


def test_what_nobody_picks_up_has_stood_where_the_goal_wants_it() -> None:
    goal = goal_facts(
        "pick_and_place_with_movable_recep",
        {"object_target": "Fork", "mrecep_target": "Mug", "parent_target": "SinkBasin"},
    )
    episode = AlfredEpisode(
        id="e", split="train", task_type="pick_and_place_with_movable_recep", scene="",
        goal_arguments={
            "object_target": "Fork", "mrecep_target": "Mug", "parent_target": "SinkBasin"
        },
        actions=(HighAction("GotoLocation", ("desk",)), HighAction("PickupObject", ("mug",)),
                 HighAction("PutObject", ("mug", "sinkbasin"))),
        tellings=(), num_low_actions=0, first_pictures={},
    )  # fmt: skip
    facts = episode_facts(episode)
    assert facts.goal == goal and [fact.place for fact in goal] == ["mug", "sink"]
    assert {(thing.object, thing.place) for thing in facts.standing} == {
        ("mug", "desk"), ("fork", "mug"),
    }  # fmt: skip


def test_untouched_files_know_the_pictures_of_each_step() -> None:
    for record in split_up(Ai2thorSource(path=real("alfred_raw"), questions=("plan",)))[0]:
        episode = episode_of(record)
        assert episode is not None
        ends = [step.span for step in episode.steps]
        assert ends[0][0] == 0
        assert all(before[1] + 1 == after[0] for before, after in pairwise(ends))


def trajectory(**changed: Any) -> dict[str, Any]:
    put = {"action": "PutObject", "args": ["mug", "desk"]}
    return {
        "task_id": "trial_1", "scene": {"floor_plan": "FloorPlan1"},
        "plan": {
            "high_pddl": [
                {"discrete_action": {"action": "PickupObject", "args": ["mug"]}, "high_idx": 0},
                {"discrete_action": put, "high_idx": 1},
            ],
            "low_actions": [
                {"api_action": {"action": "PickupObject", "objectId": "Mug|1"}, "high_idx": 0,
                 "discrete_action": {"action": "PickupObject", "args": {"bbox": [1, 2, 30, 40]}}},
            ],
        },
        "images": [
            {"high_idx": 0, "low_idx": 0, "image_name": "000000000.png"},
            {"high_idx": 1, "low_idx": 1, "image_name": "000000001.png"},
        ],
        "turk_annotations": {"anns": row()["anns"]},
        **changed,
    }  # fmt: skip


def write_trajectory(folder: Path, *, name: str = "train/task/trial_1", value: Any = None) -> Path:
    trial = folder / name
    trial.mkdir(parents=True)
    text = value if isinstance(value, str) else json.dumps(value or trajectory())
    (trial / "traj_data.json").write_text(text)
    return trial


def test_pictures_come_with_the_questions_where_they_are_on_disk(tmp_path: Path) -> None:
    pictures = write_trajectory(tmp_path) / "raw_images"
    pictures.mkdir()
    Image.new("RGB", (300, 300), "red").save(pictures / "000000000.jpg")
    Image.new("RGB", (300, 300), "blue").save(pictures / "000000001.jpg")
    records, rejected = split_up(Ai2thorSource(path=tmp_path))
    assert not rejected
    plan, _, remaining = records
    assert plan.picture_size == (300, 300) and plan.media[0].content_hash
    assert remaining.meta["num_done"] == 1
    (medium,) = remaining.media
    assert isinstance(medium, FilePicture)
    assert medium.path == "ai2thor:train/task/trial_1/raw_images/000000001.jpg"
    (pictures / "000000000.jpg").write_bytes((pictures / "000000000.jpg").read_bytes()[:200])
    (pictures / "000000001.jpg").write_bytes(b"")
    codes = Counter(item.error.code for item in split_up(Ai2thorSource(path=tmp_path))[1])
    assert set(codes) == {"E-MED-002", "E-MED-003"} and codes.total() == 3


def test_bad_files_cost_themselves(tmp_path: Path) -> None:
    box = trajectory()
    box["plan"]["low_actions"][0]["discrete_action"]["args"]["bbox"] = [30, 2, 1, 40]
    outside = trajectory()
    outside["plan"]["low_actions"][0]["discrete_action"]["args"]["bbox"] = [0, 0, 301, 40]
    write_trajectory(tmp_path, name="train/a", value=box)
    write_trajectory(tmp_path, name="train/b", value=outside)
    write_trajectory(tmp_path, name="train/c", value=" ")
    write_trajectory(tmp_path, name="train/d", value={"task_id": "x"})
    write_trajectory(tmp_path, name="unnamed/e")
    write_trajectory(tmp_path, name="valid_seen/f")
    records, rejected = split_up(Ai2thorSource(path=tmp_path))
    assert {record.split for record in records} == {"valid_seen"} and len(records) == 3
    assert [item.error.code for item in rejected] == [
        "E-REC-012", "E-REC-011", "E-REC-001", "E-DAT-004", "E-DAT-004",
    ]  # fmt: skip
    assert "names a split" in rejected[-1].error.detail


def test_nothing_to_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.jsonl"):
        with pytest.raises(RoboLoopError, match="E-DAT-001"):
            list(Ai2thorSource(path=path).read(CONTEXT))
    other = tmp_path / "plans.csv"
    other.write_text("a,b\n")
    with pytest.raises(RoboLoopError, match="E-DAT-002"):
        list(Ai2thorSource(path=other).read(CONTEXT))


def test_the_fingerprint_follows_files_and_options(tmp_path: Path) -> None:
    write_trajectory(tmp_path)
    first = Ai2thorSource(path=tmp_path).fingerprint()
    assert Ai2thorSource(path=tmp_path, steps="people").fingerprint() != first
    write_trajectory(tmp_path, name="train/second")
    assert Ai2thorSource(path=tmp_path).fingerprint() != first
