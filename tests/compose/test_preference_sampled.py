"""Pairs of a model's own answers: from a server on this machine, and from a model in process."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "engines"))
from loopback_endpoint import Answer, endpoint

from roboloop.compose.base import ComposeContext, Refusal
from roboloop.compose.preference_sampled import PreferenceSampled
from roboloop.compose.sampling import ANSWERS_FILE
from roboloop.models.tiny import build_tiny
from roboloop.records.answers import Number, YesNo
from roboloop.records.record import Record, check_record, record_to_json

SERVED = [{"id": "m", "object": "model"}]


def counts(number: int) -> list[Record]:
    return [
        Record(
            id=f"q{n}", task="number_vqa", inputs={"question": f"How many cups, {n}?"},
            answer=Number(4.0), licence="CC0-1.0",
        )
        for n in range(number)
    ]  # fmt: skip


def composer(engine: str, **options: Any) -> PreferenceSampled:
    options.setdefault("balance", False)
    model = {"engine": engine, "profile": "gpt", "num_samples": 3, **options.pop("model", {})}
    return PreferenceSampled.model_validate({"model": model, **options})


def run(
    made: PreferenceSampled, records: list[Record], folder: Path
) -> tuple[list[Record], list[Refusal]]:
    out = list(made.compose(records, ComposeContext(3, folder)))
    pairs = [item for item in out if isinstance(item, Record)]
    return pairs, [item for item in out if isinstance(item, Refusal)]


def by_seed(*texts: str) -> Callable[[dict[str, Any], int], Answer]:
    """A server that says another thing with each seed."""
    return lambda body, number: Answer(texts[body["seed"] % len(texts)])


def test_the_best_answer_is_chosen_and_the_worst_rejected(tmp_path: Path) -> None:
    with endpoint(by_seed("5", "there are 9", "4"), models=SERVED) as server:
        pairs, refused = run(composer(f"openai:{server.url}"), counts(4), tmp_path)
        assert not refused and len(pairs) == 4
        assert {body["temperature"] for body in server.requests} == {1.0}
    for pair in pairs:
        check_record(pair)
        assert (pair.answer, pair.rejected) == (Number(4.0), Number(9.0))
        proof = pair.meta["evidence"]
        assert proof["gap"]["metric"] == "mean_relative_accuracy" and proof["gap"]["by"] == 1.0
        assert proof["num_answers"] == 3 and len(set(proof["answers"])) == 2
        assert proof["truth"] == {"kind": "number", "value": 4.0}
        assert pair.meta["parents"] == [pair.id.split("/")[0]] and pair.licence == "CC0-1.0"


def test_answers_are_kept_and_a_run_that_stopped_asks_the_rest(tmp_path: Path) -> None:
    with endpoint(by_seed("5", "9", "4"), models=SERVED) as server:
        made = composer(f"openai:{server.url}")
        first, _ = run(made, counts(4), tmp_path)
        assert len(server.requests) == 12
        lines = (tmp_path / ANSWERS_FILE).read_bytes().splitlines(keepends=True)
        (tmp_path / ANSWERS_FILE).write_bytes(b"".join(lines[:7]) + lines[7][:20])
        again, _ = run(made, counts(4), tmp_path)
        assert len(server.requests) == 12 + 5
    assert [record_to_json(pair) for pair in again] == [record_to_json(pair) for pair in first]


def test_answers_that_are_alike_or_cannot_be_read_make_no_pair(tmp_path: Path) -> None:
    texts = ("four cups: 4", "4", "I cannot see the picture.")
    with endpoint(by_seed(*texts), models=SERVED) as server:
        pairs, refused = run(composer(f"openai:{server.url}"), counts(2), tmp_path / "a")
        assert not pairs and [one.error.code for one in refused] == ["E-PRF-003"] * 2
        assert "I cannot see" in str(refused[0].error) and refused[0].parent_id == "q0"
    with endpoint(by_seed("4", "5", "4"), models=SERVED) as server:
        pairs, refused = run(composer(f"openai:{server.url}"), counts(1), tmp_path / "b")
        assert not pairs and [one.error.code for one in refused] == ["E-PRF-001"]


def test_the_truth_may_be_preferred(tmp_path: Path) -> None:
    with endpoint(by_seed("9", "9", "9"), models=SERVED) as server:
        pairs, _ = run(composer(f"openai:{server.url}", chosen="truth"), counts(1), tmp_path)
    assert (pairs[0].answer, pairs[0].rejected) == (Number(4.0), Number(9.0))
    assert pairs[0].meta["evidence"]["answers"][0] == "truth"


def test_a_server_that_fails_some_requests_costs_only_those(tmp_path: Path) -> None:
    def answer(body: dict[str, Any], number: int) -> Answer:
        if "cups, 1?" in json.dumps(body):
            return Answer("no", status=400)
        return by_seed("9", "4", "4")(body, number)

    with endpoint(answer, models=SERVED) as server:
        pairs, refused = run(composer(f"openai:{server.url}"), counts(3), tmp_path)
    assert [pair.meta["parents"] for pair in pairs] == [["q0"], ["q2"]]
    assert [(one.parent_id, one.error.code) for one in refused] == [("q1", "E-PRF-003")]


def test_some_records_of_each_task_can_be_asked(tmp_path: Path) -> None:
    others = [
        Record(id=f"y{n}", task="yes_no_vqa", inputs={"question": f"{n}?"}, answer=YesNo(True))
        for n in range(9)
    ]
    with endpoint(by_seed("no", "yes"), models=SERVED) as server:
        run(composer(f"openai:{server.url}", max_records=6), [*counts(9), *others], tmp_path)
        asked = {json.dumps(body["messages"]) for body in server.requests}
    assert sum("cups" in text for text in asked) == 3 and len(asked) == 6


def test_a_tiny_model_in_this_process_gives_the_same_pairs_again(
    tmp_path: Path, ten_episodes: list[Record]
) -> None:
    folder = build_tiny(tmp_path / "tiny", seed=0, texts=["yes no left right 1 2 3 4"], depth=1)
    yes_no = [
        Record(id=record.id, task=record.task, inputs=record.inputs, answer=record.answer)
        for record in ten_episodes
        if record.task == "yes_no_vqa"
    ][:12]
    made = composer(
        f"local:{folder}", chosen="truth",
        model={
            "profile": "qwen25_vl", "max_new_tokens": 4, "temperature": 1.5, "num_samples": 2,
            "dialect": {"kind": "plain"},
        },
    )  # fmt: skip
    first, again = (run(made, yes_no, tmp_path / name) for name in ("a", "b"))
    assert len(first[0]) + len(first[1]) == 12
    assert [record_to_json(pair) for pair in first[0]] == [
        record_to_json(pair) for pair in again[0]
    ]
    assert (tmp_path / "a" / ANSWERS_FILE).read_text().count("\n") <= 24


def test_a_model_that_is_not_there_stops_the_composer(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="E-ENG-001"):
        run(composer(f"local:{tmp_path / 'none'}"), counts(1), tmp_path)
