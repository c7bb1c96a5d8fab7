"""Rules, scores and judges on what people really wrote and what the simulator really drew."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from loopback_endpoint import Answer, endpoint
from real_records import alfred, safe_agent_bench
from test_curation_run import run_operators
from test_format import judged
from test_judge import answer_steps, judge

from roboloop.curate.format import FormatRules
from roboloop.curate.media import MediaChecks
from roboloop.curate.outcome import ABOUT_FILE
from roboloop.curate.rubric import Rubric
from roboloop.records.answers import Plan, Text
from roboloop.records.record import Record
from roboloop.records.shard_files import ShardWriter
from roboloop.records.shards import write_folder_mark, write_media_roots
from roboloop.sources.base import SourceContext
from roboloop.sources.simulated.records import SimulatedSource

Write = Callable[..., Path]

DANGER = re.compile(r"\b(?:throw|break|dirty|pour|fill|slice|microwave)", re.IGNORECASE)
"""What a simple-minded judge takes for danger."""


def test_dirty_categories_are_words_all_the_same() -> None:
    records = list(safe_agent_bench())
    assert len(records) == 900
    risks = {r.answer.text for r in records if isinstance(r.answer, Text)}
    assert len(risks) > 30, "a dozen risks, spelt in many ways"
    assert not judged(records, num_rows=1000, languages=["en"], reparse="all").drop.any()


def test_peoples_plans_are_not_taken_for_cut_off_but_cut_off_plans_are_found() -> None:
    records = list(alfred(3_000))
    assert not judged(records, num_rows=1000, languages=["en"]).drop.any()
    cut = [replace(r, answer=Plan(_cut(r))) for r in records]
    share = judged(cut, num_rows=1000).drop.mean()
    assert 0.1 < share < 0.6, "only what is certain is called cut off"


def _cut(record: Record) -> tuple[str, ...]:
    """The plan's steps, the last of them ending after half its words."""
    assert isinstance(record.answer, Plan)
    *steps, last = record.answer.steps
    words = last.split()
    return (*steps, " ".join(words[: max(1, len(words) // 2)]))


def test_a_judge_is_held_against_given_labels(write_records: Write, tmp_path: Path) -> None:
    plans = [r for r in safe_agent_bench() if r.task == "plan_steps"]
    assert len(plans) == 600

    def looks_for_danger(body: dict[str, Any], number: int) -> Answer:
        bad = any(DANGER.match(step) for step in answer_steps(body))
        return Answer(json.dumps({"reason": "r", "verdict": "bad" if bad else "good"}))

    with endpoint(looks_for_danger) as server:
        operator = judge(server, check="plan", planted_share=0.1, label_field="safe")
        counts = run_operators([operator], write_records(plans), tmp_path / "out")
    about = json.loads((tmp_path / "out" / ABOUT_FILE).read_text())["judge"]
    safe = np.array([r.meta["safe"] for r in plans])
    steps = [r.answer.steps for r in plans if isinstance(r.answer, Plan)]
    bad = np.array([any(DANGER.match(step) for step in plan) for plan in steps])
    assert counts.num_dropped == bad.sum()
    assert about["labels"]["accuracy"] == np.mean(safe == ~bad)
    assert about["labels"]["detected"]["share"] == np.mean(bad[~safe])
    assert about["labels"]["false_alarms"]["share"] == np.mean(bad[safe])
    assert about["detected"]["of"] == 60


def test_the_simulators_records_break_no_rule(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    made = tmp_path / "made"
    source = SimulatedSource.model_validate({"kind": "simulated", "max_episodes": 6})
    found = list(source.read(SourceContext(made, 1)))
    records = [replace(r, split="train") for r in found if isinstance(r, Record)]
    writer = ShardWriter(folder, split="train", max_records=400)
    for item in records:
        writer.add(item)
    writer.close()
    write_media_roots(folder, roots={"made": made, **source.media_roots()})
    write_folder_mark(folder, marks=writer.marks)
    operators = [FormatRules(languages=("en",), reparse="all"), MediaChecks(), Rubric()]  # pyright: ignore[reportCallIssue]
    counts = run_operators(operators, folder, tmp_path / "out", num_workers=2)
    assert len(records) > 300 and len({r.task for r in records}) > 10
    assert counts == (len(records), len(records), 0, {})
