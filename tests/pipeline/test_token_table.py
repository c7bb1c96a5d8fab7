"""Tokens of records, against the rule of the picture processor and a tokenizer that is known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.base.text_length import estimated_tokens
from roboloop.cli.main import run_command
from roboloop.dialects import load_dialect
from roboloop.models.text_tokens import TextTokens
from roboloop.pipeline.token_table import count_tokens, spread
from roboloop.records import FilePicture, Record, Text
from roboloop.records.jsonl import write_json_line
from roboloop.records.record import Turn, record_to_json


def picture(width: int, height: int) -> FilePicture:
    return FilePicture(path="m:none.png", size=PictureSize(width, height))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    records = [
        Record(
            id="one", task="vqa", media=(picture(320, 180),), answer=Text("a red cup"),
            turns=(Turn("user", "<image>\nwhat is it"),),
        ),
        Record(
            id="eight", task="vqa", media=(picture(640, 360),) * 8, answer=Text("yes"),
            turns=(Turn("user", "<image>" * 8 + "is it done"),),
        ),
        Record(id="none", task="vqa", answer=Text("no"), turns=(Turn("user", "why"),)),
        Record(id="unknown", task="pointing", media=(FilePicture(path="m:none.png"),)),
    ]  # fmt: skip
    path = tmp_path / "train.jsonl"
    path.write_bytes(b"".join(write_json_line(record_to_json(record)) for record in records))
    return path


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    words = ["what", "is", "it", "a", "red", "cup", "yes", "done", "why", "no"]
    made = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="a"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    path = tmp_path / "model" / "tokenizer.json"
    path.parent.mkdir()
    made.save(str(path))
    return path


def test_pictures_cost_what_the_published_numbers_say(file: Path, tokenizer: Path) -> None:
    # 320x180 -> 66 and eight of 640x360 -> 2,392: RoboInter with Qwen2.5-VL.
    table = count_tokens(
        [file], dialect=load_dialect("qwen25_vl"), count_text=TextTokens(tokenizer).count
    )
    row = table["vqa"]
    assert sorted(row.picture_tokens) == [0, 66, 2392]
    assert sorted(row.text_tokens) == [2, 4, 6]
    assert (row.num_records, row.num_media, row.num_unknown) == (3, 9, 0)
    assert (table["pointing"].num_records, table["pointing"].num_unknown) == (1, 1)


def test_pixel_budget_changes_the_cost(file: Path) -> None:
    small = count_tokens([file], dialect=load_dialect("qwen25_vl", max_pixels=28 * 28 * 20))
    assert max(small["vqa"].picture_tokens) <= 8 * 20
    unknown = count_tokens([file], dialect=load_dialect("plain"))
    assert unknown["vqa"].num_unknown == 2


def test_estimate_and_spread() -> None:
    assert (estimated_tokens(""), estimated_tokens("abcde"), estimated_tokens("把杯子abcd")) == (
        0, 2, 4,
    )  # fmt: skip
    assert spread([]) is None
    assert spread([*range(1, 102)]) == (1, 51, 96, 101)


def test_command_takes_patterns_dialect_and_tokenizer(
    file: Path, tokenizer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["check", f"{file.parent}/*.jsonl", "--no-media", "--dialect", "qwen25_vl"]
    assert run_command([*arguments, "--set", "max_pixels=15680"]) == 0
    said = capsys.readouterr().err
    assert "estimated" in said and "4 records" in said
    assert run_command([*arguments, "--tokenizer", str(tokenizer.parent), "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["tokens"]["vqa"]["picture_tokens"]["max"] == 2392
    assert value["text_tokens_are_estimated"] is False
    assert run_command(["check", f"{file.parent}/*.nothing"]) == 2
    assert "E-DAT-001" in capsys.readouterr().err


def test_file_that_is_no_tokenizer_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(RoboLoopError, match="no tokenizer") as caught:
        TextTokens(tmp_path)
    assert caught.value.code == "E-DAT-002"
    with pytest.raises(RoboLoopError, match="no such tokenizer"):
        TextTokens(tmp_path / "none")
