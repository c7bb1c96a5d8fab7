"""Daft and Ray give the bytes of the inline engine.

Daft 0.7 needs pyarrow < 26. Where it is not installed beside RoboLoop, ROBOLOOP_DAFT_PYTHON may
name an interpreter of an environment that has it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from made_records import record

import roboloop
from roboloop.base.errors import MissingDependencyError
from roboloop.curate import daft as daft_engine
from roboloop.curate.config import CurateConfig
from roboloop.curate.exact import ExactDuplicates
from roboloop.records.answers import Box

Write = Callable[..., Path]

PYTHON = os.environ.get("ROBOLOOP_DAFT_PYTHON") or (sys.executable if find_spec("daft") else None)
needs_daft = pytest.mark.skipif(
    PYTHON is None, reason="Daft is not installed, and ROBOLOOP_DAFT_PYTHON names no interpreter"
)


def curated(folder: Path, out: Path, engine: dict[str, Any]) -> dict[str, bytes]:
    """Every file that a curation by this engine left, in a process of its own."""
    assert PYTHON is not None
    source = Path(roboloop.__file__).parent.parent
    script = Path(__file__).parent / "curate_folder.py"
    done = subprocess.run(
        [PYTHON, str(script), str(folder), str(out), json.dumps(engine)],
        env={**os.environ, "PYTHONPATH": str(source), "RAY_AUTH_MODE": "disabled"},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = sorted(path for path in out.rglob("*") if path.is_file())
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in found}


def folder_of_many(write_records: Write) -> Path:
    records = [record(f"r{i}", answer=Box(i % 40, 1, 90, 99)) for i in range(70)]
    return write_records(records, max_records=7)


@pytest.mark.slow
@needs_daft
@pytest.mark.parametrize("runner", ["native", "ray"])
def test_two_workers_of_daft_give_the_bytes_of_the_inline_engine(
    runner: str, write_records: Write, tmp_path: Path
) -> None:
    folder = folder_of_many(write_records)
    inline = curated(folder, tmp_path / "inline", {"kind": "inline", "num_workers": 1})
    engine = {"kind": "daft", "num_workers": 2, "runner": runner}
    assert curated(folder, tmp_path / "daft", engine) == inline
    assert len([name for name in inline if name.startswith("store")]) == 21


@pytest.mark.slow
@needs_daft
def test_an_error_in_a_worker_keeps_its_code(write_records: Write, tmp_path: Path) -> None:
    folder = folder_of_many(write_records)
    shard = folder / "train-00003.jsonl"
    shard.write_bytes(shard.read_bytes()[:-20])
    with pytest.raises(AssertionError, match=r"E-REC-0.*train-00003\.jsonl:7"):
        curated(folder, tmp_path / "daft", {"kind": "daft"})


def test_without_daft_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(daft_engine, "find_spec", lambda name: None)
    for engine, extra in (({}, "daft"), ({"runner": "ray"}, "daft")):
        config = CurateConfig.model_validate(
            {"engine": {"kind": "daft", **engine}, "operators": [ExactDuplicates()]}
        )
        with pytest.raises(MissingDependencyError, match=rf"pip install 'roboloop\[{extra}\]'"):
            config.engine.load()


def test_an_address_is_of_ray() -> None:
    with pytest.raises(ValueError, match="runner: ray"):
        CurateConfig.model_validate(
            {"engine": {"kind": "daft", "address": "auto"}, "operators": [ExactDuplicates()]}
        )
