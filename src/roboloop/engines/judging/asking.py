"""Records as questions to a judge: what is told of each, and its pictures."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from roboloop.engines.endpoint.budget import Usage
from roboloop.engines.endpoint.chat import ChatClient, ChatReply, ChatRequest, Picture
from roboloop.engines.endpoint.config import EndpointConfig
from roboloop.records.media import media_from_json
from roboloop.records.media_open import MediaStore
from roboloop.tasks import load_task
from roboloop.tasks.rows import answer_text

Form = TypeVar("Form", bound=BaseModel)
Row = Mapping[str, Any]

JPEG_QUALITY = 90


class Asking(BaseModel):
    """Options of whoever asks an endpoint about records."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: EndpointConfig | None = None
    num_pictures: int = Field(1, ge=0)
    """How many of a record's pictures are sent; 0 for models that read text alone."""


def told(row: Row) -> str:
    """A record as a judge is told of it: task, question and answer."""
    return f"{told_question(row)}\n\nAnswer:\n{answer_text(row)}"


def told_question(row: Row) -> str:
    """A record as a judge is told of it, without its answer."""
    lines = [f"Type of question: {load_task(row['task']).title}"]
    if row["width"]:
        lines.append(
            f"First picture: {row['width']} x {row['height']} pixels. Places are given in pixels, "
            "x to the right, y down."
        )
    return "\n".join([*lines, "", "Question:", row["question"]])


def ask_about(
    texts: Sequence[str],
    rows: Sequence[Row],
    *,
    options: Asking,
    form: type[Form],
    system: str,
    prompt_version: str,
    label: str,
    roots: Mapping[str, Path],
    folder: Path,
) -> Iterator[ChatReply[Form]]:
    """One reply for each text, which speaks of the row at the same place.

    Args:
        texts: What is asked.
        rows: Rows with the columns `ASKED_COLUMNS`.
        options: The endpoint and how many pictures it sees.
        form: What an answer looks like.
        system: What the model is told first.
        prompt_version: Names the wording.
        label: Who asks; its budget pays.
        roots: Where the pictures lie.
        folder: Where answers are kept.
    """
    assert options.endpoint is not None
    store = MediaStore(roots)
    client = ChatClient(
        options.endpoint, form=form, prompt_version=prompt_version,
        folder=folder, budget=label,
    )  # fmt: skip
    return client.ask(
        ChatRequest(system=system, text=text, pictures=_opener(row, options=options, store=store))
        for text, row in zip(texts, rows, strict=True)
    )


def replies_in_numbers(
    statuses: Sequence[str], *, usage: Usage, endpoint: EndpointConfig
) -> dict[str, Any]:
    """How many records were asked about, with what success, and what it costs.

    Args:
        statuses: What became of each request.
        usage: Tokens of all of them.
        endpoint: Has the prices.
    """
    return {
        "model": endpoint.model,
        "revision": endpoint.revision,
        "by_status": dict(sorted(Counter(statuses).items())),
        "tokens_in": usage.tokens_in,
        "tokens_out": usage.tokens_out,
        "cost": (usage.tokens_in * endpoint.price_in + usage.tokens_out * endpoint.price_out) / 1e6,
        "is_estimate": endpoint.dry_run,
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
