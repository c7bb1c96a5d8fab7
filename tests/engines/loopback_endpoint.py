"""A real endpoint on this machine that can be told to misbehave."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """What the endpoint sends back."""

    text: str = "{}"
    status: int = 200
    headers: Mapping[str, str] = {}
    delay_seconds: float = 0.0
    raw: bytes | None = None
    finish_reason: str = "stop"
    cut_after: int | None = None
    """Hang up after so many bytes of the body; 0 hangs up before the status."""


class Endpoint(NamedTuple):
    """A running endpoint: its address, the requests it got (body and headers), its callers."""

    url: str
    requests: list[dict[str, Any]]
    headers: list[dict[str, str]]
    callers: set[tuple[str, int]]


@contextmanager
def endpoint(
    answer: Callable[[dict[str, Any], int], Answer], *, models: Sequence[dict[str, Any]] = ()
) -> Generator[Endpoint]:
    """Serve `POST /v1/chat/completions`; `answer` gets the body and the number of the request.

    `GET /v1/models` lists the models.
    """
    seen: list[dict[str, Any]] = []
    headers: list[dict[str, str]] = []
    callers: set[tuple[str, int]] = set()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            assert self.path == "/v1/models"
            data = json.dumps({"object": "list", "data": list(models)}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            if not data:
                return  # the client has hung up
            body = json.loads(data)
            with lock:
                number = len(seen)
                seen.append(body)
                headers.append(dict(self.headers))
                callers.add(self.client_address)
            assert self.path == "/v1/chat/completions"
            given = answer(body, number)
            time.sleep(given.delay_seconds)
            message = {"role": "assistant", "content": given.text}
            choice = {"message": message, "finish_reason": given.finish_reason}
            usage = {"prompt_tokens": 100, "completion_tokens": 10}
            whole = json.dumps({"choices": [choice], "usage": usage}).encode()
            data = whole if given.raw is None else given.raw
            if given.cut_after is not None:
                self.close_connection = True
            if given.cut_after == 0:
                return
            try:
                self.send_response(given.status)
                for name, value in given.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[: given.cut_after])
            except OSError:
                pass  # the client has hung up

        def log_message(self, format: str, *args: Any) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Endpoint(f"http://127.0.0.1:{server.server_address[1]}/v1", seen, headers, callers)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
