"""Simulated truth -> RoboInter's files -> `robointer_annotation`: the same boxes and paths."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from roboloop.records.answers import Box, Points, Trajectory, YesNo
from roboloop.records.record import Record
from roboloop.records.scene import scene_of
from roboloop.sources.base import SourceContext
from roboloop.sources.robointer_annotation.records import RobointerAnnotationSource
from roboloop.sources.simulated.pack import Pack, PackEpisode
from roboloop.sources.simulated.recording import ArmTable, Recording, write_recording
from roboloop.sources.simulated.records import SimulatedSource
from roboloop.sources.simulated.truth import EpisodeTruth, FrameTruth
from roboloop.sources.simulated.write_robointer import write_robointer

pytest.importorskip("lmdb", reason="lmdb is not installed")

VIEWS = ("exterior_1", "exterior_2")
WHOLE_PIXEL = 0.5 + 1e-9
TASKS = ("gripper_det", "current_box", "contact_box", "contact_point")


def blank_jpeg() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (320, 180), (120, 110, 100)).save(stream, "JPEG")
    return stream.getvalue()


class StretchedRecording:
    """An episode of the pack as if every frame were one of its key frames, the nearest."""

    def __init__(self, episode: PackEpisode) -> None:
        self.id = episode.id
        self.truth: EpisodeTruth = episode.truth
        self.views = (*VIEWS, "wrist")
        self._frames = {
            view: list(self._stretched(episode, view)) for view in VIEWS
        }  # fmt: skip
        table = np.zeros((self.truth.num_frames, 7))
        self.arm = ArmTable(table, table, table)

    def _stretched(self, episode: PackEpisode, view: str) -> Iterator[FrameTruth]:
        known = [frame.truth for frame in episode.frames if frame.truth.view == view]
        for index in range(self.truth.num_frames):
            nearest = min(known, key=lambda truth: abs(truth.frame - index))
            yield replace(nearest, frame=index)

    def frames(self, view: str) -> list[FrameTruth]:
        return self._frames[view]

    def jpegs(self, view: str) -> list[bytes]:
        return [blank_jpeg()] * self.truth.num_frames


def by_id(source: Any, made: Path) -> dict[str, Record]:
    items = source.read(SourceContext(made, 1))
    return {item.id: item for item in items if isinstance(item, Record)}


def numbers(record: Record) -> np.ndarray:
    match record.answer:
        case Box() as box:
            return np.array(box.corners_px)
        case Points(points_px) | Trajectory(points_px):
            return np.array(points_px)
        case _:
            raise AssertionError(record)


def test_boxes_and_points_are_those_of_the_simulated_source(pack: Pack, tmp_path: Path) -> None:
    chosen = [episode for episode in pack.episodes if episode.truth.success][:3]
    recordings: Any = [StretchedRecording(episode) for episode in chosen]
    write_robointer(tmp_path, recordings=recordings)
    source = RobointerAnnotationSource(
        path=tmp_path, frames_per_clip=None, quote="episode", tasks=TASKS, verify_media=False,
        min_quality="Primary",
    )  # fmt: skip
    ours = by_id(source, tmp_path / "made")
    names = {episode.id for episode in chosen}
    theirs = SimulatedSource(tasks=TASKS).read(SourceContext(tmp_path / "made", 1))
    num_compared = 0
    for record in theirs:
        assert isinstance(record, Record)
        if record.meta["episode"] not in names:
            continue
        meta = record.meta
        same = ours[f"{meta['episode']}_{meta['view']}#{meta['frame']}/{record.task}"]
        assert np.abs(numbers(same) - numbers(record)).max() <= WHOLE_PIXEL, record.id
        assert same.inputs == record.inputs
        num_compared += 1
    assert num_compared > 30


def test_scenes_hold_what_is_noted(pack: Pack, tmp_path: Path) -> None:
    chosen = [episode for episode in pack.episodes if episode.truth.success][:1]
    recordings: Any = [StretchedRecording(episode) for episode in chosen]
    write_robointer(tmp_path, recordings=recordings)
    options: Any = {"path": tmp_path, "frames_per_clip": 2, "verify_media": False}
    found = by_id(RobointerAnnotationSource(**options, scenes=True), tmp_path / "made")
    without = by_id(RobointerAnnotationSource(**options), tmp_path / "made")
    assert {name: scene_of(record) for name, record in without.items()} == dict.fromkeys(without)
    truths = {episode.id: episode.truth for episode in chosen}
    num_scenes = 0
    for record in found.values():
        if (scene := scene_of(record)) is None or scene.robot is None:
            continue
        num_scenes += 1
        truth = truths[record.meta["episode"].partition("_")[0]]
        clip = next(c for c in truth.clips if c.first <= record.meta["frame"] <= c.last)
        assert (scene.robot.subtask, scene.robot.skill) == (clip.subtask, clip.skill)
        if record.task == "current_box":
            (target,) = (thing for thing in scene.objects if thing.id == scene.robot.target)
            assert isinstance(record.answer, Box) and target.box_px == record.answer.corners_px
        if record.task == "final_box":
            assert isinstance(record.answer, Box)
            assert scene.robot.final_box_px == record.answer.corners_px
    assert num_scenes > 10


@pytest.mark.gl
@pytest.mark.slow
def test_a_rendered_episode_comes_back(simulator: None, tmp_path: Path) -> None:
    from roboloop.sources.simulated.episode import EpisodeOptions, simulate_episode
    from roboloop.sources.simulated.film import film_episode

    episode = film_episode(simulate_episode(3, options=EpisodeOptions()), episode_id="sim-3")
    recording: Recording = write_recording(tmp_path / "work/sim-3", episode=episode)
    truth = recording.truth
    assert truth.success and truth.contact_frame is not None
    write_robointer(tmp_path / "set", recordings=[recording])
    source = RobointerAnnotationSource(path=tmp_path / "set", frames_per_clip=None)
    found = by_id(source, tmp_path / "made")
    for view in VIEWS:
        frames = recording.frames(view)
        last = {clip.first: frames[clip.last].thing(truth.target).box_px for clip in truth.clips}
        for frame in frames:
            name = f"sim-3_{view}#{frame.frame}"
            clip = next(c for c in truth.clips if c.first <= frame.frame <= c.last)
            boxes = {
                "gripper_det": frame.gripper_box_px,
                "current_box": frame.thing(truth.target).box_px,
                "final_box": last[clip.first],
            }
            for task, box in boxes.items():
                if (record := found.get(f"{name}/{task}")) is not None:
                    assert box is not None
                    assert np.abs(numbers(record) - np.array(box)).max() <= WHOLE_PIXEL
                    assert record.inputs.get("instruction", clip.subtask) == clip.subtask
            if (record := found.get(f"{name}/traj")) is not None:
                ahead = [min(frame.frame + step, len(frames) - 1) for step in range(10)]
                path = np.array([frames[index].tool_px for index in ahead])
                assert np.abs(numbers(record) - path).max() <= WHOLE_PIXEL
            if (record := found.get(f"{name}/contact_decide")) is not None:
                assert isinstance(record.answer, YesNo)
                touched = frame.frame >= truth.contact_frame
                assert record.answer.value == touched
                assert frame.in_contact == touched or abs(frame.frame - truth.contact_frame) < 3
    tasks = {record.task for record in found.values()}
    assert tasks >= {"gripper_det", "current_box", "contact_box", "contact_point", "final_box",
                     "traj", "traj_wo_init_pos", "contact_decide", "grounding_choice",
                     "traj_choice", "planning", "planning_choice", "planning_decide"}  # fmt: skip
