"""Read a source to the end and hold each record to what every record must be."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from roboloop.dialects import load_dialect
from roboloop.records import Record
from roboloop.runs.encode import check_fit
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.data_set import DataSetSource
from roboloop.tasks import load_task

DATA = Path(__file__).resolve().parents[3] / "../shared/data"


class Found(NamedTuple):
    """What a source gave."""

    records: list[Record]
    rejected: list[Rejected]

    def of(self, task: str) -> list[Record]:
        return [record for record in self.records if record.task == task]

    @property
    def codes(self) -> list[str]:
        return [item.error.code for item in self.rejected]

    def one(self, record_id: str) -> Record:
        (record,) = [record for record in self.records if record.id == record_id]
        return record


@pytest.fixture
def real() -> Callable[[str], Path]:
    """The path of a real sample; skips the test, saying so, where it is not there."""

    def find(name: str) -> Path:
        path = (DATA / name).resolve()
        if not path.exists():
            pytest.skip(f"the real sample {name} is not there")
        return path

    return find


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Found]:
    """Read a source: ids are unique, parts can be pickled, every question can be asked, every
    record is one the build takes, and every rejection says what, where and which."""

    def run(source: DataSetSource, *, seed: int = 0) -> Found:
        context = SourceContext(tmp_path / "made", seed)
        for part in source.parts(context):
            pickle.loads(pickle.dumps(part))
        items = list(source.read(context))
        found = Found(
            [item for item in items if isinstance(item, Record)],
            [item for item in items if isinstance(item, Rejected)],
        )
        assert len({record.id for record in found.records}) == len(found.records)
        dialect = load_dialect("plain")
        for record in found.records:
            check_fit(record)
            assert record.source == source.name and record.origin
            task = load_task(record.task)
            assert task.question(record, dialect=dialect)
            if record.answer is not None:
                text = task.render(record.answer, dialect=dialect, size=record.picture_size)
                assert task.parse(text, record=record, dialect=dialect).answer is not None, text
        for item in found.rejected:
            assert item.error.place.file is not None, item
        return found

    return run


@pytest.fixture
def picture() -> Callable[..., Path]:
    """Write a picture of a size."""

    def write(path: Path, size: tuple[int, int] = (64, 48)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.linear_gradient("L").resize(size).convert("RGB").save(path)
        return path

    return write


@pytest.fixture
def write_json() -> Callable[[Path, Any], Path]:
    """Write a JSON file; NaN becomes the text NaN."""

    def write(path: Path, value: Any) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, indent=1), encoding="utf-8")
        return path

    return write
