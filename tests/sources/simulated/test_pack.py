"""The shipped pack: whole, small enough, true to itself, and readable without a simulator."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from roboloop.base.errors import RoboLoopError
from roboloop.sources.simulated.controller import FAILURES, PHASES
from roboloop.sources.simulated.pack import (
    SHIPPED,
    Pack,
    RawEpisode,
    RawFrame,
    read_pack,
    read_part,
    write_pack,
    write_part,
)
from roboloop.sources.simulated.truth_json import (
    episode_from_json,
    episode_to_json,
    frame_from_json,
    frame_to_json,
)

MAX_PACK_BYTES = 15_000_000


def test_the_files_are_what_the_index_says_and_fit_the_limit(pack: Pack) -> None:
    pack.verify()
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) <= MAX_PACK_BYTES
    counts = Counter(episode.split for episode in pack.episodes)
    assert counts == pack.index["num_episodes"]
    assert sum(len(e.frames) for e in pack.episodes) == pack.index["num_pictures"] >= 500


def test_validation_shares_neither_seed_nor_camera_with_training(pack: Pack) -> None:
    seeds = {split: {e.truth.seed for e in pack.select(split)} for split in ("train", "val")}
    assert seeds["train"] and seeds["val"] and not seeds["train"] & seeds["val"]
    cameras = {
        split: {v.projection.round(6).tobytes() for e in pack.select(split) for v in e.truth.views}
        for split in ("train", "val")
    }
    assert not cameras["train"] & cameras["val"]


def test_key_frames_are_spread_over_all_phases_and_both_views(pack: Pack) -> None:
    frames = [frame for episode in pack.episodes for frame in episode.frames]
    phases = Counter(frame.truth.phase for frame in frames)
    assert set(phases) == set(PHASES)
    views = Counter(frame.truth.view for frame in frames)
    assert views["exterior_1"] == views["exterior_2"] == len(frames) / 2


def test_failures_are_there_and_say_why(pack: Pack) -> None:
    causes = Counter(e.truth.failure_cause for e in pack.episodes)
    assert set(FAILURES) <= set(causes)
    for episode in pack.episodes:
        assert episode.truth.success == (episode.truth.failure_cause is None)
        if episode.truth.failure_cause == "wrong_object":
            assert episode.truth.grasped != episode.truth.target
        if episode.truth.success:
            assert episode.truth.contact_frame is not None
            assert episode.truth.release_frame is not None
    failed = sum(not e.truth.success for e in pack.episodes) / len(pack.episodes)
    assert 0.05 < failed < 0.25


def test_boxes_lie_in_their_pictures_and_objects_are_well_seen(pack: Pack) -> None:
    widths: list[float] = []
    for episode in pack.episodes:
        for frame in episode.frames:
            things = [thing.box_px for thing in frame.truth.objects]
            for box in [*things, frame.truth.gripper_box_px]:
                if box is not None:
                    x1, y1, x2, y2 = box
                    assert 0 <= x1 < x2 <= frame.width and 0 <= y1 < y2 <= frame.height
            for thing in frame.truth.objects:
                if thing.role != "destination" and thing.visible_fraction > 0.7:
                    assert thing.box_px is not None
                    widths.append(thing.box_px[2] - thing.box_px[0])
    assert np.median(widths) >= 24


def test_pictures_have_the_stated_size(pack: Pack) -> None:
    for episode in pack.episodes[::25]:
        for frame in episode.frames:
            assert pack.picture(frame).size == (frame.width, frame.height) == (320, 180)


def test_names_are_unique_in_a_scene_and_roles_are_complete(pack: Pack) -> None:
    for episode in pack.episodes:
        things = episode.frames[0].truth.objects
        assert len({thing.name for thing in things}) == len(things)
        roles = Counter(thing.role for thing in things)
        assert roles["target"] == roles["destination"] == 1
        story = episode.truth
        assert f"the {story.target} " in story.instruction
        assert story.instruction.endswith(f"the {story.destination}")
        assert story.target_zh in story.instruction_zh


def test_the_projection_carries_the_tool_to_its_pixel(pack: Pack) -> None:
    for episode in pack.episodes[::20]:
        for frame in episode.frames:
            projection = episode.truth.view(frame.truth.view).projection
            place = projection @ np.array([*frame.truth.tool_metres, 1.0])
            assert place[:2] / place[2] == pytest.approx(frame.truth.tool_px, abs=0.3)


def test_truth_survives_json(pack: Pack) -> None:
    for episode in pack.episodes[::40]:
        value = json.loads(json.dumps(episode_to_json(episode.truth)))
        assert episode_to_json(episode_from_json(value)) == value
        for frame in episode.frames:
            told = json.loads(json.dumps(frame_to_json(frame.truth)))
            assert frame_to_json(frame_from_json(told)) == told


def raw(pack: Pack, index: int) -> RawEpisode:
    episode = pack.episodes[index]
    frames = tuple(RawFrame(f.truth, pack.picture_bytes(f), 320, 180) for f in episode.frames)
    return RawEpisode(episode.id, episode.split, episode.truth, frames)


def test_writing_twice_gives_the_same_bytes_and_parts_lose_nothing(
    pack: Pack, tmp_path: Path
) -> None:
    episodes = [raw(pack, index) for index in range(3)]
    write_pack(tmp_path / "direct", episodes=episodes, notes={})
    for index, episode in enumerate(episodes):
        write_part(tmp_path / f"{index}.zip", episode=episode)
    parts = [read_part(tmp_path / f"{index}.zip") for index in range(3)]
    again = write_pack(tmp_path / "parts", episodes=parts, notes={})
    for name in ("pack.json", "episodes.jsonl.gz", "frames.zip"):
        direct = (tmp_path / "direct" / name).read_bytes()
        assert direct == (tmp_path / "parts" / name).read_bytes()
    assert again.picture_bytes(again.episodes[1].frames[0]) == episodes[1].frames[0].data


@pytest.fixture
def damaged(pack: Pack, tmp_path: Path) -> Path:
    write_pack(tmp_path / "pack", episodes=[raw(pack, 0)], notes={})
    return tmp_path / "pack"


def test_a_missing_cut_or_foreign_pack_is_named(damaged: Path, tmp_path: Path) -> None:
    with pytest.raises(RoboLoopError, match="E-SIM-003"):
        read_pack(tmp_path / "nowhere")
    frames = damaged / "frames.zip"
    whole = frames.read_bytes()
    frames.write_bytes(whole[:-10])
    with pytest.raises(RoboLoopError, match=r"E-SIM-003 .*frames\.zip.*bytes in place of"):
        read_pack(damaged)
    frames.write_bytes(b"\0" * len(whole))
    with pytest.raises(RoboLoopError, match="not what the index says"):
        read_pack(damaged).verify()
    index = json.loads((damaged / "pack.json").read_text())
    (damaged / "pack.json").write_text(json.dumps(index | {"format_version": 99}))
    with pytest.raises(RoboLoopError, match="format version 99"):
        read_pack(damaged)
    (damaged / "pack.json").write_text("{")
    with pytest.raises(RoboLoopError, match="no readable index"):
        read_pack(damaged)


def test_a_line_that_is_no_episode_is_named_with_its_number(damaged: Path) -> None:
    import gzip

    lines = gzip.decompress((damaged / "episodes.jsonl.gz").read_bytes())
    broken = gzip.compress(lines + b'{"id": "x"}\n')
    (damaged / "episodes.jsonl.gz").write_bytes(broken)
    index = json.loads((damaged / "pack.json").read_text())
    index["files"]["episodes.jsonl.gz"]["num_bytes"] = len(broken)
    (damaged / "pack.json").write_text(json.dumps(index))
    with pytest.raises(RoboLoopError, match=r"episodes\.jsonl\.gz:2: not an episode"):
        _ = read_pack(damaged).episodes


def test_reading_needs_no_simulator(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['mujoco'] = None; "
        "from roboloop.sources.simulated.records import SimulatedSource; "
        "from roboloop.sources.simulated.pack import read_pack; "
        "read_pack().picture(read_pack().episodes[0].frames[0]).load(); "
        "sys.exit(bool({'OpenGL', 'trimesh', 'torch', 'av'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_copy_elsewhere_works_the_same(pack: Pack, tmp_path: Path) -> None:
    shutil.copytree(SHIPPED, tmp_path / "copy")
    assert read_pack(tmp_path / "copy").episodes[0].id == pack.episodes[0].id
