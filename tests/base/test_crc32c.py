"""CRC-32C against published values and against the definition, bit by bit."""

from __future__ import annotations

import random

import pytest

from roboloop.base.crc32c import crc32c, masked_crc32c

PUBLISHED = {
    # RFC 3720, appendix B.4, and the check value of the catalogue of parametrised CRCs.
    bytes(32): 0x8A9136AA,
    b"\xff" * 32: 0x62A8AB43,
    bytes(range(32)): 0x46DD794E,
    bytes(reversed(range(32))): 0x113FDB5C,
    b"123456789": 0xE3069283,
    b"": 0,
}


def by_definition(data: bytes) -> int:
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = (state >> 1) ^ (0x82F63B78 if state & 1 else 0)
    return state ^ 0xFFFFFFFF


@pytest.mark.parametrize("data", PUBLISHED, ids=len)
def test_published_values(data: bytes) -> None:
    assert crc32c(data) == PUBLISHED[data]


def test_any_length_agrees_with_the_definition() -> None:
    draw = random.Random(0)
    for length in [*range(1, 20), 255, 256, 257, 511, 512, 513, 1023, 1025, 4096, 10_007]:
        data = draw.randbytes(length)
        assert crc32c(data) == by_definition(data), length


def test_mask_is_undone_by_its_inverse() -> None:
    rotated = (masked_crc32c(b"123456789") - 0xA282EAD8) & 0xFFFFFFFF
    assert ((rotated << 15) | (rotated >> 17)) & 0xFFFFFFFF == 0xE3069283
