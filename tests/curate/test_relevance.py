"""relevance: quantiles within a family, numbers exempt, vectors kept for others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from operate import judged, measured, told

from roboloop.base.geometry import Point
from roboloop.curate.embedders import HashedEmbedder, _sampled_rows
from roboloop.curate.hashed_tfidf import HashedTfidf, word_weights
from roboloop.curate.relevance import Relevance
from roboloop.curate.semantic import SemanticDuplicates
from roboloop.curate.vectors import vector_column, vectors_at
from roboloop.records.answers import Box, Points, YesNo
from roboloop.records.record import Record

WIDE = HashedEmbedder(num_dimensions=4096)
"""So wide that words hardly fall on one another."""
QUESTION = "Where does the robot put the red cup on the table?"


def related(num_records: int) -> list[Record]:
    """The first ones say nothing of what is asked; later ones say more and more of it."""
    words = QUESTION.lower().strip("?").split()
    return [
        told(
            " ".join([*words[:place], *(f"other{place}{n}" for n in range(11 - place))]),
            question=QUESTION, name=f"r{place}",
        )
        for place in range(num_records)
    ]  # fmt: skip


def test_the_lowest_share_of_each_family_goes() -> None:
    records = [*related(10), *(told(Box(1, 2, 30, 40), task="object_box", question=QUESTION),) * 10]
    operator = Relevance(lowest_share=0.2, embedder=WIDE)
    values = measured(operator, records)
    found = judged(operator, records, values=values)
    assert np.flatnonzero(found.drop).tolist() == [0, 1]
    assert np.all(np.diff(found.value[:10]) > 0)
    assert np.isnan(found.value[10:]).all(), "boxes are not judged"
    assert found.value[2] >= found.threshold[2] > found.value[1]
    # Who is gone already does not count.
    kept = np.arange(20) > 1
    found = judged(operator, records, values=values, kept=kept)
    assert np.flatnonzero(found.drop).tolist() == [2], "a fifth of eight is one"
    assert not judged(Relevance(lowest_share=0), records, values=values).drop.any()


def test_a_fixed_threshold_is_tried_on_stored_values() -> None:
    records = related(10)
    operator = Relevance(threshold=0.3)
    assert operator.fingerprint() == Relevance().fingerprint()
    assert operator.fingerprint() != Relevance(numeric_answers="judged").fingerprint()
    values = measured(Relevance(), records)
    cosine = values["cosine"].to_numpy()
    assert judged(operator, records, values=values).drop.tolist() == (cosine < 0.3).tolist()


def test_numbers_and_short_answers_are_exempt() -> None:
    records = [
        told(YesNo(True), task="yes_no_vqa", question=QUESTION),
        told("a mug", question=QUESTION),
        told("[[12, 40], [33, 61], [80, 90]]", question=QUESTION),
        told('{"bbox_2d": [1, 2, 3, 4]}', question=QUESTION),
        told(Points((Point(3, 4),)), task="pointing", question=QUESTION),
        told("nothing to do with it at all", question=QUESTION),
    ]
    operator = Relevance(threshold=0.9)
    found = judged(operator, records, values=measured(operator, records))
    assert found.drop.tolist() == [False, False, False, False, False, True]
    strict = Relevance(threshold=0.9, numeric_answers="judged")
    assert judged(strict, records, values=measured(strict, records)).drop.all()


def test_better_answers_rank_higher_and_numbers_in_the_middle() -> None:
    records = [*related(9), told(Box(1, 2, 3, 4), task="object_box")]
    operator = Relevance(embedder=WIDE)
    quality = operator.quality(measured(operator, records))
    assert np.all(np.diff(quality[:9]) > 0)
    assert quality[9] == 0.5
    assert quality.min() >= 0 and quality.max() <= 1


def test_the_batches_do_not_matter() -> None:
    records = related(10)
    one, other = (measured(Relevance(), records, batch_rows=rows) for rows in (3, 100))
    assert one.combine_chunks().equals(other.combine_chunks())


def test_hashed_vectors_see_words_and_their_order_but_not_case() -> None:
    texts = pa.array(
        ["put the red cup left of the plate", "Put the RED cup, left of the plate!",
         "put the red plate left of the cup", "share prices fell again", "",
         "把红色的杯子放在盘子左边", "把红色的杯子放到盘子左边"]
    )  # fmt: skip
    vectors = HashedTfidf(word_weights(texts)).embed(texts)
    cosine = vectors @ vectors.T
    assert cosine[0, 1] == pytest.approx(1, abs=1e-6)
    assert 0.5 < cosine[0, 2] < 0.95
    assert abs(cosine[0, 3]) < 0.2
    assert not vectors[4].any()
    assert cosine[5, 6] > 0.6
    assert np.linalg.norm(vectors[[0, 2, 3, 5]], axis=1) == pytest.approx(1, abs=1e-6)


def test_rare_words_weigh_more() -> None:
    texts = pa.array(["the cup"] * 50 + ["the spatula"])
    vectors = HashedTfidf(word_weights(texts)).embed(pa.array(["the spatula", "the", "spatula"]))
    assert vectors[0] @ vectors[2] > 2 * (vectors[0] @ vectors[1])


def test_vectors_come_back_from_their_column() -> None:
    draw = np.random.default_rng(0)
    rows = draw.standard_normal((30, 8)).astype(np.float32)
    present = draw.random(30) < 0.6
    parts = (slice(11), slice(11, None))
    column = pa.chunked_array([vector_column(rows[p], present=present[p]) for p in parts])
    asked = np.array([0, 3, 4, 10, 11, 12, 20, 29])
    expected = np.where(present[asked, None], rows[asked].astype(np.float16), 0)
    assert np.array_equal(vectors_at(column, asked), expected)
    assert vectors_at(column, np.zeros(0, dtype=np.int64)).shape[0] == 0


def test_a_folder_is_loaded_once_and_known_by_its_content(
    tmp_path: Path, embedder_folder: Callable[[Path], Path]
) -> None:
    folder = embedder_folder(tmp_path / "one")
    options = {"kind": "folder", "path": str(folder), "device": "cpu"}
    operator = Relevance.model_validate({"embedder": options})
    assert operator.in_this_process
    values = measured(operator, related(5))
    assert values["cosine"].null_count == 0
    moved = {**options, "path": str(embedder_folder(tmp_path / "two")), "batch_size": 7}
    assert Relevance.model_validate({"embedder": moved}).fingerprint() == operator.fingerprint()
    assert Relevance().fingerprint() != operator.fingerprint()


def test_vectors_are_stored_only_where_they_are_read() -> None:
    alone = Relevance().made_for([])
    before_semantic = Relevance().made_for([SemanticDuplicates()])
    records = related(10)
    lean, full = measured(alone, records), measured(before_semantic, records)
    assert lean.column_names == ["cosine", "num_words"]
    assert full.column_names == ["cosine", "num_words", "question", "answer"]
    assert lean["cosine"].equals(full["cosine"])
    assert alone.fingerprint() != before_semantic.fingerprint()
    assert Relevance(vectors=True).made_for([]).fingerprint() == before_semantic.fingerprint()


def test_words_are_counted_in_runs_of_rows_all_over_a_large_set() -> None:
    rows = _sampled_rows(1_000_000)
    assert len(rows) == 25_000 and rows[0] == 0 and rows[-1] == 999_999
    assert np.diff(rows).max() < 5_000
    assert _sampled_rows(7).tolist() == list(range(7))
