"""Read benchmarks from the user's folder into records, all of them or with the reason why not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_bytes
from roboloop.base.progress import track
from roboloop.evaluate.benchmarks import BENCHMARKS, Benchmark, load_benchmark
from roboloop.evaluate.benchmarks.config import ALL, BenchmarkConfig
from roboloop.evaluate.benchmarks.folder import BenchmarkFolder, find_folder, folder_names
from roboloop.evaluate.benchmarks.option_orders import Rotations, rotations_of, shuffled
from roboloop.evaluate.benchmarks.strict import check_prompt_name
from roboloop.evaluate.rules import load_rules
from roboloop.records.record import Record, check_record
from roboloop.records.shard_files import ShardWriter, remove_shards_but
from roboloop.records.shards import write_folder_mark, write_media_roots

SPLIT = "test"
NOT_THERE = ("E-EVA-010", "E-EVA-013")
"""Why a benchmark of `all` is left out, in place of stopping."""


class ReadBenchmark(NamedTuple):
    """A benchmark with its items, in the order of their ids.

    Attributes:
        benchmark: Which one.
        folder: Its files.
        records: Its items, or those that were drawn.
        num_there: How many items its files hold.
        rotations: Items that are asked in other orders of their options besides.
    """

    benchmark: Benchmark
    folder: Path
    records: tuple[Record, ...]
    num_there: int
    rotations: Rotations

    @property
    def asked(self) -> Iterator[Record]:
        """Every question that is put to a model: each item, then its rotations."""
        for record in self.records:
            yield record
            yield from self.rotations.get(record.id, ())


class ReadBenchmarks(NamedTuple):
    """Everything that is asked, and why the rest of `all` is not."""

    found: tuple[ReadBenchmark, ...]
    left_out: dict[str, str]


def read_benchmarks(config: BenchmarkConfig) -> ReadBenchmarks:
    """Find and read the chosen benchmarks before anything is asked.

    Raises:
        RoboLoopError: E-CFG-006 for an unknown benchmark, prompt or set of rules; E-EVA-010 for a
            benchmark that was named and is not there, or when none is; E-EVA-011, E-EVA-012,
            E-REC-* or E-MED-* for what is wrong in one; E-EVA-013 when one needs a judge and none
            is given.
    """
    if not config.root.is_dir():
        raise RoboLoopError("E-EVA-010", "it is no folder", place=Place(config.root))
    takes_all = ALL in config.benchmarks
    names = BENCHMARKS.rows if takes_all else config.benchmarks
    chosen = list(dict.fromkeys(load_benchmark(name).kind for name in names))
    check_prompt_name(config.prompts, benchmarks=[load_benchmark(kind) for kind in chosen])
    for rules in config.rules:
        if rules != ALL:
            load_rules(rules)
    found: list[ReadBenchmark] = []
    left_out: dict[str, str] = {}
    for kind in chosen:
        benchmark = load_benchmark(kind)
        path = find_folder(config.root, kind=kind, hub=benchmark.hub)
        try:
            found.append(_read(benchmark, path=path, config=config))
        except RoboLoopError as error:
            if not takes_all or error.code not in NOT_THERE:
                raise
            left_out[kind] = error.detail
    if not found:
        raise RoboLoopError(
            "E-EVA-010",
            f"no benchmark is in it; looked for folders such as {', '.join(list(left_out)[:4])}",
            place=Place(config.root),
        )
    return ReadBenchmarks(tuple(found), left_out)


def write_benchmark_records(found: Iterable[ReadBenchmark], *, out: Path) -> Path:
    """The items as a folder of records, for the report, `look` and `check-leakage`."""
    roots: dict[str, Path] = {}
    with ShardWriter(out, split=SPLIT) as writer:
        for each in found:
            roots[each.benchmark.kind] = each.folder
            for record in each.records:
                writer.add(record)
    remove_shards_but(out, keep=writer.marks)
    write_media_roots(out, roots=roots)
    write_folder_mark(out, marks=writer.marks)
    return out


def _read(benchmark: Benchmark, *, path: Path | None, config: BenchmarkConfig) -> ReadBenchmark:
    if path is None:
        names = ", ".join(folder_names(benchmark.kind, hub=benchmark.hub))
        detail = f"{benchmark.kind}: no folder named {names}"
        raise RoboLoopError("E-EVA-010", detail, place=Place(config.root))
    if benchmark.needs_judge and config.judge is None:
        raise RoboLoopError("E-EVA-013", f"{benchmark.kind} is graded by a language model")
    folder = BenchmarkFolder(benchmark.kind, path, config.frames)
    places: dict[str, str] = {}
    records: list[Record] = []
    for record in track(benchmark.read(folder), title=f"reading {benchmark.kind}"):
        if (before := places.get(record.id)) is not None:
            raise RoboLoopError(
                "E-REC-004",
                f"{record.origin} has the id of {before}",
                place=Place(path, record_id=record.id),
            )
        places[record.id] = record.origin
        try:
            check_record(record)
        except RoboLoopError as error:
            place = Place(path / record.origin, record_id=record.id)
            raise error.located(place) from error
        records.append(record)
    drawn = sorted(records, key=lambda record: _lot(record, seed=config.seed))[: config.max_items]
    chosen: Sequence[Record] = sorted(drawn, key=lambda record: record.id)
    if config.option_order == "shuffled":
        chosen = [shuffled(record, seed=config.seed) for record in chosen]
    circular = config.option_order == "circular"
    rotations = {record.id: rotations_of(record) for record in chosen} if circular else {}
    return ReadBenchmark(benchmark, path, tuple(chosen), len(records), rotations)


def _lot(record: Record, *, seed: int) -> str:
    return hash_bytes(f"{seed} {record.id}".encode())
