"""Every benchmark is read from its published form, asked, measured and summed as its authors do."""

from __future__ import annotations

import json
from pathlib import Path

import hub_files
import numpy as np
import pytest
from benchmark_engine import (
    PLAIN,
    ToldEngine,
    config_for,
    entry_of,
    expect_what_is_there,
    measure,
    perfect_answers,
    result_of,
)
from hub_files import SIZE

from roboloop.base.errors import RoboLoopError
from roboloop.evaluate.benchmarks import ALIASES, BENCHMARKS, load_benchmark
from roboloop.evaluate.benchmarks.base import AUTHOR
from roboloop.evaluate.benchmarks.choice import split_options
from roboloop.evaluate.benchmarks.config import BenchmarkConfig
from roboloop.evaluate.benchmarks.erqa import with_marks
from roboloop.evaluate.benchmarks.frames import FrameRule
from roboloop.evaluate.benchmarks.headline import is_same_model, light_of
from roboloop.evaluate.benchmarks.reading import read_benchmarks
from roboloop.evaluate.benchmarks.strict import STRICT, prompt_named
from roboloop.records import Choice, Mask, Number, ParquetPicture, Polygon, Record
from roboloop.records.shards import RecordFolder

EMBODIED = (
    "all_angles", "blink", "cvbench", "egoplan", "embspatial", "erqa", "mmsi", "omni_spatial",
    "omni_spatial_test", "realworldqa", "refspatial_location", "refspatial_placement",
    "refspatial_unseen", "robo_spatial", "sat", "vsibench", "where2place",
)  # fmt: skip
GENERAL = ("coco_caption", "ocrbench", "pope", "refcoco", "textvqa")
COUNTS = {
    "all_angles": 4, "blink": 35, "cvbench": 9, "egoplan": 3, "embspatial": 5, "erqa": 4, "mmsi": 3,
    "omni_spatial": 3, "omni_spatial_test": 6, "realworldqa": 5, "refspatial_location": 3,
    "refspatial_placement": 2, "refspatial_unseen": 2, "robo_spatial": 7, "sat": 4, "vsibench": 10,
    "where2place": 4, "coco_caption": 4, "ocrbench": 4, "pope": 6, "refcoco": 9, "textvqa": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hub_files.write_all(tmp_path_factory.mktemp("hub"))


def records_of(root: Path, kind: str, **options: object) -> list[Record]:
    (found,) = read_benchmarks(config_for(root, benchmarks=(kind,), **options)).found
    return list(found.records)


def test_every_published_form_is_read_and_a_perfect_model_is_perfect(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(root, benchmarks=(*EMBODIED, *GENERAL))
    expect_what_is_there(monkeypatch, config)
    engine = ToldEngine(perfect_answers(config))
    result = measure(config, out=tmp_path, engine=engine)
    assert {entry["task"]: entry["num_records"] for entry in result.report["tasks"]} == COUNTS
    assert result.complete
    for entry in result.report["tasks"]:
        headline = entry["results"][0]["headline"]
        if entry["task"] == "textvqa":  # ten people never all agree here
            assert headline["value"] == pytest.approx(np.mean([0.9, 1.0, 1.0]), abs=0.1)
        elif entry["task"] == "coco_caption":
            assert headline["value"] > 1.0
        else:
            assert headline["value"] == pytest.approx(1.0), entry["task"]
        assert entry["benchmark"]["aggregation"]
    assert len(RecordFolder(tmp_path / "records").counts) == 1
    lines = [json.loads(line) for line in (tmp_path / "items.jsonl").read_text().splitlines()]
    assert len(lines) == sum(COUNTS.values())


def test_every_benchmark_has_a_log_to_read(root: Path, tmp_path: Path) -> None:
    config = config_for(root, benchmarks=("sat", "refspatial_unseen"))
    answers = perfect_answers(config)
    measure(config, out=tmp_path, engine=ToldEngine(answers))
    logs = {path.name: path.read_text() for path in (tmp_path / "logs").iterdir()}
    assert set(logs) == {"told_sat.log", "told_refspatial_unseen.log"}
    for name, text in logs.items():
        kind = name.removeprefix("told_").removesuffix(".log")
        for record in records_of(root, kind):
            assert f'id: "{record.id}"' in text
            assert f"answer: {json.dumps(answers[record.id])}" in text
        assert "\nheadline: none, " in text and "\nscore: " in text
    truth = answers[records_of(root, "refspatial_unseen")[0].id]
    assert "0." in truth, "a place in the fractions that its prompt asks for"


@pytest.mark.parametrize("kind", [*EMBODIED, *GENERAL])
def test_every_prompt_holds_the_question(root: Path, kind: str) -> None:
    benchmark = load_benchmark(kind)
    assert AUTHOR in benchmark.prompts
    records = records_of(root, kind)
    for name in (*benchmark.prompts, STRICT):
        prompt = prompt_named(benchmark, name)
        for record in records:
            text = prompt.ask(record)
            plain = text.replace("<image>", "").casefold()
            said = str(record.meta.get("object") or record.inputs.get("object"))
            question = str(record.inputs.get("question", said))
            stem = question.split("?")[0][:20].casefold()
            assert kind == "coco_caption" or stem in plain or said in text, (name, text)
            marks = text.count("<image>")
            assert marks in (0, len(record.media))
            if record.task == "choice_vqa":
                assert all(option in text for option in record.answer.options[:2])  # type: ignore[union-attr]


def test_places_are_asked_and_read_as_fractions_by_default(root: Path) -> None:
    for kind in ("refspatial_location", "where2place", "robo_spatial"):
        for name in (AUTHOR, STRICT, "flagevalmm"):
            prompt = prompt_named(load_benchmark(kind), name)
            assert prompt.dialect is not None and prompt.dialect.kind == "llava"
    thousand = prompt_named(load_benchmark("where2place"), "flagevalmm_norm1k").dialect
    assert thousand is not None and thousand.kind == "qwen3_vl"


def test_pixels_where_fractions_were_asked_for_are_wrong(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(root, benchmarks=("where2place",))
    expect_what_is_there(monkeypatch, config)
    answers = dict.fromkeys((r.id for r in records_of(root, "where2place")), "[(28, 21)]")
    result = measure(config, out=tmp_path, engine=ToldEngine(answers))
    assert result_of(result, "where2place")["headline"]["value"] == 0.0


def test_strict_asks_for_the_letter_only(root: Path) -> None:
    for kind in ("blink", "mmsi", "erqa", "realworldqa"):
        for record in records_of(root, kind):
            if record.task == "choice_vqa":
                text = prompt_named(load_benchmark(kind), STRICT).ask(record)
                assert text.endswith(
                    "Answer with the option's letter from the given choices directly."
                )


def test_blink_is_the_mean_of_its_tasks_and_not_of_its_items(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(root, benchmarks=("blink",))
    expect_what_is_there(monkeypatch, config)
    answers = perfect_answers(config)
    for record in records_of(root, "blink"):
        if record.meta["subtask"] == "Counting":  # three items of thirty-five
            answers[record.id] = "D, surely" if record.answer.letter != "D" else "C"  # type: ignore[union-attr]
    result = result_of(measure(config, out=tmp_path, engine=ToldEngine(answers)), "blink")
    assert result["headline"]["value"] == pytest.approx(13 / 14)
    assert result["metrics"]["accuracy"]["value"] == pytest.approx(32 / 35)
    counting = result["parts"]["Counting"]
    assert (counting["value"], counting["num_items"], counting["low"]) == (0.0, 3, 0.0)
    assert counting["high"] > 0.5, "three items tell little"


def test_cvbench_weighs_its_sources_as_its_authors_do(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(root, benchmarks=("cvbench",))
    expect_what_is_there(monkeypatch, config)
    answers = perfect_answers(config)
    for record in records_of(root, "cvbench"):
        if record.meta["subtask"] == "COCO":
            answers[record.id] = "I cannot tell."
    result = result_of(measure(config, out=tmp_path, engine=ToldEngine(answers)), "cvbench")
    assert result["headline"]["value"] == pytest.approx(0.75)
    assert result["num_unparsed"] == 2


def test_vsibench_averages_the_levels_of_direction_first(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(root, benchmarks=("vsibench",))
    expect_what_is_there(monkeypatch, config)
    answers = perfect_answers(config)
    records = records_of(root, "vsibench")
    wrong = next(r for r in records if r.meta["subtask"] == "object_rel_direction_hard")
    half = next(r for r in records if r.meta["subtask"] == "object_counting")
    answers[wrong.id] = "A"
    answers[half.id] = str(half.answer.value * 1.25)  # type: ignore[union-attr]
    result = result_of(measure(config, out=tmp_path, engine=ToldEngine(answers)), "vsibench")
    # 5 of 10 thresholds: 1 - t >= 0.25 for t = 0.5 ... 0.75 (six of them)
    expected = (6 + 2 / 3 + 0.6) / 8
    assert result["headline"]["value"] == pytest.approx(expected)
    assert isinstance(half.answer, Number)


def test_videos_show_the_frames_of_the_authors_rule(root: Path) -> None:
    by_scene = {r.meta["episode"]: r for r in records_of(root, "vsibench")}
    shown = [medium.frame for medium in by_scene["scannet/scene0000_00"].media]  # type: ignore[union-attr]
    assert shown == np.linspace(0, 49, 32, dtype=int).tolist()
    short = [medium.frame for medium in by_scene["arkitscenes/41069025"].media]  # type: ignore[union-attr]
    assert short == list(range(9))
    plan = records_of(root, "egoplan")[1]
    numbers = [medium.frame for medium in plan.media]  # type: ignore[union-attr]
    assert (numbers[0], numbers[-1], len(numbers)) == (2, 21, 8)
    fewer = records_of(root, "vsibench", num_frames=4, sampler="tail")[1]
    assert [m.frame for m in fewer.media] == [0, 24, 49, 49] or len(fewer.media) == 4  # type: ignore[union-attr]


def test_samplers_stay_within_the_video() -> None:
    for sampler in ("linspace", "middles", "tail"):
        for there in (1, 2, 5, 33, 400):
            chosen = FrameRule(None, sampler).chosen(there, num_wanted=32)  # type: ignore[arg-type]
            assert chosen == sorted(chosen) and len(chosen) == min(there, 32)
            assert chosen[0] >= 0 and chosen[-1] <= there - 1
    assert FrameRule(4, "tail").chosen(100, num_wanted=32)[-1] == 99
    assert FrameRule(4, "middles").chosen(100, num_wanted=32) == [12, 37, 62, 87]


def test_robospatial_is_the_mean_of_three_parts_and_takes_the_first_point(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(root, benchmarks=("robo_spatial",))
    expect_what_is_there(monkeypatch, config)
    answers = perfect_answers(config)
    points = [r for r in records_of(root, "robo_spatial") if r.task == "pointing"]
    assert all(isinstance(record.answer, Polygon) for record in points)
    answers[points[0].id] = "[(0.05, 0.05), (0.4, 0.4)]"
    answers[points[1].id] = "[(0.4, 0.4), (0.05, 0.05)]"
    result = result_of(measure(config, out=tmp_path, engine=ToldEngine(answers)), "robo_spatial")
    assert result["headline"]["value"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert result["metrics"]["accuracy"]["value"] == pytest.approx(6 / 7)


def test_masks_are_thresholded_at_half_and_keep_their_picture(root: Path) -> None:
    for kind in ("where2place", "refspatial_location"):
        for record in records_of(root, kind):
            assert isinstance(record.answer, Mask)
            assert record.picture_size == SIZE
            assert record.answer.bounds_px == (16.0, 12.0, 40.0, 30.0)
            assert record.answer.num_pixels == 24 * 18  # JPEG noise gone
            assert record.meta["mask"]["kind"] in ("file", "parquet")


def test_a_headline_over_another_number_of_items_is_refused(root: Path, tmp_path: Path) -> None:
    config = config_for(root, benchmarks=("sat",))
    engine = ToldEngine(perfect_answers(config))
    result = measure(config, out=tmp_path, engine=engine)
    found = result_of(result, "sat")
    assert not result.complete and found["headline"]["value"] is None
    assert found["headline"]["refused"] == "4 of 150 items"
    assert found["metrics"]["accuracy"]["value"] == 1.0
    assert "no headline over 4 of 150 items" in (tmp_path / "table.txt").read_text()


def test_a_failed_request_refuses_the_headline_and_counts_against_the_model(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(root, benchmarks=("sat",))
    expect_what_is_there(monkeypatch, config)
    answers = perfect_answers(config)
    lost = sorted(answers)[0]
    del answers[lost]
    result = measure(config, out=tmp_path, engine=ToldEngine(answers))
    found = result_of(result, "sat")
    assert found["headline"]["refused"] == "1 requests failed"
    assert found["metrics"]["accuracy"]["value"] == 0.75
    engine = ToldEngine(perfect_answers(config))
    again = measure(config, out=tmp_path, engine=engine)
    assert engine.asked == [lost]
    assert again.complete and result_of(again, "sat")["headline"]["value"] == 1.0


def test_pope_is_f1_of_yes_and_counts_what_the_model_says(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(root, benchmarks=("pope",))
    expect_what_is_there(monkeypatch, config)
    records = records_of(root, "pope")
    answers = dict.fromkeys((record.id for record in records), "Yes.")
    answers[records[0].id] = "perhaps"
    found = result_of(measure(config, out=tmp_path, engine=ToldEngine(answers)), "pope")
    truths = [record.answer.value for record in records]  # type: ignore[union-attr]
    hits = sum(truths[1:])
    assert found["headline"]["value"] == pytest.approx(2 * hits / (5 + sum(truths)))
    assert found["numbers"]["says yes"] == pytest.approx(5 / 6)
    assert found["numbers"]["precision"] == pytest.approx(hits / 5)


def test_published_scores_are_held_against_the_same_model_only(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(root, benchmarks=("mmsi",), published_as="Qwen2.5-VL-7B-Instruct")
    expect_what_is_there(monkeypatch, config)
    found = result_of(
        measure(config, out=tmp_path, engine=ToldEngine(perfect_answers(config))), "mmsi"
    )
    (anchor,) = found["anchors"]
    assert anchor["light"] == "discrepancy" and anchor["difference"] == pytest.approx(74.1)
    assert len(found["cautions"]) == 2 and "above people" in found["cautions"][0]
    assert [light_of(d) for d in (-2.5, 2.6, 5.0, -5.1)] == [
        "agree", "acceptable", "acceptable", "discrepancy",
    ]  # fmt: skip
    assert is_same_model("Qwen2.5-VL-7B", "Qwen/Qwen2.5-VL-7B-Instruct")
    assert not is_same_model("Qwen2.5-VL-7B", "Qwen2.5-VL-72B")


def test_published_scores_have_a_source_and_names_that_are_found() -> None:
    found = {name: load_benchmark(name).anchors for name in BENCHMARKS.rows}
    assert [name for name, anchors in found.items() if not anchors] == ["coco_caption"]
    assert all(a.origin and 0 < a.value <= 100 for anchors in found.values() for a in anchors)
    told = {
        (name, anchor.part): anchor.value
        for name in ("textvqa", "ocrbench", "mmvet", "pope", "refcoco", "refcoco_g")
        for anchor in found[name]
        if is_same_model(anchor.model, "Qwen2.5-VL-7B-Instruct")
    }
    assert told == {
        ("textvqa", ""): 84.9, ("ocrbench", ""): 86.4, ("mmvet", ""): 67.1, ("pope", ""): 85.9,
        ("refcoco", "val"): 90.2, ("refcoco_g", "val"): 87.2,
    }  # fmt: skip


def test_other_rules_score_the_same_answers(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = ("blink", "where2place", "robo_spatial", "vsibench", "refcoco", "textvqa")
    config = config_for(root, benchmarks=kinds, rules=("all",))
    expect_what_is_there(monkeypatch, config)
    result = measure(config, out=tmp_path, engine=ToldEngine(perfect_answers(config)))
    for kind in kinds:
        found = result_of(result, kind)
        ours = found["rules"]["default"]
        assert ours["num_left_out"] == 0
        if kind != "textvqa":
            assert ours["item_mean"] == pytest.approx(1.0), kind
    assert result_of(result, "blink")["rules"]["default"]["headline"] == pytest.approx(1.0)
    assert "by the rules of others" in (tmp_path / "table.md").read_text()


def test_a_sample_is_drawn_by_seed_and_never_has_a_headline(root: Path, tmp_path: Path) -> None:
    config = config_for(root, benchmarks=("blink",), max_items=6)
    engine = ToldEngine(perfect_answers(config))
    result = measure(config, out=tmp_path, engine=engine)
    assert len(engine.asked) == 6
    assert result_of(result, "blink")["headline"]["refused"] == "6 of 1,901 items"
    assert entry_of(result, "blink")["benchmark"]["num_there"] == 35
    other = config_for(root, benchmarks=("blink",), max_items=6, seed=1)
    assert sorted(perfect_answers(other)) != sorted(engine.asked)


def test_all_tells_what_is_not_there(root: Path) -> None:
    read = read_benchmarks(config_for(root, benchmarks=("all",)))
    assert {each.benchmark.kind for each in read.found} == set(COUNTS)
    assert set(read.left_out) == set(BENCHMARKS.rows) - set(COUNTS)
    assert "no folder named" in read.left_out["refcoco_g"]
    assert "graded by a language model" in read.left_out["mmvet"]


def test_other_spellings_name_the_same_benchmark() -> None:
    for alias, kind in ALIASES.items():
        assert load_benchmark(alias).kind == kind


def test_options_inside_a_question_are_found() -> None:
    told = split_options("Which is it? Choices: A. the cup. B. the plate. C. a bowl.")
    assert told.question == "Which is it?" and len(told.options) == 3
    lines = split_options("Point A. is where?\n\nA. left\nB. right\n")
    assert lines.question == "Point A. is where?" and lines.options == ("left", "right")
    pairs = split_options("How far?\nOptions: A: 1 m, B: 2 m, C: 3 m, D: 4 m")
    assert pairs == ("How far?", ("1 m", "2 m", "3 m", "4 m"))
    assert split_options("How many cars are there?").options == ()


def test_pictures_stand_between_the_words_where_the_data_set_says() -> None:
    assert with_marks("ab cd", indices=[2, 5], num_pictures=2) == "ab<image> cd<image>"
    assert with_marks("ab cd", indices=[0, 0], num_pictures=2) == "ab cd"


def test_vlmevalkits_table_is_read_too(tmp_path: Path) -> None:
    rows = [
        {
            "index": n, "question": "Which one?", "A": "cup", "B": "plate", "C": "bowl",
            "D": "box", "answer": "ABCD"[n], "category": "distance",
            "image": hub_files.base64_picture(n),
        }
        for n in range(4)
    ]  # fmt: skip
    hub_files.write_vlmevalkit_tsv(tmp_path / "embspatial" / "EmbSpatialBench.tsv", rows)
    records = records_of(tmp_path, "embspatial")
    assert [record.answer for record in records] == [
        Choice(letter, ("cup", "plate", "bowl", "box")) for letter in "ABCD"
    ]
    config = config_for(tmp_path, benchmarks=("embspatial",))
    engine = ToldEngine(perfect_answers(config))
    measure(config, out=tmp_path / "out", engine=engine)
    assert engine.num_pictures == {record.id: 1 for record in records}


def test_a_null_picture_is_none_whatever_its_path_says(tmp_path: Path) -> None:
    hub_files.blink(tmp_path)
    file = tmp_path / "BLINK" / "IQ_Test" / "val-00000-of-00001.parquet"
    rows = hub_files.pq.read_table(file).to_pylist()
    for row in rows:
        row["image_1"]["path"] = None
        row["image_3"] = {"bytes": None, "path": None}
    names = ("image_1", "image_2", "image_3", "image_4")
    hub_files.write_parquet(file, rows, pictures=names)
    changed = [r for r in records_of(tmp_path, "blink") if r.meta["subtask"] == "IQ_Test"]
    assert all(len(record.media) == 1 for record in changed)
    assert isinstance(changed[0].media[0], ParquetPicture)


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ValueError, match="prompt"):
        BenchmarkConfig.model_validate({"root": Path(), "prompt": "author"})
    with pytest.raises(RoboLoopError, match="E-CFG-006"):
        read_benchmarks(config_for(Path(), benchmarks=("blonk",)))
    with pytest.raises(RoboLoopError, match="did you mean 'flagevalmm'"):
        read_benchmarks(config_for(Path(), benchmarks=("blink",), prompts="flagevalm"))
    with pytest.raises(RoboLoopError, match="did you mean 'vlmevalkit'"):
        read_benchmarks(config_for(Path(), benchmarks=("blink",), rules=("vlmevalkt",)))


def test_dialect_of_a_model_is_used_where_the_prompt_leaves_it_open() -> None:
    assert prompt_named(load_benchmark("blink"), AUTHOR).dialect is None
    assert PLAIN.kind == "plain"
