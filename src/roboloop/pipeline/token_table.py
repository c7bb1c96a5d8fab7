"""How many tokens records cost a model: pictures from their sizes alone, texts by a tokenizer.

The tokens that a chat template puts around turns and pictures, a few dozen a record, are not
counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.base.progress import track
from roboloop.base.text_length import estimated_tokens
from roboloop.dialects import Dialect
from roboloop.records.check import record_files
from roboloop.records.jsonl import Broken
from roboloop.records.media import Media
from roboloop.records.media_open import MediaStore
from roboloop.records.read import scan_records
from roboloop.records.record import Record
from roboloop.records.shards import read_media_roots
from roboloop.tasks import TASKS, load_task


class Spread(NamedTuple):
    """Values in four numbers."""

    min: int
    median: int
    p95: int
    max: int


@dataclass(slots=True)
class TaskTokens:
    """The tokens of one task's records.

    Attributes:
        num_records: Its records.
        num_media: Their pictures, counted as often as they are used.
        num_unknown: Records with a picture whose size is not known or that the model refuses.
        picture_tokens: Of all pictures of a record, for each record whose sizes are known.
        text_tokens: Of question and answer, for each record.
    """

    num_records: int = 0
    num_media: int = 0
    num_unknown: int = 0
    picture_tokens: list[int] = field(default_factory=list[int])
    text_tokens: list[int] = field(default_factory=list[int])

    def to_json(self) -> dict[str, Any]:
        """The numbers as a JSON object."""
        return {
            "records": self.num_records,
            "media": self.num_media,
            "unknown": self.num_unknown,
            "picture_tokens": _spread_json(self.picture_tokens),
            "text_tokens": _spread_json(self.text_tokens),
            "total_tokens": sum(self.picture_tokens) + sum(self.text_tokens),
        }


def count_tokens(
    paths: Sequence[Path], *, dialect: Dialect, count_text: Callable[[str], int] | None = None
) -> dict[str, TaskTokens]:
    """Task -> the tokens of its records; what is no record is passed over, `check` names it.

    Args:
        paths: Record files and folders of them.
        dialect: Of the model; its resize rule gives the pictures' tokens.
        count_text: Tokens of a text; estimated from its characters when left out.
    """
    table: dict[str, TaskTokens] = {}
    count = count_text or estimated_tokens
    for record, store in track(_records(paths), title="tokens"):
        row = table.setdefault(record.task, TaskTokens())
        row.num_records += 1
        row.num_media += len(record.media)
        row.text_tokens.append(sum(count(text) for text in _texts(record, dialect=dialect)))
        tokens = [_picture_tokens(media, store=store, dialect=dialect) for media in record.media]
        known = [number for number in tokens if number is not None]
        if len(known) == len(tokens):
            row.picture_tokens.append(sum(known))
        else:
            row.num_unknown += 1
    return dict(sorted(table.items()))


def spread(values: Iterable[int]) -> Spread | None:
    """Smallest, middle, 95th percentile and largest value; None of nothing."""
    given = np.asarray(list(values))
    if not given.size:
        return None
    middle, high = np.percentile(given, [50, 95], method="nearest")
    return Spread(int(given.min()), int(middle), int(high), int(given.max()))


def _spread_json(values: list[int]) -> dict[str, int] | None:
    found = spread(values)
    return None if found is None else found._asdict()


class _Placed(NamedTuple):
    record: Record
    store: MediaStore


def _records(paths: Sequence[Path]) -> Iterator[_Placed]:
    for path in paths:
        for file in record_files(path):
            store = MediaStore(read_media_roots(file.parent))
            for item in scan_records([file]):
                if not isinstance(item, Broken):
                    yield _Placed(item.record, store)


def _texts(record: Record, *, dialect: Dialect) -> Iterator[str]:
    """All turns, or the question as its task words it; and the answer."""
    if record.turns:
        yield from (turn.text.replace("<image>", "") for turn in record.turns)
    if record.task not in TASKS.rows:
        return
    task = load_task(record.task)
    try:
        if not record.turns:
            yield task.question(record, dialect=dialect)
        if record.answer is not None and record.answer.kind == task.answer_kind:
            yield task.target(record, dialect=dialect)
    except (RoboLoopError, AssertionError):
        return  # a record that cannot be asked is a finding of the check


def _picture_tokens(media: Media, *, store: MediaStore, dialect: Dialect) -> int | None:
    try:
        size: PictureSize = media.size or store.size(media)
        return dialect.picture_tokens(size)
    except RoboLoopError:
        return None
