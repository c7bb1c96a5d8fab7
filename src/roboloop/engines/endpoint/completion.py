"""A question as the body of a chat completion, and what comes back as a response."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from roboloop.base.errors import RoboLoopError
from roboloop.engines.base import FinishReason, Request, Response, Sampling
from roboloop.engines.endpoint.sent_pictures import SentPicture
from roboloop.engines.endpoint.transport import Received
from roboloop.engines.profile import Profile

ServerKind = Literal["vllm", "openai"]
"""vLLM knows fields of its own; others may refuse a field they do not know."""

PICTURE_MARK = "<image>"
"""Where a picture stands in a question."""
_END_MARKS = re.compile(r"(?:<\|(?:im_end|endoftext|eot_id)\|>|</s>)+\s*$")
"""Special tokens that end an answer; `transformers serve` leaves them in it."""
VLLM_FIELDS = {"top_p": 1.0, "repetition_penalty": 1.0}
"""A model folder's `generation_config.json` may say otherwise, and vLLM would follow it."""


def request_body(
    request: Request,
    *,
    pictures: Sequence[SentPicture],
    model: str,
    profile: Profile,
    kind: ServerKind,
    max_new_tokens: int,
    log_probability: bool,
    sampling: Sampling | None = None,
) -> dict[str, Any]:
    """The body of `POST /chat/completions`; temperature and the longest answer are always in it.

    Raises:
        RoboLoopError: E-ENG-002 when marks and pictures differ in number.
    """
    messages: list[dict[str, Any]] = []
    if profile.system:
        messages.append({"role": "system", "content": profile.system})
    messages.append({"role": "user", "content": _content(request, pictures, profile=profile)})
    body: dict[str, Any] = {
        "model": model,
        "messages": messages,
        "temperature": profile.temperature,
        profile.token_limit: max_new_tokens,
        "stream": False,
    }
    if sampling is not None:
        body |= {"temperature": sampling.temperature, "seed": sampling.seed}
    if profile.stop:
        body["stop"] = list(profile.stop)
    if log_probability:
        body["logprobs"] = True
    if kind == "vllm":
        body |= VLLM_FIELDS
        if profile.answer_start:
            messages.append({"role": "assistant", "content": profile.answer_start})
            body |= {"add_generation_prompt": False, "continue_final_message": True}
    return body


def fault_of(value: dict[str, Any]) -> str:
    """What is wrong with a body that came with status 200; empty when it is an answer."""
    if value.get("error"):
        return f"the endpoint reports an error: {value['error']}"
    try:
        message = value["choices"][0]["message"]
    except (KeyError, IndexError, TypeError):
        return "the endpoint's answer holds no message"
    return "" if isinstance(message, dict) else "the endpoint's message is not an object"


def read_response(
    request: Request,
    *,
    received: Received,
    pictures: Sequence[SentPicture],
    profile: Profile,
) -> Response:
    """The response in a body without fault."""
    choice: dict[str, Any] = received.value["choices"][0]
    usage = received.value.get("usage")
    counts: dict[str, Any] = usage if isinstance(usage, dict) else {}
    is_smaller = any(picture.is_smaller for picture in pictures)
    return Response(
        record_id=request.record_id,
        text=_text(choice["message"], profile=profile),
        num_new_tokens=_count(counts.get("completion_tokens")) or 0,
        finish_reason=_finish_reason(choice.get("finish_reason")),
        log_probability=_log_probability(choice.get("logprobs")),
        num_prompt_tokens=_count(counts.get("prompt_tokens")),
        latency_seconds=round(received.seconds, 4),
        num_attempts=received.num_attempts,
        sent_sizes=tuple(picture.size for picture in pictures) if is_smaller else (),
    )


def _content(request: Request, pictures: Sequence[SentPicture], *, profile: Profile) -> Any:
    """The user's message: text, or texts and pictures in the order of the question."""
    text = f"{profile.before_question}{request.question}{profile.after_question}"
    pieces = text.split(PICTURE_MARK)
    if len(pieces) == 1:
        pieces = ["" for _ in pictures] + [text]
    if len(pieces) != len(pictures) + 1:
        raise RoboLoopError(
            "E-ENG-002",
            f"the question has {len(pieces) - 1} {PICTURE_MARK} marks and {len(pictures)} pictures",
        )
    if not pictures:
        return text
    parts: list[dict[str, Any]] = []
    for number, piece in enumerate(pieces):
        if piece:
            parts.append({"type": "text", "text": piece})
        if number < len(pictures):
            parts.append({"type": "image_url", "image_url": {"url": pictures[number].url}})
    return parts


def _text(message: dict[str, Any], *, profile: Profile) -> str:
    """What the model wrote, its thoughts in tags, what it was made to begin with in front."""
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    told = content if isinstance(content, str) else ""
    thoughts = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(thoughts, str) and thoughts:
        end = "</think>" if told else ""
        told = f"<think>{thoughts}{end}{told}"
    return f"{profile.answer_start}{_END_MARKS.sub('', told)}"


def _finish_reason(reason: Any) -> FinishReason:
    return reason if reason in ("length", "content_filter") else "stop"


def _count(value: Any) -> int | None:
    return value if type(value) is int else None


def _log_probability(value: Any) -> float | None:
    """The sum over the tokens of the answer."""
    try:
        return float(sum(token["logprob"] for token in value["content"]))
    except (KeyError, TypeError):
        return None
