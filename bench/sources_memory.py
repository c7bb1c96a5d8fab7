"""Read a JSON list of 2 GB: does memory stay flat?

    python bench/sources_memory.py [--gigabytes 2] [--build-gigabytes 0.2] [--workers 2]

Two works are watched with `psutil`, each in a process of its own, at a tenth of the size and at the
whole: reading every entry of the list, and building records of it with workers. Reading must not
grow at all; a build grows by the ids it has to remember.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from robointer_like import entry_texts
from roboloop.runs.ledger import Ledger
from roboloop.sources.base import SourceContext
from roboloop.sources.build import build_records
from roboloop.sources.json_entries import scan_entries
from roboloop.sources.llava_json import LlavaJsonSource

BLOCK_ENTRIES = 20_000


class Watched(NamedTuple):
    """Peaks of resident bytes, and how long it took."""

    peak: int
    worker_peak: int
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--build-gigabytes", type=float, default=0.2)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    for name, work, gigabytes in (
        ("read", _read, given.gigabytes),
        ("build", _build, given.build_gigabytes),
    ):
        peaks: list[int] = []
        for share in (0.1, 1.0):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "entries.json"
                num = _write(path, num_bytes=int(gigabytes * share * 1e9), own_ids=name == "build")
                found = _watched(work, path, Path(folder) / "out", given.workers)
                peaks.append(found.peak)
                print(
                    f"{name:5} {path.stat().st_size / 1e9:5.2f} GB, {num:9,} entries, "
                    f"{found.seconds:5.0f} s: peak {found.peak / 1e6:4.0f} MB, "
                    f"of a worker {found.worker_peak / 1e6:4.0f} MB",
                    flush=True,
                )
        print(f"{name:5} ten times the data, {peaks[1] / peaks[0]:.2f} times the memory")


def _write(path: Path, *, num_bytes: int, own_ids: bool) -> int:
    """A list of about this size; for reading alone, a block of entries over and over."""
    texts = list(entry_texts(BLOCK_ENTRIES))
    block = ",\n".join(texts)
    num_blocks = max(1, round(num_bytes / len(block)))
    with path.open("w", encoding="utf-8") as stream:
        stream.write("[\n")
        for number in range(num_blocks):
            stream.write(",\n" if number else "")
            stream.write(block.replace('{"id": "', f'{{"id": "{number}_') if own_ids else block)
        stream.write("\n]\n")
    return num_blocks * BLOCK_ENTRIES


def _watched(work: Callable[..., None], *arguments: Any) -> Watched:
    started = time.monotonic()
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
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
        time.sleep(0.05)
    assert process.exitcode == 0
    return Watched(peak, worker_peak, time.monotonic() - started)


def _read(path: Path, out: Path, num_workers: int) -> None:
    del out, num_workers
    for _ in scan_entries(path):
        pass


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
