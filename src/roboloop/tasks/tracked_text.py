"""A text that is cleaned step by step and still knows where each character came from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

_APART = {"<fraction>": " ", "<super>": "^"}
"""Kinds of compatible signs -> what keeps them from the digit before them."""


class Span(NamedTuple):
    """A piece of a text: text[start:end]."""

    start: int
    end: int


class TrackedText:
    """A text with, for each of its characters, the place in the raw text.

    Every step gives a new text; a step that changes nothing gives the same one.
    """

    __slots__ = ("_origin", "text")

    def __init__(self, text: str, *, origin: Sequence[int] | None = None) -> None:
        self.text = text
        self._origin = range(len(text)) if origin is None else origin

    def part(self, start: int, end: int) -> TrackedText:
        """The characters from `start` to before `end`."""
        return TrackedText(self.text[start:end], origin=self._origin[start:end])

    def stripped(self, blanks: str | None = None) -> TrackedText:
        """Without blanks, or the given signs, at both ends."""
        start = len(self.text) - len(self.text.lstrip(blanks))
        return self.part(start, max(start, len(self.text.rstrip(blanks))))

    def replaced(self, pattern: re.Pattern[str], by: str | int) -> TrackedText:
        """Each match replaced by a text, or by the group of this number."""
        pieces: list[str] = []
        origin: list[int] = []
        end = 0
        for match in pattern.finditer(self.text):
            pieces.append(self.text[end : match.start()])
            origin.extend(self._origin[end : match.start()])
            if isinstance(by, str):
                pieces.append(by)
                origin.extend([self._origin[match.start()]] * len(by))
            else:
                pieces.append(match[by])
                origin.extend(self._origin[slice(*match.span(by))])
            end = match.end()
        if not end:
            return self
        pieces.append(self.text[end:])
        origin.extend(self._origin[end:])
        return TrackedText("".join(pieces), origin=origin)

    def plain(self) -> TrackedText:
        """In Unicode's NFKC: full-width letters and marks become plain ones.

        Behind a digit a fraction keeps apart (`2½` is `2 1/2`), and so does a power (`10²`).
        """
        if unicodedata.is_normalized("NFKC", self.text):
            return self
        pieces: list[str] = []
        origin: list[int] = []
        start = 0
        for end in range(1, len(self.text) + 1):
            if end < len(self.text) and unicodedata.combining(self.text[end]):
                continue
            piece = unicodedata.normalize("NFKC", self.text[start:end]).replace("\u2044", "/")
            if self.text[start - 1 : start].isdecimal() and piece != self.text[start:end]:
                apart = _APART.get(unicodedata.decomposition(self.text[start]).partition(" ")[0])
                piece = (apart or "") + piece
            pieces.append(piece)
            origin.extend([self._origin[start]] * len(piece))
            start = end
        return TrackedText("".join(pieces), origin=origin)

    def span(self, start: int, end: int) -> Span:
        """Where the characters from `start` to before `end` stand in the raw text."""
        if start >= end:
            return Span(0, 0)
        return Span(self._origin[start], self._origin[end - 1] + 1)

    def span_of(self, piece: str) -> Span | None:
        """Where the last `piece` of this text stands in the raw text, if there is one."""
        start = self.text.rfind(piece) if piece else -1
        return None if start < 0 else self.span(start, start + len(piece))
