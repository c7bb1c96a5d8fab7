"""llama_factory: a set-up is taken over as its dataset_info.json describes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from roboloop.base.errors import RoboLoopError
from roboloop.records import Record, Text, VideoFrame
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.llama_factory import LlamaFactorySource

DATA = Path(__file__).resolve().parents[2] / "../shared/data/llamafactory_mllm/data"
CONTEXT = SourceContext(Path("made"), 0)


def split_up(source: LlamaFactorySource) -> tuple[list[Record], list[Rejected]]:
    items = list(source.read(CONTEXT))
    return (
        [item for item in items if isinstance(item, Record)],
        [item for item in items if isinstance(item, Rejected)],
    )


def set_up(folder: Path, described: Any, **files: Any) -> Path:
    (folder / "dataset_info.json").write_text(json.dumps(described))
    for stem, entries in files.items():
        (folder / f"{stem}.json").write_text(json.dumps(entries))
    return folder


def test_the_real_set_up() -> None:
    if not DATA.exists():
        pytest.skip("the real sample llamafactory_mllm is not there")
    names = ("mllm_demo", "mllm_video_demo")
    records, rejected = split_up(LlamaFactorySource(path=DATA, subsets=names, video_frames=2))
    assert [record.meta["subset"] for record in records] == [names[0]] * 6 + [names[1]] * 2
    assert records[0].answer == Text("They are celebrating on the soccer field.")
    assert all(record.id.startswith(f"{record.meta['subset']}/") for record in records)
    assert isinstance(records[-1].media[0], VideoFrame)
    assert [item.error.code for item in rejected] == ["E-MED-001"]  # 2.avi is not there
    # Without names: everything that is a file, those that are missing with a reason.
    records, rejected = split_up(LlamaFactorySource(path=DATA / "dataset_info.json"))
    described = json.loads((DATA / "dataset_info.json").read_text())
    files = {info["file_name"] for info in described.values() if "file_name" in info}
    missing = [item for item in rejected if item.error.code == "E-DAT-001"]
    assert len(records) == 6 and len(missing) == len(files) - 2


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("lima", "E-DAT-001", "llamafactory/lima"),
        ("mllm_dem", "E-CFG-006", "'mllm_demo'"),
    ],
)
def test_a_set_that_is_not_there_is_an_error_when_it_is_asked_for(
    name: str, code: str, says: str, tmp_path: Path
) -> None:
    described = {
        "lima": {"hf_hub_url": "llamafactory/lima"},
        "mllm_demo": {"file_name": "a.json"},
    }
    with pytest.raises(RoboLoopError, match=says) as caught:
        split_up(LlamaFactorySource(path=set_up(tmp_path, described), subsets=(name,)))
    assert caught.value.code == code
    assert caught.value.place.file == tmp_path / "dataset_info.json"


def test_column_maps_of_both_formattings(tmp_path: Path) -> None:
    described = {
        "one": {
            "file_name": "one.json",
            "ranking": True,
            "columns": {"prompt": "q", "chosen": "good", "rejected": "bad", "system": "s"},
        },
        "two": {
            "file_name": "two.json",
            "formatting": "sharegpt",
            "columns": {"messages": "talk", "kto_tag": "label"},
            "tags": {"role_tag": "role", "content_tag": "text", "user_tag": "u",
                     "assistant_tag": "a"},
        },
        "three": {"file_name": "three.json", "columns": {"prompt": "text"}},
    }  # fmt: skip
    talk = [{"role": "u", "text": "Why?"}, {"role": "a", "text": "So."}]
    folder = set_up(
        tmp_path,
        described,
        one=[{"q": "What?", "input": "not a column", "good": "A", "bad": "B", "s": "S"}],
        two=[{"talk": talk, "label": True}, {"talk": [talk[0], {**talk[1], "text": "No."}],
                                             "label": False}],
        three=[{"text": "A text without an answer."}],
    )  # fmt: skip
    records, rejected = split_up(LlamaFactorySource(path=folder))
    assert not rejected
    assert [record.answer for record in records] == [Text("A"), Text("So."), None, None]
    assert records[0].turns[-1].text == "What?" and records[0].turns[0].text == "S"
    assert [record.meta.get("rejected") for record in records] == ["B", None, "No.", None]
    assert [record.rejected for record in records] == [Text("B"), None, Text("No."), None]


def test_num_samples_are_drawn_by_the_seed(tmp_path: Path) -> None:
    entries = [{"instruction": f"{n}?", "output": str(n)} for n in range(50)]
    described = {"a": {"file_name": "a.json", "num_samples": 10}}
    source = LlamaFactorySource(path=set_up(tmp_path, described, a=entries))
    drawn = [[item.id for item in source.read(SourceContext(tmp_path, seed))  # pyright: ignore
              if isinstance(item, Record)] for seed in (0, 0, 1)]  # fmt: skip
    assert len(drawn[0]) == 10 and drawn[0] == drawn[1] != drawn[2]


BAD: list[tuple[Any, str]] = [
    ({"file_name": "../outside.json"}, "E-MED-005"),
    ({"file_name": "none.json"}, "E-DAT-001"),
    ({"file_name": "a.csv"}, "E-DAT-002"),
    ({"file_name": 5}, "E-DAT-002"),
    ({"file_name": "a.json", "columns": {"promt": "a"}}, "E-DAT-002"),
    ({"file_name": "a.json", "formatting": "chatml"}, "E-DAT-002"),
    ({"file_name": "a.json", "tags": {"role": "a"}}, "E-DAT-002"),
]


@pytest.mark.parametrize(("described", "code"), BAD)
def test_a_set_that_cannot_be_read_costs_one_line(
    described: Any, code: str, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("a,b\n")
    good = {"file_name": "a.json"}
    folder = set_up(tmp_path, {"bad": described, "good": good},
                    a=[{"instruction": "?", "output": "!"}])  # fmt: skip
    records, (rejected,) = split_up(LlamaFactorySource(path=folder))
    assert [record.meta["subset"] for record in records] == ["good"]
    assert (rejected.error.code, rejected.record_id) == (code, "bad")


@pytest.mark.parametrize("text", ["[1, 2]", "{", '{"a": 1}'])
def test_a_description_that_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "dataset_info.json").write_text(text)
    with pytest.raises(RoboLoopError) as caught:
        split_up(LlamaFactorySource(path=tmp_path))
    assert caught.value.code == "E-DAT-002"


def test_fingerprint_notices_the_description_and_the_files(tmp_path: Path) -> None:
    described: dict[str, Any] = {"a": {"file_name": "a.json"}, "b": {"file_name": "none.json"}}
    prints = {LlamaFactorySource(path=set_up(tmp_path, described, a=[])).fingerprint()}
    prints.add(LlamaFactorySource(path=set_up(tmp_path, described, a=[1])).fingerprint())
    described["a"]["ranking"] = True
    prints.add(LlamaFactorySource(path=set_up(tmp_path, described, a=[1])).fingerprint())
    assert len(prints) == 3
