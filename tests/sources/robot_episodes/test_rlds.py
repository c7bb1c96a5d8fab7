"""RLDS without TensorFlow: the real Bridge sample, and DROID's schema in files written here."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rlds_files import DROID_CAMERAS, droid_episode, framed, grey_jpeg, jpeg, write_droid

from roboloop.base.errors import RoboLoopError
from roboloop.records import Choice, Plan, Record, SpanPicture, Text, YesNo
from roboloop.records.media_open import MediaStore
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.rlds import RldsSource

BRIDGE = (
    Path(__file__).resolve().parents[3]
    / "../shared/data/bridge_rlds_octo/tests/debug_dataset/bridge_dataset/1.0.0"
)
Read = Callable[..., tuple[list[Record], list[Rejected]]]
WORDS = [
    ("put the pen in the cup", "place the pen into the cup", ""),
    ("open the drawer", "", ""),
    ("wipe the table", "clean the table", "wipe the table"),
    ("close the lid", "", ""),
    ("push the red block", "", ""),
]


@pytest.fixture
def droid(tmp_path: Path) -> Path:
    folder = tmp_path / "droid" / "1.0.0"
    write_droid(folder, episodes=[droid_episode(n, words=words) for n, words in enumerate(WORDS)])
    return folder


@pytest.mark.skipif(not BRIDGE.is_dir(), reason="the real Bridge sample is not there")
class TestBridge:
    def test_dummy_camera_is_left_out_whatever_the_flags_say(self, read: Read) -> None:
        records, rejected = read(RldsSource(path=BRIDGE))
        assert Counter(record.meta["camera"] for record in records) == {
            "image_0": 75, "image_1": 75, "image_2": 75,
        }  # fmt: skip
        codes = Counter((item.error.code, (item.record_id or "")[-7:]) for item in rejected)
        # The one shard of the split `val` is in the listing but not on the disk.
        assert codes == {("E-MED-010", "image_3"): 25, ("E-DAT-001", ""): 1}

    def test_words_and_pictures_are_those_of_the_file(self, read: Read) -> None:
        records, _ = read(RldsSource(path=BRIDGE, tasks=("planning",), cameras=("image_0",)))
        assert Counter(record.answer for record in records).keys() == {
            Text("put cup from counter or drying rack into sink"),
            Text("flip pot upright which is in sink"),
            Text("turn lever vertical to front"),
            Text("put carrot on plate"),
        }
        first = records[0]
        assert [len(record.media) for record in records] == [8] * 25
        assert isinstance(first.media[0], SpanPicture) and first.media[0].size == (64, 64)
        raw = (BRIDGE / first.media[0].path.removeprefix("rlds:")).read_bytes()
        start = first.media[0].offset
        assert raw[start : start + 3] == b"\xff\xd8\xff"
        assert raw[start + first.media[0].num_bytes - 2 :][:2] == b"\xff\xd9"
        assert first.origin == "bridge_dataset-train.tfrecord-00000-of-00001!0"
        assert first.meta["episode_id"] == 5

    def test_choices_are_balanced_and_offer_the_truth_once(self, read: Read) -> None:
        records, _ = read(RldsSource(path=BRIDGE, tasks=("planning_choice", "planning_decide")))
        choices = [record.answer for record in records if isinstance(record.answer, Choice)]
        assert Counter(choice.letter for choice in choices).keys() == set("ABCD")
        assert all(len(set(choice.options)) == 4 for choice in choices)
        decided = [record.answer for record in records if isinstance(record.answer, YesNo)]
        assert 0.3 < np.mean([answer.value for answer in decided]) < 0.7


def test_droid_has_three_cameras_and_up_to_three_instructions(droid: Path, read: Read) -> None:
    records, rejected = read(RldsSource(path=droid.parent, tasks=("planning",)))
    assert not rejected
    assert [record.meta["camera"] for record in records[:3]] == sorted(DROID_CAMERAS)
    assert records[0].meta["instructions"] == list(WORDS[0][:2])
    assert records[0].answer == Text(WORDS[0][0])
    assert records[0].id == "rlds/train-00000/0000/exterior_image_1_left/planning/task"
    # The same words a second time are no other instruction.
    assert records[6].meta["instructions"] == ["wipe the table", "clean the table"]
    store = MediaStore({"rlds": droid.parent})
    shown = store.read_bytes(records[3].media[2])
    assert shown == jpeg(1002)


def test_wrong_options_never_mean_the_right_one(droid: Path, read: Read) -> None:
    records, _ = read(RldsSource(path=droid, tasks=("planning_choice",)))
    for record in records:
        assert isinstance(record.answer, Choice)
        meant = set(record.meta["instructions"])
        right = [option for option in record.answer.options if option in meant]
        assert right == [record.answer.options["ABCD".index(record.answer.letter)]]


def test_records_do_not_depend_on_the_order_of_the_work(droid: Path, tmp_path: Path) -> None:
    source = RldsSource(path=droid)
    context = SourceContext(tmp_path, 3)
    whole = list(source.read(context))
    parts = pickle.loads(pickle.dumps(list(source.parts(context))))
    again = [item for part in parts for item in list(source.read_part(part, context))]
    assert whole == again
    assert list(source.read(SourceContext(tmp_path, 4))) != whole


def test_words_that_change_are_steps(tmp_path: Path, read: Read) -> None:
    texts = [b"reach", b"reach", b"", b"grasp", b"lift"]
    episode = droid_episode(0, words=("", "", ""), steps__language_instruction=texts)
    write_droid(tmp_path / "d", episodes=[episode])
    records, _ = read(RldsSource(path=tmp_path / "d", cameras=("wrist_image_left",)))
    assert [record.answer for record in records] == [
        Text("reach"), Text("grasp"), Text("lift"), Text("grasp"), Text("lift"),
    ]  # fmt: skip
    assert [record.meta["frames"] for record in records[:3]] == [[0, 1], [3], [4]]


def test_known_goal_with_steps_gives_a_plan(tmp_path: Path, read: Read) -> None:
    texts = [b"reach", b"reach", b"grasp", b"grasp", b"lift"]
    episode = droid_episode(0, words=("", "", ""), steps__language_instruction_2=texts)
    episode["steps/language_instruction"] = [b"fetch the pen"] * 5
    write_droid(tmp_path / "d", episodes=[episode])
    names = ("steps/language_instruction_2", "steps/language_instruction")
    source = RldsSource(
        path=tmp_path / "d", tasks=("plan_steps",), instruction_features=names,
        cameras=("wrist_image_left",),
    )  # fmt: skip
    records, _ = read(source)
    assert [record.answer for record in records] == [Plan(("reach", "grasp", "lift"))]
    assert records[0].inputs == {"instruction": "fetch the pen"}


def test_options_choose_episodes_and_splits(droid: Path, read: Read) -> None:
    few, _ = read(RldsSource(path=droid, max_episodes=2, tasks=("planning",), frames_per_episode=3))
    assert {record.meta["episode"] for record in few} == {"train-00000/0000", "train-00000/0001"}
    assert {len(record.media) for record in few} == {3}
    held, _ = read(RldsSource(path=droid, val_fraction=0.5, split="val", tasks=("planning",)))
    kept, _ = read(RldsSource(path=droid, val_fraction=0.5, split="train", tasks=("planning",)))
    assert {r.split for r in held} == {"val"} and {r.split for r in kept} == {"train"}
    assert len(held) + len(kept) == 15 and held and kept
    with pytest.raises(RoboLoopError, match="E-DAT-001"):
        read(RldsSource(path=droid, split="test"))


def spoiled(**changed: object) -> dict[str, object]:
    return droid_episode(1, words=WORDS[1], **changed)  # type: ignore[arg-type]


def test_every_bad_episode_costs_only_itself(tmp_path: Path, read: Read) -> None:
    camera = "steps__observation__wrist_image_left"
    bad = [
        droid_episode(0, words=WORDS[0]),
        spoiled(**{camera: [jpeg(1)] * 4}),
        spoiled(**{camera: [jpeg(seed)[:200] for seed in range(5)]}),
        spoiled(**{camera: [b""] * 5}),
        spoiled(**{camera: [grey_jpeg()] * 5}),
        spoiled(steps__language_instruction=[b"\xff\xfe"] * 5),
        droid_episode(6, words=("", " ", "")),
        droid_episode(7, words=WORDS[3]),
    ]
    write_droid(tmp_path / "d", episodes=bad)  # type: ignore[arg-type]
    records, rejected = read(RldsSource(path=tmp_path / "d", tasks=("planning",)))
    assert [(item.error.code, item.record_id) for item in rejected] == [
        ("E-DAT-004", "rlds/train-00000/0001"),
        ("E-MED-003", "rlds/train-00000/0002/wrist_image_left/planning/task"),
        ("E-MED-002", "rlds/train-00000/0003/wrist_image_left/planning/task"),
        ("E-MED-010", "rlds/train-00000/0004/wrist_image_left"),
        ("E-DAT-006", "rlds/train-00000/0005"),
        ("E-DAT-004", "rlds/train-00000/0006"),
    ]
    assert "droid-train.tfrecord-00000-of-00001!5" in str(rejected[4].error)
    assert {record.meta["episode"] for record in records} >= {"train-00000/0007"}


def test_wrong_checksum_costs_one_record_and_a_cut_file_the_rest(droid: Path, read: Read) -> None:
    shard = droid / "droid-train.tfrecord-00000-of-00001"
    whole = shard.read_bytes()
    data = bytearray(whole)
    data[500] ^= 1
    shard.write_bytes(bytes(data))
    records, rejected = read(RldsSource(path=droid, tasks=("planning",)))
    assert [item.error.code for item in rejected] == ["E-DAT-006"]
    assert len(records) == 12
    shard.write_bytes(whole[: len(whole) * 3 // 5])
    records, rejected = read(RldsSource(path=droid, tasks=("planning",)))
    assert [item.error.code for item in rejected] == ["E-REC-014"]
    assert len(records) == 6
    data = bytearray(whole)
    data[3] ^= 1
    shard.write_bytes(bytes(data))
    records, rejected = read(RldsSource(path=droid, tasks=("planning",)))
    assert [item.error.code for item in rejected] == ["E-DAT-006"] and not records


def test_fewer_records_than_listed_and_bytes_that_are_no_example(droid: Path, read: Read) -> None:
    shard = droid / "droid-train.tfrecord-00000-of-00001"
    shard.write_bytes(framed(b"\x0a\xff") + framed(b"\x0b" * 50))
    records, rejected = read(RldsSource(path=droid, tasks=("planning",)))
    assert not records
    assert [item.error.code for item in rejected] == ["E-DAT-006", "E-DAT-006", "E-REC-014"]
    assert "2 episodes" in rejected[2].error.detail


@pytest.mark.parametrize("text", ["{", "[]", '{"name": "x"}', '{"name": "x", "splits": [{}]}'])
def test_unknown_layout_stops_with_the_file_named(droid: Path, read: Read, text: str) -> None:
    (droid / "dataset_info.json").write_text(text)
    with pytest.raises(RoboLoopError) as caught:
        read(RldsSource(path=droid))
    assert caught.value.code == "E-DAT-002"
    assert "dataset_info.json" in str(caught.value)


def test_a_shard_name_cannot_lead_out_of_the_folder(droid: Path, read: Read) -> None:
    info = json.loads((droid / "dataset_info.json").read_text())
    info["splits"][0]["filepathTemplate"] = "../../secret-{SHARD_X_OF_Y}"
    (droid / "dataset_info.json").write_text(json.dumps(info))
    with pytest.raises(RoboLoopError, match="E-DAT-001"):
        read(RldsSource(path=droid))


def test_no_words_at_all_asks_for_the_feature(droid: Path, read: Read) -> None:
    tree = json.loads((droid / "features.json").read_text())
    steps = tree["featuresDict"]["features"]["steps"]["sequence"]["feature"]
    for name in list(steps["featuresDict"]["features"]):
        if name.startswith("language"):
            del steps["featuresDict"]["features"][name]
    (droid / "features.json").write_text(json.dumps(tree))
    with pytest.raises(RoboLoopError, match="instruction_features"):
        read(RldsSource(path=droid))


def test_fingerprint_changes_with_files_and_options(droid: Path) -> None:
    first = RldsSource(path=droid).fingerprint()
    assert first == RldsSource(path=droid).fingerprint()
    assert first != RldsSource(path=droid, frames_per_episode=2).fingerprint()
    with (droid / "droid-train.tfrecord-00000-of-00001").open("ab") as stream:
        stream.write(b"x")
    assert first != RldsSource(path=droid).fingerprint()
