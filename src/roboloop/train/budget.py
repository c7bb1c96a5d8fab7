"""Records that are too long: smaller pictures first, then fewer, then none of it. Nothing is cut.

Cutting a row off at a length would cut through a picture's tokens, after which the model finds
more features than tokens and the rotary positions no longer fit ("shape mismatch"). So pictures
are given fewer pixels, and the question and the answer are written anew for the picture as it is
then seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.dialects import Dialect
from roboloop.dialects.qwen25_vl import Qwen25VL
from roboloop.models.chat import PICTURE_MARK, Encoded
from roboloop.records.answers import Text
from roboloop.records.record import Record, Turn
from roboloop.tasks import load_task

MAX_TRIES = 4
"""Numbers of another frame may have more digits, so a first size can miss by a few tokens."""

Write = Callable[[Record, Dialect], Encoded]
"""Writes a record down for a dialect, without opening its pictures."""


class Fitted(NamedTuple):
    """A record within the limit.

    Attributes:
        record: The record, perhaps with fewer pictures.
        dialect: At which size its pictures are seen.
        encoded: The conversation, without patches.
    """

    record: Record
    dialect: Dialect
    encoded: Encoded


def fit(record: Record, *, dialect: Dialect, write: Write, max_tokens: int) -> Fitted:
    """Bring a record within `max_tokens`.

    Raises:
        RoboLoopError: E-TRN-002 when it cannot be done exactly.
    """
    whole = write(record, dialect)
    if whole.num_tokens <= max_tokens:
        return Fitted(record, dialect, whole)
    for fewer in _fewer_pictures(record):
        written = whole if fewer is record else write(fewer, dialect)
        found = _shrunk(fewer, written, dialect=dialect, write=write, max_tokens=max_tokens)
        if found is not None:
            return found
    raise RoboLoopError(
        "E-TRN-002",
        f"{whole.num_tokens} tokens, {whole.num_image_tokens} of them the pictures'; the limit is "
        f"{max_tokens}, and the pictures cannot be made smaller or fewer",
        place=Place(record_id=record.id),
    )


def shrunk_dialect(dialect: Dialect, *, sizes: Sequence[PictureSize], most: int) -> Dialect | None:
    """The dialect with the largest pixel budget at which the pictures take `most` tokens together.

    Args:
        dialect: The one to change.
        sizes: Width and height of the originals.
        most: Tokens.

    Returns:
        None when the dialect has no budget, or its `min_pixels` allows none so small.
    """
    if not isinstance(dialect, Qwen25VL) or not sizes:
        return None
    tokens = sorted(dialect.picture_tokens(size) or 0 for size in sizes)
    left, each = most, 0
    for place, number in enumerate(tokens):
        each = left // (len(tokens) - place)
        if number > each:
            break
        left -= number
    pixels = each * dialect.factor**2
    if pixels < dialect.min_pixels:
        return None
    smaller = replace(dialect, max_pixels=min(pixels, dialect.max_pixels))
    taken = sum(smaller.picture_tokens(size) or 0 for size in sizes)
    return smaller if taken <= most else None


def can_shrink(record: Record, *, dialect: Qwen25VL, smaller: Qwen25VL) -> bool:
    """Whether the record reads as truly of the smaller view.

    Typed places are written anew. A text with numbers in it may hold places of the larger view,
    which matters when the dialect's numbers are pixels of the view.
    """
    size = record.picture_size
    if size is None or dialect.frame(size) == smaller.frame(size):
        return True
    texts = [turn.text for turn in record.turns]
    texts += [value for value in record.inputs.values() if isinstance(value, str)]
    texts += [record.answer.text] if isinstance(record.answer, Text) else []
    return not any(letter.isdigit() for text in texts for letter in text)


def _shrunk(
    record: Record, written: Encoded, *, dialect: Dialect, write: Write, max_tokens: int
) -> Fitted | None:
    if written.num_tokens <= max_tokens:
        return Fitted(record, dialect, written)
    sizes = [medium.size for medium in record.media if medium.size is not None]
    most = max_tokens - (written.num_tokens - written.num_image_tokens)
    for _ in range(MAX_TRIES):
        smaller = shrunk_dialect(dialect, sizes=sizes, most=most)
        if smaller is None or len(sizes) < len(record.media):
            return None
        assert isinstance(dialect, Qwen25VL) and isinstance(smaller, Qwen25VL)
        if not can_shrink(record, dialect=dialect, smaller=smaller):
            return None
        again = write(record, smaller)
        if again.num_tokens <= max_tokens:
            return Fitted(record, smaller, again)
        most -= again.num_tokens - max_tokens
    return None


def _fewer_pictures(record: Record) -> Iterator[Record]:
    """The record, then with one picture less each time; the first and the last one stay.

    Only where the task says that pictures in between may go, and where the text does not speak of
    each by itself: its marks, if any, stand side by side.
    """
    yield record
    if not load_task(record.task).frames_may_go:
        return
    num = len(record.media)
    marks = PICTURE_MARK * num
    marked = [turn for turn in record.turns if PICTURE_MARK in turn.text]
    together = [place for place, turn in enumerate(record.turns) if marks in turn.text]
    if marked and (len(marked) > 1 or len(together) != 1):
        return
    for kept in range(num - 1, 1, -1):
        places = np.linspace(0, num - 1, kept).round().astype(int)
        turns = tuple(
            Turn(turn.role, turn.text.replace(marks, PICTURE_MARK * kept)) for turn in record.turns
        )
        yield replace(record, media=tuple(record.media[place] for place in places), turns=turns)
