"""JSON Lines: one JSON value a line, UTF-8, each line ended by a newline.

One bad line costs only itself: it comes out as a `Broken` in its place, with file and line.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple, NoReturn

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import canonical_json_bytes

MAX_UNPACKED_LINE_BYTES = 1 << 26
"""No line of a packed file may be longer: a few bytes can unpack to any number."""


class JsonLine(NamedTuple):
    """A JSON value and where it stands."""

    value: Any
    place: Place


class Broken(NamedTuple):
    """Something that could not be read. The error says what, where and how to mend it."""

    error: RoboLoopError


class NotANumberError(ValueError):
    """NaN or Infinity stands in a JSON text."""


def parse_json(text: str) -> Any:
    """The value of a JSON text in which every number is finite.

    Raises:
        RoboLoopError: E-REC-001 for text that is no JSON, E-REC-010 for NaN and Infinity, with the
            record's id when it has one.
    """
    try:
        return json.loads(text, parse_constant=refuse_constant, parse_float=finite_float)
    except NotANumberError as error:
        raise RoboLoopError("E-REC-010", str(error), place=_place_of_id(text)) from None
    except json.JSONDecodeError as error:
        place = Place(column=error.colno) if error.lineno == 1 else Place()
        raise RoboLoopError("E-REC-001", f"not JSON: {error.msg}", place=place) from None
    except (ValueError, RecursionError) as error:
        # An integer of thousands of digits, or brackets nested thousands deep.
        raise RoboLoopError("E-REC-001", f"not JSON that can be read: {error}") from None


def write_json_line(value: Any) -> bytes:
    """The value as one canonical line with its newline.

    Raises:
        RoboLoopError: E-REC-010 for NaN and infinity, E-REC-003 for what JSON cannot hold.
    """
    try:
        return canonical_json_bytes(value) + b"\n"
    except UnicodeEncodeError:
        raise RoboLoopError("E-REC-003", "a text holds half a surrogate pair") from None
    except TypeError as error:
        raise RoboLoopError("E-REC-003", f"not a JSON value: {error}") from None
    except ValueError as error:
        raise RoboLoopError("E-REC-010", f"a number is not finite: {error}") from None


def scan_json_lines(
    path: Path, *, start: int = 0, end: int | None = None, line: int = 1
) -> Iterator[JsonLine | Broken]:
    """Every line of a file that is not empty, in order, as its value or as what is wrong with it.

    Args:
        path: The file.
        start: Where to start, in bytes: the start of a line.
        end: Where to end; at the end of the file when left out.
        line: The number of the line at `start`.

    Raises:
        RoboLoopError: E-DAT-001 when there is no such file.
    """
    with _opened(path) as stream:
        position = stream.seek(start)
        for number, text in enumerate(stream, start=line):
            if end is not None and position >= end:
                return
            position += len(text)
            if stripped := text.strip():
                yield _parsed(stripped, place=Place(path, number), ended=text.endswith(b"\n"))


def scan_packed_json_lines(path: Path) -> Iterator[JsonLine | Broken]:
    """As `scan_json_lines`, of a gzip file that is unpacked while it is read.

    Damage ends the lines with what is wrong; what came before is read.

    Raises:
        RoboLoopError: E-DAT-001 when there is no such file.
    """
    packed = _opened(path)
    number = 0
    with packed, gzip.open(packed) as stream:
        try:
            while line := stream.readline(MAX_UNPACKED_LINE_BYTES):
                number += 1
                if len(line) == MAX_UNPACKED_LINE_BYTES:
                    raise RoboLoopError("E-REC-001", "the line is longer than 64 MiB")
                if stripped := line.strip():
                    yield _parsed(stripped, place=Place(path, number), ended=line.endswith(b"\n"))
        except RoboLoopError as error:
            yield Broken(error.located(Place(path, number)))
        except (OSError, EOFError, zlib.error) as error:
            cut = RoboLoopError("E-REC-014", f"the archive is damaged or cut: {error}")
            yield Broken(cut.located(Place(path, number + 1)))


def written_values(path: Path, *, start: int, stop: int) -> Iterator[Any]:
    """What lines number `start` to `stop` (from 0) of a shard hold that RoboLoop wrote; faster.

    `write_json_line` lets no number through that is not finite, so none is looked for.

    Raises:
        RoboLoopError: E-DAT-001 when there is no such file, E-REC-001 for a line that is no JSON.
    """
    from pydantic_core import from_json

    with _opened(path) as stream:
        for number, line in enumerate(islice(stream, start, stop), start=start + 1):
            try:
                yield from_json(line, allow_inf_nan=False, cache_strings="keys")
            except ValueError:  # the slow way tells what is wrong
                place = Place(path, number)
                found = _parsed(line.strip(), place=place, ended=line.endswith(b"\n"))
                if isinstance(found, Broken):
                    raise found.error from None
                yield found.value


def refuse_constant(name: str) -> NoReturn:
    """For `json`'s `parse_constant`: NaN and Infinity are no JSON."""
    raise NotANumberError(f"{name} is not a finite number")


def finite_float(text: str) -> float:
    """For `json`'s `parse_float`: 1e999 would become infinity."""
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise NotANumberError(f"{text} is too large a number")
    return value


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise RoboLoopError("E-DAT-001", f"cannot be opened: {error}", place=Place(path)) from error


def _parsed(line: bytes, *, place: Place, ended: bool) -> JsonLine | Broken:
    try:
        text = line.decode("utf-8-sig" if place.line == 1 else "utf-8")
        return JsonLine(parse_json(text), place)
    except UnicodeDecodeError as error:
        found = RoboLoopError("E-REC-001", f"not UTF-8: {error.reason} at byte {error.start + 1}")
    except RoboLoopError as error:
        found = error
    if not ended and found.code == "E-REC-001":
        # Only the last line of a file lacks its newline: the file was cut off.
        found = RoboLoopError(
            "E-REC-014", f"the file ends in the middle of a line ({found.detail})"
        )
    return Broken(found.located(place))


def _place_of_id(text: str) -> Place:
    """The `id` of a JSON object that holds NaN."""
    try:
        value = json.loads(text)
    except ValueError:
        return Place()
    found = value.get("id") if isinstance(value, dict) else None
    return Place(record_id=found if isinstance(found, str) else None)
