"""The engine behind a real server: healthy, failing, choosy, or not there."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from loopback_endpoint import Answer, endpoint
from served_model import asked, failing, healthy, pictures_in, says, text_in

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize, Point
from roboloop.dialects import Dialect, load_dialect
from roboloop.engines.base import Request, Response
from roboloop.engines.endpoint import transport
from roboloop.engines.endpoint.config import ServerConfig
from roboloop.engines.endpoint.engine import EndpointEngine
from roboloop.engines.endpoint.sight import check_sight
from roboloop.engines.profile import Profile
from roboloop.engines.profiles import load_profile

SECRET = "sk-very-secret-456"
PLAIN = load_dialect("plain")
ASKED = Profile(name="test", title="test", dialect="plain", api_key_env="OPENAI_API_KEY")


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "FIRST_PAUSE_SECONDS", 0.005)
    monkeypatch.setattr(transport, "LONGEST_PAUSE_SECONDS", 0.05)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)


def engine(
    url: str,
    *,
    profile: Profile = ASKED,
    dialect: Dialect = PLAIN,
    kind: Any = "openai",
    max_new_tokens: int = 64,
    **options: Any,
) -> EndpointEngine:
    config = ServerConfig.model_validate({"url": url, "model": "m", **options})
    return EndpointEngine(
        config, profile=profile, dialect=dialect, kind=kind, max_new_tokens=max_new_tokens
    )


def answers(asker: EndpointEngine, requests: list[Request]) -> list[Response]:
    return list(asker.answer(requests))


def questions(noise: Callable[[int, int], Image.Image], *, num: int) -> list[Request]:
    pictures = [noise(40 + number, 30) for number in range(5)]
    return [asked(f"where is thing {n}?", pictures[n % 5]) for n in range(num)]


def test_a_failing_server_gives_the_same_answers_later(
    noise: Callable[[int, int], Image.Image],
) -> None:
    requests = questions(noise, num=120)
    with endpoint(healthy) as server:
        good = answers(engine(server.url, max_concurrency=8), requests)
        assert len(server.requests) == 120
        assert len(server.callers) <= 8, "connections are kept open"
    with endpoint(failing(0.2)) as server:
        later = answers(engine(server.url, max_concurrency=8, timeout_seconds=0.6), requests)
        assert len(server.requests) > 135, "some were asked again"
    assert [response.record_id for response in later] == [r.record_id for r in requests]
    assert [response.text for response in later] == [response.text for response in good]
    assert {response.error for response in later} == {""}
    assert max(response.num_attempts for response in later) > 1
    assert all(r.num_prompt_tokens == 100 and r.latency_seconds is not None for r in later)


def test_a_picture_goes_out_as_it_is_stored_and_where_the_question_says(
    noise: Callable[[int, int], Image.Image],
) -> None:
    stream = io.BytesIO()
    noise(64, 48).save(stream, "JPEG", quality=70)
    jpeg = stream.getvalue()
    second = noise(20, 10)
    request = Request(
        record_id="r",
        pictures=lambda: [Image.open(io.BytesIO(jpeg)), second],
        question="before <image> between <image> after",
        encoded=lambda: [jpeg, None],
    )
    with endpoint(healthy) as server:
        (response,) = answers(engine(server.url), [request])
    body = server.requests[0]
    assert (body["temperature"], body["max_tokens"], body["model"]) == (0.0, 64, "m")
    parts = [part["type"] for part in body["messages"][-1]["content"]]
    assert parts == ["text", "image_url", "text", "image_url", "text"]
    sent = pictures_in(body)
    assert sent[0] == jpeg, "byte for byte"
    assert Image.open(io.BytesIO(sent[1])).tobytes() == second.tobytes(), "without loss"
    assert response.sent_sizes == () and response.text == says(body)


def test_a_picture_over_the_budget_is_sent_as_the_dialect_sees_it(
    noise: Callable[[int, int], Image.Image],
) -> None:
    dialect = load_dialect("qwen25_vl", max_pixels=28 * 28 * 40)
    size = PictureSize(640, 360)
    with endpoint(healthy) as server:
        asker = engine(server.url, dialect=dialect)
        (large,) = answers(asker, [asked("q", noise(*size))])
        (small,) = answers(asker, [asked("q", noise(100, 90))])
    view = dialect.view_size(size)
    seen = Image.open(io.BytesIO(pictures_in(server.requests[0])[0]))
    assert PictureSize(*seen.size) == view and large.sent_sizes == (view,)
    assert small.sent_sizes == (), "within the budget: the server's processor resizes it"
    corner = dialect.read_points(f"[[{view.width}, {view.height}]]", size=size)
    assert corner.points_px == (Point(640.0, 360.0),), "the sent frame leads back to the original"


def test_only_the_refused_request_fails_and_only_once() -> None:
    def picky(body: dict[str, Any], number: int) -> Answer:
        if "odd" in text_in(body):
            return Answer(status=400, raw=b"maximum context length is 4096 tokens")
        return Answer(says(body))

    with endpoint(picky) as server:
        good, bad, last = answers(
            engine(server.url, max_concurrency=1), [asked("a"), asked("odd"), asked("b")]
        )
    assert good.text and last.text and not bad.text
    assert "maximum context length" in bad.error and bad.finish_reason == ""
    assert len(server.requests) == 3


def test_the_limit_of_pictures_is_learnt_from_the_server() -> None:
    def limited(body: dict[str, Any], number: int) -> Answer:
        if len(pictures_in(body)) > 2:
            return Answer(status=400, raw=b"At most 2 image(s) may be provided in one prompt.")
        return Answer(says(body))

    tiny = Image.new("RGB", (4, 4))
    asker_requests = [asked("a", tiny), *(asked(f"b{n}", tiny, tiny, tiny) for n in range(3))]
    with endpoint(limited) as server:
        found = answers(engine(server.url, max_concurrency=1), asker_requests)
        assert len(server.requests) == 2, "the others need not be sent"
        many = answers(engine(server.url), [asked("c", *[tiny] * 33)])
    assert found[0].text and "At most 2" in found[1].error
    assert all("E-ENG-012" in response.error for response in [*found[2:], *many])


def test_a_picture_that_cannot_be_read_fails_alone() -> None:
    def broken() -> list[Image.Image]:
        raise RoboLoopError("E-MED-003", "it is torn")

    with endpoint(healthy) as server:
        bad, good = answers(
            engine(server.url),
            [Request(record_id="bad", pictures=broken, question="q"), asked("good")],
        )
    assert "E-MED-003" in bad.error and good.text


@pytest.mark.parametrize("status", [500, 400])
def test_a_server_that_answers_nothing_stops_the_asking(status: int) -> None:
    with endpoint(lambda body, number: Answer(status=status)) as server:
        with pytest.raises(RoboLoopError) as caught:
            answers(engine(server.url, max_attempts=2), [asked(f"q{n}") for n in range(100)])
        assert caught.value.code == "E-ENG-011"
        assert len(server.requests) < 150, "of 200 and 100"


def test_a_server_that_dies_on_the_way_stops_the_asking() -> None:
    def dies(body: dict[str, Any], number: int) -> Answer:
        return Answer(says(body), status=200 if number < 10 else 500)

    found: list[Response] = []
    with endpoint(dies) as server, pytest.raises(RoboLoopError, match="failed"):
        asker = engine(server.url, max_attempts=2, max_concurrency=2)
        found.extend(asker.answer([asked(f"q{n}") for n in range(200)]))
    assert 1 <= len(found) < 40 and not found[0].error


def test_the_key_is_sent_and_told_nobody(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def tells(body: dict[str, Any], number: int) -> Answer:
        return Answer(status=400, raw=f"key {SECRET} is odd".encode())

    with endpoint(tells) as server:
        asker = engine(server.url)
        (response,) = answers(asker, [asked("q")])
    assert server.headers[0]["Authorization"] == f"Bearer {SECRET}"
    told = response.error + caplog.text + asker.identity() + repr(asker.config)
    assert SECRET not in told and "***" in response.error


def test_thoughts_kept_apart_by_the_server_stand_before_the_answer() -> None:
    message = b'{"content": %s, "reasoning_content": "it is left"}'
    body = b'{"choices": [{"message": %s, "finish_reason": "%s"}]}'
    said = [body % (message % b'"B"', b"stop"), body % (message % b"null", b"length")]
    with endpoint(lambda sent, number: Answer(raw=said[number])) as server:
        whole, cut = answers(engine(server.url, max_concurrency=1), [asked("a"), asked("b")])
    assert (whole.text, whole.finish_reason) == ("<think>it is left</think>B", "stop")
    assert (cut.text, cut.finish_reason) == ("<think>it is left", "length")


def test_a_special_token_that_ends_an_answer_is_no_part_of_it() -> None:
    with endpoint(lambda body, number: Answer("[1, 2] <|im_end|>\n")) as server:
        (response,) = answers(engine(server.url), [asked("q")])
    assert response.text == "[1, 2] "


def test_vllm_is_told_how_to_begin_and_others_are_refused() -> None:
    profile = load_profile("robobrain2")
    with endpoint(lambda body, number: Answer("(1, 2)</answer>")) as server:
        asker = engine(server.url, profile=profile, kind="vllm")
        (response,) = answers(asker, [asked("q")])
        body = server.requests[0]
        with pytest.raises(RoboLoopError, match="E-ENG-014"):
            engine(server.url, profile=profile, kind="openai")
    assert body["messages"][-1] == {"role": "assistant", "content": "<think></think><answer>"}
    assert body["continue_final_message"] is True and body["add_generation_prompt"] is False
    assert body["repetition_penalty"] == 1.0
    assert response.text == "<think></think><answer>(1, 2)</answer>"


def counting(budget: int) -> Callable[[dict[str, Any], int], Answer]:
    """A server whose picture processor has a budget of its own."""
    own = load_dialect("qwen25_vl", max_pixels=budget)

    def answer(body: dict[str, Any], number: int) -> Answer:
        tokens = 20
        for data in pictures_in(body):
            size = PictureSize(*Image.open(io.BytesIO(data)).size)
            tokens += (own.picture_tokens(size) or 0) + 2
        choice = {"message": {"content": "."}, "finish_reason": "length"}
        counted = {"choices": [choice], "usage": {"prompt_tokens": tokens}}
        return Answer(raw=json.dumps(counted).encode())

    return answer


def test_a_server_that_would_shift_every_box_is_found_out() -> None:
    dialect = load_dialect("qwen25_vl", max_pixels=1003520)
    with endpoint(counting(1003520)) as server:
        told = check_sight(engine(server.url, dialect=dialect))
        assert "as its dialect says (1792x896 is 1250 tokens)" in told
        assert "does not depend" in check_sight(engine(server.url))
    with endpoint(counting(200704)) as server, pytest.raises(RoboLoopError) as caught:
        check_sight(engine(server.url, dialect=dialect))
    assert caught.value.code == "E-ENG-015" and "takes 242 tokens there" in str(caught.value)
    with endpoint(lambda body, number: Answer(status=400)) as server:
        assert "not checked" in check_sight(engine(server.url, dialect=dialect))


def test_identity_names_everything_that_shapes_an_answer() -> None:
    base = engine("http://127.0.0.1:1/v1")
    changed = [
        engine("http://127.0.0.1:2/v1"),
        engine("http://127.0.0.1:1/v1", model="n"),
        engine("http://127.0.0.1:1/v1", revision="2"),
        engine("http://127.0.0.1:1/v1", max_new_tokens=65),
        engine("http://127.0.0.1:1/v1", dialect=load_dialect("llava")),
        engine("http://127.0.0.1:1/v1", profile=load_profile("qwen25_vl")),
        engine("http://127.0.0.1:1/v1", profile=load_profile("gpt_reasoning")),
    ]
    names = [each.identity() for each in [base, *changed]]
    assert len(set(names)) == len(names)
    assert engine("http://127.0.0.1:1/v1", max_concurrency=3).identity() == base.identity()
