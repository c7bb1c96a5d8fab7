"""Words and sentences of a column of texts as numbers, found without a loop over its rows.

A word is a run of Latin letters, a run of digits, or one Han character; a sentence is what stands
between full stops or line ends, whatever its white space.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from roboloop.curate.columns import text_bytes
from roboloop.curate.kernels import Bools, Bytes, Hashes, Offsets, ordered_hashes
from roboloop.curate.kernels_numpy import RunHashes

Characters = np.ndarray[Any, Any]
"""Code points: uint8 where all are ASCII, else uint32."""

OTHER, LETTER, DIGIT, HAN, SPACE, END = range(6)
"""What a character is."""
_PATTERNS = {
    LETTER: re.compile(r"[a-z]", re.IGNORECASE),
    DIGIT: re.compile(r"\d"),
    HAN: re.compile(r"[\u3400-\u9fff]"),
    SPACE: re.compile(r"\s"),
    END: re.compile(r"[.!?;。！？；\n]"),
}
"""How the characters of a class look; a line end is both, and counts as an end."""
_NUM_ASCII, _NUM_CODE_POINTS = 0x80, 0x110000


class PlainWords(NamedTuple):
    """The words and sentences of some texts, in order.

    Attributes:
        codes: Of each word, its place in `vocabulary`.
        rows: The text that each word is of, from 0.
        lines: The line that each word is of; no two texts share one.
        vocabulary: The different words.
        sentences: A hash of each sentence.
        sentence_rows: The text that each sentence is of.
    """

    codes: Offsets
    rows: Offsets
    lines: Offsets
    vocabulary: list[str]
    sentences: Hashes
    sentence_rows: Offsets


def plain_words(texts: Any) -> PlainWords:
    """The words and sentences of an Arrow array of texts; letter case tells words apart."""
    import pyarrow as pa

    characters, offsets = _characters(texts)
    classes = _classes(_NUM_ASCII if characters.itemsize == 1 else _NUM_CODE_POINTS)[characters]
    begins_text = np.zeros(len(characters) + 1, dtype=np.bool_)
    begins_text[offsets] = True
    hashes = RunHashes(characters)

    words = _runs(np.where(classes < SPACE, classes, OTHER), begins_text=begins_text)
    coded = pa.array(hashes.of(words.starts, words.stops)).dictionary_encode()
    codes = coded.indices.to_numpy().astype(np.int64)

    parts = _runs((classes < SPACE).view(np.uint8), begins_text=begins_text)
    sentence = _places(parts.starts, offsets=_cut(offsets, at=classes == END))
    begins = np.flatnonzero(np.diff(sentence, prepend=-1))
    part_hashes = hashes.of(parts.starts, parts.stops)
    return PlainWords(
        codes,
        _places(words.starts, offsets=offsets),
        _places(words.starts, offsets=_cut(offsets, at=characters == ord("\n"))),
        _vocabulary(characters, codes=codes, words=words, num_words=len(coded.dictionary)),
        ordered_hashes(part_hashes, offsets=np.append(begins, len(parts.starts))),
        _places(parts.starts[begins], offsets=offsets),
    )


class _Runs(NamedTuple):
    """Where runs of characters start, and where they stop."""

    starts: Offsets
    stops: Offsets


def _runs(classes: Bytes, *, begins_text: Bools) -> _Runs:
    """Runs of one class other than OTHER, within a text; each Han character is one."""
    changes = begins_text.copy()
    changes[1:-1] |= classes[1:] != classes[:-1]
    is_han = classes == HAN
    changes[:-1] |= is_han
    changes[1:] |= is_han
    is_inside = classes != OTHER
    return _Runs(
        np.flatnonzero(changes[:-1] & is_inside), np.flatnonzero(changes[1:] & is_inside) + 1
    )


def _cut(offsets: Offsets, *, at: Bools) -> Offsets:
    """The offsets of texts that are cut at some characters, too."""
    return np.sort(np.concatenate([offsets, np.flatnonzero(at)]))


def _places(starts: Offsets, *, offsets: Offsets) -> Offsets:
    """In which part each run stands, of those that begin at the offsets."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(np.searchsorted(starts, offsets)))


def _vocabulary(
    characters: Characters, *, codes: Offsets, words: _Runs, num_words: int
) -> list[str]:
    some = np.empty(num_words, dtype=np.int64)
    some[codes] = np.arange(len(codes))  # any of the places where a word stands
    encoding = "ascii" if characters.itemsize == 1 else "utf-32-le"
    bounds = zip(words.starts[some].tolist(), words.stops[some].tolist(), strict=True)
    return [characters[start:stop].tobytes().decode(encoding) for start, stop in bounds]


def _characters(texts: Any) -> tuple[Characters, Offsets]:
    """All characters of an Arrow array of texts, and where each text begins; last, the end."""
    data, offsets = text_bytes(texts)
    if not (data >= _NUM_ASCII).any():
        return data, offsets
    is_begin = (data & 0xC0) != 0x80  # of a character; its other bytes are 10xxxxxx
    num_before = np.concatenate([[0], np.cumsum(is_begin, dtype=np.int64)])
    characters = np.frombuffer(data.tobytes().decode().encode("utf-32-le"), dtype=np.uint32)
    return characters, num_before[offsets]


@lru_cache(maxsize=2)
def _classes(num_code_points: int) -> Bytes:
    """The class of each code point."""
    classes = np.full(num_code_points, OTHER, dtype=np.uint8)
    every = "".join(map(chr, range(num_code_points)))
    for number, pattern in _PATTERNS.items():
        classes[[found.start() for found in pattern.finditer(every)]] = number
    return classes
