"""No question about an episode has two answers, whoever asks it: its source or a composer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pytest

from roboloop.compose.base import ComposeContext, Composer, Refusal
from roboloop.compose.plan import PlanComposer
from roboloop.compose.plan_review import PlanReview
from roboloop.compose.preference_plans import PreferencePlans
from roboloop.dialects import load_dialect
from roboloop.records import Record
from roboloop.sources.ai2thor import Ai2thorSource
from roboloop.sources.base import Source, SourceContext
from roboloop.sources.simulated.records import SimulatedSource
from roboloop.tasks import load_task

COMPOSERS: tuple[Composer, ...] = (PlanComposer(), PlanReview(), PreferencePlans(balance=False))
DIALECT = load_dialect("plain")
PLANS = Path(__file__).parents[4] / "shared/data/alfred_plans/alfred_plans.jsonl.gz"


def asked_and_composed(source: Source, *, number: int) -> list[Record]:
    """The first records of the split `train` and all that is composed of them."""
    read = source.read(SourceContext(Path("made"), 0))
    parents = list(
        islice((r for r in read if isinstance(r, Record) and r.split == "train"), number)
    )
    made = [item for each in COMPOSERS for item in each.compose(parents, ComposeContext(0, Path()))]
    composed = [item for item in made if not isinstance(item, Refusal)]
    assert "plan_steps" in {record.task for record in parents}
    assert "short_plan" in {record.task for record in composed}
    return [*parents, *composed]


def answers(records: Sequence[Record]) -> dict[tuple[object, ...], set[str]]:
    """Answers by episode, telling, pictures and words, in every wording there is."""
    found: defaultdict[tuple[object, ...], set[str]] = defaultdict(set)
    for record in records:
        task = load_task(record.task)
        pictures = tuple(map(str, record.media))
        target = task.target(record, dialect=DIALECT)
        for wording in task.askable(record, languages=("en", "zh")):
            words = task.question(record, dialect=DIALECT, wording=wording)
            meta = record.meta
            found[meta["episode"], meta.get("telling"), pictures, words].add(target)
    return found


def check(records: Sequence[Record]) -> None:
    contradicting = {key: told for key, told in answers(records).items() if len(told) > 1}
    assert not contradicting, list(contradicting.items())[:3]


def test_of_simulated_episodes() -> None:
    source = SimulatedSource(episodes=True, tasks=("planning", "planning_decide", "plan_steps"))
    check(asked_and_composed(source, number=1_500))


def test_of_alfred() -> None:
    if not PLANS.exists():
        pytest.skip("the real sample alfred_plans is not there")
    check(asked_and_composed(Ai2thorSource(path=PLANS), number=1_500))
