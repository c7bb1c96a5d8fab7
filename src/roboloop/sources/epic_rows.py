"""The rows of EPIC-KITCHENS-100's CSV files as actions, video by video."""

from __future__ import annotations

import ast
import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

from roboloop.base.errors import Place, RoboLoopError
from roboloop.sources.action_questions import Action, Moment
from roboloop.sources.base import Rejected

COLUMNS = (
    "narration_id", "participant_id", "video_id", "narration_timestamp", "start_timestamp",
    "stop_timestamp", "start_frame", "stop_frame", "narration", "verb", "verb_class", "noun",
    "noun_class", "all_nouns", "all_noun_classes",
)  # fmt: skip
MAX_CELL_CHARS = 10_000

_TIME = re.compile(r"(\d+):([0-5]?\d):([0-5]?\d(?:\.\d+)?)")
_VIDEO = re.compile(r"P\d+_\d+")
_UNDECODED = re.compile("[\udc80-\udcff]")


class EpicVideo(NamedTuple):
    """A video's actions by their start."""

    video_id: str
    actions: tuple[Action, ...]


def read_videos(file: Path, *, name: str) -> Iterator[EpicVideo | Rejected]:
    """Every video with its actions, after the rows that are none.

    An action whose neighbour could not be read does not count as following it.

    Args:
        file: A CSV file of 15 columns; a column `uid` besides is passed over.
        name: The source's name, for the ids of what is left out.

    Raises:
        RoboLoopError: E-DAT-001 when it cannot be opened, E-DAT-002 for other columns.
    """
    videos: defaultdict[str, list[Action]] = defaultdict(list)
    met: set[str] = set()
    broken_in: set[str] = set()
    previous = ""
    for line, row in _rows(file):
        video = row.get("video_id", "")
        try:
            action = _action(row, line=line)
            if action.key in met:
                raise RoboLoopError("E-REC-004", f"the file has two actions {action.key}")
        except RoboLoopError as error:
            broken_in |= {video, previous}  # a broken row may name the wrong video
            record_id = f"{name}/{row.get('narration_id') or f'line-{line}'}"
            yield Rejected(error.located(Place(file, line, record_id=record_id)), record_id)
            continue
        met.add(action.key)
        videos[video].append(replace(action, follows=video not in broken_in))
        broken_in.discard(video)
        previous = video
    for video, actions in videos.items():
        yield EpicVideo(video, tuple(sorted(actions, key=lambda action: action.start)))


def frame_rates(file: Path) -> dict[str, float]:
    """Video -> frames in a second, from `EPIC_100_video_info.csv`.

    Raises:
        RoboLoopError: E-DAT-001 when it cannot be opened, E-DAT-002 for another layout.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            return {row["video_id"]: float(row["fps"]) for row in csv.DictReader(stream)}
    except OSError as error:
        raise RoboLoopError("E-DAT-001", f"cannot be opened: {error}", place=Place(file)) from error
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise RoboLoopError(
            "E-DAT-002", f"its columns are not video_id, duration, fps, resolution: {error}",
            place=Place(file),
        ) from error  # fmt: skip


class _Row(NamedTuple):
    line: int
    cells: dict[str, str]


def _rows(file: Path) -> Iterator[_Row]:
    """The rows under their column names; those of another length lack some of them."""
    try:
        stream = file.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
    except OSError as error:
        raise RoboLoopError("E-DAT-001", f"cannot be opened: {error}", place=Place(file)) from error
    with stream:
        reader = csv.reader(stream)
        try:
            header = next(reader, [])
            if lacking := [column for column in COLUMNS if column not in header]:
                raise RoboLoopError(
                    "E-DAT-002", f"it lacks the columns {', '.join(lacking)}", place=Place(file)
                )
            first_line = reader.line_num + 1
            for row in reader:
                if row:
                    yield _Row(first_line, dict(zip(header, row, strict=False)))
                first_line = reader.line_num + 1
        except csv.Error as error:
            place = Place(file, reader.line_num)
            raise RoboLoopError("E-DAT-002", f"not CSV: {error}", place=place) from error


def _action(row: Mapping[str, str], *, line: int) -> Action:
    """The action in a row.

    Raises:
        RoboLoopError: E-DAT-004 or E-REC-001.
    """
    if lacking := [column for column in COLUMNS if column not in row]:
        raise RoboLoopError("E-DAT-004", f"its row ends before {lacking[0]!r}")
    if any(_UNDECODED.search(cell) for cell in row.values()):
        raise RoboLoopError("E-REC-001", "the row is not UTF-8")
    if not _VIDEO.fullmatch(row["video_id"]):
        raise RoboLoopError("E-DAT-004", f"{row['video_id']!r} is no video such as P01_01")
    text = " ".join(row["narration"].split())
    if not row["narration_id"] or not text:
        raise RoboLoopError("E-DAT-004", "its narration or the id of it is empty")
    start = Moment(_whole(row, "start_frame"), seconds_of(row["start_timestamp"]))
    stop = Moment(_whole(row, "stop_frame"), seconds_of(row["stop_timestamp"]))
    if start.frame < 1 or stop < start:
        raise RoboLoopError(
            "E-DAT-004", f"it goes from frame {start.frame} to {stop.frame} (frames start at 1)"
        )
    nouns = [readable_noun(str(noun)) for noun in list_cell(row["all_nouns"])]
    return Action(
        key=row["narration_id"],
        text=text,
        start=start,
        stop=stop,
        meaning=(_whole(row, "verb_class"), _whole(row, "noun_class")),
        meta={
            "narration_id": row["narration_id"],
            "line": line,
            "verb": row["verb"].replace("-", " "),
            "noun": readable_noun(row["noun"]),
            "all_nouns": nouns,
            "verb_class": _whole(row, "verb_class"),
            "noun_class": _whole(row, "noun_class"),
            "all_noun_classes": list_cell(row["all_noun_classes"]),
            "start_frame": start.frame,
            "stop_frame": stop.frame,
            "start_seconds": start.seconds,
            "stop_seconds": stop.seconds,
        },
    )


def seconds_of(timestamp: str) -> float:
    """`HH:mm:ss.SSS` in seconds.

    Raises:
        RoboLoopError: E-DAT-004 when it is no such time.
    """
    found = _TIME.fullmatch(timestamp.strip())
    if found is None:
        raise RoboLoopError("E-DAT-004", f"{timestamp[:40]!r} is no time such as 00:01:02.345")
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3])


def readable_noun(noun: str) -> str:
    """`tap:water` -> `water tap`, `board:chopping` -> `chopping board`: the head stands first."""
    head, _, rest = noun.partition(":")
    return " ".join([*rest.replace(":", " ").replace("-", " ").split(), head.replace("-", " ")])


def list_cell(cell: str) -> list[Any]:
    """The list of texts and numbers in a cell such as `['tap:water', 'hand']`. Nothing is executed.

    Raises:
        RoboLoopError: E-DAT-004 when it is no such list.
    """
    try:
        if len(cell) > MAX_CELL_CHARS:
            raise ValueError
        value = ast.literal_eval(cell.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        value = None
    if isinstance(value, list):
        items = cast("list[Any]", value)
        if all(type(item) in (str, int) for item in items):
            return items
    raise RoboLoopError("E-DAT-004", f"{cell[:60]!r} is no list of texts or whole numbers")


def _whole(row: Mapping[str, str], column: str) -> int:
    text = row[column].strip()
    if not re.fullmatch(r"-?\d{1,15}", text):
        raise RoboLoopError("E-DAT-004", f"{column} is {text[:40]!r}, not a whole number")
    return int(text)
