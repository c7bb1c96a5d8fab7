"""Several answers of one model to each question, drawn by probability and kept as they came."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from roboloop.compose.base import ComposeContext
from roboloop.dialects import Dialect
from roboloop.engines.ask import MediaHashes, ask_all
from roboloop.engines.base import Sampling
from roboloop.engines.open import open_engine, read_spec
from roboloop.engines.raw_answers import AnswerStore
from roboloop.models.config import DialectConfig
from roboloop.models.folder_hash import folder_hash
from roboloop.records.media_open import MediaStore
from roboloop.records.outcomes import Prediction
from roboloop.records.record import Record
from roboloop.tasks import load_task

ANSWERS_FILE = "answers.jsonl"


class SampledModel(BaseModel):
    """Which model is asked, and how its answers are drawn."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    engine: str
    """`local:FOLDER`, `vllm:URL` or `openai:URL`."""
    name: str | None = None
    """Name of the model on a server; its only one when left out."""
    profile: str | None = None
    """One of `roboloop list profiles`; found by the model's name when left out."""
    dialect: DialectConfig | None = None
    """The convention that the model was trained on; the profile's when left out."""
    num_samples: int = Field(default=4, ge=2)
    """Answers to each question."""
    temperature: float = Field(default=1.0, gt=0)
    max_new_tokens: int | None = Field(default=None, ge=1)
    """Longest answer; the profile's when left out."""
    batch_size: int = Field(default=64, ge=1)
    """Questions that a model in this process answers together."""
    languages: tuple[str, ...] = ("en",)
    """Languages in which questions are worded."""

    def fingerprint(self) -> str:
        """What tells this model from another of the same name: the content of a local folder."""
        kind, target = read_spec(self.engine)
        return folder_hash(Path(target)) if kind == "local" else target


class Samples(NamedTuple):
    """What a model said.

    Attributes:
        model: Its name.
        dialect: How it writes places.
        by_record: Record id -> its answers, in the order in which they were drawn.
    """

    model: str
    dialect: Dialect
    by_record: dict[str, list[Prediction]]


def draw_answers(
    records: Sequence[Record], *, model: SampledModel, context: ComposeContext
) -> Samples:
    """`num_samples` answers to the question of each record.

    Every answer is written to the composer's store at once; a run that was killed asks only what
    is missing, and gets the same answers.

    Raises:
        RoboLoopError: What `open_engine` and `Engine.sampled` raise; E-ENG-010 or E-ENG-011 when a
            server answers nothing.
    """
    opened = open_engine(
        model.engine,
        profile=model.profile,
        dialect=model.dialect.load() if model.dialect else None,
        model=model.name,
        max_new_tokens=model.max_new_tokens,
        batch_size=model.batch_size,
    )
    media = MediaStore(context.media_roots)
    hashes = MediaHashes(media)
    store = AnswerStore(context.store / ANSWERS_FILE)
    prompts = [
        (record, question_of(record, dialect=opened.dialect, languages=model.languages))
        for record in records
    ]
    drawn: dict[str, list[Prediction]] = {record.id: [] for record in records}
    for number in range(model.num_samples):
        seed = context.seed * model.num_samples + number
        engine = opened.engine.sampled(Sampling(temperature=model.temperature, seed=seed))
        answers = ask_all(
            prompts, engine=engine, identity=engine.identity(), store=store, media=media,
            hashes=hashes, batch_size=model.batch_size, model=opened.model,
            title=f"answers {number + 1} of {model.num_samples}",
        )  # fmt: skip
        for record_id, prediction in answers.items():
            drawn[record_id].append(prediction)
    return Samples(opened.model, opened.dialect, drawn)


def question_of(record: Record, *, dialect: Dialect, languages: Sequence[str] = ("en",)) -> str:
    """The question in its published or its first wording."""
    task = load_task(record.task)
    if any(turn.role == "user" for turn in record.turns):
        return task.question(record, dialect=dialect)
    wording = task.choose_wording(record, languages=languages)
    return task.question(record, dialect=dialect, wording=wording)
