"""`score`: stored answers scored again, by anybody's rules."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from roboloop.base.progress import console

RulesName = Literal["all", "default", "author", "flagevalmm", "vlmevalkit", "lmms_eval"]


def score(answers: Path, *, out: Path, rules: RulesName = "default") -> None:
    """Score stored raw answers again. Nothing is asked.

    The answers are those of a run or evaluation folder, or the lines of a JSON Lines file with the
    keys `benchmark`, `kind`, `question`, `options`, `gold` and `answer` (docs/evaluation.md).

        roboloop score runs/demo --out scored.jsonl
        roboloop score answers.jsonl --out scored.jsonl --rules all

    Args:
        answers: Where the answers lie.
        out: JSON Lines file for the scores: value, status, rule and span of every answer.
        rules: Whose rules; `all` shows how one model gets as many numbers.
    """
    from roboloop.evaluate.rescore import read_lines, rescore, rescored_table, rules_named

    found = rescore(read_lines(answers), rules=rules_named(rules), out=out)
    print(rescored_table(found), end="")  # noqa: T201 - the table
    console().print(f"written to {out}", markup=False, soft_wrap=True)
