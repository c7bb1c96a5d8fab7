"""Facts: what an operator sees of a record, one row each, made once for every shard.

Operators work on Arrow batches of these columns. No operator reads a record's JSON again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import canonical_json, hash_bytes, hash_value
from roboloop.curate.problems import UNASKABLE, problem_of
from roboloop.records.answers import (
    Answer,
    answer_to_json,
)
from roboloop.records.media import LmdbPicture, Media, VideoFrame, media_to_json
from roboloop.records.media_open import medium_name
from roboloop.records.record import Record
from roboloop.tasks import load_task
from roboloop.tasks.rows import answer_facts, question_of, short_answer

COLUMNS: dict[str, str] = {
    "id": "string",
    "source": "string",
    "split": "string",
    "tier": "string",
    "task": "string",
    "family": "string",
    # What is asked and answered, in words. Coordinates stand in `geometry`, not here.
    "question": "string",
    "context": "string",
    "answer": "string",
    # The typed answer.
    "answer_kind": "string",
    "geometry": "list<double>",
    "content": "string",
    "short_answer": "string",
    # What is wrong with the record by itself.
    "problem": "string",
    # What is looked at.
    "width": "int32",
    "height": "int32",
    "num_media": "int32",
    "media": "list<string>",
    "media_group": "string",
    "episode": "string",
    "recording": "string",
    "frame": "int64",
}
"""Column -> Arrow type.

`question` is the text a model is asked, empty where it cannot be worded; `context` a hash of what
was said before it in the same conversation, empty for a first question; of a question that cannot
be worded, a hash of the record's id. `answer` is the answer's text where it is words, empty where
it is coordinates. `geometry` holds a spatial answer as fractions of its picture's width and height
(x1, y1, x2, y2 of each box; x, y of each point), empty otherwise. `content` is what else the answer
holds: a hash of letter and options, yes or no, or a number; the labels of boxes and points; nothing
where words say it all. `short_answer` is the text of a letter, a yes or no or a number, empty for
other answers. `problem` is what keeps the record from being asked or
answered, as `name: detail` (`curate.problems`). `tier` is what the source says about its quality
(`meta.tier`). `media` names each medium by its content hash, or by its reference where it was not
hashed; `media_group` is one hash for all of them in order, empty without media. `episode` and
`frame` say which moment of which recording is shown (frame -1 and an empty episode where that is
not known); `recording` is the episode without the camera's name, which all views of a scene share.
"""

MORE_COLUMNS: dict[str, str] = {"typed_answer": "string", "references": "list<string>"}
"""Column -> Arrow type, of facts that are only made for the operators which name them
(`Operator.more_facts`).

`typed_answer` is the answer as JSON, in pixels, empty without one
(`records.answers.answer_from_json`); `references` are the media as JSON
(`records.media.media_from_json`), for whoever opens them.
"""


def facts_schema(*more: str) -> Any:
    """The columns as an Arrow schema, and those of `MORE_COLUMNS` that are named."""
    import pyarrow as pa

    types: dict[str, Any] = {
        "string": pa.string(),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "list<double>": pa.list_(pa.float64()),
        "list<string>": pa.list_(pa.string()),
    }
    columns = COLUMNS | {name: MORE_COLUMNS[name] for name in more}
    return pa.schema([(name, types[kind]) for name, kind in columns.items()])


def facts_table(records: Iterable[Record]) -> Any:
    """The facts of some records, a row each.

    Raises:
        RoboLoopError: As `facts_of`.
    """
    import pyarrow as pa

    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    appends = [column.append for column in columns.values()]
    for record in records:  # no row is kept: thousands of them would keep the collector busy
        for append, value in zip(appends, facts_of(record).values(), strict=True):
            append(value)
    schema = facts_schema()
    arrays = [pa.array(columns[field.name], field.type) for field in schema]
    return pa.table(arrays, schema=schema)


def facts_of(record: Record) -> dict[str, Any]:
    """The row of one record.

    Raises:
        RoboLoopError: E-CFG-006 for an unknown task.
    """
    task = load_task(record.task)
    question, problem = "", ""
    try:
        question = question_of(record, task=task)
    except RoboLoopError as error:
        problem = f"{UNASKABLE}: {error.detail}"
    size = record.picture_size
    answer = answer_facts(record.answer, size=size)
    names = [medium.content_hash or medium_name(medium) for medium in record.media]
    episode, frame = _moment(record)
    return {
        "id": record.id,
        "source": record.source,
        "split": record.split,
        "tier": str(record.meta.get("tier", "")),
        "task": record.task,
        "family": task.family,
        "question": question,
        # A question that cannot be worded is like no other one.
        "context": _context(record) if not problem else hash_value(record.id),
        "answer": answer.words,
        "answer_kind": answer.kind,
        "geometry": answer.geometry,
        "content": answer.content,
        "short_answer": short_answer(record.answer, task=task),
        "problem": problem or problem_of(record, task=task),
        "width": size.width if size else 0,
        "height": size.height if size else 0,
        "num_media": len(names),
        "media": names,
        "media_group": hash_bytes("\0".join(names).encode()) if names else "",
        "episode": episode,
        "recording": _recording(record),
        "frame": frame,
    }


def more_facts_of(record: Record) -> dict[str, Any]:
    """The `MORE_COLUMNS` of one record."""
    return {
        "typed_answer": _typed_answer(record.answer),
        "references": [canonical_json(media_to_json(medium)) for medium in record.media],
    }


def _typed_answer(answer: Answer | None) -> str:
    """The answer as JSON; empty without one, and for numbers that JSON cannot hold."""
    if answer is None:
        return ""
    try:
        return canonical_json(answer_to_json(answer))
    except ValueError:  # NaN or infinity, which `problem` tells
        return ""


def _context(record: Record) -> str:
    """Hash of the turns before the last question."""
    asked = [place for place, turn in enumerate(record.turns) if turn.role == "user"]
    earlier = record.turns[: asked[-1]] if asked else ()
    return hash_value([[turn.role, turn.text] for turn in earlier]) if earlier else ""


def _moment(record: Record) -> tuple[str, int]:
    """The recording and the frame that the first picture shows, as far as it is known."""
    episode, frame = record.meta.get("episode"), record.meta.get("frame")
    if isinstance(episode, str) and isinstance(frame, int):
        view = record.meta.get("view")
        return (f"{episode}/{view}" if isinstance(view, str) else episode), frame
    first: Media | None = record.media[0] if record.media else None
    match first:
        case VideoFrame(path=path, frame=number):
            return path, number
        case LmdbPicture(store=store, episode=name, frame=number):
            return f"{store}/{name}", number
        case _:
            return "", -1


def _recording(record: Record) -> str:
    """Name of the recording, whatever camera and folder; empty where it is not known."""
    episode = record.meta.get("episode")
    if isinstance(episode, str | int):
        return str(episode)
    first: Media | None = record.media[0] if record.media else None
    match first:
        case VideoFrame(path=path):
            return path.partition(":")[2] or path
        case LmdbPicture(episode=name):
            return name
        case _:
            return ""
