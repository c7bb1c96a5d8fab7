"""The data set card: a folder with a page in Markdown, charts and drawn samples.

card/
README.md       reads well wherever Markdown is shown
figures/*.svg   static charts, light and dark
samples/*.jpg   pictures with their answers drawn
card.json       the same numbers for machines
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import roboloop
from roboloop.base.errors import RoboLoopError
from roboloop.base.files import atomic_write_bytes, atomic_write_json, atomic_write_text
from roboloop.base.progress import track
from roboloop.base.text_length import estimated_tokens
from roboloop.dialects import Dialect, load_dialect
from roboloop.records.check import record_files
from roboloop.records.jsonl import Broken
from roboloop.records.media_open import MediaStore
from roboloop.records.read import scan_records
from roboloop.records.record import Record
from roboloop.records.sample import SpreadSample
from roboloop.records.shards import read_media_roots
from roboloop.report.card import WORD_EDGES, CardMaker, histogram
from roboloop.report.card_page import card_page
from roboloop.report.drawn import drawn_thumbnail
from roboloop.report.folder import MARK, SCHEMA, replaced_folder
from roboloop.report.rows import answer_words
from roboloop.report.svg_charts import Bar, bar_chart, heat_map, histogram_chart
from roboloop.report.wording import question_of
from roboloop.tasks import TASKS, load_task

NUM_SAMPLES = 24
MAX_BARS = 24
TOKEN_EDGES = [float(edge) for edge in (0, *(2**power for power in range(3, 18)))]
PIXEL_EDGES = [float(2**power) / 1024 for power in range(4, 16)]


def build_card(
    paths: Sequence[Path],
    *,
    out: Path,
    title: str,
    seed: int = 0,
    dialect: Dialect | None = None,
    num_samples: int = NUM_SAMPLES,
) -> Path:
    """Write the card of some records and return its page.

    Args:
        paths: Folders of records, or record files.
        out: The card's folder; an older card there is replaced.
        title: Its heading.
        seed: Of the drawn samples.
        dialect: Counts the pictures' tokens; Qwen2.5-VL's with its defaults when left out.
        num_samples: Pictures shown, spread over the tasks.

    Raises:
        RoboLoopError: E-DAT-001 when there is no record, E-REP-002 when `out` is something else.
    """
    dialect = dialect or load_dialect("qwen25_vl")
    maker, sample = _Maker(dialect), SpreadSample(num_samples, seed=seed)
    files = [file for path in paths for file in record_files(path)]
    for item in track(scan_records(files), title="card"):
        if isinstance(item, Broken):
            maker.num_broken += 1
            continue
        maker.add(item.record)
        if item.record.media:
            sample.add(item.record)
    if not maker.num_records:
        raise RoboLoopError("E-DAT-001", f"no record in {', '.join(map(str, paths))}")
    numbers = maker.card()
    roots: dict[str, Path] = {}
    for folder in dict.fromkeys(file.parent for file in files):
        roots |= read_media_roots(folder)
    with replaced_folder(out) as place:
        figures = dict(_figures(numbers, dialect=dialect))
        for name, drawing in figures.items():
            atomic_write_text(place / "figures" / f"{name}.svg", text=drawing)
        shown = list(_samples(sample.records(), place=place, store=MediaStore(roots)))
        page = card_page(numbers, title=title, figures=figures, samples=shown)
        atomic_write_text(place / "README.md", text=page)
        atomic_write_json(place / "card.json", value=numbers)
        mark = {"schema": SCHEMA, "mode": "card", "version": roboloop.__version__}
        atomic_write_json(place / MARK, value=mark)
    return out / "README.md"


class _Maker:
    """Counts what the report's card counts, and lengths and costs besides."""

    def __init__(self, dialect: Dialect) -> None:
        self.num_records = 0
        self.num_broken = 0
        self._card = CardMaker()
        self._dialect = dialect
        self._question_words: list[int] = []
        self._text_tokens: list[int] = []
        self._picture_tokens: list[int] = []
        self._kilopixels: Counter[float] = Counter()

    def add(self, record: Record) -> None:
        """Count one record."""
        self.num_records += 1
        self._card.add(record)
        asked = question_of(record)
        self._question_words.append(len(asked.split()))
        said = "" if record.answer is None else answer_words(record.answer)
        self._text_tokens.append(estimated_tokens(asked) + estimated_tokens(said))
        sizes = [media.size for media in record.media if media.size is not None]
        self._kilopixels.update(size.width * size.height / 1e6 for size in sizes)
        if len(sizes) == len(record.media) > 0:
            tokens = [self._tokens(media.size) for media in record.media]
            if None not in tokens:
                self._picture_tokens.append(sum(filter(None, tokens)))

    def card(self) -> dict[str, Any]:
        """The card as JSON values."""
        pixels = list(self._kilopixels.elements())
        return {
            **self._card.card(),
            "num_broken": self.num_broken,
            "question_words": histogram(self._question_words, edges=WORD_EDGES),
            "text_tokens": histogram(self._text_tokens, edges=TOKEN_EDGES),
            "picture_tokens": histogram(self._picture_tokens, edges=TOKEN_EDGES),
            "megapixels": histogram(pixels, edges=PIXEL_EDGES),
        }

    def _tokens(self, size: Any) -> int | None:
        try:
            return self._dialect.picture_tokens(size)
        except RoboLoopError:
            return None


def _figures(numbers: Mapping[str, Any], *, dialect: Dialect) -> Iterator[tuple[str, str]]:
    """Name -> drawing, for every chart that has something to show."""
    splits = sorted({row["split"] for row in numbers["counts"]}, key=_split_rank)
    for name, title in (("task", "Tasks"), ("source", "Sources")):
        bars = list(_bars(numbers["counts"], by=name, splits=splits))
        if name == "task" or len(bars) > 1:
            yield f"{name}s", bar_chart(bars, title=title, series=splits)
    if any(map(any, numbers["centres"])):
        said = "where boxes are centred, points lie and paths end, in the picture"
        yield "places", heat_map(numbers["centres"], title="Places of the answers", said=said)
    for key, title, axis, label in (
        ("box_size", "Box size", "square root of its share of the picture", _number),
        ("box_aspect_log2", "Box aspect", "width to height", _ratio),
        ("path_length", "Path length", "in picture diagonals", _number),
        ("path_waypoints", "Waypoints of a path", "number", _number),
        ("question_words", "Question length", "words", _number),
        ("answer_words", "Answer length", "words of free texts and plans", _number),
        ("megapixels", "Picture size", "megapixels", _number),
        ("picture_tokens", "Picture tokens", f"a record, {dialect.kind}", _count),
        ("text_tokens", "Text tokens", "a record, estimated", _count),
    ):
        if numbers[key]["num"]:
            yield key, histogram_chart(numbers[key], title=title, axis=axis, label=label)


def _bars(counts: Iterable[Mapping[str, Any]], *, by: str, splits: Sequence[str]) -> Iterator[Bar]:
    table: Counter[tuple[str, str]] = Counter()
    for row in counts:
        table[row[by] or "unnamed", row["split"]] += row["count"]
    totals: Counter[str] = Counter()
    for (name, _), count in table.items():
        totals[name] += count
    ranked = sorted(totals, key=lambda name: (-totals[name], name))
    for name in ranked[:MAX_BARS]:
        yield Bar(name, [table[name, split] for split in splits])
    if rest := ranked[MAX_BARS:]:
        sums = [sum(table[name, split] for name in rest) for split in splits]
        yield Bar(f"{len(rest)} more", sums)


def _samples(
    records: Iterable[Record], *, place: Path, store: MediaStore
) -> Iterator[dict[str, str]]:
    """Draw each record's first picture; one that cannot be opened is shown without."""
    for number, record in enumerate(records):
        known = record.task in TASKS.rows and record.answer is not None
        marks = load_task(record.task).marks(record.answer) if known and record.answer else ()
        name = f"samples/{number:02d}.jpg"
        try:
            picture = store.open(record.media[0])
        except RoboLoopError as error:
            name = ""
            problem = error.code
        else:
            problem = ""
            atomic_write_bytes(place / name, data=drawn_thumbnail(picture, marks=marks))
        yield {
            "file": name,
            "problem": problem,
            "id": record.id,
            "task": record.task,
            "source": record.source,
            "question": question_of(record),
            "answer": "" if marks or record.answer is None else answer_words(record.answer),
            "num_pictures": str(len(record.media)),
        }


def _split_rank(split: str) -> tuple[int, str]:
    usual = ("train", "val", "test")
    return (usual.index(split) if split in usual else len(usual), split)


def _number(edge: float) -> str:
    return f"{edge:.3g}"


def _count(edge: float) -> str:
    return f"{edge / 1024:g}k" if edge >= 1024 else f"{edge:g}"


def _ratio(edge: float) -> str:
    ratio = 2**edge
    return f"{ratio:.2g}:1" if ratio >= 1 else f"1:{1 / ratio:.2g}"
