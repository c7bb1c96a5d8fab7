"""The ledger of a phase: records that were left out of training, each once."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from pathlib import Path

from roboloop.base.errors import RoboLoopError
from roboloop.runs.ledger import LedgerLine, read_ledger

LEDGER = "ledger.jsonl"


class Refused:
    """Writes a line for each record that is left out, however often it is met.

    Args:
        path: The file; what an earlier attempt wrote stays. None keeps nothing on disk: of several
            processes, which all meet the same records, one writes.
        stage: Name on every line, such as `train.sft`.
    """

    def __init__(self, path: Path | None, *, stage: str) -> None:
        self._path = path
        self._stage = stage
        self._lock = threading.Lock()
        known = read_ledger(path) if path is not None else ()
        self._ids = {line.record_id for line in known}

    @property
    def num_records(self) -> int:
        """Records left out so far."""
        return len(self._ids)

    def add(self, error: RoboLoopError, *, source: str) -> None:
        """Count the record that `error` names as left out."""
        name = error.place.record_id
        with self._lock:
            if name in self._ids:
                return
            self._ids.add(name)
            if self._path is not None:
                line = LedgerLine(
                    stage=self._stage,
                    code=error.code,
                    detail=error.detail,
                    record_id=name,
                    source=source,
                )
                with self._path.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(asdict(line), ensure_ascii=False) + "\n")
