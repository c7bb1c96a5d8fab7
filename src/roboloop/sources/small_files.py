"""Files of a data set that are small enough to be read whole: text and JSON, one to an episode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from roboloop.base.errors import Place, RoboLoopError
from roboloop.records.jsonl import parse_json

MAX_BYTES = 1 << 26


def read_text_file(file: Path, *, max_bytes: int = MAX_BYTES) -> str:
    """The text of a UTF-8 file, without a byte order mark.

    Raises:
        RoboLoopError: E-DAT-001 when it cannot be read, E-DAT-004 when it is larger than
            `max_bytes`, E-REC-001 when it is not UTF-8.
    """
    place = Place(file)
    try:
        with file.open("rb") as stream:
            data = stream.read(max_bytes + 1)
    except OSError as error:
        raise RoboLoopError("E-DAT-001", f"cannot be read: {error}", place=place) from error
    if len(data) > max_bytes:
        raise RoboLoopError("E-DAT-004", f"it has more than {max_bytes:,} bytes", place=place)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        detail = f"not UTF-8: {error.reason} at byte {error.start + 1}"
        raise RoboLoopError("E-REC-001", detail, place=place) from None


def read_json_file(file: Path, *, max_bytes: int = MAX_BYTES) -> Any:
    """The value of a JSON file in which every number is finite.

    Raises:
        RoboLoopError: As `read_text_file`; E-REC-001 for broken JSON, E-REC-010 for NaN.
    """
    try:
        return parse_json(read_text_file(file, max_bytes=max_bytes))
    except RoboLoopError as error:
        raise error.located(Place(file)) from None
