"""What a source yields -> what goes to disk."""

from __future__ import annotations

from roboloop.records.record import Record
from roboloop.runs.encode import Encoded, Refused, encode_record, refused
from roboloop.sources.base import Rejected


def encode(item: Record | Rejected, *, source: str) -> Encoded | Refused:
    """The line of a record that is sound, or why there is none.

    Args:
        item: What a source yielded.
        source: Its name, for the place of a record without origin.
    """
    if isinstance(item, Rejected):
        return refused(item.error, record_id=item.record_id)
    return encode_record(item, maker=f"source {source}")
