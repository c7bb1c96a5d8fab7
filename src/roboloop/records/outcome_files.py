"""Predictions, scores and preferences as JSON objects and JSON Lines files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar, cast

from roboloop.base.errors import RoboLoopError
from roboloop.base.files import atomic_writer
from roboloop.records.answers import answer_from_json, answer_to_json
from roboloop.records.jsonl import Broken, scan_json_lines, write_json_line
from roboloop.records.outcomes import (
    Prediction,
    PredictionStatus,
    Preference,
    Score,
    ScoreStatus,
)

Outcome = Prediction | Score | Preference
AnyOutcome = TypeVar("AnyOutcome", Prediction, Score, Preference)


def prediction_to_json(prediction: Prediction) -> dict[str, Any]:
    """The prediction as a JSON object, every field in it."""
    return {**_fields(prediction), "status": prediction.status.value}


def prediction_from_json(value: Any) -> Prediction:
    """The inverse of `prediction_to_json`.

    Raises:
        RoboLoopError: E-REC-002 for missing or unknown keys, E-REC-003 for a wrong type.
    """
    given = _checked(value, kind=Prediction)
    return Prediction(**{**given, "status": _status(given["status"], kind=PredictionStatus)})


def score_to_json(score: Score) -> dict[str, Any]:
    """The score as a JSON object, every field in it."""
    answer = None if score.answer is None else answer_to_json(score.answer)
    values = dict(score.values)
    return {**_fields(score), "status": score.status.value, "values": values, "answer": answer}


def score_from_json(value: Any) -> Score:
    """The inverse of `score_to_json`.

    Raises:
        RoboLoopError: E-REC-002 for missing or unknown keys, E-REC-003 for a wrong type.
    """
    given = _checked(value, kind=Score)
    values = given.get("values", {})
    if not isinstance(values, dict) or not all(map(_is_number, values.values())):  # pyright: ignore[reportUnknownMemberType]
        raise RoboLoopError("E-REC-003", f"'values' maps names to numbers, not {values!r}")
    answer = given.get("answer")
    parts: dict[str, Any] = {
        "status": _status(given["status"], kind=ScoreStatus),
        "answer": None if answer is None else answer_from_json(answer),
    }
    return Score(**{**given, **parts})


def preference_to_json(preference: Preference) -> dict[str, Any]:
    """The preference as a JSON object, every field in it."""
    return {**_fields(preference), "meta": dict(preference.meta)}


def preference_from_json(value: Any) -> Preference:
    """The inverse of `preference_to_json`.

    Raises:
        RoboLoopError: E-REC-002 for missing or unknown keys, E-REC-003 for a wrong type.
    """
    given = _checked(value, kind=Preference)
    if not (given.get("margin") is None or _is_number(given["margin"])):
        raise RoboLoopError("E-REC-003", f"'margin' is not a number: {given['margin']!r}")
    if not isinstance(given.get("meta", {}), dict):
        raise RoboLoopError("E-REC-003", f"'meta' is not an object: {given['meta']!r}")
    return Preference(**given)


_TO_JSON: dict[type[Outcome], Callable[[Any], dict[str, Any]]] = {
    Prediction: prediction_to_json,
    Score: score_to_json,
    Preference: preference_to_json,
}
_FROM_JSON: dict[type[Outcome], Callable[[Any], Outcome]] = {
    Prediction: prediction_from_json,
    Score: score_from_json,
    Preference: preference_from_json,
}


def write_outcomes(path: Path, *, outcomes: Iterable[Outcome]) -> int:
    """Write outcomes to a JSON Lines file, whole or not at all; gives their number.

    Raises:
        RoboLoopError: E-REC-010 for a value that is not finite, E-ENV-002 when the disk is full.
    """
    count = 0
    with atomic_writer(path) as stream:
        for outcome in outcomes:
            stream.write(write_json_line(_TO_JSON[type(outcome)](outcome)))
            count += 1
    return count


def read_outcomes(path: Path, *, kind: type[AnyOutcome]) -> Iterator[AnyOutcome]:
    """The outcomes of a JSON Lines file, in order.

    Raises:
        RoboLoopError: E-DAT-001 without the file; E-REC-* with file and line for a bad line.
    """
    for line in scan_json_lines(path):
        if isinstance(line, Broken):
            raise line.error
        try:
            yield cast("AnyOutcome", _FROM_JSON[kind](line.value))
        except RoboLoopError as error:
            raise error.located(line.place) from error


def _fields(outcome: Outcome) -> dict[str, Any]:
    return {field.name: getattr(outcome, field.name) for field in fields(outcome)}


def _checked(value: Any, *, kind: type[Outcome]) -> dict[str, Any]:
    """The object's fields, with the right names and the right type where it is plain."""
    name = kind.__name__.lower()
    if not isinstance(value, dict):
        raise RoboLoopError("E-REC-003", f"a {name} is a JSON object, not {value!r}")
    given = cast("dict[str, Any]", value)
    known = {field.name: field for field in fields(kind)}
    if unknown := sorted(set(given) - set(known)):
        raise RoboLoopError("E-REC-002", f"a {name} has unknown keys {unknown}")
    for key, field in known.items():
        if key not in given:
            if field.default is MISSING and field.default_factory is MISSING:
                raise RoboLoopError("E-REC-002", f"a {name} lacks {key!r}")
            continue
        wanted = {"str": str, "int": int}.get(str(field.type))
        if wanted is not None and type(given[key]) is not wanted:
            raise RoboLoopError("E-REC-003", f"{key!r} is not {wanted.__name__}: {given[key]!r}")
    return given


def _status(value: Any, *, kind: type[PredictionStatus] | type[ScoreStatus]) -> Any:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(kind)
        raise RoboLoopError("E-REC-003", f"'status' is one of {known}, not {value!r}") from None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
