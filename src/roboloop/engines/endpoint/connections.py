"""HTTP connections that stay open between requests, shared by any number of threads.

Opening one for each request costs a server and its client more than the request; see
`bench/engine_overhead.py`. Redirects are never followed: they would take the key to another host.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import ipaddress
import socket
import threading
import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

MAX_ANSWER_BYTES = 16 << 20


class Reply(NamedTuple):
    """What a server sent back, with its `Retry-After` header."""

    status: int
    body: bytes
    retry_after: str = ""


class Connections:
    """Sends requests to one server.

    Args:
        url: Its address, with the path that all requests share.
        timeout_seconds: How long a request may take.
    """

    def __init__(self, url: str, *, timeout_seconds: float) -> None:
        self._server = urlsplit(url)
        self._proxy = _proxy_of(self._server)
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()
        self._open: set[http.client.HTTPConnection] = set()
        self._idle: list[http.client.HTTPConnection] = []
        self._is_closed = False

    def send(
        self, method: str, path: str, *, body: bytes | None, headers: Mapping[str, str]
    ) -> Reply:
        """The server's reply, whatever its status.

        Raises:
            OSError: When the server cannot be reached, hangs up or takes too long.
            http.client.HTTPException: When it does not speak HTTP.
        """
        deadline = time.monotonic() + self._timeout_seconds
        connection, was_idle = self._take()
        try:
            answer = self._ask(connection, method, path, body=body, headers=headers)
        except (ConnectionError, http.client.RemoteDisconnected):
            if not was_idle:
                raise
            # It was closed while it lay idle, before the server saw anything of this request.
            connection = self._opened()
            answer = self._ask(connection, method, path, body=body, headers=headers)
        try:
            data = _read(answer, deadline=deadline)
        except BaseException:
            self._drop(connection)
            raise
        finally:
            answer.close()
        if answer.will_close or self._is_closed:
            self._drop(connection)
        else:
            self._idle.append(connection)
        return Reply(answer.status, data, answer.headers.get("Retry-After", ""))

    def close(self) -> None:
        """Hang up; requests under way fail at once."""
        with self._lock:
            self._is_closed = True
            connections = list(self._open)
        for connection in connections:
            if connection.sock is not None:
                with contextlib.suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)
            self._drop(connection)

    def _take(self) -> tuple[http.client.HTTPConnection, bool]:
        """A connection, and whether it was used before."""
        try:
            return self._idle.pop(), True
        except IndexError:
            return self._opened(), False

    def _ask(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> http.client.HTTPResponse:
        target = f"{self._server.path}{path}"
        sent = dict(headers)
        if self._proxy is not None and self._server.scheme == "http":
            target = f"http://{self._server.netloc}{target}"
            sent |= _proxy_headers(self._proxy)
        try:
            connection.request(method, target, body=body, headers=sent)
            return connection.getresponse()
        except BaseException:
            self._drop(connection)
            raise

    def _opened(self) -> http.client.HTTPConnection:
        """A new connection; it is made when it is first used."""
        near = self._server if self._proxy is None else self._proxy
        assert near.hostname is not None and self._server.hostname is not None
        kind = http.client.HTTPSConnection if self._server.scheme == "https" else (
            http.client.HTTPConnection
        )  # fmt: skip
        connection = kind(near.hostname, near.port, timeout=self._timeout_seconds)
        if self._proxy is not None and self._server.scheme == "https":
            connection.set_tunnel(
                self._server.hostname, self._server.port, headers=_proxy_headers(self._proxy)
            )
        with self._lock:
            if self._is_closed:
                raise ConnectionAbortedError("the connections are closed")
            self._open.add(connection)
        return connection

    def _drop(self, connection: http.client.HTTPConnection) -> None:
        connection.close()
        with self._lock:
            self._open.discard(connection)


def is_this_machine(host: str | None) -> bool:
    """Whether a host name means this very machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _proxy_of(server: SplitResult) -> SplitResult | None:
    """The proxy that the environment names for a server; never for one on this machine."""
    proxy = getproxies().get(server.scheme)
    host = server.hostname or ""
    if not proxy or is_this_machine(host) or proxy_bypass(host):
        return None
    return urlsplit(proxy if "//" in proxy else f"http://{proxy}")


def _proxy_headers(proxy: SplitResult) -> dict[str, str]:
    if not proxy.username:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _read(answer: http.client.HTTPResponse, *, deadline: float) -> bytes:
    """The body, refused when it is too long or trickles in for too long."""
    pieces: list[bytes] = []
    num_bytes = 0
    while piece := answer.read1(1 << 16):
        pieces.append(piece)
        num_bytes += len(piece)
        if num_bytes > MAX_ANSWER_BYTES:
            raise http.client.HTTPException("the answer is too long")
        if time.monotonic() > deadline:
            raise TimeoutError("the answer took too long")
    if answer.length:
        raise http.client.IncompleteRead(b"", answer.length)
    return b"".join(pieces)
