"""tsv_base64: benchmark tables in VLMEvalKit's layout, read in place."""

from __future__ import annotations

import base64
import csv
import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from roboloop.base.errors import RoboLoopError
from roboloop.base.pictures import encode_png
from roboloop.records import Box, Choice, FilePicture, Record, SpanPicture, Text
from roboloop.records.media_open import MediaStore
from roboloop.records.tsv_rows import open_tsv
from roboloop.runs.ledger import Ledger
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.build import build_records
from roboloop.sources.tsv_base64 import TsvBase64Source

HEADER = ("index", "image", "question", "hint", "A", "B", "C", "D", "answer", "category", "split")


def picture(seed: int, *, width: int = 60) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (40, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def text_of(seed: int, *, width: int = 60) -> str:
    return base64.b64encode(encode_png(picture(seed, width=width))).decode()


def row(index: str, image: str, **cells: str) -> list[str]:
    usual = {"question": f"q{index}", "A": "a cup", "B": "a bowl", "answer": "B", "split": "dev"}
    values = {**usual, **cells, "index": index, "image": image}
    return [values.get(name, "") for name in HEADER]


def write(folder: Path, rows: Any, *, header: tuple[str, ...] = HEADER) -> Path:
    file = folder / "bench.tsv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream, delimiter="\t", lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)
    return file


def split_up(source: TsvBase64Source) -> tuple[list[Record], list[Rejected]]:
    items = list(source.read(SourceContext(Path("made"), 0)))
    return (
        [item for item in items if isinstance(item, Record)],
        [item for item in items if isinstance(item, Rejected)],
    )


def test_rows_with_one_several_and_borrowed_pictures(tmp_path: Path) -> None:
    large = text_of(3, width=400)
    assert len(large) > csv.field_size_limit() // 4
    rows = [
        row("1", text_of(1), question='He said "a\tb"\nand left', C="a plate", category="x"),
        row("2", "1", hint="Look left."),
        row("3", str([text_of(2), large]), answer="A", split="test"),
        row("4", "", A="", B="", answer="a cup"),
    ]
    source = TsvBase64Source(path=write(tmp_path, rows), keep_fields=("category",))
    (first, second, third, fourth), rejected = split_up(source)
    assert not rejected
    assert first.inputs == {"question": 'He said "a\tb"\nand left',
                            "options": ("a cup", "a bowl", "a plate")}  # fmt: skip
    assert first.answer == Choice("B", ("a cup", "a bowl", "a plate"))
    assert (first.id, first.task, first.split, first.origin) == (
        "1", "choice_vqa", "val", "bench.tsv:2")  # fmt: skip
    assert first.meta["category"] == "x"
    assert second.media == first.media and second.origin == "bench.tsv:4"
    assert second.inputs["question"] == "Hint: Look left.\nq2"
    assert third.split == "test" and len(third.media) == 2
    assert (fourth.task, fourth.answer, fourth.media) == ("vqa", Text("a cup"), ())
    store = MediaStore(source.media_roots())
    for record, seeds in ((first, (1,)), (third, (2, 3))):
        for media, seed in zip(record.media, seeds, strict=True):
            assert isinstance(media, SpanPicture) and media.content_hash
            width = 400 if seed == 3 else 60
            assert np.array_equal(store.open(media), picture(seed, width=width))


def test_pictures_named_by_path(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for name in ("a", "b"):
        picture(1).save(tmp_path / f"pictures/{name}.png")
    rows = [["1", "['a.png', 'b.png']", "q"], ["2", "b.png", "q"]]
    file = write(tmp_path, rows, header=("index", "image_path", "question"))
    records, rejected = split_up(
        TsvBase64Source(path=file, image_folder=tmp_path / "pictures", name="b")
    )
    assert not rejected
    assert [[media.path for media in r.media if isinstance(media, FilePicture)] for r in records] \
        == [["b:a.png", "b:b.png"], ["b:b.png"]]  # fmt: skip


def test_answers_that_are_places_need_a_dialect(tmp_path: Path) -> None:
    rows = [row("1", text_of(1), A="", B="", answer="[1, 2, 30, 40]")]
    file = write(tmp_path, rows)
    (record,), _ = split_up(TsvBase64Source(path=file, task="object_box", coordinates="plain"))
    assert record.answer == Box(1, 2, 30, 40)
    assert record.turns[-1].text == "q1"
    with pytest.raises(ValueError, match="coordinates"):
        TsvBase64Source(path=file, task="object_box")


def test_bad_rows_cost_only_themselves(tmp_path: Path) -> None:
    good = text_of(1)
    cut = base64.b64encode(encode_png(picture(1))[:200]).decode()
    bad = [
        (row("2", good[:100] + "#" + good[101:]), "E-MED-003"),
        (row("3", cut), "E-MED-003"),
        (row("4", "nowhere.png"), "E-MED-001"),
        (row("5", "../outside.png"), "E-MED-005"),
        (row("6", good, answer="E"), "E-REC-013"),
        (row("7", good, B="", C="x"), "E-DAT-004"),
        (row("8", good, question=""), "E-DAT-004"),
        (row("9", good, split="extra"), "E-DAT-004"),
        (row("10", good)[:-2], "E-DAT-004"),
    ]
    file = write(tmp_path, [row("1", good), *(cells for cells, _ in bad), row("99", good)])
    records, rejected = split_up(TsvBase64Source(path=file))
    assert [record.id for record in records] == ["1", "99"]
    assert [item.error.code for item in rejected] == [code for _, code in bad]
    assert [item.error.place.line for item in rejected] == list(range(3, 3 + len(bad)))
    assert all(len(str(item.error)) < 600 for item in rejected)


def test_an_index_that_is_taken_falls_in_the_build(tmp_path: Path) -> None:
    file = write(tmp_path, [row("1", text_of(1)), row("1", text_of(2))])
    with Ledger(tmp_path / "ledger.jsonl", stage="sources") as ledger:
        counts = build_records([TsvBase64Source(path=file)], out=tmp_path / "records",
                               context=SourceContext(tmp_path, 0), ledger=ledger)  # fmt: skip
    assert (counts.num_records, counts.by_code) == (1, {"E-REC-004": 1})


def test_text_that_is_not_utf8_and_quotes_that_do_not_close(tmp_path: Path) -> None:
    file = write(tmp_path, [row("1", text_of(1))])
    with file.open("ab") as stream:
        for name in (b"\xff\xfe", b'"a" b', b"fine", b'"never closed'):
            stream.write(b"9\t\t" + name + b"\t\ta\tb\t\t\tB\t\t\n")
    records, rejected = split_up(TsvBase64Source(path=file, columns={"id": "category"}))
    assert [record.inputs["question"] for record in records] == ["q1", "fine"]
    assert [item.error.code for item in rejected] == ["E-REC-001", "E-DAT-004", "E-DAT-004"]


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "E-DAT-002"), (b"no tabs\n", "E-DAT-002"), (b"a\ta\n", "E-DAT-002")]
)
def test_a_file_that_is_no_table(content: bytes, code: str, tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes(content)
    with pytest.raises(RoboLoopError) as caught:
        split_up(TsvBase64Source(path=tmp_path / "a.tsv"))
    assert caught.value.code == code


def test_counted_answers_need_the_number_of_the_first_option(tmp_path: Path) -> None:
    file = write(tmp_path, [row("1", text_of(1), answer="1")])
    for first, letter in ((0, "B"), (1, "A")):
        (record,), _ = split_up(TsvBase64Source(path=file, first_option=first))
        assert isinstance(record.answer, Choice) and record.answer.letter == letter
    with pytest.raises(RoboLoopError, match="first_option") as caught:
        split_up(TsvBase64Source(path=file))
    assert caught.value.code == "E-CFG-003"


cells = st.text(st.sampled_from('ab"\t\n\r ,é'), max_size=6)


@given(st.lists(st.lists(cells, min_size=2, max_size=2), min_size=1, max_size=5), st.booleans())
def test_rows_are_those_of_the_csv_module(rows: list[list[str]], all_quoted: bool) -> None:
    """Oracle: Python's own writer and reader of such tables."""
    import tempfile

    if not all_quoted:  # a bare carriage return is text to us, and the end of a line to `csv`
        rows = [[cell.replace("\r", "") for cell in row] for row in rows]
    text = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL
    csv.writer(text, delimiter="\t", lineterminator="\n", quoting=quoting).writerows(rows)
    text.seek(0)
    wanted = [row for row in csv.reader(text, delimiter="\t") if any(row)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.tsv"
        file.write_bytes(text.getvalue().encode())
        with open_tsv(file) as table:
            found = [[table.text(cell) for cell in row.cells] for row in table.rows()]
            lines = [row.line for row in table.rows()]
    assert found == wanted
    assert lines == sorted(lines)


def test_memory_stays_flat(tmp_path: Path) -> None:
    """A table larger than what may be held: only its places are kept."""
    import tracemalloc

    noise = random.Random(0).randbytes(3 << 20)
    large = base64.b64encode(encode_png(picture(1)) + noise).decode()
    rows = (row(str(number), large) for number in range(12))
    file = write(tmp_path, rows)
    source = TsvBase64Source(path=file, verify_media=False)
    tracemalloc.start()
    num_records = sum(1 for item in source.read(SourceContext(tmp_path, 0)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert num_records == 12 and file.stat().st_size > 48 << 20
    assert peak < 24 << 20
