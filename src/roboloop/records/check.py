"""Check record files: every line, every answer, every picture. Nothing is changed.

Pictures are decoded in threads (Pillow and PyAV let go of the interpreter while they do), each
distinct one once; the findings come in the order of the files whatever the number of workers.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.errors import MissingDependencyError, Place, RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.base.progress import progress_bar
from roboloop.records.ids import IdRegister
from roboloop.records.jsonl import Broken
from roboloop.records.media import Media
from roboloop.records.media_open import Measured, MediaStore, medium_name
from roboloop.records.read import Found, scan_records
from roboloop.records.record import check_answers, check_record
from roboloop.records.shard_files import read_mark, verify_shard
from roboloop.records.shards import read_media_roots

SUFFIXES = (".jsonl", ".parquet")
IN_FLIGHT_PER_WORKER = 64


class Finding(NamedTuple):
    """One thing that is wrong.

    Attributes:
        code: A code of the error catalogue.
        file: The record file.
        line: Line (or row) in it, counted from 1; None for the file as a whole.
        record_id: The record, where it could be read.
        medium: The picture, as `root:relative`; empty when it is not about one.
        cause: What is wrong, with values.
        remedy: What to do.
    """

    code: str
    file: str
    line: int | None
    record_id: str | None
    medium: str
    cause: str
    remedy: str

    def __str__(self) -> str:
        place = Place(self.file, self.line, record_id=self.record_id)
        return f"{self.code} {place}: {self.cause}. {self.remedy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What a check found.

    Attributes:
        num_records: Records that could be read.
        num_media: Distinct pictures that were opened.
        findings: In the order of the files.
    """

    num_records: int
    num_media: int
    findings: tuple[Finding, ...]

    @property
    def by_code(self) -> dict[str, int]:
        """Code -> number of findings."""
        return dict(sorted(Counter(finding.code for finding in self.findings).items()))

    def to_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return {
            "num_records": self.num_records,
            "num_media": self.num_media,
            "by_code": self.by_code,
            "findings": [finding._asdict() for finding in self.findings],
        }


def check_records(
    paths: Iterable[Path], *, media: bool = True, num_workers: int = 4
) -> CheckReport:
    """Check record files and folders of them.

    Args:
        paths: Files (`.jsonl`, `.parquet`) or folders; media roots are read from the
            `media_roots.json` beside each file.
        media: Also open and decode every picture.
        num_workers: Threads that decode.

    Raises:
        RoboLoopError: E-DAT-001 for a path where there is nothing to check, E-ENV-001 when lmdb or
            av is needed and missing.
    """
    files = [file for path in paths for file in record_files(path)]
    findings: list[Finding] = []
    num_records = 0
    with (
        progress_bar("check") as bar,
        ThreadPoolExecutor(max(1, num_workers), thread_name_prefix="check") as pool,
    ):
        checker = _Checker(pool if media else None)
        waiting: deque[_Looked] = deque()
        for item in _scan(files):
            num_records += isinstance(item, Found)
            waiting.append(checker.look(item))
            if len(waiting) > IN_FLIGHT_PER_WORKER * max(1, num_workers):
                findings += waiting.popleft().findings()
            bar.advance(note=f"{len(findings):,} findings" if findings else "")
        for looked in waiting:
            findings += looked.findings()
    return CheckReport(
        num_records=num_records, num_media=checker.num_media, findings=tuple(findings)
    )


class _Looked(NamedTuple):
    """A line of a file with the pictures of its record on their way."""

    item: Found | Broken
    measures: tuple[Future[Measured], ...]

    def findings(self) -> list[Finding]:
        """What is wrong, in the order answer, pictures. Waits for the pictures."""
        if isinstance(self.item, Broken):
            return [_finding(self.item.error)]
        found: list[Finding] = []
        record, place = self.item
        try:
            check_record(record)
        except RoboLoopError as error:
            found.append(_finding(error.located(place)))
        # Without opening media there are no sizes to compare with.
        for number, (media, measure) in enumerate(zip(record.media, self.measures, strict=False)):
            try:
                measured = measure.result()
                _check_size(media, size=measured.size)
                _check_content(media, content_hash=measured.content_hash)
                if number == 0 and media.size is None:
                    check_answers(record, size=measured.size)
            except MissingDependencyError:
                raise
            except RoboLoopError as error:
                found.append(_finding(error.located(place), medium=medium_name(media)))
        return found


class _MediumKey(NamedTuple):
    folder: Path
    media: Media
    hashed: bool


class _Checker:
    """Sends every distinct picture to be decoded once; without a pool, none."""

    def __init__(self, pool: ThreadPoolExecutor | None) -> None:
        self._pool = pool
        self._stores: dict[Path, MediaStore] = {}
        self._measures: dict[_MediumKey, Future[Measured]] = {}

    @property
    def num_media(self) -> int:
        """Distinct pictures opened."""
        return len({(key.folder, key.media) for key in self._measures})

    def look(self, item: Found | Broken) -> _Looked:
        """Start on the pictures of a record."""
        if isinstance(item, Broken) or self._pool is None:
            return _Looked(item, ())
        folder = Path(str(item.place.file)).parent
        measures: list[Future[Measured]] = []
        for media in item.record.media:
            hashed = media.content_hash is not None
            key = _MediumKey(folder, replace(media, size=None, content_hash=None), hashed)
            if key not in self._measures:
                store = self._store(folder)
                self._measures[key] = self._pool.submit(_measured, store, media)
            measures.append(self._measures[key])
        return _Looked(item, tuple(measures))

    def _store(self, folder: Path) -> MediaStore:
        if folder not in self._stores:
            self._stores[folder] = MediaStore(read_media_roots(folder))
        return self._stores[folder]


def _measured(store: MediaStore, media: Media) -> Measured:
    """Decode the picture; its content is hashed only where there is a hash to compare with."""
    if media.content_hash is None:
        return Measured(PictureSize(*store.open(media).size), None)
    return store.measure(media)


def _check_size(media: Media, *, size: PictureSize) -> None:
    if media.size is not None and media.size != size:
        raise RoboLoopError(
            "E-MED-004",
            f"{medium_name(media)} is {size.width}x{size.height}, its record says "
            f"{media.size.width}x{media.size.height}",
        )


def _check_content(media: Media, *, content_hash: str | None) -> None:
    if media.content_hash is not None and media.content_hash != content_hash:
        raise RoboLoopError(
            "E-MED-009",
            f"{medium_name(media)} has content hash {str(content_hash)[:12]}, its record says "
            f"{media.content_hash[:12]}",
        )


def _finding(error: RoboLoopError, *, medium: str = "") -> Finding:
    place = error.place
    return Finding(
        code=error.code,
        file=str(place.file),
        line=place.line,
        record_id=place.record_id,
        medium=medium,
        cause=error.detail,
        remedy=error.fix,
    )


def _scan(files: Iterable[Path]) -> Iterator[Found | Broken]:
    """Every record of the files; a file that is not what its mark says, or no file, is broken."""
    ids = IdRegister()
    for file in files:
        try:
            if read_mark(file) is not None:
                verify_shard(file)
        except RoboLoopError as error:
            yield Broken(error)
        try:
            yield from scan_records([file], ids=ids)
        except RoboLoopError as error:
            yield Broken(error.located(Place(file)))


def record_files(path: Path) -> Iterator[Path]:
    """The record file at a path, or those in the folder, sorted.

    Raises:
        RoboLoopError: E-DAT-001 where there is none, E-DAT-002 for a file of another kind.
    """
    if path.is_file():
        if path.suffix not in SUFFIXES:
            raise RoboLoopError(
                "E-DAT-002",
                "record files end in .jsonl or .parquet",
                place=Place(path),
                fix="Read other files through a source of a recipe, such as llava_json.",
            )
        yield path
        return
    found = sorted(file for file in path.glob("*") if file.suffix in SUFFIXES)
    if not found:
        raise RoboLoopError("E-DAT-001", "there is no record file", place=Place(path))
    yield from found
