"""ALFRED episodes: from `traj_data.json` as published, and from the distilled file of plans.

A `traj_data.json` (askforalfred/alfred, data/json_2.1.0) holds the plan (`plan.high_pddl`), the
low-level actions with the boxes of the objects they touch, and the words of three or more people
(`turk_annotations.anns`). The distilled file has one line per episode with the same but the boxes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, Field, ValidationError

from roboloop.base.errors import RoboLoopError
from roboloop.sources.alfred_words import HighAction
from roboloop.sources.small_files import read_json_file

TRAJECTORY_FILE = "traj_data.json"
PICTURE_FOLDER = "raw_images"
FRAME_PX = 300
"""Width and height of the frames that boxes speak of."""

AlfredSplit = Literal["train", "valid_seen", "valid_unseen", "tests_seen", "tests_unseen"]
SPLITS: tuple[AlfredSplit, ...] = (
    "train", "valid_seen", "valid_unseen", "tests_seen", "tests_unseen",
)  # fmt: skip


class Telling(NamedTuple):
    """How one person put the episode: the goal, and a sentence for each step."""

    goal: str
    steps: tuple[str, ...]


class TouchedObject(NamedTuple):
    """An object that a low-level action touches, in a frame of 300 x 300 pixels before it."""

    step: int
    action: str
    object_id: str
    box_px: tuple[float, float, float, float]
    image_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlfredEpisode:
    """One episode.

    Attributes:
        actions: The plan with its `NoOp`; empty where it is not public (the test splits).
        touched: Boxes; empty in the distilled form.
        first_pictures: High-level step -> the first picture of it, relative to the source's
            folder; empty where the pictures are not on disk.
        spans: High-level step -> its first and last picture of the recording, counted from 0.
    """

    id: str
    split: str
    task_type: str | None
    scene: str
    goal_arguments: Mapping[str, Any]
    actions: tuple[HighAction, ...]
    tellings: tuple[Telling, ...]
    num_low_actions: int
    touched: tuple[TouchedObject, ...] = ()
    first_pictures: Mapping[int, str]
    spans: Mapping[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])


class _Telling(BaseModel):
    task_desc: str = Field(min_length=1)
    high_descs: list[str]


class _DistilledRow(BaseModel):
    split: AlfredSplit
    task_id: str = Field(min_length=1)
    task_type: str | None
    scene: str
    pddl_params: dict[str, Any] | None
    high_pddl: list[list[str]]
    low_actions: list[str]
    anns: list[_Telling]


class _DiscreteAction(BaseModel):
    action: str
    args: list[str]


class _HighStep(BaseModel):
    discrete_action: _DiscreteAction
    high_idx: int


class _LowStep(BaseModel):
    api_action: dict[str, Any] = Field(default_factory=dict[str, Any])
    discrete_action: dict[str, Any]
    high_idx: int


class _Plan(BaseModel):
    high_pddl: list[_HighStep]
    low_actions: list[_LowStep]


class _Image(BaseModel):
    high_idx: int
    low_idx: int
    image_name: str


class _Scene(BaseModel):
    floor_plan: str


class _Annotations(BaseModel):
    anns: list[_Telling]


class _Trajectory(BaseModel):
    task_id: str = Field(min_length=1)
    task_type: str | None = None
    scene: _Scene
    pddl_params: dict[str, Any] = Field(default_factory=dict[str, Any])
    plan: _Plan = _Plan(high_pddl=[], low_actions=[])
    images: list[_Image] = Field(default_factory=list[_Image])
    turk_annotations: _Annotations


def distilled_episode(value: Any) -> AlfredEpisode:
    """The episode of a line of the distilled file.

    Raises:
        RoboLoopError: E-DAT-004 for another form.
    """
    try:
        row = _DistilledRow.model_validate(value)
    except ValidationError as error:
        raise _not_alfred(error) from None
    if not all(row.high_pddl):
        raise RoboLoopError("E-DAT-004", "an action of its plan has no name")
    return AlfredEpisode(
        id=row.task_id,
        split=row.split,
        task_type=row.task_type,
        scene=row.scene,
        goal_arguments=row.pddl_params or {},
        actions=tuple(HighAction(name, tuple(rest)) for name, *rest in row.high_pddl),
        tellings=_tellings(row.anns),
        num_low_actions=len(row.low_actions),
        first_pictures={},
    )


def find_trajectories(folder: Path) -> Iterator[Path]:
    """Every `traj_data.json` below a folder, in the order of their paths; no pictures' folders."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != PICTURE_FOLDER)
        if TRAJECTORY_FILE in files:
            yield Path(parent) / TRAJECTORY_FILE


def raw_episode(file: Path, *, folder: Path) -> AlfredEpisode:
    """The episode of a `traj_data.json` below `folder`.

    Raises:
        RoboLoopError: E-DAT-001 when it cannot be read, E-REC-001 or E-REC-010 for broken JSON,
            E-DAT-004 for another form or a path that names no split of ALFRED.
    """
    value = read_json_file(file)
    try:
        found = _Trajectory.model_validate(value)
    except ValidationError as error:
        raise _not_alfred(error) from None
    steps = sorted(found.plan.high_pddl, key=lambda step: step.high_idx)
    return AlfredEpisode(
        id=found.task_id,
        split=_split_of(file),
        task_type=found.task_type,
        scene=found.scene.floor_plan,
        goal_arguments=found.pddl_params,
        actions=tuple(
            HighAction(step.discrete_action.action, tuple(step.discrete_action.args))
            for step in steps
        ),
        tellings=_tellings(found.turk_annotations.anns),
        num_low_actions=len(found.plan.low_actions),
        touched=tuple(_touched(found)),
        first_pictures=_first_pictures(found.images, file=file, folder=folder),
        spans=_spans(found.images),
    )


def _tellings(given: Sequence[_Telling]) -> tuple[Telling, ...]:
    return tuple(
        Telling(telling.task_desc.strip(), tuple(step.strip() for step in telling.high_descs))
        for telling in given
    )


def _split_of(file: Path) -> str:
    """The split, which only the path names: .../train/<task>/<trial>/traj_data.json."""
    named = [part for part in file.absolute().parts if part in SPLITS]
    if not named:
        raise RoboLoopError(
            "E-DAT-004",
            "no folder of its path names a split",
            fix=f"Keep it below a folder named {', '.join(SPLITS)}, as published.",
        )
    return named[-1]


def _touched(found: _Trajectory) -> Iterator[TouchedObject]:
    """The boxes of low-level actions; a picture is the first of its action, taken before it."""
    first_image: dict[int, str] = {}
    for image in found.images:
        first_image.setdefault(image.low_idx, image.image_name)
    for index, step in enumerate(found.plan.low_actions):
        match step.discrete_action.get("args"):
            case {"bbox": [x1, y1, x2, y2]}:
                box_px = (x1, y1, x2, y2)
            case _:
                continue
        if not all(isinstance(edge, int | float) and 0 <= edge <= FRAME_PX for edge in box_px):
            raise RoboLoopError("E-REC-011", f"box {list(box_px)} of low-level action {index}")
        if x2 < x1 or y2 < y1:
            raise RoboLoopError("E-REC-012", f"box {list(box_px)} of low-level action {index}")
        yield TouchedObject(
            step.high_idx,
            str(step.api_action.get("action", "")),
            str(step.api_action.get("objectId", "")),
            (float(x1), float(y1), float(x2), float(y2)),
            first_image.get(index),
        )


def _spans(images: Sequence[_Image]) -> dict[int, tuple[int, int]]:
    """The first and last picture of each step."""
    spans: dict[int, tuple[int, int]] = {}
    for number, image in enumerate(images):
        first, _ = spans.get(image.high_idx, (number, number))
        spans[image.high_idx] = (first, number)
    return spans


def _first_pictures(images: Sequence[_Image], *, file: Path, folder: Path) -> dict[int, str]:
    """The first picture of each step that is on disk; the JSON says .png, published are .jpg."""
    pictures = file.parent / PICTURE_FOLDER
    if not pictures.is_dir():
        return {}
    first: dict[int, str] = {}
    for image in images:
        first.setdefault(image.high_idx, image.image_name)
    found: dict[int, str] = {}
    for step, name in first.items():
        for suffix in (".jpg", ".png"):
            picture = pictures / Path(Path(name).name).with_suffix(suffix)
            if picture.is_file():
                found[step] = picture.relative_to(folder).as_posix()
                break
    return found


def _not_alfred(error: ValidationError) -> RoboLoopError:
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return RoboLoopError("E-DAT-004", f"not an ALFRED episode: {where}: {first['msg']}")
