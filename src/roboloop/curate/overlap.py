"""Which benchmark items a batch of texts repeats: overlap of n-grams, counted exactly.

n-grams that many items share are the wording of a template: they find no candidates, but they
count once a pair is verified.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from roboloop.curate.columns import is_worded
from roboloop.curate.kernels import Bools, Offsets, load_kernels
from roboloop.curate.picture_print import spans_of
from roboloop.curate.prose import Prose, TellingWords, read_prose
from roboloop.curate.telling import TELLING_WORDS

NUM_WORDS = 5
"""Words of an n-gram."""
MAX_ITEMS = 64
"""An n-gram of more items finds no candidates."""
MIN_SHARED = 3
"""Candidates share so many n-grams that are not templates, or all they have."""


class TextMatch(NamedTuple):
    """The closest item of each text, -1 where there is none, and their similarity."""

    item: Offsets
    similarity: np.ndarray[Any, np.dtype[np.float64]]


class TextIndex:
    """Questions and answers of items.

    Args:
        items: A table with `question`, `answer`, `answer_kind` and `num_media`.
        min_words: An answer with so many words counts by itself, whatever the pictures.
    """

    def __init__(self, items: Any, *, min_words: int) -> None:
        self._min_words = min_words
        self._prose = _prose_of(items)
        self._counts = np.diff(self._prose.offsets)
        self._answer_counts = _num_odd(self._prose)
        self._is_worded = is_worded(items).to_numpy()
        self._is_blind = items["num_media"].to_numpy() == 0
        self._speaks = self._is_worded & (
            (self._prose.num_answer_words >= min_words) | self._is_blind
        )
        self._wholes = self._distinct_texts()
        asked_items = np.zeros(len(self._counts), dtype=np.bool_)
        asked_items[list(self._wholes.values())] = True
        owners = np.repeat(np.arange(len(self._counts)), self._counts)
        asked = asked_items[owners]
        order = np.lexsort((owners[asked], self._prose.shingles[asked]))
        self._keys = self._prose.shingles[asked][order]
        self._items = owners[asked][order]

    def closest(self, facts: Any) -> TextMatch:
        """For each row of facts the item whose question and answer it repeats most of.

        The similarity is that of the answers or that of everything said, whichever is less; each is
        the Jaccard similarity of the n-grams or the part of the item's that the record has,
        whichever is more.
        """
        num_rows = facts.num_rows
        item = np.full(num_rows, -1, dtype=np.int64)
        similarity = np.full(num_rows, np.nan)
        if not len(self._keys) or not num_rows:
            return TextMatch(item, similarity)
        prose = _prose_of(facts)
        row, other = self._candidates(prose, facts=facts)
        if not len(row):
            return TextMatch(item, similarity)
        values = self._similarity(prose, row=row, other=other)
        order = np.lexsort((other, -values, row))
        row, other, values = row[order], other[order], values[order]
        first = np.r_[True, row[1:] != row[:-1]]
        item[row[first]], similarity[row[first]] = other[first], values[first]
        return TextMatch(item, similarity)

    def _candidates(self, prose: Prose, *, facts: Any) -> tuple[Offsets, Offsets]:
        """Pairs (row, item) that share enough rare n-grams."""
        is_blind = facts["num_media"].to_numpy() == 0
        is_long = prose.num_answer_words >= self._min_words
        speaks = is_worded(facts).to_numpy(zero_copy_only=False) & (is_long | is_blind)
        counts = np.diff(prose.offsets)
        owners = np.repeat(np.arange(len(counts)), counts)
        asked = speaks[owners]
        owners, shingles = owners[asked], prose.shingles[asked]
        spans = spans_of(self._keys, shingles, max_places=MAX_ITEMS)
        codes = owners[spans.owners] * len(self._counts) + self._items[spans.places]
        pairs, shared = np.unique(codes, return_counts=True)
        row, other = pairs // len(self._counts), pairs % len(self._counts)
        fewer = np.minimum(counts[row], self._counts[other])
        enough = shared >= np.minimum(MIN_SHARED, fewer)
        same_row, same_other = self._same(prose, rows=np.flatnonzero(speaks))
        row = np.concatenate([row[enough], same_row])
        other = np.concatenate([other[enough], same_other])
        comparable = self._comparable(row, other, is_blind=is_blind, is_long=is_long)
        return row[comparable], other[comparable]

    def _distinct_texts(self) -> dict[bytes, int]:
        """The first item of each text that counts."""
        wholes: dict[bytes, int] = {}
        for item in np.flatnonzero(self._speaks).tolist():
            wholes.setdefault(_whole(self._prose, item), item)
        return wholes

    def _same(self, prose: Prose, *, rows: Offsets) -> tuple[Offsets, Offsets]:
        """Pairs (row, item) of the very same n-grams, however many items share them."""
        found = [(row, self._wholes.get(_whole(prose, row))) for row in rows.tolist()]
        same = np.array([pair for pair in found if pair[1] is not None], dtype=np.int64)
        return same.reshape(-1, 2)[:, 0], same.reshape(-1, 2)[:, 1]

    def _comparable(
        self, row: Offsets, other: Offsets, *, is_blind: Bools, is_long: Bools
    ) -> Bools:
        """Both answers are long, or neither shows a picture: the words are all there is."""
        long_enough = is_long[row] & (self._prose.num_answer_words[other] >= self._min_words)
        return long_enough | (is_blind[row] & self._is_blind[other])

    def _similarity(self, prose: Prose, *, row: Offsets, other: Offsets) -> Any:
        rows = np.unique(row)
        chosen = [prose.shingles[prose.offsets[each] : prose.offsets[each + 1]] for each in rows]
        lengths = np.array([len(each) for each in chosen])
        shingles = np.concatenate([self._prose.shingles, *chosen])
        ends = self._prose.offsets[-1] + np.cumsum(lengths)
        offsets = np.concatenate([self._prose.offsets, ends]).astype(np.int64)
        place = len(self._counts) + np.searchsorted(rows, row)
        common = load_kernels().overlap(shingles, offsets, place.astype(np.int64), other)
        said = _share(common[:, 0], mine=np.diff(prose.offsets)[row], its=self._counts[other])
        answers = _share(common[:, 1], mine=_num_odd(prose)[row], its=self._answer_counts[other])
        return np.minimum(said, answers)


def _whole(prose: Prose, row: int) -> bytes:
    """All n-grams of a text as one key."""
    return prose.shingles[prose.offsets[row] : prose.offsets[row + 1]].tobytes()


def _share(common: Any, *, mine: Any, its: Any) -> Any:
    """Jaccard similarity, or the part of the item's that is common, whichever is more."""
    union = np.maximum(1, mine + its - common)
    return np.maximum(common / union, common / np.maximum(1, its))


def _prose_of(table: Any) -> Prose:
    import pyarrow as pa

    texts: list[Any] = []
    for name in ("question", "answer"):
        column = table[name]
        whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        texts.append(whole if len(whole) else pa.array([], pa.string()))
    kernels = load_kernels()
    telling = TellingWords(TELLING_WORDS, numbers=False)
    return read_prose(*texts, width=NUM_WORDS, telling=telling, kernels=kernels)


def _num_odd(prose: Prose) -> Offsets:
    """How many n-grams of each text come from its answer."""
    sums = np.concatenate([[0], np.cumsum(prose.shingles & np.uint32(1), dtype=np.int64)])
    return sums[prose.offsets[1:]] - sums[prose.offsets[:-1]]
