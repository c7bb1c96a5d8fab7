"""The tiny model's tokenizer is learnt from records that few wordings fit, too."""

from __future__ import annotations

from pathlib import Path

import yaml

from roboloop.pipeline.load import load_recipe
from roboloop.pipeline.stages import make_model, make_records
from roboloop.records.answers import Text
from roboloop.records.record import Record, Turn
from roboloop.records.shard_files import record_line

RECORDS = (
    Record(
        id="asks itself", task="planning", inputs={"question": "What now?"}, answer=Text("lift")
    ),
    Record(id="goal", task="planning", inputs={"instruction": "tidy up"}, answer=Text("grasp")),
    Record(id="published", task="planning", turns=(Turn("user", "Next?"),), answer=Text("wait")),
)


def test_records_are_worded_only_as_they_can_be(tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").write_bytes(b"".join(map(record_line, RECORDS)))
    recipe = {
        "schema": 1,
        "name": "words",
        "model": {"kind": "tiny", "dialect": {"kind": "qwen25_vl", "factor": 16}},
        "data": {"sources": [{"kind": "records", "path": str(tmp_path / "records.jsonl")}]},
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    loaded = load_recipe(tmp_path / "recipe.yaml")
    make_records(loaded, out=tmp_path / "data")
    make_model(loaded, records=tmp_path / "data", out=tmp_path / "start")
    assert (tmp_path / "start/model/model.safetensors").is_file()
