"""The inner loops of de-duplication: compiled by numba where it is installed, else NumPy.

Both give the same bytes; the tests hold them against each other. Texts come as one array of UTF-8
bytes with offsets, as Arrow keeps them. Sums and products of hashes wrap modulo 2^64 on purpose.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Counts = np.ndarray[Any, np.dtype[np.int32]]
Marks = np.ndarray[Any, np.dtype[np.uint32]]
Hashes = np.ndarray[Any, np.dtype[np.uint64]]
Offsets = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]

SEPARATOR, WORD, SINGLE, SINGLE_REST = range(4)
"""What a byte is: between words; part of a word; the first byte of a character that is a word of
its own (a Chinese one, or a sign such as <); a later byte of such a character."""

OTHER, LETTER, DIGIT, HAN, SPACE, END = range(6)
"""What a character is to `runs`."""

BYTE_FACTOR = np.uint64(0x9E3779B97F4A7C15)
BYTE_FACTOR_INVERSE = np.uint64(pow(0x9E3779B97F4A7C15, -1, 1 << 64))
SHINGLE_BITS = np.uint64(32)
"""Of a shingle's hash, below the number of its text."""
NOT_ODD = np.uint64(0xFFFFFFFE)
"""Clears the last bit of a shingle's hash, which is its mark."""
ASCII_SPACE = b" \t\n\f\r"
NEGATIVE = np.uint64(0x5851F42D4C957F2D)
"""Sets -5 apart from 5."""
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
TERM_BITS = 40
"""Of the hash of a term, which stands below the number of its text in a key. The highest of them is
its sign; those from `TABLE_BITS` on choose its channel."""
TABLE_BITS = 18
STEP = np.uint64(0xD6E8FEB86659FD93)
"""Odd, so that none of its powers is lost modulo 2^64."""

_SINGLE_RANGES = (
    (0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3021, 0x3029), (0x3041, 0x30FF), (0x3105, 0x312F),
    (0x31A0, 0x31BF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF),
)  # fmt: skip
"""Characters written without spaces between words: Han, kana, bopomofo."""


class Tokens(NamedTuple):
    """The words of some texts, in order.

    Attributes:
        hashes: One for each word.
        offsets: Where each text's words begin, and a last one where they end.
        is_number: Bool, whether the word begins with a digit.
    """

    hashes: Hashes
    offsets: Offsets
    is_number: Bools


class Runs(NamedTuple):
    """The words and sentences of some texts, in order.

    A word is a run of letters, a run of digits, or one Han character. A part is a run of anything
    but SPACE and END; a sentence is the parts that no END stands between.

    Attributes:
        hashes: One for each word.
        starts, stops: Where each word begins and ends, in characters of all texts.
        offsets: Where each text's words begin, and a last one where they end.
        lines: Of each word, the texts and line ends before it.
        part_hashes: One for each part.
        sentence_offsets: Where each sentence's parts begin, and a last one where they end.
        sentence_rows: The text that each sentence is of.
    """

    hashes: Hashes
    starts: Offsets
    stops: Offsets
    offsets: Offsets
    lines: Offsets
    part_hashes: Hashes
    sentence_offsets: Offsets
    sentence_rows: Offsets


class Kernels(NamedTuple):
    """The functions that exist twice.

    Attributes:
        tokens: (text bytes, offsets, is there anything but ASCII) -> `Tokens`. The text is in
            lower case.
        minhash: (shingles, offsets, factors, addends) -> uint32, one row a text and one column a
            factor: the least of `shingle * factor + addend` modulo 2^32; 2^32 - 1 without shingles.
        simhash: (hashes, offsets) -> uint64 a text: each bit as most of its hashes have it.
        num_equal: (table of bytes, left rows, right rows) -> int64: in how many columns the rows
            of each pair are equal.
        overlap: (shingles, offsets, left, right) -> for each pair of rows, whose shingles are
            sorted, `[common, common odd ones]` as int64. Odd ones come from answers.
        runs: (code points, class of each, offsets of texts) -> `Runs`.
        term_sums: (sorted keys of the terms of some texts, as `term_keys` gives them; number of
            texts; weight of each term by its last `TABLE_BITS`; factor of each count; number of
            channels) -> float64, a row a text: the sum of its terms in each channel.
        shingles: (hashes of words, offsets, words of an n-gram, mark 0 or 1) -> text by text,
            uint64: the number of the text above `SHINGLE_BITS`, below it a hash that ends in the
            mark.
        ascii_counts: (ASCII bytes, offsets) -> int32, a row a text: words and letters.
        mixed: See the function of this name.
        ordered_hashes: See the function of this name.
    """

    tokens: Callable[[Bytes, Offsets, bool], Tokens]
    minhash: Callable[[Marks, Offsets, Marks, Marks], Any]
    simhash: Callable[[Hashes, Offsets], Hashes]
    num_equal: Callable[[Any, Offsets, Offsets], Offsets]
    overlap: Callable[[Marks, Offsets, Offsets, Offsets], Any]
    runs: Callable[[Any, Bytes, Offsets], Runs]
    term_sums: Callable[[Hashes, int, Any, Floats, int], Floats]
    shingles: Callable[[Hashes, Offsets, int, int], Hashes]
    ascii_counts: Callable[[Bytes, Offsets], Counts]
    mixed: Callable[[Hashes], Hashes]
    ordered_hashes: Callable[[Hashes, Offsets], Hashes]


@lru_cache(maxsize=1)
def load_kernels() -> Kernels:
    """The fastest kernels that work here."""
    from roboloop.curate import kernels_numpy

    if find_spec("numba") is None:
        return kernels_numpy.KERNELS
    try:
        from roboloop.curate import kernels_numba
    except (ImportError, RuntimeError):  # not made for this NumPy; no place for its cache
        return kernels_numpy.KERNELS
    return kernels_numba.KERNELS


def mixed(hashes: Hashes) -> Hashes:
    """Every bit of the result depends on every bit of the input (the finaliser of SplitMix64)."""
    return load_kernels().mixed(hashes)


def ordered_hashes(hashes: Hashes, *, offsets: Offsets) -> Hashes:
    """One hash for each run of hashes, which depends on their order."""
    return load_kernels().ordered_hashes(hashes, offsets)


def term_keys(hashes: Hashes, offsets: Offsets) -> Hashes:
    """A key for each word and each pair of neighbouring words of some texts, sorted.

    Args:
        hashes: Of the words.
        offsets: Where each text's words begin, and a last one where they end.
    """
    rows = np.repeat(np.arange(len(offsets) - 1, dtype=np.uint64), np.diff(offsets))
    has_next = rows[1:] == rows[:-1]
    pairs = mixed(hashes[:-1] + mixed(hashes[1:]))[has_next]
    terms = np.concatenate([mixed(hashes), mixed(pairs)]) & np.uint64((1 << TERM_BITS) - 1)
    keys = np.concatenate([rows, rows[:-1][has_next]]) << np.uint64(TERM_BITS) | terms
    keys.sort()
    return keys


@lru_cache(maxsize=1)
def character_classes() -> Bytes:
    """SEPARATOR, WORD or SINGLE of every code point below 65536; higher ones are SINGLE."""
    kinds = [unicodedata.category(chr(code)) for code in range(0x10000)]
    # Vowel signs and the like (M) belong to the letter before them; < and + (Sm) say something.
    of_kind = {"L": WORD, "N": WORD, "M": WORD, "Sm": SINGLE}
    classes = np.array(
        [of_kind.get(kind, of_kind.get(kind[0], SEPARATOR)) for kind in kinds], dtype=np.uint8
    )
    for first, last in _SINGLE_RANGES:
        span = classes[first : last + 1]
        span[span == WORD] = SINGLE
    return classes


def powers_of_step(num_powers: int) -> Hashes:
    """Odd factors that set the places of an order apart."""
    powers = np.full(num_powers, STEP, dtype=np.uint64)
    return np.multiply.accumulate(powers, out=powers)
