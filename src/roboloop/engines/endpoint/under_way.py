"""Many requests under way at once, their answers in the order of the questions."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from roboloop.base.errors import RoboLoopError

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

NUM_AHEAD = 4
"""Questions taken in ahead of the answer that is waited for, per request under way."""
GIVE_UP_AFTER = 8
"""So many requests fail before any is answered: the endpoint is not there."""


def answered_in_order(
    ask: Callable[[Asked], Answered],
    questions: Iterable[Asked],
    *,
    max_concurrency: int,
    stop: Callable[[], None],
) -> Iterator[Answered]:
    """One answer for each question, in the same order; `max_concurrency` are asked at a time.

    Threads and not an event loop: pictures are read and encoded on the way, which would hold a
    loop up, and the interpreter is left while they and the network are waited for.

    Args:
        ask: Called from several threads; what it raises ends the asking of all of them.
        questions: Taken in as they are needed.
        max_concurrency: Threads.
        stop: Makes calls of `ask` that are under way end soon; called at the end in any case.
    """

    def ask_or_stop(question: Asked) -> Answered:
        try:
            return ask(question)
        except BaseException:
            stop()
            raise

    waiting: deque[Future[Answered]] = deque()
    with ThreadPoolExecutor(max_concurrency, thread_name_prefix="ask") as pool:
        try:
            for question in questions:
                waiting.append(pool.submit(ask_or_stop, question))
                if len(waiting) >= NUM_AHEAD * max_concurrency:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
            stop()


class Patience:
    """Ends a run whose endpoint answers nothing; safe from any number of threads.

    Args:
        url: Of the endpoint.
        max_concurrency: An endpoint that did answer is given up after twice so many failures in a
            row: every request that was under way, and every one after it.
    """

    def __init__(self, url: str, *, max_concurrency: int) -> None:
        self._url = url
        self._limit = max(GIVE_UP_AFTER, 2 * max_concurrency)
        self._lock = threading.Lock()
        self._num_failed = 0
        self._was_answered = False

    def answered(self) -> None:
        """A request was answered."""
        with self._lock:
            self._num_failed = 0
            self._was_answered = True

    def failed(self, told: str, *, is_bad_request: bool = False) -> None:
        """A request was given up, or refused by an endpoint that is well.

        Raises:
            RoboLoopError: E-ENG-011 when there were too many.
        """
        with self._lock:
            if is_bad_request and self._was_answered:
                return
            self._num_failed += 1
            if self._num_failed >= (self._limit if self._was_answered else GIVE_UP_AFTER):
                raise RoboLoopError(
                    "E-ENG-011", f"{self._url}: {self._num_failed} requests failed; {told}"
                )
