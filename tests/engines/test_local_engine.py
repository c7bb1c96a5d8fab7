from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from roboloop.base.errors import RoboLoopError
from roboloop.dialects import Dialect, load_dialect
from roboloop.engines import local
from roboloop.engines.base import Request, Response
from roboloop.engines.local import LocalEngine
from roboloop.models.backbone import Backbone, load_backbone, save_backbone

Noise = Callable[[int, int], Image.Image]


@pytest.fixture(scope="module")
def requests(noise: Noise) -> list[Request]:
    pictures = [noise(48 + 16 * (place % 4), 64) for place in range(5)]
    return [
        Request(
            record_id=f"r{place}",
            pictures=lambda place=place: [pictures[place % 5]] if place % 4 else [],
            question="find the red cup " * (1 + place % 3),
        )
        for place in range(23)
    ]


def engine(backbone: Backbone, dialect: Dialect, **options: Any) -> LocalEngine:
    return LocalEngine(backbone, dialect=dialect, **{"max_new_tokens": 6, **options})


def told(responses: Iterable[Response]) -> list[Response]:
    """All but the probabilities, whose last digits depend on who is asked together."""
    return [replace(response, log_probability=None) for response in responses]


def test_answers_come_in_order_whatever_the_batch(
    backbone: Backbone, dialect: Dialect, requests: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = told(engine(backbone, dialect, batch_size=1).answer(requests))
    assert [r.record_id for r in alone] == [r.record_id for r in requests]
    assert len({r.text for r in alone}) > 10
    assert all(r.num_new_tokens == 6 or r.finish_reason == "stop" for r in alone)
    monkeypatch.setattr(local, "BATCHES_AHEAD", 2)
    for batch_size in (4, 64):
        assert told(engine(backbone, dialect, batch_size=batch_size).answer(requests)) == alone


def test_an_answer_ends_without_its_special_token(
    backbone: Backbone, dialect: Dialect, requests: list[Request]
) -> None:
    [free] = engine(backbone, dialect, max_new_tokens=2).answer(requests[1:2])
    num_steps = 0

    def end_at_the_third(module: object, args: object, logits: torch.Tensor) -> None:
        nonlocal num_steps
        num_steps += 1
        if num_steps == 3:
            logits[..., backbone.parts.special.im_end] += 1e6

    hook = backbone.model.lm_head.register_forward_hook(end_at_the_third)
    try:
        [ended] = engine(backbone, dialect).answer(requests[1:2])
    finally:
        hook.remove()
    assert told([ended]) == told([replace(free, num_new_tokens=3, finish_reason="stop")])
    assert num_steps == 3


def test_requests_are_taken_as_they_are_needed(
    backbone: Backbone, dialect: Dialect, requests: list[Request]
) -> None:
    taken: list[str] = []

    def endless() -> Iterator[Request]:
        while True:
            for request in requests:
                taken.append(request.record_id)
                yield request

    answers = engine(backbone, dialect, batch_size=2, max_new_tokens=1).answer(endless())
    assert next(answers).record_id == "r0"
    assert len(taken) == 2 * local.BATCHES_AHEAD


def raising(error: Exception) -> Callable[[], list[Image.Image]]:
    def pictures() -> list[Image.Image]:
        raise error

    return pictures


def test_a_request_that_fails_fails_alone(
    backbone: Backbone, dialect: Dialect, requests: list[Request], noise: Noise
) -> None:
    broken = {
        2: (raising(RoboLoopError("E-MED-002", "it is empty")), "E-MED-002 it is empty"),
        5: (raising(OSError("disk on fire")), "OSError: disk on fire"),
        7: (lambda: [noise(4000, 10)], "E-DIA-001"),
        9: (lambda: [noise(32, 32)], "E-ENG-002"),
    }
    mixed = list(requests)
    for place, (pictures, _) in broken.items():
        question = "<image><image>" if place == 9 else "x"
        mixed[place] = Request(record_id=f"r{place}", pictures=pictures, question=question)
    found = told(engine(backbone, dialect, batch_size=4).answer(mixed))
    expected = told(engine(backbone, dialect, batch_size=4).answer(requests))
    for place, response in enumerate(found):
        if place in broken:
            assert broken[place][1] in response.error
            assert response == Response(record_id=f"r{place}", error=response.error)
        else:
            assert response == expected[place]


def test_nonsense_numbers_are_an_error_not_an_answer(
    backbone: Backbone, dialect: Dialect, tmp_path: Path, requests: list[Request]
) -> None:
    spoilt = load_backbone(save_backbone(backbone, folder=tmp_path / "copy"), device="cpu")
    with torch.no_grad():
        spoilt.model.model.language_model.norm.weight.fill_(float("nan"))
    found = list(engine(spoilt, dialect).answer(requests[:3]))
    assert all(r.error.startswith("E-ENG-004") and not r.text for r in found)


def test_a_batch_too_large_for_memory_is_halved(
    backbone: Backbone, dialect: Dialect, requests: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = told(engine(backbone, dialect).answer(requests))
    whole = local.continue_greedily
    sizes: list[int] = []

    def short_of_memory(items: Any, **options: Any) -> Any:
        sizes.append(len(items))
        if len(items) > 3:
            raise torch.OutOfMemoryError("simulated")
        return whole(items, **options)

    monkeypatch.setattr(local, "continue_greedily", short_of_memory)
    assert told(engine(backbone, dialect).answer(requests)) == expected
    assert max(sizes) == len(requests)

    def no_memory(items: Any, **options: Any) -> Any:
        raise torch.OutOfMemoryError("simulated")

    monkeypatch.setattr(local, "continue_greedily", no_memory)
    found = list(engine(backbone, dialect).answer(requests[:3]))
    assert all(r.error.startswith("E-ENG-005") for r in found)


def test_the_model_is_left_in_its_mode(
    backbone: Backbone, dialect: Dialect, requests: list[Request]
) -> None:
    backbone.model.train()
    try:
        list(engine(backbone, dialect).answer(requests[:1]))
        assert backbone.model.training
    finally:
        backbone.model.eval()


def test_the_identity_names_all_that_shapes_an_answer(
    backbone: Backbone, dialect: Dialect, tmp_path: Path
) -> None:
    folder = save_backbone(backbone, folder=tmp_path / "copy")
    known = engine(backbone, dialect).identity()
    assert engine(backbone, dialect, batch_size=3).identity() == known
    assert LocalEngine(folder, dialect=dialect, max_new_tokens=6).identity() == known
    other = load_backbone(folder, device="cpu")
    weight = next(other.model.parameters()).data.view(-1)
    weight[0] = torch.nextafter(weight[0], torch.tensor(10.0))
    wider = load_dialect("qwen25_vl", factor=16, min_pixels=1024, max_pixels=200 * 256)
    half = load_backbone(folder, device="cpu", dtype="bfloat16")
    names = {
        known,
        engine(other, dialect).identity(),
        engine(half, dialect).identity(),
        engine(backbone, wider).identity(),
        engine(backbone, dialect, system="Be brief.").identity(),
        engine(backbone, dialect, max_new_tokens=7).identity(),
    }
    assert len(names) == 6
