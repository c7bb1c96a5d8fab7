"""A score without a model: six marks between 0 and 1 that anybody can check by hand.

They are found for a whole batch at once. Words become numbers, so that a set of words is a set of
numbers; what a word means is looked up once for each different word.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from roboloop.curate.base import ArrowBatch, Flags, Indices, Numbers
from roboloop.curate.columns import arrow_compute, distinct
from roboloop.curate.format_measures import box_side_px, outside_px
from roboloop.curate.kernels import Hashes, mixed
from roboloop.curate.plain_words import PlainWords, plain_words
from roboloop.records.answers import SPATIAL_KINDS

MARKS = ("relevance", "grounding", "form", "novelty", "length", "detail")
"""Names of the marks, in order."""

SHORT_ANSWER_WORDS = 3
ENOUGH_OVERLAP = 1 / 3
LENGTHS = {"text": (1, 150), "plan": (2, 10)}
"""Kind of answer -> words of a text, steps of a plan, that are neither too few nor too many."""
TOO_LONG = 4
"""At so many times the upper end the mark for length is 0."""
MIN_QUESTION_WORDS = 2
MIN_STEP_MEANINGS = 2
"""A step of a plan names what it is about in so many words that carry meaning."""

_EMPTY = """
a an the and or of to in on at is are was be it its this that these those with for from by as
what which where who how when do does did can will should would i you we they he she there
的 了 在 是 和 与 把 被 请 吗 呢 这 那 个 什 么 哪 里
"""
_VAGUE = "thing things something stuff object objects item items somewhere"
_EMPTY_WORDS = frozenset(_EMPTY.split())
_VAGUE_WORDS = frozenset(_VAGUE.split())

_HASH_BITS = np.uint64(48)
"""Of a hash beside the row it is of."""


def marks_of(batch: ArrowBatch, *, cut_off: Any, stray_marks: Any) -> Any:
    """The `MARKS` of a batch of facts, float64 [num_rows, 6].

    Args:
        batch: The facts.
        cut_off: Arrow column, how each answer was cut off, null for those that were not.
        stray_marks: Arrow column, the first stray mark of each text, null for those without.
    """
    words = _spoken(batch)
    is_plan, is_text = (_is_kind(batch, kind) for kind in ("plan", "text"))
    is_worded = is_plan | is_text
    problem = _flags(arrow_compute().not_equal(batch["problem"], ""))
    marks = {
        "relevance": np.where(is_worded, _relevance(words), words.asked.counts > 0),
        "grounding": np.select(
            [is_plan, is_text],
            [words.num_named_steps / np.maximum(words.num_steps, 1), words.num_telling > 0],
            _is_placed(batch),
        ),
        "form": 0.5 * ~problem
        + 0.25 * _flags(stray_marks.is_null())
        + 0.25 * _flags(cut_off.is_null()),
        "novelty": np.where(is_worded, words.novelty, 1.0),
        "length": np.select(
            [is_plan, is_text],
            [_length("plan", words.num_steps), _length("text", words.num_answer_words)],
            1.0,
        ),
        "detail": np.where(
            is_worded, words.num_telling / np.maximum(words.said.counts, 1), 1.0
        ),
    }  # fmt: skip
    of_question = np.minimum(1.0, words.num_question_words / MIN_QUESTION_WORDS)
    marks["length"] = np.minimum(of_question, marks["length"])
    return np.stack([marks[name] for name in MARKS], axis=1)


def _lower(texts: Any) -> Any:
    """As `str.lower`, which Arrow's `utf8_lower` is not for every letter."""
    import pyarrow as pa

    pc = arrow_compute()
    if pc.all(pc.string_is_ascii(texts), min_count=0).as_py():
        return pc.ascii_lower(texts)
    return pa.array([text.lower() for text in texts.to_pylist()], pa.string())


class _Meanings(NamedTuple):
    """The words that carry meaning in some texts.

    Attributes:
        counts: How many each text has.
        keys: One for each different one of each text: row * number of meanings + meaning; sorted.
    """

    counts: Indices
    keys: Indices


class _Spoken(NamedTuple):
    """What questions and answers say, counted for each record.

    Attributes:
        asked, said: The words that carry meaning in questions, in answers.
        num_meanings: The factor of their keys.
        num_question_words, num_answer_words: Words of any kind.
        num_telling: Different words of the answer that carry meaning and are not vague.
        num_steps: Lines of the answer that have words.
        num_named_steps: Those of them with `MIN_STEP_MEANINGS`.
        novelty: Share of the answer that is not said twice.
    """

    asked: _Meanings
    said: _Meanings
    num_meanings: int
    num_question_words: Indices
    num_answer_words: Indices
    num_telling: Indices
    num_steps: Indices
    num_named_steps: Indices
    novelty: Numbers


def _spoken(batch: ArrowBatch) -> _Spoken:
    import pyarrow as pa

    num_rows = batch.num_rows
    answers = _lower(batch["answer"])
    words = plain_words(pa.concat_arrays([batch["question"], answers]))
    meanings, vague = _meanings_of(words.vocabulary)
    meaning = meanings[words.codes]
    is_asked, has_meaning = words.rows < num_rows, meaning > 0
    asked, said = (
        _meanings(
            meaning[has_meaning & side], rows=words.rows[has_meaning & side] - first,
            num_rows=num_rows, num_meanings=len(vague),
        )
        for side, first in ((is_asked, 0), (~is_asked, num_rows))
    )  # fmt: skip
    num_words = np.bincount(words.rows, minlength=2 * num_rows)
    telling = said.keys[~vague[said.keys % len(vague)]] // len(vague)
    # A line number belongs to one text, so lines of all texts are counted at once.
    begins_step = np.diff(words.lines, prepend=-1) > 0
    step = np.cumsum(begins_step) - 1
    step_rows = words.rows[begins_step]
    is_named = np.bincount(step[has_meaning], minlength=len(step_rows)) >= MIN_STEP_MEANINGS
    return _Spoken(
        asked, said, len(vague), num_words[:num_rows], num_words[num_rows:],
        np.bincount(telling, minlength=num_rows),
        np.bincount(step_rows, minlength=2 * num_rows)[num_rows:],
        np.bincount(step_rows[is_named], minlength=2 * num_rows)[num_rows:],
        _novelty(words, num_rows=2 * num_rows)[num_rows:],
    )  # fmt: skip


def _meanings(meaning: Indices, *, rows: Indices, num_rows: int, num_meanings: int) -> _Meanings:
    keys = distinct(rows * num_meanings + meaning)
    return _Meanings(np.bincount(rows, minlength=num_rows), keys)


def _relevance(words: _Spoken) -> Numbers:
    """Share of the shorter side's words that the other has, a third being enough.

    Answers of a few words need not repeat the question.
    """
    num_rows = len(words.num_question_words)
    asked, said = (side.keys // words.num_meanings for side in (words.asked, words.said))
    both = np.intersect1d(words.asked.keys, words.said.keys, assume_unique=True)
    shared = np.bincount(both // words.num_meanings, minlength=num_rows)
    least = np.minimum(
        np.bincount(asked, minlength=num_rows), np.bincount(said, minlength=num_rows)
    )
    share = np.minimum(1.0, shared / np.maximum(least, 1) / ENOUGH_OVERLAP)
    is_short = words.said.counts <= SHORT_ANSWER_WORDS
    return np.where(is_short, words.said.counts > 0, share)


def _is_placed(batch: ArrowBatch) -> Flags:
    """Whether there are places in the picture, or an option, a yes or no, or a number."""
    pc = arrow_compute()
    has_places = _flags(pc.greater(pc.fill_null(pc.list_value_length(batch["geometry"]), 0), 0))
    is_inside = (outside_px(batch) == 0) & (box_side_px(batch) >= 1)
    return np.where(
        _is_kind(batch, *SPATIAL_KINDS),
        has_places & is_inside,
        _flags(pc.not_equal(batch["short_answer"], "")),
    )


def _novelty(words: PlainWords, *, num_rows: int) -> Numbers:
    """Share of each text that is not said twice, by sentences and by runs of three words."""
    codes, rows = mixed(words.codes.astype(np.uint64) + np.uint64(1)), words.rows
    is_run = rows[2:] == rows[:-2]
    runs = mixed(mixed(codes[:-2] + mixed(codes[1:-1])) + mixed(mixed(codes[2:])))[is_run]
    return np.minimum(
        _distinct_share(words.sentences, rows=words.sentence_rows, num_rows=num_rows),
        _distinct_share(runs, rows=rows[2:][is_run], num_rows=num_rows),
    )


def _distinct_share(hashes: Hashes, *, rows: Indices, num_rows: int) -> Numbers:
    """Different hashes of each row by all hashes of it; 1 where there is none."""
    keys = distinct(rows.astype(np.uint64) << _HASH_BITS | hashes >> (np.uint64(64) - _HASH_BITS))
    num_distinct = np.bincount((keys >> _HASH_BITS).astype(np.int64), minlength=num_rows)
    counts = np.bincount(rows, minlength=num_rows)
    return np.where(counts > 0, num_distinct / np.maximum(counts, 1), 1.0)


def _length(kind: str, numbers: Indices) -> Numbers:
    """1 within the usual lengths of `LENGTHS`, less the further outside."""
    least, most = LENGTHS[kind]

    def mark(number: int) -> float:
        if number > most:
            return max(0.0, 1 - math.log(number / most) / math.log(TOO_LONG))
        return min(1.0, number / least)

    found, places = np.unique(numbers, return_inverse=True)
    return np.array([mark(number) for number in found.tolist()])[places]


class _Vocabulary(NamedTuple):
    """What different words mean.

    Attributes:
        meanings: A number for each word, the same for words of one meaning; 0 for none.
        vague: Bool for each of these numbers.
    """

    meanings: Indices
    vague: Flags


def _meanings_of(words: list[str]) -> _Vocabulary:
    numbers = {"": 0}
    meanings = [numbers.setdefault(_meaning(word), len(numbers)) for word in words]
    vague = np.array([told in _VAGUE_WORDS for told in numbers])
    return _Vocabulary(np.array(meanings, dtype=np.int64), vague)


@lru_cache(maxsize=1 << 16)
def _meaning(word: str) -> str:
    """The word, small and without its ending; empty for one that carries no meaning."""
    small = word.lower()
    for ending in ("ing", "ed", "es", "s"):
        if len(small) > len(ending) + 3 and small.endswith(ending):
            small = small[: -len(ending)]
            break
    return "" if small in _EMPTY_WORDS else small


def _is_kind(batch: ArrowBatch, *kinds: str) -> Flags:
    import pyarrow as pa

    return _flags(arrow_compute().is_in(batch["answer_kind"], value_set=pa.array(kinds)))


def _flags(column: Any) -> Flags:
    return column.to_numpy(zero_copy_only=False).astype(np.bool_)
