"""ego4d: both layouts of narrations, clips of the forecasting benchmark, and dirty entries."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from roboloop.base.errors import RoboLoopError
from roboloop.records import Text
from roboloop.sources.ego4d import Ego4dSource
from roboloop.sources.ego4d_files import clean_narration, readable_label

Write = Callable[[Path, Any], Path]
UID = "001e3e4e-2743-47fc-8564-d5efd11f9e90"


def narration(frame: int, text: str, **more: Any) -> dict[str, Any]:
    return {
        "timestamp_sec": frame / 30, "timestamp_frame": frame, "narration_text": text,
        "annotation_uid": f"a{frame}", **more,
    }  # fmt: skip


def narrated(*narrations: Any) -> dict[str, Any]:
    return {"narration_pass_1": {"narrations": list(narrations), "summaries": []}}


DAY = (
    narration(0, "#C C picks a bag of clothes."),
    narration(30, "#C C opens the bag #unsure"),
    narration(60, "#O A man X walks around."),
    narration(90, "#C C folds the shirt"),
    narration(120, "#C C drops the shirt."),
    narration(150, "#C C looks around"),
)


@pytest.mark.parametrize("whole", [{UID: narrated(*DAY)}, {"videos": {UID: narrated(*DAY)}}])
def test_next_action_of_the_wearer(
    tmp_path: Path, read: Any, write_json: Write, whole: dict[str, Any]
) -> None:
    found = read(Ego4dSource(path=write_json(tmp_path / "narration.json", whole)))
    assert not found.rejected
    assert [(r.answer, r.meta["actions_before"]) for r in found.records] == [
        (Text("drops the shirt"), ["folds the shirt"]),
        (Text("looks around"), ["folds the shirt", "drops the shirt"]),
    ]  # what others do and what was not sure is no step, and nothing is asked across it
    assert found.records[0].id == f"ego4d/{UID}/narration_pass_1/planning/00004"
    assert found.records[0].origin == f"narration.json!{UID}/narration_pass_1"
    assert found.records[0].licence == "Ego4D licence agreement"
    assert found.records[0].meta["published_narration"] == "#C C drops the shirt."


def test_passes_are_not_mixed(tmp_path: Path, read: Any, write_json: Write) -> None:
    other = {"narrations": [narration(5, "#C C sings"), narration(95, "#C C dances")]}
    whole = {UID: {**narrated(*DAY[3:]), "narration_pass_2": other, "status": "complete"}}
    found = read(Ego4dSource(path=write_json(tmp_path / "narration.json", whole)))
    assert [r.meta["actions_before"] for r in found.records][-1] == ["sings"]
    assert len(found.records) == 3


@pytest.mark.parametrize(
    "bad",
    [
        narration(100, "#C C jumps", is_rejected=True, reject_reason="black picture"),
        narration(100, "#C C jumps", is_invalid_annotation=True),
        narration(-4, "#C C jumps"),
        {"narration_text": "#C C jumps"},
        narration(100, "#C C jumps", timestamp_sec=float("nan")),
        "no object",
    ],
    ids=lambda value: str(value)[-40:],
)
def test_bad_narration_costs_itself_and_no_question_spans_it(
    tmp_path: Path, read: Any, write_json: Write, bad: Any
) -> None:
    whole = {UID: narrated(DAY[3], bad, DAY[4], DAY[5])}
    found = read(Ego4dSource(path=write_json(tmp_path / "narration.json", whole)))
    assert found.codes[0] in ("E-DAT-004", "E-REC-010") and len(found.codes) == 1
    assert found.rejected[0].record_id == f"ego4d/{UID}/narration_pass_1/1"
    assert [r.meta["actions_before"] for r in found.records] == [["drops the shirt"]]


def clip(index: int, verb: str, noun: str, *, uid: str = "c1", **more: Any) -> dict[str, Any]:
    return {
        "video_uid": "v", "clip_uid": uid, "clip_id": 7, "action_idx": index, "verb": verb,
        "noun": noun, "verb_label": 1, "noun_label": 2, "action_clip_start_sec": index * 1.0,
        "action_clip_end_sec": index + 0.5, "action_clip_start_frame": index * 30,
        "action_clip_end_frame": index * 30 + 15, **more,
    }  # fmt: skip


def test_clips_are_sorted_and_a_missing_number_is_a_gap(
    tmp_path: Path, read: Any, write_json: Write
) -> None:
    clips = [
        clip(2, "put_(place,_leave,_drop)", "knife_(knife,_machete)"),
        clip(0, "take_(pick,_grab,_get)", "knife_(knife,_machete)"),
        clip(1, "cut_(trim,_slice,_chop)", "onion", uid="c2"),
        clip(1, "cut_(trim,_slice,_chop)", "onion"),
        clip(5, "wash", "hand"),
        clip(6, "wipe", "hand"),
        clip(4, "x", "y", is_rejected=True),
    ]
    whole = {"version": "1.0", "split": "train", "clips": clips}
    found = read(Ego4dSource(path=write_json(tmp_path / "fho_lta_val.json", whole)))
    assert found.codes == ["E-DAT-004"]
    assert found.rejected[0].record_id == "ego4d/clips/c1/00004"
    assert [(r.answer.text, r.meta["actions_before"]) for r in found.records] == [
        ("cut onion", ["take knife"]),
        ("put knife", ["take knife", "cut onion"]),
        ("wipe hand", ["wash hand"]),
    ]
    assert {r.split for r in found.records} == {"val"}


def test_frames_of_a_clip(tmp_path: Path, read: Any, write_json: Write) -> None:
    film = tmp_path / "videos/c1.mp4"
    film.parent.mkdir()
    with av.open(str(film), "w") as container:
        stream: Any = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(50):
            shade = np.zeros((32, 32, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shade, format="rgb24")))
        container.mux(stream.encode())
    clips = [clip(0, "take", "cup"), clip(1, "put", "cup"), clip(2, "take", "pan")]
    path = write_json(tmp_path / "lta/fho_lta_train.json", {"clips": clips})
    found = read(Ego4dSource(path=path, video_folder=film.parent, num_frames=3))
    named = found.one("ego4d/clips/c1/vqa/00001")
    assert [medium.frame for medium in named.media] == [30, 38, 45]
    assert named.answer == Text("put cup") and named.media[0].content_hash
    assert found.codes == ["E-MED-007"]  # the film ends before the third action
    (lost,) = found.rejected
    assert lost.record_id == "ego4d/clips/c1/vqa/00002"


def test_whole_files_that_cannot_be_read(tmp_path: Path, read: Any) -> None:
    for text, code in (
        ('{"version": 1}', "E-DAT-002"),
        ("[]", "E-DAT-002"),
        ('{"clips": [{"clip_uid": "c"}', "E-REC-014"),
        ('{"videos": {"a" 1}}', "E-REC-001"),
    ):
        path = tmp_path / "narration.json"
        path.write_text(text)
        with pytest.raises(RoboLoopError) as caught:
            read(Ego4dSource(path=path))
        assert caught.value.code == code, text


def test_texts() -> None:
    assert clean_narration("#C C picks a bag. ") == "picks a bag"
    assert clean_narration("#c C  picks a bag #summary") == "picks a bag"
    assert clean_narration("#C looks around") == "looks around"
    assert clean_narration("#O man X walks") is None
    assert clean_narration("#C C holds #unsure") is None
    assert clean_narration("#C C") is None
    assert readable_label("turn_on_(switch_on,_start,_light)") == "turn on"
    assert readable_label("vacuum_cleaner") == "vacuum cleaner"
