"""The Curation view in a real browser: its numbers, its pairs, and what it must not do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.curate import OPERATORS
from roboloop.curate.config import CurateConfig
from roboloop.curate.outcome import curate
from roboloop.records.answers import Box, Text
from roboloop.records.media import FilePicture
from roboloop.records.record import Record
from roboloop.records.shard_files import ShardWriter
from roboloop.records.shards import write_folder_mark, write_media_roots
from roboloop.report.curation import build_curation_page
from roboloop.runs.ledger import Ledger

pytestmark = pytest.mark.browser
EVIL = "<img src=x onerror=alert(1)> Where is the cup?"
WORDS = "the arm lowers its gripper over the cup, closes it, lifts it and carries it to the tray"


def make_records(folder: Path) -> Path:
    """Records with planted duplicates: 40 boxes, 6 of one again, 3 like texts, one in val."""
    random = np.random.default_rng(1)
    (folder / "pictures").mkdir(parents=True)
    for number in range(5):
        rough = random.integers(30, 230, (5, 8, 3), dtype=np.uint8)
        picture = Image.fromarray(rough).resize((160, 90), Image.Resampling.BICUBIC)
        picture.save(folder / f"pictures/{number}.png")
    train = [_record(f"box-{n}", number=n % 4, box=(5 + n, 5, 60 + n, 50)) for n in range(40)]
    train += [_record(f"again-{n}", number=0, box=(5, 5, 60, 50)) for n in range(6)]
    train += [
        _record(f"text-{n}", number=2, text=f"{WORDS} {'slowly' if n else 'gently'}{', so' * n}")
        for n in range(3)
    ]
    train += [_record("leak", number=4, box=(1, 1, 20, 20), question=EVIL)]
    home = folder / "records"
    writers = [ShardWriter(home, split=split) for split in ("train", "val")]
    home.mkdir()
    for record in train:
        writers[0].add(record)
    writers[1].add(_record("held-out", number=4, box=(9, 9, 30, 30), split="val"))
    for writer in writers:
        writer.close()
    write_media_roots(home, roots={"made": folder / "pictures"})
    write_folder_mark(home, marks=[mark for writer in writers for mark in writer.marks])
    return home


def _record(
    name: str,
    *,
    number: int,
    box: tuple[int, int, int, int] | None = None,
    text: str = "",
    question: str = "the cup",
    split: str = "train",
) -> Record:
    size = PictureSize(160, 90)
    return Record(
        id=name, task="current_box" if box else "vqa", split=split, source="made",
        media=(FilePicture(path=f"made:{number}.png", size=size),),
        inputs={"instruction": question} if box else {"question": "What happens?"},
        answer=Box(box[0], box[1], box[2], box[3]) if box else Text(text),
    )  # fmt: skip


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `curation.json` of a small curation; nobody changes it."""
    folder = tmp_path_factory.mktemp("curated")
    operators = [
        OPERATORS.resolve(kind).model_validate({"kind": kind})
        for kind in ("exact", "minhash", "leakage")
    ]
    config = CurateConfig.model_validate(
        {"engine": {"kind": "inline", "num_workers": 1}, "operators": operators}
    )
    out = folder / "out"
    with Ledger(out / "ledger.jsonl", stage="curate") as ledger:
        curate(
            config, records=make_records(folder), store=folder / "store", out=out, ledger=ledger,
            seed=1,
        )  # fmt: skip
    return out / "curation.json"


@pytest.fixture(scope="module")
def page_file(curated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_curation_page(
        curated, out=tmp_path_factory.mktemp("page") / "page", title="made curation"
    )


def test_the_summary_adds_up(curated: Path) -> None:
    value = json.loads(curated.read_text(encoding="utf-8"))
    counts, operators = value["counts"], value["operators"]
    assert counts["records"] == 50
    assert counts["kept"] + sum(each["dropped"] for each in operators) == 50
    assert [each["dropped"] for each in operators] == [6, 2, 1]
    for rows in value["groups"].values():
        assert sum(row["records"] for row in rows) == 50
        for number, operator in enumerate(operators):
            assert sum(row["dropped"][number] for row in rows) == operator["dropped"]
        assert all(row["kept"] + sum(row["dropped"]) == row["records"] for row in rows)
    for operator in operators:
        assert sum(reason["count"] for reason in operator["reasons"]) == operator["dropped"]


def test_funnel_and_pairs_are_drawn(watched: Any, page_file: Path) -> None:
    page = watched.open(page_file)
    assert page.inner_text("h1") == "41 of 50 records stay."
    steps = page.locator(".funnel li")
    assert [each.replace("\u2212", "-") for each in steps.locator(".lost").all_inner_texts()] == [
        "", "-6", "-2", "-1", "82 %",
    ]  # fmt: skip
    exact = page.locator("#operator-exact")
    expect(exact.locator(".twin")).to_have_count(2)
    exact.get_by_role("button", name="Show 4 more").click()
    expect(exact.locator(".twin")).to_have_count(6)
    assert exact.locator(".side.in .id").first.inner_text() == "box-0"
    assert exact.locator(".cluster figcaption b").inner_text() == "1 of 7 stays"
    near = page.locator("#operator-minhash .twin").first
    assert "gently" in near.locator("mark").all_inner_texts()
    assert page.locator("#operator-minhash .threshold text").text_content() == "0.7"
    page.get_by_role("button", name="By task").click()
    row = page.locator(".groups tbody tr").filter(has_text="Question and answer")
    assert row.locator("td.figure").first.inner_text() == "3"


def test_a_leak_stands_beside_what_it_repeats(watched: Any, page_file: Path) -> None:
    page = watched.open(page_file, "#/curation")
    pair = page.locator("#operator-leakage .twin")
    assert pair.locator(".id").all_inner_texts() == ["leak", "held-out"]
    assert EVIL.split("?")[0] in pair.locator(".twin-asked").first.inner_text(), "as plain text"
    pair.scroll_into_view_if_needed()
    page.wait_for_function(
        "[...document.querySelectorAll('#operator-leakage img')]"
        ".every((picture) => picture.naturalWidth == 160)"
    )
    assert pair.locator("img").count() == 2


def test_a_whole_report_has_the_view_too(
    watched: Any, build: Callable[..., Path], curated: Path, tmp_path: Path
) -> None:
    report = build(tmp_path / "report", curation=curated)
    page = watched.open(report)
    names = page.locator("nav a").all_inner_texts()
    assert names == ["Overview", "Records", "Training", "Data", "Curation", "Lock"]
    page.keyboard.press("5")
    expect(page.locator("h1")).to_have_text("41 of 50 records stay.")
    page.keyboard.press("2")
    page.wait_for_selector(".hit-count b")


def test_it_fits_a_phone(open_page: Callable[..., Any], page_file: Path) -> None:
    page = open_page(viewport={"width": 390, "height": 800})
    page.goto(page_file.resolve().as_uri())
    page.wait_for_selector(".funnel")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "curation.json").write_text('{"schema": "something/1"}')
    with pytest.raises(RoboLoopError) as caught:
        build_curation_page(tmp_path / "curation.json", out=tmp_path / "page", title="x")
    assert caught.value.code == "E-REP-003"
