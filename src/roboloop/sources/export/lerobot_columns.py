"""Records of one episode -> the `annotation.*` columns of RoboInter's LeRobot export.

Each value is JSON text, "" where nothing is known. Boxes are [[x1, y1], [x2, y2]] and points
[x, y], in pixels of the picture whose size stands in `annotation.origin_shape`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from roboloop.base.errors import RoboLoopError
from roboloop.records.answers import Box, Points, Trajectory
from roboloop.records.media import LmdbPicture, VideoFrame
from roboloop.records.record import Record
from roboloop.sources.simulated.annotation import ANNOTATION_KEYS

COLUMN_OF_TASK = {
    "current_box": "object_box",
    "gripper_det": "gripper_box",
    "contact_box": "affordance_box",
    "final_box": "placement_proposal",
    "contact_point": "contact_points",
    "traj": "trace",
    "traj_wo_init_pos": "trace",
}
"""Tasks whose answer is an annotation of a frame. Others have no column."""


class FrameKey(NamedTuple):
    """A frame of an episode."""

    episode: str
    frame: int


class EpisodeColumns(NamedTuple):
    """`annotation.*` -> one text per frame, and the ids of records that have no column."""

    columns: dict[str, list[str]]
    left_out: tuple[str, ...]


def annotation_columns(records: Iterable[Record], *, num_frames: int) -> EpisodeColumns:
    """The columns of one episode.

    Raises:
        RoboLoopError: E-DAT-004 when a record names no frame or one that is not there, or when two
            records say different things of one frame.
    """
    columns = {key: [""] * num_frames for key in ANNOTATION_KEYS}
    left_out: list[str] = []
    for record in records:
        frame = frame_of(record).frame
        if not 0 <= frame < num_frames:
            raise _wrong(record, f"frame {frame} is not one of {num_frames}")
        values = _values(record)
        if not values:
            left_out.append(record.id)
        for key, text in values.items():
            if columns[key][frame] not in ("", text):
                raise _wrong(record, f"another record says otherwise of {key} in frame {frame}")
            columns[key][frame] = text
    named = {f"annotation.{key}": texts for key, texts in columns.items()}
    return EpisodeColumns(named, tuple(left_out))


def frame_of(record: Record) -> FrameKey:
    """The frame a record speaks of: that of its first picture, or `meta.episode`, `meta.frame`.

    Raises:
        RoboLoopError: E-DAT-004 when it names none.
    """
    episode, frame = record.meta.get("episode"), record.meta.get("frame")
    match record.media[:1]:
        case (LmdbPicture() as picture,):
            episode, frame = picture.episode, picture.frame
        case (VideoFrame() as picture,):
            episode, frame = episode or picture.path, picture.frame
        case _:
            pass
    if not isinstance(frame, int) or episode is None:
        raise _wrong(record, "it names no frame of an episode")
    return FrameKey(str(episode), frame)


def _values(record: Record) -> dict[str, str]:
    """Key -> text, for what the record tells."""
    key = COLUMN_OF_TASK.get(record.task)
    if key is None or record.answer is None:
        return {}
    match record.answer:
        case Box(x1, y1, x2, y2):
            value: list[Any] = [[_plain(x1), _plain(y1)], [_plain(x2), _plain(y2)]]
        case Points(points) | Trajectory(points):
            value = [[_plain(x), _plain(y)] for x, y in points]
        case _:
            return {}
    values = {key: json.dumps(value)}
    if record.picture_size is not None:
        values["origin_shape"] = json.dumps(list(record.picture_size))
    instruction = record.inputs.get("instruction")
    if isinstance(instruction, str):
        values["instruction_add"] = instruction
    return values


def _plain(value: float) -> int | float:
    """Whole pixels as whole numbers, as published; others as they are."""
    return int(value) if float(value).is_integer() else float(value)


def _wrong(record: Record, detail: str) -> RoboLoopError:
    return RoboLoopError("E-DAT-004", f"record {record.id!r}: {detail}", fix="")
