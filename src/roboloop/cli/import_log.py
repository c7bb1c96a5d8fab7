"""`import-log`: read the log of a training run, of ours or of others, and draw it."""

from __future__ import annotations

from pathlib import Path

from roboloop.base.errors import RoboLoopError
from roboloop.base.progress import console

SAMPLE_NAME = "sample"


def import_log(
    file: Path,
    /,
    *,
    out: Path = Path("imported-log"),
    num_samples: int | None = None,
    records_per_step: int | None = None,
) -> int:
    """Read a training log: figures, a page, a summary, and what looks wrong.

    Args:
        file: A trainer_log.jsonl of LLaMA-Factory or of ours, or a trainer_state.json of Hugging
            Face's Trainer; `sample` is a published run's.
        out: Folder for the figures and the page.
        num_samples: Records the run is said to have been trained on; checked against the log.
        records_per_step: Records of a step, over all devices and passes; needed for that.
    """
    from roboloop.report.training_page import write_training_page
    from roboloop.runs.training_log import SAMPLE, read_any_log
    from roboloop.train.figures import FOLDER, write_figures
    from roboloop.train.log_findings import Claim, findings, summary_of

    if (num_samples is None) != (records_per_step is None):
        raise RoboLoopError(
            "E-CFG-003", "--num-samples and --records-per-step are given both or neither"
        )
    claim = None
    if num_samples is not None and records_per_step is not None:
        claim = Claim(num_samples, records_per_step)
    path = SAMPLE if file == Path(SAMPLE_NAME) else file
    log = read_any_log(path)
    page = write_training_page(out, logs={path.stem: log}, title=path.name)
    drawn = write_figures(out / FOLDER, lines=log.lines, title=path.stem)
    said = console()
    for name, value in summary_of(log.lines)._asdict().items():
        if value is not None:
            said.print(f"  {name.replace('_', ' ')}: {_worded(value)}", markup=False)
    if log.num_unread:
        said.print(f"  lines that could not be read: {log.num_unread}")
    found = findings(log.lines, claim=claim)
    said.print(f"\n[bold]{'what looks wrong' if found else 'nothing looks wrong'}[/]")
    for sentence in found:
        said.print(f"- {sentence}", markup=False, soft_wrap=True)
    said.print(f"\n{len(drawn)} figures, each as SVG and PNG, in {out / FOLDER}", markup=False)
    print(page)  # noqa: T201 - the one line of data
    return 1 if found else 0


def _worded(value: object) -> str:
    match value:
        case (lowest, step):
            return f"{lowest:g} at step {step}"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.6g}"
        case _:
            return str(value)
