"""Stored answers under RoboInter's formulas, in its paper's columns, beside our own numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.files import atomic_writer
from roboloop.base.geometry import PictureSize
from roboloop.base.hashing import canonical_json
from roboloop.evaluate.compare.loaded import find_evaluation, read_items
from roboloop.evaluate.rules.robointer import Convention, Measured, assumed_size, measure
from roboloop.evaluate.text_tables import aligned_rows
from roboloop.records.answers import answer_from_json


class Column(NamedTuple):
    """A column of table 3.

    Attributes:
        tasks: Whose records it holds; of several, the mean of their means. Which these are is
            inferred from the paper's counts.
        ours: The metric of ours that means the same.
        is_share: In percent; else in pixels.
    """

    tasks: tuple[str, ...]
    ours: str
    is_share: bool = True


COLUMNS: Mapping[str, Column] = {
    "Obj": Column(("current_box",), "acc@0.1"),
    "GraspAF": Column(("contact_box",), "acc@0.1"),
    "PlaceAF": Column(("final_box",), "acc@0.1"),
    "Gripper": Column(("gripper_det",), "acc@0.1"),
    "GraspPose": Column(("grasppose_choice",), "accuracy"),
    "GroundCh": Column(("grounding_choice",), "accuracy"),
    "Contact": Column(("contact_decide",), "accuracy"),
    "Trace": Column(("traj", "traj_wo_init_pos"), "dtw_px", is_share=False),
    "PlanGen": Column(("planning",), "bleu"),
    "VisTrace": Column(("traj_choice", "trajlang_choice", "traj_direction_choice"), "accuracy"),
    "PlanCh": Column(("planning_choice",), "accuracy"),
    "PlanTF": Column(("planning_decide",), "accuracy"),
}
_OUR_METRIC = {task: column.ours for column in COLUMNS.values() for task in column.tasks}


class RoboInterOptions(NamedTuple):
    """How the original would have been called.

    Attributes:
        convention: The kind of model.
        recorded_sizes: Scale places to the true size of each picture. The original stores no size
            and takes 640 x 480 for RH20T and 320 x 180 for everything else.
        prompt_first: Put the question before the answer, as its local script leaves it there: the
            numbers of the question are then read as waypoints.
    """

    convention: Convention = "qwen25"
    recorded_sizes: bool = False
    prompt_first: bool = False


@dataclass(slots=True)
class TaskMeans:
    """One model's values on one task."""

    columns: list[float] = field(default_factory=list[float])
    ious: list[float] = field(default_factory=list[float])
    ours: list[float] = field(default_factory=list[float])
    num_left_out: int = 0


Found = dict[str, dict[str, TaskMeans]]
"""Model -> task -> its values."""


def score_robointer(path: Path, *, options: RoboInterOptions, out: Path) -> Found:
    """Measure every stored answer of the evaluation at `path`, and write one line for each.

    Raises:
        RoboLoopError: E-EVA-003 when there is no evaluation.
    """
    found: Found = {}
    with atomic_writer(out) as stream:
        for item in read_items(find_evaluation(path)):
            for line in _lines(item, options=options, found=found):
                stream.write((canonical_json(line) + "\n").encode())
    return found


def _lines(
    item: Mapping[str, Any], *, options: RoboInterOptions, found: Found
) -> Iterator[dict[str, Any]]:
    if item["truth"] is None or item["task"] not in _OUR_METRIC:
        return
    for model, said in item["predictions"].items():
        means = found.setdefault(model, {}).setdefault(item["task"], TaskMeans())
        ours = said["values"].get(_OUR_METRIC[item["task"]])
        if ours is not None:  # an evaluation from before there was this metric
            means.ours.append(ours)
        value = Measured(None)
        if said["status"] != "request_failed":  # the original drops what it could not generate
            value = _measured(item, said, options=options)
        if value.column is None:
            means.num_left_out += 1
        else:
            means.columns.append(value.column)
        if value.iou is not None:
            means.ious.append(value.iou)
        yield {"id": item["id"], "model": model, "task": item["task"], "answer": said["text"],
               "robointer": value._asdict(), "ours": ours}  # fmt: skip


def _measured(
    item: Mapping[str, Any], said: Mapping[str, Any], *, options: RoboInterOptions
) -> Measured:
    picture = next(iter(item["pictures"]), None)
    true_size = None
    if picture is not None and picture["width"] is not None:
        true_size = PictureSize(picture["width"], picture["height"])
    size = true_size if options.recorded_sizes and true_size else assumed_size(item["id"])
    return measure(
        f"{said['prompt']}\n{said['text']}" if options.prompt_first else said["text"],
        truth=answer_from_json(item["truth"]["answer"]),
        task=item["task"],
        convention=options.convention,
        true_size=true_size,
        size=size,
    )


def robointer_table(found: Found) -> str:
    """Three rows for each model: RoboInter's numbers, its mean IoU, and ours."""
    rows = [["model", "rules", *COLUMNS]]
    for model, tasks in sorted(found.items()):
        rows.append([model, "robointer", *(_cell(c, tasks, "columns") for c in COLUMNS.values())])
        rows.append([model, "mean IoU", *(_cell(c, tasks, "ious") for c in COLUMNS.values())])
        rows.append([model, "ours", *(_cell(c, tasks, "ours") for c in COLUMNS.values())])
    left_out = sum(means.num_left_out for tasks in found.values() for means in tasks.values())
    return "\n".join(
        [
            *aligned_rows(rows),
            "",
            "In percent; Trace in pixels, less is better. RoboInter leaves failed requests, paths "
            f"without a point and perfect paths out of its means: {left_out} answers here.",
            "The paper's own values: roboloop compare robointer_table3",
        ]
    ) + "\n"  # fmt: skip


def _cell(column: Column, tasks: Mapping[str, TaskMeans], kind: str) -> str:
    values: list[Sequence[float]] = [getattr(tasks[t], kind) for t in column.tasks if t in tasks]
    means = [sum(each) / len(each) for each in values if each]
    if not means:
        return "-"
    return f"{sum(means) / len(means) * (100 if column.is_share else 1):.1f}"
