"""The engine behind a server: any that speaks the chat completions of OpenAI."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import ClassVar

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import hash_value, seeded_generator
from roboloop.dialects.base import Dialect
from roboloop.engines.base import Engine, Request, Response, Sampling
from roboloop.engines.endpoint.completion import ServerKind, fault_of, read_response, request_body
from roboloop.engines.endpoint.config import ServerConfig
from roboloop.engines.endpoint.pace import Pace
from roboloop.engines.endpoint.sent_pictures import sent_pictures
from roboloop.engines.endpoint.transport import SendError, Transport
from roboloop.engines.endpoint.under_way import Patience, answered_in_order
from roboloop.engines.profile import Profile

_AT_MOST = re.compile(r"[Aa]t most (\d+) image")
"""How vLLM tells its limit of pictures when it refuses a request."""


class EndpointEngine(Engine):
    """Asks a server, many requests at a time.

    Args:
        config: The server.
        profile: How its model is asked.
        dialect: How its model writes places, and at which size it sees a picture.
        kind: What the server is.
        weights: Content hash of the model's folder, where it is known: it then names the answers in
            place of the address, so that a server that starts again elsewhere keeps them.
        max_new_tokens: Longest answer; the profile's when left out.
        log_probability: Ask for the probability of the answer.
        sampling: Draws answers by their probability.
    """

    answers_together: ClassVar[bool] = False

    def __init__(
        self,
        config: ServerConfig,
        *,
        profile: Profile,
        dialect: Dialect,
        kind: ServerKind = "openai",
        weights: str = "",
        max_new_tokens: int | None = None,
        log_probability: bool = False,
        sampling: Sampling | None = None,
    ) -> None:
        if profile.answer_start and kind != "vllm":
            raise RoboLoopError(
                "E-ENG-014",
                f"profile {profile.name!r} begins every answer with {profile.answer_start!r}, "
                "which only vLLM can be told",
            )
        self.config = config
        self.profile = profile
        self.dialect = dialect
        self.kind: ServerKind = kind
        self.weights = weights
        self.max_new_tokens = max_new_tokens or profile.max_new_tokens
        self.log_probability = log_probability
        self.sampling = sampling

    def sampled(self, sampling: Sampling) -> EndpointEngine:
        """See `Engine.sampled`; the server is told the temperature and the seed."""
        return EndpointEngine(
            self.config, profile=self.profile, dialect=self.dialect, kind=self.kind,
            weights=self.weights, max_new_tokens=self.max_new_tokens,
            log_probability=self.log_probability, sampling=sampling,
        )  # fmt: skip

    def answer(self, requests: Iterable[Request]) -> Iterator[Response]:
        """One response for each request, in the same order; see `Engine.answer`."""
        config = self.config
        stop = threading.Event()
        transport = Transport(
            config,
            pace=Pace(sleep=stop.wait),
            draw=seeded_generator("pauses", config.url),
            stop=stop,
        )
        asker = _Asker(self, transport=transport)
        return answered_in_order(
            asker.answer, requests, max_concurrency=config.max_concurrency, stop=transport.close
        )

    def identity(self) -> str:
        """See `Engine.identity`: the weights or the address, and all that is sent beside it."""
        config = self.config
        server = self.weights or [config.url, config.model, config.revision]
        return hash_value(
            {
                "model": server,
                "dialect": {"kind": self.dialect.kind, **self.dialect.options()},
                "profile": self.profile.shaping(),
                "decoding": {
                    "kind": "server", "max_new_tokens": self.max_new_tokens,
                    **({} if self.sampling is None else asdict(self.sampling)),
                },
            }
        )  # fmt: skip


class _Asker:
    """Answers one request at a time, from any number of threads."""

    def __init__(self, engine: EndpointEngine, *, transport: Transport) -> None:
        self._engine = engine
        self._transport = transport
        config = engine.config
        self._patience = Patience(config.url, max_concurrency=config.max_concurrency)
        self._max_pictures = engine.profile.max_pictures

    def answer(self, request: Request) -> Response:
        """The server's answer, or why there is none."""
        engine = self._engine
        try:
            pictures = sent_pictures(request, dialect=engine.dialect)
            self._check_number(len(pictures))
            body = request_body(
                request,
                pictures=pictures,
                model=engine.config.model,
                profile=engine.profile,
                kind=engine.kind,
                max_new_tokens=engine.max_new_tokens,
                log_probability=engine.log_probability,
                sampling=engine.sampling,
            )
        except RoboLoopError as error:
            return Response(record_id=request.record_id, error=str(error))
        except Exception as error:  # whatever a picture or its loader brings up fails it alone
            told = f"{type(error).__name__}: {error}"
            return Response(record_id=request.record_id, error=told)
        try:
            received = self._transport.post(body, fault=fault_of)
        except SendError as error:
            self._learn_limit(str(error))
            self._patience.failed(str(error), is_bad_request=error.is_bad_request)
            return Response(record_id=request.record_id, error=str(error))
        self._patience.answered()
        return read_response(request, received=received, pictures=pictures, profile=engine.profile)

    def _check_number(self, num_pictures: int) -> None:
        if num_pictures > self._max_pictures:
            raise RoboLoopError(
                "E-ENG-012", f"it has {num_pictures}, the most are {self._max_pictures}"
            )

    def _learn_limit(self, told: str) -> None:
        if found := _AT_MOST.search(told):
            self._max_pictures = min(self._max_pictures, int(found[1]))
