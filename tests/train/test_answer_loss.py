"""The loss by its parts: chunks, weights, smoothing, z-loss; by formulas and transformers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from transformers.trainer_pt_utils import LabelSmoother

from roboloop.dialects import Dialect
from roboloop.models.backbone import Backbone
from roboloop.models.batch import collate
from roboloop.models.chat import Encoder
from roboloop.records.record import Turn
from roboloop.train.loss_config import LossConfig
from roboloop.train.objective import AnswerLoss

VOCABULARY, WIDTH = 50, 8


class Head(nn.Module):
    """A network whose hidden states are its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Embedding(VOCABULARY, WIDTH, dtype=torch.float64)
        self.lm_head = nn.Linear(WIDTH, VOCABULARY, bias=False, dtype=torch.float64)

    def model(self, *, input_ids: torch.Tensor, use_cache: bool) -> Any:
        assert not use_cache
        return type("Output", (), {"last_hidden_state": self.inner(input_ids)})


@pytest.fixture
def network() -> Head:
    torch.manual_seed(0)
    return Head()


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(VOCABULARY, (3, 20), generator=generator)
    labels = torch.where(torch.rand(3, 20, generator=generator) < 0.6, ids, -100)
    weights = torch.rand(3, 20, generator=generator, dtype=torch.float64)
    return {"input_ids": ids, "labels": labels, "weights": weights}


def logits_and_targets(
    network: Head, tensors: dict[str, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """At targets only, the plain way."""
    labels = tensors["labels"][:, 1:]
    logits = network.lm_head(network.inner(tensors["input_ids"]))[:, :-1]
    chosen = labels != -100
    return logits[chosen], labels[chosen], tensors["weights"][:, 1:][chosen]


def gradients(network: Head, loss: torch.Tensor) -> list[torch.Tensor]:
    return list(torch.autograd.grad(loss, list(network.parameters())))


@pytest.mark.parametrize("chunk_tokens", [1, 5, 1000])
def test_all_parts_are_their_formulas(
    network: Head, tensors: dict[str, torch.Tensor], chunk_tokens: int
) -> None:
    config = LossConfig(label_smoothing=0.1, z_loss=0.01, chunk_tokens=chunk_tokens)
    told = AnswerLoss(network, config=config)(tensors)
    logits, targets, weights = logits_and_targets(network, tensors)
    logs = logits.log_softmax(-1)
    plain = -logs[torch.arange(len(targets)), targets]
    smooth = 0.9 * plain + 0.1 * -logs.mean(-1)
    extra = 0.01 * logits.exp().sum(-1).log() ** 2
    wanted = (weights * (smooth + extra)).sum()
    values = {name: float(value.detach()) for name, value in told.items()}
    assert values == pytest.approx(
        {
            "loss": float(wanted.detach()),
            "cross_entropy": float((weights * plain).sum().detach()),
            "z_loss": float((weights * extra).sum().detach()),
        },
        rel=1e-12,
    )
    for mine, theirs in zip(
        gradients(network, told["loss"]), gradients(network, wanted), strict=True
    ):
        assert torch.allclose(mine, theirs, rtol=1e-12, atol=1e-14)


def test_never_more_logits_than_a_chunk(
    network: Head, tensors: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    real = functional.linear

    def noted(hidden: torch.Tensor, *weights: Any) -> torch.Tensor:
        made.append(len(hidden))
        return real(hidden, *weights)

    monkeypatch.setattr(functional, "linear", noted)
    num = int((tensors["labels"][:, 1:] != -100).sum())
    loss = AnswerLoss(network, config=LossConfig(chunk_tokens=4))(tensors)["loss"]
    assert max(made) == 4 and sum(made) == num
    loss.backward()
    assert max(made) == 4 and sum(made) == 2 * num  # once more on the way back


def test_weight_one_is_no_weight(network: Head, tensors: dict[str, torch.Tensor]) -> None:
    objective = AnswerLoss(network)
    ones = tensors | {"weights": torch.ones_like(tensors["weights"])}
    bare = {name: value for name, value in tensors.items() if name != "weights"}
    assert float(objective(ones)["loss"].detach()) == float(objective(bare)["loss"].detach())
    halved = objective(tensors | {"weights": 0.5 * tensors["weights"]})["loss"]
    assert float(halved.detach()) == pytest.approx(0.5 * float(objective(tensors)["loss"].detach()))


def test_nothing_to_train_on_is_a_zero_with_a_gradient(
    network: Head, tensors: dict[str, torch.Tensor]
) -> None:
    idle = tensors | {"labels": torch.full_like(tensors["labels"], -100)}
    config = LossConfig(label_smoothing=0.1, z_loss=0.1)
    loss = AnswerLoss(network, config=config)(idle)["loss"]
    assert float(loss.detach()) == 0
    assert all(bool((gradient == 0).all()) for gradient in gradients(network, loss))


def test_half_precision_is_summed_in_float32(tensors: dict[str, torch.Tensor]) -> None:
    network = Head().to(torch.bfloat16)
    loss = AnswerLoss(network)(tensors | {"weights": tensors["weights"].float()})["loss"]
    assert loss.dtype == torch.float32


def test_equals_transformers(backbone: Backbone, dialect: Dialect) -> None:
    network: Any = backbone.model.double()
    encoder = Encoder(backbone.parts, dialect=dialect)
    asked = [("Where?", "[1, 2, 3, 4]"), ("And of the red block, where is it?", "no")]
    items = [encoder.encode([], turns=[Turn("user", q), Turn("assistant", a)]) for q, a in asked]
    batch = collate(items, parts=backbone.parts)
    labels = batch["labels"]
    output = network(**{**batch, "labels": None}, use_cache=False)
    num = int((labels[:, 1:] != -100).sum())
    plain = AnswerLoss(network)(batch)["loss"] / num
    theirs = network.loss_function(
        output.logits, labels, vocab_size=output.logits.shape[-1], num_items_in_batch=num
    )
    # It takes logits in float32; its label smoother sums in float32.
    assert float(plain.detach()) == pytest.approx(float(theirs.detach()), rel=1e-6)
    config = LossConfig(label_smoothing=0.2)
    smooth = AnswerLoss(network, config=config)(batch)["loss"] / num
    theirs = LabelSmoother(epsilon=0.2)(output, labels, shift_labels=True)
    assert float(smooth.detach()) == pytest.approx(float(theirs.detach()), rel=1e-6)
    exact = functional.cross_entropy(output.logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
    assert float(plain.detach()) == pytest.approx(float(exact.detach()), rel=1e-12)
