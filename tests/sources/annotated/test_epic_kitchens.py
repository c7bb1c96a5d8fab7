"""epic_kitchens: rows as published, frames or films or neither, and dirty rows."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from roboloop.base.errors import RoboLoopError
from roboloop.records import FilePicture, Text, VideoFrame
from roboloop.records.episode import episode_of
from roboloop.sources.action_questions import Moment, moments_between
from roboloop.sources.epic_kitchens import EpicKitchensSource
from roboloop.sources.epic_rows import COLUMNS, list_cell, readable_noun, seconds_of

Rows = Callable[..., Path]
ACTIONS = (
    ("open door", "open", 3, "door", 3, "['door']", "[3]"),
    ("turn on light", "turn-on", 6, "light", 114, "['light']", "[114]"),
    ("close door", "close", 4, "door", 3, "['door']", "[3]"),
    ("open tap", "open", 3, "tap", 0, "['tap']", "[0]"),
    ("wash hand in water of tap", "wash", 2, "hand", 11, "['hand', 'tap:water']", "[11, 27]"),
    ("close tap", "close", 4, "tap", 0, "['tap']", "[0]"),
    ("take board", "take", 0, "board:chopping", 20, "['board:chopping']", "[20]"),
)


def clock(frame: int) -> str:
    seconds = frame / 60
    return f"00:{int(seconds // 60):02d}:{seconds % 60:05.2f}"


def row(number: int, *, video: str = "P01_01", **changed: str) -> dict[str, str]:
    narration, verb, verb_class, noun, noun_class, nouns, classes = ACTIONS[number % len(ACTIONS)]
    start, stop = 1 + 60 * number, 40 + 60 * number
    values = (
        f"{video}_{number}", video.split("_")[0], video, clock(start), clock(start), clock(stop),
        str(start), str(stop), narration, verb, str(verb_class), noun, str(noun_class), nouns,
        classes,
    )  # fmt: skip
    return {**dict(zip(COLUMNS, values, strict=True)), **changed}


def write_rows(file: Path, rows: list[dict[str, str]]) -> Path:
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return file


def seven(**more: Any) -> list[dict[str, str]]:
    return [row(number, **more) for number in range(7)]


def test_a_video_is_an_episode(tmp_path: Path, read: Any) -> None:
    file = write_rows(tmp_path / "EPIC_100_train.csv", seven())
    found = read(EpicKitchensSource(path=file, episodes=True, questions=()))
    (record,) = found.records
    episode = episode_of(record)
    assert episode is not None and record.id == "epic_kitchens/P01_01/episode"
    assert [step.text for step in episode.steps] == [action[0] for action in ACTIONS]
    assert [step.span for step in episode.steps][:2] == [(1, 40), (61, 100)]
    assert record.answer == Text("open door")


def test_without_frames_what_was_done_stands_in_the_question(tmp_path: Path, read: Any) -> None:
    rows = seven()
    write_rows(tmp_path / "EPIC_100_train.csv", [rows[2], rows[0], rows[1], *rows[3:]])
    write_rows(tmp_path / "EPIC_100_validation.csv", seven(video="P02_03"))
    found = read(EpicKitchensSource(path=tmp_path))
    assert not found.rejected
    assert [r.split for r in found.records] == ["train"] * 6 + ["val"] * 6
    third = found.one("epic_kitchens/P01_01/planning/P01_01_2")
    assert third.inputs["question"] == (
        "A person has just done this:\n1. open door\n2. turn on light\nWhat do they do next?"
    )
    assert third.answer == Text("close door") and not third.media
    last = found.one("epic_kitchens/P01_01/planning/P01_01_6")
    assert last.meta["actions_before"] == [
        "open tap",
        "wash hand in water of tap",
        "close tap",
    ]
    assert last.meta["noun"] == "chopping board" and last.meta["verb_class"] == 0
    wash = found.one("epic_kitchens/P01_01/planning/P01_01_4")
    assert wash.meta["all_nouns"] == ["hand", "water tap"]
    assert wash.origin == "EPIC_100_train.csv:6"
    assert {r.licence for r in found.records} == {"CC-BY-NC-4.0"}


@pytest.fixture
def filmed(tmp_path: Path, picture: Any) -> Path:
    """Seven actions with the frames of the frame folder."""
    for frame in range(1, 402):
        picture(tmp_path / f"P01/rgb_frames/P01_01/frame_{frame:010d}.jpg", (8, 6))
    write_rows(tmp_path / "EPIC_100_train.csv", seven())
    return tmp_path


def frames_of(record: Any) -> list[int]:
    assert all(isinstance(medium, FilePicture) for medium in record.media)
    return [int(medium.path[-14:-4]) for medium in record.media]


def test_with_frames_the_question_is_about_them(filmed: Path, read: Any) -> None:
    questions = ("next_action", "action_name", "action_choice", "egoplan")
    found = read(EpicKitchensSource(path=filmed, questions=questions, num_frames=4))
    assert not found.rejected
    third = found.one("epic_kitchens/P01_01/planning/P01_01_2")
    assert third.inputs["question"] == (
        "These pictures show what a person has just done. What do they do next?"
    )
    assert frames_of(third) == [1, 34, 67, 100]  # nothing of the action asked for
    assert third.media[0].path == "epic_kitchens:P01/rgb_frames/P01_01/frame_0000000001.jpg"
    named = found.one("epic_kitchens/P01_01/vqa/P01_01_1")
    assert named.answer == Text("turn on light") and frames_of(named) == [61, 74, 87, 100]
    for record in found.of("choice_vqa"):
        options = record.inputs["options"]
        assert len(set(options)) == 4
        assert options["ABCD".index(record.answer.letter)] == ACTIONS[int(record.id[-1])][0]
    assert len({record.answer.letter for record in found.of("choice_vqa")}) > 1
    plans = found.of("planning_choice")
    assert [record.id[-1] for record in plans] == ["1", "2", "3"]
    assert (
        plans[1]
        .inputs["question"]
        .endswith("what action should I take next in order to close tap?")
    )
    assert plans[1].answer.options["ABCD".index(plans[1].answer.letter)] == "close door"
    assert plans[1].meta["task_goal"] == "close tap"


def test_frames_end_where_the_action_that_is_asked_for_begins(filmed: Path, read: Any) -> None:
    rows = seven()
    rows[1] |= {"stop_frame": "130", "stop_timestamp": clock(130)}  # the third begins at 121
    write_rows(filmed / "EPIC_100_train.csv", rows)
    found = read(EpicKitchensSource(path=filmed, questions=("next_action",), num_frames=4))
    assert frames_of(found.one("epic_kitchens/P01_01/planning/P01_01_2")) == [1, 41, 81, 121]


def test_egoplan_without_frames_tells_the_progress(tmp_path: Path, read: Any) -> None:
    path = write_rows(tmp_path / "EPIC_100_train.csv", seven())
    found = read(EpicKitchensSource(path=path, questions=("egoplan",)))
    assert (
        found.records[0]
        .inputs["question"]
        .startswith("So far I have done this:\n1. open door\nConsidering the progress")
    )


def test_missing_and_broken_frames(filmed: Path, read: Any) -> None:
    folder = filmed / "P01/rgb_frames/P01_01"
    (folder / "frame_0000000061.jpg").unlink()
    (folder / "frame_0000000121.jpg").write_bytes(b"")
    source = EpicKitchensSource(path=filmed, questions=("action_name",), num_frames=2)
    found = read(source)
    assert found.codes == ["E-MED-001", "E-MED-002"] and len(found.records) == 5
    assert found.rejected[0].record_id == "epic_kitchens/P01_01/vqa/P01_01_1"


def test_film_frames_are_found_by_time(tmp_path: Path, read: Any) -> None:
    """Annotated frames count 60 in a second, this film has 30."""
    film = tmp_path / "media/P01/videos/P01_01.MP4"
    film.parent.mkdir(parents=True)
    with av.open(str(film), "w") as container:
        stream: Any = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for number in range(205):
            shade = np.full((32, 32, 3), number, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shade, format="rgb24")))
        container.mux(stream.encode())
    path = write_rows(tmp_path / "EPIC_100_train.csv", seven())
    source = EpicKitchensSource(
        path=path, media_folder=tmp_path / "media", questions=("action_name",), num_frames=2
    )
    with pytest.raises(RoboLoopError, match="EPIC_100_video_info"):
        read(source)
    info = tmp_path / "EPIC_100_video_info.csv"
    info.write_text("video_id,duration,fps,resolution\nP01_01,6.8,30.0,32x32\n")
    source = EpicKitchensSource(**source.model_dump())
    found = read(source)
    named = found.one("epic_kitchens/P01_01/vqa/P01_01_1")
    assert all(isinstance(medium, VideoFrame) for medium in named.media)
    assert [medium.frame for medium in named.media] == [30, 50]  # 61 / 60 s and 100 / 60 s
    info.write_text("video_id,duration,fps,resolution\nP02_01,6.8,30.0,32x32\n")
    source = EpicKitchensSource(**source.model_dump())
    found = read(source)
    assert set(found.codes) == {"E-DAT-004"} and not found.records


BAD_ROWS: list[tuple[dict[str, str], str]] = [
    ({"start_timestamp": "1 minute"}, "E-DAT-004"),
    ({"start_timestamp": "00:99:00.00"}, "E-DAT-004"),
    ({"start_frame": "0"}, "E-DAT-004"),
    ({"stop_frame": "1"}, "E-DAT-004"),
    ({"start_frame": "12.5"}, "E-DAT-004"),
    ({"all_nouns": "__import__('os').system('x')"}, "E-DAT-004"),
    ({"all_nouns": "['light'"}, "E-DAT-004"),
    ({"all_nouns": "[" * 3000}, "E-DAT-004"),
    ({"all_noun_classes": "[1.5]"}, "E-DAT-004"),
    ({"narration": " "}, "E-DAT-004"),
    ({"video_id": "../P01"}, "E-DAT-004"),
    ({"narration_id": "P01_01_0"}, "E-REC-004"),
    ({"narration": "turn on \udcff"}, "E-REC-001"),
]


@pytest.mark.parametrize(("changed", "code"), BAD_ROWS, ids=lambda value: ascii(value)[:40])
def test_bad_row_costs_itself_and_no_question_spans_it(
    tmp_path: Path, read: Any, changed: dict[str, str], code: str
) -> None:
    rows = seven()
    rows[1] |= changed
    path = tmp_path / "EPIC_100_train.csv"
    with path.open("w", newline="", errors="surrogateescape") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    found = read(EpicKitchensSource(path=path))
    assert found.codes == [code] and found.rejected[0].error.place.line == 3
    asked = {record.id[-1]: record.meta["actions_before"] for record in found.records}
    assert "2" not in asked and asked["3"] == ["close door"]
    assert "turn on light" not in asked["4"]


def test_row_that_is_cut_off(tmp_path: Path, read: Any) -> None:
    path = write_rows(tmp_path / "EPIC_100_train.csv", seven())
    path.write_bytes(path.read_bytes()[:-40])
    found = read(EpicKitchensSource(path=path))
    assert found.codes == ["E-DAT-004"] and len(found.records) == 5


def test_whole_files_that_cannot_be_read(tmp_path: Path, read: Any) -> None:
    for text, code in ((None, "E-DAT-001"), ("", "E-DAT-002"), ("a,b\n1,2\n", "E-DAT-002")):
        if text is not None:
            (tmp_path / "EPIC_100_train.csv").write_text(text)
        with pytest.raises(RoboLoopError) as caught:
            read(EpicKitchensSource(path=tmp_path))
        assert caught.value.code == code


def test_cells() -> None:
    assert readable_noun("tap:water") == "water tap"
    assert readable_noun("board:chopping") == "chopping board"
    assert readable_noun("door") == "door"
    assert seconds_of("01:02:03.45") == pytest.approx(3723.45)
    assert list_cell("['a', \"b's\"]") == ["a", "b's"] and list_cell("[]") == []
    assert [m.frame for m in moments_between(Moment(5, 1), Moment(9, 2), count=3)] == [5, 7, 9]
    assert moments_between(Moment(5, 1), Moment(9, 2), count=3)[1].seconds == 1.5
    assert moments_between(Moment(5, 1), Moment(5, 1), count=3) == (Moment(5, 1),)
