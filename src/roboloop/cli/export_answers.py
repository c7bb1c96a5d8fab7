"""`export-answers`: stored answers in the layouts of other evaluators."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from roboloop.base.progress import console

Layout = Literal["lmms_eval", "vlmevalkit", "vlmevalkit_xlsx", "flagevalmm"]


def export_answers(answers: Path, *, layout: Layout, out: Path) -> None:
    """Write stored answers as lmms-eval, VLMEvalKit or FlagEvalMM would have stored them.

    `roboloop score` reads these layouts again, and those evaluators' own runs.

        roboloop export-answers runs/sft --layout vlmevalkit --out theirs

    Args:
        answers: Whatever `roboloop score` reads.
        layout: Whose layout; `vlmevalkit_xlsx` is its table as an Excel workbook.
        out: Folder for the files, with one folder for each model.
    """
    from roboloop.evaluate.export_answers import export_answers as write_answers
    from roboloop.evaluate.rescore import read_lines

    written = write_answers(read_lines(answers), layout=layout, out=out)
    console().print(
        f"{written.num_answers} answers in {len(written.files)} files below {out}; "
        f"{written.num_left_out} to questions that others have not",
        markup=False,
        soft_wrap=True,
    )
