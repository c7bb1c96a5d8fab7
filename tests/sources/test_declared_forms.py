"""sharegpt, messages, alpaca: each strict about its own form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import ValidationError

from roboloop.records import Answer, Box, Record, Text, Turn
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.declared_forms import AlpacaSource, MessagesSource, ShareGptSource
from roboloop.sources.json_source import JsonEntrySource

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
ASKED = (Turn("system", "Be brief."), Turn("user", "<image>What?"))


def read(kind: type[JsonEntrySource], entry: Any, folder: Path, **options: Any) -> list[Any]:
    Image.new("RGB", (32, 18)).save(folder / "a.png")
    file = folder / "set.json"
    file.write_text(json.dumps([entry]))
    return list(kind(path=file, **options).read(SourceContext(folder, 0)))


SHAREGPT = {
    "system": "Be brief.",
    "images": ["a.png"],
    "conversations": [
        {"from": "human", "value": "<image>What?"},
        {"from": "gpt", "value": "A cup."},
    ],
}
MESSAGES = {
    "images": ["a.png"],
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "<image>What?"},
        {"role": "assistant", "content": "A cup."},
    ],
}
ALPACA = {
    "system": "Be brief.",
    "images": "a.png",
    "instruction": "<image>What?",
    "input": "",
    "output": "A cup.",
}


@pytest.mark.parametrize(
    ("kind", "entry"),
    [(ShareGptSource, SHAREGPT), (MessagesSource, MESSAGES), (AlpacaSource, ALPACA)],
)
def test_each_form_gives_the_same_record_and_takes_no_other(
    kind: type[JsonEntrySource], entry: Any, tmp_path: Path
) -> None:
    (record,) = read(kind, entry, tmp_path)
    assert isinstance(record, Record)
    assert (record.turns, record.answer) == (ASKED, Text("A cup."))
    assert record.picture_size == (32, 18) and record.origin == "set.json:1"
    for other in (SHAREGPT, MESSAGES, ALPACA):
        if other is not entry:
            (rejected,) = read(kind, other, tmp_path)
            assert isinstance(rejected, Rejected) and rejected.error.code == "E-DAT-004"
            assert "its keys" in rejected.error.detail


def test_columns_and_tags_of_another_name(tmp_path: Path) -> None:
    entry = {
        "talk": [{"who": "Q", "said": "<image>What?"}, {"who": "A", "said": "A cup."}],
        "preamble": "Be brief.",
        "img": "a.png",
    }
    options = {
        "columns": {"messages": "talk", "system": "preamble", "images": "img"},
        "tags": {"role_tag": "who", "content_tag": "said", "user_tag": "Q", "assistant_tag": "A"},
    }
    (record,) = read(ShareGptSource, entry, tmp_path, **options)
    assert (record.turns, record.answer) == (ASKED, Text("A cup."))


def test_alpaca_joins_prompt_and_query_after_the_history(tmp_path: Path) -> None:
    entry = {"instruction": "Add", "input": "2 + 2", "output": "4", "history": [["1 + 1", "2"]]}
    (record,) = read(AlpacaSource, entry, tmp_path)
    assert record.turns == (
        Turn("user", "1 + 1"),
        Turn("assistant", "2"),
        Turn("user", "Add\n2 + 2"),
    )
    assert record.answer == Text("4")


def test_of_a_ranked_pair_the_chosen_one_is_the_truth(tmp_path: Path) -> None:
    asked = [{"from": "human", "value": "What?"}]
    pair: dict[str, Any] = {"good": {"from": "gpt", "value": "yes"}, "bad": "no"}
    columns = {"columns": {"chosen": "good", "rejected": "bad"}}
    (record,) = read(ShareGptSource, {"conversations": asked, **pair}, tmp_path, **columns)
    assert (record.answer, record.rejected) == (Text("yes"), Text("no"))
    assert record.meta["rejected"] == "no"
    (left_out,) = read(ShareGptSource, {"conversations": asked}, tmp_path, **columns)
    assert left_out.error.code == "E-DAT-004" and "'bad'" in left_out.error.detail


@pytest.mark.parametrize(
    ("said", "rejected"),
    [
        ("[1, 2, 30, 17]", Box(1, 2, 30, 17)),
        ("It is to the left.", Text("It is to the left.")),
        ("[1, 2, 3000, 17]", Text("[1, 2, 3000, 17]")),
        ("[30, 2, 1, 17]", Text("[30, 2, 1, 17]")),
    ],
)
def test_a_rejected_answer_is_typed_or_the_text_itself(
    tmp_path: Path, said: str, rejected: Answer
) -> None:
    entry = {"messages": [{"role": "user", "content": "<image>Where?"}], "images": ["a.png"]}
    pair = {name: {"role": "assistant", "content": text}
            for name, text in (("chosen", "[5, 6, 20, 16]"), ("rejected", said))}  # fmt: skip
    (record,) = read(
        MessagesSource, entry | pair, tmp_path, task="current_box", coordinates="plain"
    )
    assert (record.answer, record.rejected) == (Box(5, 6, 20, 16), rejected)
    same = read(
        MessagesSource, entry | pair | {"rejected": pair["chosen"]}, tmp_path,
        task="current_box", coordinates="plain",
    )  # fmt: skip
    assert [item.error.code for item in same] == ["E-REC-016"]


def test_an_answer_marked_as_bad_is_no_truth(tmp_path: Path) -> None:
    for liked, answer, meta in ((True, Text("x"), {}), (False, None, {"rejected": "x"})):
        entry = {"instruction": "What?", "output": "x", "label": liked}
        (record,) = read(AlpacaSource, entry, tmp_path, columns={"kto_tag": "label"})
        assert (record.answer, dict(record.meta)) == (answer, meta)
        assert record.rejected == (None if liked else Text("x"))


TALK: list[tuple[Any, str]] = [
    ([], "nobody asks"),
    ([{"from": "gpt", "value": "x"}], "take turns"),
    ([{"from": "human", "value": "x"}, {"from": "human", "value": "y"}], "take turns"),
    ([{"from": "human", "value": "x"}, {"from": "function_call", "value": "{}"}], "calls of tools"),
    ([{"from": "user", "value": "x"}], "speaker 'user'"),
    ([{"role": "human", "content": "x"}], "from, value"),
    ("hello", "list of turns"),
]


@pytest.mark.parametrize(("turns", "says"), TALK)
def test_what_the_form_does_not_describe_is_left_out(turns: Any, says: str, tmp_path: Path) -> None:
    (rejected,) = read(ShareGptSource, {"conversations": turns}, tmp_path)
    assert (rejected.error.code, says in rejected.error.detail) == ("E-DAT-004", True), rejected
    assert rejected.error.place.line == 1


def test_unknown_columns_and_tags_are_refused() -> None:
    for options in ({"columns": {"mesages": "a"}}, {"tags": {"roletag": "a"}}):
        with pytest.raises(ValidationError, match=r"mesages|roletag"):
            ShareGptSource(path=Path("a.json"), **options)  # pyright: ignore[reportArgumentType]


def test_real_messages_in_parts() -> None:
    folder = DATA / "llamafactory_mllm"
    if not folder.exists():
        pytest.skip("the real sample llamafactory_mllm is not there")
    file = folder / "data/v1_multimodal_demo.jsonl"
    source = MessagesSource(path=file, image_folder=folder)
    items = list(source.read(SourceContext(folder, 0)))
    records = [item for item in items if isinstance(item, Record)]
    reasons = {item.error.code for item in items if isinstance(item, Rejected)}
    assert records[0].answer == Text("They are celebrating on the soccer field.")
    assert len(records[0].media) == 2
    assert len(items) == len(file.read_text().split("\n")) - 2  # a line break, an empty line
    assert reasons <= {"E-DAT-004", "E-MED-001"}
