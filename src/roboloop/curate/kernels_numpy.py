"""The kernels in NumPy, for machines without numba."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from roboloop.curate.kernels import (
    ASCII_SPACE,
    BYTE_FACTOR,
    BYTE_FACTOR_INVERSE,
    END,
    HAN,
    MIX_1,
    MIX_2,
    NEGATIVE,
    NOT_ODD,
    OTHER,
    SEPARATOR,
    SHINGLE_BITS,
    SINGLE,
    SINGLE_REST,
    SPACE,
    TABLE_BITS,
    TERM_BITS,
    WORD,
    Bools,
    Bytes,
    Counts,
    Floats,
    Hashes,
    Kernels,
    Marks,
    Offsets,
    Runs,
    Tokens,
    character_classes,
    powers_of_step,
)

PAIRS_AT_ONCE = 1 << 14
BITS = 64
_LAST_TERM = np.uint64((1 << TERM_BITS) - 1)
_IS_SPACE = np.isin(np.arange(256), list(ASCII_SPACE))
_IS_LETTER = np.isin(np.arange(256), [*range(65, 91), *range(97, 123)])


def mixed(hashes: Hashes) -> Hashes:
    """See `kernels.mixed`."""
    found = hashes >> np.uint64(30)
    found ^= hashes
    found *= MIX_1
    shifted = found >> np.uint64(27)
    found ^= shifted
    found *= MIX_2
    np.right_shift(found, np.uint64(31), out=shifted)
    found ^= shifted
    return found


def ordered_hashes(hashes: Hashes, offsets: Offsets) -> Hashes:
    """See `kernels.ordered_hashes`."""
    counts = np.diff(offsets)
    filled = np.flatnonzero(counts)
    found = np.zeros(len(counts), dtype=np.uint64)
    if len(filled):
        within = np.arange(len(hashes)) - np.repeat(offsets[:-1], counts)
        powers = powers_of_step(int(counts.max()))[within]
        found[filled] = np.add.reduceat(hashes * powers, offsets[filled])
    return mixed(found)


def tokens(data: Bytes, offsets: Offsets, has_wide: bool) -> Tokens:
    """See `Kernels.tokens`."""
    classes = _byte_classes(data, has_wide=has_wide)
    num_bytes = len(data)
    begins_text = np.zeros(num_bytes + 1, dtype=np.bool_)
    begins_text[offsets] = True
    follows_word = np.zeros(num_bytes, dtype=np.bool_)
    follows_word[1:] = classes[:-1] == WORD
    follows_word &= ~begins_text[:-1]
    is_start = (classes == SINGLE) | ((classes == WORD) & ~follows_word)
    is_last = np.ones(num_bytes, dtype=np.bool_)
    is_last[:-1] = is_start[1:] | (classes[1:] == SEPARATOR) | begins_text[1:-1]
    starts = np.flatnonzero(is_start)
    stops = np.flatnonzero(is_last & (classes != SEPARATOR)) + 1
    hashes = _RunHashes(data).of(starts, stops)
    is_number = (data[starts] >= ord("0")) & (data[starts] <= ord("9"))
    has_dash = is_number & (starts > 0) & ~begins_text[starts]
    has_dash[has_dash] = data[starts[has_dash] - 1] == ord("-")
    dashes = starts[has_dash] - 1
    stands_free = begins_text[dashes] | (classes[np.maximum(dashes - 1, 0)] == SEPARATOR)
    hashes[np.flatnonzero(has_dash)[stands_free]] ^= NEGATIVE
    return Tokens(mixed(hashes), np.searchsorted(starts, offsets).astype(np.int64), is_number)


def _byte_classes(data: Bytes, *, has_wide: bool) -> Bytes:
    table = character_classes()
    classes = table[:256][data]
    if not has_wide:
        return classes
    leads = np.flatnonzero(data >= 0xC0)
    padded = np.concatenate([data, np.zeros(3, dtype=np.uint8)]).astype(np.uint32)
    first, second, third = padded[leads], padded[leads + 1] & 0x3F, padded[leads + 2] & 0x3F
    code = np.where(
        first < 0xE0,
        (first & 0x1F) << 6 | second,
        (first & 0x0F) << 12 | second << 6 | third,
    )
    kinds = np.where(first < 0xF0, table[code & 0xFFFF], np.uint8(SINGLE))
    lengths = 2 + (first >= 0xE0) + (first >= 0xF0)
    classes[leads] = kinds
    rests = np.where(kinds == SINGLE, np.uint8(SINGLE_REST), kinds)
    for place in (1, 2, 3):
        longer = lengths > place
        classes[leads[longer] + place] = rests[longer]
    return classes


def runs(characters: Any, classes: Bytes, offsets: Offsets) -> Runs:
    """See `Kernels.runs`."""
    begins_text = np.zeros(len(characters) + 1, dtype=np.bool_)
    begins_text[offsets] = True
    starts, stops = _bounds(np.where(classes < SPACE, classes, OTHER), begins_text=begins_text)
    parts = _bounds((classes < SPACE).view(np.uint8), begins_text=begins_text)
    sentence = _places(parts.starts, offsets=_cut(offsets, at=classes == END))
    begins = np.flatnonzero(np.diff(sentence, prepend=-1))
    hashes = _RunHashes(characters)
    return Runs(
        hashes.of(starts, stops),
        starts,
        stops,
        np.searchsorted(starts, offsets).astype(np.int64),
        _places(starts, offsets=_cut(offsets, at=characters == ord("\n"))),
        hashes.of(parts.starts, parts.stops),
        np.append(begins, len(parts.starts)),
        _places(parts.starts[begins], offsets=offsets),
    )


class _Bounds(NamedTuple):
    """Where runs of characters start, and where they stop."""

    starts: Offsets
    stops: Offsets


def _bounds(classes: Bytes, *, begins_text: Bools) -> _Bounds:
    """Runs of one class other than OTHER, within a text; each Han character is one."""
    changes = begins_text.copy()
    changes[1:-1] |= classes[1:] != classes[:-1]
    is_han = classes == HAN
    changes[:-1] |= is_han
    changes[1:] |= is_han
    is_inside = classes != OTHER
    return _Bounds(
        np.flatnonzero(changes[:-1] & is_inside), np.flatnonzero(changes[1:] & is_inside) + 1
    )


def _cut(offsets: Offsets, *, at: Bools) -> Offsets:
    """The offsets of texts that are cut at some characters, too."""
    return np.sort(np.concatenate([offsets, np.flatnonzero(at)]))


def _places(starts: Offsets, *, offsets: Offsets) -> Offsets:
    """In which part each run stands, of those that begin at the offsets."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(np.searchsorted(starts, offsets)))


class _RunHashes:
    """Hashes of runs of characters, each a sum of (character + 1) * factor^place in the run.

    They come from differences of running sums, so that a run costs the same however long it is.

    Args:
        characters: Bytes or code points.
    """

    def __init__(self, characters: Any) -> None:
        powers = np.full(len(characters), BYTE_FACTOR, dtype=np.uint64)
        powers[:1] = 1
        np.multiply.accumulate(powers, out=powers)
        self._sums = np.zeros(len(characters) + 1, dtype=np.uint64)
        np.cumsum((characters.astype(np.uint64) + np.uint64(1)) * powers, out=self._sums[1:])
        powers[1:] = BYTE_FACTOR_INVERSE
        self._inverse_powers = np.multiply.accumulate(powers, out=powers)

    def of(self, starts: Offsets, stops: Offsets) -> Hashes:
        """Of each run from one of `starts` to one of `stops`."""
        return (self._sums[stops] - self._sums[starts]) * self._inverse_powers[starts]


def minhash(shingles: Marks, offsets: Offsets, factors: Marks, addends: Marks) -> Any:
    """See `Kernels.minhash`."""
    least = np.full((len(offsets) - 1, len(factors)), np.iinfo(np.uint32).max, dtype=np.uint32)
    filled = np.flatnonzero(np.diff(offsets))
    if len(filled):
        for column, (factor, addend) in enumerate(zip(factors, addends, strict=True)):
            least[filled, column] = np.minimum.reduceat(shingles * factor + addend, offsets[filled])
    return least


def simhash(hashes: Hashes, offsets: Offsets) -> Hashes:
    """See `Kernels.simhash`."""
    counts = np.diff(offsets)
    filled = np.flatnonzero(counts)
    found = np.zeros(len(counts), dtype=np.uint64)
    for bit in range(BITS if len(filled) else 0):
        is_set = (hashes >> np.uint64(bit)) & np.uint64(1)
        num_set = np.add.reduceat(is_set, offsets[filled])
        most = num_set * np.uint64(2) > counts[filled].astype(np.uint64)
        found[filled] |= most.astype(np.uint64) << np.uint64(bit)
    return found


def num_equal(table: Any, left: Offsets, right: Offsets) -> Offsets:
    """See `Kernels.num_equal`."""
    counts = np.empty(len(left), dtype=np.int64)
    for start in range(0, len(left), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        counts[part] = np.count_nonzero(table[left[part]] == table[right[part]], axis=1)
    return counts


def overlap(shingles: Marks, offsets: Offsets, left: Offsets, right: Offsets) -> Any:
    """See `Kernels.overlap`."""
    counts = np.zeros((len(left), 2), dtype=np.int64)
    for start in range(0, len(left), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        keyed = np.concatenate(
            [_keyed(shingles, offsets=offsets, rows=rows[part]) for rows in (left, right)]
        )
        keyed.sort()
        twice = keyed[1:][keyed[1:] == keyed[:-1]]
        pair = (twice >> np.uint64(32)).astype(np.int64)
        num_pairs = len(left[part])
        counts[part, 0] = np.bincount(pair, minlength=num_pairs)
        counts[part, 1] = np.bincount(pair[(twice & np.uint64(1)) == 1], minlength=num_pairs)
    return counts


def _keyed(shingles: Marks, *, offsets: Offsets, rows: Offsets) -> Hashes:
    """The shingles of the rows, each with the place of its row in the upper half."""
    counts = offsets[rows + 1] - offsets[rows]
    row = np.repeat(np.arange(len(rows)), counts)
    within = np.arange(len(row)) - (np.cumsum(counts) - counts)[row]
    found = shingles[offsets[rows][row] + within].astype(np.uint64)
    return found | row.astype(np.uint64) << np.uint64(32)


def term_sums(
    keys: Hashes, num_texts: int, weights: Any, factors: Floats, num_channels: int
) -> Floats:
    """See `Kernels.term_sums`."""
    keys, counts = np.unique(keys, return_counts=True)
    channel = ((keys & _LAST_TERM) >> np.uint64(TABLE_BITS)) % np.uint64(num_channels)
    sign = np.where((keys >> np.uint64(TERM_BITS - 1)) & np.uint64(1), 1.0, -1.0)
    place = (keys >> np.uint64(TERM_BITS)) * np.uint64(num_channels) + channel
    sums: Any = np.bincount(
        place.astype(np.int64),
        weights=sign * (factors[counts] * weights[keys & np.uint64(len(weights) - 1)]),
        minlength=num_texts * num_channels,
    )
    return sums.reshape(num_texts, num_channels)


def shingles(hashes: Hashes, offsets: Offsets, width: int, mark: int) -> Hashes:
    """See `Kernels.shingles`."""
    counts = np.diff(offsets)
    num_shingles = np.where(counts >= width, counts - width + 1, (counts > 0).astype(np.int64))
    rows = np.repeat(np.arange(len(counts)), num_shingles)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(num_shingles) - num_shingles, num_shingles)
    starts, stops = offsets[rows] + within, offsets[rows + 1]
    sums = np.zeros(len(rows), dtype=np.uint64)
    for place, power in enumerate(powers_of_step(width)):
        words_there = hashes[np.minimum(starts + place, len(hashes) - 1)]
        sums += np.where(starts + place < stops, words_there * power, np.uint64(0))
    marked = (mixed(sums) >> SHINGLE_BITS) & NOT_ODD | np.uint64(mark)
    return rows.astype(np.uint64) << SHINGLE_BITS | marked


def ascii_counts(data: Bytes, offsets: Offsets) -> Counts:
    """See `Kernels.ascii_counts`."""
    is_space = _IS_SPACE[data]
    follows_space = np.ones(len(data), dtype=np.bool_)
    follows_space[1:] = is_space[:-1]
    follows_space[offsets[:-1][offsets[:-1] < len(data)]] = True
    flags = (~is_space & follows_space, _IS_LETTER[data])
    counts = np.zeros((len(offsets) - 1, len(flags)), dtype=np.int32)
    filled = np.flatnonzero(np.diff(offsets))  # between filled texts there is nothing
    for column, flag in enumerate(flags if len(filled) else ()):
        counts[filled, column] = np.add.reduceat(
            flag.view(np.uint8), offsets[filled], dtype=np.int32
        )
    return counts


KERNELS = Kernels(
    tokens, minhash, simhash, num_equal, overlap, runs, term_sums, shingles, ascii_counts,
    mixed, ordered_hashes,
)  # fmt: skip
