"""An index of benchmark items: which of them a batch of training records repeats.

Built once into a folder, mapped into memory by every worker:

    items.arrow      a row for each item, with its record as JSON
    pictures.arrow   the print of every picture that an item shows
    problems.json    what could not be read: there a leak would go unseen
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from roboloop.base.errors import RoboLoopError
from roboloop.base.files import atomic_write_json
from roboloop.base.hashing import canonical_json
from roboloop.base.progress import track
from roboloop.curate.benchmark_items import OTHER_TASK, BenchmarkSet, read_items
from roboloop.curate.facts import facts_of
from roboloop.curate.kernels import Offsets
from roboloop.curate.overlap import TextIndex
from roboloop.curate.picture_print import (
    HashTable,
    PicturePrint,
    cell_rows,
    largest_difference,
    print_of,
)
from roboloop.curate.store import read_table, write_table
from roboloop.records.jsonl import Broken
from roboloop.records.media import Media
from roboloop.records.media_open import MediaStore, medium_name
from roboloop.records.record import Record, record_to_json

ITEMS, PICTURES, PROBLEMS = "items.arrow", "pictures.arrow", "problems.json"
SEARCH_DISTANCE = 8
"""Pictures whose hashes differ in more of 64 bits are not looked at."""
MAX_PROBLEMS_KEPT = 100
NOTHING = -1

_BARE_NAME = re.compile(r"(?:[a-z]+[_-]?)?\d{1,8}", re.IGNORECASE)
"""Names such as `12` or `episode_000012`, which many data sets share."""


class Match(NamedTuple):
    """The closest item of each record, -1 where there is none, and a value: how far it is."""

    item: Offsets
    value: np.ndarray[Any, np.dtype[np.float64]]

    @classmethod
    def none(cls, num_records: int) -> Match:
        """No record is matched."""
        return cls(np.full(num_records, NOTHING, dtype=np.int64), np.full(num_records, np.nan))

    def offer(self, record: int, *, item: int, value: float) -> None:
        """Take the item if the record has none or it is closer: a lower value."""
        if self.item[record] == NOTHING or value < self.value[record]:
            self.item[record], self.value[record] = item, value


def build_index(sets: Sequence[BenchmarkSet], *, folder: Path) -> None:
    """Read the sets and write their index; nothing is done when it is there.

    Raises:
        RoboLoopError: E-DAT-001 or E-DAT-002 for a set that is not there or not known.
    """
    import pyarrow as pa

    if (folder / PROBLEMS).exists():
        return
    draft = _Draft()
    for number, benchmark in enumerate(sets):
        draft.add(benchmark, origin=number)
    rows, prints = draft.rows, draft.prints
    write_table(folder / ITEMS, table=pa.Table.from_pylist(rows, schema=_item_schema()))
    write_table(folder / PICTURES, table=pa.Table.from_pylist(prints, schema=_picture_schema()))
    atomic_write_json(folder / PROBLEMS, value=draft.problems())


def item_row(record: Record, *, origin: int) -> dict[str, Any]:
    """The row of one item.

    Raises:
        RoboLoopError: When a record cannot be worded.
    """
    shared = {
        "origin": origin,
        "id": record.id,
        "record": canonical_json(record_to_json(record)),
        "recording": "",
        "root": medium_name(record.media[0]).partition(":")[0].partition(".")[2]
        if record.media
        else "",
    }
    if record.task == OTHER_TASK:
        said = {turn.role: turn.text for turn in record.turns}
        answer = said.get("assistant", "")
        return {
            **shared, "question": said.get("user", ""), "answer": answer, "source": "",
            "answer_kind": "text" if answer else "", "num_media": len(record.media),
            "recording": str(record.meta.get("episode", "")),
            "frame": record.meta.get("frame", -1),
        }  # fmt: skip
    facts = facts_of(record)
    kept = (
        "question", "answer", "answer_kind", "num_media", "recording", "frame", "source",
    )  # fmt: skip
    frame = record.meta.get("frame", facts["frame"])
    return {
        **shared,
        **{name: facts[name] for name in kept},
        "frame": frame if isinstance(frame, int) else -1,
    }


class _Draft:
    """The rows of an index while it is made."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.prints: list[dict[str, Any]] = []
        self._num_unread: dict[str, int] = {}
        self._examples: list[dict[str, str]] = []

    def add(self, benchmark: BenchmarkSet, *, origin: int) -> None:
        """Take in every item of a set and its pictures."""
        store = MediaStore(benchmark.media_roots)
        known: dict[Media, PicturePrint | None] = {}
        for item in track(read_items(benchmark), title=f"against {benchmark.name}"):
            if isinstance(item, Broken):
                self._tell(item.error, origin=benchmark.name)
                continue
            try:
                row = item_row(item, origin=origin)
            except RoboLoopError as error:
                self._tell(error, origin=benchmark.name)
                continue
            for medium in item.media:
                if medium not in known:
                    known[medium] = self._print(medium, store=store, origin=benchmark.name)
                if (found := known[medium]) is not None:
                    self.prints.append({"item": len(self.rows), **found._asdict()})
            self.rows.append(row)

    def problems(self) -> dict[str, Any]:
        """What could not be read, as JSON."""
        return {"num_unread": self._num_unread, "examples": self._examples}

    def _print(self, medium: Media, *, store: MediaStore, origin: str) -> PicturePrint | None:
        try:
            return print_of(medium, store=store)
        except RoboLoopError as error:
            self._tell(error, origin=origin)
            return None

    def _tell(self, error: RoboLoopError, *, origin: str) -> None:
        self._num_unread[origin] = self._num_unread.get(origin, 0) + 1
        if self._num_unread[origin] <= MAX_PROBLEMS_KEPT:
            told = {"origin": origin, "code": error.code, "detail": str(error)}
            self._examples.append(told)


def _item_schema() -> Any:
    import pyarrow as pa

    texts = (
        "id", "question", "answer", "answer_kind", "recording", "root", "source", "record",
    )  # fmt: skip
    fields = [(name, pa.string()) for name in texts]
    numbers = [(name, pa.int64()) for name in ("origin", "num_media", "frame")]
    return pa.schema([*fields, *numbers])


def _picture_schema() -> Any:
    import pyarrow as pa

    return pa.schema(
        [
            ("item", pa.int64()),
            ("content", pa.string()),
            ("hash", pa.uint64()),
            ("cells", pa.binary()),
        ]
    )


class BenchmarkIndex:
    """The index, open.

    Args:
        folder: What `build_index` wrote.
        min_words: Least words of an answer that counts by itself; see `Leakage.min_answer_words`.
    """

    def __init__(self, folder: Path, *, min_words: int) -> None:
        self.items = read_table(folder / ITEMS)
        self.problems: Mapping[str, Any] = json.loads(
            (folder / PROBLEMS).read_text(encoding="utf-8")
        )
        pictures = read_table(folder / PICTURES)
        self._picture_items = pictures["item"].to_numpy()
        self._by_content = _first_places(pictures["content"].to_pylist())
        hashes = pictures["hash"].to_numpy()
        self._seen = np.flatnonzero(hashes)  # 0: a plain picture, like any other plain one
        self._table = HashTable(hashes[self._seen], max_distance=SEARCH_DISTANCE)
        self._cells = cell_rows([pictures["cells"][int(place)].as_py() for place in self._seen])
        self.texts = TextIndex(self.items, min_words=min_words)
        self._moments = _Moments(self.items)

    @property
    def has_pictures(self) -> bool:
        """Whether any item shows a picture."""
        return len(self._picture_items) > 0

    def ids_of(self, items: Offsets) -> list[str | None]:
        """The ids of some items; None for -1."""
        found = iter(self.items["id"].take(items[items != NOTHING]).to_pylist())
        return [None if item == NOTHING else next(found) for item in items.tolist()]

    def same_pictures(
        self, owners: Sequence[int], prints: Sequence[PicturePrint], *, num: int
    ) -> Match:
        """Items with a picture of the very same bytes as one of the records'.

        Args:
            owners: For each print the record of the batch that it belongs to.
            prints: Of all pictures of the batch.
            num: Records of the batch.
        """
        match = Match.none(num)
        for owner, found in zip(owners, prints, strict=True):
            place = self._by_content.get(found.content)
            if place is not None:
                match.offer(owner, item=int(self._picture_items[place]), value=0.0)
        return match

    def copied_pictures(
        self, owners: Sequence[int], prints: Sequence[PicturePrint], *, num: int
    ) -> Match:
        """Items with the picture that is least different from one of the records'."""
        match = Match.none(num)
        asked = [place for place, found in enumerate(prints) if found.hash]
        if not asked or not len(self._seen):
            return match
        hashes = np.array([prints[place].hash for place in asked], dtype=np.uint64)
        cells = cell_rows([prints[place].cells for place in asked])
        one, other = self._table.near(hashes)
        apart = largest_difference(cells[one], self._cells[other])
        for place in np.lexsort((other, apart, one)).tolist():
            item = int(self._picture_items[self._seen[other[place]]])
            match.offer(owners[asked[one[place]]], item=item, value=float(apart[place]))
        return match

    def same_recordings(self, facts: Any) -> Match:
        """Items that show the nearest moment of the same recording; the value is frames apart."""
        match = Match.none(facts.num_rows)
        names = zip(
            *(facts[name].to_pylist() for name in ("recording", "source", "references", "frame")),
            strict=True,
        )
        for row, (recording, source, references, frame) in enumerate(names):
            found = self._moments.nearest(
                recording, source=source, root=_root_of(references), frame=frame
            )
            if found is not None:
                match.offer(row, item=found[0], value=float(found[1]))
        return match


class _Moments:
    """Frames of recordings, by the recording's name."""

    def __init__(self, items: Any) -> None:
        columns = (items[name].to_pylist() for name in ("recording", "source", "root", "frame"))
        self._frames: dict[str, list[tuple[int, int]]] = {}
        for item, (recording, source, root, frame) in enumerate(zip(*columns, strict=True)):
            if recording:
                key = _recording_key(recording, source=source, root=root)
                self._frames.setdefault(key, []).append((frame, item))
        for moments in self._frames.values():
            moments.sort()

    def nearest(
        self, recording: str, *, source: str, root: str, frame: int
    ) -> tuple[int, int] | None:
        """Item and distance in frames; a moment that is not known is 0 frames away."""
        if not recording:
            return None
        named = self._frames.get(_recording_key(recording, source=source, root=root))
        loose = None if _BARE_NAME.fullmatch(recording) else self._frames.get(recording)
        moments = named or loose
        if moments is None:
            return None
        unknown = frame < 0 or moments[0][0] < 0
        apart = [(0 if unknown else abs(other - frame), item) for other, item in moments]
        distance, item = min(apart)
        return item, distance


def _recording_key(recording: str, *, source: str, root: str) -> str:
    """Recordings of one name in one source are one; a bare number needs the same folder, too."""
    if not source:
        return recording
    return "\0".join([recording, source, *([root] if _BARE_NAME.fullmatch(recording) else [])])


def _root_of(references: Sequence[str]) -> str:
    """Media root of the first of some references."""
    if not references:
        return ""
    first = json.loads(references[0])
    path = next((first[key] for key in ("path", "archive", "store") if key in first), "")
    return str(path).partition(":")[0]


def _first_places(values: Sequence[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, value in enumerate(values):
        if value:
            places.setdefault(value, place)
    return places


@lru_cache(maxsize=2)
def open_index(folder: Path, *, min_words: int) -> BenchmarkIndex:
    """The index of a folder, opened once in each process."""
    return BenchmarkIndex(folder, min_words=min_words)
