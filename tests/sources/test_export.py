"""Records -> a published form -> its source -> the same records."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize, Point
from roboloop.base.pictures import encode_png
from roboloop.cli.main import run_command
from roboloop.dialects import Dialect, load_dialect
from roboloop.records import (
    Box,
    Choice,
    FilePicture,
    ParquetPicture,
    Record,
    Text,
    Trajectory,
    Turn,
)
from roboloop.records.answers import SPATIAL_KINDS, Answer, Points
from roboloop.records.jsonl import write_json_line
from roboloop.records.media import VideoFrame
from roboloop.records.media_open import MediaStore
from roboloop.records.record import record_to_json
from roboloop.records.shards import write_media_roots
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.declared_forms import AlpacaSource, MessagesSource, ShareGptSource
from roboloop.sources.detect import detect
from roboloop.sources.export.entries import entry_of
from roboloop.sources.export.lerobot_columns import COLUMN_OF_TASK, annotation_columns
from roboloop.sources.export.write import export_columns, export_entries
from roboloop.sources.json_source import JsonEntrySource
from roboloop.sources.llava_json import LlavaJsonSource

SIZE = PictureSize(320, 240)
CONTEXT = SourceContext(Path("made"), 0)
READERS: dict[str, type[JsonEntrySource]] = {
    "llava": LlavaJsonSource,
    "sharegpt": ShareGptSource,
    "messages": MessagesSource,
    "alpaca": AlpacaSource,
}
TASK_OF_KIND = {
    "box": "current_box", "points": "contact_point", "trajectory": "traj_wo_init_pos",
    "choice": "choice_vqa", "yes_no": "yes_no_vqa", "text": "vqa", "plan": "plan_steps",
}  # fmt: skip

places = st.builds(Point, st.floats(0, 320), st.floats(0, 240))
words = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)
boxes = st.tuples(places, places).map(
    lambda ends: Box(
        min(ends[0].x, ends[1].x), min(ends[0].y, ends[1].y),
        max(ends[0].x, ends[1].x), max(ends[0].y, ends[1].y),
    )
)  # fmt: skip
spatial = st.one_of(
    boxes,
    st.lists(places, min_size=2, max_size=2).map(lambda p: Points(tuple(p))),
    st.lists(places, min_size=3, max_size=10).map(lambda p: Trajectory(tuple(p))),
)
answers: st.SearchStrategy[Answer] = st.one_of(
    spatial,
    st.sampled_from("ABCD").map(Choice),
    words.map(Text),
)
histories = st.lists(st.tuples(words, words), max_size=2).map(
    lambda pairs: tuple(
        Turn(role, text)
        for pair in pairs
        for role, text in zip(("user", "assistant"), pair, strict=True)
    )
)
dialects = st.sampled_from(["plain", "qwen25_vl", "qwen3_vl", "internvl", "llava"])


@st.composite
def records(draw: st.DrawFn) -> Record:
    answer = draw(answers)
    rejected = draw(st.none() | words.map(Text) | st.just(answer).flatmap(alike))
    system = draw(st.sampled_from([(), (Turn("system", "Be brief."),)]))
    question = Turn("user", f"<image>\n{draw(words)}")
    return Record(
        id=draw(words),
        task=TASK_OF_KIND[answer.kind],
        media=(FilePicture(path="m:a.png", size=SIZE),),
        turns=(*system, *draw(histories), question),
        answer=answer,
        rejected=None if rejected == answer else rejected,
    )


def alike(answer: Answer) -> st.SearchStrategy[Answer]:
    """Answers of the same kind."""
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "box": boxes, "text": words.map(Text), "choice": st.sampled_from("ABCD").map(Choice)
    }  # fmt: skip
    return kinds.get(answer.kind, st.just(answer))


def close(read: Answer | None, *, to: Answer | None, dialect: Dialect) -> bool:
    """Whether an answer is the same, places to the dialect's resolution."""
    if to is None or read is None or to.kind not in SPATIAL_KINDS:
        return read == to
    reach = dialect.resolution_px(SIZE)
    ours, theirs = _points(read), _points(to)
    return len(ours) == len(theirs) and all(
        abs(a.x - b.x) <= reach.x + 1e-6 and abs(a.y - b.y) <= reach.y + 1e-6
        for a, b in zip(ours, theirs, strict=True)
    )


def _points(answer: Answer) -> tuple[Point, ...]:
    match answer:
        case Box(x1, y1, x2, y2):
            return (Point(x1, y1), Point(x2, y2))
        case Points(points) | Trajectory(points):
            return points
        case _:
            raise AssertionError(answer)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    Image.new("RGB", SIZE, "red").save(folder / "a.png")
    return folder


@pytest.mark.parametrize("form", READERS)
@settings(max_examples=40, deadline=None)
@given(record=records(), kind=dialects, keep=st.booleans())
def test_a_record_comes_back(
    form: Any, pictures: Path, record: Record, kind: str, keep: bool
) -> None:
    dialect = load_dialect(kind)
    entry = entry_of(record, form=form, dialect=dialect, pictures=["a.png"], keep=keep)
    file = pictures / f"{form}.json"
    file.write_text(json.dumps([entry], ensure_ascii=False), encoding="utf-8")
    source = READERS[form](
        path=file, name="m", coordinates=kind, verify_media=False, kept_records=keep
    )
    (read,) = source.read(CONTEXT)
    if isinstance(read, Rejected) and not keep and record.rejected is not None:
        # Places that differ by less than the dialect's resolution become one.
        assert read.error.code == "E-REC-016" and form != "llava"
        return
    assert isinstance(read, Record), read
    if keep:
        assert read == record
        return
    assert close(read.answer, to=record.answer, dialect=dialect), (read.answer, entry)
    assert (read.id, read.task, read.turns, read.media) == (
        record.id, record.task, record.turns, record.media)  # fmt: skip
    if form == "llava" or record.rejected is None:
        assert read.rejected is None
    elif record.rejected.kind == record.answer.kind:
        assert close(read.rejected, to=record.rejected, dialect=dialect), (read.rejected, entry)
    else:
        assert read.meta["rejected"] == record.rejected.text


def write_records(folder: Path, made: list[Record], **roots: Path) -> Path:
    folder.mkdir(exist_ok=True)
    lines = [write_json_line(record_to_json(record)) for record in made]
    (folder / "train.jsonl").write_bytes(b"".join(lines))
    write_media_roots(folder, roots=roots)
    return folder


def boxed(record_id: str, **more: Any) -> Record:
    return Record(
        id=record_id,
        task="current_box",
        media=(FilePicture(path="m:a.png", size=SIZE),),
        inputs={"instruction": "take the cup"},
        answer=Box(10.25, 20, 100, 120.5),
        **more,
    )


@pytest.mark.parametrize("form", READERS)
def test_the_verb_writes_a_file_that_its_source_reads(
    form: str, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pa.table({"image": pa.array([encode_png(Image.new("RGB", SIZE))], pa.binary())})
    (tmp_path / "tables").mkdir()
    pq.write_table(table, tmp_path / "tables/a.parquet")
    cell = ParquetPicture(path="t:a.parquet", column="image", row=0, size=SIZE)
    made = [
        boxed("1", meta={"x": [1]}, licence="MIT", origin="somewhere:1", split="val"),
        replace(boxed("2"), media=(cell, FilePicture(path="m:a.png", size=SIZE))),
        Record(id="3", task="vqa", inputs={"question": "Why?"}, answer=Text("So.")),
    ]
    folder = write_records(tmp_path / "records", made, m=pictures, t=tmp_path / "tables")
    out = tmp_path / f"out/{form}.jsonl"
    command = ["convert", str(folder), "--to", form, "--out", str(out), "--keep"]
    assert run_command(command) == 2  # coordinates without a dialect
    assert "E-CFG-003" in capsys.readouterr().err and not out.exists()
    assert run_command([*command, "--coordinates", "plain"]) == 0
    said = capsys.readouterr().err
    assert "3 written, 0 left out" in said
    image_folder = Path(said.split("image_folder: ")[1].strip())
    source = READERS[form](path=out, image_folder=image_folder, coordinates="plain")
    read = [item for item in source.read(CONTEXT) if isinstance(item, Record)]
    plain = load_dialect("plain")
    assert all(close(record.answer, to=made[0].answer, dialect=plain) for record in read[:2])
    assert read[2].answer == Text("So.")
    assert [len(record.media) for record in read] == [1, 2, 0]
    assert read[1].turns[-1].text.startswith("<image><image>\n")
    store = MediaStore(source.media_roots())
    assert np.asarray(store.open(read[1].media[0])).max() == 0
    kept = READERS[form](path=out, image_folder=image_folder, kept_records=True)
    assert list(kept.read(CONTEXT)) == made
    assert MediaStore(kept.media_roots()).open(cell).size == SIZE


def test_copied_pictures_lie_beside_the_file(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_records(tmp_path / "records", [boxed("1")], m=pictures)
    out = tmp_path / "a.json"
    told = ["convert", str(folder), "--to", "llava", "--out", str(out), "--coordinates", "plain"]
    assert run_command([*told, "--copy"]) == 0
    capsys.readouterr()
    (picture,) = (tmp_path / "a_pictures").iterdir()
    assert json.loads(out.read_text())[0]["image"] == picture.name
    assert picture.read_bytes() == (pictures / "a.png").read_bytes()
    assert detect(out).options["image_folder"] == str(tmp_path / "a_pictures")


def test_what_a_form_cannot_hold_is_left_out_and_said(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [
        boxed("1"),
        replace(boxed("2"), answer=Text("?"), turns=(Turn("user", "a"), Turn("user", "b"))),
        replace(boxed("3"), answer=Choice("A")),
    ]
    folder = write_records(tmp_path / "records", made, m=pictures)
    with (folder / "train.jsonl").open("ab") as stream:
        stream.write(b"{broken\n")
    out = tmp_path / "a.json"
    told = ["convert", str(folder), "--to", "alpaca", "--out", str(out), "--coordinates", "plain"]
    assert run_command(told) == 1
    said = capsys.readouterr().err
    assert "1 written, 3 left out" in said
    assert all(code in said for code in ("E-DAT-004", "E-REC-013", "E-REC-001"))
    assert [entry["id"] for entry in json.loads(out.read_text())] == ["1"]


def test_media_roots_beside_the_file_are_not_overwritten(pictures: Path, tmp_path: Path) -> None:
    folder = write_records(tmp_path / "records", [boxed("1")], m=pictures)
    write_media_roots(tmp_path, roots={"m": tmp_path / "other"})
    with pytest.raises(RoboLoopError, match="'m'") as caught:
        export_entries(folder, form="llava", out=tmp_path / "a.json",
                       dialect=load_dialect("plain"), keep=True)  # fmt: skip
    assert caught.value.code == "E-CFG-003"


def test_entries_without_a_kept_record_are_left_out(pictures: Path) -> None:
    file = pictures / "bare.json"
    file.write_text('[{"instruction": "a", "output": "b"}]')
    (rejected,) = AlpacaSource(path=file, kept_records=True).read(CONTEXT)
    assert isinstance(rejected, Rejected) and "--keep" in rejected.error.fix


# --- LeRobot columns ------------------------------------------------------------------------------


SOME_TASKS = ("current_box", "gripper_det", "final_box", "contact_point", "traj_wo_init_pos")
frames = st.tuples(st.sampled_from(SOME_TASKS), st.integers(0, 4))


@given(st.dictionaries(frames, spatial, max_size=8))
def test_columns_hold_the_answers_exactly(given_answers: dict[tuple[str, int], Answer]) -> None:
    kinds = {"contact_point": "points", "traj_wo_init_pos": "trajectory"}
    wanted = {
        key: answer
        for key, answer in given_answers.items()
        if answer.kind == kinds.get(key[0], "box")
    }
    made = [
        Record(
            id=f"{task}{frame}", task=task, answer=answer, inputs={"instruction": "go"},
            media=(VideoFrame(path="m:a.mp4", frame=frame, size=SIZE),),
        )
        for (task, frame), answer in wanted.items()
    ]  # fmt: skip
    columns, left_out = annotation_columns(made, num_frames=5)
    assert not left_out and all(len(texts) == 5 for texts in columns.values())
    assert sum(bool(text) for key in set(COLUMN_OF_TASK.values())
               for text in columns[f"annotation.{key}"]) == len(wanted)  # fmt: skip
    for (task, frame), answer in wanted.items():
        points = json.loads(columns[f"annotation.{COLUMN_OF_TASK[task]}"][frame])
        assert tuple(Point(*map(float, point)) for point in points) == _points(answer)
        assert columns["annotation.instruction_add"][frame] == "go"
        assert json.loads(columns["annotation.origin_shape"][frame]) == [320, 240]


def test_the_verb_writes_columns_for_each_episode(tmp_path: Path) -> None:
    def noted(name: str, task: str, episode: str, frame: int, answer: Answer) -> Record:
        return Record(id=name, task=task, answer=answer, meta={"episode": episode, "frame": frame})

    made = [
        noted("1", "current_box", "b", 0, Box(1, 2, 3, 4.5)),
        noted("2", "gripper_det", "a", 2, Box(1, 2, 3, 4)),
        noted("3", "choice_vqa", "a", 0, Choice("A")),
        boxed("4"),
    ]
    folder = write_records(tmp_path / "records", made)
    exported = export_columns(folder, out=tmp_path / "a.parquet")
    assert len(exported.left_out) == 2  # no column for a choice, no frame in the last
    table = pq.read_table(tmp_path / "a.parquet").to_pydict()
    assert list(zip(table["episode_name"], table["frame_index"], strict=True)) == [
        ("a", 0), ("a", 1), ("a", 2), ("b", 0)]  # fmt: skip
    assert table["annotation.gripper_box"] == ["", "", "[[1, 2], [3, 4]]", ""]
    assert table["annotation.object_box"] == ["", "", "", "[[1, 2], [3, 4.5]]"]
    with pytest.raises(RoboLoopError, match="says otherwise"):
        annotation_columns([made[1], replace(made[1], answer=Box(0, 0, 1, 1))], num_frames=3)
