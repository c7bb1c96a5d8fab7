"""What asking costs, and where it ends."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import NamedTuple

from roboloop.engines.endpoint.answer_store import AnswerStore
from roboloop.engines.endpoint.config import EndpointConfig

CHARS_PER_TOKEN = 3.5
"""Of English; a sign of a script without spaces counts as a token of its own."""
PIXELS_PER_TOKEN = 28 * 28
"""Side length 28 is Qwen2.5-VL's; Qwen3-VL's is 32, so this rather says too many."""
CHAT_TOKENS = 20


class Usage(NamedTuple):
    """Tokens of a request."""

    tokens_in: int
    tokens_out: int


NO_USAGE = Usage(0, 0)


def estimate_tokens(text: str, *, picture_sizes: Sequence[tuple[int, int]] = ()) -> int:
    """About how many tokens a request has, rather too many than too few."""
    num_ascii = sum(character < "\u2e80" for character in text)
    words = num_ascii / CHARS_PER_TOKEN + (len(text) - num_ascii)
    pictures = sum(math.ceil(width * height / PIXELS_PER_TOKEN) for width, height in picture_sizes)
    return math.ceil(words) + pictures + CHAT_TOKENS


class Budget:
    """Refuses requests that could cost more than is left; safe from any number of threads.

    Before a request is sent, what it can cost at most is set aside; after it, what it did cost is
    paid. What was paid is kept on disk, so that a run that was killed does not start from zero.
    """

    def __init__(self, config: EndpointConfig, *, store: AnswerStore, name: str) -> None:
        self._config, self._store, self._name = config, store, name
        self._lock = threading.Lock()
        self._aside = 0.0
        self._num_aside = 0
        self.is_spent = False

    def cost_of(self, usage: Usage) -> float:
        """In the currency of the prices."""
        priced = usage.tokens_in * self._config.price_in + usage.tokens_out * self._config.price_out
        return priced / 1e6

    def set_aside(self, usage: Usage) -> bool:
        """Whether a request that may use so much can be paid; once one cannot, none can."""
        cost = self.cost_of(usage)
        most, most_requests = self._config.max_cost, self._config.max_requests
        with self._lock:
            paid = self._store.spent(self._name)
            if most is not None and paid.cost + self._aside + cost > most:
                self.is_spent = True
            if most_requests is not None and paid.num_requests + self._num_aside >= most_requests:
                self.is_spent = True
            if not self.is_spent:
                self._aside += cost
                self._num_aside += 1
            return not self.is_spent

    def settle(self, *, aside: Usage, used: Usage | None) -> None:
        """Pay what a request used; None when it was never answered and costs nothing."""
        with self._lock:
            self._aside -= self.cost_of(aside)
            self._num_aside -= 1
            if used is not None:
                self._store.pay(self._name, cost=self.cost_of(used))
