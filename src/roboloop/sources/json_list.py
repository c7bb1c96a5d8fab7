"""Walk through a JSON list in a text stream, entry by entry, with a buffer of about one entry."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from roboloop.base.errors import Place, RoboLoopError
from roboloop.records.jsonl import Broken, JsonLine

CHUNK_CHARS = 1 << 20
MAX_ENTRY_CHARS = 1 << 26

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER_END = re.compile(r"[,\] \t\r\n]")
_UNDECODED = re.compile("[\udc80-\udcff]")
_LONGEST_TOKEN = 16
"""No JSON token but a string that is cut off is reported farther than this from the end."""


class ListScanner:
    """Walks through a JSON list in a text stream.

    Args:
        stream: The text; bytes that are no UTF-8 are in it as lone surrogates.
        path: Its file, for messages.
        line: Number of the line that the text starts in.
        column: Characters of that line before it.
        text: What stands before `stream`, where it was read already.
    """

    def __init__(
        self, stream: IO[str], *, path: Path, line: int = 1, column: int = 0, text: str = ""
    ) -> None:
        self._stream = stream
        self._path = path
        self._buffer = text
        self._at = 0
        self._line = line
        self._column = column  # characters of this line that stand before the position
        self._num_dropped = 0  # characters before the buffer
        self._ended = False
        self._may_be_undecoded = _may_be_undecoded(text)
        self._not_finite: str | None = None
        self._decoder = json.JSONDecoder(parse_constant=self._note_constant)

    def peek(self) -> str:
        """The next character that is no white space, empty at the end."""
        while True:
            end = _SPACE.match(self._buffer, self._at).end()  # pyright: ignore[reportOptionalMemberAccess]
            self._move_to(end)
            if end < len(self._buffer):
                return self._buffer[end]
            if not self._fill():
                return ""

    def open_list(self) -> bool:
        """Step over the `[` that is next, and over a `]` behind it; whether entries follow."""
        self.peek()
        self._move_to(self._at + 1)
        if self.peek() != "]":
            return True
        self._move_to(self._at + 1)
        self._check_end()
        return False

    def entries(self, *, num_chars: int | None = None) -> Iterator[JsonLine | Broken]:
        """The entries from here to the end of the list.

        Args:
            num_chars: Stop where an entry would start this far from the start of the text.
        """
        separator = ","
        while separator == ",":
            if num_chars is not None and self._num_dropped + self._at >= num_chars:
                return
            self.peek()
            yield self._entry()
            separator = self.peek()
            if not separator:
                raise self._broken("E-REC-014", "the file ends before the list does")
            if separator not in (",", "]"):
                raise self._broken("E-REC-001", "',' or ']' must follow an entry")
            self._move_to(self._at + 1)
        self._check_end()

    def _check_end(self) -> None:
        if self.peek():
            raise self._broken("E-REC-001", "something follows the end of the list")

    def _entry(self) -> JsonLine | Broken:
        place = Place(self._path, self._line)
        self._not_finite = None
        value, end = self._decoded()
        undecoded = self._may_be_undecoded and _UNDECODED.search(self._buffer, self._at, end)
        self._move_to(end)
        if undecoded:
            return Broken(RoboLoopError("E-REC-001", "the entry is not UTF-8", place=place))
        if self._not_finite is not None:
            found = value.get("id") if isinstance(value, dict) else None
            error = RoboLoopError("E-REC-010", f"{self._not_finite} is not a finite number")
            record_id = None if found is None else str(found)
            return Broken(error.located(Place(place.file, place.line, record_id=record_id)))
        return JsonLine(value, place)

    def _decoded(self) -> tuple[Any, int]:
        """The value that starts here and where it ends; reads on until it is whole."""
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                if not (self._may_be_cut(error) and self._fill()):
                    raise self._syntax_error(error) from None
            except (ValueError, RecursionError) as error:
                raise self._broken("E-REC-001", f"not JSON that can be read: {error}") from None
            else:
                if not self._may_go_on(value, end=end) or not self._fill():
                    return value, end

    def _may_go_on(self, value: Any, *, end: int) -> bool:
        """Whether a number may have more digits behind the end of the buffer: 1 of 1.5."""
        is_number = isinstance(value, int | float)
        return is_number and _NUMBER_END.search(self._buffer, end) is None

    def _may_be_cut(self, error: json.JSONDecodeError) -> bool:
        """Whether the error may come from the end of the buffer rather than from the text."""
        if len(self._buffer) - self._at > MAX_ENTRY_CHARS:
            return False
        near_end = error.pos >= len(self._buffer) - _LONGEST_TOKEN
        return near_end or error.msg.startswith("Unterminated string")

    def _syntax_error(self, error: json.JSONDecodeError) -> RoboLoopError:
        at_end = error.pos >= len(self._buffer.rstrip())
        if self._ended and (at_end or error.msg.startswith("Unterminated string")):
            return self._broken("E-REC-014", "the file ends in the middle of this entry")
        line, column = self._line_and_column(error.pos)
        place = Place(self._path, line, column + 1)
        return RoboLoopError("E-REC-001", f"not JSON: {error.msg}", place=place)

    def _fill(self) -> bool:
        """Read more; at least as much as is held, so that long entries are tried few times."""
        if self._ended:
            return False
        more = self._stream.read(max(CHUNK_CHARS, len(self._buffer) - self._at))
        self._ended = not more
        if more:
            self._num_dropped += self._at
            self._buffer, self._at = self._buffer[self._at :] + more, 0
            self._may_be_undecoded = self._may_be_undecoded or _may_be_undecoded(more)
        return bool(more)

    def _move_to(self, position: int) -> None:
        self._line, self._column = self._line_and_column(position)
        self._at = position

    def _line_and_column(self, position: int) -> tuple[int, int]:
        """Line, and characters before `position` in it, of a position at or after the current."""
        newlines = self._buffer.count("\n", self._at, position)
        if newlines == 0:
            return self._line, self._column + position - self._at
        last = self._buffer.rfind("\n", self._at, position)
        return self._line + newlines, position - last - 1

    def _note_constant(self, name: str) -> float:
        self._not_finite = name
        return math.nan

    def _broken(self, code: str, detail: str) -> RoboLoopError:
        return RoboLoopError(code, detail, place=Place(self._path, self._line))


def _may_be_undecoded(text: str) -> bool:
    return not text.isascii() and _UNDECODED.search(text) is not None
