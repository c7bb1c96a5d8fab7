"""How fast the report opens and filters 10,000 records from disk, beside one DOM block per record.

    python bench/report_viewer.py

Both pages show the same records, in the same browser, one after the other. Times are taken inside
the page: opening from the start of the navigation to a list that answers, filtering from the key
stroke to the finished layout. The limits are 1 s and 50 ms. On a busy machine the clock counts
other programs too; the processor time of the page's own thread stands beside it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import statistics
import sys
import tempfile
from html import escape
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from playwright.sync_api import Browser, CDPSession, sync_playwright

from roboloop.report.build import build_report
from roboloop.report.config import ReportConfig
from roboloop.report.scripts import read_shard

NUM_RECORDS = 10_000
NUM_RUNS = 3
MAX_OPEN_MS = 1_000.0
MAX_FILTER_MS = 50.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
ROOT = Path(__file__).resolve().parents[1]

OPENED = """() => new Promise((done) => {
  const look = () => {
    const count = document.querySelector(".hit-count b")?.textContent;
    const ready = count === "COUNT" && document.readyState === "complete" &&
      document.querySelector(".item img, .block img");
    if (ready) done(performance.now());
    else requestAnimationFrame(look);
  };
  look();
})"""
SEARCH = """(word) => {
  const field = document.querySelector("input[type=search]");
  const begin = performance.now();
  field.value = word;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  document.body.getBoundingClientRect();
  return performance.now() - begin;
}"""
CLICK = """(selector) => {
  const begin = performance.now();
  document.querySelector(selector).click();
  document.body.getBoundingClientRect();
  return performance.now() - begin;
}"""
WORDS = ["y", "ye", "yellow", "yellow block", "red", "no record says this", ""]
CHOICES = [".option[data-value=exact]", ".option[data-value=traj]", ".option[data-value=traj]",
           ".option[data-value=exact]"]  # fmt: skip


class Timing(NamedTuple):
    """Milliseconds by the clock and of the processor, one for each thing done."""

    open_ms: list[float]
    open_cpu_ms: list[float]
    filter_ms: list[float]
    filter_cpu_ms: list[float]
    num_nodes: int


def main() -> int:
    made_evaluation = load(ROOT / "tests/report/made_evaluation.py")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        made = made_evaluation.make_evaluation(folder / "made")
        many = made_evaluation.multiply(
            made.evaluation, out=folder / "many", num_records=NUM_RECORDS
        )
        report = build_report(
            ReportConfig(max_records=NUM_RECORDS), evaluation=many, records=made.records,
            train_logs={}, lock_text="", environment={}, ledgers=[], out=folder / "report",
        )  # fmt: skip
        naive = write_naive_page(report.parent, evaluation=many)
        browser = open_browser(playwright)
        ours = measure(browser, f"{report.as_uri()}#/records", clicks=CHOICES)
        peer = measure(browser, naive.as_uri(), clicks=[])
        browser.close()
    return show(ours, peer=peer)


def show(ours: Timing, *, peer: Timing) -> int:
    print(f"{NUM_RECORDS:,} records from disk, headless Chromium, {NUM_RUNS} runs")
    print(f"{'milliseconds':26}{'report':>9}{'naive':>9}{'naive/report':>14}{'limit':>9}")
    middle = statistics.median
    rows = [
        ("open, median", middle(ours.open_ms), middle(peer.open_ms), MAX_OPEN_MS),
        ("open, processor", middle(ours.open_cpu_ms), middle(peer.open_cpu_ms), None),
        ("filter, median", middle(ours.filter_ms), middle(peer.filter_ms), MAX_FILTER_MS),
        ("filter, slowest", max(ours.filter_ms), max(peer.filter_ms), None),
        ("filter, processor, slowest", max(ours.filter_cpu_ms), max(peer.filter_cpu_ms), None),
        ("elements in the page", float(ours.num_nodes), float(peer.num_nodes), None),
    ]
    kept = True
    for name, mine, theirs, limit in rows:
        shown = "" if limit is None else f"< {limit:,.0f}"
        print(f"{name:26}{mine:9,.0f}{theirs:9,.0f}{theirs / mine:14.1f}{shown:>9}")
        kept = kept and (limit is None or mine < limit)
    print("within the limits" if kept else "OVER A LIMIT")
    return 0 if kept else 1


def measure(browser: Browser, address: str, *, clicks: list[str]) -> Timing:
    timing = Timing([], [], [], [], 0)
    for _ in range(NUM_RUNS):
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.goto(address, wait_until="commit")
        timing.open_ms.append(page.evaluate(OPENED.replace("COUNT", f"{NUM_RECORDS:,}")))
        timing.open_cpu_ms.append(thread_ms(session))
        steps = [(SEARCH, word) for word in WORDS] + [(CLICK, selector) for selector in clicks]
        for script, argument in steps:
            before = thread_ms(session)
            timing.filter_ms.append(page.evaluate(script, argument))
            timing.filter_cpu_ms.append(thread_ms(session) - before)
        num_nodes = page.evaluate("document.querySelectorAll('*').length")
        timing = timing._replace(num_nodes=num_nodes)
        page.close()
    return timing


def thread_ms(session: CDPSession) -> float:
    """Processor time of the page's main thread so far: scripts, styles and layout."""
    found = {
        each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]
    }
    names = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
    return 1_000 * sum(found[name] for name in names)


def write_naive_page(report: Path, *, evaluation: Path) -> Path:
    """One block per record with its picture and marks: what a first version would write."""
    rows = "".join(map(naive_block, shards(report)))
    path = report / "naive.html"
    path.write_text(
        "<!doctype html><meta charset=utf-8><style>.block{display:flex}"
        ".block div{position:relative}svg{position:absolute;inset:0}</style><input type=search>"
        f"<p class=hit-count><b>{NUM_RECORDS:,}</b></p>{rows}{NAIVE_SCRIPT}",
        encoding="utf-8",
    )
    return path


NAIVE_SCRIPT = """<script>
document.querySelector("input").addEventListener("input", (event) => {
  const word = event.target.value.toLowerCase();
  for (const block of document.querySelectorAll(".block"))
    block.hidden = !block.textContent.toLowerCase().includes(word);
});
</script>"""


def naive_block(row: dict[str, Any]) -> str:
    marks = "".join(
        f"<polyline fill=none stroke=red points='{' '.join(f'{x},{y}' for x, y in mark)}'/>"
        for said in [row["truth"], *row["predictions"]]
        for mark in [each["points_px"] for each in said["marks"]]
    )
    texts = "".join(f"<pre>{escape(each['text'])}</pre>" for each in row["predictions"])
    picture = row["pictures"][0]
    return (
        f"<div class=block><div><img loading=lazy width=320 height=180 src={picture['file']}>"
        f"<svg viewBox='0 0 320 180' width=320>{marks}</svg></div>"
        f"<p>{escape(row['id'])}<p>{escape(row['question'])}{texts}</div>"
    )


def shards(report: Path) -> list[dict[str, Any]]:
    """The rows of a built report, read back from its scripts."""
    rows: list[dict[str, Any]] = []
    for path in sorted((report / "data").glob("records-*.js")):
        rows += read_shard(path)
    return rows


def open_browser(playwright: Any) -> Browser:
    named = os.environ.get("ROBOLOOP_CHROMIUM")
    path = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        raise SystemExit("no browser: set ROBOLOOP_CHROMIUM or install chromium")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    return playwright.chromium.launch(executable_path=path, args=arguments)


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(main())
