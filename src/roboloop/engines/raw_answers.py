"""The raw answers of one model, each stored once, in a file that only grows.

A line is written for every answer, under the hash of all that made it: the engine's identity
(weights, decoding, dialect), the prompt and the bytes of the pictures. Scoring reads it as often as
it likes. Answers that may shape one another are written a portion at a time, and each carries its
place in it, so that a portion cut off by a crash is recognised and asked again as a whole: the same
questions are then answered together as without the crash, and give the same text to the last bit.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import canonical_json, hash_value
from roboloop.records.outcomes import PredictionStatus

SYNC_SECONDS = 5.0


class RawAnswer(NamedTuple):
    """What came back for one question.

    Attributes:
        key: Hash of all that made it; see `answer_key`.
        engine: Identity of the engine.
        record_id: The record it was asked for first. Another record with the same question about
            the same pictures shares the answer.
        prompt: The question as sent.
        text: New text only; empty when the request failed.
        log_probability, num_prompt_tokens, latency_seconds, num_attempts, sent_sizes: As in
            `engines.base.Response`; None, and not written, where the engine told nothing. No
            number of an evaluation depends on them.
    """

    key: str
    engine: str
    record_id: str
    prompt: str
    status: PredictionStatus
    text: str = ""
    num_new_tokens: int = 0
    finish_reason: str = ""
    error: str = ""
    log_probability: float | None = None
    num_prompt_tokens: int | None = None
    latency_seconds: float | None = None
    num_attempts: int | None = None
    sent_sizes: list[list[int]] | None = None


def answer_key(*, engine_identity: str, prompt: str, media_hashes: Sequence[str]) -> str:
    """The name of an answer: the same question to the same model gives the same name."""
    return hash_value({"engine": engine_identity, "prompt": prompt, "media": list(media_hashes)})


class AnswerStore:
    """Answers by key, on disk.

    Args:
        path: The JSON Lines file; made when the first portion is added.

    Raises:
        RoboLoopError: E-REC-001 for a broken line in the middle of the file. A broken or
            incomplete end is cut off: it is what a killed run leaves.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._answers: dict[str, RawAnswer] = {}
        if path.exists():
            self._read()

    def get(self, key: str) -> RawAnswer | None:
        """The newest answer stored under `key`."""
        return self._answers.get(key)

    @property
    def newest_engine(self) -> str | None:
        """Identity of the engine that answered last."""
        return next(reversed(self._answers.values())).engine if self._answers else None

    def has(self, key: str) -> bool:
        """Whether there is an answer that need not be asked for again."""
        found = self._answers.get(key)
        return found is not None and found.status is PredictionStatus.ANSWERED

    def add(self, portion: Sequence[RawAnswer]) -> None:
        """Write a portion to the end of the file and wait until it is on the disk."""
        with self._appending() as stream:
            for place, answer in enumerate(portion, start=1):
                stream.write(_line(answer, place=place, size=len(portion)))
        self._take(portion)

    @contextmanager
    def growing(self) -> Generator[GrowingAnswers]:
        """Add answers that stand alone, one by one."""
        with self._appending() as stream:
            yield GrowingAnswers(stream, taken=self._take)

    @contextmanager
    def _appending(self) -> Generator[IO[bytes]]:
        """The file, opened to add to its end; what was written is on the disk afterwards."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as stream:
            try:
                yield stream
            finally:
                stream.flush()
                os.fsync(stream.fileno())

    def _take(self, portion: Sequence[RawAnswer]) -> None:
        for answer in portion:
            self._answers.pop(answer.key, None)
            self._answers[answer.key] = answer

    def _read(self) -> None:
        """Take in all whole portions and cut off what follows the last of them."""
        data = self.path.read_bytes()
        pending: list[RawAnswer] = []
        position = whole = 0
        for number, line in enumerate(data.splitlines(keepends=True), start=1):
            position += len(line)
            try:
                answer, (place, size) = _read_line(line)
            except (ValueError, KeyError, TypeError) as error:
                if position == len(data):
                    break
                raise RoboLoopError(
                    "E-REC-001",
                    f"a stored answer cannot be read ({error})",
                    place=Place(self.path, number),
                    fix="Delete that line: its question is then asked again.",
                ) from error
            pending.append(answer)
            if place == size and line.endswith(b"\n"):
                self._take(pending)
                pending, whole = [], position
        if whole < len(data):
            os.truncate(self.path, whole)


class GrowingAnswers:
    """Takes answers one by one and brings them to the disk every few seconds."""

    def __init__(self, stream: IO[bytes], *, taken: Callable[[Sequence[RawAnswer]], None]) -> None:
        self._stream = stream
        self._taken = taken
        self._synced = time.monotonic()

    def add(self, answer: RawAnswer) -> None:
        """Write it; a killed process loses nothing, a power cut the last few seconds."""
        self._stream.write(_line(answer, place=1, size=1))
        self._stream.flush()
        self._taken([answer])
        if time.monotonic() - self._synced > SYNC_SECONDS:
            os.fsync(self._stream.fileno())
            self._synced = time.monotonic()


def _line(answer: RawAnswer, *, place: int, size: int) -> bytes:
    given = {name: value for name, value in answer._asdict().items() if value is not None}
    return canonical_json({**given, "portion": [place, size]}).encode() + b"\n"


def _read_line(line: bytes) -> tuple[RawAnswer, tuple[int, int]]:
    value: dict[str, Any] = json.loads(line)
    place, size = value.pop("portion")
    status = PredictionStatus(value.pop("status"))
    return RawAnswer(status=status, **value), (place, size)
