"""Annotated data sets together in one build: nothing vanishes, and the bytes are reproducible."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from roboloop.runs.ledger import Ledger, read_ledger
from roboloop.sources.base import SourceContext
from roboloop.sources.build import build_records
from roboloop.sources.lvis import LvisSource
from roboloop.sources.visual_genome import VisualGenomeSource


def test_real_samples_in_one_build(real: Any, tmp_path: Path) -> None:
    damaged = json.loads(real("lvis_sample/data/lvis_val_100.json").read_text())
    damaged["annotations"][5]["bbox"][2] = -1.0
    (tmp_path / "lvis_val.json").write_text(json.dumps(damaged))
    sources = [
        LvisSource(path=tmp_path / "lvis_val.json", verify_media=False),
        VisualGenomeSource(path=real("visual_genome_sample"), verify_media=False),
    ]
    shards: list[dict[str, bytes]] = []
    for number in range(2):
        out = tmp_path / str(number)
        with Ledger(out / "ledger.jsonl", stage="data") as ledger:
            counts = build_records(
                sources,
                out=out / "records",
                context=SourceContext(out / "made", 3),
                ledger=ledger,
            )
        (line,) = read_ledger(out / "ledger.jsonl")
        assert (line.code, line.source) == ("E-REC-012", "lvis")
        assert counts.num_entries == counts.num_records + 1
        assert Counter(counts.by_split).keys() == {"train", "val"}
        shards.append({file.name: file.read_bytes() for file in out.glob("records/*.jsonl")})
    assert shards[0] == shards[1] and shards[0]
