"""Run the composers of a recipe: a folder of records in, the same and what is made of them out.

    out/
        records/            those that are kept, then those of each composer
        compose.json        what became of everything, by composer

What is kept and what each composer made are parts of the folder, each with a mark: a run that was
killed goes on with the composer it was in the middle of, and ends with the same bytes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import atomic_write_json
from roboloop.base.progress import progress_bar
from roboloop.compose.balance_facts import PairTally
from roboloop.compose.base import (
    COMPOSER_KEY,
    JUDGE_FILE,
    PARENTS_KEY,
    ComposeContext,
    Composer,
    Refusal,
)
from roboloop.compose.config import ComposeConfig
from roboloop.records.record import Record
from roboloop.records.shards import RecordFolder
from roboloop.runs.encode import Encoded, Refused, encode_record, refused
from roboloop.runs.part_marks import PartMark
from roboloop.runs.parts import DropLedger, RecordParts

COUNTS_FILE = "compose.json"
KEPT = "kept"
"""Name of the part with the records that were there before."""


class Made(NamedTuple):
    """What a composer made, and what it refused to make, by code."""

    num_records: int
    num_refused: int
    by_code: Mapping[str, int]


class ComposeCounts(NamedTuple):
    """What became of the records.

    Attributes:
        num_parents: Records that were there: `num_kept` and `num_not_kept` together.
        num_kept: Those written again.
        num_not_kept: Those that `keep: composed` leaves out.
        by_composer: Label -> what it made.
    """

    num_parents: int
    num_kept: int
    num_not_kept: int
    by_composer: Mapping[str, Made]

    @property
    def num_records(self) -> int:
        """Records in the folder that was written."""
        return self.num_kept + sum(made.num_records for made in self.by_composer.values())

    @property
    def num_refused(self) -> int:
        """Lines of the ledger."""
        return sum(made.num_refused for made in self.by_composer.values())


def compose_folder(
    config: ComposeConfig,
    *,
    records: Path,
    store: Path,
    out: Path,
    ledger: DropLedger,
    seed: int,
) -> ComposeCounts:
    """Run every composer over a folder of records.

    Args:
        config: The composers.
        records: A complete folder of records; it is not changed.
        store: Folder for what composers ask models and judges; kept between recipes of one run.
        out: Gets `records/` and `compose.json`.
        ledger: Gets a line for everything that a composer refused to make.
        seed: Seed of the recipe.

    Raises:
        RoboLoopError: E-DAT-003 when no record comes out, E-RUN-003 when records are lost; what a
            composer raises.
    """
    parents = RecordFolder(records)
    folder = RecordParts(
        out / "records", marks="parts", roots=parents.media_roots, ledger=ledger
    )  # fmt: skip
    identity = parents.content_hash()
    splits = _kept_splits(config, parents=parents)
    with progress_bar("records that stay") as bar:
        kept = folder.take(
            KEPT, inputs=[identity, splits], items=partial(_kept, parents, splits=splits), bar=bar
        )
    made: dict[str, PartMark] = {}
    for composer in config.composers:
        label = composer.label
        context = ComposeContext(seed, store / label, parents.media_roots)
        with progress_bar(f"composed by {label}") as bar:
            made[label] = folder.take(
                label,
                inputs=[identity, composer.model_dump(mode="json"), composer.fingerprint(), seed],
                items=partial(_composed, composer, parents=parents, context=context),
                bar=bar,
            )
    written = folder.finish()
    counts = _counts(kept, made=made, parents=parents)
    if written.num_records != counts.num_records or written.num_dropped != counts.num_refused:
        raise RoboLoopError("E-RUN-003", f"{written} and {counts}", place=Place(out))
    if not counts.num_records:
        labels = ", ".join(made)
        raise RoboLoopError("E-DAT-003", f"nothing was made by {labels}", place=Place(records))
    by_composer = {label: each._asdict() for label, each in counts.by_composer.items()}
    value = {**counts._asdict(), "by_composer": by_composer, **_worth(config, store=store, out=out)}
    atomic_write_json(out / COUNTS_FILE, value=value)
    return counts


def _worth(config: ComposeConfig, *, store: Path, out: Path) -> dict[str, Any]:
    """What gives pairs away by their looks, and what each judge's verdicts are worth."""
    tally = PairTally()
    for record in RecordFolder(out / "records").records():
        tally.add(record)
    files = {each.label: store / each.label / JUDGE_FILE for each in config.composers}
    judges = {
        label: json.loads(file.read_text(encoding="utf-8"))
        for label, file in files.items()
        if file.exists()
    }
    return {"pairs": tally.facts(), "judges": judges}


def _kept_splits(config: ComposeConfig, *, parents: RecordFolder) -> list[str]:
    """The splits whose records are written again."""
    read = {split for composer in config.composers for split in composer.splits}
    return [split for split in parents.splits if config.keep == "all" or split not in read]


def _kept(parents: RecordFolder, *, splits: Sequence[str]) -> Iterator[Encoded | Refused]:
    """The records of some splits as they are."""
    for record in _records(parents, splits=splits):
        yield encode_record(record, maker=KEPT)


def _composed(
    composer: Composer, *, parents: RecordFolder, context: ComposeContext
) -> Iterator[Encoded | Refused]:
    """What a composer makes of the records."""
    context.store.mkdir(parents=True, exist_ok=True)
    read = _records(parents, splits=composer.splits)
    for item in composer.compose(read, context):
        if isinstance(item, Refusal):
            yield refused(item.error, record_id=item.parent_id)
            continue
        meta = item.meta
        assert meta.get(PARENTS_KEY), f"{item.id} names no parent"
        assert meta.get(COMPOSER_KEY) == composer.label, f"{item.id} is not by {composer.label}"
        yield encode_record(item, maker=f"composer {composer.label}")


def _records(folder: RecordFolder, *, splits: Iterable[str]) -> Iterator[Record]:
    """The records of some splits, in the order of their shards."""
    for split in sorted(set(splits) & set(folder.splits)):
        yield from folder.records(split)


def _counts(
    kept: PartMark, *, made: Mapping[str, PartMark], parents: RecordFolder
) -> ComposeCounts:
    num_parents = sum(parents.counts.values())
    num_kept = _num_records(kept)
    by_composer: dict[str, Made] = {}
    for label, part in made.items():
        by_code = Counter(sorted(drop.code for drop in part.drops))
        by_composer[label] = Made(_num_records(part), by_code.total(), dict(by_code))
    return ComposeCounts(num_parents, num_kept, num_parents - num_kept, by_composer)


def _num_records(part: PartMark) -> int:
    return sum(shard.num_records for shard in part.shards)
