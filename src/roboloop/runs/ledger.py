"""The ledger: one line for everything that was left out, with the reason. Nothing vanishes."""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from roboloop.base.closing import Closing
from roboloop.base.errors import Place, RoboLoopError


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """One record (or entry that never became one) that a stage left out.

    Attributes:
        stage: The stage that dropped it, such as `data`.
        record_id: Its id, when it had one.
        source: The source it came from.
        code: A code of the error catalogue.
        detail: What was wrong, with values.
        place: File and line or key.
    """

    stage: str
    code: str
    detail: str
    record_id: str | None = None
    source: str = ""
    place: str = ""


class Dropped(NamedTuple):
    """A record that was left out; see `LedgerLine`."""

    code: str
    detail: str
    record_id: str
    source: str


class Ledger(Closing):
    """Appends lines to a JSON Lines file; each line is on disk before `drop` returns.

    Args:
        path: The file. It is started afresh: the stage that owns it starts afresh too.
        stage: Name of the stage, written on every line.
    """

    def __init__(self, path: Path, *, stage: str) -> None:
        self.path = path
        self.stage = stage
        self.num_dropped = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = path.open("w", encoding="utf-8", buffering=1)

    def drop(self, error: RoboLoopError, *, record_id: str | None = None, source: str = "") -> None:
        """Record that something was left out because of `error`."""
        place = error.place
        where = str(Place(place.file, place.line, place.column))
        line = LedgerLine(
            stage=self.stage,
            code=error.code,
            detail=error.detail,
            record_id=record_id if record_id is not None else place.record_id,
            source=source,
            place=where,
        )
        self._stream.write(json.dumps(asdict(line), ensure_ascii=False) + "\n")
        self.num_dropped += 1

    def drop_many(self, records: Iterable[Dropped]) -> None:
        """Record many at once; they are on disk when this returns."""
        encode = json.JSONEncoder(ensure_ascii=False).encode
        lines: list[str] = []
        for record in records:
            lines.append(encode({"stage": self.stage, **record._asdict(), "place": ""}))
        self._stream.write("".join(f"{line}\n" for line in lines))
        self._stream.flush()
        self.num_dropped += len(lines)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def read_ledger(path: Path) -> Iterator[LedgerLine]:
    """The lines of a ledger file; none when there is no file."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            yield LedgerLine(**json.loads(line))


def find_in_ledgers(run: Path, *, record_id: str, but: str | None = None) -> Iterator[LedgerLine]:
    """The lines about one record in the stages of a run folder.

    Args:
        run: The folder.
        record_id: The record.
        but: Name of a stage that is not looked into, such as `curate`.
    """
    wanted = json.dumps(record_id, ensure_ascii=False).encode(errors="surrogatepass")
    for path in sorted(run.glob("stages/*/ledger.jsonl")):
        if path.parent.name.startswith(f"{but}-") or path.stat().st_size == 0:
            continue
        with (
            path.open("rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            place = data.find(wanted)
            while place >= 0:
                start, stop = data.rfind(b"\n", 0, place) + 1, data.find(b"\n", place)
                stop = len(data) if stop < 0 else stop
                found = LedgerLine(**json.loads(data[start:stop]))
                if found.record_id == record_id:
                    yield found
                place = data.find(wanted, stop)
