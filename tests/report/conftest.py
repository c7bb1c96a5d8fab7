"""A made evaluation and its report, built once; a headless Chromium; a page that is watched."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parent))

from made_evaluation import (
    ENVIRONMENT,
    LOCK,
    MadeEvaluation,
    make_evaluation,
)

from roboloop.report.build import build_report
from roboloop.report.config import ReportConfig

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip

VIEWPORT = {"width": 1440, "height": 900}
PATIENCE_MS = 180_000

Build = Callable[..., Path]
OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeEvaluation:
    """Records and their evaluation; nobody changes them."""
    return make_evaluation(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="session")
def build(made: MadeEvaluation) -> Build:
    """Builds a report of the made evaluation, with other inputs where given."""

    def built(out: Path, config: ReportConfig | None = None, **other: object) -> Path:
        inputs: dict[str, object] = {
            "evaluation": made.evaluation, "records": made.records, "ledgers": [made.ledger],
            "train_logs": {"ground": made.log}, "lock_text": LOCK, "environment": ENVIRONMENT,
            "name": "made-run",
        } | other  # fmt: skip
        return build_report(config or ReportConfig(), out=out, **inputs)  # pyright: ignore[reportArgumentType]

    return built


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory, build: Build) -> Path:
    """The page of the report; nobody changes it."""
    return build(tmp_path_factory.mktemp("out") / "report")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium from ROBOLOOP_CHROMIUM or the path; without one the tests are skipped."""
    named = os.environ.get("ROBOLOOP_CHROMIUM")
    path = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser: set ROBOLOOP_CHROMIUM or install one of {', '.join(BROWSERS)}")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=path, args=ARGUMENTS, timeout=PATIENCE_MS
        )
        yield found
        found.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens fresh pages, with Playwright's options for a context; patient on busy machines."""
    contexts: list[BrowserContext] = []

    def opened(**options: Any) -> Page:
        contexts.append(browser.new_context(**{"viewport": VIEWPORT, **options}))
        contexts[-1].set_default_timeout(PATIENCE_MS)
        return contexts[-1].new_page()

    yield opened
    for context in contexts:
        context.close()


class Watched:
    """A page with everything it asked for and complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(f"{message.type} {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error {error}"))

    def open(self, index: Path, view: str = "") -> Page:
        """Open a view of the report from disk and wait until it is drawn."""
        self.page.goto(index.resolve().as_uri() + view)
        self.page.wait_for_selector("main")
        if view.startswith("#/records"):
            self.page.wait_for_selector(".hit-count b")
        return self.page


@pytest.fixture
def watched(open_page: OpenPage) -> Iterator[Watched]:
    """A fresh page; at the end it must have complained of nothing and left the disk for nothing."""
    watch = Watched(open_page())
    yield watch
    assert watch.complaints == []
    assert [url for url in watch.requests if not url.startswith("file://")] == []
