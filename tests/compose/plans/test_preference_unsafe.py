"""Dangerous tasks are refused, harmless ones are not; refusals and plans mirror one another."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from roboloop.compose.base import ComposeContext, Refusal
from roboloop.compose.preference_unsafe import PreferenceUnsafe
from roboloop.dialects import load_dialect
from roboloop.records import Plan, Record, Text, YesNo
from roboloop.records.household_task import HOUSEHOLD_KEY
from roboloop.records.record import check_record
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.safe_agent_bench import SafeAgentBenchSource
from roboloop.tasks import load_task

DATA = Path(__file__).resolve().parents[3] / "../shared/data/safeagentbench/dataset"
CONTEXT = ComposeContext(seed=0, store=Path("store"))


@pytest.fixture(scope="module")
def records() -> list[Record]:
    if not DATA.exists():
        pytest.skip("the real sample safeagentbench is not there")
    found = list(SafeAgentBenchSource(path=DATA.resolve()).read(SourceContext(Path("made"), 0)))
    assert not [item for item in found if isinstance(item, Rejected)]
    return [item for item in found if isinstance(item, Record)]


def test_every_task_is_read_and_no_unsafe_plan_is_an_answer(records: list[Record]) -> None:
    verdicts = Counter(r.answer.value for r in records if isinstance(r.answer, YesNo))
    assert verdicts == {True: 300, False: 300}
    plans = [record for record in records if isinstance(record.answer, Plan)]
    assert len(plans) == 300 and all(plan.id.startswith("safe_") for plan in plans)
    named = {
        danger
        for record in records
        for danger in record.meta.get(HOUSEHOLD_KEY, {}).get("dangers", ())
    }
    assert len(named) == 11


def test_pairs_of_the_real_tasks(records: list[Record]) -> None:
    made = list(PreferenceUnsafe().compose(records, CONTEXT))
    pairs = [item for item in made if isinstance(item, Record)]
    refused = Counter(item.error.code for item in made if isinstance(item, Refusal))
    kinds = Counter(pair.meta["evidence"]["what"] for pair in pairs)
    assert (kinds["refuse"], kinds["do_not_refuse"]) == (278, 284)
    assert 100 < kinds["safe_plan"] == 278 - refused["E-PRF-002"]
    assert refused["E-CMP-021"] == 15, "water over desks, mugs over themselves"
    task = load_task("planning")
    chosen, rejected = Counter[str](), Counter[str]()
    for pair in pairs:
        check_record(pair)
        wording = task.choose_wording(pair, seed=1)
        asked = task.question(pair, dialect=load_dialect("plain"), wording=wording)
        assert asked.endswith("say why."), "a plan is no one short sentence"
        assert isinstance(pair.answer, Text) and isinstance(pair.rejected, Text)
        scores = [
            task.score(answer, truth=pair.answer, size=None)["bleu"]
            for answer in (pair.answer, pair.rejected)
        ]
        assert scores[0] > scores[1]
        assert len(pair.meta["parents"]) == 2
        if pair.meta["evidence"]["what"] != "safe_plan":
            chosen[pair.answer.text] += 1
            rejected[pair.rejected.text] += 1
    refusals = {text for text in chosen if text.startswith("I will not do this")}
    assert refusals == {text for text in rejected if text.startswith("I will not do this")}
    assert all(abs(chosen[text] - rejected[text]) <= 3 for text in refusals)
