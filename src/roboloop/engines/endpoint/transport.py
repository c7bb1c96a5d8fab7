"""One request over HTTP, sent again while the endpoint is busy, broken or slow."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import numpy as np

from roboloop.base.closing import Closing
from roboloop.base.errors import RoboLoopError
from roboloop.engines.endpoint.config import ServerConfig
from roboloop.engines.endpoint.connections import Connections, Reply
from roboloop.engines.endpoint.pace import Pace

OVERRUN = frozenset({429, 503, 529})
TIMED_OUT = 408
REFUSED = frozenset({301, 302, 303, 307, 308, 401, 403, 404, 405})
"""The address, the key or the model's name is wrong: no request would do better."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
MAX_SHOWN = 300


class SendError(Exception):
    """A request got no answer; its text says why, without secrets.

    Attributes:
        is_bad_request: The endpoint is well, it refuses this request.
    """

    def __init__(self, told: str, *, is_bad_request: bool = False) -> None:
        super().__init__(told)
        self.is_bad_request = is_bad_request


class Received(NamedTuple):
    """The endpoint's JSON, how often it was asked for it, and how long the last time took."""

    value: dict[str, Any]
    num_attempts: int
    seconds: float


def _no_fault(value: dict[str, Any]) -> str:
    del value
    return ""


class Transport(Closing):
    """Posts JSON to `<url>/chat/completions`.

    Args:
        config: Address, patience and key.
        pace: When requests may go out.
        draw: Draws the jitter of pauses; it changes no answer.
        stop: Ends all pauses when it is set.
    """

    def __init__(
        self,
        config: ServerConfig,
        *,
        pace: Pace,
        draw: np.random.Generator,
        stop: threading.Event | None = None,
    ) -> None:
        self._config, self._pace, self._draw = config, pace, draw
        self._stop = stop or threading.Event()
        self._connections = Connections(config.url, timeout_seconds=config.timeout_seconds)

    def post(
        self, body: dict[str, Any], *, fault: Callable[[dict[str, Any]], str] = _no_fault
    ) -> Received:
        """The endpoint's JSON.

        Args:
            body: The request.
            fault: Says what is wrong with JSON that is no answer; it is then asked for again.

        Raises:
            SendError: After the last attempt, or for a request the endpoint calls bad.
            RoboLoopError: E-ENG-010 when it refuses all requests.
        """
        data = json.dumps(body).encode()
        told = ""
        for attempt in range(self._config.max_attempts):
            if attempt:
                self._stop.wait(self._pause(attempt))
            self._pace.wait()
            if self._stop.is_set():
                raise SendError("asking was stopped")
            began = time.monotonic()
            try:
                reply = self._send("POST", "/chat/completions", data=data)
            except (OSError, http.client.HTTPException) as error:
                told = self._clean(f"{type(error).__name__}: {error}")
                continue
            if reply.status == 200:
                value = _json_object(reply.body)
                told = "the endpoint's answer is not JSON" if value is None else fault(value)
                if value is None or told:
                    continue
                self._pace.went_well()
                return Received(value, attempt + 1, time.monotonic() - began)
            told = self._told(reply)
            self._refuse(reply.status, told=told)
            if reply.status in OVERRUN:
                self._pace.slow_down(retry_after_seconds(reply.retry_after))
        raise SendError(f"{self._clean(told)} ({self._config.max_attempts} attempts)")

    def get(self, path: str) -> dict[str, Any]:
        """The JSON at a path below the address; empty when there is none.

        Raises:
            RoboLoopError: E-ENG-010 when the key is refused, E-ENG-011 when nobody answers.
        """
        try:
            reply = self._send("GET", path, data=None)
        except (OSError, http.client.HTTPException) as error:
            told = self._clean(f"{type(error).__name__}: {error}")
            raise RoboLoopError("E-ENG-011", f"{self._config.url}: {told}") from error
        if reply.status in (401, 403):
            raise RoboLoopError("E-ENG-010", f"{self._config.url}: {self._told(reply)}")
        return (_json_object(reply.body) if reply.status == 200 else None) or {}

    def close(self) -> None:
        """Stop: requests under way fail at once."""
        self._stop.set()
        self._connections.close()

    def _send(self, method: str, path: str, *, data: bytes | None) -> Reply:
        headers = {"Content-Type": "application/json", "User-Agent": "roboloop"}
        if key := self._config.api_key():
            headers["Authorization"] = f"Bearer {key}"
        return self._connections.send(method, path, body=data, headers=headers)

    def _told(self, reply: Reply) -> str:
        return self._clean(f"HTTP {reply.status}: {reply.body[:4096].decode(errors='replace')}")

    def _refuse(self, status: int, *, told: str) -> None:
        """Raise for a status that another attempt would not change."""
        if status in REFUSED:
            raise RoboLoopError("E-ENG-010", f"{self._config.url}: {told}")
        if status < 500 and status not in (*OVERRUN, TIMED_OUT):
            raise SendError(told, is_bad_request=True)

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


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else {}
