"""What is wrong with a benchmark's files is named with file and row, and no item is lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hub_files
import pyarrow.parquet as pq
import pytest
from benchmark_engine import ToldEngine, config_for, measure, perfect_answers, result_of

from roboloop.base.errors import RoboLoopError
from roboloop.evaluate.benchmarks.reading import read_benchmarks


def read(root: Path, kind: str) -> None:
    read_benchmarks(config_for(root, benchmarks=(kind,)))


def refuses(root: Path, kind: str, *, code: str, says: str) -> None:
    with pytest.raises(RoboLoopError) as found:
        read(root, kind)
    assert found.value.code == code, found.value
    assert says in str(found.value), found.value


def change_rows(file: Path, change: Callable[[list[dict[str, Any]]], None], *pictures: str) -> None:
    rows = pq.read_table(file).to_pylist()
    change(rows)
    hub_files.write_parquet(file, rows, pictures=pictures or ("image",))


def test_a_folder_that_is_not_there_is_named_with_all_its_names(tmp_path: Path) -> None:
    refuses(tmp_path, "blink", code="E-EVA-010", says="BLINK-Benchmark/BLINK")
    refuses(tmp_path / "nowhere", "blink", code="E-EVA-010", says="no folder")
    with pytest.raises(RoboLoopError, match="no benchmark is in it"):
        read(tmp_path, "all")


def test_a_missing_task_of_blink_is_named(tmp_path: Path) -> None:
    hub_files.blink(tmp_path)
    shutil.rmtree(tmp_path / "BLINK" / "Jigsaw")
    refuses(tmp_path, "blink", code="E-EVA-010", says="Jigsaw/val-*.parquet")


def test_the_test_split_of_blink_is_not_taken_for_val(tmp_path: Path) -> None:
    hub_files.blink(tmp_path)
    for file in (tmp_path / "BLINK").glob("*/val-*.parquet"):
        file.rename(file.with_name(file.name.replace("val", "test")))
    refuses(tmp_path, "blink", code="E-EVA-010", says="val-*.parquet")


def test_another_schema_is_refused_with_the_columns_that_are_there(tmp_path: Path) -> None:
    hub_files.embspatial(tmp_path)
    (file,) = tmp_path.rglob("test-*.parquet")
    table = pq.read_table(file).drop_columns(["answer_options"])
    pq.write_table(table, file)
    refuses(tmp_path, "embspatial", code="E-EVA-011", says="answer_options; it has question_id")


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    hub_files.embspatial(tmp_path)
    (file,) = tmp_path.rglob("test-*.parquet")
    file.write_bytes(file.read_bytes()[:-40])
    refuses(tmp_path, "embspatial", code="E-EVA-011", says=str(file))


def test_a_row_without_answer_is_named(tmp_path: Path) -> None:
    hub_files.embspatial(tmp_path)
    (file,) = tmp_path.rglob("test-*.parquet")
    change_rows(file, lambda rows: rows[3].update(answer=None))
    refuses(tmp_path, "embspatial", code="E-EVA-012", says="row 3")


@pytest.mark.parametrize("answer", [4, -1, 99])
def test_an_answer_that_is_no_option_is_named(tmp_path: Path, answer: int) -> None:
    hub_files.embspatial(tmp_path)
    (file,) = tmp_path.rglob("test-*.parquet")
    change_rows(file, lambda rows: rows[2].update(answer=answer))
    refuses(tmp_path, "embspatial", code="E-EVA-012", says=f"answer {answer} of 4 options")


def test_two_rows_with_one_id_are_both_named(tmp_path: Path) -> None:
    hub_files.embspatial(tmp_path)
    (file,) = tmp_path.rglob("test-*.parquet")
    change_rows(file, lambda rows: rows[4].update(question_id=rows[1]["question_id"]))
    refuses(tmp_path, "embspatial", code="E-REC-004", says="row 4 has the id of")


def test_a_row_without_picture_is_named(tmp_path: Path) -> None:
    hub_files.embspatial(tmp_path)
    (file,) = tmp_path.rglob("test-*.parquet")
    change_rows(file, lambda rows: rows[0].update(image=None))
    refuses(tmp_path, "embspatial", code="E-EVA-012", says="no picture")


def test_an_unknown_subtask_is_refused_where_the_headline_weighs_them(tmp_path: Path) -> None:
    hub_files.cvbench(tmp_path)
    (file,) = tmp_path.rglob("test_3d.parquet")
    change_rows(file, lambda rows: rows[0].update(source="KITTI"))
    refuses(tmp_path, "cvbench", code="E-EVA-012", says="no subtask 'KITTI'")


def test_an_empty_mask_and_one_of_another_size_are_refused(tmp_path: Path) -> None:
    hub_files.refspatial(tmp_path)
    (file,) = tmp_path.rglob("location-*.parquet")
    small = {"bytes": hub_files.mask_bytes(size=(32, 24)), "path": "m.png"}
    change_rows(file, lambda rows: rows[1].update(mask=small), "image", "mask")
    refuses(tmp_path, "refspatial_location", code="E-EVA-012", says="32x24 pixels")
    black = {"bytes": hub_files.picture_bytes(0), "path": "m.png"}
    change_rows(file, lambda rows: rows[1].update(mask=black), "image", "mask")
    refuses(tmp_path, "refspatial_location", code="E-EVA-012", says="mask is empty")


def test_a_polygon_in_pixels_is_refused(tmp_path: Path) -> None:
    hub_files.robo_spatial(tmp_path)
    (file,) = tmp_path.rglob("context-*.parquet")
    change_rows(
        file, lambda rows: rows[0].update(answer="[(10, 10), (20, 10), (20, 20)]"),
        "img", "depth_image", "mask",
    )  # fmt: skip
    refuses(tmp_path, "robo_spatial", code="E-EVA-012", says="fractions")


def test_a_video_that_is_not_there_or_too_short_is_named(tmp_path: Path) -> None:
    hub_files.vsibench(tmp_path)
    (tmp_path / "VSI-Bench" / "scannet" / "scene0000_00.mp4").unlink()
    refuses(tmp_path, "vsibench", code="E-EVA-012", says="scannet/scene0000_00.mp4")
    hub_files.egoplan(tmp_path)
    listing = tmp_path / "egoplan" / "EgoPlan-Bench2.json"
    entries = json.loads(listing.read_text())
    entries[2]["current_observation_frame"] = 4000
    listing.write_text(json.dumps(entries))
    refuses(tmp_path, "egoplan", code="E-EVA-012", says="frames 4 to 4000 of a video with 40")


def test_a_picture_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    hub_files.all_angles(tmp_path)
    listing = tmp_path / "All-Angles-Bench" / "data.json"
    entries = json.loads(listing.read_text())
    entries[0]["image_path"] = ["../../etc/passwd"]
    listing.write_text(json.dumps(entries))
    with pytest.raises(RoboLoopError, match=r"E-MED-005|E-EVA-012"):
        read(tmp_path, "all_angles")


def test_no_json_and_json_of_another_shape_are_refused(tmp_path: Path) -> None:
    hub_files.all_angles(tmp_path)
    listing = tmp_path / "All-Angles-Bench" / "data.json"
    listing.write_text("{")
    refuses(tmp_path, "all_angles", code="E-EVA-011", says="not JSON")
    listing.write_text('{"data": []}')
    refuses(tmp_path, "all_angles", code="E-EVA-011", says="not a list")
    listing.write_text("[1]")
    refuses(tmp_path, "all_angles", code="E-EVA-012", says="not an object")


def test_a_truncated_picture_fails_its_item_only_and_makes_the_run_incomplete(
    tmp_path: Path,
) -> None:
    hub_files.embspatial(tmp_path)
    (file,) = tmp_path.rglob("test-*.parquet")
    cut = {"bytes": hub_files.picture_bytes(2)[:60], "path": "2.png"}
    change_rows(file, lambda rows: rows[2].update(image=cut))
    config = config_for(tmp_path, benchmarks=("embspatial",))
    result = measure(config, out=tmp_path / "out", engine=ToldEngine(perfect_answers(config)))
    found = result_of(result, "embspatial")
    assert found["num_request_failed"] == 1 and not result.complete
    lines = (tmp_path / "out" / "items.jsonl").read_text().splitlines()
    (failed,) = [
        item["predictions"]["told"]
        for item in map(json.loads, lines)
        if item["predictions"]["told"]["status"] == "request_failed"
    ]
    assert "image[2]" in failed["note"] and "E-MED" in failed["note"]


def test_a_zip_without_one_of_its_pictures_is_refused(tmp_path: Path) -> None:
    import zipfile

    hub_files.omni_spatial_test(tmp_path)
    archive = tmp_path / "omni_spatial_test" / "OmniSpatial-test.zip"
    with zipfile.ZipFile(archive) as old:
        kept = {name: old.read(name) for name in old.namelist() if "/1.png" not in name}
    with zipfile.ZipFile(archive, "w") as new:
        for name, data in kept.items():
            new.writestr(name, data)
    refuses(tmp_path, "omni_spatial_test", code="E-EVA-012", says="1.png' is not there")
