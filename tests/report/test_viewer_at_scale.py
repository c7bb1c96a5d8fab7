"""Ten thousand records, and texts made to break the scripts that carry them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from made_evaluation import MadeEvaluation, multiply
from playwright.sync_api import expect

from roboloop.report.config import ReportConfig
from roboloop.report.scripts import write_shards, write_summary

pytestmark = pytest.mark.browser
NUM_RECORDS = 10_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory, made: MadeEvaluation, build: Any) -> Path:
    folder = tmp_path_factory.mktemp("large")
    many = multiply(made.evaluation, out=folder / "evaluation", num_records=NUM_RECORDS)
    return build(folder / "report", ReportConfig(max_records=NUM_RECORDS), evaluation=many)


def test_ten_thousand_records_are_listed_filtered_and_scrolled(watched: Any, large: Path) -> None:
    page = watched.open(large, "#/records")
    assert page.inner_text(".hit-count b") == "10,000"
    assert page.evaluate("document.querySelectorAll('*').length") < 2_000
    assert len(list((large.parent / "data").glob("records-*.js"))) == 2
    page.locator(".option[data-value='traj']").click()
    share = int(page.inner_text(".hit-count b").replace(",", ""))
    assert NUM_RECORDS // 8 - 24 <= share <= NUM_RECORDS // 8 + 24
    page.get_by_role("button", name="Clear filters").click()
    page.keyboard.press("End")
    assert page.inner_text(".at") == "10,000 of 10,000"
    item = page.locator(".item[aria-selected='true']")
    assert item.get_attribute("aria-posinset") == "10000"
    expect(item).to_be_in_viewport()


def test_only_pictures_in_sight_are_loaded(watched: Any, large: Path) -> None:
    page = watched.open(large, "#/records")
    page.wait_for_function(
        "[...document.images].length && [...document.images].every((each) => each.complete)"
    )
    pictures = {url for url in watched.requests if "/media/" in url}
    assert 0 < len(pictures) <= 24


def test_shards_wait_until_the_records_are_asked_for(watched: Any, large: Path) -> None:
    watched.open(large)
    assert not [url for url in watched.requests if "records-" in url]


def test_any_text_comes_through_unchanged(open_page: Any, tmp_path: Path) -> None:
    """The browser's own parser is the judge of the scripts written here."""
    draw = random.Random(5)
    pieces = ["'", '"', "\\", "\n", "\r", "\u2028", "\u2029", "</script>", "<!--", "\0", "${x}",
              "`", "\\u0041", "夹爪", "🤖", "\ud800", "__proto__", "\x7f", "é", "\\'"]  # fmt: skip
    texts = ["".join(draw.choices(pieces, k=draw.randint(0, 12))) for _ in range(400)]
    write_shards(tmp_path, rows=[{"__proto__": text, text: 1} for text in texts])
    write_summary(tmp_path, value=texts)
    page = open_page()
    (tmp_path / "page.html").write_text(
        "<!doctype html><meta charset=utf-8><script>const found = {}; const roboloop = {"
        "shard: (number, packed) => { found.packed = packed; },"
        "start: (text) => { found.texts = JSON.parse(text); }};</script>"
        '<script src="data/records-000.js"></script><script src="data/summary.js"></script>',
        encoding="utf-8",
    )
    page.goto((tmp_path / "page.html").as_uri())
    # As code points: half a surrogate pair would be replaced on its way back here.
    codes = "(text) => Array.from(text, (each) => each.codePointAt(0))"
    assert page.evaluate(f"found.texts.map({codes})") == [[ord(c) for c in t] for t in texts]
    unpack = (
        "new Response(new Blob([Uint8Array.from(atob(found.packed), (c) => c.charCodeAt(0))])"
        ".stream().pipeThrough(new DecompressionStream('gzip'))).text()"
    )
    keys = f"(line) => ({codes})(Object.keys(JSON.parse(line))[0])"
    rows = f"{unpack}.then((text) => text.split('\\n').slice(1).map({keys}))"
    assert page.evaluate(rows) == [[ord(c) for c in "__proto__"]] * len(texts)
