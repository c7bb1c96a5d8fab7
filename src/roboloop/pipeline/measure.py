"""Measure a model without a whole recipe: on benchmarks, or on records that lie somewhere.

out/
    answers/ report.json items.jsonl table.*   as every evaluation leaves
    report/                                    the page
    records/                                   what was asked
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from roboloop.base.errors import RoboLoopError
from roboloop.base.files import atomic_write_text
from roboloop.base.progress import console
from roboloop.base.workers import default_workers
from roboloop.dialects.base import Dialect
from roboloop.engines.base import Engine
from roboloop.evaluate.benchmarks import BENCHMARKS, load_benchmark
from roboloop.evaluate.benchmarks.config import ALL, BenchmarkConfig
from roboloop.evaluate.config import EvaluateConfig, Measuring
from roboloop.evaluate.run import SPATIAL
from roboloop.pipeline.yaml_places import dump_yaml
from roboloop.records.shards import FOLDER_MARK, RecordFolder
from roboloop.report.build import build_report
from roboloop.report.config import ReportConfig
from roboloop.runs.environment import capture_environment
from roboloop.runs.folder import RunFolder
from roboloop.runs.ledger import Ledger
from roboloop.tasks import load_task

LOCK_FILE = "settings.lock.yaml"
PREFERRED_SPLITS = ("test", "val", "train")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]+")


class Opened(NamedTuple):
    """A model that answers.

    Attributes:
        name: In tables and file names.
        engine: Answers its questions.
        dialect: How it writes places.
        role: `untrained` for the model that training started from.
        needs_format_hint: Whether it has no convention of its own for places.
    """

    name: str
    engine: Engine
    dialect: Dialect
    role: str = "candidate"
    needs_format_hint: bool = False


class Measured(NamedTuple):
    """What measuring left: the page, the table as text, and whether the numbers are whole."""

    page: Path
    scores: str
    complete: bool


def open_models(
    target: str,
    *,
    engine: str | None,
    settings: Measuring,
    dialect: Dialect | None,
    overrides: Sequence[str] = (),
) -> list[Opened]:
    """The models behind a folder, a name on a server, or a recipe.

    A recipe is followed up to its last training phase; the model it started from is the baseline.

    Args:
        target: A model folder, the name of a model that `engine` serves, or a recipe.
        engine: As `engines.open.open_engine` takes it; the folder in this process when left out.
        settings: Length of answers and batch size.
        dialect: How the models write places, when their profile or recipe does not tell.
        overrides: Values of the recipe, as `key.path=value`.

    Raises:
        RoboLoopError: E-ENG-* when a model cannot be reached; E-CFG-* for what is none of these.
    """
    if engine is not None or _is_model(Path(target)):
        served = None if engine is None or Path(target).exists() else target
        spec = engine or f"local:{target}"
        return [_opened(spec, served=served, settings=settings, dialect=dialect, name=None)]
    from roboloop.pipeline.execute import trained_models
    from roboloop.pipeline.load import load_recipe

    recipe = load_recipe(Path(target), overrides=overrides)
    return [
        _opened(
            f"local:{folder}", served=None, settings=settings, name=name,
            dialect=dialect or recipe.model.dialect.load(),
        )
        for name, folder in trained_models(recipe, out=Path("runs") / recipe.name).items()
    ]  # fmt: skip


def measure_benchmarks(config: BenchmarkConfig, *, models: Sequence[Opened], out: Path) -> Measured:
    """Ask the models the benchmarks' questions; see `evaluate.benchmarks.run`.

    Raises:
        RoboLoopError: E-RUN-002 when another process works in `out`; whatever the stage raises.
    """
    from roboloop.evaluate.benchmarks.run import BenchmarkModel, run_benchmarks

    with RunFolder(out).exclusive():
        asked = [BenchmarkModel(*model) for model in models]
        result = run_benchmarks(config, models=asked, out=out)
        page = _page(out, records=out / "records", settings=config, name="Benchmarks")
    return Measured(page, _table(out), result.complete)


def measure_records(
    config: EvaluateConfig, *, models: Sequence[Opened], data: Path, out: Path
) -> Measured:
    """Ask the models the questions of a split, of a folder of records or of what `auto` reads.

    Raises:
        RoboLoopError: E-DAT-* when nothing can be read; E-EVA-001 when nothing is to be asked.
    """
    from roboloop.evaluate.run import ModelUnderTest, run_evaluation

    with RunFolder(out).exclusive():
        records = _records(data, out=out, seed=config.seed)
        splits = RecordFolder(records).splits
        if config.split not in splits:
            split = next((name for name in PREFERRED_SPLITS if name in splits), config.split)
            config = config.model_copy(update={"split": split})
        by_name = {model.name: model for model in models}
        result = run_evaluation(
            config,
            models=[
                ModelUnderTest(
                    model.name,
                    Path(model.name),
                    role="candidate",
                    dialect=model.dialect,
                    needs_format_hint=model.needs_format_hint,
                )
                for model in models
            ],
            records=records,
            out=out,
            dialect=models[0].dialect,
            open_engine=lambda model, _, __: by_name[model.name].engine,
        )
        page = _page(out, records=records, settings=config, name="Evaluation")
    return Measured(page, _table(out), result.complete)


def _opened(
    spec: str,
    *,
    served: str | None,
    settings: Measuring,
    dialect: Dialect | None,
    name: str | None,
) -> Opened:
    from roboloop.engines.open import open_engine

    found = open_engine(
        spec, dialect=dialect, model=served, max_new_tokens=settings.max_new_tokens,
        batch_size=settings.batch_size, check_pictures=_asks_for_places(settings),
    )  # fmt: skip
    console().print(found.because, markup=False, soft_wrap=True)
    plain = _NOT_IN_NAMES.sub("-", (name or found.model).rpartition("/")[2]).strip("-.")
    role = "untrained" if name == "untrained" else "candidate"
    return Opened(
        plain or "model",
        found.engine,
        found.dialect,
        role,
        needs_format_hint=not found.profile.has_own_convention,
    )


def _asks_for_places(settings: Measuring) -> bool:
    """Whether any answer may be a place, which a server that resizes pictures would shift."""
    if isinstance(settings, BenchmarkConfig):
        names = BENCHMARKS.rows if ALL in settings.benchmarks else settings.benchmarks
        return any(
            benchmark.answer_kind in SPATIAL or any(p.dialect for p in benchmark.prompts.values())
            for benchmark in map(load_benchmark, names)
        )
    tasks = settings.tasks if isinstance(settings, EvaluateConfig) else None
    return tasks is None or any(load_task(task).answer_kind in SPATIAL for task in tasks)


def _records(data: Path, *, out: Path, seed: int) -> Path:
    """The folder of records at `data`, or one made from what lies there."""
    if (data / FOLDER_MARK).exists():
        return data
    from roboloop.sources.auto import AutoSource
    from roboloop.sources.base import SourceContext
    from roboloop.sources.build import build_records

    folder = out / "records"
    with Ledger(out / "ledger.jsonl", stage="data") as ledger:
        counts = build_records(
            [AutoSource.model_validate({"kind": "auto", "path": data})],
            out=folder,
            context=SourceContext(made_folder=out / "made", seed=seed),
            ledger=ledger,
            num_workers=default_workers(),
        )
    if counts.num_dropped:
        said = f"{counts.num_dropped:,} entries are left out; reasons in {out / 'ledger.jsonl'}"
        console().print(said, markup=False, soft_wrap=True)
    if not counts.num_records:
        raise RoboLoopError("E-DAT-003", f"no question in {str(data)!r}")
    return folder


def _page(out: Path, *, records: Path, settings: Measuring, name: str) -> Path:
    lock = dump_yaml(settings.model_dump(mode="json", exclude={"root"}))
    atomic_write_text(out / LOCK_FILE, text=lock)
    return build_report(
        ReportConfig.model_validate({}),
        evaluation=out,
        train_logs={},
        records=records,
        lock_text=lock,
        environment=capture_environment(),
        ledgers=[path for path in (out / "ledger.jsonl",) if path.exists()],
        out=out / "report",
        name=name,
    )


def _table(out: Path) -> str:
    return (out / "table.txt").read_text(encoding="utf-8")


def _is_model(folder: Path) -> bool:
    return (folder / "config.json").is_file()
