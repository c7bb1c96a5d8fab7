"""The client against a real endpoint that is busy, slow, broken, dear or talks nonsense."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict

sys.path.insert(0, str(Path(__file__).parent))
from loopback_endpoint import Answer, endpoint

from roboloop.base.errors import RoboLoopError
from roboloop.engines.endpoint import transport
from roboloop.engines.endpoint.budget import estimate_tokens
from roboloop.engines.endpoint.chat import (
    ChatClient,
    ChatReply,
    ChatRequest,
    Picture,
    read_form,
    strict_schema,
)
from roboloop.engines.endpoint.config import EndpointConfig
from roboloop.engines.endpoint.pace import Pace
from roboloop.engines.endpoint.transport import retry_after_seconds

SECRET = "sk-very-secret-123"
GOOD = json.dumps({"verdict": "good", "reason": "fits"})


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid")

    verdict: Literal["good", "bad"]
    reason: str


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def client(url: str, folder: Path, *, version: str = "1", **options: Any) -> ChatClient[Form]:
    fast: dict[str, Any] = {"requests_per_minute": 60_000, "ramp_seconds": 0, "timeout_seconds": 20}
    config = EndpointConfig.model_validate({"url": url, "model": "m", **fast, **options})
    return ChatClient(config, form=Form, prompt_version=version, folder=folder, budget="b")


def ask(asker: ChatClient[Form], texts: Sequence[str]) -> list[ChatReply[Form]]:
    return list(asker.ask(ChatRequest(system="judge", text=text) for text in texts))


TEXTS = [f"question {number}" for number in range(12)]


def test_answers_come_in_order_and_are_paid_for_once(tmp_path: Path) -> None:
    def late_first(body: dict[str, Any], number: int) -> Answer:
        said = body["messages"][1]["content"]
        return Answer(
            json.dumps({"verdict": "good", "reason": said}), delay_seconds=0.1 / (number + 1)
        )

    with endpoint(late_first) as server:
        first = ask(client(server.url, tmp_path), TEXTS)
        assert [reply.value and reply.value.reason for reply in first] == TEXTS
        assert len(server.requests) == 12
        again = ask(client(server.url, tmp_path), TEXTS)
        assert len(server.requests) == 12 and all(reply.was_kept for reply in again)
        assert [reply.value for reply in again] == [reply.value for reply in first]
        for change in ({"model": "n"}, {"revision": "2"}, {"version": "2"}, {"temperature": 1.0}):
            before = len(server.requests)
            ask(client(server.url, tmp_path, **change), TEXTS[:1])
            assert len(server.requests) == before + 1, f"{change} asks anew"
    schema = server.requests[0]["response_format"]["json_schema"]
    assert schema["strict"] and schema["schema"]["required"] == ["verdict", "reason"]


def test_a_busy_or_broken_endpoint_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_off: list[float] = []
    monkeypatch.setattr(Pace, "slow_down", lambda pace, seconds: told_off.append(seconds))
    trouble = [
        Answer(status=429, headers={"Retry-After": "0.2"}), Answer(status=500),
        Answer(status=503), Answer(raw=b"<html>"), Answer(GOOD),
    ]  # fmt: skip
    with endpoint(lambda body, number: trouble[number]) as server:
        (reply,) = ask(client(server.url, tmp_path), TEXTS[:1])
    assert reply.status == "ok" and len(server.requests) == 5
    assert told_off == [0.2, 0.0], "Retry-After is heard; an error of the server slows nothing"


def test_it_gives_up_after_the_last_attempt_and_asks_another_time(tmp_path: Path) -> None:
    with endpoint(lambda body, number: Answer(GOOD, status=500 if number < 3 else 200)) as server:
        asker = client(server.url, tmp_path, max_attempts=3)
        (reply,) = ask(asker, TEXTS[:1])
        assert (
            reply.status == "failed" and "HTTP 500" in reply.error and "3 attempts" in reply.error
        )
        (reply,) = ask(asker, TEXTS[:1])
        assert reply.status == "ok", "failures are not kept"


def test_slow_answers_are_given_up(tmp_path: Path) -> None:
    with endpoint(lambda body, number: Answer(GOOD, delay_seconds=0 if number else 3)) as server:
        (reply,) = ask(client(server.url, tmp_path, timeout_seconds=0.4), TEXTS[:1])
    assert reply.status == "ok" and len(server.requests) == 2


def test_a_bad_request_is_not_sent_again(tmp_path: Path) -> None:
    def picky(body: dict[str, Any], number: int) -> Answer:
        bad = body["messages"][1]["content"] == TEXTS[1]
        return Answer(GOOD, status=400, raw=b"too long") if bad else Answer(GOOD)

    with endpoint(picky) as server:
        replies = ask(client(server.url, tmp_path), TEXTS[:3])
    assert [reply.status for reply in replies] == ["ok", "failed", "ok"]
    assert len(server.requests) == 3 and "too long" in replies[1].error


@pytest.mark.parametrize("status", [401, 403, 404, 307])
def test_a_refusal_of_everything_stops_the_run_without_telling_the_key(
    tmp_path: Path, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(body: dict[str, Any], number: int) -> Answer:
        headers = {"Location": "http://127.0.0.1:9/steal"} if status == 307 else {}
        return Answer(status=status, headers=headers, raw=f"bad key {SECRET}".encode())

    caplog.set_level(logging.DEBUG)
    with endpoint(refuse) as server, pytest.raises(RoboLoopError) as caught:
        ask(client(server.url, tmp_path, max_concurrency=1), TEXTS)
    assert caught.value.code == "E-ENG-010" and str(status) in str(caught.value)
    assert SECRET not in str(caught.value) + caplog.text
    assert server.headers[0]["Authorization"] == f"Bearer {SECRET}"
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert SECRET.encode() not in kept


def test_an_endpoint_that_is_not_there_stops_the_run(tmp_path: Path) -> None:
    with endpoint(lambda body, number: Answer()) as server:
        url = server.url
    with pytest.raises(RoboLoopError) as caught:
        ask(client(url, tmp_path, max_attempts=1), TEXTS)
    assert caught.value.code == "E-ENG-011"


def test_no_key_is_sent_when_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with endpoint(lambda body, number: Answer(GOOD)) as server:
        ask(client(server.url, tmp_path), TEXTS[:1])
    assert "Authorization" not in server.headers[0]


def test_broken_json_is_repaired_by_the_model(tmp_path: Path) -> None:
    said = ["I think it is good.", '{"verdict": "great", "reason": ""}', f"```json\n{GOOD}\n```"]
    with endpoint(lambda body, number: Answer(said[number])) as server:
        (reply,) = ask(client(server.url, tmp_path), TEXTS[:1])
    assert (reply.status, reply.num_attempts, reply.usage) == ("ok", 3, (300, 30))
    assert "there is no JSON object" in server.requests[1]["messages"][-1]["content"]
    assert "verdict" in server.requests[2]["messages"][-1]["content"]


def test_what_cannot_be_repaired_is_invalid_and_kept(tmp_path: Path) -> None:
    with endpoint(lambda body, number: Answer("no")) as server:
        for _ in range(2):
            (reply,) = ask(client(server.url, tmp_path, max_repairs=1), TEXTS[:1])
            assert (reply.status, reply.value, reply.num_attempts) == ("invalid", None, 2)
        assert len(server.requests) == 2, "it is not paid for again"


def test_the_budget_is_never_exceeded_and_outlives_the_process(tmp_path: Path) -> None:
    # 100 tokens in and 10 out cost 0.0011 at these prices; at most 0.0014 may be set aside for one.
    prices: dict[str, Any] = {"price_in": 10, "price_out": 10, "max_new_tokens": 100}
    with endpoint(lambda body, number: Answer(GOOD)) as server:
        asker = client(server.url, tmp_path, max_cost=0.0056, max_concurrency=1, **prices)
        replies = ask(asker, TEXTS)
        statuses = [reply.status for reply in replies]
        assert statuses == ["ok"] * len(server.requests) + ["unpaid"] * (12 - len(server.requests))
        assert 3 <= len(server.requests) <= 5
        before = len(server.requests)
        assert [reply.status for reply in ask(asker, TEXTS)] == statuses
        assert len(server.requests) == before, "what is kept costs nothing, the rest cannot be paid"
        more = client(server.url, tmp_path, max_cost=1.0, max_concurrency=4, **prices)
        assert {reply.status for reply in ask(more, TEXTS)} == {"ok"}
        assert len(server.requests) == 12


def test_so_many_requests_and_no_more(tmp_path: Path) -> None:
    with endpoint(lambda body, number: Answer(GOOD, delay_seconds=0.02)) as server:
        replies = ask(client(server.url, tmp_path, max_requests=5), TEXTS)
    assert len(server.requests) == 5
    assert sorted(reply.status for reply in replies) == ["ok"] * 5 + ["unpaid"] * 7


def test_a_dry_run_sends_nothing_and_estimates(tmp_path: Path) -> None:
    with endpoint(lambda body, number: Answer(GOOD)) as server:
        replies = ask(client(server.url, tmp_path, dry_run=True), TEXTS)
    assert not server.requests
    assert {reply.status for reply in replies} == {"dry"}
    assert all(reply.usage.tokens_in > 20 and reply.usage.tokens_out == 400 for reply in replies)
    assert estimate_tokens("机器人拿起杯子") > estimate_tokens("abcdefg")
    assert estimate_tokens("", picture_sizes=[(640, 480)]) > 640 * 480 / 32**2


def test_pictures_are_sent_and_part_of_the_key(tmp_path: Path) -> None:
    def about(data: bytes) -> ChatRequest:
        return ChatRequest(
            system="s", text="t", pictures=lambda: [Picture(data, "image/png", (2, 2))]
        )

    with endpoint(lambda body, number: Answer(GOOD)) as server:
        asker = client(server.url, tmp_path)
        list(asker.ask([about(b"one"), about(b"two")]))
        list(asker.ask([about(b"one")]))
    assert len(server.requests) == 2
    sent = server.requests[0]["messages"][1]["content"]
    assert sent[0]["image_url"]["url"].startswith("data:image/png;base64,")


def test_the_cap_on_concurrency_holds(tmp_path: Path) -> None:
    import threading

    lock, now, most = threading.Lock(), [0], [0]

    def count(body: dict[str, Any], number: int) -> Answer:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.03)
        with lock:
            now[0] -= 1
        return Answer(GOOD)

    with endpoint(count) as server:
        ask(client(server.url, tmp_path, max_concurrency=3), TEXTS)
    assert 1 < most[0] <= 3


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_the_rate_ramps_up_and_falls_when_told_off() -> None:
    clock = Clock()
    pace = Pace(600, ramp_seconds=10, clock=lambda: clock.now, sleep=clock.sleep)
    times: list[float] = []
    for _ in range(200):
        pace.wait()
        times.append(clock.now)
    gaps = [after - before for before, after in pairwise(times)]
    assert gaps[0] == pytest.approx(1.0, rel=0.1), "a tenth of ten a second"
    assert gaps[-1] == pytest.approx(0.1, rel=0.05), "the full rate"
    assert sum(time < 10 for time in times) < 70
    pace.slow_down(5)
    pace.wait()
    told_off = clock.now
    pace.wait()
    assert told_off - times[-1] >= 5
    assert clock.now - told_off == pytest.approx(0.2, rel=0.05), "half the rate"


def test_retry_after_is_a_number_or_a_date() -> None:
    from datetime import UTC, datetime, timedelta
    from email.utils import format_datetime

    assert retry_after_seconds("3") == 3
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 25 < retry_after_seconds(soon) <= 30
    assert retry_after_seconds("") == retry_after_seconds("soon") == retry_after_seconds("-1") == 0


def test_json_is_found_behind_thoughts_and_in_fences() -> None:
    assert isinstance(read_form(f"<think>{{}}</think> {GOOD}", form=Form), Form)
    assert read_form("", form=Form) == "there is no JSON object"
    assert "reason" in str(read_form('{"verdict": "good"}', form=Form))
    assert strict_schema(Form)["additionalProperties"] is False


@pytest.mark.parametrize(
    "url", ["ftp://a/v1", "http://", "http://user:key@a/v1", "http://a/v1?key=1", "file:///etc"]
)
def test_addresses_with_secrets_or_of_other_kinds_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"address"):
        EndpointConfig.model_validate({"url": url, "model": "m"})
