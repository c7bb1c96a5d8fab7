"""Ask for JSON of a given form; every answer is checked, kept and paid for once."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import hash_bytes, hash_value, seeded_generator
from roboloop.engines.endpoint.answer_store import AnswerStore, Kept
from roboloop.engines.endpoint.budget import NO_USAGE, Budget, Usage, estimate_tokens
from roboloop.engines.endpoint.config import EndpointConfig
from roboloop.engines.endpoint.pace import Pace
from roboloop.engines.endpoint.transport import SendError, Transport
from roboloop.engines.endpoint.under_way import Patience, answered_in_order

Form = TypeVar("Form", bound=BaseModel)

Status = Literal["ok", "invalid", "failed", "unpaid", "dry"]
"""`ok`: JSON of the form; `invalid`: none, even after repairs; `failed`: no answer; `unpaid`: the
budget is spent; `dry`: nothing was sent."""


class Picture(NamedTuple):
    """An encoded picture as it is sent."""

    data: bytes
    media_type: str
    size: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One question.

    Attributes:
        system: What the model is told first.
        text: The question.
        pictures: Gives the pictures; called once, when they are needed.
    """

    system: str
    text: str
    pictures: Callable[[], Sequence[Picture]] = tuple


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReply(Generic[Form]):
    """What came of a request.

    Attributes:
        status: See `Status`; `value` is there exactly when it is `ok`.
        value: The answer.
        error: Why there is none.
        num_attempts: How often the model was asked, repairs included.
        usage: Tokens used, now or when it was first asked; with `dry` an estimate.
        was_kept: The answer was there already and cost nothing.
    """

    status: Status
    value: Form | None = None
    error: str = ""
    num_attempts: int = 0
    usage: Usage = NO_USAGE
    was_kept: bool = False


class ChatClient(Generic[Form]):
    """Asks one kind of question of one endpoint.

    Args:
        config: The endpoint.
        form: What the answers look like.
        prompt_version: Names the wording of the questions; answers are kept by it.
        folder: Where answers are kept.
        budget: Name of the budget that pays.
    """

    def __init__(
        self,
        config: EndpointConfig,
        *,
        form: type[Form],
        prompt_version: str,
        folder: Path,
        budget: str,
    ) -> None:
        self.config, self.form, self.prompt_version = config, form, prompt_version
        self._path = folder / "answers.sqlite"
        self._budget_name = budget
        self._schema = strict_schema(form)

    def ask(self, requests: Iterable[ChatRequest]) -> Iterator[ChatReply[Form]]:
        """One reply for each request, in the same order; a few are under way at a time.

        Raises:
            RoboLoopError: E-ENG-010 when the endpoint refuses every request, E-ENG-011 when it
                does not answer any.
        """
        config = self.config
        stop = threading.Event()
        pace = Pace(config.requests_per_minute, ramp_seconds=config.ramp_seconds, sleep=stop.wait)
        draw = seeded_generator("pauses", config.url)
        transport = Transport(config, pace=pace, draw=draw, stop=stop)
        with AnswerStore(self._path) as store:
            asker = _Asker(self, store=store, transport=transport)
            yield from answered_in_order(
                asker.reply,
                requests,
                max_concurrency=config.max_concurrency,
                stop=transport.close,
            )

    def budget(self, store: AnswerStore) -> Budget:
        """The budget that pays for these questions."""
        return Budget(self.config, store=store, name=self._budget_name)

    def key(self, request: ChatRequest, *, pictures: Sequence[Picture]) -> str:
        """The name an answer is kept by: all that shapes it."""
        config = self.config
        decoding = [config.structured, config.max_new_tokens, config.temperature]
        return hash_value(
            [config.url, config.model, config.revision, self.prompt_version, self._schema, decoding,
             config.max_repairs, [hash_bytes(picture.data) for picture in pictures],
             request.system, request.text]
        )  # fmt: skip

    def body(self, messages: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The request's JSON."""
        config = self.config
        body: dict[str, Any] = {
            "model": config.model,
            "messages": list(messages),
            "max_tokens": config.max_new_tokens,
            "temperature": config.temperature,
        }
        if config.structured == "json_schema":
            named = {"name": self.form.__name__, "schema": self._schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        elif config.structured == "json_object":
            body["response_format"] = {"type": "json_object"}
        return body


class _Asker(Generic[Form]):
    """Answers one request at a time, from any number of threads."""

    def __init__(
        self, client: ChatClient[Form], *, store: AnswerStore, transport: Transport
    ) -> None:
        self._client, self._store, self._transport = client, store, transport
        self._budget = client.budget(store)
        config = client.config
        self._patience = Patience(config.url, max_concurrency=config.max_concurrency)

    def reply(self, request: ChatRequest) -> ChatReply[Form]:
        """The kept answer, or a new one."""
        try:
            pictures = request.pictures()
        except RoboLoopError as error:
            return ChatReply(status="failed", error=str(error))
        key = self._client.key(request, pictures=pictures)
        if (kept := self._store.get(key)) is not None:
            return self._from_kept(kept, was_kept=True)
        expected = Usage(
            estimate_tokens(
                request.system + request.text, picture_sizes=[picture.size for picture in pictures]
            ),
            self._client.config.max_new_tokens,
        )
        if self._client.config.dry_run:
            return ChatReply(status="dry", usage=expected)
        try:
            made = self._ask(request, pictures=pictures, expected=expected)
        except SendError as error:
            self._patience.failed(str(error), is_bad_request=error.is_bad_request)
            return ChatReply(status="failed", error=str(error))
        if made is None:
            return ChatReply(status="unpaid", error="the budget is spent")
        self._store.put(key, kept=made)
        return self._from_kept(made, was_kept=False)

    def _from_kept(self, kept: Kept, *, was_kept: bool) -> ChatReply[Form]:
        value = read_form(kept.text, form=self._client.form) if kept.status == "ok" else None
        return ChatReply(
            status="ok" if isinstance(value, BaseModel) else "invalid",
            value=value if isinstance(value, BaseModel) else None,
            error=kept.error,
            num_attempts=kept.num_attempts,
            usage=Usage(kept.tokens_in, kept.tokens_out),
            was_kept=was_kept,
        )

    def _ask(
        self, request: ChatRequest, *, pictures: Sequence[Picture], expected: Usage
    ) -> Kept | None:
        """Ask, and show the model what was wrong; None when the budget is spent before it began."""
        messages = _messages(request, pictures=pictures)
        usage, text, fault = NO_USAGE, "", ""
        attempts = 0
        while attempts <= self._client.config.max_repairs:
            if not self._budget.set_aside(expected):
                if not attempts:
                    return None
                fault += " (the budget is spent)"
                break
            answer = self._post(messages, expected=expected)
            attempts += 1
            usage = Usage(
                usage.tokens_in + answer.usage.tokens_in, usage.tokens_out + answer.usage.tokens_out
            )
            text = answer.text
            value = read_form(text, form=self._client.form)
            if isinstance(value, BaseModel):
                return Kept(text, "ok", "", attempts, *usage)
            fault = value
            messages = [
                *messages,
                {"role": "assistant", "content": text},
                {"role": "user", "content": f"That does not fit the form: {fault}. Answer again "
                                            "with one JSON object of the form and nothing else."},
            ]  # fmt: skip
        return Kept(text, "invalid", fault, attempts, *usage)

    def _post(self, messages: Sequence[dict[str, Any]], *, expected: Usage) -> _Answer:
        used: Usage | None = None
        try:
            received = self._transport.post(self._client.body(messages))
            answer = _read_answer(received.value, expected=expected)
            used = answer.usage
            self._patience.answered()
            return answer
        finally:
            self._budget.settle(aside=expected, used=used)


class _Answer(NamedTuple):
    text: str
    usage: Usage


def _read_answer(value: dict[str, Any], *, expected: Usage) -> _Answer:
    """Text and usage of a chat completion; an answer without a text is an empty text."""
    try:
        text = value["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        text = ""
    given = value.get("usage")
    usage = given if isinstance(given, dict) else {}
    counts = [usage.get("prompt_tokens"), usage.get("completion_tokens")]
    return _Answer(
        text if isinstance(text, str) else "",
        Usage(*(c if isinstance(c, int) else e for c, e in zip(counts, expected, strict=True))),
    )


def _messages(request: ChatRequest, *, pictures: Sequence[Picture]) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = [
        {
            "type": "image_url",
            "image_url": {
                "url": f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode()}"
            },
        }
        for picture in pictures
    ]
    asked: Any = [*content, {"type": "text", "text": request.text}] if content else request.text
    return [{"role": "system", "content": request.system}, {"role": "user", "content": asked}]


def strict_schema(form: type[BaseModel]) -> dict[str, Any]:
    """The form's JSON schema as strict endpoints want it: every key required, none besides."""
    schema = form.model_json_schema()

    def tighten(node: Any) -> None:
        if isinstance(node, dict):
            if node.get("type") == "object" and "properties" in node:
                node["additionalProperties"] = False
                node["required"] = list(node["properties"])
            for item in node.values():
                tighten(item)
        elif isinstance(node, list):
            for item in node:
                tighten(item)

    tighten(schema)
    return schema


def read_form(text: str, *, form: type[Form]) -> Form | str:
    """The JSON object in a text, or what is wrong with it.

    Thinking before it and a code fence around it do not count.
    """
    told = text.rpartition("</think>")[2]
    start, end = told.find("{"), told.rfind("}")
    if start < 0 or end < start:
        return "there is no JSON object"
    try:
        return form.model_validate_json(told[start : end + 1])
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        return f"{place}: {first['msg']}" if place else str(first["msg"])


__all__ = ["ChatClient", "ChatReply", "ChatRequest", "Picture"]
