"""What operators that ask an endpoint keep of its replies, as columns and in numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from roboloop.curate.base import CurateContext
from roboloop.engines.endpoint.budget import Usage
from roboloop.engines.endpoint.chat import ChatReply
from roboloop.engines.judging.asking import Asking, Row, ask_about, replies_in_numbers
from roboloop.records.shards import read_media_roots

Form = TypeVar("Form", bound=BaseModel)


def ask_of(
    texts: Sequence[str],
    rows: Sequence[Row],
    *,
    options: Asking,
    form: type[Form],
    system: str,
    prompt_version: str,
    label: str,
    context: CurateContext,
) -> Iterator[ChatReply[Form]]:
    """`engines.judging.ask_about`, with the pictures and the store of an operator's context."""
    return ask_about(
        texts, rows, options=options, form=form, system=system, prompt_version=prompt_version,
        label=label, roots=read_media_roots(context.records), folder=context.work / "endpoint",
    )  # fmt: skip


def reply_columns() -> list[tuple[str, Any]]:
    """Columns that say what became of a request, for an Arrow schema."""
    import pyarrow as pa

    text, number = pa.string(), pa.int64()
    return [("status", text), ("error", text), ("tokens_in", number), ("tokens_out", number)]


def reply_row(reply: ChatReply[Any]) -> dict[str, Any]:
    """Values of these columns."""
    tokens_in, tokens_out = reply.usage
    return {
        "status": reply.status,
        "error": reply.error,
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
    }


def asked_in_numbers(values: Any, *, options: Asking) -> dict[str, Any]:
    """How many records were asked about, with what success, and what it costs.

    Args:
        values: A table with the columns `reply_columns`.
        options: Whose endpoint has the prices.
    """
    assert options.endpoint is not None
    usage = Usage(*(sum(filter(None, values[name].to_pylist())) for name in Usage._fields))
    statuses = [status for status in values["status"].to_pylist() if status]
    return replies_in_numbers(statuses, usage=usage, endpoint=options.endpoint)
