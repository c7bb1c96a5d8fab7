"""A stand-in for the `vllm` command, where a test needs it to die or hang at an exact moment.

It writes its words and variables down, then does what `plan.json` beside it says for this start.
The real server has tests of its own in `test_real_servers.py`.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def make_environment(
    folder: Path, *, plan: list[str], engine: str = "vllm", versions: dict[str, str] | None = None
) -> Path:
    """A folder with `bin/python` and `bin/<engine>`; gives the interpreter."""
    binaries = folder / "bin"
    binaries.mkdir(parents=True)
    found = json.dumps(versions or {"vllm": "0.32.0", "torch": "2.13.0+cpu"})
    _script(binaries / "python", f"#!/bin/sh\necho '{found}'\n")
    _script(binaries / engine, f'#!/bin/sh\nexec {sys.executable} {__file__} {folder} "$@"\n')
    (folder / "plan.json").write_text(json.dumps(plan))
    return binaries / "python"


def starts(folder: Path) -> list[dict[str, object]]:
    """What each start was told."""
    path = folder / "starts.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def _script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def main(folder: Path, words: list[str]) -> None:
    names = ("VLLM_CPU_KVCACHE_SPACE", "HF_HUB_OFFLINE", "VLLM_NO_USAGE_STATS")
    with (folder / "starts.jsonl").open("a") as stream:
        variables = {name: os.environ.get(name) for name in names}
        stream.write(json.dumps({"words": words, "variables": variables, "pid": os.getpid()}))
        stream.write("\n")
    plan = json.loads((folder / "plan.json").read_text())
    act = plan[min(len(starts(folder)), len(plan)) - 1]
    print(f"stand-in: {act}", flush=True)
    if act == "dies":
        print("RuntimeError: CUDA out of memory", flush=True)
        sys.exit(3)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if act == "hangs" and (folder / "asked").exists():
                time.sleep(60)
            (folder / "asked").touch()
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    port = int(words[words.index("--port") + 1])
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.serve_forever(poll_interval=0.02)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
