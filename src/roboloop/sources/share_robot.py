"""share_robot: planning questions, affordance areas and trajectories of real robots.

Published by FlagOpen/ShareRobot (arXiv 2502.21257) as `planning/{train,test}/*.json`,
`affordance/*.json` and `trajectory/*.json`. Coordinates are pixels of a picture of
`original_width` x `original_height`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.geometry import PictureSize, Point
from roboloop.base.hashing import hash_value
from roboloop.records.answers import Answer, Box, Text, Trajectory, YesNo
from roboloop.records.episode import EPISODE_KEY, episode_to_json, plain_episode
from roboloop.records.media import FilePicture, Media
from roboloop.records.record import Record, Turn
from roboloop.sources.conversations import read_conversation
from roboloop.sources.entry_files import EntryFileSource
from roboloop.sources.fields import Entry, cornered_box, point
from roboloop.sources.frame_choice import spread
from roboloop.sources.measure import MediaMeter
from roboloop.sources.planning_names import PlanningName, planning_name
from roboloop.sources.record_drafts import first_file
from roboloop.sources.robointer_vqa.questions import tells_answer

FOLDERS = ("planning/train", "planning/test", "affordance", "trajectory", "")
"""Where the files lie; `planning/jsons` repeats train and test."""
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")
MAX_ASPECT_CHANGE = 0.01
SLACK_PX = 1.0

_LISTED_STEP = re.compile(r"\d+\s*-\s*<([^<>]+)>")
"""A step of an answer such as `1-<open it>, 2-<close it>`."""
_MARKS = re.compile(r"^(?:\s*<image[^>]*>)+\s*")
_EPISODES = "rt_frames_success/"
"""What the authors' paths have in common, before the episode."""


class ShareRobotSource(EntryFileSource):
    """ShareRobot: plans, affordances and paths of many robots."""

    kind: Literal["share_robot"] = "share_robot"  # pyright: ignore[reportIncompatibleVariableOverride]
    image_folder: Path | None = None
    """The folder of the pictures, `rtx_frames_success_0` and so on in it; `path` when left out."""
    affordance_task: Literal["object_box", "contact_box"] = "object_box"
    """An affordance is the area of an object to touch. It is smaller than a gripper, whose box
    RoboInter's `contact_box` means, so the two are not mixed unless asked for."""
    episodes: bool = False
    """Keep the steps that an answer lists in `meta.episode_facts`, for the composer `plan`."""
    num_frames: int = Field(8, ge=1, le=64)
    """How many frames of a planning question to keep, evenly spread, first and last among them."""

    def media_roots(self) -> Mapping[str, Path]:
        """The folder of the pictures under the source's name."""
        return {self.name: self.image_folder} if self.image_folder else super().media_roots()

    def files(self) -> Sequence[Path]:
        """The file, or those of the data set's folders.

        Raises:
            RoboLoopError: E-DAT-001 when there is none.
        """
        if self.path.is_file():
            return [self.path]
        found = [file for name in FOLDERS for file in sorted((self.path / name).glob("*.json*"))]
        if not found:
            raise RoboLoopError(
                "E-DAT-001", "there is no ShareRobot file here or in planning/train, "
                "planning/test, affordance or trajectory", place=Place(self.path),
            )  # fmt: skip
        return found

    def split_of(self, file: Path) -> str:
        """The folder `planning/test` is the test set."""
        return "test" if file.parent.name == "test" else "train"

    def entry_key(self, entry: Entry, *, file: Path) -> str:
        """The id; of a question the episode, its neutral name and step, and a hash of its text.

        An episode has many questions under one id. The word that is the answer is left out.
        """
        del file
        key = entry.fields.get("id")
        if not isinstance(key, str | int) or isinstance(key, bool):
            raise RoboLoopError("E-REC-003", f"'id' is text or a whole number, not {key!r}")
        if "conversations" not in entry:
            return f"{'affordance' if 'affordance' in entry else 'trajectory'}/{key}"
        step = entry.fields.get("selected_step", "")
        text = hash_value([entry.fields["conversations"], entry.fields.get("image")])[:8]
        return f"{_below(str(key))}/{_named(entry).neutral}/{step}/{text}"

    def record(self, entry: Entry, *, base: Record, meter: MediaMeter) -> Record:
        """The record of a planning question, an affordance or a trajectory."""
        if "conversations" in entry:
            return self._planning(entry, base=base, meter=meter)
        instruction = entry.text("instruction").strip()
        picture, stated = self._picture(entry, meter=meter)
        meta = {"instruction": instruction}
        if "original_dataset" in (about := entry.entry("meta_data")):
            meta["original_dataset"] = about.text("original_dataset")
        task, answer = self._place(entry, stated=stated)
        inputs = {"instruction": instruction}
        if task == "object_box":
            inputs = {"object": f"area to touch for '{instruction}'"}
        assert picture.size is not None
        return replace(
            base,
            task=task,
            media=(picture,),
            inputs=inputs,
            answer=_scaled(answer, stated=stated, size=picture.size),
            meta=meta,
        )

    def _place(self, entry: Entry, *, stated: PictureSize) -> _Place:
        """The task, and the place in pixels of a picture of the stated size."""
        if "affordance" in entry:
            area = entry.entry("affordance")
            x, y = area.number("x"), area.number("y")
            width, height = area.number("width"), area.number("height")
            box = cornered_box(x, y, width=width, height=height, picture=stated, slack_px=SLACK_PX)
            return _Place(self.affordance_task, box)
        # The page of the data set has `points`, the file on the hub `trajectory`.
        points = [point(value, name="a waypoint") for value in entry.items("points", "trajectory")]
        if len(points) < 2:
            raise RoboLoopError("E-REC-013", f"a path of {len(points)} waypoints")
        return _Place("traj_wo_init_pos", Trajectory(tuple(points)))

    def _picture(self, entry: Entry, *, meter: MediaMeter) -> _Sized:
        """The measured picture, and the size of the picture the coordinates speak of."""
        about = entry.entry("meta_data")
        stated = PictureSize(about.whole("original_width"), about.whole("original_height"))
        if stated.width < 1 or stated.height < 1:
            raise RoboLoopError("E-DAT-004", f"its picture is {stated.width}x{stated.height}")
        picture = meter.measured(FilePicture(path=f"{self.name}:{self._path(entry)}", size=stated))
        assert picture.size is not None
        change = picture.size.width * stated.height / (picture.size.height * stated.width) - 1
        if abs(change) > MAX_ASPECT_CHANGE:
            raise RoboLoopError(
                "E-MED-004",
                f"the picture is {picture.size.width}x{picture.size.height}, "
                f"its annotation says {stated.width}x{stated.height}",
            )
        return _Sized(picture, stated)

    def _path(self, entry: Entry) -> str:
        """`image_path`, or an id that is a path, or a file of `images` that bears the id."""
        if "image_path" in entry:
            return _below(entry.text("image_path"))
        key = str(entry.fields["id"])
        if key.lower().endswith(PICTURE_SUFFIXES):
            return _below(key)
        (root,) = self.media_roots().values()
        kind = "affordance" if "affordance" in entry else "trajectory"
        names = [
            f"{folder}{key}{suffix}"
            for folder in (f"{kind}/images/", "images/", "")
            for suffix in PICTURE_SUFFIXES
        ]
        return first_file(root, names=names)

    def _planning(self, entry: Entry, *, base: Record, meter: MediaMeter) -> Record:
        asked = _named(entry)
        question, answer = _exchange(entry)
        frames = entry.texts("image")
        kept = [frames[index] for index in spread(len(frames), count=self.num_frames)]
        media = [FilePicture(path=f"{self.name}:{_below(path)}") for path in kept]
        meta: dict[str, Any] = {
            "published_task": entry.text("task"),
            "published_answer": answer,
            "num_published_frames": len(frames),
        }
        if "selected_step" in entry:
            meta["selected_step"] = entry.whole("selected_step")
        steps = _LISTED_STEP.findall(answer)
        if self.episodes and steps:
            meta[EPISODE_KEY] = episode_to_json(plain_episode(base.id, steps))
        return replace(
            base,
            task=asked.task,
            media=tuple(meter.measured(medium) for medium in media),
            turns=(Turn("user", question),),
            answer=_answer(answer, asked=asked),
            meta=meta,
        )


class _Place(NamedTuple):
    task: str
    answer: Box | Trajectory


class _Sized(NamedTuple):
    picture: Media
    stated: PictureSize


class _Exchange(NamedTuple):
    question: str
    answer: str


def _exchange(entry: Entry) -> _Exchange:
    """The question without its picture marks, and the answer as published.

    Raises:
        RoboLoopError: E-DAT-004 for another number of turns, and when the question tells its name.
    """
    turns = read_conversation({"conversations": entry.items("conversations")}).turns
    match turns:
        case (Turn("user", question), Turn("assistant", answer)):
            pass
        case _:
            raise RoboLoopError("E-DAT-004", f"it has {len(turns)} turns, not two")
    question = _MARKS.sub("", question).strip()
    if tells_answer(question):
        raise RoboLoopError("E-DAT-004", "its question holds the name that is its answer")
    return _Exchange(question, answer)


def _named(entry: Entry) -> PlanningName:
    task = entry.text("task")
    found = planning_name(task)
    if found is None:
        raise RoboLoopError("E-DAT-004", f"{task!r} is the name of no planning question")
    return found


def _answer(text: str, *, asked: PlanningName) -> Answer:
    """The verdict, which must be the one its name gives; else the words without angle brackets."""
    words = text.strip()
    if not words:
        raise RoboLoopError("E-DAT-004", "its answer is empty")
    if asked.task != "planning_decide":
        return Text(re.sub(r"<([^<>]*)>", r"\1", words))
    verdict = words.strip("<>. ").casefold()
    if verdict not in ("yes", "no"):
        raise RoboLoopError("E-REC-013", f"{words[:80]!r} is neither yes nor no")
    if (verdict == "yes") is not asked.verdict:
        raise RoboLoopError("E-REC-013", f"its answer is {verdict}, its name {asked.name}")
    return YesNo(verdict == "yes")


def _below(path: str) -> str:
    """A path of the authors' machine, from the folder of episodes on."""
    return path.rsplit(_EPISODES, 1)[-1].lstrip("/")


def _scaled(
    answer: Box | Trajectory, *, stated: PictureSize, size: PictureSize
) -> Box | Trajectory:
    """The answer in pixels of the picture that is there."""
    if stated == size:
        return answer
    across, down = size.width / stated.width, size.height / stated.height
    if isinstance(answer, Box):
        x1, y1, x2, y2 = answer.corners_px
        return Box(x1 * across, y1 * down, x2 * across, y2 * down)
    return Trajectory(tuple(Point(x * across, y * down) for x, y in answer.points_px))
