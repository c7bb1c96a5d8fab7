"""The ids met so far, each with its place, in less than 100 bytes an id."""

from __future__ import annotations

import hashlib
import re
import struct
from array import array

from roboloop.base.errors import Place, RoboLoopError

_FIRST_SLOTS = 1 << 10
_MAX_FILLED = 0.6
_COUNTED = re.compile(r"(?s:.*):(0|[1-9][0-9]{0,16})\Z")
"""An origin such as `set.json:17`; any other is kept as it is."""

_HALVES = struct.Struct("<QQ")


class IdRegister:
    """The ids met so far: no two records may share one.

    Ids are kept as hashes of 128 bits (127, in truth) in a table with open addressing; a place as
    the number of its file and its line.
    """

    def __init__(self) -> None:
        self._num_ids = 0
        self._lows = array("Q", bytes(8 * _FIRST_SLOTS))
        self._highs = array("Q", bytes(8 * _FIRST_SLOTS))  # 0 in a free slot
        self._numbers = array("Q", bytes(8 * _FIRST_SLOTS))
        self._begins: dict[str, int] = {}
        self._begin_numbers = array("L")
        self._lines = array("q")  # -1 where there is none

    def __len__(self) -> int:
        return self._num_ids

    def add(self, record_id: str, *, place: Place) -> None:
        """Take note of an id.

        Raises:
            RoboLoopError: E-REC-004, naming both places.
        """
        digest = hashlib.blake2b(record_id.encode("utf-8", "surrogatepass"), digest_size=16)
        low, high = _HALVES.unpack(digest.digest())
        slot = self._slot(low, high | 1)
        if self._highs[slot]:
            raise RoboLoopError(
                "E-REC-004",
                f"the id is taken by {self._place(self._numbers[slot])}",
                place=Place(place.file, place.line, record_id=record_id),
            )
        self._lows[slot], self._highs[slot], self._numbers[slot] = low, high | 1, self._num_ids
        self._keep_place(place)
        self._num_ids += 1
        if self._num_ids > _MAX_FILLED * len(self._lows):
            self._grow()

    def _slot(self, low: int, high: int) -> int:
        """Where the hash stands, or the free slot where it belongs."""
        lows, highs = self._lows, self._highs
        mask = len(lows) - 1
        slot = low & mask
        while highs[slot] and not (lows[slot] == low and highs[slot] == high):
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        """Twice as many slots."""
        held = zip(self._lows, self._highs, self._numbers, strict=True)
        size = 8 * 2 * len(self._lows)
        self._lows, self._highs, self._numbers = (array("Q", bytes(size)) for _ in range(3))
        for low, high, number in held:
            if high:
                slot = self._slot(low, high)
                self._lows[slot], self._highs[slot], self._numbers[slot] = low, high, number

    def _keep_place(self, place: Place) -> None:
        """Keep the place in two numbers: what it begins with, and the line at its end."""
        if place.line is not None:
            begin, line = f"{place.file}:", place.line
        else:
            origin = str(place.file)
            counted = _COUNTED.match(origin)
            if counted is None:
                begin, line = origin, -1
            else:
                begin, line = origin[: counted.start(1)], int(counted[1])
        self._begin_numbers.append(self._begins.setdefault(begin, len(self._begins)))
        self._lines.append(line)

    def _place(self, number: int) -> str:
        """The place of the id with this number, as a person writes it."""
        wanted = self._begin_numbers[number]
        begin = next(text for text, index in self._begins.items() if index == wanted)
        return begin if self._lines[number] < 0 else f"{begin}{self._lines[number]}"
