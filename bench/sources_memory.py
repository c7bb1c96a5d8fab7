"""Read a JSON list of 2 GB: does memory stay flat?

    python bench/sources_memory.py [--gigabytes 2] [--workers 2]

A child process builds records of it; its memory and its workers' is sampled by `psutil`. A list a
tenth as long is read first: flat means that ten times the data take no more than the ids' share.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from pathlib import Path

import psutil

from robointer_like import write_entries
from roboloop.runs.ledger import Ledger
from roboloop.sources.base import SourceContext
from roboloop.sources.build import build_records
from roboloop.sources.llava_json import LlavaJsonSource

BYTES_PER_ENTRY = 470


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "entries.json"
        for share in (0.1, 1.0):
            num = int(given.gigabytes * share * 1e9 / BYTES_PER_ENTRY)
            num_bytes = write_entries(path, num=num)
            peak, worker_peak, seconds = _watched(path, Path(name), num_workers=given.workers)
            print(
                f"{num_bytes / 1e9:.2f} GB, {num:,} entries in {seconds:.0f} s: "
                f"peak {peak / 1e6:.0f} MB in the builder, {worker_peak / 1e6:.0f} MB in a worker; "
                f"file / all peaks = {num_bytes / (peak + given.workers * worker_peak):.1f}",
                flush=True,
            )


def _watched(path: Path, folder: Path, *, num_workers: int) -> tuple[int, int, float]:
    """Peak resident bytes of the builder and of its largest worker, and seconds."""
    started = time.monotonic()
    process = multiprocessing.get_context("spawn").Process(
        target=_build, args=(path, folder / "out", num_workers)
    )
    process.start()
    assert process.pid is not None
    watched = psutil.Process(process.pid)
    peak = worker_peak = 0
    while process.is_alive():
        try:
            peak = max(peak, watched.memory_info().rss)
            for child in watched.children():
                worker_peak = max(worker_peak, child.memory_info().rss)
        except psutil.Error:
            pass
        time.sleep(0.1)
    assert process.exitcode == 0
    return peak, worker_peak, time.monotonic() - started


def _build(path: Path, out: Path, num_workers: int) -> None:
    source = LlavaJsonSource(
        path=path, image_folder=path.parent, verify_media=False, coordinates="plain", name="bench"
    )
    with Ledger(out / "ledger.jsonl", stage="data") as ledger:
        build_records(
            [source], out=out / "records", context=SourceContext(out / "made", 0), ledger=ledger,
            num_workers=num_workers,
        )  # fmt: skip


if __name__ == "__main__":
    main()
