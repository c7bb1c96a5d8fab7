"""LeRobot and RoboInter files, written from a made-up recording and read back with their tools."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from roboloop.records import Box, Record, YesNo
from roboloop.records.media import LmdbPicture, VideoFrame
from roboloop.records.media_open import MediaStore
from roboloop.sources.base import SourceContext
from roboloop.sources.lerobot.source import LerobotSource
from roboloop.sources.simulated.annotation import ANNOTATION_KEYS, annotate
from roboloop.sources.simulated.pack import Pack
from roboloop.sources.simulated.recording import (
    ArmTable,
    FullEpisode,
    Recording,
    encode_video,
    write_recording,
)
from roboloop.sources.simulated.truth import ClipTruth
from roboloop.sources.simulated.write_lerobot import write_lerobot

NUM_FRAMES = 12
CONTACT = 5
VIEWS = ("exterior_1", "exterior_2")


def picture(index: int) -> np.ndarray:
    """A plain picture whose colours tell its frame: red grows, blue shrinks."""
    drawn = np.zeros((180, 320, 3), dtype=np.uint8)
    drawn[..., 0], drawn[..., 1], drawn[..., 2] = 20 * index, 90, 250 - 20 * index
    return drawn


def full_episode(pack: Pack, *, name: str, number: int) -> FullEpisode:
    """The truth of a pack's episode, stretched over a few frames that never were."""
    source = [e for e in pack.episodes if e.truth.success][number]
    story = replace(
        source.truth, num_frames=NUM_FRAMES, contact_frame=CONTACT, release_frame=9,
        clips=(ClipTruth(0, 6, "pick up it", "", "pick"), ClipTruth(7, 11, "put it", "", "place")),
    )  # fmt: skip
    frames = {
        view: [
            replace(
                next(f.truth for f in source.frames if f.truth.view == view), frame=index,
                tool_px=(100.0 + index, 50.0),
            )
            for index in range(NUM_FRAMES)
        ]
        for view in VIEWS
    }  # fmt: skip
    for truths in frames.values():  # the JSON keeps the tool's place as the start of the trace
        truths[:] = [replace(t, trace_px=(t.tool_px, *t.trace_px[1:])) for t in truths]
    pictures = np.stack([picture(index) for index in range(NUM_FRAMES)])
    ramp = np.arange(NUM_FRAMES * 7, dtype=float).reshape(NUM_FRAMES, 7)
    arm = ArmTable(ramp, ramp + 1, ramp / 2)
    return FullEpisode(name, story, frames, dict.fromkeys((*VIEWS, "wrist"), pictures), arm)


@pytest.fixture
def recordings(pack: Pack, tmp_path: Path) -> list[Recording]:
    pytest.importorskip("av", reason="av is not installed")
    return [
        write_recording(
            tmp_path / "work" / f"sim-{number}",
            episode=full_episode(pack, name=f"sim-{number}", number=number),
        )
        for number in range(2)
    ]


def test_equal_pictures_give_equal_video_and_frames_come_back(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="av is not installed")
    pictures = [picture(index) for index in range(6)]
    data = encode_video(pictures)
    assert data == encode_video(pictures)
    (tmp_path / "a.mp4").write_bytes(data)
    store = MediaStore({"here": tmp_path})
    for index in (0, 3, 5):
        seen = store.open(VideoFrame(path="here:a.mp4", frame=index))
        assert np.asarray(seen)[90, 160] == pytest.approx(pictures[index][90, 160], abs=8)


def test_a_recording_comes_back_and_is_the_same_twice(
    pack: Pack, recordings: list[Recording], tmp_path: Path
) -> None:
    again = write_recording(tmp_path / "again", episode=full_episode(pack, name="sim-0", number=0))
    for file in sorted(recordings[0].folder.iterdir()):
        assert file.read_bytes() == (again.folder / file.name).read_bytes(), file.name
    assert again.truth.contact_frame == CONTACT
    assert [t.frame for t in again.frames("exterior_2")] == list(range(NUM_FRAMES))
    assert again.arm.states[3, 0] == 21.0


def test_annotations_keep_the_three_states_apart(recordings: list[Recording]) -> None:
    recording = recordings[0]
    notes = annotate(
        recording.frames("exterior_1"), episode=recording.truth, states=recording.arm.states
    )
    assert set(notes) == set(range(NUM_FRAMES))
    assert all(set(note) == set(ANNOTATION_KEYS) for note in notes.values())
    before, after = notes[CONTACT], notes[CONTACT + 1]
    assert before["contact_frame"] == CONTACT and after["contact_frame"] == -1
    assert before["state_affordance"] == [35.0, 36.0, 37.0, 38.0, 39.0, 40.0]
    assert after["affordance_box"] == after["contact_points"] == after["state_affordance"] == []
    assert before["segmentation"] is None
    assert len(before["contact_points"]) == 2
    assert notes[0]["trace"] == [[100 + step, 50] for step in range(10)]
    assert notes[8]["trace"][3:] == [[111, 50]] * 7
    assert notes[0]["time_clip"] == [[0, 6], [7, 11]]
    assert (notes[6]["substask"], notes[7]["substask"]) == ("pick up it", "put it")
    never = replace(recording.truth, contact_frame=None)
    missed = annotate(recording.frames("exterior_1"), episode=never, states=recording.arm.states)
    assert missed[11]["contact_frame"] is None and missed[11]["state_affordance"] is None


def test_lerobot_layout(recordings: list[Recording], tmp_path: Path) -> None:
    from pyarrow import parquet

    out = tmp_path / "lerobot"
    assert write_lerobot(out, recordings=recordings) == 2 * NUM_FRAMES
    info = json.loads((out / "meta/info.json").read_text())
    assert info["codebase_version"] == "v3.0" and info["fps"] == 15
    assert (info["total_episodes"], info["total_frames"]) == (2, 2 * NUM_FRAMES)
    data = parquet.read_table(out / info["data_path"].format(chunk_index=0, file_index=0))
    columns = {name for name, f in info["features"].items() if f["dtype"] != "video"}
    assert set(data.column_names) == columns
    assert data["index"].to_pylist() == list(range(2 * NUM_FRAMES))
    assert data["frame_index"].to_pylist() == [*range(NUM_FRAMES)] * 2
    assert data["timestamp"].to_pylist()[NUM_FRAMES + 3] == pytest.approx(0.2)
    assert data["action"].to_pylist()[1] == pytest.approx([3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5])
    assert json.loads(data["annotation.trace"][0].as_py())[0] == [100, 50]
    assert data["annotation.segmentation"][0].as_py() == ""
    assert data["annotation.contact_frame"][CONTACT + 1].as_py() == "-1"
    tasks = parquet.read_table(out / "meta/tasks.parquet")
    words = dict(zip(tasks["task_index"].to_pylist(), tasks["task"].to_pylist(), strict=True))
    assert words[data["task_index"][NUM_FRAMES].as_py()] == recordings[1].truth.instruction
    note = json.loads(tasks.schema.metadata[b"pandas"])
    assert note["index_columns"] == ["task"]


def test_lerobot_episodes_find_their_frames_and_videos(
    recordings: list[Recording], tmp_path: Path
) -> None:
    from pyarrow import parquet

    out = tmp_path / "lerobot"
    write_lerobot(out, recordings=recordings)
    info = json.loads((out / "meta/info.json").read_text())
    episodes = parquet.read_table(out / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    store = MediaStore({"set": out})
    for number, row in enumerate(episodes):
        assert (row["dataset_from_index"], row["dataset_to_index"]) == (
            number * NUM_FRAMES, (number + 1) * NUM_FRAMES,
        )  # fmt: skip
        assert row["tasks"] == [recordings[number].truth.instruction]
        for view in (*VIEWS, "wrist"):
            key = f"observation.images.{view}"
            path = info["video_path"].format(
                video_key=key, chunk_index=row[f"videos/{key}/chunk_index"],
                file_index=row[f"videos/{key}/file_index"],
            )  # fmt: skip
            seen = store.open(VideoFrame(path=f"set:{path}", frame=4))
            assert np.asarray(seen)[90, 160] == pytest.approx(picture(4)[90, 160], abs=8)
            assert row[f"videos/{key}/to_timestamp"] == pytest.approx(NUM_FRAMES / 15)
    stats = json.loads((out / "meta/stats.json").read_text())
    ramp = np.arange(NUM_FRAMES * 7.0).reshape(NUM_FRAMES, 7)
    both = np.concatenate([ramp, ramp])
    assert stats["observation.state"]["mean"] == pytest.approx(both.mean(axis=0).tolist())
    assert stats["observation.state"]["std"] == pytest.approx(both.std(axis=0).tolist())
    index = np.arange(2 * NUM_FRAMES)
    assert stats["index"]["std"] == pytest.approx([index.std()])
    assert stats["index"]["count"] == [2 * NUM_FRAMES]
    assert np.shape(stats["observation.images.wrist"]["mean"]) == (3, 1, 1)


def test_robointer_layout(recordings: list[Recording], tmp_path: Path) -> None:
    pytest.importorskip("lmdb", reason="lmdb is not installed")
    from roboloop.sources.simulated.write_robointer import read_annotations, write_robointer

    out = tmp_path / "robointer"
    assert write_robointer(out, recordings=recordings) == 4
    store = MediaStore({"set": out})
    for view in ("primary", "wrist"):
        seen = store.open(LmdbPicture(store="set:", episode="sim-1_exterior_2", frame=7, view=view))
        assert np.asarray(seen)[90, 160] == pytest.approx(picture(7)[90, 160], abs=6)
    meta = pickle.loads((out / "sim-1_exterior_2/meta_info.pkl").read_bytes())
    assert meta["num_steps"] == NUM_FRAMES and meta["camera_view"] == "exterior_2"
    assert meta["keys"]["primary_image"][7] == "primary_image/0007"
    assert meta["language_instruction"] == recordings[1].truth.instruction
    assert meta["state_all"].shape == (NUM_FRAMES, 7)
    notes = read_annotations(out / "annotation_lmdb", episode="sim-0_exterior_1")
    assert notes[CONTACT + 1]["contact_frame"] == -1
    assert notes[0]["origin_shape"] == [320, 180]
    ranges = json.loads((out / "range_nop.json").read_text())
    assert ranges["sim-0_exterior_2"] == [0, NUM_FRAMES - 1, NUM_FRAMES]
    sheet = json.loads((out / "qsheet.json").read_text())
    assert sheet["sim-0_exterior_1"]["Q_trace"] == "Primary"
    assert write_robointer(out, recordings=recordings) == 4, "a second call changes nothing"


def test_lerobot_source_reads_the_truth_back(recordings: list[Recording], tmp_path: Path) -> None:
    write_lerobot(tmp_path / "lerobot", recordings=recordings)
    source = LerobotSource(
        path=tmp_path / "lerobot", annotated_camera="exterior_1", frames_per_clip=None,
        tasks=("current_box", "contact_decide"),
    )  # fmt: skip
    items = list(source.read(SourceContext(tmp_path / "made", 0)))
    records = [item for item in items if isinstance(item, Record)]
    assert len(items) == len(records)
    for number, recording in enumerate(recordings):
        story = recording.truth
        mine = [r for r in records if r.meta["episode"] == f"episode_{number:06d}"]
        boxes = {r.meta["frame"]: r.answer for r in mine if r.task == "current_box"}
        assert len(boxes) == NUM_FRAMES
        for truth in recording.frames("exterior_1"):
            box = truth.thing(story.target).box_px
            assert box is not None and boxes[truth.frame] == Box(*map(float, map(round, box)))
        touched = {r.meta["frame"]: r.answer for r in mine if r.task == "contact_decide"}
        assert touched == {frame: YesNo(frame >= CONTACT) for frame in range(7)}
