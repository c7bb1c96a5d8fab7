"""The raw answers of one model, each stored once, in a file that only grows.

A line is written for every answer, under the hash of all that made it: the engine's identity
(weights, decoding, dialect), the prompt and the bytes of the pictures. Scoring reads it as often as
it likes. Lines are written a portion at a time and each carries its place in it, so that a portion
cut off by a crash is recognised and asked again as a whole: the same questions are then answered
together as without the crash, and give the same text to the last bit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import canonical_json, hash_value
from roboloop.records.outcomes import PredictionStatus


class RawAnswer(NamedTuple):
    """What came back for one question.

    Attributes:
        key: Hash of all that made it; see `answer_key`.
        engine: Identity of the engine.
        record_id: The record it was asked for first. Another record with the same question about
            the same pictures shares the answer.
        prompt: The question as sent.
        text: New text only; empty when the request failed.
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
        lines = [
            canonical_json({**answer._asdict(), "portion": [place, len(portion)]}) + "\n"
            for place, answer in enumerate(portion, start=1)
        ]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as stream:
            stream.write("".join(lines).encode())
            stream.flush()
            os.fsync(stream.fileno())
        self._take(portion)

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


def _read_line(line: bytes) -> tuple[RawAnswer, tuple[int, int]]:
    value: dict[str, Any] = json.loads(line)
    place, size = value.pop("portion")
    status = PredictionStatus(value.pop("status"))
    return RawAnswer(status=status, **value), (place, size)
