"""The pages of benchmarks and of a comparison in a real browser: figures, and ways to records."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from roboloop.cli.main import run_command
from roboloop.dialects import load_dialect
from roboloop.pipeline.measure import Opened, measure_benchmarks

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluate"))

import hub_files
from benchmark_engine import ToldEngine, config_for, expect_what_is_there, perfect_answers
from scripted_engine import ScriptedEngine, evaluate, perfect_texts, records_of, write_records

pytestmark = pytest.mark.browser
PLAIN = load_dialect("plain")


@pytest.fixture(scope="module")
def benchmarks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models on two benchmarks, options in every order; one always says A."""
    root = tmp_path_factory.mktemp("benchmarks")
    hub_files.blink(root / "hub")
    hub_files.refspatial(root / "hub")
    config = config_for(
        root / "hub", benchmarks=("blink", "refspatial_location"), option_order="circular",
        rules=("flagevalmm", "vlmevalkit"), published_as="GPT-4o",
    )  # fmt: skip
    right = perfect_answers(config)
    letters = {f"{key}@{by}": "Answer: A" for key in right for by in range(1, 6)}
    models = [
        Opened("reader", ToldEngine(right | letters), PLAIN),
        Opened("always-A", ToldEngine(dict.fromkeys(right | letters, "The answer is A.")), PLAIN),
    ]
    with pytest.MonkeyPatch.context() as patch:
        expect_what_is_there(patch, config)
        return measure_benchmarks(config, models=models, out=root / "out").page


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`base` cannot tell a quarter, `good` everything."""
    root = tmp_path_factory.mktemp("comparison")
    records = records_of(("contact_box", "choice_vqa"))
    folder = write_records(root / "records", records=records)
    texts = perfect_texts(records)
    unsure = set(sorted(texts)[::4])
    scripts = {
        "base": lambda key: "I cannot tell." if key in unsure else texts[key],
        "good": texts.__getitem__,
    }
    for name, script in scripts.items():
        engine = ScriptedEngine(script, name=name)
        evaluate(folder, out=root / name, engines={"trained": engine}, baselines=[])
    out = root / "compared"
    assert run_command(["compare", str(root / "base"), str(root / "good"), "--out", str(out)]) == 0
    return out / "index.html"


def hits(page: Any) -> int:
    return int(page.inner_text(".hit-count b").replace(",", ""))


def test_headlines_stand_beside_what_others_reached(watched: Any, benchmarks: Path) -> None:
    page = watched.open(benchmarks)
    expect(page.locator("nav a")).to_have_text(
        ["Overview", "Benchmarks", "Records", "Data", "Lock"]
    )
    rows = page.locator(".scores tbody tr")
    expect(rows).to_have_count(4)
    first = rows.first
    assert first.locator("th a").inner_text() == "BLINK (val)"
    assert first.locator("td").nth(1).inner_text().startswith("100.0")
    light = first.locator(".light")
    assert "+40.0" in light.inner_text() and "farther than 5" in str(light.get_attribute("title"))
    first.locator("th a").click()
    expect(page.locator("[data-benchmark='blink']")).to_be_in_viewport()


def test_parts_orders_and_rules_are_told_and_lead_to_records(
    watched: Any, benchmarks: Path
) -> None:
    report = json.loads((benchmarks.parent / "report.json").read_text())["evaluation"]
    blink = next(task for task in report["tasks"] if task["task"] == "blink")
    page = watched.open(benchmarks, "#/benchmarks?name=blink")
    section = page.locator("[data-benchmark='blink']")
    parts = section.locator("table").first.locator("tbody tr")
    expect(parts).to_have_count(14)
    orders = section.locator("table").nth(1).locator("tbody tr")
    assert orders.nth(1).locator("td").first.inner_text() == "0.0\n0.0 – {:.1f}".format(
        100 * blink["results"][1]["circular"]["every_order"]["high"]
    )
    expect(orders.nth(1).locator(".leaning")).to_have_count(1)
    expect(section.locator("table").nth(2)).to_contain_text("flagevalmm")
    counting = parts.filter(has_text="Counting")
    number = blink["results"][0]["parts"]["Counting"]["num_items"]
    counting.locator("td a").nth(1).click()
    page.wait_for_selector(".hit-count b")
    assert hits(page) == number
    assert page.get_by_label("Judge by").input_value() == "1"
    told = page.locator(".answer.model-1")
    assert told.locator("mark").inner_text() == "answer is A"
    assert re.search(r"Right in \d of \d orders", told.inner_text())


def test_a_comparison_leads_to_the_records_that_were_won(watched: Any, comparison: Path) -> None:
    page = watched.open(comparison)
    expect(page.locator("h1")).to_have_text("Against base")
    assert "good: 2 tasks" in page.inner_text(".lede")
    row = page.locator(".scores tbody tr").filter(has_text="accuracy")
    told = json.loads((comparison.parent / "comparison.json").read_text())
    cell = next(t for t in told["tasks"] if t["task"] == "choice_vqa")["cells"]["good"]
    assert row.locator("td.figure b").nth(2).inner_text() == "1.00"
    won = row.locator("td a").first
    assert int(won.inner_text()) == cell["difference"]["wins"] > 0
    won.click()
    page.wait_for_selector(".record")
    assert page.get_by_label("Order").input_value() == "won:0"
    expect(page.locator(".answer.model-0 .badge")).to_have_text("∅No answer")
    expect(page.locator(".answer.model-1 .badge")).to_have_count(0)
    page.wait_for_function("document.querySelector('.stage img').naturalWidth === 320")


def test_a_published_table_has_a_page_without_records(watched: Any, tmp_path: Path) -> None:
    assert run_command(["compare", "robobrain_final", "--out", str(tmp_path / "page")]) == 0
    page = watched.open(tmp_path / "page/index.html")
    expect(page.locator("nav a")).to_have_text(["Comparison"])
    expect(page.locator(".scores tbody tr").filter(has_text="where2place")).to_have_count(1)
    expect(page.get_by_role("region", name="To look at")).to_contain_text("convention break")


@pytest.mark.parametrize("view", ["#/overview", "#/benchmarks"])
def test_benchmarks_fit_a_phone(open_page: Any, benchmarks: Path, view: str) -> None:
    page = open_page(viewport={"width": 390, "height": 800})
    page.goto(benchmarks.resolve().as_uri() + view)
    page.wait_for_selector(".scores")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
