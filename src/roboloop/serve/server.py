"""A server as a process of its own: started, waited for, watched, started again, stopped."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from roboloop.base.closing import Closing
from roboloop.base.errors import Place, RoboLoopError
from roboloop.engines.endpoint.connections import Connections
from roboloop.serve.command import ServingCommand

POLL_SECONDS = 0.5
WATCH_SECONDS = 5.0
HEALTH_SECONDS = 20.0
NUM_UNHEALTHY = 3
"""So many checks in a row without an answer: it hangs, and is started again."""
STOP_SECONDS = 30.0
NUM_TOLD_LINES = 12
SIGNS = {
    "address already in use": "the port is taken",
    "out of memory": "there is not enough memory",
    "no available memory": "there is not enough memory for the cache",
    "not supported": "the server does not know such a model",
}


class Server(Closing):
    """One server; a context manager that stops it at the end.

    Args:
        command: What is started.
        host: Where it listens.
        port: At which port.
        log: Everything it says is added to this file.
        start_seconds: How long it may take until it answers.
        say: Told what happens, in words for the user.
    """

    def __init__(
        self,
        command: ServingCommand,
        *,
        host: str,
        port: int,
        log: Path,
        start_seconds: float,
        say: Callable[[str], None],
    ) -> None:
        self.command = command
        near = "127.0.0.1" if host in ("0.0.0.0", "::") else host
        self.url = f"http://{near}:{port}/v1"
        self.log = log
        self.num_starts = 0
        self._health = f"http://{near}:{port}"
        self._start_seconds = start_seconds
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and return when it answers.

        Raises:
            RoboLoopError: E-SRV-002 when it ends or says nothing in time, with its last lines.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.num_starts += 1
        with self.log.open("ab") as out:
            began = out.tell()
            self._process = subprocess.Popen(
                self.command.words,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**self.command.variables, **os.environ},
                start_new_session=True,
            )
        deadline = time.monotonic() + self._start_seconds
        while not self.is_healthy(timeout_seconds=POLL_SECONDS):
            status = self._process.poll()
            if status is not None or time.monotonic() > deadline:
                self.stop()
                what = "it was not ready in time" if status is None else f"it ended with {status}"
                raise RoboLoopError(
                    "E-SRV-002", self._with_last_lines(what, since=began), place=Place(self.log)
                )
            time.sleep(POLL_SECONDS)

    def is_healthy(self, *, timeout_seconds: float) -> bool:
        """Whether it answers now."""
        connections = Connections(self._health, timeout_seconds=timeout_seconds)
        try:
            path = self.command.health
            return connections.send("GET", path, body=None, headers={}).status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connections.close()

    def watch(self, *, max_restarts: int, poll_seconds: float = WATCH_SECONDS) -> None:
        """Start it again whenever it dies or hangs; returns only by an exception.

        Raises:
            RoboLoopError: E-SRV-005 when it died once more than it may be started again.
        """
        told = self._trouble(poll_seconds=poll_seconds)
        while self.num_starts <= max_restarts:
            self._say(f"{told}; starting it again ({self.num_starts} of {max_restarts})")
            self.stop()
            try:
                self.start()
            except RoboLoopError as error:
                told = error.detail
                continue
            self._say("it answers again")
            told = self._trouble(poll_seconds=poll_seconds)
        self.stop()
        raise RoboLoopError("E-SRV-005", told, place=Place(self.log))

    def stop(self) -> None:
        """Ask it and all it started to end; make them after a while."""
        process, self._process = self._process, None
        if process is None:
            return
        for kind, patience in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
            try:
                os.killpg(process.pid, kind)
                process.wait(patience)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        process.poll()

    def close(self) -> None:
        """Stop the server."""
        self.stop()

    def _trouble(self, *, poll_seconds: float) -> str:
        """Wait until something is wrong and say what."""
        assert self._process is not None, "start it first"
        num_silent = 0
        while num_silent < NUM_UNHEALTHY:
            try:
                status = self._process.wait(poll_seconds)
                return f"the server died (status {status})"
            except subprocess.TimeoutExpired:
                is_healthy = self.is_healthy(timeout_seconds=HEALTH_SECONDS)
                num_silent = 0 if is_healthy else num_silent + 1
        return "the server hangs"

    def _with_last_lines(self, what: str, *, since: int) -> str:
        with self.log.open("rb") as stream:
            stream.seek(since)
            said = stream.read().decode(errors="replace")
        known = [meaning for sign, meaning in SIGNS.items() if sign in said.lower()]
        head = f"{what}: {known[0]}" if known else what
        lines = [line for line in said.splitlines() if line.strip()][-NUM_TOLD_LINES:]
        return "\n  ".join([f"{head}. It said last:", *lines])


def free_port(host: str, *, wanted: int) -> int:
    """The wanted port, or a free one for 0.

    Raises:
        RoboLoopError: E-SRV-004 when it is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, wanted))
        except OSError as error:
            raise RoboLoopError("E-SRV-004", f"{host}:{wanted}: {error.strerror}") from error
        return int(probe.getsockname()[1])
