"""Curates a folder in a process of its own: `curate_folder.py RECORDS OUT ENGINE_AS_JSON`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from logged_exact import LOG, LoggedExact

from roboloop.curate.config import CurateConfig
from roboloop.curate.exact import ExactDuplicates
from roboloop.curate.outcome import curate
from roboloop.runs.ledger import Ledger


def main() -> None:
    records, out, engine = sys.argv[1:]
    operator = LoggedExact() if LOG in os.environ else ExactDuplicates()
    config = CurateConfig.model_validate({"engine": json.loads(engine), "operators": [operator]})
    folder = Path(out)
    with Ledger(folder / "ledger.jsonl", stage="curate") as ledger:
        curate(
            config, records=Path(records), store=folder / "store", out=folder, ledger=ledger, seed=1
        )


if __name__ == "__main__":
    main()
