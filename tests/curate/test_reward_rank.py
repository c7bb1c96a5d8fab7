"""reward: scores by a real reward folder, resumed batch by batch, ranked within strata."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from made_records import record
from operate import facts_table, judged, told
from PIL import Image
from safetensors.torch import save_file

from roboloop.curate.base import CurateContext
from roboloop.curate.config import CurateConfig
from roboloop.curate.exact import ExactDuplicates
from roboloop.curate.outcome import open_curation
from roboloop.curate.responses import responses_of
from roboloop.curate.reward import RewardRank
from roboloop.models.reward import BIAS, HEAD_FILE, WEIGHT
from roboloop.models.tiny import build_tiny
from roboloop.records.answers import Box, YesNo
from roboloop.records.record import Record

DIALECT = {"kind": "qwen25_vl", "factor": 16, "min_pixels": 1024, "max_pixels": 15360}


@pytest.fixture(scope="module")
def reward_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("reward") / "model"
    build_tiny(folder, seed=0, texts=["Find the cup. Yes, no."] * 3, depth=1, vision_depth=1)
    draw = torch.Generator().manual_seed(1)
    save_file({WEIGHT: torch.randn(1, 128, generator=draw), BIAS: torch.zeros(1)},
              folder / HEAD_FILE)  # fmt: skip
    return folder


def operator_for(folder: Path, **options: Any) -> RewardRank:
    return RewardRank.model_validate(
        {"model": str(folder), "dialect": DIALECT, "device": "cpu", **options}
    )


def pictures(folder: Path, *names: str) -> None:
    draw = np.random.default_rng(0)
    for name in names:
        values = draw.integers(0, 256, (180, 320, 3), dtype=np.uint8)
        Image.fromarray(values).save(folder / name)


def scored(operator: RewardRank, records: list[Record], folder: Path) -> Any:
    table = facts_table(records)
    batch = table.combine_chunks().to_batches()[0]
    return operator.measure(batch, CurateContext(folder, folder, 1))


def test_answers_are_scored_beside_their_pictures(
    reward_folder: Path, write_records: Callable[..., Path], tmp_path: Path
) -> None:
    pictures(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:500])
    records = [
        record("a"), record("b", picture="b.jpg"), record("a-again"),
        record("other-box", answer=Box(100, 20, 160, 80)), record("cut", picture="cut.jpg"),
        record("gone", picture="gone.jpg"),
    ]  # fmt: skip
    folder = write_records(records)
    operator = operator_for(reward_folder, batch_size=3)
    values = scored(operator, records, folder)
    scores = values["score"].to_pylist()
    assert scores[0] == pytest.approx(scores[2], abs=1e-4)
    assert len({round(score, 4) for score in scores[:4]}) == 3, "picture and answer both count"
    assert scores[4:] == [None, None]
    assert "E-MED" in values["error"][4].as_py() and "gone.jpg" in values["error"][5].as_py()
    alone = scored(operator, records[3:4], folder)["score"][0].as_py()
    assert alone == pytest.approx(scores[3], abs=1e-4)


def test_coordinates_are_written_as_the_question_speaks_of_them() -> None:
    records = [record("a"), told(YesNo(True), task="yes_no_vqa"), told("Words.")]
    table = facts_table(records)
    found = responses_of(table)
    assert "10, 20, 60, 80" in found[0]
    assert found[1:] == ["Yes", "Words."] or found[1:] == ["yes", "Words."]


def test_the_best_of_each_stratum_stay(reward_folder: Path) -> None:
    records = [record(f"r{place}", source="x" if place < 6 else "y") for place in range(10)]
    scores = [5.0, 4, 3, 2, 1, None, -1, -2, -3, -4]
    values = pa.table({"score": pa.array(scores, pa.float32())})
    operator = operator_for(reward_folder, keep_share=0.5)
    found = judged(operator, records, values=values)
    assert np.flatnonzero(found.drop).tolist() == [3, 4, 8, 9], "who has no score stays"
    assert found.threshold[3] == 3 and found.value[3] == 2
    assert found.reason[4] == "not among the 3 best by reward in generation / x"
    top = operator_for(reward_folder, keep_top=1)
    assert np.flatnonzero(~judged(top, records, values=values).drop).tolist() == [0, 5, 6]
    assert top.fingerprint() == operator.fingerprint(), "nothing is scored again"
    kept = np.array([False] + [True] * 9)
    assert np.flatnonzero(~judged(top, records, values=values, kept=kept).drop).tolist() == [
        0, 1, 5, 6,
    ]  # fmt: skip
    quality = operator.quality(values)
    assert np.all(np.diff(quality[:5]) < 0) and quality[5] == 0.5


def test_what_was_scored_before_a_crash_is_not_scored_again(
    reward_folder: Path,
    write_records: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pictures(tmp_path, "a.jpg")
    records = [record(f"r{place}", answer=Box(place, 1, 90, 99)) for place in range(6)]
    folder = write_records([*records, record("again", answer=Box(0, 1, 90, 99))])
    monkeypatch.setattr(RewardRank, "batch_rows", 2)
    config = CurateConfig(operators=(ExactDuplicates(), operator_for(reward_folder)))
    measure, sizes = RewardRank.measure, []

    def counted(self: RewardRank, batch: Any, context: CurateContext) -> Any:
        if len(sizes) == 2:
            sizes.append(0)
            raise KeyboardInterrupt
        sizes.append(len(batch))
        return measure(self, batch, context)

    monkeypatch.setattr(RewardRank, "measure", counted)
    store = tmp_path / "store"
    for attempt in range(2):
        curation = open_curation(config, records=folder, store=store, seed=1)
        curation.make_facts()
        if attempt == 0:
            with pytest.raises(KeyboardInterrupt):
                curation.verdicts()
    verdicts = curation.verdicts()
    assert sizes == [2, 2, 0, 2], "four of six were there already, the duplicate is not asked"
    assert np.isfinite(verdicts.judgements[1].value).tolist() == [True] * 6 + [False]
    assert not list(store.rglob("*.parts"))


def test_a_reward_folder_is_known_by_its_content(reward_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(reward_folder, copy)
    operator = operator_for(reward_folder)
    assert operator_for(copy, batch_size=2).fingerprint() == operator.fingerprint()
    save_file({WEIGHT: torch.ones(1, 128), BIAS: torch.zeros(1)}, copy / HEAD_FILE)
    assert operator_for(copy).fingerprint() != operator.fingerprint()
