"""Read records from files: JSON Lines or Parquet, with the place of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.records.ids import IdRegister
from roboloop.records.jsonl import Broken, JsonLine, scan_json_lines, written_values
from roboloop.records.parquet import scan_parquet
from roboloop.records.record import Record, record_from_json


class Found(NamedTuple):
    """A record and where it stands."""

    record: Record
    place: Place


def scan_records(
    paths: Iterable[Path], *, ids: IdRegister | None = None
) -> Iterator[Found | Broken]:
    """Every record of the files, in order; what is broken comes out in its place as `Broken`.

    Args:
        paths: JSON Lines or Parquet files.
        ids: Ids that are taken already; an own register when left out.

    Raises:
        RoboLoopError: E-DAT-001 or E-REC-014 for a file that cannot be read at all.
    """
    ids = ids or IdRegister()
    for path in paths:
        lines = scan_parquet(path) if path.suffix == ".parquet" else scan_json_lines(path)
        for line in lines:
            yield line if isinstance(line, Broken) else _found(line, ids=ids)


def read_records(paths: Iterable[Path]) -> Iterator[Found]:
    """Every record of the files, in order.

    Raises:
        RoboLoopError: The first thing that is wrong, with its place.
    """
    yield from map(_sound, scan_records(paths))


def read_part(shard: Path, *, start: int, stop: int) -> Iterator[Record]:
    """Records number `start` to `stop` (from 0) of a finished shard, whose ids are its own.

    Raises:
        RoboLoopError: The first thing that is wrong, with its place.
    """
    if shard.suffix == ".parquet":
        for line in islice(scan_parquet(shard), start, stop):
            yield _sound(line if isinstance(line, Broken) else _found(line, ids=None)).record
        return
    for number, value in enumerate(written_values(shard, start=start, stop=stop), start=start + 1):
        try:
            yield record_from_json(value)
        except RoboLoopError as error:
            raise error.located(Place(shard, number, record_id=_id_of(value))) from error


def _sound(item: Found | Broken) -> Found:
    if isinstance(item, Broken):
        raise item.error
    return item


def _found(line: JsonLine, *, ids: IdRegister | None) -> Found | Broken:
    place = Place(line.place.file, line.place.line, record_id=_id_of(line.value))
    try:
        record = record_from_json(line.value)
        if ids is not None:
            ids.add(record.id, place=place)
    except RoboLoopError as error:
        return Broken(error.located(place))
    return Found(record, place)


def _id_of(value: Any) -> str | None:
    found = value.get("id") if isinstance(value, dict) else None  # pyright: ignore[reportUnknownMemberType]
    return found if isinstance(found, str) else None
