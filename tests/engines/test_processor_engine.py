"""Models of other families, asked through their own processors: batches answer as one by one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from roboloop.engines.base import Request
from roboloop.engines.processor import ProcessorEngine
from roboloop.models.processor_model import ChatWriter, Conversation, ProcessorModel, load_model
from roboloop.records.record import Turn

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))

from foreign_folders import BUILDERS

Noise = Callable[[int, int], Image.Image]


# transformers before 5.20 hands tensors to NumPy when it writes for InternVL.
pytestmark = pytest.mark.filterwarnings("ignore:__array_wrap__ must accept context")


@pytest.fixture(scope="module", params=sorted(BUILDERS))
def model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> ProcessorModel:
    folder = BUILDERS[request.param](tmp_path_factory.mktemp("foreign") / request.param)
    loaded = load_model(folder, device="cpu")
    assert isinstance(loaded, ProcessorModel)
    return loaded


@pytest.fixture(scope="module")
def requests(noise: Noise) -> list[Request]:
    questions = [
        ([noise(60, 40)], "find the red cup"),
        ([], "no picture here, only quite a number of words to read"),
        ([noise(30, 90), noise(50, 50)], "first <image> then <image>"),
        ([noise(28, 28)], "blue"),
        ([noise(90, 30)], "find the green cup and the blue cup and the red cup"),
    ]
    return [
        Request(record_id=f"r{number}", pictures=lambda p=pictures: p, question=text)
        for number, (pictures, text) in enumerate(questions)
    ]


def test_batches_answer_as_one_by_one(model: ProcessorModel, requests: list[Request]) -> None:
    together = list(ProcessorEngine(model, max_new_tokens=6, batch_size=5).answer(requests))
    alone = list(ProcessorEngine(model, max_new_tokens=6, batch_size=1).answer(requests))
    assert [response.record_id for response in together] == [f"r{n}" for n in range(5)]
    assert [response.error for response in together] == [""] * len(together)
    assert [r.text for r in together] == [r.text for r in alone]
    assert len({r.text for r in together}) > 2, "the model should tell them apart"
    for one, other in zip(together, alone, strict=True):
        assert one.log_probability == pytest.approx(other.log_probability, abs=1e-3)


def test_the_probability_is_that_of_the_answer(
    model: ProcessorModel, requests: list[Request]
) -> None:
    """Against one forward pass over question and answer together."""
    (told,) = ProcessorEngine(model, max_new_tokens=5).answer(requests[:1])
    writer = ChatWriter(model)
    conversation = Conversation(requests[0].pictures(), (Turn("user", requests[0].question),))
    tensors = writer.prompts([conversation])
    with torch.inference_mode():
        new = model.model.generate(
            **tensors, max_new_tokens=5, do_sample=False, pad_token_id=writer.pad_id
        )[:, tensors["input_ids"].shape[1] :]
        grown = dict(tensors)
        grown["input_ids"] = torch.cat([tensors["input_ids"], new], dim=1)
        grown["attention_mask"] = torch.ones_like(grown["input_ids"])
        logits = model.model(**grown, use_cache=False).logits[0, -new.shape[1] - 1 : -1]
    wanted = logits.log_softmax(-1).gather(1, new[0][:, None]).sum()
    assert told.log_probability == pytest.approx(float(wanted), abs=1e-3)
    assert told.num_new_tokens == new.shape[1]


def test_a_picture_that_cannot_be_read_fails_alone(
    model: ProcessorModel, requests: list[Request]
) -> None:
    def broken() -> list[Image.Image]:
        raise OSError("truncated")

    bad = Request(record_id="bad", pictures=broken, question="what?")
    found = list(ProcessorEngine(model, max_new_tokens=3).answer([requests[0], bad, requests[3]]))
    assert [bool(response.error) for response in found] == [False, True, False]
    assert "truncated" in found[1].error


def test_only_the_last_answer_is_a_target(model: ProcessorModel, noise: Noise) -> None:
    writer = ChatWriter(model)
    turns = (Turn("user", "find the red cup"), Turn("assistant", "[1, 2]"))
    more = (*turns, Turn("user", "and the blue cup"), Turn("assistant", "find"))
    batch = writer.targets([Conversation([noise(60, 40)], turns), Conversation([], more)])
    told = [
        writer.decode(batch.labels[row][batch.labels[row] != -100].tolist()) for row in range(2)
    ]
    assert [text.replace(" ", "") for text in told] == ["[1,2]", "find"]
    ends = (batch.labels == writer.stops[0]).sum(dim=1).tolist()
    assert ends == [1, 1], "what ends an answer is learnt with it"
