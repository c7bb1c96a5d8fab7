"""A tolerant scanner: the lists, tuples, objects and tags that stand somewhere in a model's text.

It reads JSON, Python literals, `(x=1, y=2)`, XML-like tags and Chinese or full-width punctuation,
and keeps the complete items of a text that was cut off. It knows nothing of coordinates; words in
brackets make them prose, so that "(see the 2 cups)" is not data.
"""

from __future__ import annotations

import contextlib
import html
import json
import re
from dataclasses import dataclass
from typing import NamedTuple

MAX_DEPTH = 8


class Number(NamedTuple):
    """A number as written; `is_percent` when a percent sign follows it. May be NaN or infinite."""

    value: float
    is_percent: bool = False


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list or tuple; not `closed` when the text ends before its bracket does."""

    items: tuple[Node, ...]
    closed: bool = True


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys with their values, in the order of the text; keys may repeat."""

    pairs: tuple[tuple[str, Node], ...]
    closed: bool = True

    def get(self, *keys: str) -> Node | None:
        """The value of the first of `keys`, given in lower case, that is there in any case."""
        found = {key.lower(): value for key, value in self.pairs}
        return next((found[key] for key in keys if key in found), None)


@dataclass(frozen=True, slots=True)
class Tag:
    """`<name attribute="value">content</name>`, entities resolved."""

    name: str
    attributes: tuple[tuple[str, str], ...]
    content: str
    closed: bool = True


Node = Number | Sequence | Mapping | Tag | str


class Found(NamedTuple):
    """A piece of data and where it stands: text[start:end]."""

    node: Node
    start: int
    end: int


_PLAIN = str.maketrans(
    "０１２３４５６７８９（）［］｛｝【】〔〕，、；：％．－−＋＝＜＞／",
    "0123456789()[]{}[][],,;:%.--+=<>/",
)
_CLOSING = {"[": "]", "(": ")", "{": "}", '"': '"', "'": "'", "“": "”", "‘": "’"}
_OPENING = re.compile(r"[\[({]|<(?=(?:points?|b?box|ref)\b)")
_BRACKETS = re.compile(r"[\[({]+")
_QUOTES = "\"'“‘"
_BLANKS = " \t\r\n\u3000\u00a0\\"
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}
_NUMBER = re.compile(
    r"([-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?|[-+]?(?:nan|inf(?:inity)?))(?![\w.+\-/:°])\s*(%?)",
    re.IGNORECASE,
)
_KEY = re.compile(r"([A-Za-z_]\w*)\s*[:=]")
_LITERAL = re.compile(r"(?:true|false|null|none)\b", re.IGNORECASE)
_TAG = re.compile(r"<(points?|b?box|ref)\b([^<>]*)(>?)")
_ATTRIBUTE = re.compile(r"""\b(\w+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([-+.\d]+)(?=[\s/]))""")


class _NotDataError(Exception):
    """What stands here is prose, or in `_json_node` no JSON that is read quickly."""


class _CutOffError(Exception):
    """The text ends inside a number, a string or before a value: it is not complete."""


class Scanner:
    """Finds the data in one text. `cut` tells whether the text ends inside a piece of data."""

    def __init__(self, text: str) -> None:
        self.raw = text
        self.text = text.translate(_PLAIN)  # one character for one: offsets stay
        self.cut = False
        self._at = 0
        self._endless: dict[str, int] = {}  # closing sign or tag -> from where on there is none

    def scan(self) -> tuple[Found, ...]:
        """Every outermost piece of data, in the order of the text."""
        if (whole := _json_data(self.raw)) is not None:
            return (whole,)
        found: list[Found] = []
        self._at = 0
        while (start := _OPENING.search(self.text, self._at)) is not None:
            run = _BRACKETS.match(self.text, start.start())
            # of brackets nested too deep only the inner ones can hold data
            begin = self._at = max(start.start(), (run.end() if run else 0) - MAX_DEPTH)
            try:
                node = self._value(depth=0)
            except _NotDataError:
                self._at = begin + 1
                continue
            found.append(Found(node, begin, self._at))
        return tuple(found)

    def _value(self, *, depth: int) -> Node:
        if not self._skip():
            raise _CutOffError
        sign = self.text[self._at]
        if sign in "[({":
            return self._group(_CLOSING[sign], depth=depth + 1)
        if sign in _CLOSING:
            return self._string(_CLOSING[sign])
        if sign == "<":
            return self._tag()
        if (number := _NUMBER.match(self.text, self._at)) is not None:
            self._at = number.end()
            if self._at == len(self.text):
                raise _CutOffError
            return Number(float(number[1]), bool(number[2]))
        if (literal := _LITERAL.match(self.text, self._at)) is not None:
            self._at = literal.end()
            return literal[0]
        raise _NotDataError

    def _group(self, closing: str, *, depth: int) -> Sequence | Mapping:
        """A bracket and its items; with keys it is a mapping, whatever the bracket."""
        if depth > MAX_DEPTH:
            raise _NotDataError
        self._at += 1
        items: list[Node] = []
        pairs: list[tuple[str, Node]] = []
        closed = False
        try:
            while self._skip(",;"):
                if self.text[self._at] == closing:
                    self._at += 1
                    closed = True
                    break
                key = self._key()
                node = self._value(depth=depth)
                if key is None:
                    items.append(node)
                else:
                    pairs.append((key, node))
        except _CutOffError:
            self.cut = True
            if depth == 1 and not items and not pairs:
                raise _NotDataError from None  # data may still follow a stray bracket or quote
            self._at = len(self.text)
        if items and pairs:
            raise _NotDataError
        self.cut = self.cut or not closed
        return Mapping(tuple(pairs), closed) if pairs else Sequence(tuple(items), closed)

    def _key(self) -> str | None:
        """The key of a pair, if one stands here; otherwise nothing is consumed."""
        start = self._at
        if (bare := _KEY.match(self.text, start)) is not None:
            self._at = bare.end()
            return bare[1]
        if self.text[start] in _QUOTES:
            key = self._string(_CLOSING[self.text[start]])
            if self._skip() and self.text[self._at] in ":=":
                self._at += 1
                return key
            self._at = start
        return None

    def _string(self, closing: str) -> str:
        start = self._at + 1
        if start >= self._endless.get(closing, len(self.text)):
            raise _CutOffError  # a quote before this one was not closed, so neither is this one
        end = start
        while end < len(self.text) and self.text[end] != closing:
            end += 2 if self.text[end] == "\\" else 1
        if end >= len(self.text):
            self._endless[closing] = start
            raise _CutOffError
        self._at = end + 1
        body = self.raw[start:end]
        if closing == '"':
            with contextlib.suppress(ValueError):
                return json.loads(f'"{body}"')
        return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), body)

    def _tag(self) -> Tag:
        head = _TAG.match(self.text, self._at)
        if head is None:
            raise _NotDataError
        self._at = head.end()
        start, end = head.span(2)
        # A blank after a whole head ends its last value; a head that was cut off gets none.
        inside = self.raw[start:end] + " " * len(head[3])
        attributes = tuple(
            (found[1].lower(), html.unescape(found[2] or found[3] or found[4] or ""))
            for found in _ATTRIBUTE.finditer(inside)
        )
        content, closed = "", bool(head[3])
        if closed and not head[2].rstrip().endswith("/"):
            content, closed = self._content(head[1])
        self.cut = self.cut or not closed
        return Tag(head[1], attributes, content, closed)

    def _content(self, name: str) -> tuple[str, bool]:
        """The text up to the tag's end, and whether it ends; else up to the next tag."""
        start = self._at
        close = None
        if start < self._endless.get(name, len(self.text)):
            close = re.compile(rf"</{name}\s*>").search(self.text, start)
        if close is not None:
            self._at = close.end()
            return html.unescape(self.raw[start : close.start()]), True
        self._endless.setdefault(name, start)
        following = self.text.find("<", start)
        self._at = len(self.text) if following < 0 else following
        return html.unescape(self.raw[start : self._at]), False

    def _skip(self, extra: str = "") -> bool:
        """Go past blanks and the signs in `extra`; False at the end of the text."""
        while self._at < len(self.text):
            if self.text[self._at] not in _BLANKS and self.text[self._at] not in extra:
                return True
            self._at += 1
        return False


def _json_data(text: str) -> Found | None:
    """The data of a text that is JSON as a whole: what a scan finds, found much faster.

    Published answers by the hundred thousand are of this kind.
    """
    whole = text.strip()
    if whole[:1] not in ("[", "{") or "\\" in whole:
        return None
    try:
        value: object = json.loads(whole, parse_int=float, object_pairs_hook=_Pairs)
        node = _json_node(value, depth=1)
    except (ValueError, RecursionError, _NotDataError):
        return None
    start = text.index(whole[0])
    return Found(node, start, start + len(whole))


class _Pairs(tuple[tuple[str, object], ...]):
    """The pairs of a JSON object, in the order of the text."""

    __slots__ = ()


def _json_node(value: object, *, depth: int) -> Node:
    if isinstance(value, float):
        return Number(value)
    if isinstance(value, str):
        return value
    if depth > MAX_DEPTH or not isinstance(value, list | _Pairs):
        raise _NotDataError
    if isinstance(value, _Pairs) and value:
        return Mapping(tuple((key, _json_node(item, depth=depth + 1)) for key, item in value))
    return Sequence(tuple([_json_node(item, depth=depth + 1) for item in value]))
