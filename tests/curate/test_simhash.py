"""simhash: fingerprints find candidates, their words decide."""

from __future__ import annotations

import random

import numpy as np
from operate import LONG_ANSWER, operate, told

from roboloop.curate.fingerprints import bit_tables, num_ones
from roboloop.curate.simhash import SimhashDuplicates

OPERATOR = SimhashDuplicates.model_validate({"max_distance": 12})


def test_a_near_text_of_the_same_picture_is_a_duplicate() -> None:
    long = f"{LONG_ANSWER} and {LONG_ANSWER[::-1]} until it is done"
    records = [told(long), told(long.replace("spoon", "fork")), told(long, picture="b.jpg")]
    found = operate(OPERATOR, records)
    assert found.dropped() == [1]
    assert found.judgement.partner[1] == 0


def test_a_like_fingerprint_of_other_words_is_no_proof() -> None:
    # Both repeat one phrase so often that it decides every bit; most other words differ.
    draw = random.Random(5)
    words = [f"w{chr(97 + a)}{chr(97 + b)}" for a in range(26) for b in range(26)]
    texts = [" ".join(draw.sample(words, 60)) for _ in range(200)]
    found = operate(OPERATOR, [told(text, picture="") for text in texts])
    assert found.dropped() == []


def test_every_pair_within_the_distance_shares_a_key() -> None:
    draw = np.random.default_rng(4)
    values = draw.integers(0, 1 << 64, 300, dtype=np.uint64)
    for distance in (0, 3, 6, 12):
        flipped = values.copy()
        for row in range(len(values)):
            for bit in draw.choice(64, distance, replace=False):
                flipped[row] ^= np.uint64(1) << np.uint64(bit)
        assert (num_ones(values ^ flipped) == distance).all()
        keys = zip(
            bit_tables(values, max_distance=distance),
            bit_tables(flipped, max_distance=distance),
            strict=True,
        )
        shared = np.zeros(len(values), dtype=np.bool_)
        for one, other in keys:
            shared |= one == other
        assert shared.all()


def test_num_ones_counts_bits() -> None:
    values = np.array([0, 1, (1 << 64) - 1, 1 << 63, 0xF0F0], dtype=np.uint64)
    assert num_ones(values).tolist() == [0, 1, 64, 1, 8]
