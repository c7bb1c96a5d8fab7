"""What an engine is: questions about pictures in, texts out, and one name for all that matters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from PIL import Image

FinishReason = Literal["", "stop", "length"]
"""`stop`: the model ended its answer; `length`: it was cut off; empty when the request failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question.

    Attributes:
        record_id: Comes back in the response.
        pictures: Opens the pictures, in the order of the question; called once, when needed.
        question: Text; `<image>` in it says where a picture stands, else pictures come first.
    """

    record_id: str
    pictures: Callable[[], Sequence[Image.Image]]
    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came of a request.

    Attributes:
        record_id: The request's.
        text: New text only, without special tokens.
        num_new_tokens: Tokens the model wrote, the one that ends the answer included.
        finish_reason: Why it stopped.
        error: Why there is no text; empty when there is one. A failed request is no wrong answer.
    """

    record_id: str
    text: str = ""
    num_new_tokens: int = 0
    finish_reason: FinishReason = ""
    error: str = ""


class Engine(ABC):
    """Answers questions."""

    @abstractmethod
    def answer(self, requests: Iterable[Request]) -> Iterator[Response]:
        """One response for each request, in the same order.

        A request that cannot be answered gives a response with `error`; the others go on.
        """

    @abstractmethod
    def identity(self) -> str:
        """Content hash of all that shapes an answer apart from the request.

        Weights, tokenizer, system text, decoding and dialect; not the batch size.
        """
