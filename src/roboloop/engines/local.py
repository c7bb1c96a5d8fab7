"""The model in this process: requests are encoded, batched by length and answered."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import hash_value
from roboloop.dialects.base import Dialect
from roboloop.engines.base import Engine, Request, Response, Sampling
from roboloop.engines.greedy import Continuation, continue_greedily
from roboloop.models.backbone import Backbone, load_backbone
from roboloop.models.chat import Encoded, Encoder
from roboloop.models.processor_model import load_model

BATCHES_AHEAD = 8
"""Requests are sorted by length among this many batches."""


class LocalEngine(Engine):
    """Answers of a model in this process, the likeliest ones unless they are drawn.

    Args:
        model: A loaded backbone, or the folder to load it from.
        dialect: Says at which size a picture is seen.
        system: The system text; empty for none, the model's own when left out.
        max_new_tokens: Longest answer, with the token that ends it.
        batch_size: Requests answered together; it does not change the answers.
        sampling: Draws answers by their probability.
    """

    def __init__(
        self,
        model: Backbone | Path,
        *,
        dialect: Dialect,
        system: str | None = None,
        max_new_tokens: int = 256,
        batch_size: int = 64,
        sampling: Sampling | None = None,
    ) -> None:
        self.backbone = load_backbone(model) if isinstance(model, Path) else model
        self.encoder = Encoder(self.backbone.parts, dialect=dialect, system=system)
        self.max_new_tokens = max_new_tokens
        self.batch_size = batch_size
        self.sampling = sampling

    def answer(self, requests: Iterable[Request]) -> Iterator[Response]:
        """One response for each request, in the same order; see `Engine.answer`."""
        was_training = self.backbone.model.training
        self.backbone.model.eval()
        try:
            incoming = iter(requests)
            while window := list(itertools.islice(incoming, BATCHES_AHEAD * self.batch_size)):
                yield from self._answer_window(window)
        finally:
            self.backbone.model.train(was_training)

    def identity(self) -> str:
        """See `Engine.identity`. Reads every weight each time it is called."""
        dialect = self.encoder.dialect
        return hash_value(
            {
                "model": self.backbone.identity(),
                "dialect": {"kind": dialect.kind, **dialect.options()},
                "system": self.encoder.system,
                "decoding": {
                    "kind": "greedy", "max_new_tokens": self.max_new_tokens,
                    **({} if self.sampling is None else asdict(self.sampling)),
                },
            }
        )  # fmt: skip

    def sampled(self, sampling: Sampling) -> LocalEngine:
        """See `Engine.sampled`."""
        return LocalEngine(
            self.backbone, dialect=self.encoder.dialect, system=self.encoder.system,
            max_new_tokens=self.max_new_tokens, batch_size=self.batch_size, sampling=sampling,
        )  # fmt: skip

    def _answer_window(self, window: list[Request]) -> list[Response]:
        responses: dict[int, Response] = {}
        encoded: dict[int, Encoded] = {}
        for place, request in enumerate(window):
            try:
                encoded[place] = self.encoder.prompt(request.pictures(), question=request.question)
            except Exception as error:  # whatever a picture or its loader brings up fails it alone
                responses[place] = Response(record_id=request.record_id, error=_reason(error))
        by_length = sorted(encoded, key=lambda place: encoded[place].num_tokens)
        for start in range(0, len(by_length), self.batch_size):
            places = by_length[start : start + self.batch_size]
            found = self._continue([encoded[place] for place in places])
            for place, continuation in zip(places, found, strict=True):
                responses[place] = self._response(window[place], continuation=continuation)
        return [responses[place] for place in range(len(window))]

    def _continue(self, items: Sequence[Encoded]) -> list[Continuation | None]:
        """Continue a batch, in halves when memory is short; None for what does not fit alone."""
        try:
            return [
                *continue_greedily(
                    items,
                    backbone=self.backbone,
                    max_new_tokens=self.max_new_tokens,
                    sampling=self.sampling,
                )
            ]
        except torch.OutOfMemoryError:
            if len(items) == 1:
                return [None]
        if self.backbone.device.type == "cuda":
            torch.cuda.empty_cache()
        half = len(items) // 2
        return self._continue(items[:half]) + self._continue(items[half:])

    def _response(self, request: Request, *, continuation: Continuation | None) -> Response:
        if continuation is None:
            error = RoboLoopError("E-ENG-005", "out of memory")
            return Response(record_id=request.record_id, error=str(error))
        if not continuation.finite:
            error = RoboLoopError("E-ENG-004", "the model gave NaN or infinity")
            return Response(record_id=request.record_id, error=str(error))
        return Response(
            record_id=request.record_id,
            text=self.backbone.parts.tokenizer.decode(continuation.ids, skip_special_tokens=True),
            num_new_tokens=len(continuation.ids),
            finish_reason="stop" if continuation.stopped else "length",
            log_probability=continuation.log_probability,
        )


def open_folder(
    folder: Path,
    *,
    dialect: Dialect,
    system: str | None = None,
    max_new_tokens: int = 256,
    batch_size: int = 64,
) -> Engine:
    """A model folder of any family as an engine in this process.

    Args:
        folder: Qwen2.5-VL's and Qwen3-VL's are answered by `LocalEngine`, all others through their
            own processors.
        dialect: Says at which size a Qwen-VL sees a picture.
        system: The system text; the model's own when left out.
        max_new_tokens: Longest answer.
        batch_size: Requests answered together.

    Raises:
        RoboLoopError: E-ENG-001.
    """
    from roboloop.engines.processor import ProcessorEngine

    model = load_model(folder)
    if isinstance(model, Backbone):
        return LocalEngine(
            model, dialect=dialect, system=system, max_new_tokens=max_new_tokens,
            batch_size=batch_size,
        )  # fmt: skip
    return ProcessorEngine(
        model, system=system or "", max_new_tokens=max_new_tokens,
        batch_size=min(batch_size, MOST_TOGETHER),
    )  # fmt: skip


MOST_TOGETHER = 16
"""Requests that models of other families answer together: their pictures are not told from one
another, so a batch costs more memory."""


def _reason(error: Exception) -> str:
    """The message of a user's mistake; with its type, that of anything else."""
    return str(error) if isinstance(error, RoboLoopError) else f"{type(error).__name__}: {error}"
