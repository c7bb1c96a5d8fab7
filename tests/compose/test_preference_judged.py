"""Pairs by a judge's verdict: a real endpoint on this machine, with faults of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "engines"))
from loopback_endpoint import Answer, endpoint

from roboloop.compose.base import JUDGE_FILE, ComposeContext, Refusal
from roboloop.compose.preference_judged import PreferenceJudged
from roboloop.records.answers import Number, Plan, Text
from roboloop.records.record import Record, check_record, record_to_json

FAST = {"requests_per_minute": 60_000, "ramp_seconds": 0, "max_concurrency": 4}
SERVED = [{"id": "m", "object": "model"}]


def composer(url: str, **options: Any) -> PreferenceJudged:
    given = {"url": url, "model": "m", **FAST, **options.pop("endpoint", {})}
    return PreferenceJudged.model_validate({"endpoint": given, "balance": False, **options})


def run(
    made: PreferenceJudged, records: list[Record], folder: Path
) -> tuple[list[Record], list[Refusal], dict[str, Any]]:
    out = list(made.compose(records, ComposeContext(0, folder)))
    pairs = [item for item in out if isinstance(item, Record)]
    for pair in pairs:
        check_record(pair)
    path = folder / JUDGE_FILE
    about = json.loads(path.read_text()) if path.exists() else {}
    return pairs, [item for item in out if isinstance(item, Refusal)], about


def told(body: dict[str, Any]) -> str:
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else content[-1]["text"]


def described(number: int, answer: str, rejected: str) -> Record:
    return Record(
        id=f"q{number}", task="vqa", inputs={"question": f"What stands where, {number}?"},
        answer=Text(answer), rejected=Text(rejected), licence="CC0-1.0",
    )  # fmt: skip


def prefers_the_cup(body: dict[str, Any], number: int) -> Answer:
    """Finds the answer with a cup better; of two without, the first one shown."""
    first, _, second = told(body).partition("Answer A:\n")[2].partition("\n\nAnswer B:\n")
    better = "B" if "cup" in second and "cup" not in first else "A"
    return Answer(json.dumps({"reason": "it names the cup", "better": better}))


def test_only_what_is_preferred_in_both_orders_is_a_pair(tmp_path: Path) -> None:
    records = [
        described(0, "the cup on the left", "nothing at all"),
        described(1, "nothing at all", "the cup on the left"),
        described(2, "a plate", "a bowl"),
        Record(id="alone", task="vqa", inputs={"question": "Why?"}, answer=Text("so")),
        Record(id="n", task="number_vqa", answer=Number(1), rejected=Number(2)),
    ]
    with endpoint(prefers_the_cup) as server:
        made = composer(server.url)
        pairs, refused, about = run(made, records, tmp_path)
        assert len(server.requests) == 6
        again, _, _ = run(made, records, tmp_path)
        assert len(server.requests) == 6, "verdicts are kept"
    assert [record_to_json(pair) for pair in again] == [record_to_json(pair) for pair in pairs]
    (pair,) = pairs
    assert pair.id == "q0/preference_judged/pairs" and pair.licence == "CC0-1.0"
    assert (pair.answer, pair.rejected) == (records[0].answer, records[0].rejected)
    assert pair.meta["evidence"]["judge"] == "m"
    assert pair.meta["evidence"]["reason"] == "it names the cup"
    why = {one.parent_id: str(one.error) for one in refused}
    assert why.keys() == {"q1", "q2"} and all("E-PRF-004" in text for text in why.values())
    assert "exact_match says the opposite" in why["q1"], "the truth is held against the judge"
    assert "prefers own, then other" in why["q2"]
    assert about["order"]["changed"] == {"num": 1, "of": 3, "share": pytest.approx(1 / 3)}
    assert about["by_status"] == {"ok": 6} and about["tokens_in"] == 600


def plan(number: int) -> Record:
    return Record(
        id=f"p{number}", task="plan_steps", inputs={"instruction": f"bring cup {number}"},
        answer=Plan((f"find cup {number}", f"pick up cup {number}", "put it down")),
    )  # fmt: skip


def plans_or_verdicts(body: dict[str, Any], number: int) -> Answer:
    """The model to be trained (it is told a seed), and the judge of what it said."""
    if "seed" in body:
        steps = ["find it", "pick up the cup", "put the cup down"]
        return Answer("\n".join(steps if body["seed"] % 2 else [*steps, steps[2]]))
    steps = told(body).partition("Answer:\n")[2].splitlines()
    words = [step.partition(". ")[2] for step in steps]
    is_bad = len(set(words)) < len(words) or not words[0].startswith("find")
    return Answer(json.dumps({"reason": "seen", "verdict": "bad" if is_bad else "good"}))


def test_a_models_plans_are_judged_alone_beside_planted_faults(tmp_path: Path) -> None:
    with endpoint(plans_or_verdicts, models=SERVED) as server:
        model = {"engine": f"openai:{server.url}", "profile": "gpt", "num_samples": 2}
        made = composer(server.url, check="plan", model=model, planted_share=0.5)
        pairs, refused, about = run(made, [plan(n) for n in range(8)], tmp_path)
    assert not refused and len(pairs) == 8
    for pair in pairs:
        assert isinstance(pair.answer, Plan) and isinstance(pair.rejected, Plan)
        assert (len(pair.answer.steps), len(pair.rejected.steps)) == (3, 4)
        assert pair.meta["evidence"]["reason"] == "seen"
    assert about["detected"]["of"] == 8 and about["detected"]["share"] > 0.5
    assert about["detected_by_fault"]["duplicated_sentence"]["share"] == 1
    assert about["false_alarms"]["of"] == 8


def test_reasoning_that_says_a_thing_twice_loses(tmp_path: Path) -> None:
    once = "The cup is left of the bowl. So the arm moves left."
    record = described(0, once, f"{once} The cup is left of the bowl.")

    def reads(body: dict[str, Any], number: int) -> Answer:
        twice = told(body).count("The cup is left of the bowl.") > 1
        fault = "bad" if twice else "good"
        return Answer(json.dumps({"reason": "r", "consistency": "good", "redundancy": fault}))

    with endpoint(reads) as server:
        made = composer(server.url, check="reasoning", planted_share=0)
        pairs, _, about = run(made, [record], tmp_path)
    assert pairs[0].answer == Text(once)
    assert pairs[0].meta["evidence"]["reason"].startswith("redundancy bad")
    assert about["detected"] == {"num": 0, "of": 0, "share": None}


def test_a_spent_budget_and_nonsense_cost_pairs_and_are_told(tmp_path: Path) -> None:
    records = [described(n, f"the cup {n}", f"nothing {n}") for n in range(4)]
    with endpoint(prefers_the_cup) as server:
        made = composer(server.url, endpoint={"max_requests": 5, "max_concurrency": 1})
        pairs, refused, about = run(made, records, tmp_path / "a")
        assert (len(pairs), len(refused), len(server.requests)) == (2, 2, 5)
        assert "the budget is spent" in str(refused[0].error)
        assert about["by_status"] == {"ok": 5, "unpaid": 3}
    with endpoint(lambda body, number: Answer("I would rather not")) as server:
        made = composer(server.url, endpoint={"max_repairs": 0})
        pairs, refused, about = run(made, records, tmp_path / "b")
        assert not pairs and about["by_status"] == {"invalid": 8}
        assert "there is no JSON object" in str(refused[0].error)


def test_a_judge_needs_an_endpoint() -> None:
    with pytest.raises(ValueError, match="needs an `endpoint`"):
        PreferenceJudged()
