"""A made-up model behind a real server on this machine, and the faults such servers have.

What it says depends on the question and the pictures alone, so that a healthy and a failing server
can be held against each other.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

from loopback_endpoint import Answer
from PIL import Image

from roboloop.base.hashing import seeded_fraction
from roboloop.engines.base import Request


def pictures_in(body: dict[str, Any]) -> list[bytes]:
    """The encoded pictures of a request, in order."""
    parts = body["messages"][-1]["content"]
    if isinstance(parts, str):
        return []
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    return [base64.b64decode(url.partition("base64,")[2]) for url in urls]


def text_in(body: dict[str, Any]) -> str:
    """The text of the question."""
    parts = body["messages"][-1]["content"]
    if isinstance(parts, str):
        return parts
    return "".join(part["text"] for part in parts if part["type"] == "text")


def says(body: dict[str, Any]) -> str:
    """Depends on the texts and the pixels only."""
    seen = [Image.open(io.BytesIO(data)).convert("RGB").tobytes() for data in pictures_in(body)]
    digest = hashlib.sha256(b"\x1f".join([text_in(body).encode(), *seen])).digest()
    x1, y1, width, height = digest[0] % 150, digest[1] % 90, 5 + digest[2] % 60, 5 + digest[3] % 40
    return json.dumps({"bbox_2d": [x1, y1, x1 + width, y1 + height]})


def healthy(body: dict[str, Any], number: int) -> Answer:
    del number
    return Answer(says(body))


FAULTS: tuple[Callable[[str], Answer], ...] = (
    lambda said: Answer(said, status=500),
    lambda said: Answer(said, status=503),
    lambda said: Answer(said, status=429, headers={"Retry-After": "0.02"}),
    lambda said: Answer(raw=b'{"choices": [{"mess'),
    lambda said: Answer(raw=b"<html>bad gateway</html>"),
    lambda said: Answer(raw=b'{"error": {"message": "engine died"}}'),
    lambda said: Answer(said, cut_after=0),
    lambda said: Answer(said, cut_after=40),
    lambda said: Answer(said, delay_seconds=2.0),
)


def failing(fraction: float) -> Callable[[dict[str, Any], int], Answer]:
    """The same model, but a share of its requests meets a fault, each kind in turn."""

    def answer(body: dict[str, Any], number: int) -> Answer:
        if seeded_fraction("fault", number) >= fraction:
            return Answer(says(body))
        return FAULTS[number % len(FAULTS)](says(body))

    return answer


def asked(question: str, *pictures: Image.Image, record_id: str = "") -> Request:
    """A request about pictures in memory."""
    return Request(
        record_id=record_id or question, pictures=lambda: list(pictures), question=question
    )
