"""What lies at a path is recognised, shown, and read; nothing is guessed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from roboloop.base.errors import RoboLoopError
from roboloop.cli.main import run_command
from roboloop.records import Box, Record, Text
from roboloop.sources import SOURCES
from roboloop.sources.auto import AutoSource
from roboloop.sources.base import SourceContext
from roboloop.sources.detect import RULES, detect

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
CONTEXT = SourceContext(Path("made"), 0)
LLAVA = {
    "image": "a.png",
    "conversations": [{"from": "human", "value": "<image>Q"}, {"from": "gpt", "value": "A"}],
}
SHAREGPT = {"images": ["a.png"], "conversations": LLAVA["conversations"]}
MESSAGES = {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}
ALPACA = {"instruction": "Q", "output": "A"}


def lay_out(folder: Path, *files: str) -> Path:
    """Files (with `=` and their text) and folders (ending in a slash)."""
    for named in files:
        name, _, text = named.partition("=")
        target = folder / name
        if name.endswith("/"):
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
    return folder


LAYOUTS: dict[str, tuple[str, ...]] = {
    "records": ('a.jsonl={"id": "1", "task": "vqa"}\n',),
    "llama_factory": ("dataset_info.json={}", f"a.json={json.dumps([ALPACA])}"),
    "robointer_vqa": ("Generation/meta/val/x.json=[]",),
    "robointer_annotation": ("e1/meta_info.pkl=", "e1/lmdb/data.mdb="),
    "lerobot": ("meta/info.json={}", "data/chunk-000/file-000.parquet=", "videos/"),
    "rlds": ("1.0.0/features.json={}", "1.0.0/dataset_info.json={}"),
    "rh20t": ("RH20T_cfg3/task_0001_user_0001_scene_0001_cfg_0003/",),
    "droid_raw": ("lab/success/d/metadata_x.json={}", "lab/success/d/trajectory.h5="),
    "ai2thor": ("train/look/trial_1/traj_data.json={}",),
    "lvis": ("lvis_v1_val.json={}",),
    "visual_genome": ("objects_v1_2.json=[]", "image_data.json=[]"),
    "libero": ("bddl_files/libero_goal/a.bddl=(define)",),
    "ego4d": ("fho_lta_train.json={}",),
    "egoplan": ("EgoPlan_IT.json=[]",),
    "share_robot": ("affordance/a.json=[]", "trajectory/a.json=[]", "planning/train/a.json=[]"),
    "epic_kitchens": (
        "EPIC_100_noun_classes.csv=id,key\n",
        "EPIC_100_train.csv=narration_id,participant_id,video_id,narration\n",
    ),
    "tsv_base64": ("a.tsv=index\timage\tquestion\tanswer\n1\t\tq\ta\n",),
    "webdataset": ("a-000.tar=",),
    "llava_json": (f"a.json={json.dumps([LLAVA])}",),
    "sharegpt": (f"a.jsonl={json.dumps(SHAREGPT)}\n",),
    "messages": (f"a.json={json.dumps([MESSAGES])}",),
    "alpaca": (f"a.json={json.dumps([ALPACA])}",),
}


@pytest.mark.parametrize("kind", LAYOUTS)
def test_each_layout_is_recognised(kind: str, tmp_path: Path) -> None:
    found = detect(lay_out(tmp_path, *LAYOUTS[kind]))
    assert found.kind == kind
    assert found.options["path"] == str(tmp_path) and found.why


def test_every_rule_has_a_layout_here_or_a_table_below(tmp_path: Path) -> None:
    assert {rule.kind for rule in RULES} == {*LAYOUTS, "parquet"}
    pq.write_table(pa.table({"question": ["q"], "img": [b"x"]}), tmp_path / "train.parquet")
    found = detect(tmp_path)
    assert (found.kind, found.mapping) == ("parquet", {"question": "column question"})
    general = {"records", "llama_factory", "tsv_base64", "parquet", "webdataset", "llava_json",
               "sharegpt", "messages", "alpaca"}  # fmt: skip
    assert general <= set(SOURCES.rows)


REAL = {
    "llamafactory_mllm/data": "llama_factory",
    "llamafactory_mllm/data/mllm_demo.json": "messages",
    "qwen3vl_finetune_demo/qwen-vl-finetune/demo/single_images.json": "llava_json",
    "lerobot_v21_g1_real": "lerobot",
    "lerobot_v2_gr1/demo_data/robot_sim.PickNPlace": "lerobot",
    "bridge_rlds_octo/tests/debug_dataset/bridge_dataset/1.0.0": "rlds",
    "alfred_raw": "ai2thor",
    "alfred_plans": "ai2thor",
    "lvis_sample/data": "lvis",
    "visual_genome_sample": "visual_genome",
    "libero_bddl": "libero",
}


@pytest.mark.parametrize("path", REAL)
def test_real_sets_are_recognised(path: str) -> None:
    if not (DATA / path).exists():
        pytest.skip(f"the real sample {path} is not there")
    assert detect(DATA / path).kind == REAL[path]


def test_the_folder_of_the_pictures_is_found_where_they_are() -> None:
    file = DATA / "qwen3vl_finetune_demo/qwen-vl-finetune/demo/single_images.json"
    if not file.exists():
        pytest.skip("the real sample qwen3vl_finetune_demo is not there")
    found = detect(file)
    assert found.options["image_folder"] == str(file.parent.parent)
    assert found.mapping["pictures"] == "key image"
    records = [item for item in AutoSource(path=file).read(CONTEXT) if isinstance(item, Record)]
    assert [record.answer for record in records] == [Text("Yes"), Text("6"), Text("2014")]


def test_nothing_fits_or_several_do(tmp_path: Path) -> None:
    with pytest.raises(RoboLoopError) as caught:
        detect(tmp_path / "none")
    assert caught.value.code == "E-DAT-001"
    deep = lay_out(tmp_path / "up", "a/b/meta/info.json={}", "a/b/data/", "notes.txt=x")
    with pytest.raises(RoboLoopError, match="LLaMA-Factory") as caught:
        detect(deep)
    assert caught.value.code == "E-DAT-002" and "a/b (lerobot)" in caught.value.fix
    both = lay_out(tmp_path / "two", *LAYOUTS["webdataset"], *LAYOUTS["alpaca"])
    with pytest.raises(RoboLoopError, match=r"webdataset .* alpaca") as caught:
        detect(both)
    assert caught.value.code == "E-DAT-002"


def entry_file(folder: Path, entries: list[Any]) -> Path:
    Image.new("RGB", (64, 48)).save(folder / "a.png")
    file = folder / "set.json"
    file.write_text(json.dumps(entries))
    return file


def answered(text: str, **more: Any) -> dict[str, Any]:
    talk = [{"from": "human", "value": "<image>Where?"}, {"from": "gpt", "value": text}]
    return {"image": "a.png", "conversations": talk, **more}


def test_auto_says_what_it_chose_and_shows_the_first_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = AutoSource(path=entry_file(tmp_path, [answered("here"), answered("there")]), limit=1)
    (record,) = source.read(CONTEXT)
    assert isinstance(record, Record) and record.source == "set"
    assert source.media_roots() == {"set": tmp_path} and source.fingerprint()
    said = capsys.readouterr().err
    assert "source llava_json" in said and "pictures <- key image" in said
    assert "first record:" in said and "'here'" in said


def test_auto_draws_what_the_source_that_fits_draws(tmp_path: Path) -> None:
    file = entry_file(tmp_path, [answered(f"number {number}") for number in range(40)])
    half = AutoSource(path=file, rate=0.5)
    taken = [item.id for item in half.read(CONTEXT) if isinstance(item, Record)]
    named = half.chosen
    assert taken == [item.id for item in named.read(CONTEXT) if isinstance(item, Record)]
    assert 8 < len(taken) < 32
    assert half.fingerprint() != AutoSource(path=file).fingerprint()


@pytest.mark.parametrize("text", ["[1, 2, 30, 40]", "It is at (12.5, 7).", '{"a": [[1, 2]]}'])
def test_coordinates_are_never_guessed(text: str, tmp_path: Path) -> None:
    file = entry_file(tmp_path, [answered("yes"), answered(text)])
    with pytest.raises(RoboLoopError, match="never guessed") as caught:
        list(AutoSource(path=file).read(CONTEXT))
    assert caught.value.code == "E-CFG-003" and "`coordinates`" in caught.value.fix
    kept = list(AutoSource(path=file, task="vqa").read(CONTEXT))
    assert len(kept) == 2
    typed = entry_file(tmp_path, [answered("[1, 2, 30, 40]", task="object_box")])
    with pytest.raises(RoboLoopError, match="coordinates") as caught:
        list(AutoSource(path=typed).read(CONTEXT))
    (record,) = AutoSource(path=typed, coordinates="plain").read(CONTEXT)
    assert isinstance(record, Record) and record.answer == Box(1, 2, 30, 40)


def test_auto_refuses_options_of_another_source_and_kinds_it_has_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = entry_file(tmp_path, [answered("x")])
    with pytest.raises(RoboLoopError, match="ask") as caught:
        AutoSource(path=file, options={"ask": "?"}).media_roots()
    assert caught.value.code == "E-CFG-003"
    lay_out(tmp_path / "l", *LAYOUTS["epic_kitchens"])
    rows = {kind: row for kind, row in SOURCES.rows.items() if kind != "epic_kitchens"}
    monkeypatch.setitem(vars(SOURCES), "rows", rows)
    with pytest.raises(RoboLoopError, match="epic_kitchens") as caught:
        AutoSource(path=tmp_path / "l").media_roots()
    assert caught.value.code == "E-DAT-002"


def test_the_verb_prints_an_entry_for_a_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = entry_file(tmp_path, [answered("[1, 2, 30, 40]")])
    assert run_command(["detect", str(file)]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[:4] == [
        "data:", "  sources:", "    - kind: llava_json", f'      path: "{file}"']  # fmt: skip
    assert "coordinates" in out and "first record" in err
    assert run_command(["detect", str(entry_file(tmp_path, [answered("x", image="no.png")]))]) == 1
    assert "E-MED-001" in capsys.readouterr().err
    assert run_command(["detect", str(tmp_path / "none")]) == 2
