"""A model of any family in this process, asked through its own processor and `generate`."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import hash_value
from roboloop.engines.base import Engine, Request, Response
from roboloop.models.processor_model import ChatWriter, Conversation, ProcessorModel
from roboloop.records.record import Turn

BATCHES_AHEAD = 8
"""Requests are sorted by length among this many batches."""


class ProcessorEngine(Engine):
    """Greedy answers, a batch at a time, filled up at the start and masked.

    Args:
        model: The model.
        system: The system text; empty for what the model's template does without one.
        max_new_tokens: Longest answer, with the token that ends it.
        batch_size: Requests answered together.
    """

    def __init__(
        self,
        model: ProcessorModel,
        *,
        system: str = "",
        max_new_tokens: int = 256,
        batch_size: int = 16,
    ) -> None:
        self.model = model
        self.writer = ChatWriter(model, system=system)
        self.max_new_tokens = max_new_tokens
        self.batch_size = batch_size

    def answer(self, requests: Iterable[Request]) -> Iterator[Response]:
        """One response for each request, in the same order; see `Engine.answer`."""
        was_training = self.model.model.training
        self.model.model.eval()
        try:
            incoming = iter(requests)
            while window := list(itertools.islice(incoming, BATCHES_AHEAD * self.batch_size)):
                yield from self._answer_window(window)
        finally:
            self.model.model.train(was_training)

    def identity(self) -> str:
        """See `Engine.identity`. Reads every weight each time it is called."""
        return hash_value(
            {
                "model": self.model.identity(),
                "system": self.writer.system,
                "decoding": {"kind": "greedy", "max_new_tokens": self.max_new_tokens},
            }
        )

    def _answer_window(self, window: Sequence[Request]) -> list[Response]:
        responses: dict[int, Response] = {}
        asked: dict[int, _Asked] = {}
        for place, request in enumerate(window):
            try:
                conversation = Conversation(request.pictures(), (Turn("user", request.question),))
                length = self.writer.prompts([conversation])["input_ids"].shape[1]
            except Exception as error:  # whatever a picture or its loader brings up
                responses[place] = Response(record_id=request.record_id, error=_reason(error))
                continue
            asked[place] = _Asked(conversation, length)
        by_length = sorted(asked, key=lambda place: asked[place].num_tokens)
        for start in range(0, len(by_length), self.batch_size):
            places = by_length[start : start + self.batch_size]
            told = self._generate([asked[place].conversation for place in places])
            for place, answer in zip(places, told, strict=True):
                responses[place] = self._response(window[place], answer=answer)
        return [responses[place] for place in range(len(window))]

    @torch.inference_mode()
    def _generate(self, conversations: Sequence[Conversation]) -> list[_Answer]:
        tensors = self.writer.prompts(conversations)
        network: Any = self.model.model
        told = network.generate(
            **{name: tensor.to(self.model.device) for name, tensor in tensors.items()},
            max_new_tokens=self.max_new_tokens,
            do_sample=False,
            eos_token_id=list(self.writer.stops),
            pad_token_id=self.writer.pad_id,
            return_dict_in_generate=True,
            output_logits=True,
        )
        new = told.sequences[:, -len(told.logits) :].tolist()
        likely = torch.stack([step.float().log_softmax(-1) for step in told.logits], dim=1)
        answers: list[_Answer] = []
        for row, ids in enumerate(new):
            length = _length(ids, stops=self.writer.stops)
            chosen = torch.tensor(ids[:length], device=likely.device)
            each = likely[row, :length].gather(1, chosen[:, None])
            answers.append(
                _Answer(ids[:length], float(each.sum()), ids[length - 1] in self.writer.stops)
            )
        return answers

    def _response(self, request: Request, *, answer: _Answer) -> Response:
        if answer.log_probability != answer.log_probability:
            error = RoboLoopError("E-ENG-004", "the model gave NaN or infinity")
            return Response(record_id=request.record_id, error=str(error))
        return Response(
            record_id=request.record_id,
            text=self.writer.decode(answer.ids),
            num_new_tokens=len(answer.ids),
            finish_reason="stop" if answer.stopped else "length",
            log_probability=answer.log_probability,
        )


class _Asked(NamedTuple):
    conversation: Conversation
    num_tokens: int


class _Answer(NamedTuple):
    ids: list[int]
    log_probability: float
    stopped: bool


def _length(ids: Sequence[int], *, stops: Sequence[int]) -> int:
    """Up to and with the first token that ends an answer."""
    return next((place + 1 for place, token in enumerate(ids) if token in stops), len(ids))


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, RoboLoopError) else f"{type(error).__name__}: {error}"
