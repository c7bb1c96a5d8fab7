"""From a run to a folder for others: which phase, which dialect, adapter or whole model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from roboloop.base.errors import Place, RoboLoopError
from roboloop.models.adapter_folder import ADAPTER, is_adapter, trained_folder
from roboloop.pipeline.yaml_places import read_yaml
from roboloop.runs.folder import MARK, open_run

if TYPE_CHECKING:
    from roboloop.models.export import Exported, PixelLimits

Dtype = Literal["bfloat16", "float16", "float32"]


def export_run(
    run: Path,
    *,
    out: Path,
    phase: str | None = None,
    adapter: bool = False,
    dtype: Dtype = "bfloat16",
) -> Exported:
    """Export what a run trained; a model folder in place of a run is exported itself.

    Args:
        run: A run folder, a model folder or an adapter's.
        out: The folder to make.
        phase: Name of a training phase; the one finished last when left out.
        adapter: Only the adapter, in place of the whole model.
        dtype: Number format of the weights.

    Raises:
        RoboLoopError: E-RUN-004 no run, E-RUN-007 no such finished phase, and as `export_model`.
    """
    from roboloop.models.export import export_adapter, export_model

    limits = None
    source = run
    if not (run / "config.json").is_file() and not is_adapter(run):
        stage = _finished_phase(run, name=phase)
        source = stage / ADAPTER if adapter else trained_folder(stage)
        limits = _limits(run)
    if adapter:
        return export_adapter(source, out=out)
    return export_model(source, out=out, dtype=dtype, limits=limits)


def _finished_phase(run: Path, *, name: str | None) -> Path:
    folder = open_run(run)
    marks = sorted(folder.stages.glob(f"train.*/{MARK}"), key=lambda path: path.stat().st_mtime_ns)
    names = [_stage_name(mark) for mark in marks]
    chosen = [
        mark.parent
        for mark, stage in zip(marks, names, strict=True)
        if name is None or stage == f"train.{name}"
    ]
    if chosen:
        return chosen[-1]
    done = ", ".join(dict.fromkeys(stage.removeprefix("train.") for stage in names)) or "none"
    wanted = "" if name is None else f" {name!r}"
    raise RoboLoopError(
        "E-RUN-007", f"no finished phase{wanted}; finished are: {done}", place=Place(run)
    )


def _stage_name(mark: Path) -> str:
    return json.loads(mark.read_text(encoding="utf-8"))["stage"]


def _limits(run: Path) -> PixelLimits | None:
    """Sizes of pictures that the run's dialect showed the model."""
    from roboloop.dialects import load_dialect
    from roboloop.models.export import PixelLimits

    lock = read_yaml(open_run(run).lock_path, fill_variables=False).value
    options: dict[str, Any] = dict(lock["model"]["dialect"])
    dialect: Any = load_dialect(options.pop("kind"), **options)
    if not hasattr(dialect, "max_pixels"):
        return None
    return PixelLimits(dialect.min_pixels, dialect.max_pixels)
