"""One request over HTTP, sent again while the endpoint is busy, broken or slow."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import numpy as np

from roboloop.base.errors import RoboLoopError
from roboloop.engines.endpoint.config import EndpointConfig
from roboloop.engines.endpoint.pace import Pace

OVERRUN = frozenset({429, 503, 529})
TIMED_OUT = 408
REFUSED = frozenset({301, 302, 303, 307, 308, 401, 403, 404, 405})
"""The address, the key or the model's name is wrong: no request would do better."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
MAX_ANSWER_BYTES = 4 << 20
MAX_SHOWN = 300


class SendError(Exception):
    """A request got no answer; its text says why, without secrets."""


class _NoRedirect(HTTPRedirectHandler):
    """A redirected request would take the key to another host."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Refuse."""
        del args, kwargs


class _Reply(NamedTuple):
    status: int
    body: bytes
    retry_after: str


class Transport:
    """Posts JSON to `<url>/chat/completions`.

    Args:
        config: Address, patience and key.
        pace: When requests may go out.
        draw: Draws the jitter of pauses; it changes no answer.
        sleep: Waits so many seconds; tests bring their own.
    """

    def __init__(
        self,
        config: EndpointConfig,
        *,
        pace: Pace,
        draw: np.random.Generator,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._config, self._pace, self._draw, self._sleep = config, pace, draw, sleep
        self._opener = build_opener(_NoRedirect)

    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """The endpoint's JSON.

        Raises:
            SendError: After the last attempt, or for a request the endpoint calls bad.
            RoboLoopError: E-ENG-010 when it refuses all requests.
        """
        told = ""
        for attempt in range(self._config.max_attempts):
            if attempt:
                self._sleep(self._pause(attempt))
            self._pace.wait()
            try:
                reply = self._send(body)
            except (OSError, http.client.HTTPException) as error:
                told = self._clean(f"{type(error).__name__}: {error}")
                continue
            if reply.status == 200:
                try:
                    value = json.loads(reply.body)
                except ValueError:
                    told = "the endpoint's answer is not JSON"
                    continue
                self._pace.went_well()
                return value if isinstance(value, dict) else {}
            told = self._clean(f"HTTP {reply.status}: {reply.body[:4096].decode(errors='replace')}")
            if reply.status in REFUSED:
                raise RoboLoopError("E-ENG-010", f"{self._config.url}: {told}")
            if reply.status < 500 and reply.status not in (*OVERRUN, TIMED_OUT):
                raise SendError(told)
            if reply.status in OVERRUN:
                self._pace.slow_down(retry_after_seconds(reply.retry_after))
        raise SendError(f"{told} ({self._config.max_attempts} attempts)")

    def _send(self, body: dict[str, Any]) -> _Reply:
        headers = {"Content-Type": "application/json", "User-Agent": "roboloop"}
        if key := self._config.api_key():
            headers["Authorization"] = f"Bearer {key}"
        request = Request(
            f"{self._config.url}/chat/completions", data=json.dumps(body).encode(), headers=headers
        )
        deadline = time.monotonic() + self._config.timeout_seconds
        try:
            with self._opener.open(request, timeout=self._config.timeout_seconds) as answer:
                return _Reply(answer.status, _read(answer, deadline=deadline), "")
        except HTTPError as error:
            with error:
                after = error.headers.get("Retry-After", "")
                return _Reply(error.code, _read(error, deadline=deadline), after)

    def _pause(self, attempt: int) -> float:
        """Twice as long each time, between half and all of it at random."""
        longest = min(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), LONGEST_PAUSE_SECONDS)
        return longest * (0.5 + 0.5 * float(self._draw.random()))

    def _clean(self, text: str) -> str:
        """A message of one line, without the key."""
        key = self._config.api_key()
        shown = text.replace(key, "***") if key else text
        return " ".join(shown.split())[:MAX_SHOWN]


def retry_after_seconds(header: str) -> float:
    """Seconds of a `Retry-After` header (a number or a date, RFC 9110 section 10.2.3)."""
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return 0.0
    return min(max(0.0, seconds), 10 * LONGEST_PAUSE_SECONDS)


def _read(answer: Any, *, deadline: float) -> bytes:
    """The body, refused when it is too long or trickles in for too long."""
    pieces: list[bytes] = []
    while piece := answer.read1(1 << 16):
        pieces.append(piece)
        if sum(map(len, pieces)) > MAX_ANSWER_BYTES:
            raise http.client.HTTPException("the answer is too long")
        if time.monotonic() > deadline:
            raise TimeoutError("the answer took too long")
    return b"".join(pieces)
