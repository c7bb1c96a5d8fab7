"""The evaluation stage: ask every model, score, compare, and write report, items and tables.

    out/
        answers/<model>.jsonl   raw answers; the only file that needs a model to be made again
        report.json             the numbers; docs/evaluation.md describes every key
        items.jsonl             one line per record: question, truth, answers, scores
        table.txt .md .csv .tex the numbers for people
        phases.txt .md          what each phase of training did, when several were asked
        logs/<model>_<task>.log every question with answer, truth and scores; means; what it took

Nothing in these files depends on the time, the order of the records or a restart; only the last
part of a log does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import atomic_write_json, atomic_write_text, atomic_writer
from roboloop.base.hashing import canonical_json, hash_value
from roboloop.dialects.base import Dialect
from roboloop.engines.ask import MediaHashes, ask_all
from roboloop.engines.base import Engine
from roboloop.engines.raw_answers import AnswerStore
from roboloop.evaluate.baselines import CONSTANT, best_constants, constant_predictions
from roboloop.evaluate.config import EvaluateConfig
from roboloop.evaluate.gate import gate_results, gate_sentences, is_closed
from roboloop.evaluate.items import item_json
from roboloop.evaluate.logs import topics_by_task, write_logs
from roboloop.evaluate.phases import phase_table, phases_markdown, phases_text
from roboloop.evaluate.question_types import worded_as
from roboloop.evaluate.score import judge_all
from roboloop.evaluate.selection import TRAIN, records_to_ask, training_truths
from roboloop.evaluate.summary import ModelRun, summarise
from roboloop.evaluate.tables import csv_table, latex_table, markdown_table, text_table
from roboloop.records.answers import Answer, answer_to_json
from roboloop.records.media_open import MediaStore
from roboloop.records.record import Record, record_hash
from roboloop.records.shards import RecordFolder
from roboloop.tasks import load_task

SPATIAL = ("box", "boxes", "points", "trajectory")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class ModelUnderTest(NamedTuple):
    """A model folder with the name it has in the tables.

    Attributes:
        role: `untrained` for the model that training started from: a baseline.
        dialect: Its convention, when it is not the evaluation's.
        needs_format_hint: Whether it writes places in whatever way it is asked to, so that
            questions about places have to say how.
    """

    name: str
    folder: Path
    role: Literal["candidate", "untrained"] = "candidate"
    dialect: Dialect | None = None
    needs_format_hint: bool = False


class EvaluationResult(NamedTuple):
    """What an evaluation left.

    Attributes:
        report: The content of `report.json`.
        num_records: Records that were asked.
        complete: False when a request failed or a truth is missing.
        num_not_parsed: Model -> answers that could not be read.
    """

    report: Mapping[str, Any]
    num_records: int
    complete: bool
    num_not_parsed: Mapping[str, int]


OpenEngine = Callable[[ModelUnderTest, Dialect, EvaluateConfig], Engine]


def open_local_engine(model: ModelUnderTest, dialect: Dialect, config: EvaluateConfig) -> Engine:
    """The model in this process; torch is imported here."""
    from roboloop.engines.local import open_folder

    return open_folder(
        model.folder,
        dialect=dialect,
        max_new_tokens=config.max_new_tokens,
        batch_size=config.batch_size,
    )


def run_evaluation(
    config: EvaluateConfig,
    *,
    models: Sequence[ModelUnderTest],
    records: Path,
    out: Path,
    dialect: Dialect,
    answers: Path | None = None,
    open_engine: OpenEngine | None = open_local_engine,
    phases: Sequence[str] = (),
) -> EvaluationResult:
    """Ask every model, score, compare with the baselines, and write everything to `out`.

    Killed at any moment and called again, it goes on where it was and writes the same files.

    Args:
        config: What is asked and how sure the numbers are.
        models: The models; those with the role `untrained` only if it is among the baselines.
        records: Folder of records with the split to ask and, for the constant, the training split.
        out: Folder for the results.
        dialect: Convention of the models that name none of their own.
        answers: Folder of the raw answers, `out/answers` when left out. Evaluations that share one
            ask no question twice.
        open_engine: How a model is opened. None scores what is stored without any model; what was
            never asked counts as failed.
        phases: Names of the models that training went through, in its order: the report gets the
            table of tasks and phases.

    Raises:
        RoboLoopError: E-EVA-001 when there is nothing to ask; E-EVA-002 when nothing is stored;
            E-ENG-* when a model cannot be loaded. A question that fails is counted, not raised.
    """
    chosen = [m for m in models if m.role == "candidate" or m.role in config.baselines]
    check_names([model.name for model in chosen])
    folder = RecordFolder(records)
    stage = _Stage(
        config,
        records=records_to_ask(folder, config=config),
        media=folder.media_store(),
        answers=answers or out / "answers",
    )
    runs = [
        stage.question(model, dialect=model.dialect or dialect, open_engine=open_engine)
        for model in chosen
    ]
    notes: list[str] = []
    if CONSTANT in config.baselines:
        constants = stage.constants(folder)
        runs.append(stage.constant(constants, dialect=dialect))
        without = sorted({record.task for record in stage.records} - set(constants))
        notes += [f"{task}: no training record, so no constant baseline" for task in without]
    items = list(_items(stage.records, runs=runs, dialect=dialect))
    report = _report(stage, runs=runs, items=items, phases=phases, notes=notes)
    write_logs(
        out / "logs",
        report=report,
        topics=topics_by_task(stage.records, dialect=dialect),
        runs=runs,
        answers=stage.answers,
    )
    write_results(out, report=report, items=items, tables=_tables(report))
    unparsed = {m["model"]: m["num_unparsed"] for m in report["overall"]["models"]}
    return EvaluationResult(report, len(stage.records), report["complete"], unparsed)


def _report(
    stage: _Stage,
    *,
    runs: Sequence[ModelRun],
    items: Sequence[Mapping[str, Any]],
    phases: Sequence[str],
    notes: Sequence[str],
) -> dict[str, Any]:
    """The content of `report.json`."""
    config, records = stage.config, stage.records
    report: dict[str, Any] = {
        **summarise(records, models=runs, config=config, notes=notes),
        "records_hash": hash_value([[record.id, record_hash(record)] for record in records]),
    }
    asked = [name for name in phases if any(run.name == name for run in runs)]
    if len(asked) > 1:
        report["phases"] = phase_table(report, items=items, phases=asked, config=config)
    if config.must_not_forget is not None:
        found = gate_results(report, gate=config.must_not_forget)
        report["gate"] = {
            "closed": is_closed(found, gate=config.must_not_forget),
            "results": [result._asdict() for result in found],
            "sentences": gate_sentences(found, baseline=config.must_not_forget.baseline),
        }
    return report


def _tables(report: Mapping[str, Any]) -> dict[str, str]:
    """File name -> the numbers for people."""
    tables = {
        "table.txt": text_table(report), "table.md": markdown_table(report),
        "table.csv": csv_table(report), "table.tex": latex_table(report),
    }  # fmt: skip
    if phases := report.get("phases"):
        tables |= {"phases.txt": phases_text(phases), "phases.md": phases_markdown(phases)}
    return tables


def question_text(
    record: Record, *, dialect: Dialect, config: EvaluateConfig, hint: bool = False
) -> str:
    """The question as the evaluation words it, with `hint` also how a place is to be written."""
    task = load_task(record.task)
    wording = None
    if not any(turn.role == "user" for turn in record.turns):
        seed = config.seed if config.wording == "seeded" else None
        wording = task.choose_wording(record, languages=config.languages, seed=seed)
    text = task.question(record, dialect=dialect, wording=wording)
    language = wording.language if wording else config.languages[0]
    kind = task.answer_kind
    text = worded_as(
        config.question_type, text, answer_kind=kind, dialect=dialect, language=language
    )
    asks_for_points = config.question_type == "w2p" and kind == "points"
    if not (config.format_hint or hint) or asks_for_points:
        return text
    return with_format_hint(text, answer_kind=kind, dialect=dialect, language=language)


def with_format_hint(text: str, *, answer_kind: str, dialect: Dialect, language: str = "en") -> str:
    """A question for places with the sentence that says how to write them; others as they are."""
    if answer_kind not in SPATIAL:
        return text
    return f"{text}\n{dialect.format_hint(answer_kind, language=language)}"


class _Stage:
    """The records of one evaluation, put to one model after the other."""

    def __init__(
        self,
        config: EvaluateConfig,
        *,
        records: Sequence[Record],
        media: MediaStore,
        answers: Path,
    ) -> None:
        self.config = config
        self.records = records
        self.media = media
        self.answers = answers
        self.hashes = MediaHashes(media)

    def question(
        self, model: ModelUnderTest, *, dialect: Dialect, open_engine: OpenEngine | None
    ) -> ModelRun:
        """Every answer of one model, found in the store or asked now."""
        store = AnswerStore(self.answers / f"{model.name}.jsonl")
        engine = open_engine(model, dialect, self.config) if open_engine else None
        identity = engine.identity() if engine else store.newest_engine
        if identity is None:
            raise RoboLoopError(
                "E-EVA-002", f"{model.name!r} was not asked", place=Place(store.path)
            )
        prompts = [
            (
                record,
                question_text(
                    record, dialect=dialect, config=self.config, hint=model.needs_format_hint
                ),
            )
            for record in self.records
        ]
        predictions = ask_all(
            prompts,
            engine=engine,
            identity=identity,
            store=store,
            media=self.media,
            hashes=self.hashes,
            batch_size=self.config.batch_size,
            model=model.name,
            title=f"asking {model.name}",
        )
        judged = judge_all(predictions, records=self.records, dialect=dialect)
        return ModelRun(model.name, model.role, identity, dialect, judged)

    def constants(self, folder: RecordFolder) -> dict[str, Answer]:
        """Task -> the best constant answer of the training split."""
        tasks = {record.task for record in self.records}
        train = folder.records(TRAIN)
        return best_constants(training_truths(train, tasks=tasks, seed=self.config.seed))

    def constant(self, constants: Mapping[str, Answer], *, dialect: Dialect) -> ModelRun:
        """The best constant answer, judged like a model."""
        predictions = constant_predictions(self.records, constants=constants, dialect=dialect)
        judged = judge_all(predictions, records=self.records, dialect=dialect)
        identity = hash_value({task: answer_to_json(each) for task, each in constants.items()})
        return ModelRun(CONSTANT, CONSTANT, identity, dialect, judged)


def _items(
    records: Sequence[Record], *, runs: Sequence[ModelRun], dialect: Dialect
) -> Iterator[dict[str, Any]]:
    for record in records:
        judged = {run.name: run.judged[record.id] for run in runs if record.id in run.judged}
        question = next(iter(judged.values())).prediction.prompt if judged else ""
        yield item_json(record, dialect=dialect, question=question, judged=judged)


def write_results(
    out: Path,
    *,
    report: Mapping[str, Any],
    items: Iterable[Mapping[str, Any]],
    tables: Mapping[str, str],
) -> None:
    """Write items, tables and, last, `report.json`: an evaluation that has one is whole.

    Args:
        out: The evaluation's folder.
        report: The numbers.
        items: One entry for each record.
        tables: File name -> text.
    """
    with atomic_writer(out / "items.jsonl") as stream:
        for item in items:
            stream.write((canonical_json(item) + "\n").encode())
    for name, text in tables.items():
        atomic_write_text(out / name, text=text)
    atomic_write_json(out / "report.json", value=report)


def check_names(names: Sequence[str]) -> None:
    """Names are column heads and file names: each its own, none that of the constant."""
    assert len(set(names)) == len(names) and CONSTANT not in names, names
    assert all(NAME.fullmatch(name) for name in names), names
