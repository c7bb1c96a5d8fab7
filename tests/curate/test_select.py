"""select: floors and quotas to the record, and choices against the best possible ones."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operate import choose, measured, told

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import Point
from roboloop.curate import facility_location
from roboloop.curate.allocate import Mixture, Wanted, allocate
from roboloop.curate.facility_location import choose_diverse, greedy
from roboloop.curate.relevance import Relevance
from roboloop.curate.select import Select
from roboloop.records.answers import Points
from roboloop.records.record import Record

FAMILIES, SOURCES = ("a", "b", "c"), ("x", "y")


def taken(
    sizes: list[int],
    num_records: int,
    *,
    mixture: dict[str, Any] | None = None,
    floors: Any = None,
    quotas: Any = None,
) -> np.ndarray[Any, Any]:
    wanted = Wanted(num_records, Mixture.model_validate(mixture or {}), floors or {}, quotas or {})
    values = list(product(FAMILIES, SOURCES)) if len(wanted.columns) == 2 else [(f,) for f in "abc"]
    return allocate(wanted, values=values, sizes=np.array(sizes))


def test_the_mixture_is_met_to_the_record() -> None:
    assert taken([500, 300, 200], 100).tolist() == [50, 30, 20]
    assert taken([500, 300, 200], 10, mixture={"rates": {"a": 1, "b": 1, "c": 2}}).tolist() == [
        3, 2, 5,
    ]  # fmt: skip
    assert taken([800, 100, 100], 99, mixture={"temperature": 1e9}).tolist() == [33, 33, 33]
    assert taken([810, 90, 10], 130, mixture={"temperature": 2}).tolist() == [90, 30, 10]
    assert taken([5, 300, 300], 105).tolist() == [1, 52, 52]
    assert taken([5, 300, 300], 105, mixture={"rates": {"*": 1}}).tolist() == [5, 50, 50]
    assert taken([5, 6, 7], 100).tolist() == [5, 6, 7], "all, where there are fewer"
    assert taken([50, 60, 70], 90, mixture={"rates": {"a": 1, "*": 0}}).tolist() == [50, 0, 0]
    with pytest.raises(RoboLoopError, match="says nothing of family b, c"):
        taken([1, 1, 1], 3, mixture={"rates": {"a": 1}})


def test_floors_and_quotas_over_two_columns() -> None:
    found = taken(
        [100, 0, 400, 400, 10, 90],
        200,
        floors={"family": {"c": 80}, "source": {"x": 120}},
        quotas={"family": {"b": 50}},
    )
    assert found.sum() == 200
    assert found[4:].sum() >= 80 and found[[0, 2, 4]].sum() >= 120 and found[2:4].sum() == 50
    with pytest.raises(RoboLoopError, match=r"E-CUR-046.*family: c"):
        taken([9, 9, 9], 10, floors={"family": {"a": 6, "c": 6}})


def test_one_is_given_back_where_a_quota_is_full() -> None:
    # The floor of b is met from x first, then y's floor needs that place.
    found = taken(
        [0, 0, 5, 5, 5, 0],
        5,
        floors={"family": {"b": 5}, "source": {"y": 3}},
        quotas={"source": {"x": 2}},
    )
    assert found.tolist() == [0, 0, 2, 3, 0, 0]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_a_floor_is_never_missed_nor_a_quota_exceeded(data: st.DataObject) -> None:
    small = st.integers(0, 3)
    sizes = np.array(data.draw(st.lists(small, min_size=6, max_size=6)))
    num_records = data.draw(st.integers(1, 8))
    floors = {"family": {"a": data.draw(small)}, "source": {"x": data.draw(small)}}
    quotas = {"family": {"b": data.draw(small)}, "source": {"y": data.draw(small)}}
    in_a, in_b = np.array([1, 1, 0, 0, 0, 0]), np.array([0, 0, 1, 1, 0, 0])
    in_x, in_y = np.array([1, 0, 1, 0, 1, 0]), np.array([0, 1, 0, 1, 0, 1])

    def holds(found: Any) -> Any:
        return (
            (found.sum(-1) <= num_records)
            & (found @ in_a >= min(floors["family"]["a"], sizes @ in_a))
            & (found @ in_x >= min(floors["source"]["x"], sizes @ in_x))
            & (found @ in_b <= quotas["family"]["b"])
            & (found @ in_y <= quotas["source"]["y"])
        )

    everything = np.stack([grid.ravel() for grid in np.indices(sizes + 1)], axis=1)
    possible = everything[holds(everything)].sum(1)
    try:
        found = taken(sizes.tolist(), num_records, floors=floors, quotas=quotas)
    except RoboLoopError:
        assert not len(possible)
        return
    assert holds(found)
    assert found.sum() == possible.max(), "as many as there may be"


def unit_vectors(num_rows: int, *, seed: int, num_dimensions: int = 4) -> Any:
    vectors = np.random.default_rng(seed).standard_normal((num_rows, num_dimensions))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def served(vectors: Any, quality: Any, chosen: Any, *, weight: float) -> float:
    similarity = np.maximum(vectors @ vectors.T, 0)
    np.fill_diagonal(similarity, 1)
    return float((similarity * (1 - weight + weight * quality)[None, :])[:, chosen].max(1).sum())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_the_choice_is_nearly_the_best_there_is(seed: int, weight: float) -> None:
    vectors, quality = unit_vectors(12, seed=seed), np.random.default_rng(seed).random(12)
    found = choose_diverse(vectors, quality, num_chosen=4, quality_weight=weight)
    best = max(
        served(vectors, quality, list(rows), weight=weight) for rows in combinations(range(12), 4)
    )
    assert len(set(found.rows.tolist())) == 4
    assert served(vectors, quality, found.rows, weight=weight) >= 0.9 * best


def test_lazy_picks_are_those_of_looking_at_every_row_each_time() -> None:
    benefit = np.maximum(unit_vectors(80, seed=3) @ unit_vectors(80, seed=3).T, 0)
    found = greedy(benefit, num_picked=20)
    served_by = np.zeros(80, dtype=np.float32)
    for row, gain in zip(found.rows, found.gains, strict=True):
        gains = np.maximum(benefit - served_by, 0).sum(1)
        assert gains[row] == pytest.approx(gains.max(), rel=1e-5)
        assert gain == pytest.approx(gains[row], rel=1e-5)
        served_by = np.maximum(served_by, benefit[row])
    assert (np.diff(found.gains) <= 0).all()


def test_in_blocks_the_choice_loses_little(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, quality = unit_vectors(600, seed=1, num_dimensions=8), np.full(600, 0.5)
    whole = choose_diverse(vectors, quality, num_chosen=60, quality_weight=0.5)
    monkeypatch.setattr(facility_location, "BLOCK_ROWS", 100)
    parts = choose_diverse(vectors, quality, num_chosen=60, quality_weight=0.5)
    assert len(set(parts.rows.tolist())) == 60
    values = [served(vectors, quality, found.rows, weight=0.5) for found in (parts, whole)]
    assert values[0] > 0.93 * values[1]
    lot = np.random.default_rng(0).choice(600, 60, replace=False)
    assert values[0] > served(vectors, quality, lot, weight=0.5)


def templated(num_records: int) -> list[Record]:
    """Nine of ten say the same; the tenth is about something of its own."""
    tools = ["hammer", "screwdriver", "saw", "wrench", "pliers"]
    return [
        told(
            f"It holds a {tools[place // 10 % 5]} above a {tools[place // 10 % 3]}"
            if place % 10 == 0
            else "The arm moves to the table and waits there",
            picture=f"{place}.jpg",
            name=f"r{place}",
        )
        for place in range(num_records)
    ]


def test_what_is_different_is_chosen_before_the_hundredth_of_a_template() -> None:
    records = templated(50)
    values = measured(Relevance(lowest_share=0, vectors=True), records)
    operator = Select(num_records=6, quality_weight=0.0)
    judged = choose(operator, records, values={"relevance": values})
    kept = np.flatnonzero(~judged.drop)
    assert len(kept) == 6
    assert sum(place % 10 == 0 for place in kept.tolist()) == 5
    template = next(place for place in kept.tolist() if place % 10)
    gone = [place for place in range(50) if place % 10 and place != template]
    assert {int(judged.partner[place]) for place in gone} == {template}
    assert judged.value[gone] == pytest.approx(1, abs=1e-3)
    assert judged.reason[gone[0]] == "not among the 6 chosen of 50 in general"
    assert judged.reason[template] == "" and judged.partner[template] == -1


def test_the_better_ones_are_chosen_where_quality_counts() -> None:
    records = [told("The same words for all of them", name=f"r{place}") for place in range(30)]
    rank = np.linspace(0, 1, 30)
    values = measured(Relevance(lowest_share=0, vectors=True), records)
    for operator in (
        Select(num_records=1, quality_weight=1.0),
        Select(num_records=1, vectors_of=None),
    ):
        judged = choose(operator, records, values={"relevance": values}, rank=rank)
        assert np.flatnonzero(~judged.drop).tolist() == [29]


def test_spatial_answers_are_protected_by_a_floor() -> None:
    words = [told(f"Words number {place} about the scene", name=f"w{place}") for place in range(90)]
    points = [
        told(Points((Point(place, 5.0),)), task="pointing", picture=f"{place}", name=f"p{place}")
        for place in range(10)
    ]
    records = [*words, *points]
    values = {"relevance": measured(Relevance(lowest_share=0, vectors=True), records)}
    operator = Select(num_records=20, floors={"answer_kind": {"points": 8}})
    judged = choose(operator, records, values=values)
    assert (~judged.drop).sum() == 20
    assert (~judged.drop[90:]).sum() == 8
    gone = np.arange(100) < 95
    judged = choose(operator, records, values=values, kept=~gone)
    assert not judged.drop.any(), "who is gone already is not dropped again, and few are all kept"
    again = choose(operator, records, values=values)
    assert np.array_equal(again.drop, choose(operator, records, values=values).drop)
