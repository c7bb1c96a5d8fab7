"""leakage: training records that repeat a benchmark, a validation set or any other given set.

Four things give a leak away, each proven by itself:

    picture    a picture of the very same bytes
    copy       the same picture encoded, resized or brightened anew
    text       the same words asked and answered
    recording  a moment of the same recording: frames of one episode in train and val

A template that both sets share is no leak, and neither is a scene that merely looks alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import hash_value
from roboloop.curate.base import (
    ArrowBatch,
    ArrowTable,
    CurateContext,
    Evidence,
    Flags,
    Judgement,
    MapOperator,
    Numbers,
)
from roboloop.curate.benchmark_index import (
    NOTHING,
    BenchmarkIndex,
    Match,
    build_index,
    open_index,
)
from roboloop.curate.benchmark_items import BenchmarkSet, sets_at
from roboloop.curate.picture_print import PicturePrint, print_of
from roboloop.records.media import media_from_json
from roboloop.records.media_open import MediaStore
from roboloop.records.shards import RecordFolder, read_media_roots

LeakKind = Literal["picture", "copy", "text", "recording"]
KINDS: tuple[LeakKind, ...] = ("picture", "copy", "text", "recording")
"""From the strongest evidence to the weakest."""

SAID: Mapping[LeakKind, str] = {
    "picture": "the picture of",
    "copy": "a copy of a picture of",
    "text": "the words of",
    "recording": "the recording of",
}
SHORT_KEY = 12


class Leakage(MapOperator):
    """Drop (or only report) records that repeat what the model will be measured on."""

    code: ClassVar[str] = "E-CUR-040"
    looks_outside: ClassVar[bool] = True

    kind: Literal["leakage"] = "leakage"  # pyright: ignore[reportIncompatibleVariableOverride]
    against: tuple[Path, ...] = ()
    """Benchmarks: folders of records, record files, JSON of questions, folders of pictures."""
    splits: tuple[str, ...] = ("val", "test")
    """Splits of the same records that are held against, too; those that are not there do not count.
    Name none that is curated."""
    action: Literal["drop", "report"] = "drop"
    """Whether leaks are dropped or only told of."""
    kinds: tuple[LeakKind, ...] = KINDS
    """What counts as a leak."""
    max_difference: float = Field(0.4, ge=0)
    """A picture is a copy when, in 16 x 16 cells of grey with brightness and contrast taken out, no
    cell differs by more standard deviations than this."""
    threshold: float = Field(0.8, gt=0, le=1)
    """Words are the same from this similarity of their n-grams of 5 words on."""
    min_answer_words: int = Field(60, ge=1)
    """Answers with so many words count by themselves. Shorter ones only where neither side shows a
    picture: in robots' data the same words about another picture are a template, no leak."""
    within_frames: int | None = Field(None, ge=0)
    """Moments of one recording that are further apart are no leak; None: the whole recording is."""
    within_seconds: float | None = Field(None, ge=0)
    """The same in seconds, with `frames_per_second`."""
    frames_per_second: float | None = Field(None, gt=0)
    """How fast the recordings are."""

    @model_validator(mode="after")
    def _seconds_need_a_rate(self) -> Leakage:
        if self.within_seconds is not None and self.frames_per_second is None:
            raise ValueError("within_seconds needs frames_per_second")
        if not self.against and not self.splits:
            raise ValueError("name what to check against: `against` or `splits`")
        return self

    @property
    def judging_options(self) -> frozenset[str]:
        """All but the sets and what makes an answer long."""
        judged = {
            "action", "kinds", "max_difference", "threshold", "within_frames", "within_seconds",
            "frames_per_second",
        }  # fmt: skip
        return super().judging_options | judged

    def fingerprint(self) -> str:
        """Changes with the sets' content, too."""
        prints = [BenchmarkSet(path, "").content_print() for path in self._paths]
        return hash_value([super().fingerprint(), prints])

    def prepare(self, facts: ArrowTable, context: CurateContext) -> None:
        """Read the sets and index them."""
        build_index(self._sets(context), folder=self._folder(context))

    def index(self, context: CurateContext) -> BenchmarkIndex:
        """The index of the sets; `prepare` made it."""
        return open_index(self._folder(context), min_words=self.min_answer_words)

    @property
    def more_facts(self) -> tuple[str, ...]:
        """Of the pictures, which are opened."""
        return ("references",)

    def measure(self, batch: ArrowBatch, context: CurateContext) -> ArrowBatch:
        """For each kind the closest item and how close it is."""
        import pyarrow as pa

        index = self.index(context)
        owners, prints, errors = _prints(batch, context=context, wanted=index.has_pictures)
        table = pa.Table.from_batches([batch])
        words = index.texts.closest(table)
        found: Mapping[LeakKind, Match] = {
            "picture": index.same_pictures(owners, prints, num=batch.num_rows),
            "copy": index.copied_pictures(owners, prints, num=batch.num_rows),
            "text": Match(words.item, words.similarity),
            "recording": index.same_recordings(table),
        }
        columns: dict[str, Any] = {}
        for kind, match in found.items():
            missing = match.item == NOTHING
            columns[kind] = pa.array(match.value, pa.float64(), mask=missing)
            columns[f"{kind}_item"] = pa.array(match.item, pa.int64(), mask=missing)
            columns[f"{kind}_id"] = pa.array(index.ids_of(match.item), pa.string())
        columns["error"] = pa.array(errors, pa.string())
        return pa.RecordBatch.from_pydict(columns)

    def judge(self, values: ArrowTable, facts: ArrowTable, *, kept: Flags) -> Judgement:
        """A leak of any chosen kind; of several the strongest is told."""
        del kept
        judgement = Judgement.keep_all(facts.num_rows)
        open_rows = np.ones(facts.num_rows, dtype=np.bool_)
        for kind in KINDS:
            if kind not in self.kinds:
                continue
            leaked = self._leaked(values, kind=kind) & open_rows
            open_rows &= ~leaked
            judgement.value[leaked] = _numbers(values, kind)[leaked]
            judgement.threshold[leaked] = self._threshold(kind)
            judgement.drop[leaked] = self.action == "drop"
            told = np.flatnonzero(leaked & judgement.drop)
            ids = values[f"{kind}_id"].take(told).to_pylist()
            for row, item_id in zip(told.tolist(), ids, strict=True):
                judgement.reason[row] = f"it has {SAID[kind]} {item_id!r}, which it must not repeat"
        return judgement

    def evidence(self, values: ArrowTable, context: CurateContext) -> Iterator[Evidence]:
        """Every leak, of every kind, beside the item that it repeats."""
        index, sets = self.index(context), self._sets(context)
        same = np.isfinite(_numbers(values, "picture"))
        for kind in KINDS:
            numbers, items = _numbers(values, kind), _numbers(values, f"{kind}_item")
            dropped = self.action == "drop" and kind in self.kinds
            leaked = self._leaked(values, kind=kind)
            if kind == "copy":
                leaked &= ~same  # told of already
            for row in np.flatnonzero(leaked).tolist():
                item = index.items.slice(int(items[row]), 1)
                origin = sets[item["origin"][0].as_py()].name
                other = json.loads(item["record"][0].as_py())
                value = float(numbers[row])
                yield Evidence(row, kind, value, self._threshold(kind), dropped, origin, other)

    def evidence_roots(self, context: CurateContext) -> Mapping[str, Path]:
        """Media roots of the items."""
        sets = self._sets(context)
        return {name: path for each in sets for name, path in each.media_roots.items()}

    def unread(self, context: CurateContext) -> Mapping[str, Any]:
        """What of the sets could not be read: there a leak would go unseen."""
        return self.index(context).problems

    def _leaked(self, values: ArrowTable, *, kind: LeakKind) -> Flags:
        numbers = _numbers(values, kind)
        there = np.isfinite(numbers)
        threshold = self._threshold(kind)
        if kind == "text":
            return there & (np.nan_to_num(numbers) >= threshold)
        if np.isnan(threshold):
            return there
        return there & (np.nan_to_num(numbers, nan=np.inf) <= threshold)

    def _threshold(self, kind: LeakKind) -> float:
        match kind:
            case "picture":
                return 0.0
            case "copy":
                return self.max_difference
            case "text":
                return self.threshold
            case "recording":
                return self._frames_apart()

    def _frames_apart(self) -> float:
        limits = [np.nan if self.within_frames is None else float(self.within_frames)]
        if self.within_seconds is not None and self.frames_per_second is not None:
            limits.append(self.within_seconds * self.frames_per_second)
        return float(np.fmin.reduce(limits))

    @property
    def _paths(self) -> list[Path]:
        """What `against` names, folders of records within a folder one by one."""
        return [found for path in self.against for found in sets_at(path)]

    def _sets(self, context: CurateContext) -> list[BenchmarkSet]:
        there = RecordFolder(context.records).splits
        own = tuple(split for split in self.splits if split in there)
        inside = [BenchmarkSet(context.records, "own", own)] if own else []
        named = [BenchmarkSet(path, f"against{number}") for number, path in enumerate(self._paths)]
        return [*inside, *named]

    def _folder(self, context: CurateContext) -> Path:
        records = RecordFolder(context.records).content_hash() if self.splits else ""
        key = hash_value([self.fingerprint(), records])
        return context.work / f"{self.label}-{key[:SHORT_KEY]}"


def _prints(
    batch: ArrowBatch, *, context: CurateContext, wanted: bool
) -> tuple[list[int], list[PicturePrint], list[str | None]]:
    """The prints of the batch's pictures, whose they are, and for each record what is broken."""
    owners: list[int] = []
    prints: list[PicturePrint] = []
    errors: list[str | None] = [None] * batch.num_rows
    if not wanted:
        return owners, prints, errors
    store = MediaStore(read_media_roots(context.records))
    known: dict[str, PicturePrint | str] = {}
    for row, references in enumerate(batch["references"].to_pylist()):
        for reference in references:
            if reference not in known:
                known[reference] = _print_or_error(reference, store=store)
            found = known[reference]
            if isinstance(found, str):
                errors[row] = found
            else:
                owners.append(row)
                prints.append(found)
    return owners, prints, errors


def _print_or_error(reference: str, *, store: MediaStore) -> PicturePrint | str:
    try:
        return print_of(media_from_json(json.loads(reference)), store=store)
    except RoboLoopError as error:
        return str(error)


def _numbers(values: ArrowTable, name: str) -> Numbers:
    return values[name].to_numpy(zero_copy_only=False).astype(np.float64)
