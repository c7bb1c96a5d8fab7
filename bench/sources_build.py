"""100,000 entries in RoboInter-VQA's layout from JSON to records: how many a second?

    python bench/sources_build.py [--entries 100000] [--workers 2]

Generation's boxes, points and paths through `robointer_vqa`, and such entries with choices and
plans among them as one list through `llava_json`. Pictures are not opened: the entries state their
sizes. Beside them stand the same with one process; a limit, the floor of any Python converter that
keeps every field (`json.load`, then one `json.dumps` a record; it types, checks and hashes
nothing); and the Hugging Face `datasets` loader as a peer, where it is installed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from robointer_like import write_entries, write_hub
from roboloop.runs.ledger import Ledger
from roboloop.sources.base import Source, SourceContext
from roboloop.sources.build import build_records
from roboloop.sources.llava_json import LlavaJsonSource
from roboloop.sources.robointer_vqa.source import RoboInterVqaSource

TARGET_PER_SECOND = 20_000
ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "entries.json"
        num_bytes = write_hub(folder / "hub", num=given.entries)
        write_entries(path, num=given.entries)
        print(f"{given.entries:,} entries, {num_bytes / 1e6:.1f} MB, best of {ROUNDS} each")
        sources = {
            "robointer_vqa": RoboInterVqaSource(path=folder / "hub", verify_media=False),
            "llava_json": LlavaJsonSource(
                path=path, image_folder=folder, verify_media=False, coordinates="plain"
            ),
        }
        rates = {
            f"{kind}, {num_workers} processes": _rate(
                partial(_build, source, folder, num_workers=num_workers), num=given.entries
            )
            for kind, source in sources.items()
            for num_workers in sorted({given.workers, 1}, reverse=True)
        }
        rates["limit: json.load + json.dumps"] = _rate(
            lambda: _plain_loop(path, folder), num=given.entries
        )
        if (peer := _peer()) is not None:
            rates["peer: datasets.load_dataset('json') + to_json"] = _rate(
                lambda: peer(path, folder), num=given.entries
            )
        ours = next(iter(rates.values()))
        for label, rate in rates.items():
            print(f"{label:48} {rate:10,.0f} records/s   ours is {ours / rate:5.2f} of it")
        met = "met" if ours >= TARGET_PER_SECOND else "NOT met"
        print(f"target {TARGET_PER_SECOND:,} records/s: {met} ({ours / TARGET_PER_SECOND:.2f})")


def _rate(work: Callable[[], None], *, num: int) -> float:
    """Entries a second in the best round."""
    seconds: list[float] = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    print("   seconds", ", ".join(f"{each:.2f}" for each in seconds))
    return num / min(seconds)


def _build(source: Source, folder: Path, *, num_workers: int) -> None:
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    with Ledger(out / "ledger.jsonl", stage="data") as ledger:
        counts = build_records(
            [source], out=out / "records", context=SourceContext(out / "made", 0), ledger=ledger,
            num_workers=num_workers,
        )  # fmt: skip
    assert counts.num_dropped == 0, counts


def _plain_loop(path: Path, folder: Path) -> None:
    with path.open(encoding="utf-8") as stream, (folder / "plain.jsonl").open("w") as out:
        for entry in json.load(stream):
            out.write(json.dumps(entry, ensure_ascii=False, sort_keys=True) + "\n")


def _peer() -> Callable[[Path, Path], None] | None:
    try:
        import datasets
    except ImportError:
        return None

    def convert(path: Path, folder: Path) -> None:
        cache = folder / "cache"
        shutil.rmtree(cache, ignore_errors=True)
        loaded = datasets.load_dataset(
            "json", data_files=str(path), split="train", cache_dir=str(cache)
        )
        loaded.to_json(str(folder / "peer.jsonl"))

    return convert


if __name__ == "__main__":
    main()
