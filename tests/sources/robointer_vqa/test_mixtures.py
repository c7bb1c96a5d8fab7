"""The training script's mixtures: its names, its traps, percentages, and seeded draws."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_hub import place_entry, read, word_entry, write_set

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import seeded_fraction
from roboloop.sources.robointer_vqa.mixture import num_copies, read_mixture
from roboloop.sources.robointer_vqa.sets import SET_OF_NAME, SETS

RH20T_GENERATION = (
    "rh20t_vla_current_box_train%65,rh20t_vla_contact_box_train%30,rh20t_vla_final_box_train%20,"
    "rh20t_vla_traj_qa_train,rh20t_vla_traj_init_point_qa_train,rh20t_vla_gripper_det_qa_train%50"
)
DROID_GENERATION = (
    "droid_vla_contact_box_train%40,droid_vla_current_box_train,droid_vla_final_box_train%20,"
    "droid_vla_traj_qa_train,droid_vla_traj_init_point_qa_train,droid_vla_gripper_det_qa_train%50"
)
RH20T_UNDERSTANDING = (
    "rh20t_contact_choice_qa_train,rh20t_graspppose_choice_qa_train,"
    "rh20t_grounding_choice_qa_train,rh20t_traj_lang_choice_qa_train,"
    "rh20t_traj_direction_choice_qa_train,rh20t_traj_choice_qa_train,"
    "rh20t_traj_direction_choice_with_traj_qa_train"
)
DROID_UNDERSTANDING = (
    "droid_contact_choice_qa_train,droid_grounding_choice_qa_train,"
    "droid_traj_lang_choice_qa_train,droid_traj_direction_choice_qa_train,"
    "droid_traj_choice_qa_train,droid_traj_direction_choice_with_traj_qa_train"
)
PUBLISHED_MIXTURE = ",".join(
    (RH20T_GENERATION, DROID_GENERATION, RH20T_UNDERSTANDING, DROID_UNDERSTANDING,
     "manipvqa_train")
)  # fmt: skip
BOX = [(72, 102), (192, 179)]
TRAIN_SET = "Generation/train/droid/current_box_qa"


def test_the_whole_mixture_of_the_training_script_is_read() -> None:
    shares = read_mixture(PUBLISHED_MIXTURE)
    assert len(shares) == len(PUBLISHED_MIXTURE.split(",")) == 26
    rates = {share.published.name: share.rate for share in shares}
    assert rates["Generation/train/rh20t/current_box_qa"] == 0.65
    assert rates["Generation/train/droid/current_box_qa"] == 1
    assert rates["Understanding/train/rh20t/grasppose_choice"] == 1
    assert rates["Task_planning/train/manipvqa"] == 1


def test_the_names_that_mislead() -> None:
    for robot in ("droid", "rh20t"):
        blind = SET_OF_NAME[f"{robot}_vla_traj_qa_train"]
        assert blind.task == "traj_wo_init_pos"
        assert blind.file.endswith("_traj_qa_wo_init_pos.json")
        assert blind.picture_names[0] == "traj_qa"
        started = SET_OF_NAME[f"{robot}_vla_traj_init_point_qa_train"]
        assert started.task == "traj" and started.file.endswith("_traj_qa.json")
        assert started.picture_names[0] == "traj_init_point_qa"
    assert SET_OF_NAME["manipvqa_train"].file == (
        "Task_planning/meta/train/manipvqa/task_planning.json"
    )
    assert len({s.name for s in SETS}) == len(SETS) == 48


def test_percentages() -> None:
    (share,) = read_mixture(" manipvqa_train %12.5, ")
    assert share.rate == 0.125
    (share,) = read_mixture("Task_planning/train/manipvqa%250")
    assert share.rate == 2.5
    assert {share.rate for share in read_mixture("all%10")} == {0.1}
    assert {s.published.split for s in read_mixture("all")} == {"train"}


@pytest.mark.parametrize(
    ("mixture", "code", "said"),
    [
        ("rh20t_vla_curent_box_train", "E-CFG-006", "did you mean 'rh20t_vla_current_box_train'"),
        ("Generation/train/droid/curent_box_qa", "E-CFG-006", "droid/current_box_qa'"),
        ("manipvqa_train%", "E-CFG-003", "percentage"),
        ("manipvqa_train%0", "E-CFG-003", "percentage"),
        ("manipvqa_train%-5", "E-CFG-003", "percentage"),
        ("manipvqa_train%nan", "E-CFG-003", "percentage"),
        ("manipvqa_train%10,Task_planning/train/manipvqa%20", "E-CFG-003", "twice"),
        (" , ", "E-CFG-003", "no set"),
    ],
)
def test_mistakes_in_mixtures(mixture: str, code: str, said: str) -> None:
    with pytest.raises(RoboLoopError, match=said) as caught:
        read_mixture(mixture)
    assert caught.value.code == code


def test_shares_are_drawn_by_the_seed_and_repeats_have_ids(tmp_path: Path) -> None:
    entries = [place_entry("current_box_qa", BOX, frame=n) for n in range(2000)]
    write_set(tmp_path, TRAIN_SET, entries)

    def ids(mixture: str, seed: int) -> list[str]:
        records, rejected = read(tmp_path, mixture=mixture, verify_media=False, seed=seed)
        assert not rejected
        return [record.id for record in records]

    some = ids("droid_vla_current_box_train%65", 0)
    assert abs(len(some) - 1300) < 5 * (2000 * 0.65 * 0.35) ** 0.5
    assert some == ids(f"{TRAIN_SET}%65", 0)
    assert some != ids(f"{TRAIN_SET}%65", 1)
    whole = ids(TRAIN_SET, 0)
    assert len(whole) == 2000 and set(some) < set(whole)
    more = ids(f"{TRAIN_SET}%250", 0)
    assert len(set(more)) == len(more)
    copies = Counter(record_id.split("_current_box")[1] for record_id in more)
    assert copies[""] == copies["#2"] == 2000
    assert 0 < copies["#3"] < 2000 and len(copies) == 3
    assert set(some) <= set(ids(f"{TRAIN_SET}%80", 0)), "a larger share holds the smaller one"


@given(st.floats(0.01, 400), st.integers(), st.text(max_size=5))
def test_an_entry_is_taken_as_often_as_its_share_says(percent: float, seed: int, key: str) -> None:
    (share,) = read_mixture(f"manipvqa_train%{percent}")
    copies = num_copies(share, seed=seed, entry_id=key)
    assert int(share.rate) <= copies <= int(share.rate) + 1
    assert copies == num_copies(share, seed=seed, entry_id=key)


def test_fractions_are_even() -> None:
    draws = [seeded_fraction(0, "x", n) for n in range(10_000)]
    assert all(0 <= draw < 1 for draw in draws)
    counts = Counter(int(draw * 10) for draw in draws)
    assert max(abs(count - 1000) for count in counts.values()) < 5 * 30


def test_sets_that_are_not_there(tmp_path: Path) -> None:
    write_set(tmp_path, TRAIN_SET, [place_entry("current_box_qa", BOX)])
    with pytest.raises(RoboLoopError, match="never published") as caught:
        read(tmp_path, mixture=f"{TRAIN_SET}, droid_traj_direction_choice_with_traj_qa_train")
    assert caught.value.code == "E-DAT-001" and "allow_missing" in caught.value.fix
    records, _ = read(tmp_path, mixture=PUBLISHED_MIXTURE, allow_missing=True, verify_media=False)
    assert len(records) == 1
    assert len(read(tmp_path, mixture="all", verify_media=False)[0]) == 1
    with pytest.raises(RoboLoopError, match="none of the sets"):
        read(tmp_path, splits=["val"])


def test_one_task_of_the_planning_set(tmp_path: Path) -> None:
    names = ("Success_Positive_Task", "Planning_Task", "Past_Primitive_Selection")
    entries = [
        word_entry(f"9_{name}_1", answer, images="a.png", question="<image>\nWhat?")
        for name, answer in zip(names, ("Yes", "lift it", "A"), strict=True)
    ]
    write_set(tmp_path, "manipvqa_train", entries)
    write_set(tmp_path, TRAIN_SET, [place_entry("current_box_qa", BOX)])
    _, rejected = read(tmp_path, tasks=["planning_decide"])
    assert [item.error.code for item in rejected] == ["E-MED-001"]
    _, rejected = read(tmp_path, tasks=["planning", "planning_choice"], mixture="all")
    assert len(rejected) == 2
