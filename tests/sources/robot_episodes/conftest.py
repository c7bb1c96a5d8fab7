"""Lets the tests of this folder import the writers beside them; reads whole sources."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from roboloop.records import Record
from roboloop.runs.encode import check_fit
from roboloop.sources.base import Rejected, Source, SourceContext

sys.path.insert(0, str(Path(__file__).parent))

Read = Callable[..., tuple[list[Record], list[Rejected]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads a source whole; every record fits its task and no id is met twice."""

    def read_source(source: Source, *, seed: int = 0) -> tuple[list[Record], list[Rejected]]:
        items = list(source.read(SourceContext(tmp_path / "made", seed)))
        records = [item for item in items if isinstance(item, Record)]
        for record in records:
            check_fit(record)
        assert len({record.id for record in records}) == len(records)
        return records, [item for item in items if isinstance(item, Rejected)]

    return read_source
