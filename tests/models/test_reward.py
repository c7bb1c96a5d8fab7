"""A reward model in the layout of Skywork-VL-Reward, against an explicit forward pass."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from roboloop.base.errors import RoboLoopError
from roboloop.dialects import Dialect
from roboloop.models.batch import collate
from roboloop.models.chat import Encoded, Encoder
from roboloop.models.reward import BIAS, HEAD_FILE, WEIGHT, RewardModel, load_reward
from roboloop.records.record import Turn

WIDTH = 128


@pytest.fixture(scope="module")
def reward_folder(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reward") / "model"
    shutil.copytree(tiny_folder, folder)
    draw = torch.Generator().manual_seed(5)
    head = {WEIGHT: torch.randn(1, WIDTH, generator=draw), BIAS: torch.tensor([0.25])}
    save_file({name: tensor.bfloat16() for name, tensor in head.items()}, folder / HEAD_FILE)
    return folder


@pytest.fixture(scope="module")
def reward(reward_folder: Path) -> RewardModel:
    return load_reward(reward_folder, device="cpu")


@pytest.fixture(scope="module")
def conversations(
    reward: RewardModel, dialect: Dialect, noise: Callable[[int, int], Image.Image]
) -> list[Encoded]:
    encoder = Encoder(reward.backbone.parts, dialect=dialect)
    answers = ["Find", "the blue block. Find the red cup, then the gripper.", "红色的杯子"]
    items = [
        encoder.encode(
            [noise(64 + 32 * place, 64)],
            turns=(Turn("user", "Find the cup."), Turn("assistant", answer)),
        )
        for place, answer in enumerate(answers)
    ]
    words_alone = (Turn("user", "Find the cup."), Turn("assistant", "No."))
    return [*items, encoder.encode([], turns=words_alone)]


def test_the_score_is_the_read_out_at_the_end_of_the_chat(
    reward: RewardModel, conversations: list[Encoded]
) -> None:
    model = reward.backbone.model
    for item, found in zip(conversations, reward.scores(conversations, batch_size=1), strict=True):
        batch = collate([item], parts=reward.backbone.parts)
        del batch["labels"]
        with torch.no_grad():
            last = model(**batch, output_hidden_states=True).hidden_states[-1][0, -1]
        wanted = sum(float(a) * float(b) for a, b in zip(last, reward.weight, strict=True)) + 0.25
        assert abs(found - wanted) < 1e-4
    written = reward.backbone.parts.tokenizer.decode(
        conversations[0].input_ids.tolist(), skip_special_tokens=False
    )
    assert written.endswith("Find<|im_end|>\n"), "no opening of a further turn"


@pytest.mark.parametrize("side", ["left", "right"])
def test_neither_batch_nor_padding_changes_a_score(
    reward: RewardModel, conversations: list[Encoded], side: str
) -> None:
    alone = reward.scores(conversations, batch_size=1)
    together = reward.scores(conversations, batch_size=4, side=side)  # pyright: ignore[reportArgumentType]
    assert max(abs(a - b) for a, b in zip(alone, together, strict=True)) < 1e-4
    assert len({round(score, 2) for score in alone}) == len(alone), "scores tell answers apart"


def test_a_better_answer_is_another_score(
    reward: RewardModel, dialect: Dialect, noise: Callable[[int, int], Image.Image]
) -> None:
    encoder = Encoder(reward.backbone.parts, dialect=dialect)
    picture = noise(64, 64)
    one, same, other = reward.scores(
        [
            encoder.encode([picture], turns=(Turn("user", "Find it."), Turn("assistant", answer)))
            for answer in ("the cup", "the cup", "the gripper")
        ]
    )
    assert abs(one - same) < 1e-5 < abs(one - other)


@pytest.mark.parametrize("damage", ["missing", "cut", "other names", "other width"])
def test_a_head_that_does_not_fit_is_named(
    reward_folder: Path, tmp_path: Path, damage: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(reward_folder, folder)
    path = folder / HEAD_FILE
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:20])
    elif damage == "other names":
        save_file({"score.weight": torch.zeros(1, WIDTH)}, path)
    else:
        save_file({WEIGHT: torch.zeros(1, 64), BIAS: torch.zeros(1)}, path)
    with pytest.raises(RoboLoopError, match=HEAD_FILE):
        load_reward(folder, device="cpu")
