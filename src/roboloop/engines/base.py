"""What an engine is: questions about pictures in, texts out, and one name for all that matters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from PIL import Image

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize

FinishReason = Literal["", "stop", "length", "content_filter"]
"""`stop`: the model ended its answer; `length`: it was cut off; `content_filter`: its provider kept
it back; empty when the request failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question.

    Attributes:
        record_id: Comes back in the response.
        pictures: Opens the pictures, in the order of the question; called once, when needed.
        question: Text; `<image>` in it says where a picture stands, else pictures come first.
        encoded: Gives for each picture its bytes as stored, JPEG or PNG, where any reader sees in
            them what `pictures` opens. Engines that send pictures then need not encode them anew.
    """

    record_id: str
    pictures: Callable[[], Sequence[Image.Image]]
    question: str
    encoded: Callable[[], Sequence[bytes | None]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came of a request.

    Attributes:
        record_id: The request's.
        text: New text only, without special tokens.
        num_new_tokens: Tokens the model wrote, the one that ends the answer included.
        finish_reason: Why it stopped.
        error: Why there is no text; empty when there is one. A failed request is no wrong answer.
        log_probability: Of the whole answer, natural logarithm; None when it is not known.
        num_prompt_tokens: Tokens of the question and its pictures; None when it is not known.
        latency_seconds: From sending a request to its answer; None for a model in this process.
        num_attempts: How often the request was sent; 0 for a model in this process.
        sent_sizes: Size of each picture as sent, where one was made smaller; else empty.
    """

    record_id: str
    text: str = ""
    num_new_tokens: int = 0
    finish_reason: FinishReason = ""
    error: str = ""
    log_probability: float | None = None
    num_prompt_tokens: int | None = None
    latency_seconds: float | None = None
    num_attempts: int = 0
    sent_sizes: tuple[PictureSize, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Answers drawn by their probability, in place of the likeliest one.

    Attributes:
        temperature: The logits are divided by it: below 1 likely answers become likelier.
        seed: The same one gives the same answers, as far as a server keeps to it.
    """

    temperature: float
    seed: int


class Engine(ABC):
    """Answers questions.

    Class attributes:
        answers_together: Whether requests of one call may shape one another's answers, if only in
            the last bit. Such requests are asked and stored in the same company each time.
    """

    answers_together: ClassVar[bool] = True

    @abstractmethod
    def answer(self, requests: Iterable[Request]) -> Iterator[Response]:
        """One response for each request, in the same order.

        A request that cannot be answered gives a response with `error`; the others go on.

        Raises:
            RoboLoopError: E-ENG-010 or E-ENG-011 when a server answers none of them.
        """

    def sampled(self, sampling: Sampling) -> Engine:
        """The same model, its answers drawn.

        Raises:
            RoboLoopError: E-ENG-014 where answers cannot be drawn.
        """
        del sampling
        raise RoboLoopError(
            "E-ENG-014",
            "models of this family give their likeliest answer alone in this process",
            fix="Serve the model, and name the server.",
        )

    @abstractmethod
    def identity(self) -> str:
        """Content hash of all that shapes an answer apart from the request.

        Weights (or server and name of the model), tokenizer, system text, decoding and dialect;
        not the batch size.
        """
