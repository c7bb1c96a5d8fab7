"""The words of questions and answers as sorted sets of hashed n-grams ("shingles").

Letter case, punctuation and white space do not count; a Chinese or Japanese character is a word of
its own. An n-gram is marked by where it stands: those of answers are odd numbers, those of
questions even ones, and none runs over from the question into the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from unicodedata import normalize

import numpy as np

from roboloop.curate.columns import arrow_compute, text_bytes
from roboloop.curate.kernels import (
    SHINGLE_BITS,
    Hashes,
    Kernels,
    Marks,
    Offsets,
    Tokens,
    load_kernels,
    mixed,
    ordered_hashes,
)
from roboloop.curate.recent import Recent

_RECENT: Recent[Tokens] = Recent(8)
"""Words of the questions and answers of two batches, and room for what operators make of them."""
_TELLING: Recent[Hashes] = Recent(8)
MAX_BYTES_AT_ONCE = 4 << 20
_SIEVE = np.uint64(0xFFF)
_LOW = np.uint64(0xFFFFFFFF)


class Prose(NamedTuple):
    """The words of some records.

    Attributes:
        shingles: Of all records, sorted and without repeats within each.
        offsets: Where each record's shingles begin, and a last one where they end.
        telling: One hash a record of its numbers and telling words, in order.
        num_answer_words: Words of each record's answer.
    """

    shingles: Marks
    offsets: Offsets
    telling: Hashes
    num_answer_words: Offsets


class TellingWords:
    """Words whose exchange changes what a sentence says, such as left and right.

    Args:
        words: The words.
        numbers: Whether numbers tell, too.
    """

    def __init__(self, words: Sequence[str], *, numbers: bool) -> None:
        import pyarrow as pa

        self.key = (tuple(words), numbers)
        found = _read_words(pa.array(words, pa.string()), kernels=load_kernels()).hashes
        self._hashes = np.unique(found)
        self._sieve = np.zeros(int(_SIEVE) + 1, dtype=np.bool_)
        self._sieve[self._hashes & _SIEVE] = True
        self._numbers = numbers

    def of(self, words: Tokens) -> Hashes:
        """One hash a text of the telling words in their order; 0 without any."""
        tells = self._sieve[words.hashes & _SIEVE]  # most words are out at once
        tells[tells] = np.isin(words.hashes[tells], self._hashes)
        if self._numbers:
            tells |= words.is_number
        places = np.flatnonzero(tells)
        bounds = np.searchsorted(places, words.offsets).astype(np.int64)
        return ordered_hashes(words.hashes[places], offsets=bounds)


def read_prose(
    questions: Any, answers: Any, *, width: int, telling: TellingWords, kernels: Kernels
) -> Prose:
    """The shingles of `width` words of two Arrow arrays of texts, a bounded part at a time."""
    pc = arrow_compute()

    num_bytes = pc.add(pc.binary_length(questions), pc.binary_length(answers)).to_pylist()
    parts = [
        _read_part(
            questions.slice(start, stop - start), answers.slice(start, stop - start),
            width=width, telling=telling, kernels=kernels,
        )
        for start, stop in _parts(num_bytes)
    ]  # fmt: skip
    counts = np.concatenate([np.diff(part.offsets) for part in parts])
    return Prose(
        np.concatenate([part.shingles for part in parts]),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.concatenate([part.telling for part in parts]),
        np.concatenate([part.num_answer_words for part in parts]),
    )


def words_of(texts: Any, *, kernels: Kernels) -> Tokens:
    """The words of an Arrow array of texts, in lower case and in the forms of NFKC."""
    return _RECENT.get(texts, find=lambda: _read_words(texts, kernels=kernels), about=id(kernels))


def _read_words(texts: Any, *, kernels: Kernels) -> Tokens:
    import pyarrow as pa

    pc = arrow_compute()

    has_wide = not pc.all(pc.string_is_ascii(texts), min_count=0).as_py()
    if has_wide:
        # Arrow's own utf8_normalize leaves accents apart in version 25.
        plain = (text if text.isascii() else normalize("NFKC", text) for text in texts.to_pylist())
        texts = pa.array(plain, pa.string())
    return kernels.tokens(*text_bytes(pc.utf8_lower(texts)), has_wide)


def _parts(num_bytes: Sequence[int]) -> list[tuple[int, int]]:
    """Runs of records with so many bytes of text together; one that is longer stands alone."""
    parts: list[tuple[int, int]] = []
    start, filled = 0, 0
    for place, size in enumerate(num_bytes):
        if filled and filled + size > MAX_BYTES_AT_ONCE:
            parts.append((start, place))
            start, filled = place, 0
        filled += size
    return [*parts, (start, len(num_bytes))]


def _read_part(
    questions: Any, answers: Any, *, width: int, telling: TellingWords, kernels: Kernels
) -> Prose:
    asked = words_of(questions, kernels=kernels)
    answered = words_of(answers, kernels=kernels)
    keyed = np.concatenate(
        [
            kernels.shingles(words.hashes, words.offsets, width, mark)
            for mark, words in enumerate((asked, answered))
        ]
    )
    keyed.sort()
    is_new = np.ones(len(keyed), dtype=np.bool_)
    is_new[1:] = keyed[1:] != keyed[:-1]
    keyed = keyed[is_new]
    rows = np.arange(len(questions) + 1, dtype=np.uint64) << SHINGLE_BITS
    told = [
        _TELLING.get(texts, find=lambda words=words: telling.of(words), about=telling.key)
        for texts, words in ((questions, asked), (answers, answered))
    ]
    return Prose(
        (keyed & _LOW).astype(np.uint32),
        np.searchsorted(keyed, rows).astype(np.int64),
        mixed(told[0]) ^ told[1],
        np.diff(answered.offsets),
    )
