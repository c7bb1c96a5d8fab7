"""The page's policy, tried out: no way to the network, no markup from strings."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser


class Listener(ThreadingHTTPServer):
    """A server on loopback in the role of the network; keeps what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Listener)
        self.server.asked.append(self.path)
        self.send_response(200)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        del format, args


@pytest.fixture
def network() -> Iterator[Listener]:
    with Listener() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


ATTEMPTS = """async (address) => {
  const tried = [];
  const attempt = (name, act) => { try { act(); tried.push(name); } catch { tried.push(name); } };
  attempt("fetch", () => fetch(address + "/fetch").catch(() => {}));
  attempt("picture", () => { new Image().src = address + "/picture"; });
  attempt("beacon", () => navigator.sendBeacon(address + "/beacon", "x"));
  attempt("request", () => { const r = new XMLHttpRequest(); r.open("GET", address + "/request");
    r.onerror = () => {}; r.send(); });
  attempt("socket", () => new WebSocket(address.replace("http", "ws") + "/socket"));
  attempt("events", () => new EventSource(address + "/events"));
  const added = (tag, name, value) => attempt(`${tag}.${name}`, () => {
    const element = document.createElement(tag);
    if (tag === "link") element.rel = "stylesheet";
    element[name] = value;
    document.body.append(element);
  });
  added("script", "src", address + "/script");
  added("link", "href", address + "/style");
  added("iframe", "src", address + "/frame");
  added("video", "src", address + "/video");
  added("object", "data", address + "/object");
  attempt("background", () => {
    document.body.style.backgroundImage = `url(${address}/background)`;
  });
  await new Promise((done) => setTimeout(done, 700));
  return tried;
}"""


def test_nothing_reaches_the_network(
    open_page: Any, report: Path, tmp_path: Path, network: Listener
) -> None:
    """The same attempts from a page without a policy arrive, later: the listener would hear."""
    page = open_page()
    page.goto(report.resolve().as_uri())
    page.wait_for_selector("main")
    assert len(page.evaluate(ATTEMPTS, f"{network.address}/report")) == 12
    (tmp_path / "open.html").write_text("<!doctype html><body>", encoding="utf-8")
    page.goto((tmp_path / "open.html").as_uri())
    page.evaluate(ATTEMPTS, f"{network.address}/control")
    wanted = {f"/control/{name}" for name in ("fetch", "picture", "script", "style", "frame")}
    for _ in range(200):
        if wanted <= set(network.asked):
            break
        page.wait_for_timeout(100)
    assert wanted <= set(network.asked)
    assert [path for path in network.asked if path.startswith("/report")] == []


def test_markup_from_strings_is_refused_by_the_browser(open_page: Any, report: Path) -> None:
    page = open_page()
    page.goto(report.resolve().as_uri())
    page.wait_for_selector("main")
    refused = page.evaluate(
        """() => {
          const failures = [];
          const must = (name, act) => { try { act(); } catch { failures.push(name); } };
          must("innerHTML", () => { document.body.innerHTML = "<b>x</b>"; });
          must("insertAdjacentHTML", () => document.body.insertAdjacentHTML("beforeend", "<b>"));
          must("document.write", () => document.write("<b>x</b>"));
          must("script.src", () => { document.createElement("script").src = "data/x.js"; });
          must("policy", () => trustedTypes.createPolicy("other", {}));
          return failures;
        }"""
    )
    assert refused == [
        "innerHTML", "insertAdjacentHTML", "document.write", "script.src", "policy",
    ]  # fmt: skip


def test_the_viewer_has_no_way_to_write_markup() -> None:
    static = Path(__file__).resolve().parents[2] / "src/roboloop/report/static"
    script = (static / "app.js").read_text(encoding="utf-8")
    for word in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "fetch("):
        assert word not in script
    assert "http://" not in script.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in script
