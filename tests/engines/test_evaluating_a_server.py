"""A whole evaluation of a served model: what a failing server changes, and what is left on disk."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "evaluate"))
from loopback_endpoint import Answer, endpoint
from scripted_engine import OUTPUTS, contents, records_of, write_records
from served_model import failing, healthy, says, text_in

from roboloop.base.errors import RoboLoopError
from roboloop.dialects import load_dialect
from roboloop.engines.endpoint import transport
from roboloop.engines.open import open_engine
from roboloop.evaluate.config import EvaluateConfig
from roboloop.evaluate.run import EvaluationResult, ModelUnderTest, run_evaluation

SECRET = "sk-very-secret-789"
PLAIN = load_dialect("plain")
LISTED = [{"id": "qwen2.5-vl-test"}]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "FIRST_PAUSE_SECONDS", 0.005)
    monkeypatch.setattr(transport, "LONGEST_PAUSE_SECONDS", 0.05)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    records = records_of(["contact_box", "traj"])
    return write_records(tmp_path_factory.mktemp("served") / "records", records=records)


def evaluate(folder: Path, *, out: Path, url: str, **options: Any) -> EvaluationResult:
    opened = open_engine(f"openai:{url}", dialect=PLAIN, revision="1", **options)
    # The address is part of an answer's name; these servers stand in for one that moved.
    opened.engine.identity = lambda: "one model"  # type: ignore[method-assign]
    return run_evaluation(
        EvaluateConfig(num_bootstrap=100, baselines=("constant",)),
        models=[ModelUnderTest("served", Path("served"))],
        records=folder,
        out=out,
        dialect=PLAIN,
        open_engine=lambda *_: opened.engine,
    )


def test_a_failing_server_ends_with_the_same_tables(folder: Path, tmp_path: Path) -> None:
    with endpoint(healthy, models=LISTED) as server:
        good = evaluate(folder, out=tmp_path / "good", url=server.url)
        num_asked = len(server.requests)
    with endpoint(failing(0.2), models=LISTED) as server:
        evaluate(folder, out=tmp_path / "later", url=server.url, timeout_seconds=0.6)
        assert len(server.requests) > num_asked
    assert good.complete and contents(tmp_path / "good") == contents(tmp_path / "later")
    stored = (tmp_path / "later/answers/served.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in stored]
    assert max(row["num_attempts"] for row in rows) > 1
    assert all(row["latency_seconds"] >= 0 and row["num_prompt_tokens"] == 100 for row in rows)
    order = [json.loads(line)["record_id"] for line in
             (tmp_path / "good/answers/served.jsonl").read_text().splitlines()]  # fmt: skip
    assert [row["record_id"] for row in rows] == order, "whatever the order they came in"
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes(), path


def test_only_what_failed_is_asked_again(folder: Path, tmp_path: Path) -> None:
    is_mended = [False]

    def picky(body: dict[str, Any], number: int) -> Answer:
        if "traj" in text_in(body) and not is_mended[0]:
            return Answer(status=400, raw=b"cuda error")
        return Answer(says(body))

    with endpoint(healthy, models=LISTED) as server:
        evaluate(folder, out=tmp_path / "good", url=server.url)
    with endpoint(picky, models=LISTED) as server:
        first = evaluate(folder, out=tmp_path / "out", url=server.url, max_concurrency=1)
        num_failed = sum("traj" in text_in(body) for body in server.requests)
        before = len(server.requests)
        assert not first.complete and 0 < num_failed < before
        is_mended[0] = True
        second = evaluate(folder, out=tmp_path / "out", url=server.url)
        assert len(server.requests) == before + num_failed
    assert second.complete and contents(tmp_path / "out") == contents(tmp_path / "good")


def test_a_server_that_dies_leaves_its_answers(folder: Path, tmp_path: Path) -> None:
    def dies(body: dict[str, Any], number: int) -> Answer:
        return Answer(says(body), status=200 if number < 9 else 500)

    with endpoint(dies, models=LISTED) as server, pytest.raises(RoboLoopError, match="E-ENG-011"):
        evaluate(folder, out=tmp_path, url=server.url, max_attempts=2, max_concurrency=2)
    stored = (tmp_path / "answers/served.jsonl").read_text().splitlines()
    answered = [line for line in stored if json.loads(line)["status"] == "answered"]
    assert 1 <= len(answered) <= 9 and not (tmp_path / OUTPUTS[0]).exists()
