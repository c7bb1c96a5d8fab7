"""What a build leaves for each part it finished: its shards and what it dropped."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import atomic_write_json
from roboloop.records.shard_files import ShardMark, verify_shard


class Drop(NamedTuple):
    """Something left out: an error in plain values."""

    code: str
    detail: str
    fix: str
    file: str | None
    line: int | None
    column: int | None
    record_id: str | None

    @classmethod
    def of(cls, error: RoboLoopError) -> Self:
        """The values of an error."""
        place = error.place
        file = None if place.file is None else str(place.file)
        return cls(
            error.code, error.detail, error.fix, file, place.line, place.column, place.record_id
        )

    def error(self) -> RoboLoopError:
        """The error again."""
        place = Place(self.file, self.line, self.column, self.record_id)
        return RoboLoopError(self.code, self.detail, place=place, fix=self.fix)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartMark:
    """A finished part: a source that is read, or a composer that is done.

    Attributes:
        key: Hash of all that its shards depend on.
        num_entries: Records and drops together.
    """

    key: str
    num_entries: int
    shards: tuple[ShardMark, ...]
    drops: tuple[Drop, ...]


def write_part_mark(path: Path, *, mark: PartMark) -> None:
    """Declare the part finished."""
    atomic_write_json(path, value=asdict(mark))


def read_part_mark(path: Path, *, key: str, folder: Path) -> PartMark | None:
    """The mark of a part that is finished with this key and whose shards in `folder` are whole.

    Anything else, such as a cut-off mark or a changed shard, is None: the part is made again.
    """
    try:
        value: Any = json.loads(path.read_text(encoding="utf-8"))
        if value["key"] != key:
            return None
        shards = tuple(ShardMark(**shard) for shard in value["shards"])
        if any(verify_shard(folder / shard.file) != shard for shard in shards):
            return None
        drops = tuple(Drop(*drop) for drop in value["drops"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return PartMark(key=key, num_entries=value["num_entries"], shards=shards, drops=drops)
