"""robointer_annotation: states, shapes, gaps, broken values, quality, drawings and planning."""

from __future__ import annotations

import copy
import io
import json
import math
import os
import pickle
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize, Point
from roboloop.base.hashing import seeded_generator
from roboloop.dialects import load_dialect
from roboloop.records.answers import Box, Choice, Points, Text, Trajectory, YesNo
from roboloop.records.media import LmdbPicture, VideoFrame
from roboloop.records.media_open import MediaStore
from roboloop.records.record import Record
from roboloop.sources.base import MADE_ROOT, Rejected, SourceContext
from roboloop.sources.drawing.questions import SCENE_QUESTIONS, sentence_choice
from roboloop.sources.drawing.scene import Scene
from roboloop.sources.robointer_annotation.episode_reader import ALL_TASKS, recording_of
from roboloop.sources.robointer_annotation.planning import PLAN_QUESTIONS
from roboloop.sources.robointer_annotation.records import RobointerAnnotationSource
from roboloop.tasks import load_task

lmdb = pytest.importorskip("lmdb", reason="lmdb is not installed")

SIZE = (320, 180)
EPISODE = "7_exterior_image_1_left"
NUM_FRAMES = 40
CONTACT = 9


def jpeg(index: int, *, size: tuple[int, int] = SIZE) -> bytes:
    """A picture whose colours tell its frame."""
    drawn = np.zeros((size[1], size[0], 3), dtype=np.uint8)
    drawn[..., 0], drawn[..., 1], drawn[..., 2] = 5 * index, 90, 250 - 5 * index
    stream = io.BytesIO()
    Image.fromarray(drawn).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def frame_note(frame: int) -> dict[str, Any]:
    """An ordinary annotation: pick until 19, place from 20 on, the touch at `CONTACT`."""
    is_past = frame > CONTACT
    return {
        "time_clip": [[0, 19], [20, 39]],
        "instruction_add": "tidy the desk",
        "substask": "pick the pen" if frame < 20 else "place the pen in the holder",
        "primitive_skill": "pick" if frame < 20 else "place",
        "segmentation": None,
        "object_box": [[80, 60], [120, 90]],
        "placement_proposal": [[84, 62], [124, 92]] if frame < 20 else [[200, 50], [240, 84]],
        "trace": [[100 + 3 * min(frame + step, 39), 80] for step in range(10)],
        "gripper_box": [[90, 20], [130, 62]],
        "contact_frame": -1 if is_past else CONTACT,
        "state_affordance": [] if is_past else [0.41, 0.02, 0.18, 3.1, 0.0, 1.5],
        "affordance_box": [] if is_past else [[88, 38], [128, 80]],
        "contact_points": [] if is_past else [[97, 96], [112, 96]],
        "origin_shape": [320, 180],
    }


def notes(*, without: tuple[str, ...] = (), **changes: Any) -> dict[int, dict[str, Any]]:
    """An episode's annotation; `changes` are the same in every frame."""
    made = {frame: {**frame_note(frame), **copy.deepcopy(changes)} for frame in range(NUM_FRAMES)}
    for note in made.values():
        for name in without:
            del note[name]
    return made


def write_store(folder: Path, values: Mapping[bytes, bytes]) -> None:
    folder.mkdir(parents=True)
    with lmdb.open(str(folder), map_size=1 << 26) as store, store.begin(write=True) as transaction:
        for key, value in values.items():
            transaction.put(key, value)
    (folder / "lock.mdb").unlink()


def write_set(
    root: Path,
    episodes: Mapping[str, Any],
    *,
    size: tuple[int, int] = SIZE,
    num_pictures: int = NUM_FRAMES,
    with_meta: bool = True,
) -> Path:
    """Write episodes with their pictures; a value that is bytes is stored as it is."""
    values = {
        name.encode(): value if isinstance(value, bytes) else pickle.dumps(value, 4)
        for name, value in episodes.items()
    }
    write_store(root / "annotation_lmdb", values)
    for name in episodes:
        pictures = {
            f"primary_image/{index:04d}".encode(): pickle.dumps(jpeg(index, size=size))
            for index in range(num_pictures)
        }
        write_store(root / name / "lmdb", pictures)
        if with_meta:
            meta = {
                "num_steps": num_pictures, "episode_name": name, "camera_view": "primary",
                "language_instruction": "do it", "state_all": np.zeros((num_pictures, 7)),
            }  # fmt: skip
            (root / name / "meta_info.pkl").write_bytes(pickle.dumps(meta))
    return root


class Read:
    """What a source gave."""

    def __init__(self, root: Path, *, seed: int = 1, **options: Any) -> None:
        self.source = RobointerAnnotationSource(path=root, **options)
        self.made = root / "made"
        items = list(self.source.read(SourceContext(self.made, seed)))
        self.records = [item for item in items if isinstance(item, Record)]
        self.rejected = [item for item in items if isinstance(item, Rejected)]

    def of(self, task: str) -> dict[int, Record]:
        """Frame -> record of a task."""
        return {r.meta["frame"]: r for r in self.records if r.task == task}

    @property
    def codes(self) -> Counter[str]:
        return Counter(item.error.code for item in self.rejected)


def read_one(tmp_path: Path, value: Any, *, size: tuple[int, int] = SIZE, **options: Any) -> Read:
    """The records of a data set of one episode, all frames of it."""
    root = write_set(tmp_path / "set", {EPISODE: value}, size=size)
    return Read(root, **{"frames_per_clip": None, **options})


def test_places_are_the_annotated_ones_in_their_three_states(tmp_path: Path) -> None:
    found = read_one(tmp_path, notes())
    assert not found.rejected
    every, before = set(range(NUM_FRAMES)), set(range(CONTACT))
    for task in ("gripper_det", "current_box", "final_box"):
        assert set(found.of(task)) == every, task
    for task in ("contact_box", "contact_point"):
        assert set(found.of(task)) == before, "once the touch has passed, nothing is asked"
    first = found.of("contact_box")[3]
    assert first.answer == Box(88, 38, 128, 80)
    assert first.inputs == {"instruction": "pick the pen"}
    assert first.id == f"{EPISODE}#3/contact_box" and first.licence == "terms of DROID"
    assert first.origin == f"annotation_lmdb/data.mdb!{EPISODE}#3"
    assert first.meta["clip"] == [0, 19] and first.meta["view"] == "primary"
    medium = first.media[0]
    assert isinstance(medium, LmdbPicture) and medium.size == SIZE and medium.content_hash
    assert found.of("final_box")[25].answer == Box(200, 50, 240, 84)
    path = found.of("traj")[0].answer
    assert isinstance(path, Trajectory) and len(path.points_px) == 10
    assert found.of("traj")[0].inputs["start"] == Points(path.points_px[:1])
    assert max(found.of("traj")) == 35, "a path that hardly moves is not asked for"
    unknown = read_one(tmp_path / "none", notes(object_box=None, contact_frame=None))
    assert not unknown.of("current_box") and not unknown.of("contact_decide")
    assert not unknown.rejected, "no source for a value is no mistake"


def test_contact_is_no_before_the_touch_and_yes_while_the_object_is_held(tmp_path: Path) -> None:
    answers = {f: r.answer for f, r in read_one(tmp_path, notes()).of("contact_decide").items()}
    assert answers == {frame: YesNo(frame >= CONTACT) for frame in range(20)}
    pushed = read_one(tmp_path / "push", notes(primitive_skill="push")).of("contact_decide")
    assert max(pushed) == CONTACT, "nobody knows when a push lets go"


def test_both_shapes_of_contact_points(tmp_path: Path) -> None:
    value = notes()
    value[2]["contact_points"] = [97, 66]
    value[3]["contact_points"] = np.array([[97, 66], [112, 70]])
    found = read_one(tmp_path, value, tasks=("contact_point",))
    assert not found.rejected
    one, two = found.of("contact_point")[2], found.of("contact_point")[3]
    assert one.answer == Points(((97.0, 66.0),)) and two.answer == Points(((97, 66), (112, 70)))
    task, dialect = load_task("contact_point"), load_dialect("plain")
    assert "the point" in task.question(one, dialect=dialect)
    assert "points" in task.question(two, dialect=dialect)


def test_fields_that_are_left_out_are_derived(tmp_path: Path) -> None:
    value = notes(without=("placement_proposal", "affordance_box"))
    value[19]["object_box"] = [[10, 20], [50, 60]]
    value[39]["object_box"] = [[0, 0], [320, 180]]
    value[CONTACT]["gripper_box"] = [[1, 2], [30, 40]]
    found = read_one(tmp_path, value)
    assert found.of("final_box")[4].answer == Box(10, 20, 50, 60)
    assert found.of("final_box")[30].answer == Box(0, 0, 320, 180), "a border is no mistake"
    assert {r.answer for r in found.of("contact_box").values()} == {Box(1, 2, 30, 40)}
    assert set(found.of("contact_box")) == set(range(CONTACT))


def test_frames_between_two_clips(tmp_path: Path) -> None:
    value = notes(time_clip=[[3, 14], [22, 35]])
    for frame in range(15, 22):
        value[frame]["substask"] = "something of step 0"
        value[frame]["placement_proposal"] = [[1, 1], [9, 9]]
    value[14]["object_box"] = [[10, 20], [50, 60]]
    skipped = read_one(tmp_path, value)
    assert set(skipped.of("gripper_det")) == set(range(NUM_FRAMES)) - set(range(15, 22))
    assert skipped.of("gripper_det")[0].meta["clip"] == [3, 14], "the first clip reaches back"
    assert skipped.of("gripper_det")[39].meta["clip"] == [22, 35]
    nearest = Read(tmp_path / "set", frames_per_clip=None, gap_frames="nearest").of("final_box")
    assert set(nearest) == set(range(NUM_FRAMES))
    assert nearest[18].meta["clip"] == [3, 14], "of equals the earlier"
    assert nearest[19].meta["clip"] == [22, 35]
    assert nearest[18].answer == Box(10, 20, 50, 60), "the stored goal of a gap is not believed"
    assert nearest[18].inputs["instruction"] == "pick the pen"


def test_one_bad_value_costs_only_its_frame_and_field(tmp_path: Path) -> None:
    value = notes()
    value[4]["trace"][7] = [4000, 3]
    value[5]["object_box"] = [[math.nan, 60], [120, 90]]
    value[6]["gripper_box"] = [[130, 20], [90, 62]]
    value[7]["trace"][2] = None
    value[8]["contact_frame"] = "soon"
    value[11]["origin_shape"] = [0, 3]
    value["x"] = {}  # pyright: ignore[reportArgumentType]
    found = read_one(tmp_path, value)
    where = {str(item.record_id): item.error.code for item in found.rejected}
    assert where == {
        f"{EPISODE}#4/trace": "E-REC-011",
        f"{EPISODE}#5/object_box": "E-REC-010",
        f"{EPISODE}#6/gripper_box": "E-REC-012",
        f"{EPISODE}#7/trace": "E-DAT-004",
        f"{EPISODE}#8/contact_frame": "E-DAT-004",
        f"{EPISODE}#11": "E-DAT-004",
        f"{EPISODE}/frame 'x'": "E-DAT-004",
    }
    assert not {4, 7} & set(found.of("traj")) and {3, 5, 6, 8} <= set(found.of("traj"))
    assert {4, 6} <= set(found.of("current_box")) and 5 not in found.of("current_box")
    assert "annotation_lmdb/data.mdb" in str(found.rejected[0].error.place.file)


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mknod, (str(self.path),))


def test_broken_episodes_cost_one_line_each_and_the_rest_goes_on(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    episodes = {
        "bomb": {0: {"object_box": Bomb(mark)}},
        "cut": pickle.dumps(notes())[:-40],
        "empty": b"",
        EPISODE: notes(),
        "list": [1, 2],
        "meta": notes(),
        "nothing": {},
        "odd_clips": notes(time_clip=[[5, 3]]),
    }
    root = write_set(tmp_path / "set", episodes)
    (root / "meta/meta_info.pkl").write_bytes(pickle.dumps({"x": Bomb(mark)}))
    found = Read(root, tasks=("gripper_det",))
    assert not mark.exists()
    lines = {str(item.record_id): item.error for item in found.rejected}
    assert set(lines) == {"bomb", "cut", "empty", "list", "meta", "nothing", "odd_clips/time_clip"}
    assert {error.code for error in lines.values()} == {"E-DAT-004"}
    assert "mknod" in lines["bomb"].detail
    assert str(lines["meta"].place.file).endswith("meta/meta_info.pkl")
    assert Counter(r.meta["episode"] for r in found.records) == {EPISODE: 6, "odd_clips": 3}


def test_missing_and_broken_pictures(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", {EPISODE: notes()}, num_pictures=30, with_meta=False)
    found = Read(root, frames_per_clip=None, tasks=("gripper_det", "planning"))
    missing = {f"{EPISODE}#{frame}" for frame in range(30, NUM_FRAMES)}
    assert missing <= {str(item.record_id) for item in found.rejected}
    assert set(found.codes) == {"E-MED-007"} and set(found.of("gripper_det")) == set(range(30))
    assert "view" not in found.records[0].meta, "without meta_info.pkl less is known"
    data = root / EPISODE / "lmdb/data.mdb"
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    assert set(Read(root, tasks=("gripper_det",)).codes) == {"E-MED-008"}


def test_a_store_that_is_cut_off_or_missing_stops_the_source(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", {EPISODE: notes()})
    data = root / "annotation_lmdb/data.mdb"
    whole = data.read_bytes()
    for num_bytes in (len(whole) // 2, 4096, 100, 0):
        data.write_bytes(whole[:num_bytes])
        with pytest.raises(RoboLoopError) as caught:
            Read(root)
        assert caught.value.code == "E-MED-008" and "annotation_lmdb" in str(caught.value)
    with pytest.raises(RoboLoopError, match="E-DAT-001"):
        Read(tmp_path / "nowhere")
    (tmp_path / "bare").mkdir()
    with pytest.raises(RoboLoopError, match="no annotation store"):
        Read(tmp_path / "bare")


def test_coordinates_follow_the_stored_picture(tmp_path: Path) -> None:
    double = read_one(tmp_path, notes(), size=(640, 360), tasks=("current_box",))
    assert double.of("current_box")[0].answer == Box(160, 120, 240, 180)
    default = notes(without=("origin_shape",))
    found = read_one(tmp_path / "default", default, size=(448, 224), tasks=("current_box",))
    assert found.of("current_box")[0].answer == Box(160, 60, 240, 90)


def test_quality_and_idle_frames(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", {EPISODE: notes(), "other": notes()})
    row = {f"Q_{name}": "Secondary" for name in frame_note(0)}
    row |= {"Q_gripper_box": "Primary", "Q_object_box": None, "range_nop": [2, 37, 40]}
    (root / "RoboInter_Data_Qsheet_v1.json").write_text(json.dumps({EPISODE: row}))
    options: dict[str, Any] = {"frames_per_clip": None}
    best = Read(root, min_quality="Primary", **options)
    assert {r.task for r in best.records} == {"gripper_det"}
    assert set(best.of("gripper_det")) == set(range(2, 38)), "the range's end is included"
    assert [str(item.record_id) for item in best.rejected] == ["other"]
    good = {r.task for r in Read(root, min_quality="Secondary", **options).records}
    assert {"gripper_det", "traj", "final_box"} <= good and "current_box" not in good
    (root / "range_nop.json").write_text(json.dumps({EPISODE: [5, 6, 40]}))
    of_episode = [r for r in Read(root, **options).records if r.meta["episode"] == EPISODE]
    assert {r.meta["frame"] for r in of_episode if "frame" in r.meta} == {5, 6}
    everything = Read(root, trim_idle=False, **options)
    assert set(everything.of("gripper_det")) == set(range(NUM_FRAMES))
    (root / "range_nop.json").write_text(json.dumps({EPISODE: [90, 99, 100]}))
    nothing = [str(item.record_id) for item in Read(root, **options).rejected]
    assert nothing == [EPISODE], "an episode of idle frames alone leaves a line"
    (root / "range_nop.json").write_text('{"a": [3, 1, 2]}')
    with pytest.raises(RoboLoopError, match=r"E-DAT-002 .*range_nop\.json"):
        Read(root)
    (root / "RoboInter_Data_Qsheet_v1.json").unlink()
    with pytest.raises(RoboLoopError, match="no quality sheet"):
        Read(root, min_quality="Primary")


def several(tmp_path: Path, *, num: int = 24) -> Path:
    """Episodes with words of their own."""
    things = ("pen", "cup", "fork", "ball", "sponge", "bottle", "apple", "block")
    places = ("holder", "sink", "drawer", "basket")
    episodes: dict[str, Any] = {}
    for number in range(num):
        thing, goal = things[number % 8], places[number // 8 % 4]
        value = notes(instruction_add=f"bring the {thing} to the {goal}")
        for frame, note in value.items():
            note["substask"] = f"pick the {thing}" if frame < 20 else f"place it in the {goal}"
        episodes[f"RH20T_cfg1_task_{number:04d}"] = value
    return write_set(tmp_path / "several", episodes)


def test_every_task_and_planning_question_is_made_and_worded(tmp_path: Path) -> None:
    found = Read(several(tmp_path, num=12))
    assert not found.rejected
    assert {record.task for record in found.records} == set(ALL_TASKS)
    asked = Counter(r.meta["question"] for r in found.records if "question" in r.meta)
    assert set(asked) == set(PLAN_QUESTIONS) and set(asked.values()) == {12}
    dialect = load_dialect("plain")
    store = MediaStore({**found.source.media_roots(), MADE_ROOT: found.made})
    for record in found.records:
        assert record.licence == "terms of RH20T" and record.answer is not None
        question = load_task(record.task).question(record, dialect=dialect)
        assert question and record.meta.get("question", "-none-") not in question
        assert "ositive" not in question and "egative" not in question
        if "question" in record.meta:
            assert 1 <= len(record.media) <= 8
            assert record.meta["question"] not in record.id
    for record in found.records[::17]:
        assert all(store.measure(medium).content_hash == medium.content_hash
                   for medium in record.media)  # fmt: skip


def test_planning_answers_follow_from_the_clips(tmp_path: Path) -> None:
    found = Read(several(tmp_path), tasks=("planning", "planning_choice", "planning_decide"))
    for record in found.records:
        name, frames = record.meta["question"], record.meta["frames"]
        question, answer = str(record.inputs["question"]), record.answer
        if isinstance(answer, Choice):
            assert len(set(answer.options)) == 4 == len(answer.options)
            assert record.inputs["options"] == answer.options
        match name:
            case "Success_Positive_Task":
                assert answer == YesNo(True) and frames[-1] in (19, 39)
            case "Success_Negative_Task":
                assert answer == YesNo(False) and frames[-1] in (9, 29)
            case "Discriminative_Affordance_Negative_Task":
                assert answer == YesNo(False)
            case "Planning_with_Context_Task":
                assert isinstance(answer, Text) and answer.text.startswith("place it in")
                assert "1. pick the" in question and frames[-1] == 19
            case "Planning_Remaining_Steps_Task":
                assert isinstance(answer, Text)
                assert answer.text.count(". ") == (2 if frames == [0] else 1)
            case "Past_Primitive_Selection":
                assert isinstance(answer, Choice)
                right = answer.options["ABCD".index(answer.letter)]
                assert right == ("pick" if frames[-1] == 19 else "place")
            case "Scene_Understanding":
                assert frames[0] == 0 and frames[-1] == 39 and len(frames) == 8
            case _:
                pass


def test_letters_are_balanced(tmp_path: Path) -> None:
    letters: dict[str, Counter[str]] = {}
    scene = Scene(
        size=PictureSize(*SIZE), instruction="tidy", object_box_px=(80, 60, 120, 90),
        contact_points_px=((97, 96), (112, 96)),
        path_px=tuple(Point(100 + 6 * i, 80 + i) for i in range(10)),
    )  # fmt: skip
    for number in range(400):
        rng = seeded_generator("letters", number)
        for task, ask in SCENE_QUESTIONS.items():
            drawn = ask(scene, rng)
            assert drawn is not None, task
            letters.setdefault(task, Counter())[drawn.answer.letter] += 1
        assert scene.path_px is not None
        sentences = sentence_choice("a", wrong=["b", "c", "d"], path_px=scene.path_px, rng=rng)
        letters.setdefault("trajlang_choice", Counter())[sentences.answer.letter] += 1
    for record in Read(several(tmp_path), tasks=("planning_choice",)).records:
        assert isinstance(record.answer, Choice)
        letters.setdefault(record.task, Counter())[record.answer.letter] += 1
    assert len(letters) == 6
    for task, counts in letters.items():
        total = sum(counts.values())
        assert set(counts) == set("ABCD") and total > 100, (task, counts)
        # Beyond 5 standard deviations of a fair draw something picks the letter.
        assert max(counts.values()) < total / 4 + 5 * (total * 3 / 16) ** 0.5, (task, counts)


def test_the_same_seed_gives_the_same_records_part_by_part(tmp_path: Path) -> None:
    root = several(tmp_path, num=6)
    first, again = Read(root), Read(root)
    assert first.records == again.records
    assert Read(root, seed=2).records != first.records
    source, context = first.source, SourceContext(first.made, 1)
    parts = list(source.parts(context))
    fresh = RobointerAnnotationSource.model_validate(source.model_dump())
    last = [r for r in fresh.read_part(parts[-1], context) if isinstance(r, Record)]
    assert last == first.records[-len(last) :]
    assert source.fingerprint() == fresh.fingerprint()
    assert (
        source.fingerprint() != RobointerAnnotationSource(path=root, quote="episode").fingerprint()
    )
    assert len(Read(root, limit=5).records) == 5


def test_frames_from_video_files(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="av is not installed")
    from roboloop.sources.simulated.recording import encode_video

    root = write_set(tmp_path / "set", {EPISODE: notes(), "gone": notes()}, with_meta=False)
    (root / "videos").mkdir()
    pictures = [np.asarray(Image.open(io.BytesIO(jpeg(i)))) for i in range(NUM_FRAMES)]
    (root / f"videos/{EPISODE}.mp4").write_bytes(encode_video(pictures))
    found = Read(root, video="videos/{episode}.mp4", tasks=("gripper_det",), quote="episode")
    medium = found.records[0].media[0]
    assert isinstance(medium, VideoFrame) and medium.size == SIZE
    assert {r.meta["episode"] for r in found.records} == {EPISODE}
    assert set(found.codes) == {"E-MED-001"} and len(found.rejected) == 6


def test_red_and_blue_are_put_right_in_drawings_of_droid(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", {EPISODE: notes(), "RH20T_x": notes()})
    found = Read(root, tasks=("grounding_choice",))
    store = MediaStore({**found.source.media_roots(), MADE_ROOT: found.made})
    for record in found.records:
        red, _, blue = np.asarray(store.open(record.media[0]))[170, 10].tolist()
        red_true, blue_true = 5 * record.meta["frame"], 250 - 5 * record.meta["frame"]
        swapped = record.meta["episode"] == EPISODE
        assert (red > blue) == ((red_true > blue_true) != swapped)


def test_all_views_of_a_recording_are_of_one_split(tmp_path: Path) -> None:
    rh20t = "RH20T_cfg3_task_0042_user_0001_scene_0002_cfg_0003"
    pairs = {
        f"{rh20t}_104122060001": rh20t,
        "12345_exterior_image_2_left": "12345",
        "sim-0000040_exterior_1": "sim-0000040",
        "other": "other",
    }
    assert {name: recording_of(name) for name in pairs} == pairs
    names = [f"{n}_exterior_image_{view}_left" for n in range(12) for view in (1, 2)]
    root = write_set(tmp_path / "set", {name: notes() for name in names}, num_pictures=1)
    options: dict[str, Any] = {"tasks": ("gripper_det",), "idle_ranges": "kept.json"}
    (root / "kept.json").write_text(json.dumps({name: [0, 0, 40] for name in names}))
    found = Read(root, val_fraction=0.5, **options)
    splits = {(recording_of(r.meta["episode"]), r.split) for r in found.records}
    assert len(splits) == 12 and {split for _, split in splits} == {"train", "val"}
    assert {r.split for r in Read(root, **options).records} == {"train"}
