"""What the endpoint engine adds to a request, against the plain HTTP client it is built on.

Both put the same 2,000 requests with a 20 KB JPEG to a server in another process that answers at
once, 64 at a time over kept-open connections. Prints wall and CPU time per request of each, and the
ratio; the engine reads and encodes pictures, builds and reads JSON, keeps order, and may retry.

    python bench/engine_overhead.py [NUM_REQUESTS]
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import multiprocessing
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection

import numpy as np
from PIL import Image

from roboloop.dialects import load_dialect
from roboloop.engines.base import Request
from roboloop.engines.endpoint.config import ServerConfig
from roboloop.engines.endpoint.engine import EndpointEngine
from roboloop.engines.profiles import load_profile

CONCURRENCY = 64
MOST_MS = 1.0
USAGE = {"prompt_tokens": 300, "completion_tokens": 12}
MESSAGE = {"role": "assistant", "content": '{"bbox_2d": [12, 40, 80, 96]}'}
REPLY = json.dumps(
    {"choices": [{"message": MESSAGE, "finish_reason": "stop"}], "usage": USAGE}
).encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(REPLY), REPLY))


class Server(ThreadingHTTPServer):
    request_queue_size = 256


def serve(told: Connection) -> None:
    server = Server(("127.0.0.1", 0), Handler)
    told.send(server.server_address[1])
    server.serve_forever()


def jpeg() -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (90, 160, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((320, 180)).save(stream, "JPEG", quality=80)
    return stream.getvalue()


def plainly(port: int, *, data: bytes, num: int) -> None:
    """The plain client: the body is made once, nothing is read from the answers."""
    url = f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
    parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "where?"}]
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": parts}]}).encode()
    mine = threading.local()

    def ask(number: int) -> int:
        if not hasattr(mine, "connection"):
            mine.connection = http.client.HTTPConnection("127.0.0.1", port)
        mine.connection.request(
            "POST", "/v1/chat/completions", body, {"Content-Type": "application/json"}
        )
        return len(mine.connection.getresponse().read())

    with ThreadPoolExecutor(CONCURRENCY) as pool:
        assert all(pool.map(ask, range(num)))


def engine(port: int, *, data: bytes, num: int) -> None:
    config = ServerConfig.model_validate(
        {"url": f"http://127.0.0.1:{port}/v1", "model": "m", "max_concurrency": CONCURRENCY}
    )
    asker = EndpointEngine(
        config, profile=load_profile("qwen25_vl"), dialect=load_dialect("qwen25_vl")
    )

    def requests() -> Iterator[Request]:
        for number in range(num):
            yield Request(
                record_id=str(number), pictures=list, question="where?", encoded=lambda: [data]
            )

    assert not any(response.error for response in asker.answer(requests()))


def measured(work: Callable[[], None]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    num = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    port, data = ours.recv(), jpeg()
    plainly(port, data=data, num=64)
    rounds = [
        (
            measured(lambda: plainly(port, data=data, num=num)),
            measured(lambda: engine(port, data=data, num=num)),
        )
        for _ in range(3)
    ]
    process.terminate()
    plain_cpu, engine_cpu = (min(r[side][1] for r in rounds) / num * 1e3 for side in (0, 1))
    plain_wall, engine_wall = (min(r[side][0] for r in rounds) / num * 1e3 for side in (0, 1))
    added = engine_cpu - plain_cpu
    print(f"{num} requests, {len(data):,} byte JPEG, {CONCURRENCY} at a time, best of 3 rounds")
    print(f"plain client  {plain_wall:6.3f} ms wall  {plain_cpu:6.3f} ms CPU per request")
    print(f"engine        {engine_wall:6.3f} ms wall  {engine_cpu:6.3f} ms CPU per request")
    print(f"added {added:.3f} ms CPU per request, {engine_cpu / plain_cpu:.2f} x the plain client")
    if added > MOST_MS:
        sys.exit(f"more than {MOST_MS} ms")


if __name__ == "__main__":
    main()
