"""Walk through a JSON object that is too large for memory, such as COCO's and Ego4D's files.

The lists among its members come out entry by entry, so no more than one entry is held at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.records.jsonl import Broken, JsonLine
from roboloop.sources.json_list import ListScanner

_UNDECODED = re.compile("[\udc80-\udcff]")


class Member(NamedTuple):
    """A value of the object.

    Attributes:
        key: The name it stands under at the top.
        name: Its own name, where it is a member of an object that was opened.
        item: The value with its place, or why it cannot be read. NaN and infinity are let through
            as NaN: whoever takes a number checks it.
        broken_value: What was read of a value that is not UTF-8.
    """

    key: str
    name: str | None
    item: JsonLine | Broken
    broken_value: Any = None


def scan_members(path: Path, *, opened: frozenset[str] = frozenset()) -> Iterator[Member]:
    """The members of the JSON object in a file, in order.

    A member that is a list comes out entry by entry, and an object under a key of `opened` member
    by member; anything else comes out whole.

    Raises:
        RoboLoopError: E-DAT-001 without the file, E-DAT-002 when it holds no object, E-REC-001 for
            broken syntax, E-REC-014 when it is cut off.
    """
    try:
        stream = path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
    except OSError as error:
        raise RoboLoopError("E-DAT-001", f"cannot be opened: {error}", place=Place(path)) from error
    with stream:
        scanner = _ObjectScanner(stream, path=path)
        if scanner.peek() != "{":
            raise RoboLoopError("E-DAT-002", "it is no JSON object", place=Place(path))
        for key in scanner.names():
            sign = scanner.peek()
            if sign == "[":
                for _ in scanner.items("]"):
                    yield scanner.member(key)
            elif sign == "{" and key in opened:
                for name in scanner.names():
                    yield scanner.member(key, name)
            else:
                yield scanner.member(key)


class _ObjectScanner(ListScanner):
    """Steps into objects, and into the lists among their members."""

    def names(self) -> Iterator[str]:
        """The keys of the object that starts here; each value is to be read before the next."""
        for _ in self.items("}"):
            name, end = self._decoded()
            if not isinstance(name, str):
                raise self._broken("E-REC-001", f"a key of an object is {name!r}")
            self._move_to(end)
            self._step_over(":")
            yield name

    def member(self, key: str, name: str | None = None) -> Member:
        """The value that starts here."""
        self.peek()
        place = Place(self._path, self._line)
        value, end = self._decoded()
        is_whole = not self._may_be_undecoded or not _UNDECODED.search(self._buffer, self._at, end)
        self._move_to(end)
        if is_whole:
            return Member(key, name, JsonLine(value, place))
        error = RoboLoopError("E-REC-001", "the entry is not UTF-8", place=place)
        return Member(key, name, Broken(error), value)

    def items(self, closing: str) -> Iterator[None]:
        """Once before each item of the container that starts here, until it is closed."""
        self._move_to(self._at + 1)
        if self.peek() == closing:
            self._move_to(self._at + 1)
            return
        separator = ","
        while separator == ",":
            self.peek()
            yield
            separator = self.peek()
            self._step_over(closing if separator == closing else ",")

    def _step_over(self, sign: str) -> None:
        found = self.peek()
        if not found:
            raise self._broken("E-REC-014", "the file ends before its object does")
        if found != sign:
            raise self._broken("E-REC-001", f"{sign!r} must stand where {found!r} does")
        self._move_to(self._at + 1)
