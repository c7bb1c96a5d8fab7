"""Two million records through every operator that needs no model: time, memory, and `why`.

    python bench/curate_scale.py [--records 2000000] [--runs 3] [--keep FOLDER]

The records are those of `bench/curate/made_duplicates.py`, seeded. Each run starts from nothing, in
processes of its own whose memory is watched from outside: private memory (what is theirs alone)
and all of it, with the pages of mapped files that the system may take back at any time.

The limits on two cores: 3 minutes, 4 GB, and 50 ms for the story of one record.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import psutil

sys.path.insert(0, str(Path(__file__).parent / "curate"))

MODEL_FREE = (
    "format", "exact", "minhash", "simhash", "template_quota", "rubric", "relevance",
)  # fmt: skip
MAX_SECONDS, MAX_BYTES, MAX_WHY_SECONDS = 180, 4_000_000_000, 0.05
NUM_STORIES = 200
WATCH_SECONDS = 0.5


class Memory(NamedTuple):
    """Bytes of a process and its children."""

    private: int
    all: int


def main() -> int:
    options = arguments()
    if options.child:
        return child(Path(options.child), kinds=options.operators, num_workers=options.workers)
    folder = Path(options.keep or tempfile.mkdtemp(prefix="curate_scale."))
    records = folder / "records"
    if not records.exists():
        write_records(records, num_records=options.records)
    good = True
    for number in range(options.runs):
        out = folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        good &= one_run(number, folder, options=options)
    if not options.keep:
        shutil.rmtree(folder)
    print("all limits held" if good else "A LIMIT WAS MISSED")
    return 0 if good else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--operators", nargs="+", default=list(MODEL_FREE))
    parser.add_argument("--keep", help="a folder for the records, made once and kept")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def write_records(folder: Path, *, num_records: int) -> None:
    from made_duplicates import make_records

    from roboloop.records.shard_files import ShardWriter
    from roboloop.records.shards import write_folder_mark, write_media_roots

    folder.mkdir(parents=True)
    with ShardWriter(folder, split="train") as writer:
        for made in make_records(num_records, seed=1):
            writer.add(made.record)
    write_media_roots(folder, roots={"made": folder})
    write_folder_mark(folder, marks=writer.marks)


def one_run(number: int, folder: Path, *, options: argparse.Namespace) -> bool:
    command = [
        sys.executable, __file__, "--child", str(folder), "--workers", str(options.workers),
        "--operators", *options.operators,
    ]  # fmt: skip
    load = psutil.getloadavg()[0]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    private = total = 0
    while process.poll() is None:
        now = memory_of(process.pid)
        private, total = max(private, now.private), max(total, now.all)
        time.sleep(WATCH_SECONDS)
    assert process.stdout is not None
    result = json.loads(process.stdout.read())
    rate = result["records"] / result["seconds"]
    median, worst = result["why_median"] * 1e3, result["why_worst"] * 1e3
    said = (
        f"load before {load:.1f}; {result['seconds']:.1f} s, {result['cpu_seconds']:.0f} CPU-s",
        f"{rate:,.0f} records/s; private {private / 1e9:.2f} GB",
        f"with mapped files {total / 1e9:.2f} GB; why {median:.2f} ms median, {worst:.2f} ms worst",
        f"kept {result['kept']:,} of {result['records']:,}; {result['by_operator']}",
    )
    print(f"run {number}: {'; '.join(said)}", flush=True)
    for name, seconds in result["parts"].items():
        print(f"    {name}: {seconds:.1f} s")
    return (
        result["seconds"] <= MAX_SECONDS
        and total <= MAX_BYTES
        and result["why_worst"] <= MAX_WHY_SECONDS
    )


def memory_of(pid: int) -> Memory:
    """Of pages that several processes share, each is given its part."""
    private = total = 0
    try:
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            used = process.memory_full_info()
            private += used.uss
            total += used.pss
    except psutil.NoSuchProcess:
        pass
    return Memory(private, total)


def child(folder: Path, *, kinds: list[str], num_workers: int) -> int:
    from roboloop.curate import OPERATORS
    from roboloop.curate.config import CurateConfig
    from roboloop.curate.outcome import VERDICTS_FILE, open_curation, write_outcome
    from roboloop.curate.run import check_conserved
    from roboloop.curate.store import read_table
    from roboloop.runs.ledger import Ledger

    config = CurateConfig.model_validate(
        {
            "engine": {"kind": "inline", "num_workers": num_workers},
            "operators": [OPERATORS.resolve(kind)() for kind in kinds],
        }
    )
    out = folder / "out"
    parts: dict[str, float] = {}
    start = time.perf_counter()
    curation = open_curation(config, records=folder / "records", store=out / "store", seed=1)
    curation.make_facts()
    parts["facts"] = time.perf_counter() - start
    verdicts = curation.verdicts()
    check_conserved(verdicts)
    parts["measuring and judging"] = time.perf_counter() - start - sum(parts.values())
    with Ledger(out / "ledger.jsonl", stage="curate") as ledger:
        counts = write_outcome(curation, verdicts=verdicts, out=out, ledger=ledger)
    seconds = time.perf_counter() - start
    parts["writing"] = seconds - sum(parts.values())
    cpu_seconds = cpu_of_family()
    curation.executor.close()
    drawn = random.Random(1)
    story(read_table(out / VERDICTS_FILE), "r0000000", labels=kinds)  # imports what is needed
    spent: list[float] = []
    for _ in range(NUM_STORIES):
        record_id = f"r{drawn.randrange(counts.num_records):07d}"
        begun = time.perf_counter()
        story(read_table(out / VERDICTS_FILE), record_id, labels=kinds)
        spent.append(time.perf_counter() - begun)
    result = {
        "seconds": seconds, "cpu_seconds": cpu_seconds, "records": counts.num_records,
        "kept": counts.num_kept, "by_operator": dict(counts.by_operator), "parts": parts,
        "why_median": sorted(spent)[NUM_STORIES // 2], "why_worst": max(spent),
    }  # fmt: skip
    print(json.dumps(result))
    return 0


def story(table: object, record_id: str, *, labels: list[str]) -> list[object]:
    """What `roboloop why` looks up, from the file on."""
    from roboloop.pipeline.curation import find_row

    row = find_row(table, record_id)
    assert row is not None, record_id
    found = table.slice(row, 1)  # type: ignore[attr-defined]
    cells = [found[name][0].as_py() for name in found.column_names]
    for label in labels:
        partner = found[f"{label}.partner"][0].as_py()
        if partner >= 0:
            cells.append(table["id"][partner].as_py())  # type: ignore[index]
    return cells


def cpu_of_family() -> float:
    """CPU seconds of this process and its workers."""
    this = psutil.Process()
    times = [one.cpu_times() for one in [this, *this.children(recursive=True)]]
    return sum(spent.user + spent.system for spent in times)


if __name__ == "__main__":
    sys.exit(main())
