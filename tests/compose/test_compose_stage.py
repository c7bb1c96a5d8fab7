"""Records made of records: counted, with parents, killed and resumed to the same bytes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import count_words
import pytest
from count_words import CountWords

from roboloop.base.errors import RoboLoopError
from roboloop.cli.main import run_command
from roboloop.compose import COMPOSERS
from roboloop.compose.config import ComposeConfig
from roboloop.compose.run import compose_folder
from roboloop.pipeline.load import load_recipe
from roboloop.records import Record, Text
from roboloop.records.shards import RecordFolder
from roboloop.runs.ledger import Ledger, read_ledger
from roboloop.runs.parts import RecordParts

RECIPE = """\
schema: 1
name: composed
seed: 3
model:
  kind: tiny
  dialect: {{kind: qwen25_vl, factor: 16, max_pixels: 15360}}
data:
  sources:
    - {{kind: records, path: {path}}}
compose:
  keep: {keep}
  composers:
    - {{kind: count_words, name: first}}
    - {{kind: count_words, name: again, splits: [train, val], killed_over: "{killed_over}"}}
"""
ANSWERS = {"a": "two words", "b": "one", "c": "now three words", "d": "two more"}


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts `CountWords` into the table."""
    row = {"count_words": "count_words:CountWords"}
    monkeypatch.setattr(COMPOSERS, "rows", {**COMPOSERS.rows, **row})


def given(folder: Path) -> Path:
    lines = [
        {
            "id": name, "task": "vqa", "inputs": {"question": "What?"},
            "answer": {"kind": "text", "text": text}, "split": "val" if name == "d" else "train",
        }
        for name, text in ANSWERS.items()
    ]  # fmt: skip
    path = folder / "given.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def recipe(folder: Path, *, keep: str = "all", killed_over: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "recipe.yaml"
    path.write_text(RECIPE.format(path=given(folder), keep=keep, killed_over=killed_over))
    return path


def ids(run: Path, split: str) -> list[str]:
    return [record.id for record in RecordFolder(run / "records").records(split)]


def shards(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.jsonl"))}


def test_what_is_made_stands_behind_what_was_there(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert run_command(["compose", str(recipe(tmp_path)), "--out", str(run)]) == 0
    made = ["a/first/words", "c/first/words", "a/again/words", "c/again/words"]
    assert ids(run, "train") == ["a", "b", "c", *made]
    assert ids(run, "val") == ["d", "d/again/words"]
    (stage,) = run.glob("stages/compose-*")
    told = json.loads((stage / "compose.json").read_text())
    assert (told["num_parents"], told["num_kept"], told["num_not_kept"]) == (4, 4, 0)
    refused = {"num_records": 2, "num_refused": 1, "by_code": {"E-REC-013": 1}}
    assert told["by_composer"] == {"first": refused, "again": {**refused, "num_records": 3}}
    lines = list(read_ledger(stage / "ledger.jsonl"))
    assert [(line.stage, line.source, line.record_id) for line in lines] == [
        ("compose", "first", "b"), ("compose", "again", "b"),
    ]  # fmt: skip


def test_composed_alone_leaves_out_the_splits_that_are_read(tmp_path: Path) -> None:
    run, file = tmp_path / "run", recipe(tmp_path, keep="composed")
    assert run_command(["compose", str(file), "--out", str(run), "--only", "first"]) == 0
    assert ids(run, "train") == ["a/first/words", "c/first/words"] and ids(run, "val") == ["d"]
    assert run_command(["compose", str(file), "--out", str(run), "--only", "again,again"]) == 0
    assert ids(run, "train") == ["a/again/words", "c/again/words"]
    assert ids(run, "val") == ["d/again/words"]


def test_only_takes_labels_kinds_and_families() -> None:
    composers = [CountWords(name="one"), CountWords(name="two")]
    config = ComposeConfig(composers=tuple(composers))
    for name, wanted in {
        "one": ["one"],
        "count": ["one", "two"],
        "count_words": ["one", "two"],
    }.items():
        assert [composer.label for composer in config.only([name]).composers] == wanted
    with pytest.raises(RoboLoopError, match="'coun' is none of the composers: one, two"):
        config.only(["coun"])


def test_two_composers_of_one_name_are_a_mistake_in_the_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = recipe(tmp_path)
    file.write_text(file.read_text().replace("name: again, ", "name: first, "))
    assert run_command(["plan", str(file), "--out", str(tmp_path / "run")]) == 2
    assert "two composers are called ['first']" in capsys.readouterr().err


def test_a_recipe_without_composers_says_where_they_go(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = recipe(tmp_path)
    file.write_text(file.read_text().partition("compose:")[0])
    assert run_command(["compose", str(file), "--out", str(tmp_path / "run")]) == 2
    assert "the recipe composes nothing" in capsys.readouterr().err


def test_killed_in_the_middle_it_goes_on_and_gives_the_same_bytes(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run_command(["compose", str(recipe(whole)), "--out", str(whole / "run")]) == 0
    command = ["compose", str(recipe(killed, killed_over="c")), "--out", str(killed / "run")]
    script = [sys.executable, count_words.__file__, *command]
    first = subprocess.run(script, capture_output=True, text=True, check=False)
    assert first.returncode == -9, first.stderr
    (stage,) = (killed / "run/stages").glob("compose-*")
    assert not (stage / "stage.json").exists()
    assert [path.name for path in sorted((stage / "records/parts").iterdir())] == [
        "000.done.json", "001.done.json",
    ]  # fmt: skip
    again = subprocess.run(script, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert "composed by first: 3 in 0 s  kept" in again.stderr
    found, wanted = shards(killed / "run/records"), shards(whole / "run/records")
    assert found.keys() == wanted.keys()
    # The sources' place is another; nothing else is.
    place, other = (str(folder / "given.jsonl").encode() for folder in (killed, whole))
    assert {name: data.replace(place, other) for name, data in found.items()} == wanted
    (other_stage,) = (whole / "run/stages").glob("compose-*")
    assert len(list(read_ledger(stage / "ledger.jsonl"))) == 2
    assert (stage / "compose.json").read_bytes() == (other_stage / "compose.json").read_bytes()


def test_an_id_that_is_taken_ends_in_the_ledger(tmp_path: Path) -> None:
    records = tmp_path / "parents"
    with Ledger(tmp_path / "data.jsonl", stage="data") as ledger:
        write(records, ledger=ledger)
    with Ledger(tmp_path / "compose.jsonl", stage="compose") as ledger:
        counts = compose_folder(
            ComposeConfig(composers=(CountWords(doubles="a"),)),
            records=records, store=tmp_path / "store", out=tmp_path / "out", ledger=ledger, seed=0,
        )  # fmt: skip
    assert counts.num_records == 4 and counts.num_refused == 1
    (line,) = read_ledger(tmp_path / "compose.jsonl")
    assert line.code == "E-REC-004" and line.record_id == "a/count_words/words"


def write(folder: Path, *, ledger: Ledger) -> None:
    """Two records as a source leaves them."""
    from roboloop.base.progress import progress_bar
    from roboloop.runs.encode import encode_record

    texts = {"a": "two words", "b": "and three words"}
    items = [
        encode_record(Record(id=name, task="vqa", answer=Text(text)), maker="test")
        for name, text in texts.items()
    ]
    parts = RecordParts(folder, marks="sources", roots={}, ledger=ledger)
    with progress_bar("test") as bar:
        parts.take("test", inputs=[], items=lambda: items, bar=bar)
    parts.finish()


def test_why_tells_parents_and_children(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert run_command(["compose", str(recipe(tmp_path)), "--out", str(run)]) == 0
    told: dict[str, str] = {}
    for name in ("a", "b", "c/again/words"):
        capsys.readouterr()
        assert run_command(["why", name, "--run", str(run)]) == 0
        told[name] = capsys.readouterr().err
    assert "2 were made of it: a/first/words, a/again/words" in told["a"]
    assert told["b"].count("left out by compose: E-REC-013") == 2
    assert 'composed by again of c\n  evidence: ["now", "three", "words"]' in told["c/again/words"]
    assert run_command(["why", "nobody", "--run", str(run)]) == 2


def test_plan_and_look_know_the_stage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, run = recipe(tmp_path), tmp_path / "run"
    assert run_command(["compose", str(file), "--out", str(run)]) == 0
    capsys.readouterr()
    assert run_command(["plan", str(file), "--out", str(run), "--json"]) == 0
    steps = {step["stage"]: step for step in json.loads(capsys.readouterr().out)}
    assert steps["compose"]["state"] == "done"
    assert steps["compose"]["what"] == "first, again; keeps all"
    out = tmp_path / "look"
    assert run_command(["look", str(run / "records"), "--out", str(out)]) == 0
    told = json.loads((out / "report.json").read_text())
    assert told["counts"]["records"] == 9


TRAIN = """\
train:
  - {{name: inject, num_steps: 1, data: [{{composed: [{name}]}}]}}
"""


def test_phases_name_composers_by_label_kind_or_family(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = recipe(tmp_path)
    text = file.read_text()
    for name, labels in {"again": ("again",), "count": ("first", "again")}.items():
        file.write_text(text + TRAIN.format(name=name))
        (phase,) = load_recipe(file).train
        assert phase.data[0].composed == labels
    file.write_text(text + TRAIN.format(name="counts"))
    assert run_command(["plan", str(file), "--out", str(tmp_path / "run")]) == 2
    assert "'counts' is none of the composers: first, again" in capsys.readouterr().err
