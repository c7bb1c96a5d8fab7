"""How fast requests go out: a bucket of tokens whose rate rises slowly and falls when told off."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

START_SHARE = 0.1
SLOWED_SHARE = 0.5
RECOVERY = 1.02
"""Each request that goes well brings the rate back by this factor after it was halved."""


class Pace:
    """Lets requests through, from any number of threads.

    Args:
        per_minute: The full rate; by default there is none to keep to.
        ramp_seconds: How long it takes to get there from a tenth of it.
        clock, sleep: Time, in seconds; tests bring their own.
    """

    def __init__(
        self,
        per_minute: float = math.inf,
        *,
        ramp_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._per_second = per_minute / 60
        self._ramp_seconds = ramp_seconds
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._started: float | None = None
        self._next = 0.0
        self._slowed = 1.0

    def wait(self) -> None:
        """Return when one more request may go out."""
        with self._lock:
            now = self._clock()
            if self._started is None:
                self._started = self._next = now
            turn = max(now, self._next)
            self._next = turn + 1 / self._rate(turn)
        if turn > now:
            self._sleep(turn - now)

    def slow_down(self, seconds: float) -> None:
        """The endpoint is overrun: nobody asks for so long, and at half the rate afterwards."""
        with self._lock:
            self._slowed = max(self._slowed * SLOWED_SHARE, 1 / 64)
            self._next = max(self._next, self._clock() + seconds)

    def went_well(self) -> None:
        """A request was answered."""
        with self._lock:
            self._slowed = min(1.0, self._slowed * RECOVERY)

    def _rate(self, now: float) -> float:
        """Requests per second at a moment."""
        assert self._started is not None
        share = 1.0
        if self._ramp_seconds > 0:
            share = min(1.0, START_SHARE + (now - self._started) / self._ramp_seconds)
        return self._per_second * share * self._slowed
