"""Facts are handed on by place: a row has the columns in their order."""

from __future__ import annotations

from roboloop.curate.facts import COLUMNS, facts_of
from roboloop.records.answers import Text
from roboloop.records.record import Record


def test_a_row_has_every_column_in_its_order() -> None:
    record = Record(id="a", task="vqa", inputs={"question": "what?"}, answer=Text("a cup"))
    assert list(facts_of(record)) == list(COLUMNS)
