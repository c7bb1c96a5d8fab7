"""The kernels compiled by numba; what each does is said in `kernels.Kernels`.

numba brings no types, so what it decorates is Any. Compiled code is cached beside this file, or in
the user's cache where that cannot be written.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from roboloop.curate import kernels
from roboloop.curate.kernels import (
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

_compiled: Any = import_module("numba").njit(cache=True, nogil=True)

SEPARATOR, WORD, SINGLE = kernels.SEPARATOR, kernels.WORD, kernels.SINGLE
FACTOR, NEGATIVE = kernels.BYTE_FACTOR, kernels.NEGATIVE
MIX_1, MIX_2 = kernels.MIX_1, kernels.MIX_2
LARGEST = np.uint32(0xFFFFFFFF)
ONE = np.uint64(1)
LAST_TERM = np.uint64((1 << kernels.TERM_BITS) - 1)
TERM_BITS, CHANNEL_BITS = np.uint64(kernels.TERM_BITS), np.uint64(kernels.TABLE_BITS)
SHINGLE_BITS, NOT_ODD = kernels.SHINGLE_BITS, kernels.NOT_ODD
SIGN_BIT = np.uint64(kernels.TERM_BITS - 1)
OTHER, HAN, SPACE, END = kernels.OTHER, kernels.HAN, kernels.SPACE, kernels.END
DASH, ZERO, NINE, LINE_END = ord("-"), ord("0"), ord("9"), ord("\n")


@_compiled
def _mixed(value: Any) -> Any:
    value = (value ^ (value >> np.uint64(30))) * MIX_1
    value = (value ^ (value >> np.uint64(27))) * MIX_2
    return value ^ (value >> np.uint64(31))


@_compiled
def _mixed_all(hashes: Any) -> Any:
    found = np.empty_like(hashes)
    for place in range(len(hashes)):
        found[place] = _mixed(hashes[place])
    return found


def mixed(hashes: Hashes) -> Hashes:
    """See `kernels.mixed`."""
    return _mixed_all(np.ascontiguousarray(hashes))


@_compiled
def _ordered_hashes(hashes: Any, offsets: Any, step: Any) -> Any:
    found = np.empty(len(offsets) - 1, dtype=np.uint64)
    for run in range(len(found)):
        value, power = np.uint64(0), step
        for place in range(offsets[run], offsets[run + 1]):
            value += hashes[place] * power
            power *= step
        found[run] = _mixed(value)
    return found


def ordered_hashes(hashes: Hashes, offsets: Offsets) -> Hashes:
    """See `kernels.ordered_hashes`."""
    return _ordered_hashes(np.ascontiguousarray(hashes), offsets, kernels.STEP)


@_compiled
def _char_length(lead: Any) -> Any:
    if lead < 0xC0:
        return 1
    if lead < 0xE0:
        return 2
    return 3 if lead < 0xF0 else 4


@_compiled
def _char_class(data: Any, place: Any, length: Any, classes: Any) -> Any:
    first = np.int64(data[place])
    if length == 1:
        return np.int64(classes[first])
    second = np.int64(data[place + 1]) & 0x3F
    if length == 2:
        return np.int64(classes[(first & 0x1F) << 6 | second])
    if length == 3:
        third = np.int64(data[place + 2]) & 0x3F
        return np.int64(classes[(first & 0x0F) << 12 | second << 6 | third])
    return np.int64(SINGLE)


@_compiled
def _tokens(data: Any, offsets: Any, classes: Any, hashes: Any, is_number: Any) -> Any:
    """Fill `hashes` and `is_number`; give the texts' offsets into them."""
    bounds = np.zeros(len(offsets), dtype=np.int64)
    num_words = 0
    for text in range(len(offsets) - 1):
        place, stop = offsets[text], offsets[text + 1]
        inside = False
        before, is_minus = SEPARATOR, False  # the character before: its class; is it a sign
        value, power, sign = np.uint64(0), ONE, np.uint64(0)
        while place < stop:
            length = _char_length(data[place])
            kind = _char_class(data, place, length, classes)
            if inside and kind != WORD:
                hashes[num_words] = _mixed(value ^ sign)
                num_words += 1
                inside = False
            if kind != SEPARATOR:
                if not inside:
                    value, power, sign = np.uint64(0), ONE, np.uint64(0)
                    digit = ZERO <= data[place] <= NINE
                    is_number[num_words] = digit
                    if digit and is_minus:
                        sign = NEGATIVE
                for byte in data[place : place + length]:
                    value += (np.uint64(byte) + ONE) * power
                    power *= FACTOR
                inside = kind == WORD
                if not inside:
                    hashes[num_words] = _mixed(value)
                    num_words += 1
            is_minus = data[place] == DASH and before == SEPARATOR
            before = kind
            place += length
        if inside:
            hashes[num_words] = _mixed(value ^ sign)
            num_words += 1
        bounds[text + 1] = num_words
    return bounds


def tokens(data: Bytes, offsets: Offsets, has_wide: bool) -> Tokens:
    """See `Kernels.tokens`."""
    del has_wide
    hashes = np.empty(len(data), dtype=np.uint64)
    is_number = np.empty(len(data), dtype=np.bool_)
    bounds = _tokens(data, offsets, character_classes(), hashes, is_number)
    return Tokens(hashes[: bounds[-1]], bounds, is_number[: bounds[-1]])


@_compiled
def _runs(characters: Any, classes: Any, offsets: Any, words: Any, bounds: Any, lines: Any,
          parts: Any, sentences: Any) -> Any:  # fmt: skip
    """Fill the last five; give the texts' offsets into words, the number of parts, of sentences."""
    text_offsets = np.zeros(len(offsets), dtype=np.int64)
    num_words = num_parts = num_sentences = num_lines = 0
    for text in range(len(offsets) - 1):
        before, in_sentence, power = OTHER, False, ONE
        in_part, part, part_power = False, np.uint64(0), ONE
        for place in range(offsets[text], offsets[text + 1]):
            kind = classes[place]
            value = np.uint64(characters[place]) + ONE
            if OTHER < kind < SPACE:
                if kind != before or kind == HAN:
                    words[num_words], power = np.uint64(0), ONE
                    bounds[num_words, 0] = place
                    lines[num_words] = num_lines + text
                    num_words += 1
                words[num_words - 1] += value * power
                power *= FACTOR
                bounds[num_words - 1, 1] = place + 1
            before = kind
            if kind < SPACE:
                if not in_part:
                    in_part, part, part_power = True, np.uint64(0), ONE
                    if not in_sentence:
                        sentences[num_sentences, 0] = num_parts
                        sentences[num_sentences, 1] = text
                        num_sentences += 1
                        in_sentence = True
                    num_parts += 1
                part += value * part_power
                part_power *= FACTOR
                parts[num_parts - 1] = part
            else:
                in_part = False
                in_sentence = in_sentence and kind != END
                num_lines += characters[place] == LINE_END
        text_offsets[text + 1] = num_words
    return text_offsets, num_parts, num_sentences


def runs(characters: Any, classes: Bytes, offsets: Offsets) -> Runs:
    """See `Kernels.runs`."""
    most = len(characters)
    words, parts = np.empty(most, dtype=np.uint64), np.empty(most, dtype=np.uint64)
    bounds, sentences = np.empty((most, 2), dtype=np.int64), np.empty((most + 1, 2), dtype=np.int64)
    lines = np.empty(most, dtype=np.int64)
    text_offsets, num_parts, num_sentences = _runs(
        characters, classes, offsets, words, bounds, lines, parts, sentences
    )
    num_words = text_offsets[-1]
    sentences[num_sentences, 0] = num_parts
    return Runs(
        words[:num_words],
        bounds[:num_words, 0],
        bounds[:num_words, 1],
        text_offsets,
        lines[:num_words],
        parts[:num_parts],
        sentences[: num_sentences + 1, 0],
        sentences[:num_sentences, 1],
    )


@_compiled
def _minhash(shingles: Any, offsets: Any, factors: Any, addends: Any) -> Any:
    least = np.empty((len(offsets) - 1, len(factors)), dtype=np.uint32)
    for text in range(len(offsets) - 1):
        row = least[text]
        row[:] = LARGEST
        for shingle in shingles[offsets[text] : offsets[text + 1]]:
            for column in range(len(factors)):
                value = np.uint32(shingle * factors[column] + addends[column])
                row[column] = min(row[column], value)
    return least


def minhash(shingles: Marks, offsets: Offsets, factors: Marks, addends: Marks) -> Any:
    """See `Kernels.minhash`."""
    return _minhash(shingles, offsets, factors, addends)


@_compiled
def _simhash(hashes: Any, offsets: Any) -> Any:
    found = np.zeros(len(offsets) - 1, dtype=np.uint64)
    counts = np.zeros(64, dtype=np.int64)
    for text in range(len(offsets) - 1):
        counts[:] = 0
        for value in hashes[offsets[text] : offsets[text + 1]]:
            for bit in range(64):
                counts[bit] += np.int64((value >> np.uint64(bit)) & ONE)
        num_hashes = offsets[text + 1] - offsets[text]
        for bit in range(64):
            if 2 * counts[bit] > num_hashes:
                found[text] |= ONE << np.uint64(bit)
    return found


def simhash(hashes: Hashes, offsets: Offsets) -> Hashes:
    """See `Kernels.simhash`."""
    return _simhash(hashes, offsets)


@_compiled
def _num_equal(table: Any, left: Any, right: Any) -> Any:
    counts = np.zeros(len(left), dtype=np.int64)
    for pair in range(len(left)):
        one, other = table[left[pair]], table[right[pair]]
        same = 0
        for column in range(table.shape[1]):
            same += one[column] == other[column]
        counts[pair] = same
    return counts


def num_equal(table: Any, left: Offsets, right: Offsets) -> Offsets:
    """See `Kernels.num_equal`."""
    return _num_equal(table, left, right)


@_compiled
def _overlap(shingles: Any, offsets: Any, left: Any, right: Any) -> Any:
    counts = np.zeros((len(left), 2), dtype=np.int64)
    for pair in range(len(left)):
        one, other = offsets[left[pair]], offsets[right[pair]]
        one_stop, other_stop = offsets[left[pair] + 1], offsets[right[pair] + 1]
        while one < one_stop and other < other_stop:
            if shingles[one] == shingles[other]:
                counts[pair, 0] += 1
                counts[pair, 1] += np.int64(shingles[one] & np.uint32(1))
                one += 1
                other += 1
            elif shingles[one] < shingles[other]:
                one += 1
            else:
                other += 1
    return counts


def overlap(shingles: Marks, offsets: Offsets, left: Offsets, right: Offsets) -> Any:
    """See `Kernels.overlap`."""
    return _overlap(shingles, offsets, left, right)


@_compiled
def _term_sums(keys: Any, num_texts: Any, weights: Any, factors: Any, num_channels: Any) -> Any:
    sums = np.zeros((num_texts, num_channels), dtype=np.float64)
    last_slot = np.uint64(len(weights) - 1)
    place = 0
    while place < len(keys):
        key, first = keys[place], place
        while place < len(keys) and keys[place] == key:
            place += 1
        value = factors[place - first] * weights[key & last_slot]
        if not (key >> SIGN_BIT) & ONE:
            value = -value
        channel = ((key & LAST_TERM) >> CHANNEL_BITS) % np.uint64(num_channels)
        sums[key >> TERM_BITS, channel] += value
    return sums


def term_sums(
    keys: Hashes, num_texts: int, weights: Any, factors: Floats, num_channels: int
) -> Floats:
    """See `Kernels.term_sums`."""
    return _term_sums(keys, num_texts, weights, factors, num_channels)


@_compiled
def _shingles(hashes: Any, offsets: Any, powers: Any, mark: Any, found: Any) -> Any:
    """Fill `found`; give the number of shingles."""
    width, num_shingles = len(powers), 0
    for text in range(len(offsets) - 1):
        start, stop = offsets[text], offsets[text + 1]
        row = np.uint64(text) << SHINGLE_BITS
        while start < stop:
            value = np.uint64(0)
            for place in range(min(width, stop - start)):
                value += hashes[start + place] * powers[place]
            found[num_shingles] = row | (_mixed(value) >> SHINGLE_BITS) & NOT_ODD | mark
            num_shingles += 1
            if start + width >= stop:
                break
            start += 1
    return num_shingles


def shingles(hashes: Hashes, offsets: Offsets, width: int, mark: int) -> Hashes:
    """See `Kernels.shingles`."""
    found = np.empty(len(hashes), dtype=np.uint64)
    powers = powers_of_step(width)
    return found[: _shingles(hashes, offsets, powers, np.uint64(mark), found)]


@_compiled
def _ascii_counts(data: Any, offsets: Any) -> Any:
    counts = np.zeros((len(offsets) - 1, 2), dtype=np.int32)
    for text in range(len(offsets) - 1):
        num_words = num_letters = 0
        after_space = True
        for byte in data[offsets[text] : offsets[text + 1]]:
            is_space = byte == 32 or byte == 9 or byte == 10 or byte == 12 or byte == 13
            num_words += after_space and not is_space
            num_letters += 97 <= (byte | 32) <= 122
            after_space = is_space
        counts[text, 0], counts[text, 1] = num_words, num_letters
    return counts


def ascii_counts(data: Bytes, offsets: Offsets) -> Counts:
    """See `Kernels.ascii_counts`."""
    return _ascii_counts(data, offsets)


KERNELS = Kernels(
    tokens, minhash, simhash, num_equal, overlap, runs, term_sums, shingles, ascii_counts,
    mixed, ordered_hashes,
)  # fmt: skip
