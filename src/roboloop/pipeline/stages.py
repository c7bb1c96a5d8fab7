"""What each stage does: calls into the stage packages, which know nothing of each other.

Heavy packages are imported inside the functions, so that planning and `--help` stay light.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from roboloop.base.hashing import hash_file, hash_value
from roboloop.base.progress import console
from roboloop.dialects import Dialect
from roboloop.models.adapter_folder import trained_folder
from roboloop.pipeline.recipe import Recipe
from roboloop.pipeline.stage import StageOutput
from roboloop.records.answers import Text
from roboloop.records.record import Record
from roboloop.records.shards import RecordFolder
from roboloop.runs.folder import RunFolder, StageFolder
from roboloop.runs.ledger import Ledger
from roboloop.train.phases import Job, run_job
from roboloop.train.processes import Processes, train_on_processes

MAX_TOKENIZER_TEXTS = 20_000


def make_records(recipe: Recipe, *, out: Path) -> StageOutput:
    """`data`: sources to `out/records`, the reasons for everything left out to the ledger."""
    from roboloop.base.workers import default_workers
    from roboloop.sources.base import SourceContext
    from roboloop.sources.build import build_records

    context = SourceContext(made_folder=out / "made", seed=recipe.seed)
    with Ledger(out / "ledger.jsonl", stage="data") as ledger:
        counts = build_records(
            recipe.data.sources, out=out / "records", context=context, ledger=ledger,
            strict=recipe.data.strict, num_workers=recipe.data.num_workers or default_workers(),
        )  # fmt: skip
    if counts.num_dropped:
        reasons = ", ".join(f"{number} x {code}" for code, number in counts.by_code.items())
        said = f"left out: {reasons}; every reason in {out / 'ledger.jsonl'}"
        console().print(said, markup=False, soft_wrap=True)
    folder = RecordFolder(out / "records")
    facts = {"records": counts.num_records, "dropped": counts.num_dropped}
    return StageOutput(folder.content_hash(), facts)


def curate_records(recipe: Recipe, *, records: Path, store: Path, out: Path) -> StageOutput:
    """`curate`: the records worth training on to `out/records`; why the others are not, beside."""
    from roboloop.curate.outcome import curate

    assert recipe.curate is not None
    with Ledger(out / "ledger.jsonl", stage="curate") as ledger:
        counts = curate(
            recipe.curate, records=records / "records", store=store, out=out, ledger=ledger,
            seed=recipe.seed,
        )  # fmt: skip
    if counts.num_dropped:
        reasons = ", ".join(f"{number:,} by {name}" for name, number in counts.by_operator.items())
        console().print(f"left out: {reasons}", markup=False, soft_wrap=True)
    facts = {"records": counts.num_kept, "dropped": counts.num_dropped}
    return StageOutput(RecordFolder(out / "records").content_hash(), facts)


def compose_records(recipe: Recipe, *, records: Path, store: Path, out: Path) -> StageOutput:
    """`compose`: the records and what is made of them to `out/records`; refusals to the ledger."""
    from roboloop.compose.run import compose_folder

    assert recipe.compose is not None
    with Ledger(out / "ledger.jsonl", stage="compose") as ledger:
        counts = compose_folder(
            recipe.compose, records=records / "records", store=store, out=out, ledger=ledger,
            seed=recipe.seed,
        )  # fmt: skip
    for label, made in counts.by_composer.items():
        reasons = ", ".join(f"{number:,} x {code}" for code, number in made.by_code.items())
        refused = f"; {made.num_refused:,} refused: {reasons}" if reasons else ""
        console().print(f"  {label}: {made.num_records:,} made{refused}", markup=False)
    facts = {"records": counts.num_records, "kept": counts.num_kept, "refused": counts.num_refused}
    return StageOutput(RecordFolder(out / "records").content_hash(), facts)


def composition_inputs(recipe: Recipe) -> dict[str, str]:
    """What the composers read besides the records, such as models."""
    assert recipe.compose is not None
    prints = {composer.label: composer.fingerprint() for composer in recipe.compose.composers}
    return {f"composer {label}": found for label, found in prints.items() if found}


def curation_inputs(recipe: Recipe) -> dict[str, str]:
    """What a curation depends on outside the records: the sets that operators compare with."""
    assert recipe.curate is not None
    return {
        f"operator {operator.label}": operator.fingerprint()
        for operator in recipe.curate.operators
        if operator.looks_outside
    }


def model_inputs(recipe: Recipe, *, records_hash: str) -> dict[str, str]:
    """What the first model depends on: a tiny one on the records its tokenizer learns from."""
    if recipe.model.kind == "tiny":
        return {"records": records_hash}
    return {"weights": _folder_print(recipe.model.path)}


def make_model(recipe: Recipe, *, records: Path, out: Path) -> StageOutput:
    """`model`: build the tiny model, or look that the named folder is there."""
    folder = recipe.model.folder(out / "model", texts=_texts(recipe, records=records))
    weights = _folder_print(folder)
    return StageOutput(weights, {"model": recipe.model.kind})


def model_folder(recipe: Recipe, stage: Path) -> Path:
    """Where the model to start from lies."""
    return stage / "model" if recipe.model.kind == "tiny" else recipe.model.path


def train_phase(job: Job, *, processes: Processes | None, logs: Path) -> StageOutput:
    """`train.<name>`: one phase of training; resumes from its own checkpoints.

    Args:
        job: The phase.
        processes: Those to start; None trains in this one.
        logs: Folder for what they print.
    """
    if processes is None:
        result = run_job(job)
    else:
        result = train_on_processes(job, processes=processes, logs=logs)
    facts = {"steps": result.num_steps, "loss": result.final_loss, "tokens": result.num_tokens}
    if result.warnings:
        facts |= {"warnings": list(result.warnings)}
    return StageOutput(_folder_print(trained_folder(job.out)), facts)


def evaluate_models(
    recipe: Recipe,
    *,
    records: Path,
    untrained: Path,
    phases: Mapping[str, Path],
    answers: Path,
    out: Path,
) -> StageOutput:
    """`evaluate`: the model, the model it started from and the best constant answer.

    Args:
        recipe: Says what is asked.
        records: Stage folder of the records.
        untrained: The model that training started from.
        phases: Name -> model of the phases so far that are asked, the last one last.
        answers: Folder of the raw answers, shared by all evaluations of a run.
        out: Folder of the stage.
    """
    from roboloop.evaluate.run import ModelUnderTest, run_evaluation

    models = [ModelUnderTest("untrained", folder=untrained, role="untrained")]
    for name, folder in phases.items():
        models.insert(0, ModelUnderTest(name, folder=folder, role="candidate"))
    config = recipe.evaluate
    if len(phases) < len(recipe.train) and config.after_each_phase:
        config = config.model_copy(update={"must_not_forget": None})  # that is for the last phase
    order = ("untrained", *phases) if config.after_each_phase else ()
    result = run_evaluation(
        config, models=models, records=records / "records", out=out,
        dialect=_dialect(recipe), answers=answers, phases=order,
    )  # fmt: skip
    facts: dict[str, Any] = {"records": result.num_records}
    if gate := result.report.get("gate"):
        facts["gate_closed"] = gate["closed"]
        for sentence in gate["sentences"]:
            console().print(sentence, markup=False, soft_wrap=True)
    return StageOutput(hash_file(out / "report.json"), facts)


def write_report(
    recipe: Recipe,
    *,
    run: RunFolder,
    records: StageFolder,
    ledgers: Sequence[StageFolder],
    phases: Sequence[StageFolder],
    judged: StageFolder,
    curated: StageFolder | None,
    out: Path,
) -> StageOutput:
    """`report`: the page, from what the other stages left."""
    from roboloop.compose.run import COUNTS_FILE
    from roboloop.curate.summary import CURATION_FILE
    from roboloop.report.build import build_report

    logs = {stage.name.removeprefix("train."): stage.path / "trainer_log.jsonl" for stage in phases}
    build_report(
        recipe.report,
        evaluation=judged.path,
        train_logs=logs,
        records=records.path / "records",
        lock_text=run.lock_path.read_text(encoding="utf-8"),
        environment=run.environment(),
        ledgers=[stage.path / "ledger.jsonl" for stage in ledgers],
        curation=None if curated is None else curated.path / CURATION_FILE,
        composition=composed if (composed := records.path / COUNTS_FILE).exists() else None,
        out=out / "report",
        name=recipe.name,
    )
    # The page also shows the machine and the command, which may differ between equal runs.
    return StageOutput(judged.output_hash, {})


def _dialect(recipe: Recipe) -> Dialect:
    return recipe.model.dialect.load()


def _texts(recipe: Recipe, *, records: Path) -> Iterator[str]:
    """Questions and answers of the training records, as the model will meet them."""
    from roboloop.tasks import load_task

    dialect = _dialect(recipe)
    for number, (record, _) in enumerate(RecordFolder(records / "records").read("train")):
        if number == MAX_TOKENIZER_TEXTS:
            return
        task = load_task(record.task)
        yield from _wordings(record, dialect=dialect)
        if record.answer is not None:
            yield task.target(record, dialect=dialect)
        if isinstance(record.rejected, Text):
            yield record.rejected.text


def _wordings(record: Record, *, dialect: Dialect) -> Iterator[str]:
    """The record's own question, or every English way to ask it."""
    from roboloop.tasks import load_task

    task = load_task(record.task)
    if any(turn.role == "user" for turn in record.turns):
        yield task.question(record, dialect=dialect)
        return
    for wording in task.askable(record, languages=("en",)):
        yield task.question(record, dialect=dialect, wording=wording)


def _folder_print(folder: Path) -> str:
    """Content hash of a model folder: every file of a small one, sizes and heads of a large one."""
    large_bytes = 1 << 30
    parts: list[list[str | int]] = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or ".git" in path.parts:
            continue
        size = path.stat().st_size
        content = hash_file(path) if size < large_bytes else f"mtime {path.stat().st_mtime_ns}"
        parts.append([path.relative_to(folder).as_posix(), size, content])
    return hash_value(parts)


__all__ = [
    "StageOutput", "compose_records", "composition_inputs", "curate_records", "curation_inputs",
    "evaluate_models", "make_model", "make_records", "model_folder", "model_inputs", "train_phase",
    "trained_folder", "write_report",
]  # fmt: skip
