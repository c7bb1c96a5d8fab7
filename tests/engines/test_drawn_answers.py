"""Answers drawn by their probability, in process and from a server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from loopback_endpoint import Answer, endpoint

from roboloop.base.errors import RoboLoopError
from roboloop.dialects import load_dialect
from roboloop.engines.base import Engine, Request, Sampling
from roboloop.engines.endpoint.config import ServerConfig
from roboloop.engines.endpoint.engine import EndpointEngine
from roboloop.engines.greedy import TokenDraws
from roboloop.engines.local import LocalEngine
from roboloop.engines.profile import Profile
from roboloop.models.backbone import Backbone

QUESTIONS = [Request(record_id=f"q{n}", pictures=list, question=f"say {n}") for n in range(6)]


def texts(engine: Engine) -> list[str]:
    return [response.text for response in engine.answer(QUESTIONS)]


def test_a_seed_draws_the_same_answers_whoever_is_asked_together(backbone: Backbone) -> None:
    plain = LocalEngine(backbone, dialect=load_dialect("plain"), max_new_tokens=5)
    one, other = (plain.sampled(Sampling(temperature=1.0, seed=seed)) for seed in (1, 2))
    drawn = texts(one)
    one.batch_size = 1
    assert texts(one) == drawn
    assert len({*drawn, *texts(other), *texts(plain)}) > len(QUESTIONS)
    assert len({plain.identity(), one.identity(), other.identity()}) == 3


def test_without_heat_the_likeliest_answer_is_drawn(backbone: Backbone) -> None:
    plain = LocalEngine(backbone, dialect=load_dialect("plain"), max_new_tokens=5)
    assert texts(plain.sampled(Sampling(temperature=1e-6, seed=0))) == texts(plain)


def test_tokens_are_drawn_as_often_as_they_are_likely(backbone: Backbone) -> None:
    plain = LocalEngine(backbone, dialect=load_dialect("plain"), max_new_tokens=1)
    item = plain.encoder.prompt([], question="say")
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0]])
    shares = (logits / 0.7).softmax(dim=-1)[0]
    counts = torch.zeros(4)
    draws = TokenDraws([item], sampling=Sampling(temperature=0.7, seed=3))
    for _ in range(1000):
        counts[draws.tokens(logits, rows=[0])[0]] += 1
    chi_squared = float(((counts - 1000 * shares) ** 2 / (1000 * shares)).sum())
    assert chi_squared < 16.3, "0.1 % of honest draws of three degrees of freedom are above"


def test_a_server_is_told_temperature_and_seed() -> None:
    def echo(body: dict[str, Any], number: int) -> Answer:
        return Answer(f"{body['temperature']} {body.get('seed')}")

    profile = Profile(name="test", title="test", dialect="plain")
    with endpoint(echo) as server:
        config = ServerConfig(url=server.url, model="m")
        plain = EndpointEngine(config, profile=profile, dialect=load_dialect("plain"))
        assert texts(plain)[0] == "0.0 None"
        drawn = plain.sampled(Sampling(temperature=0.8, seed=7))
        assert texts(drawn)[0] == "0.8 7"
        assert drawn.identity() != plain.identity()


def test_an_engine_that_cannot_draw_says_so() -> None:
    class Fixed(Engine):
        def answer(self, requests: Any) -> Any:
            return iter(())

        def identity(self) -> str:
            return "fixed"

    with pytest.raises(RoboLoopError, match="E-ENG-014"):
        Fixed().sampled(Sampling(temperature=1.0, seed=0))
