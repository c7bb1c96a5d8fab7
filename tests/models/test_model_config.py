from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from roboloop.base.errors import RoboLoopError
from roboloop.dialects.qwen25_vl import Qwen25VL
from roboloop.models.config import FolderModel, ModelConfig, TinyModel
from roboloop.models.parts import load_parts

READ: TypeAdapter[TinyModel | FolderModel] = TypeAdapter(ModelConfig)
DIALECT = {"kind": "qwen25_vl", "factor": 16, "max_pixels": 25600}


def test_the_kind_chooses_the_model() -> None:
    tiny = READ.validate_python({"kind": "tiny", "dialect": DIALECT, "width": 64})
    assert isinstance(tiny, TinyModel)
    assert tiny.width == 64
    assert tiny.dialect.load() == Qwen25VL(factor=16, max_pixels=25600)
    folder = READ.validate_python({"kind": "folder", "dialect": DIALECT, "path": "a/b"})
    assert isinstance(folder, FolderModel)
    assert folder.path == Path("a/b")
    assert folder.model_dump(mode="json")["dialect"] == DIALECT


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"kind": "tiny"}, "dialect"),
        ({"kind": "tiny", "dialect": DIALECT, "wdith": 64}, "wdith"),
        ({"kind": "tiny", "dialect": DIALECT, "width": 100}, "multiple of 32"),
        ({"kind": "tiny", "dialect": {"kind": "qwen25vl"}}, "did you mean 'qwen25_vl'"),
        ({"kind": "tiny", "dialect": {**DIALECT, "max_pixel": 3}}, "max_pixel"),
        ({"kind": "huge", "dialect": DIALECT}, "huge"),
    ],
)
def test_mistakes_are_named(value: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        READ.validate_python(value)


def test_a_config_gives_its_folder(tmp_path: Path, tiny_folder: Path) -> None:
    tiny = TinyModel.model_validate({"dialect": DIALECT, "width": 64, "depth": 1, "patch_size": 4})
    built = tiny.folder(tmp_path / "tiny", texts=["a"])
    assert load_parts(built).pixels.patch_size == 4
    given = FolderModel.model_validate({"dialect": DIALECT, "path": tiny_folder})
    assert given.folder(tmp_path / "unused", texts=[]) == tiny_folder
    empty = FolderModel.model_validate({"dialect": DIALECT, "path": tmp_path})
    with pytest.raises(RoboLoopError, match=r"E-ENG-001.*config\.json"):
        empty.folder(tmp_path / "unused", texts=[])


def test_conversations_are_encoded_without_torch() -> None:
    modules = "config, chat, parts, pixels, batch"
    code = (
        f"from roboloop.models import {modules}; import sys; import roboloop.engines.base;"
        "sys.exit(sum(name in sys.modules for name in ('torch', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
