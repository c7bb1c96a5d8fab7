"""semantic: paraphrases about the same pictures go; everything that only looks alike stays."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from operate import Operated, measured, operate, told
from pydantic import ValidationError

from roboloop.curate import neighbours, vector_neighbours
from roboloop.curate.config import CurateConfig
from roboloop.curate.relevance import Relevance
from roboloop.curate.semantic import SemanticDuplicates
from roboloop.curate.vector_neighbours import near_pairs
from roboloop.records.answers import Box
from roboloop.records.record import Record

ANSWER = "the arm takes the cup by its handle and puts it beside the plate near the window"
SHUFFLED = "near the window the arm takes the cup by its handle and puts it beside the plate"
MIRRORED = "the arm takes the cup by its handle and puts it left of the plate near the window"
MIRROR = MIRRORED.replace("left", "right")


def compared(*records: Record, rank: list[float] | None = None, **options: Any) -> Operated:
    values = {"relevance": measured(Relevance(vectors=True), records)}
    operator = SemanticDuplicates.model_validate({"threshold": 0.75, "floor": 0.5, **options})
    return operate(operator, records, values=values, rank=rank)


def test_a_paraphrase_about_the_same_picture_goes() -> None:
    found = compared(told(ANSWER), told(SHUFFLED), told(ANSWER, picture="b.jpg"))
    assert found.dropped() == [1]
    assert found.judgement.partner[1] == 0
    assert 0.75 <= found.judgement.value[1] < 1
    assert found.judgement.reason[1] == "means the same as another record of the same pictures"
    assert compared(told(ANSWER), told(SHUFFLED), rank=[0, 1]).dropped() == [0]


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([told(MIRRORED), told(MIRROR)], id="left is not right"),
        pytest.param([told(ANSWER + " 2 times"), told(ANSWER + " 3 times")], id="2 is not 3"),
        pytest.param([told(ANSWER), told(SHUFFLED, picture="b.jpg")], id="another picture"),
        pytest.param([told("the red cup"), told("the red mug")], id="short answers"),
        pytest.param(
            [told(Box(1, 2, 3, 4), task="object_box"), told(Box(2, 2, 3, 4), task="object_box")],
            id="boxes",
        ),
        pytest.param(
            [told(ANSWER, question="What will it do next with all those things?"),
             told(SHUFFLED, question="Describe the scene before it began.")],
            id="another question",
        ),
    ],
)  # fmt: skip
def test_what_only_looks_alike_stays(records: list[Record]) -> None:
    assert compared(*records, threshold=0.5).dropped() == []


def test_pictures_may_be_left_out_of_it() -> None:
    records = [told(ANSWER), told(SHUFFLED, picture="b.jpg"), told(ANSWER, picture="c.jpg")]
    assert compared(*records, pictures="any").dropped() == [1, 2]


def test_records_of_the_same_words_are_one_group() -> None:
    records = [told(ANSWER) for _ in range(200)] + [told(SHUFFLED)]
    found = compared(*records)
    assert found.dropped() == list(range(1, 201))
    assert len(found.pairs.left) == 200, "each with the first only"


def cosine(one: Any, other: Any) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.parametrize("small_block", [64, 2])
def test_pairs_are_those_of_all_pairs(small_block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "SMALL_BLOCK", small_block)  # each with each, and by blocks
    draw = np.random.default_rng(2)
    words = [word for word in ANSWER.split() if word != "near"]  # a telling word
    records = [
        told(" ".join(word for word in words if draw.random() < 0.8), name=f"r{place}")
        for place in range(40)
    ]
    values = measured(Relevance(vectors=True), records)
    found = compared(*records).pairs
    vectors = [
        np.stack(
            [np.frombuffer(item, np.float16).astype(float) for item in values[name].to_pylist()]
        )
        for name in ("question", "answer")
    ]
    expected = {
        (one, other): min(cosine(side[one], side[other]) for side in vectors)
        for one, other in combinations(range(40), 2)
    }
    wanted = {pair for pair, similarity in expected.items() if similarity >= 0.5}
    pairs = list(zip(found.left.tolist(), found.right.tolist(), strict=True))
    assert set(pairs) == wanted and len(pairs) > 100
    for pair, similarity in zip(pairs, found.similarity, strict=True):
        assert similarity == pytest.approx(min(expected[pair], 1 - 1e-6), abs=1e-6)


def planted(num_rows: int, *, seed: int) -> Any:
    """Unit vectors; the last tenth are near copies of others."""
    draw = np.random.default_rng(seed)
    own = draw.standard_normal((num_rows * 9 // 10, 32))
    copies = own[draw.integers(0, len(own), num_rows - len(own))]
    copies = copies + 0.2 * draw.standard_normal(copies.shape)
    rows = np.concatenate([own, copies])
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_blocks_with_probes_find_nearly_all_of_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = planted(3000, seed=4)
    whole = near_pairs(rows, floor=0.9)
    products = np.triu(rows @ rows.T, 1)
    assert len(whole.left) == (products >= 0.9 - vector_neighbours.SLACK).sum()
    monkeypatch.setattr(vector_neighbours, "COMPARED_WHOLE", 100)
    codes = [
        set(zip(found.left.tolist(), found.right.tolist(), strict=True))
        for found in (whole, *(near_pairs(rows, floor=0.9, seed=1) for _ in range(2)))
    ]
    assert codes[1] == codes[2], "the same seed, the same pairs"
    assert codes[1] <= codes[0]
    assert len(codes[1]) >= 0.99 * len(codes[0]) > 200


def test_of_a_crowd_only_the_nearest_are_kept() -> None:
    rows = np.ones((300, 8), dtype=np.float32) / np.sqrt(8)
    found = near_pairs(rows, floor=0.9, max_neighbours=5)
    assert len(found.left) <= 300 * 5
    assert np.unique(np.concatenate([found.left, found.right])).size == 300


def test_options_that_contradict_each_other_are_named() -> None:
    with pytest.raises(ValidationError, match="below the floor"):
        SemanticDuplicates(threshold=0.5, floor=0.6)
    with pytest.raises(ValidationError, match=r"'semantic' needs .*'relevance'"):
        CurateConfig(operators=(SemanticDuplicates(),))
