"""Whatever stands in any place of an entry, it costs entries and never a traceback."""

from __future__ import annotations

import copy
import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from roboloop.base.errors import RoboLoopError
from roboloop.records import Record
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.data_set import DataSetSource
from roboloop.sources.ego4d import Ego4dSource
from roboloop.sources.egoplan import EgoPlanSource
from roboloop.sources.epic_kitchens import EpicKitchensSource
from roboloop.sources.epic_rows import COLUMNS
from roboloop.sources.lvis import LvisSource
from roboloop.sources.manipvqa import ManipVqaSource
from roboloop.sources.share_robot import ShareRobotSource
from roboloop.sources.visual_genome import VisualGenomeSource

JUNK: tuple[Any, ...] = (
    None, True, -1, 0, 10**400, 1e308, float("nan"), "", "x", "/", "[1,2,3,4]", [], [[]],
    ["", None], {}, {"x": {}},
)  # fmt: skip

OBJECT = {
    "object_id": 1, "names": ["cup"], "synsets": ["cup.n.01"], "attributes": ["red"],
    "x": 1, "y": 2, "w": 3, "h": 4,
}  # fmt: skip
PROGRESS = [{"narration_text": "open it", "start_frame": 1, "stop_frame": 9}]
CLIP = {
    "video_uid": "v", "clip_uid": "c", "action_idx": 0, "verb": "take", "noun": "cup",
    "action_clip_start_sec": 0.0, "action_clip_end_sec": 1.0, "action_clip_start_frame": 0,
    "action_clip_end_frame": 30,
}  # fmt: skip
TURNS = [{"from": "human", "value": "Where? [0.1, 0.5, 0.6, 0.6]"}, {"from": "gpt", "value": "it"}]
ABOUT = {"original_dataset": "bridge", "original_width": 64, "original_height": 48}

WHOLE: dict[str, tuple[dict[str, Any], Callable[[Path], DataSetSource]]] = {
    "lvis": (
        {
            "a.json": {
                "images": [
                    {
                        "id": 7, "width": 64, "height": 48, "license": 1,
                        "file_name": "COCO_a_7.jpg",
                        "coco_url": "http://x/val2017/7.jpg", "neg_category_ids": [2],
                        "not_exhaustive_category_ids": [3],
                    }
                ],
                "annotations": [{"id": 1, "image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4]}],
                "categories": [{"id": 1, "name": "a b", "synonyms": ["a", "b"]}],
                "licenses": [{"id": 1, "name": "free"}],
            }
        },
        lambda folder: LvisSource(path=folder / "a.json", verify_media=False),
    ),
    "visual_genome": (
        {
            "image_data.json": [
                {"image_id": 7, "width": 64, "height": 48, "url": "http://x/VG_100K/7.jpg"}
            ],
            "objects.json": [{"image_id": 7, "objects": [OBJECT]}],
            "attributes.json": [{"image_id": 7, "attributes": [OBJECT]}],
            "relationships.json": [
                {
                    "image_id": 7,
                    "relationships": [
                        {
                            "relationship_id": 5, "predicate": "on",
                            "subject": {**OBJECT, "name": "cup"}, "object": OBJECT,
                        }
                    ],
                }
            ],
            "region_descriptions.json": [
                {
                    "id": 7,
                    "regions": [
                        {"region_id": 6, "phrase": "it", "x": 1, "y": 2, "width": 3, "height": 4}
                    ],
                }
            ],
            "question_answers.json": [
                {"id": 7, "qas": [{"qa_id": 8, "question": "What?", "answer": "It."}]}
            ],
        },
        lambda folder: VisualGenomeSource(path=folder, verify_media=False),
    ),
    "manipvqa": (
        {"a.json": [{"image": "gone.jpg", "conversations": TURNS}]},
        lambda folder: ManipVqaSource(path=folder, boxes="padded_square"),
    ),
    "share_robot": (
        {
            "a.json": [
                {
                    "id": "e", "task": "Planning_Task", "selected_step": 1,
                    "conversations": TURNS, "image": [],
                },
                {
                    "id": 1, "meta_data": ABOUT, "instruction": "take it",
                    "affordance": {"x": 1, "y": 2, "width": 3, "height": 4},
                },
                {"id": 2, "meta_data": ABOUT, "instruction": "go", "points": [[1, 2], [3, 4]]},
            ]
        },
        lambda folder: ShareRobotSource(path=folder, verify_media=False),
    ),
    "ego4d": (
        {
            "a.json": {"clips": [CLIP, {**CLIP, "action_idx": 1, "noun": "pan"}]},
            "b.json": {
                "v": {
                    "narration_pass_1": {
                        "narrations": [
                            {
                                "narration_text": f"#C C {what}", "timestamp_sec": 1.0 * second,
                                "timestamp_frame": 30 * second,
                            }
                            for second, what in enumerate(("opens it", "closes it"))
                        ]
                    }
                }
            },
        },
        lambda folder: Ego4dSource(path=folder, questions=("next_action", "egoplan")),
    ),
    "egoplan": (
        {
            "a.json": [
                {
                    "sample_id": 1, "video_source": "EpicKitchens", "video_id": "P01_13",
                    "task_goal": "eat", "question": "What next?", "choice_a": "a", "choice_b": "b",
                    "choice_c": "c", "choice_d": "d", "golden_choice_idx": "A", "answer": "a",
                    "negative_answers": ["e"], "current_observation_frame": 9,
                    "task_progress_metadata": PROGRESS,
                }
            ]
        },
        lambda folder: EgoPlanSource(path=folder, epic_folder=folder, verify_media=False),
    ),
}  # fmt: skip


def damaged(value: Any) -> Iterator[Any]:
    """The value with each of its places, itself included, replaced by each piece of junk."""
    yield from JUNK
    if not isinstance(value, dict | list):
        return
    for key, part in list(value.items() if isinstance(value, dict) else enumerate(value)):
        for other in damaged(part):
            changed = copy.copy(value)
            changed[key] = other
            yield changed


def read_all(source: DataSetSource, folder: Path) -> None:
    """Every item is a record or a rejection; a whole set that cannot be read says so."""
    try:
        for item in source.read(SourceContext(folder / "made", 0)):
            assert isinstance(item, Record | Rejected)
    except RoboLoopError as error:
        assert error.code in ("E-DAT-001", "E-DAT-002", "E-REC-001", "E-REC-014")


@pytest.mark.parametrize("kind", WHOLE)
def test_json_with_junk_in_any_place(kind: str, tmp_path: Path) -> None:
    files, source_of = WHOLE[kind]
    for name, value in files.items():
        (tmp_path / name).write_text(json.dumps(value))
    for name, value in files.items():
        for changed in damaged(value):
            (tmp_path / name).write_text(json.dumps(changed))
            read_all(source_of(tmp_path), tmp_path)
        (tmp_path / name).write_text(json.dumps(value))


def test_rows_with_junk_in_any_place(tmp_path: Path) -> None:
    good = [
        [f"P01_01_{n}", "P01", "P01_01", "00:00:01.00", f"00:00:0{n}.00", f"00:00:0{n}.50",
         str(60 * n + 1), str(60 * n + 30), f"do {n}", "do", str(n), "it", "1", "['it']", "[1]"]
        for n in range(3)
    ]  # fmt: skip
    path = tmp_path / "EPIC_100_train.csv"
    junk = ("", "x", "-1", "9" * 400, "nan", "\x00", "[", "{}", "['a', b]", '"', "P01_01_0")
    for place in range(len(COLUMNS)):
        for text in junk:
            rows = copy.deepcopy(good)
            rows[1][place] = text
            with path.open("w", newline="") as stream:
                csv.writer(stream).writerows([list(COLUMNS), *rows])
            read_all(EpicKitchensSource(path=path), tmp_path)
