"""Real ALFRED plans and the simulated pack through model-free operators: the funnel adds up."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from roboloop.curate import OPERATORS
from roboloop.curate.config import CurateConfig
from roboloop.curate.outcome import curate
from roboloop.records.shards import RecordFolder
from roboloop.runs.ledger import Ledger, read_ledger
from roboloop.sources import SOURCES
from roboloop.sources.base import SourceContext
from roboloop.sources.build import build_records

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
PLANS = DATA / "alfred_plans/alfred_plans.jsonl.gz"
OPERATOR_KINDS = ("exact", "minhash", "template_quota", "leakage")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PLANS.exists(), reason=f"needs {PLANS}"),
]


EVERY = 8
"""One of so many episodes: without pictures all plans are compared with all."""


def test_the_funnel_of_real_plans_and_simulated_pictures_adds_up(tmp_path: Path) -> None:
    some = tmp_path / "alfred.jsonl"
    with gzip.open(PLANS, "rb") as stream:
        some.write_bytes(b"".join(islice(stream, 0, None, EVERY)))
    sources = [
        SOURCES.resolve(kind).model_validate({"kind": kind, **options})
        for kind, options in (
            ("ai2thor", {"path": some, "questions": ["plan"]}),
            ("simulated", {"split": "all", "tasks": ["plan_steps", "contact_box"]}),
        )
    ]
    with Ledger(tmp_path / "data.jsonl", stage="data") as ledger:
        context = SourceContext(made_folder=tmp_path / "made", seed=7)
        build_records(sources, out=tmp_path / "in", context=context, ledger=ledger, strict=False)
    before = RecordFolder(tmp_path / "in")
    operators = [OPERATORS.resolve(kind).model_validate({"kind": kind}) for kind in OPERATOR_KINDS]
    config = CurateConfig.model_validate({"operators": operators})
    out = tmp_path / "out"
    with Ledger(out / "ledger.jsonl", stage="curate") as ledger:
        counts = curate(
            config, records=before.path, store=tmp_path / "store", out=out, ledger=ledger, seed=7
        )
    after = RecordFolder(out / "records")
    lines = list(read_ledger(out / "ledger.jsonl"))
    told = Counter(line.source for line in lines)
    kept = {split: after.counts[split] for split in before.splits}
    assert counts.num_records == before.counts["train"]
    assert counts.num_records == counts.num_kept + len(lines)
    assert kept["train"] == counts.num_kept
    assert {split: before.counts[split] for split in kept if split != "train"} == {
        split: number for split, number in kept.items() if split != "train"
    }
    value = json.loads((out / "curation.json").read_text(encoding="utf-8"))
    rows = {row["name"]: row for row in value["groups"]["source"]}
    assert {name: sum(row["dropped"]) for name, row in rows.items()} == {
        name: told[name] for name in rows
    }
    assert set(rows) == {"ai2thor", "simulated"}
    assert rows["simulated"]["kept"] > 0.9 * rows["simulated"]["records"]
    leaks = json.loads((out / "leakage.json").read_text(encoding="utf-8"))
    kinds = {(row["kind"], row["against"]) for row in leaks["counts"]}
    assert {kind for kind, _ in kinds} <= {"text"}, "no episode and no picture is in two splits"
    print(json.dumps({"by": counts.by_operator, "leaks": leaks["counts"], "sources": rows}))
