"""The sets of RoboInter-VQA: their files on the hub, their pictures, and all of their names.

A set has the name of its place on the hub, such as `Generation/train/droid/traj_qa`. RoboInter's
training script knows the training sets by names of its own, and these mislead: its
`droid_vla_traj_qa_train` is the file `traj_qa_wo_init_pos`, and the file `traj_qa` is its
`droid_vla_traj_init_point_qa_train`. Both kinds of names are understood here.

Sources: the dataset card (README_DATA.md), the listing of the hub, and `qwenvl/data/__init__.py`
and `llava/data.py` of RoboInter's code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

Part = Literal["Generation", "Understanding", "Task_planning"]
Split = Literal["train", "val"]
Coordinates = Literal["origin", "llava", "smart_resize"]

PARTS: tuple[Part, ...] = ("Generation", "Understanding", "Task_planning")
COORDINATES: tuple[Coordinates, ...] = ("origin", "llava", "smart_resize")
ROBOTS = ("droid", "rh20t")


class PublishedSet(NamedTuple):
    """One JSON file of the hub (in Generation: three, one for each coordinate format).

    Attributes:
        name: Its place, without `meta`, the format's folder and what all stems share.
        part: One of the hub's three folders.
        split: `train` or `val`.
        robot: The data set it was made from; empty when it holds both.
        task: The kind of RoboLoop's task; None where each entry's id tells.
        file: Its place below the hub's folder, with `{format}` where the format's folder stands.
        picture_folder: Where its pictures or their archives lie, below the hub's folder.
        picture_names: Names that the archive or the unpacked folder may have there.
        script_name: Its name in RoboInter's training script; empty for one that is not trained on.
        is_published: Whether the hub has it; two are only named in the scripts.
    """

    name: str
    part: Part
    split: Split
    robot: str
    task: str | None
    file: str
    picture_folder: str
    picture_names: tuple[str, ...]
    script_name: str = ""
    is_published: bool = True

    def json_file(self, coordinates: Coordinates) -> str:
        """The file below the hub's folder in one of the formats."""
        return self.file.format(format=f"{coordinates}_format")


class _Row(NamedTuple):
    """A set that is published for each robot, and for validation once more.

    Attributes:
        stem: Of its file, without what all stems share.
        task: The kind of RoboLoop's task.
        script: Its name in the training script, between the robot and `train`.
        pictures: Name of its pictures' archive; the stem when empty.
        robots: The data sets it is made from.
    """

    stem: str
    task: str
    script: str
    pictures: str = ""
    robots: tuple[str, ...] = ROBOTS


_GENERATION = (
    _Row("contact_box_qa", "contact_box", "vla_contact_box", "contact_box"),
    _Row("contact_point_qa", "contact_point", "vla_contact_point", "contact_point"),
    _Row("current_box_qa", "current_box", "vla_current_box", "current_box"),
    _Row("final_box_qa", "final_box", "vla_final_box", "final_box"),
    _Row("gripper_det_qa", "gripper_det", "vla_gripper_det_qa"),
    _Row("traj_qa", "traj", "vla_traj_init_point_qa", "traj_init_point_qa"),
    _Row("traj_qa_wo_init_pos", "traj_wo_init_pos", "vla_traj_qa", "traj_qa"),
)
_UNDERSTANDING = (
    _Row("contact_decide", "contact_decide", "contact_choice_qa"),
    _Row("grasppose_choice", "grasppose_choice", "graspppose_choice_qa", robots=("rh20t",)),
    _Row("grounding_choice", "grounding_choice", "grounding_choice_qa"),
    _Row("traj_choice", "traj_choice", "traj_choice_qa"),
    _Row("trajlang_choice", "trajlang_choice", "traj_lang_choice_qa"),
    _Row("traj_direction_choice", "traj_direction_choice", "traj_direction_choice_qa"),
    _Row("trajlang_sub_choice", "trajlang_choice", "traj_lang_sub_choice_qa"),
    _Row(
        "traj_direction_choice_with_traj",
        "traj_direction_choice",
        "traj_direction_choice_with_traj_qa",
    ),
)
_UNPUBLISHED = ("trajlang_sub_choice", "traj_direction_choice_with_traj")
_PLANNING_VAL = {
    "planning": "planning",
    "choice": "planning_choice",
    "decide": "planning_decide",
}


def _robot_sets(part: Part, rows: tuple[_Row, ...], *, file: str) -> Iterator[PublishedSet]:
    """The sets of Generation or Understanding; `file` has the place of their JSON files."""
    for robot in (*ROBOTS, ""):
        place = f"train/{robot}" if robot else "val"
        for row in rows:
            if robot and robot not in row.robots:
                continue
            yield PublishedSet(
                name=f"{part}/{place}/{row.stem}",
                part=part,
                split="train" if robot else "val",
                robot=robot,
                task=row.task,
                file=f"{part}/meta/{place}/{file}{row.stem}.json",
                picture_folder=f"{part}/image/{place}",
                picture_names=tuple(dict.fromkeys((row.pictures or row.stem, row.stem))),
                script_name=f"{robot}_{row.script}_train" if robot else "",
                is_published=row.stem not in _UNPUBLISHED,
            )


def _planning() -> Iterator[PublishedSet]:
    pictures = (
        "task_planning", "task_planning_full", "Scene_Understanding", "Temporal_Understanding",
    )  # fmt: skip
    for place, task in (
        ("train/manipvqa", None),
        *((f"val/{p}", t) for p, t in _PLANNING_VAL.items()),
    ):
        yield PublishedSet(
            name=f"Task_planning/{place}",
            part="Task_planning",
            split="train" if task is None else "val",
            robot="",
            task=task,
            file=f"Task_planning/meta/{place}/task_planning.json",
            picture_folder=f"Task_planning/image/{place}",
            picture_names=pictures,
            script_name="manipvqa_train" if task is None else "",
        )


SETS: tuple[PublishedSet, ...] = (
    *_robot_sets("Generation", _GENERATION, file="{format}/full_single_multi_contact_obj_"),
    *_robot_sets("Understanding", _UNDERSTANDING, file=""),
    *_planning(),
)
"""Every set, in the order in which they are read when nothing is said."""

SET_OF_NAME: dict[str, PublishedSet] = {
    name: published
    for published in SETS
    for name in (published.name, published.script_name)
    if name
}
"""Both names of every set."""
