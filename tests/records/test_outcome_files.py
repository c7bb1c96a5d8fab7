"""Predictions, scores and preferences survive their files; wrong ones are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roboloop.base.errors import RoboLoopError
from roboloop.records import (
    Box,
    Prediction,
    PredictionStatus,
    Preference,
    Score,
    ScoreStatus,
    Text,
)
from roboloop.records.outcome_files import (
    prediction_from_json,
    prediction_to_json,
    preference_from_json,
    preference_to_json,
    read_outcomes,
    score_from_json,
    score_to_json,
    write_outcomes,
)

texts = st.text(st.characters(codec="utf-8"), max_size=10)
numbers = st.floats(allow_nan=False, allow_infinity=False)
predictions = st.builds(
    Prediction,
    record_id=texts,
    model=texts,
    key=texts,
    status=st.sampled_from(PredictionStatus),
    prompt=texts,
    text=texts,
    num_new_tokens=st.integers(0, 9999),
    finish_reason=texts,
    error=texts,
)
scores = st.builds(
    Score,
    record_id=texts,
    task=texts,
    model=texts,
    status=st.sampled_from(ScoreStatus),
    values=st.dictionaries(texts, numbers, max_size=3),
    answer=st.none() | st.builds(Text, texts) | st.builds(Box, numbers, numbers, numbers, numbers),
    note=texts,
)
preferences = st.builds(
    Preference,
    id=texts,
    record_id=texts,
    chosen=texts,
    rejected=texts,
    reason=texts,
    margin=st.none() | numbers,
    meta=st.dictionaries(texts, texts, max_size=2),
)


@settings(deadline=None, max_examples=40)
@given(prediction=predictions, score=scores, preference=preferences)
def test_json_gives_them_back(prediction: Prediction, score: Score, preference: Preference) -> None:
    assert prediction_from_json(prediction_to_json(prediction)) == prediction
    assert score_from_json(score_to_json(score)) == score
    assert preference_from_json(preference_to_json(preference)) == preference


def test_files_give_them_back(tmp_path: Path) -> None:
    scores = [
        Score(record_id=str(n), task="t", model="m", status=ScoreStatus.SCORED, values={"iou": n})
        for n in range(3)
    ]
    assert write_outcomes(tmp_path / "scores.jsonl", outcomes=scores) == 3
    assert list(read_outcomes(tmp_path / "scores.jsonl", kind=Score)) == scores


GOOD_SCORE = {"record_id": "a", "task": "t", "model": "m", "status": "scored"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": "perfect"}, "E-REC-003"),
        ({"status": None}, "E-REC-003"),
        ({"values": {"iou": "1"}}, "E-REC-003"),
        ({"values": {"iou": True}}, "E-REC-003"),
        ({"values": [1]}, "E-REC-003"),
        ({"note": 4}, "E-REC-003"),
        ({"answer": {"kind": "circle"}}, "E-REC-003"),
        ({"score": 1}, "E-REC-002"),
    ],
)
def test_wrong_scores_are_refused_with_their_line(
    tmp_path: Path, change: dict[str, Any], code: str
) -> None:
    import json

    path = tmp_path / "scores.jsonl"
    path.write_text(json.dumps(GOOD_SCORE) + "\n" + json.dumps({**GOOD_SCORE, **change}) + "\n")
    with pytest.raises(RoboLoopError, match=r"scores\.jsonl:2") as caught:
        list(read_outcomes(path, kind=Score))
    assert caught.value.code == code


def test_missing_key_and_nan_are_refused(tmp_path: Path) -> None:
    for value, code in [({"record_id": "a"}, "E-REC-002"), ([], "E-REC-003")]:
        with pytest.raises(RoboLoopError) as caught:
            prediction_from_json(value)
        assert caught.value.code == code
    path = tmp_path / "scores.jsonl"
    bad = Score(record_id="a", task="t", model="m", status=ScoreStatus.SCORED,
                values={"iou": float("nan")})  # fmt: skip
    with pytest.raises(RoboLoopError) as caught:
        write_outcomes(path, outcomes=[bad])
    assert caught.value.code == "E-REC-010" and not path.exists()
