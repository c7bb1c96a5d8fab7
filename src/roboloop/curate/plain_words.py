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
from roboloop.curate.kernels import (
    DIGIT,
    END,
    HAN,
    LETTER,
    OTHER,
    SPACE,
    Bytes,
    Hashes,
    Offsets,
    Runs,
    load_kernels,
    ordered_hashes,
)

Characters = np.ndarray[Any, Any]
"""Code points: uint8 where all are ASCII, else uint32."""

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
    runs = load_kernels().runs(characters, classes, offsets)
    coded = pa.array(runs.hashes).dictionary_encode()
    codes = coded.indices.to_numpy().astype(np.int64)
    return PlainWords(
        codes,
        np.repeat(np.arange(len(texts)), np.diff(runs.offsets)),
        runs.lines,
        _vocabulary(characters, codes=codes, runs=runs, num_words=len(coded.dictionary)),
        ordered_hashes(runs.part_hashes, offsets=runs.sentence_offsets),
        runs.sentence_rows,
    )


def _vocabulary(characters: Characters, *, codes: Offsets, runs: Runs, num_words: int) -> list[str]:
    some = np.empty(num_words, dtype=np.int64)
    some[codes] = np.arange(len(codes))  # any of the places where a word stands
    encoding = "ascii" if characters.itemsize == 1 else "utf-32-le"
    bounds = zip(runs.starts[some].tolist(), runs.stops[some].tolist(), strict=True)
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
