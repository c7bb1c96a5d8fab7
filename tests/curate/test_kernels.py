"""The kernels of numba and NumPy against each other, and words against plain Python."""

from __future__ import annotations

import random
import re

import numpy as np
import pyarrow as pa
import pytest

from roboloop.curate import kernels_numpy
from roboloop.curate.kernels import TABLE_BITS, Kernels, Runs, character_classes, term_keys
from roboloop.curate.prose import TellingWords, read_prose, words_of

ALPHABET = "abcXYZ0129-- ,.;\n\t_'<=+é中文字たのカ한국ßǺ😀\u3000。，１２Ａ"


def kernels_of_numba() -> Kernels:
    pytest.importorskip("numba")
    from roboloop.curate.kernels_numba import KERNELS

    return KERNELS


def texts(num_texts: int) -> list[str]:
    draw = random.Random(7)
    made = ["".join(draw.choices(ALPHABET, k=draw.randrange(40))) for _ in range(num_texts)]
    return [*made, "", "-5", "a-5", " -5", "中-5", "---5", "é -5 -é5", "word " * 3000]


def test_numba_and_numpy_find_the_same_words() -> None:
    compiled = kernels_of_numba()
    given = pa.array(texts(2000))
    one = words_of(given, kernels=compiled)
    other = words_of(given, kernels=kernels_numpy.KERNELS)
    for ours, theirs in zip(one, other, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint32])
def test_numba_and_numpy_find_the_same_runs(dtype: type) -> None:
    compiled = kernels_of_numba()
    draw = np.random.default_rng(3)
    lengths = np.concatenate([draw.integers(0, 40, 500), [0, 0, 1, 1, 0]])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    characters = draw.integers(0, 12, offsets[-1]).astype(dtype)
    classes = np.array([0, 1, 1, 2, 3, 4, 4, 5, 5, 1, 5, 0], dtype=np.uint8)[characters]  # 10: \n
    one = compiled.runs(characters, classes, offsets)
    other = kernels_numpy.runs(characters, classes, offsets)
    for name, ours, theirs in zip(Runs._fields, one, other, strict=True):
        assert ours.dtype == theirs.dtype, name
        np.testing.assert_array_equal(ours, theirs, err_msg=name)


def test_numba_and_numpy_sketch_alike() -> None:
    compiled = kernels_of_numba()
    draw = np.random.default_rng(1)
    counts = draw.integers(0, 50, 300)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    rows = [np.unique(draw.integers(0, 200, count)) for count in counts]
    sets = np.concatenate(rows).astype(np.uint32)
    set_offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    hashes = draw.integers(0, 1 << 64, counts.sum(), dtype=np.uint64)
    factors, addends = draw.integers(0, 1 << 32, (2, 128), dtype=np.uint32)
    left, right = draw.integers(0, 300, (2, 40_000))
    table = draw.integers(0, 3, (300, 128), dtype=np.uint8)
    weights = draw.random(1 << TABLE_BITS, dtype=np.float32)
    repeated = hashes[draw.integers(0, len(hashes) // 4, len(hashes))]
    keys = term_keys(repeated, offsets)
    for name, arguments in (
        ("minhash", (hashes.astype(np.uint32), offsets, factors, addends)),
        ("simhash", (hashes, offsets)),
        ("num_equal", (table, left, right)),
        ("overlap", (sets, set_offsets, left, right)),
        ("term_sums", (keys, 300, weights, 1 + np.log(np.arange(1, 101)), 384)),
        ("shingles", (hashes, offsets, 5, 1)),
        ("shingles", (hashes, offsets, 3, 0)),
        ("mixed", (hashes[1:],)),
        ("ordered_hashes", (hashes, offsets)),
        ("ascii_counts", (draw.integers(0, 128, offsets[-1]).astype(np.uint8), offsets)),
    ):
        one = getattr(compiled, name)(*arguments)
        other = getattr(kernels_numpy.KERNELS, name)(*arguments)
        assert one.dtype == other.dtype, name
        np.testing.assert_array_equal(one, other, err_msg=name)


def test_overlap_counts_common_shingles() -> None:
    sets = [{2, 3, 7}, {3, 7, 8}, set[int]()]
    flat = np.array([value for row in sets for value in sorted(row)], dtype=np.uint32)
    offsets = np.array([0, 3, 6, 6])
    found = kernels_numpy.overlap(flat, offsets, np.array([0, 0, 1]), np.array([1, 2, 1]))
    assert found.tolist() == [[2, 2], [0, 0], [3, 2]]


def test_words_are_those_of_a_regular_expression() -> None:
    given = [
        "Take the Cup, please.",
        "x: 0.5; y: -3",
        "把红色的cup放在桌子上。",
        "カップ2つ",
        "naïve café",
        "",
    ]
    expected = [re.findall(r"[぀-ヿ一-鿿]|[^\W_぀-ヿ一-鿿]+", text.lower()) for text in given]
    found = words_of(pa.array(given), kernels=kernels_numpy.KERNELS)
    assert np.diff(found.offsets).tolist() == [len(words) for words in expected]
    singles = words_of(
        pa.array([w for words in expected for w in words]), kernels=kernels_numpy.KERNELS
    )
    unsigned = ~found.is_number  # -3 is not 3
    np.testing.assert_array_equal(found.hashes[unsigned], singles.hashes[unsigned])


def test_full_width_forms_are_the_plain_ones() -> None:
    found = words_of(pa.array(["Ａ１２ ok", "a12 OK"]), kernels=kernels_numpy.KERNELS)
    assert found.hashes[:2].tolist() == found.hashes[2:].tolist()


def test_character_classes() -> None:
    classes = character_classes()
    found = "".join(str(classes[ord(char)]) for char in "a9é中の々한<+ ,。，_-")
    assert found == "111222122000000"


def test_telling_words_see_order_and_sign() -> None:
    telling = TellingWords(["left", "right", "左"], numbers=True)

    def hashes(*given: str) -> list[int]:
        return telling.of(words_of(pa.array(given), kernels=kernels_numpy.KERNELS)).tolist()

    same, also, turned, signed, other = hashes(
        "left of 5", "LEFT, 5!", "5 left", "left -5", "right 5"
    )
    assert same == also
    assert len({same, turned, signed, other}) == 4
    chinese, mirrored = hashes("在左边", "在右边")
    assert chinese != mirrored


def test_long_texts_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    questions, answers = pa.array(texts(50)), pa.array(texts(50)[::-1])
    telling = TellingWords(["left"], numbers=True)

    def read() -> tuple[list[object], ...]:
        prose = read_prose(
            questions, answers, width=5, telling=telling, kernels=kernels_numpy.KERNELS
        )
        return tuple(part.tolist() for part in prose)

    whole = read()
    monkeypatch.setattr("roboloop.curate.prose.MAX_BYTES_AT_ONCE", 100)
    assert read() == whole
