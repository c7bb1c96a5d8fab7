"""Records as questions to a judge: what is told of each, and its pictures."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from roboloop.curate.answer_text import ANSWER_COLUMNS, answer_text
from roboloop.curate.base import CurateContext
from roboloop.engines.endpoint.chat import ChatClient, ChatReply, ChatRequest, Picture
from roboloop.engines.endpoint.config import EndpointConfig
from roboloop.records.media import media_from_json
from roboloop.records.media_open import MediaStore
from roboloop.records.shards import read_media_roots
from roboloop.tasks import load_task

Form = TypeVar("Form", bound=BaseModel)
Row = Mapping[str, Any]

ASKED_COLUMNS = (*ANSWER_COLUMNS, "family", "question", "references", "num_media")
JPEG_QUALITY = 90


class Asking(BaseModel):
    """Options of operators that ask an endpoint."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: EndpointConfig | None = None
    num_pictures: int = Field(1, ge=0)
    """How many of a record's pictures are sent; 0 for models that read text alone."""


def told(row: Row) -> str:
    """A record as a judge is told of it: task, question and answer."""
    lines = [f"Type of question: {load_task(row['task']).title}"]
    if row["width"]:
        lines.append(
            f"First picture: {row['width']} x {row['height']} pixels. Places are given in pixels, "
            "x to the right, y down."
        )
    return "\n".join([*lines, "", "Question:", row["question"], "", "Answer:", answer_text(row)])


def ask_about(
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
    """One reply for each text, which speaks of the row at the same place.

    Args:
        texts: What is asked.
        rows: Rows with the columns `ASKED_COLUMNS`.
        options: The endpoint and how many pictures it sees.
        form: What an answer looks like.
        system: What the model is told first.
        prompt_version: Names the wording.
        label: The operator, whose budget pays.
        context: Where the records and their pictures lie, and where answers are kept.
    """
    assert options.endpoint is not None
    store = MediaStore(read_media_roots(context.records))
    client = ChatClient(
        options.endpoint, form=form, prompt_version=prompt_version,
        folder=context.work / "endpoint", budget=label,
    )  # fmt: skip
    return client.ask(
        ChatRequest(system=system, text=text, pictures=_opener(row, options=options, store=store))
        for text, row in zip(texts, rows, strict=True)
    )


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
    statuses = Counter(status for status in values["status"].to_pylist() if status)
    tokens = {
        name: sum(filter(None, values[name].to_pylist())) for name in ("tokens_in", "tokens_out")
    }
    prices = {"tokens_in": options.endpoint.price_in, "tokens_out": options.endpoint.price_out}
    return {
        "model": options.endpoint.model,
        "revision": options.endpoint.revision,
        "by_status": dict(sorted(statuses.items())),
        **tokens,
        "cost": sum(tokens[name] * price for name, price in prices.items()) / 1e6,
        "is_estimate": options.endpoint.dry_run,
    }


def _opener(row: Row, *, options: Asking, store: MediaStore) -> Callable[[], Sequence[Picture]]:
    assert options.endpoint is not None
    references = row["references"][: options.num_pictures]
    return partial(_pictures, references, store=store, max_side=options.endpoint.max_picture_side)


def _pictures(references: Sequence[str], *, store: MediaStore, max_side: int) -> list[Picture]:
    """The pictures as JPEGs no larger than `max_side`."""
    pictures: list[Picture] = []
    for reference in references:
        picture = store.open(media_from_json(json.loads(reference)))
        picture.thumbnail((max_side, max_side), Image.Resampling.BICUBIC)
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=JPEG_QUALITY)
        pictures.append(Picture(stream.getvalue(), "image/jpeg", picture.size))
    return pictures
