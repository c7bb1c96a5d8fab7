"""Pairs of answers to one question: the true one and a rejected one, as the model reads them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_value
from roboloop.dialects.base import Dialect
from roboloop.models.chat import Encoded, Encoder
from roboloop.models.pixels import Patches
from roboloop.records.answers import Answer, Text
from roboloop.records.media import Media, media_to_json
from roboloop.records.record import Record, Turn
from roboloop.tasks import load_task
from roboloop.train.conversation import asked_turns
from roboloop.train.dpo_config import DpoConfig
from roboloop.train.record_rows import ViewCache


class Pair(NamedTuple):
    """Two answers to one question.

    Attributes:
        record_id: The record it was made of.
        media: The pictures.
        turns: All that comes before the answer.
        chosen: The better answer, as the model would write it.
        rejected: The worse one.
    """

    record_id: str
    media: tuple[Media, ...]
    turns: tuple[Turn, ...]
    chosen: str
    rejected: str

    def to_json(self) -> list[Any]:
        """All of it, for a hash."""
        turns = [[turn.role, turn.text] for turn in self.turns]
        media = [media_to_json(medium) for medium in self.media]
        return [self.record_id, media, turns, self.chosen, self.rejected]


class Pairs(NamedTuple):
    """The pairs of some records.

    Attributes:
        kept: In the order of the files.
        left_out: Why others are none.
    """

    kept: tuple[Pair, ...]
    left_out: tuple[RoboLoopError, ...]

    def content_hash(self) -> str:
        """Hash of every text and every reference to a picture."""
        return hash_value([pair.to_json() for pair in self.kept])


def make_pairs(
    records: Iterable[Record], *, config: DpoConfig, dialect: Dialect, seed: int
) -> Pairs:
    """The pairs of records that have a rejected answer.

    The wording of a question follows from the seed and the record's id: it is the same whenever the
    pair is met, so that the reference has to be asked once.

    Raises:
        RoboLoopError: E-TRN-004 when none is a pair, E-REC-013 for an answer that its task does not
            give, E-REC-002 for a record that its task cannot ask.
    """
    kept: list[Pair] = []
    left_out: list[RoboLoopError] = []
    for record in records:
        assert record.answer is not None and record.rejected is not None, record.id
        pair = Pair(
            record.id,
            record.media,
            asked_turns(
                record, dialect=dialect, config=config,
                wording_seed=seed if config.reword else None,
            ),
            written(record, record.answer, dialect=dialect),
            written(record, record.rejected, dialect=dialect),
        )  # fmt: skip
        if pair.chosen == pair.rejected:
            place = Place(record_id=record.id)
            both = f"both are written {pair.chosen[:80]!r}"
            left_out.append(RoboLoopError("E-REC-016", both, place=place))
            continue
        kept.append(pair)
    if not kept:
        said = "of every pair the rejected answer is written as the true one"
        raise RoboLoopError("E-TRN-004", said)
    return Pairs(tuple(kept), tuple(left_out))


def written(record: Record, answer: Answer, *, dialect: Dialect) -> str:
    """An answer as the model would write it; free text stands for an answer of any kind.

    Raises:
        RoboLoopError: E-REC-013 when its task does not answer so.
    """
    if isinstance(answer, Text):
        return answer.text
    task = load_task(record.task)
    if answer.kind != task.answer_kind:
        raise RoboLoopError(
            "E-REC-013",
            f"task {task.kind} answers with {task.answer_kind}, not {answer.kind}",
            place=Place(record_id=record.id),
        )
    return task.render(answer, dialect=dialect, size=record.picture_size)


class EncodedPair(NamedTuple):
    """Two conversations that differ in their last turn."""

    record_id: str
    chosen: Encoded
    rejected: Encoded


class PairEncoder:
    """Writes pairs in the model's tokens.

    Args:
        encoder: Of the model.
        pictures: Where the pictures come from.
        max_tokens: Most tokens of a conversation.
    """

    def __init__(self, encoder: Encoder, *, pictures: ViewCache, max_tokens: int) -> None:
        self.encoder = encoder
        self._pictures = pictures
        self._max_tokens = max_tokens

    def encode(self, pair: Pair) -> EncodedPair:
        """Both conversations; only the last answer of each is a target.

        Raises:
            RoboLoopError: E-TRN-002 when one is too long, E-MED-*.
        """
        cut = [self._cut(medium) for medium in pair.media]
        chosen, rejected = (
            self.encoder.encode(cut, turns=(*pair.turns, Turn("assistant", text)))
            for text in (pair.chosen, pair.rejected)
        )
        longest = max(chosen, rejected, key=lambda item: item.num_tokens)
        if longest.num_tokens > self._max_tokens:
            raise RoboLoopError(
                "E-TRN-002",
                f"{longest.num_tokens} tokens, {longest.num_image_tokens} of them the picture's; "
                f"the limit is {self._max_tokens}",
                place=Place(record_id=pair.record_id),
            )
        return EncodedPair(pair.record_id, chosen, rejected)

    def _cut(self, medium: Media) -> Patches:
        view = self.encoder.dialect.view_size(self._pictures.size(medium))
        picture = self._pictures.get(medium, view=view)
        return self.encoder.parts.pixels.cut(picture, view=view)
