"""The viewer in a real browser, from disk: what it shows, how it is used, what it must not do."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from made_evaluation import MadeEvaluation
from playwright.sync_api import Page, expect

from roboloop.evaluate.config import EvaluateConfig
from roboloop.evaluate.phases import phase_table
from roboloop.tasks import load_task

pytestmark = pytest.mark.browser
SCREENS = ("overview", "records", "training", "data", "lock")


def items_of(made: MadeEvaluation) -> list[dict[str, Any]]:
    lines = (made.evaluation / "items.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def hits(page: Page) -> int:
    return int(page.inner_text(".hit-count b").replace(",", ""))


def selected(page: Page) -> str:
    """Id of the record on the right."""
    return page.inner_text(".origin div:last-child dd")


def test_overview_has_the_verdict_and_a_row_for_every_task(
    watched: Any, report: Path, made: MadeEvaluation
) -> None:
    page = watched.open(report)
    measured = json.loads((made.evaluation / "report.json").read_text(encoding="utf-8"))
    assert page.title() == "made-run"
    assert "“trained” beats the best constant answer" in page.inner_text("h1")
    rows = page.locator(".forest tbody tr:not(.family):not(.detail):not(.mean)")
    assert rows.count() == len(measured["tasks"])
    first = next(task for task in measured["tasks"] if task["task"] == "contact_box")
    row = rows.filter(has_text=first["title"])
    value = first["results"][0]["metrics"]["iou"]["value"]
    assert row.locator("td.figure b").first.inner_text() == f"{value:.2f}"
    page.get_by_role("button", name=f"All metrics of {first['title']}").click()
    assert page.locator(".forest tr.detail:visible").count() == len(first["metrics"]) - 1


def test_phases_of_training_stand_beside_one_another(
    watched: Any, build: Any, made: MadeEvaluation, tmp_path: Path
) -> None:
    folder = shutil.copytree(made.evaluation, tmp_path / "evaluation")
    measured = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    table = phase_table(
        measured, items=items_of(made), phases=["untrained", "trained"],
        config=EvaluateConfig(num_bootstrap=100),
    )  # fmt: skip
    (folder / "report.json").write_text(json.dumps({**measured, "phases": table}))
    page = watched.open(build(tmp_path / "report", evaluation=folder))
    rows = page.locator(".phases tbody tr:not(.mean)")
    assert rows.count() == len(table["tasks"])
    boxes = next(task for task in table["tasks"] if task["task"] == "contact_box")
    cells = rows.filter(has_text=boxes["title"]).locator("td.figure")
    assert cells.count() == 3
    gain = boxes["cells"]["trained"]["against"]["untrained"]
    assert f"+{gain['value']:.2f}" in cells.last.inner_text()
    assert cells.last.get_attribute("title") == f"{gain['verdict']} since untrained"


def test_overview_pictures_lead_to_their_record(watched: Any, report: Path) -> None:
    page = watched.open(report)
    page.get_by_role("button", name="Furthest off").click()
    tile = page.locator(".tile").first
    wanted = tile.get_attribute("href")
    tile.click()
    page.wait_for_selector(".record")
    assert wanted is not None and selected(page) in page.evaluate(
        "decodeURIComponent(location.hash)"
    )
    page.wait_for_function("document.querySelector('.stage img').naturalWidth === 320")


def test_every_screen_opens_and_fills(watched: Any, report: Path) -> None:
    for number, screen in enumerate(SCREENS, start=1):
        page = watched.open(report)
        page.keyboard.press(str(number))
        expect(page.locator("nav a[aria-current]")).to_have_text(screen.capitalize())
    assert "ground" in watched.open(report, "#/training").inner_text(".part h2")
    training = watched.open(report, "#/training")
    expect(training.locator(".line-chart .curve")).to_have_count(4)
    data = watched.open(report, "#/data")
    assert data.locator(".reasons li").count() == 3
    expect(data.locator(".bar-chart").nth(3)).to_be_attached()
    assert "learning_rate: 4.0e-05" in watched.open(report, "#/lock").inner_text(".yaml")


def test_worst_answers_come_first(watched: Any, report: Path, made: MadeEvaluation) -> None:
    page = watched.open(report, "#/records?task=gripper_det")
    values = [
        item["predictions"]["trained"]["values"]["iou"]
        for item in items_of(made)
        if item["task"] == "gripper_det"
    ]
    assert hits(page) == len(values)
    page.locator(".virtual.list").press("End")
    shown = page.locator(".item[aria-selected='true'] .worth b").inner_text()
    assert shown == f"{max(values):.2f}"
    page.locator(".virtual.list").press("Home")
    assert page.locator(".item[aria-selected='true'] .worth b").inner_text() == f"{min(values):.2f}"
    page.get_by_label("Order").select_option("best")
    shown = page.locator(".item[aria-selected='true'] .worth b").inner_text()
    assert shown == f"{max(values):.2f}"


def test_filters_leave_what_they_say(watched: Any, report: Path, made: MadeEvaluation) -> None:
    page = watched.open(report, "#/records")
    items = items_of(made)
    assert hits(page) == len(items)
    title = load_task("final_box").title
    option = page.get_by_role("button", name=title)
    option.click()
    own = [item for item in items if item["task"] == "final_box"]
    assert hits(page) == len(own)
    states = Counter(item["predictions"]["trained"]["parse_rule"] for item in own)
    counts = page.locator(".option[data-value='exact'] .count").inner_text()
    assert int(counts) == states["exact"], "counts of other facets follow the chosen task"
    page.locator(".option[data-value='exact']").click()
    assert hits(page) == states["exact"]
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_label("Judge by").select_option("1")
    failing = [item for item in items if item["predictions"]["untrained"]["status"] == "unparsed"]
    empty = [item for item in failing if not item["predictions"]["untrained"]["text"]]
    silent = [item for item in failing if _understood(item) == "no_answer"]
    page.locator(".option[data-value='no_answer']").click()
    assert hits(page) == len(silent) >= len(empty) > 0
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_label("Judge by").select_option("1")
    cut = [item for item in items if _understood(item) == "truncated"]
    page.locator(".option[data-value='truncated']").click()
    assert hits(page) == len(cut) > 0
    expect(page.locator(".item .badge").first).to_have_text("…Cut off")


def _understood(item: dict[str, Any]) -> str:
    return item["predictions"]["untrained"]["parse_status"]


def test_score_range_and_search_narrow_down(
    watched: Any, report: Path, made: MadeEvaluation
) -> None:
    items = items_of(made)
    page = watched.open(report, "#/records?task=final_box&min=0.5&max=0.8")
    values = [
        round(item["predictions"]["trained"]["values"]["iou"], 4)
        for item in items
        if item["task"] == "final_box"
    ]
    assert hits(page) == sum(0.5 <= value <= 0.8 for value in values) > 0
    page = watched.open(report, "#/records")
    page.keyboard.press("/")
    page.keyboard.type("yellow CONTACT_BBOX")
    wanted = [
        item
        for item in items
        if all(word in _searchable(item) for word in ("yellow", "contact_bbox"))
    ]
    assert hits(page) == len(wanted) > 0
    page.get_by_label("Search questions").fill("no record says this")
    assert hits(page) == 0
    assert "No record passes" in page.inner_text(".detail")


def _searchable(item: dict[str, Any]) -> str:
    said = [each["text"] for each in item["predictions"].values()]
    return "\n".join([item["id"], item["question"], item["truth"]["text"], *said]).lower()


def test_keys_walk_and_draw(watched: Any, report: Path) -> None:
    page = watched.open(report, "#/records?task=contact_box&sort=best")
    first = selected(page)
    page.keyboard.press("j")
    second = selected(page)
    assert second != first
    assert page.locator(".item[aria-selected='true']").get_attribute("aria-posinset") == "2"
    page.keyboard.press("k")
    assert selected(page) == first
    assert page.locator(".stage .layer").count() == 2
    page.keyboard.press("o")
    assert page.locator(".stage .layer").count() == 0
    page.keyboard.press("o")
    page.keyboard.press("t")
    assert page.locator(".stage .layer").count() == 1
    page.keyboard.press("t")
    page.keyboard.press("g")
    expect(page.locator(".virtual.grid .item").nth(4)).to_be_attached()
    page.keyboard.press("Enter")
    assert selected(page) == first
    page.keyboard.press("?")
    assert page.locator("dialog[open] dt").count() > 5
    page.keyboard.press("j")
    assert selected(page) == first, "keys belong to the dialog while it is open"
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0


def test_a_link_leads_to_one_record_and_survives_a_reload(
    watched: Any, report: Path, made: MadeEvaluation
) -> None:
    wanted = items_of(made)[100]["id"]
    page = watched.open(report, f"#/records?id={wanted.replace('#', '%23')}")
    assert selected(page) == wanted
    page.reload()
    page.wait_for_selector(".record")
    assert selected(page) == wanted
    page.keyboard.press("j")
    page.reload()
    page.wait_for_selector(".record")
    assert selected(page) != wanted, "the address follows the record in sight"


def test_marks_lie_where_the_truth_says(watched: Any, report: Path, made: MadeEvaluation) -> None:
    item = next(each for each in items_of(made) if each["task"] == "gripper_det")
    page = watched.open(report, f"#/records?id={item['id'].replace('#', '%23')}")
    x1, y1, x2, y2 = item["truth"]["answer"]["box_px"]
    picture = page.locator(".stage img").bounding_box()
    mark = page.evaluate(
        "(() => { const box = document.querySelector('.stage .truth .ink')"
        ".getBoundingClientRect(); return [box.left, box.top, box.right, box.bottom]; })()"
    )
    assert picture is not None
    scale = picture["width"] / 320
    wanted = [picture["x"] + x1 * scale, picture["y"] + y1 * scale,
              picture["x"] + x2 * scale, picture["y"] + y2 * scale]  # fmt: skip
    assert mark == pytest.approx(wanted, abs=3)  # half a stroke's width, and a tenth of a pixel


def test_what_a_model_says_is_text_and_never_markup(
    watched: Any, report: Path, made: MadeEvaluation
) -> None:
    item = next(
        each for each in items_of(made) if "onerror" in each["predictions"]["untrained"]["text"]
    )
    page = watched.open(report, f"#/records?id={item['id'].replace('#', '%23')}")
    said = page.locator(".answer.model-1 .raw").inner_text()
    assert said == item["predictions"]["untrained"]["text"]
    assert page.title() == "made-run"
    assert page.locator("img[src='x']").count() == 0
    assert page.locator("main script").count() == 0


def test_chinese_is_shown_as_written(watched: Any, report: Path) -> None:
    page = watched.open(report, "#/records?model=untrained&q=夹爪")
    assert hits(page) > 0
    assert "夹爪在红色方块的上方" in page.locator(".answer.model-1 .raw").inner_text()


def test_assistive_software_finds_its_way(watched: Any, report: Path) -> None:
    page = watched.open(report, "#/records")
    box = page.get_by_role("listbox", name="Records").first
    active = box.get_attribute("aria-activedescendant")
    assert page.locator(f"#{active}").get_attribute("aria-selected") == "true"
    assert page.locator(".item").first.get_attribute("aria-setsize") == str(hits(page))
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, select, a')].filter((each) =>"
        " !(each.textContent.trim() || each.ariaLabel || each.labels?.length)).length"
    )
    assert unnamed == 0
    watched.open(report, "#/overview")
    assert "trained" in str(page.locator(".whiskers").first.get_attribute("aria-label"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_colour_schemes_are_legible(open_page: Any, report: Path, scheme: str) -> None:
    page = open_page(color_scheme=scheme)
    page.goto(report.resolve().as_uri())
    page.wait_for_selector("main")
    for selector in ("h1", ".lede", ".forest small", ".facts dd", ".legend"):
        contrast = page.evaluate(CONTRAST, selector)
        assert contrast >= 4.5, f"{selector} in {scheme}: {contrast:.2f}"


def test_a_narrow_screen_shows_one_part_at_a_time(open_page: Any, report: Path) -> None:
    page = open_page(viewport={"width": 390, "height": 800})
    page.goto(report.resolve().as_uri() + "#/records")
    page.wait_for_selector(".item")
    assert page.locator(".detail").is_hidden() and page.locator(".facets").is_hidden()
    page.locator(".item").first.click()
    assert page.locator(".record").is_visible() and page.locator(".hits").is_hidden()
    page.get_by_role("button", name="‹ Records").click()
    assert page.locator(".hits").is_visible()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="‹ Records").click()
    expect(page.locator(".item[aria-selected='true']")).to_be_in_viewport()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390, "nothing sticks out to the side"


CONTRAST = """(selector) => {
  const rgb = (text) => {
    const pen = document.createElement("canvas").getContext("2d");
    pen.fillStyle = text;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (text) => {
    const [r, g, b] = rgb(text).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const element = document.querySelector(selector);
  const ink = light(getComputedStyle(element).color);
  const ground = light(getComputedStyle(document.documentElement).backgroundColor);
  return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
}"""
