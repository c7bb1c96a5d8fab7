"""The data card: what the records are like, in counts and histograms."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from roboloop.base.catalogue import CATALOGUE
from roboloop.base.geometry import PictureSize, Point
from roboloop.base.paths import path_length
from roboloop.records.answers import Answer, Box, Boxes, Plan, Points, Text, Trajectory
from roboloop.records.record import Record
from roboloop.runs.ledger import LedgerLine

CELLS = 16
"""The centre map has CELLS x CELLS cells over the picture."""
NUM_SIZES = 8
NUM_EXAMPLES = 3

SIZE_EDGES = [index / 20 for index in range(21)]
ASPECT_EDGES = [index / 4 for index in range(-12, 13)]
LENGTH_EDGES = [index / 20 for index in range(31)]
COUNT_EDGES = [float(index) for index in (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128)]
WORD_EDGES = [float(index) for index in (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)]


class CardMaker:
    """Takes records one by one, so that a card of millions needs little memory."""

    def __init__(self) -> None:
        self._kinds: Counter[tuple[str, str, str]] = Counter()
        self._licences: Counter[str] = Counter()
        self._sizes: Counter[PictureSize] = Counter()
        self._answers: Counter[str] = Counter()
        self._episodes: set[str] = set()
        self._media: set[Any] = set()
        self._values: dict[str, list[float]] = {
            name: [] for name in ("size", "aspect", "length", "waypoints", "words")
        }
        self._centres = np.zeros((CELLS, CELLS), dtype=np.int64)

    def add(self, record: Record) -> None:
        """Count one record."""
        self._kinds[record.source, record.task, record.split] += 1
        self._licences[record.licence] += 1
        self._answers["none" if record.answer is None else record.answer.kind] += 1
        self._media.update(record.media)
        if (episode := record.meta.get("episode")) is not None:
            self._episodes.add(f"{record.source}/{episode}")
        if (size := record.picture_size) is not None:
            self._sizes[size] += 1
        if record.answer is not None:
            self._answer(record.answer, size=size)

    def card(self) -> dict[str, Any]:
        """The card as JSON values (docs/report.md)."""
        common = sorted(self._sizes.items(), key=lambda item: (-item[1], item[0]))
        return {
            "num_records": self._kinds.total(),
            "num_pictures": len(self._media),
            "num_episodes": len(self._episodes),
            "counts": [
                {"source": source, "task": task, "split": split, "count": count}
                for (source, task, split), count in sorted(self._kinds.items())
            ],
            "answers": dict(sorted(self._answers.items())),
            "licences": dict(sorted(self._licences.items())),
            "picture_sizes": [
                {"width": size.width, "height": size.height, "count": count}
                for size, count in common[:NUM_SIZES]
            ],
            "num_picture_sizes": len(self._sizes),
            "box_size": histogram(self._values["size"], edges=SIZE_EDGES),
            "box_aspect_log2": histogram(self._values["aspect"], edges=ASPECT_EDGES),
            "path_length": histogram(self._values["length"], edges=LENGTH_EDGES),
            "path_waypoints": histogram(self._values["waypoints"], edges=COUNT_EDGES),
            "answer_words": histogram(self._values["words"], edges=WORD_EDGES),
            "centres": self._centres.tolist(),
        }

    def _answer(self, answer: Answer, *, size: PictureSize | None) -> None:
        match answer:
            case Text():
                self._values["words"].append(len(answer.text.split()))
            case Plan():
                self._values["words"].append(len(" ".join(answer.steps).split()))
            case Box() | Boxes() | Points() | Trajectory() if size is not None:
                self._spatial(answer, size=size)
            case _:
                pass

    def _spatial(self, answer: Box | Boxes | Points | Trajectory, *, size: PictureSize) -> None:
        match answer:
            case Box():
                width, height = answer.x2 - answer.x1, answer.y2 - answer.y1
                area_fraction = max(0.0, width * height) / (size.width * size.height)
                self._values["size"].append(math.sqrt(area_fraction))
                if width > 0 and height > 0:
                    self._values["aspect"].append(math.log2(width / height))
                self._mark(answer.center_px, size=size)
            case Boxes():
                for box in answer.items:
                    self._spatial(box, size=size)
            case Points():
                for point in answer.points_px:
                    self._mark(point, size=size)
            case Trajectory():
                points = answer.points_px
                if points:
                    length = path_length(points) / math.hypot(size.width, size.height)
                    self._values["length"].append(length)
                    self._mark(points[-1], size=size)
                self._values["waypoints"].append(len(points))

    def _mark(self, point: Point, *, size: PictureSize) -> None:
        column = min(CELLS - 1, max(0, int(point.x / size.width * CELLS)))
        row = min(CELLS - 1, max(0, int(point.y / size.height * CELLS)))
        self._centres[row, column] += 1


def histogram(values: Sequence[float], *, edges: Sequence[float]) -> dict[str, Any]:
    """Counts between the edges; what lies outside is counted in the first or last bin."""
    inside = np.clip(np.asarray(values, dtype=np.float64), edges[0], edges[-1])
    counts = np.histogram(inside, bins=np.asarray(edges))[0]
    return {"edges": list(edges), "counts": counts.tolist(), "num": len(values)}


def drop_reasons(lines: Iterable[LedgerLine]) -> dict[str, Any]:
    """What was left out and why, the most frequent reason first."""
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for line in lines:
        key = (line.stage, line.code)
        counts[key] += 1
        shown = examples.setdefault(key, [])
        if len(shown) < NUM_EXAMPLES:
            shown.append(
                {"id": line.record_id, "source": line.source, "detail": line.detail,
                 "place": line.place}
            )  # fmt: skip
    reasons = [
        {
            "stage": stage,
            "code": code,
            "title": CATALOGUE[code].title if code in CATALOGUE else "",
            "count": count,
            "examples": examples[stage, code],
        }
        for (stage, code), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    return {"num_dropped": counts.total(), "reasons": reasons}
