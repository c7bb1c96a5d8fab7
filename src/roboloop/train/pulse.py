"""What each process of a phase is doing, in a file that the others can read. Imports no torch.

ranks/
    rank-0.json          step, records and what it does at the moment: written over at every move
    rank-0.error.json    the error it ended with
    rank-0.stack.txt     where its threads stood when it was found hanging
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from roboloop.base.errors import Place, RestartableError, RoboLoopError
from roboloop.base.files import atomic_write_json

RANKS = "ranks"
IDS_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Beat:
    """The state of a process after a move.

    Attributes:
        rank: Which process.
        host: Its machine.
        pid: Its process id there.
        thread: Identifier of its main thread, as stacks name it.
        moves: Counts the moves: as long as it grows the process is alive.
        step: Optimizer step it is at, counted from 1; 0 before the first.
        doing: In words that follow "it".
        waits: Whether it is in a call that ends only when the others make the same one.
        record_ids: Records of the step, as far as known.
    """

    rank: int
    host: str
    pid: int
    thread: int
    moves: int = 0
    step: int = 0
    doing: str = "begins"
    waits: bool = False
    record_ids: tuple[str, ...] = ()

    @property
    def records(self) -> str:
        """The first of the record ids, for a message."""
        more = f" and {len(self.record_ids) - IDS_SHOWN} more" * (len(self.record_ids) > IDS_SHOWN)
        return f"{', '.join(self.record_ids[:IDS_SHOWN])}{more}" or "none yet"


class Pulse:
    """Tells what this process is doing.

    A move is one small write to an open file, some microseconds beside a forward pass.

    Args:
        folder: Where the files lie; None tells nobody.
        rank: Which process this is.
    """

    def __init__(self, folder: Path | None = None, *, rank: int = 0) -> None:
        thread = threading.main_thread().ident or 0
        self._now = Beat(rank, socket.gethostname(), os.getpid(), thread)
        self._file: int | None = None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            self._file = os.open(beat_file(folder, rank=rank), flags, 0o644)
            self._write()

    def beat(
        self, doing: str, *, step: int | None = None, record_ids: Sequence[str] | None = None
    ) -> None:
        """Tell the next move; step and records stay when they are left out."""
        now = self._now
        self._now = replace(
            now,
            moves=now.moves + 1,
            doing=doing,
            step=now.step if step is None else step,
            record_ids=now.record_ids if record_ids is None else tuple(record_ids),
        )
        self._write()

    @contextmanager
    def waiting(self) -> Generator[None]:
        """Surrounds a call that ends only when the other processes make it, too."""
        before = self._now.waits
        self._now = replace(self._now, moves=self._now.moves + 1, waits=True)
        self._write()
        yield
        self._now = replace(self._now, moves=self._now.moves + 1, waits=before)
        self._write()

    def close(self) -> None:
        """Tell no more."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self) -> None:
        if self._file is None:
            return
        # One write, then what an earlier and longer one left: a reader takes the first line.
        text = json.dumps(asdict(self._now)).encode() + b"\n"
        os.pwrite(self._file, text, 0)
        os.ftruncate(self._file, len(text))


def beat_file(folder: Path, *, rank: int) -> Path:
    """Where a process tells what it does."""
    return folder / f"rank-{rank}.json"


def stack_file(folder: Path, *, rank: int) -> Path:
    """Where its stack goes when it hangs."""
    return folder / f"rank-{rank}.stack.txt"


def read_beat(folder: Path, *, rank: int) -> Beat | None:
    """The last move of a process; None when it has not made one, or is just writing it."""
    try:
        line = beat_file(folder, rank=rank).read_text(encoding="utf-8").split("\n", 1)[0]
        told = json.loads(line)
    except (OSError, ValueError):
        return None
    return Beat(**told | {"record_ids": tuple(told["record_ids"])})


def write_error(folder: Path, *, rank: int, error: RoboLoopError) -> None:
    """Leave the error that ends a process for whoever started it."""
    value = {
        "code": error.code, "detail": error.detail, "fix": error.fix,
        "file": None if error.place.file is None else str(error.place.file),
        "line": error.place.line, "column": error.place.column,
        "record_id": error.place.record_id, "restartable": isinstance(error, RestartableError),
    }  # fmt: skip
    atomic_write_json(_error_file(folder, rank=rank), value=value)


def read_error(folder: Path, *, rank: int) -> RoboLoopError | None:
    """What `write_error` left, if anything."""
    path = _error_file(folder, rank=rank)
    if not path.exists():
        return None
    told = json.loads(path.read_text(encoding="utf-8"))
    kind = RestartableError if told["restartable"] else RoboLoopError
    place = Place(told["file"], told["line"], told["column"], told["record_id"])
    return kind(told["code"], told["detail"], place=place, fix=told["fix"])


def _error_file(folder: Path, *, rank: int) -> Path:
    return folder / f"rank-{rank}.error.json"
