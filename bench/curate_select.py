"""Choose 20,000 of 2 million records: time and memory of `select`, with vectors and without.

    python bench/curate_select.py [--records 2000000] [--chosen 20000]

Facts and vectors are made, not read: four families of twenty sources, words and coordinates, three
quarters of them in a few thousand templates, as robots' questions are. Only choosing is timed. The
limit is ten minutes at 2 million records.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from roboloop.curate.base import CurateContext
from roboloop.curate.select import Select
from roboloop.curate.vectors import vector_column

MAX_SECONDS = 600
DIMENSIONS = 384
PART_ROWS = 50_000
FAMILIES = ("generation", "understanding", "planning", "general")
KINDS = ("box", "points", "trajectory", "text", "choice")


def make_tables(num_records: int, *, folder: Path) -> tuple[Any, Any]:
    """Facts in memory, vectors in a file that is mapped into memory."""
    draw = np.random.default_rng(1)
    templates = unit(draw.standard_normal((3000, DIMENSIONS), dtype=np.float32))
    facts: list[Any] = []
    path = folder / "vectors.arrow"
    schema = pa.schema([("question", pa.large_binary()), ("answer", pa.large_binary())])
    with pa.OSFile(str(path), "wb") as stream, pa.ipc.new_file(stream, schema) as writer:
        for start in range(0, num_records, PART_ROWS):
            size = min(PART_ROWS, num_records - start)
            kind = draw.integers(0, len(KINDS), size)
            noise = unit(draw.standard_normal((size, DIMENSIONS), dtype=np.float32))
            share = np.where(draw.random(size) < 0.75, 0.2, 1.5).astype(np.float32)[:, None]
            question = unit(templates[draw.integers(0, len(templates), size)] + share * noise)
            facts.append(
                pa.table(
                    {
                        "id": [f"r{start + place}" for place in range(size)],
                        "family": np.array(FAMILIES)[draw.integers(0, 4, size)].tolist(),
                        "source": [f"s{n}" for n in draw.integers(0, 20, size).tolist()],
                        "answer_kind": np.array(KINDS)[kind].tolist(),
                    }
                )
            )
            columns = [
                vector_column(question, present=np.ones(size, dtype=np.bool_)),
                vector_column(noise, present=kind == KINDS.index("text")),
            ]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
    values = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    return pa.concat_tables(facts), values


def unit(vectors: Any) -> Any:
    """Rows of length 1."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--chosen", type=int, default=20_000)
    options = parser.parse_args()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as name:
        facts, values = make_tables(options.records, folder=Path(name))
        rank = np.random.default_rng(2).random(options.records)
        kept = np.ones(options.records, dtype=np.bool_)
        for label in (None, "relevance"):
            operator = Select.model_validate(
                {
                    "num_records": options.chosen,
                    "vectors_of": label,
                    "mixture": {"by": "family", "temperature": 2},
                    "floors": {"answer_kind": {"points": options.chosen // 4}},
                    "quotas": {"source": {"s0": options.chosen // 50}},
                }
            )
            began = time.process_time(), time.perf_counter()
            judged = operator.choose(
                facts, {"relevance": values}, kept=kept, rank=rank,
                context=CurateContext(Path(name), Path(name), 1),
            )  # fmt: skip
            cpu, seconds = time.process_time() - began[0], time.perf_counter() - began[1]
            slowest = max(slowest, seconds)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            print(
                f"{options.records:,} -> {int((~judged.drop).sum()):,} "
                f"{'by vectors' if label else 'by rank alone'}: {seconds:.0f} s, {cpu:.0f} CPU s, "
                f"peak {peak:.1f} GB, load {os.getloadavg()[0]:.1f}"
            )
    good = slowest <= MAX_SECONDS
    print("the limit held" if good else "THE LIMIT WAS MISSED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
