"""Put the questions to a model and keep what it says. Only what is missing or failed is asked.

Questions about the same pictures are asked together, so that an engine can look at a picture once.
They go out in portions cut from the full list, not from what is left of it: a run that was killed
asks the rest in the same company as one that was not, and gets the same answers to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from roboloop.base.errors import RoboLoopError
from roboloop.base.progress import progress_bar
from roboloop.engines.base import Engine, Request, Response
from roboloop.engines.raw_answers import AnswerStore, RawAnswer, answer_key
from roboloop.records.media import Media
from roboloop.records.media_open import MediaStore
from roboloop.records.outcomes import Prediction, PredictionStatus
from roboloop.records.record import Record

BATCHES_PER_PORTION = 4
"""Batches handed over and stored together: an engine may sort a portion's questions by length."""


class Question(NamedTuple):
    """A record, the text of its question for one model, and the name of the answer.

    Attributes:
        key: See `answer_key`; empty when a picture cannot be read, for which `error` says why.
        media_hashes: Content of its pictures.
    """

    record: Record
    prompt: str
    key: str = ""
    media_hashes: tuple[str, ...] = ()
    error: str = ""


class MediaHashes:
    """Content hashes of media, each read once."""

    def __init__(self, media: MediaStore) -> None:
        self._media = media
        self._known: dict[Media, str] = {}

    def of(self, record: Record) -> tuple[str, ...]:
        """Hash of every picture of the record, in order.

        Raises:
            RoboLoopError: E-MED-* when one cannot be read.
        """
        for medium in record.media:
            if medium not in self._known:
                self._known[medium] = self._media.content_hash(medium)
        return tuple(self._known[medium] for medium in record.media)


def ask_all(
    prompts: Sequence[tuple[Record, str]],
    *,
    engine: Engine | None,
    identity: str,
    store: AnswerStore,
    media: MediaStore,
    hashes: MediaHashes,
    batch_size: int,
    model: str,
    title: str,
) -> dict[str, Prediction]:
    """Record id -> what the model says to it, found in the store or asked now.

    Args:
        prompts: Records and the texts of their questions.
        engine: Answers; with None only what is stored counts.
        identity: The engine's.
        store: Keeps every answer.
        media: Opens the pictures.
        hashes: Names their content.
        batch_size: Questions answered at once.
        model: Name for the predictions.
        title: What the progress bar says.
    """
    questions = name_answers(prompts, engine_identity=identity, hashes=hashes)
    if engine is not None:
        ask_missing(
            questions,
            engine=engine,
            identity=identity,
            store=store,
            media=media,
            batch_size=batch_size,
            title=title,
        )
    return predictions_from(questions, store=store, model=model)


def name_answers(
    prompts: Sequence[tuple[Record, str]], *, engine_identity: str, hashes: MediaHashes
) -> list[Question]:
    """Give each question the key under which its answer is stored."""
    questions: list[Question] = []
    for record, prompt in prompts:
        try:
            seen = hashes.of(record)
            key = answer_key(engine_identity=engine_identity, prompt=prompt, media_hashes=seen)
            questions.append(Question(record, prompt, key, seen))
        except RoboLoopError as error:
            questions.append(Question(record, prompt, error=str(error)))
    return questions


def ask_missing(
    questions: Sequence[Question],
    *,
    engine: Engine,
    identity: str,
    store: AnswerStore,
    media: MediaStore,
    batch_size: int,
    title: str,
) -> None:
    """Ask what the store lacks, or holds only a failure of, and store each portion at once."""
    distinct: dict[str, Question] = {}
    for question in sorted(questions, key=lambda q: (q.media_hashes, q.record.id)):
        if question.key:
            distinct.setdefault(question.key, question)
    asked = list(distinct.values())
    if not engine.answers_together:
        _ask_one_by_one(
            asked, engine=engine, identity=identity, store=store, media=media, title=title
        )
        return
    size = batch_size * BATCHES_PER_PORTION
    with progress_bar(title, total=len(asked)) as bar:
        for start in range(0, len(asked), size):
            portion = asked[start : start + size]
            missing = [question for question in portion if not store.has(question.key)]
            if missing:
                responses = {r.record_id: r for r in _responses(missing, engine, media=media)}
                store.add(
                    [
                        _raw(question, identity, response=responses.get(question.record.id))
                        for question in missing
                    ]
                )
            bar.advance(len(portion))


def _ask_one_by_one(
    asked: Sequence[Question],
    *,
    engine: Engine,
    identity: str,
    store: AnswerStore,
    media: MediaStore,
    title: str,
) -> None:
    """Ask an engine whose answers do not depend on their company; store them as they come.

    They come, and are stored, in the order of the questions.
    """
    missing = [question for question in asked if not store.has(question.key)]
    with progress_bar(title, total=len(asked)) as bar, store.growing() as growing:
        bar.advance(len(asked) - len(missing))
        responses = _responses(missing, engine, media=media)
        for question, response in zip(missing, responses, strict=True):
            assert response.record_id == question.record.id, "responses come in order"
            growing.add(_raw(question, identity, response=response))
            bar.advance()


def predictions_from(
    questions: Sequence[Question], *, store: AnswerStore, model: str
) -> dict[str, Prediction]:
    """Record id -> what the store holds for it; a failed request where there is nothing."""
    return {
        question.record.id: _prediction(question, found=store.get(question.key), model=model)
        for question in questions
    }


def _prediction(question: Question, *, found: RawAnswer | None, model: str) -> Prediction:
    if found is None:
        return Prediction(
            record_id=question.record.id,
            model=model,
            key=question.key,
            status=PredictionStatus.REQUEST_FAILED,
            prompt=question.prompt,
            error=question.error or "never asked",
        )
    return Prediction(
        record_id=question.record.id,
        model=model,
        key=found.key,
        status=found.status,
        prompt=question.prompt,
        text=found.text,
        num_new_tokens=found.num_new_tokens,
        finish_reason=found.finish_reason,
        error=found.error,
    )


def _responses(
    questions: Sequence[Question], engine: Engine, *, media: MediaStore
) -> Iterator[Response]:
    return engine.answer(_request(question, media=media) for question in questions)


def _request(question: Question, *, media: MediaStore) -> Request:
    pictures = question.record.media
    return Request(
        record_id=question.record.id,
        pictures=lambda: [media.open(medium) for medium in pictures],
        question=question.prompt,
        encoded=lambda: [media.plain_bytes(medium) for medium in pictures],
    )


def _raw(question: Question, identity: str, *, response: Response | None) -> RawAnswer:
    """What is stored; an engine that says nothing about a request has failed it."""
    raw = RawAnswer(
        key=question.key,
        engine=identity,
        record_id=question.record.id,
        prompt=question.prompt,
        status=PredictionStatus.REQUEST_FAILED,
    )
    if response is None:
        return raw._replace(error="the engine gave no response")
    if response.error:
        return raw._replace(error=_writable(response.error))
    return raw._replace(
        status=PredictionStatus.ANSWERED,
        text=_writable(response.text),
        num_new_tokens=response.num_new_tokens,
        finish_reason=response.finish_reason,
        log_probability=response.log_probability,
        num_prompt_tokens=response.num_prompt_tokens,
        latency_seconds=response.latency_seconds,
        num_attempts=response.num_attempts or None,
        sent_sizes=[list(size) for size in response.sent_sizes] or None,
    )


def _writable(text: str) -> str:
    """The text without half surrogate pairs, which UTF-8 cannot hold."""
    return text.encode("utf-8", errors="replace").decode()
