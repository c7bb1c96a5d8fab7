"""CRC-32C (Castagnoli), the checksum of TFRecord files, many bytes at a time in NumPy.

The state after A then B is the state after A, carried over |B| zero bytes, xor the state of B
alone: the checksum is linear. So the data is cut into lanes of equal length that advance together,
and the lanes are joined pairwise. An operator on a 32-bit state is kept as four tables of 256, one
for each byte of the state; being linear, it is composed with another by applying it to the tables.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

POLYNOMIAL = 0x82F63B78
"""Of RFC 3720, with its bits reversed."""
MASK_DELTA = 0xA282EAD8
LANE_BYTES = 256
EIGHT = np.uint32(8)

Words = NDArray[np.uint32]


def crc32c(data: bytes | memoryview) -> int:
    """The checksum of `data`."""
    values = np.frombuffer(data, dtype=np.uint8)
    first = _advanced(np.array([0xFFFFFFFF], dtype=np.uint32), _power(len(values)))
    return int((_state(values) ^ first)[0]) ^ 0xFFFFFFFF


def masked_crc32c(data: bytes | memoryview) -> int:
    """The checksum as TFRecord files store it: rotated by 15 bits, plus a constant."""
    value = crc32c(data)
    return (((value >> 15) | (value << 17)) + MASK_DELTA) & 0xFFFFFFFF


def _state(values: NDArray[np.uint8]) -> Words:
    """The state after `values`, begun from zero, in shape (1,)."""
    num_lanes = 1 << max(0, (len(values) // LANE_BYTES).bit_length() - 1)
    length = -(-len(values) // num_lanes)
    lanes = np.zeros((num_lanes, length), dtype=np.uint8)
    # Zero bytes in front leave a state of zero as it is.
    lanes.reshape(-1)[num_lanes * length - len(values) :] = values
    states = np.zeros(num_lanes, dtype=np.uint32)
    for column in np.ascontiguousarray(lanes.T):
        states = _BYTE_TABLE[(states ^ column) & 0xFF] ^ (states >> EIGHT)
    carry = _power(length)
    while len(states) > 1:
        states = _advanced(states[0::2], carry) ^ states[1::2]
        carry = _advanced(carry, carry)
    return states


def _advanced(states: Words, operator: Words) -> Words:
    """The operator, in shape (4, 256), applied to every state."""
    low, second, third, high = operator
    return (
        low[states & 0xFF]
        ^ second[(states >> 8) & 0xFF]
        ^ third[(states >> 16) & 0xFF]
        ^ high[states >> 24]
    )


def _power(num_bytes: int) -> Words:
    """The operator that carries a state over `num_bytes` zero bytes."""
    result, square = _NO_BYTE, _ONE_BYTE
    while num_bytes:
        if num_bytes & 1:
            result = _advanced(result, square)
        square = _advanced(square, square)
        num_bytes >>= 1
    return result


def _byte_table() -> Words:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(POLYNOMIAL), table >> 1)
    return table.astype(np.uint32)


_BYTE_TABLE = _byte_table()
_NO_BYTE: Words = np.stack([np.arange(256, dtype=np.uint32) * np.uint32(256**k) for k in range(4)])
_ONE_BYTE: Words = np.stack([_BYTE_TABLE, *_NO_BYTE[:3]])
