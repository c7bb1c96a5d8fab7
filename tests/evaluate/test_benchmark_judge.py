"""MM-Vet is graded by a judge: a real server on this machine that can be told to fail."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import hub_files
import pytest
from benchmark_engine import (
    ToldEngine,
    config_for,
    expect_what_is_there,
    measure,
    perfect_answers,
    result_of,
)

from roboloop.base.errors import RoboLoopError
from roboloop.evaluate.benchmarks.reading import read_benchmarks


class Judge(BaseHTTPRequestHandler):
    """Grades by the prediction in the last row of the table; 500 while it is ill."""

    is_ill = False
    asked: list[str] = []  # noqa: RUF012 - emptied by each test

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert body["temperature"] == 0.0
        text = json.dumps(body["messages"])
        row = body["messages"][-1]["content"]
        last = (row if isinstance(row, str) else row[-1]["text"]).splitlines()[-1]
        type(self).asked.append(last)
        grade = 1.0 if "-1 or -5" in last else 0.3 if "-1" in last.split(" | ")[2] else 0.0
        reply: dict[str, Any] = {
            "choices": [
                {
                    "message": {"content": json.dumps({"correctness": grade})},
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": len(text) // 4, "completion_tokens": 5},
        }
        data = json.dumps(reply).encode()
        self.send_response(500 if self.is_ill else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def judge() -> Iterator[dict[str, Any]]:
    Judge.is_ill = False
    Judge.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Judge)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield {
        "url": f"http://127.0.0.1:{server.server_port}/v1", "model": "judge", "max_attempts": 1,
        "requests_per_minute": 100_000, "ramp_seconds": 0,
    }  # fmt: skip
    server.shutdown()
    server.server_close()


def test_grades_are_asked_once_and_kept(
    tmp_path: Path, judge: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub_files.mmvet(tmp_path)
    config = config_for(tmp_path, benchmarks=("mmvet",), judge=judge)
    expect_what_is_there(monkeypatch, config)
    ids = sorted(perfect_answers(config))
    answers = dict(zip(ids, ("x is -1 or -5", "x = -1", "I do not see one"), strict=True))
    result = measure(config, out=tmp_path / "out", engine=ToldEngine(answers))
    assert result.complete
    assert result_of(result, "mmvet")["headline"]["value"] == pytest.approx(1.3 / 3)
    assert len(Judge.asked) == 3 and all("-1 <AND> -5" in row for row in Judge.asked)
    again = measure(config, out=tmp_path / "out", engine=ToldEngine(answers))
    assert len(Judge.asked) == 3 and again.report == result.report


def test_a_judge_that_is_not_there_makes_the_run_incomplete_and_nobody_is_graded_at_random(
    tmp_path: Path, judge: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub_files.mmvet(tmp_path)
    config = config_for(tmp_path, benchmarks=("mmvet",), judge=judge)
    expect_what_is_there(monkeypatch, config)
    answers = dict.fromkeys(perfect_answers(config), "x is -1 or -5")
    Judge.is_ill = True
    result = measure(config, out=tmp_path / "out", engine=ToldEngine(answers))
    found = result_of(result, "mmvet")
    assert not result.complete and found["headline"]["refused"] == "3 requests failed"
    assert "the judge gave no grade" in (tmp_path / "out" / "items.jsonl").read_text()
    Judge.is_ill = False
    engine = ToldEngine(answers)
    mended = measure(config, out=tmp_path / "out", engine=engine)
    assert engine.asked == []
    assert mended.complete and result_of(mended, "mmvet")["headline"]["value"] == 1.0


def test_without_a_judge_it_is_not_asked(tmp_path: Path) -> None:
    hub_files.mmvet(tmp_path)
    with pytest.raises(RoboLoopError, match="E-EVA-013"):
        read_benchmarks(config_for(tmp_path, benchmarks=("mmvet",)))
