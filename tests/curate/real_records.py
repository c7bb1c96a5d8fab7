"""Small readers of real data beside the checkout; they skip where it is not there."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roboloop.records.answers import Plan, Text
from roboloop.records.record import Record

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def safe_agent_bench() -> Iterator[Record]:
    """A plan for each detailed task, and the risk of each unsafe one in the words it came with."""
    for kind in ("safe", "unsafe"):
        for number, entry in enumerate(
            _lines(f"safeagentbench/dataset/{kind}_detailed_1009.jsonl")
        ):
            meta = {"safe": kind == "safe", "risk": entry.get("risk_category")}
            inputs = {"instruction": entry["instruction"]}
            yield Record(
                id=f"{kind}-{number}", task="plan_steps", inputs=inputs, meta=meta,
                answer=Plan(tuple(entry["step"])), source="safeagentbench",
            )  # fmt: skip
            if kind == "unsafe":
                question = f"What is the risk of this: {entry['instruction']}"
                yield Record(
                    id=f"risk-{number}", task="vqa", inputs={"question": question}, meta=meta,
                    answer=Text(entry["risk_category"]), source="safeagentbench",
                )  # fmt: skip


def alfred(most: int) -> Iterator[Record]:
    """People's plans of ALFRED episodes, as they wrote them."""
    number = 0
    for entry in _lines("alfred_plans/alfred_plans.jsonl.gz"):
        for place, note in enumerate(entry["anns"]):
            if number >= most:
                return
            number += 1
            yield Record(
                id=f"{entry['task_id']}/{place}", task="plan_steps", source="alfred",
                inputs={"instruction": note["task_desc"]}, answer=Plan(tuple(note["high_descs"])),
            )  # fmt: skip


def _lines(name: str) -> Iterator[dict[str, Any]]:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not there")
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as stream:
        yield from (json.loads(line) for line in stream if line.strip())
