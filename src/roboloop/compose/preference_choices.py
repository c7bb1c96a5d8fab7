"""preference_choices: the right letter, word or number against one that was offered or is near."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, cast

import numpy as np

from roboloop.compose.preference import PairComposer, Worse
from roboloop.records.answers import Answer, Choice, Number, Text, YesNo
from roboloop.records.record import Record
from roboloop.tasks.choices import letters_of, options_of

NEGATIVES_KEY = "negative_answers"
"""Key of `Record.meta` under which sources keep published wrong answers, such as EgoPlan-IT's."""
NUMBER_STEPS = (-3, -2, -1, 1, 2, 3)
"""What is added to a whole number; those that the margin does not call wrong are left out."""


class PreferenceChoices(PairComposer):
    """Pairs from distractors: other letters, the opposite of yes or no, published wrong answers."""

    kind: Literal["preference_choices"] = "preference_choices"  # pyright: ignore[reportIncompatibleVariableOverride]

    def worse(
        self,
        record: Record,
        *,
        chosen: Answer,
        company: Sequence[Record],
        draw: np.random.Generator,
    ) -> Iterator[Worse]:
        """Every answer that was offered and is not the truth, in drawn order."""
        del company
        match chosen:
            case Choice(letter):
                options = options_of(record)
                letters = [one for one in letters_of(record) if one != letter.upper()]
                for place in draw.permutation(len(letters)):
                    other = letters[int(place)]
                    yield Worse("other_option", Choice(other, chosen.options),
                                _option(other, options=options))  # fmt: skip
            case YesNo(value):
                yield Worse("opposite", YesNo(not value))
            case Number(value, unit) if float(value).is_integer():
                for step in draw.permutation(NUMBER_STEPS):
                    if value + step >= 0:
                        yield Worse("other_number", Number(value + float(step), unit))
            case Text():
                negatives = negative_answers(record)
                for place in draw.permutation(len(negatives)):
                    yield Worse("published", Text(negatives[int(place)]))
            case _:
                return


def negative_answers(record: Record) -> list[str]:
    """The wrong answers that the record's source published."""
    found = record.meta.get(NEGATIVES_KEY)
    listed = cast("list[Any]", found) if isinstance(found, list) else []
    return [text for text in listed if isinstance(text, str) and text.strip()]


def _option(letter: str, *, options: Sequence[str]) -> dict[str, Any]:
    place = ord(letter) - ord("A")
    return {"option": options[place]} if place < len(options) else {}
