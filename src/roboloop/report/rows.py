"""Rows of the viewer: one per record, with everything its page shows.

A row is the evaluation's item (docs/report.md) with three changes: pictures are files of the
report, predictions stand in the order of the models, and each prediction carries a `quality` and a
`state`, so that the page can put the worst first and filter without knowing any metric.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from roboloop.base.hashing import hash_value
from roboloop.records.answers import (
    Answer,
    Box,
    Boxes,
    Choice,
    Mask,
    Number,
    Plan,
    Points,
    Polygon,
    Text,
    Trajectory,
    YesNo,
    answer_from_json,
)
from roboloop.records.media import media_from_json
from roboloop.report.pictures import PictureFolder

COORDINATE_DIGITS = 1
VALUE_DIGITS = 4


class PrimaryMetric(NamedTuple):
    """A task's main number: what a missing answer and a perfect one get."""

    name: str
    worst: float
    best: float

    def quality(self, value: float) -> float:
        """Where `value` lies between the worst (0) and a perfect answer (1)."""
        if self.best == self.worst:
            return 1.0 if value == self.best else 0.0
        share = (value - self.worst) / (self.best - self.worst)
        return round(min(1.0, max(0.0, share)), VALUE_DIGITS)


def primary_metric(task: Mapping[str, Any]) -> PrimaryMetric:
    """The main metric of an entry of the evaluation's `tasks`.

    A perfect answer gets 0 where lower is better (a distance) and 1 otherwise (a share).
    """
    main = next(metric for metric in task["metrics"] if metric["primary"])
    return PrimaryMetric(main["name"], main["worst"], 1.0 if main["higher_is_better"] else 0.0)


def state_of(prediction: Mapping[str, Any]) -> str:
    """How an answer was understood (`tasks.base.ParseStatus`), or `truth_missing`."""
    status = prediction["status"]
    return status if status == "truth_missing" else prediction["parse_status"]


def make_row(
    item: Mapping[str, Any],
    *,
    models: Sequence[str],
    metrics: Mapping[str, PrimaryMetric],
    pictures: PictureFolder,
) -> dict[str, Any]:
    """The row of one evaluated item."""
    predictions = [item["predictions"].get(model) for model in models]
    main = metrics[item["task"]]
    return {
        "id": item["id"],
        "task": item["task"],
        "part": item["subtask"],
        "source": item["source"],
        "split": item["split"],
        "episode": item["episode"],
        "pictures": [
            pictures.add(media_from_json(each["media"])).as_json() for each in item["pictures"]
        ],
        "question": item["question"],
        "truth": None if item["truth"] is None else _truth(item["truth"]),
        "predictions": [
            None if each is None else _prediction(each, question=item["question"], main=main)
            for each in predictions
        ],
    }


def item_quality(item: Mapping[str, Any], *, model: str, main: PrimaryMetric) -> float | None:
    """Quality of the model's answer; None when asking failed or there is no truth."""
    prediction = item["predictions"].get(model)
    return None if prediction is None else _quality(prediction, main=main)


def choose_items(
    items: Sequence[Mapping[str, Any]],
    *,
    limit: int,
    model: str,
    metrics: Mapping[str, PrimaryMetric],
) -> list[Mapping[str, Any]]:
    """At most `limit` items in their old order: of each task the worst, and a drawn sample.

    Every task keeps its share. Half of a share are the worst answers of `model`; the other half is
    drawn by a hash of the ids from the rest, so that good answers are seen too.
    """
    if len(items) <= limit:
        return list(items)
    by_task: dict[str, list[int]] = {}
    for index, item in enumerate(items):
        by_task.setdefault(item["task"], []).append(index)
    kept: list[int] = []
    spare = max(0, limit - len(by_task))  # after one of each task
    for task, indices in by_task.items():
        share = 1 + spare * (len(indices) - 1) // max(1, len(items) - len(by_task))
        main = metrics[task]

        def badness(index: int, main: PrimaryMetric = main) -> tuple[float, str]:
            quality = item_quality(items[index], model=model, main=main)
            return (math.inf if quality is None else quality, items[index]["id"])

        worst = sorted(indices, key=badness)
        num_worst = (share + 1) // 2
        rest = sorted(worst[num_worst:], key=lambda index: hash_value(items[index]["id"]))
        kept += worst[:num_worst] + rest[: share - num_worst]
    return [items[index] for index in sorted(kept[:limit])]


def _truth(value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "text": value["text"],
        "marks": rounded_marks(value["marks"]),
        "parsed": answer_words(answer_from_json(value["answer"])),
    }


def _prediction(value: Mapping[str, Any], *, question: str, main: PrimaryMetric) -> dict[str, Any]:
    row: dict[str, Any] = {
        "text": value["text"],
        "state": state_of(value),
        "rule": value["parse_rule"],
        "span": value["parse_span"],
        "quality": _quality(value, main=main),
        "values": {name: round(each, VALUE_DIGITS) for name, each in value["values"].items()},
        "marks": rounded_marks(value["marks"]),
    }
    if value["answer"] is not None:
        row["parsed"] = answer_words(answer_from_json(value["answer"]))
    if others := value.get("other_orders"):
        row["orders"] = [
            {
                "text": each["text"],
                "state": each["parse_status"],
                "quality": main.quality(each["values"][main.name]),
            }
            for each in others
        ]
    if value["note"]:
        row["note"] = value["note"]
    if value["prompt"] not in ("", question):
        row["prompt"] = value["prompt"]
    if value["finish_reason"] not in ("", "stop"):
        row["finish"] = value["finish_reason"]
    return row


def _quality(prediction: Mapping[str, Any], *, main: PrimaryMetric) -> float | None:
    if prediction["status"] not in ("scored", "unparsed"):
        return None
    return main.quality(prediction["values"][main.name])


def answer_words(answer: Answer) -> str:
    """What was understood, in plain words; coordinates in pixels of the first picture."""
    match answer:
        case Box():
            label = f"{answer.label} " if answer.label else ""
            return f"{label}box {_place(answer.x1, answer.y1)} to {_place(answer.x2, answer.y2)} px"
        case Boxes():
            return "; ".join(map(answer_words, answer.items)) or "no box"
        case Points() | Trajectory():
            kind = "path" if isinstance(answer, Trajectory) else "points"
            return f"{kind} {' '.join(_place(*point) for point in answer.points_px)} px"
        case Polygon():
            return f"area {' '.join(_place(*point) for point in answer.vertices_px)} px"
        case Mask():
            x1, y1, x2, y2 = answer.bounds_px
            within = f"within {_place(x1, y1)} to {_place(x2, y2)} px"
            return f"area of {answer.num_pixels:,} pixels {within}"
        case Choice():
            return f"choice {answer.letter}"
        case YesNo():
            return "yes" if answer.value else "no"
        case Number():
            return f"{answer.value:g}{' ' + answer.unit if answer.unit else ''}"
        case Plan():
            return " / ".join(f"{number} {step}" for number, step in enumerate(answer.steps, 1))
        case Text():
            return answer.text


def _place(x: float, y: float) -> str:
    return f"({round(x, COORDINATE_DIGITS):g}, {round(y, COORDINATE_DIGITS):g})"


def rounded_marks(marks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Marks with coordinates to a tenth of a pixel: finer than anything that can be seen."""
    return [
        {
            "shape": mark["shape"],
            "points_px": [
                [round(x, COORDINATE_DIGITS), round(y, COORDINATE_DIGITS)]
                for x, y in mark["points_px"]
            ],
            "label": mark["label"],
        }
        for mark in marks
    ]
