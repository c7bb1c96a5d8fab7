"""A sample of ALFRED's plans: their file begins with all of one kind, so no beginning will do."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

from roboloop.base.files import atomic_write_text

EVERY = {"train": 4, "valid_seen": 2}
"""Of a split, one episode in so many."""


def all_episodes() -> Path:
    """The file of all plans: what `ALFRED` names, as in the recipes."""
    return Path(os.environ.get("ALFRED", "alfred_plans.jsonl.gz"))


def some_episodes(folder: Path) -> Path:
    """The file with an even share of each kind of episode; written when it is not there."""
    path = folder / "alfred.jsonl"
    if path.exists():
        return path
    lines: dict[str, list[str]] = {split: [] for split in EVERY}
    with gzip.open(all_episodes(), "rt", encoding="utf-8") as file:
        for line in file:
            lines.get(json.loads(line)["split"], []).append(line)
    kept = [line for split, every in EVERY.items() for line in lines[split][::every]]
    atomic_write_text(path, text="".join(kept))
    return path
