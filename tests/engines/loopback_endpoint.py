"""A real endpoint on this machine that can be told to misbehave."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Generator, Mapping
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


class Endpoint(NamedTuple):
    """A running endpoint: its address, and the requests it got (body and headers)."""

    url: str
    requests: list[dict[str, Any]]
    headers: list[dict[str, str]]


@contextmanager
def endpoint(answer: Callable[[dict[str, Any], int], Answer]) -> Generator[Endpoint]:
    """Serve `POST /v1/chat/completions`; `answer` gets the body and the number of the request."""
    seen: list[dict[str, Any]] = []
    headers: list[dict[str, str]] = []
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                number = len(seen)
                seen.append(body)
                headers.append(dict(self.headers))
            assert self.path == "/v1/chat/completions"
            given = answer(body, number)
            time.sleep(given.delay_seconds)
            choice = {"message": {"role": "assistant", "content": given.text}}
            usage = {"prompt_tokens": 100, "completion_tokens": 10}
            whole = json.dumps({"choices": [choice], "usage": usage}).encode()
            data = whole if given.raw is None else given.raw
            try:
                self.send_response(given.status)
                for name, value in given.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                pass  # the client has hung up

        def log_message(self, format: str, *args: Any) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Endpoint(f"http://127.0.0.1:{server.server_address[1]}/v1", seen, headers)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
