"""JSON files that describe a data set as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from roboloop.base.errors import Place, RoboLoopError
from roboloop.records.jsonl import parse_json


def read_json_object(file: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        RoboLoopError: E-DAT-001 when it cannot be read, E-DAT-002 when it is no JSON object.
    """
    try:
        value = parse_json(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise RoboLoopError("E-DAT-001", f"cannot be read: {error}", place=Place(file)) from error
    except UnicodeDecodeError as error:
        raise RoboLoopError("E-DAT-002", "not UTF-8", place=Place(file)) from error
    except RoboLoopError as error:
        raise RoboLoopError("E-DAT-002", error.detail, place=Place(file)) from error
    if not isinstance(value, dict):
        raise RoboLoopError("E-DAT-002", "it is no JSON object", place=Place(file))
    return cast("dict[str, Any]", value)
