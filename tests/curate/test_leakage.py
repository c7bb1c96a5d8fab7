"""Leakage: what repeats a benchmark is found, a template and a like scene are not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from made_pictures import encoded, scene
from PIL import Image, ImageEnhance

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.cli.main import run_command
from roboloop.curate.config import CurateConfig
from roboloop.curate.leakage import Leakage
from roboloop.curate.outcome import VERDICTS_FILE, curate
from roboloop.curate.overlap import TextIndex
from roboloop.curate.picture_print import HashTable, largest_difference, print_of
from roboloop.records.answers import Answer, Box, Text
from roboloop.records.media import FilePicture
from roboloop.records.media_open import MediaStore
from roboloop.records.record import Record
from roboloop.records.shard_files import ShardMark, ShardWriter
from roboloop.records.shards import write_folder_mark, write_media_roots
from roboloop.runs.ledger import Ledger, read_ledger

LONG = " ".join(f"word{number}" for number in range(70))


def record(
    name: str,
    *,
    picture: str | None = None,
    split: str = "train",
    question: str = "What is on the table?",
    answer: Answer | None = None,
    episode: str | None = None,
    frame: int = 0,
) -> Record:
    size = PictureSize(320, 180)
    media = (FilePicture(path=f"made:{picture}", size=size),) if picture else ()
    spatial = isinstance(answer, Box)
    return Record(
        id=name, task="current_box" if spatial else "vqa", split=split, media=media, source="made",
        inputs={"instruction": question} if spatial else {"question": question},
        answer=answer or Text("a cup"),
        meta={} if episode is None else {"episode": episode, "frame": frame},
    )  # fmt: skip


def write(folder: Path, records: Sequence[Record], *, pictures: Path, most: int = 20_000) -> Path:
    """A complete folder of records, by split."""
    folder.mkdir(parents=True)
    marks: list[ShardMark] = []
    for split in sorted({item.split for item in records}):
        writer = ShardWriter(folder, split=split, max_records=most)
        for item in records:
            if item.split == split:
                writer.add(item)
        writer.close()
        marks += writer.marks
    write_media_roots(folder, roots={"made": pictures})
    write_folder_mark(folder, marks=marks)
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Pictures of rooms 0 to 3; `moved` is room 0 with its object elsewhere."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed in range(4):
        (folder / f"room{seed}.png").write_bytes(encoded(scene(seed)))
    (folder / "moved.png").write_bytes(encoded(scene(0, object_at=(190, 60))))
    return folder


def run(
    folder: Path, out: Path, *, num_workers: int = 1, **options: Any
) -> dict[str, dict[str, Any]]:
    """Kinds of leaks by training id, each with the id that it repeats."""
    operator = Leakage.model_validate(options)
    config = CurateConfig.model_validate(
        {"engine": {"kind": "inline", "num_workers": num_workers}, "operators": [operator]}
    )
    with Ledger(out / "ledger.jsonl", stage="curate") as ledger:
        curate(config, records=folder, store=out / "store", out=out, ledger=ledger, seed=1)
    found = json.loads((out / "leakage.json").read_text(encoding="utf-8"))
    leaks: dict[str, dict[str, Any]] = {}
    for pair in found["pairs"]:
        leaks.setdefault(pair["record"]["id"], {})[pair["kind"]] = pair["other"]["id"]
    return leaks


def test_pictures_and_their_copies_are_found_and_like_scenes_are_not(
    pictures: Path, tmp_path: Path
) -> None:
    bench = tmp_path / "bench"
    bench.mkdir()
    room = scene(0)
    (bench / "same.png").write_bytes(encoded(room))
    records = [record("same", picture="room0.png"), record("other", picture="room3.png")]
    copies = {
        "jpeg": encoded(room, kind="JPEG", quality=40),
        "small": encoded(room.resize((224, 126))),
        "bright": encoded(ImageEnhance.Brightness(room).enhance(1.1)),
    }
    for name, data in copies.items():
        (pictures / f"{name}.img").write_bytes(data)
        records.append(record(name, picture=f"{name}.img"))
    records.append(record("moved", picture="moved.png"))
    folder = write(tmp_path / "in", records, pictures=pictures)
    leaks = run(folder, tmp_path / "out", against=[bench])
    same = {"picture": "same.png"}
    assert leaks == {"same": same} | {name: {"copy": "same.png"} for name in copies}
    ledger = {line.record_id: line for line in read_ledger(tmp_path / "out/ledger.jsonl")}
    assert set(ledger) == set(leaks)
    assert ledger["same"].code == "E-CUR-040"
    assert "the picture of 'same.png'" in ledger["same"].detail


def test_an_object_that_moved_keeps_the_hash_and_not_the_cells(pictures: Path) -> None:
    store = MediaStore({"made": pictures})
    here, there = (
        print_of(FilePicture(path=f"made:{name}.png"), store=store) for name in ("room0", "moved")
    )
    assert (here.hash ^ there.hash).bit_count() <= 8, "the hash alone would call it a copy"
    cells = [np.frombuffer(each.cells, dtype=np.int8).reshape(1, -1) for each in (here, there)]
    assert largest_difference(*cells)[0] > 1


def test_plain_pictures_are_no_copies_of_one_another(pictures: Path, tmp_path: Path) -> None:
    bench = tmp_path / "bench"
    bench.mkdir()
    (bench / "grey.png").write_bytes(encoded(Image.new("RGB", (64, 64), (90, 90, 90))))
    (pictures / "black.png").write_bytes(encoded(Image.new("RGB", (64, 64), (3, 3, 3))))
    folder = write(tmp_path / "in", [record("a", picture="black.png")], pictures=pictures)
    assert run(folder, tmp_path / "out", against=[bench]) == {}


def test_frames_of_one_episode_in_two_splits_are_a_leak(pictures: Path, tmp_path: Path) -> None:
    records = [
        record("near", picture="room1.png", episode="table_a", frame=10),
        record("far", picture="room2.png", episode="table_a", frame=900),
        record("another", picture="room3.png", episode="table_b", frame=10),
        record("held-out", picture="room0.png", split="val", episode="table_a", frame=12),
    ]
    folder = write(tmp_path / "in", records, pictures=pictures)
    whole = run(folder, tmp_path / "out")
    assert whole == {name: {"recording": "held-out"} for name in ("near", "far")}
    close = run(folder, tmp_path / "close", within_seconds=2, frames_per_second=15)
    assert set(close) == {"near"}
    with pytest.raises(ValueError, match="frames_per_second"):
        Leakage.model_validate({"within_seconds": 2})


def test_a_bare_number_names_no_recording_of_another_data_set(
    pictures: Path, tmp_path: Path
) -> None:
    mine = record("mine", picture="room1.png", episode="episode_000012")
    folder = write(tmp_path / "in", [mine], pictures=pictures)
    bench = tmp_path / "bench.json"
    bench.write_text(json.dumps([{"id": "q", "video_id": "episode_000012", "question": "?"}]))
    assert run(folder, tmp_path / "out", against=[bench]) == {}


def test_words_leak_where_they_are_all_there_is(pictures: Path, tmp_path: Path) -> None:
    bench = tmp_path / "bench.json"
    entries = [
        {
            "id": "blind",
            "question": "How does one boil an egg?",
            "answer": "Boil water, then wait.",
        },
        {"id": "shown", "image": "x.png", "question": "What now?", "answer": "Lift the red cup."},
        {"id": "long", "image": "y.png", "question": "Tell me all.", "answer": LONG},
    ]
    bench.write_text(json.dumps(entries))
    egg = Text("boil water then   wait")
    records = [
        record("blind", question="How does one boil an egg", answer=egg),
        record("template", picture="room1.png", question="What now?",
               answer=Text("Lift the red cup.")),
        record("long", picture="room2.png", question="Tell me all.", answer=Text(LONG)),
        record("box", picture="room3.png", question="Tell me all.", answer=Box(1, 2, 30, 40)),
    ]  # fmt: skip
    folder = write(tmp_path / "in", records, pictures=pictures)
    leaks = run(folder, tmp_path / "out", against=[bench])
    assert leaks == {"blind": {"text": "blind"}, "long": {"text": "long"}}
    found = json.loads((tmp_path / "out/leakage.json").read_text(encoding="utf-8"))
    assert found["unread"]["num_unread"] == {"bench": 2}, "x.png and y.png are not there"


def test_overlap_is_that_of_plain_sets() -> None:
    """Held against Jaccard similarity and containment of sets, computed one by one."""
    random = np.random.default_rng(5)
    names = [f"w{number}" for number in range(12)]
    texts = [" ".join(random.choice(names, size=40)) for _ in range(30)]
    texts += [" ".join([*text.split()[:35], "x", "y", "z"]) for text in texts[:10]]
    items = _table(texts[:25])
    asked = _table(texts[10:])
    found = TextIndex(items, min_words=5).closest(asked)
    wanted = [[_overlap(text, other) for other in texts[:25]] for text in texts[10:]]
    for row, values in enumerate(wanted):
        best = max(values)
        if best >= 0.3:
            assert found.similarity[row] == pytest.approx(best)
            assert values[found.item[row]] == pytest.approx(best)


def _table(answers: Sequence[str]) -> Any:
    num = len(answers)
    return pa.table(
        {"question": ["what?"] * num, "answer": list(answers), "answer_kind": ["text"] * num,
         "num_media": pa.array([1] * num, pa.int64())}
    )  # fmt: skip


def _overlap(mine: str, its: str) -> float:
    one, other = (
        {("a", *words[k : k + 5]) for words in [text.split()] for k in range(len(words) - 4)}
        for text in (mine, its)
    )
    shares: list[float] = []
    for left, right in ((one, other), (one | {("q",)}, other | {("q",)})):
        common = len(left & right)
        shares.append(max(common / len(left | right), common / len(right)))
    return min(shares)


def test_near_hashes_are_those_of_a_full_search() -> None:
    random = np.random.default_rng(2)
    hashes = random.integers(0, 1 << 63, 300, dtype=np.uint64)
    asked = hashes[:100].copy()
    for bit in range(9):
        asked ^= (random.random(100) < 0.8).astype(np.uint64) << np.uint64(7 * bit)
    one, other = HashTable(hashes, max_distance=8).near(asked)
    found = set(zip(one.tolist(), other.tolist(), strict=True))
    wanted = {
        (row, place)
        for row in range(100)
        for place in range(300)
        if (int(asked[row]) ^ int(hashes[place])).bit_count() <= 8
    }
    assert found == wanted
    assert len(wanted) > 30


def test_what_cannot_be_read_is_told_and_costs_only_itself(pictures: Path, tmp_path: Path) -> None:
    bench = tmp_path / "bench"
    bench.mkdir()
    (bench / "good.png").write_bytes(encoded(scene(0)))
    (bench / "empty.png").write_bytes(b"")
    (bench / "cut.jpg").write_bytes(encoded(scene(1), kind="JPEG")[:300])
    (bench / "list.json").write_text('[{"id": "out", "image": "../pictures/room1.png"}, 7, {}]')
    (bench / "lines.jsonl").write_bytes(
        b'{"question": "\xff"}\n{"question": NaN}\n{"question": "?"}'
    )
    (bench / "no.json").write_text('{"a": 1}')
    (pictures / "broken.png").write_bytes(b"not a picture")
    records = [record("good", picture="room0.png"), record("bad", picture="broken.png")]
    folder = write(tmp_path / "in", records, pictures=pictures)
    assert run(folder, tmp_path / "out", against=[bench]) == {"good": {"picture": "good.png"}}
    found = json.loads((tmp_path / "out/leakage.json").read_text(encoding="utf-8"))
    told = [each["code"] for each in found["unread"]["examples"]]
    assert {"E-MED-002", "E-MED-003", "E-MED-005", "E-DAT-004", "E-DAT-002", "E-REC-010"} <= set(
        told
    )
    assert found["unread"]["num_unread"] == {"bench": len(told)}


def test_a_folder_of_benchmarks_may_hold_folders_of_records(pictures: Path, tmp_path: Path) -> None:
    bench = tmp_path / "bench"
    bench.mkdir()
    (bench / "alone.png").write_bytes(encoded(scene(1)))
    for number, room in enumerate(("room2.png", "room3.png")):
        write(bench / f"deeper/set{number}", [record(room, picture=room)], pictures=pictures)
    records = [record(f"r{number}", picture=f"room{number}.png") for number in range(4)]
    folder = write(tmp_path / "in", records, pictures=pictures)
    assert run(folder, tmp_path / "out", against=[bench]) == {
        "r1": {"picture": "alone.png"},
        "r2": {"picture": "room2.png"},
        "r3": {"picture": "room3.png"},
    }
    found = json.loads((tmp_path / "out/leakage.json").read_text(encoding="utf-8"))
    assert {each["against"] for each in found["counts"]} == {"bench", "set0", "set1"}
    assert found["unread"]["num_unread"] == {}


@pytest.mark.parametrize(("name", "code"), [("absent", "E-DAT-001"), ("bare", "E-DAT-002")])
def test_nothing_to_check_against_is_an_error(
    pictures: Path, tmp_path: Path, name: str, code: str
) -> None:
    (tmp_path / "bare").mkdir()
    folder = write(tmp_path / "in", [record("a", picture="room0.png")], pictures=pictures)
    with pytest.raises(RoboLoopError) as caught:
        run(folder, tmp_path / "out", against=[tmp_path / name])
    assert caught.value.code == code


def test_any_number_of_workers_finds_the_same(pictures: Path, tmp_path: Path) -> None:
    records = [record(f"r{n}", picture=f"room{n % 4}.png", frame=n) for n in range(12)]
    records += [record("v", picture="room2.png", split="val")]
    folder = write(tmp_path / "in", records, pictures=pictures, most=4)
    for number in (1, 2):
        run(folder, tmp_path / f"out{number}", num_workers=number)
    for name in ("leakage.json", "curation.json", VERDICTS_FILE, "ledger.jsonl"):
        one, two = (tmp_path / f"out{number}" / name for number in (1, 2))
        assert one.read_bytes() == two.read_bytes(), name


def test_a_changed_benchmark_is_measured_again(pictures: Path, tmp_path: Path) -> None:
    bench = tmp_path / "bench"
    bench.mkdir()
    (bench / "a.png").write_bytes(encoded(scene(3)))
    folder = write(tmp_path / "in", [record("a", picture="room0.png")], pictures=pictures)
    assert run(folder, tmp_path / "out", against=[bench]) == {}
    (bench / "b.png").write_bytes(encoded(scene(0)))
    assert run(folder, tmp_path / "out", against=[bench]) == {"a": {"picture": "b.png"}}


def test_reporting_drops_nothing(pictures: Path, tmp_path: Path) -> None:
    records = [record("a", picture="room0.png"), record("v", picture="room0.png", split="val")]
    folder = write(tmp_path / "in", records, pictures=pictures)
    assert run(folder, tmp_path / "out", action="report") == {"a": {"picture": "v"}}
    assert list(read_ledger(tmp_path / "out/ledger.jsonl")) == []


def test_the_verb_tells_and_its_status_says_whether_something_leaks(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = tmp_path / "bench"
    bench.mkdir()
    (bench / "a.png").write_bytes(encoded(scene(0)))
    folder = write(tmp_path / "in", [record("a", picture="room0.png")], pictures=pictures)
    out = tmp_path / "found"
    words = ["check-leakage", str(folder), "--against", str(bench), "--out", str(out)]
    assert run_command(words) == 1
    assert "1 of 1 records repeat" in capsys.readouterr().err.replace("\n", " ")
    assert (out / "page/index.html").exists()
    (bench / "a.png").write_bytes(encoded(scene(3)))
    assert run_command(words) == 0
    file = next(folder.glob("train-*.jsonl"))
    assert (
        run_command(["check-leakage", str(file), "--against", str(bench), "--out", str(out)]) == 0
    )
